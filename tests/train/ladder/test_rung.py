"""One rung: training that resumes exactly, and scores that do not depend on what is beside them."""

import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.train.ladder.small_ladder import inventory_of, lexicon_file, speller_of, text_of
from undertone.engine.config import TransformerConfig
from undertone.engine.ladder import LadderPair, RungScores
from undertone.engine.network.token_lm import TokenLM, TokenLMConfig
from undertone.train.ladder.ngrams import PhoneNgrams
from undertone.train.ladder.pair_file import PairSettings, make_ladder_pairs
from undertone.train.ladder.passages import LadderText, Speller
from undertone.train.ladder.rung import encode_pair, log_likelihoods, train_rung
from undertone.train.ladder.rung_stage import LadderSettings, RungStage
from undertone.train.ladder.splicer import Splicer
from undertone.train.ladder.streams import FrameStream, PhoneStream, TokenStream
from undertone.train.loop.stopping import Stopped

SMALL = TransformerConfig(dim=16, num_layers=1, num_heads=2, feedforward_dim=32, max_positions=2048)
SETTINGS = LadderSettings(epochs=2, window_words=20, batch_size=8, transformer=SMALL)


@pytest.fixture
def speller(tmp_path: Path) -> Speller:
    return speller_of(tmp_path)


@pytest.fixture
def text(tmp_path: Path) -> LadderText:
    return text_of(tmp_path, 1200)


@pytest.fixture
def pairs(tmp_path: Path, speller: Speller, text: LadderText) -> list[LadderPair]:
    ngrams = PhoneNgrams(text.train, len(speller.lexicon.inventory))
    settings = PairSettings(words=4, grammar_per_kind=4, topics=4, min_count=2)
    return make_ladder_pairs(text, speller, lexicon_file(tmp_path), settings, ngrams)


def train(
    stream: TokenStream, text: LadderText, pairs: Sequence[LadderPair], speller: Speller, out: Path, seed: int = 0
) -> RungScores:
    settings = SETTINGS.model_copy(update={"seed": seed})
    return train_rung("phone-raw", stream, text, pairs, "abc", speller, settings, out, cpu=True)


def test_an_interrupted_rung_gives_the_numbers_of_one_that_was_not(
    text: LadderText, pairs: list[LadderPair], speller: Speller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = PhoneStream(speller.lexicon.inventory)
    whole = train(stream, text, pairs, speller, tmp_path / "whole")
    take_step = RungStage.step

    def step_and_stop(stage: RungStage, step: int, progress: float) -> dict[str, float]:
        if step == 3:
            signal.raise_signal(signal.SIGTERM)
        return take_step(stage, step, progress)

    with monkeypatch.context() as patch:
        patch.setattr(RungStage, "step", step_and_stop)
        with pytest.raises(Stopped):
            train(stream, text, pairs, speller, tmp_path / "stopped")
    resumed = train(stream, text, pairs, speller, tmp_path / "stopped")
    assert resumed.model_copy(update={"minutes": whole.minutes}) == whole
    assert whole.words_seen == SETTINGS.epochs * (text.num_words // 20 // 8) * 8 * 20
    assert train(stream, text, pairs, speller, tmp_path / "whole") == whole  # read, not trained again
    assert train(stream, text, pairs, speller, tmp_path / "other", seed=1).good != whole.good


def test_likelihoods_do_not_depend_on_the_rows_beside_them_and_leave_the_context_out() -> None:
    torch.manual_seed(0)
    model = TokenLM(TokenLMConfig(vocabulary=9, transformer=SMALL)).eval()
    random = np.random.default_rng(0)
    rows = [random.integers(0, 9, int(length)) for length in random.integers(3, 30, 7)]
    contexts = [1] * len(rows)
    device = torch.device("cpu")
    together = log_likelihoods(model.nats, rows, contexts, device)
    alone = [log_likelihoods(model.nats, [row], [1], device)[0] for row in rows]
    assert together == pytest.approx(alone, abs=1e-4)
    whole, tail = (log_likelihoods(model.nats, rows[:1], [count], device)[0] for count in (0, 2))
    head = log_likelihoods(model.nats, [rows[0][:2]], [0], device)[0]
    assert whole == pytest.approx(head + tail, abs=1e-4)


def test_both_sides_of_a_pair_have_one_context_and_the_same_frames_where_they_agree(
    speller: Speller, pairs: list[LadderPair]
) -> None:
    num_phones = len(speller.lexicon.inventory)
    inventory, units = inventory_of(num_phones)
    stream = FrameStream(Splicer(inventory, False), units, list(map(str, range(3 * (num_phones + 1)))))
    for number, pair in enumerate(pairs):
        found = encode_pair(stream, pair, speller, number)
        assert found.good_context > 0
        again = encode_pair(stream, pair, speller, number)
        assert (found.good.tolist(), found.bad.tolist()) == (again.good.tolist(), again.bad.tolist())
        voices = {int(token) % 3 for token in np.concatenate([found.good, found.bad])}
        assert len(voices) == 1
        if not pair.context:
            assert found.good_context == found.bad_context
            assert found.good[: found.good_context].tolist() == found.bad[: found.bad_context].tolist()
