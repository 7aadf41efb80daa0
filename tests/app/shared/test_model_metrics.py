"""Steps of the model are counted by their frames, whatever the length of a chunk."""

import logging

import pytest
from prometheus_client import REGISTRY as DEFAULT

from undertone.app.shared.error_count import count_errors
from undertone.app.shared.model_metrics import ERRORS, REGISTRY, StepTimer


def value(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


def test_a_step_is_the_time_of_a_chunk_by_its_frames() -> None:
    count, total, first = (value(f"undertone_{name}") for name in
                           ("step_seconds_count", "step_seconds_sum", "first_sound_seconds_sum"))  # fmt: skip
    timer = StepTimer(began=10.0)
    timer.chunk(25, 10.5)
    timer.chunk(75, 11.5)
    timer.chunk(75, 12.0)  # the last one brings the takes and no frame
    assert value("undertone_step_seconds_count") - count == 2
    assert abs(value("undertone_step_seconds_sum") - total - (0.02 + 0.02)) < 1e-9
    assert abs(value("undertone_first_sound_seconds_sum") - first - 0.5) < 1e-9


def test_errors_of_the_log_are_counted_and_nothing_that_is_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    count_errors(ERRORS)
    before, log = value("undertone_model_errors_total"), logging.getLogger("tests.model_metrics")
    log.warning("no clip")
    log.error("a run failed")
    try:
        raise ValueError("a value")
    except ValueError:
        log.exception("another one")
    assert value("undertone_model_errors_total") - before == 2


def test_the_models_counts_have_no_name_that_the_front_process_has() -> None:
    names = {metric.name for metric in REGISTRY.collect()}
    assert not names & {metric.name for metric in DEFAULT.collect()}
