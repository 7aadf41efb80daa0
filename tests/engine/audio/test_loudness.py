"""The loudness of a recording, and where there is none to measure."""

import pytest
import torch

from tests.clips import speechlike
from undertone.engine.audio.loudness import integrated_loudness, to_loudness
from undertone.engine.errors import AudioError

SOUND = 0.3 * speechlike(2.0)


def test_loudness_follows_the_level() -> None:
    loud, soft = integrated_loudness(SOUND, 16_000), integrated_loudness(0.5 * SOUND, 16_000)
    assert loud is not None
    assert soft is not None
    assert loud - soft == pytest.approx(6.02, abs=0.01)
    assert integrated_loudness(to_loudness(SOUND, 16_000, -30.0), 16_000) == pytest.approx(-30.0, abs=0.05)


@pytest.mark.parametrize("nothing", [SOUND[:6_000], torch.zeros(16_000)])
def test_what_is_short_or_silent_has_none(nothing: torch.Tensor) -> None:
    assert integrated_loudness(nothing, 16_000) is None
    with pytest.raises(AudioError):
        to_loudness(nothing, 16_000)
