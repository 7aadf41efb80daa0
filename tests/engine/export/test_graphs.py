"""The graphs give what the engine gives: as modules for every kind of part, and exported for one bundle."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from tests.clips import speechlike
from tests.tiny_bundle import make_tiny_bundle
from undertone.engine import BundleError, Engine
from undertone.engine.audio.mel import denormalise
from undertone.engine.bundle import Bundle, load_bundle
from undertone.engine.config import PhonePartsConfig, SourceFilterConfig, WhisperConfig
from undertone.engine.export.analysis import UnitsGraph
from undertone.engine.export.graphs import Traced, export_onnx, exported, vocoder_trace
from undertone.engine.export.sound import SourceFilterGraph
from undertone.engine.generation.decode import FrameNoise, decode_mel
from undertone.engine.generation.sampling import Sampling
from undertone.engine.tokenizers import build_tokenizer
from undertone.engine.tokenizers.units import relative_distances
from undertone.engine.tokenizers.whisper import WhisperTokenizer
from undertone.engine.vocoders import SourceFilter, build_vocoder

HOP = 320
PHONES = ("AH", "D", "IY", "K", "N", "S", "T")
Graph = Callable[..., list[np.ndarray]]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    folder = make_tiny_bundle(tmp_path_factory.mktemp("bundles") / "tiny", phones=PHONES, student=True)
    return Engine.from_pretrained(folder, device="cpu")


@pytest.fixture(scope="module")
def graph(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Graph]:
    """The exported graphs by name."""
    graphs = {
        path.stem: session(path.read_bytes()) for path in export_onnx(engine.bundle, tmp_path_factory.mktemp("graphs"))
    }
    return lambda name: graphs[name]


def session(graph: bytes) -> Graph:
    """Return a graph as ONNX Runtime runs it."""
    loaded = onnxruntime.InferenceSession(graph)
    names = [given.name for given in loaded.get_inputs()]

    def run(**inputs: Tensor) -> list[np.ndarray]:
        return loaded.run(None, {name: inputs[name].numpy() for name in names})

    return run


def near(found: np.ndarray, expected: Tensor, tolerance: float = 1e-4) -> None:
    assert found.shape == tuple(expected.shape)
    np.testing.assert_allclose(found, expected.numpy(), rtol=tolerance, atol=tolerance)


@torch.no_grad()
@pytest.mark.parametrize("seconds", [1.0, 2.33])
def test_the_graph_of_analysis_gives_the_engines(engine: Engine, graph: Callable[[str], Graph], seconds: float) -> None:
    speech = engine.analyse(speechlike(seconds), 16_000)
    whole = torch.nn.functional.pad(speech.audio, (0, -len(speech.audio) % HOP))
    distances, latents, utterance = graph("analysis")(waveform=whole.reshape(-1, HOP))
    tokenizer = engine.bundle.tokenizer
    near(distances, relative_distances(tokenizer.features(whole), tokenizer.centroids), 1e-3)  # type: ignore[attr-defined]
    near(latents, speech.latents)
    near(utterance, speech.utterance)


@torch.no_grad()
def test_the_graph_of_the_step_gives_the_models(engine: Engine, graph: Callable[[str], Graph]) -> None:
    """A prompt, then single frames behind it, against the modules and their cache."""
    model, config = engine.bundle.model, engine.bundle.config.model
    transformer = config.transformer
    rows = transformer.num_layers, transformer.num_heads
    size, capacity, prompt = transformer.dim // transformer.num_heads, 60, 31
    keys, values = torch.zeros(*rows, size, capacity), torch.zeros(*rows, capacity, size)
    layers = range(transformer.num_layers)
    cache, position = model.new_cache(1, capacity), 0
    draws = torch.Generator().manual_seed(0)
    initial = torch.rand(1, config.token_dim, generator=draws)
    tokens = torch.randint(config.num_tokens, (prompt,), generator=draws)
    latents = torch.randn(prompt, config.latent_dim, generator=draws)
    for _ in range(3):
        normal = torch.randn(config.latent_dim, generator=draws)
        inputs = torch.cat([initial, model.fuse(tokens[None], latents[None])[0]])
        prior = model.prior(model.transform(inputs[None], cache=cache)[:, -1:])
        logits, drawn, new_keys, new_values = graph("step")(
            initial=initial, tokens=tokens, latents=latents, position=torch.tensor(position), normal=normal,
            temperature=torch.tensor(0.7), **{f"keys_{i}": keys[i] for i in layers},
            **{f"values_{i}": values[i] for i in layers},
        )  # fmt: skip
        near(logits, prior.logits[0, 0])
        near(drawn, model.draw_latents(prior, normal[None, None], 0.7)[0, 0])
        end = position + len(inputs)
        keys[..., position:end], values[..., position:end, :] = torch.from_numpy(new_keys), torch.from_numpy(new_values)
        near(keys.transpose(2, 3)[..., :end, :].numpy(), cache.keys[:, 0, :, :end])
        near(values[..., :end, :].numpy(), cache.values[:, 0, :, :end])
        position, initial = end, torch.zeros(0, config.token_dim)
        tokens, latents = torch.tensor([3]), torch.from_numpy(drawn)[None]


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 96])
def test_the_graphs_of_decoder_and_vocoder_give_the_engines(
    engine: Engine, graph: Callable[[str], Graph], frames: int
) -> None:
    bundle, config = engine.bundle, engine.bundle.config.model
    draws = torch.Generator().manual_seed(1)
    tokens = torch.randint(config.num_tokens, (frames,), generator=draws)
    latents, utterance = torch.randn(frames, config.latent_dim, generator=draws), torch.randn(config.utterance.dim)
    start = FrameNoise(5, 0, frames).normal(1, frames, config.mel.num_mels)[0]
    mel = decode_mel(
        bundle.model, tokens[None], latents[None], utterance[None], Sampling(), FrameNoise(5, 0, frames),
        student=bundle.student,
    )  # fmt: skip
    (made,) = graph("decoder")(tokens=tokens, latents=latents, utterance=utterance, start=start)
    near(made, denormalise(mel[0], config.mel))
    (samples,) = graph("vocoder")(
        history=torch.zeros(0, config.mel.num_mels), mel=torch.from_numpy(made), first_frame=torch.tensor(9)
    )
    near(samples, bundle.vocoder(torch.from_numpy(made)[None])[0])


@torch.no_grad()
def test_the_source_filter_in_real_numbers_gives_the_complex_ones_sound() -> None:
    """And frames before it, of which only periods are counted, stand for a longer mel."""
    torch.manual_seed(0)
    config = SourceFilterConfig(
        channels=16, hidden_channels=32, num_layers=1, pitch_channels=8, pitch_hidden_channels=16, pitch_layers=1,
        anchor_frames=6, history_frames=60,
    )  # fmt: skip
    vocoder = build_vocoder(config).eval()
    assert isinstance(vocoder, SourceFilter)
    torch.nn.init.normal_(vocoder.pitch.head.weight, std=0.5)
    graph = session(exported(vocoder_trace(SourceFilterGraph(vocoder), 80)).SerializeToString())
    none, first, hop, context = torch.zeros(0, 80), torch.tensor(300), config.mel.hop_samples, vocoder.context_frames
    for frames in (1, 75):
        mel = torch.randn(frames, 80) - 4.0
        expected = vocoder(mel[None], first_frame=300)[0]
        (whole,) = graph(history=none, mel=mel, first_frame=first)
        near(whole, expected)
    (rest,) = graph(history=mel[:40], mel=mel[40:], first_frame=first)
    near(rest[context * hop :], expected[(40 + context) * hop :])


@torch.no_grad()
def test_whispers_units_without_padding_are_those_with_it() -> None:
    torch.manual_seed(0)
    parts = PhonePartsConfig(phones=("AA", "B"), dim=8, frames=(-2, 0, 2))
    config = WhisperConfig(num_units=9, dim=16, num_layers=2, num_heads=2, feedforward_dim=32, phone_parts=parts)
    tokenizer = build_tokenizer(config).eval()
    assert isinstance(tokenizer, WhisperTokenizer)
    tokenizer.centroids.normal_()
    inputs = {"waveform": speechlike(1.2), "mel": torch.zeros(60, 80)}
    axes = {"waveform": {0: "samples"}, "mel": {0: "frames"}}
    graph = session(exported(Traced("units", UnitsGraph(tokenizer), inputs, axes, ("distances",))).SerializeToString())
    for seconds in (1.0, 2.5):
        waveform = speechlike(seconds)
        expected = relative_distances(tokenizer.features(waveform), tokenizer.centroids)
        (found,) = graph(waveform=waveform, mel=torch.zeros(len(expected), 80))
        near(found, expected)


@pytest.mark.parametrize(
    ("changes", "student", "said"),
    [
        ({}, False, "undertone student"),
        ({"beside": "nothing", "latent_dim": 0}, True, "Token-LM"),
        ({"joint_head": True}, True, "joint head"),
    ],
)
def test_a_bundle_without_such_graphs_is_refused_before_anything_is_written(
    changes: dict[str, object], student: bool, said: str, tmp_path: Path
) -> None:
    bundle: Bundle = load_bundle(make_tiny_bundle(tmp_path / "tiny", changes=changes, student=student))
    with pytest.raises(BundleError, match=said):
        export_onnx(bundle, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]
