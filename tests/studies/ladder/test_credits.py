"""What a pair counts."""

import numpy as np

from undertone.studies.ladder.credits import pair_credits


def test_a_likelier_good_side_counts_one_and_a_tie_a_half() -> None:
    assert pair_credits(np.array([1.0, 0.0, -1.0]), np.array([0.0, 0.0, 0.0])).tolist() == [1.0, 0.5, 0.0]
