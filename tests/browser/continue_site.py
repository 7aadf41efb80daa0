"""The Continue page as a person sees it: what can be pressed, filled in, read and saved."""

import re
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.states import fill_number, open_drawer, wait_for_words

FULL_LENGTH = "Only at the full length"


def at_least(seconds: int) -> re.Pattern[str]:
    """Return what the clock of a recording shows from a number of seconds below ten on."""
    return re.compile(rf"^([{seconds}-9]|\d\d+) s$")


@dataclass(frozen=True)
class Site:
    """One visitor's page."""

    page: Page

    @classmethod
    def open(cls, page: Page, url: str) -> "Site":
        page.goto(url)
        site = cls(page)
        site.go.wait_for()
        return site

    @property
    def go(self) -> Locator:
        return self.page.locator("#go")

    @property
    def cancel(self) -> Locator:
        return self.page.locator("#cancel")

    @property
    def prompt_note(self) -> Locator:
        return self.page.locator("#prompt-note .note")

    @property
    def run_note(self) -> Locator:
        return self.page.locator("#run-note .note")

    @property
    def live(self) -> Locator:
        """Return the element in which the live player says where it is."""
        return self.page.locator("#live-player [data-run]")

    @property
    def opening(self) -> Locator:
        """Return the element that says whether the beginning of the next run is here."""
        return self.page.locator("#opening [data-ready]")

    def number(self, name: str) -> Locator:
        """Return the number field of a control."""
        return self.page.locator(f"#{name} input[type=number]")

    def take(self, number: int) -> Locator:
        return self.page.locator(f"#take-{number}")

    def sound(self, number: int) -> Locator:
        """Return the element in which a take's player says where its sound is."""
        return self.page.locator(f"#take-{number}-boundary [data-playing]")

    def clear(self) -> None:
        """Take the clip away, where there is one, and see that the page knows of none."""
        if self.page.locator("#clip").get_by_label("Clear").count():
            self.page.locator("#clip").get_by_label("Clear").click()
        expect(self.prompt_note).to_contain_text("choose a clip")

    def upload(self, path: Path) -> None:
        """Choose a file as the clip."""
        if self.page.locator("#clip").get_by_label("Clear").count():
            self.page.locator("#clip").get_by_label("Clear").click()
        self.page.locator("#clip").get_by_label("Upload file").click()
        self.page.locator("#clip input[type=file]").set_input_files(path)

    def fill(self, name: str, value: float) -> None:
        """Type into the number field of a control, and see that it stays."""
        fill_number(self.number(name), value)

    def settings(self, seconds: float, takes: int = 1, seed: int | None = None, steps: int = 2) -> None:
        """Fill the form in; takes run to their full length, as random weights know no end."""
        self.fill("seconds", seconds)
        self.page.locator("#takes").get_by_label(str(takes), exact=True).check()
        if seed is not None:
            self.fill("seed", seed)
        open_drawer(self.page, "#advanced", "#steps input[type=number]")
        if self.number("steps").input_value() != str(steps):
            self.fill("steps", steps)
        end = self.page.locator("#end input")
        if end.input_value() != FULL_LENGTH:
            end.click()
            self.page.get_by_role("option", name=FULL_LENGTH).click()

    def finish(self) -> None:
        """Wait for the run's end and its picture."""
        wait_for_words(self.run_note, "made with seed")
        self.page.locator("#figure .js-plotly-plot").wait_for()

    def seconds_to_go(self) -> int:
        """Wait until the run makes sound, and read how long it will take by its own estimate."""
        label = self.page.locator("#run-note label")
        wait_for_words(label, re.compile(r"about \d+ s to go"))
        return int(re.findall(r"about (\d+) s", label.inner_text())[0])

    def record(self, seconds: int) -> None:
        """Record from the microphone until the page says that it has been so long."""
        self.page.locator("#clip .record-button").click()
        expect(self.page.locator(".clip-clock")).to_have_text(at_least(seconds))
        self.page.locator("#clip .stop-button").first.click()

    def save(self, number: int, what: str) -> bytes:
        """Return the bytes that "Save the sound" (wav) or "Save the settings" (json) gives."""
        with self.page.expect_download() as download:
            self.page.locator(f"#take-{number}-{what}").click()
        return download.value.path().read_bytes()

    def save_both(self, number: int) -> tuple[str, bytes]:
        """Return settings and sound of a take; the settings first, so that a comparison that fails says why."""
        return self.save(number, "json").decode(), self.save(number, "wav")

    def width(self) -> int:
        """Return the width of the whole document in pixels, so that anything that sticks out is counted."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))
