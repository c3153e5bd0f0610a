"""At which speed a serial printer answers: DLE EOT, the status question of ESC/POS, asked at one speed after the other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from drivers.status import RealTime, StatusReader
from drivers.wires import Wire, wire_from_url

SPEEDS = (9600, 19200, 38400, 57600, 115200)
_QUESTIONS = (b"\x10\x04\x01", b"\x10\x04\x04")  # two: one byte of noise in sixteen looks like an answer


def answering_address(
    address: str,
    *,
    wait_s: float = 0.4,
    speeds: Iterable[int] = SPEEDS,
    clock: Callable[[], float] = time.monotonic,
) -> str:
    """The serial address with the speed at which its printer answers; '' where it answers at none of them.

    Nothing is printed at the right speed; at a wrong one a printer may print a sign or two. Raises DeviceError where the port
    cannot be opened.
    """
    for speed in speeds:
        tried = with_speed(address, speed)
        wire = wire_from_url(tried)
        wire.open(wait_s)
        try:
            if all(_answers(wire, question, wait_s, clock) for question in _QUESTIONS):
                return tried
        finally:
            wire.close()
    return ""


def with_speed(address: str, speed: int) -> str:
    """
    >>> with_speed("serial:///dev/ttyUSB0?baud=9600&flow=xonxoff", 38400)
    'serial:///dev/ttyUSB0?baud=38400&flow=xonxoff'
    """
    port, _, options = address.partition("?")
    others = [option for option in options.split("&") if option and not option.startswith("baud=")]
    return f"{port}?{'&'.join([f'baud={speed}', *others])}"


def _answers(wire: Wire, question: bytes, wait_s: float, clock: Callable[[], float]) -> bool:
    """Whether exactly one status byte comes back; noise is more, or is none."""
    wire.write(question, wait_s)
    reader, heard = StatusReader(), 0
    give_up = clock() + wait_s
    while (left_s := give_up - clock()) > 0:
        data = wire.read(left_s)
        heard += len(data)
        if any(isinstance(event, RealTime) for event in reader.feed(data)):
            return heard == 1
    return False
