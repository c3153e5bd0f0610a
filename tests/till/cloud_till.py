"""A cloud till that keeps print jobs for Star printers, as Star's CloudPRNT Protocol Guide describes it: the far end of a test.

It keeps a job until it is told what became of it, offers the first that it has, and hands it out again whenever it is asked.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PATH = "/printers/kitchen"


class CloudJob:
    def __init__(
        self,
        data: bytes,
        *types: str,
        token: str | None = None,
        headers: dict[str, str] | None = None,
        status: int = 200,
    ) -> None:
        self.data, self.types, self.token = data, types or ("text/plain",), token
        self.headers, self.status = headers or {}, status


class CloudTill:
    """Serves on loopback until it is closed. What it was asked and told stands in `polls`, `fetched` and `told`."""

    def __init__(self) -> None:
        self.jobs: list[CloudJob] = []
        self.polls: list[dict[str, Any]] = []
        self.fetched: list[dict[str, str]] = []
        self.queries: list[str] = []
        """As they came over the wire."""
        self.told: list[tuple[str, str]] = []
        """Token and code of each confirmation."""
        self.answer: dict[str, Any] = {}
        """What the answer to a poll has beside the job."""
        self.raw_answer: bytes | None = None
        self.status = 200
        self.forgets_nothing = False
        """It takes no confirmation as the end of a job: its own file was put back."""
        self.before: Callable[[str], None] = lambda method: None
        """Called before a request is worked on, in the thread of that request."""
        self.after: Callable[[str], bool] = lambda method: True
        """Called when a request has been worked on; False cuts the connection instead of answering."""
        till = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 1 << 16  # an answer goes out in one piece

            def do_POST(self) -> None:
                till._serve(self, till._poll)

            def do_GET(self) -> None:
                till._serve(self, till._get)

            def do_DELETE(self) -> None:
                till._serve(self, till._delete)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}{PATH}?shop=7"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def add(self, *jobs: CloudJob) -> None:
        self.jobs.extend(jobs)

    @property
    def codes(self) -> list[str]:
        return [code for _, code in self.told]

    @property
    def status_codes(self) -> list[str]:
        return [unquote(poll["statusCode"]) for poll in self.polls]

    def _serve(self, request: BaseHTTPRequestHandler, work: Callable[..., tuple[int, dict[str, str], bytes]]) -> None:
        parts = urlsplit(request.path)
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        self.queries.append(parts.query)
        self.before(request.command)
        asked = {name: values[0] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        status, headers, data = work(parts.path, asked, body)
        try:
            if not self.after(request.command):
                request.close_connection = True
                request.connection.close()
                return
            request.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                request.send_header(name, value)
            request.end_headers()
            request.wfile.write(data)
        except OSError:
            pass

    def _poll(self, path: str, asked: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        assert (path, asked) == (PATH, {"shop": "7"})
        self.polls.append(json.loads(body))
        said: dict[str, Any] = {"jobReady": bool(self.jobs), **self.answer}
        if self.jobs:
            said["mediaTypes"] = list(self.jobs[0].types)
            if self.jobs[0].token is not None:
                said["jobToken"] = self.jobs[0].token
        data = json.dumps(said).encode() if self.raw_answer is None else self.raw_answer
        return self.status, {"Content-Type": "application/json"}, data

    def _get(self, path: str, asked: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if "delete" in asked:
            return self._delete(path, asked, body)
        self.fetched.append({"path": path, **asked})
        job = self._job(asked)
        if job is None:
            return 404, {}, b""
        if asked["type"] not in job.types:
            return 415, {}, b""
        return job.status, {"Content-Type": asked["type"], **job.headers}, job.data

    def _delete(self, path: str, asked: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.told.append((asked.get("token", ""), asked["code"]))
        job = self._job(asked)
        if job is not None and not self.forgets_nothing:
            self.jobs.remove(job)
        return 200, {}, b""

    def _job(self, asked: dict[str, str]) -> CloudJob | None:
        token = asked.get("token")
        return next((one for one in self.jobs if token is None or one.token == token), None)
