"""The folder of a bundle that runs in a browser: page, graphs, runtime, and what static hosts read."""

import shutil
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import yaml

from undertone.app.asgi.plain_page import plain_style
from undertone.app.browser.runtime import PACKAGE, VERSION, runtime_files
from undertone.engine.bundle import Bundle
from undertone.engine.errors import UndertoneError
from undertone.engine.export import export_onnx, write_description
from undertone.engine.files.atomic_files import whole_folder

SCRIPTS = (
    "cache.js", "coi.js", "files.js", "frames.js", "noise.js", "page.js", "player.js", "prompt.js", "recording.js",
    "runtime.js", "sampling.js", "support.js", "take.js", "units.js", "voice.js", "wav.js", "waveform.js", "worker.js",
)  # fmt: skip
MARK = "voice.json"  # of a folder that this wrote
# Threads of WebAssembly need a page that is isolated from others; where a host sends no headers, coi.js adds them.
ISOLATION = {
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-embedder-policy": "require-corp",
    "cross-origin-resource-policy": "cross-origin",
}
OPEN_LICENCES = ("apache-2.0", "cc-by", "cc0", "mit")  # that the Hub knows by these names
_HERE = Path(__file__).parent
# The Hub takes larger files than 10 MiB by LFS only.
_ATTRIBUTES = "".join(f"{name} filter=lfs diff=lfs merge=lfs -text\n" for name in ("*.onnx", "*.wasm"))


@dataclass(frozen=True)
class SitePlan:
    """What the folder is to be.

    Attributes:
        title: of the page, and of a Space made of it.
        runtime: folder or tarball of onnxruntime-web; None fetches it.
    """

    title: str = "Undertone"
    runtime: Path | None = None


def write_site(bundle: Bundle, folder: Path, plan: SitePlan = SitePlan()) -> None:
    """Write everything that a static host needs; the folder appears whole, and replaces one that this wrote before.

    Raises:
        BundleError: the bundle has parts without graphs.
        RuntimeFilesError: onnxruntime-web cannot be had.
        UndertoneError: the folder holds something else.
    """
    check_may_be_written(folder)
    runtime = runtime_files(plan.runtime)
    with whole_folder(folder, replace=True) as unfinished:
        export_onnx(bundle, unfinished)
        write_description(bundle, unfinished)
        for name in SCRIPTS:
            shutil.copyfile(_HERE / name, unfinished / name)
        (unfinished / "runtime").mkdir()
        for name, data in runtime.items():
            (unfinished / "runtime" / name.replace(".mjs", ".js")).write_bytes(data)  # see runtime.js
        for name, text in _texts(bundle, plan).items():
            (unfinished / name).write_text(text, encoding="utf-8")


def check_may_be_written(folder: Path) -> None:
    """Check that a folder would replace nothing but such a folder.

    Raises:
        UndertoneError: it exists and holds something else.
    """
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / MARK).is_file())):
        raise UndertoneError(f"{folder} exists and was not written by this command (no {MARK}). Choose another folder.")


def _texts(bundle: Bundle, plan: SitePlan) -> dict[str, str]:
    page = (_HERE / "index.html").read_text(encoding="utf-8")
    headers = "".join(f"  {name}: {value}\n" for name, value in ISOLATION.items())
    return {
        "index.html": page.replace("{{title}}", escape(plan.title)),
        "style.css": plain_style() + (_HERE / "browser.css").read_text(encoding="utf-8"),
        "README.md": site_readme(bundle, plan),
        ".gitattributes": _ATTRIBUTES,
        "_headers": f"/*\n{headers}",  # read by Cloudflare Pages and Netlify
    }


def site_readme(bundle: Bundle, plan: SitePlan) -> str:
    """Return README.md, whose front matter makes a static Space of the folder."""
    licence = bundle.config.licence
    matter: dict[str, Any] = {
        "title": plan.title,
        "emoji": "🎙️",
        "colorFrom": "green",
        "colorTo": "gray",
        "sdk": "static",
        "app_file": "index.html",
        "license": licence if licence.startswith(OPEN_LICENCES) else "other",
        "custom_headers": ISOLATION,
    }
    fields = yaml.safe_dump(matter, allow_unicode=True, sort_keys=False)
    languages = ", ".join(bundle.config.languages)
    return (
        f"---\n{fields}---\n\n# {plan.title}\n\n"
        "Record three seconds of speech and hear a language model go on, in your voice. The model runs in the browser: "
        "no recording leaves the visitor's computer. Speech made here is synthetic.\n\n"
        f"The voice is `{bundle.name}` ({languages}), licence {licence}; `runtime/` is {PACKAGE} {VERSION}, licence "
        "MIT. Made by `undertone export onnx`; any static host will do.\n"
    )
