"""What the modality-evolving study measured (arXiv 2412.17048, table 4), accuracies in percent, 1.1 billion parameters.

Its judgements are sWUGGY, sBLIMP and Topic-StoryCloze; its speech units are of HuBERT, of many speakers.
"""

from undertone.engine.ladder import Judgement, Rung

PUBLISHED: dict[Rung, dict[Judgement, float]] = {
    "text-bpe": {"words": 85.1, "grammar": 74.9, "topics": 73.6},
    "text-raw": {"words": 85.6, "grammar": 73.3, "topics": 66.0},
    "phone-bpe": {"words": 85.0, "grammar": 75.0, "topics": 70.9},
    "phone-raw": {"words": 85.8, "grammar": 74.5, "topics": 66.6},
    "phone-repeat": {"words": 85.5, "grammar": 66.2, "topics": 58.3},
    "speech-many": {"words": 50.8, "grammar": 57.3, "topics": 52.9},
}
