"""Whatever is sent to the rater's routes, by whomever: nothing leaks, nothing is skipped, nothing waits."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from tests.app.rate_site import Client, Clock, make_site
from tests.rating_study import ABOUT, FULL_FLOW, SECRET_NAMES, add_study, design
from tests.studies_database import new_database
from undertone.app.rate import rate_router
from undertone.studies.analysis.people import people_of
from undertone.studies.sessions import Sessions
from undertone.studies.sessions.headphones import right_answer, tone_orders
from undertone.studies.store import Database, StorageLocations, open_database
from undertone.studies.store.tables import Participant, Rating, Session, Stimulus, Study, Trial

Make = Callable[..., str]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    db = new_database(tmp_path / "studies.sqlite")
    yield db
    db.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def site(db: Database, tmp_path: Path, clock: Clock) -> TestClient:
    return make_site(db, tmp_path / "media", clock)


@pytest.fixture
def make(db: Database, tmp_path: Path) -> Make:
    def make(*sections: Any, **more: Any) -> str:
        return add_study(db, tmp_path / "media", design(*sections, **more))

    return make


def rater(site: TestClient, clock: Clock, study: str, **query: str) -> Client:
    return Client(site, clock).begin(study, **query)


def whole_session(site: TestClient, clock: Clock, study: str, db: Database) -> Client:
    client = rater(site, clock, study, PROLIFIC_PID="PID-5f00")
    client.answer(agree=True)
    client.answer(answers={"hearing": "Yes"})
    client.send("GET", f"audio/{client.view['sound']}")
    client.answer()
    with db.reading() as transaction:
        seed = transaction.scalars(select(Session.seed)).first() or 0
    for index, order in enumerate(tone_orders(seed, 6)):
        client.send("GET", f"audio/{client.view['tones']['sound']}")
        clock.wait(5)
        client.answer(trial=index, choice=right_answer(order))
    client.rate_all()
    client.rate_all()
    client.answer(answers={"gender": "Woman", "devices": ["Radio"]})
    assert client.view["state"] == "finished"
    return client


def test_no_byte_that_reaches_a_rater_tells_what_is_judged(
    site: TestClient, clock: Clock, make: Make, db: Database, tmp_path: Path
) -> None:
    allocation = {"trials_per_session": 3, "raters_per_stimulus": 4, "traps": 1, "golds": 1}
    study = make(FULL_FLOW, allocation=allocation)
    client = whole_session(site, clock, study, db)
    client.received += [site.get(f"/rate/{study}"), site.get("/rate"), client.send("GET", "view")]
    with db.reading() as transaction:
        row = transaction.get_one(Study, study)
        names = {row.name, row.definition_hash, str(tmp_path), "PID-5f00", "prompt0", "known.wav", *SECRET_NAMES}
        for stimulus in transaction.scalars(select(Stimulus)):
            own = (stimulus.id, stimulus.path, stimulus.sha256, stimulus.system_id, stimulus.prompt_id)
            names |= {name for name in own if name}
    kinds = {"ground_truth", "low_anchor", "antiphase", "quiet", '"gold', '"trap', '"main', "stimul", "system"}
    for response in client.received:
        text = response.content.decode("utf-8", errors="replace") + json.dumps(dict(response.headers))
        answers = kinds | {'"expected":'} if response.headers["content-type"] == "application/json" else set()
        if '"feedback":{' in text:  # after practice the right answer is told
            answers.discard('"expected":')
        for secret in names | answers:
            assert secret not in text, f"{secret!r} is in the answer to {response.url}"


def test_sounds_come_without_names_times_or_metadata(site: TestClient, clock: Clock, make: Make) -> None:
    client = rater(site, clock, make())
    client.answer(agree=True)
    response = client.send("GET", f"audio/{client.view['trial']['id']}")
    assert set(response.headers) <= {
        "content-type", "content-length", "cache-control", "referrer-policy", "x-content-type-options", "x-robots-tag"
    }  # fmt: skip
    assert response.headers["cache-control"] == "no-store"
    assert flac_comments(response.content) == []


def flac_comments(content: bytes) -> list[bytes]:
    """The user comments of a FLAC file."""
    assert content[:4] == b"fLaC"
    place, comments = 4, []
    while True:
        last, kind = content[place] >> 7, content[place] & 0x7F
        size = int.from_bytes(content[place + 1 : place + 4])
        block = content[place + 4 : place + 4 + size]
        if kind == 4:
            vendor = int.from_bytes(block[:4], "little")
            count = int.from_bytes(block[4 + vendor : 8 + vendor], "little")
            comments += [block[8 + vendor :]] * bool(count)
        elif kind not in (0, 1, 3):
            comments.append(block)
        place += 4 + size
        if last:
            return comments


def test_trial_ids_tell_no_order_and_differ_between_raters(site: TestClient, clock: Clock, make: Make) -> None:
    study = make()
    first, second = rater(site, clock, study), rater(site, clock, study)
    ids = []
    for client in (first, second):
        client.answer(agree=True)
        ids += [client.view["trial"]["id"], client.view["preload"]]
    assert len(set(ids)) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{20,}", opaque) for opaque in ids)


def test_a_raw_post_cannot_skip_the_listening(site: TestClient, clock: Clock, make: Make, db: Database) -> None:
    client = rater(site, clock, make())
    client.answer(agree=True)
    trial = client.view["trial"]["id"]
    claim = {"trial": trial, "listened": [[0, 99]], "plays": 1, "hidden_seconds": 0}
    rating = {**claim, "scale": "naturalness", "value": 5, "nonce": "12345678"}
    assert client.post("rating", **rating).json()["error"]["word"] == "not_listened"
    client.send("GET", f"audio/{trial}")
    client.post("heard", **claim)
    refused = client.post("rating", **rating)
    assert (refused.status_code, refused.json()["error"]["word"]) == (425, "too_early")
    assert refused.json()["error"]["wait_seconds"] > 0
    assert client.post("finish", trial=trial).status_code == 422
    with db.reading() as transaction:
        assert transaction.scalar(select(func.count()).select_from(Rating)) == 0


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "view", None),
        ("POST", "answer", {"section": 1, "agree": True}),
        ("POST", "finish", {"trial": "x"}),
        ("GET", "audio/x", None),
        ("POST", "withdraw", {}),
        ("POST", "heard", {"trial": "x", "listened": [], "plays": 0, "hidden_seconds": 0}),
    ],
)
def test_without_a_token_nothing_is_answered(
    site: TestClient, clock: Clock, method: str, path: str, body: dict[str, Any] | None
) -> None:
    for token in ("", "forged", "ImFiYyI.AAAA"):
        response = Client(site, clock, token).send(method, path, body)
        assert (response.status_code, response.json()["error"]["word"]) == (401, "unknown_session")


def test_nobody_touches_the_trials_of_another(site: TestClient, clock: Clock, make: Make) -> None:
    study = make()
    mine, other = rater(site, clock, study), rater(site, clock, study)
    for client in (mine, other):
        client.answer(agree=True)
    heard = other.hear()
    rating = {**heard, "scale": "naturalness", "value": 5, "nonce": "12345678"}
    for response in (
        mine.post("rating", **rating),
        mine.post("heard", **heard),
        mine.post("finish", trial=heard["trial"]),
        mine.send("GET", f"audio/{heard['trial']}"),
    ):
        assert (response.status_code, response.json()["error"]["word"]) == (404, "not_your_trial")


@pytest.mark.parametrize("path", ["../secret", "..%2Fsecret", "%2e%2e%2fstudies.sqlite", "x.flac", "%00"])
def test_no_path_reaches_the_disk(site: TestClient, clock: Clock, make: Make, path: str) -> None:
    client = rater(site, clock, make())
    client.answer(agree=True)
    response = client.send("GET", f"audio/{path}")
    assert response.status_code == 404


BAD_BODIES: list[Any] = [
    None, [], "x", 3, {"trial": 3}, {"trial": "x", "extra": 1}, {"trial": "x" * 100}, {"trial": {"$ne": ""}},
]  # fmt: skip


@pytest.mark.parametrize("body", BAD_BODIES)
def test_nonsense_is_refused_in_words(site: TestClient, clock: Clock, make: Make, body: Any) -> None:
    client = rater(site, clock, make())
    for path in ("finish", "rating", "heard", "begin", "resume"):
        response = client.send("POST", path, body)
        assert response.status_code in (413, 422), response.text
        assert response.json()["error"]["word"] == "bad_answer"
    assert client.send("POST", "answer", body).status_code in (409, 413, 422)


def test_a_huge_body_is_not_read(site: TestClient, clock: Clock, make: Make) -> None:
    client = rater(site, clock, make())
    assert client.post("answer", section=1, agree=True, more="x" * 100_000).status_code == 413
    assert client.send("GET", "view").json()["state"] == "consent"


UNSTORABLE = ("1" + 400 * "0", "-1e400", 5000 * "9", '"\\ud800"', '"a\\u0000b"', 40 * "[" + 40 * "]", 9000 * "[")


@pytest.mark.parametrize("value", UNSTORABLE)
@pytest.mark.parametrize("path", ["begin", "resume", "answer", "heard", "rating", "finish", "decline", "withdraw"])
def test_what_no_database_keeps_is_refused_in_words_wherever_it_is_sent(
    site: TestClient, clock: Clock, make: Make, path: str, value: str
) -> None:
    client = rater(site, clock, make((ABOUT, {"kind": "rating"})))
    headers = {"Authorization": f"Bearer {client.token}", "content-type": "application/json"}
    for body in (
        value,
        f'{{"section": 1, "answers": {{"age": {value}, "remarks": {value}}}}}',
        f'{{"trial": {value}}}',
    ):
        response = site.post(f"/rate/api/{path}", content=body, headers=headers)
        assert (response.status_code, response.json()["error"]["word"]) == (422, "bad_answer"), response.text
    assert client.send("GET", "view").json()["state"] == "questionnaire"


def test_a_rating_is_kept_as_the_scale_has_it(site: TestClient, clock: Clock, make: Make, db: Database) -> None:
    client = rater(site, clock, make())
    client.answer(agree=True)
    client.post("rating", **client.hear(), scale="naturalness", value=2.9999999999, nonce="12345678")
    with db.reading() as transaction:
        assert transaction.scalars(select(Rating.value)).one() == 3.0


def test_declining_keeps_nothing_and_counts_nobody(site: TestClient, clock: Clock, make: Make, db: Database) -> None:
    study = make()
    client = rater(site, clock, study, PROLIFIC_PID="5f00")
    assert client.view["length"] == {"clips": 3, "minutes": 5}
    assert "return the task" in client.post("decline").json()["ending"]["text"]
    assert client.send("GET", "view").status_code == 401
    with db.reading() as transaction:
        assert transaction.scalars(select(Participant.external_id)).all() == [None]
        assert transaction.scalars(select(Session.device)).all() == [{}]
    again = rater(site, clock, study, PROLIFIC_PID="5f00")  # a changed mind
    again.answer(agree=True)
    assert again.post("decline").json()["error"]["word"] == "wrong_section"


def test_declining_a_second_session_leaves_the_first(site: TestClient, clock: Clock, make: Make, db: Database) -> None:
    study = make(limits={"max_sessions_per_participant": 2}, prompts=6)
    first = rater(site, clock, study, PROLIFIC_PID="5f00")
    first.answer(agree=True)
    first.rate_all()
    second = rater(site, clock, study, PROLIFIC_PID="5f00")
    assert second.post("decline").status_code == 200
    with db.reading() as transaction:
        assert transaction.scalar(select(func.count()).select_from(Rating)) == 6
    assert first.send("GET", "view").json()["state"] == "finished"


def test_not_a_number_is_no_rating(site: TestClient, clock: Clock, make: Make) -> None:
    client = rater(site, clock, make())
    client.answer(agree=True)
    heard = json.dumps({**client.hear(), "scale": "naturalness", "nonce": "12345678", "value": 0})
    for number in ("NaN", "Infinity", "1e999", '"5"x'):
        response = site.post(
            "/rate/api/rating",
            content=heard.replace('"value": 0', f'"value": {number}'),
            headers={"Authorization": f"Bearer {client.token}", "content-type": "application/json"},
        )
        assert response.status_code == 422


def test_too_many_requests_are_refused_for_a_while(site: TestClient, clock: Clock, make: Make) -> None:
    client = rater(site, clock, make())
    codes = [client.post("resume", code=f"aaaa-bbbb-cc{index:02d}").status_code for index in range(25)]
    assert codes[:20] == [404] * 20
    assert codes[20:] == [429] * 5
    assert client.send("GET", "view").status_code == 200


def test_one_session_may_not_ask_without_end(db: Database, tmp_path: Path, clock: Clock, make: Make) -> None:
    client = rater(make_site(db, tmp_path / "media", clock, limit_of_session="5/minute"), clock, make())
    codes = [client.send("GET", "view").status_code for _ in range(7)]
    assert codes.count(429) >= 2
    assert codes[-1] == 429


def test_the_panels_id_is_kept_once_and_a_preview_begins_nothing(
    site: TestClient, clock: Clock, make: Make, db: Database
) -> None:
    study = make()
    preview = {"assignmentId": "ASSIGNMENT_ID_NOT_AVAILABLE", "workerId": "A1"}
    assert Client(site, clock).post("begin", study=study, query=preview).status_code == 403
    client = rater(site, clock, study, PROLIFIC_PID="5f00", SESSION_ID="s")
    again = Client(site, clock).post("begin", study=study, query={"PROLIFIC_PID": "5f00", "SESSION_ID": "t"})
    assert again.json()["error"]["word"] == "already_started"  # of another submission than the one that began
    same = Client(site, clock).post("begin", study=study, query={"PROLIFIC_PID": "5f00", "SESSION_ID": "s"})
    assert same.json()["token"] == client.token
    bad = Client(site, clock).post("begin", study=study, query={"PROLIFIC_PID": "{{%PROLIFIC_PID%}}"})
    assert bad.status_code == 422
    client.answer(agree=True)
    client.rate_all()
    done = Client(site, clock).post("begin", study=study, query={"PROLIFIC_PID": "5f00"})
    assert done.json()["error"]["word"] == "already_completed"
    with db.reading() as transaction:
        assert [(p.source, p.external_id) for p in transaction.scalars(select(Participant))] == [("prolific", "5f00")]


def test_a_session_outlives_the_server(db: Database, make: Make, clock: Clock, tmp_path: Path) -> None:
    client = rater(make_site(db, tmp_path / "media", clock), clock, make())
    client.answer(agree=True)
    client.rate_clip()
    before = client.send("GET", "view").json()
    db.close()
    client.site = make_site(Database(db.url), tmp_path / "media", clock)
    assert client.send("GET", "view").json() == before
    client.rate_all()
    assert client.view["state"] == "finished"
    client.site = make_site(Database(db.url), tmp_path / "media", clock, secret="another")
    assert client.send("GET", "view").status_code == 401


def test_a_study_that_is_paused_for_repair_says_so_and_loses_nothing(
    site: TestClient, clock: Clock, make: Make, db: Database
) -> None:
    client = rater(site, clock, make())
    client.answer(agree=True)
    heard = client.hear()
    db.pause("a restore failed")
    rating = {**heard, "scale": "naturalness", "value": 5, "nonce": "12345678"}
    response = client.post("rating", **rating)
    assert (response.status_code, response.json()["error"]["word"]) == (503, "read_only")


@pytest.mark.parametrize("what", ["damaged", "sounds", "events"])
def test_a_paused_start_answers_503_to_everything_and_goes_on_when_it_is_mended(
    tmp_path: Path, clock: Clock, what: str
) -> None:
    places = StorageLocations(tmp_path / "data", f"sqlite:///{tmp_path / 'data' / 'studies.sqlite'}")
    with open_database(places) as db:
        study = add_study(db, places.media, design())
        client = rater(make_site(db, places.media, clock), clock, study, PROLIFIC_PID="5f00")
        client.answer(agree=True)
        heard = client.hear()
        code = client.view["resume_code"]
    thing = {"damaged": tmp_path / "data" / "studies.sqlite", "sounds": places.media, "events": places.events}[what]
    thing.rename(tmp_path / "away")
    if what != "sounds":
        thing.write_text("nothing that was stored here")
    rating = {**heard, "scale": "naturalness", "value": 5, "nonce": "12345678"}
    with open_database(places, retry_seconds=0.05) as db:
        client.site = make_site(db, places.media, clock)
        for response in (
            client.send("GET", "view"),
            client.send("GET", f"audio/{heard['trial']}"),
            client.post("rating", **rating),
            client.post("finish", trial=heard["trial"]),
            client.post("withdraw"),
            client.post("resume", code=code),
            client.post("begin", study=study, query={"PROLIFIC_PID": "5f00"}),
            Client(client.site, clock, "forged").send("GET", "view"),
        ):
            assert (response.status_code, response.json()["error"]["word"]) == (503, "read_only")
            assert "Nothing is lost" in response.json()["error"]["text"]
        thing.unlink(missing_ok=True)
        (tmp_path / "away").rename(thing)
        for _ in range(400):
            if client.post("rating", **rating).status_code == 200:
                break
            time.sleep(0.05)
        assert client.send("GET", "view").json()["trial"]["answers"] == {"naturalness": 5}


def test_fifty_raters_at_once_finish_and_share_the_clips_evenly(
    site: TestClient, make: Make, db: Database, clock: Clock
) -> None:
    allocation = {"trials_per_session": 1, "raters_per_stimulus": 5}
    study = make(prompts=10, allocation=allocation, scales=["naturalness"], traps=[], golds=[])

    def take_part(number: int) -> str:
        client = rater(site, clock, study, PROLIFIC_PID=f"rater{number}")
        client.answer(agree=True)
        client.rate_all()
        return str(client.view["state"])

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(take_part, range(50))) == ["finished"] * 50
    with db.reading() as transaction:
        ratings = transaction.scalar(select(func.count()).select_from(Rating))
        counts = list(transaction.scalars(select(func.count()).select_from(Trial).group_by(Trial.stimulus_id)))
    assert ratings == 50
    assert sorted(counts) == [1] * 10 + [2] * 20


def test_ratings_do_not_wait_behind_the_model(db: Database, make: Make, clock: Clock, tmp_path: Path) -> None:
    release = threading.Event()
    with gr.Blocks() as blocks:
        box = gr.Textbox()
        gr.Button().click(lambda text: (release.wait(30), text)[1], box, box, api_name="slow", concurrency_limit=1)
    blocks.queue(default_concurrency_limit=1, max_size=1)
    app = FastAPI()
    app.include_router(rate_router(Sessions(db, tmp_path / "media", "secret"), clock))
    gr.mount_gradio_app(app, blocks, path="/")
    with TestClient(app) as site:
        try:
            joined = [
                site.post("/gradio_api/queue/join", json={"data": ["x"], "fn_index": 0, "session_hash": f"s{index}"})
                for index in range(4)
            ]
            assert 503 in {response.status_code for response in joined}  # the model's queue is full
            began = time.monotonic()
            client = rater(site, clock, make())
            client.answer(agree=True)
            client.rate_clip()
            assert time.monotonic() - began < 10
        finally:
            release.set()


def test_a_page_lies_in_frames_of_the_sites_that_its_study_names_and_no_other(
    site: TestClient, make: Make, db: Database
) -> None:
    mturk, survey = "https://www.mturk.com", "https://myuni.qualtrics.com"
    named, plain = make(framed_by=[mturk, survey], name="named"), make(name="plain")

    def policy(address: str) -> dict[str, str]:
        parts = site.get(address).headers["content-security-policy"].split("; ")
        return {name: rest for name, _, rest in (part.partition(" ") for part in parts)}

    for _ in range(2):  # asked first, remembered then
        assert policy(f"/rate/{named}")["frame-ancestors"] == f"'self' https://huggingface.co {mturk} {survey}"
        assert policy(f"/rate/{named}")["form-action"] == f"'self' {mturk}"
    for address in ("/rate", f"/rate/{plain}", "/rate/no-such-study", f"/rate/{'x' * 3000}"):
        assert policy(address)["frame-ancestors"] == "'self' https://huggingface.co"
        assert policy(address)["form-action"] == "'self'"
    assert site.get(f"/rate/api/words/{named}").json()["framed_by"] == [mturk, survey]


def test_the_words_of_a_study_come_before_anybody_has_begun(site: TestClient, clock: Clock, make: Make) -> None:
    study = make(language="de")
    words = site.get(f"/rate/api/words/{study}").json()
    assert (words["language"], words["direction"], words["messages"]["Next"]) == ("de", "ltr", "Weiter")
    page = site.get(f"/rate/{study}").text  # before its script runs, and where none does
    for said in (
        '<html lang="de" dir="ltr">',
        "<title>Hörstudie",
        "Diese Seite braucht JavaScript",
        "Zum Inhalt springen",
    ):
        assert said in page
    assert '<html lang="en" dir="ltr">' in site.get("/rate/nothing").text
    assert site.get("/rate/api/words/nothing").json()["error"]["word"] == "unknown_study"
    client = rater(site, clock, study)
    resumed = site.post("/rate/api/resume", json={"code": client.view["resume_code"]}).json()
    assert resumed["words"] == words
    client.answer(agree=True)
    assert {scale["title"] for scale in client.view["scales"]} == {"Natürlichkeit", "Sinnhaftigkeit"}
    strange = client.post("answer", section=client.view["progress"]["step"], answers=1).json()["error"]
    assert strange["text"] in words["messages"]


def test_who_came_from_prolific_is_taken_back_with_the_code_of_their_end(
    site: TestClient, clock: Clock, make: Make
) -> None:
    completion = {"finished": {"code": "CDONE"}, "screened_out": {"code": "CNO"}, "timed_out": {"code": "CLATE"}}
    study = make((*FULL_FLOW[:2], {"kind": "rating"}), completion=completion)

    def end(answer: str, wait: float = 0, **query: str) -> dict[str, Any]:
        client = rater(site, clock, study, **query)
        client.answer(agree=True)
        if wait:
            clock.wait(wait)
            return client.send("GET", "view").json()["ending"]  # type: ignore[no-any-return]
        client.answer(answers={"hearing": answer})
        if answer == "Yes":
            client.rate_all()
        return client.view["ending"]  # type: ignore[no-any-return]

    at = "https://app.prolific.com/submissions/complete?cc="
    for code, ending in (
        ("CDONE", end("Yes", PROLIFIC_PID="p1")),
        ("CNO", end("No", PROLIFIC_PID="p2")),
        ("CLATE", end("Yes", wait=3 * 3600, PROLIFIC_PID="p3")),
    ):
        assert ending["url"] == at + code
        assert ending["return_seconds"] == 10
    plain = end("No")
    assert (plain["url"], plain["return_seconds"]) == (None, None)


def test_signs_of_a_program_are_noted_and_shown_and_change_no_verdict(
    site: TestClient, clock: Clock, make: Make, db: Database
) -> None:
    study = make(name="signs")

    def session(signs: dict[str, Any] | None) -> None:
        client = rater(site, clock, study, PROLIFIC_PID="person" if signs is None or signs["inputs"] else "program")
        client.answer(agree=True)
        plain = client.post

        def post(path: str, **body: Any) -> Any:
            return plain(path, **body, **({"signs": signs} if path == "finish" and signs else {}))

        client.post = post  # type: ignore[method-assign]
        client.rate_all()

    session({"inputs": 0, "focused": False, "driven": True})
    session({"inputs": 40, "focused": True, "driven": False})
    by_id = {own.panel_id: own for own in people_of(db, "signs")}
    assert len(by_id["program"].signs) >= 3
    assert "driven by a program (3 of 3 trials)" in by_id["program"].signs[0]
    assert not [sign for sign in by_id["person"].signs if "at once" not in sign]
    assert by_id["program"].accepted == by_id["person"].accepted
    assert by_id["program"].answers == (), "the notes are no questionnaire"
