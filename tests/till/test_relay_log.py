"""The relay is a process of its own that nobody reads along with: what it has to say lands in a file, and stops no shop."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pos_plugin.cli import app
from pos_plugin.config import Config
from pos_plugin.intercept import relay_process
from pos_plugin.intercept.relay_keeper import RelayKeeper

CARD = "2900000000018"


@contextmanager
def own_log() -> Iterator[list[logging.Handler]]:
    """Here a command sets up the log of its process, as if it had one; it is taken down again."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        yield root.handlers
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers = before


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A relay that meets a mistake with a card in its words; answers the folders it was started in."""
    started = []

    def relay(store: Path, told: Any) -> None:
        started.append(store)
        try:
            int(CARD + " Anna")
        except ValueError:
            logging.getLogger("pos_plugin").exception("the relay failed within a job")

    monkeypatch.setattr(relay_process, "relay_until_stopped", relay)
    return started


@pytest.mark.parametrize("form", [[], ["--log-json"]])
def test_the_relay_writes_a_bounded_log_with_nothing_personal(
    tmp_path: Path, failing: list[Path], form: list[str]
) -> None:
    file = tmp_path / "relay.log"
    with own_log() as handlers:
        done = CliRunner().invoke(app, ["intercept", "--store", str(tmp_path), "--log-file", str(file), *form])
        (handler,) = handlers
    assert done.exit_code == 0, done.output
    assert (handler.maxBytes, handler.backupCount) == (5_000_000, 5)  # type: ignore[attr-defined]
    (line,) = file.read_text(encoding="utf-8").splitlines()
    assert "the relay failed within a job" in line
    assert "ValueError" in line
    assert CARD not in line
    assert not form or json.loads(line)["level"] == "error"


def test_a_log_that_cannot_be_written_keeps_no_relay_from_running(tmp_path: Path, failing: list[Path]) -> None:
    with own_log():
        file = str(tmp_path / "no" / "such.log")
        done = CliRunner().invoke(app, ["intercept", "--store", str(tmp_path), "--log-file", file])
    assert done.exit_code == 0, done.output
    assert failing == [tmp_path]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, ["--log-file", "{store}/printed/relay.log"]),
        ({"log_file": "{store}/till.log", "log_json": True}, ["--log-file", "{store}/till-relay.log", "--log-json"]),
    ],
)
def test_the_relay_that_the_till_starts_logs_beside_the_till(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], said: list[str]
) -> None:
    commands: list[list[str]] = []

    class Started:
        returncode = 0

        def __init__(self, command: list[str], **_: Any) -> None:
            commands.append(command)

        def poll(self) -> None:
            return None

        def wait(self, timeout: float) -> int:
            return 0

    monkeypatch.setattr("subprocess.Popen", Started)
    if "log_file" in more:
        more = {**more, "log_file": Path(more["log_file"].format(store=tmp_path))}
    with RelayKeeper(tmp_path, Config(), **more):
        pass
    (command,) = commands
    assert command[command.index("--log-file") :] == [one.format(store=tmp_path) for one in said]
