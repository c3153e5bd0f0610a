"""A real wire with somebody at it: something happens at one byte of a receipt, answers are meddled with, time is a clock.

How busy the computer is decides nothing. Time moves only when the driver waits in vain, and it waits in vain only once all
that was under way has arrived, counted byte by byte. A bound in real time stands where a bug would hang, and nowhere else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from printing_contract.paper import FIRST_LINE

from drivers.errors import DeviceError
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import SerialWire, TcpWire, Wire, WriteBroken, WriteStalled

STEP_S = 0.2  # of the clock, between two looks
GIVE_UP_S = 20.0  # of real time: by then a bug has lost something


class Clock:
    """Moves when somebody waits in vain, and never by itself."""

    def __init__(self) -> None:
        self._now_s = 1000.0

    def __call__(self) -> float:
        return self._now_s

    def skip(self, seconds: float) -> None:
        self._now_s += seconds


class Traffic:
    """What is on its way between the two ends, so that waiting for what will never come takes no time.

    What goes down with a connection or with the power is on its way no more.
    """

    def __init__(self, far: SimulatedPrinter) -> None:
        self._far = far
        self._written = self._taken = self._said = self._heard = 0
        self._left: object = None  # the far end of a network connection that this end has left
        self.is_kept_waiting = False  # somebody else is connected, and the printer serves one at a time
        wires: Any = far._wires
        receive, send = wires._receive, wires.send

        def counted(read: Callable[[], bytes]) -> None:
            def take() -> bytes:
                data = read()
                self._taken += len(data)
                self._written = max(self._written, self._taken)  # what was given up arrives after all
                return data

            receive(take)

        def said(reply: bytes) -> None:
            is_networked = wires._address is not None
            if not is_networked or wires._client not in (None, self._left):
                self._said += len(reply)
            send(reply)

        def after(act: Callable[[], None]) -> Callable[[], None]:
            return lambda: (act(), self.forget())[1]

        wires._receive, wires.send = counted, said
        wires.drop, wires.restore, wires.reset_client = map(after, (wires.drop, wires.restore, wires.reset_client))
        far._receive = counted  # type: ignore[method-assign]

    @property
    def takes_none(self) -> bool:
        """Until somebody does something, or the clock moves."""
        with self._far._lock:
            return self.is_kept_waiting or self._far._room <= 0

    def is_over(self) -> bool:
        with self._far._lock:
            return (self._taken >= self._written or self.takes_none) and self._heard >= self._said

    def write(self, count: int) -> None:
        with self._far._lock:
            self._written = max(self._written + count, self._taken)

    def hear(self, count: int) -> None:
        with self._far._lock:
            self._heard = min(self._heard + count, self._said)  # what was given up may be heard after all

    def reach(self) -> None:
        """Waits until all that was written is with the printer, or it takes no more."""
        assert self._far.wait_until(lambda: self._taken >= self._written or self.takes_none, GIVE_UP_S), (
            "it never arrives"
        )

    def arrive(self) -> None:
        """Waits until all that was written is taken, before the connection ends: a port may keep what was still under way.

        A network printer reads a connection to its end before it drops it. A port that was flushed shows nothing of that.
        """
        wires: Any = self._far._wires
        if not self.takes_none:
            assert self._far.wait_until(
                lambda: (
                    self._taken >= self._written
                    or self.takes_none
                    or (wires._address is not None and not wires.has_client)
                ),
                GIVE_UP_S,
            ), "something is under way and never arrives"
            self.forget()

    def begin(self, *, is_new: bool) -> None:
        """A connection is opened; a new one is not told what was meant for the one before."""
        self.arrive()
        with self._far._lock:
            self._heard = self._said
            wires: Any = self._far._wires
            self._left = wires._client if is_new else None

    def forget(self) -> None:
        with self._far._lock:
            self._written, self._heard = self._taken, self._said


class MeddledWire:
    """A real wire with the simulated printer at its far end.

    `act` happens when `at` bytes of the receipt are written, or behind its end, where it is shorter; once.
    """

    def __init__(self, real: Wire, clock: Clock, far: SimulatedPrinter) -> None:
        self._real, self._clock, self._far = real, clock, far
        self._traffic = Traffic(far)
        self.name = real.name
        self.answers, self.connects_per_job, self.resumes = real.answers, real.connects_per_job, real.resumes
        self.hides_power_cuts = real.hides_power_cuts
        self.drops_when_closed = isinstance(real, SerialWire)  # what the printer has not taken by then
        self.at = -1
        self.act: Callable[[], object] = lambda: None
        self.meddle: Callable[[bytes], bytes] = lambda data: data

    @property
    def is_open(self) -> bool:
        return self._real.is_open

    def open(self, timeout_s: float | None = None) -> None:
        self._traffic.begin(is_new=isinstance(self._real, TcpWire))
        if self._far.state()["plugged"]:
            self._real.open(timeout_s)
            return
        try:
            # There is nobody to wait for; who is refused hears it at once, and one that is shared would try again.
            self._real.open(0.01 if self.connects_per_job else timeout_s)
        except DeviceError:
            self._clock.skip(timeout_s or 0.0)
            raise

    def _write(self, data: bytes, timeout_s: float) -> None:
        """A printer that takes nothing does not keep us waiting."""
        self._traffic.write(len(data))
        try:
            self._real.write(data, min(timeout_s, 0.05) if self._traffic.takes_none else timeout_s)
        except WriteBroken:
            self._traffic.write(-len(data))  # what was taken of it is counted there, and nothing is under way any more
            raise
        except WriteStalled as error:
            self._traffic.write(error.sent - len(data))
            self._clock.skip(timeout_s)
            self._far.tick()
            raise

    def write(self, data: bytes, timeout_s: float) -> None:
        if FIRST_LINE.encode() not in data or self.at < 0:
            self._write(data, timeout_s)
            return
        at, self.at = self.at, -1
        self._write(data[:at], timeout_s)
        self.act()
        try:
            if data[at:]:
                self._write(data[at:], timeout_s)
        except (WriteBroken, WriteStalled) as error:
            error.sent += min(at, len(data))
            raise

    def read(self, timeout_s: float) -> bytes:
        data = self.meddle(self._heard(waits=timeout_s > 0))
        waited_s = 0.0
        while not data and waited_s < timeout_s:
            step_s = min(STEP_S, timeout_s - waited_s)
            self._clock.skip(step_s)
            waited_s += step_s
            self._far.tick()
            data = self.meddle(self._heard(waits=True))
        return data

    def _heard(self, *, waits: bool) -> bytes:
        """What the real wire brings, as soon as it does or nothing more is on its way."""
        give_up = time.monotonic() + GIVE_UP_S
        while True:
            is_over = self._traffic.is_over() or not waits
            data = self._real.read(0.0 if is_over else 0.005)
            self._traffic.hear(len(data))
            if data or is_over:
                return data
            assert time.monotonic() < give_up, "something is under way and never comes"

    def trouble(self, timeout_s: float) -> str:
        return self._real.trouble(timeout_s)

    def close(self, drain_s: float = 0.0) -> None:
        if self._real.is_open:
            self._traffic.arrive()
        self._real.close()
        if self.drops_when_closed:
            self._traffic.forget()

    def is_kept_waiting(self, yes: bool) -> None:
        """Whether somebody else is connected to a printer that serves one at a time."""
        self._traffic.is_kept_waiting = yes

    def reach(self) -> None:
        if self._real.is_open:
            self._traffic.reach()

    def settle(self) -> None:
        """Until the printer has taken all that it takes: a wire that does not answer says nothing of it."""
        self._traffic.arrive()

    def break_off(self) -> None:
        self._far.reset_connection()

    def put_right(self) -> None:
        self.at, self.act, self.meddle = -1, (lambda: None), (lambda data: data)

    def end(self) -> None:
        pass
