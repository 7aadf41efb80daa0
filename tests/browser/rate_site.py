"""The rater's page as a person uses it, and a server that can be killed and started again."""

import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from undertone.studies.sessions.headphones import right_answer, tone_orders
from undertone.studies.store import Database
from undertone.studies.store.tables import Rating, Session, Trial

ROOT = Path(__file__).parent.parent.parent
CLIP_SECONDS = 1.2
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
    "user_agent": "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36",
}


class RateServer:
    """A server of its own on a fixed port, with the database's folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.browser.rate_server", str(self.data), str(self.port)]
        self.process = subprocess.Popen(command, cwd=ROOT)
        for _ in range(1200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.1)
        self.kill()
        raise AssertionError("the server did not start within two minutes")

    def kill(self) -> None:
        """Kill the server, as a crash does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None


@dataclass
class RaterPage:
    """One rater in front of one page."""

    page: Page
    db: Database
    study: str

    @property
    def heading(self) -> Locator:
        return self.page.locator("#heading")

    @property
    def note(self) -> Locator:
        return self.page.locator("#note")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def session(self) -> Session:
        """Return the row of the study's only session."""
        with self.db.reading() as transaction:
            session = transaction.scalars(select(Session).where(Session.study_id == self.study)).one()
            transaction.expunge(session)
        return session

    def ratings(self) -> list[float]:
        """Return everything that was rated, in the order of the trials."""
        with self.db.reading() as transaction:
            query = select(Rating.value).join(Trial, Trial.id == Rating.trial_id).where(Trial.study_id == self.study)
            return list(transaction.scalars(query.order_by(Trial.position, Rating.scale)))

    def agree(self) -> None:
        expect(self.heading).to_have_text("How does it sound?")
        self.press("I agree and take part")

    def fill_eligibility(self) -> None:
        expect(self.heading).to_have_text("First, a few questions")
        self.page.get_by_label("Yes").check()
        self.press("Continue")

    def set_volume(self) -> None:
        expect(self.heading).to_have_text("Set your volume")
        self.play()
        expect(self.page.get_by_role("button", name="The volume is comfortable")).to_have_attribute(
            "aria-disabled", "false"
        )
        self.press("The volume is comfortable")

    def play(self) -> None:
        button = self.page.locator("#play")
        expect(button).to_have_text(re.compile("Play"))
        button.click()

    def pass_headphones(self, trials: int) -> None:
        for index, order in enumerate(tone_orders(self.session().seed, trials)):
            expect(self.heading).to_have_text(f"Headphones on, please: {index + 1} of {trials}")
            self.play()
            expect(self.page.locator("fieldset.scale:disabled")).to_have_count(0)
            self.page.get_by_label(["First", "Second", "Third"][right_answer(order) - 1]).check()
            self.press("Next")

    def hear(self, heading: str) -> None:
        expect(self.heading).to_have_text(heading)
        self.play()
        expect(self.page.locator("fieldset.scale:disabled")).to_have_count(0)

    def choose(self, scale: str, place: int) -> None:
        """Choose the answer at a place, from 1, on the scale of this title."""
        self.scale(scale).locator("label").nth(place - 1).click()

    def scale(self, title: str) -> Locator:
        return self.page.locator("fieldset.scale").filter(has=self.page.get_by_text(title, exact=True))

    def rate(self, heading: str, first: int = 3, second: int = 4, go_on: str = "Next clip") -> None:
        self.hear(heading)
        self.choose("Naturalness", first)
        self.choose("Meaningfulness", second)
        expect(self.page.locator(".state.is-saved")).to_have_count(2)
        self.press(go_on)

    def width(self) -> int:
        return int(self.page.evaluate("document.documentElement.scrollWidth"))


Arrive = Callable[..., RaterPage]
