"""The reviewers' checklist of listening tests, filled in from the study itself.

The items follow Cooper, Le Maguer, Klabbers and Yamagishi, "Good practices for evaluation of synthesized speech"
(arXiv 2503.03250), as far as its first page and summary tell them, with what Kirkland et al. (SSW 2023: question,
labels, increment) and Chiang et al. (Interspeech 2023: the four counts, recruitment, pay) ask for. The paper's own list
was not at hand when this was written: the wording of the items is ours.
"""

from dataclasses import dataclass

from undertone.studies.analysis.caveats import unjudged_words
from undertone.studies.analysis.choices import kind_of
from undertone.studies.analysis.kinds import PAIRED
from undertone.studies.analysis.results import StudyResults

NOT_RECORDED = "not recorded"


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
    order = "at random for each rater, balanced" if "allocation" in definition else ""
    relative = "no: they are relative to the systems of this test"
    rows = [
        ("listeners", "Who listened, and how were they found?", str(definition.get("recruitment", "")).strip()),
        ("listeners", "Were they paid?", str(definition.get("pay", "")).strip()),
        ("listeners", "How many took part?", f"{counts.unique_raters} raters" if counts else ""),
        ("listeners", "What is known about them?", _demographics(results)),
        ("listeners", "On what did they listen?", ", ".join(f"{k} {v}" for k, v in results.devices.items())),
        ("listeners", "Was headphone use checked?", headphones),
        ("listeners", "Did they consent?", consent),
        ("listeners", "Who was left out, and by which rule?", _left_out(results)),
        ("materials", "How many clips and prompts?", clips),
        ("materials", "Were references or anchors in the test?", ", ".join(roles) or ("none" if data.roles else "")),
        ("materials", "Was loudness made alike?", _loudness(loudness)),
        ("task", "What was asked, in which words?", _questions(results)),
        ("task", "Which method is it, in ITU-T terms?", method_term(results)),
        ("task", "Was there practice?", "yes" if "training" in kinds else _no(sections)),
        ("task", "In which order were clips heard?", order),
        ("analysis", "How many ratings does each clip have?", _per_clip(results)),
        ("analysis", "How are intervals made?", _intervals(results)),
        ("analysis", "Were differences tested, and corrected?", _tests(results)),
        ("analysis", "Was the number of listeners planned?", _planned(results)),
        ("analysis", "Was the analysis declared before?", _declared(results)),
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


def _no(sections: list[object]) -> str:
    return "no" if sections else ""


def _demographics(results: StudyResults) -> str:
    return "; ".join(
        f"{question}: " + ", ".join(f"{answer} {number}" for answer, number in answers.items())
        for question, answers in results.data.demographics.items()
    )


def _left_out(results: StudyResults) -> str:
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
        if wording.get("question"):
            found.append(
                f"“{wording['question']}” in steps of {float(wording.get('increment', 1)):g}, all labels in Methods"
            )
    return "; ".join(found)


def _per_clip(results: StudyResults) -> str:
    spreads = [scale.mos.counts.raters_per_stimulus for scale in results.scales]
    return "; ".join(f"{least} to {most} (mean {mean:.1f})" for least, mean, most in spreads)


def _intervals(results: StudyResults) -> str:
    told = any(score.mean.low is not None for scale in results.scales for score in scale.mos.systems)
    return "95 %, over raters and prompts, by cluster-robust variance" if told else ""


def _tests(results: StudyResults) -> str:
    if results.scales and not all(scale.tested for scale in results.scales):
        return "not yet: the stopping rule is not reached"
    pairs = [pair for scale in results.scales for pair in scale.comparison.pairs if pair.p is not None]
    return f"{len(pairs)} differences, Holm's correction within families" if pairs else ""


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
