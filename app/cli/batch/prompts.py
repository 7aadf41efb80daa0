"""The prompts of a batch: recordings of a folder, rows of a manifest, or recordings that are named."""

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field

from undertone.engine import Sampling, SettingsError, UndertoneError
from undertone.engine.config import Config
from undertone.engine.files.validation import validate_values
from undertone.engine.generation.take_settings import MAX_SEED, MAX_TAKES
from undertone.train.corpora.folders import is_audio, walk
from undertone.train.corpora.source import Notes
from undertone.train.corpora.text_files import read_text

TABLES = (".jsonl", ".json", ".tsv", ".csv", ".txt")
# As the manifests of NeMo, Hugging Face, Common Voice and the corpora of `undertone prepare` call them.
PATH_COLUMNS = ("path", "prompt", "audio_filepath", "file_name", "file", "audio", "wav")
COLUMNS_CALLED_OTHERWISE = {"offset": "prompt_start"}
MAX_NAME_BYTES = 150  # of one part of a name, so that seed, number and the name of the unfinished file fit into 255
SAMPLING_KEYS = ("token_temperature", "latent_temperature", "top_p", "guidance", "steps")
Seconds = Annotated[float, Field(gt=0.0, le=86_400.0, allow_inf_nan=False)]


class PromptSettings(Config):
    """Settings of one prompt: those of the command line, or of its row."""

    prompt_start: Annotated[float, Field(ge=0.0, le=86_400.0, allow_inf_nan=False)] = 0.0  # seconds
    prompt_seconds: Seconds = 3.0
    seconds: Seconds = 10.0  # of continuation at most
    takes: Annotated[int, Field(ge=1, le=MAX_TAKES)] = 1
    seed: Annotated[int, Field(ge=0, le=MAX_SEED - MAX_TAKES + 1)] | None = None  # of the first take; None: by the name
    token_temperature: float | None = None
    latent_temperature: float | None = None
    top_p: float | None = None
    guidance: float | None = None
    steps: int | None = None

    @property
    def sampling(self) -> Sampling:
        """Return the sampling settings, the defaults where nothing else is asked for."""
        values = self.model_dump(include=set(SAMPLING_KEYS))
        return Sampling.of(**{key: value for key, value in values.items() if value is not None})


@dataclass(frozen=True)
class Prompt:
    """A recording to continue.

    Attributes:
        listed: the recording as it is listed: the path in its folder, or in its row.
        path: where it lies.
        name: what its takes are called after, with folders; always below the folder they are written to.
        settings: its own.
        seed: of its first take.
        columns: further values of its row, carried into the results.
    """

    listed: str
    path: Path
    name: str
    settings: PromptSettings
    seed: int
    columns: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BadRow:
    """A row of a manifest that cannot be used, and why."""

    listed: str
    error: str


def list_prompts(
    sources: Iterable[Path], settings: PromptSettings, base_seed: int, out: Path
) -> Iterator[Prompt | BadRow]:
    """List the prompts of folders, manifests and single recordings, in order.

    Args:
        settings: where a row has none of its own.
        base_seed: from which, with its name, the seed of a prompt is made.
        out: the folder of the takes, which are no prompts where it lies in a source.
    Raises:
        UndertoneError: a source cannot be used at all.
    """
    seen: set[tuple[Path, str, int]] = set()
    for source in sources:
        for item in _of_source(source, settings, base_seed, out):
            if isinstance(item, Prompt):
                key = (item.path.absolute(), item.settings.model_copy(update={"seed": 0}).model_dump_json(), item.seed)
                if key in seen:
                    item = BadRow(
                        item.listed, "listed twice with the same settings. Give another seed, or leave it out."
                    )
                seen.add(key)
            yield item


def prompt_seed(base_seed: int, name: str) -> int:
    """Return the seed of a prompt's first take: a hash of base seed and name, whatever other prompts there are."""
    hashed = hashlib.blake2b(f"{base_seed} {name}".encode(errors="surrogateescape"), digest_size=8).digest()
    return int.from_bytes(hashed) % (MAX_SEED - MAX_TAKES + 1)


def unused_columns(prompts: Iterable[Prompt | BadRow]) -> Counter[str]:
    """Return how many rows have each column that no setting is called after."""
    return Counter(column for prompt in prompts if isinstance(prompt, Prompt) for column in prompt.columns)


# ---------------------------------------------------------------------------------------------------------------


def _of_source(source: Path, settings: PromptSettings, base_seed: int, out: Path) -> Iterator[Prompt | BadRow]:
    if source.is_dir():
        yield from _of_folder(source, settings, base_seed, out)
    elif not source.is_file():
        raise SettingsError(f"{source} is neither a folder nor a file. Name recordings, folders or manifests.")
    elif source.suffix.lower() in TABLES:
        yield from _of_table(source, settings, base_seed)
    else:
        yield _prompt(source.name, source, source.name, settings, base_seed)


def _of_folder(folder: Path, settings: PromptSettings, base_seed: int, out: Path) -> Iterator[Prompt]:
    written = out.resolve()
    found = False
    for path in walk(folder):
        if is_audio(path) and not path.resolve().is_relative_to(written):
            found = True
            listed = path.relative_to(folder).as_posix()
            yield _prompt(listed, path, listed, settings, base_seed)
    if not found:
        raise SettingsError(f"{folder} holds no recording by the endings of its files. Name another, or a manifest.")


