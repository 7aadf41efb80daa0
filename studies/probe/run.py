"""What each latent dimension of a bundle does, measured on held-out speech and stored as the bundle's probe.json."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tqdm import tqdm

from undertone.engine import Engine, Sampling
from undertone.engine.bundle import fingerprint
from undertone.engine.probe import Effects, LatentStatistics, Measured, ProbeReport, load_probe
from undertone.engine.prosody import LatentEdit
from undertone.studies.errors import MeasureError
from undertone.studies.measures.heldout import DurationRange
from undertone.studies.probe.attributes import CLIP_ATTRIBUTES, FRAME_ATTRIBUTES
from undertone.studies.probe.clips import load_probe_clips, probe_clips
from undertone.studies.probe.directions import regression_candidates, response_candidates, select_directions
from undertone.studies.probe.linear_probes import ProbeFrames, linear_probe
from undertone.studies.probe.report import SIGMAS, dimension_edits, dimension_probes, group_effects
from undertone.studies.probe.sweep import sweep

NUM_CLIPS = 40
FILE_SECONDS = DurationRange(2.0, 40.0)
CLIP_SECONDS = 5.0  # the beginning of a longer clip


def probe(
    bundle: str | Path | Engine,
    data: Path,
    num_clips: int = NUM_CLIPS,
    split: str = "test",
    seed: int = 0,
    *,
    sampling: Sampling = Sampling(),
    clip_seconds: float = CLIP_SECONDS,
    workers: int | None = None,
) -> ProbeReport:
    """Measure what the latent dimensions of a bundle do.

    Args:
        bundle: folder, Hub repository, or an engine that is loaded.
        data: corpus with manifest.tsv, or any folder of recordings; never trained on.
        split: of a corpus with a manifest.
        seed: of the choice of clips and of the decoder's noise.
        sampling: of the decoder; `draft` of it saves a fifth of the time.
        clip_seconds: how much of each clip is used at most.
        workers: processes that measure; None takes one for each core, 0 none but this.
    Raises:
        MeasureError: there is nothing to measure on.
    """
    if num_clips < 2 or clip_seconds < FILE_SECONDS.shortest:
        raise MeasureError(
            f"num_clips is {num_clips} and clip_seconds {clip_seconds:g}; at least 2 clips of "
            f"{FILE_SECONDS.shortest:g} s are needed, and 20 clips for useful intervals."
        )
    import sklearn  # noqa: F401  (used when the long sweep is over: where it is missing that is said now)

    engine = bundle if isinstance(bundle, Engine) else Engine.from_pretrained(bundle)
    workers = (os.cpu_count() or 1) if workers is None else workers
    chosen = probe_clips(data, split, num_clips, FILE_SECONDS, seed)
    material = load_probe_clips(engine, chosen, min(clip_seconds, engine.max_seconds))
    statistics = LatentStatistics.of(material.latents)
    frames = {attribute: material.frames(attribute) for attribute in FRAME_ATTRIBUTES}

    def measured(edits: list[LatentEdit], what: str) -> list[Effects]:
        made = sweep(engine, material.speech, edits, statistics, sampling, seed, workers)
        return group_effects(list(tqdm(made, total=len(material.speech), desc=what)), material.clusters)

    effects = measured(dimension_edits(statistics.num_dimensions), "dimensions")
    candidates = regression_candidates(frames, material) + response_candidates(effects, statistics, material)
    shifts = [candidate.edit(sigma) for candidate in candidates for sigma in SIGMAS]
    directions, missing = select_directions(
        candidates, measured(shifts, "directions") if shifts else [], frames, material
    )
    used = sampling.resolved(engine.bundle.config.student)
    return ProbeReport(
        bundle=engine.bundle.name,
        bundle_sha256=engine.bundle.fingerprint,
        created=datetime.now(UTC).date().isoformat(),
        corpus=data.resolve().name,
        split=split,
        seed=seed,
        num_clips=len(material.speech),
        num_speakers=len(set(material.speakers)),
        num_frames=len(material.latents),
        cluster=material.cluster,
        solver=used.solver,
        steps=used.steps,
        attributes=CLIP_ATTRIBUTES,
        frame_attributes=FRAME_ATTRIBUTES,
        statistics=statistics,
        dimensions=dimension_probes(engine, material, frames, statistics, effects, seed),
        directions=directions,
        missing_directions=missing,
        r2=_probe_attributes(frames),
        r2_within_clips=_probe_attributes({key: found.within_clips() for key, found in frames.items()}),
        skipped=material.skipped,
    )


def probe_bundle(
    bundle: str | Path,
    data: Path,
    num_clips: int = NUM_CLIPS,
    split: str = "test",
    sampling: Sampling = Sampling(),
    clip_seconds: float = CLIP_SECONDS,
    workers: int | None = None,
) -> Iterator[str]:
    """Probe a bundle's folder and write its probe.json; yields lines for people."""
    folder = Path(bundle)
    if not (folder / "bundle.json").is_file():
        raise MeasureError(
            f"{folder} is no bundle folder (it has no bundle.json), so probe.json cannot be stored in it."
        )
    report = probe(folder, data, num_clips, split, sampling=sampling, clip_seconds=clip_seconds, workers=workers)
    path = report.write(folder)
    yield from probe_summary(report)
    yield f"{report.num_clips} clips of {report.num_speakers} speakers; the report is {path}."


def stored_report(bundle: Path) -> ProbeReport:
    """Return the report in a bundle's folder.

    Raises:
        MeasureError: there is none, or it was measured on other weights.
    """
    report = load_probe(bundle, fingerprint(bundle))
    if report is None:
        raise MeasureError(f"{bundle} has no probe.json of its weights; run `undertone probe {bundle}` first.")
    return report


def probe_summary(report: ProbeReport) -> Iterator[str]:
    """Return the dimensions and directions as lines for a terminal, the most important first."""
    for dimension in report.by_importance():
        yield f"dimension {dimension.index}: {dimension.name} ({dimension.kl_nats:.2f} nats). {dimension.evidence}."
    for direction in report.directions:
        yield f"direction {direction.name}: {direction.evidence}."
    for name, reason in report.missing_directions.items():
        yield f"no direction for {name}: {reason}."
    for attribute, r2 in report.r2_within_clips.items():
        label = FRAME_ATTRIBUTES[attribute].label
        yield f"R2 of {label} from all latents, within clips: {r2.value:.2f} [{r2.low:.2f}, {r2.high:.2f}]"


def _probe_attributes(frames: dict[str, ProbeFrames]) -> dict[str, Measured]:
    found = {key: linear_probe(of) for key, of in frames.items()}
    return {key: r2 for key, r2 in found.items() if r2 is not None}
