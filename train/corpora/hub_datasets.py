"""Datasets of the Hugging Face Hub, fetched to its cache: tables of the splits that are wanted, or recordings."""

import glob
import re
from pathlib import Path

from undertone.engine.audio.formats import SUFFIXES
from undertone.train.corpora.packed import TABLES, split_of_table
from undertone.train.corpora.source import CorpusError, first_split

IDENTIFIER = re.compile(
    r"([\w-][\w.-]*/[\w-][\w.-]*)((?:/[\w-][\w.-]*)*?)/?(?:@([\w./-]+))?"
)  # OWNER/NAME/PART@REVISION
READ = (*SUFFIXES, ".txt", ".lab", ".csv", ".tsv", ".json", ".jsonl", ".textgrid")  # nothing that could be run
CONVERTED = "refs/convert/parquet"  # the branch of tables that the Hub makes of datasets


def is_hub_dataset(corpus: Path) -> bool:
    """Return whether a corpus is no path here and may be a dataset of the Hub: OWNER/NAME, a part, a revision."""
    here = corpus.exists() or corpus.is_absolute() or Path(corpus.parts[0]).exists()
    return not here and IDENTIFIER.fullmatch(str(corpus)) is not None


def fetch_dataset(identifier: str, splits: tuple[str, ...]) -> Path:
    """Fetch a dataset of the Hub and return its folder on this machine; what was fetched before is not fetched again.

    Args:
        identifier: OWNER/NAME, with a folder of it where it has several (languages), and @REVISION.
        splits: tables of other splits are left where they are.
    Raises:
        CorpusError: no such dataset, no network, several parts, or nothing that can be read.
    """
    import huggingface_hub  # slow to import

    found = IDENTIFIER.fullmatch(identifier)
    if found is None:
        raise CorpusError(f"{identifier!r} is no dataset of the Hub; expected OWNER/NAME")
    repository, part, revision = found[1], found[2].strip("/"), found[3]
    api = huggingface_hub.HfApi()
    try:
        listed = api.list_repo_files(repository, repo_type="dataset", revision=revision)
        chosen = _chosen_files(listed, identifier, part, splits)
        patterns = [glob.escape(name) for name in chosen]
        folder = api.snapshot_download(repository, repo_type="dataset", revision=revision, allow_patterns=patterns)
    except CorpusError:
        raise
    except Exception as error:  # its errors come from several libraries, and offline is the usual one
        raise CorpusError(
            f"there is no folder {identifier!r}, and the dataset {repository!r} could not be fetched from the Hub "
            f"({type(error).__name__}). Check the name; log in with `hf auth login` where its terms must be accepted; "
            "without a network give a folder."
        ) from error
    return Path(folder) / part


def _chosen_files(listed: list[str], identifier: str, part: str, splits: tuple[str, ...]) -> list[str]:
    """Return the files to fetch.

    Raises:
        CorpusError: several parts to choose from, or no recordings.
    """
    inside = [name for name in listed if name.startswith(f"{part}/")] if part else listed
    tables = [name for name in inside if name.endswith(TABLES)]
    if not tables:
        files = [name for name in inside if Path(name).suffix.lower() in READ]
        if any(Path(name).suffix.lower() in SUFFIXES for name in files):
            return files
        kinds = ", ".join(sorted({Path(name).suffix for name in inside if Path(name).suffix})) or "nothing"
        raise CorpusError(
            f"the dataset {identifier} has neither tables nor recordings, but {kinds}. Scripts are never run and "
            f"archives are not opened: try {identifier}@{CONVERTED}, or fetch and unpack it and give the folder."
        )
    parts = sorted({_part_of(name.removeprefix(f"{part}/")) for name in tables})
    if len(parts) > 1:
        examples = ", ".join(parts[:8]) + (f" and {len(parts) - 8} more" if len(parts) > 8 else "")
        raise CorpusError(f"the dataset {identifier} has the parts {examples}; give {identifier}/{parts[0]} or another")
    return [name for name in tables if (split := split_of_table(name)) is None or split in splits] or tables


def _part_of(name: str) -> str:
    """Return the folder that a table lies in, but for "data" and folders of splits; "." for none."""
    first, *rest = Path(name).parts
    return first if rest and first != "data" and first_split(re.split(r"[-._]", first)) is None else "."
