"""The VAE-GSLM network: modules, samplers of the decoder, losses. No files, no audio, no request state."""

from engine.network.cache import KeyValueCache
from engine.network.diffusion import Diffusion, Solver
from engine.network.forward import Part, TrainingDraws, TrainingForward
from engine.network.gaussian import Gaussian
from engine.network.losses import Losses, losses, total
from engine.network.model import VAEGSLM
from engine.network.prior import Prior
from engine.network.storage import favour_single_frames

__all__ = [
    "VAEGSLM",
    "Diffusion",
    "Gaussian",
    "KeyValueCache",
    "Losses",
    "Part",
    "Prior",
    "Solver",
    "TrainingDraws",
    "TrainingForward",
    "favour_single_frames",
    "losses",
    "total",
]
