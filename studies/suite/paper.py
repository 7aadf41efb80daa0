"""What the paper on VAE-GSLM says of its systems (arXiv 2506.14767), as far as it could be had.

Its tables were not at hand in full: opinion scores are of its table 2, error rates of its tables 1 and 3, sWUGGY of the
reviews of an earlier version with models of Libri-light, emotion of its tables 9 and 10. What is not here is shown as a
dash and was never guessed. Its systems are 40 times as large as the embedded ones, trained on a
hundred to six thousand times as much speech, and its recogniser, tokens and clips are others.
"""

from typing import Literal

Table = Literal["reconstruction", "continuation", "likelihood", "probes"]

RECORDINGS = "recordings"
BASELINES_MEANING = "M-MOS 3.24 to 3.35 over the baselines"

PUBLISHED: dict[Table, dict[str, str]] = {
    "reconstruction": {
        "VAE-GSLM": "CER 5.06 % (LibriSpeech), 4.35 % (Libri-light)",
        "VAE-GSLM - tokens": "CER 13.02 %",
        "Token-LM": "CER 5.40 % (LibriSpeech), 10.19 % (Libri-light)",
    },
    "continuation": {
        RECORDINGS: "N-MOS 3.89",
        "VAE-GSLM": "N-MOS 3.60, M-MOS 3.45",
        "Token-LM": f"N-MOS 3.19, {BASELINES_MEANING}",
        "Token-LM + Pitch": f"N-MOS 3.08, {BASELINES_MEANING}",
        "Token-LM + Acoustic": f"N-MOS 3.03, {BASELINES_MEANING}",
    },
    "likelihood": {"VAE-GSLM": "sWUGGY 60.48 %", "Token-LM": "sWUGGY 61.75 %"},
    "probes": {"VAE-GSLM": "emotion 91.6 % from both, 57.5 % from tokens"},
}


# Of its ablations on LibriSpeech, by the names of the bundles that `undertone sweep` writes. Of the others it says in
# words: a lower beta reconstructs better and is harder to predict, a higher gamma lowers CER and raises F0-RMSE.
SWEPT: dict[str, str] = {
    "sweep-beta-0.04": "CER 5.06 %",
    "sweep-gamma-0.5": "CER 5.06 %",
    "sweep-latent-4": "CER 5.06 %",
    "sweep-no-tokens": "CER 13.02 %",
}
SWEEP = "sweep-"  # in front of the name of a variant's bundle


def paper_says(table: Table, system: str, name: str = "") -> str:
    """Return the paper's numbers of a system, or of the ablation that a bundle of this name is; a dash for none."""
    if name.startswith(SWEEP):
        return SWEPT.get(name, "–") if table == "reconstruction" else "–"
    return PUBLISHED[table].get(system, "–")
