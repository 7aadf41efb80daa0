"""Studies with hardly any ratings: what cannot be estimated is said in words, and files are whole or absent."""

import json
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from undertone.engine.files.atomic_files import whole_file, whole_folder
from undertone.studies.analysis import export as exporting
from undertone.studies.analysis.components import VarianceComponents
from undertone.studies.analysis.export import result_facts, write_export
from undertone.studies.analysis.mixed import mixed_model
from undertone.studies.analysis.pairs import compare
from undertone.studies.analysis.ratings_frame import COLUMNS, SESSION_COLUMNS, STIMULUS_COLUMNS, StudyData
from undertone.studies.analysis.report import NO_INTERVAL, interval_text, number, p_text, render_report, study_report
from undertone.studies.analysis.results import analyse_study
from undertone.studies.analysis.simulation.simulate import Design, simulate

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCALES = ("naturalness", "meaningfulness")


def study(*given: tuple[str, str, str, float], scales: tuple[str, ...] = SCALES[:1], **more: Any) -> StudyData:
    """A study of (rater, prompt, system, value), the same on each scale."""
    rows = [
        (r, p, s, scale, v, f"{s}-{p}", f"t-{r}-{p}", n, f"s-{r}", True, {}, "main", NOW, "desktop")
        for n, (r, p, s, v) in enumerate(given)
        for scale in scales
    ]
    people = sorted({r for r, *_ in given})
    sessions = [(f"s-{r}", r, "finished", True, {}, "desktop", "link", NOW, NOW) for r in people]
    return StudyData(
        name="small",
        title="Small",
        seed=1,
        definition={"scales": [{"name": scale} for scale in scales]},
        ratings=pd.DataFrame(rows, columns=list(COLUMNS)),
        sessions=pd.DataFrame(sessions, columns=list(SESSION_COLUMNS)),
        stimuli=pd.DataFrame(columns=list(STIMULUS_COLUMNS)),
        **more,
    )


def explained() -> StudyData:
    """6 raters x 5 clips, each rated by everybody as its system deserves: the mixed model's errors come out as NaN."""
    design = Design(num_systems=2, num_prompts=5, num_raters=6, trials_per_rater=5)
    frame = simulate(design, np.array([3.8, 3.2]), VarianceComponents.of_deviations(0, 0, 0, 0, 0.3), seed=4)
    return study(*zip(*(frame[name] for name in ("rater", "prompt", "system", "value")), strict=True))


def tiny(seed: int) -> StudyData:
    """A study of at most six raters and four prompts in which anything can be missing."""
    random = np.random.default_rng(seed)
    raters, prompts, systems = (int(random.integers(1, most)) for most in (7, 5, 4))
    spread = float(random.choice([0.0, 0.5, 2.0]))
    given = [
        (f"r{r}", f"p{p}", f"s{random.integers(systems)}", float(np.clip(np.rint(3 + spread * random.normal()), 1, 5)))
        for r in range(raters)
        for p in random.permutation(prompts)[: int(random.integers(1, prompts + 1))]
    ]
    return study(*given, scales=SCALES[: 1 + seed % 2])


def not_finite(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from not_finite(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from not_finite(inner, path)
    elif isinstance(value, float) and not np.isfinite(value):
        yield path


def words_of(html: str) -> str:
    return re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)


def test_a_mixed_model_that_does_not_fit_says_so_in_words() -> None:
    found = mixed_model(explained().ratings, "naturalness")
    assert (found.means, found.components, found.converged) == ((), None, False)
    assert "too few, or too alike" in found.note
    text = words_of(render_report(analyse_study(explained()), NOW))
    assert found.note in text
    assert "nan" not in text.lower()


def test_a_study_whose_mixed_model_does_not_fit_is_reported_and_exported(tmp_path: Path) -> None:
    done = write_export(explained(), tmp_path / "out")
    facts = json.loads((tmp_path / "out" / "results.json").read_text())
    assert facts["scales"][0]["mixed"]["note"]
    assert done.ratings == 30
    assert {path.name for path in done.files} == {path.name for path in (tmp_path / "out").iterdir()}


def test_systems_with_one_rating_each_are_not_compared() -> None:
    data = study(("r0", "p0", "A", 3.0), ("r1", "p1", "B", 4.0))
    (pair,) = compare(data.ratings, "naturalness").pairs
    assert (pair.low, pair.p) == (None, None)
    assert pair.note
    assert pair.note in words_of(render_report(analyse_study(data), NOW))


@pytest.mark.parametrize("seed", range(8))
def test_no_study_is_so_small_that_nan_is_printed(seed: int) -> None:
    results = analyse_study(tiny(seed))
    facts = result_facts(results)
    assert list(not_finite(facts)) == []
    json.dumps(facts, allow_nan=False, default=str)
    assert not re.search(r"\b(nan|inf|None)\b", words_of(render_report(results, NOW)), re.IGNORECASE)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), None])
def test_a_number_that_is_none_is_never_printed(value: float | None) -> None:
    class Found:
        low, high = value, 1.0

    assert (number(value), p_text(value), interval_text(Found)) == ("–", "–", NO_INTERVAL)


def test_a_failed_export_leaves_the_folder_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    write_export(explained(), out)
    (out / "mine.txt").write_text("stays")
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(exporting, "codebook", full)  # the last file
    for folder in (out, tmp_path / "new"):
        with pytest.raises(OSError, match="No space"):
            write_export(tiny(3), folder)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def break_off(writing: AbstractContextManager[Path], error: type[BaseException]) -> None:
    with writing as unfinished:
        (unfinished / "one" if unfinished.is_dir() else unfinished).write_text("half")
        raise error


def test_files_and_folders_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    path, folder = tmp_path / "new" / "report.html", tmp_path / "folder"
    for error in (OSError, KeyboardInterrupt):
        with pytest.raises(error):
            break_off(whole_file(path), error)
        with pytest.raises(error):
            break_off(whole_folder(folder), error)
    assert not folder.exists()
    assert list(path.parent.iterdir()) == []
    with whole_file(path) as unfinished:
        unfinished.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"


def test_a_report_that_fails_leaves_the_old_one(db: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.html"
    path.write_text("the old one")
    monkeypatch.setattr(Path, "write_text", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(OSError, match="No space"):
        study_report(db, "judged", path, largest_mixed=0)
    assert path.read_bytes() == b"the old one"
    assert [one.name for one in tmp_path.iterdir()] == ["report.html"]
