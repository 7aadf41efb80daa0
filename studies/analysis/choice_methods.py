"""Sentences of the methods section about trials in which clips are compared."""

from undertone.studies.analysis.choices import kind_of
from undertone.studies.analysis.mushra import post_screened
from undertone.studies.analysis.ratings_frame import StudyData
from undertone.studies.analysis.results import StudyResults
from undertone.studies.analysis.wording import counted

HOW = {
    "ab": "Each trial played two versions of one prompt, one after the other in one sound, in one of the two orders.",
    "preference": "Each trial had two versions of one prompt, which could be played again.",
    "best_worst": "Each trial had {clips} versions of one prompt, of which the best and the worst were named.",
    "mushra": "Each trial had all versions of one prompt beside the open reference, the reference itself and the "
    "anchors hidden among them (ITU-R BS.1534-3), with one position for all clips.",
}
QUANTILES = (
    "t quantiles with the degrees of freedom that the fourth moments of raters' and prompts' sums leave, at most "
    "min(raters, prompts) - 1"
)
CHOICE = {
    "balanced": "Systems were put together to let all pairs come equally often",
    "active": "Systems were put together by the expected gain of information about their strengths, from the answers "
    "so far and the trials that were under way",
}


def trial_sentence(data: StudyData) -> str:
    """Say how trials of several versions were made up."""
    kind = kind_of(data)
    trials = data.definition.get("trials") or {}
    plan = data.definition.get("allocation", {})
    sentences = [HOW[kind].format(clips=trials.get("clips", 2))]
    if kind in ("preference", "best_worst"):
        sentences.append(CHOICE[trials.get("choose", "balanced")] + ".")
    sentences.append(
        "Each rater met each prompt in one trial only"
        + (f", {plan['trials_per_session']} trials a session" if "trials_per_session" in plan else "")
        + ". No answer was preset, and an answer was taken only after "
        + ("its clip" if kind == "mushra" else "every version")
        + " had been heard to its end."
    )
    return " ".join(sentences)


def post_screening_sentence(data: StudyData) -> str:
    """Say how many raters MUSHRA's post-screening left out; empty for other studies."""
    if kind_of(data) != "mushra" or data.ratings.empty:
        return ""
    left_out = len(post_screened(data))
    return (
        f"Post-screening after ITU-R BS.1534-3 left out {counted(left_out, 'rater')} who too often gave the hidden "
        "reference too little or an anchor too much; the numbers are of the others."
    )


def import_sentence(data: StudyData) -> str:
    """Say where imported ratings come from; empty for a study that was held here."""
    found = (data.definition.get("provenance") or {}).get("imported")
    if not found:
        return ""
    return (
        f"The {found['rows']} ratings were imported from {found['file']} (layout: {found['layout']}); how the clips "
        "were made and played, who was screened out, and in what order raters heard them is not recorded here."
    )


def ranking_sentence(results: StudyResults) -> str:
    """Say how preferences and rankings were computed."""
    text = ""
    if any(scale.preferences for scale in results.scales):
        text = (
            "Preferences are means of the answers, turned towards the same system whichever was heard first, with "
            "95 % intervals from two-way (rater and prompt) cluster-robust variance, not below its unclustered value, "
            f"and {QUANTILES}; p values are of no preference, with "
            "Holm's correction over all pairs of a scale. Checks, agreement and planning are about the same values. "
        )
    model = "Plackett-Luce" if any(scale.kind == "best_worst" for scale in results.scales) else "Bradley-Terry"
    return text + (
        f"Systems are ranked by the strengths of the {model} model, fitted by maximum likelihood"
        + (
            ", the best and then the worst of those that are left"
            if model == "Plackett-Luce"
            else ", ties as half a win"
        )
        + ", with 95 % intervals from a sandwich covariance clustered over raters and prompts, not below the variance "
        "clustered over trials; they speak of other raters and other prompts. Ranks are those that Holm's tests over "
        "all pairs leave open. Strengths are relative to the systems of this study."
    )
