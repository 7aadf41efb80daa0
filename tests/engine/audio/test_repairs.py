"""Recordings that a mixdown or a header would spoil are heard as the voice; ordinary ones keep their samples."""

import struct

import numpy as np
import pytest
import torch

from tests.engine.audio.test_reading import encoded, tone
from undertone.engine.audio.reading import check_prompt, read_and_repair, read_audio
from undertone.engine.audio.repairs import remove_offset, to_full_scale
from undertone.engine.errors import AudioError

VOICE = torch.from_numpy(tone(hz=220.0) * np.hanning(32_000).astype(np.float32))


def read_back(samples: np.ndarray | torch.Tensor, subtype: str = "FLOAT") -> torch.Tensor:
    return read_audio(encoded(np.asarray(samples), 16_000, "WAV", subtype))[0]


def channels(*parts: torch.Tensor) -> np.ndarray:
    return torch.stack(parts, 1).numpy()


SILENCE = torch.zeros_like(VOICE)
LOST = {
    "opposite phase": channels(VOICE, -VOICE),
    "nearly opposite phase": channels(VOICE, -0.9 * VOICE),
    "one of six": channels(SILENCE, SILENCE, VOICE, SILENCE, SILENCE, SILENCE),
    "one of six, others with an offset": channels(SILENCE + 0.3, SILENCE, VOICE, SILENCE, SILENCE - 0.3, SILENCE),
    "one of four": channels(SILENCE, SILENCE, SILENCE, VOICE),
}


@pytest.mark.parametrize("name", LOST)
def test_a_channel_that_the_mean_loses_is_taken_alone(name: str) -> None:
    assert torch.equal(read_back(LOST[name]), VOICE)
    assert torch.equal(check_prompt(LOST[name], 16_000), VOICE)


REPAIRED = {
    "opposite phase": (LOST["opposite phase"], ["channels of opposite phase, of which the loudest alone is used"]),
    "one of six": (LOST["one of six"], ["one live channel of 6, which alone is used"]),
    "offset": (VOICE.numpy() + 0.25, ["a constant offset of 25.0 % of full scale, which was removed"]),
    "integers": (16_384 * VOICE.numpy(), ["samples beyond full scale, which were brought back to it"]),
    "nothing": (VOICE.numpy(), []),
    "both": (
        LOST["one of six"] + 0.1,
        ["one live channel of 6, which alone is used", "a constant offset of 10.0 % of full scale, which was removed"],
    ),
}


@pytest.mark.parametrize("name", REPAIRED)
def test_what_was_repaired_is_named(name: str) -> None:
    samples, repairs = REPAIRED[name]
    assert list(read_and_repair(encoded(samples, 16_000, "WAV", "FLOAT")).repairs) == repairs


@pytest.mark.parametrize("right", [SILENCE, VOICE, 0.5 * VOICE, torch.from_numpy(tone(hz=330.0))])
def test_ordinary_stereo_is_the_mean_to_the_bit(right: torch.Tensor) -> None:
    both = torch.from_numpy(channels(VOICE, right))
    assert torch.equal(read_back(both), both.mean(1))
    assert torch.equal(check_prompt(both, 16_000), both.mean(1))


@pytest.mark.parametrize("scale", [128.0, 16_384.0, 32_768.0, 2.0**23, 2.0**31])
def test_floats_in_the_units_of_integers_become_full_scale(scale: float) -> None:
    unit = next(power for power in (2.0**7, 2.0**15, 2.0**23, 2.0**31) if 0.5 * scale <= power)
    assert torch.allclose(read_back(VOICE * scale), VOICE * scale / unit, atol=1e-6)


def test_floats_with_too_much_gain_are_turned_down_and_not_called_clipped() -> None:
    assert torch.allclose(read_back(VOICE * 8), VOICE / VOICE.abs().max(), atol=1e-6)
    check_prompt(read_back(VOICE * 8), 16_000)


def test_a_click_far_beyond_full_scale_does_not_make_the_voice_quiet() -> None:
    clicked = VOICE.clone()
    clicked[100] = 1e30
    expected = VOICE.clone()
    expected[100] = 1.0
    assert torch.equal(read_back(clicked), expected)


def test_samples_up_to_twice_full_scale_are_left_as_they_are() -> None:
    assert torch.equal(read_back(VOICE * 3.9), VOICE * 3.9)


@pytest.mark.parametrize("samples", [VOICE.double() * 1e30, VOICE.double() * 1e300, VOICE * 3e38])
def test_samples_larger_than_any_integer_type_are_refused(samples: torch.Tensor) -> None:
    with pytest.raises(AudioError, match=r"samples as large as|not numbers"):
        read_back(samples, "DOUBLE")


@pytest.mark.parametrize("offset", [0.45, -0.1, 0.01])
def test_an_offset_is_removed_before_anything_is_measured(offset: float) -> None:
    clean = check_prompt(VOICE, 16_000)
    assert torch.allclose(read_back(VOICE + offset), VOICE, atol=1e-3)
    assert torch.allclose(check_prompt(VOICE + offset, 16_000), clean, atol=1e-3)


def test_a_recording_without_an_offset_keeps_its_samples_to_the_bit() -> None:
    slight = VOICE + 0.015 * VOICE.std()
    assert torch.equal(remove_offset(slight), slight)
    assert torch.equal(to_full_scale(slight), slight)
    assert torch.equal(read_back(slight), slight)
    assert torch.equal(check_prompt(slight, 16_000), slight)


@pytest.mark.parametrize("promised", [0, 2**32 - 1])
@pytest.mark.parametrize("riff_size", [0, 36, 2**32 - 1])
def test_a_wav_whose_header_was_never_finished_is_read_whole(promised: int, riff_size: int) -> None:
    data = bytearray(encoded(VOICE.numpy(), 16_000, "WAV", "PCM_16"))
    expected, _ = read_audio(bytes(data))
    data[4:8], data[40:44] = struct.pack("<I", riff_size), struct.pack("<I", promised)
    assert torch.equal(read_audio(bytes(data))[0], expected)
