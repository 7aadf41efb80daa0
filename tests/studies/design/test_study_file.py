"""A study file is checked whole, and says exactly what does not fit."""

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from tests.studies.design.sounds import definition
from undertone.studies.design import SCALES, DesignError, Scale, StudyFile, load_study_file, study_from_json
from undertone.studies.design.templates import FOLDER, template_names, template_text


def paper() -> dict[str, Any]:
    return yaml.safe_load(template_text("paper"))


def refused(folder: Path, change: Callable[[dict[str, Any]], object]) -> str:
    values = copy.deepcopy(paper())
    change(values)
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    with pytest.raises(DesignError) as caught:
        load_study_file(path)
    return str(caught.value)


@pytest.mark.parametrize("name", template_names())
def test_every_template_is_a_study_and_survives_its_stored_form(name: str) -> None:
    study = load_study_file(FOLDER / f"{name}.yaml")
    stored = json.loads(json.dumps(study.model_dump(mode="json")))
    assert study_from_json(stored) == study
    assert study_from_json(stored).hash == study.hash


def test_the_paper_template_has_the_papers_numbers() -> None:
    study = load_study_file(FOLDER / "paper.yaml")
    assert (study.prompts.count, study.prompts.prompt_seconds, study.prompts.continuation_seconds) == (100, 3, 10)
    assert study.allocation.raters_per_stimulus == 7
    assert [scale.name for scale in study.scales] == ["naturalness", "meaningfulness"]
    assert {"ground_truth", "low_anchor"} < {system.role for system in study.systems}


@pytest.mark.parametrize(
    ("change", "key", "known"),
    [
        (lambda v: v.update(alocation={}), "'alocation'", "allocation"),
        (lambda v: v["systems"][0]["source"].update(seeed=1), "'systems.0.source.bundle.seeed'", "seed"),
        (lambda v: v["sections"][3].update(trial=1), "'sections.3.headphones.trial'", "pass_at_least"),
        (lambda v: v["sections"][1]["questions"][0].update(option=1), "questions.0.option'", "options"),
        (lambda v: v["screening"]["rules"][0].update(min=1), "'screening.rules.0.variance.min'", "minimum"),
    ],
)
def test_an_unknown_key_is_refused_with_the_file_the_key_and_the_known_keys(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], key: str, known: str
) -> None:
    text = refused(tmp_path, change)
    assert str(tmp_path / "study.yaml") in text
    assert "unknown key" in text
    assert key in text
    assert known in text.split("known keys:")[1]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda v: v.update(scales=["naturalnes"]), "unknown scale 'naturalnes'; known scales: naturalness"),
        (lambda v: v["sections"].pop(4), "no section of kind 'rating'"),
        (lambda v: v["sections"].append(v["sections"].pop(0)), "consent comes first"),
        (lambda v: v["allocation"].update(traps=3), "asks for 3 traps in a session, but 0 are listed"),
        (lambda v: v["systems"][2]["source"].update(of="nobody"), "degrades 'nobody'"),
        (lambda v: v["systems"].append(v["systems"][0]), "system names are used twice: ['model']"),
        (lambda v: v["prompts"].pop("folder"), "either `folder` or `items`"),
        (lambda v: v["sections"][5].update(after_trials=30), "a break after 30 trials never comes"),
        (lambda v: v["sections"].append({"kind": "training"}), "need each other"),
        (lambda v: v.update(comparison="ab", systems=v["systems"][:1]), "two systems at least"),
        (
            lambda v: v.update(traps=[{"audio": "x.wav", "expected": {"naturalness": {"value": 6}}}]),
            "naturalness: 6 is not an answer",
        ),
        (
            lambda v: v.update(published={"scores": {"naturalness": {"nobody": 3.0}}}),
            "published scores name ['nobody']",
        ),
        (lambda v: v.update(published={"scores": {"beauty": {}}}), "published scores are on scale 'beauty'"),
        (
            lambda v: v.update(published={"scores": {"naturalness": {"model": [4.0, 3.0]}}}),
            "is given as [4.0, 3.0]; lowest first",
        ),
        (
            lambda v: v.update(completion={"finished": {"code": "A"}, "timed_out": {"code": "A"}}),
            "different codes",
        ),
    ],
)
def test_parts_that_do_not_fit_together_are_named(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], sentence: str
) -> None:
    text = refused(tmp_path, change)
    assert sentence in text
    assert len(text) < 400  # a sentence, not the whole file


def test_a_file_that_is_no_study_is_refused_by_name(tmp_path: Path) -> None:
    for content in ("- a\n- b\n", "a: [", "\tb"):
        path = tmp_path / "broken.yaml"
        path.write_text(content, encoding="utf-8")
        with pytest.raises(DesignError, match=r"broken\.yaml"):
            load_study_file(path)
    with pytest.raises(DesignError, match="nowhere"):
        load_study_file(tmp_path / "nowhere.yaml")


