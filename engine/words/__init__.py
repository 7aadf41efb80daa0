"""Words read from tokens: runs of phones, a lexicon as a tree, and a Viterbi search that allows for misheard phones.

`decoder.WordDecoder` is public; `phone_runs.phone_runs` gives the phones of a token sequence. `spoken_text` is the
other way round: a written text as the words that a reader says.
"""

from undertone.engine.words.decoder import HeardWord, WordDecoder
from undertone.engine.words.phone_runs import PhoneRun, phone_runs

__all__ = ["HeardWord", "PhoneRun", "WordDecoder", "phone_runs"]
