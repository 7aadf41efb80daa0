"""A real PostgreSQL cluster in a temporary folder, for tests; it listens on a socket file only."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

SUPERUSER = "undertone"
RUNNERS = ("postgres", "nobody")  # PostgreSQL refuses to run as root


class NoPostgresqlError(Exception):
    """No cluster can be made here: the text says why."""


# The server runs until its standard input closes: it ends with the tests, however those end.
KEEPER = """
"$0" -D "$1/data" -k "$1" -c listen_addresses= -c max_connections=120 -c fsync=off >"$1/log" 2>&1 </dev/null &
cat >/dev/null; kill -QUIT $!; wait; rm -rf "$1/data"
"""


@contextmanager
def temporary_cluster() -> Iterator[Path]:
    """Make, start, and in the end remove a cluster; gives the folder of its socket.

    No test cuts the power, so nothing waits for the disk (`fsync=off`).
    """
    runner = _runner()
    folder = Path(tempfile.mkdtemp(prefix="undertone-pg-", dir="/tmp"))  # a socket's path must be short
    try:
        if runner is not None:
            os.chown(folder, pwd.getpwnam(runner).pw_uid, -1)
        options = ["--auth=trust", f"--username={SUPERUSER}", "--encoding=UTF8", "--no-locale", "--no-sync"]
        _run([_program("initdb"), f"--pgdata={folder / 'data'}", *options], runner, folder)
        keeper = ["/bin/sh", "-c", KEEPER, _program("postgres"), str(folder)]
        with subprocess.Popen(keeper, user=runner, cwd=folder, stdin=subprocess.PIPE):  # its end closes the input
            _wait_until_it_answers(folder)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_it_answers(folder: Path, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            psycopg.connect(host=str(folder), user=SUPERUSER, dbname="postgres").close()
        except psycopg.OperationalError as error:
            if time.monotonic() > end:
                raise NoPostgresqlError(f"the server does not answer: {(folder / 'log').read_text()[-500:]}") from error
            time.sleep(0.1)
        else:
            return


def url_of(socket_folder: Path, database: str) -> str:
    """The URL of one database of the cluster."""
    return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={socket_folder}"


def _runner() -> str | None:
    """Who runs the cluster: None is whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    for name in RUNNERS:
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise NoPostgresqlError(f"running as root, and there is none of the users {RUNNERS}")


def _program(name: str) -> str:
    folders = [*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), os.environ.get("PATH", "")]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise NoPostgresqlError(f"PostgreSQL's {name} is not installed")
    return found


def _run(command: list[str], runner: str | None, folder: Path) -> None:
    # A file, not a pipe: the server inherits it and would keep a pipe open for ever.
    with tempfile.TemporaryFile() as output:
        done = subprocess.run(command, user=runner, cwd=folder, stdout=output, stderr=output, check=False, timeout=120)
        if done.returncode:
            output.seek(0)
            raise NoPostgresqlError(f"{Path(command[0]).name} failed: {output.read().decode(errors='replace')[-500:]}")
