"""Public layouts of likelihood benchmarks, against a scorer written from the public description alone."""

import json
import random
from pathlib import Path
from statistics import mean

import pytest
import soundfile
import torch
from typer.testing import CliRunner

from tests.speechlike import voice
from tests.tiny_bundle import make_tiny_bundle
from undertone.app.cli.main import app
from undertone.engine import Engine
from undertone.studies.benchmarks.paired import salmon_pairs, story_pairs
from undertone.studies.benchmarks.zerospeech import gold_scores, read_gold, read_submission, write_submission
from undertone.studies.errors import MeasureError

LEXICAL = "filename,id,voice,frequency,word,phones,length,correct"
SYNTACTIC = "filename,id,voice,type,subtype,transcription,correct"


def gold_folder(folder: Path, level: str, ids: int = 12) -> Path:
    folder.mkdir(parents=True)
    rows = []
    for number in range(ids):
        for speaker in ("A", "B", "C"):
            for correct in (1, 0):
                name = f"f{number}{speaker}{correct}"
                if level == "lexical":
                    frequency = (0, 1, 5, 20, 100, 4)[number % 6]
                    rows.append(f"{name},{number},{speaker},{frequency},w{number},A B,{2 + number % 3},{correct}")
                else:
                    rows.append(f"{name},{number // 2},{speaker},t{number % 3},s{number % 2},a b,{correct}")
    header = LEXICAL if level == "lexical" else SYNTACTIC
    (folder / "gold.csv").write_text("\n".join([header, *rows]) + "\n")
    return folder


def official(gold: Path, submission: Path, key: tuple[str, ...]) -> float:
    """Mean over ids of the mean over voices; correct rows above, incorrect rows below, in order of the file."""
    header, *lines = gold.read_text().splitlines()
    rows = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    score = dict(line.split() for line in submission.read_text().splitlines())
    above, below = ([row for row in rows if row["correct"] == sign] for sign in "10")
    by_key: dict[tuple[str, ...], list[float]] = {}
    for one, other in zip(above, below, strict=True):
        difference = float(score[one["filename"]]) - float(score[other["filename"]])
        outcome = 1.0 if difference > 0 else 0.0 if difference < 0 else 0.5
        by_key.setdefault(tuple(one[name] for name in key), []).append(outcome)
    return mean(mean(values) for values in by_key.values())


@pytest.mark.parametrize(("level", "key"), [("lexical", ("id",)), ("syntactic", ("type", "subtype", "id"))])
def test_an_independent_scorer_finds_the_same_number(tmp_path: Path, level: str, key: tuple[str, ...]) -> None:
    folder = gold_folder(tmp_path / level / "dev", level)
    pairs = read_gold(folder, level)  # type: ignore[arg-type]
    drawn = random.Random(0)
    names = [name for pair in pairs for name in (pair.correct, pair.incorrect)]
    scores = {name: drawn.choice([-1.0, -2.0, drawn.random() / 3]) for name in names}  # with ties
    submission = write_submission(tmp_path / "submission" / level / "dev.txt", scores)
    assert read_submission(submission) == scores
    found = gold_scores(pairs, scores)
    assert found.accuracy.value == pytest.approx(official(folder / "gold.csv", submission, key), abs=1e-12)
    for rows in found.tables.values():
        assert sum(one.count for one in rows.values()) == found.accuracy.count


def test_bands_leave_out_their_upper_end(tmp_path: Path) -> None:
    pairs = read_gold(gold_folder(tmp_path / "dev", "lexical"), "lexical")
    bands = {pair.key[0]: pair.groups["frequency"] for pair in pairs}
    assert [bands[str(number)] for number in range(6)] == ["oov", "1-5", "6-20", "21-100", ">100", "1-5"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("filename,", "file,"), "no column filename"),
        (("f0A1,", "f0A0,"), "twice"),
        (("f0A1,", "../f0A1,"), "without folders"),
        (("f0A1,0,", "f0A1,9,"), "another id"),
        (("2,0\n", "2,1\n"), "correct and"),
        ((",0,w0", ",often,w0"), "expected a number"),
    ],
)
def test_damaged_gold_files_are_refused(tmp_path: Path, change: tuple[str, str], says: str) -> None:
    gold = gold_folder(tmp_path / "dev", "lexical") / "gold.csv"
    assert change[0] in gold.read_text()
    gold.write_text(gold.read_text().replace(*change, 1))
    with pytest.raises(MeasureError, match=says):
        read_gold(gold.parent, "lexical")


def test_scores_of_other_files_are_refused(tmp_path: Path) -> None:
    pairs = read_gold(gold_folder(tmp_path / "dev", "lexical"), "lexical")
    with pytest.raises(MeasureError, match="72 files"):
        gold_scores(pairs, {"other": 1.0})
    (tmp_path / "bad.txt").write_text("a -1.0\na -2.0\n")
    with pytest.raises(MeasureError, match="second time"):
        read_submission(tmp_path / "bad.txt")


def write_voice(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, voice(0.6, 120 + 10 * seed, seed), 16_000)


def test_every_layout_is_scored_and_its_submission_agrees(tmp_path: Path) -> None:
    bundle = make_tiny_bundle(tmp_path / "tiny")
    dev = gold_folder(tmp_path / "lexical" / "dev", "lexical", ids=2)
    for number, line in enumerate((dev / "gold.csv").read_text().splitlines()[1:]):
        write_voice(dev / f"{line.split(',')[0]}.wav", number)
    for number in range(2):
        write_voice(tmp_path / f"salmon/rir_consistency/sample_{number}_1_positive.wav", number)
        write_voice(tmp_path / f"salmon/rir_consistency/sample_{number}_2_negative.wav", number + 9)
        write_voice(tmp_path / f"stories/{number}_correct.wav", number)
        write_voice(tmp_path / f"stories/{number}_incorrect.wav", number + 5)
    out = tmp_path / "out"
    for task, folder in (("swuggy", dev), ("salmon", tmp_path / "salmon"), ("storycloze", tmp_path / "stories")):
        run = CliRunner().invoke(app, ["likelihood", str(bundle), task, str(folder), "--out", str(out)])
        assert run.exit_code == 0, run.output
    found = json.loads((out / "swuggy.json").read_text())
    assert set(found) == {f"{of}-{how}" for of in ("tokens", "latents", "both") for how in ("sum", "mean")}
    for kind, tables in found.items():
        again = official(dev / "gold.csv", out / kind / "lexical" / "dev.txt", ("id",))
        assert tables["all"]["all"]["value"] == pytest.approx(again, abs=1e-12)
    # What a runner of the field does with `log_likelihood`, on samples as torchaudio reads them.
    engine = Engine.from_pretrained(bundle, device="cpu")
    outcomes = []
    for pair in salmon_pairs(tmp_path / "salmon"):
        waves = [
            torch.from_numpy(soundfile.read(path, dtype="float32")[0])[None] for path in (pair.positive, pair.negative)
        ]
        positive, negative = (engine.log_likelihood([wave]) for wave in waves)
        outcomes.append(float(positive > negative))
    part = json.loads((out / "salmon.json").read_text())["both-sum"]["part"]["rir_consistency"]
    assert part["value"] == mean(outcomes)


def test_pairs_without_a_partner_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0_correct.wav").touch()
    with pytest.raises(MeasureError, match="1 files"):
        story_pairs(tmp_path)
    with pytest.raises(MeasureError, match="no wav files"):
        salmon_pairs(tmp_path)
