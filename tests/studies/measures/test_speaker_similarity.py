"""Speaker embeddings: near for the same voice, whatever its level and pauses."""

import importlib.util

import pytest
import torch

from tests.speechlike import voice, vowel
from undertone.studies.errors import NotInstalledError
from undertone.studies.measures import speaker_similarity as similarity
from undertone.studies.measures.speaker_similarity import INSTALL, SpeakerEncoder

needs_encoder = pytest.mark.skipif(importlib.util.find_spec("resemblyzer") is None, reason=f"needs `{INSTALL}`")


def test_a_missing_speaker_encoder_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(similarity.importlib.util, "find_spec", lambda package: None)
    with pytest.raises(NotInstalledError, match="pip install --no-deps resemblyzer"):
        SpeakerEncoder.load()


@needs_encoder
def test_the_same_voice_is_nearer_than_another_by_chance() -> None:
    encoder = SpeakerEncoder.load()
    low = [encoder.embed(torch.from_numpy(voice(3.0, 110, seed=seed))) for seed in (1, 2)]
    high = [encoder.embed(torch.from_numpy(voice(3.0, 230, seed=seed))) for seed in (3, 4)]
    same = min(float(low[0] @ low[1]), float(high[0] @ high[1]))
    other = max(float(a @ b) for a in low for b in high)
    assert same > other + 0.05


@needs_encoder
def test_embeddings_have_length_one_and_do_not_hear_the_level_or_the_pauses() -> None:
    encoder = SpeakerEncoder.load()
    sound = vowel(150)
    pause = torch.zeros(16_000)
    embedding = encoder.embed(sound)
    assert float(embedding.norm()) == pytest.approx(1.0, abs=1e-5)
    assert float(embedding @ encoder.embed(0.1 * sound)) == pytest.approx(1.0, abs=1e-4)
    assert float(embedding @ encoder.embed(torch.cat([pause, sound, pause]))) > 0.97
    assert encoder.embed(sound[:2000]).isfinite().all()  # shorter than one window
    assert encoder.embed(torch.zeros(8000)).isfinite().all()
