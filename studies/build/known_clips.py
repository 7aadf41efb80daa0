"""Clips with known answers: golds, training items and traps, each a clip or, in a study of sets, a trial of clips.

The clips of one trial share the number `set` in what is expected of them.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from undertone.engine import UndertoneError
from undertone.studies.build.prepare import RawClip, splice_instruction
from undertone.studies.build.recordings import read_sound
from undertone.studies.build.render import RenderedClip
from undertone.studies.design.errors import DesignError
from undertone.studies.design.kinds import MushraTrial
from undertone.studies.design.sources import KnownAnswer, KnownClip, KnownItem, KnownSet, Trap
from undertone.studies.design.study_file import StudyFile, clips_per_trial, rated_systems
from undertone.studies.store.tables import StimulusKind

_Sound = RawClip | RenderedClip


def known_clips(
    study: StudyFile, rendered: Mapping[tuple[str, str], RenderedClip], main: Sequence[RawClip]
) -> list[RawClip]:
    """Return the training items, golds and traps of a study that rates clips by themselves.

    Args:
        rendered: the study's sounds by system and prompt, untrimmed.
        main: what is rated; a trap is spoken in one of them.
    Raises:
        DesignError: a sound is missing or does not fit; it is named.
    """
    kinds: tuple[tuple[StimulusKind, Sequence[KnownItem | KnownSet]], ...] = (
        ("training", study.training),
        ("gold", study.golds),
    )
    found = [
        replace(_known_clip(study, item, kind, rendered), expected=_expected(item.expected, item.feedback))
        for kind, items in kinds
        for item in items
        if isinstance(item, KnownItem)
    ]
    return found + [_trap_clip(study, trap, _carrier(study, number, main)) for number, trap in enumerate(study.traps)]


def known_sets(study: StudyFile, main: Sequence[RawClip]) -> list[RawClip]:
    """Return the clips of the training trials, of golds and of traps, where a trial has several clips.

    Args:
        main: what is rated, cut to one length for each prompt.
    Raises:
        DesignError: a sound is missing or does not fit; it is named.
    """
    sounds = {(clip.system or "", clip.prompt or ""): clip for clip in main}
    kinds: tuple[tuple[StimulusKind, Sequence[KnownItem | KnownSet]], ...] = (
        ("training", study.training),
        ("gold", study.golds),
    )
    sets = [
        [_of_set(study, clip, _known_clip(study, clip, kind, sounds), item.feedback) for clip in item.clips]
        for kind, items in kinds
        for item in items
        if isinstance(item, KnownSet)
    ]
    sets += [_trap_set(study, trap, number, main) for number, trap in enumerate(study.traps)]
    return [clip for number, clips in enumerate(sets) for clip in _as_set(study, number, clips)]


def _trap_set(study: StudyFile, trap: Trap, number: int, main: Sequence[RawClip]) -> list[RawClip]:
    """Return a trial in which one clip says how to answer it; the others are other systems' of the same prompt."""
    reference = _reference(study)
    rated = [clip for clip in main if clip.system in rated_systems(study)]
    carrier = _carrier(study, number, [clip for clip in rated if clip.system != reference])
    others = [clip for clip in rated if clip.prompt == carrier.prompt and clip.system != carrier.system]
    wanted = clips_per_trial(study) - 1
    if len(others) < wanted:
        raise DesignError(f"trap {number + 1} needs {wanted} other clips of prompt {carrier.prompt!r}; add recordings.")
    chosen = random.Random(f"{study.seed} set of trap {number}").sample(others, wanted)
    fillers = [
        RawClip("trap", one.waveform, one.provenance, expected=_expected({}, "", one.system == reference))
        for one in chosen
    ]
    return [_trap_clip(study, trap, carrier), *fillers]


def _of_set(study: StudyFile, clip: KnownClip, raw: RawClip, feedback: str) -> RawClip:
    is_reference = clip.system is not None and clip.system == _reference(study)
    return replace(raw, expected=_expected(clip.expected, feedback, is_reference))


def _as_set(study: StudyFile, number: int, clips: Sequence[RawClip]) -> list[RawClip]:
    """Return the clips with their trial's number, cut to the shortest of them where the study wants equal lengths."""
    length = min(len(clip.waveform) for clip in clips)
    return [
        replace(
            clip,
            waveform=clip.waveform[:length] if study.preparation.equal_length else clip.waveform,
            expected={**(clip.expected or {}), "set": number},
        )
        for clip in clips
    ]


def _reference(study: StudyFile) -> str | None:
    """Return the system that is MUSHRA's reference."""
    if not isinstance(study.trials, MushraTrial):
        return None
    return next(system.name for system in study.systems if system.role == "ground_truth")


def _expected(answers: Mapping[str, KnownAnswer], feedback: str, is_reference: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {
        "answers": {scale: answer.model_dump() for scale, answer in answers.items()},
        "feedback": feedback,
    }
    return {**found, "reference": True} if is_reference else found


def _known_clip(
    study: StudyFile, item: KnownClip, kind: StimulusKind, sounds: Mapping[tuple[str, str], _Sound]
) -> RawClip:
    if item.audio is not None:
        path = study.resolved(item.audio)
        return RawClip(kind, read_sound(path), {"file": path.name})
    sound = sounds.get((item.system or "", item.prompt or ""))
    if sound is None:
        raise DesignError(f"a {kind} item names {item.system!r} and {item.prompt!r}, which this study has not.")
    return RawClip(kind, sound.waveform, sound.provenance)


def _carrier(study: StudyFile, number: int, main: Sequence[RawClip]) -> RawClip:
    """Return the clip in which a trap's instruction is spoken."""
    return random.Random(f"{study.seed} trap {number}").choice(main)


def _trap_clip(study: StudyFile, trap: Trap, carrier: RawClip) -> RawClip:
    expected = _expected(trap.expected, "")
    if trap.audio is not None:
        path = study.resolved(trap.audio)
        return RawClip("trap", read_sound(path), {"file": path.name}, expected=expected)
    assert trap.instruction is not None
    path = study.resolved(trap.instruction)
    try:
        sound = splice_instruction(carrier.waveform, read_sound(path), trap.after_seconds)
    except UndertoneError as error:
        raise DesignError(f"trap {path.name}: {error}") from error
    return RawClip("trap", sound, {"file": path.name, "carrier": carrier.provenance}, expected=expected)
