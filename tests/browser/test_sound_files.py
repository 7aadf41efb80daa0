"""What phones, browsers and Macs record is taken by the page as by the command, whatever the browser calls it."""

import base64
from pathlib import Path

import av
import pytest
from playwright.sync_api import expect

from tests.browser.continue_site import Site
from tests.clips import speechlike
from undertone.engine.audio.formats import SUFFIXES
from undertone.engine.config import SAMPLE_RATE_HZ

SECONDS = 4.0
# Container, codec and rate by ending, as the devices that write them do.
FORMATS = {
    ".webm": ("webm", "libopus", 48_000),
    ".mp4": ("mp4", "aac", 48_000),
    ".mov": ("mov", "aac", 44_100),
    ".3gp": ("3gp", "aac", 16_000),
    ".caf": ("caf", "pcm_s16be", 44_100),
    ".m4a": ("ipod", "aac", 48_000),
    ".mka": ("matroska", "libopus", 48_000),
    ".mkv": ("matroska", "libopus", 48_000),
    ".w64": ("w64", "pcm_s16le", 16_000),
    ".aac": ("adts", "aac", 48_000),
    ".aifc": ("aiff", "pcm_s16be", 44_100),
}


def record_as(path: Path) -> Path:
    """Write a voice in the format of the path's ending."""
    container, codec, rate = FORMATS[path.suffix]
    samples = (speechlike(SECONDS, hz=120, seed=4) * 32_767).short().numpy()[None]
    live = {"live": "1"} if path.suffix == ".webm" else {}  # without a length, as browsers record
    with av.open(str(path), "w", format=container, options=live) as file:
        stream = file.add_stream(codec, rate=rate)
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        for part in av.AudioResampler(stream.format, "mono", rate, frame_size=stream.frame_size or None).resample(
            frame
        ):
            file.mux(stream.encode(part))
        file.mux(stream.encode(None))
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_recording_of_any_format_that_the_engine_reads_is_taken(
    cleared_site: Site, tmp_path: Path, suffix: str
) -> None:
    cleared_site.upload(record_as(tmp_path / f"Recording 1{suffix}"))
    expect(cleared_site.prompt_note).to_contain_text("level")
    expect(cleared_site.page.locator(".cut-caption")).to_contain_text("of 4.")


@pytest.mark.parametrize(("suffix", "answer"), [(".webm", "Stop"), (".mov", "Stop"), (".caf", "is used all the same")])
def test_the_prompt_is_played_or_the_page_says_that_it_cannot_be(
    cleared_site: Site, tmp_path: Path, suffix: str, answer: str
) -> None:
    cleared_site.upload(record_as(tmp_path / f"clip{suffix}"))
    expect(cleared_site.prompt_note).to_contain_text("level")
    cleared_site.page.locator(".cut-play").click()
    expect(cleared_site.page.locator(".cut-bar")).to_contain_text(answer)


@pytest.mark.parametrize("suffix", [".webm", ".mov", ".caf"])
def test_a_recording_may_be_dropped_too(cleared_site: Site, tmp_path: Path, suffix: str) -> None:
    path = record_as(tmp_path / f"clip{suffix}")
    cleared_site.page.locator("#clip").get_by_label("Upload file").click()
    cleared_site.page.locator("#clip input[type=file]").wait_for(state="attached")
    kind = {".webm": "video/webm", ".mov": "video/quicktime", ".caf": ""}[suffix]
    cleared_site.page.evaluate(
        """([content, name, type]) => {
            const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], name, { type }));
            const area = document.querySelector("#clip input[type=file]").parentElement;
            for (const kind of ["dragenter", "dragover", "drop"])
                area.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer }));
        }""",
        [base64.b64encode(path.read_bytes()).decode(), path.name, kind],
    )
    expect(cleared_site.prompt_note).to_contain_text("level")


def test_the_chooser_offers_every_ending_that_the_engine_reads(cleared_site: Site) -> None:
    cleared_site.page.locator("#clip").get_by_label("Upload file").click()
    with cleared_site.page.expect_file_chooser() as chooser:
        cleared_site.page.locator("#clip").get_by_text("Click to Upload").click()
    offered = chooser.value.element.get_attribute("accept")
    assert offered is not None
    assert {"audio/*", *SUFFIXES} <= set(offered.split(","))


def test_a_file_that_is_no_sound_by_its_name_is_still_refused(cleared_site: Site, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"no sound")
    cleared_site.upload(tmp_path / "picture.png")
    expect(cleared_site.page.get_by_text("Invalid file type")).to_be_visible()
