"""Tables of the Results page as HTML, for screen readers, phones, and copying into a text."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

from undertone.app.asgi.root_path import site_path
from undertone.studies.analysis.caveats import published_words
from undertone.studies.analysis.people import PersonSession
from undertone.studies.analysis.power import PowerPlan
from undertone.studies.analysis.preferences import Preferences
from undertone.studies.analysis.progress import LogEntry, RatingCounts, StudyProgress
from undertone.studies.analysis.ranking import Ranking
from undertone.studies.analysis.report import interval_text, number, p_text
from undertone.studies.analysis.scale_results import ScaleResults

STATUS_WORDS = {
    "draft": "Draft: its sounds are not built.",
    "built": "Built: raters cannot enter yet.",
    "open": "Open: raters can enter.",
    "paused": "Paused: nobody new can enter.",
    "closed": "Closed.",
}

LEFT_STATES = ("withdrawn", "declined")
NARROW_COLUMNS = 3  # that a phone has room for
STATE_WORDS = {"withdrawn": "declined or withdrawn", "timed_out": "ran out of time"}


def table(
    caption: str, head: Sequence[str], rows: Sequence[Sequence[Any]], strong: Sequence[bool] = (), kind: str = ""
) -> str:
    """Return a table whose first column names the row; a phone shows the rows of a wide one as lists.

    Args:
        strong: rows in bold.
        kind: style class; "results-words" for cells of words, which are wrapped and begin at the left.
    """
    heads = "".join(f'<th scope="col" role="columnheader">{escape(name)}</th>' for name in head)
    lines = []
    for index, (first, *rest) in enumerate(rows):
        cells = "".join(
            f'<td role="cell" data-label="{escape(name)}">{escape(str(cell))}</td>'
            for name, cell in zip(head[1:], rest, strict=True)
        )
        bold = ' class="strong"' if index < len(strong) and strong[index] else ""
        lines.append(f'<tr role="row"{bold}><th scope="row" role="rowheader">{escape(str(first))}</th>{cells}</tr>')
    wide = "results-wide" if len(head) > NARROW_COLUMNS or kind else ""
    # The roles are said in full, as a phone shows each row as a list and would make the table's own roles disappear.
    return (
        f'<div class="results-scroll {kind} {wide}" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="results-table" role="table"><caption>{escape(caption)}</caption>'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead>'
        f'<tbody role="rowgroup">{"".join(lines)}</tbody></table></div>'
    )


def cells_table(found: RatingCounts) -> str:
    """Return how full each clip is: prompts down, systems across, each with its numbers."""
    if not found.systems or not found.prompts:
        return '<p class="hint">The study has no clips yet. Build its sounds first.</p>'
    head = "".join(f'<th scope="col">{escape(system)}</th>' for system in found.systems)
    lines = []
    for column, prompt in enumerate(found.prompts):
        row = "".join(_cell(found, number, column) for number in range(len(found.systems)))
        lines.append(f'<tr><th scope="row">{escape(prompt)}</th>{row}</tr>')
    caption = f"Accepted ratings of each clip; {found.wanted} are wanted. Behind +: under way or not judged yet."
    return (
        f'<div class="results-scroll results-map" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="results-table"><caption>{escape(caption)}</caption>'
        f'<thead><tr><th scope="col">prompt</th>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'
    )


def _cell(found: RatingCounts, system: int, prompt: int) -> str:
    accepted, waiting = int(found.accepted[system, prompt]), int(found.waiting[system, prompt])
    kind = "is-full" if accepted >= found.wanted else "is-part" if accepted else "is-none"
    return f'<td class="{kind}">{accepted}{f" +{waiting}" if waiting else ""}</td>'


def people_table(found: Sequence[PersonSession], caption: str) -> str:
    """Return the sessions of people, with what is needed to pay them."""
    rows = [
        (
            own.panel_id or "(plain link)",
            own.code or "–",
            own.ending,
            _when(own.began),
            _when(own.ended),
            number(own.minutes, 1),
            "; ".join(own.signs) or "–",
        )
        for own in found
    ]
    head = ("panel id", "completion code", "session", "began (UTC)", "ended (UTC)", "minutes", "signs of a program")
    return table(caption, head, rows, kind="results-words")


def questionnaires_table(found: Sequence[PersonSession]) -> str:
    """Return every answer of a questionnaire."""
    rows = [
        (own.panel_id or own.code or "(plain link)", given.text or f"{given.section}: {given.question}", given.answer)
        for own in found
        for given in own.answers
    ]
    if not rows:
        return '<p class="hint">Nobody has answered a questionnaire.</p>'
    return table("Questionnaires", ("who", "question", "answer"), rows, kind="results-words")


def overview_table(seen: StudyProgress) -> str:
    """Return where a study stands, in a line and a few numbers."""
    status, cells = seen.status, seen.cells
    clips = len(cells.systems) * len(cells.prompts)
    share = f" ({status.collected / status.wanted:.0%})" if status.wanted else ""
    facts = [
        ("accepted trials", f"{status.collected} of {status.wanted}{share}"),
        ("clips complete", f"{cells.complete} of {clips}"),
        ("under way", status.promised),
        ("sessions accepted", status.accepted),
        ("failed screening", status.rejected),
        ("declined or withdrawn", sum(status.sessions.get(state, 0) for state in LEFT_STATES)),
        ("last answer (UTC)", _when(seen.last_rating_at)),
    ]
    shown = "".join(f"<div><dt>{name}</dt><dd>{escape(str(value))}</dd></div>" for name, value in facts)
    path = escape(site_path(status.raters_path))
    link = f' <a href="{path}" target="_blank">Page for raters</a>' if status.status == "open" else ""
    return (
        f'<p class="results-status is-{status.status}"><b>{escape(status.title)}</b> '
        f"<span>{STATUS_WORDS[status.status]}</span>{link}</p>"
        f'<dl class="results-facts">{shown}</dl>'
    )


def rules_table(seen: StudyProgress) -> str:
    """Return the pass rates of the screening rules; alarms first, as they may mean that a rule is broken."""
    alarms = "".join(
        f'<p class="note note-problem" role="alert">{escape(rule.alarm)}</p>' for rule in seen.rules if rule.alarm
    )
    if not seen.rules:
        return '<p class="hint">No session has been judged by a screening rule yet.</p>'
    rows = [
        (
            rule.rule,
            f"{rule.rate:.0%}",
            f"{rule.passed} of {rule.judged}",
            f"{rule.recent_passed} of {rule.recent_judged}",
        )
        for rule in seen.rules
    ]
    head = ("rule", "passed", "sessions", "latest sessions")
    return alarms + table("Screening: how many pass", head, rows, [bool(rule.alarm) for rule in seen.rules])


def sessions_table(seen: StudyProgress) -> str:
    """Return how many sessions are where."""
    counted = sorted(seen.status.sessions.items())
    rows = [(STATE_WORDS.get(state, state.replace("_", " ")), count) for state, count in counted]
    return table("Sessions by state", ("state", "sessions"), rows) if rows else ""


def scores_table(found: ScaleResults, published: Mapping[str, str] | None = None, source: str = "") -> str:
    """Return the mean opinion scores of one scale.

    Args:
        published: scores of these systems elsewhere, as they are printed.
        source: of the published scores.
    """
    if found.ranking:
        preferred = preferences_table(found.preferences) if found.preferences else ""
        return preferred + ranking_table(found.ranking)
    elsewhere = published or {}
    rows = [
        (
            score.system,
            number(score.mean.value),
            interval_text(score.mean),
            *((elsewhere.get(score.system, "–"),) if elsewhere else ()),
            number(score.mean.half_width),
            number(score.naive_half_width),
            score.mean.num_ratings,
            score.mean.num_raters,
            score.mean.num_prompts,
        )
        for score in found.mos.systems
    ]
    beside = ("published",) if elsewhere else ()
    head = ("system", "mean", "95 % interval", *beside, "±", "± in older papers", "ratings", "raters", "prompts")
    whose = "accepted sessions" if found.screened else "all sessions, as none is accepted yet"
    notes = _notes((score.system, score.mean.note) for score in found.mos.systems)
    if elsewhere:
        notes += f'<p class="hint">{escape(published_words(source))}</p>'
    return table(f"Mean opinion scores of {whose}", head, rows) + notes


def preferences_table(found: Preferences) -> str:
    """Return which of two is preferred in an A/B study."""
    rows = [
        (
            f"{pair.first} or {pair.second}",
            number(pair.preference.value, 2, True),
            interval_text(pair.preference),
            p_text(pair.p_holm),
        )
        for pair in found.pairs
    ]
    head = ("pair", "preference for the second", "95 % interval", "p (Holm)")
    notes = _notes((f"{pair.first} or {pair.second}", pair.preference.note) for pair in found.pairs)
    return table("Preferences", head, rows, [bool(pair.different) for pair in found.pairs]) + notes


def ranking_table(found: Ranking) -> str:
    """Return the systems by the strengths that explain what was chosen."""
    rows = [
        (
            one.system,
            f"{one.best_rank}" if one.best_rank == one.worst_rank else f"{one.best_rank} to {one.worst_rank}",
            number(one.strength, 2, True),
            interval_text(one),
            f"{one.chance:.0%}",
            one.times,
            one.named_best,
            one.named_worst,
        )
        for one in found.systems
    ]
    head = (
        "system",
        "ranks left open",
        "strength",
        "95 % interval",
        "chosen over another",
        "in trials",
        "best",
        "worst",
    )
    note = f'<p class="hint">{escape(found.note[:1].upper() + found.note[1:])}.</p>' if found.note else ""
    return table("Ranking (log odds against a system of mean strength)", head, rows) + note


def differences_table(found: ScaleResults) -> str:
    """Return the differences of pairs of systems with Holm's correction."""
    if found.preferences:
        return ""
    if found.comparison.note:
        return f'<p class="hint">{escape(found.comparison.note)}.</p>'
    rows = [
        (
            f"{pair.first} − {pair.second}",
            number(pair.value, 2, True),
            interval_text(pair) if found.tested else "hidden",
            p_text(pair.p_holm) if found.tested else "hidden",
        )
        for pair in found.comparison.pairs
    ]
    head = ("pair", "difference", "95 % interval", "p (Holm)")
    strong = [bool(pair.different) for pair in found.comparison.pairs]
    notes = _notes((f"{pair.first} − {pair.second}", pair.note) for pair in found.comparison.pairs if found.tested)
    bold = "; bold: different at 5 % within its family" if found.tested else ""
    return table(f"Differences {found.comparison.method}{bold}", head, rows, strong) + notes


