"""Words of TextGrids, by their tiers, in both forms and any encoding."""

from pathlib import Path

import pytest
from praatio.data_classes.interval_tier import IntervalTier
from praatio.data_classes.textgrid import Textgrid

from undertone.train.corpora import Notes
from undertone.train.corpora.folders import transcript_beside
from undertone.train.corpora.textgrids import TextGridError, textgrid_words

SAID = [(0.0, 0.4, ""), (0.4, 0.9, "don't"), (0.9, 1.2, "<eps>"), (1.2, 1.8, "café")]
PHONES = [(0.4, 0.9, "d"), (1.2, 1.8, "k")]


def textgrid(path: Path, form: str = "long_textgrid", **tiers: list[tuple[float, float, str]]) -> Path:
    grid = Textgrid(0.0, 2.0)
    for name, entries in tiers.items():
        grid.addTier(IntervalTier(name.replace("_", " "), entries, 0.0, 2.0))
    grid.save(str(path), format=form, includeBlankSpaces=True)
    return path


@pytest.mark.parametrize("form", ["long_textgrid", "short_textgrid"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be"])
def test_a_textgrid_beside_a_recording_is_its_transcript(form: str, encoding: str, tmp_path: Path) -> None:
    written = textgrid(tmp_path / "one.TextGrid", form, phones=PHONES, words=SAID)
    text = written.read_text(encoding="utf-8")
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    written.write_bytes((mark + text).encode(encoding))
    assert transcript_beside(tmp_path / "one.wav", Notes()) == "don't café"


def test_several_speakers_are_read_by_time(tmp_path: Path) -> None:
    ada, bob = [(0.0, 0.5, "one"), (1.0, 1.5, "three")], [(0.5, 1.0, "two")]
    tiers = {"ada_-_words": ada, "ada_-_phones": PHONES, "bob_-_words": bob}
    assert textgrid_words(textgrid(tmp_path / "a.TextGrid", **tiers).read_text()) == "one two three"


def test_an_only_tier_is_that_of_words_and_of_several_one_is_called_so(tmp_path: Path) -> None:
    assert textgrid_words(textgrid(tmp_path / "a.TextGrid", anything=SAID).read_text()) == "don't café"
    with pytest.raises(TextGridError, match=r"none of its tiers \(left, right\).*call one `words`"):
        textgrid_words(textgrid(tmp_path / "b.TextGrid", left=SAID, right=SAID).read_text())


@pytest.mark.parametrize("cut", [0, 1, 40, 200, 400, -60])
def test_what_is_no_textgrid_is_noted_and_ends_nothing(cut: int, tmp_path: Path) -> None:
    path = textgrid(tmp_path / "one.TextGrid", phones=PHONES, words=SAID)
    path.write_text(path.read_text()[:cut] + "\x01 xmin = nonsense")
    notes = Notes()
    transcript_beside(tmp_path / "one.wav", notes)
    assert sum(notes.ignored.values()) <= 1
    path.write_text("a text, but none of Praat")
    assert transcript_beside(tmp_path / "one.wav", notes) == ""
    assert any(what.startswith("TextGrids: no TextGrid of Praat") for what in notes.ignored)


def test_a_text_goes_before_a_textgrid(tmp_path: Path) -> None:
    textgrid(tmp_path / "one.TextGrid", words=SAID)
    (tmp_path / "one.txt").write_text("as it was written\n")
    assert transcript_beside(tmp_path / "one.wav", Notes()) == "as it was written"
