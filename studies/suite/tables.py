"""The tables of the paper's comparison as Markdown, our numbers with 95 % intervals beside what the paper says."""

from collections.abc import Mapping
from typing import get_args

from undertone.studies.evaluation.card_tables import CONTINUED, LIKENESS, UNDERSTOOD, Measure, markdown_table
from undertone.studies.evaluation.systems import GROUND_TRUTH
from undertone.studies.measures.intervals import Estimate
from undertone.studies.probe.classes import Source
from undertone.studies.suite.paper import RECONSTRUCTION_ORDER, RECORDINGS, Table, ablation_of, paper_says
from undertone.studies.suite.probes import EMOTION
from undertone.studies.suite.results import SuiteResult, SystemResult

RECONSTRUCTED = {
    **{key: LIKENESS[key] for key in ("f0_rmse_hz", "mcd_db", "mel_distance_nats")},
    **{key: UNDERSTOOD[key] for key in ("cer", "whisper_cer", "whisper_wer", "speaker_similarity", "dnsmos")},
}
CONTINUATION = {
    key: CONTINUED[key][0]
    for key in (
        "dnsmos", "speaker_similarity", "real_words", "whisper_log_prob", "transcript_perplexity", "auto_bleu", "vert",
        "f0_range_semitones", "ended_itself", "seconds",
    )
}  # fmt: skip
PREDICTED = {
    "cross_entropy_nats": Measure("token cross-entropy, nats", 3),
    "unigram_entropy_nats": Measure("unigram entropy, nats", 3),
    "kl_nats": Measure("KL of the latents, nats a frame", 3),
}
ACCURACY = Measure("", 1, percent=True)
MINIATURES_TEXT = (
    "Share of pairs whose right side is likelier; guessing gives 50 %. Words against nonwords of the same phones, "
    "sentences that follow a rule of grammar against ones that break it, a story's own ending against another's; "
    "spoken with recorded segments of speakers that no system was trained on. Sums and means over frames, of tokens, "
    "of latents and of both, are apart because their orders can differ. Phones: the tokens "
    "that the phones stand for, without what the tokenizer misheard. The paper's sWUGGY has other words."
)
PROBES_TEXT = (
    "Share told right by a linear classifier on clips (speaker) or speakers (all else) that it was not fitted on. "
    "Phones are those that the tokenizer heard; classes of F0 are relative to the clip's median. Speaker and "
    "emotion are told from pieces of a second, phone and F0 from single frames. Latents are what "
    "stands beside the tokens, codes too."
)
PAPER_COLUMN = "paper says"
Row = tuple[str, Mapping[str, Estimate], str]  # label, numbers, what the paper says


def suite_tables(result: SuiteResult) -> list[str]:
    """Return Markdown blocks: how it was measured, then the tables."""
    ablation = ablation_of([one.name for one in result.systems])
    place, words = (ablation.place, ablation.words) if ablation else ("table 1", RECONSTRUCTION_ORDER)
    blocks = [
        _method_text(result),
        f"### Reconstruction (the paper's {place})",
        measures_table(RECONSTRUCTED, reconstruction_rows(result.systems)),
        f"In words the paper says: {words}.",
    ]
    if result.settings.prompts:
        blocks += [
            f"### Continuations of {result.systems[0].evaluation.prompt_seconds:g} s prompts (table 2)",
            measures_table(CONTINUATION, continuation_rows_of(result.systems)),
        ]
    rows: list[Row] = [
        (
            one.label,
            {key: getattr(one.evaluation.likelihood, key) for key in PREDICTED},
            paper_says("likelihood", one.system, one.name),
        )
        for one in result.systems
    ]
    blocks += ["### Prediction of held-out speech", measures_table(PREDICTED, rows)]
    if any(one.miniatures for one in result.systems):
        blocks += ["### Words, grammar and topics, in miniature", miniatures_table(result.systems), MINIATURES_TEXT]
    if any(one.probes for one in result.systems):
        blocks += ["### What can be told from a frame (tables 9 and 10)", probes_table(result.systems), PROBES_TEXT]
    return blocks


