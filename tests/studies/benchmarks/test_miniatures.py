"""Spoken pairs are scored after their context, by tokens, latents and both apart."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.tiny_bundle import NUM_TOKENS, change_config, tiny_model_config
from undertone.engine.generation.likelihood import SpeechLikelihood
from undertone.engine.ladder import LadderPair, SpokenPair
from undertone.engine.network import VAEGSLM, Gaussian
from undertone.studies.benchmarks.miniatures import (
    SpokenScore,
    last_frames,
    miniature_accuracies,
    read_spoken_pairs,
    score_spoken_pairs,
)
from undertone.studies.errors import MeasureError
from undertone.studies.lexical.scoring import ClipFrames, concatenate_frames, side_likelihood

POSITIONS = 64


class Invented:
    """Two recordings of random frames."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.clips = {
            name: ClipFrames(
                torch.randint(0, NUM_TOKENS, (60,), generator=generator),
                Gaussian(torch.randn(1, 60, 4, generator=generator), torch.full((1, 60, 4), -1.0)),
            )
            for name in "ab"
        }

    def clip(self, clip_id: str) -> ClipFrames:
        return self.clips[clip_id]


def spoken(judgement: str = "words", kind: str = "words", cluster: str = "c", before: int = 5) -> SpokenPair:
    pair = LadderPair.model_validate(
        {"judgement": judgement, "kind": kind, "cluster": cluster, "good": "A", "bad": "THE"}
    )
    return SpokenPair(
        pair=pair, speaker="s", before=(("a", 0, before),), good=(("b", 3, 9), ("a", 8, 10)), bad=(("b", 20, 31),)
    )


@pytest.fixture(scope="module")
def model() -> VAEGSLM:
    torch.manual_seed(0)
    config = change_config(
        tiny_model_config(),
        {
            "quirk_random_initial_state": False,
            "transformer": {**tiny_model_config().transformer.model_dump(), "max_positions": POSITIONS},
        },
    )
    return VAEGSLM(config).eval()


def test_a_pair_is_scored_after_its_context_and_a_long_one_loses_its_beginning(model: VAEGSLM) -> None:
    frames = Invented()
    short, long = score_spoken_pairs(model, [spoken(before=5), spoken(before=60)], frames)
    assert (short.good.num_frames, short.bad.num_frames) == (8, 11)
    for found, before, seed in ((short, 5, 0), (long, 60, 1)):
        context = last_frames(concatenate_frames(frames, (("a", 0, before),)), POSITIONS - 11)
        assert len(context.tokens) == min(before, POSITIONS - 11)
        for side, spans in ((found.good, found.pair.good), (found.bad, found.pair.bad)):
            assert side == side_likelihood(model, context, concatenate_frames(frames, spans), seed)
    too_long = spoken().model_copy(update={"bad": (("a", 0, 60), ("b", 0, 20))})
    with pytest.raises(MeasureError, match="longer than the model"):
        score_spoken_pairs(model, [too_long], frames)


def test_phones_are_scored_without_what_was_misheard_where_units_are_phones(model: VAEGSLM) -> None:
    names = ("silence", "silence", *(f"P{number // 2}" for number in range(NUM_TOKENS - 2)))
    named = spoken().model_copy(update={"good_phones": ("P0", "silence"), "bad_phones": ("P1",)})
    frames = Invented()
    (found,) = score_spoken_pairs(model, [named], frames, unit_names=names)
    context, bad = (concatenate_frames(frames, spans) for spans in (named.before, named.bad))
    parts = torch.tensor([4] * 6 + [5] * 5)  # both parts of P1, over 11 frames
    assert found.bad_phones == side_likelihood(model, context, replace(bad, tokens=parts), 0)
    assert found.bad == side_likelihood(model, context, bad, 0)
    rows = miniature_accuracies([found])
    assert rows["phones-sum"].keys() == rows["tokens-sum"].keys()
    (without,) = score_spoken_pairs(model, [named], frames, unit_names=("0", "1"))
    assert without.good_phones is None
    assert "phones-sum" not in miniature_accuracies([without, found])


def likelihood(tokens: float, latents: float | None, frames: int = 10) -> SpeechLikelihood:
    return SpeechLikelihood(tokens, latents, frames)


def test_orders_of_sums_means_tokens_and_latents_are_apart() -> None:
    one = SpokenScore(spoken(), likelihood(-10.0, -3.0, 20), likelihood(-8.0, -9.0, 10))
    found = miniature_accuracies([one])
    values = {kind: rows["words"].value for kind, rows in found.items()}
    assert values == {
        "tokens-sum": 0.0, "tokens-mean": 1.0, "latents-sum": 1.0, "latents-mean": 1.0,
        "both-sum": 1.0, "both-mean": 1.0,
    }  # fmt: skip
    without = replace(one, good=likelihood(-1.0, None), bad=likelihood(-1.0, None))
    assert {kind: rows["words"].value for kind, rows in miniature_accuracies([without]).items()} == {
        "tokens-sum": 0.5,
        "tokens-mean": 0.5,
    }


def test_grammar_has_a_row_for_each_phenomenon_and_clusters_go_together() -> None:
    right, wrong = likelihood(-1.0, None), likelihood(-2.0, None)
    scores = [SpokenScore(spoken("grammar", "agreement", f"c{number // 2}"), right, wrong) for number in range(4)]
    scores += [SpokenScore(spoken("grammar", "order", "d"), wrong, right)]
    rows = miniature_accuracies(scores)["tokens-sum"]
    assert {row: (found.value, found.clips, found.clusters) for row, found in rows.items()} == {
        "grammar": (0.8, 5, 3),
        "grammar: agreement": (1.0, 4, 2),
        "grammar: order": (0.0, 1, 1),
    }


def test_a_file_gives_so_many_of_each_kind(tmp_path: Path) -> None:
    path = tmp_path / "spoken-pairs.jsonl"
    pairs = [spoken(kind=kind, cluster=str(number)) for kind in ("x", "y") for number in range(3)]
    path.write_text("".join(f"{pair.model_dump_json()}\n" for pair in pairs))
    assert read_spoken_pairs(path) == pairs
    assert [pair.pair.cluster for pair in read_spoken_pairs(path, per_kind=2)] == ["0", "1", "0", "1"]
    with pytest.raises(MeasureError, match="spoken-pairs"):
        read_spoken_pairs(tmp_path / "nothing")
    path.write_text("{}\n")
    with pytest.raises(MeasureError, match="line 1"):
        read_spoken_pairs(path)
    path.write_text("")
    with pytest.raises(MeasureError, match="no pair"):
        read_spoken_pairs(path)
