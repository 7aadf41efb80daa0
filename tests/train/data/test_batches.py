import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from undertone.train.data.batches import FrameBatches

LENGTHS = st.lists(st.integers(1, 400), min_size=1, max_size=60)


@given(LENGTHS, st.integers(400, 2000), st.integers(0, 5))
def test_an_epoch_holds_every_clip_once_and_no_batch_is_over_its_budget(
    lengths: list[int], budget: int, seed: int
) -> None:
    batches = FrameBatches(lengths, budget, seed)
    seen: list[int] = []
    number = 0
    while len(seen) < len(lengths):
        batch = batches.batch(number)
        assert max(lengths[i] for i in batch) * len(batch) <= budget
        seen.extend(batch)
        number += 1
    assert sorted(seen) == list(range(len(lengths)))


@given(LENGTHS, st.integers(0, 40))
def test_a_batch_follows_from_its_number_alone(lengths: list[int], number: int) -> None:
    walked = FrameBatches(lengths, 800, 3)
    for earlier in range(number):
        walked.batch(earlier)
    assert np.array_equal(walked.batch(number), FrameBatches(lengths, 800, 3).batch(number))
