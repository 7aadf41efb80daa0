"""The CTC loss with a symbol for unknown words. B batch, T frames, P classes: the blank, which is 0, and the phones."""

import torch
from torch import Tensor
from torch.nn.functional import ctc_loss


def ctc_with_unknown(log_probs: Tensor, lengths: Tensor, classes: Tensor, num_classes: Tensor) -> Tensor:
    """Return the CTC loss per symbol, where class P is as likely as all phones together (arXiv 2201.12208).

    A word that the dictionary lacks is one symbol of class P: some phones are said there, whichever they are.

    Args:
        log_probs: [B, T, P].
        lengths: int64 [B], frames.
        classes: symbols of all items end to end.
        num_classes: int64 [B], symbols of each item.
    """
    anything = log_probs[..., 1:].logsumexp(-1, keepdim=True)
    loss = ctc_loss(
        torch.cat([log_probs, anything], dim=-1).transpose(0, 1),
        classes,
        lengths,
        num_classes,
        reduction="sum",
        zero_infinity=True,
    )
    return loss / num_classes.sum()
