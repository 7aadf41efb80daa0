"""Every word of the rater's page is in every catalogue, and what a study file brings is complete or refused."""

import ast
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from tests.rating_study import design
from undertone.studies.design import StudyFile, study_from_json
from undertone.studies.design.languages import LANGUAGES, RIGHT_TO_LEFT, catalogue, direction, find_wrong_message
from undertone.studies.design.rules import Completion
from undertone.studies.design.scale_words import scale_texts, texts_of, wordings
from undertone.studies.design.scales import NATURALNESS, SCALES
from undertone.studies.design.sections import NOT_SAYING, Break, Questionnaire, Training, Volume
from undertone.studies.sessions.errors import _MEANINGS, STRANGE

ROOT = Path(__file__).parents[3]
SCRIPTS = sorted((ROOT / "app" / "rate").glob("*.js"))
PLACE = re.compile(r"\{\w+\}")
FORMS = {"en": {"one", "other"}, "de": {"one", "other"}, "es": {"one", "many", "other"}, "zh": {"other"}}  # CLDR 46


def said_by_the_page() -> set[str]:
    """Every message that the page asks for, by its English text."""
    found = set()
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        found |= set(re.findall(r'(?<![\w.])t\("((?:[^"\\]|\\.)*)"', text))
        found |= set(re.findall(r'(?:OFFLINE|word: "offline"), text: "([^"]*)"', text))
    return found | set(re.findall(r"data-said[^>]*>([^<]*)<", page_body())) | {"Skip to the content"}


def page_body() -> str:
    """What the page holds before its script runs."""
    return (ROOT / "app" / "rate" / "page.py").read_text(encoding="utf-8").partition("_BODY = ")[2]


def said_by_the_server() -> set[str]:
    """Every text of the server that no study file has written."""
    completion = Completion()
    ends = {completion.finished.text, completion.screened_out.text, completion.timed_out.text}
    sections = {Volume().text, Training().text, Break(after_trials=1).text}
    title = {str(Questionnaire.model_fields["title"].default)}
    return ends | sections | title | {NOT_SAYING} | {text for _, text in _MEANINGS.values()} | said_in_views()


def said_in_views() -> set[str]:
    """Every sentence in the code that makes what a rater's page shows, without docstrings."""
    found = set()
    for name in ("views", "endings", "declining", "known_answers", "forms", "pages", "estimate"):
        tree = ast.parse((ROOT / "studies" / "sessions" / f"{name}.py").read_text(encoding="utf-8"))
        described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
                found |= {node.value} if re.match(r"[A-Z][a-z]+,? [a-z]", node.value) else set()
    return found


def refusals() -> list[tuple[str, ast.Call]]:
    """Every place where a rater's request is refused, by its file and line."""
    found = []
    for folder in ("studies", "app"):
        for path in (ROOT / folder).rglob("*.py"):
            if "SessionError(" not in (text := path.read_text(encoding="utf-8")):
                continue
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "SessionError":
                    found.append((f"{path.relative_to(ROOT)}:{node.lineno}", node))
    return found


def test_every_refusal_is_a_message_that_stands_where_it_is_raised() -> None:
    """A sentence that is put together where it is raised, or that no catalogue has, would reach raters in English."""
    found, said = refusals(), said_by_the_server()
    assert len(found) > 30
    for place, call in found:
        first, *message = call.args[:2]
        words = [node.value for node in ast.walk(first) if isinstance(node, ast.Constant)]
        assert set(words) & set(_MEANINGS), f"{place} has no known word"
        if message and isinstance(message[0], ast.Name):
            assert message[0].id == "STRANGE", place
        elif message:
            assert isinstance(message[0], ast.Constant), f"{place} puts its sentence together"
            said.add(message[0].value)
            wanted, given = set(PLACE.findall(message[0].value)), {f"{{{one.arg}}}" for one in call.keywords}
            assert wanted == given - {"{wait_seconds}"}, f"{place} leaves a place of its sentence empty"
    known, page = set(catalogue("en")), said_by_the_page()
    assert len(page) > 100
    assert said | page | {STRANGE} <= known
    assert known <= said | page | {STRANGE}, "a message that nobody says"


def test_no_sentence_stands_in_a_script_outside_of_the_catalogue() -> None:
    """Everything between quotes that reads like words is a message, or names something of the browser's."""
    sentence = re.compile(r"[A-Za-z’']{2,} [a-z]{2,}.*[.?!:]|[A-Z][a-z]+ [a-z]+|[A-Z][a-z]{2,}[ .!?]")
    found, known = [], said_by_the_page()
    for script in SCRIPTS:
        code = re.sub(r"^\s*//.*$|\s//\s.*$", "", script.read_text(encoding="utf-8"), flags=re.MULTILINE)
        for match in re.finditer(r'"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`', code):
            text = re.sub(r"\$\{[^{}]*\}", "", match[1] or match[2] or "")
            if sentence.search(text) and match[1] not in known and text != "Bearer ":
                found.append(f"{script.name}: {match[0]}")
    assert not found


