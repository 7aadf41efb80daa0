"""What axe-core finds that keeps somebody out; findings in Gradio's own markup are listed by rule and selector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

SERIOUS = ("serious", "critical")
_RUN = "axe.run({ resultTypes: ['violations'] }).then(found => found.violations)"
_MATCHES = """([html, selector]) =>
    !!new DOMParser().parseFromString(html, "text/html").body.firstElementChild?.matches(selector)"""


@dataclass(frozen=True)
class GradioFinding:
    """A finding in markup that Gradio writes and no page of ours can change.

    Attributes:
        rule: axe's id; on anything else the same rule still fails.
        selector: of the element, whose opening tag alone is looked at.
        version: of Gradio in which it was seen last; look again after an upgrade, and remove what has gone.
    """

    rule: str
    selector: str
    version: str


# The box in place of a figure or a sound that is still empty, as on the Results page: shown for long on a busy machine.
EMPTY_VALUE = 'div.empty[aria-label="Empty value"]'
KNOWN = (GradioFinding("aria-prohibited-attr", EMPTY_VALUE, "6.31.0"),)


def serious_findings(page: Page) -> list[str]:
    """Return `rule: markup` of every serious or critical finding on what is shown now, without those of `KNOWN`."""
    if not page.evaluate("'axe' in window"):  # half a megabyte, read once by each document
        page.evaluate(AXE_SCRIPT)
    violations: Sequence[Mapping[str, Any]] = page.evaluate(_RUN)
    return [
        f"{found['id']}: {node['html'][:160]}"
        for found in violations
        if found["impact"] in SERIOUS
        for node in found["nodes"]
        if not is_known(page, found["id"], node["html"])
    ]


def is_known(page: Page, rule: str, markup: str) -> bool:
    """Return whether a finding is one of `KNOWN`; its markup is parsed anew, as the element may have gone meanwhile."""
    selectors = [known.selector for known in KNOWN if known.rule == rule]
    return any(page.evaluate(_MATCHES, [markup, selector]) for selector in selectors)
