"""The evidence for each dimension in a single clip."""

from dataclasses import replace

from undertone.app.prosody.clip_evidence import clip_evidence
from undertone.engine import Speech


def test_a_clip_tells_of_every_dimension(speech: Speech) -> None:
    found = clip_evidence(speech)
    assert len(found) == speech.latents.shape[1]
    assert all("nats a frame" in item.text and item.importance >= 0 for item in found)
    drawn = clip_evidence(replace(speech, latents_logstd=None))
    assert all("spread" in item.text for item in drawn)


def test_a_dimension_that_follows_the_energy_is_named_after_it(speech: Speech) -> None:
    from undertone.engine.audio.acoustics import energy_db

    latents = speech.latents.clone()
    latents[:, 1] = energy_db(speech.audio)[: speech.num_frames]
    assert clip_evidence(replace(speech, latents=latents))[1].name == "goes with loudness"
