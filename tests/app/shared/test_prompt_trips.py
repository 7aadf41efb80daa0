"""Between the page and the model a prompt is decoded, checked and resampled once, and stays the engine's to the bit."""

import inspect
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import torch
import torchaudio

from tests.clips import SAMPLE_RATE_HZ, speechlike, write_wav16
from undertone.app.prosody.visit import ProsodyVisit
from undertone.app.shared.context import Context
from undertone.app.shared.visitor import Visit
from undertone.app.site.application import PAGES, build_page
from undertone.engine import read_audio
from undertone.engine.audio import reading

RATE_HZ = 44_100
START, LENGTH = 0.3, 1.7


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A clip at a rate that has to be resampled."""
    stretch = RATE_HZ / SAMPLE_RATE_HZ
    return write_wav16(tmp_path / "clip-44100.wav", speechlike(4.0 * stretch, hz=130 / stretch), RATE_HZ)


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what is really done, wherever it is asked for."""
    counts: Counter[str] = Counter()

    def count(owner: Any, name: str, key: str) -> None:
        function = getattr(owner, name)

        def counted(*args: Any, **kwargs: Any) -> Any:
            counts[key] += 1
            return function(*args, **kwargs)

        monkeypatch.setattr(owner, name, counted)

    count(reading, "_decode", "decoded")
    count(reading, "check_prompt", "checked")
    count(torchaudio.functional, "resample", "resampled")
    return counts


class PageEvents:
    """The events of a page, called as its server calls them for one visitor."""

    def __init__(self, context: Context, path: str, visit: Any, values: dict[str, Any]) -> None:
        page = next(page for page in PAGES if page.path == path)
        self.blocks, self.visit, self.values = build_page(context, page, PAGES), visit, values

    def fire(self, widget: str, event: str) -> None:
        """Call every function behind an event, and what follows each."""
        (block,) = [block for block in self.blocks.blocks.values() if getattr(block, "elem_id", None) == widget]
        for function in [one for one in self.blocks.fns.values() if (block._id, event) in one.targets]:
            if function.fn is None:
                continue
            self._call(function)
            for following in self.blocks.fns.values():
                if following.trigger_after == function._id and following.fn is not None:
                    self._call(following)

    def _call(self, function: Any) -> None:
        inputs = [
            self.visit if isinstance(block, gr.State) else self.values.get(block.elem_id, block.value)
            for block in function.inputs
        ]
        names = list(inspect.signature(function.fn).parameters)
        if "request" in names:
            inputs.insert(names.index("request"), gr.Request(session_hash="somebody"))
        answer = function.fn(*inputs)
        if isinstance(answer, Iterator):
            list(answer)


def test_a_visit_of_the_continue_page(context: Context, path: Path, trips: Counter[str]) -> None:
    visit = Visit(context.folder)
    values = {
        "clip": str(path), "cut-start": 0.0, "cut-length": 3.0, "seconds": 1.0, "takes": 1, "steps": 1, "end": "never",
    }  # fmt: skip
    page = PageEvents(context, "/", visit, values)
    page.fire("clip", "change")
    page.fire("cut-length", "change")  # the sliders move to the new clip, and the cut is judged again
    page.fire("go", "click")
    assert len(visit.takes) == 1
    assert trips == {"decoded": 1, "checked": 1, "resampled": 1}
    page.fire("go", "click")
    assert trips == {"decoded": 1, "checked": 1, "resampled": 1}
    values |= {"cut-start": START, "cut-length": LENGTH}
    page.fire("cut-start", "change")
    page.fire("go", "click")
    assert trips == {"decoded": 1, "checked": 2, "resampled": 2}  # another part of the clip
    assert visit.takes[0].settings.prompt_start_seconds == START


def test_a_visit_of_the_prosody_page_with_two_recordings(context: Context, path: Path, trips: Counter[str]) -> None:
    visit = ProsodyVisit(context.folder)
    values = {"clip": str(path), "cut-start": START, "cut-length": LENGTH, "seed": 0, "steps": 1}
    values |= {f"second-{name}": values[name] for name in ("clip", "cut-start", "cut-length")}
    page = PageEvents(context, "/prosody", visit, values)
    page.fire("clip", "change")  # judges what the clip begins with
    page.fire("cut-start", "change")
    before = Counter(trips)
    page.fire("analyse", "click")
    assert visit.editing is not None
    assert trips == before == {"decoded": 1, "checked": 2, "resampled": 2}
    page.fire("second-clip", "change")
    page.fire("second-cut-start", "change")
    before = Counter(trips)
    page.fire("use-second", "click")
    assert len(visit.editing.others) == 1
    assert trips == before == {"decoded": 2, "checked": 4, "resampled": 4}
    page.fire("draw", "click")
    assert trips == before


def test_what_was_checked_once_is_the_engines_own_analysis_to_the_bit(context: Context, path: Path) -> None:
    visit = Visit(context.folder)
    visit.load(str(path))
    check = visit.check(START, LENGTH, context.limits)
    assert check is not None
    assert visit.prompt(START, START + LENGTH, context.limits) is check.prompt
    carried = context.engine.analyse_prompt(visit.prompt(START, START + LENGTH, context.limits))
    direct = context.engine.analyse(*read_audio(path), START, START + LENGTH)
    assert carried.audio_sha256 == direct.audio_sha256
    assert carried.frames_sha256 == direct.frames_sha256
    assert (carried.start_seconds, carried.end_seconds) == (direct.start_seconds, direct.end_seconds)
    assert torch.equal(carried.mel, direct.mel)


def test_another_clip_is_checked_anew(context: Context, path: Path, clip_path: Path) -> None:
    visit = Visit(context.folder)
    visit.load(str(path))
    first = visit.check(START, LENGTH, context.limits)
    visit.load(str(clip_path))
    second = visit.check(START, LENGTH, context.limits)
    assert first is not None
    assert second is not None
    assert first.prompt is not second.prompt
    assert first.clip is not second.clip
