"""The server of the local API: its state and events, what it says when something breaks inside, its port and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.errors import StoreFull
from offline_store.store import Store
from pos_plugin import api_keys
from pos_plugin.errors import PortInUse
from pos_plugin.local_api.server import Server

CARD = "2900000000018"
OTHER_CARD = "2900000000025"


# -- the till itself


def test_state_health_and_sync(served) -> None:
    state = served.client.get("/v1/state").json()
    assert state["network"]["configured"] is False
    assert state["program"]["currency"] == "EUR"
    assert served.stranger.get("/v1/health").json() == {"status": "ok"}
    served.refused(served.client.post("/v1/sync"), 409, "NOT_ENROLLED", "not connected to a head office")


def test_events_say_hello_then_what_happens_and_end_with_the_till(served) -> None:
    def read(lines: Iterator[str]) -> tuple[int, dict[str, Any]]:
        number = -1
        for line in lines:
            if line.startswith("id: "):
                number = int(line[4:])
            if line.startswith("data: "):
                return number, json.loads(line[6:])
        raise AssertionError("the stream ended")

    with served.client.stream("GET", "/v1/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.iter_lines()
        start, hello = read(lines)
        assert hello["about"] == "hello"
        served.terminal.scanned(CARD)
        assert read(lines) == (start + 1, {"number": start + 1, "about": "customer"})  # who is greeted in their window
        number, event = read(lines)
        assert (number, event["about"]) == (start + 2, "scan")
        served.terminal.scanned(OTHER_CARD)
    with served.client.stream("GET", "/v1/events", headers={"Last-Event-ID": str(number)}) as stream:
        lines = stream.iter_lines()
        assert read(lines)[1]["about"] == "hello"
        assert [read(lines)[0], read(lines)[0]] == [number + 1, number + 2]
        served.server.stop()
        assert [line for line in lines if line.startswith("data")] == []


def test_a_full_disk_is_said_and_the_sale_goes_on_without_points(served, monkeypatch: pytest.MonkeyPatch) -> None:
    quote, before = served.quote(member=served.member()), served.head()

    def full(work: Any) -> Any:
        raise StoreFull("The disk is full; nothing was recorded.", hint="Free some space.")

    with monkeypatch.context() as patched:
        patched.setattr(served.terminal.store, "write", full)
        said = served.refused(served.commit(quote, "k"), 503, "STORE_FULL", "The sale goes on without points.")
        assert "Free some space" in said["hint"]
    assert served.head() == before
    assert served.commit(quote, "k").status_code == 200


def test_a_bug_is_answered_without_its_trace_and_logged_without_data(
    served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise RuntimeError(f"secret {CARD}")

    monkeypatch.setattr(served.terminal.checkout, "identify", broken)
    answer = served.client.post("/v1/identify", json={"scan": CARD})
    served.refused(answer, 500, "INTERNAL", "error in itself")
    assert CARD not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text


# -- the server


def test_a_port_in_use_is_said_before_anything_starts(served) -> None:
    with pytest.raises(PortInUse, match=f"Port {served.server.port} of 127.0.0.1 cannot be used") as refused:
        Server(served.terminal, served.server.port)
    assert "till.toml" in refused.value.hint


def test_a_stopped_server_lets_go_of_its_port(served) -> None:
    served.server.stop()
    served.server.stop()
    with Server(served.terminal, served.server.port) as again:
        assert httpx.get(f"{again.url}/v1/health", trust_env=False).status_code == 200


PROGRAM = """
import sys
from pathlib import Path
from offline_store.store import Store
from pos_plugin.config import Config
from pos_plugin.local_api.server import Server
from pos_plugin.terminal import Terminal

with Terminal(Store.open(Path(sys.argv[1])), Config()) as terminal:
    server = Server(terminal, 0)
    print(server.port, flush=True)
    server.run()
print("closed in order")
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_in_order_also_while_somebody_listens(tmp_path: Path, number: signal.Signals) -> None:
    with Store.create(tmp_path / "till") as store:
        store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    key = api_keys.create(tmp_path / "till", "test")
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "till")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    url = f"http://127.0.0.1:{process.stdout.readline().strip()}"
    with (
        httpx.Client(trust_env=False, timeout=10) as client,
        client.stream("GET", f"{url}/v1/events", headers={"Authorization": f"Bearer {key}"}) as stream,
    ):
        lines = stream.iter_lines()
        next(lines)
        process.send_signal(number)
        with contextlib.suppress(httpx.HTTPError):
            list(lines)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out.strip(), err) == (0, "closed in order", "")


def test_a_free_port_is_taken_where_none_is_named(served) -> None:
    with socket.create_connection(("127.0.0.1", served.server.port)):
        assert served.server.port > 0
