"""A serial printer that is set to another speed than the till thinks is found by asking at each."""

from __future__ import annotations

import os
import sys
import termios
import threading
import tty
from collections.abc import Iterator

import pytest

from drivers.errors import DeviceAbsent
from drivers.serial_speed import answering_address, with_speed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")

SPEEDS = {getattr(termios, f"B{speed}"): speed for speed in (9600, 19200, 38400, 57600, 115200)}


class SerialPrinter:
    """The far end of a line: it understands what comes at its own speed, and hears and sends noise at any other."""

    def __init__(self, speed: int, noise: bytes = b"") -> None:
        self.speed, self.noise = speed, noise
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        self.address = f"serial://{os.ttyname(self.theirs)}?baud=9600"
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self) -> None:
        while True:
            try:
                data = os.read(self.ours, 64)
            except OSError:
                return
            if data == b"\x00":
                return
            is_understood = SPEEDS.get(termios.tcgetattr(self.ours)[4]) == self.speed
            os.write(self.ours, b"\x12" if is_understood and data.startswith(b"\x10\x04") else self.noise)

    def close(self) -> None:
        os.write(self.theirs, b"\x00")
        self.thread.join(5)
        os.close(self.theirs)
        os.close(self.ours)


@pytest.fixture
def line() -> Iterator[list[SerialPrinter]]:
    lines: list[SerialPrinter] = []
    yield lines
    for one in lines:
        one.close()


@pytest.mark.parametrize("speed", sorted(SPEEDS.values()))
@pytest.mark.parametrize("noise", [b"", b"\x12\xff\x80", b"\xfe"], ids=["silence", "noise", "a byte"])
def test_the_speed_at_which_it_answers_is_found(line: list[SerialPrinter], speed: int, noise: bytes) -> None:
    line.append(SerialPrinter(speed, noise))
    assert answering_address(line[0].address, wait_s=0.15) == with_speed(line[0].address, speed)


def test_one_that_answers_at_no_speed_is_not_guessed_at(line: list[SerialPrinter]) -> None:
    line.append(SerialPrinter(1200, b"\x12\x12"))
    assert answering_address(line[0].address, wait_s=0.05) == ""


def test_a_port_that_is_not_there_is_said() -> None:
    with pytest.raises(DeviceAbsent):
        answering_address("serial:///dev/no-such-port")


def test_other_options_of_the_address_stay() -> None:
    assert with_speed("serial://COM3?flow=xonxoff&baud=9600", 19200) == "serial://COM3?baud=19200&flow=xonxoff"
    assert with_speed("serial:///dev/ttyS0", 19200) == "serial:///dev/ttyS0?baud=19200"
