"""Predicted sound quality: DNSMOS (arXiv 2010.15258), whose networks the package speechmos carries.

It was made for noise suppressors and hears buzz, hiss and mumbling; it knows nothing of words or of the speaker.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from undertone.studies.errors import NotInstalledError
from undertone.studies.measures.intelligibility import INSTALL, SAMPLE_RATE_HZ


def check_dnsmos_installed() -> None:
    """Raise NotInstalledError, naming the command, where the networks or what runs them is missing."""
    for package in ("speechmos", "onnxruntime", "librosa", "requests"):  # speechmos does not name what it imports
        if find_spec(package) is None:
            raise NotInstalledError(f"DNSMOS needs the package {package}: `{INSTALL}`.")


def dnsmos(waveform: Tensor) -> float:
    """Return the overall quality, 1 to 5, of float32 [samples] at 16 kHz; what is shorter than 9 s is repeated."""
    samples = waveform.clamp(-1.0, 1.0).numpy().astype(np.float32)
    return float(_networks()(samples, SAMPLE_RATE_HZ, False)["ovrl_mos"])


@lru_cache(maxsize=1)
def _networks() -> Any:
    """Return DNSMOS on one thread, as several processes measure side by side."""
    check_dnsmos_installed()
    import onnxruntime
    from speechmos import dnsmos as package

    folder = Path(package.__file__).parent / "dnsmos_models"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    paths = [str(folder / name) for name in ("sig_bak_ovr.onnx", "model_v8.onnx")]
    networks = package.DNSMOS(*paths)
    networks.onnx_sess, networks.p808_onnx_sess = (onnxruntime.InferenceSession(path, options) for path in paths)
    return networks
