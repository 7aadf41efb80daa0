"""The rater's pages in other languages, in a real browser: words, numbers, direction, and nothing that sticks out."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.rate_site import DESKTOP, PHONE, Arrive, RaterPage
from tests.browser.test_rate_sets import of_kind, picture
from tests.rating_study import SHORT_FLOW
from undertone.studies.design.languages import catalogue
from undertone.studies.design.scale_words import scale_texts

DEVICES = pytest.mark.parametrize("device", [DESKTOP, PHONE], ids=["desktop", "phone"])
LATIN = re.compile(r"[A-Za-z]{3,}")
WORDS_OF_PAGE = """() => {
  const SKIPPED = "script, style, noscript, .brand, .code, #code";
  const found = [document.title.replace("· Undertone", "")];
  const own = [...document.body.querySelectorAll("*")].filter((one) => !one.closest(SKIPPED));
  for (const one of own) {
    for (const child of one.childNodes) if (child.nodeType === Node.TEXT_NODE) found.push(child.textContent);
    for (const name of ["aria-label", "aria-valuetext", "title", "alt"]) found.push(one.getAttribute(name) ?? "");
  }
  return found;
}"""


@DEVICES
@pytest.mark.parametrize(("language", "agree", "clip"), [
    ("de", "Ich stimme zu und nehme teil", "Clip 1 von 3"),
    ("es", "Acepto y participo", "Clip 1 de 3"),
    ("zh", "我同意并参加", "第 1 段音频，共 3 段"),
])  # fmt: skip
def test_a_built_in_language_is_spoken(
    arrive: Arrive, device: dict[str, Any], language: str, agree: str, clip: str
) -> None:
    rater = arrive(device, sections=SHORT_FLOW, language=language)
    expect(rater.page.locator("html")).to_have_attribute("lang", language)
    expect(rater.page.locator("html")).to_have_attribute("dir", "ltr")
    rater.press(agree)
    expect(rater.heading).to_have_text(clip)
    picture(rater, f"language-{language}")


@DEVICES
def test_a_study_file_brings_a_language_that_runs_from_right_to_left(arrive: Arrive, device: dict[str, Any]) -> None:
    """A made-up Arabic: where Latin letters are left over, a message did not go through the catalogue."""
    messages = {
        key: f"سمعنا {' '.join(re.findall(r'{[^}]*}', key))} {'كلام ' * (1 + len(key) // 12)}".strip()
        for key in (*catalogue("en"), *scale_texts())
    }
    study = of_kind({"kind": "best_worst", "clips": 3}, "best-worst")
    study["sections"] = [{**one, "text": "نص"} if "text" in one else one for one in study["sections"]]
    rater = arrive(device, **study, language="ar-EG", messages=messages, title="عنوان")
    page = rater.page
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator("#card button").first).to_contain_text("سمعنا")
    picture(rater, "language-ar-consent")
    assert latin_words(rater) == []
    page.locator("#card button").first.click()
    expect(page.locator("fieldset.scale")).to_have_count(2)
    expect(rater.heading).to_contain_text("١")  # numbers in the digits of Egypt
    picture(rater, "language-ar-trial")
    first = page.locator("fieldset.scale label").first
    box, around = first.bounding_box(), page.locator("#card").bounding_box()
    assert box is not None
    assert around is not None
    radio = first.locator("input").bounding_box()
    assert radio is not None
    assert radio["x"] > box["x"] + box["width"] / 2, "the mark stands at the right, where the line begins"
    assert latin_words(rater) == []
    page.locator("#card button.primary").last.click(force=True)  # not enabled: it says that nothing was heard
    expect(rater.note).to_be_visible()
    assert latin_words(rater) == []


def latin_words(rater: RaterPage) -> list[str]:
    """What is shown or read out in Latin letters, but for the site's name and codes."""
    texts: list[str] = rater.page.evaluate(WORDS_OF_PAGE)
    return [text for text in texts if LATIN.search(text)]
