"""Confinement of the playground's process to its code, its model and a temporary folder, without the studies.

It serves whoever comes, with a large framework. A hole in that must not reach a rater's answer, so the process gives
up, before it hears anybody, every right that it does not need: on Linux by Landlock, elsewhere as far as Python can.
"""

import logging
import os
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from undertone import app, engine, studies
from undertone.app.asgi.space_environment import has_zero_gpu
from undertone.app.server import landlock

logger = logging.getLogger(__name__)

# Names of the environment that the playground keeps. Keys, passphrases, database URLs and tokens have other names, and
# what is not named here is not passed on, whatever it will be called.
KEPT_VARIABLES = {
    "PATH",
    "LANG",
    "LANGUAGE",
    "TZ",
    "LD_LIBRARY_PATH",
    "VIRTUAL_ENV",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_HOME",
}
KEPT_PREFIXES = ("LC_", "OMP_", "MKL_", "KMP_", "PYTHON", "PYTORCH_", "TORCH_", "NVIDIA_", "COVERAGE_")

OF_ZERO_GPU = ("SPACES_ZERO_", "ZEROGPU_", "ZERO_GPU_")  # where its GPU is asked for, on a Space that has ZeroGPU

_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/nix", "/sys")
_SETTINGS = (
    "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "timezone", "mime.types", "alternatives", "fonts",
    "nsswitch.conf", "hosts", "host.conf", "OpenCL", "vulkan",
    "ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "ca-certificates", "pki/tls/certs",
)  # fmt: skip
_PROC = (
    "self",
    "cpuinfo",
    "meminfo",
    "stat",
    "loadavg",
    "filesystems",
    "devices",
    "version",
    "uptime",
    "sys",
    "driver",
)
_DEVICES = ("null", "zero", "full", "random", "urandom")


@dataclass(frozen=True)
class Confinement:
    """Files and folders that a process may open.

    Attributes:
        readable: files, and folders with everything beneath.
        listable: folders whose names may be listed; their files stay closed.
        writable: files, and folders with everything beneath.
        protected: what must stay closed; where there is no Landlock these alone are refused.
    """

    readable: tuple[Path, ...]
    listable: tuple[Path, ...]
    writable: tuple[Path, ...]
    protected: tuple[Path, ...]

    def apply(self, by_system: bool = True) -> bool:
        """Give up every other right, for good; return whether the system enforces it.

        Args:
            by_system: False where the process needs what the system cannot allow in part, as a lent GPU does.
        """
        try:
            if not by_system:
                raise landlock.LandlockError("a GPU is lent to it")
            landlock.restrict(self.readable, self.listable, self.writable)
        except landlock.LandlockError as error:
            logger.warning(
                "the playground is not confined by the system (%s): only Python's own calls that open the studies' "
                "files are refused, which code that is not Python's can evade. Run it on Linux 5.13 or later, with "
                "Landlock.",
                error,
            )
            refuse_protected(self.protected)
            return False
        return True


def confinement_of(
    bundle: Path,
    examples: Path,
    folder: Path,
    protected: Sequence[Path] = (),
    search_path: Sequence[str] | None = None,
    sharing: Sequence[Path] = (),
) -> Confinement:
    """Return what the playground needs.

    Args:
        bundle: folder of the model.
        examples: folder of the example clips.
        folder: temporary, the process's own.
        protected: folders and files of the studies; cut out of what is allowed, wherever they lie.
        search_path: where Python looks for modules; None is this process's.
        sharing: folders of the bundles that share parts with the model's, and what else its pages show.
    """
    entries = [Path(entry or ".").resolve() for entry in (sys.path if search_path is None else search_path)]
    packages = [Path(package.__file__ or "").parent for package in (app, engine, studies)]
    code = [Path(sys.prefix), Path(sys.base_prefix), Path(sysconfig.get_path("stdlib")), *packages]
    code += [entry for entry in entries if entry.name in ("site-packages", "dist-packages", "lib-dynload")]
    libraries = [Path(part) for part in os.environ.get("LD_LIBRARY_PATH", "").split(":") if part]
    system = [Path(part) for part in _SYSTEM] + [Path("/etc") / name for name in _SETTINGS]
    proc = [Path("/proc") / name for name in _PROC]
    linked = {path.resolve().parent for path in bundle.iterdir() if path.is_symlink()}  # as the Hub's cache lies
    readable = [*code, *libraries, *system, *proc, bundle, examples, *linked, *sharing]
    devices = [Path("/dev") / name for name in _DEVICES] + sorted(Path("/dev").glob("nvidia*"))
    return Confinement(
        readable=exclude_protected([path.absolute() for path in readable], protected),
        listable=tuple(entry for entry in entries if entry.is_dir()),
        writable=(folder, *devices),
        protected=tuple(path.resolve() for path in protected),
    )


def exclude_protected(allowed: Iterable[Path], protected: Sequence[Path]) -> tuple[Path, ...]:
    """Return `allowed` without what is protected: a folder that holds it becomes its other entries, level by level.

    What lies beneath a protected folder is allowed only where it is named itself.
    """
    closed = [path.resolve() for path in protected]
    found: list[Path] = []
    for path in allowed:
        real = path.resolve()
        if any(real == one for one in closed):
            continue
        if any(one.is_relative_to(real) for one in closed) and real.is_dir():
            found += exclude_protected(sorted(real.iterdir()), closed)
        else:
            found.append(path)
    return tuple(found)


def playground_environment(folder: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment of the playground's process: what it needs of this one's, and its folder as its home."""
    prefixes = KEPT_PREFIXES + (OF_ZERO_GPU if has_zero_gpu(environment) else ())
    kept = {name: value for name, value in environment.items() if name in KEPT_VARIABLES or name.startswith(prefixes)}
    home = str(folder)
    return kept | {
        "HOME": home,
        "TMPDIR": home,
        "XDG_CACHE_HOME": home,
        "USER": "playground",
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
    }


def refuse_protected(protected: Sequence[Path]) -> None:
    """Refuse, for good, every call of Python that opens or lists a protected path; libraries in C may still do it."""
    closed = [os.path.realpath(path) for path in protected]

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in _OPENING:
            return
        for argument in arguments[:2]:
            if isinstance(argument, str | bytes | os.PathLike) and _is_beneath(os.fsdecode(argument), closed):
                raise PermissionError(f"{event} is not allowed there")

    sys.addaudithook(hook)


_OPENING = {
    "open", "os.listdir", "os.scandir", "os.chdir", "os.remove", "os.rename", "os.link", "os.symlink", "os.truncate",
    "os.chmod", "os.rmdir", "os.mkdir", "shutil.rmtree", "shutil.copyfile", "shutil.move", "sqlite3.connect",
}  # fmt: skip


def _is_beneath(path: str, closed: Sequence[str]) -> bool:
    real = os.path.realpath(path)
    return any(real == one or real.startswith(f"{one}/") for one in closed)
