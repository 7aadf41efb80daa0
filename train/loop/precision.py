"""The precision of a training pass: bfloat16 where the device computes in it, float32 where it only emulates it."""

import logging
from functools import cache

import torch

log = logging.getLogger(__name__)


@cache
def computes_bfloat16(device_type: str) -> bool:
    """Return whether a device multiplies in bfloat16; without AVX-512 a CPU emulates it, some 60 times slower."""
    if device_type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device_type != "cpu" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def autocast(device_type: str, bfloat16: bool, counted: bool = False) -> torch.autocast:
    """Return the context of a forward pass.

    Args:
        device_type: "cpu", "cuda" or another of torch.
        bfloat16: whether the recipe asks for it; where the device cannot, it is float32, and the log says so once.
        counted: nothing is computed, bytes are counted for a device that computes in it.
    """
    usable = bfloat16 and (counted or computes_bfloat16(device_type))
    if bfloat16 and not usable:
        _note_float32(device_type)
    return torch.autocast(device_type, torch.bfloat16, enabled=usable)


@cache
def _note_float32(device_type: str) -> None:
    log.info("this %s has no bfloat16 arithmetic; passes are computed in float32", device_type)
