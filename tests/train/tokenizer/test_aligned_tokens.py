"""What transcripts say as the tokens to predict."""

from pathlib import Path

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from tests.train.tiny_recipes import MODEL, TOKENIZER
from undertone.engine.errors import SettingsError
from undertone.train.alignment.ctc import CorpusAlignment
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_corpus import read_index
from undertone.train.data.unit_ids import TokenFile
from undertone.train.model.stage import ModelStage
from undertone.train.model.windows import WindowSampler
from undertone.train.runs.stages import run_aligned_tokens, run_model
from undertone.train.text.align_corpus import align_and_refine
from undertone.train.tokenizer.aligned_tokens import assign_aligned_tokens
from undertone.train.tokenizer.phone_parts import num_parts_of


@pytest.fixture(scope="module")
def num_units(lexicon: Lexicon) -> int:
    return num_parts_of(len(lexicon.inventory))


@pytest.fixture(scope="module")
def aligned(
    tokenizer_run: Path,
    tokens: Path,
    prepared: Path,
    lexicon_folder: Path,
    num_units: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    return run_aligned_tokens(
        tokenizer_run, tokens, prepared, lexicon_folder, tmp_path_factory.mktemp("work"), num_units
    )


def test_a_clips_spoken_units_are_its_phones_in_order(
    aligned: Path, tokens: Path, prepared: Path, lexicon: Lexicon
) -> None:
    ids, heard = TokenFile(aligned), TokenFile(tokens)
    for clip in read_index(prepared):
        assert ids.count(clip) == heard.count(clip)
        phones = torch.unique_consecutive(ids.tokens(clip, 0, ids.count(clip)) // 3)
        expected = torch.tensor(lexicon.classes(clip.transcript))
        assert torch.equal(phones[phones > 0], torch.unique_consecutive(expected))


def test_clips_that_are_not_aligned_keep_what_was_heard(
    tokenizer_run: Path, tokens: Path, prepared: Path, lexicon_folder: Path, num_units: int, tmp_path: Path
) -> None:
    segments = align_and_refine(tokenizer_run, tokens, prepared, lexicon_folder, tmp_path, 1)
    head, first, *_ = segments.read_text().splitlines()
    segments.write_text(f"{head}\n{first}\n")
    copied = tmp_path / tokens.name
    copied.write_bytes(tokens.read_bytes())
    ids, heard = TokenFile(assign_aligned_tokens(prepared, copied, segments, num_units)), TokenFile(tokens)
    aligned = CorpusAlignment.read(segments).clips
    for clip in read_index(prepared):
        assert torch.equal(ids.tokens(clip), heard.tokens(clip)) == (clip.clip_id not in aligned)


def test_a_window_is_heard_up_to_a_frame_and_spoken_from_there_and_all_of_it_is_predicted_as_spoken(
    aligned: Path, tokens: Path, prepared: Path, num_units: int
) -> None:
    sizes = MODEL.model.model_copy(update={"num_tokens": num_units})
    windows = WindowSampler(prepared, "train", tokens, sizes, 64, aligned_file=aligned)
    clips = np.zeros(40, dtype=np.int64)
    batch = windows.windows_of(clips, np.random.default_rng(0))
    of_heard = WindowSampler(prepared, "train", tokens, sizes, 64).windows_of(clips[:1], np.random.default_rng(0))
    assert of_heard.targets is None
    assert batch.targets is not None
    ids, heard = (TokenFile(path).tokens(windows.clips[0]) for path in (aligned, tokens))
    entirely = 0
    for read, target in zip(batch.tokens, batch.targets, strict=True):
        start = next(at for at in range(len(ids)) if torch.equal(ids[at : at + 64], target[: len(ids[at : at + 64])]))
        own, other = ids[start : start + 64], heard[start : start + 64]
        differ = (read[: len(own)] != own).nonzero()
        heard_frames = int(differ[-1]) + 1 if len(differ) else 0
        assert torch.equal(read[:heard_frames], other[:heard_frames])
        entirely += not heard_frames
    assert 10 < entirely < 30


def test_the_cross_entropy_is_that_of_the_spoken_tokens(
    aligned: Path, tokens: Path, prepared: Path, num_units: int
) -> None:
    recipe = MODEL.model_copy(
        update={"model": MODEL.model.model_copy(update={"num_tokens": num_units}), "spoken_tokens": True}
    )
    stage = ModelStage(recipe, prepared, tokens, Accelerator(cpu=True), aligned=aligned)
    windows = stage.train_set.windows(0, 0)
    assert windows.targets is not None
    with torch.no_grad():
        torch.manual_seed(0)
        one, _ = stage._losses(stage.network, windows)
        windows.targets = windows.tokens
        torch.manual_seed(0)
        other, _ = stage._losses(stage.network, windows)
    assert one.cross_entropy != other.cross_entropy
    assert one.kl == other.kl
    assert one.reconstruction == other.reconstruction


def test_without_a_dictionary_or_with_other_units_it_says_what_to_do(
    tokenizer_run: Path, tokens: Path, prepared: Path, lexicon_folder: Path, tmp_path: Path
) -> None:
    recipe = MODEL.model_copy(update={"spoken_tokens": True})
    with pytest.raises(SettingsError, match="--lexicon"):
        run_model(recipe, prepared, tokenizer_run, tmp_path / "model", cpu=True)
    more = recipe.model_copy(update={"model": MODEL.model.model_copy(update={"num_tokens": 13})})
    with pytest.raises(SettingsError, match=r"--set model\.num_tokens=12"):
        run_model(more, prepared, tokenizer_run, tmp_path / "model", cpu=True, lexicon=lexicon_folder)
    segments = align_and_refine(tokenizer_run, tokens, prepared, lexicon_folder, tmp_path, 1)
    copied = tmp_path / tokens.name
    copied.write_bytes(tokens.read_bytes())
    with pytest.raises(CorpusError, match="phone_parts"):
        assign_aligned_tokens(prepared, copied, segments, TOKENIZER.model.num_units)
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "shards.json").write_text("{}")
    with pytest.raises(CorpusError, match="shards"):
        run_aligned_tokens(tokenizer_run, tokens, tmp_path / "shards", lexicon_folder, tmp_path, 12)
