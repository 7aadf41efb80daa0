"""Windows of speech and rendered text, and the language part trained on them."""

import lzma
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from accelerate import Accelerator
from safetensors.torch import load_file
from typer.testing import CliRunner

from tests.train.conftest import WORDS
from tests.train.tiny_recipes import MODEL, constant_schedule, untrained_weights, weights_after
from undertone.app.cli.text import text as text_command
from undertone.engine.audio.mel import normalise
from undertone.engine.network import VAEGSLM, Gaussian, Losses, losses
from undertone.engine.noise import BatchNoise
from undertone.train.alignment.ctc import CorpusAlignment
from undertone.train.alignment.lexicon import Lexicon
from undertone.train.alignment.segments import SILENCE
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_corpus import PreparedCorpus, read_index
from undertone.train.data.prepare import prepare
from undertone.train.model.recipe import LANGUAGE
from undertone.train.text.align_corpus import align_and_refine, align_corpus, refine_file
from undertone.train.text.mixed_windows import LatentWindows, StoredFrames
from undertone.train.text.posterior_file import LatentFile, store_latents
from undertone.train.text.stage import TextFolders, TextSettings, TextStage, add_losses, mixed_windows
from undertone.train.tokenizer.assign_tokens import assign_tokens
from undertone.train.tokenizer.load import load_tokenizer
from undertone.train.tokenizer.phone_parts import num_parts_of

RECIPE = constant_schedule(MODEL.model_copy(update={"part": "language", "average_decay": None, "batch_size": 4}))
SETTINGS = TextSettings(text_share=0.5)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_weights(MODEL, tmp_path_factory.mktemp("decoder"))


