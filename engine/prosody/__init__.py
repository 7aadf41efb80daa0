"""Prosody: latents edited, drawn anew, carried over or morphed while the words stay; renderings and their replay."""

from undertone.engine.probe import (
    DimensionProbe,
    DirectionProbe,
    Effect,
    LatentStatistics,
    Measured,
    ProbeReport,
    load_probe,
)
from undertone.engine.prosody.alignment import FrameAlignment, align, transfer_latents, unit_distances
from undertone.engine.prosody.durations import DurationChange, DurationEdit, Pause, Stretch, apply_durations
from undertone.engine.prosody.edit import DimensionEdit, DirectionEdit, LatentEdit, apply_edit
from undertone.engine.prosody.morph import DecoderFrames, morph_frames
from undertone.engine.prosody.prior_draws import draw_latents, redraw_latents
from undertone.engine.prosody.rendering import EditedTake, Rendering
from undertone.engine.prosody.replay import SourceRecording, replay_edited, replay_take
from undertone.engine.prosody.request import reference_statistics
from undertone.engine.prosody.resynthesis import DRAFT_STEPS, continue_from_edited, draft, morph, resynthesise
from undertone.engine.prosody.settings import (
    LatentSource,
    MorphedLatents,
    OwnLatents,
    ProsodySettings,
    RecordingSettings,
    RedrawnLatents,
    TransferredLatents,
)

__all__ = [
    "DRAFT_STEPS",
    "DecoderFrames",
    "DimensionEdit",
    "DimensionProbe",
    "DirectionEdit",
    "DirectionProbe",
    "DurationChange",
    "DurationEdit",
    "EditedTake",
    "Effect",
    "FrameAlignment",
    "LatentEdit",
    "LatentSource",
    "LatentStatistics",
    "Measured",
    "MorphedLatents",
    "OwnLatents",
    "Pause",
    "ProbeReport",
    "ProsodySettings",
    "RecordingSettings",
    "RedrawnLatents",
    "Rendering",
    "SourceRecording",
    "Stretch",
    "TransferredLatents",
    "align",
    "apply_durations",
    "apply_edit",
    "continue_from_edited",
    "draft",
    "draw_latents",
    "load_probe",
    "morph",
    "morph_frames",
    "redraw_latents",
    "reference_statistics",
    "replay_edited",
    "replay_take",
    "resynthesise",
    "transfer_latents",
    "unit_distances",
]
