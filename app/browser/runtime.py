"""The files of onnxruntime-web: one pinned version, from the npm registry or from where it lies already."""

import base64
import hashlib
import io
import json
import os
import tarfile
from pathlib import Path

import httpx

from undertone.engine.errors import UndertoneError
from undertone.engine.files.atomic_files import whole_file

PACKAGE = "onnxruntime-web"
VERSION = "1.30.0"
INTEGRITY = "sha512-q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
ADDRESS = f"https://registry.npmjs.org/{PACKAGE}/-/{PACKAGE}-{VERSION}.tgz"
# A visitor's browser loads one of the two: on the processor alone, or with WebGPU.
FILES = (
    "ort.wasm.min.mjs",
    "ort-wasm-simd-threaded.mjs",
    "ort-wasm-simd-threaded.wasm",
    "ort.webgpu.min.mjs",
    "ort-wasm-simd-threaded.asyncify.mjs",
    "ort-wasm-simd-threaded.asyncify.wasm",
)
MOST_BYTES = 64_000_000  # of the package as it is fetched: twice what it has
FETCH_SECONDS = 120


class RuntimeFilesError(UndertoneError):
    """The files of onnxruntime-web cannot be had: the text says why, and where else they may come from."""


def runtime_files(source: Path | None) -> dict[str, bytes]:
    """Return the files that the page needs, by name.

    Args:
        source: the folder of the installed npm package, or its tarball; None takes the tarball that was fetched before,
            and fetches it from the npm registry where none was.
    Raises:
        RuntimeFilesError: no network, another version, or other bytes than were published.
    """
    if source is None:
        return _unpacked(kept_package().read_bytes())
    if source.is_dir():
        return _from_folder(source)
    if not source.is_file():
        raise RuntimeFilesError(f"there is no {source}. {_instead()}")
    if source.stat().st_size > MOST_BYTES:
        raise RuntimeFilesError(f"{source} is too large to be {PACKAGE} {VERSION}. {_instead()}")
    return _unpacked(source.read_bytes())


def kept_package() -> Path:
    """Return the package's tarball in the user's cache, fetched where it is not there yet.

    Raises:
        RuntimeFilesError: no network, or other bytes than were published.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    path = cache / "undertone" / f"{PACKAGE}-{VERSION}.tgz"
    if path.is_file() and _integrity(path.read_bytes()) == INTEGRITY:
        return path
    package = fetched()
    _check(package)
    with whole_file(path) as unfinished:
        unfinished.write_bytes(package)
    return path


def fetched() -> bytes:
    """Return the package's tarball from the npm registry."""
    parts, count = [], 0
    try:
        with httpx.stream("GET", ADDRESS, timeout=FETCH_SECONDS, follow_redirects=True) as answer:
            answer.raise_for_status()
            for part in answer.iter_bytes():
                parts.append(part)
                count += len(part)
                if count > MOST_BYTES:
                    raise RuntimeFilesError(f"{ADDRESS} is larger than {MOST_BYTES / 1e6:.0f} MB. {_instead()}")
    except httpx.HTTPError as error:
        raise RuntimeFilesError(
            f"{PACKAGE} {VERSION} could not be fetched from the npm registry ({type(error).__name__}): is there a "
            f"network? {_instead()}"
        ) from error
    return b"".join(parts)


def _instead() -> str:
    return (
        f"Run `npm pack {PACKAGE}@{VERSION}` where there is a network and give the file with --runtime, or give the "
        f"folder node_modules/{PACKAGE} of an installation."
    )


def _integrity(package: bytes) -> str:
    """Return what npm writes beside a package in its lock files."""
    return f"sha512-{base64.b64encode(hashlib.sha512(package).digest()).decode()}"


def _check(package: bytes) -> None:
    """Check that a tarball is the one that was published."""
    if (found := _integrity(package)) != INTEGRITY:
        raise RuntimeFilesError(
            f"this is not {PACKAGE} {VERSION} as it was published: its hash is {found[:23]}…, expected "
            f"{INTEGRITY[:23]}…. {_instead()}"
        )


def _unpacked(package: bytes) -> dict[str, bytes]:
    """Return the files of a tarball whose bytes are those that were published."""
    _check(package)
    with tarfile.open(fileobj=io.BytesIO(package), mode="r:gz") as archive:
        return {name: _member(archive, f"package/dist/{name}") for name in FILES}


def _member(archive: tarfile.TarFile, path: str) -> bytes:
    file = archive.extractfile(path)
    assert file is not None  # the package is known to the byte
    return file.read()


def _from_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of an installed package."""
    try:
        version = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        named = (version["name"], version["version"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RuntimeFilesError(f"{folder} is no npm package: its package.json cannot be read. {_instead()}") from error
    if named != (PACKAGE, VERSION):
        raise RuntimeFilesError(f"{folder} is {named[0]} {named[1]}; expected {PACKAGE} {VERSION}. {_instead()}")
    missing = [name for name in FILES if not (folder / "dist" / name).is_file()]
    if missing:
        raise RuntimeFilesError(f"{folder / 'dist'} lacks {', '.join(missing)}. {_instead()}")
    return {name: (folder / "dist" / name).read_bytes() for name in FILES}
