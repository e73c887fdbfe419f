"""A Hugging Face hub on loopback: the file API as huggingface.co answers it, with the faults a real one has.

The shapes of the answers (fields, headers, error codes, redirects of large files to a store) follow the public
API:
`GET /api/models/ID/revision/REV?blobs=true`, `HEAD|GET /ID/resolve/REV/FILE`.
"""

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote, urlsplit

_LARGE = (".safetensors", ".bin", ".model")


def git_blob(body: bytes) -> str:
    """The checksum git, and so the hub, gives a small file."""
    return hashlib.sha1(b"blob %d\x00" % len(body) + body, usedforsecurity=False).hexdigest()


@dataclass
class Commit:
    """One commit of a repository: what its files are, and what is served instead of some of them."""

    sha: str
    files: dict[str, bytes]
    card: dict[str, Any] = field(default_factory=dict)
    served: dict[str, bytes] = field(default_factory=dict)


@dataclass
class Repo:
    """A model repository: commits by their 40 digits, branches by name."""

    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    gated: bool = False

    def find(self, revision: str) -> Commit | None:
        return self.commits.get(self.branches.get(revision, revision))


class HubServer:
    """Serves repositories; records each request as ``METHOD path`` and the headers of the last."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.requests: list[str] = []
        self.tokens: list[str | None] = []
        self.break_off: dict[str, int] = {}
        """File to how often its connection breaks in the middle."""
        self.broken: list[BaseException] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._worker = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._worker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self.broken and kind is None:
            raise self.broken[0]

    def publish(
        self, model: str, folder: Path, *, branch: str = "main", card: Mapping[str, Any] | None = None
    ) -> str:
        """Put a folder's files into a new commit that a branch points to; returns the commit."""
        files = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}
        repo = self.repos.setdefault(model, Repo())
        digest = hashlib.sha1(usedforsecurity=False)
        for name, body in files.items():
            digest.update(f"{len(repo.commits)} {name} {git_blob(body)}\n".encode())
        commit = Commit(digest.hexdigest(), files, dict(card or {"license": "mit", "language": ["en", "zh"]}))
        repo.commits[commit.sha] = commit
        repo.branches[branch] = commit.sha
        return commit.sha

    def answer(self, method: str, path: str, token: str | None) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of one request."""
        if path.startswith("/store/"):
            return 200, {}, self._stored(path.removeprefix("/store/"))
        if path.startswith("/api/models/"):
            model, _, revision = path.removeprefix("/api/models/").partition("/revision/")
            repo = self.repos.get(model)
            if repo is None:
                return _error(401, "RepoNotFound", "Repository not found")
            commit = repo.find(unquote(revision) or "main")
            if commit is None:
                return _error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
            return 200, {"content-type": "application/json"}, json.dumps(_facts(model, repo, commit)).encode()
        model, _, rest = path.removeprefix("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        repo = self.repos.get(model)
        if repo is None:
            return _error(401, "RepoNotFound", "Repository not found")
        if repo.gated and token is None:
            text = f"Access to model {model} is restricted. You must have access to it and be authenticated"
            return _error(401, "GatedRepo", text)
        commit = repo.find(unquote(revision))
        if commit is None:
            return _error(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if name not in commit.files:
            return _error(404, "EntryNotFound", "Entry not found")
        return self._file(commit, name)

    def _file(self, commit: Commit, name: str) -> tuple[int, dict[str, str], bytes]:
        body = commit.files[name]
        headers = {"x-repo-commit": commit.sha, "accept-ranges": "bytes"}
        if name.endswith(_LARGE):
            checksum = hashlib.sha256(body).hexdigest()
            headers |= {"x-linked-size": str(len(body)), "x-linked-etag": f'"{checksum}"'}
            # Another host, as the hub's store is: a token must not travel there.
            store = self.url.replace("127.0.0.1", "localhost")
            return 302, headers | {"location": f"{store}/store/{commit.sha}/{name}"}, b""
        return 200, headers | {"etag": f'"{git_blob(body)}"'}, commit.served.get(name, body)

    def _stored(self, rest: str) -> bytes:
        sha, _, name = rest.partition("/")
        commit = next(c for repo in self.repos.values() for c in repo.commits.values() if c.sha == sha)
        return commit.served.get(name, commit.files[name])

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                path = urlsplit(self.path).path
                outer.requests.append(f"{self.command} {path}")
                token = self.headers.get("authorization")
                outer.tokens.append(token)
                try:
                    status, headers, body = outer.answer(self.command, path, token)
                except Exception as error:
                    outer.broken.append(error)
                    raise
                first = 0
                asked = self.headers.get("range")
                if status == 200 and asked:
                    first = int(asked.removeprefix("bytes=").partition("-")[0])
                    status = 206
                    headers |= {"content-range": f"bytes {first}-{len(body) - 1}/{len(body)}"}
                body = body[first:]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                if self.command == "HEAD":
                    return
                name = path.rpartition("/")[2]
                if status < 300 and outer.break_off.get(name, 0) > 0:
                    outer.break_off[name] -= 1
                    self.wfile.write(body[: len(body) // 2])
                    self.wfile.flush()
                    self.close_connection = True
                    return
                self.wfile.write(body)

            do_GET = do_HEAD = _serve  # noqa: N815

            def log_message(self, *args: object) -> None:
                """Stay silent."""

        return Handler


def _error(status: int, code: str, text: str) -> tuple[int, dict[str, str], bytes]:
    headers = {"x-error-code": code, "x-error-message": text, "content-type": "application/json"}
    return status, headers, json.dumps({"error": text}).encode()


def _facts(model: str, repo: Repo, commit: Commit) -> dict[str, Any]:
    siblings = []
    for name, body in commit.files.items():
        item: dict[str, Any] = {"rfilename": name, "size": len(body), "blobId": git_blob(body)}
        if name.endswith(_LARGE):
            item["lfs"] = {"sha256": hashlib.sha256(body).hexdigest(), "size": len(body), "pointerSize": 134}
        siblings.append(item)
    return {
        "_id": "621ffdc136468d709f17af99",
        "id": model,
        "modelId": model,
        "author": model.partition("/")[0],
        "sha": commit.sha,
        "lastModified": "2024-01-02T11:22:33.000Z",
        "createdAt": "2022-03-02T23:29:05.000Z",
        "private": False,
        "gated": "auto" if repo.gated else False,
        "disabled": False,
        "downloads": 1234,
        "likes": 5,
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["transformers", "text-classification"],
        "cardData": commit.card,
        "siblings": siblings,
        "usedStorage": sum(map(len, commit.files.values())),
    }
