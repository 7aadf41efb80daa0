"""A real PostgreSQL cluster in a temporary folder, for tests; it listens on a socket file only."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUPERUSER = "undertone"
RUNNERS = ("postgres", "nobody")  # PostgreSQL refuses to run as root


class NoPostgresqlError(Exception):
    """No cluster can be made here: the text says why."""


@contextmanager
def temporary_cluster() -> Iterator[Path]:
    """Make, start, and in the end remove a cluster; gives the folder of its socket."""
    initdb, pg_ctl = _program("initdb"), _program("pg_ctl")
    runner = _runner()
    folder = Path(tempfile.mkdtemp(prefix="undertone-pg-", dir="/tmp"))
    data = folder / "data"
    log = folder / "log"
    try:
        if runner is not None:
            os.chown(folder, pwd.getpwnam(runner).pw_uid, -1)
        options = ["--auth=trust", f"--username={SUPERUSER}", "--encoding=UTF8", "--no-locale", "--no-sync"]
        _run([initdb, f"--pgdata={data}", *options], runner, folder)
        # No test cuts the power, so nothing needs to wait for the disk.
        settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c max_connections=120 -c fsync=off"
        _run([pg_ctl, "start", f"--pgdata={data}", f"--log={log}", "--wait", f"--options={settings}"], runner, folder)
        try:
            yield folder
        finally:
            _run([pg_ctl, "stop", f"--pgdata={data}", "--mode=immediate", "--wait"], runner, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


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
