"""A suite measures every system once, refuses other settings, and shows the paper's numbers beside its own."""

import json
from dataclasses import replace
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import soundfile
import torch

from tests.evaluations import Numbers, evaluation
from tests.tiny_bundle import make_tiny_bundle, make_tiny_system
from undertone.app.cli.evaluation import evaluation_size
from undertone.engine import Engine
from undertone.engine.bundle import fingerprint, read_config
from undertone.studies.errors import MeasureError
from undertone.studies.evaluation.context import EvaluationContext
from undertone.studies.evaluation.jobs import InstalledMeasures
from undertone.studies.evaluation.sounds import keep_sounds
from undertone.studies.probe.classes import ClassProbe, Source
from undertone.studies.suite import run
from undertone.studies.suite.paper import ABLATIONS, PUBLISHED, SWEEP, ablation_of, paper_says
from undertone.studies.suite.probes import emotion_clips
from undertone.studies.suite.results import SuiteResult
from undertone.studies.suite.run import SUITE, SYSTEM, TABLES, SuitePlan, run_suite
from undertone.studies.suite.tables import PAPER_COLUMN, suite_tables
from undertone.train.runs.sweep import SWEEPS

DEAF = InstalledMeasures(words=False, voices=False, missing={"words": "no recogniser here"})


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("bundles")
    own = make_tiny_bundle(folder / "voice")
    system = make_tiny_system(own, folder / "token-lm", "Token-LM")
    config = json.loads((system / "bundle.json").read_text())
    (system / "bundle.json").write_text(json.dumps({**config, "name": "tiny-token-lm"}))
    return [own, system]


