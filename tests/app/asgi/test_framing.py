"""Cookies for a frame of another site: only where frames are wanted, only over https, only under that other site."""

import pytest

from undertone.app.asgi.framing import FRAMED_VARIABLE, framed_cookie, is_framed


@pytest.mark.parametrize(
    ("environment", "framed"),
    [
        ({}, False),
        ({"SPACE_ID": "ada/voices"}, True),
        ({"SPACE_ID": "ada/voices", FRAMED_VARIABLE: "0"}, False),
        ({FRAMED_VARIABLE: "1"}, True),
        ({FRAMED_VARIABLE: " "}, False),
    ],
)
def test_frames_are_wanted_on_a_space_or_where_the_keeper_says_so(environment: dict[str, str], framed: bool) -> None:
    assert is_framed(environment) is framed


def test_a_secure_cookie_is_sent_in_the_frame_and_nowhere_else() -> None:
    cookie = b"undertone_admin=a.b; HttpOnly; Max-Age=43200; Path=/; SameSite=lax; Secure"
    assert framed_cookie(cookie) == (
        b"undertone_admin=a.b; HttpOnly; Max-Age=43200; Path=/; Secure; Partitioned; SameSite=None"
    )


def test_without_https_a_cookie_stays_as_it_is() -> None:
    cookie = b"undertone_admin=a.b; HttpOnly; Path=/; SameSite=lax"
    assert framed_cookie(cookie) == cookie


def test_a_cookie_that_is_made_for_frames_already_is_the_same_afterwards() -> None:
    once = framed_cookie(b"a=1; Path=/; SameSite=None; Secure; Partitioned")
    assert framed_cookie(once) == once
    assert once.count(b"Partitioned") == 1
    assert once.count(b"SameSite") == 1
