"""A server's temporary folder goes with the server, also when the server is killed."""

import signal
import subprocess
import sys
from pathlib import Path

from undertone.app.server.work_folder import remove_abandoned_folders, work_folder

ROOT = Path(__file__).parents[3]
HOLD = """
import sys, time
from pathlib import Path
from undertone.app.server.work_folder import work_folder
with work_folder(Path(sys.argv[1])) as folder:
    (folder / "gradio").mkdir()
    (folder / "gradio" / "a-voice.wav").write_bytes(b"RIFF")
    print(folder, flush=True)
    time.sleep(600)
"""


def held(parent: Path) -> tuple["subprocess.Popen[str]", Path]:
    """A process that holds a folder, and the folder."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(parent)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_the_folder_is_private_and_goes_with_its_block(tmp_path: Path) -> None:
    with work_folder(tmp_path) as folder:
        assert folder.stat().st_mode & 0o077 == 0
        (folder / "voice.wav").write_bytes(b"RIFF")
    assert not folder.exists()


def test_what_a_killed_server_left_goes_at_the_next_start_and_a_living_ones_stays(tmp_path: Path) -> None:
    living, kept = held(tmp_path)
    killed, left = held(tmp_path)
    try:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        assert (left / "gradio" / "a-voice.wav").exists()
        with work_folder(tmp_path):
            assert not left.exists()
            assert (kept / "gradio" / "a-voice.wav").exists()
    finally:
        living.kill()
        living.wait()
        killed.wait()


def test_only_folders_of_this_program_are_swept(tmp_path: Path) -> None:
    other = tmp_path / "undertone-of-somebody-else"
    other.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "in-use.lock").touch()
    (tmp_path / "undertone-link").symlink_to(elsewhere)
    assert remove_abandoned_folders(tmp_path) == []
    assert other.exists()
    assert elsewhere.exists()
