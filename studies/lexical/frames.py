"""Tokens and posteriors of the recordings of lexical pairs: from a prepared folder, or from a corpus by an engine."""

import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from undertone.engine import Engine
from undertone.engine.audio.loudness import to_loudness
from undertone.engine.audio.mel import LogMel, normalise
from undertone.engine.generation.speech import pitch_input
from undertone.engine.network import VAEGSLM
from undertone.studies.errors import MeasureError
from undertone.studies.lexical.scoring import ClipFrames
from undertone.studies.measures.heldout import HeldOut, manifest_rows, read_trimmed

CLIPS_IN_MEMORY = 4096


class PreparedFrames:
    """Clips of a flat prepared folder: stored units, and the posteriors that the model makes of the stored mels.

    Args:
        prepared: folder with index.jsonl and mel.f16.
        tokens: units of the same frames, uint16.
        model: whose posterior it is.
    """

    def __init__(self, prepared: Path, tokens: Path, model: VAEGSLM) -> None:
        self.model = model
        rows = map(json.loads, (prepared / "index.jsonl").read_text(encoding="utf-8").splitlines())
        self._where = {row["clip_id"]: (row["frame_offset"], row["num_frames"]) for row in rows}
        self._mel = np.memmap(prepared / "mel.f16", dtype=np.float16, mode="r").reshape(-1, model.config.mel.num_mels)
        self._tokens = np.memmap(tokens, dtype=np.uint16, mode="r")
        if len(self._tokens) < len(self._mel):
            raise MeasureError(
                f"{tokens} has {len(self._tokens)} frames, {prepared} has {len(self._mel)}: clips were added since. "
                "Run `undertone tokens` again, which adds theirs."
            )
        self.clip = lru_cache(CLIPS_IN_MEMORY)(self._clip)

    @torch.inference_mode()
    def _clip(self, clip_id: str) -> ClipFrames:
        if clip_id not in self._where:
            raise MeasureError(f"clip {clip_id} is not in the prepared folder; the pairs were made from another one.")
        offset, count = self._where[clip_id]
        config = self.model.config.mel
        mel = torch.from_numpy(self._mel[offset : offset + count].astype(np.float32))
        posterior = self.model.posterior(normalise(mel, config)[None].to(self.model.device))
        return ClipFrames(torch.from_numpy(self._tokens[offset : offset + count].astype(np.int64)), posterior)


class RecordedFrames:
    """Recordings of a corpus with manifest.tsv, prepared and analysed as for training by a bundle's own parts."""

    def __init__(self, engine: Engine, corpus: Path) -> None:
        self.engine, self.corpus = engine, corpus
        self._mel = LogMel(engine.bundle.config.model.mel)
        self._files = {row["utt_id"]: row for row in manifest_rows(corpus)}
        self.clip = lru_cache(CLIPS_IN_MEMORY)(self._clip)

    @torch.inference_mode()
    def _clip(self, clip_id: str) -> ClipFrames:
        if clip_id not in self._files:
            raise MeasureError(f"clip {clip_id} is not in {self.corpus}; the pairs were made from another corpus.")
        row, bundle = self._files[clip_id], self.engine.bundle
        waveform = read_trimmed(
            self.engine, HeldOut(clip_id, self.corpus / row["file"], row["speaker"], row["transcript"])
        )
        if bundle.config.prompt_loudness_lufs is not None:
            waveform = to_loudness(waveform, self.engine.sample_rate_hz, bundle.config.prompt_loudness_lufs)
        waveform = waveform.clamp(-1.0, 1.0)
        mel = normalise(self._mel(waveform), self._mel.config)
        tokens = bundle.tokenizer.tokens(waveform)[: len(mel)]
        contour = pitch_input(bundle.config.model, waveform.to(self.engine.device), len(mel))
        return ClipFrames(tokens, bundle.model.posterior(mel[None].to(self.engine.device), pitch=contour))
