"""What the Ladder page shows, as HTML: how the run was made, its statements, and sentences as tokens."""

from collections.abc import Sequence
from html import escape
from itertools import groupby

from undertone.engine.ladder import JUDGEMENTS, LadderSentence, Rung, RungTokens
from undertone.studies.ladder.judgement import LadderResult
from undertone.studies.ladder.perplexity import ContinuationResult
from undertone.studies.ladder.report import is_null
from undertone.studies.ladder.statements import Statement

KINDS: dict[Rung, str] = {
    "text-bpe": "byte-pair pieces of letters",
    "text-raw": "letters, with a sign before each word",
    "phone-bpe": "byte-pair pieces of phones",
    "phone-boundary": "phones, with a sign before each word",
    "phone-raw": "phones, with nothing between words",
    "phone-repeat": "phones, each for as many frames as a recorded one lasts",
    "speech-one": "units of the tokenizer, of one speaker's recorded segments",
    "speech-many": "the same of many speakers, one a sentence",
    "speech-clusters": "clusters of the sound that no one has taught, of many speakers",
}
HEARD: dict[Rung, str] = {
    "phone-bpe": "all phones equally long, as the tokens do not say",
    "phone-boundary": "all phones equally long, as the tokens do not say",
    "phone-raw": "all phones equally long, as the tokens do not say",
    "phone-repeat": "as long as in speech",
    "speech-one": "one speaker's units",
    "speech-many": "another speaker's units",
    "speech-clusters": "each cluster as the unit that it is most often",
}
HOW_TO = (
    "<p>No result is shown here yet. <code>undertone ladder --text BOOKS --corpus CORPUS --lexicon CMUDICT --out "
    "work/ladder</code> trains a small language model on each rung and writes one; <code>undertone serve --ladder "
    "work/ladder</code> shows it on this page. train/README.md says what it needs and how long it takes.</p>"
)


def result_html(result: LadderResult) -> str:
    """Return how a result was made, and its numbers as a table."""
    pairs = ", ".join(f"{count:,} pairs of {judgement}" for judgement, count in result.pairs.items())
    shown = [judgement for judgement in JUDGEMENTS if judgement in result.pairs]
    seen = result.rungs[0].words_seen if result.rungs else 0
    seeds = max((rung.seeds for rung in result.rungs), default=0)
    rows = "".join(
        f'<tr><th scope="row">{escape(rung.rung)}</th>'
        + "".join(
            f"<td>{100 * one.value:.1f} [{100 * one.low:.1f}, {100 * one.high:.1f}]</td>"
            for one in (rung.headline[judgement] for judgement in shown)
        )
        + f"<td>{_perplexity(rung.continuations)}</td><td>{rung.tokens_per_word:.1f}</td>"
        f"<td>{rung.nats_per_word:.2f}</td></tr>"
        for rung in result.rungs
    )
    heads = "".join(f'<th scope="col">{judgement}, %</th>' for judgement in shown)
    return (
        f"<p>Solid: this run, {pairs}; every model has seen {seen:,} words ({seeds} "
        f"{'seed' if seeds == 1 else 'seeds'}), means with 95 % intervals over pairs. Dotted: arXiv 2412.17048, 1.1 "
        "billion parameters and 50,000 hours. Levels cannot be compared, only what changes from rung to rung.</p>"
        '<div class="ladder-scroll" tabindex="0" role="region" aria-label="Numbers of every rung">'
        '<table class="ladder-table"><thead><tr>'
        f'<th scope="col">rung</th>{heads}<th scope="col">perplexity of continuations</th>'
        '<th scope="col">tokens a word</th><th scope="col">nats a word</th></tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def _perplexity(found: ContinuationResult | None) -> str:
    if found is None:
        return ""
    return f"{found.perplexity:.1f} [{found.low:.1f}, {found.high:.1f}], books {found.true_perplexity:.1f}"


def statements_html(statements: Sequence[Statement]) -> str:
    """Return the statements with their verdicts and what they rest on."""
    return "".join(
        f'<div class="ladder-statement"><h3>{escape(one.name)} <span class="ladder-verdict is-{one.verdict}">'
        f'{one.verdict}</span></h3><p>{escape(one.says)}</p><p class="hint">{escape(one.evidence)}</p></div>'
        for one in statements
    )


def differences_html(result: LadderResult) -> str:
    """Return which differences between rungs are shown by the run, in a sentence."""
    shown = [one for one in result.contrasts if not is_null(one)]
    listed = "; ".join(
        f"{one.before} to {one.after}, {one.judgement}: {one.points:+.1f} points [{one.low:+.1f}, {one.high:+.1f}]"
        for one in shown
    )
    of = f"Of {len(result.contrasts)} differences between rungs, {len(shown)} can be told from none (95 %, Holm)"
    return f"<p>{escape(f'{of}: {listed}.' if shown else f'{of}.')}</p>"


def sentence_html(sentence: LadderSentence) -> str:
    """Return a sentence as the tokens of every rung, runs of one token counted."""
    rungs = "".join(_rung_html(rung, tokens) for rung, tokens in sentence.rungs.items())
    return f'<div class="ladder-sentence"><p class="ladder-text">{escape(_plain(sentence.text))}</p>{rungs}</div>'


def _rung_html(rung: Rung, tokens: RungTokens) -> str:
    words = "".join(
        '<span class="ladder-word">'
        + "".join(f"<code>{_counted(name, len(list(run)))}</code>" for name, run in groupby(word))
        + "</span>"
        for word in tokens.words
    )
    count = sum(map(len, tokens.words))
    return (
        f'<div class="ladder-rung"><h4>{escape(rung)} <span>{escape(KINDS[rung])}; {count} tokens</span></h4>'
        f'<p class="ladder-tokens">{words}</p></div>'
    )


def _counted(name: str, count: int) -> str:
    return escape(name) + (f"<sub>{count}</sub>" if count > 1 else "")


def _plain(text: str) -> str:
    """Return the words of a pair's text as a sentence is written."""
    said = text.replace(" ,", ",").lower()
    return f"{said[:1].upper()}{said[1:]}."
