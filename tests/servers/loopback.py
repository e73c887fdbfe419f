"""A real HTTP server on loopback that misbehaves on request: the networks' contract servers stand on it."""

import json
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

HTML = b"<!doctype html><html><body><h1>502 Bad Gateway</h1>Please try again.</body></html>"


@dataclass(frozen=True)
class Request:
    """One request as it arrived."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Mapping[str, str]


@dataclass
class Reply:
    """One response. `fault` is `truncated` (says more bytes than it sends) or `hang` (sends nothing)."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    fault: str | None = None

    def encoded(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return json.dumps(self.body, ensure_ascii=False).encode()


Fault = Callable[[Reply], Reply]


def status(code: int, body: Any = None, **headers: str) -> Fault:
    """Answer with this status instead."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda reply: Reply(
        code, body if body is not None else {"title": "Some Problem", "status": code}, names
    )


def html(code: int = 200) -> Fault:
    """Answer with a page for people."""
    return lambda reply: Reply(code, HTML, {"content-type": "text/html"})


def truncated() -> Fault:
    """Break off in the middle of the right answer."""
    return lambda reply: Reply(reply.status, reply.body, reply.headers, "truncated")


def hang() -> Fault:
    """Say nothing."""
    return lambda reply: Reply(fault="hang")


def garbage(body: bytes = b'{"data": [') -> Fault:
    """Answer 200 with a complete body that is no JSON."""
    return lambda reply: Reply(200, body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    broken: list[BaseException]

    def handle_error(self, request: object, client_address: object) -> None:
        """Keep what broke, but for clients that hung up."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, ConnectionError):
            self.broken.append(error)


class LoopbackServer:
    """Serves `answer` in threads; `faults` maps the number of an API request (from 1) to what goes wrong."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.faults: dict[int, Fault] = {}
        self.count = 0
        self.broken: list[BaseException] = []
        """Errors of the server itself: a test whose server broke proves nothing."""
        self._stopping = threading.Event()
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.broken = self.broken
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
        self._stopping.set()
        self._server.shutdown()
        self._server.server_close()
        if self.broken and kind is None:
            raise self.broken[0]

    def fail_next(self, fault: Fault, after: int = 0) -> None:
        """Let the next API request go wrong, or the one `after` requests later."""
        self.faults[self.count + 1 + after] = fault

    def answer(self, request: Request) -> Reply:
        raise NotImplementedError

    def is_api(self, request: Request) -> bool:
        """Whether faults apply to this request (sign-in is left alone unless a test says otherwise)."""
        return True

    def _handle(self, request: Request) -> Reply:
        self.requests.append(request)
        reply = self.answer(request)
        if self.is_api(request):
            self.count += 1
            fault = self.faults.pop(self.count, None)
            if fault is not None:
                return fault(reply)
        return reply

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # One packet an answer: else each waits 40 ms for the acknowledgement of its headers.
            wbufsize = -1
            disable_nagle_algorithm = True

            def _serve(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("content-length") or 0)
                body = parse_qs(self.rfile.read(length).decode())
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                headers = {name.lower(): value for name, value in self.headers.items()}
                form = {name: values[0] for name, values in body.items()}
                reply = outer._handle(Request(self.command, parts.path, query, headers, form))
                self._send(reply)

            def _send(self, reply: Reply) -> None:
                if reply.fault == "hang":
                    outer._stopping.wait(3)
                    self.close_connection = True
                    return
                content = reply.encoded()
                self.send_response(reply.status)
                for name, value in {"content-type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                cut = reply.fault == "truncated"
                self.send_header("content-length", str(len(content)))
                if self.close_connection:  # the client asked for it, and must not use this connection again
                    self.send_header("connection", "close")
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if cut else content)
                if cut:
                    self.wfile.flush()
                    self.close_connection = True

            do_GET = do_POST = _serve  # noqa: N815

            def log_message(self, *args: object) -> None:
                """Stay silent."""

        return Handler
