"""Lexical pairs scored by a model."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from tests.speechlike import voice
from tests.tiny_bundle import NUM_TOKENS, make_tiny_bundle, tiny_model_config
from undertone.app.cli.lexical import exported_model, lexical
from undertone.engine.bundle import load_bundle
from undertone.engine.engine import Engine
from undertone.engine.lexical_pair import LexicalPair
from undertone.engine.network import VAEGSLM, Gaussian
from undertone.studies.errors import MeasureError
from undertone.studies.lexical.frames import PreparedFrames, RecordedFrames
from undertone.studies.lexical.scoring import (
    ClipFrames,
    concatenate_frames,
    lexical_accuracy,
    nats_per_frame,
    read_pairs,
    spoken_tokens,
)
from undertone.train.data.prepare import prepare

PAIR = {
    "kind": "alone",
    "word": "CAT",
    "speaker": "s",
    "phones": ["K", "AE", "T"],
    "twin_phones": ["T", "AE", "K"],
    "bigram_nats": 0.2,
    "before": [["a", 0, 4]],
    "word_runs": [["a", 5, 8], ["b", 2, 6], ["a", 9, 12]],
    "twin_runs": [["b", 5, 8], ["b", 2, 6], ["a", 14, 17]],
    "matched": 3,
}


class Invented:
    """Two recordings of random frames."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self.clips = {
            name: ClipFrames(
                torch.randint(0, NUM_TOKENS, (20,), generator=generator),
                Gaussian(torch.randn(1, 20, 4, generator=generator), torch.full((1, 20, 4), -1.0)),
            )
            for name in ("a", "b")
        }

    def clip(self, clip_id: str) -> ClipFrames:
        return self.clips[clip_id]


@pytest.fixture(scope="module")
def model() -> VAEGSLM:
    torch.manual_seed(0)
    return VAEGSLM(tiny_model_config().model_copy(update={"quirk_random_initial_state": False})).eval()


def pair(**changes: object) -> LexicalPair:
    return LexicalPair.model_validate_json(json.dumps(PAIR | changes))


def test_what_is_heard_first_counts_as_context_and_is_not_scored(model: VAEGSLM) -> None:
    frames = Invented()
    before, side = concatenate_frames(frames, pair().before), concatenate_frames(frames, pair().word_units)
    both = concatenate_frames(frames, pair().before + pair().word_units)
    nothing = ClipFrames(before.tokens[:0], Gaussian(before.posterior.mean[:, :0], before.posterior.logstd[:, :0]))
    total = [value * len(both.tokens) for value in nats_per_frame(model, nothing, both, seed=3)]
    first = [value * len(before.tokens) for value in nats_per_frame(model, nothing, before, seed=3)]
    scored = [value * len(side.tokens) for value in nats_per_frame(model, before, side, seed=3)]
    assert scored[0] == pytest.approx(total[0] - first[0], rel=1e-3, abs=0.5)  # latents of the side are drawn anew
    assert nats_per_frame(model, before, side, seed=3) == nats_per_frame(model, before, side, seed=3)
    assert nats_per_frame(model, before, side, seed=3) != nats_per_frame(model, before, side, seed=4)


def test_a_model_that_knows_the_word_is_right_and_one_that_prefers_the_nonword_is_wrong(model: VAEGSLM) -> None:
    frames = Invented()
    word = concatenate_frames(frames, pair().word_units).tokens
    nonword = concatenate_frames(frames, pair().nonword_units).tokens
    for preferred, right in ((word, 1.0), (nonword, 0.0)):
        biased = VAEGSLM(model.config).eval()
        biased.load_state_dict(model.state_dict())
        with torch.no_grad():
            biased.prior_head.token_logits.bias[preferred] += 8.0
            biased.prior_head.token_logits.bias[word[torch.isin(word, nonword)]] = 0.0
        result = lexical_accuracy(biased, [pair()], frames)
        assert result.accuracies["alone"].tokens.value == right


def test_kinds_are_apart_and_intervals_are_over_words(model: VAEGSLM) -> None:
    pairs = [pair(word=f"W{number % 7}", bigram_nats=0.1 - 0.2 * (number % 7 < 3)) for number in range(14)]
    pairs += [pair(kind="carried")]
    result = lexical_accuracy(model, pairs, Invented(), draws=2)
    assert result.accuracies.keys() == {"alone", "carried"}
    alone = result.accuracies["alone"]
    assert (alone.tokens.clips, alone.tokens.clusters) == (7, 7)
    assert alone.by_phones.value == pytest.approx(4 / 7)
    assert 0 <= alone.tokens_and_latents.low <= alone.tokens_and_latents.high <= 1
    assert len(result.scores) == 15


def test_a_word_that_is_spoken_twice_counts_once_by_its_mean(model: VAEGSLM) -> None:
    pairs = [pair(bigram_nats=0.5), pair(bigram_nats=-0.1), pair(word="DOG", bigram_nats=-0.1)]
    alone = lexical_accuracy(model, pairs, Invented()).accuracies["alone"]
    assert (alone.by_phones.value, alone.by_phones.count) == (0.5, 2)


