"""The signing key is whole or absent, long, and nobody else's to read."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from undertone.studies.sessions import SigningKeyError, load_secret
from undertone.studies.sessions.signing_key import MIN_CHARACTERS

LONG = "k" * MIN_CHARACTERS
# A limit on the size of files fails a write as a full disk does, after the file was opened.
ON_A_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from undertone.studies.sessions import SigningKeyError, load_secret
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
try:
    load_secret(Path(sys.argv[1]))
except SigningKeyError as error:
    sys.stdout.write(str(error))
"""


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("UNDERTONE_SECRET", raising=False)


def test_the_key_is_made_once_and_for_nobody_else(tmp_path: Path) -> None:
    key = load_secret(tmp_path / "data")
    assert len(key) >= 40
    assert load_secret(tmp_path / "data") == key
    assert (tmp_path / "data" / "secret").stat().st_mode & 0o077 == 0
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret"]


def test_a_first_start_on_a_full_disk_leaves_no_key_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path / "data")], capture_output=True, text=True, check=False
    )
    assert "Free space on the disk" in done.stdout, done.stderr
    assert list((tmp_path / "data").iterdir()) == []
    assert len(load_secret(tmp_path / "data")) >= 40


@pytest.mark.parametrize("content", ["", "\n", "a", "k" * (MIN_CHARACTERS - 1), " " * 64])
def test_an_empty_or_short_key_in_the_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "secret").write_text(content)
    with pytest.raises(SigningKeyError, match="Remove the file"):
        load_secret(tmp_path)


@pytest.mark.parametrize("key", ["a", "from the environment", "k" * (MIN_CHARACTERS - 1)])
def test_a_short_key_in_the_environment_is_refused_without_being_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("UNDERTONE_SECRET", key)
    with pytest.raises(SigningKeyError, match=f"UNDERTONE_SECRET has {len(key)} characters") as refused:
        load_secret(tmp_path)
    assert len(key) == 1 or key not in str(refused.value)
    monkeypatch.setenv("UNDERTONE_SECRET", LONG)
    assert load_secret(tmp_path) == LONG
    assert not (tmp_path / "secret").exists()


def test_starts_at_the_same_moment_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        keys = set(threads.map(lambda _: load_secret(tmp_path / "data"), range(64)))
    assert len(keys) == 1
