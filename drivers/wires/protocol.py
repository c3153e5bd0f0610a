"""What every wire does, and the two ways in which a write fails.

A wire takes all bytes or says how many it took, and never blocks longer than it was told. Taken means that this
computer, or the device's own buffer, has accepted them, not that they are on paper.
"""

from __future__ import annotations

from typing import Protocol

from drivers.errors import DeviceAbsent, DeviceTimeout


class WriteStalled(DeviceTimeout):
    """The far end stopped taking bytes. At most `sent` bytes are under way; the wire must be closed, unless it `resumes`."""

    def __init__(self, message: str, *, sent: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.sent = sent


class WriteBroken(DeviceAbsent):
    """The far end went away. At most `sent` bytes are under way; the wire must be closed."""

    def __init__(self, message: str, *, sent: int, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.sent = sent


class Wire(Protocol):
    """One connection to one device, used by one thread."""

    @property
    def name(self) -> str:
        """The address, for messages."""

    @property
    def answers(self) -> bool:
        """False where no answer of the printer can ever come back: its silence then means nothing.

        That is a queue, a file, a one-way USB interface. What it knows may change when it is opened, never while open.
        """

    @property
    def connects_per_job(self) -> bool:
        """Whether its user closes the wire after each job: others wait for the printer, or the job leaves only then."""

    @property
    def resumes(self) -> bool:
        """Whether `sent` of WriteStalled is exact, so that the rest may be written later instead of closing the wire."""

    @property
    def hides_power_cuts(self) -> bool:
        """Whether the connection may stand while the printer is off and on, and the rest of the bytes still reach it.

        A print server's does, and a serial line of three wires; one that dies with the printer's power does not.
        """

    @property
    def is_open(self) -> bool: ...

    def open(self, timeout_s: float | None = None) -> None:
        """Connects. Raises DeviceAbsent, DeviceBusy or DeviceDenied with a hint; what an earlier connection left is gone."""

    def write(self, data: bytes, timeout_s: float) -> None:
        """Takes all of `data`, or raises WriteStalled or WriteBroken, which say how many bytes were taken."""

    def read(self, timeout_s: float) -> bytes:
        """What has arrived within `timeout_s`; b'' is silence. Raises DeviceAbsent when the far end has gone."""

    def trouble(self, timeout_s: float) -> str:
        """A sentence that the wire itself knows about the printer, beside the bytes; '' where it knows none.

        The paper bit of a USB port, the state of a queue. It explains a verdict and never makes one.
        """

    def close(self, drain_s: float = 0.0) -> None:
        """Waits at most `drain_s` for bytes still in this computer, then drops them. Closing twice is allowed."""


CHECK_PRINTER = "Check that it is switched on, that its cable is in, and that the address is right."
_LOOK = "Look for an open cover, missing paper or a blinking light."


def stalled(name: str, sent: int, because: str = "") -> WriteStalled:
    message = f"The printer at {name} takes no more data."
    return WriteStalled(f"{message} {because}".strip(), sent=sent, hint=_LOOK)


def broken(name: str, sent: int) -> WriteBroken:
    return WriteBroken(f"The connection to the printer at {name} broke.", sent=sent, hint=CHECK_PRINTER)


def lost(name: str) -> DeviceAbsent:
    return DeviceAbsent(f"The connection to the printer at {name} broke.", hint=CHECK_PRINTER)


def not_open(name: str) -> WriteBroken:
    return WriteBroken(f"There is no connection to {name}.", sent=0, hint=CHECK_PRINTER)
