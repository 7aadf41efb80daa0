"""Splits that join a manifest later: their cuts are appended, and what was listed before stays where it is."""

import shutil
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from undertone.train.corpora.manifest import (
    CUTS,
    REJECTED,
    Manifest,
    cuts_of_corpus,
    id_hash,
    write_facts,
    write_manifest,
)
from undertone.train.corpora.source import Notes

ADDED = ".added"


def add_splits(manifest: Manifest, corpus: Path, missing: tuple[str, ...], notes: Notes) -> None:
    """List the missing splits of the same corpus behind those of a finished manifest.

    `manifest.json` is replaced last, so that a killed process leaves the manifest as it was. An id that the folder
    has already stays with the clip that has it; the added recording is among the rejected ones.

    Raises:
        CorpusError: the corpus has no usable recording of these splits; nothing was changed.
    """
    facts, folder = manifest.facts, manifest.folder
    layout = (facts.get("asked") or {}).get("layout") or "auto"
    taken = np.array([id_hash(cut.id) for cut in manifest.cuts()], dtype=np.uint64)
    scratch = folder / ADDED
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        listed = cuts_of_corpus(corpus, layout, notes)
        write_manifest(
            listed, scratch, manifest.corpus, missing, facts["shard_hours"], facts["seed"], notes=notes, taken=taken
        )
        _append(manifest, Manifest(scratch))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _append(manifest: Manifest, added: Manifest) -> None:
    folder = manifest.folder
    begin = _append_lines(folder / CUTS, manifest.num_cuts, added.folder / CUTS)
    _append_lines(folder / REJECTED, manifest.num_rejected, added.folder / REJECTED)
    for split in added.clips:
        np.save(folder / f"{split}.npy", np.load(added.folder / f"{split}.npy") + np.uint64(begin))
        shutil.copyfile(added.folder / f"{split}.firsts.npy", folder / f"{split}.firsts.npy")
    write_facts(folder, _merge_facts(manifest.facts, added.facts))


def _append_lines(path: Path, kept: int, more: Path) -> int:
    """Append the lines of another file behind the first `kept` ones; return the offset in bytes where they begin."""
    with path.open("r+b") as file:
        end = sum(len(line) for line in islice(file, kept))
        file.seek(end)
        file.truncate()
        with more.open("rb") as lines:
            shutil.copyfileobj(lines, file)
    return end


def _merge_facts(before: dict[str, Any], added: dict[str, Any]) -> dict[str, Any]:
    """Return the facts of both, as if everything had been listed at once."""
    asked = before.get("asked") or {"splits": list(before["splits"]), "layout": added["asked"]["layout"]}
    splits = [*asked["splits"], *added["asked"]["splits"]]
    listing = before.get("listing") or {}
    counts = {key: before.get(key, 0) + added[key] for key in ("rejected", "duplicates", "with_text")}
    return (
        before
        | counts
        | {
            "asked": asked | {"splits": splits},
            "splits": before["splits"] | added["splits"],
            "other_splits": {split: n for split, n in added["other_splits"].items() if split not in splits},
            "listing": added["listing"] | {key: value for key, value in listing.items() if key.startswith("layout")},
        }
    )
