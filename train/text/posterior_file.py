"""Posteriors of every frame of the corpus, computed once: `latents-NAME.f16` [frames, 2, Z], mean and log std.

With the posterior frozen the language part needs no mel any more, and a run of frames brings its latents along.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from tqdm import tqdm

from undertone.engine.config import ModelConfig
from undertone.engine.network import VAEGSLM
from undertone.train.corpora.source import CorpusError
from undertone.train.data.flat_arrays import update_rows
from undertone.train.data.flat_corpus import PreparedCorpus
from undertone.train.data.flat_files import Clip


@dataclass(frozen=True)
class LatentFile:
    """Memory-mapped posteriors; both arrays are float16 [frames, Z] in the order of the flat files."""

    mean: np.ndarray
    logstd: np.ndarray

    @classmethod
    def read(cls, path: Path, latent_dim: int) -> "LatentFile":
        """Read a finished file.

        Raises:
            CorpusError: no such file.
        """
        if not path.is_file():
            raise CorpusError(f"{path} does not exist. Store the latents first: `undertone text latents`.")
        stored = np.memmap(path, dtype=np.float16, mode="r").reshape(-1, 2, latent_dim)
        return cls(stored[:, 0], stored[:, 1])

    def normalised(self, clip_frames: int = 200_000) -> np.ndarray:
        """Return means over each dimension's standard deviation in `clip_frames` frames, float32 [frames, Z]."""
        step = max(1, len(self.mean) // clip_frames)
        some = np.nan_to_num(self.mean[::step].astype(np.float32))
        return np.asarray((self.mean.astype(np.float32) - some.mean(0)) / (some.std(0) + 1e-6))


def latents_path(weights: Path, out: Path) -> Path:
    """Return the path of stored latents, named by the weights of the posterior alone."""
    posterior = {key: value for key, value in load_file(str(weights)).items() if key.startswith("posterior_encoder.")}
    digest = hashlib.sha256()
    for key, value in sorted(posterior.items()):
        digest.update(key.encode() + value.numpy().tobytes())
    return out / f"latents-{digest.hexdigest()[:12]}.f16"


@torch.inference_mode()
def store_latents(weights: Path, config: ModelConfig, prepared: Path, out: Path) -> Path:
    """Store the posteriors of all clips, each as a whole, once for the weights of a decoder part; added clips join.

    Args:
        weights: safetensors of the whole network, as a run exports them.
        config: sizes of that network.
        prepared: flat prepared folder; nothing is written into it.
    """
    out.mkdir(parents=True, exist_ok=True)
    network = VAEGSLM(config)
    network.load_state_dict(load_file(str(weights)))
    network.eval()
    corpus = PreparedCorpus(prepared, mel=config.mel)

    def rows(some: Sequence[Clip]) -> Iterator[tuple[Clip, np.ndarray]]:
        for clip in tqdm(some, desc="latents", mininterval=5.0):
            mel = (corpus.mel(clip) - config.mel.mean) / config.mel.std
            posterior = network.posterior(mel[None])
            both = torch.stack([posterior.mean[0], posterior.logstd[0]], dim=1)
            yield clip, both.numpy().astype(np.float16)

    path = latents_path(weights, out)
    return update_rows(path, corpus.clips, np.float16, 0.0, rows, row_shape=(2, config.latent_dim))
