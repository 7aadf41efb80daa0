"""Continuations of held-out sentences by a rung's model, read as phones by one judge.

The judge is an n-gram model of the phones of books that no rung was trained on and no prompt is from, so a rung's
perplexity speaks of what it says, not of the tokens that it says it in.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from undertone.engine.files.atomic_files import write_whole
from undertone.engine.generation.sampling import Sampling, token_probabilities
from undertone.engine.ladder import CONTINUATIONS, PAUSE_PHONE, ContinuationScores, Continued, RungScores
from undertone.train.alignment.segments import SILENCE
from undertone.train.corpora.source import CorpusError
from undertone.train.ladder.passages import PAUSE, Passage, TextWord
from undertone.train.ladder.rung import exported_token_lm
from undertone.train.ladder.said_phones import SaidPhones
from undertone.train.ladder.streams import TokenStream
from undertone.train.text.diagnostics import TokenModel

PROMPT_WORDS, MORE_WORDS = 8, 10
JUDGE_ORDER, JUDGE_STRENGTH = 6, 5.0  # pseudo-counts of the next shorter context
SAMPLING = Sampling(token_temperature=1.0, top_p=0.9)  # arXiv 2412.17048: 1.0 to 1.2, 0.9
PROMPT_KEY = 3_000_017  # in keys of prompts, so that none is that of a passage, a pair or a sentence


@dataclass(frozen=True)
class LadderPrompt:
    """The beginning of a held-out sentence, and the words that follow it."""

    words: tuple[TextWord, ...]  # a pause first
    more: tuple[TextWord, ...]


class PhoneJudge:
    """Interpolated n-gram model of running phones without doubles, a pause at punctuation and between sentences.

    Args:
        passages: to count.
        phones: of the dictionary.
    """

    def __init__(self, passages: Sequence[Passage], phones: Sequence[str]) -> None:
        self.names = (PAUSE_PHONE, *phones)
        said = [_without_doubles([phone for word in one.words for phone in word.phones]) for one in passages]
        self._before = [SILENCE] * (JUDGE_ORDER - 1)
        text = [np.array([*self._before, *phones], dtype=np.int64) for phones in said]
        self._model = TokenModel(text, len(self.names), JUDGE_ORDER)
        self.fingerprint = hashlib.sha256(np.concatenate(text).tobytes()).hexdigest()[:12]

    def judge(self, prompt: int, before: Sequence[int], phones: Sequence[int]) -> Continued:
        """Return phones behind the phones of a prompt of that number, with their nats."""
        context = [*self._before, *before][1 - JUDGE_ORDER :]
        nats = self._model.nats(np.array([*context, *phones], dtype=np.int64), JUDGE_ORDER, JUDGE_STRENGTH)
        return Continued(prompt=prompt, phones=tuple(self.names[phone] for phone in phones), nats=float(nats.sum()))


def find_prompts(passages: Sequence[Passage], number: int, seed: int = 0) -> list[LadderPrompt]:
    """Return the beginnings of so many sentences at most that are long enough, drawn at random.

    Raises:
        CorpusError: there is none.
    """
    long_enough = []
    for passage in passages:
        for sentence in passage.sentences:
            ends = [place + 1 for place, word in enumerate(sentence) if word.spelling]
            if len(ends) >= PROMPT_WORDS + MORE_WORDS:
                first, last = ends[PROMPT_WORDS - 1], ends[PROMPT_WORDS + MORE_WORDS - 1]
                long_enough.append(LadderPrompt((PAUSE, *sentence[:first]), sentence[first:last]))
    if not long_enough:
        words = PROMPT_WORDS + MORE_WORDS
        raise CorpusError(f"the held-out books have no sentence of {words} words to go on from; give more text")
    order = np.random.default_rng(seed).permutation(len(long_enough))[:number]
    return [long_enough[place] for place in order.tolist()]


def draw_continuations(
    stream: TokenStream,
    said: SaidPhones,
    judge: PhoneJudge,
    prompts: Sequence[LadderPrompt],
    samples: int,
    scores: RungScores,
    out: Path,
) -> ContinuationScores:
    """Return continuations of every prompt by the model of a finished rung, once, on the CPU.

    All rungs go on for as many tokens as they say the following words with, on average.

    Args:
        samples: of every prompt.
        scores: of the same model.
        out: folder of this rung and seed.
    """
    done, text = out / CONTINUATIONS, f"{judge.fingerprint} {len(prompts)} {samples}"
    if done.is_file() and (found := ContinuationScores.model_validate_json(done.read_text())).text == text:
        return found
    model = exported_token_lm(out)
    spoken = []
    for number, prompt in enumerate(prompts):
        by_word = stream.encode([*prompt.words, *prompt.more], (PROMPT_KEY, number))
        count = len(prompt.words)
        spoken.append((np.concatenate(by_word[:count]), np.concatenate(by_word[count:])))
    num_tokens = max(1, round(float(np.mean([len(more) for _, more in spoken]))))
    drawn, true = [], []
    for number, (tokens, more) in enumerate(spoken):
        generator = torch.Generator().manual_seed(number)

        def choose(logits: torch.Tensor, generator: torch.Generator = generator) -> torch.Tensor:
            return torch.multinomial(token_probabilities(logits, SAMPLING), 1, generator=generator)[:, 0]

        before = _phones(prompts[number].words)
        true.append(judge.judge(number, before, said(more)))
        rows = model.go_on(torch.from_numpy(tokens).expand(samples, -1), num_tokens, choose)
        drawn += [judge.judge(number, before, said(row)) for row in rows.numpy()]
    found = ContinuationScores(rung=scores.rung, seed=scores.seed, text=text, drawn=tuple(drawn), true=tuple(true))
    write_whole(done, found.model_dump_json())
    return found


def _phones(words: Sequence[TextWord]) -> list[int]:
    return _without_doubles([phone for word in words for phone in word.phones])


def _without_doubles(phones: Sequence[int]) -> list[int]:
    return [phone for place, phone in enumerate(phones) if not place or phone != phones[place - 1]]
