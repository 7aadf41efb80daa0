"""A student in a bundle, by the one call that trains and adds it."""

from pathlib import Path

import pytest
import torch

from tests.speechlike import voice
from tests.tiny_bundle import make_tiny_bundle, tiny_model_config
from tests.train.tiny_recipes import MODEL
from undertone.engine import BundleConfig, Engine, Sampling, SettingsError
from undertone.engine.bundle import load_bundle, save_bundle
from undertone.engine.config import VocosConfig
from undertone.engine.errors import BundleError
from undertone.engine.network import VAEGSLM
from undertone.engine.vocoders import build_vocoder
from undertone.train.runs.student import run_student
from undertone.train.student.recipe import StudentRecipe
from undertone.train.tokenizer.load import load_tokenizer

RECIPE = StudentRecipe(window_frames=24, batch_size=2, pool_batches=2, pool_uses=2, dev_batches=1, steps=4)


@pytest.fixture
def finished(tokenizer_run: Path, tmp_path: Path) -> Path:
    """Return a bundle of untrained weights that says how well it was measured."""
    tokenizer, vocoder = load_tokenizer(tokenizer_run), VocosConfig(channels=16, hidden_channels=32, num_layers=1)
    config = BundleConfig(
        name="buzz",
        licence="cc0-1.0",
        model=MODEL.model,
        vocoder=vocoder,
        tokenizer=tokenizer.config,
        measured={"evaluation": {"cer": 0.2}, "model_training": {"steps": 3}},
    )
    torch.manual_seed(0)
    folder = save_bundle(tmp_path / "buzz", config, VAEGSLM(MODEL.model), build_vocoder(vocoder), tokenizer)
    (folder / "README.md").write_text("# buzz\n")
    return folder


def test_one_call_adds_a_student_and_changes_no_other_weight(
    finished: Path, prepared: Path, tokenizer_run: Path, tmp_path: Path
) -> None:
    before = {path.name: path.read_bytes() for path in finished.glob("*.safetensors")}
    out = run_student(finished, RECIPE, prepared, tmp_path / "work", tmp_path / "out", cpu=True, workers=1)
    assert {name: (out / name).read_bytes() for name in before} == before
    bundle = load_bundle(out)
    assert bundle.config.student is not None
    assert (bundle.config.student.steps, bundle.config.provenance.steps["student"]) == (2, 4)
    assert bundle.config.measured.keys() == {"model_training", "student_training"}
    assert (out / "README.md").read_text() == "# buzz\n"
    engine = Engine(bundle)
    speech = engine.analyse(torch.from_numpy(voice(2.0, 120, 1)).float(), 16_000)
    students, teachers = (engine.continue_(speech, 0.3, Sampling(solver=name), 1) for name in ("auto", "dpm++"))
    assert torch.equal(students.speech.tokens, teachers.speech.tokens)
    assert not torch.equal(students.audio, teachers.audio)
    # The same call into the bundle itself: the run is finished, and the student the same.
    run_student(finished, RECIPE, prepared, tmp_path / "work", finished, tokenizer_run, cpu=True, workers=1)
    assert load_bundle(finished).fingerprint == bundle.fingerprint
    assert bundle.config.model == load_bundle(finished).config.model == MODEL.model


def test_parts_of_a_neighbour_stay_there_beside_it_and_are_its_own_elsewhere(
    finished: Path, prepared: Path, tokenizer_run: Path, tmp_path: Path
) -> None:
    shared = {"tokenizer": "buzz", "vocoder": "buzz"}
    voice_of = load_bundle(finished)
    config = voice_of.config.model_copy(update={"name": "baseline", "shared_parts": shared})
    baseline = save_bundle(tmp_path / "baseline", config, voice_of.model, voice_of.vocoder, voice_of.tokenizer)
    for out, kept in ((tmp_path / "elsewhere" / "baseline", {}), (baseline, shared)):
        run_student(baseline, RECIPE, prepared, tmp_path / "work", out, tokenizer_run, cpu=True, workers=1)
        assert load_bundle(out).config.shared_parts == kept
        assert (out / "vocoder.safetensors").exists() is not bool(kept)
        assert load_bundle(out).config.student is not None


def test_a_teacher_that_keeps_the_level_is_in_the_bundle_too(
    finished: Path, prepared: Path, tokenizer_run: Path, tmp_path: Path
) -> None:
    recipe = RECIPE.model_copy(update={"guidance": 2.0, "guidance_rescale": 0.7, "steps": 2})
    out = run_student(finished, recipe, prepared, tmp_path / "w", tmp_path / "o", tokenizer_run, cpu=True, workers=1)
    bundle = load_bundle(out)
    assert bundle.model.decoder.config.guidance_rescale == bundle.config.model.decoder.guidance_rescale == 0.7
    assert bundle.config.model.decoder.model_copy(update={"guidance_rescale": 0.0}) == MODEL.model.decoder


def test_what_cannot_be_distilled_is_refused_before_any_training(
    finished: Path, prepared: Path, tokenizer_run: Path, tmp_path: Path
) -> None:
    work, busy = tmp_path / "work", tmp_path / "busy"
    busy.mkdir()
    (busy / "notes.txt").write_text("mine")
    with pytest.raises(BundleError, match="is no bundle"):
        run_student(finished, RECIPE, prepared, work, busy, cpu=True)
    other = make_tiny_bundle(tmp_path / "other")
    with pytest.raises(SettingsError, match="12 units, the model of bundle 'tiny' reads 24"):
        run_student(other, RECIPE, prepared, work, tmp_path / "out", tokenizer_run, cpu=True)
    flow = make_tiny_bundle(
        tmp_path / "flow", changes={"decoder": {**tiny_model_config().decoder.model_dump(), "kind": "flow_matching"}}
    )
    with pytest.raises(SettingsError, match="of the kind 'flow_matching'"):
        run_student(flow, RECIPE, prepared, work, tmp_path / "out", cpu=True)
    assert not work.exists()
    run_student(finished, RECIPE, prepared, work, tmp_path / "out", cpu=True, workers=1)
    with pytest.raises(SettingsError, match=r"was begun with other settings.*teacher"):
        run_student(tmp_path / "out", RECIPE, prepared, work, tmp_path / "again", cpu=True, workers=1)
