"""The reviewers' checklist of listening tests, filled in from the study itself.

The items follow Cooper, Le Maguer, Klabbers and Yamagishi, "Good practices for evaluation of synthesized speech" (arXiv
2503.03250), with what Kirkland et al. (SSW 2023: question, labels, increment) and Chiang et al. (Interspeech 2023: the
four counts, recruitment, pay, language and place of raters) ask for. Of the first paper the abstract, the introduction
and the beginning of section 1 were read (claims that the metric addresses, use case, listeners of that use), and two
summaries of the rest (listeners described and enough for power, loudness made alike, baselines described, MOS not
compared across tests, naturalness that saturates, predicted scores not called MOS, tests for ordinal ratings). Its list
on the last page was not at hand: the wording of the items is ours and could not be checked against it.
"""

from dataclasses import dataclass

from undertone.studies.analysis.caveats import unjudged_words
from undertone.studies.analysis.choice_methods import import_sentence, post_screening_sentence
from undertone.studies.analysis.choices import kind_of
from undertone.studies.analysis.kinds import PAIRED, RANKED
from undertone.studies.analysis.results import StudyResults
from undertone.studies.design.scales import NOT_ASKED_HERE

NOT_RECORDED = "not recorded"
CEILING = 0.1  # of the scale, below which the best mean counts as being at its end


@dataclass(frozen=True)
class ChecklistItem:
    """One question of a reviewer and what the study says to it; `answer` is NOT_RECORDED where it says nothing."""

    topic: str
    asked: str
    answer: str


def checklist(results: StudyResults) -> tuple[ChecklistItem, ...]:
    """Return every item with its answer from the data."""
    data = results.data
    definition = data.definition
    sections = definition.get("sections", [])
    kinds = [str(section.get("kind")) for section in sections]
    counts = results.scales[0].mos.counts if results.scales else None
    roles = [f"{name} ({role.replace('_', ' ')})" for name, role in data.roles.items() if role != "system"]
    main = data.stimuli[data.stimuli["kind"] == "main"] if len(data.stimuli) else data.stimuli
    loudness = [float(value) for value in main["loudness_lufs"].dropna()] if len(main) else []
    headphones = "yes, by antiphase tones" if "headphones" in kinds else _no(sections)
    consent = "yes, before anything was asked" if "consent" in kinds else _no(sections)
    clips = f"{counts.stimuli} clips of {counts.prompts} prompts" if counts else ""
    imported = bool(import_sentence(data))  # held elsewhere: its file does not say how
    order = "at random for each rater, balanced" if "allocation" in definition and not imported else ""
    stated = {name: str(text).strip() for name, text in definition.get("reporting", {}).items()}
    purpose = stated.get("purpose") or str(definition.get("analysis", {}).get("hypotheses", "")).strip()
    quiet = "" if imported or not sections else "no: nothing here measures it"
    whole = "" if imported or not sections else "yes, the server checks what was played"
    relative = "no: they are relative to the systems of this test"
    rows = [
        ("listeners", "Who listened, and how were they found?", str(definition.get("recruitment", "")).strip()),
        ("listeners", "Were they paid?", str(definition.get("pay", "")).strip()),
        ("listeners", "How many took part?", f"{counts.unique_raters} raters" if counts else ""),
        ("listeners", "Whom is the speech for, and do they know its language?", stated.get("listeners", "")),
        ("listeners", "What is known about them?", _demographics(results)),
        ("listeners", "On what did they listen?", "" if imported else _devices(results)),
        ("listeners", "Was headphone use checked?", headphones),
        ("listeners", "Was noise around them checked?", quiet),
        ("listeners", "Did they consent?", consent),
        ("listeners", "Who was left out, and by which rule?", _left_out(results)),
        ("materials", "How many clips and prompts?", clips),
        ("materials", "How were prompts chosen, and did training have them?", stated.get("prompt_choice", "")),
        ("materials", "Where do the systems come from?", stated.get("baselines") or _sources(results)),
        ("materials", "Can the clips be heard?", stated.get("samples", "")),
        ("materials", "Were references or anchors in the test?", ", ".join(roles) or ("none" if data.roles else "")),
        ("materials", "Was loudness made alike?", _loudness(loudness)),
        ("task", "What was asked, in which words?", _questions(results)),
        ("task", "Which method is it, in ITU-T terms?", method_term(results)),
        ("task", "Was there practice?", "yes" if "training" in kinds else _no(sections)),
        ("task", "In which order were clips heard?", order),
        ("task", "Was every clip heard to its end?", whole),
        ("analysis", "How many ratings does each clip have?", _per_clip(results)),
        ("analysis", "How are intervals made?", _intervals(results)),
        ("analysis", "Were differences tested, and corrected?", _tests(results)),
        ("analysis", "Were ratings of few steps tested as such?", _ordinal(results)),
        ("analysis", "Do raters agree?", _agreement(results)),
        ("analysis", "Was the number of listeners planned?", "" if imported else _planned(results)),
        ("analysis", "Was the analysis declared before?", _declared(results)),
        ("claims", "Which claim does the test address, for which use?", purpose),
        ("claims", "Does the scale leave room above the best?", _room(results)),
        ("claims", "Are all scores made of people's answers?", "yes; predicted scores are not in this report"),
        ("claims", "Are scores compared with those of other tests?", relative),
    ]  # fmt: skip
    return tuple(ChecklistItem(topic, asked, answer or NOT_RECORDED) for topic, asked, answer in rows)


