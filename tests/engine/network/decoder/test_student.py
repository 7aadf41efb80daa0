"""The decoder's student: its steps, what a bundle with one does, and what it refuses."""

from pathlib import Path

import pytest
import torch

from tests.engine.network.network_sizes import random_model
from tests.tiny_bundle import make_tiny_bundle, tiny_model_config
from undertone.engine import BundleError, Engine, Sampling, SettingsError
from undertone.engine.bundle import load_bundle, save_bundle
from undertone.engine.config import StudentConfig
from undertone.engine.generation.decode import TakeDecoder
from undertone.engine.network import Student
from undertone.engine.noise import SeededNoise

ONE_FRAME = torch.randn(2, 9, 24, generator=torch.Generator().manual_seed(4))  # condition: token_dim + utterance dim


def student(steps: int) -> Student:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return Student(tiny_model_config(), StudentConfig(steps=steps, guidance=2.0)).eval()


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_the_velocity_between_two_states_leads_from_one_to_the_other(steps: int) -> None:
    network = student(steps)
    assert (len(network.timesteps), network.timesteps[-1]) == (steps + 1, -1)
    x, target = torch.randn(2, 3, 7, 80, generator=torch.Generator().manual_seed(1))
    for t, following in zip(network.timesteps, network.timesteps[1:], strict=False):
        velocity = network.velocity_to(x, target, t, following)
        assert torch.allclose(network.turn(x, velocity, t, following), target, atol=1e-4)


def test_noise_and_mel_mixed_at_a_timestep_turn_along_their_velocity() -> None:
    """The student's step is the exact solution where the velocity is the true one, whatever the step."""
    network = student(3)
    decoder = network.decoder
    x0, eps = torch.randn(2, 4, 7, 80, generator=torch.Generator().manual_seed(2))
    for t, following in zip(network.timesteps, network.timesteps[1:], strict=False):
        now = torch.full((4,), t)
        moved = network.turn(decoder.q_sample(x0, now, eps), decoder.target(x0, now, eps), t, following)
        expected = x0 if following < 0 else decoder.q_sample(x0, torch.full((4,), following), eps)
        assert torch.allclose(moved, expected, atol=1e-4)


def test_a_row_of_a_batch_is_sampled_as_alone_and_padding_stays_empty() -> None:
    network, mask = student(2), torch.ones(2, 9, dtype=torch.bool)
    mask[0, 6:] = False
    both = network.sample(ONE_FRAME, mask, SeededNoise([7, 8]))
    alone = network.sample(ONE_FRAME[1:], None, SeededNoise([8]))
    assert torch.allclose(both[1:], alone, atol=1e-5)
    assert not both[0, 6:].any()


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The same weights in a bundle without a student and in one with it."""
    plain = make_tiny_bundle(tmp_path_factory.mktemp("student") / "plain")
    bundle = load_bundle(plain)
    decoder = bundle.config.model.decoder.model_copy(update={"guidance": 2.0})
    model = bundle.config.model.model_copy(update={"decoder": decoder})
    taught = bundle.config.model_copy(update={"student": StudentConfig(steps=2, guidance=2.0), "model": model})
    parts = (bundle.model, bundle.vocoder, bundle.tokenizer)
    with pytest.raises(ValueError, match="belong together"):
        save_bundle(plain.parent / "never", taught, *parts)
    return plain, save_bundle(plain.parent / "taught", taught, *parts, student=student(2))


def test_a_bundle_keeps_its_student_and_one_without_is_what_it_was(folders: tuple[Path, Path]) -> None:
    plain, taught = folders
    loaded = load_bundle(taught)
    assert loaded.student is not None
    for key, value in student(2).state_dict().items():
        assert torch.equal(loaded.student.state_dict()[key], value)
    assert "student" not in (plain / "bundle.json").read_text()
    assert load_bundle(plain).student is None
    weights = (taught / "student.safetensors").read_bytes()
    (taught / "student.safetensors").write_bytes(weights[:-4] + b"\0\0\0\1")
    assert load_bundle(taught).fingerprint != loaded.fingerprint
    (taught / "student.safetensors").unlink()
    with pytest.raises(BundleError, match=r"student\.safetensors is missing"):
        load_bundle(taught)
    (taught / "student.safetensors").write_bytes(weights)


def test_auto_takes_the_student_where_it_has_learned_what_is_asked_for(
    folders: tuple[Path, Path], prompt: torch.Tensor
) -> None:
    plain, taught = (Engine.from_pretrained(folder) for folder in folders)
    speech = taught.analyse(prompt, 16_000)

    def sound(engine: Engine, **values: object) -> torch.Tensor:
        return engine.synthesise(speech.tokens, speech.latents, speech.utterance, Sampling.of(**values), seed=1)

    own = sound(taught, solver="student")
    assert torch.equal(own, sound(taught))
    assert torch.equal(own, sound(taught, guidance=2.0))
    for asked in ({"guidance": 3.0}, {"steps": 5}, {"guidance": 1.0}):
        assert torch.equal(sound(taught, **asked), sound(taught, solver="dpm++", **asked))
        assert not torch.equal(own, sound(taught, **asked))
    assert torch.equal(sound(plain), sound(plain, solver="dpm++"))


def test_what_a_student_cannot_do_is_refused(folders: tuple[Path, Path], prompt: torch.Tensor) -> None:
    plain, taught = (Engine.from_pretrained(folder) for folder in folders)
    speech = plain.analyse(prompt, 16_000)
    with pytest.raises(SettingsError, match="solver is 'student', but the decoder of bundle 'tiny' has none"):
        plain.continue_(speech, 0.2, Sampling(solver="student"))
    with pytest.raises(SettingsError, match=r"guidance is 3.*was trained with 2"):
        taught.continue_(speech, 0.2, Sampling(solver="student", guidance=3.0))


def test_a_student_streams_what_it_makes_at_once_and_its_takes_come_again(
    folders: tuple[Path, Path], prompt: torch.Tensor
) -> None:
    engine = Engine.from_pretrained(folders[1])
    speech = engine.analyse(prompt, 16_000)
    take = engine.continue_(speech, 1.0, seed=3)
    chunks = [chunk.of(0) for chunk in engine.stream(speech, 1.0, seed=3)]
    assert sum(chunk.numel() > 0 for chunk in chunks) > 1
    assert torch.equal(torch.cat(chunks), take.audio)
    assert torch.equal(engine.replay(take.settings, prompt, 16_000).audio, take.audio)
    blocks, whole = (
        TakeDecoder(engine.bundle, speech.utterance[None], Sampling(blocks=blocks, context_frames=60), 3)
        for blocks in (True, False)
    )
    for decoder in (blocks, whole):
        decoder.feed(take.speech.tokens, take.speech.latents, complete=True)
    assert torch.allclose(blocks.mel, whole.mel, atol=1e-4)  # two evaluations that look 18 frames around them


def test_a_student_of_a_published_decoder_predicts_the_velocity() -> None:
    teacher = random_model(tiny_model_config(), 0)
    assert teacher.config.decoder.prediction == "noise"
    assert Student(teacher.config, StudentConfig(guidance=1.0)).decoder.config.prediction == "velocity"
