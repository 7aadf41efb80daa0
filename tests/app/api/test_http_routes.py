"""The API over HTTP makes what the command line makes; who may not is refused; who leaves frees the model."""

import base64
import io
import json
import socket
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from tests.app.api.conftest import OTHER_SYSTEM, ApiSite, until
from tests.app.split_site import NO_CERTIFICATES
from tests.clips import speechlike, write_wav16
from undertone.app.auth.api_keys import create_api_key
from undertone.app.cli.continuation import ContinuationOptions, continue_recording
from undertone.app.server.api_access import ApiSettings
from undertone.studies.store.api_keys import list_api_keys, revoke_api_key

CONTINUE = "/v1/audio/continuations"


@pytest.fixture(scope="module")
def made(site: ApiSite) -> list[Path]:
    """Wav and JSON, twice, of `undertone continue`."""
    wanted = ContinuationOptions(site.clip, seconds=1.0, num_takes=2, seed=7, sampling={"top_p": 0.9})
    return continue_recording(str(site.bundle), wanted, site.folder / "out")


def test_takes_are_those_of_the_command_line_to_the_byte(site: ApiSite, made: list[Path]) -> None:
    answer = site.post(CONTINUE, seconds="1", takes="2", seed="7", top_p="0.9", response_format="json")
    assert answer.status_code == 200, answer.text
    takes = answer.json()["takes"]
    assert [base64.b64decode(take["wav"]) for take in takes] == [path.read_bytes() for path in made[::2]]
    assert [take["settings"] for take in takes] == [json.loads(path.read_text()) for path in made[1::2]]
    again = site.post("/v1/audio/replays", settings=json.dumps(takes[1]["settings"]), response_format="json")
    assert again.json()["takes"][0]["wav"] == takes[1]["wav"]


def test_a_stream_has_the_samples_of_the_file(site: ApiSite) -> None:
    whole = base64.b64decode(
        site.post(CONTINUE, seconds="1", seed="7", response_format="json").json()["takes"][0]["wav"]
    )
    samples, rate = soundfile.read(io.BytesIO(whole), dtype="float32")
    streamed = site.post(CONTINUE, seconds="1", seed="7")
    assert streamed.headers["content-type"] == "audio/wav"
    assert streamed.headers["x-undertone-seed"] == "7"
    assert streamed.headers["transfer-encoding"] == "chunked"
    assert streamed.content[-len(samples) * 4 :] == whole[-len(samples) * 4 :]
    assert len(streamed.content) == len(whole)
    pcm = np.frombuffer(site.post(CONTINUE, seconds="1", seed="7", response_format="pcm").content, "<i2")
    np.testing.assert_allclose(pcm / 32767, samples.clip(-1, 1), atol=1 / 32767)
    flac, flac_rate = soundfile.read(
        io.BytesIO(site.post(CONTINUE, seconds="1", seed="7", response_format="flac").content)
    )
    assert (len(flac), flac_rate) == (len(samples), rate)


def messages(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line[5:]) for line in answer.text.splitlines() if line.startswith("data:")]


def test_events_have_the_sound_of_every_take_and_end_with_the_settings(site: ApiSite) -> None:
    said = messages(site.post(CONTINUE, seconds="1", seed="7", takes="2", stream_format="sse", response_format="wav"))
    whole = site.post(CONTINUE, seconds="1", seed="7", takes="2", response_format="json").json()["takes"]
    for take in whole:
        parts = [base64.b64decode(one["audio"]) for one in said
                 if one["type"] == "speech.audio.delta" and one["take"] == take["index"]]  # fmt: skip
        assert base64.b64decode(take["wav"]).endswith(b"".join(parts))
        assert len(parts) > 1
    assert said[-1]["type"] == "speech.audio.done"
    assert [take["settings"] for take in said[-1]["takes"]] == [take["settings"] for take in whole]


def test_analysis_and_resynthesis_agree_and_an_edit_changes_the_latents_alone(site: ApiSite) -> None:
    analysis = site.post("/v1/audio/analyses").json()
    assert len(analysis["tokens"]) == len(analysis["units"]) == len(analysis["latents"])
    plain = site.post("/v1/audio/resyntheses", response_format="json").json()
    assert plain["settings"]["source"]["frames_sha256"] == analysis["frames_sha256"]
    edit = json.dumps([{"kind": "dimension", "dimension": 1, "shift": 2.0}])
    edited = site.post("/v1/audio/resyntheses", edit=edit, response_format="json").json()
    assert edited["settings"]["source"] == plain["settings"]["source"]
    assert edited["wav"] != plain["wav"]
    onward = site.post(CONTINUE, edit=edit, seconds="0.5", seed="3", response_format="json").json()["takes"][0]
    assert onward["settings"]["edit"] == edited["settings"]["edit"]


