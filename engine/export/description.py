"""What a caller of the graphs must know of a bundle: `voice.json`, and the costs of going from unit to unit."""

import json
from pathlib import Path
from typing import Any

from undertone.engine.audio.reading import AudioLimits
from undertone.engine.bundle import Bundle
from undertone.engine.generation.decode import BLOCK_FRAMES, vocoder_context, vocoder_history
from undertone.engine.generation.sampling import PRESETS, Sampling
from undertone.engine.tokenizers.phone_reader import PhoneReader

DESCRIPTION_FILE = "voice.json"
COSTS_FILE = "transitions.bin"  # float32 [V, V], little-endian
DRAWN_BY = {"token_temperature", "top_k", "top_p", "latent_temperature"}
LIMITS = {"min_seconds", "silence_dbfs", "max_clipped_share", "clip_level"}


def write_description(bundle: Bundle, folder: Path) -> None:
    """Write the description of a bundle beside its graphs, and the costs where its units have some."""
    costs = _costs(bundle)
    if costs is not None:
        (folder / COSTS_FILE).write_bytes(costs)
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir()) if path.suffix in (".onnx", ".bin")}
    values = description(bundle) | {"files": sizes}
    (folder / DESCRIPTION_FILE).write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def description(bundle: Bundle) -> dict[str, Any]:
    """Return the content of `voice.json` but for the bytes of its files; names and units are the configurations'."""
    config, sampling = bundle.config.model, Sampling()
    context = vocoder_context(bundle.vocoder)
    assert context is not None  # every vocoder with a graph has one
    transformer = config.transformer
    return {
        "name": bundle.name,
        "licence": bundle.config.licence,
        "languages": bundle.config.languages,
        "fingerprint": bundle.fingerprint,
        "sample_rate_hz": config.mel.sample_rate_hz,
        "frame_rate_hz": config.mel.frame_rate_hz,
        "hop_samples": config.mel.hop_samples,
        "num_mels": config.mel.num_mels,
        "num_tokens": config.num_tokens,
        "num_units": bundle.config.tokenizer.num_units,
        "token_dim": config.token_dim,
        "latent_dim": config.latent_dim,
        "learned_end": config.learned_end,
        "random_initial_state": config.quirk_random_initial_state,
        "max_positions": transformer.max_positions,
        "num_layers": transformer.num_layers,
        "num_heads": transformer.num_heads,
        "head_dim": transformer.dim // transformer.num_heads,
        "has_transition_costs": _costs(bundle) is not None,
        "prompt_loudness_lufs": bundle.config.prompt_loudness_lufs,
        "limits": AudioLimits().model_dump(include=LIMITS),
        "min_seconds": sampling.min_seconds,
        "block_frames": BLOCK_FRAMES,
        "context_frames": sampling.context_frames,
        "vocoder_context": context,
        "vocoder_history": vocoder_history(bundle.vocoder, context),
        "presets": {name: preset.model_dump(include=DRAWN_BY) for name, preset in PRESETS.items()},
    }


def _costs(bundle: Bundle) -> bytes | None:
    tokenizer = bundle.tokenizer
    if not isinstance(tokenizer, PhoneReader) or tokenizer.transition_costs is None:
        return None
    return tokenizer.transition_costs.float().cpu().numpy().astype("<f4").tobytes()