def test_the_page_s_own_words_are_all_messages() -> None:
    shown = re.findall(r"<[^>]*>(?=[^<]*[A-Za-z])", page_body())
    assert len(shown) > 10
    assert [tag for tag in shown if "data-said" not in tag] == []


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_every_scale_is_worded_in_every_language(language: str) -> None:
    own = wordings(language)
    assert set(own) == scale_texts()
    assert [text for text, said in own.items() if said == text] == []
    assert len({own[text] for text in scale_texts()}) == len(own), "two answers with one wording"
    for name, scale in SCALES.items():
        spoken = design(language=f"{language}-XX", scales=[name], golds=[], traps=[]).scale(name)
        assert spoken.labels == {value: own[text] for value, text in scale.labels.items()}
        assert spoken.hash != scale.hash, "what was read decides the hash"
        assert design(language="en", scales=[name], golds=[], traps=[]).scale(name) == scale


def test_a_brought_language_brings_the_words_of_its_scales_or_whole_scales() -> None:
    page = {key: f"ع {' '.join(PLACE.findall(key))}" for key in catalogue("en")}
    known: dict[str, object] = {"golds": [], "traps": [], "language": "ar", "scales": ["naturalness"]}
    with pytest.raises(ValidationError, match="scale 'naturalness' has no words in 'ar': 7 texts are missing"):
        design(**known, messages=page)
    study = design(**known, messages={**page, **{text: f"س{text}" for text in texts_of(NATURALNESS)}})
    assert study.scale("naturalness").title == f"س{NATURALNESS.title}"
    assert StudyFile.model_validate(study.model_dump(mode="json")) == study, "as it is stored, so it is read"
    own = {**NATURALNESS.model_dump(mode="json"), "title": "طبيعية"}
    assert design(**{**known, "scales": [own]}, messages=page).scale("naturalness").title == "طبيعية"
    changed = design(language="de", golds=[], traps=[], messages={NATURALNESS.title: "Echtheit"})
    assert changed.scale("naturalness").title == "Echtheit"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_catalogue_says_everything_with_the_same_places(language: str) -> None:
    own, english = catalogue(language), catalogue("en")
    assert set(own) == set(english)
    for key, message in own.items():
        forms = message.values() if isinstance(message, dict) else [message]
        if isinstance(message, dict):
            assert set(message) == FORMS[language]
        for form in forms:
            assert sorted(PLACE.findall(form)) == sorted(PLACE.findall(key)), key
            assert form.strip() == form
    if language != "en":
        same = [key for key, message in own.items() if message == key]
        assert len(same) < 8, f"these are not translated: {same}"
    assert find_wrong_message("xx", dict(own)) is None, "a whole catalogue is one that a study file may bring"


def test_a_language_without_a_catalogue_must_bring_all_of_it() -> None:
    scales = {text: f"ع{place}" for place, text in enumerate(sorted(scale_texts()))}
    with pytest.raises(ValidationError, match=f"lacks {len(catalogue('en')) - 1} of"):
        design(language="ar", messages={"Next": "التالي", **scales})
    whole = {**scales, **{key: f"ع {' '.join(PLACE.findall(key))}" for key in catalogue("en")}}
    study = design(language="ar", messages=whole)
    assert direction(study.language) == "rtl"
    assert design(language="pt-BR", messages=whole).language == "pt-BR"


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        ({"Nxt": "Weiter"}, "there is no message 'Nxt'"),
        ({"Clip {number} of {of}": "Clip {number}"}, "leaves out one of"),
        ({"Next": "Weiter {where}"}, "no other places"),
        ({"Next": " "}, "expected a text"),
        ({"Next": {"other": "Weiter"}}, "by plural form"),
    ],
)
def test_messages_that_cannot_be_used_are_named(messages: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        design(language="de", messages=messages)


def test_a_study_in_english_keeps_its_hash() -> None:
    assert design().hash == design(language="en", messages={}).hash != design(language="de").hash


def test_each_right_to_left_language_is_so_in_every_region() -> None:
    for language in RIGHT_TO_LEFT:
        assert direction(language) == direction(f"{language}-XX") == "rtl"
    assert {direction(language) for language in (*LANGUAGES, "arn", "pt-BR")} == {"ltr"}


def test_a_stored_study_outlives_messages_that_came_and_went() -> None:
    page = {key: f"ع {' '.join(PLACE.findall(key))}" for key in catalogue("en")}
    own = NATURALNESS.model_dump(mode="json")
    stored = design(language="ar", messages=page, scales=[own], golds=[], traps=[]).model_dump(mode="json")
    assert study_from_json(stored).messages == page
    earlier = {**stored["messages"], "Said by an earlier version": "ع"}
    del earlier["Next"]
    assert study_from_json({**stored, "messages": earlier}).messages == {**page, "Next": "Next"}
    german = design(language="de", messages={"Next": "Los"}).model_dump(mode="json")
    assert study_from_json(german).messages == {"Next": "Los"}
