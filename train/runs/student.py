"""`undertone student`: a bundle whose diffusion decoder has a student of few steps, and everything else as it was."""

import logging
import shutil
from pathlib import Path

import torch
from accelerate import Accelerator
from safetensors.torch import save_file

from undertone.engine import BundleConfig, SettingsError, load_bundle
from undertone.engine.bundle import (
    CONFIG_FILE,
    WEIGHT_FILES,
    Bundle,
    bundle_folder,
    check_bundle_may_be_written,
    read_config,
    weight_files,
)
from undertone.engine.config import DecoderConfig
from undertone.engine.files.atomic_files import whole_folder
from undertone.engine.network import Student
from undertone.engine.probe import PROBE_FILE
from undertone.engine.tokenizers.hubert import HubertTokenizer
from undertone.engine.tokenizers.phone_reader import PhoneReader
from undertone.train.loop.run import run_stage
from undertone.train.loop.saved_recipe import save_recipe
from undertone.train.loop.stage_export import export_stage, trained_numbers
from undertone.train.runs.bundle import record_of_replaced
from undertone.train.student.recipe import StudentRecipe
from undertone.train.student.stage import StudentStage
from undertone.train.tokenizer.assign_tokens import assign_tokens
from undertone.train.tokenizer.clip_features import Tokenizer
from undertone.train.tokenizer.load import load_tokenizer

log = logging.getLogger(__name__)


def run_student(
    bundle: Path,
    recipe: StudentRecipe,
    prepared: Path,
    work: Path,
    out: Path,
    tokenizer: Path | None = None,
    cpu: bool = False,
    workers: int = 2,
    accept_changes: bool = False,
) -> Path:
    """Distil the decoder of a bundle and write the bundle with its student.

    Args:
        bundle: folder of a finished voice, whose decoder is the teacher.
        prepared: speech to decode, as `undertone prepare` wrote it; the corpus that the voice was trained on.
        work: folder of the run; an unfinished one goes on.
        out: the bundle to write; it may be `bundle` itself.
        tokenizer: finished run of the bundle's tokenizer, where `prepared` has the tokens of that already.
        workers: processes that assign tokens.
        accept_changes: resume with a recipe that differs from the one the run was begun with.
    Returns:
        the bundle.
    Raises:
        SettingsError: a decoder without diffusion, a tokenizer of another number of units, or a run begun with another
            teacher.
        BundleError: `out` exists and is no bundle.
    """
    check_bundle_may_be_written(out)
    folder = bundle_folder(bundle)
    loaded = load_bundle(folder)
    units = loaded.tokenizer if tokenizer is None else load_tokenizer(tokenizer)
    assert isinstance(units, PhoneReader | HubertTokenizer)
    check_teacher(units, loaded)
    accelerator = Accelerator(cpu=cpu)
    tokens = assign_tokens(units.to(accelerator.device), prepared, workers)
    inputs = {"tokens": tokens.name.removesuffix(".u16"), "teacher": loaded.fingerprint}
    save_recipe(work, recipe, accept_changes, accelerator.is_main_process, **inputs)
    decoder = loaded.config.model.decoder
    if recipe.guidance_rescale is not None:
        decoder = decoder.model_copy(update={"guidance_rescale": recipe.guidance_rescale})
        loaded.model.decoder.config = decoder
    stage = StudentStage(recipe, loaded.model, prepared, tokens, accelerator)
    clock = run_stage(stage, work, recipe.budget, accelerator, seed=recipe.seed, settings=recipe)
    if accelerator.is_main_process:
        student = stage.export_networks()["student"].cpu()
        assert isinstance(student, Student)
        numbers = stage.evaluate(clock.step)
        log.info("student: %s", numbers)
        export_stage(student, student.config, clock, work, numbers)
        add_student(folder, student, decoder, trained_numbers(work), recipe.name, out)
    accelerator.wait_for_everyone()
    return out


def check_teacher(tokenizer: Tokenizer, bundle: Bundle) -> None:
    """Check that a bundle's decoder can be distilled on the units of a tokenizer.

    Raises:
        SettingsError: a decoder that goes another way from noise to mel than diffusion, or other units than it reads.
    """
    if bundle.config.model.decoder.kind != "diffusion":
        raise SettingsError(
            f"the decoder of bundle {bundle.name!r} is of the kind {bundle.config.model.decoder.kind!r}; a student "
            "learns from a diffusion decoder"
        )
    if tokenizer.config.num_units != bundle.config.model.num_tokens:
        raise SettingsError(
            f"the tokenizer has {tokenizer.config.num_units} units, the model of bundle {bundle.name!r} reads "
            f"{bundle.config.model.num_tokens}; give the run of the bundle's own tokenizer, or none"
        )


def add_student(
    bundle: Path, student: Student, decoder: DecoderConfig, numbers: dict[str, float], recipe: str, out: Path
) -> Path:
    """Write a bundle with a student; its other weights stay to the byte.

    Parts that a neighbour holds stay there where `out` lies beside it, and are its own elsewhere. Probe and evaluation
    were measured without a student, and are left out, to be measured again.

    Args:
        bundle: folder of the teacher's bundle.
        decoder: configuration of the teacher; it is written too.
        numbers: of the student's training.
        recipe: of the student, for the provenance.
        out: folder to write; it may be `bundle` itself.
    """
    old = read_config(bundle)
    record = record_of_replaced(old, {"student": numbers}, [f"its decoder was distilled by {recipe}"])
    model = old.model.model_copy(update={"decoder": decoder})
    beside = out.resolve().parent == bundle.resolve().parent and out.resolve().name not in old.shared_parts.values()
    shared = old.shared_parts if beside else {}
    changed = {"model": model, "student": student.config, "shared_parts": shared, **record}
    config = BundleConfig.model_validate({**dict(old), **changed})
    weights = {key: value.to(torch.float16).contiguous() for key, value in student.state_dict().items()}
    with whole_folder(out, replace=True) as unfinished:
        for path in bundle.iterdir():
            if path.is_file() and path.name not in (CONFIG_FILE, PROBE_FILE):
                shutil.copy2(path, unfinished / path.name)
        for part, path in weight_files(bundle, old).items():
            if part not in shared and not (unfinished / path.name).exists():
                shutil.copy2(path, unfinished / path.name)
        save_file(weights, unfinished / WEIGHT_FILES["student"])
        (unfinished / CONFIG_FILE).write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")
        (unfinished / WEIGHT_FILES["student"]).chmod(0o644)  # safetensors writes for the owner alone
    return out
