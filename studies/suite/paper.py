"""What the paper on VAE-GSLM says of its systems (arXiv 2506.14767), as far as it could be had.

Its tables were not at hand in full: opinion scores are of its table 2, error rates of its tables 1 and 3, sWUGGY of the
reviews of an earlier version with models of Libri-light, emotion of its tables 9 and 10. What is not here is shown as a
dash and was never guessed; what it says in words stands below the table. Its systems are 40 times as large as the
embedded ones, trained on a hundred to six thousand times as much speech, and its recogniser, tokens and clips are
others.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Table = Literal["reconstruction", "continuation", "likelihood", "probes"]

RECORDINGS = "recordings"
SOURCE = "arXiv 2506.14767, table 2"
Opinion = float | tuple[float, float]  # a mean opinion score, or the lowest and highest of those that it is one of
BASELINES = (3.24, 3.35)  # M-MOS of the three baselines, which were had as a range alone
# By scale of a listening study, then by system.
OPINIONS: dict[str, dict[str, Opinion]] = {
    "naturalness": {
        RECORDINGS: 3.89,
        "VAE-GSLM": 3.60,
        "Token-LM": 3.19,
        "Token-LM + Pitch": 3.08,
        "Token-LM + Acoustic": 3.03,
    },
    "meaningfulness": {
        "VAE-GSLM": 3.45,
        "Token-LM": BASELINES,
        "Token-LM + Pitch": BASELINES,
        "Token-LM + Acoustic": BASELINES,
    },
}
MEASURES = {"naturalness": "N-MOS", "meaningfulness": "M-MOS"}


def opinions_of(system: str) -> str:
    """Return the paper's mean opinion scores of a system in words."""
    found = []
    for scale, scores in OPINIONS.items():
        score = scores.get(system)
        if isinstance(score, tuple):
            found.append(f"{MEASURES[scale]} {score[0]:.2f} to {score[1]:.2f} over the baselines")
        elif score is not None:
            found.append(f"{MEASURES[scale]} {score:.2f}")
    return ", ".join(found)


PUBLISHED: dict[Table, dict[str, str]] = {
    "reconstruction": {
        "VAE-GSLM": "CER 5.06 % (LibriSpeech), 4.35 % (Libri-light)",
        "VAE-GSLM - tokens": "CER 13.02 %",
        "Token-LM": "CER 5.40 % (LibriSpeech), 10.19 % (Libri-light)",
    },
    "continuation": {system: opinions_of(system) for system in OPINIONS["naturalness"]},
    "likelihood": {"VAE-GSLM": "sWUGGY 60.48 %", "Token-LM": "sWUGGY 61.75 %"},
    "probes": {"VAE-GSLM": "emotion 91.6 % from both, 57.5 % from tokens"},
}


@dataclass(frozen=True)
class Ablation:
    """One of the paper's tables of ablations on LibriSpeech: what it holds, and what is known of it.

    Attributes:
        place: the table's number in the paper.
        found: its numbers by the name of the bundle that `undertone sweep` writes of the variant.
        words: what the paper concludes.
    """

    place: str
    found: dict[str, str]
    words: str


SWEEP = "sweep-"  # in front of the name of a variant's bundle
# beta 0.04, gamma 0.5 and four dimensions are the model of the main tables, whose number stands for them here.
ABLATIONS = (
    Ablation(
        "table 3",
        {
            "sweep-beta-0.03": "",
            "sweep-beta-0.04": "CER 5.06 %",
            "sweep-beta-0.05": "",
            "sweep-no-tokens": "CER 13.02 %",
        },
        "a lower beta reconstructs better and is harder to predict",
    ),
    Ablation(
        "table 4",
        {"sweep-gamma-0.5": "CER 5.06 %", "sweep-gamma-1": "", "sweep-gamma-2": ""},
        "a higher gamma lowers the CER and raises the F0-RMSE",
    ),
    Ablation(
        "table 7",
        {"sweep-latent-4": "CER 5.06 %", "sweep-latent-16": "", "sweep-latent-64": ""},
        "16 dimensions improve some measures over 4, and 64 no further",
    ),
)
RECONSTRUCTION_ORDER = "acoustic codes reconstruct best, then VAE-GSLM, then pitch and tokens alone"  # its table 1


def ablation_of(names: Collection[str]) -> Ablation | None:
    """Return the table of ablations that all bundles of these names belong to; None where there is none."""
    return next((one for one in ABLATIONS if names and set(names) <= one.found.keys()), None)


def paper_says(table: Table, system: str, name: str = "") -> str:
    """Return the paper's numbers of a system, or of the ablation that a bundle of this name is; a dash for none."""
    if name.startswith(SWEEP):
        known = {variant: says for one in ABLATIONS for variant, says in one.found.items()}
        return known.get(name, "") or "–" if table == "reconstruction" else "–"
    return PUBLISHED[table].get(system, "–")