def test_units_named_by_phones_are_scored_without_what_was_misheard(model: VAEGSLM) -> None:
    names = ["silence"] * 3 + ["K"] * 3 + ["AE"] * 3 + ["T"] * 3
    word = spoken_tokens(pair().phones, pair().word_units, names)
    assert word.tolist() == [3, 4, 5, 6, 6, 7, 8, 9, 10, 11]
    short = spoken_tokens(("T", "K"), (("a", 0, 1), ("a", 0, 2)), names)
    assert short.tolist() == [9, 3, 4]
    twin_runs = [PAIR["word_runs"][index] for index in (2, 1, 0)]
    heard_alike = Invented()
    for clip in heard_alike.clips.values():
        clip.tokens.zero_()
    scored = pair(twin_runs=twin_runs)
    before, side = concatenate_frames(heard_alike, scored.before), concatenate_frames(heard_alike, scored.word_units)
    result = lexical_accuracy(model, [scored], heard_alike, seed=5, unit_names=names)
    (one,) = result.scores
    assert one.word_spoken_nats == nats_per_frame(model, before, ClipFrames(word, side.posterior), 5)[0]
    assert one.nonword_spoken_nats is not None
    right = float(one.word_spoken_nats < one.nonword_spoken_nats)
    assert result.accuracies["alone"].spoken_tokens is not None
    assert result.accuracies["alone"].spoken_tokens.value == right
    without = lexical_accuracy(model, [scored], heard_alike, unit_names=tuple(map(str, range(NUM_TOKENS))))
    assert without.accuracies["alone"].spoken_tokens is None


def test_a_pair_of_equal_sides_is_a_tie(model: VAEGSLM) -> None:
    result = lexical_accuracy(model, [pair(twin_runs=PAIR["word_runs"])], Invented())
    assert result.accuracies["alone"].tokens.value == 0.5
    assert result.accuracies["alone"].tokens_and_latents.value == 0.5


def test_pairs_of_other_recordings_are_refused(model: VAEGSLM) -> None:
    with pytest.raises(MeasureError, match="20 frames"):
        lexical_accuracy(model, [pair(word_runs=[["a", 5, 21]])], Invented())


def test_a_file_that_holds_no_pairs_is_named(tmp_path: Path) -> None:
    with pytest.raises(MeasureError, match="does not exist"):
        read_pairs(tmp_path / "none.jsonl")
    path = tmp_path / "pairs.jsonl"
    path.write_text("")
    with pytest.raises(MeasureError, match="is empty"):
        read_pairs(path)
    path.write_text(json.dumps(PAIR) + "\n" + json.dumps(PAIR | {"kind": "sung"}) + "\n")
    with pytest.raises(MeasureError, match="line 2"):
        read_pairs(path)
    path.write_text(json.dumps(PAIR) + "\n")
    assert read_pairs(path) == [pair()]


def test_prepared_clips_and_recordings_give_the_same_frames(tmp_path: Path) -> None:
    corpus, prepared = tmp_path / "corpus", tmp_path / "prepared"
    corpus.mkdir()
    header = ["utt_id", "file", "corpus", "speaker", "split", "duration_seconds", "transcript", "licence"]
    rows = [header]
    for number in range(2):
        soundfile.write(corpus / f"{number}.flac", voice(2.5 + number, 100 + 30 * number, number), 16_000)
        rows.append([f"u{number}", f"{number}.flac", "buzz", "s", "test", "2.5", "a cat", "CC0-1.0"])
    (corpus / "manifest.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    clips = prepare(corpus, prepared, splits=("test",), workers=1)
    engine = Engine(load_bundle(make_tiny_bundle(tmp_path / "bundle")))
    recorded = RecordedFrames(engine, corpus)
    units = np.concatenate([recorded.clip(clip.clip_id).tokens.numpy() for clip in clips]).astype(np.uint16)
    units.tofile(tmp_path / "tokens.u16")
    stored = PreparedFrames(prepared, tmp_path / "tokens.u16", engine.bundle.model)
    for clip in clips:
        one, other = stored.clip(clip.clip_id), recorded.clip(clip.clip_id)
        assert len(one.tokens) == clip.num_frames
        assert torch.equal(one.tokens, other.tokens)
        assert torch.allclose(one.posterior.mean, other.posterior.mean, atol=0.02)
    for source in (stored, recorded):
        with pytest.raises(MeasureError, match="another"):
            source.clip("u7")


def test_a_runs_export_is_scored_from_the_command_line(model: VAEGSLM, tmp_path: Path) -> None:
    run, prepared = tmp_path / "run", tmp_path / "prepared"
    run.mkdir()
    prepared.mkdir()
    with pytest.raises(MeasureError, match="finish or resume"):
        exported_model(run)
    save_file(model.state_dict(), str(run / "export.safetensors"))
    (run / "export.json").write_text(json.dumps({"name": "tiny", "model": model.config.model_dump(mode="json")}))
    rows = [{"clip_id": name, "frame_offset": 20 * number, "num_frames": 20} for number, name in enumerate("ab")]
    (prepared / "index.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    random = np.random.default_rng(0)
    random.standard_normal((40, 80)).astype(np.float16).tofile(prepared / "mel.f16")
    random.integers(0, NUM_TOKENS, 40).astype(np.uint16).tofile(tmp_path / "tokens.u16")
    (tmp_path / "pairs.jsonl").write_text(json.dumps(PAIR) + "\n")
    files = [str(path) for path in (run, tmp_path / "pairs.jsonl", prepared, tmp_path / "tokens.u16")]
    done = CliRunner().invoke(lexical, ["run", *files, "--scores", str(tmp_path / "scores.jsonl")])
    assert done.exit_code == 0, done.output
    assert "alone, tokens and latents:" in done.output
    (row,) = map(json.loads, (tmp_path / "scores.jsonl").read_text().splitlines())
    assert row["pair"]["word"] == "CAT"
    assert row["pair"]["twin_phones"] == PAIR["twin_phones"]
    assert row["word_nats"] > 0 < row["twin_nats"]
