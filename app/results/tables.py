"""Tables and small parts of the Results page as HTML: for screen readers, phones, and copying into a text."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Any

from studies.analysis.power import Plan
from studies.analysis.preferences import Preferences
from studies.analysis.progress import LogEntry, Watch
from studies.analysis.report import interval_text, number, p_text
from studies.analysis.results import ScaleResults

STATUS_WORDS = {
    "draft": "Draft: its sounds are not built.",
    "built": "Built: raters cannot enter yet.",
    "open": "Open: raters can enter.",
    "paused": "Paused: nobody new can enter.",
    "closed": "Closed.",
}


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[Any]], strong: Sequence[bool] = ()) -> str:
    """A table whose first column names the row; wide ones scroll by themselves and can be reached by keyboard."""
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in head)
    lines = []
    for index, (first, *rest) in enumerate(rows):
        cells = "".join(f"<td>{escape(str(cell))}</td>" for cell in rest)
        kind = ' class="strong"' if index < len(strong) and strong[index] else ""
        lines.append(f'<tr{kind}><th scope="row">{escape(str(first))}</th>{cells}</tr>')
    return (
        f'<div class="results-scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="results-table"><caption>{escape(caption)}</caption><thead><tr>{heads}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def overview(seen: Watch) -> str:
    """Where a study stands, in a line and a few numbers."""
    status, cells = seen.status, seen.cells
    clips = len(cells.systems) * len(cells.prompts)
    share = f" ({status.collected / status.wanted:.0%})" if status.wanted else ""
    facts = [
        ("accepted trials", f"{status.collected} of {status.wanted}{share}"),
        ("clips complete", f"{cells.complete} of {clips}"),
        ("under way", status.promised),
        ("sessions accepted", status.accepted),
        ("sessions rejected", status.rejected),
        ("last answer (UTC)", _when(seen.last_rating_at)),
    ]
    shown = "".join(f"<div><dt>{name}</dt><dd>{escape(str(value))}</dd></div>" for name, value in facts)
    path = escape(status.raters_path)
    link = f' <a href="{path}" target="_blank">Page for raters</a>' if status.status == "open" else ""
    return (
        f'<p class="results-status is-{status.status}"><b>{escape(status.title)}</b> '
        f"<span>{STATUS_WORDS[status.status]}</span>{link}</p>"
        f'<dl class="results-facts">{shown}</dl>'
    )


def rules(seen: Watch) -> str:
    """Pass rates of the screening rules; alarms first, as they may mean that a rule is broken."""
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


def sessions(seen: Watch) -> str:
    """How many sessions are where."""
    rows = [(state.replace("_", " "), count) for state, count in sorted(seen.status.sessions.items())]
    return table("Sessions by state", ("state", "sessions"), rows) if rows else ""


def scores(found: ScaleResults) -> str:
    """Mean opinion scores of one scale."""
    if found.preferences:
        return preferences(found.preferences)
    rows = [
        (
            score.system,
            number(score.mean.value),
            interval_text(score.mean),
            number(score.mean.half_width),
            number(score.naive_half_width),
            score.mean.num_ratings,
            score.mean.num_raters,
            score.mean.num_prompts,
        )
        for score in found.mos.systems
    ]
    head = ("system", "mean", "95 % interval", "±", "naive ±", "ratings", "raters", "prompts")
    whose = "accepted sessions" if found.screened else "all sessions, as none is accepted yet"
    notes = _notes((score.system, score.mean.note) for score in found.mos.systems)
    return table(f"Mean opinion scores of {whose}", head, rows) + notes


def preferences(found: Preferences) -> str:
    """Which of two is preferred in an A/B study."""
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


def differences(found: ScaleResults) -> str:
    """Pairs of systems with Holm's correction."""
    if found.preferences:
        return ""
    if found.comparison.note:
        return f'<p class="hint">{escape(found.comparison.note)}.</p>'
    rows = [
        (f"{pair.first} − {pair.second}", number(pair.value, 2, True), interval_text(pair), p_text(pair.p_holm))
        for pair in found.comparison.pairs
    ]
    head = ("pair", "difference", "95 % interval", "p (Holm)")
    strong = [bool(pair.different) for pair in found.comparison.pairs]
    notes = _notes((f"{pair.first} − {pair.second}", pair.note) for pair in found.comparison.pairs)
    return table(f"Differences {found.comparison.method}; bold: different at 5 %", head, rows, strong) + notes


def agreement(found: ScaleResults) -> str:
    """Alpha, and the scores without screening."""
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


def raters(found: ScaleResults, names: dict[str, str]) -> str:
    """Every rater, the least agreeing first."""
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


def log(entries: Sequence[LogEntry]) -> str:
    """The audit log, the newest first."""
    if not entries:
        return '<p class="hint">Nothing has been logged yet.</p>'
    rows = [(f"{entry.at:%Y-%m-%d %H:%M:%S}", entry.actor, entry.kind, _details(entry.details)) for entry in entries]
    return table("What admins and the server did (UTC)", ("time", "who", "what", "details"), rows)


def plan(found: Plan) -> str:
    """Studies that reach a half-width."""
    if found.note:
        return f'<p class="note note-warning">{escape(found.note)}.</p>'
    rows = [
        (option.prompts, option.raters, option.trials_per_rater, option.ratings, f"{option.raters_per_stimulus:.1f}")
        for option in found.options
    ]
    head = ("prompts", "raters", "clips each", "ratings", "raters for each clip")
    strong = [option == found.recommended for option in found.options]
    return table(
        f"Studies with a half-width of {found.half_width:g}; bold: fewest people and prompts", head, rows, strong
    )


def _notes(found: Iterable[tuple[str, str]]) -> str:
    """Return why there is no interval, for each row that has none."""
    return "".join(f'<p class="note note-warning">{escape(name)}: {escape(note)}.</p>' for name, note in found if note)


def _details(payload: dict[str, Any]) -> str:
    text = ", ".join(f"{key} {value}" for key, value in payload.items())
    return text if len(text) <= 160 else f"{text[:159]}…"


def _when(at: datetime | None) -> str:
    return "–" if at is None else f"{at:%d %b %H:%M}"
