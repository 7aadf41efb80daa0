"""The methods section of a paper, written from the study itself; it says what the study file leaves out."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from undertone.studies.analysis.caveats import equalising_words, unjudged_words
from undertone.studies.analysis.choice_methods import (
    QUANTILES,
    import_sentence,
    post_screening_sentence,
    ranking_sentence,
    trial_sentence,
)
from undertone.studies.analysis.mos import RatingTotals
from undertone.studies.analysis.pairs import EXPLORED, PRIMARY, REFERENCES, SYSTEMS
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.analysis.results import StudyResults
from undertone.studies.analysis.scale_results import ScaleResults
from undertone.studies.analysis.wording import counted
from undertone.studies.design.scales import NOT_ASKED_HERE

RULES = {
    "traps": "followed too few of the instructions hidden in trap clips",
    "golds": "rated too few of the clips with known answers as expected",
    "variance": "gave nearly the same answer everywhere",
    "hidden": "had the page out of view for too long",
    "pace": "answered faster than one can think",
    "headphones": "failed the headphone test",
    "excluded": "were left out by an admin, for the reason given under Screening",
    "eligibility": "were not eligible",
}


def methods(results: StudyResults) -> list[str]:
    """Return the methods as paragraphs in plain sentences."""
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
        f"{counted(counts.unique_raters, 'rater')} gave {counted(counts.ratings, 'rating')} of "
        f"{counted(counts.stimuli, 'clip')} from {counted(counts.prompts, 'prompt')}: "
        f"{_spread(counts.ratings_per_rater, 'rating')} by each rater and "
        f"{_spread(counts.raters_per_stimulus, 'rater')} for each clip"
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
        asked = str(wording.get("question", ""))
        if wording and asked == NOT_ASKED_HERE:
            ends = f"{float(wording['minimum']):g} to {float(wording['maximum']):g}"
            title = str(wording.get("title", scale.scale)).lower()
            sentences.append(f"What raters were asked for {title} is not recorded; answers are taken as {ends}.")
            continue
        if not wording:
            sentences.append(f"Raters judged {scale.scale}; the wording is not stored.")
            continue
        labels = ", ".join(f"{float(value):g} = {label}" for value, label in _sorted(wording.get("labels", {})))
        sentences.append(
            f"For {wording.get('title', scale.scale).lower()} raters were asked: “{asked}” and "
            f"answered from {wording.get('minimum', 1):g} to {wording.get('maximum', 5):g} in steps of "
            f"{wording.get('increment', 1):g} ({labels + '; ' if labels else ''}wording version "
            f"{wording.get('version', 1)})."
        )
    plan = results.data.definition.get("allocation", {})
    if import_sentence(results.data):
        return " ".join(sentences)
    if results.data.definition.get("trials") or results.data.pairs:
        return " ".join([*sentences, trial_sentence(results.data)])
    sentences.append(
        ("Each rater heard each prompt in one system only, in" if _heard_once(results.data) else "Clips came in")
        + " an order of each rater's own, drawn to even out systems, clips and places in the session"
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
    if results.devices and not import_sentence(data):
        devices, sources = _mix(results.devices), _mix(results.sources)
        sentences.append(f"Devices of those who rated: {devices}. They came by: {sources}.")
    sentences += [f"On {scale.scale}, {counts_sentence(scale.mos.counts)}." for scale in results.scales]
    return " ".join(sentences)


def _screening(results: StudyResults) -> str:
    """Say how sessions ended, which are counted, and whom each rule left out."""
    post_screening = post_screening_sentence(results.data)
    if import_sentence(results.data):
        sentences = [unjudged_words(results.data.definition)]
    elif not results.states:
        return "No session was begun."
    else:
        sentences = _sessions(results, post_screened=bool(post_screening))
        if not results.rules:
            sentences.append(unjudged_words(results.data.definition))
    for rule in results.rules:
        reason = RULES.get(rule.rule, f"failed the rule {rule.rule!r}")
        dropped = "were dropped" if rule.excludes else "were flagged but kept"
        sentences.append(
            f"{rule.failed} of {rule.judged} {dropped} because they {reason} ({rule.failed_alone} for this alone)."
        )
    return " ".join([*sentences, post_screening]).strip()


def _sessions(results: StudyResults, post_screened: bool) -> list[str]:
    ended = {name: results.states.get(name, 0) for name in ("finished", "screened_out", "timed_out", "withdrawn")}
    accepted = int((results.data.sessions["accepted"].map(lambda value: value is True)).sum())
    screened = [scale.screened for scale in results.scales]
    made = "; the numbers are of these" if screened and all(screened) and not post_screened else ""
    return [
        f"Sessions that were begun: {sum(results.states.values())}; finished: {ended['finished']}, screened out: "
        f"{ended['screened_out']}, ran out of time: {ended['timed_out']}, withdrawn on request: {ended['withdrawn']}.",
        f"{counted(accepted, 'session')} {'was' if accepted == 1 else 'were'} accepted{made}.",
    ]


def _analysis(results: StudyResults) -> str:
    """Say what was done to these ratings, and nothing that was not."""
    if any(scale.ranking for scale in results.scales):
        return ranking_sentence(results)
    if not results.scales:
        return ""
    sentences = []
    scored = [scale for scale in results.scales if not scale.preferences]
    if any(score.mean.low is not None for scale in scored for score in scale.mos.systems):
        bounded = any(results.data.limits(scale.scale) for scale in scored)
        sentences.append(
            f"{'Mean opinion scores' if _are_opinions(scored) else 'Means'} are given with 95 % intervals from a "
            "least-squares fit with two-way (rater and prompt) cluster-robust variance, not below its unclustered "
            f"value, and {QUANTILES}"
            + (", made on the logit of the place between the ends of the scale" if bounded else "")
            + "; they speak of other raters and other prompts."
        )
    tested = [scale for scale in scored if any(pair.p is not None for pair in scale.comparison.pairs)]
    if tested:
        families = {family for scale in tested for family in scale.comparison.families}
        whole = {
            frozenset({PRIMARY}): "over the contrasts declared before the study opened",
            frozenset(
                {PRIMARY, EXPLORED}
            ): "over the contrasts declared before the study opened and, apart from these, "
            "over the others, which are exploration",
            frozenset({SYSTEMS}): "over all pairs of systems",
            frozenset({REFERENCES}): "over the pairs with ground truth or anchor",
        }.get(frozenset(families), "over the pairs of systems and, apart from these, over those with references")
        methods = {scale.comparison.method for scale in tested}
        sentences.append(
            f"Differences between systems come from fits {_list(sorted(methods))} with the same kind of variance and "
            f"Satterthwaite's degrees of freedom; p values have Holm's correction {whole}, and adjusted intervals are "
            "at Bonferroni's level of the same family."
        )
    looks = results.data.definition.get("analysis", {}).get("looks", [])
    if looks and tested:
        sentences.append(
            f"Tests were declared at {_list([f'{share:.0%}' for share in looks])} of the wanted ratings and at the "
            "end, and are corrected for these looks by O'Brien-Fleming-like alpha spending (Lan and DeMets, 1983)."
        )
    if any(not scale.tested for scale in results.scales):
        sentences.append("The study's stopping rule is not reached, so that differences were not tested.")
    if any(scale.preferences for scale in results.scales):
        sentences.append(
            "Preferences are means of the answers of both orders, turned to one direction, with two-way (rater and "
            f"prompt) cluster-robust variance and {QUANTILES}."
        )
    checks = []
    if any(mean.low is not None for scale in scored for mean in scale.bootstrap.means):
        checks.append("a two-way bootstrap of raters and prompts (percentiles)")
    if any(scale.mixed.means for scale in scored):
        checks.append(
            "a mixed model (REML) with random effects of rater, prompt, system x rater and system x prompt and "
            "Satterthwaite's degrees of freedom"
        )
    if any(scale.ordinal and scale.ordinal.differences for scale in scored):
        checks.append(
            "an ordinal mixed model (cumulative logit, the same random effects, Laplace's approximation, Wald's tests)"
        )
    if checks:
        sentences.append(f"{'Checks are' if len(checks) > 1 else 'A check is'} {'; '.join(checks)}.")
    if any(scale.alpha.value is not None for scale in results.scales):
        resampled = any(scale.alpha.low is not None for scale in results.scales)
        sentences.append(
            "Agreement is Krippendorff's alpha for ordinal ratings"
            + (" with a bootstrap interval over prompts." if resampled else ".")
        )
    caveats = [
        equalising_words(results.data.roles, scale.mos.systems, results.data.limits(scale.scale)) for scale in scored
    ]
    if len(set(caveats)) == 1:
        sentences.append(caveats[0])
    else:
        sentences += [f"On {scale.scale}: {words}" for scale, words in zip(scored, caveats, strict=True)]
    return " ".join(sentences)


def _heard_once(data: StudyData) -> bool:
    """Return whether no rater rated a prompt in two systems."""
    main = data.ratings[data.ratings["kind"] == "main"]
    return bool((main.groupby(["rater", "prompt"])["system"].nunique() <= 1).all())


def _are_opinions(scales: Sequence[ScaleResults]) -> bool:
    """Return whether the scales are of single ratings, whose means are called opinion scores."""
    return all(scale.kind == "rating" for scale in scales)


def _software(results: StudyResults) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in results.versions.items())
    fingerprint = f" (definition {results.data.definition_hash[:12]})" if results.data.definition_hash else ""
    return (
        f"The study's seed was {results.data.seed}{fingerprint}, that of resampling {results.seed}. "
        f"Computed with {packages}."
    )


def _spread(spread: tuple[int, float, int], noun: str) -> str:
    least, mean, most = spread
    return counted(least, noun) if least == most else f"{least} to {most} {noun}s (mean {mean:.1f})"


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
