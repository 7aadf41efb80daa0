"""Initial weights from another run."""

import logging
from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from undertone.train.loop.divergence import TrainingError

log = logging.getLogger(__name__)


def load_matching_weights(module: nn.Module, weights: Path) -> list[str]:
    """Load every weight of the same name and shape from a safetensors file.

    Returns:
        the names that were taken.
    Raises:
        TrainingError: the file is missing, or nothing in it fits.
    """
    if not weights.is_file():
        raise TrainingError(f"start: {weights} does not exist; expected a safetensors file of an earlier run")
    own = module.state_dict()
    stored = load_file(str(weights))
    fitting = {name: value for name, value in stored.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        raise TrainingError(f"start: no weight of {weights} has the name and shape of one of {type(module).__name__}")
    module.load_state_dict({name: value.to(own[name].dtype) for name, value in fitting.items()}, strict=False)
    log.info("%d of %d weights taken from %s", len(fitting), len(own), weights)
    return sorted(fitting)
