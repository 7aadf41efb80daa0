"""What the frozen layers of Whisper's encoder make of every clip: computed once, stored, read in every epoch.

T frames at 50 Hz, D dims of the encoder.

The lower layers are two thirds of a training step and always give the same. Augmentation happens before them, so it is
fixed in a few copies of the corpus: the first as recorded, the others disturbed.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save
from torch import Tensor
from tqdm import tqdm

from undertone.engine.tokenizers.whisper import WhisperTokenizer
from undertone.engine.worker_pool import map_in_workers
from undertone.train.corpora.source import CorpusError, name_hash
from undertone.train.data.augmentation import AugmentationConfig, augment_waveform
from undertone.train.data.flat_arrays import rows_of_clip, update_rows
from undertone.train.data.flat_corpus import PreparedCorpus, read_index
from undertone.train.data.flat_files import Clip
from undertone.train.data.pool import is_sharded
from undertone.train.tokenizer.clip_features import PackedTokenizer


class FrozenFrames:
    """Hidden frames after the frozen layers, float16 [frames, D] of each copy of a flat prepared folder."""

    def __init__(self, paths: Sequence[Path], dim: int) -> None:
        self._copies = [np.memmap(path, dtype=np.float16, mode="r").reshape(-1, dim) for path in paths]
        self._paths = list(paths)

    def read(self, clip: Clip, num_frames: int, copy: int = 0) -> Tensor:
        """Return the hidden frames float32 [num_frames, D] of a clip in one of the copies; 0 is the recording."""
        rows = rows_of_clip(self._copies[copy], self._paths[copy], clip, count=min(num_frames, clip.num_frames))
        return torch.from_numpy(rows.astype(np.float32))

    def draw(self, clip: Clip, num_frames: int) -> Tensor:
        """Return the same of a copy drawn by torch's global generator."""
        return self.read(clip, num_frames, int(torch.randint(len(self._copies), ())))


class _FrozenTask:
    """Task of a worker: hidden frames of one copy of a clip."""

    def __init__(
        self, tokenizer: PackedTokenizer, prepared: Path, layers: int, copy: int, config: AugmentationConfig
    ) -> None:
        torch.set_num_threads(1)
        unpacked = tokenizer.unpacked()
        assert isinstance(unpacked, WhisperTokenizer)
        self._tokenizer, self._layers, self._copy = unpacked, layers, copy
        self._augmentation = config.model_copy(update={"clean_share": 0.0})
        self._corpus = PreparedCorpus(prepared)

    @torch.inference_mode()
    def __call__(self, clip: Clip) -> np.ndarray:
        """Return float16 [T, D], at most as many frames as the clip's mel has."""
        waveform = self._corpus.audio(clip)
        if self._copy:
            torch.manual_seed(name_hash(f"{clip.clip_id} {self._copy}") % 2**63)
            waveform = augment_waveform(waveform, self._augmentation)
        inputs = self._tokenizer.inputs(waveform)
        lengths = torch.tensor([self._tokenizer.num_frames(len(inputs))])
        hidden = self._tokenizer.encoder.lower(inputs[None], lengths, self._layers)[0]
        return hidden[: clip.num_frames].clamp(-65504, 65504).numpy().astype(np.float16)


def compute_frozen_frames(
    tokenizer: WhisperTokenizer,
    prepared: Path,
    layers: int,
    copies: int,
    augmentation: AugmentationConfig,
    workers: int = 2,
) -> FrozenFrames:
    """Compute what the first `layers` layers make of every copy of every clip; what is on disk is not made again.

    A copy of an hour takes D * 0.36 MB (184 MB at 512 dims). Of several processes the first computes.

    Args:
        prepared: flat prepared folder; the files lie in it.
        copies: of the corpus, at least 1; every copy but the first is disturbed, always in the same way.
    Raises:
        CorpusError: a folder in shards.
    """
    if is_sharded(prepared):
        raise CorpusError(f"{prepared} is in shards, for which no frozen layers are stored; set frozen_copies to 0")
    packed = PackedTokenizer.of(tokenizer)
    name = _fingerprint(tokenizer, layers, augmentation)
    paths = []
    for copy in range(copies):

        def rows(wanted: Sequence[Clip], copy: int = copy) -> Iterator[tuple[Clip, np.ndarray]]:
            readable = [clip for clip in wanted if clip.num_frames <= tokenizer.config.max_frames]
            arguments = (packed, prepared, layers, copy, augmentation)
            found = map_in_workers(_FrozenTask, arguments, readable, workers, chunk_size=16)
            bar = tqdm(found, total=len(readable), desc=f"frozen layers, copy {copy + 1}", mininterval=5.0)
            yield from zip(readable, bar, strict=True)

        path = prepared / f"frozen-{name}-{copy}.f16"
        paths.append(update_rows(path, read_index(prepared), np.float16, 0.0, rows, (tokenizer.config.dim,)))
    return FrozenFrames(paths, tokenizer.config.dim)


def _fingerprint(tokenizer: WhisperTokenizer, layers: int, augmentation: AugmentationConfig) -> str:
    """Return the name of what these layers make: other weights or another augmentation give another name."""
    weights = {
        key: value.contiguous().cpu()
        for key, value in tokenizer.encoder.state_dict().items()
        if not key.startswith("layers.") or int(key.split(".")[1]) < layers
    }
    return hashlib.sha256(save(weights) + augmentation.model_dump_json().encode()).hexdigest()[:12]
