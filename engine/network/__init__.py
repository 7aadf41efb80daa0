"""The VAE-GSLM network: modules, samplers of the decoder, losses. No files, no audio, no request state."""

from undertone.engine.network.compiled.step import CompiledStep
from undertone.engine.network.decoder.diffusion import Diffusion
from undertone.engine.network.decoder.student import Student
from undertone.engine.network.gaussian import Gaussian
from undertone.engine.network.layers.cache import KeyValueCache, SlotCache
from undertone.engine.network.layers.weight_layout import favour_single_frames
from undertone.engine.network.losses import Losses, losses, total
from undertone.engine.network.model import VAEGSLM
from undertone.engine.network.prior import Prior
from undertone.engine.network.training_pass import Part, TrainingDraws, TrainingForward

__all__ = [
    "VAEGSLM",
    "CompiledStep",
    "Diffusion",
    "Gaussian",
    "KeyValueCache",
    "Losses",
    "Part",
    "Prior",
    "SlotCache",
    "Student",
    "TrainingDraws",
    "TrainingForward",
    "favour_single_frames",
    "losses",
    "total",
]