def agreement_table(found: ScaleResults) -> str:
    """Return Krippendorff's alpha, and the scores with and without screening."""
    alpha = found.alpha
    text = alpha.note if alpha.value is None else f"{number(alpha.value)} {interval_text(alpha)}"
    rows = [
        (
            shift.system,
            number(shift.screened),
            number(shift.unscreened),
            f"{shift.ratings_kept} of {shift.ratings_given}",
        )
        for shift in found.screening.shifts
    ]
    head = ("system", "accepted sessions", "all sessions", "ratings kept")
    return f'<p class="hint">Krippendorff\'s alpha (ordinal): {escape(text)}</p>' + table(
        "Means with and without screening", head, rows
    )


def raters_table(found: ScaleResults, names: dict[str, str]) -> str:
    """Return every rater, the least agreeing first."""
    words = {True: "accepted", False: "dropped", None: "not judged"}
    rows = [
        (
            names[rater.rater],
            rater.ratings,
            number(rater.mean),
            number(rater.bias, 2, True),
            number(rater.inconsistency),
            number(rater.agreement),
            rater.device,
            words[rater.accepted] + (", hardly varies" if rater.straight_line else ""),
        )
        for rater in found.raters
    ]
    head = ("rater", "ratings", "mean", "bias", "inconsistency", "agreement", "device", "session")
    return table("Raters against the others of the same clips, the least agreeing first", head, rows)


