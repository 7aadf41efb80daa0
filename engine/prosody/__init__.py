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
from undertone.engine.progress import Cancelled, Watch
from undertone.engine.prosody.alignment import Alignment, align, transfer_latents, unit_distances
from undertone.engine.prosody.edit import DimensionEdit, DirectionEdit, LatentEdit, apply_edit
from undertone.engine.prosody.morph import Frames, morph_frames
from undertone.engine.prosody.prior_draws import draw_latents, redraw_latents
from undertone.engine.prosody.rendering import EditedTake, Rendering
from undertone.engine.prosody.replay import Recording, replay, replay_take
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
