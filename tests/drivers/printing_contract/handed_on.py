"""Wires at whose far end a program takes what comes and hands it on to the printer: a print server, or a reader of a file.

It hands on by calls, so that nothing is ever under way unseen.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from far_ends import PrintServer
from printing_contract.meddling import Clock
from printing_contract.paper import FIRST_LINE

from drivers.simulated.printer import SimulatedPrinter
from drivers.simulated.wires import Attachment
from drivers.wires import FileWire, QueueWire, Wire

PENDING, PROCESSING, CANCELED, ABORTED, COMPLETED = 3, 5, 7, 8, 9  # of a job, RFC 8011 5.3.7
IDLE, STOPPED = 3, 5  # of a printer


class LineBroke(Exception):
    """The printer went away in the middle of a job."""


class Messenger:
    """Connects to the printer for each job. `act` happens when `at` bytes of the receipt are handed on; once."""

    def __init__(self, far: SimulatedPrinter) -> None:
        self._far = far
        self._line: Attachment | None = None
        self.at = -1
        self.act: Callable[[], object] = lambda: None

    def hand_on(self, job: bytes, given: int) -> int:
        """How many bytes of `job` the printer has by now, `given` of them before. Raises LineBroke."""
        if given == 0:
            self.hang_up()
        if self._line is None:
            if not self._far.state()["plugged"]:
                return 0  # it tries until somebody answers
            self._line = self._far.attach()
        if self.at >= 0 and FIRST_LINE.encode() in job:
            at = min(self.at, len(job))
            given = self._give(job, given, at)
            if given < at:
                return given
            self.at = -1
            self.act()
        given = self._give(job, given, len(job))
        if given == len(job):
            self.hang_up()
        return given

    def _give(self, job: bytes, given: int, until: int) -> int:
        line = self._line
        assert line is not None
        while given < until and (taken := line.write(job[given:until])):
            given += taken
        if given < until and not line.is_open:
            self.hang_up()
            raise LineBroke
        return given

    def hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.close()

    def break_off(self) -> None:
        if self._line is not None:
            self._line.close()


class Program(Protocol):
    def go_on(self) -> None:
        """Hands on what the printer takes now."""

    def start_again(self) -> None:
        """A person has put right whatever stopped it."""

    def break_off(self) -> None:
        """The connection to the printer, where there is one."""

    def close(self) -> None: ...


@dataclass
class QueuedJob:
    document: bytes
    given: int = 0
    state: int = PENDING
    has_begun: bool = False


class SpoolingServer(PrintServer):
    """Hands one job after the other on to the printer, and calls it completed once the printer has its last byte.

    If the printer goes away in the middle of one, it `stops` and keeps the job, to print it from its beginning once it is
    started again (ErrorPolicy stop-printer of cupsd.conf, as CUPS does by itself), or it gives that job up (abort-job).
    """

    def __init__(self, messenger: Messenger, *, stops: bool) -> None:
        super().__init__()
        self._messenger = messenger
        self._stops = stops
        self._lock = threading.Lock()
        self._queue: list[QueuedJob] = []

    def take(self, document: bytes) -> int:
        self._queue.append(QueuedJob(document))
        self.go_on()
        return len(self._queue)

    def look_at(self, job: int) -> tuple[int, bool]:
        self.go_on()
        return self._queue[job - 1].state, self._queue[job - 1].has_begun

    def cancel(self, job: int) -> None:
        with self._lock:
            if self._queue[job - 1].state in (PENDING, PROCESSING):
                self._queue[job - 1].state = CANCELED

    def start_again(self) -> None:
        self.printer_state = IDLE
        self.go_on()

    def break_off(self) -> None:
        self._messenger.break_off()

    def go_on(self) -> None:
        with self._lock:
            for job in self._queue:
                if job.state in (PENDING, PROCESSING) and self.printer_state != STOPPED:
                    self._work_on(job)
                    if job.state == PROCESSING:
                        return

    def _work_on(self, job: QueuedJob) -> None:
        job.state, job.has_begun = PROCESSING, True
        try:
            job.given = self._messenger.hand_on(job.document, job.given)
        except LineBroke:
            job.given = 0
            if self._stops:
                job.state, self.printer_state = PENDING, STOPPED
            else:
                job.state = ABORTED
            return
        if job.given == len(job.document):
            job.state = COMPLETED


class FileReader:
    """Hands on what a file has grown by. If the printer goes away in the middle of that, the rest is left out."""

    def __init__(self, path: Path, messenger: Messenger) -> None:
        self._path = path
        self._messenger = messenger
        self._job = b""
        self._given = self._read = 0

    def go_on(self) -> None:
        while self._is_done() and self._path.exists() and (grown := self._path.read_bytes()[self._read :]):
            self._job, self._given = grown, 0
            self._read += len(grown)
        self._is_done()

    def start_again(self) -> None:
        self.go_on()

    def break_off(self) -> None:
        pass  # it has the printer on a cable

    def close(self) -> None:
        pass

    def _is_done(self) -> bool:
        """Whether nothing of the job in hand is left."""
        if self._given < len(self._job):
            try:
                self._given = self._messenger.hand_on(self._job, self._given)
            except LineBroke:
                self._given = len(self._job)
        return self._given == len(self._job)


class HandedOnWire:
    """The driver's real wire, to the program that hands on; to a test as MeddledWire is."""

    answers = connects_per_job = resumes = False
    hides_power_cuts = True

    def __init__(self, real: Wire, messenger: Messenger, program: Program) -> None:
        self._real, self.messenger, self._program = real, messenger, program
        self.name = real.name
        self.meddle: Callable[[bytes], bytes] = lambda data: data  # nothing comes back

    @property
    def at(self) -> int:
        return self.messenger.at

    @at.setter
    def at(self, at: int) -> None:
        self.messenger.at = at

    @property
    def act(self) -> Callable[[], object]:
        return self.messenger.act

    @act.setter
    def act(self, act: Callable[[], object]) -> None:
        self.messenger.act = act

    @property
    def is_open(self) -> bool:
        return self._real.is_open

    def open(self, timeout_s: float | None = None) -> None:
        self._real.open(timeout_s)

    def write(self, data: bytes, timeout_s: float) -> None:
        self._real.write(data, timeout_s)

    def read(self, timeout_s: float) -> bytes:
        return self._real.read(timeout_s)

    def trouble(self, timeout_s: float) -> str:
        return self._real.trouble(timeout_s)

    def close(self, drain_s: float = 0.0) -> None:
        self._real.close(drain_s)

    def settle(self) -> None:
        self._program.go_on()

    def break_off(self) -> None:
        self._program.break_off()

    def put_right(self) -> None:
        self.at, self.act = -1, lambda: None
        self._program.start_again()

    def end(self) -> None:
        self._program.close()


def through_a_queue(far: SimulatedPrinter, clock: Clock, *, stops: bool) -> HandedOnWire:
    def sleep(seconds: float) -> None:
        clock.skip(seconds)
        far.tick()

    messenger = Messenger(far)
    server = SpoolingServer(messenger, stops=stops)
    real = QueueWire("127.0.0.1", server.server_address[1], server.NAME, clock=clock, sleep=sleep)
    return HandedOnWire(real, messenger, server)


def through_a_file(far: SimulatedPrinter, folder: Path) -> HandedOnWire:
    messenger = Messenger(far)
    path = folder / "receipts.bin"
    return HandedOnWire(FileWire(str(path)), messenger, FileReader(path, messenger))
