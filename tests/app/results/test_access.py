"""Every handler asks for the role of who calls it."""

import pytest

from tests.app.results.requests import request_of
from tests.results_site import ADMIN, READER
from undertone.app.results.access import NotAllowedError, ResultsAccess


def test_access_lets_nobody_in_and_readers_only_look(access: ResultsAccess) -> None:
    assert access.require(request_of(access, READER), "reader").role == "reader"
    assert access.require(request_of(access, ADMIN), "admin").name == ADMIN
    with pytest.raises(NotAllowedError, match="may look but not change"):
        access.require(request_of(access, READER), "admin")
    with pytest.raises(NotAllowedError, match="Sign in"):
        access.require(request_of(access, None), "reader")
