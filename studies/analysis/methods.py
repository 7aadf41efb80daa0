"""The methods section of a paper, written from the study itself; it says what the study file leaves out."""

from typing import Any

import pandas as pd

from undertone.studies.analysis.choice_methods import import_sentence, ranking_sentence, trial_sentence
from undertone.studies.analysis.mos import RatingTotals
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.analysis.results import StudyResults

RULES = {
    "traps": "followed too few of the instructions hidden in trap clips",
    "golds": "rated too few of the clips with known answers as expected",
    "variance": "gave nearly the same answer everywhere",
    "hidden": "had the page out of view for too long",
    "pace": "answered faster than one can think",
    "headphones": "failed the headphone test",
    "eligibility": "were not eligible",
}


def methods(results: StudyResults) -> list[str]:
    """Paragraphs in plain sentences."""
    data = results.data
    return [
        text
        for text in (
            _materials(data),
            _task(results),
            _raters(results),
            _screening(results),
            _analysis(results),
            _software(results),
        )
        if text
    ]


def counts_sentence(counts: RatingTotals) -> str:
    """Say Chiang's four counts in a sentence."""
    return (
        f"{counts.unique_raters} raters gave {counts.ratings} ratings of {counts.stimuli} clips from {counts.prompts} "
        f"prompts: {_spread(counts.ratings_per_rater)} ratings by each rater and "
        f"{_spread(counts.raters_per_stimulus)} raters for each clip"
    )


def _materials(data: StudyData) -> str:
    systems = [f"{name} ({_role(role)})" if role != "system" else name for name, role in data.roles.items()]
    what = f"The study “{data.title}” ({data.name}) compared {_list(systems)}. " if systems else ""
    imported = import_sentence(data)
    if imported:
        return what + imported
    main = data.stimuli[data.stimuli["kind"] == "main"] if len(data.stimuli) else data.stimuli
    if not len(main):
        return what.strip()
    loudness, peak = main["loudness_lufs"].dropna(), main["true_peak_dbtp"].dropna()
    text = f"{what}Clips lasted {_range(main['seconds'])} s"
    if len(loudness):
        wanted = data.definition.get("preparation", {}).get("loudness_lufs")
        goal = f" (set to {wanted:g} LUFS)".replace("-", "−") if wanted is not None else ""
        text += f"; their loudness after ITU-R BS.1770 was {_range(loudness)} LUFS{goal}"
    if len(peak):
        text += f", the highest true peak {peak.max():.1f} dBTP".replace("-", "−")
    return text + ". They were played from lossless files under meaningless names."


def _task(results: StudyResults) -> str:
    sentences = []
    for scale in results.scales:
        wording = results.data.wording(scale.scale)
        if not wording:
            sentences.append(f"Raters judged {scale.scale}; the wording is not stored.")
            continue
        labels = ", ".join(f"{float(value):g} = {label}" for value, label in _sorted(wording.get("labels", {})))
        sentences.append(
            f"For {wording.get('title', scale.scale).lower()} raters were asked: “{wording.get('question', '')}” and "
            f"answered from {wording.get('minimum', 1):g} to {wording.get('maximum', 5):g} in steps of "
            f"{wording.get('increment', 1):g} ({labels}; wording version {wording.get('version', 1)})."
        )
    plan = results.data.definition.get("allocation", {})
    if import_sentence(results.data):
        return " ".join(sentences)
    if results.data.definition.get("trials") or results.data.pairs:
        return " ".join([*sentences, trial_sentence(results.data)])
    sentences.append(
        "Each rater heard each prompt in one system only, in an order of their own, balanced over systems, clips and "
        "places in the session"
        + (f", {plan['trials_per_session']} clips a session" if "trials_per_session" in plan else "")
        + ". No answer was preset, and an answer was taken only after the clip had been heard to its end."
    )
    return " ".join(sentences)


