"""Prosody: latents edited, drawn anew, carried over or morphed while the words stay; renderings and their replay."""

from engine.probe import DimensionProbe, DirectionProbe, Effect, LatentStatistics, Measured, ProbeReport, load_probe
from engine.prosody.alignment import Alignment, align, transfer_latents, unit_distances
from engine.prosody.draws import draw_latents, redraw_latents
from engine.prosody.edit import DimensionEdit, DirectionEdit, LatentEdit, apply_edit
from engine.prosody.morph import Frames, morph_frames
from engine.prosody.rendering import EditedTake, Rendering
from engine.prosody.replay import Recording, replay, replay_take
from engine.prosody.request import reference_statistics
from engine.prosody.resynthesis import DRAFT_STEPS, continue_from_edited, draft, morph, resynthesise
from engine.prosody.settings import (
    LatentSource,
    MorphedLatents,
    OwnLatents,
    ProsodySettings,
    RecordingSettings,
    RedrawnLatents,
    TransferredLatents,
)
from engine.watch import Cancelled, Watch

__all__ = [
    "DRAFT_STEPS",
    "Alignment",
    "Cancelled",
    "DimensionEdit",
    "DimensionProbe",
    "DirectionEdit",
    "DirectionProbe",
    "EditedTake",
    "Effect",
    "Frames",
    "LatentEdit",
    "LatentSource",
    "LatentStatistics",
    "Measured",
    "MorphedLatents",
    "OwnLatents",
    "ProbeReport",
    "ProsodySettings",
    "Recording",
    "RecordingSettings",
    "RedrawnLatents",
    "Rendering",
    "TransferredLatents",
    "Watch",
    "align",
    "apply_edit",
    "continue_from_edited",
    "draft",
    "draw_latents",
    "load_probe",
    "morph",
    "morph_frames",
    "redraw_latents",
    "reference_statistics",
    "replay",
    "replay_take",
    "resynthesise",
    "transfer_latents",
    "unit_distances",
]
