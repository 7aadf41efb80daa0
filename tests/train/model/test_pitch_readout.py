"""The linear readout of pitch."""

import torch

from undertone.train.model.pitch_readout import LOG_HZ_MEAN, LOG_HZ_STD, PitchReadout


def test_a_readout_that_knows_the_pitch_reads_it_and_what_was_not_measured_does_not_count() -> None:
    readout = PitchReadout(4)
    with torch.no_grad():
        readout.weight.zero_()
        readout.bias.zero_()
        readout.weight[0, 0] = 1.0
        readout.weight[1, 1] = 50.0
    hz = torch.tensor([[100.0, 200.0, 0.0, torch.nan, 300.0]])
    mask = torch.tensor([[True, True, True, True, False]])
    latents = torch.zeros(1, 5, 4)
    latents[0, :, 0] = (hz[0].nan_to_num(900.0).clamp_min(1).log() - LOG_HZ_MEAN) / LOG_HZ_STD
    latents[0, :, 1] = torch.tensor([1.0, 1.0, -1.0, -1.0, -1.0])
    reading = readout(latents, hz, mask)
    assert reading.log_f0 < 1e-6
    assert reading.voicing < 1e-6
