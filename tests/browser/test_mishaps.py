"""What a person does by mistake: broken files, no clip, wrong numbers. Each is answered, and nothing is lost."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from playwright.sync_api import expect

from tests.browser.continue_site import Site
from tests.clips import speechlike


def wav(samples: np.ndarray, subtype: str = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, 16_000, subtype=subtype, format="WAV")
    return buffer.getvalue()


VOICE = speechlike(3.0).numpy()
BROKEN = {
    "text": (b"I am a text in disguise\n" * 50, "not a sound file"),
    "damaged": (wav(VOICE)[:44] + b"", "0 s"),
    "silent": (wav(np.zeros(48_000, np.float32)), "silent"),
    "short": (wav(VOICE[:4000]), "at least 1 s"),
    "clipped": (wav(np.clip(20 * VOICE, -1, 1)), "clipped"),
    "not a number": (wav(np.full(48_000, np.nan, np.float32), "FLOAT"), "not numbers"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_is_refused_with_the_reason(cleared_site: Site, tmp_path: Path, kind: str) -> None:
    content, words = BROKEN[kind]
    path = tmp_path / "clip.wav"
    path.write_bytes(content)
    cleared_site.upload(path)
    expect(cleared_site.prompt_note).to_contain_text(words)
    expect(cleared_site.prompt_note).to_have_attribute("role", "alert")
    cleared_site.go.click()
    expect(cleared_site.run_note).to_contain_text(words)
    expect(cleared_site.go).to_be_visible()


def test_without_a_clip_the_page_says_what_to_do(cleared_site: Site) -> None:
    cleared_site.go.click()
    expect(cleared_site.run_note).to_contain_text("Record, upload or choose an example first")


def test_after_a_broken_file_a_good_one_works_and_too_much_for_the_model_leaves_its_takes(
    cleared_site: Site, clips: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(b"nothing")
    site = cleared_site
    site.upload(path)
    expect(site.prompt_note).to_contain_text("not a sound file")
    site.upload(clips["high"])
    expect(site.prompt_note).to_contain_text("Good level")
    site.settings(seconds=1, seed=3)
    site.go.click()
    site.finish()
    site.fill("cut-length", 5)
    site.fill("seconds", 17)
    site.go.click()
    expect(site.run_note).to_contain_text("cut a shorter prompt")
    expect(site.take(1)).to_be_visible()


def test_a_file_that_is_no_settings_is_refused(cleared_site: Site, tmp_path: Path) -> None:
    (tmp_path / "wrong.json").write_text('{"seed": 1}')
    seed = cleared_site.number("seed").input_value()
    with cleared_site.page.expect_file_chooser() as chooser:
        cleared_site.page.get_by_role("button", name="Load saved settings").click()
    chooser.value.set_files(tmp_path / "wrong.json")
    expect(cleared_site.run_note).to_contain_text("settings file")
    assert cleared_site.number("seed").input_value() == seed
