"""The bundle: one folder with every configuration and weight that the engine needs. No pickle is read or written."""

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

import torch
from pydantic import (
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from undertone.engine.config import Config, ModelConfig, StudentConfig, TokenizerConfig, VocoderConfig
from undertone.engine.errors import BundleError
from undertone.engine.files.atomic_files import whole_folder
from undertone.engine.files.validation import read_json, validate_values
from undertone.engine.network import VAEGSLM, Student
from undertone.engine.probe import PROBE_FILE, ProbeReport, load_probe
from undertone.engine.tokenizers import build_tokenizer
from undertone.engine.vocoders import build_vocoder

CONFIG_FILE = "bundle.json"
LANGUAGES_BEFORE = ("en",)  # of bundles written before they said so: all had phones of English
LOCAL_FOLDERS = ("assets", ".", "..")  # where a missing bundle is never taken for somebody's Hub repository
SCALE = ".int8_scale"  # after the name of a matrix that is stored in 8 bits: what each of its rows is multiplied by
WEIGHT_FILES = {part: f"{part}.safetensors" for part in ("model", "vocoder", "tokenizer", "student")}
OPTIONAL_PARTS = ("student",)
SharedPart = Literal["vocoder", "tokenizer"]
NeighbourName = Annotated[str, StringConstraints(pattern=r"^\w[\w.-]*$", max_length=100)]  # no path out of the folder


class Provenance(Config):
    """Origin of the weights."""

    recipe: str = ""  # name of the recipe, or of the published checkpoint
    data: tuple[str, ...] = ()  # corpora, with their licences
    steps: dict[str, int] = Field(default_factory=dict)  # optimiser steps by stage
    minutes: dict[str, float] = Field(default_factory=dict)  # wall time by stage
    machine: str = ""
    created: str = ""  # ISO 8601 date


class BundleConfig(Config):
    """Content of `bundle.json`."""

    format_version: Literal[1] = 1
    name: str
    licence: str
    languages: tuple[str, ...] = ("en",)  # ISO 639 codes of the speech that it was trained on
    model: ModelConfig = ModelConfig()
    vocoder: VocoderConfig
    tokenizer: TokenizerConfig
    student: StudentConfig | None = None  # of the diffusion decoder; None, and then the key is left out: none
    provenance: Provenance = Provenance()
    # Of parts that are stored once for several systems: the bundle beside this one, in the same folder, that holds the
    # part. Where there are none, the key is left out.
    shared_parts: dict[SharedPart, NeighbourName] = Field(default_factory=dict)
    prompt_loudness_lufs: float | None = None  # prompts are brought to the loudness of training; None leaves them
    limits: tuple[str, ...] = ()  # sentences of its makers for the model card: what it falls short of, and why
    measured: dict[str, JsonValue] = Field(default_factory=dict)  # numbers of the model card, on held-out speech

    @model_serializer(mode="wrap")
    def _leave_out_default(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = dump(self)
        if values.get("student", ...) is None:  # a bundle without one is written as before there were any
            del values["student"]
        if values.get("shared_parts", ...) == {}:
            del values["shared_parts"]
        return values

    @model_validator(mode="after")
    def _parts_agree(self) -> "BundleConfig":
        if self.model.has_tokens and self.tokenizer.num_units != self.model.num_tokens:
            raise ValueError(
                f"tokenizer.num_units is {self.tokenizer.num_units} and model.num_tokens is {self.model.num_tokens}; "
                "they must be equal"
            )
        if self.vocoder.mel != self.model.mel:
            raise ValueError("vocoder.mel and model.mel differ; the vocoder must read the mel that the model makes")
        return self


class Tokenizer(Protocol):
    """Tokenizer as the engine uses it."""

    def tokens(self, waveform: Tensor) -> Tensor:
        """Return the units int64 [T] of a waveform [samples] at 16 kHz."""
        ...


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle: modules in evaluation mode, without gradients."""

    config: BundleConfig
    fingerprint: str  # sha256 over the files, hexadecimal
    model: VAEGSLM
    vocoder: nn.Module
    tokenizer: Tokenizer
    student: Student | None = None  # of the model's decoder
    probe: ProbeReport | None = None  # what each latent dimension does, where it has been measured

    @property
    def name(self) -> str:
        """Return the name that the bundle gives itself."""
        return self.config.name


def load_bundle(
    source: str | Path, device: torch.device | str = "cpu", shared_with: tuple[str | Path, Bundle] | None = None
) -> Bundle:
    """Load a bundle.

    Args:
        source: a folder, or a Hub repository as `owner/name` or `owner/name@revision`; the Hub is only asked
            where no such folder exists.
        device: where the modules go; weights become float32 whatever they are stored as.
        shared_with: folder of a bundle and that bundle as it was loaded onto the same device: parts that are stored
            there are not loaded a second time.
    Raises:
        BundleError: naming the file, the key and what was expected.
    """
    folder = bundle_folder(source)
    config = read_config(folder)
    modules: dict[str, Any] = {
        "model": VAEGSLM(config.model),
        "vocoder": build_vocoder(config.vocoder),
        "tokenizer": build_tokenizer(config.tokenizer),
    }
    if config.student is not None:
        modules["student"] = Student(config.model, config.student)
    files = weight_files(folder, config)
    for part in map(str, config.shared_parts):
        if shared_with is not None and files[part].parent == Path(shared_with[0]).resolve():
            modules[part] = getattr(shared_with[1], part)
            del files[part]
    for part, path in files.items():
        load_weights(modules[part], path)
        modules[part].to(device).eval().requires_grad_(False)
    sha256 = fingerprint(folder)
    return Bundle(config, sha256, **modules, probe=load_probe(folder, sha256))


def save_bundle(
    folder: str | Path,
    config: BundleConfig,
    model: nn.Module,
    vocoder: nn.Module,
    tokenizer: nn.Module,
    dtype: torch.dtype = torch.float32,
    texts: Mapping[str, str] | None = None,
    eight_bit: Collection[str] = (),
    student: nn.Module | None = None,
) -> Path:
    """Write a bundle; the folder appears whole or not at all, and an older bundle of that name is replaced.

    Args:
        dtype: of the stored floating point weights; float16 and bfloat16 halve the size.
        texts: more files by name, for example the model card `README.md`.
        eight_bit: parts ("tokenizer", ...) whose matrices are stored as int8 with a scale for each row: a quarter of
            float32. For a tokenizer one unit in some hundred changes.
        student: of the model's decoder, where `config.student` says that there is one.
        vocoder, tokenizer: not written where `config.shared_parts` says that a neighbour holds them.
    Raises:
        BundleError: the folder exists and holds something else.
    """
    folder = Path(folder)
    if (student is None) != (config.student is None):
        raise ValueError("config.student and the student's weights belong together")
    parts = {"model": model, "vocoder": vocoder, "tokenizer": tokenizer} | ({"student": student} if student else {})
    parts = {part: module for part, module in parts.items() if part not in config.shared_parts}
    check_bundle_may_be_written(folder)
    with whole_folder(folder, replace=True) as unfinished:
        for part, module in parts.items():
            stored = _stored_weights(module, dtype)
            save_file(_quantise_rows(module, stored) if part in eight_bit else stored, unfinished / WEIGHT_FILES[part])
        for name, text in (texts or {}).items():
            (unfinished / name).write_text(text, encoding="utf-8")
        (unfinished / CONFIG_FILE).write_text(config.model_dump_json(indent=2) + "\n", encoding="utf-8")
        for file in unfinished.iterdir():
            file.chmod(0o644)  # safetensors writes for the owner alone
    return folder


def standalone_files(folder: Path) -> dict[str, Path | bytes]:
    """Return what a bundle needs where no neighbour of it is, by file name: its configuration, and its parts' weights.

    Raises:
        BundleError: as `read_config`, or a neighbour that holds a part is missing.
    """
    config = read_config(folder)
    files: dict[str, Path | bytes] = {path.name: path for path in weight_files(folder, config).values()}
    alone = config.model_copy(update={"shared_parts": {}})
    if config.shared_parts:
        return {CONFIG_FILE: (alone.model_dump_json(indent=2) + "\n").encode(), **files}
    return {CONFIG_FILE: folder / CONFIG_FILE, **files}


def bundles_sharing(folder: Path) -> list[Path]:
    """Return the bundles beside a bundle whose parts lie in it, by name: the systems that are compared with it."""
    found = []
    for path in sorted(folder.resolve().parent.glob(f"*/{CONFIG_FILE}")):
        try:
            config = read_config(path.parent)
        except BundleError:  # somebody's bundle of a later version, or half a bundle: nothing that is asked for
            continue
        if set(config.shared_parts.values()) == {folder.resolve().name}:
            found.append(path.parent)
    return found


def bundles_holding(folder: Path) -> list[Path]:
    """Return the bundles beside a bundle that hold parts of it. Raises BundleError as `read_config` does."""
    return [folder.resolve().parent / name for name in sorted(set(read_config(folder).shared_parts.values()))]


def check_bundle_may_be_written(folder: Path) -> None:
    """Check that a bundle would replace nothing but a bundle; called before hours of work too.

    Raises:
        BundleError: the folder exists and holds something else.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / CONFIG_FILE).is_file():
        raise BundleError(f"{folder} exists and is no bundle (it has no {CONFIG_FILE}). Choose another folder.")


def read_config(folder: Path) -> BundleConfig:
    """Return the checked content of a folder's `bundle.json`; every key must be there and known."""
    path = folder / CONFIG_FILE
    values = read_json(path, f"the configuration of a bundle, which has {_expected_files()}", BundleError)
    values.setdefault("languages", list(LANGUAGES_BEFORE))
    values.setdefault("student", None)
    values.setdefault("shared_parts", {})
    return validate_values(BundleConfig, values, str(path), BundleError, complete=True)


def load_weights(module: nn.Module, path: Path) -> None:
    """Fill a module from a safetensors file, converting floating point types.

    Raises:
        BundleError: the file is missing or damaged, or keys or shapes do not fit.
    """
    target = module.state_dict()
    try:
        with safe_open(path, framework="pt") as file:
            shapes = {key: list(file.get_slice(key).get_shape()) for key in file.keys()}  # noqa: SIM118 (no mapping)
            scales = {key for key in shapes if key.endswith(SCALE) and key.removesuffix(SCALE) in shapes}
            weights = {key: shape for key, shape in shapes.items() if key not in scales}
            _check_fit(path, weights, {key: list(tensor.shape) for key, tensor in target.items()})
            for key, tensor in target.items():  # one at a time: the weights never lie in memory twice
                tensor.copy_(file.get_tensor(key))
                if (scale := key + SCALE) in scales:
                    tensor.mul_(file.get_tensor(scale).to(tensor).reshape(-1, *[1] * (tensor.ndim - 1)))
    except OSError as error:
        raise BundleError(f"{path} is missing or cannot be read; a bundle has {_expected_files()}.") from error
    except SafetensorError as error:
        raise BundleError(f"{path} is damaged or no safetensors file ({error}). Fetch or export it again.") from error


def _check_fit(path: Path, stored: dict[str, list[int]], wanted: dict[str, list[int]]) -> None:
    """Compare names and shapes of tensors."""
    if missing := sorted(wanted.keys() - stored.keys()):
        raise BundleError(f"{path}: missing tensor {_name_list(missing)}. Known: {_name_list(sorted(wanted))}.")
    if unknown := sorted(stored.keys() - wanted.keys()):
        raise BundleError(f"{path}: unknown tensor {_name_list(unknown)}. Known: {_name_list(sorted(wanted))}.")
    wrong = [
        f"{key} has shape {stored[key]}, {CONFIG_FILE} asks for {wanted[key]}"
        for key in sorted(wanted)
        if stored[key] != wanted[key]
    ]
    if wrong:
        raise BundleError(f"{path}: " + "; ".join(wrong[:6]) + f" ({len(wrong)} of {len(wanted)} tensors do not fit).")


def fingerprint(folder: Path) -> str:
    """Return the sha256, hexadecimal, of all that decides the samples: a replay must find the same one.

    That is the configurations and the weights; new numbers on the model card leave a bundle what it was.
    """
    telling = {"format_version", "model", "vocoder", "tokenizer", "prompt_loudness_lufs", "student"}
    config = read_config(folder)
    values = config.model_dump(mode="json", include=telling)
    total = hashlib.sha256(json.dumps(values, sort_keys=True).encode())
    for path in weight_files(folder, config).values():
        with path.open("rb") as file:
            total.update(f"{path.name} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def weight_files(folder: Path, config: BundleConfig) -> dict[str, Path]:
    """Return the file of each part that a bundle has, its own or that of the neighbour which holds the part.

    Raises:
        BundleError: there is no such neighbour, or it holds no such part itself.
    """
    absent = () if config.student is not None else OPTIONAL_PARTS
    files = {part: folder / name for part, name in WEIGHT_FILES.items() if part not in absent}
    for part, neighbour in config.shared_parts.items():
        files[part] = folder.resolve().parent / neighbour / WEIGHT_FILES[part]
        if not files[part].is_file():
            raise BundleError(
                f"the {part} of {folder} is stored in the bundle {neighbour!r} beside it; {files[part]} is missing. "
                "Put that bundle into the same folder."
            )
    return files


def bundle_folder(source: str | Path) -> Path:
    """Return the bundle's folder on this machine, fetched from the Hub where there is none."""
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise BundleError(f"{folder} is a file; a bundle is a folder with {_expected_files()}.")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", str(source)):
        raise BundleError(f"there is no bundle folder {str(source)!r}, and this is no Hub repository (owner/name).")
    if isinstance(source, Path) or str(source).partition("/")[0] in LOCAL_FOLDERS:
        raise BundleError(
            f"there is no bundle folder {str(source)!r} here ({Path.cwd()}). Give the folder of a bundle, or a Hub "
            "repository as owner/name, with --bundle."
        )
    import huggingface_hub  # only reached for a Hub id, and slow to import

    repository, _, revision = str(source).partition("@")
    try:
        fetched = huggingface_hub.snapshot_download(
            repository, revision=revision or None, allow_patterns=[CONFIG_FILE, *WEIGHT_FILES.values(), PROBE_FILE]
        )
    except Exception as error:  # its errors come from several libraries, and offline is the usual one
        raise BundleError(
            f"there is no folder {str(source)!r}, and the Hub repository {repository!r} could not be fetched "
            f"({type(error).__name__}). Check the name, or give a folder when there is no network."
        ) from error
    return Path(fetched)


def _stored_weights(module: nn.Module, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return the state dict as it goes to disk: own memory, floating point weights in `dtype`."""
    return {
        key: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else tensor.dtype).contiguous().clone()
        for key, tensor in module.state_dict().items()
    }


def _quantise_rows(module: nn.Module, stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return `stored` with every matrix as int8, and a float32 scale for each of its rows."""
    packed = dict(stored)
    for key, tensor in module.state_dict().items():
        if tensor.ndim >= 2 and tensor.is_floating_point():
            rows = tensor.detach().to("cpu", torch.float32)
            scale = rows.flatten(1).abs().amax(1).clamp(min=1e-12) / 127
            packed[key] = (rows / scale.reshape(-1, *[1] * (rows.ndim - 1))).round().to(torch.int8)
            packed[key + SCALE] = scale
    return packed


def _expected_files() -> str:
    return ", ".join([CONFIG_FILE, *(name for part, name in WEIGHT_FILES.items() if part not in OPTIONAL_PARTS)])


def _name_list(names: list[str], most: int = 6) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