def method_term(results: StudyResults) -> str:
    """Return the ITU name of the method: ACR or CCR of P.800, in the crowd P.808, or MUSHRA; nothing without words."""
    data = results.data
    kind = kind_of(data)
    names = set()
    for scale in results.scales:
        wording = data.wording(scale.scale)
        if not wording:
            continue
        ends = (float(wording.get("minimum", 1)), float(wording.get("maximum", 5)))
        steps = float(wording.get("increment", 1))
        if kind == "mushra":
            names.add("multiple stimuli with hidden reference and anchor (MUSHRA, ITU-R BS.1534-3)")
        elif kind == "best_worst":
            names.add("best-worst scaling; not a method of P.800")
        elif kind in PAIRED and ends == (-3.0, 3.0) and steps == 1:
            names.add("comparison category rating (CCR, P.800 annex E); means are CMOS")
        elif kind in PAIRED:
            names.add(f"paired comparison on a scale of {ends[0]:g} to {ends[1]:g}; not the CCR scale of P.800")
        elif ends == (1.0, 5.0) and steps == 1:
            names.add("absolute category rating (ACR, P.800); means are MOS")
        else:
            names.add(f"absolute rating on a scale of {ends[0]:g} to {ends[1]:g}; not the ACR scale of P.800")
    crowd = {"prolific", "mturk"} & set(results.sources)
    where = "; in the crowd, as P.808 describes, with the screening named here" if names and crowd else ""
    return "; ".join(sorted(names)) + where


def _devices(results: StudyResults) -> str:
    return ", ".join(f"{name} {number}" for name, number in results.devices.items())


def _no(sections: list[object]) -> str:
    return "no" if sections else ""


def _demographics(results: StudyResults) -> str:
    return "; ".join(
        f"{question}: " + ", ".join(f"{answer} {number}" for answer, number in answers.items())
        for question, answers in results.data.demographics.items()
    )


def _left_out(results: StudyResults) -> str:
    post_screening = post_screening_sentence(results.data)
    if post_screening or import_sentence(results.data):
        return post_screening
    rules = [f"{rule.rule} {rule.failed} of {rule.judged}" for rule in results.rules if rule.excludes]
    if rules or not results.states:
        return ", ".join(rules)
    return "nobody: rules only flag" if results.rules else unjudged_words(results.data.definition)


