"""A bar code reader that sends lines over a serial port: RS-232, a USB virtual COM port, a pseudo-terminal."""

from __future__ import annotations

import time
from collections.abc import Callable

from drivers.scanners.identity import Attached, UsbIdentity
from drivers.scanners.lines.framing import LINE_ENDS, Framer
from drivers.scanners.lines.scanner import ANSWERS, Answers, LineScanner
from drivers.scanners.lines.serial_port import Parity, SerialPort, attached


class SerialScanner(LineScanner):
    """`port` is a name such as `/dev/ttyACM0`, `COM3` or `socket://host:port`, or the USB device that has it."""

    def __init__(
        self,
        port: str | UsbIdentity,
        *,
        baudrate: int = 9600,
        parity: Parity = "none",
        bytesize: int = 8,
        prefix: bytes = b"",
        suffix: bytes | tuple[bytes, ...] = LINE_ENDS,
        max_bytes: int = 8192,
        idle_timeout_s: float = 0.2,
        answers: Answers = ANSWERS["none"],
        clock: Callable[[], float] = time.monotonic,
        name: str = "",
        there: Callable[[], list[Attached]] = attached,
    ) -> None:
        super().__init__(
            SerialPort(port, baudrate, parity=parity, bytesize=bytesize, there=there),
            Framer(prefix, suffix, max_bytes=max_bytes, idle_timeout_s=idle_timeout_s),
            answers,
            clock=clock,
            name=name or str(port),
        )