def probes_table(systems: tuple[SystemResult, ...]) -> str:
    """Format how often a class is told: a row for each system and class, a column for what it is told from."""
    lines = [
        [
            f"{one.label}, {name}",
            str(probe.classes),
            f"{100 * probe.chance:.1f}",
            *(ACCURACY.show(probe.accuracy.get(source)) for source in get_args(Source)),
            paper_says("probes", one.system, one.name) if name == EMOTION else "–",
        ]
        for one in systems
        for name, probe in one.probes.items()
    ]
    sources = [f"from {source}, %" for source in get_args(Source)]
    return markdown_table(["", "classes", "commonest, %", *sources, PAPER_COLUMN], lines)


def measures_table(measures: Mapping[str, Measure], rows: list[Row]) -> str:
    """Format rows under the measures that any of them has."""
    shown = {key: measure for key, measure in measures.items() if any(key in numbers for _, numbers, _ in rows)}
    lines = [
        [label, *(measure.show(numbers.get(key)) for key, measure in shown.items()), paper]
        for label, numbers, paper in rows
    ]
    return markdown_table(["", *(measure.label for measure in shown.values()), PAPER_COLUMN], lines)


def miniatures_table(systems: tuple[SystemResult, ...]) -> str:
    """Format accuracies: a row for each system and kind of score, a column for each judgement and phenomenon."""
    judged = dict.fromkeys(row for one in systems for rows in one.miniatures.values() for row in rows)
    lines = [
        [
            f"{one.label}, {kind}",
            *(ACCURACY.show(rows.get(row)) for row in judged),
            paper_says("likelihood", one.system, one.name),
        ]
        for one in systems
        for kind, rows in one.miniatures.items()
    ]
    first = next(rows for one in systems for rows in one.miniatures.values())
    head = [f"{row}, % of {first[row].clips}" if row in first else row for row in judged]
    return markdown_table(["", *head, PAPER_COLUMN], lines)


def reconstruction_rows(systems: tuple[SystemResult, ...]) -> list[Row]:
    """Return rows of the recordings, of each different copy-synthesis, and of all systems."""
    table: Table = "reconstruction"
    first = systems[0].evaluation.systems[GROUND_TRUTH]
    rows: list[Row] = [(RECORDINGS, first, paper_says(table, RECORDINGS))]
    copied: dict[str, list[SystemResult]] = {}
    for one in systems:
        copied.setdefault(repr(sorted(one.evaluation.systems["copy_synthesis"].items())), []).append(one)
    for alike in copied.values():
        names = [one.name for one in alike]
        whose = f", {', '.join(f'`{name}`' for name in names)}" if len(copied) > 1 else ""
        rows.append(
            (f"copy-synthesis (vocoder on the true mel{whose})", alike[0].evaluation.systems["copy_synthesis"], "–")
        )
    return rows + [
        (one.label, one.evaluation.systems["reconstruction"], paper_says(table, one.system, one.name))
        for one in systems
    ]


def continuation_rows_of(systems: tuple[SystemResult, ...]) -> list[Row]:
    """Return rows of what the speakers said, of it played backwards, and of all systems."""
    found = systems[0].evaluation.continuations
    natural = {key: found[name] for key, (_, name, _) in CONTINUED.items() if name in found}
    backwards = {key: found[name] for key, (_, _, name) in CONTINUED.items() if name in found and "backwards" in name}
    return [
        (RECORDINGS, natural, paper_says("continuation", RECORDINGS)),
        ("recordings, backwards", backwards, "–"),
        *(
            (one.label, one.evaluation.continuations, paper_says("continuation", one.system, one.name))
            for one in systems
        ),
    ]


def _method_text(result: SuiteResult) -> str:
    settings, first = result.settings, result.systems[0].evaluation
    recogniser = "PocketSphinx" if settings.whisper is None else f"PocketSphinx and Whisper ({settings.whisper})"
    missing = "".join(f" Not measured: {reason}" for reason in first.not_measured.values())
    return (
        f"{first.num_clips} clips and {first.num_continuations} prompts of {first.num_speakers} speakers, split "
        f"`{settings.split}` of `{settings.corpus}`, seed {settings.seed}; brackets are 95 % intervals from a "
        f"bootstrap over {first.cluster}s. Heard by {recogniser}, read by {settings.language_model}. F0 on frames "
        "voiced in both and mel-cepstral distortion (the recipe of the paper's code) are against the recording. The "
        "paper's opinion scores (N-MOS, M-MOS) come from listeners: `undertone study new --template paper-comparison` "
        f"asks ours. A dash under “{PAPER_COLUMN}”: its number was not at hand.{missing}"
    )