def log_table(entries: Sequence[LogEntry]) -> str:
    """Return the audit log, the newest first."""
    if not entries:
        return '<p class="hint">Nothing has been logged yet.</p>'
    rows = [(f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.actor, entry.kind, _details(entry.details)) for entry in entries]
    return table("What admins and the server did (UTC)", ("time", "who", "what", "details"), rows)


def plan_table(found: PowerPlan) -> str:
    """Return the studies that reach a half-width."""
    if found.note:
        return f'<p class="note note-warning">{escape(found.note)}.</p>'
    rows = [
        (option.prompts, option.raters, option.trials_per_rater, option.ratings, f"{option.raters_per_stimulus:.1f}")
        for option in found.options
    ]
    head = ("prompts", "raters", "clips each", "ratings", "raters for each clip")
    strong = [option == found.recommended for option in found.options]
    return table(
        f"Studies in which a given system reaches a half-width of {found.half_width:g} with {found.assurance:.0%} "
        "assurance; bold: fewest people and prompts",
        head,
        rows,
        strong,
    )


def _notes(found: Iterable[tuple[str, str]]) -> str:
    """Return why there is no interval, for each row that has none."""
    return "".join(f'<p class="note note-warning">{escape(name)}: {escape(note)}.</p>' for name, note in found if note)


def _details(payload: dict[str, Any]) -> str:
    text = ", ".join(f"{key} {value}" for key, value in payload.items())
    return text if len(text) <= 160 else f"{text[:159]}…"


def _when(at: datetime | None) -> str:
    return "–" if at is None else f"{at:%d %b %H:%M}"
