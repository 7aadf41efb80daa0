"""The static page in a real Chromium, which runs the exported graphs: it is the engine's equal, and sends nothing."""

import functools
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from playwright.sync_api import Browser, Page, Route, expect
from torch import Tensor

from tests.browser.axe_findings import serious_findings
from tests.clips import speechlike
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.browser.runtime import RuntimeFilesError, kept_package
from undertone.app.browser.site import SitePlan, write_site
from undertone.engine import Engine
from undertone.engine.bundle import load_bundle
from undertone.engine.generation import stream
from undertone.engine.generation.decode import FrameNoise
from undertone.engine.noise import SeededNoise

# Analyses a clip and continues it in the browser, with draws that were made elsewhere.
CONTINUE = """async ({ clip, seconds, uniforms, normals, frames, width }) => {
    const { startRuntime } = await import(new URL("runtime.js", location.href));
    const { fetched } = await import(new URL("files.js", location.href));
    const { Voice } = await import(new URL("voice.js", location.href));
    const config = JSON.parse(new TextDecoder().decode(await fetched("voice.json")));
    const voice = await Voice.load(await startRuntime(false, 1), config, (name) => fetched(name));
    const prompt = await voice.analyse(Float32Array.from(clip));
    const noise = {
        uniform: () => uniforms.shift(),
        normal: (count) => Float32Array.from(normals.splice(0, count)),
        frames: (first, count) => Float32Array.from(frames.slice(first * width, (first + count) * width)),
    };
    const samples = [], sampling = config.presets.balanced;
    let last;
    for await (last of voice.continue(prompt, { seconds, sampling, noise })) samples.push(...last.samples);
    return {
        tokens: prompt.frames.tokenIds, latents: prompt.frames.values, utterance: Array.from(prompt.utterance),
        samples, ended: last.ended, left: uniforms.length + normals.length,
    };
}"""
LOAD_MS = 120_000  # 3 s on an idle machine
NO_MICROPHONE = (
    "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('none', 'NotFoundError'); };"
)

# Whether a clip could be recorded or chosen at any time before the page was left.
KEEPS_WHAT_WAS_OPEN = """(() => {
    let open = false;
    const look = () => { open ||= !!document.querySelector("#record:enabled, #file:enabled"); };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
    addEventListener("pagehide", () => sessionStorage.setItem("open", open));
})()"""


class RecordedNoise(SeededNoise):
    """Noise of one take that keeps what it drew."""

    normals: list[float]
    uniforms: list[float]
    made: "RecordedNoise"

    def __init__(self, seeds: list[int], device: torch.device) -> None:
        super().__init__(seeds, device)
        self.normals, self.uniforms = [], []
        RecordedNoise.made = self

    def normal(self, *shape: int) -> Tensor:
        drawn = super().normal(*shape)
        self.normals += drawn.flatten().tolist()
        return drawn

    def uniform(self, *shape: int) -> Tensor:
        drawn = super().uniform(*shape)
        self.uniforms += drawn.flatten().tolist()
        return drawn


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    return make_tiny_bundle(folder, learned_end=True, phones=("AH", "D", "K", "N"), student=True)


