"""A study file for the paper's listening test, made of the systems at hand and of recordings that no system knows."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from undertone.engine.bundle import bundle_folder, fingerprint, read_config
from undertone.studies.design.errors import DesignError
from undertone.studies.design.slugs import slug
from undertone.studies.design.templates import COMPARISON, template_text
from undertone.studies.measures.heldout import Corpus, DurationRange, corpus_folder, held_out_clips
from undertone.studies.suite.paper import OPINIONS, RECORDINGS, SOURCE

PROMPTS = 100  # paper, as is that they are 3 s long and that every clip is rated by 7 people
SECONDS = DurationRange(13.0, 60.0)  # a prompt of 3 s and what its speaker said in the 10 s after it
ROLES = {"recording": "ground_truth", "low-anchor": "low_anchor"}
HEADER = """\
# The listening test of the paper's table 2 (arXiv 2506.14767) with the systems at hand: naturalness and meaningfulness,
# prompts of 3 s, continuations of 10 s, 7 raters for every clip. Paths are relative to this file.
name: {name}
title: How natural and how meaningful is this speech?
seed: {seed}
"""


@dataclass(frozen=True)
class ListedSystem:
    """A bundle in the study: where it is, as which name, and which of the paper's systems it is."""

    bundle: str
    name: str
    system: str
    made: str  # name and fingerprint of the bundle, for the reviewers' checklist


def comparison_study(
    bundles: Sequence[str], corpus: Corpus | None = None, split: str = "test", prompts: int = PROMPTS, seed: int = 1
) -> str:
    """Return the YAML of the paper's study: ground truth, the systems, a low anchor, and the paper's scores.

    Args:
        bundles: folders or Hub ids of the systems; the first is what the others are compared with.
        corpus: recordings to go on from, of 13 to 60 s; None leaves a folder `prompts` to be filled.
        split: of the corpus.
        prompts: at most; fewer where the split has fewer. Speakers alternate.
        seed: of the study, of its prompts and of the order.
    Raises:
        DesignError: no bundle, or one that is named twice.
        BundleError: a bundle cannot be read.
        MeasureError: no recording of the split fits.
    """
    listed = list_systems(bundles)
    paper, first = template_text("paper"), listed[0]
    rest = paper[paper.index("scales:") :]
    baselines = "; ".join(f"{one.name}: {one.system}, {one.made}" for one in listed)
    rest = re.sub(r'baselines: "".*', lambda _: f"baselines: {json.dumps(baselines)}", rest)
    contrasts = [
        {"first": first.name, "second": other.name, "scale": scale} for scale in OPINIONS for other in listed[1:]
    ]
    items = _prompt_items(corpus, split, prompts, seed)
    if corpus is not None:
        choice = (
            f"{len(items)} recordings of {corpus_folder(corpus).name}, split {split}: seed {seed}, speakers alternate"
        )
        rest = re.sub(r'prompt_choice: "".*', lambda _: f"prompt_choice: {json.dumps(choice)}", rest)
    lengths = {"prompt_seconds": 3, "continuation_seconds": 10}
    blocks: list[dict[str, Any]] = [
        {"systems": [*map(_system_block, listed), *_references()]},
        {"prompts": ({"items": items} if items else {"folder": "prompts", "count": prompts}) | lengths},
    ]
    added: list[dict[str, Any]] = [
        {"analysis": {"primary_contrasts": contrasts}},
        {"published": {"source": SOURCE, "scores": published_scores(listed)}},
    ]
    return HEADER.format(name=COMPARISON, seed=seed) + "".join(map(_yaml, blocks)) + rest + "".join(map(_yaml, added))


def list_systems(bundles: Sequence[str]) -> list[ListedSystem]:
    """Return the systems of bundles under names of their own; bundles of one system are told apart by their names."""
    folders = {typed: bundle_folder(typed) for typed in bundles}
    if not bundles or len({folder.resolve() for folder in folders.values()}) < len(bundles):
        raise DesignError(f"the study needs systems, each once; {list(bundles)} were given.")
    configs = {typed: read_config(folder) for typed, folder in folders.items()}
    kinds = Counter(config.model.system for config in configs.values())
    listed = []
    for typed, config in configs.items():
        system = config.model.system
        name = slug(system.replace("- tokens", "without tokens"))
        if kinds[system] > 1:
            name = slug(f"{name}-{config.name}")
        made = f"bundle {config.name}, SHA-256 {fingerprint(folders[typed])[:12]}"
        here = str(folders[typed].resolve()) if Path(typed).expanduser().is_dir() else typed
        listed.append(ListedSystem(here, name, system, made))
    if twice := [name for name, times in Counter(one.name for one in listed).items() if times > 1]:
        raise DesignError(
            f"two bundles are called {twice[0]!r} and are the same system; export one under another name."
        )
    return listed


def published_scores(listed: Sequence[ListedSystem]) -> dict[str, dict[str, Any]]:
    """Return the paper's opinion scores by scale and name of a system of the study."""
    scores: dict[str, dict[str, Any]] = {}
    for scale, opinions in OPINIONS.items():
        known = {"recording": opinions.get(RECORDINGS), **{one.name: opinions.get(one.system) for one in listed}}
        scores[scale] = {
            name: list(score) if isinstance(score, tuple) else score for name, score in known.items() if score
        }
    return scores


def missing_systems(listed: Sequence[ListedSystem]) -> list[str]:
    """Return the systems of the paper's test that are not among those listed."""
    return [
        name for name in OPINIONS["naturalness"] if name != RECORDINGS and name not in {one.system for one in listed}
    ]


def _system_block(one: ListedSystem) -> dict[str, Any]:
    return {"name": one.name, "source": {"kind": "bundle", "bundle": one.bundle, "sampling": "published"}}


def _references() -> list[dict[str, Any]]:
    sources: dict[str, dict[str, Any]] = {
        "recording": {"kind": "recording"},
        "low-anchor": {"kind": "degraded", "of": "recording", "lowpass_hz": 1500, "noise_snr_db": 10},
    }
    return [{"name": name, "role": role, "source": sources[name]} for name, role in ROLES.items()]


def _prompt_items(corpus: Corpus | None, split: str, prompts: int, seed: int) -> list[dict[str, Any]]:
    clips = [] if corpus is None else held_out_clips(corpus, split, prompts, SECONDS, seed)
    return [
        {"name": slug(clip.clip_id), "audio": str(clip.path.resolve()), "start_seconds": clip.start_seconds}
        for clip in clips
    ]


def _yaml(block: dict[str, Any]) -> str:
    return yaml.safe_dump(block, sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
