"""Exponential moving average of a network's weights, which is what a stage exports."""

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel


def averaged_model(model: nn.Module, decay: float) -> AveragedModel:
    """Return a moving average of the weights, whose decay grows with the updates up to `decay`.

    After n updates the decay is (1 + n) / (10 + n) at most, so that the random start has no weight for long.
    """

    def average(mean: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        return mean.lerp(current, 1 - min(decay, (1 + int(count)) / (10 + int(count))))

    return AveragedModel(model, avg_fn=average)
