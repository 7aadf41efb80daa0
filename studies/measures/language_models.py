"""Language models that judge transcripts by their likelihood: the fluency of what was said, as text.

A perplexity is exp of the mean over all words or tokens of all texts, not the mean of the texts' perplexities. It means
something only beside that of natural speech under the same model, read by the same recogniser: a recogniser's own
language model makes words of babble that follow each other as words do.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F

from undertone.engine.words.vocabulary import n_grams
from undertone.studies.errors import MeasureError, NotInstalledError
from undertone.studies.measures.intelligibility import INSTALL
from undertone.studies.measures.intervals import ShareEstimate

ORDER = 3
MIN_COUNT = 2  # of a word in the text that n-grams are counted on; rarer ones are one class
UNKNOWN = "<unk>"
Context = tuple[str, ...]


class LanguageModel(Protocol):
    """Model of running text without punctuation, in lower case."""

    @property
    def name(self) -> str:
        """Return what stands in reports."""
        ...

    def nats(self, text: str) -> ShareEstimate:
        """Return -ln P of a text, and how many words or tokens were scored."""
        ...


class WordNgrams:
    """Interpolated word n-grams with Witten-Bell smoothing, counted on a text.

    P(word | context) = (count + kinds * P(word | shorter context)) / (total + kinds), with the counts and the kinds of
    words behind the context; the shortest one is interpolated with the uniform distribution. Words rarer than
    `min_count` are one class, whose probability is shared evenly by as many words as it was made of.

    Args:
        name: what stands in reports.
        words: running text.
        order: of the longest n-grams.
        min_count: of a word of its own.
    Raises:
        MeasureError: no words.
    """

    def __init__(self, name: str, words: Sequence[str], order: int = ORDER, min_count: int = MIN_COUNT) -> None:
        if not words:
            raise MeasureError("there is no text to count words in; give --prose a folder with sentences.")
        self._name, self.order = name, order
        counts = Counter(words)
        known = {word for word, count in counts.items() if count >= min_count}
        self._rare_kinds = max(1, len(counts) - len(known))
        self.vocabulary = frozenset(known | {UNKNOWN})
        classes = [word if word in known else UNKNOWN for word in words]
        self._counts: dict[Context, Counter[str]] = defaultdict(Counter)
        for length in range(order):
            for end in range(length, len(classes)):
                self._counts[tuple(classes[end - length : end])][classes[end]] += 1
        self._totals = {context: counted.total() for context, counted in self._counts.items()}

    @property
    def name(self) -> str:
        """Return what stands in reports."""
        return self._name

    def probability(self, word: str, context: Sequence[str] = ()) -> float:
        """Return P(word | the words before it); of them the last order - 1 count, at most."""
        known = word if word in self.vocabulary else UNKNOWN
        classes = [one if one in self.vocabulary else UNKNOWN for one in context]
        chance = 1 / len(self.vocabulary)
        for length in range(min(self.order - 1, len(classes)) + 1):
            before = tuple(classes[len(classes) - length :])
            if before in self._totals:
                counted, total = self._counts[before], self._totals[before]
                chance = (counted[known] + len(counted) * chance) / (total + len(counted))
        return chance / self._rare_kinds if known == UNKNOWN else chance

    def nats(self, text: str) -> ShareEstimate:
        """Return -ln P of a text, and its words."""
        words = text.split()
        nats = (
            -math.log(self.probability(word, words[max(0, place - self.order + 1) : place]))
            for place, word in enumerate(words)
        )
        return ShareEstimate(math.fsum(nats), len(words))


class PackagedNgrams:
    """The trigrams of US English that PocketSphinx carries; a word that they lack is left out of text and context."""

    name = "PocketSphinx's US English trigrams"

    def nats(self, text: str) -> ShareEstimate:
        """Return -ln P of a text, and its words that the model knows."""
        grams = n_grams()
        before: list[str] = []
        total = 0.0
        for word in text.split():
            found = grams.log_probability(word, *before[:-ORDER:-1])
            if math.isfinite(found):
                total -= found
                before.append(word)
        return ShareEstimate(total, len(before))


class TransformersModel:
    """A causal language model of `transformers`, which counts its own tokens, the first after the one that begins.

    Args:
        name: what stands in reports.
        tokenizer, model: as `transformers` loads them; see `load`.
    """

    def __init__(self, name: str, tokenizer: Any, model: Any) -> None:
        self.name, self._tokenizer, self._model = name, tokenizer, model.eval()
        begins = (tokenizer.bos_token_id, tokenizer.eos_token_id)
        self._begin = next((token for token in begins if token is not None), None)

    @classmethod
    def load(cls, name: str) -> "TransformersModel":
        """Load a model by its folder or its name on the Hub.

        Raises:
            NotInstalledError: the package transformers is missing.
            MeasureError: no such model, or none that can be had here.
        """
        try:
            from transformers import AutoModelForCausalLM, AutoTokenizer
        except ModuleNotFoundError as error:
            raise NotInstalledError(f"perplexity under {name} needs the package transformers: `{INSTALL}`.") from error
        try:
            return cls(name, AutoTokenizer.from_pretrained(name), AutoModelForCausalLM.from_pretrained(name))
        except (OSError, ValueError) as error:
            raise MeasureError(f"the language model {name!r} cannot be loaded: {error}") from error

    @torch.inference_mode()
    def nats(self, text: str) -> ShareEstimate:
        """Return -ln P of a text, and its tokens; without a token that begins, the first is not scored."""
        tokens = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        if self._begin is not None and tokens:
            tokens = [self._begin, *tokens]
        if len(tokens) < 2:
            return ShareEstimate(0.0, 0)
        ids = torch.tensor([tokens])
        logits = self._model(input_ids=ids).logits[0, :-1].float()
        return ShareEstimate(float(F.cross_entropy(logits, ids[0, 1:], reduction="sum")), len(tokens) - 1)
