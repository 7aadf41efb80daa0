"""Helper processes: what they compute, and that none outlives the process that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from undertone.engine.worker_pool import map_in_processes, worker_pool

ROOT = Path(__file__).parents[3]
PARENT = """
import os, signal, sys, time
from undertone.engine.worker_pool import worker_pool

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets what runs behind it ignore Ctrl-C
    with worker_pool(2) as pool:
        found = [pool.submit(os.getpid) for _ in range(2)]
        print(*{future.result() for future in found}, flush=True)
        list(pool.map(time.sleep, [600.0] * 8))
"""


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_workers_do_the_work_in_order() -> None:
    with worker_pool(2) as pool:
        assert list(pool.map(abs, [-3, 2, -1])) == [3, 2, 1]


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_jobs_give_their_results_in_order(workers: int) -> None:
    assert list(map_in_processes(abs, [-3, 2, -1, 0, 5, -4, 7], workers)) == [3, 2, 1, 0, 5, 4, 7]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGINT])  # to Python, SIGTERM is SIGKILL: no line of it runs
def test_no_worker_outlives_its_parent(kind: signal.Signals, tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen(
        [sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert parent.stdout is not None
    workers = [int(word) for word in parent.stdout.readline().split()]
    assert workers
    parent.send_signal(kind)
    parent.wait(60)
    deadline = time.monotonic() + 60
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(is_running, workers))
