"""The CTC loss with a symbol for unknown words."""

import pytest
import torch
from torch.nn.functional import ctc_loss

from undertone.train.alignment.ctc_loss import ctc_with_unknown


def test_without_unknown_words_the_loss_is_plain_ctc() -> None:
    log_probs = torch.randn(1, 12, 5).log_softmax(-1)
    lengths, classes, counts = torch.tensor([12]), torch.tensor([1, 2, 4]), torch.tensor([3])
    plain = ctc_loss(log_probs.transpose(0, 1), classes, lengths, counts, reduction="sum") / 3
    assert torch.allclose(ctc_with_unknown(log_probs, lengths, classes, counts), plain, atol=1e-5)


def test_an_unknown_word_asks_for_phones_but_not_for_which() -> None:
    """Any phone there gives the same loss; silence there gives a larger one."""
    lengths, counts = torch.tensor([6]), torch.tensor([3])

    def loss(path: list[int]) -> float:
        log_probs = torch.full((1, 6, 5), -8.0)
        for frame, symbol in enumerate(path):
            log_probs[0, frame, symbol] = 8.0
        return ctc_with_unknown(log_probs.log_softmax(-1), lengths, torch.tensor([1, 5, 2]), counts).item()

    one, other, silent = loss([1, 0, 3, 3, 0, 2]), loss([1, 0, 4, 4, 0, 2]), loss([1, 0, 0, 0, 0, 2])
    assert one == pytest.approx(other, abs=1e-4)
    assert one < silent - 1


def test_what_is_said_in_an_unknown_word_costs_nothing_and_what_is_around_it_does() -> None:
    """Phones 1 and 2 are known, then comes an unknown word in which 3 and 1 are heard."""
    heard = torch.tensor([1, 1, 0, 2, 2, 0, 3, 3, 1, 1])
    log_probs = (12.0 * torch.eye(4)[heard])[None].log_softmax(-1)

    def loss(*classes: int) -> float:
        one = torch.tensor
        return float(ctc_with_unknown(log_probs, one([10]), one(list(classes)), one([len(classes)])))

    assert loss(1, 2, 4) < 0.05
    assert loss(1, 2, 3, 1) < 0.05
    assert loss(1, 3, 4) > 1.0
    assert loss(1, 2) > 1.0
