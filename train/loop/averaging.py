"""Exponential average of a network's weights, the ones that a stage exports."""

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def averaged_model(model: nn.Module, decay: float) -> AveragedModel:
    """Average whose horizon grows with the run up to `decay`, so that the random start is soon forgotten."""

    def average(mean: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        return mean.lerp(current, 1 - min(decay, (1 + int(count)) / (10 + int(count))))

    return AveragedModel(model, avg_fn=average)
