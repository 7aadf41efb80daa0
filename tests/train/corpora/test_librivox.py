"""LibriSpeech and Libri-light."""

from pathlib import Path

import pytest
from lhotse.recipes import prepare_librilight, prepare_librispeech

from tests.train.corpora.test_layouts import RATE_HZ, librilight, librispeech
from undertone.train.corpora import read_layout
from undertone.train.corpora.cuts import cut_of, samples_of
from undertone.train.corpora.librivox import join_speech


def test_librispeech_is_read_as_lhotse_reads_it(tmp_path: Path) -> None:
    folder = librispeech(tmp_path)
    ours = {source.clip_id: source for source in read_layout(folder)}
    theirs = prepare_librispeech(folder)
    supervisions = [s for part in theirs.values() for s in part["supervisions"]]
    assert {s.recording_id: (s.speaker, s.text) for s in supervisions} == {
        name: (source.speaker, source.transcript) for name, source in ours.items()
    }
    assert [source.split for source in ours.values()] == ["dev", "dev", "test", "test", "train", "train"]


def test_libri_light_is_cut_at_its_own_pauses(tmp_path: Path) -> None:
    folder = librilight(tmp_path)
    theirs = prepare_librilight(folder)  # ends with an error unless all three sizes are there
    sources = list(read_layout(folder))
    assert {s.speaker for part in theirs.values() for s in part["supervisions"]} == {s.speaker for s in sources}
    assert [(source.start_seconds, source.seconds) for source in sources] == [(0.1, pytest.approx(2.8))] * 3
    assert len(samples_of(cut_of(sources[0]))) == pytest.approx(2.8 * RATE_HZ, abs=2)


def test_stretches_are_joined_up_to_a_length() -> None:
    stretches = [[0.0, 20.0], [21.0, 50.0], [52.0, 70.0], [71.0, 200.0], [201.0, 210.0]]
    assert join_speech(stretches, 60.0) == [(0.0, 50.0), (52.0, 70.0), (71.0, 200.0), (201.0, 210.0)]