def _loudness(values: list[float]) -> str:
    return f"{min(values):.1f} to {max(values):.1f} LUFS (ITU-R BS.1770)" if values else ""


def _questions(results: StudyResults) -> str:
    found = []
    for scale in results.scales:
        wording = results.data.wording(scale.scale)
        if wording.get("question") not in (None, "", NOT_ASKED_HERE):
            found.append(
                f"“{wording['question']}” in steps of {float(wording.get('increment', 1)):g}, all labels in Methods"
            )
    return "; ".join(found)


def _per_clip(results: StudyResults) -> str:
    spreads = [scale.mos.counts.raters_per_stimulus for scale in results.scales]
    return "; ".join(
        f"{least}" if least == most else f"{least} to {most} (mean {mean:.1f})" for least, mean, most in spreads
    )


def _intervals(results: StudyResults) -> str:
    told = any(score.mean.low is not None for scale in results.scales for score in scale.mos.systems)
    return "95 %, over raters and prompts, by cluster-robust variance" if told else ""


def _tests(results: StudyResults) -> str:
    if results.scales and not all(scale.tested for scale in results.scales):
        return "not yet: the stopping rule is not reached"
    pairs = [pair for scale in results.scales for pair in scale.comparison.pairs if pair.p is not None]
    return f"{len(pairs)} differences, Holm's correction within families" if pairs else ""


def _sources(results: StudyResults) -> str:
    """Return what the study file says of each system: its bundle, or of what kind its sounds are."""
    return "; ".join(
        f"{system.get('name')}: {source.get('bundle') or str(source.get('kind', '')).replace('_', ' ')}"
        for system in results.data.definition.get("systems", [])
        if isinstance(system, dict) and isinstance(source := system.get("source"), dict)
    )


def _ordinal(results: StudyResults) -> str:
    if any(scale.kind in RANKED for scale in results.scales):
        return "yes: choices have a model of choices"
    fitted = [scale.scale for scale in results.scales if scale.ordinal and scale.ordinal.differences]
    return f"yes, by an ordinal mixed model beside the means ({', '.join(fitted)})" if fitted else ""


def _agreement(results: StudyResults) -> str:
    return "; ".join(
        f"Krippendorff's alpha {scale.alpha.value:.2f}"
        + (f" ({scale.alpha.low:.2f} to {scale.alpha.high:.2f})" if scale.alpha.low is not None else "")
        + f" on {scale.scale}"
        for scale in results.scales
        if scale.alpha.value is not None
    ).replace("-", "−")


def _room(results: StudyResults) -> str:
    """Return how far the best mean is from the end of its scale; nothing where answers are choices or ends unknown."""
    found = []
    for scale in results.scales:
        limits = results.data.limits(scale.scale)
        if limits is None or scale.kind in RANKED or scale.preferences is not None:
            continue
        roles = results.data.roles
        own = [score for score in scale.mos.systems if roles.get(score.system, "system") == "system"]
        best = max(own or scale.mos.systems, key=lambda score: score.mean.value)
        room = (limits[1] - best.mean.value) / (limits[1] - limits[0])
        judged = "hardly: differences up there are hard to see" if room < CEILING else "yes"
        found.append(f"{judged} ({best.system} {best.mean.value:.2f} of {limits[1]:g} on {scale.scale})")
    return "; ".join(found)


def _planned(results: StudyResults) -> str:
    wanted = results.data.definition.get("allocation", {}).get("raters_per_stimulus")
    return "" if wanted is None else f"{wanted} raters for each clip"


def _declared(results: StudyResults) -> str:
    found = results.data.preregistration
    if found is None:
        contrasts = results.data.definition.get("analysis", {}).get("primary_contrasts", [])
        return f"{len(contrasts)} contrasts in the study file; no preregistration file" if contrasts else ""
    digest, when, unchanged = found
    changed = "" if unchanged else ", but the study was changed after it"
    return f"yes, preregistration of {when} (SHA-256 {digest}){changed}"
