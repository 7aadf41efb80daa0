"""The report of a prepared corpus: `report.json` with hours and speakers, `rejected.jsonl` with files left out."""

import json
import logging
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from undertone.train.corpora.source import HELD_OUT_CLIPS

log = logging.getLogger(__name__)

LISTED = ("with_text", "duplicates", "other_splits", "listing")
REPORT, REJECTED = "report.json", "rejected.jsonl"


def write_report(
    out: Path,
    corpus: str,
    kept: Iterable[tuple[str, str, float, int]],
    rejected: list[dict[str, str]],
    listing: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Write both files and log one line; the report is what is returned.

    Args:
        out: the prepared folder.
        corpus: where the recordings came from.
        kept: split, speaker, seconds and number of the clips kept; several entries may be of one speaker.
        rejected: clip_id, path and reason of every recording, or piece of one, that was left out.
        listing: the facts of the manifest: layout, texts, duplicates, what was ignored.
    """
    seconds: dict[str, float] = {}
    speakers: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for split, speaker, length, num_clips in kept:
        seconds[split] = seconds.get(split, 0.0) + length
        counts[split] += num_clips
        speakers.setdefault(split, set()).add(speaker)
    reasons = Counter(re.sub(r"[\d.]*\d", "N", row["reason"].replace(row["path"], "FILE")) for row in rejected)
    report: dict[str, Any] = {
        "corpus": corpus,
        "splits": {
            split: {"clips": counts[split], "hours": round(seconds[split] / 3600, 3), "speakers": len(speakers[split])}
            for split in sorted(seconds)
        },
        "rejected": len(rejected),
        "reasons": dict(reasons.most_common()),
        **{key: (listing or {})[key] for key in LISTED if key in (listing or {})},
    }
    (out / REJECTED).write_text("".join(json.dumps(row) + "\n" for row in rejected))
    (out / REPORT).write_text(json.dumps(report, indent=2) + "\n")
    if rejected:
        common = "; ".join(f"{count} times: {reason}" for reason, count in reasons.most_common(3))
        log.warning("%d recordings left out (%s), see %s", len(rejected), common, out / REJECTED)
    return report


def read_report(out: Path) -> dict[str, Any]:
    """Return the report of a prepared folder; empty where it was prepared before there were reports."""
    path = out / REPORT
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def corpus_summary(report: dict[str, Any]) -> list[str]:
    """Return the report in a few lines."""
    lines = [
        f"{split}: {found['clips']} clips, {found['hours']:.2f} h, {found['speakers']} speakers"
        for split, found in report.get("splits", {}).items()
    ]
    lines += _listing_lines(report)
    if report.get("rejected"):
        lines.append(f"left out: {report['rejected']}, see {REJECTED}")
        lines += [f"  {count} x {reason}" for reason, count in report["reasons"].items()]
    return lines


def _listing_lines(report: dict[str, Any]) -> list[str]:
    """Return what was noticed while the corpus was listed; nothing where it was prepared before that was kept."""
    listing = report.get("listing") or {}
    lines = []
    if listing.get("layout"):
        sign = f", known by {listing.get('layout_sign') or 'what lies in it'}; --layout says another"
        lines.append(f"layout: {listing['layout']}{sign if listing.get('layout_guessed') else ''}")
    if "with_text" in report:
        lines.append(f"recordings with a transcript: {report['with_text']}")
    if listing.get("without_split"):
        lines.append(f"without a split, so one in {HELD_OUT_CLIPS} became dev: {listing['without_split']}")
    if report.get("other_splits"):
        others = ", ".join(f"{count} of {split!r}" for split, count in report["other_splits"].items())
        lines.append(f"of splits that were not asked for: {others}; --split keeps them")
    if report.get("duplicates"):
        lines.append(f"with an id that was there before, left out: {report['duplicates']}")
    lines += [f"ignored: {count} x {what}" for what, count in listing.get("ignored", {}).items()]
    lines += [f"read as {name}: {count} text files" for name, count in listing.get("recoded", {}).items()]
    if fitting := listing.get("encodings_that_fit"):
        lines.append(f"  they are text in {', '.join(fitting)} as well; --encoding says another")
    return lines
