"""A reader that speaks Zebra's Simple Serial Interface, in software: the reader's part of the guide (72E-40451), with faults.

Written from the guide and not from the driver, so that one tests the other. It keeps no time: it sends again what the host
refused, or what it was told not to hear the answer to.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from drivers.simulated.scanners.wires import WireKind, wire_of

TYPES = {"ean13": 0x0B, "ean8": 0x0A, "upca": 0x08, "code128": 0x03, "qr": 0x1C, "code39": 0x01}
_LONGEST_PART = 250
_LOOK_S = 0.002


def packet(opcode: int, data: bytes, *, status: int = 0) -> bytes:
    message = bytes([len(data) + 4, opcode, 0, status]) + data
    low = sum(message) & 0xFFFF
    return message + ((0x10000 - low) & 0xFFFF).to_bytes(2, "big")


class SimulatedSsiReader:
    """Plugged in from the start, and scanning enabled; a thread of it answers the host. Use it as a context, or `close` it.

    `damage` packets are sent with a wrong bit, and `deaf_to` answers of the host are not heard: then it sends again, at most
    twice, as after its time-out.
    """

    def __init__(self, folder: Path, *, wire: WireKind | None = None) -> None:
        self._wire = wire_of(wire, folder)
        self._changed = threading.Condition()
        self._is_plugged = False
        self._ended = False
        self.enabled = True
        self.damage = 0
        self.deaf_to = 0
        self.answers_commands = True
        self.beeps: list[int] = []
        self.heard: list[tuple[int, int, bytes]] = []
        """Opcode, status and data of what the host said."""
        self._heard_bytes = b""
        self._to_send: list[tuple[bytes, int]] = []
        """What is left of the message on its way: data and status; the first waits to be acknowledged."""
        self._tries = 0
        self.sent = 0  # packets with decoded data
        self._is_amid = False  # a packet: no other comes in between
        self.plug()
        self._thread = threading.Thread(target=self._serve, name="simulated SSI reader", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """`ssi://` and where it is."""
        return "ssi://" + self._wire.address.partition("://")[2]

    def scan(self, label: str, kind: str = "ean13") -> None:
        """A code is read and sent, in several packets if it is long. Refused while disabled; one on its way is given up."""
        self._begin(bytes([TYPES[kind]]), label.encode())
        with self._changed:
            self._send_first()

    def send(self, raw: bytes) -> None:
        """Bytes as they are."""
        with self._changed:
            self._wire.send(raw)

    def cut_off(self, label: str, kind: str = "ean13") -> None:
        """Half of a packet goes out, and the rest never does."""
        self.begin(label, kind)
        with self._changed:
            self._is_amid = False

    def begin(self, label: str, kind: str = "ean13") -> None:
        """The first half of a packet goes out."""
        self._begin(bytes([TYPES[kind]]), label.encode())
        with self._changed:
            if self._to_send:
                self._wire.send(self._first()[: len(self._first()) // 2])
                self._tries = 1
                self._is_amid = True

    def finish(self) -> None:
        """The other half."""
        with self._changed:
            if self._to_send:
                self._wire.send(self._first()[len(self._first()) // 2 :])
            self._is_amid = False

    def wait_until(self, claim: Callable[[], bool], timeout_s: float = 20) -> bool:
        """Whether it comes true: something that the host's words bring about."""
        with self._changed:
            return self._changed.wait_for(claim, timeout_s)

    def wait_until_taken(self) -> bool:
        """Whether the host has acknowledged everything."""
        return self.wait_until(lambda: not self._to_send)

    def wait_until_told(self, opcode: int) -> bool:
        return self.wait_until(lambda: any(heard[0] == opcode for heard in self.heard))

    def unplug(self) -> None:
        with self._changed:
            self._is_plugged = False
            self._to_send, self._heard_bytes, self._is_amid = [], b"", False
            self._wire.unplug()

    def plug(self) -> None:
        """With power comes its own setting: scanning is enabled."""
        with self._changed:
            self._wire.plug()
            self._is_plugged = self.enabled = True

    def close(self) -> None:
        self.unplug()
        self._ended = True
        self._thread.join()

    def __enter__(self) -> SimulatedSsiReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, code_type: bytes, text: bytes) -> None:
        parts = [text[start : start + _LONGEST_PART] for start in range(0, len(text), _LONGEST_PART)]
        with self._changed:
            self._tries = 0
            self._to_send = []
            if self._is_plugged and self.enabled:
                self._to_send = [(code_type + part, 0x02) for part in parts[:-1]] + [(code_type + parts[-1], 0x00)]

    def _first(self, *, again: bool = False) -> bytes:
        data, status = self._to_send[0]
        return packet(0xF3, data, status=status | again)

    def _send_first(self) -> None:
        if not self._to_send:
            return
        message = self._first(again=self._tries > 0)
        self._tries += 1
        if self.damage:
            self.damage -= 1
            message = message[:6] + bytes([message[6] ^ 0x04]) + message[7:]
        self._wire.send(message)
        self.sent += 1

    def _send_again(self) -> None:
        if self._to_send and self._tries < 3:
            self._send_first()
        else:
            self._to_send = []

    def _serve(self) -> None:
        while not self._ended:
            with self._changed:
                if self._is_plugged and not self._is_amid:
                    self._heard_bytes += self._wire.receive()
                    self._hear()
                    self._changed.notify_all()
            time.sleep(_LOOK_S)

    def _hear(self) -> None:
        while len(self._heard_bytes) >= 6 and len(self._heard_bytes) >= self._heard_bytes[0] + 2:
            length = self._heard_bytes[0]
            message, self._heard_bytes = self._heard_bytes[: length + 2], self._heard_bytes[length + 2 :]
            assert sum(message[:-2]) + int.from_bytes(message[-2:], "big") & 0xFFFF == 0, "the host's check sum"
            assert message[2] == 4, "the host says that it is the host"
            opcode, status, data = message[1], message[3], message[4:-2]
            self.heard.append((opcode, status, data))
            if opcode in (0xD0, 0xD1):
                self._answered(opcode, data)
            elif self.answers_commands:
                self._do(opcode, data)

    def _answered(self, opcode: int, data: bytes) -> None:
        if self.deaf_to:
            self.deaf_to -= 1
            self._send_again()
        elif opcode == 0xD1 and data == b"\x01":
            self._send_again()
        elif opcode == 0xD1:
            self._to_send = []  # refused for good
        else:
            self._to_send = self._to_send[1:]
            self._tries = 0
            self._send_first()

    def _do(self, opcode: int, data: bytes) -> None:
        if opcode == 0xE6:
            self.beeps.append(data[0])
        elif opcode in (0xE9, 0xEA):
            self.enabled = opcode == 0xE9
        else:
            self._wire.send(packet(0xD1, b"\x02"))
            return
        self._wire.send(packet(0xD0, b""))
