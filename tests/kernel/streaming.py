"""Plugin of the pytest inside the virtual machine: tells the one outside what became of each case, a line of JSON each."""

from __future__ import annotations

import json
import os
import tty

import pytest

PORT = "/dev/ttyS1"


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Streaming(config))


class Streaming:
    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._port = os.open(PORT, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._port)

    def pytest_runtestloop(self) -> None:
        self._say({"ready": True})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._say({"report": self._config.hook.pytest_report_to_serializable(config=self._config, report=report)})

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._say({"finished": nodeid})

    def _say(self, said: dict[str, object]) -> None:
        rest = json.dumps(said, default=str).encode() + b"\n"
        while rest:
            rest = rest[os.write(self._port, rest) :]