def test_a_scale_hash_changes_with_every_word_and_with_nothing_else() -> None:
    scale = SCALES["naturalness"]
    changes: list[dict[str, Any]] = [
        {"question": scale.question + " "},
        {"labels": {**scale.labels, 5.0: "Perfect"}},
        {"title": "Nature"},
        {"version": 2},
    ]
    hashes = {scale.model_copy(update=change).hash for change in changes}
    assert len(hashes | {scale.hash}) == len(changes) + 1
    assert Scale.model_validate_json(scale.model_dump_json()).hash == scale.hash
    reordered = Scale(**{**scale.model_dump(), "labels": dict(reversed(scale.labels.items()))})
    assert reordered.hash == scale.hash


def test_the_wording_in_use_does_not_change_unnoticed() -> None:
    # Ratings carry these hashes: a changed word needs a new version here and in the scale.
    assert {name: (scale.version, scale.hash) for name, scale in SCALES.items()} == {
        "naturalness": (1, "aab57699a6e9248c"),
        "meaningfulness": (1, "9f1e4da532b90f43"),
        "expressiveness": (1, "1572e782028e56fe"),
        "emotional-range": (1, "b050974099bbeadb"),
        "overall": (1, "48e7065dab43ab77"),
        "preference": (1, "466351369fb8c69b"),
        "ccr": (1, "002cdcf53aa87f51"),
        "choice": (1, "00b771d5f9a24cb6"),
        "choice-or-tie": (1, "ac4aa36707efb3f5"),
        "best-worst": (1, "82215a82fdc218ec"),
        "mushra": (1, "845af57ba564a1ea"),
    }


def numbers_of(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, list[Any]]]:
    """Every number of a model and of the models inside it, with the bounds that its annotation has."""
    for name, field in model.model_fields.items():
        yield from _numbers_in(field.annotation, list(field.metadata), f"{path}.{name}")


def _numbers_in(kind: Any, metadata: list[Any], path: str) -> Iterator[tuple[str, list[Any]]]:
    if get_origin(kind) is Annotated:
        kind, *more = get_args(kind)
        metadata = [*metadata, *more]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from numbers_of(kind, path)
    elif kind in (int, float):
        bounds = [part for item in metadata for part in (getattr(item, "metadata", None) or [item])]
        yield path, [name for name in ("ge", "gt", "le", "lt") for part in bounds if hasattr(part, name)]
    else:
        for inner in get_args(kind):
            yield from _numbers_in(inner, metadata if type(None) in get_args(kind) else [], path)


def test_every_number_of_a_study_file_has_a_range() -> None:
    found = dict(numbers_of(StudyFile))
    assert len(found) > 50
    for path, bounds in found.items():
        assert {bound[0] for bound in bounds} == {"g", "l"}, f"{path} has the bounds {bounds}"


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "1.0e+300", "10000000000", "-1"])
@pytest.mark.parametrize("key", ["session_minutes", "idle_minutes", "max_participants"])
def test_a_number_beyond_its_range_is_refused_with_the_key(tmp_path: Path, key: str, value: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(definition()) + f"limits: {{{key}: {value}}}\n")
    with pytest.raises(DesignError, match=key):
        load_study_file(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("provenance: {x: .inf}", "a number beyond"),
        ('recruitment: "a\\0b"', "NUL"),
        ('recruitment: "\\ud800"', "half of a character"),
        ("sections: []", "given twice"),
        ("completion: {finished: {url: 'javascript:alert(1)'}}", "address of a web page"),
        ("completion: {finished: {url: 'data:text/html,x'}}", "address of a web page"),
        ("completion: {finished: {url: /local}}", "address of a web page"),
        ("training: [{audio: 3}]", "training"),
        ("pay: 3", "put the text in quotes"),
    ],
)
def test_what_no_study_can_bear_is_refused_in_words(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(definition()) + text + "\n")
    with pytest.raises(DesignError, match=said):
        load_study_file(path)


def test_a_scale_of_a_thousand_million_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 1000 answers"):
        Scale(name="x", title="x", question="x", labels={1.0: "a", 5.0: "b"}, increment=1e-9)


def test_an_answer_is_kept_as_the_scale_has_it() -> None:
    tenths = Scale(name="x", title="x", question="x", labels={0.0: "a", 1.0: "b"}, minimum=0, maximum=1, increment=0.1)
    assert tenths.values[3] == 0.3
    assert tenths.snapped(0.30000000000000004) == 0.3
    assert SCALES["naturalness"].snapped(2.9999999999) == 3.0
    assert SCALES["naturalness"].snapped(2.99) is None


def test_a_scale_allows_its_steps_only() -> None:
    scale = Scale(name="fine", title="Fine", question="?", labels={1.0: "a", 5.0: "b"}, increment=0.5)
    assert scale.values == (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)
    assert scale.allows(2.5)
    assert not any(scale.allows(value) for value in (0.5, 2.25, 5.5, float("nan"), float("inf")))
    with pytest.raises(ValueError, match="whole number of steps"):
        Scale(name="odd", title="Odd", question="?", labels={1.0: "a", 5.0: "b"}, increment=0.3)
    with pytest.raises(ValueError, match="no label for the end"):
        Scale(name="odd", title="Odd", question="?", labels={1.0: "a"})
