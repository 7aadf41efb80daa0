"""The Results page's handlers: what they show, what they do, and whom they refuse, also when asked without the page."""

import json
import re
import shutil
import socket
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import httpx
import numpy as np
import pytest
import uvicorn
import yaml
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from tests.judged_study import DESIGN, NOW, PANEL_ID, SECRET_ANSWER
from tests.results_site import ADMIN, PASSPHRASE, READER, filled_places, results_app
from undertone.app.auth.passphrases import add_admin
from undertone.app.auth.sign_in import COOKIE, Admin, SignIn
from undertone.app.auth.sign_in_page import sign_in_router
from undertone.app.results import actions, clips, tables, views
from undertone.app.results.access import NotAllowedError, ResultsAccess
from undertone.app.results.downloads import KEPT_SECONDS, Downloads
from undertone.app.results.making import made_for
from undertone.app.results.routes import results_router
from undertone.engine.errors import UndertoneError
from undertone.studies.analysis.people import people_of
from undertone.studies.analysis.progress import RatingCounts, audit_log, study_progress
from undertone.studies.design.templates import template_text
from undertone.studies.store import Database, Places
from undertone.studies.store.tables import Event, Rating, Stimulus, Study
from undertone.studies.store.withdrawal import find_participant, withdraw

ADA = Admin(ADMIN, "admin")
SAME_SITE = {"sec-fetch-site": "same-origin"}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once: hashing passphrases is slow on purpose."""
    return filled_places(tmp_path_factory.mktemp("prepared") / "data").data


@pytest.fixture
def places(prepared: Path, tmp_path: Path) -> Places:
    return Places.at(shutil.copytree(prepared, tmp_path / "data"))


@pytest.fixture
def db(places: Places) -> Iterator[Database]:
    db = Database(places.url, places.events)
    yield db
    db.close()


@pytest.fixture
def access(db: Database, places: Places, tmp_path: Path) -> ResultsAccess:
    return ResultsAccess(SignIn(db, "a secret of the server"), places, tmp_path / "downloads")


@pytest.fixture
def site(db: Database, places: Places) -> Callable[[str | None], TestClient]:
    """A client of the whole site, signed in as somebody or as nobody."""
    app = results_app(db, places)

    def client(name: str | None) -> TestClient:
        made = TestClient(app, follow_redirects=False)
        if name:
            form = {"name": name, "passphrase": PASSPHRASE, "next": "/results"}
            assert made.post("/sign-in", data=form, headers={"sec-fetch-site": "same-origin"}).status_code == 303
        return made

    return client


def ratings_of(db: Database) -> int:
    with db.reading() as transaction:
        return transaction.scalar(select(func.count()).select_from(Rating)) or 0


def status_of(db: Database, name: str = "judged") -> str:
    with db.reading() as transaction:
        return str(transaction.scalar(select(Study.status).where(Study.name == name)))


def kinds(db: Database) -> list[str]:
    with db.reading() as transaction:
        return list(transaction.scalars(select(Event.kind).where(Event.actor == "admin")))


def test_the_cells_count_accepted_trials_and_those_that_wait(db: Database) -> None:
    seen = study_progress(db, "judged", NOW)
    assert seen.cells.accepted.shape == (3, DESIGN.num_prompts)
    assert seen.cells.accepted.sum() == seen.status.collected == 12 * DESIGN.trials_per_rater
    assert seen.cells.waiting.sum() == DESIGN.trials_per_rater
    assert seen.cells.wanted == 4


def test_the_overview_shows_progress_and_screening(access: ResultsAccess) -> None:
    summary, cells, rules, sessions = views.live(access, "judged")
    assert "108 of 120 (90%)" in summary
    assert len(re.findall(r'<th scope="row">p\d</th>', cells)) == DESIGN.num_prompts, "prompts have names"
    numbers = [int(number) for number in re.findall(r"<td[^>]*>(\d+)", cells)]
    assert (len(numbers), sum(numbers)) == (3 * DESIGN.num_prompts, 108), "and cells their numbers"
    assert "traps" in rules
    assert "92%" in rules
    assert "screened out" in sessions


def test_a_rule_that_few_pass_raises_an_alarm(db: Database, access: ResultsAccess) -> None:
    from undertone.studies.store.tables import Session

    with db.session() as transaction:
        for session in transaction.scalars(select(Session).where(Session.ended_at.is_not(None))):
            session.screening = {"traps": {"passed": False, "effect": "exclude"}}
    _, _, rules, _ = views.live(access, "judged")
    assert 'role="alert"' in rules


def test_scores_come_with_plots_and_tables(access: ResultsAccess) -> None:
    view = views.scale_view(access, "judged", "naturalness")
    assert "hidden until the study is closed" in view.note
    assert "hidden" in view.difference_table
    drawn = json.loads(view.scores.plot)
    assert len(drawn["data"][0]["x"]) == 3
    assert drawn["config"]["displayModeBar"] is False
    assert "ground-truth − model-b" in view.difference_table
    assert len(re.findall(r"R0\d\d", view.raters)) == DESIGN.num_raters
    assert PANEL_ID not in "".join(str(part) for part in view.outputs)


def test_an_unknown_study_or_scale_is_a_note_and_no_crash(access: ResultsAccess) -> None:
    assert "no study" in views.scale_view(access, "nothing", "naturalness").note.lower()
    assert "fun" in views.scale_view(access, "judged", "fun").note
    assert "no study yet" in views.live(access, None)[0]


def test_what_is_shown_follows_new_ratings(db: Database, access: ResultsAccess) -> None:
    before = views.scale_view(access, "judged", "naturalness").score_table
    actions.withdraw_rater(access, ADA, "judged", PANEL_ID, sure=True)
    assert views.scale_view(access, "judged", "naturalness").score_table != before


def test_a_plan_uses_the_study_and_says_when_a_number_is_impossible(access: ResultsAccess) -> None:
    answer = views.planned(access, "judged", "naturalness", 0.3, 3, 10, "mean")
    assert "variance components of judged" in answer
    assert "must be positive" in views.planned(access, None, None, 0, 4, 20, "mean")


def test_names_are_escaped_in_tables() -> None:
    assert "<b>" not in tables.table("<b>", ["<b>", "<b>"], [["<b>", "<b>"]])


def test_every_plot_survives_a_study_without_ratings(access: ResultsAccess, db: Database) -> None:
    with db.session() as transaction:
        for rating in transaction.scalars(select(Rating)):
            transaction.delete(rating)
    assert "Nothing is rated" in views.scale_view(access, "judged", "naturalness").note
    updates = views.scale_view(access, "judged", "naturalness").outputs
    assert [updates[number]["visible"] for number in (1, 3, 5)] == [False] * 3, "no empty boxes"
    assert "no clips yet" in tables.cells(RatingCounts((), (), np.zeros((0, 0)), np.zeros((0, 0)), 4))


def test_an_admin_opens_and_closes_a_study_in_the_log(db: Database, access: ResultsAccess) -> None:
    assert "paused" in actions.change_status(access, ADA, "judged", "paused")
    assert "closed" in actions.change_status(access, ADA, "judged", "closed")
    assert status_of(db) == "closed"
    with pytest.raises(UndertoneError, match="closed and cannot become paused"):
        actions.change_status(access, ADA, "judged", "paused")
    assert {entry.details.get("by") for entry in audit_log(db, "judged") if entry.kind == "study.closed"} == {ADMIN}


def test_a_draft_is_made_from_a_template(db: Database, access: ResultsAccess) -> None:
    assert "Draft 'expressive' is saved" in actions.save_draft(access, ADA, template_text("expressive"))
    assert status_of(db, "expressive") == "draft"
    assert "study.drafted" in kinds(db)


@pytest.mark.parametrize("path", ["/etc", "../../etc", "~/secrets", "a/../../b"])
def test_a_study_file_from_the_page_cannot_read_the_server(path: str, access: ResultsAccess) -> None:
    values = yaml.safe_load(template_text("paper"))
    for changed in (
        {"prompts": {**values["prompts"], "folder": path}},
        {"systems": [{"name": "x", "source": {"kind": "folder", "folder": path}}]},
        {"systems": [{"name": "x", "source": {"kind": "bundle", "bundle": path}}]},
        {"golds": [{"audio": path, "expected": {}}]},
    ):
        with pytest.raises(UndertoneError, match="paths must lie under"):
            actions.save_draft(access, ADA, yaml.safe_dump({**values, **changed}))


@pytest.mark.parametrize("text", ["", "- a", "a: [", "name: x", "!!python/object/apply:os.system [id]"])
def test_a_text_that_is_no_study_file_is_refused_in_words(text: str, access: ResultsAccess) -> None:
    with pytest.raises(UndertoneError):
        actions.save_draft(access, ADA, text)


def test_a_report_is_a_file_to_save(access: ResultsAccess, db: Database) -> None:
    assert actions.make_report(access, ADA, "judged").name == "judged-report.html"
    assert "study.reported" in kinds(db)


def test_who_declined_or_withdrew_is_not_counted_as_rejected(access: ResultsAccess, db: Database) -> None:
    before = study_progress(db, "judged").status
    assert before.rejected == 2  # one failed the traps, one was screened out
    withdraw(db, find_participant(db, PANEL_ID, "judged"))
    after = study_progress(db, "judged").status
    assert (after.accepted, after.rejected) == (before.accepted - 1, 2)
    assert "<dt>declined or withdrawn</dt><dd>1</dd>" in views.live(access, "judged")[0]


def test_the_log_leaves_out_what_only_says_that_rows_were_written(db: Database, access: ResultsAccess) -> None:
    with db.session() as transaction:
        transaction.scalars(select(Study)).one().title = "Another title"  # nothing is logged by name
    with db.reading() as transaction:
        assert "saved" in list(transaction.scalars(select(Event.kind)))
    assert "saved" not in {entry.kind for entry in audit_log(db, "judged")}
    assert "study.open" in views.log_view(access, "judged")


def test_people_are_shown_and_their_codes_checked(access: ResultsAccess, db: Database) -> None:
    shown = tables.people_table(people_of(db, "judged"), "Everybody") + tables.questionnaires_table(
        people_of(db, "judged")
    )
    assert PANEL_ID in shown
    assert SECRET_ANSWER in shown
    assert "finished, not accepted (failed: traps)" in shown
    archive = actions.make_people(access, ADA, "judged")
    assert set(zipfile.ZipFile(archive).namelist()) == {"people.csv", "answers.csv", "about.md"}
    assert "study.people_exported" in kinds(db)


def test_who_took_part_is_forgotten_only_with_the_box_and_in_a_closed_study(
    access: ResultsAccess, db: Database
) -> None:
    for sure, reason in ((False, "Tick the box"), (True, "close it first")):
        with pytest.raises(UndertoneError, match=reason):
            actions.forget_person(access, ADA, "judged", sure)
    actions.change_status(access, ADA, "judged", "closed")
    before = ratings_of(db)
    assert "The ratings stay" in actions.forget_person(access, ADA, "judged", sure=True)
    assert {own.panel_id for own in people_of(db, "judged")} == {None}
    assert ratings_of(db) == before


def test_clips_are_listed_by_prompt_and_heard_by_people_who_are_signed_in(
    access: ResultsAccess, site: Callable[[str | None], TestClient]
) -> None:
    names = clips.prompt_names(access, "judged")
    assert names == [*(f"p{number}" for number in range(DESIGN.num_prompts)), clips.OTHERS]
    addresses = re.findall(r'src="([^"]+)"', clips.clips_html(access, "judged", "p3"))
    assert len(addresses) == 3
    assert "trap" in clips.clips_html(access, "judged", clips.OTHERS)
    heard = site(READER).get(addresses[0])
    assert (heard.status_code, heard.headers["content-type"], heard.content[:4]) == (200, "audio/flac", b"fLaC")
    assert heard.headers["cache-control"] == "no-store"
    assert site(None).get(addresses[0]).status_code == 401
    for wrong in ("nothing", "..%2f..%2fsecret", "%00"):
        assert site(READER).get(f"/results/clip/{wrong}").status_code == 404


def test_a_clip_outside_the_folder_of_its_study_is_not_served(
    db: Database, places: Places, site: Callable[[str | None], TestClient]
) -> None:
    (places.data / "secret").write_text("k" * 43)
    with db.session() as transaction:
        stimulus = transaction.scalars(select(Stimulus)).first()
        assert stimulus is not None
        stimulus.path = "../../secret"
    assert site(ADMIN).get(f"/results/clip/{stimulus.id}").status_code == 404


def test_a_file_is_served_only_to_who_asked_for_it_while_they_are_signed_in(db: Database, places: Places) -> None:
    access = ResultsAccess(SignIn(db, "a secret of the server"), places, places.data / "downloads")
    app = FastAPI()
    app.include_router(sign_in_router(access.sign_in))
    app.include_router(results_router(access))

    def client(name: str | None) -> TestClient:
        made = TestClient(app, follow_redirects=False)
        if name:
            form = {"name": name, "passphrase": PASSPHRASE, "next": "/results"}
            assert made.post("/sign-in", data=form, headers=SAME_SITE).status_code == 303
        return made

    ada, rita, nobody = client(ADMIN), client(READER), client(None)
    path = access.downloads.new_folder() / "studies.sqlite"
    path.write_bytes(b"everything")
    address = access.downloads.offer(path, ADA, "admin")
    served = ada.get(address)
    assert (served.status_code, served.content) == (200, b"everything")
    assert "attachment" in served.headers["content-disposition"]
    assert nobody.get(address).status_code == 401
    page = nobody.get(address, headers={"accept": "text/html"})
    assert (page.status_code, page.headers["location"].split("?")[0]) == (303, "/sign-in")
    assert rita.get(address).status_code == 404
    for wrong in (address.replace("studies.sqlite", "x"), "/results/download/x/studies.sqlite", f"{address}/.."):
        assert ada.get(wrong).status_code == 404
    add_admin(db, ADMIN, "reader", PASSPHRASE)  # no admin any more
    again = client(ADMIN)
    assert again.get(address).status_code == 404
    add_admin(db, ADMIN, "admin", PASSPHRASE)
    last = client(ADMIN)
    assert last.get(address).status_code == 200
    cookie = last.cookies[COOKIE]
    last.post("/sign-out", headers=SAME_SITE)
    last.cookies.set(COOKIE, cookie)
    assert last.get(address).status_code == 401


def test_files_are_deleted_after_an_hour(tmp_path: Path) -> None:
    now = [0.0]
    downloads = Downloads(tmp_path / "downloads", lambda: now[0])
    path = downloads.new_folder() / "report.html"
    path.write_text("x")
    key = downloads.offer(path, ADA, "reader").split("/")[-2]
    assert downloads.find(key, ADA) == path
    now[0] = KEPT_SECONDS
    assert downloads.find(key, ADA) is None
    assert not path.parent.exists()


def test_a_file_that_cannot_be_made_leaves_no_word_of_an_earlier_one(access: ResultsAccess) -> None:
    def broken(*_: Any) -> Path:
        raise RuntimeError("a defect")

    with gr.Blocks() as page:
        button, study, note = gr.Button(), gr.Dropdown(["judged"]), gr.HTML()
        made_for(access, button, study, note, broken, "reader")
    (event,) = page.fns.values()
    said = list(event.fn("judged", request_of(access, READER)))  # type: ignore[misc]
    assert "Making the file" in said[0]
    assert "could not be made" in said[-1]
    assert not [text for text in said if "ready" in text or "a defect" in text]
    assert "Choose a study first" in list(event.fn(None, request_of(access, READER)))[-1]  # type: ignore[misc]
    assert "Sign in" in list(event.fn("judged", request_of(access, None)))[-1]  # type: ignore[misc]


def test_a_report_of_a_study_that_hardly_anybody_rated_is_made(access: ResultsAccess, db: Database) -> None:
    with db.session() as transaction:
        for number, rating in enumerate(transaction.scalars(select(Rating))):
            if number % 9:
                transaction.delete(rating)
    text = actions.make_report(access, ADA, "judged").read_text(encoding="utf-8")
    assert not re.search(r"\bnan\b", text, re.IGNORECASE)
    assert "results.json" in zipfile.ZipFile(actions.make_export(access, ADA, "judged")).namelist()


def test_an_export_is_one_file_to_save(access: ResultsAccess, db: Database) -> None:
    archive = actions.make_export(access, ADA, "judged")
    assert {"ratings.csv", "ratings.parquet", "codebook.md"} <= set(zipfile.ZipFile(archive).namelist())
    assert "study.exported" in kinds(db)


def test_a_withdrawal_needs_the_box_and_a_person(db: Database, access: ResultsAccess) -> None:
    before = ratings_of(db)
    for who, sure in ((PANEL_ID, False), ("", True), ("nobody", True)):
        with pytest.raises(UndertoneError):
            actions.withdraw_rater(access, ADA, "judged", who, sure)
    assert ratings_of(db) == before
    assert "deleted" in actions.withdraw_rater(access, ADA, "judged", PANEL_ID, sure=True)
    assert ratings_of(db) == before - 2 * DESIGN.trials_per_rater - 1


def test_a_restored_file_holds_everything_and_leaves_the_running_database_alone(
    db: Database, access: ResultsAccess
) -> None:
    with pytest.raises(UndertoneError, match="no snapshot yet"):
        actions.restore_copy(access, ADA)
    assert "taken" in actions.take_snapshot(access, ADA)
    actions.change_status(access, ADA, "judged", "closed")  # after the snapshot: the log has it
    restored = Database(f"sqlite:///{actions.restore_copy(access, ADA)}")
    assert ratings_of(restored) == ratings_of(db) > 0
    assert status_of(restored) == "closed"
    restored.close()


def request_of(access: ResultsAccess, name: str | None) -> gr.Request:
    """As Gradio hands it to a handler."""
    cookies = ""
    if name:
        from starlette.responses import Response

        response = Response()
        scope = {"type": "http", "headers": [], "scheme": "http", "method": "POST", "path": "/", "query_string": b""}
        access.sign_in.admit(response, Admin(name, "reader"), Request(scope), how="test")
        cookies = response.headers["set-cookie"].split(";")[0]
        assert cookies.startswith(COOKIE)
    headers = [(b"cookie", cookies.encode())]
    scope = {"type": "http", "headers": headers, "method": "POST", "path": "/", "query_string": b""}
    return gr.Request(Request(scope))


def test_the_desk_lets_nobody_in_and_readers_only_look(access: ResultsAccess) -> None:
    assert access.require(request_of(access, READER), "reader").role == "reader"
    assert access.require(request_of(access, ADMIN), "admin").name == ADMIN
    with pytest.raises(NotAllowedError, match="may look but not change"):
        access.require(request_of(access, READER), "admin")
    with pytest.raises(NotAllowedError, match="Sign in"):
        access.require(request_of(access, None), "reader")


def test_without_sign_in_nothing_of_the_page_is_served(site: Callable[[str | None], TestClient]) -> None:
    nobody = site(None)
    assert nobody.get("/results/", headers={"accept": "text/html"}).status_code == 303
    for path in ("/results/config", "/results/gradio_api/info", "/results/gradio_api/file=/etc/hostname"):
        assert nobody.get(path).status_code == 401, path
    assert nobody.post("/results/gradio_api/queue/join", json=call(0, [])).status_code == 401


def call(number: int, data: list[Any]) -> dict[str, Any]:
    return {"fn_index": number, "data": data, "session_hash": "abc", "trigger_id": None, "event_data": None}


@pytest.fixture
def served(db: Database, places: Places) -> Iterator[str]:
    """The site on a port: Gradio's queue needs a running server."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(results_app(db, places), log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(timeout=60)


