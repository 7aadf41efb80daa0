"""The Prosody page as a person sees it: what can be moved, pressed, heard and saved."""

from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.states import fill_number, open_drawer, wait_for_words

PATIENCE_MS = 120_000  # a tenth of it on an idle machine
STEPS_SENT = "Number(document.querySelector('#prosody-cards [data-sent]')?.dataset.sent ?? 0)"


@dataclass(frozen=True)
class ProsodySite:
    """One visitor's page."""

    page: Page

    @classmethod
    def open(cls, page: Page, url: str) -> "ProsodySite":
        page.goto(f"{url}/prosody/")
        page.locator("#analyse").wait_for()
        return cls(page)

    @property
    def note(self) -> Locator:
        """Return the note of the status bar."""
        return self.page.locator("#prosody-note .note")

    @property
    def busy(self) -> Locator:
        return self.page.locator("#run-progress")

    @property
    def player(self) -> Locator:
        """Return the element in which the player says what it plays."""
        return self.page.locator("#prosody-listen [data-version]:not(button)")

    def card(self, name: str) -> Locator:
        return self.page.locator(f'.prosody-card[data-card="{name}"]')

    def shift(self, name: str) -> Locator:
        """Return the slider of a card's shift."""
        return self.card(name).locator("[data-part='0'] input[type=range]")

    def upload(self, path: Path, prefix: str = "") -> None:
        """Choose a file as the clip, or as the second one, in place of the one that is there."""
        clip = self.page.locator(f"#{prefix}clip")
        if clip.get_by_label("Clear").count():
            clip.get_by_label("Clear").click()
            expect(self.page.locator(f"#{prefix}prompt-note .note")).not_to_contain_text("Good level")
        clip.get_by_label("Upload file").click()
        clip.locator("input[type=file]").set_input_files(path)
        wait_for_words(self.page.locator(f"#{prefix}prompt-note .note"), "Good level")

    def analyse(self, path: Path, length: float = 1.5, steps: int = 2) -> None:
        """Analyse a short part of a file, at a quality that takes no time; what was done before is forgotten."""
        self.upload(path)
        self.fill("#cut-length input[type=number]", length)
        open_drawer(self.page, "#advanced", "#steps input[type=number]")
        self.fill("#steps input[type=number]", steps)
        before = self.sounds()
        self.page.locator("#analyse").click()
        self.wait_for_sound(before)
        self.wait_until_idle("a recording of")

    def fill(self, selector: str, value: float) -> None:
        """Type a number, and see that it stays."""
        fill_number(self.page.locator(selector), value)

    def wait_until_idle(self, words: str | None = None) -> None:
        """Wait until nothing runs."""
        if words is not None:
            wait_for_words(self.note, words)
        expect(self.busy).to_have_count(0, timeout=PATIENCE_MS)

    def steps_sent(self) -> int:
        """Return the number of the newest step of the cards that the browser has sent."""
        return int(self.page.evaluate(STEPS_SENT))

    def sounds(self) -> int:
        """Return the number of the newest sound that was sent."""
        return int(self.page.evaluate("(window.undertoneSent?.edited?.serial) || 0"))

    def wait_for_sound(self, before: int) -> None:
        """Wait for a newer sound, its picture and its files."""
        newer = f"((window.undertoneSent?.edited?.serial) || 0) > {before}"
        self.page.wait_for_function(newer, timeout=PATIENCE_MS)
        self.wait_until_idle()

    def move(self, name: str, value: float) -> None:
        """Type where a card's slider shall stand, and wait for the sound."""
        before = self.sounds()
        field = self.card(name).locator("[data-part='0'] .card-number")
        field.fill(f"{value:g}")
        field.press("Enter")
        self.wait_for_sound(before)

    def press(self, selector: str) -> None:
        """Press a button that changes the sound, and wait for it."""
        before = self.sounds()
        self.page.locator(selector).click()
        self.wait_for_sound(before)

    def save(self, what: str = "wav") -> bytes:
        """Return the bytes that "Save the sound" (wav) or "Save the settings" (json) gives."""
        with self.page.expect_download() as download:
            self.page.locator(f"#save-{what}").click()
        return download.value.path().read_bytes()

    def drag_over_figure(self, panel: int, start: float, end: float) -> None:
        """Choose a time range, as fractions of the width, on a panel counted from the top."""
        area = self.page.locator("#prosody-figure .draglayer .nsewdrag").nth(panel)
        area.scroll_into_view_if_needed()
        box = area.bounding_box()
        assert box is not None
        middle = box["y"] + box["height"] / 2
        self.page.mouse.move(box["x"] + start * box["width"], middle)
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + end * box["width"], middle, steps=4)
        self.page.mouse.up()

    def width(self) -> int:
        """Return the width of the whole document in pixels, so that anything that sticks out is counted."""
        return int(self.page.evaluate("document.documentElement.scrollWidth"))
