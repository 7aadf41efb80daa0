"""One rung from its stream to its scores: the model is trained, exported and asked about every pair, once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import Tensor

from undertone.engine.files.atomic_files import write_whole
from undertone.engine.ladder import LAYERS, SCORES, LadderPair, LayerScores, Rung, RungScores
from undertone.engine.network.token_lm import TokenLM, TokenLMConfig
from undertone.train.ladder.pair_file import PAIR_KEY, spoken_sides
from undertone.train.ladder.passages import LadderText, Passage, Speller
from undertone.train.ladder.rung_stage import LadderSettings, RungStage
from undertone.train.ladder.splicer import Memory
from undertone.train.ladder.streams import TokenStream, encode_passages
from undertone.train.ladder.windows import pad_tokens
from undertone.train.loop.budget import Budget
from undertone.train.loop.run import run_stage
from undertone.train.loop.stage_export import CONFIG, WEIGHTS, export_stage, is_exported, trained_numbers

TOKENS_PER_BATCH = 8192  # of scoring
HELD_OUT_SENTENCES = 40  # of each book, to measure on; the pairs are made of more


@dataclass(frozen=True)
class PairTokens:
    """Tokens of the two sides of a pair, int64 [T] each, and how many in front of each are context."""

    good: np.ndarray
    bad: np.ndarray
    good_context: int
    bad_context: int


def encode_pair(stream: TokenStream, pair: LadderPair, speller: Speller, number: int) -> PairTokens:
    """Return the tokens of a pair between two pauses, both sides in one voice.

    Both take the same segments where they say the same.

    Args:
        number: of the pair, which decides what is drawn.
    """
    memory: Memory = {}
    found = []
    for side, num_before in spoken_sides(pair, speller):
        words = stream.encode(side, (PAIR_KEY, number), memory)
        found.append((np.concatenate(words), sum(map(len, words[:num_before]))))
    (good, good_context), (bad, bad_context) = found
    return PairTokens(good, bad, good_context, bad_context)


def encode_pairs(
    stream: TokenStream, pairs: Mapping[int, LadderPair], speller: Speller
) -> tuple[list[np.ndarray], list[int]]:
    """Return the tokens of good and bad sides in turn, int64 [T] each, and the context of each, of pairs by number."""
    encoded = [encode_pair(stream, pair, speller, number) for number, pair in pairs.items()]
    rows = [row for pair in encoded for row in (pair.good, pair.bad)]
    return rows, [count for pair in encoded for count in (pair.good_context, pair.bad_context)]


@torch.no_grad()
def log_likelihoods(
    nats_of: Callable[[Tensor], Tensor], rows: Sequence[np.ndarray], contexts: Sequence[int], device: torch.device
) -> np.ndarray:
    """Return the log-likelihoods in nats of each row's tokens after its context, whatever rows are beside it.

    Args:
        nats_of: a model's `nats`, or several models' as one, [B, T] or [B, T, models].
        rows: int64 [T] each.
        contexts: tokens in front of each that are not counted.
    Returns:
        float64 [rows] or [rows, models].
    """
    found: dict[int, np.ndarray] = {}
    order = sorted(range(len(rows)), key=lambda row: len(rows[row]))
    while order:
        longest = len(rows[order[-1]])
        size = max(1, TOKENS_PER_BATCH // longest)
        chosen, order = order[-size:], order[:-size]
        nats = nats_of(pad_tokens([rows[row] for row in chosen]).to(device)).double().cpu().numpy()
        for place, row in enumerate(chosen):
            found[row] = -nats[place, contexts[row] : len(rows[row])].sum(0)
    return np.array([found[row] for row in range(len(rows))])


def train_rung(
    rung: Rung,
    stream: TokenStream,
    text: LadderText,
    pairs: Sequence[LadderPair],
    fingerprint: str,
    speller: Speller,
    settings: LadderSettings,
    out: Path,
    cpu: bool = False,
) -> RungScores:
    """Train the model of a rung and score all pairs; what is finished is read, an interrupted training goes on.

    Args:
        fingerprint: of the file of pairs; scores of another one are made again.
        settings: with the seed of this model.
        out: folder of this rung and seed.
    """
    done = out / SCORES
    if done.is_file() and (found := RungScores.model_validate_json(done.read_text())).pairs == fingerprint:
        return found
    accelerator = Accelerator(cpu=cpu)
    first = [Passage(passage.book, passage.sentences[:HELD_OUT_SENTENCES]) for passage in text.held_out]
    words, held_out = encode_passages(stream, text.train), encode_passages(stream, first)
    stage = RungStage(f"{rung} {settings.seed}", settings, words, held_out, len(stream.names), accelerator)
    if not is_exported(out):
        clock = run_stage(stage, out, Budget(steps=stage.steps), accelerator, seed=settings.seed, settings=settings)
        numbers = stage.evaluate(clock.step) | {"tokens": clock.frames}
        export_stage(stage.model, stage.config, clock, out, numbers)
    model = exported_token_lm(out).to(accelerator.device)
    rows, contexts = encode_pairs(stream, dict(enumerate(pairs)), speller)
    sums = log_likelihoods(model.nats, rows, contexts, accelerator.device).tolist()
    counts = [len(row) - context for row, context in zip(rows, contexts, strict=True)]
    trained = trained_numbers(out)
    scores = RungScores(
        rung=rung,
        seed=settings.seed,
        pairs=fingerprint,
        good=tuple(sums[::2]),
        bad=tuple(sums[1::2]),
        good_tokens=tuple(counts[::2]),
        bad_tokens=tuple(counts[1::2]),
        words_seen=int(trained["steps"]) * settings.batch_size * stage.windows.window_words,
        tokens_seen=int(trained["tokens"]),
        vocabulary=len(stream.names),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        nats_per_word=trained["loss"],
        minutes=trained["minutes"],
    )
    write_whole(done, scores.model_dump_json())
    return scores


def score_layers(
    stream: TokenStream, pairs: Sequence[LadderPair], speller: Speller, scores: RungScores, out: Path
) -> LayerScores:
    """Return what every layer of a finished rung makes of the pairs that have no context, once, on the CPU.

    Args:
        scores: of the same model and pairs.
        out: folder of this rung and seed.
    """
    done = out / LAYERS
    if done.is_file() and (found := LayerScores.model_validate_json(done.read_text())).pairs == scores.pairs:
        return found
    model = exported_token_lm(out)
    asked = {number: pair for number, pair in enumerate(pairs) if not pair.context}

    def nats(tokens: Tensor) -> Tensor:
        return torch.stack(model.nats_of_layers(tokens), dim=-1)

    sums = log_likelihoods(nats, *encode_pairs(stream, asked, speller), torch.device("cpu"))
    good, bad = (tuple(map(tuple, side.T.tolist())) for side in (sums[::2], sums[1::2]))
    found = LayerScores(rung=scores.rung, seed=scores.seed, pairs=scores.pairs, places=tuple(asked), good=good, bad=bad)
    write_whole(done, found.model_dump_json())
    return found


def exported_token_lm(out: Path) -> TokenLM:
    """Return the language model that a rung's training exported, in evaluation mode."""
    model = TokenLM(TokenLMConfig.model_validate_json((out / CONFIG).read_text()))
    model.load_state_dict(load_file(str(out / WEIGHTS)))
    return model.eval()