@pytest.fixture(scope="module")
def address(voice: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Write the folder, and serve it as a host does that sends no headers of its own."""
    try:
        package = kept_package()
    except RuntimeFilesError as error:
        pytest.skip(f"onnxruntime-web cannot be had: {error}")
    folder = tmp_path_factory.mktemp("site") / "page"
    write_site(load_bundle(voice), folder, SitePlan(title="Tiny & young", runtime=package))
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".mjs": "application/octet-stream"}

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Open the page as a new visitor; whatever the test does, nothing is sent and no other machine is asked."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    asked: list[tuple[str, str]] = []
    failed: list[str] = []
    context.set_default_timeout(LOAD_MS)
    context.on("request", lambda request: asked.append((request.method, request.url)))
    context.on("weberror", lambda error: failed.append(str(error.error)))

    def open_page(script: str = "", absent: str = "") -> Page:
        page = context.new_page()
        if script:
            page.add_init_script(script)
        if absent:
            context.route(f"**/{absent}", _absent)
        page.goto(address)
        return page

    yield open_page
    context.close()
    assert asked
    assert {(method, url.startswith((address, "blob:", "data:"))) for method, url in asked} == {("GET", True)}
    assert not failed, f"the page's scripts failed: {failed}"


def _absent(route: Route) -> None:
    route.fulfill(status=404)


def test_a_take_is_that_of_the_engine(voice: Path, visit: Callable[..., Page], monkeypatch: pytest.MonkeyPatch) -> None:
    engine, clip, seed = Engine.from_pretrained(voice, device="cpu"), speechlike(1.51), 7
    monkeypatch.setattr(stream, "SeededNoise", RecordedNoise)
    speech = engine.analyse(clip, 16_000)
    take = engine.continue_(speech, seconds=2.0, seed=seed, step="modules")
    width, frames = engine.bundle.config.model.mel.num_mels, speech.num_frames + 100
    page = visit(script="sessionStorage.setItem('isolated', 'tried');")  # no second loading while this one runs
    found = page.evaluate(CONTINUE, {
        "clip": clip.tolist(), "seconds": 2.0, "uniforms": RecordedNoise.made.uniforms,
        "normals": RecordedNoise.made.normals, "width": width,
        "frames": FrameNoise(seed, 0, frames).normal(1, frames, width).flatten().tolist(),
    })  # fmt: skip
    assert found["tokens"] == speech.tokens.tolist()
    torch.testing.assert_close(torch.tensor(found["latents"]), speech.latents.flatten(), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(torch.tensor(found["utterance"]), speech.utterance, rtol=1e-4, atol=1e-4)
    assert found["left"] == 0
    assert found["ended"] == (take.ended == "learned")
    torch.testing.assert_close(torch.tensor(found["samples"]), take.audio, rtol=1e-3, atol=1e-3)


def test_a_recording_is_continued_by_keyboard_alone(visit: Callable[..., Page], tmp_path: Path) -> None:
    page = visit()
    expect(page.locator("#run-note")).to_contain_text("Record or upload", timeout=LOAD_MS)
    assert page.evaluate("crossOriginIsolated"), "without headers the service worker isolates the page"
    expect(page.locator("#device")).to_have_text(f"{min(4, page.evaluate('navigator.hardwareConcurrency'))} threads")
    assert serious_findings(page) == []
    page.locator("#record").press("Enter")
    expect(page.locator("#clip-note")).to_contain_text("s of sound")
    page.locator("#prompt-seconds").fill("1")
    page.locator("#seconds").fill("2")
    page.locator("#seed").fill("7")
    saved = []
    for i in range(2):
        page.locator("#go").press("Enter")
        expect(page.locator("#run-note")).to_contain_text("s of speech in", timeout=LOAD_MS)
        with page.expect_download() as download:
            page.locator("#save").press("Enter")
        assert download.value.suggested_filename == "take-seed-7.wav"
        download.value.save_as(tmp_path / f"{i}.wav")
        saved.append((tmp_path / f"{i}.wav").read_bytes())
    assert saved[0] == saved[1], "a seed gives a take"
    assert serious_findings(page) == []


def test_no_clip_is_taken_that_the_second_loading_would_lose(visit: Callable[..., Page]) -> None:
    page = visit(script=KEEPS_WHAT_WAS_OPEN)
    for control in ("#record", "#file"):
        expect(page.locator(control)).to_be_enabled(timeout=LOAD_MS)
    expect(page.locator("#clip-note")).to_contain_text("Three seconds are enough")
    assert page.evaluate("crossOriginIsolated"), "the page was not loaded again"
    assert page.evaluate("sessionStorage.getItem('open')") == "false"


def test_a_clip_that_is_no_sound_is_named_so(visit: Callable[..., Page]) -> None:
    page = visit(script=NO_MICROPHONE)
    expect(page.locator("#record")).to_be_enabled(timeout=LOAD_MS)
    page.locator("#record").click()
    expect(page.locator("#clip-note")).to_contain_text("There is no microphone")
    page.locator("#file").set_input_files({"name": "a.wav", "mimeType": "audio/wav", "buffer": b"no sound"})
    expect(page.locator("#clip-note")).to_contain_text("cannot read the file as sound")


@pytest.mark.parametrize(
    ("script", "absent", "said"),
    [
        ("", "analysis.onnx", "analysis.onnx is missing"),
        ("", "ort.wasm.min.js", "runtime/ort.wasm.min.js is missing"),
        ("delete window.WebAssembly;", "", "Use a current Firefox"),
    ],
)
def test_a_page_that_cannot_run_says_why(visit: Callable[..., Page], script: str, absent: str, said: str) -> None:
    page = visit(script=script, absent=absent)
    expect(page.locator("#run-note")).to_contain_text(said, timeout=LOAD_MS)
    expect(page.locator("#run-note")).to_have_class("note note-problem")
    expect(page.locator("#go")).to_be_disabled()
