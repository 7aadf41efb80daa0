"""`undertone serve` as its two processes, on a free port, for tests that look at both."""

import os
import queue
import re
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 120.0  # seconds on a busy machine
BROWSER = {"accept": "text/html"}
GUESSES = 40  # of a rater's code, twice as many as one address may make
# For clients that meet no TLS: by default each of them, and each `httpx.get`, reads all certificates, for 70 ms of CPU.
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True)
class SplitSite:
    """A server that runs."""

    server: subprocess.Popen[str]
    url: str
    data: Path
    log: list[str]

    def get(self, path: str, **more: object) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30, verify=NO_CERTIFICATES, **more)  # type: ignore[arg-type]

    def until(self, path: str, status: int = 200, seconds: float = PATIENCE) -> httpx.Response:
        """Ask until an answer has this status."""
        end = time.monotonic() + seconds
        while True:
            try:
                answer = self.get(path, headers=BROWSER)
                if answer.status_code == status:
                    return answer
            except httpx.HTTPError as error:
                answer = error  # type: ignore[assignment]
            assert time.monotonic() < end, f"{path}: {answer!r}; {''.join(self.log)}"
            time.sleep(0.3)  # a question takes both sides 20 ms

    def playground(self) -> int:
        """Process id of the playground."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for folder in Path("/proc").glob("[0-9]*"):
                try:
                    words = (folder / "cmdline").read_bytes().split(b"\0")
                    parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
                except OSError:
                    continue
                if parent == self.server.pid and b"undertone.app.server.playground" in words:
                    return int(folder.name)
            time.sleep(0.1)
        raise AssertionError("there is no playground")


def alive(process: int) -> bool:
    """Whether a process runs, and is no remains of one."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def refused_guesses(site: SplitSite) -> int:
    """How many of many guesses are refused, each from an address that the client makes up."""
    with httpx.Client(base_url=site.url, timeout=PATIENCE, verify=NO_CERTIFICATES) as client:
        answers = [
            client.post(
                "/rate/api/resume", json={"code": "abcd-efgh-jkmn"}, headers={"x-forwarded-for": f"203.0.113.{n}"}
            )
            for n in range(GUESSES)
        ]
    return sum(answer.status_code == 429 for answer in answers)


@contextmanager
def split_site(
    bundle: Path | None,
    data: Path,
    temporary: Path | None = None,
    folder: Path = ROOT,
    command: Sequence[str] = (sys.executable, "-m", "undertone"),
    **environment: str,
) -> Iterator[SplitSite]:
    """Start `undertone serve` in a folder, by default on the embedded voice; it may still be loading its model."""
    command = [*command, "serve", "--port", "0", "--data", str(data)]
    command += [] if bundle is None else ["--bundle", str(bundle)]
    variables = {**os.environ, **environment}
    if temporary is not None:
        variables["TMPDIR"] = str(temporary)
    log: list[str] = []
    with subprocess.Popen(
        command, cwd=folder, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        lines: queue.Queue[str] = queue.Queue()
        errors = threading.Thread(target=lambda: [log.append(line) for line in server.stderr or ()], daemon=True)
        errors.start()
        try:
            threading.Thread(target=lambda: [lines.put(line) for line in server.stdout or ()], daemon=True).start()
            found = re.fullmatch(r"Undertone is at (http://\S+)\n", lines.get(timeout=PATIENCE))
            assert found
            yield SplitSite(server, found[1].replace("localhost", "127.0.0.1"), data, log)
        finally:
            if server.poll() is None:
                server.terminate()
                try:
                    server.wait(timeout=40)
                except subprocess.TimeoutExpired:
                    server.kill()
            errors.join(timeout=10)  # its last words, before leaving closes the pipe
