"""Supervision of the playground's process: it is started, watched, restarted and ended."""

import asyncio
import json
import logging
import os
import socket
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
import httpcore2

from undertone.app.asgi.root_path import site_path
from undertone.app.server.confinement import playground_environment
from undertone.app.server.health import ModelState
from undertone.app.server.kernel_store import COMPILED, kernels_are_stored
from undertone.app.server.log_format import LogFormat
from undertone.app.server.playground import HEALTH_PATH, PlaygroundSettings
from undertone.app.server.replicas_relay import ReplicasAddress, relay_to
from undertone.engine import BundleError

logger = logging.getLogger(__name__)
BACKLOG = 512
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.5, 30.0  # before it is started again; doubled each time
STEADY_SECONDS = 60.0  # after so long a start counts as a good one


@dataclass(frozen=True)
class SilenceLimits:
    """Limits on how long the playground may not respond before it is restarted.

    Attributes:
        every_seconds: between two health checks.
        answer_seconds: for the answer; its pages share the time with the model, so this is long.
    """

    every_seconds: float = 10.0
    answer_seconds: float = 60.0


@dataclass
class Playground:
    """Supervisor of the playground's process.

    Args:
        bundle: folder of the model, or its id on the Hub.
        device, examples: as for `undertone.app.cli.serve.serve`.
        folder: temporary; the process's own.
        sockets: a private folder whose path is short, as the path of a Unix socket must be.
        studies_socket: where opinions of takes go.
        protected: folders and files that the process must not be able to open.
        ladder: folder of a modality ladder's result, for its page; None for none.
        log_format: of the lines that the process logs.
        api: whether it answers programs.
        replicas: that make the takes; None where the process makes them itself.
    """

    bundle: str | Path
    device: str
    examples: Path
    folder: Path
    sockets: Path
    studies_socket: Path
    protected: Sequence[Path]
    silence: SilenceLimits = SilenceLimits()
    log_format: LogFormat = "text"
    api: bool = False
    replicas: ReplicasAddress | None = None
    ladder: Path | None = None
    address: Path | None = None  # where it answers; None while it does not
    _process: asyncio.subprocess.Process | None = None
    _starts: int = 0
    _was_ready: bool = field(default=False)

    @property
    def state(self) -> ModelState:
        """Return whether the model is being loaded, answers, or is waiting to be started again."""
        if self.address is not None:
            return "ready"
        return "loading" if self._starts == 0 or self.process_id is not None else "stopped"

    @property
    def process_id(self) -> int | None:
        """Return the number of the process that runs now."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def run(self) -> None:
        """Start the process, and again whenever it ends, until this is cancelled; then end it.

        Raises:
            BundleError: at the first start, where the bundle cannot be loaded.
        """
        try:
            bundle = await find_bundle(self.bundle)
            async with AsyncExitStack() as stack:
                if self.replicas is not None:
                    await stack.enter_async_context(relay_to(self.replicas, self._replicas_socket))
                await self._run_again_and_again(bundle)
        finally:
            with anyio.CancelScope(shield=True):
                await self._end()

    async def _run_again_and_again(self, bundle: Path) -> None:
        wait = FIRST_WAIT_SECONDS
        while True:
            began = anyio.current_time()
            await self._run_once(bundle)
            wait = FIRST_WAIT_SECONDS if anyio.current_time() - began > STEADY_SECONDS else wait
            logger.error("the playground's process ended; it is started again in %.1f s", wait)
            await anyio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT_SECONDS)

    @property
    def _replicas_socket(self) -> Path:
        return self.sockets / "replicas"

    async def _run_once(self, bundle: Path) -> None:
        """Run the process once, from its start to its end."""
        address = await self._start(bundle)
        process = self._process
        assert process is not None
        assert process.stdout is not None
        try:
            report = _read_report(await process.stdout.readline())
            if "ready" in report:
                self._was_ready, self.address = True, address
                await self._watch(process, address)
            elif "problem" in report and not self._was_ready:
                raise BundleError(str(report["problem"]))
            elif "problem" in report:
                logger.error("the playground cannot start: %s", report["problem"])
        finally:
            self.address = None
            with anyio.CancelScope(shield=True):
                await self._end()
            address.unlink(missing_ok=True)

    async def _start(self, bundle: Path) -> Path:
        """Start the process on a listening socket of its own; returns the socket's path."""
        self._starts += 1
        address = self.sockets / f"page-{self._starts}"
        self.folder.mkdir(parents=True, exist_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
            listener.bind(str(address))
            listener.listen(BACKLOG)
            settings = PlaygroundSettings(
                bundle=bundle,
                device=self.device,
                examples=self.examples,
                folder=self.folder,
                listener=listener.fileno(),
                studies_socket=self.studies_socket,
                protected=tuple(self.protected),
                ladder=self.ladder,
                parent=os.getpid(),
                root_path=site_path(""),
                api=self.api,
                replicas_socket=None if self.replicas is None else self._replicas_socket,
                log_format=self.log_format,
            )
            self._process = await asyncio.create_subprocess_exec(
                *module_command("undertone.app.server.playground"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=[listener.fileno()],
                env=playground_environment(self.folder),
                start_new_session=True,  # what is typed in the terminal reaches the front process alone
            )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(settings.model_dump_json().encode() + b"\n")
        await self._process.stdin.drain()
        return address

    async def _watch(self, process: asyncio.subprocess.Process, address: Path) -> None:
        """Wait for the process to end; return also when it has been silent for too long."""
        async with anyio.create_task_group() as tasks:

            async def ask() -> None:
                while await _is_responding(address, self.silence.answer_seconds):
                    await anyio.sleep(self.silence.every_seconds)
                if process.returncode is None:
                    logger.error("the playground has been silent for %g s", self.silence.answer_seconds)
                tasks.cancel_scope.cancel()

            tasks.start_soon(ask)
            await process.wait()
            tasks.cancel_scope.cancel()

    async def _end(self) -> None:
        """End the process at once: all that it has is in the temporary folder, and it may be hanging."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.kill()
        await process.wait()


def module_command(module: str) -> list[str]:
    """Return the command that runs a module in a new interpreter.

    Python would look for modules in the current folder first. The new process does so only where this one does, as
    `python -m undertone` in a checkout; a file named torch.py beside somebody's recordings is not imported.
    """
    searched = "" in sys.path or str(Path.cwd()) in sys.path
    return [sys.executable, *([] if searched else ["-P"]), "-m", module]


async def store_kernels() -> None:
    """Compile the model's step for later starts, in a process that may write beside the code; once for all of them."""
    if kernels_are_stored() or find_spec("numba") is None or not os.access(COMPILED, os.W_OK):
        return  # without a folder that can be written to, Numba would store them where no server looks
    command = module_command("undertone.app.server.kernel_store")
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL)
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


async def find_bundle(source: str | Path) -> Path:
    """Return the folder of a bundle. One of the Hub is fetched by a process that has the Hub's token and no visitors.

    Raises:
        BundleError: there is neither such a folder nor such a repository.
    """
    folder = Path(source).expanduser()
    if folder.is_dir():
        return folder.resolve()
    command = [*module_command("undertone.app.server.fetch"), str(source)]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        output = (await process.communicate())[0].decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode == 2:
        raise BundleError(output)
    if process.returncode:
        raise BundleError(f"bundle {str(source)!r} cannot be fetched; the lines above say why.")
    return Path(output)


async def _is_responding(address: Path, seconds: float) -> bool:
    """Return whether the process answers in time."""
    url = httpcore2.URL(scheme=b"http", host=b"playground", target=HEALTH_PATH.encode())
    try:
        with anyio.fail_after(seconds):
            async with httpcore2.AsyncConnectionPool(uds=str(address)) as pool:
                return (await pool.request(b"GET", url)).status == 204
    except (TimeoutError, httpcore2.NetworkError, httpcore2.ProtocolError):
        return False


def _read_report(line: bytes) -> dict[str, Any]:
    """Return what the process says of its start; nothing where it ended without a word."""
    try:
        report = json.loads(line)
    except ValueError:
        return {}
    return report if isinstance(report, dict) else {}
