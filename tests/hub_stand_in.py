"""A stand-in of the Hugging Face Hub on loopback: repositories in memory, with the rules that an upload meets there.

It takes what `huggingface_hub` sends: repositories made, files by commit and by LFS, listings and downloads. A file
over 10 MiB that LFS does not carry is refused, as there.
"""

import base64
import fnmatch
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

LARGEST_FILE = 10 * 1024 * 1024
USER, TOKEN = "ada", "hf_" + "a" * 34


@dataclass
class Repository:
    """A Space, a dataset or a model."""

    private: bool = False
    settings: dict[str, Any] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    by_lfs: set[str] = field(default_factory=set)
    commits: list[str] = field(default_factory=list)  # their messages

    @property
    def sha(self) -> str:
        return hashlib.sha1(json.dumps([self.commits, sorted(self.files)]).encode()).hexdigest()


class Hub:
    """What the stand-in holds; repositories by `spaces/owner/name`, `datasets/…`, `models/…`."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}
        self.url = ""
        self.answers = threading.Event()  # cleared, a commit is answered by nobody
        self.answers.set()

    def create(self, wanted: dict[str, Any]) -> tuple[int, Any]:
        owner = wanted.get("organization") or USER
        name = f"{wanted.get('type') or 'model'}s/{owner}/{wanted['name']}"
        if name in self.repositories:
            return 409, {"error": "You already created this repo", "url": f"{self.url}/{name}"}
        self.repositories[name] = Repository(wanted.get("visibility") == "private", wanted)
        return 200, {"url": f"{self.url}/{name}"}

    def modes(self, name: str, wanted: dict[str, Any]) -> Any:
        """How each file is to come: by what .gitattributes says, as it is here or comes with the others."""
        sent = {one["path"]: base64.b64decode(one["sample"]) for one in wanted["files"]}
        attributes = sent.get(".gitattributes", self.repositories[name].files.get(".gitattributes", b"")).decode()
        patterns = [line.split()[0] for line in attributes.splitlines() if "filter=lfs" in line]

        def mode(path: str) -> str:
            return "lfs" if any(fnmatch.fnmatch(path.split("/")[-1], one) for one in patterns) else "regular"

        return {"files": [{"path": path, "uploadMode": mode(path), "shouldIgnore": False} for path in sent]}

    def commit(self, name: str, lines: list[dict[str, Any]]) -> tuple[int, Any]:
        self.answers.wait()
        repository = self.repositories[name]
        files, by_lfs, message = dict(repository.files), set(repository.by_lfs), ""
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                message = value["summary"]
            elif line["key"] == "file":
                content = base64.b64decode(value["content"])
                if len(content) > LARGEST_FILE:
                    return 400, {"error": f"{value['path']} is larger than 10 MiB and not tracked by LFS"}
                files[value["path"]] = content
                by_lfs.discard(value["path"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.objects[value["oid"]]
                by_lfs.add(value["path"])
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        repository.files, repository.by_lfs = files, by_lfs
        repository.commits.append(message)
        return 200, {
            "success": True,
            "commitUrl": f"{self.url}/{name}/commit/{repository.sha}",
            "commitOid": repository.sha,
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        return

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _say(self, status: int, content: Any, **headers: str) -> None:
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self) -> None:
        oid = self.path.rsplit("/", 1)[1]
        content = self._body()
        right = hashlib.sha256(content).hexdigest() == oid
        if right:
            self.hub.objects[oid] = content
        self._say(200 if right else 400, {})

    def do_POST(self) -> None:
        path, body = unquote(urlsplit(self.path).path), self._body()
        if path == "/api/validate-yaml":
            self._say(200, {"errors": _card_errors(json.loads(body)), "warnings": []})
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._say(401, {"error": "Invalid credentials"})
        elif path == "/api/repos/create":
            self._say(*self.hub.create(json.loads(body)))
        elif found := re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", path):
            self._say(200, self._batch(json.loads(body)))
        elif found := re.fullmatch(r"/api/(.+?)/(preupload|commit|super-squash)/main", path):
            name, what = found.groups()
            if name not in self.hub.repositories:
                self._say(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")
            elif what == "preupload":
                self._say(200, self.hub.modes(name, json.loads(body)))
            elif what == "commit":
                self._say(*self.hub.commit(name, [json.loads(line) for line in body.splitlines() if line]))
            else:
                self.hub.repositories[name].commits = ["squashed"]
                self._say(200, {})
        else:
            self._say(404, {"error": path})

    def _batch(self, wanted: dict[str, Any]) -> Any:
        objects = []
        for one in wanted["objects"]:
            upload = {"href": f"{self.hub.url}/lfs/{one['oid']}", "header": {}}
            known = one["oid"] in self.hub.objects
            objects.append({**one, "authenticated": True, **({} if known else {"actions": {"upload": upload}})})
        return {"transfer": "basic", "objects": objects}

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._say(401, {"error": "Invalid credentials"})
        elif path == "/api/whoami-v2":
            self._say(200, {"type": "user", "name": USER, "orgs": []})
        elif found := re.fullmatch(r"/(.+?)/resolve/[^/]+/(.+)", path):
            self._file(*found.groups())
        elif (found := re.fullmatch(r"/api/(\w+/[^/]+/[^/]+)(/.*)?", path)) and found[1] in self.hub.repositories:
            self._listing(found[1], self.hub.repositories[found[1]], found[2] or "")
        else:
            self._say(404, {"error": "Repository not found"}, X_Error_Code="RepoNotFound")

    def _listing(self, name: str, repository: Repository, rest: str) -> None:
        if rest.startswith("/tree"):
            listed = [
                {"type": "file", "path": path, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for path, content in repository.files.items()
            ]
            self._say(200, listed)
            return
        if rest == "/runtime":
            self._say(200, {"stage": "RUNNING", "hardware": {"requested": repository.settings.get("hardware")}})
            return
        number = name.split("/", 1)[1]
        siblings = [{"rfilename": path} for path in repository.files]
        shown = {"id": number, "sha": repository.sha, "private": repository.private, "siblings": siblings, "tags": []}
        self._say(200, shown)

    def _file(self, name: str, path: str) -> None:
        repository = self.hub.repositories.get(name)
        if repository is None or path not in repository.files:
            self._say(404, {"error": "Entry not found"}, X_Error_Code="EntryNotFound")
            return
        content = repository.files[path]
        self._say(200, content, ETag=f'"{hashlib.sha256(content).hexdigest()}"', X_Repo_Commit=repository.sha)


def _card_errors(sent: dict[str, Any]) -> list[dict[str, str]]:
    """What the Hub says of a Space's card; it looks at more than this."""
    found = re.match(r"---\n(.*?)\n---", sent["content"], re.DOTALL)
    card = yaml.safe_load(found[1]) if found else {}
    if sent.get("repoType") != "space":
        return []
    wanted = {
        "sdk": r"gradio|docker|static",
        "colorFrom": r"red|yellow|green|blue|indigo|purple|pink|gray",
        "title": ".+",
    }
    return [{"message": f"{name} is missing or wrong"} for name, form in wanted.items()
            if not re.fullmatch(form, str(card.get(name, "")))]  # fmt: skip


@contextmanager
def hub_stand_in() -> Iterator[Hub]:
    """Run the stand-in; its address is `url`, for HF_ENDPOINT."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        hub.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield hub
        server.shutdown()
