"""A lexical pair, one line of a file of pairs: training writes the file, the lexical measure reads it."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from undertone.engine.config import Config

PairKind = Literal["alone", "carried"]  # after a pause, or after the speaker's own speech
FrameSpan = tuple[str, int, int]  # clip, first frame, end


class LexicalPair(Config):
    """A word and its nonword of the same phones, in one voice, after the same pause or the same piece of speech.

    The files call the nonword "twin" and the units "runs".
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    kind: PairKind
    word: str
    speaker: str
    phones: tuple[str, ...]
    nonword_phones: Annotated[tuple[str, ...], Field(alias="twin_phones")]
    bigram_nats: float  # log P(word) - log P(nonword) by phone bigrams
    before: tuple[FrameSpan, ...]  # context before both, not scored
    word_units: Annotated[tuple[FrameSpan, ...], Field(alias="word_runs")]
    nonword_units: Annotated[tuple[FrameSpan, ...], Field(alias="twin_runs")]
    num_matches: Annotated[int, Field(alias="matched")]  # neighbours as in the units' recordings, equal on both sides