def _of_table(table: Path, settings: PromptSettings, base_seed: int) -> Iterator[Prompt | BadRow]:
    found = False
    for number, row in _rows(table):
        found = True
        if isinstance(row, str):
            yield BadRow(f"{table.name}, line {number}", row)
            continue
        where = f"{table.name}, line {number}"
        values = {
            COLUMNS_CALLED_OTHERWISE.get(key, key): value for key, value in row.items() if value not in ("", None)
        }
        column = next((each for each in PATH_COLUMNS if values.get(each)), None)
        if column is None:
            yield BadRow(where, f"no path of a recording. Call its column one of: {', '.join(PATH_COLUMNS)}.")
            continue
        listed = str(values.pop(column))
        try:
            yield _of_row(listed, values, where, table.parent, settings, base_seed)
        except UndertoneError as error:
            yield BadRow(listed, str(error))
    if not found:
        raise SettingsError(f"{table} has no rows.")


def _of_row(
    listed: str, values: dict[str, Any], where: str, folder: Path, settings: PromptSettings, base_seed: int
) -> Prompt:
    if "\0" in listed:
        raise SettingsError(f"{where}: no file can be called {listed!r}.")
    name = str(values.pop("name", listed))
    known = {key: value for key, value in values.items() if key in PromptSettings.model_fields}
    own = validate_values(PromptSettings, settings.model_dump() | known, where, SettingsError)
    own.sampling  # noqa: B018 (its ranges are checked here, row by row)
    columns = {key: value for key, value in values.items() if key not in known}
    return _prompt(listed, folder / listed, name, own, base_seed, columns)


def _prompt(
    listed: str, path: Path, name: str, settings: PromptSettings, base_seed: int, columns: dict[str, Any] | None = None
) -> Prompt:
    seed = prompt_seed(base_seed, name) if settings.seed is None else settings.seed
    return Prompt(listed, path, _safe_name(name), settings, seed, columns or {})


def _safe_name(name: str) -> str:
    """Return a name without the ending of a sound file, that lies below any folder it is put into.

    A name that leads elsewhere, as an absolute path or one with `..` does, keeps its last part only.
    """
    pure = PurePosixPath(name.replace("\\", "/"))
    parts = [part for part in pure.parts if part not in ("", ".", "/")]
    if pure.is_absolute() or ".." in parts:
        parts = [part for part in parts if part != ".."][-1:]
    if parts and is_audio(Path(parts[-1])):
        parts[-1] = PurePosixPath(parts[-1]).stem
    if not parts or any("\0" in part or not part.strip(". ") for part in parts):
        raise SettingsError(f"no file can be called {name!r}. Give the row a `name` of letters and digits.")
    return "/".join(_shortened(part) for part in parts)


def _shortened(part: str) -> str:
    """Return a part of a name, or its beginning and a hash where it is too long for a file system."""
    data = part.encode(errors="surrogateescape")
    if len(data) <= MAX_NAME_BYTES:
        return part
    return data[: MAX_NAME_BYTES - 9].decode(errors="ignore") + "-" + hashlib.blake2b(data, digest_size=4).hexdigest()


def _rows(table: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """Yield the number and the values of every row, or what is wrong with it."""
    text = read_text(table, Notes())
    kind = table.suffix.lower()
    if kind == ".txt":
        for number, line in enumerate(text.splitlines(), start=1):
            if line.strip():
                yield number, {"path": line.strip()}
    elif kind in (".jsonl", ".json"):
        for number, line in enumerate(text.split("\n"), start=1):
            if line.strip():
                yield number, _json_row(line)
    else:
        yield from _delimited_rows(table, text)


def _json_row(line: str) -> Mapping[str, Any] | str:
    try:
        row = json.loads(line, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        return f"not JSON: {error}. Expected one object a line."
    return row if isinstance(row, dict) else f"a {type(row).__name__}; expected an object of named values."


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no value of JSON")


def _delimited_rows(table: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    head = text.partition("\n")[0].strip("\r")
    # A European Excel writes semicolons. A table of tabs has no quotes, as everywhere in corpora.
    delimiter = (
        "\t" if table.suffix.lower() == ".tsv" or "\t" in head else ";" if ";" in head and "," not in head else ","
    )
    quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    rows = csv.DictReader(StringIO(text, newline=""), delimiter=delimiter, quoting=quoting, restkey="")
    names = [(name or "").strip() for name in rows.fieldnames or ()]
    if not set(names) & set(PATH_COLUMNS):
        raise SettingsError(
            f"{table} has the columns {', '.join(names) or 'none'}; one of {', '.join(PATH_COLUMNS)} must name the "
            "recordings. The first line has the names of the columns."
        )
    rows.fieldnames = names
    try:
        for row in rows:
            too_many = row.pop("", None)
            yield rows.line_num, f"more cells than the {len(names)} columns" if too_many else row
    except csv.Error as error:
        raise SettingsError(f"{table}, line {rows.line_num}: {error}") from error
