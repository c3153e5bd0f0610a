"""The printer's wire as the relay uses it: bytes wait here until the printer has taken them, and nothing waits for them.

It knows how much of a job has gone, and so what a broken connection means: of a job of which nothing went, all may be sent
again; of any other, nothing.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from drivers.errors import DeviceError
from drivers.wires import Wire, WriteBroken, WriteStalled

SLICE_S = 0.02
"""So long a write may take before the printer's answers are looked at again."""
WHOLE_S = 60.0
"""So long a write may take on a wire that cannot go on with the rest."""
MOST_GATHERED = 1024 * 1024


class RelayPrinter:
    """`waiting` bytes are not with the printer yet. A queue gets a job at a time, for each of its writes is one."""

    def __init__(self, wire: Wire, clock: Callable[[], float] = time.monotonic) -> None:
        self._wire = wire
        self._clock = clock
        self._out = bytearray()
        self._gathers = not wire.resumes and not wire.answers
        self._is_complete = True
        self.sent_of_job = 0
        self.trouble = ""

    @property
    def name(self) -> str:
        return self._wire.name

    @property
    def is_open(self) -> bool:
        return self._wire.is_open

    @property
    def is_shared(self) -> bool:
        return self._wire.connects_per_job

    @property
    def waiting(self) -> int:
        return len(self._out)

    @property
    def can_push(self) -> bool:
        """Whether something waits that could go now."""
        is_due = not self._gathers or self._is_complete or len(self._out) >= MOST_GATHERED
        return bool(self._out) and is_due and self._wire.is_open

    @property
    def has_room(self) -> bool:
        return len(self._out) < MOST_GATHERED if self._gathers else not self._out

    def open(self) -> bool:
        """Whether it can be reached; `trouble` says why not."""
        if self._wire.is_open:
            return True
        try:
            self._wire.open()
        except DeviceError as error:
            self._failed(error)
            return False
        self.trouble = ""
        return True

    def begin(self) -> None:
        """Another job begins."""
        self.sent_of_job = 0
        self._out.clear()

    def send(self, data: bytes) -> None:
        self._out += data
        self._is_complete = False

    def complete(self) -> None:
        """Nothing more comes for now: what was gathered goes."""
        self._is_complete = True

    def push(self) -> bool:
        """Writes what the printer takes now; False where the connection broke."""
        if not self.can_push:
            return True
        try:
            self._wire.write(bytes(self._out), SLICE_S if self._wire.resumes else WHOLE_S)
        except WriteStalled as error:
            self._went(error.sent)
            if self._wire.resumes:
                return True
            self._failed(error)
            return False
        except WriteBroken as error:
            self._went(error.sent)
            self._failed(error)
            return False
        self._went(len(self._out))
        return True

    def hear(self) -> bytes:
        """What the printer has said; also notices that it has gone (`is_open`)."""
        if not self._wire.is_open or not self._wire.answers:
            return b""
        try:
            return self._wire.read(0)
        except DeviceError as error:
            self._failed(error)
            return b""

    def drop(self) -> int:
        """Gives up what waits; how many bytes that were."""
        dropped = len(self._out)
        self._out.clear()
        return dropped

    def close(self) -> None:
        with contextlib.suppress(DeviceError):
            self._wire.close(drain_s=2.0)

    def _went(self, count: int) -> None:
        self.sent_of_job += count
        del self._out[:count]

    def _failed(self, error: DeviceError) -> None:
        self.trouble = f"{error} {error.hint}".strip()
        self._wire.close()
