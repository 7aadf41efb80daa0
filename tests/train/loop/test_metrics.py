"""Metrics over processes."""

import torch

from undertone.train.loop.metrics import reduce_metrics


class FourProcesses:
    """An accelerator whose processes all sent the same but for their clocks and signals."""

    num_processes, is_main_process, device = 4, True, torch.device("cpu")

    def gather(self, own: torch.Tensor) -> torch.Tensor:
        self.sent = own.clone()
        rows = own.repeat(4, 1)
        rows[1:, 1] = 0.0
        rows[2, 2] = 15.0
        return rows


def test_values_are_sent_in_the_order_of_their_names_with_the_clock_and_a_signal_at_once() -> None:
    forwards, backwards = FourProcesses(), FourProcesses()
    agreed = reduce_metrics(forwards, {"loss": 2.0, "frames": 10.0}, 7.5, 0)  # type: ignore[arg-type]
    reduce_metrics(backwards, {"frames": 10.0, "loss": 2.0}, 7.5, 0)  # type: ignore[arg-type]
    assert torch.equal(forwards.sent, backwards.sent)
    assert (agreed.values, agreed.seconds, agreed.stop) == ({"frames": 40.0, "loss": 2.0}, 7.5, 15)
