"""Writes the reduced golden copy from the full set: `python -m tests.golden.reduce`; at most 3 MB in total."""

import json
import lzma
import shutil

from safetensors.torch import save
from torch import Tensor

from tests.golden.golden import FULL, REDUCED, read_full
from undertone.engine.published.names import DIFFUSION_TABLES

KEEP = (
    "pad/in/",
    "pad/rng/",
    "pad/enc/mean",
    "pad/enc/logstd",
    "pad/sample_q",
    "pad/transformer_input",
    "pad/transformer_latent",
    "pad/prior/",
    "pad/flow/",
    "pad/log_p",
    "pad/log_q",
    "pad/ce_loss",
    "pad/rec_loss",
    "pad/kld",
    "pad/total_loss",
    "pad/utt/embedding",
    "pad/unet/eps",
    "pad/unet/cond_net",
    "pad/unet/time_emb",
    "nopad/transformer_input",
    "kv/",
    "alibi/",
    "flow/",
    "time/",
    "unet/",
    "ancestral/t0/",
    "ancestral/t500/",
    "ddim_eta0_100/start",
    "ddim_eta0_100/cond",
    "ddim_eta0_100/lengths",
    "ddim_eta0_100/out",
    "ddim_eta0_100/times",
    "ddim_eta1_7/start",
    "ddim_eta1_7/cond",
    "ddim_eta1_7/lengths",
    "ddim_eta1_7/out",
    "ddim_eta1_7/times",
    "ddim_eta1_7/noise",
    "ddim_times_100",
    "sampler/",
    "likelihood/score",
    "likelihood/rng",
    "mel/wav_12345",
    "mel/log_12345",
    "mel/norm_12345",
    "kmeans/",
    "vocoder/mel_norm",
    "vocoder/lengths",
    "vocoder/gen_raw_nown",
)
GRADIENT_BYTES = 4096  # gradients up to this size are kept: every bias and norm, the flow and the small heads


def kept(name: str, tensor: Tensor) -> bool:
    """Whether a recorded tensor is in the reduced copy."""
    if name.startswith("pad/grad/"):
        return tensor.numel() * tensor.element_size() <= GRADIENT_BYTES
    return name.startswith(KEEP)


def main() -> None:
    full = read_full()
    shutil.rmtree(REDUCED, ignore_errors=True)
    REDUCED.mkdir()
    tables = {f"decoder.{name}" for name in DIFFUSION_TABLES} - {"decoder.alphas_cumprod"}
    parts = {
        "weights": {name: tensor for name, tensor in full.weights.items() if name not in tables},
        "generator": full.generator,
        "vectors": {name: tensor for name, tensor in full.vectors.items() if kept(name, tensor)},
    }
    for name, tensors in parts.items():
        (REDUCED / f"{name}.safetensors.xz").write_bytes(lzma.compress(save(tensors), preset=9 | lzma.PRESET_EXTREME))
    cases = {name: case for name, case in full.cases.items() if name != "optim"}
    (REDUCED / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
    shutil.copyfile(FULL / "set_a" / "hp.yaml", REDUCED / "hp.yaml")
    shutil.copyfile(FULL / "set_a" / "vocoder" / "hp.yaml", REDUCED / "vocoder_hp.yaml")
    shutil.copyfile(FULL / "schedules.json", REDUCED / "schedules.json")
    total = sum(file.stat().st_size for file in REDUCED.iterdir())
    print(f"{total / 1e6:.2f} MB in {REDUCED}")


if __name__ == "__main__":
    main()
