"""The API by `gradio_client`: documented names, the command line's bytes, files of one's own, a way to stop."""

import base64
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file

from tests.app.api.conftest import ApiSite
from tests.app.split_site import NO_CERTIFICATES
from undertone.app.cli.continuation import ContinuationOptions, continue_recording


@pytest.fixture(scope="module")
def client(site: ApiSite) -> Iterator[Client]:
    client = Client(f"{site.url}/api/", headers=site.bearer, verbose=False, analytics_enabled=False,
                    download_files=site.folder / "downloads")  # fmt: skip
    yield client
    client.close()


def test_the_endpoints_have_documented_names(client: Client) -> None:
    named = client.view_api(return_format="dict")["named_endpoints"]  # type: ignore[index,call-overload]
    assert {"/continue", "/stream", "/continue_edited", "/resynthesise", "/replay", "/analyse", "/cancel"} <= set(named)


def test_a_continuation_is_that_of_the_command_line(site: ApiSite, client: Client) -> None:
    files, result = client.predict(handle_file(site.clip), {"seconds": 0.5, "seed": 3}, api_name="/continue")
    wanted = ContinuationOptions(site.clip, seconds=0.5, seed=3)
    wav, _ = continue_recording(str(site.bundle), wanted, site.folder / "out-gradio")
    assert Path(files[0]).read_bytes() == wav.read_bytes()
    assert result["takes"][0]["settings"]["seed"] == 3
    streamed = list(client.submit(handle_file(site.clip), {"seconds": 0.5, "seed": 3}, api_name="/stream"))
    sounds = b"".join(base64.b64decode(one["pcm"][0]) for one in streamed if one["type"] == "sound")
    assert len(sounds) == (len(wav.read_bytes()) - 58) // 2
    assert streamed[-1]["takes"][0]["settings"] == result["takes"][0]["settings"]


def test_an_analysis_and_a_resynthesis(site: ApiSite, client: Client) -> None:
    analysis = client.predict(handle_file(site.clip), {}, api_name="/analyse")
    assert len(analysis["tokens"]) == len(analysis["latents"])
    files, result = client.predict(handle_file(site.clip), None, {}, api_name="/resynthesise")
    assert result["settings"]["source"]["frames_sha256"] == analysis["frames_sha256"]
    assert Path(files[0]).stat().st_size > 1000


def test_a_file_of_the_server_cannot_be_named(site: ApiSite, client: Client) -> None:
    (event,) = [one for one in client.config["dependencies"] if one["api_name"] == "analyse"]
    for hostile in (str(site.clip), "/etc/passwd", "/handed/../../etc/passwd", "http://127.0.0.1/x"):
        file = {"path": hostile, "meta": {"_type": "gradio.FileData"}}
        body = {"data": [None, file, {}], "fn_index": event["id"], "session_hash": "abc"}
        answer = httpx.post(
            f"{site.url}/api/gradio_api/queue/join", json=body, headers=site.bearer, verify=NO_CERTIFICATES
        )
        assert answer.status_code == 403, hostile


def test_what_is_wrong_is_said(site: ApiSite, client: Client) -> None:
    with pytest.raises(Exception, match="takes"):
        client.predict(handle_file(site.clip), {"takes": 99}, api_name="/continue")
    with pytest.raises(Exception, match="credentials"):
        Client(f"{site.url}/api/", headers={"Authorization": "Bearer no"}, verbose=False, analytics_enabled=False)


def test_cancelling_frees_the_model(site: ApiSite, client: Client) -> None:
    site.idle()
    long = {"seconds": int(site.context.engine.max_seconds - 4), "end": "never", "steps": 100, "seed": 1}
    job = client.submit(handle_file(site.clip), long, api_name="/stream")
    next(iter(job))
    client.predict(api_name="/cancel")
    site.idle()