def test_what_the_prosody_page_does_can_be_asked_for(site: ApiSite) -> None:
    stretch = {"kind": "stretch", "factor": 2.0, "start_seconds": 0.2, "end_seconds": 1.0}
    wanted = {
        "durations": json.dumps([stretch]),
        "latents": json.dumps({"kind": "transferred"}),
        "voice_of_other": "true",
        "response_format": "json",
    }
    other = write_wav16(site.folder / "other.wav", speechlike(2.0, hz=110, seed=9))
    plain = site.post("/v1/audio/resyntheses", response_format="json").json()
    made = site.post("/v1/audio/resyntheses", other=other, **wanted).json()
    assert "wav" in made, made
    assert len(base64.b64decode(made["wav"])) > len(base64.b64decode(plain["wav"])) + 0.5 * 16_000 * 2
    assert made["settings"]["durations"]["changes"] == [stretch]
    onward = site.post(CONTINUE, other=other, seconds="0.5", seed="3", **wanted).json()["takes"][0]
    for same in ("durations", "latents", "other", "utterance"):
        assert onward["settings"][same] == made["settings"][same], same
    assert "needs the other recording" in site.post(CONTINUE, **wanted).json()["error"]
    durations = json.dumps([stretch | {"factor": 1e9}])
    assert "factor" in site.post(CONTINUE, durations=durations).json()["error"]


def test_another_system_goes_on_from_the_same_prompt_and_its_take_comes_again(site: ApiSite) -> None:
    (model,) = httpx.get(f"{site.url}/v1/models", headers=site.bearer, verify=NO_CERTIFICATES).json()["data"]
    voice, other = model["systems"]
    assert other == OTHER_SYSTEM
    wanted = {"seconds": "0.5", "seed": "7", "response_format": "json"}
    takes = [
        site.post(CONTINUE, **wanted, **more).json()["takes"][0] for more in ({"system": other}, {"system": voice}, {})
    ]
    assert takes[0]["settings"]["bundle_sha256"] == site.context.others[0].engine().bundle.fingerprint
    assert takes[0]["wav"] != takes[1]["wav"] == takes[2]["wav"]
    for take in takes[:2]:
        again = site.post("/v1/audio/replays", settings=json.dumps(take["settings"]), response_format="json")
        assert again.json()["takes"][0]["wav"] == take["wav"]
    edit = json.dumps([{"kind": "dimension", "dimension": 1, "shift": 2.0}])
    assert "continued by the voice" in site.post(CONTINUE, **wanted, system=other, edit=edit).json()["error"]


# ----------------------------------------------------------------------------------------------------- who may


def raw_status(site: ApiSite, path: str, **headers: str) -> int:
    """The status of a POST whose headers are sent as they are."""
    with socket.create_connection(("127.0.0.1", int(site.url.rsplit(":", 1)[1]))) as connection:
        lines = [f"POST {path} HTTP/1.1", "host: x", "connection: close"]
        lines += [f"{name}: {value}" for name, value in ({"content-length": "0"} | headers).items()]
        connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return int(connection.recv(100).split()[1])


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer ut_" + "a" * 43},
        {"Authorization": "Basic dXQ6eA=="},
        {"x-undertone-caller": '["key:test", "9/second"]'},
        {"Authorization": "Bearer ut_' OR 1=1 --"},
    ],
)
def test_nobody_is_let_in_without_a_key(site: ApiSite, headers: dict[str, str]) -> None:
    for path in (CONTINUE, "/api/config", "/mcp"):
        assert raw_status(site, path, **headers) == 401
    site.access._limiter.storage.reset()


def test_wrong_keys_of_an_address_are_soon_answered_no_more(site: ApiSite) -> None:
    wrong = {"Authorization": "Bearer ut_" + "b" * 43}
    statuses = [
        httpx.get(f"{site.url}/v1/models", headers=wrong, verify=NO_CERTIFICATES).status_code for _ in range(22)
    ]
    assert statuses == [401] * 20 + [429] * 2
    site.access._limiter.storage.reset()


def test_a_key_works_until_it_is_revoked_and_its_secret_is_nowhere(site: ApiSite) -> None:
    secret = create_api_key(site.db, "short-lived", "2/minute")
    bearer = {"Authorization": f"Bearer {secret}"}
    assert [site.post("/v1/audio/analyses", bearer).status_code for _ in range(3)] == [200, 200, 429]
    limited = site.post("/v1/audio/analyses", bearer)
    assert int(limited.headers["retry-after"]) > 0
    assert secret[3:] not in repr([vars(key) for key in list_api_keys(site.db)])
    assert secret.encode()[3:] not in (site.folder / "studies.sqlite").read_bytes()
    revoke_api_key(site.db, "short-lived")
    assert site.post("/v1/audio/analyses", bearer).status_code == 401


