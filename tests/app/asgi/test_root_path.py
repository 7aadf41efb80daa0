"""A site under a sub-path: what comes in is the site's own path, what goes out leads back under the sub-path."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.testclient import TestClient

from undertone.app.asgi.root_path import RootPathError, UnderRootPath, read_root_path, site_path, under


def echo(request: Request) -> Response:
    return JSONResponse({"path": request.url.path, "raw": request.scope["raw_path"].decode()})


def away(request: Request) -> Response:
    response = RedirectResponse(request.query_params["to"])
    response.set_cookie("whole", "1", path="/")
    response.set_cookie("part", "1", path="/sign-in", httponly=True)
    response.headers.append("Set-Cookie", "host=1; HttpOnly; PATH=/; SameSite=Lax")
    return response


SITE = Starlette(routes=[Route("/away", away), Route("/slash/", echo), Route("/{rest:path}", echo)])


def visitor(root: str) -> TestClient:
    return TestClient(UnderRootPath(SITE, root), base_url="http://site.example", follow_redirects=False)


@pytest.mark.parametrize(("given", "root"), [("", ""), ("/", ""), ("/voice", "/voice"), ("/a/b-c/", "/a/b-c")])
def test_a_sub_path_has_one_form(given: str, root: str) -> None:
    assert read_root_path(given) == root


@pytest.mark.parametrize("given", ["voice", "//evil.example", "/a/../b", "/a b", "/a?b", "https://x.example", "/rate"])
def test_what_is_no_sub_path_or_hides_a_page_is_refused_in_words(given: str) -> None:
    with pytest.raises(RootPathError, match="such as /voice"):
        read_root_path(given)


@pytest.mark.parametrize("path", ["/", "/rate/x", "/a%2Fb", "/voices/x"])
def test_the_site_sees_its_own_path_whether_the_proxy_takes_the_sub_path_off_or_not(path: str) -> None:
    client = visitor("/voice")
    passed_on, taken_off = client.get(f"/voice{path}").json(), client.get(path).json()
    assert passed_on == taken_off
    assert passed_on["raw"] == path


def test_the_sub_path_alone_leads_to_the_first_page_with_its_query() -> None:
    assert visitor("/voice").get("/voice?a=b").headers["location"] == "/voice/?a=b"


@pytest.mark.parametrize(
    ("to", "location"),
    [
        ("/results/", "/voice/results/"),
        ("/sign-in?next=/results", "/voice/sign-in?next=/results"),
        ("http://site.example/results", "/voice/results"),  # as Starlette writes its own
        ("https://huggingface.co/oauth/authorize?x=1", "https://huggingface.co/oauth/authorize?x=1"),
        ("//elsewhere.example/x", "//elsewhere.example/x"),
    ],
)
def test_redirects_within_the_site_stay_under_the_sub_path_and_others_as_they_are(to: str, location: str) -> None:
    assert visitor("/voice").get("/voice/away", params={"to": to}).headers["location"] == location


def test_cookies_are_of_the_sub_path_so_that_neighbours_of_the_same_host_never_see_them() -> None:
    cookies = visitor("/voice").get("/away", params={"to": "/"}).headers.get_list("set-cookie")
    paths = [part for cookie in cookies for part in cookie.split("; ") if part.lower().startswith("path=")]
    assert paths == ["Path=/voice", "Path=/voice/sign-in", "PATH=/voice"]


def test_without_a_sub_path_nothing_is_changed() -> None:
    answer = visitor("").get("/away", params={"to": "http://site.example/x"})
    assert answer.headers["location"] == "http://site.example/x"
    assert "Path=/sign-in" in answer.headers["set-cookie"]


def test_addresses_of_the_site_have_the_sub_path_of_where_they_are_written() -> None:
    assert site_path("/results") == "/results"
    with under("/voice"):
        assert site_path("/results") == "/voice/results"
    assert site_path("/results") == "/results"
