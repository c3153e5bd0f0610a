"""The machine around this one, asked to plug things in and out: QEMU's own control (QMP), through a serial port."""

from __future__ import annotations

import json
import os
import tty
from typing import Any

import pytest


class Qemu:
    """There is one connection, which is greeted once: the session's fixture has it."""

    def __init__(self) -> None:
        self._port = os.open("/dev/ttyS2", os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._port)
        self._said = os.fdopen(self._port, "rb", buffering=0, closefd=False)
        # Its greeting may have been echoed to it before the port was raw: FF makes it forget the half of that.
        os.write(self._port, b'\xff{"execute": "qmp_capabilities"}\n')
        while b'"return"' not in self._said.readline():
            pass

    def do(self, command: str, **arguments: Any) -> None:
        if refusal := self.ask(command, **arguments):
            pytest.fail(f"{command}: {refusal}")

    def ask(self, command: str, **arguments: Any) -> str:
        """Why it does not do it; '' when it does."""
        os.write(self._port, json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            line = self._said.readline()
            if b'"error"' in line:
                return line.decode()
            if b'"return"' in line:
                return ""  # what came before is its news

    def close(self) -> None:
        os.close(self._port)
