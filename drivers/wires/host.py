"""The printer of a program that has one already: a python-escpos object, borrowed. Knows no printer language.

Those objects block as long as they like and raise whatever their device raises, so every call to one has a thread of its
own, which is left behind when the time is up. Facts of python-escpos 3.1.
"""

from __future__ import annotations

import errno
import functools
import socket
import threading
import time
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from drivers.errors import DeviceAbsent, DeviceBusy
from drivers.wires.protocol import CHECK_PRINTER, broken, lost, not_open, stalled

# These hand a job to the system's spooler when they are closed. What CupsPrinter "reads" is no answer of the printer.
_SENT_WHEN_CLOSED = ("CupsPrinter", "LP", "Win32Raw")
_PIECE_BYTES = 4096  # what may still go out after a write was given up
_CLOSE_S = 1.0
_OPEN_S = 3.0
_STALE_S = 0.03
_STALE_BYTES = 64 * 1024
_PAUSE_S = 0.01

_readings: WeakKeyDictionary[Any, _Call] = WeakKeyDictionary()
"""The read that is under way at each printer object: it outlives its wire, and would take the answers of the next one's."""


class HostWire:
    """Around any `escpos.escpos.Escpos` object, which stays its program's: closing the wire leaves it open.

    It is opened where it is not, and closed and opened again after it broke. Its program must not use it meanwhile. An
    answer that comes after the wire was closed may be lost to its program.
    """

    resumes = False

    hides_power_cuts = True  # what lies behind the object only the host knows

    def __init__(self, printer: Any) -> None:
        self._printer = printer
        self._is_open = False
        self._is_broken = False
        self._calls: list[_Call] = []  # those that may still be under way
        kind = type(printer)
        self._sends_when_closed = kind.__name__ in _SENT_WHEN_CLOSED
        self._answers = not self._sends_when_closed and "_read" in {
            name for each in kind.__mro__ if each.__name__ != "Escpos" for name in vars(each)
        }

    @property
    def name(self) -> str:
        return f"host://{type(self._printer).__name__}"

    @property
    def answers(self) -> bool:
        return self._answers

    @property
    def connects_per_job(self) -> bool:
        return self._sends_when_closed

    @property
    def is_open(self) -> bool:
        return self._is_open

    def open(self, timeout_s: float | None = None) -> None:
        self.close()
        give_up = time.monotonic() + (_OPEN_S if timeout_s is None else min(timeout_s, _OPEN_S))
        self._calls = [call for call in self._calls if not call.wait(0)]
        if self._calls:
            hint = "It is waited for; should that last, start the program that owns the printer again."
            raise DeviceBusy(f"An earlier call to the printer at {self.name} is still under way.", hint=hint)
        if self._is_broken or not getattr(self._printer, "_device", True):
            opening = self._call(self._open_printer)
            if not opening.wait(give_up - time.monotonic()):
                raise DeviceAbsent(f"The printer at {self.name} did not open in time.", hint=CHECK_PRINTER)
            if opening.error is not None:
                message = f"The printer at {self.name} cannot be opened: {opening.error}"
                raise DeviceAbsent(message, hint=CHECK_PRINTER) from opening.error
        self._is_broken = False
        self._is_open = True
        if (reading := _readings.get(self._printer)) is not None and reading.wait(0):
            del _readings[self._printer]
        forgotten = 0
        while self._answers and forgotten < _STALE_BYTES and (data := self.read(_STALE_S)):
            forgotten += len(data)

    def write(self, data: bytes, timeout_s: float) -> None:
        self._see_that_it_is_open()
        give_up = time.monotonic() + timeout_s
        # What is handed over when it is closed is one job, and what it keeps of it until then nobody knows.
        size = len(data) if self._sends_when_closed else _PIECE_BYTES
        for start in range(0, len(data), size):
            if start and time.monotonic() >= give_up:
                self._is_broken = True
                raise stalled(self.name, start)
            piece = data[start : start + size]
            writing = self._call(functools.partial(self._printer._raw, piece))
            if not writing.wait(max(give_up - time.monotonic(), 0.001)):
                self._is_broken = True
                raise stalled(self.name, start + len(piece))
            if writing.error is not None:
                self._is_broken = True
                kind = stalled if _is_timeout(writing.error) else broken
                raise kind(self.name, start + len(piece)) from writing.error

    def read(self, timeout_s: float) -> bytes:
        self._see_that_it_is_open()
        give_up = time.monotonic() + timeout_s
        while self._answers:
            reading = _readings.get(self._printer)
            if reading is None:
                reading = _readings[self._printer] = _Call(self._printer._read)
            if not reading.wait(give_up - time.monotonic()):
                return b""
            del _readings[self._printer]
            if isinstance(reading.error, NotImplementedError):
                self._answers = False
            elif reading.error is not None and not _is_timeout(reading.error):
                self._is_broken = True
                raise lost(self.name) from reading.error
            data = bytes(reading.result or b"")
            if (
                not data
                and reading.error is None
                and isinstance(getattr(self._printer, "_device", None), socket.socket)
            ):
                self._is_broken = True
                raise lost(self.name)  # the far end hung up
            remaining_s = give_up - time.monotonic()
            if data or remaining_s <= 0:
                return data
            time.sleep(min(_PAUSE_S, remaining_s))
        time.sleep(max(give_up - time.monotonic(), 0))
        return b""

    def trouble(self, timeout_s: float) -> str:
        return ""

    def close(self, drain_s: float = 0.0) -> None:
        was_open, self._is_open = self._is_open, False
        if was_open and (self._is_broken or self._sends_when_closed):
            self._call(self._printer.close).wait(max(drain_s, _CLOSE_S))

    def _open_printer(self) -> None:
        if self._is_broken:
            self._printer.close()
        self._printer.open()

    def _call(self, act: Callable[[], Any]) -> _Call:
        call = _Call(act)
        self._calls = [*(earlier for earlier in self._calls if not earlier.wait(0)), call]
        return call

    def _see_that_it_is_open(self) -> None:
        if not self._is_open:
            raise not_open(self.name)


class _Call:
    """One call in a thread of its own. `result` and `error` are there once `wait` said so."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.result: Any = None
        self.error: Exception | None = None
        self._is_done = threading.Event()
        self._act = act
        threading.Thread(target=self._run, name="printer of the host", daemon=True).start()

    def wait(self, timeout_s: float) -> bool:
        return self._is_done.wait(max(timeout_s, 0))

    def _run(self) -> None:
        try:
            self.result = self._act()
        except Exception as error:
            self.error = error
        finally:
            del self._act  # it holds the printer, and the book of readings must not
            self._is_done.set()


def _is_timeout(error: Exception) -> bool:
    is_named_so = "Timeout" in type(error).__name__  # USBTimeoutError, SerialTimeoutException
    return isinstance(error, TimeoutError) or is_named_so or getattr(error, "errno", None) == errno.ETIMEDOUT
