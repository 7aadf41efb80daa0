"""The paper's listening test is a study file of the systems at hand, ready to be built."""

from pathlib import Path

import pytest

from tests.tiny_bundle import make_tiny_bundle, make_tiny_system
from undertone.engine.audio.wav import float_wav
from undertone.studies.design import DesignError, StudyFile, load_study_file
from undertone.studies.errors import MeasureError
from undertone.studies.measures.heldout import HeldOut, ListedCorpus
from undertone.studies.suite.comparison_study import comparison_study, list_systems, missing_systems
from undertone.studies.suite.paper import OPINIONS, opinions_of


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("bundles")
    voice = make_tiny_bundle(folder / "voice")
    return [
        str(voice),
        *(str(make_tiny_system(voice, folder / name, name)) for name in ("Token-LM", "VAE-GSLM - tokens")),
    ]


def written(folder: Path, text: str) -> StudyFile:
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return load_study_file(path)


def test_the_file_is_the_papers_protocol_with_every_system_and_reference(bundles: list[str], tmp_path: Path) -> None:
    study = written(tmp_path, comparison_study(bundles))
    assert {system.name: system.role for system in study.systems} == {
        "vae-gslm": "system",
        "token-lm": "system",
        "vae-gslm-without-tokens": "system",
        "recording": "ground_truth",
        "low-anchor": "low_anchor",
    }
    assert [scale.name for scale in study.scales] == list(OPINIONS) == ["naturalness", "meaningfulness"]
    assert (study.prompts.count, study.prompts.prompt_seconds, study.prompts.continuation_seconds) == (100, 3, 10)
    assert study.allocation.raters_per_stimulus == 7
    assert len(study.analysis.primary_contrasts) == 2 * 2
    assert {contrast.first for contrast in study.analysis.primary_contrasts} == {"vae-gslm"}
    assert "token-lm: Token-LM, bundle tiny, SHA-256 " in study.reporting.baselines


def test_published_scores_are_those_of_the_papers_tables(bundles: list[str], tmp_path: Path) -> None:
    published = written(tmp_path, comparison_study(bundles)).published
    assert published.shown("naturalness") == {"recording": "3.89", "vae-gslm": "3.60", "token-lm": "3.19"}
    assert published.shown("meaningfulness") == {"vae-gslm": "3.45", "token-lm": "3.24 to 3.35"}
    assert opinions_of("Token-LM") == "N-MOS 3.19, M-MOS 3.24 to 3.35 over the baselines"
    assert missing_systems(list_systems(bundles)) == ["Token-LM + Pitch", "Token-LM + Acoustic"]


def test_prompts_are_recordings_that_go_on_for_ten_seconds(bundles: list[str], tmp_path: Path) -> None:
    clips = []
    for name, seconds in (("long", 13.5), ("short", 12.5), ("longer", 14.0)):
        (tmp_path / f"{name}.wav").write_bytes(float_wav(bytes(round(4 * 16_000 * seconds))))
        clips.append(HeldOut(name, tmp_path / f"{name}.wav", name, "some words"))
    corpus = ListedCorpus(tmp_path, {"test": tuple(clips)})
    study = written(tmp_path, comparison_study(bundles[:1], corpus))
    assert {item.name for item in study.prompts.items} == {"long", "longer"}
    assert all(item.audio.is_file() for item in study.prompts.items)
    assert study.reporting.prompt_choice.startswith("2 recordings of ")
    with pytest.raises(MeasureError, match="split 'dev'"):
        comparison_study(bundles[:1], corpus, "dev")


def test_bundles_of_one_system_have_names_of_their_own(bundles: list[str], tmp_path: Path) -> None:
    with pytest.raises(DesignError, match="each once"):
        comparison_study([bundles[0], bundles[0]])
    other = make_tiny_bundle(tmp_path / "other", seed=1)
    with pytest.raises(DesignError, match="two bundles are called 'vae-gslm-tiny'"):
        comparison_study([bundles[0], str(other)])
    path = other / "bundle.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"tiny"', '"Other one"', 1), encoding="utf-8")
    study = written(tmp_path, comparison_study([bundles[0], str(other)]))
    assert [system.name for system in study.systems][:2] == ["vae-gslm-tiny", "vae-gslm-other-one"]
    assert study.published.shown("naturalness")["vae-gslm-other-one"] == "3.60"