@pytest.fixture(scope="module")
def folders(
    tokenizer_run: Path,
    prepared: Path,
    tokens: Path,
    lexicon: Lexicon,
    lexicon_folder: Path,
    start: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> TextFolders:
    work = tmp_path_factory.mktemp("text")
    with lzma.open(work / "books.tsv.xz", "wt") as file:
        sentences = ("We saw the sea.", "The old man ran, a dog ran.", "One red hat sat.", "The cat saw a man.")
        file.write("book\tsentence\n" + "".join(f"emma\t{sentence}\n" for sentence in sentences * 3))
    alignment = align_corpus(tokenizer_run, prepared, lexicon, work, workers=1)
    return TextFolders(
        prepared=prepared,
        tokens=tokens,
        segments=refine_file(alignment, prepared, tokens, lexicon),
        latents=store_latents(start, MODEL.model, prepared, work),
        text=work,
        lexicon=lexicon_folder,
        work=work,
    )


def test_stored_posteriors_are_those_of_the_network(folders: TextFolders, start: Path, prepared: Path) -> None:
    network = VAEGSLM(MODEL.model)
    network.load_state_dict(load_file(str(start)))
    stored = LatentFile.read(folders.latents, MODEL.model.latent_dim)
    corpus = PreparedCorpus(prepared, "dev")
    for clip in corpus.clips:
        posterior = network.posterior(normalise(corpus.mel(clip)[None], MODEL.model.mel))
        frames = slice(clip.frame_offset, clip.frame_offset + clip.num_frames)
        for stored_values, value in ((stored.mean, posterior.mean), (stored.logstd, posterior.logstd)):
            assert np.allclose(stored_values[frames], value[0].detach().numpy(), atol=2e-3)
    assert store_latents(start, MODEL.model, prepared, folders.work) == folders.latents


def test_windows_are_the_same_at_every_call_and_differ_between_parts(folders: TextFolders) -> None:
    source = mixed_windows(RECIPE, SETTINGS, folders, parts=2)
    first, again, other = (
        source.windows(3, 0),
        mixed_windows(RECIPE, SETTINGS, folders, 2).windows(3, 0),
        source.windows(3, 1),
    )
    for name in ("tokens", "lengths", "is_text"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    assert torch.equal(first.posterior.mean, again.posterior.mean)
    assert not torch.equal(first.posterior.mean, other.posterior.mean)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_of_text_is_exact(folders: TextFolders, share: float) -> None:
    source = mixed_windows(RECIPE, TextSettings(text_share=share), folders)
    text = torch.cat([source.windows(step, 0).is_text for step in range(10)])
    assert int(text.sum()) == round(share * 40)


def test_rendered_windows_hold_units_and_latents_of_train_frames_alone(folders: TextFolders, prepared: Path) -> None:
    source = mixed_windows(RECIPE, TextSettings(text_share=1.0), folders)
    train = np.concatenate(
        [np.arange(c.frame_offset, c.frame_offset + c.num_frames) for c in read_index(prepared) if c.split == "train"]
    )
    for seed in range(5):
        assert np.isin(source.text.utterance(np.random.default_rng(seed)), train).all()
    windows = source.windows(0, 0)
    known = {tuple(row) for row in source.frames.latents.mean[train].astype(np.float32).tolist()}
    for row in range(4):
        length = int(windows.lengths[row])
        ends = bool(windows.tokens[row, length - 1] == MODEL.model.num_tokens)
        assert (windows.tokens[row, : length - ends] < MODEL.model.num_tokens).all()
        assert all(tuple(frame) in known for frame in windows.posterior.mean[row, :length].tolist())
        assert (windows.posterior.mean[row, length:] == 0).all()


def test_spoken_tokens_are_predicted_of_speech_and_prose_and_read_without_mistakes_where_the_text_is_known(
    folders: TextFolders, lexicon: Lexicon
) -> None:
    sizes = MODEL.model.model_copy(update={"num_tokens": num_parts_of(len(lexicon.inventory)), "learned_end": False})
    recipe = RECIPE.model_copy(update={"model": sizes, "spoken_tokens": True, "batch_size": 12})
    source = mixed_windows(recipe, SETTINGS, folders)
    windows = source.windows(0, 0)
    assert windows.targets is not None
    assert source.frames.aligned is not None
    assert torch.equal(windows.tokens[windows.is_text], windows.targets[windows.is_text])
    speech = ~windows.is_text
    assert not torch.equal(windows.tokens[speech], windows.targets[speech])  # some begin with recognised tokens
    assert windows.targets.max() < sizes.num_tokens
    recognised = mixed_windows(recipe.model_copy(update={"spoken_tokens": False}), SETTINGS, folders).windows(0, 0)
    assert torch.equal(recognised.tokens, recognised.targets)


def test_the_control_speaks_the_transcripts_of_the_speech_alone(folders: TextFolders, lexicon: Lexicon) -> None:
    source = mixed_windows(RECIPE, TextSettings(text_share=1.0, source="transcripts"), folders)
    prose = source.text.prose
    said = {tuple(lexicon.classes(text) or ()) for text in WORDS}
    for number in range(len(prose)):
        symbols = prose.sentence(number)
        assert tuple(symbols[symbols != SILENCE].tolist()) in said
    assert int(source.windows(0, 0).lengths.min()) > 10


def test_an_utterance_that_ends_in_its_window_says_so(folders: TextFolders) -> None:
    long = RECIPE.model_copy(update={"window_frames": 900})
    windows = mixed_windows(long, SETTINGS, folders).windows(0, 0)
    for row in range(4):
        length = int(windows.lengths[row])
        assert windows.tokens[row, length - 1] == MODEL.model.num_tokens
        assert torch.equal(windows.posterior.mean[row, length - 1], windows.posterior.mean[row, length - 2])


def test_a_given_posterior_gives_the_losses_of_the_mel(start: Path, prepared: Path) -> None:
    network = VAEGSLM(MODEL.model)
    network.load_state_dict(load_file(str(start)))
    corpus = PreparedCorpus(prepared, "dev")
    mel = normalise(corpus.mel(corpus.clips[0], 0, 40)[None], MODEL.model.mel)
    tokens, lengths = torch.randint(0, 12, (1, 40)), torch.tensor([40])

    def terms(shown: torch.Tensor, posterior: Gaussian | None) -> Losses:
        noise = BatchNoise("cpu", torch.Generator().manual_seed(1))
        return losses(network(tokens, shown, lengths, mel, lengths, noise, part="language", posterior=posterior))

    from_mel, given = terms(mel, None), terms(torch.zeros(1, 40, 1), network.posterior(mel))
    for name in ("kl", "kl_per_dim", "cross_entropy", "num_frames"):
        assert torch.equal(getattr(from_mel, name), getattr(given, name))


def test_text_trains_the_language_half_alone_and_is_logged_apart(folders: TextFolders, start: Path) -> None:
    stage = TextStage(RECIPE, SETTINGS, folders, Accelerator(cpu=True), start)
    before = {key: value.clone() for key, value in stage.export_networks()["model"].state_dict().items()}
    metrics = stage.step(0, 0.5)
    assert {"text_cross_entropy", "speech_cross_entropy", "text_kl", "speech_kl"} <= metrics.keys()
    after = stage.export_networks()["model"].state_dict()
    for key, value in before.items():
        if key.split(".")[0] not in LANGUAGE:
            assert torch.equal(after[key], value), key
    assert any(not torch.equal(after[key], before[key]) for key in before)
    assert stage.evaluate(0)["cross_entropy"] > 0


def test_latents_of_rendered_frames_count_by_their_weight(folders: TextFolders, start: Path) -> None:
    stage = TextStage(RECIPE, TextSettings(latent_weight=0.0, text_share=1.0), folders, Accelerator(cpu=True), start)
    windows = stage.train_set.windows(0, 0)
    assert isinstance(windows, LatentWindows)
    torch.manual_seed(0)
    without, _ = stage._losses(stage.network, windows)
    assert without.kl == 0
    assert without.cross_entropy > 0
    both = add_losses(without, without, 0.5)
    assert both.cross_entropy == 2 * without.cross_entropy


def test_ten_steps_and_ten_resumed_are_twenty_with_text(folders: TextFolders, start: Path, tmp_path: Path) -> None:
    def make(accelerator: Accelerator) -> TextStage:
        return TextStage(RECIPE, SETTINGS, folders, accelerator, start)

    whole = weights_after(make, tmp_path / "whole", [6])
    resumed = weights_after(make, tmp_path / "resumed", [3, 6])
    assert all(torch.equal(whole[key], resumed[key]) for key in whole)


def test_only_the_language_part_takes_text(folders: TextFolders, start: Path) -> None:
    with pytest.raises(ValueError, match="'language'"):
        TextStage(MODEL, SETTINGS, folders, Accelerator(cpu=True), start)


def test_the_command_line_measures_and_trains(folders: TextFolders, start: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(yaml.safe_dump(RECIPE.model_copy(update={"steps": 2}).model_dump(mode="json")))
    shared = [
        f"--{name}={getattr(folders, name)}"
        for name in ("prepared", "tokens", "segments", "latents", "text", "lexicon")
    ]
    measured = CliRunner().invoke(text_command, ["measure", *shared, f"--recipe={recipe}", "--frames=400"])
    assert measured.exit_code == 0, measured.output
    assert "rendered_under_speech: " in measured.output
    trained = CliRunner().invoke(
        text_command,
        [
            "train",
            *shared,
            f"--start={start}",
            f"--recipe={recipe}",
            "--text-share=0.75",
            "--cpu",
            str(tmp_path / "run"),
        ],
    )
    assert trained.exit_code == 0, trained.output
    assert (tmp_path / "run" / "trained.json").is_file()
    assert TextSettings.model_validate_json((tmp_path / "run" / "text.json").read_text()).text_share == 0.75


def test_alignments_and_posteriors_grow_with_the_splits_and_are_refused_until_then(
    corpus: Path, prepared: Path, folders: TextFolders, tokenizer_run: Path, start: Path, tmp_path: Path
) -> None:
    out, work, dim = tmp_path / "prepared", tmp_path / "work", MODEL.model.latent_dim
    tokenizer = load_tokenizer(tokenizer_run)
    prepare(corpus, out, ("train",), workers=1)
    tokens = assign_tokens(tokenizer, out, workers=1)
    align_and_refine(tokenizer_run, tokens, out, folders.lexicon, work, 1)
    latents = store_latents(start, MODEL.model, out, work)
    prepare(corpus, out, ("train", "dev"), workers=1)
    assign_tokens(tokenizer, out, workers=1)
    with pytest.raises(CorpusError, match="clips were added to the prepared folder since"):
        StoredFrames.read(tokens, latents, dim)
    segments = align_and_refine(tokenizer_run, tokens, out, folders.lexicon, work, 1)
    store_latents(start, MODEL.model, out, work)
    stored, whole = StoredFrames.read(tokens, latents, dim).latents, LatentFile.read(folders.latents, dim)
    at_once = {clip.clip_id: clip for clip in read_index(prepared)}
    aligned = CorpusAlignment.read(segments).clips
    for clip in read_index(out):
        assert clip.clip_id in aligned
        here, there = clip.frame_offset, at_once[clip.clip_id].frame_offset
        assert np.array_equal(stored.mean[here : here + clip.num_frames], whole.mean[there : there + clip.num_frames])
