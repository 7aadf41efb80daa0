"""The optional packages by extra, so that a missing one ends in one line with the command that installs it.

The table repeats pyproject.toml under the names by which the packages are imported; a test compares the two.
"""

EXTRAS: dict[str, tuple[str, ...]] = {
    "compiled": ("numba",),
    "train": (
        "accelerate", "charset_normalizer", "lhotse", "praatio", "psutil", "pyarrow", "rapidfuzz", "sklearn",
        "tensorboard", "tokenizers", "unicode_rbnf",
    ),
    "evaluate": (
        "sklearn", "faster_whisper", "jiwer", "librosa", "matplotlib", "onnxruntime", "requests",
        "speechmos", "transformers", "unicode_rbnf",
    ),
    "export": ("onnx",),
    "mcp": ("mcp",),
    "postgresql": ("psycopg",),
    "serve": ("ray",),
    "trackers": ("trackio", "wandb"),
}  # fmt: skip
NAMED_THEMSELVES = ("compiled", "mcp", "postgresql", "serve", "trackers")  # whatever the verb
# Verbs that need more than one extra, or an extra that their first missing package does not tell.
EXTRAS_OF_VERBS = {
    "demo-bundle": "train,evaluate",
    "evaluate": "train,evaluate",
    "probe": "evaluate",
    "sweep": "train,evaluate",
}


def missing_extra(error: ModuleNotFoundError, verb: str = "") -> str | None:
    """Return one line that names the missing package and what to install, or None where no extra holds it."""
    package = (error.name or "").partition(".")[0]
    extra = next((extra for extra, packages in EXTRAS.items() if package in packages), None)
    if extra is None:
        return None
    extra = extra if extra in NAMED_THEMSELVES else EXTRAS_OF_VERBS.get(verb, extra)
    needs = f"`undertone {verb}` needs" if verb else "this needs"
    return f"{needs} the package {package}, which is not installed: pip install 'undertone[{extra}]'"