def test_open_is_for_everybody_with_a_rate_and_off_for_nobody(site: ApiSite) -> None:
    before = site.access.settings
    try:
        site.access.settings = ApiSettings("open", open_rate="1/minute")
        assert [site.post("/v1/audio/analyses", {}).status_code for _ in range(2)] == [200, 429]
        site.access.settings = ApiSettings("off")
        assert site.post("/v1/audio/analyses").status_code == 404
    finally:
        site.access.settings = before


def test_another_sites_page_is_refused(site: ApiSite) -> None:
    assert site.post(CONTINUE, {**site.bearer, "Origin": "https://evil.example"}).status_code == 403


# ------------------------------------------------------------------------------------------------ hostile bodies


def test_what_is_no_form_with_a_recording_is_refused_in_words(site: ApiSite) -> None:
    def send(**given: Any) -> httpx.Response:
        return httpx.post(
            f"{site.url}{CONTINUE}",
            headers={**site.bearer, **given.pop("headers", {})},
            verify=NO_CERTIFICATES,
            **given,
        )

    assert send(json={"file": "/etc/passwd"}).status_code == 415
    assert send(content=b"x", headers={"content-type": "multipart/form-data"}).status_code == 400
    assert send(data={"file": "/etc/passwd"}, files={"other": b"x"}).status_code == 422
    assert send(files=[("file", b"x"), ("file", b"y")]).status_code == 400
    assert raw_status(site, CONTINUE, **site.bearer, **{"content-length": "999999999999"}) == 413
    assert send(files={"file": b"RIFF" + b"\0" * 50}).status_code == 422
    assert send(files={"file": bytes(27_000_000)}, timeout=60).status_code == 413


@pytest.mark.parametrize(
    "fields",
    [
        {"seconds": "nan"},
        {"seconds": "1e9"},
        {"takes": "17"},
        {"steps": "999"},
        {"seed": "-1"},
        {"unknown": "1"},
        {"edit": "[" * 5000},
        {"edit": '[{"kind": "dimension", "dimension": 99}]'},
        {"edit": '[{"kind": "direction", "name": "no such"}]'},
        {"edit": '{"a": 1}'},
        {"response_format": "exe"},
        {"stream_format": "x"},
        {"takes": "2", "response_format": "wav"},
        {"prompt_start": "500"},
        {"system": "no such"},
    ],
)
def test_parameters_out_of_range_are_named_and_never_repeated(site: ApiSite, fields: dict[str, str]) -> None:
    answer = site.post(CONTINUE, **fields)
    assert answer.status_code in (413, 422), answer.text
    assert answer.json()["error"].endswith(".")
    assert str(site.folder) not in answer.text
    assert site.context.queue.num_working == 0


# ------------------------------------------------------------------------------------------------------ leaving


def test_who_leaves_frees_the_model(site: ApiSite) -> None:
    site.idle()
    seconds = str(int(site.context.engine.max_seconds - 4))
    with site.clip.open("rb") as file:
        request = {"files": {"file": file}, "data": {"seconds": seconds, "end": "never", "steps": "100", "seed": "1"}}
        with httpx.stream("POST", f"{site.url}{CONTINUE}", headers=site.bearer, timeout=60, **request) as stream:  # type: ignore[arg-type]
            next(stream.iter_raw())
            assert site.context.queue.num_working == 1
    site.idle()


def test_who_leaves_while_waiting_gives_the_place_up(site: ApiSite) -> None:
    site.idle()
    with site.busy():
        with site.clip.open("rb") as file:
            data = {"seconds": "1", "stream_format": "sse"}
            with httpx.stream(
                "POST", f"{site.url}{CONTINUE}", headers=site.bearer, files={"file": file}, data=data, timeout=60
            ) as stream:
                first = json.loads(next(stream.iter_lines())[5:])
                assert (first["type"], first["position"]) == ("queue", 1)
                place = httpx.get(f"{site.url}/v1/queue", headers=site.bearer, verify=NO_CERTIFICATES).json()
                assert place["position"] == 2
                assert place["expected_seconds"] > 0
        until(lambda: site.context.queue.num_waiting == 0)
    site.idle()


def test_one_caller_may_not_fill_the_queue(site: ApiSite) -> None:
    site.idle()
    with site.busy():
        queue = site.context.queue
        turns = [queue.join("key:test", 1.0) for _ in range(queue.max_of_one)]
        full = site.post("/v1/audio/analyses")
        assert full.status_code == 429
        for turn in turns:
            queue.leave(turn)
