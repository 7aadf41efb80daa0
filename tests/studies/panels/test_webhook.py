"""Prolific's own messages: only what is signed, and signed now, is believed, and of it only what is known."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.prolific_stand_in import WORKSPACE_SECRET, change_message, signed_headers
from undertone.studies.panels import (
    PanelError,
    UnreadableMessageError,
    UnsignedMessageError,
    check_signature,
    read_message,
    webhook_secret,
)
from undertone.studies.panels.webhook import REPLAY_SECONDS, SECRET_VARIABLE, signature_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
BODY = change_message("sub1", "ada", "RETURNED")


def check(body: bytes = BODY, secret: str = WORKSPACE_SECRET, now: datetime = NOW, **changed: str) -> None:
    headers = signed_headers(BODY, NOW.timestamp())
    signature = changed.get("signature", headers["X-Prolific-Request-Signature"])
    check_signature(body, signature, changed.get("timestamp", headers["X-Prolific-Request-Timestamp"]), secret, now)


def test_what_prolific_signs_is_taken_within_the_window() -> None:
    check()
    for seconds in (-REPLAY_SECONDS, REPLAY_SECONDS):
        check(now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-REPLAY_SECONDS - 2, REPLAY_SECONDS + 2, 1e7])
def test_a_signed_message_of_another_time_is_not(seconds: float) -> None:
    with pytest.raises(UnsignedMessageError, match="300 s away"):
        check(now=NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "changed",
    [
        {"timestamp": str(int(NOW.timestamp()) + 1)},
        {"timestamp": ""},
        {"timestamp": "-1"},
        {"timestamp": "9" * 40},
        {"timestamp": "\u0661\u0662"},
        {"signature": ""},
        {"signature": "no base64 \u00e9"},
        {"signature": signature_of(BODY, str(int(NOW.timestamp())), WORKSPACE_SECRET + "x")},
    ],
)
def test_any_other_time_or_signature_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(UnsignedMessageError):
        check(**changed)


def test_a_changed_body_or_another_secret_is_refused() -> None:
    for body in (BODY + b" ", BODY.replace(b"ada", b"bob"), b""):
        with pytest.raises(UnsignedMessageError):
            check(body=body)
    with pytest.raises(UnsignedMessageError):
        check(secret="the secret of another workspace")


def test_fields_that_are_not_known_are_left_out_and_other_events_tell_nothing() -> None:
    change = read_message(change_message("sub1", "ada", "TIMED-OUT", study_id="s", nested={"a": [1]}))
    assert change is not None
    assert change.submission.model_dump() == {"id": "sub1", "participant_id": "ada", "status": "TIMED-OUT"}
    assert read_message(b'{"event_type": "study.status.change", "resource_id": "s", "status": "ACTIVE"}') is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"nothing",
        b"\xff\xfe",
        b"[" * 10_000,
        b'{"event_type": 5}',
        b'{"event_type": "submission.status.change"}',
        change_message("../../etc", "ada", "RETURNED"),
        change_message("sub1", "a" * 65, "RETURNED"),
        change_message("sub1", "ada", "<script>"),
    ],
)
def test_signed_messages_of_another_form_are_refused_by_what_is_wrong(body: bytes) -> None:
    with pytest.raises(UnreadableMessageError, match="form that is not known"):
        read_message(body)


def test_without_a_secret_there_is_no_webhook_and_a_short_one_is_none() -> None:
    assert webhook_secret({}) is None
    assert webhook_secret({SECRET_VARIABLE: "  "}) is None
    assert webhook_secret({SECRET_VARIABLE: f" {WORKSPACE_SECRET}\n"}) == WORKSPACE_SECRET
    with pytest.raises(PanelError, match="has 5 characters"):
        webhook_secret({SECRET_VARIABLE: "short"})
