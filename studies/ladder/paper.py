"""What the modality-evolving study measured (arXiv 2412.17048, table 4), accuracies in percent, 1.1 billion parameters.

Its judgements are sWUGGY, sBLIMP and Topic-StoryCloze; its speech units are clusters of HuBERT's, of many speakers.
"""

from undertone.engine.ladder import Judgement, Rung

PUBLISHED: dict[Rung, dict[Judgement, float]] = {
    "text-bpe": {"words": 85.1, "grammar": 74.9, "topics": 73.6},
    "text-raw": {"words": 85.6, "grammar": 73.3, "topics": 66.0},
    "phone-bpe": {"words": 85.0, "grammar": 75.0, "topics": 70.9},
    "phone-raw": {"words": 85.8, "grammar": 74.5, "topics": 66.6},
    "phone-repeat": {"words": 85.5, "grammar": 66.2, "topics": 58.3},
    "speech-clusters": {"words": 50.8, "grammar": 57.3, "topics": 52.9},
}

# Of continuations, by Llama-3.1-8B on the words that Whisper has heard: not per phone, so that only the order compares.
PUBLISHED_PERPLEXITY: dict[Rung, float] = {
    "text-bpe": 51.3,
    "text-raw": 54.6,
    "phone-bpe": 59.1,
    "phone-raw": 69.1,
    "phone-repeat": 130.1,
    "speech-clusters": 313.2,
}
