"""Words of tokens whose units are parts of English phones: a guess, aligned in time. T frames at 50 Hz."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from torch import Tensor, nn

from undertone.engine.bundle import Bundle
from undertone.engine.config import HubertConfig
from undertone.engine.words.phone_costs import PhoneCosts
from undertone.engine.words.phone_runs import SILENCE, PhoneRun, phone_runs
from undertone.engine.words.search import FoundWord, search_words
from undertone.engine.words.vocabulary import PronunciationTree, english_tree, n_grams

USUAL_ERROR_RATE = 0.2  # where a bundle does not say what was measured
ERROR_RATES = (0.02, 0.35)  # less would be believed too much; with more there are no words to be found


@dataclass(frozen=True)
class HeardWord:
    """Word, or a stretch that no word fits.

    Attributes:
        text: in lower case; empty where no word fits.
        start, end: its first frame and the one behind its last.
        phones: runs of phones in it, as the tokenizer heard them.
        fit: share of the word's phones that were heard as they are pronounced; 0 where no word fits.
    """

    text: str
    start: int
    end: int
    phones: tuple[PhoneRun, ...]
    fit: float


class WordDecoder:
    """Search for the words that a bundle's tokens stand for. Safe to call from several threads at once."""

    def __init__(self, phones: tuple[str, ...], costs: PhoneCosts) -> None:
        """Decode tokens of a tokenizer with these phones, silence not among them."""
        self.phone_names = ("silence", *phones)
        self._phones = phones
        self._costs = costs

    @classmethod
    def of(cls, bundle: Bundle) -> "WordDecoder | None":
        """Return the decoder of a bundle's tokens; None where they are no phones of English, or too many are wrong."""
        config = bundle.config.tokenizer
        if isinstance(config, HubertConfig) or not config.phone_parts or not config.phone_parts.phones:
            return None
        rate = _measured_error_rate(bundle)
        if "en" not in bundle.config.languages or rate > ERROR_RATES[1]:
            return None
        assert isinstance(bundle.tokenizer, nn.Module)
        costs = PhoneCosts.of(bundle.tokenizer.get_buffer("centroids").cpu(), max(rate, ERROR_RATES[0]))
        return cls(config.phone_parts.phones, costs)

    def words(self, tokens: Tensor | Sequence[int]) -> list[HeardWord]:
        """Return the words of units [T] in order; what lies between them is silence.

        Takes a few hundredths of the time that the tokens take to say; the first call reads the dictionary too.
        """
        runs = phone_runs([int(token) for token in tokens])
        tree = english_tree(self._phones)
        heard: list[HeardWord] = []
        found = search_words(runs, tree, n_grams(), self._costs)
        for unfit, words in groupby(found, key=lambda word: word.text is None):
            group = list(words)
            if unfit:
                group = [FoundWord(None, group[0].first, group[-1].end, 0, 0.0)]
            heard += [_heard(word, runs, tree) for word in group if word.text != ""]
        return heard


def _heard(word: FoundWord, runs: Sequence[PhoneRun], tree: PronunciationTree) -> HeardWord:
    own = tuple(run for run in runs[word.first : word.end])
    spoken = [run for run in own if run.phone != SILENCE]
    fit = 0.0
    if word.text is not None:
        said = tree.phones_of(word.node)
        fit = _common([run.phone for run in spoken], said) / max(len(said), len(spoken))
    return HeardWord(word.text or "", spoken[0].start, spoken[-1].end, own, fit)


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for one in first:
        before = 0
        for place, other in enumerate(second, start=1):
            before, row[place] = row[place], before + 1 if one == other else max(row[place], row[place - 1])
    return row[-1]


def _measured_error_rate(bundle: Bundle) -> float:
    measured = bundle.config.measured.get("tokenizer_training")
    rate = measured.get("phone_error_rate") if isinstance(measured, dict) else None
    return float(rate) if isinstance(rate, int | float) and 0 <= rate <= 1 else USUAL_ERROR_RATE
