"""YAML is read strictly wherever it is read: nothing twice, and every refusal names its lines."""

import re
from pathlib import Path

import pytest

from undertone.engine.files.yaml_text import YamlError, parse_yaml, read_yaml

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 1 and on line 3"),
        ("x:\n  - {k: 1, k: 2}\n", "line 2 and on line 2"),
        ("x:\n  y:\n    k: 1\n    k: 1\n", "line 3 and on line 4"),
        ("'1': a\n\"1\": b\n", "line 1 and on line 2"),
    ],
)
def test_a_key_that_is_given_twice_is_refused_with_both_lines(text: str, lines: str) -> None:
    with pytest.raises(YamlError, match=lines):
        parse_yaml(text, "the text")


def test_keys_of_a_merge_may_be_said_again() -> None:
    text = "base: &base {a: 1, b: 2}\nmid: &mid {<<: *base, b: 3}\nlast: {<<: *mid, b: 4, c: 5}\n"
    assert parse_yaml(text, "x")["last"] == {"a": 1, "b": 4, "c": 5}


@pytest.mark.parametrize("text", ["{kind: consent, text: Do you agree?}", "[{text: Do you agree? }]"])
def test_a_question_mark_in_a_flow_is_told_to_need_quotes(text: str) -> None:
    with pytest.raises(YamlError, match=re.escape('needs quotes, such as {text: "Do you agree?"}')):
        parse_yaml(text, "the text")


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: b: c",
        "a: \0",
        "a: 2026-13-45",
        "a: " + 5000 * "9",
        5000 * "[",
        "!!python/object:os.system {}",
        "? [a]\n: b",
    ],
)
def test_what_cannot_be_read_is_refused_by_the_name_of_its_source(text: str) -> None:
    with pytest.raises(YamlError, match="the text"):
        parse_yaml(text, "the text")


def test_a_byte_order_mark_and_windows_lines_are_read_and_other_encodings_told(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert read_yaml(path) == {"a": 1, "b": 2}
    path.write_bytes("a: \u00e9".encode("cp1252"))
    with pytest.raises(YamlError, match="UTF-8"):
        read_yaml(path)
    with pytest.raises(YamlError, match="cannot be read"):
        read_yaml(tmp_path)


def test_yaml_is_read_in_one_place_only() -> None:
    readers = [
        path.relative_to(ROOT).as_posix()
        for folder in ("engine", "studies", "train", "app")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"yaml\.(safe_|full_|unsafe_)?load", path.read_text(encoding="utf-8"))
    ]
    assert readers == ["engine/files/yaml_text.py"]
