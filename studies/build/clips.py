"""All the clips of a study before they are prepared: main, training, golds, traps and the one for the volume page."""

from itertools import permutations
from typing import Any

from undertone.engine import CallProgress
from undertone.engine.config import SAMPLE_RATE_HZ
from undertone.studies.build.known_clips import known_clips, known_sets
from undertone.studies.build.prepare import RawClip, join_pair, trim_to_shortest
from undertone.studies.build.recordings import Recording, read_sound, unused_recording
from undertone.studies.build.render import ClipRenderer, RenderedClip
from undertone.studies.design.study_file import StudyFile

VOLUME_SECONDS = 6.0


def presented_systems(study: StudyFile) -> list[dict[str, Any]]:
    """Return what raters hear as one item: the systems, or in an A/B study every ordered pair of them."""
    if study.comparison == "single":
        return [{"name": s.name, "role": s.role, "definition": s.model_dump(mode="json")} for s in study.systems]
    return [
        {"name": _pair_name(a.name, b.name), "role": "system", "definition": {"first": a.name, "second": b.name}}
        for a, b in permutations(study.systems, 2)
    ]


def make_clips(
    study: StudyFile, renderer: ClipRenderer, recordings: list[Recording], progress: CallProgress = CallProgress()
) -> list[RawClip]:
    """Render what has to be rendered and read what is supplied.

    Raises:
        DesignError: something is missing or cannot be used; the text names it.
        Cancelled: `progress` said so; what was rendered is kept.
    """
    total = len(study.systems) * len(recordings)
    raw: dict[tuple[str, str], RenderedClip] = {}
    for done, rendering in enumerate(renderer.all(), 1):
        if rendering is not None:
            raw[rendering.system, rendering.prompt] = rendering
        progress.update(done, total)
    main = [RawClip("main", r.waveform, r.provenance, r.system, r.prompt) for r in raw.values()]
    main = trim_to_shortest(main, study.preparation)
    if study.comparison == "ab":
        main = _pairs(study, main)
    known = known_sets(study, main) if study.trials is not None else known_clips(study, raw, main)
    return trim_to_shortest([*main, *known, *_volume_clips(study)], study.preparation)


def _pairs(study: StudyFile, clips: list[RawClip]) -> list[RawClip]:
    by_key = {(clip.system, clip.prompt): clip for clip in clips}
    pause = study.preparation.pause_seconds
    return [
        RawClip(
            "main",
            join_pair(by_key[a.name, prompt].waveform, by_key[b.name, prompt].waveform, pause),
            {"first": by_key[a.name, prompt].provenance, "second": by_key[b.name, prompt].provenance},
            _pair_name(a.name, b.name),
            prompt,
        )
        for prompt in dict.fromkeys(clip.prompt for clip in clips)
        for a, b in permutations(study.systems, 2)
    ]


def _volume_clips(study: StudyFile) -> list[RawClip]:
    """Return a recording that nobody rates; where there is none, the volume page makes a noise of its own."""
    path = unused_recording(study)
    if path is None or not any(section.kind == "volume" for section in study.sections):
        return []
    sound = read_sound(path)[: round(VOLUME_SECONDS * SAMPLE_RATE_HZ)]
    return [RawClip("volume", sound, {"file": path.name})]


def _pair_name(first: str, second: str) -> str:
    return f"{first}-then-{second}"
