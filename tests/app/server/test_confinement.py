"""What the playground's process may open, each tried in a process of its own, as it cannot be undone."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clips import speechlike, write_wav16
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.server import landlock
from undertone.app.server.confinement import exclude_protected, playground_environment
from undertone.engine import Engine

ROOT = Path(__file__).parents[3]
needs_landlock = pytest.mark.skipif(landlock.version() < 1, reason="this kernel has no Landlock")

TRY_TO_OPEN = """
import json, os, sqlite3, sys
from pathlib import Path
from undertone.app.server.confinement import confinement_of, refuse_protected
bundle, folder, data, outside, way, wanted = (json.loads(text) for text in sys.argv[1:])
confinement = confinement_of(Path(bundle), Path(bundle) / "no-examples", Path(folder), [Path(data)])
if way == "system":
    assert confinement.apply()
else:
    refuse_protected(confinement.protected)
opened = []
for path in wanted:
    try:
        os.listdir(path) if Path(path).is_dir() else open(path, "rb").read(1)
        opened.append(path)
    except OSError:
        pass
try:
    sqlite3.connect(data + "/studies.sqlite").execute("select 1 from sqlite_master")
    opened.append("sqlite")
except (sqlite3.Error, OSError):
    pass
try:
    Path(outside).write_text("written")
    opened.append(outside)
except OSError:
    pass
(Path(folder) / "own").write_text("written")
print(json.dumps(opened))
"""


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    return make_places(tmp_path)


def make_places(tmp_path: Path) -> dict[str, Path]:
    """Folders of a server, with a bundle."""
    made = {name: tmp_path / name for name in ("data", "folder", "other")}
    for folder in made.values():
        folder.mkdir()
    (made["data"] / "secret").write_text("a key")
    (made["data"] / "studies.sqlite").write_bytes(b"")
    return {**made, "bundle": make_tiny_bundle(tmp_path / "tiny")}


def run(code: str, *arguments: object, environment: dict[str, str] | None = None) -> str:
    command = [sys.executable, "-c", code, *(json.dumps(one, default=str) for one in arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs_landlock
def test_a_confined_process_opens_nothing_of_the_studies_nor_of_other_processes(places: dict[str, Path]) -> None:
    data = places["data"]
    wanted = [data, data / "secret", data / "studies.sqlite", "/etc/shadow", "/etc/passwd", "/root", "/home", "/proc"]
    wanted += [f"/proc/{os.getpid()}/{name}" for name in ("environ", "maps", "cmdline", "fd", "root/etc/passwd")]
    wanted += [f"/proc/self/root{data}/secret", "/dev/shm", "/dev/mem"]
    outside = places["other"] / "file"
    opened = run(TRY_TO_OPEN, places["bundle"], places["folder"], data, outside, "system", wanted)
    assert json.loads(opened) == []
    assert not outside.exists()
    assert (places["folder"] / "own").read_text() == "written"


def test_without_the_system_python_s_own_calls_are_refused(places: dict[str, Path]) -> None:
    data = places["data"]
    link = places["other"] / "link"
    link.symlink_to(data / "secret")
    wanted = [data, data / "secret", data / "studies.sqlite", link, f"{places['other']}/../data/secret"]
    opened = run(TRY_TO_OPEN, places["bundle"], places["folder"], data, places["folder"] / "x", "python", wanted)
    assert json.loads(opened) == [str(places["folder"] / "x")]


@needs_landlock
def test_a_confined_process_can_neither_kill_nor_connect_out(places: dict[str, Path]) -> None:
    code = TRY_TO_OPEN + (
        "import signal, socket\n"
        "for act in (lambda: os.kill(os.getppid(), signal.SIGUSR1), lambda: socket.create_server(('127.0.0.1', 0))):\n"
        "    try:\n        act()\n    except PermissionError:\n        print('refused')\n"
    )
    said = run(code, places["bundle"], places["folder"], places["data"], places["other"] / "x", "system", [])
    interface = landlock.version()
    assert said.count("refused") == (interface >= 6) + (interface >= 4)


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder of a process that did what the playground does, and what it printed."""
    places = make_places(tmp_path_factory.mktemp("confined"))
    folder = places["folder"]
    clip = write_wav16(folder / "clip.wav", speechlike(4.0))
    code = """
import json, sys
from pathlib import Path
bundle, folder, data, clip = (json.loads(text) for text in sys.argv[1:])
from undertone.app.server.confinement import confinement_of
assert confinement_of(Path(bundle), Path(bundle), Path(folder), [Path(data)]).apply()
import av, soundfile, torch
from undertone.app.site.application import create_app
from undertone.app.shared.context import Context
from engine import Engine, read_audio
from undertone.engine.audio.pitch import pitch
from silero_vad import load_silero_vad
engine = Engine.from_pretrained(bundle, device="cpu")
waveform, rate = read_audio(clip)
speech = engine.analyse(waveform, rate, 0.0, 3.0)
(take,) = engine.takes(speech, seconds=1, seed=1, num_takes=1)
take.save(folder, "take")
pitch(take.audio)
load_silero_vad()
with av.open(str(Path(folder) / "sound.mp4"), "w") as out:
    stream = out.add_stream("aac", rate=16000)
    frame = av.AudioFrame.from_ndarray(waveform[None, :16000].numpy(), format="fltp", layout="mono")
    frame.sample_rate = 16000
    for packet in [*stream.encode(frame), *stream.encode(None)]:
        out.mux(packet)
read_audio(Path(folder) / "sound.mp4")
create_app(Context(engine, Path(folder) / "visits"))
print("works")
assert engine.compiled_step() is not None
from undertone.engine.network.compiled import kernels
print(sum(kernels.advance_frame.stats.cache_misses.values()), kernels.advance_frame.stats.cache_path)
"""
    said = run(code, places["bundle"], folder, places["data"], clip, environment=playground_environment(folder))
    return folder, said.splitlines()


