"""The sounds of an evaluation as files, listed as VERSA and Kaldi read them: `NAME.scp`, a line "CLIP PATH" each."""

from collections.abc import Mapping

import soundfile
from torch import Tensor

from undertone.engine.files.atomic_files import whole_file, write_whole
from undertone.studies.evaluation.context import EvaluationContext


def keep_sounds(measuring: EvaluationContext, clip_id: str, waveforms: Mapping[str, Tensor]) -> None:
    """Write waveforms [samples] of one clip, each in the folder of its name, and list them; nothing without a folder.

    A clip that is listed already is replaced.
    """
    if measuring.sounds is None:
        return
    for name, waveform in waveforms.items():
        path = measuring.sounds.resolve() / name / f"{clip_id.replace('/', '-')}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished:
            soundfile.write(unfinished, waveform.numpy(), measuring.engine.sample_rate_hz, format="WAV")
        listing = measuring.sounds / f"{name}.scp"
        lines = listing.read_text(encoding="utf-8").splitlines() if listing.exists() else []
        others = [line for line in lines if line.split(" ", 1)[0] != path.stem]
        write_whole(listing, "\n".join(sorted([*others, f"{path.stem} {path}"])) + "\n")
