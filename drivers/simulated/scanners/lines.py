"""A bar code reader that exists only in software, and sends lines, with a cable that can be pulled.

Knows what a reader sends, and nothing of who listens. What nobody takes is lost, as on a real line.
"""

from __future__ import annotations

import threading
from pathlib import Path

from drivers.simulated.scanners.wires import WireKind, wire_of


class SimulatedScanner:
    """Plugged in from the start. `port` is what a SerialScanner opens, `address` what a setting says; they stay the same for
    as long as this lives.

    `folder` holds the pseudo-terminal's link, `scanner`. Every method may be called from any thread, and none waits for a
    reader.
    """

    def __init__(self, folder: Path, *, wire: WireKind | None = None) -> None:
        self._wire = wire_of(wire, folder)
        self._lock = threading.Lock()
        self.plug()

    @property
    def port(self) -> str:
        return self._wire.port

    @property
    def address(self) -> str:
        return self._wire.address

    def scan(self, label: str, *, aim: str = "", prefix: bytes = b"", suffix: bytes = b"\r") -> None:
        """Reads a code: `aim` is the identifier that goes before the label, such as `]E0`."""
        self.send(prefix + (aim + label).encode() + suffix)

    def send(self, raw: bytes) -> None:
        with self._lock:
            self._wire.send(raw)

    def told(self) -> bytes:
        """What the other side has sent since this was asked last."""
        with self._lock:
            return self._wire.receive()

    def unplug(self) -> None:
        """The port vanishes, and whoever has it open finds out. Unplugged twice is unplugged."""
        with self._lock:
            self._wire.unplug()

    def plug(self) -> None:
        with self._lock:
            self._wire.plug()

    def close(self) -> None:
        """As unplugged; it may be plugged in again."""
        self.unplug()