def answer_of(client: httpx.Client, event: dict[str, Any], data: list[Any]) -> str:
    """What a handler answers to somebody who calls it without the page, through the queue where it has one."""
    body = call(event["id"], data)
    if event["queue"] is False:
        return client.post("/results/gradio_api/run/predict", json=body).text
    joined = client.post("/results/gradio_api/queue/join", json=body)
    assert joined.status_code == 200, joined.text
    with client.stream("GET", "/results/gradio_api/queue/data", params={"session_hash": "abc"}) as stream:
        return next(line for line in stream.iter_lines() if "process_completed" in line)


def test_a_reader_who_calls_every_handler_changes_nothing(served: str, db: Database, places: Places) -> None:
    with httpx.Client(base_url=served, timeout=120) as client:
        form = {"name": READER, "passphrase": PASSPHRASE, "next": "/results"}
        client.post("/sign-in", data=form, headers={"sec-fetch-site": "same-origin"})
        config = client.get("/results/config").json()
        before = (ratings_of(db), status_of(db), len(kinds(db)))
        given = {"dropdown": "judged", "textbox": PANEL_ID, "checkbox": True, "radio": "naturalness", "number": 1}
        kind_of = {component["id"]: component["type"] for component in config["components"]}
        template = next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "results-template")
        events = [event for event in config["dependencies"] if event["backend_fn"]]
        (renewing,) = [event for event in events if len(event["outputs"]) == 10]
        answer_of(client, renewing, [None])  # tells the session which studies there are to choose from
        answers = []
        for event in events:
            data = ["paper" if number == template else given.get(kind_of[number]) for number in event["inputs"]]
            answers.append(answer_of(client, event, data))
    refused = [answer for answer in answers if "may look but not change" in answer]
    # build, open, pause, close and its question, export, save, withdraw, snapshot, restore;
    # of people: check, show, list, forget
    assert len(refused) == 14
    assert (ratings_of(db), status_of(db)) == before[:2]
    assert kinds(db)[before[2] :] == ["study.reported"], "a report is all that a reader can make"
    assert not places.backups.exists()
    assert [path.name for path in (places.data / "downloads").rglob("*.*")] == ["judged-report.html"]
    assert not [answer for answer in answers if PANEL_ID in answer.replace(f'"{PANEL_ID}"', "")]
    assert not any(SECRET_ANSWER in answer for answer in answers)
    assert not any("sections:" in answer for answer in answers), "templates are for admins"
