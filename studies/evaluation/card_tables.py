"""The tables of a model card, each number with its 95 % interval, and what the numbers mean."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from undertone.studies.evaluation.results import Evaluation
from undertone.studies.evaluation.systems import SYSTEMS
from undertone.studies.measures.intervals import Estimate


@dataclass(frozen=True)
class Measure:
    """Label and number format of one measure."""

    label: str
    digits: int = 2
    percent: bool = False

    def show(self, estimate: Estimate | None) -> str:
        """Format the value and its interval; a dash where there is none."""
        if estimate is None:
            return "–"
        scale = 100 if self.percent else 1
        value, low, high = (f"{scale * x:.{self.digits}f}" for x in (estimate.value, estimate.low, estimate.high))
        return f"{value} [{low}, {high}]"


LIKENESS = {
    "mel_distance_nats": Measure("mel distance, nats"),
    "mcd_db": Measure("mel-cepstral distortion, dB"),
    "log_spectral_distance_db": Measure("log-spectral distance, dB"),
    "f0_rmse_hz": Measure("F0 RMSE, Hz", 1),
    "f0_rmse_semitones": Measure("F0 RMSE, semitones"),
    "f0_correlation": Measure("F0 correlation", 3),
    "voicing_error": Measure("voicing error, %", 1, percent=True),
    "energy_correlation": Measure("energy correlation", 3),
}
UNDERSTOOD = {
    "cer": Measure("CER, %", 1, percent=True),
    "wer": Measure("WER, %", 1, percent=True),
    "real_words": Measure("real words, %", 1, percent=True),
    "whisper_cer": Measure("CER by Whisper, %", 1, percent=True),
    "whisper_wer": Measure("WER by Whisper, %", 1, percent=True),
    "whisper_log_prob": Measure("Whisper's log-probability, nats a token"),
    "dnsmos": Measure("DNSMOS, 1 to 5"),
    "speaker_similarity": Measure("similarity to the speaker", 3),
    "speaker_similarity_others": Measure("to other speakers", 3),
}
PREDICTED = {
    "cross_entropy_nats": Measure("token cross-entropy, nats per token", 3),
    "perplexity": Measure("token perplexity", 2),
    "unigram_entropy_nats": Measure("unigram entropy of the same tokens, nats", 3),
    "kl_nats": Measure("KL of all latent dimensions, nats per frame", 3),
}
CONTINUED = {  # measure, its value for natural speech, its value by chance
    "speaker_similarity": (
        Measure("speaker similarity to the prompt", 3), "speaker_similarity_natural", "speaker_similarity_others",
    ),
    "speaker_told_apart": (Measure("own prompt nearer than another speaker's, %", 1, True), None, "50"),
    "real_words": (Measure("real words, %", 1, True), "real_words_natural", "real_words_backwards"),
    "whisper_log_prob": (
        Measure("Whisper's log-probability, nats a token"), "whisper_log_prob_natural", "whisper_log_prob_backwards",
    ),
    "transcript_perplexity": (
        Measure("perplexity of the transcript", 1), "transcript_perplexity_natural", "transcript_perplexity_backwards",
    ),
    "auto_bleu": (Measure("AUTO-BLEU-2 of the transcript, %", 1, True), "auto_bleu_natural", "auto_bleu_backwards"),
    "self_bleu": (Measure("self-BLEU-2 of the transcripts, %", 1, True), "self_bleu_natural", "self_bleu_backwards"),
    "vert": (Measure("VERT-2, %", 1, True), "vert_natural", "vert_backwards"),
    "dnsmos": (Measure("DNSMOS, 1 to 5"), "dnsmos_natural", None),
    "f0_range_semitones": (Measure("F0 range, semitones"), "f0_range_semitones_natural", None),
    "f0_shift_semitones": (Measure("F0 median's shift from the prompt, semitones"), "f0_shift_semitones_natural", None),
    "voiced": (Measure("voiced frames, %", 1, True), "voiced_natural", None),
    "ended_itself": (Measure("takes that end by themselves, %", 1, True), None, None),
    "ended_learned": (Measure("takes that end by the learned end, %", 1, True), None, None),
    "seconds": (Measure("length, s", 1), None, None),
}  # fmt: skip


LEXICAL = {
    "tokens": Measure("by tokens, %", 1, percent=True),
    "tokens_and_latents": Measure("by tokens and latents, %", 1, percent=True),
    "spoken_tokens": Measure("by the tokens that its phones stand for, %", 1, percent=True),
    "by_phones": Measure("by phone bigrams, which know no words, %", 1, percent=True),
}
LEXICAL_KINDS = {"alone": "after a pause", "carried": "after the speaker's own speech"}

KNOWN_CHANCES = frozenset({"50"})  # not measured, but so by construction


def measured_tables(evaluation: Evaluation) -> list[str]:
    """Return Markdown blocks: how it was measured, then the tables."""
    blocks = [_method_text(evaluation)]
    for heading, measures in (("### Likeness to the recording", LIKENESS), ("### Words and voice", UNDERSTOOD)):
        if table := _systems_table(evaluation, measures):
            blocks += [heading, table]
    blocks += [_measures_text(evaluation), "### Prediction", _predicted_table(evaluation)]
    if evaluation.continuations:
        blocks += [f"### Continuations of {evaluation.prompt_seconds:g} s prompts", _continued_table(evaluation)]
    if evaluation.disturbed:
        blocks += ["### Prompts that are no clean speech", _disturbed_table(evaluation)]
    if any(evaluation.others.values()):
        blocks += ["### Other systems, by the same judges", _others_table(evaluation)]
    if evaluation.lexical:
        blocks += ["### Words against nonwords", _lexical_table(evaluation)]
    speed = evaluation.speed
    blocks.append(
        f"Real-time factor {speed.real_time_factor:.2f}, first sound after {speed.first_audio_seconds:.2f} s "
        f"({speed.device}, {speed.threads} threads, batch 1)."
    )
    if evaluation.not_measured:
        blocks.append(
            "\n".join(f"* Not measured: {reason}" for reason in dict.fromkeys(evaluation.not_measured.values()))
        )
    return blocks


def summary_rows(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    """Return (name, numbers) of everything that was measured."""
    for system, numbers in evaluation.systems.items():
        for key, measure in (LIKENESS | UNDERSTOOD).items():
            if key in numbers:
                yield f"{system}: {measure.label}", measure.show(numbers[key])
    for key, measure in PREDICTED.items():
        yield measure.label, measure.show(getattr(evaluation.likelihood, key))
    yield "KL of each latent dimension, nats per frame", _per_dim(evaluation)
    for key, (measure, natural, chance) in CONTINUED.items():
        for kind, name in (("", key), (" (natural)", natural), (" (chance)", chance)):
            if name in evaluation.continuations:
                yield f"continuation: {measure.label}{kind}", measure.show(evaluation.continuations[name])
    for name, found in evaluation.disturbed.items():
        numbers_of = f"peak {_number(found.peak, 2)}, loudest {_number(found.loudest_lufs, 1)} LUFS"
        yield f"prompt: {name}", f"{numbers_of}, {found.refused} of {found.prompts} refused"
    for system, numbers in evaluation.others.items():
        for key, measure in UNDERSTOOD.items():
            if key in numbers:
                yield f"{system}: {measure.label}", measure.show(numbers[key])
    for kind, accuracy in evaluation.lexical.items():
        for key, measure in LEXICAL.items():
            if (found := getattr(accuracy, key)) is not None:
                yield f"lexical pairs {kind}: {measure.label}", measure.show(found)
    yield "real-time factor", f"{evaluation.speed.real_time_factor:.2f}"
    yield from (("not measured", reason) for reason in dict.fromkeys(evaluation.not_measured.values()))


def limitations(
    evaluation: Evaluation | None, of_its_makers: Sequence[str] = (), languages: Sequence[str] = ("en",)
) -> str:
    """Return what the model is not for, and what its makers say that it falls short of."""
    speech = "English read speech" if tuple(languages) == ("en",) else f"Read speech in {', '.join(languages)}"
    lines = [
        f"* {speech}; other languages, singing and noisy rooms are outside what it has heard.",
        "* It continues a voice that it is given. Use recordings of people who agree, and say that the result is "
        "synthetic.",
        "* What it says carries no knowledge: words follow words as sounds do.",
    ]
    if evaluation is not None and "real_words" in evaluation.continuations:
        share = CONTINUED["real_words"][0].show(evaluation.continuations["real_words"])
        lines.append(f"* Of the words heard in its continuations, {share} % are borne out by the sound.")
    return "\n".join([*lines, *(f"* {sentence}" for sentence in of_its_makers)])


def _method_text(evaluation: Evaluation) -> str:
    sampling = evaluation.sampling
    packages = ", ".join(f"{name} {version}" for name, version in evaluation.packages.items())
    guidance = "" if sampling.guidance in (None, 1.0) else f", guidance {sampling.guidance:g}"
    solver = "the decoder's student" if sampling.solver == "student" else sampling.solver
    skipped = f" {len(evaluation.skipped)} clips could not be used." if evaluation.skipped else ""
    return (
        f"{evaluation.num_clips} clips ({evaluation.clip_seconds / 60:.1f} min) and {evaluation.num_continuations} "
        f"prompts of {evaluation.num_speakers} speakers, split `{evaluation.split}` of `{evaluation.corpus}`, "
        f"measured {evaluation.created} with seed {evaluation.seed}.{skipped} Brackets are 95 % intervals from a "
        f"bootstrap over {evaluation.cluster}s. Sampling: token temperature {sampling.token_temperature:g}, latent "
        f"temperature {sampling.latent_temperature:g}, {solver} with {sampling.steps} steps{guidance}. "
        f"Measured with {packages}."
    )


def _systems_table(evaluation: Evaluation, measures: dict[str, Measure]) -> str:
    """Format a table of systems (rows) and measures (columns), of those that were measured."""
    shown = {
        key: measure for key, measure in measures.items() if any(key in row for row in evaluation.systems.values())
    }
    if not shown:
        return ""
    rows = [
        [SYSTEMS[system], *(measure.show(numbers.get(key)) for key, measure in shown.items())]
        for system, numbers in evaluation.systems.items()
        if any(key in numbers for key in shown)
    ]
    return markdown_table(["", *(measure.label for measure in shown.values())], rows)


def _predicted_table(evaluation: Evaluation) -> str:
    found = evaluation.likelihood
    rows = [[measure.label, measure.show(getattr(found, key))] for key, measure in PREDICTED.items()]
    rows.append(["KL of each latent dimension, nats per frame", _per_dim(evaluation)])
    rows.append(["active dimensions (above 0.02 nats)", f"{found.active_dims} of {len(found.kl_nats_per_dim)}"])
    return markdown_table(["", "value"], rows)


def _continued_table(evaluation: Evaluation) -> str:
    numbers = evaluation.continuations
    rows = []
    for key, (measure, natural, chance) in CONTINUED.items():
        if key in numbers:
            by_chance = chance if chance in KNOWN_CHANCES else measure.show(numbers.get(chance or ""))
            rows.append(
                [measure.label, measure.show(numbers[key]), measure.show(numbers.get(natural or "")), by_chance]
            )
    return markdown_table(["", "continuation", "natural speech", "chance"], rows) + (
        f"\n\nAt most {evaluation.continuation_seconds:g} s each. Natural speech is what the speaker went on to say. "
        "Chance is, for the voice, the prompts of other speakers; for words, natural speech played backwards."
        + _texts_text(evaluation)
    )


def _texts_text(evaluation: Evaluation) -> str:
    """Return what the measures of transcripts are, where there were any."""
    if evaluation.language_model is None:
        return ""
    recogniser = "PocketSphinx" if evaluation.whisper is None else "Whisper"
    return (
        f" Transcripts by {recogniser}, without the prompt's words. Perplexity by {evaluation.language_model}, exp of "
        "the mean over all words. AUTO-BLEU-2: words and pairs of words that come again in a continuation, without "
        "overlap; self-BLEU-2: those that another continuation has too; geometric means over both orders. VERT-2 is "
        "the geometric mean of the two (arXiv 2102.01192), here over one continuation of each prompt."
    )


def _disturbed_table(evaluation: Evaluation) -> str:
    columns = ["peak", "loudness, LUFS", "loudest take, LUFS", "silent frames, %", "end by themselves, %", "refused"]
    rows = []
    for name, found in evaluation.disturbed.items():
        loudness = [_number(found.loudness_lufs, 1), _number(found.loudest_lufs, 1)]
        shares = [_number(share, 0, 100) for share in (found.silent, found.ended)]
        rows.append([name, _number(found.peak, 2), *loudness, *shares, f"{found.refused} of {found.prompts}"])
    return markdown_table(["", *columns], rows) + (
        "\n\nThe first prompts of those above, disturbed by rule, and what the voice answers: the highest sample of "
        "all takes (1 is full scale), how loud they are, and how much of them is silence."
    )


def _number(value: float | None, digits: int, scale: float = 1.0) -> str:
    return "–" if value is None else f"{scale * value:.{digits}f}"


def _others_table(evaluation: Evaluation) -> str:
    """Format a table of systems (rows) and measures (columns), of those that were measured."""
    shown = {
        key: measure for key, measure in UNDERSTOOD.items() if any(key in row for row in evaluation.others.values())
    }
    rows = [
        [system, *(measure.show(numbers.get(key)) for key, measure in shown.items())]
        for system, numbers in evaluation.others.items()
    ]
    return markdown_table(["", *(measure.label for measure in shown.values())], rows) + (
        "\n\nSounds that were given to the evaluation, brought to the same loudness; intervals over sounds."
    )


def _measures_text(evaluation: Evaluation) -> str:
    """Return what the measures of the clips are, of those that were taken."""
    sentences = [_MEANING]
    if any("mcd_db" in numbers for numbers in evaluation.systems.values()):
        sentences.append(
            "Mel-cepstral distortion: 24 mel-cepstra with c0 (alpha 0.42, frames of 64 ms every 16), "
            "10 / ln 10 √(2 Σ d²), no time warping, as the paper's code has it."
        )
    if evaluation.whisper is not None:
        sentences.append(
            f"CER, WER and log-probability by Whisper: faster-whisper with the model {evaluation.whisper}, English, "
            "beam 5, digits suppressed; the log-probability is the mean over the tokens that it wrote, its certainty, "
            "which needs no transcript."
        )
    if any("dnsmos" in numbers for numbers in evaluation.systems.values()):
        sentences.append(
            "DNSMOS: overall quality as the networks of the package speechmos hear it, made for noise suppressors; "
            "it hears buzz and mumbling and knows nothing of words."
        )
    return " ".join(sentences)


def _lexical_table(evaluation: Evaluation) -> str:
    measures = {
        key: measure
        for key, measure in LEXICAL.items()
        if all(getattr(accuracy, key) is not None for accuracy in evaluation.lexical.values())
    }
    rows = [
        [LEXICAL_KINDS[kind], *(measure.show(getattr(accuracy, key)) for key, measure in measures.items())]
        for kind, accuracy in evaluation.lexical.items()
    ]
    misheard = (
        " The tokens are those that the tokenizer heard; those that the phones stand for leave its mistakes out."
        if "spoken_tokens" in measures
        else ""
    )
    return markdown_table(["", *(measure.label for measure in measures.values())], rows) + (
        "\n\nShare of words that the model finds likelier than a nonword with the same phones in another order, both "
        f"spoken with the same frames of a speaker it was not trained on; guessing gives 50 %.{misheard}"
    )


def _per_dim(evaluation: Evaluation) -> str:
    return ", ".join(f"{nats:.3f}" for nats in evaluation.likelihood.kl_nats_per_dim)


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table, its first column on the left and the numbers on the right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


_MEANING = (
    "Everything is compared with the recording itself, frame by frame. Mel distance: mean absolute difference of the "
    "natural-log mel. F0 by CREPE on frames voiced in both; correlations are taken within each clip and averaged. "
    "CER and WER by PocketSphinx 5 with its US English models: compare them with the first row, which the same "
    "recogniser reads. Its vocabulary is closed, so that any sound yields words: a word counts as real where its sound "
    "fits nearly as well as freely chosen speech sounds do and the lattice gives it a probability of at least 0.1. "
    "Speaker similarity: cosine of Resemblyzer embeddings to another recording of the same speaker, which makes the "
    "first row the most that can be reached, and to other speakers, the least."
)