class Measured:
    """Stands for `evaluate`: numbers of nobody, and which systems were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.numbers = Numbers()

    def __call__(self, engine: Engine, *sizes: object, **settings: Any) -> object:
        self.asked.append(engine.bundle.name)
        found = evaluation(self.numbers)
        copied = {"copy_synthesis": evaluation(Numbers()).systems["copy_synthesis"]}  # the vocoder is shared
        own = {"bundle": engine.bundle.name, "bundle_sha256": engine.bundle.fingerprint}
        return found.model_copy(update=own | {"systems": found.systems | copied, "not_measured": {}})


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    monkeypatch.setattr(InstalledMeasures, "installed", lambda whisper=None: DEAF)
    monkeypatch.setattr(run, "Engine", SimpleNamespace(from_pretrained=unloaded))
    made = Measured()
    monkeypatch.setattr(run, "evaluate", made)
    return made


def unloaded(folder: Path) -> SimpleNamespace:
    """What a suite asks of an engine, without its weights."""
    config = read_config(folder)
    return SimpleNamespace(bundle=SimpleNamespace(name=config.name, config=config, fingerprint=fingerprint(folder)))


def plan(folder: Path) -> SuitePlan:
    return SuitePlan(folder / "voices", "test", clips=1, prompts=1, workers=0)


def test_every_system_has_a_row_beside_recordings_copy_synthesis_and_the_paper(
    measured: Measured, bundles: list[Path], tmp_path: Path
) -> None:
    found = run_suite(bundles, plan(tmp_path), tmp_path)
    tables = (tmp_path / TABLES).read_text()
    assert [one.system for one in found.systems] == ["VAE-GSLM", "Token-LM"]
    assert SuiteResult.model_validate_json((tmp_path / SUITE).read_text()) == found
    reconstruction = tables.split("### Reconstruction")[1].split("###")[0]
    rows = [line.split(" | ")[0].strip("| ") for line in reconstruction.splitlines() if line.startswith("|")]
    assert rows[2] == "recordings"
    assert rows[3].startswith("copy-synthesis")
    assert rows[4:] == ["VAE-GSLM (`tiny`)", "Token-LM (`tiny-token-lm`)"]
    for table, numbers in PUBLISHED.items():
        for system, number in numbers.items():
            shown = system in ("recordings", "VAE-GSLM", "Token-LM") and table != "probes"
            assert (f"| {number} |" in tables) == shown
    assert tables.count(f"| {PAPER_COLUMN} |") == 3
    assert paper_says("likelihood", "Token-LM + Pitch") == "–"
    for block in suite_tables(found):
        assert len({line.count("|") for line in block.splitlines() if line.startswith("|")}) <= 1, block


def test_a_sweeps_variants_are_the_rows_of_one_of_the_papers_tables() -> None:
    swept = [[f"{SWEEP}{variant}" for variant in variants] for variants in SWEEPS.values()]
    assert [list(one.found) for one in ABLATIONS] == swept
    assert [ablation_of(names) for names in swept] == list(ABLATIONS)
    assert ablation_of(["tiny", swept[0][0]]) is None
    # beta 0.04, gamma 0.5 and four dimensions are one model, that of the main tables.
    main = {
        paper_says("reconstruction", "VAE-GSLM", f"{SWEEP}{name}") for name in ("beta-0.04", "gamma-0.5", "latent-4")
    }
    assert main == {"CER 5.06 %"}
    assert paper_says("reconstruction", "VAE-GSLM - tokens", f"{SWEEP}no-tokens") == "CER 13.02 %"
    assert paper_says("reconstruction", "VAE-GSLM", f"{SWEEP}gamma-2") == "–"


def test_a_second_call_measures_what_is_missing_alone(measured: Measured, bundles: list[Path], tmp_path: Path) -> None:
    first = run_suite(bundles, plan(tmp_path), tmp_path)
    assert measured.asked == ["tiny", "tiny-token-lm"]
    assert run_suite(bundles, plan(tmp_path), tmp_path) == first
    assert len(measured.asked) == 2
    (tmp_path / "tiny-token-lm" / SYSTEM).unlink()
    run_suite(bundles, plan(tmp_path), tmp_path)
    assert measured.asked[2:] == ["tiny-token-lm"]
    path = tmp_path / "tiny" / SYSTEM
    stored = json.loads(path.read_text())
    stored["evaluation"]["bundle_sha256"] = "of other weights"
    path.write_text(json.dumps(stored))
    run_suite(bundles[:1], plan(tmp_path), tmp_path)
    assert measured.asked[3:] == ["tiny"]


def test_a_folder_holds_results_of_one_kind(measured: Measured, bundles: list[Path], tmp_path: Path) -> None:
    run_suite(bundles, plan(tmp_path), tmp_path)
    with pytest.raises(MeasureError, match="clips 1, now 2"):
        run_suite(bundles, replace(plan(tmp_path), clips=2), tmp_path)
    with pytest.raises(MeasureError, match="name each once"):
        run_suite([bundles[0], bundles[0]], plan(tmp_path), tmp_path)
    path = tmp_path / "tiny" / SYSTEM
    path.write_text(json.dumps({**json.loads(path.read_text()), "unknown": 1}))
    with pytest.raises(MeasureError, match="another version"):
        run_suite(bundles, plan(tmp_path), tmp_path)


def test_pairs_are_scored_for_every_system_and_kind_of_score(
    measured: Measured, bundles: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = tmp_path / "spoken-pairs.jsonl"
    with pytest.raises(MeasureError, match="does not exist"):
        run_suite(bundles, replace(plan(tmp_path), spoken_pairs=pairs), tmp_path / "out")
    pairs.write_text("")
    numbers = Numbers()
    made = {
        kind: {row: numbers.next() for row in ("words", "grammar: order")} for kind in ("tokens-sum", "latents-mean")
    }
    monkeypatch.setattr(run, "measure_miniatures", lambda engine, plan: made)
    found = run_suite(bundles, replace(plan(tmp_path), spoken_pairs=pairs), tmp_path / "out")
    assert found.settings.spoken_pairs is not None
    table = suite_tables(found)[-2]
    assert table.splitlines()[0].startswith("|  | words, % of 60 | grammar: order, % of 60 |")
    assert table.count("tokens-sum") == table.count("latents-mean") == 2
    value = made["tokens-sum"]["words"]
    assert f"{100 * value.value:.1f} [{100 * value.low:.1f}, {100 * value.high:.1f}]" in table


def test_probes_have_a_row_for_each_class_and_emotion_the_papers_number(
    measured: Measured, bundles: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = Numbers()

    def made(engine: Engine, corpus: object, *rest: object) -> dict[str, ClassProbe]:
        names = ("speaker", "phone") if corpus == plan(tmp_path).corpus else ("emotion",)
        sources: tuple[Source, ...] = ("tokens", "latents", "both")
        accuracy = {source: numbers.next() for source in sources}
        return {name: ClassProbe(classes=4, examples=60, chance=0.3, accuracy=accuracy) for name in names}

    monkeypatch.setattr(run, "corpus_probes", made)
    monkeypatch.setattr(run, "emotion_probe", made)
    asked = replace(plan(tmp_path), probe_clips=9, emotion=tmp_path / "labelled")
    found = run_suite(bundles, asked, tmp_path)
    assert (found.settings.probe_clips, found.settings.emotion) == (9, "labelled")
    rows = [line for line in suite_tables(found)[-2].splitlines() if "(`tiny" in line]
    assert len(rows) == 6
    assert [PUBLISHED["probes"]["VAE-GSLM"] in row for row in rows] == [False, False, True, False, False, False]


def test_a_labelled_set_is_read_by_speakers_and_emotions(tmp_path: Path) -> None:
    header = "utt_id\tfile\tspeaker\tsplit\ttranscript"
    kinds = list(product("ab", ("glad", "calm")))
    rows = [f"{who}-{how}-{number}\ta.wav\t{who}\ttest\tx\t{how}" for who, how in kinds for number in "123"]
    (tmp_path / "manifest.tsv").write_text("\n".join([f"{header}\temotion", *rows]) + "\n")
    clips, emotions = emotion_clips(tmp_path, 4, seed=0)
    assert {(clip.speaker, emotions[clip.clip_id]) for clip in clips} == set(kinds)
    (tmp_path / "manifest.tsv").write_text(f"{header}\na\ta.wav\ta\ttest\tx\n")
    with pytest.raises(MeasureError, match="no column emotion"):
        emotion_clips(tmp_path, 4, seed=0)


def test_sounds_are_listed_clip_by_clip_and_once(tmp_path: Path) -> None:
    engine = cast(Engine, SimpleNamespace(sample_rate_hz=16_000))
    measuring = EvaluationContext(engine, cast(Any, None), 0, DEAF, 0, sounds=tmp_path / "sounds")
    for clip in ("b/1", "a", "a"):
        keep_sounds(measuring, clip, {"ground_truth": torch.zeros(160), "continuation": torch.ones(320) / 2})
    for name, samples in (("ground_truth", 160), ("continuation", 320)):
        lines = [line.split(" ") for line in (tmp_path / "sounds" / f"{name}.scp").read_text().splitlines()]
        assert [clip for clip, _ in lines] == ["a", "b-1"]
        assert {soundfile.info(path).frames for _, path in lines} == {samples}
    keep_sounds(replace(measuring, sounds=None), "a", {"other": torch.zeros(160)})
    assert not (tmp_path / "sounds" / "other.scp").exists()


def test_sizes_are_those_asked_for_or_the_usual() -> None:
    assert evaluation_size(False, None, None) == (60, 40)
    assert evaluation_size(True, None, 0) == (10, 0)
    assert evaluation_size(True, 3, None) == (3, 10)
