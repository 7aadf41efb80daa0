"""The editor's widgets: what the server and the page's scripts say to each other."""

import re
from pathlib import Path

from undertone.app.prosody import page as page_module
from undertone.app.prosody.editing_session import EditingSession
from undertone.app.prosody.editor_widgets import cards_value

PROSODY = Path(page_module.__file__).parent


def test_the_cards_show_where_the_history_stands(edited_take: EditingSession) -> None:
    value = cards_value(edited_take, 3)
    assert value["revision"] == 3
    assert {card["id"] for card in value["cards"]} == {"z1", "z2", "z3", "z4"}
    assert set(map(tuple, value["values"].values())) == {(0.0, 1.0, 0.0)}


def test_the_cards_script_sends_what_the_server_reads_and_reads_what_it_sends(edited_take: EditingSession) -> None:
    """A renamed key of an event would leave every slider dead, and no other test but a browser's sees it."""
    script = (PROSODY / "cards.js").read_text(encoding="utf-8")
    handlers = (PROSODY / "editor_events.py").read_text(encoding="utf-8")
    read = set(re.findall(r"\bevent\.(\w+)", handlers))
    sent = {name for data in re.findall(r"(?:trigger|send)\(.*", script) for name in re.findall(r"\b\w+\b", data)}
    current = "current = () => ({ values: copy(state.values), morph: state.morph })"
    sent |= {"values", "morph"} if current in script else set()
    for other in ("range.js", "word_tool.js"):
        data = re.findall(r"trigger\(.*", (PROSODY / other).read_text(encoding="utf-8"))
        sent |= {name for line in data for name in re.findall(r"\b\w+\b", line)}
    assert {"session", "sequence", "values", "morph", "token", "audition", "label"} <= read
    assert read <= sent
    shown = set(cards_value(edited_take, 1))
    assert shown <= set(re.findall(r"\bvalue\.(\w+)", script))
