"""Recordings as Lhotse cuts."""

from pathlib import Path

from lhotse import CutSet

from tests.train.corpora.test_layouts import RATE_HZ, write
from undertone.train.corpora import Source
from undertone.train.corpora.cuts import cut_of, read_cuts, samples_of, speaker_of, split_of, text_of


def test_a_cut_keeps_who_what_and_split_and_mixes_channels(tmp_path: Path) -> None:
    write(tmp_path / "a.wav", channels=2)
    cut = cut_of(Source("a", str(tmp_path / "a.wav"), "anna", "dev", "the cat"))
    assert (speaker_of(cut), split_of(cut), text_of(cut)) == ("anna", "dev", "the cat")
    assert samples_of(cut).shape == (RATE_HZ,)


def test_cuts_that_lhotse_wrote_are_a_corpus(tmp_path: Path) -> None:
    write(tmp_path / "a.wav")
    cut = cut_of(Source("a", str(tmp_path / "a.wav"), "anna", "dev", "the cat"))
    CutSet.from_cuts([cut]).to_file(tmp_path / "cuts.jsonl.gz")
    (read,) = read_cuts(tmp_path / "cuts.jsonl.gz")
    assert (read.id, speaker_of(read), split_of(read)) == ("a", "anna", "dev")
