"""Pitch loss of a source-filter vocoder: YIN on the target segment."""

from torch import Tensor

from undertone.engine.vocoders import SourceFilter
from undertone.train.vocoder.segments import SegmentBatch
from undertone.train.vocoder.yin import yin


def pitch_loss(generator: SourceFilter, batch: SegmentBatch) -> Tensor:
    """Return the mean absolute difference of log pitch over voiced frames, 0 where there are none.

    An absolute difference is smallest at the median, which an octave error now and then does not move.
    """
    mel = generator.config.mel
    hz, voiced = yin(batch.waveform, mel.hop_samples, mel.sample_rate_hz)
    read = generator.log_hz(batch.log_mel)
    difference = (read - hz.log()).abs()
    return (difference * voiced).sum() / voiced.sum().clamp_min(1)
