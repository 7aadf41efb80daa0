"""A client's address and scheme are the connection's; a named proxy alone may tell others."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient

from tests.studies_database import new_database
from undertone.app.asgi.client_address import (
    SPACE_PROXIES,
    ProxyNameError,
    TrustedProxies,
    address_of,
    behind_proxies,
    is_https,
)
from undertone.app.rate import rate_router
from undertone.studies.sessions import Sessions

FORWARDED = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "evil.example",
    "x-real-ip": "203.0.113.9",
    "forwarded": "for=203.0.113.9;proto=https",
    "x-gradio-server": "https://evil.example",
}


def seen(peer: str, headers: dict[str, str], *proxies: str) -> dict[str, Any]:
    """What a route behind the proxies is told of a request."""
    app = FastAPI()

    @app.get("/")
    def told(request: Request) -> dict[str, Any]:
        left = [name for name in request.headers if "forwarded" in name or name in FORWARDED]
        return {"address": address_of(request), "https": is_https(request), "left": left, "url": str(request.url)}

    site = behind_proxies(app, TrustedProxies.parse(proxies, {}))
    answer: dict[str, Any] = TestClient(site, client=(peer, 1234)).get("/", headers=headers).json()
    return answer


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.0.0.5", "::1", "198.51.100.4"])
def test_behind_a_proxy_that_is_not_named_nothing_forwarded_is_believed(peer: str) -> None:
    told = seen(peer, FORWARDED, "10.9.0.0/16")
    assert told["address"] == ("::/64" if peer == "::1" else peer)
    assert not told["https"]
    assert told["left"] == []
    assert told["url"] == "http://testserver/"


def test_a_named_proxy_tells_address_and_scheme_and_nothing_else() -> None:
    told = seen("10.9.3.1", FORWARDED, "10.9.0.0/16")
    assert (told["address"], told["https"], told["left"]) == ("203.0.113.9", True, [])
    assert told["url"] == "https://testserver/"


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),  # the client made up the first
        ("1.1.1.1, 203.0.113.9, 10.9.0.2", "203.0.113.9"),  # two proxies
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),  # one subscriber, whichever address they choose
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("203.0.113.9:8080", "203.0.113.9"),
        ("", "10.9.0.1"),
        ("x" * 500, "x" * 64),
    ],
)
def test_of_a_chain_the_last_address_before_the_named_proxies_counts(chain: str, address: str) -> None:
    assert seen("10.9.0.1", {"x-forwarded-for": chain}, "10.9.0.0/16")["address"] == address


def test_an_address_is_the_same_on_a_socket_for_both_kinds() -> None:
    assert seen("::ffff:10.9.0.1", FORWARDED, "10.9.0.0/16")["address"] == "203.0.113.9"
    assert seen("::ffff:198.51.100.4", FORWARDED)["address"] == "198.51.100.4"


def test_proxies_are_named_by_option_or_environment_and_a_space_has_its_own() -> None:
    variable = {"UNDERTONE_TRUSTED_PROXIES": "192.0.2.7, 2001:db8::/32"}
    assert [str(one) for one in TrustedProxies.parse([], variable).networks] == ["192.0.2.7/32", "2001:db8::/32"]
    assert [str(one) for one in TrustedProxies.parse(["10.1.0.0/16"], variable).networks] == ["10.1.0.0/16"]
    assert [str(one) for one in TrustedProxies.parse([], {"SPACE_ID": "a/b"}).networks] == list(SPACE_PROXIES)
    assert TrustedProxies.parse([], {}).networks == ()


@pytest.mark.parametrize("name", ["*", "0.0.0.0/0", "::/0", "proxy.example", "10.0.0.0/40"])
def test_everybody_and_nobody_are_no_proxies(name: str) -> None:
    with pytest.raises(ProxyNameError, match="trusted proxy"):
        TrustedProxies.parse([name], {})


def test_a_made_up_address_evades_no_limit_of_the_raters_page(tmp_path: Path) -> None:
    db = new_database(tmp_path / "studies.sqlite")
    app = FastAPI()
    app.include_router(rate_router(Sessions(db, tmp_path / "media", "secret")))
    client = TestClient(behind_proxies(app, TrustedProxies()), client=("127.0.0.1", 1))
    statuses = []
    for number in range(60):
        headers = {"x-forwarded-for": f"203.0.113.{number}"}
        guess = client.post("/rate/api/resume", json={"code": "abcd-efgh-jkmn"}, headers=headers)
        statuses.append(guess.status_code)
    assert statuses.count(429) >= 40
    db.close()


def test_a_proxy_that_was_forgotten_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    client = TestClient(behind_proxies(app, TrustedProxies()), client=("127.0.0.1", 1))
    for _ in range(3):
        client.get("/", headers=FORWARDED)
    assert [record.message for record in caplog.records if "--trusted-proxy" in record.message] != []
    assert len([record for record in caplog.records if "--trusted-proxy" in record.message]) == 1
