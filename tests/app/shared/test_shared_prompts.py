"""Shared prompts: found by their name alone, deleted by their key alone or when their days are over, and bounded."""

import os
from pathlib import Path

import pytest

from undertone.app.shared.shared_prompts import (
    DAY_SECONDS,
    KEPT_DAYS,
    LONGEST_SECONDS,
    SharedPrompts,
    is_word,
    prompt_name,
)
from undertone.engine import UndertoneError

SAMPLES = b"\0\0\x80\x3e" * 16_000


def test_the_name_finds_it_and_only_the_key_deletes_it(tmp_path: Path) -> None:
    prompts = SharedPrompts(tmp_path)
    key = prompts.share_prompt(SAMPLES)
    name = prompt_name(key)
    assert is_word(key)
    assert is_word(name)
    assert prompts.fetch_prompt(name) == SAMPLES
    assert prompts.fetch_prompt(key) is None
    assert not prompts.withdraw_prompt(name)
    assert prompts.fetch_prompt(name) == SAMPLES
    assert prompts.withdraw_prompt(key)
    assert prompts.fetch_prompt(name) is None
    assert not prompts.withdraw_prompt(key)
    assert list(tmp_path.iterdir()) == []


def test_it_is_there_for_its_days_and_not_longer(tmp_path: Path) -> None:
    now = 1_000_000_000.0
    prompts = SharedPrompts(tmp_path, clock=lambda: now)
    name = prompt_name(prompts.share_prompt(SAMPLES))
    os.utime(tmp_path / f"{name}.f32", (now, now))
    now += DAY_SECONDS * KEPT_DAYS - 1
    prompts.sweep()
    assert prompts.fetch_prompt(name) == SAMPLES
    now += 2
    assert prompts.fetch_prompt(name) is None  # also before anything is swept
    prompts.sweep()
    assert list(tmp_path.iterdir()) == []


def test_one_too_many_is_refused_and_what_is_there_stays(tmp_path: Path) -> None:
    prompts = SharedPrompts(tmp_path, most_bytes=2 * len(SAMPLES))
    keys = [prompts.share_prompt(SAMPLES) for _ in range(2)]
    with pytest.raises(UndertoneError, match="no room"):
        prompts.share_prompt(SAMPLES)
    assert all(prompts.fetch_prompt(prompt_name(key)) for key in keys)
    prompts.withdraw_prompt(keys[0])
    prompts.share_prompt(SAMPLES)


@pytest.mark.parametrize("samples", [b"", b"abc", b"\0" * 4 * (LONGEST_SECONDS * 16_000 + 1)])
def test_what_is_no_prompt_is_refused(tmp_path: Path, samples: bytes) -> None:
    with pytest.raises(UndertoneError, match="can be shared"):
        SharedPrompts(tmp_path).share_prompt(samples)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "word", ["", "../secret", "a" * 31, "a" * 33, "a" * 31 + "/", "a" * 31 + "\n", "é" * 32, None, 7]
)
def test_a_word_from_outside_names_no_other_file(tmp_path: Path, word: object) -> None:
    (tmp_path / "secret.f32").write_bytes(b"1234")
    prompts = SharedPrompts(tmp_path / "prompts")
    assert prompts.fetch_prompt(word) is None  # type: ignore[arg-type]
    assert not prompts.withdraw_prompt(word)  # type: ignore[arg-type]
    assert (tmp_path / "secret.f32").read_bytes() == b"1234"
