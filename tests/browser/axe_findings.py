"""What axe-core finds that keeps somebody out; what is wrong in Gradio's own markup is listed here by rule."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")


@dataclass(frozen=True)
class OfGradio:
    """A finding in markup that Gradio writes and no page of ours can change.

    Attributes:
        rule: axe's id; on anything else the same rule still fails.
        markup: what the element begins with, a regular expression.
        version: of Gradio in which it was seen last; look again after an upgrade, and remove what has gone.
    """

    rule: str
    markup: str
    version: str


# The box in place of a figure or a sound that is still empty: shown for a moment on a busy machine.
_EMPTY_BOX = r'<div (?=[^>]*\baria-label="Empty value")(?=[^>]*\bclass="[^"]*\bempty\b)'
KNOWN = (OfGradio("aria-prohibited-attr", _EMPTY_BOX, "6.31.0"),)


def serious_findings(page: Page) -> list[str]:
    """Return rule and markup of every serious or critical finding on what is shown now, Gradio's own left out."""
    return serious_of(Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"])


def serious_of(violations: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return `rule: markup` of the serious ones of axe's violations, without those of `KNOWN`."""
    return [
        f"{found['id']}: {node['html'][:160]}"
        for found in violations
        if found["impact"] in SERIOUS
        for node in found["nodes"]
        if not any(known.rule == found["id"] and re.match(known.markup, node["html"]) for known in KNOWN)
    ]
