"""Without the optional packages: every verb that needs one ends with one line that names the extra to install."""

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.clips import speechlike, write_wav16
from undertone.app.cli.extras import EXTRAS, EXTRAS_OF_VERBS, missing_extra

ROOT = Path(__file__).parents[3]
IMPORTED_AS = {
    "scikit-learn": "sklearn",
    "faster-whisper": "faster_whisper",
    "unicode-rbnf": "unicode_rbnf",
    "charset-normalizer": "charset_normalizer",
}
# A package that is blocked is not found, as where it was never installed; the packages of torch are as they are.
WITHOUT = """
import contextlib
import io
import json
import sys
from importlib.abc import MetaPathFinder

class Missing(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {packages}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
        return None

sys.meta_path.insert(0, Missing())
from undertone.app.cli.main import main

for words in json.loads({calls!r}):
    sys.argv = ["undertone", *words]
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    print(json.dumps([status, err.getvalue()]))
"""
TRAINING = [
    ("prepare", "--corpus", "{tmp}", "--out", "{tmp}/prepared"),
    ("tokenizer", "--prepared", "{tmp}", "--out", "{tmp}/tokenizer"),
    ("tokenizer", "hubert-kmeans-200", "--prepared", "{tmp}", "--out", "{tmp}/tokenizer"),
    ("tokens", "--prepared", "{tmp}", "--tokenizer", "{tmp}"),
    ("train", "small-cpu", "--dry-run"),
    ("train", "small-cpu", "--prepared", "{tmp}", "--tokenizer", "{tmp}", "--out", "{tmp}/model"),
    ("text", "prepare-split", "{tmp}", "{tmp}/prepared"),
    ("vocoder", "vocoder-cpu", "--prepared", "{tmp}", "--out", "{tmp}/vocoder"),
]
OPTIONAL = tuple(package for packages in EXTRAS.values() for package in packages)
MEASURING = [
    ("demo-bundle", "--corpus", "{tmp}", "--lexicon", "{tmp}", "--out", "{tmp}/bundle"),
    ("probe", str(ROOT / "assets" / "demo"), "--data", "{tmp}"),
]


def ends_without(packages: tuple[str, ...], *calls: Sequence[str]) -> list[tuple[int, str]]:
    """Exit status and standard error of every call, all in one process that lacks the packages."""
    code = WITHOUT.format(packages=set(packages), calls=json.dumps(calls))
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def extras_of_the_project() -> dict[str, set[str]]:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {extra: {Requirement(line).name for line in lines} for extra, lines in extras.items()}
    for of_developers in ("test", "release"):  # no verb imports what they hold
        del names[of_developers]
    return {extra: {IMPORTED_AS.get(name, name) for name in of_extra} for extra, of_extra in names.items()}


def test_the_table_of_extras_is_that_of_the_project() -> None:
    assert {extra: set(packages) for extra, packages in EXTRAS.items()} == extras_of_the_project()


def test_a_verb_without_its_extra_names_it_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERTONE_DATABASE", "postgresql://nobody@127.0.0.1:1/nothing")
    write_wav16(tmp_path / "clip.wav", speechlike(2.0, seed=1))
    calls = [[word.format(tmp=tmp_path) for word in words] for words in (*TRAINING, *MEASURING)]
    stored = ["probe", str(ROOT / "assets" / "demo")]
    others = [["replicas", "--bundle", str(tmp_path)], ["study", "status"], stored]
    *failed, served, opened, shown = ends_without(OPTIONAL, *calls, *others)
    for words, (status, said) in zip(calls, failed, strict=True):
        assert status == 2, words
        assert len(said.strip().splitlines()) == 1, said
        assert said.strip().endswith(f"pip install 'undertone[{EXTRAS_OF_VERBS.get(words[0], 'train')}]'"), said
    assert served[0] == 2
    assert served[1].strip().endswith("pip install 'undertone[serve]'")
    assert opened[0] == 2
    assert "Traceback" not in opened[1]
    assert "pip install 'undertone[postgresql]'" in opened[1]
    assert shown[0] == 0, "a stored probe is shown without any extra"


def test_a_missing_module_of_no_extra_is_no_persons_to_mend() -> None:
    assert missing_extra(ModuleNotFoundError("No module named 'engine.nothing'", name="engine.nothing")) is None