def _raters(results: StudyResults) -> str:
    data = results.data
    recruitment, pay = (str(data.definition.get(key, "")).strip() for key in ("recruitment", "pay"))
    sentences = [
        f"Recruitment: {recruitment.rstrip('.')}." if recruitment else "Recruitment is not stated in the study file.",
        f"Pay: {pay.rstrip('.')}." if pay else "Pay is not stated in the study file.",
    ]
    if results.devices:
        devices, sources = _mix(results.devices), _mix(results.sources)
        sentences.append(f"Devices of those who rated: {devices}. They came by: {sources}.")
    sentences += [f"On {scale.scale}, {counts_sentence(scale.mos.counts)}." for scale in results.scales]
    return " ".join(sentences)


def _screening(results: StudyResults) -> str:
    ended = {name: results.states.get(name, 0) for name in ("finished", "screened_out", "timed_out", "withdrawn")}
    begun = sum(results.states.values())
    sentences = [
        f"Of {begun} sessions that were begun, {ended['finished']} were finished, {ended['screened_out']} screened "
        f"out, {ended['timed_out']} ran out of time and {ended['withdrawn']} were withdrawn on request."
    ]
    accepted = int((results.data.sessions["accepted"].map(lambda value: value is True)).sum())
    sentences.append(f"{accepted} sessions were accepted and are what the numbers are made of.")
    for rule in results.rules:
        reason = RULES.get(rule.rule, f"failed the rule {rule.rule!r}")
        dropped = "were dropped" if rule.excludes else "were flagged but kept"
        sentences.append(
            f"{rule.failed} of {rule.judged} {dropped} because they {reason} ({rule.failed_alone} for this alone)."
        )
    if not results.rules:
        sentences.append("No screening rule was set.")
    return " ".join(sentences)


def _analysis(results: StudyResults) -> str:
    if any(scale.ranking for scale in results.scales):
        return ranking_sentence(results)
    methods = {scale.comparison.method for scale in results.scales}
    return (
        "Mean opinion scores are given with 95 % intervals from a least-squares fit with two-way (rater and prompt) "
        "cluster-robust variance, not below its unclustered value, and t quantiles with min(raters, prompts) - 1 "
        "degrees of freedom; they speak of other raters and other prompts. Differences between systems come from "
        f"fits {_list(sorted(methods))} with the same variance, with Holm's correction over all pairs of a scale. "
        "Checks are a two-way bootstrap of raters and prompts (percentiles) and a mixed model with random effects of "
        "rater, prompt, system x rater and system x prompt. Agreement is Krippendorff's alpha for ordinal ratings with "
        "a bootstrap interval over prompts. Scores are relative to the systems of this study and cannot be compared "
        "with those of others."
    )


def _software(results: StudyResults) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in results.versions.items())
    fingerprint = f" (definition {results.data.definition_hash[:12]})" if results.data.definition_hash else ""
    return (
        f"The study's seed was {results.data.seed}{fingerprint}, that of resampling {results.seed}. "
        f"Computed with {packages}."
    )


def _spread(spread: tuple[int, float, int]) -> str:
    least, mean, most = spread
    return f"{least}" if least == most else f"{least} to {most} (mean {mean:.1f})"


def _range(column: pd.Series) -> str:
    low, high = (f"{end:.1f}".replace("-", "−") for end in (column.min(), column.max()))
    return low if low == high else f"{low} to {high}"


def _role(role: str) -> str:
    return role.replace("_", " ")


def _mix(counts: dict[str, int]) -> str:
    total = sum(counts.values())
    return ", ".join(f"{name} {number} ({number / total:.0%})" for name, number in counts.items())


def _list(words: list[str]) -> str:
    return "".join(words) if len(words) < 2 else f"{', '.join(words[:-1])} and {words[-1]}"


def _sorted(labels: dict[Any, str]) -> list[tuple[Any, str]]:
    return sorted(labels.items(), key=lambda item: -float(item[0]))
