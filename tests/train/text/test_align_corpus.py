"""The corpus aligned with its transcripts, and aligned again by its units."""

import json
from pathlib import Path

import numpy as np
import pytest

from undertone.train.alignment.ctc import CorpusAlignment
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.segments import MIN_SILENCE_FRAMES, SILENCE, PhoneSegments
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_corpus import read_index
from undertone.train.text.align_corpus import align_corpus, phone_reader, refine_file


def test_every_clip_is_tiled_by_its_transcript(
    tokenizer_run: Path, prepared: Path, lexicon: Lexicon, tokens: Path, lexicon_folder: Path, tmp_path: Path
) -> None:
    path = align_corpus(tokenizer_run, prepared, lexicon, tmp_path, workers=1)
    refined = refine_file(path, prepared, tokens, lexicon)
    clips = {clip.clip_id: clip for clip in read_index(prepared)}
    for alignment in (CorpusAlignment.read(path), CorpusAlignment.read(refined)):
        assert alignment.phones == lexicon.inventory
        assert alignment.clips.keys() == clips.keys()
        for name, aligned in alignment.clips.items():
            clip = clips[name]
            assert aligned.ends[-1] == clip.num_frames
            assert all(np.diff([0, *aligned.ends]) > 0)
            assert len(aligned.symbols) == len(aligned.ends) == len(aligned.scores)
            spoken = [symbol for symbol in aligned.symbols if symbol != SILENCE]
            assert spoken == lexicon.classes(clip.transcript)
            assert len(aligned.firsts) == len(clip.transcript.split())


def test_an_interrupted_alignment_goes_on_where_it_stopped(
    tokenizer_run: Path, prepared: Path, lexicon: Lexicon, tmp_path: Path
) -> None:
    whole = align_corpus(tokenizer_run, prepared, lexicon, tmp_path / "whole", workers=1)
    again = tmp_path / "again" / whole.name
    again.parent.mkdir()
    lines = whole.read_text().splitlines()
    again.with_suffix(".partial").write_text("\n".join(lines[:4]) + "\n" + lines[4][:17])
    resumed = align_corpus(tokenizer_run, prepared, lexicon, again.parent, workers=1)
    assert resumed == again
    assert resumed.read_text() == whole.read_text()
    assert align_corpus(tokenizer_run, prepared, lexicon, again.parent) == again


@pytest.mark.usefixtures("single_items")
def test_two_processes_align_as_one_does(tokenizer_run: Path, prepared: Path, lexicon: Lexicon, tmp_path: Path) -> None:
    one = align_corpus(tokenizer_run, prepared, lexicon, tmp_path / "one", workers=1, max_clips=3)
    two = align_corpus(tokenizer_run, prepared, lexicon, tmp_path / "two", workers=2, max_clips=3)
    assert one.read_text() == two.read_text()
    assert len(one.read_text().splitlines()) == 1 + 3 + 3  # of train and of dev


def test_an_unknown_word_is_one_symbol_and_too_many_are_no_transcript(lexicon: Lexicon) -> None:
    unknown = len(lexicon.inventory) + 1
    found = lexicon.symbols("the zyzzyva sat on the old")
    assert found is None  # two of six
    found = lexicon.symbols("the zyzzyva sat we saw the old man")
    assert found is not None
    assert found[2] == (unknown, True)
    assert sum(first for _, first in found) == 8
    assert lexicon.symbols("") is None


def test_errors_say_what_to_do(tmp_path: Path, tokenizer_run: Path, prepared: Path) -> None:
    with pytest.raises(CorpusError, match="Align the corpus first"):
        CorpusAlignment.read(tmp_path / "none.jsonl")
    other = tmp_path / "lexicon"
    other.mkdir()
    (other / "cmudict.dict").write_text("a AH0\n")
    with pytest.raises(CorpusError, match="other phones"):
        align_corpus(tokenizer_run, prepared, Lexicon(other), tmp_path)
    run = tmp_path / "units-only"
    run.mkdir()
    config = json.loads((tokenizer_run / "export.json").read_text())
    reader = phone_reader(tokenizer_run).without_classifier()
    from safetensors.torch import save_file

    save_file(reader.state_dict(), str(run / "export.safetensors"))
    (run / "export.json").write_text(json.dumps(config | {"num_layers": 1, "phones": []}))
    (run / "trained.json").write_text("{}")
    with pytest.raises(CorpusError, match="reads no phones"):
        phone_reader(run)


def spoken(
    random: np.random.Generator, transcript: list[tuple[int, bool]], pauses: bool
) -> tuple[PhoneSegments, np.ndarray]:
    """A clip whose symbols last 3 to 8 frames and emit two units each, of ten."""
    symbols, ends, firsts, units = [], [], [], []
    for symbol, first in transcript:
        if first and pauses and random.random() < 0.5:
            symbols.append(SILENCE)
            firsts.append(False)
            units += [int(unit) for unit in random.integers(0, 2, MIN_SILENCE_FRAMES + random.integers(0, 9))]
            ends.append(len(units))
        symbols.append(symbol)
        firsts.append(first)
        units += [2 * symbol + int(unit) for unit in random.integers(0, 2, random.integers(3, 9))]
        ends.append(len(units))
    return PhoneSegments(symbols, ends, firsts), np.array(units)