@needs_landlock
def test_the_model_the_pages_and_every_reader_of_sound_work_confined(confined: tuple[Path, list[str]]) -> None:
    assert "works" in confined[1]


@needs_landlock
def test_a_confined_process_takes_over_what_was_compiled_beside_the_code(
    places: dict[str, Path], confined: tuple[Path, list[str]]
) -> None:
    """Else every start of a server would compile the step anew."""
    assert Engine.from_pretrained(places["bundle"], device="cpu").compiled_step() is not None
    from undertone.engine.network.compiled import kernels  # where Numba is installed

    assert "__pycache__" in kernels.advance_frame.stats.cache_path
    folder, said = confined
    misses, path = said[-1].split()
    assert misses == "0"
    assert path.startswith(str(folder))


def test_what_is_protected_is_cut_out_of_what_is_allowed(tmp_path: Path) -> None:
    for name in ("lib/python", "share/other", "share/undertone/studies/media"):
        (tmp_path / name).mkdir(parents=True)
    allowed = exclude_protected([tmp_path], [tmp_path / "share" / "undertone"])
    assert set(allowed) == {tmp_path / "lib", tmp_path / "share" / "other"}
    assert exclude_protected([tmp_path / "lib"], [tmp_path / "share"]) == (tmp_path / "lib",)
    assert exclude_protected([tmp_path / "share"], [tmp_path / "share"]) == ()


def test_keys_tokens_and_urls_of_the_environment_stay_behind(tmp_path: Path) -> None:
    secrets = dict.fromkeys(
        ("UNDERTONE_SECRET", "UNDERTONE_DATABASE", "UNDERTONE_DATA", "OAUTH_CLIENT_SECRET", "HF_TOKEN", "AWS_ANYTHING"),
        "x",
    )
    kept = playground_environment(tmp_path, {**secrets, "PATH": "/bin", "OMP_NUM_THREADS": "1"})
    assert not set(secrets) & set(kept)
    assert kept["PATH"] == "/bin"
    assert kept["OMP_NUM_THREADS"] == "1"
    assert kept["HOME"] == str(tmp_path)
