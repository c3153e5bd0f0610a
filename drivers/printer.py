"""One receipt printer on one wire: its state, and for every job a verdict on whether it is on paper.

The verdict is never a guess. Before the first byte the printer is asked, and a printer that cannot print, or does not
answer, gets nothing: not printed. After it, only the printer's own word counts: the echo of a process id (GS ( H fn 48),
or, on printers without, an answer from behind the job (GS r) and then a clean status. All else is unknown. That the
bytes were accepted says nothing. Nothing is ever sent twice; printing again is the decision of a person.
"""

from __future__ import annotations

import enum
import secrets
import time
from collections.abc import Callable

import msgspec

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.escpos import PULSE, RESET, Profile
from drivers.status import AutomaticStatus, PrinterStatus, ProcessId, RealTime, StatusReader, Transmitted
from drivers.wires import Wire, WriteBroken, WriteStalled

_ASK_STATUS = b"\x10\x04"  # DLE EOT n
_CLEAR_ERROR = b"\x10\x05\x02"  # DLE ENQ 2: drops what is buffered and goes on
_ASK_PAPER = b"\x1dr\x01"  # GS r 1: answered in its turn, behind the data before it
_ASK_PROCESS_ID = b"\x1d(H\x06\x0000"  # GS ( H fn 48, followed by four characters


class Outcome(enum.Enum):
    PRINTED = "printed"
    NOT_PRINTED = "not printed"  # nothing of the job is on paper, nor will be: safe to print again
    UNKNOWN = "unknown"  # some, all or nothing is on paper: a person looks


class Verdict(msgspec.Struct, frozen=True):
    """What became of a job. `code` is for programs and '' when printed; `reason` is for the cashier.

    Codes: cover_open, paper_out, cutter, error, offline as in PrinterStatus.trouble; absent, busy, denied, wrong_address
    (no connection); silent (no answer); stalled (took no more bytes); catching_up (an earlier job still occupies it);
    unconfirmed (it works, and did not say that it has printed).
    """

    outcome: Outcome
    code: str = ""
    reason: str = ""


_PRINTED = Verdict(Outcome.PRINTED)


class Printer:
    """Not thread-safe: one thread owns a printer, and its wire.

    The wire is opened when first needed and stays open between jobs; a broken one is opened again by the next call. No
    call lasts longer than its time-out. `has_process_id` starts as the profile says; where that is None, the first job
    finds out, and whoever keeps the settings can store it.
    """

    def __init__(
        self,
        wire: Wire,
        profile: Profile,
        clock: Callable[[], float] = time.monotonic,
        *,
        reply_timeout_s: float = 1.0,  # for an answer that needs no printing
        settle_s: float = 0.25,  # between answers that stand side by side
        poll_s: float = 0.5,  # between questions while a job prints
        first_process_id: int | None = None,
    ) -> None:
        self.has_process_id = profile.has_process_id
        self._answers = profile.answers
        self._wire = wire
        self._clock = clock
        self._reply_timeout_s = reply_timeout_s
        self._settle_s = settle_s
        self._poll_s = poll_s
        # Random, so that the late echo of an id from before a restart is no echo of ours.
        self._process_number = secrets.randbelow(95**4) if first_process_id is None else first_process_id
        self._reader = StatusReader()
        self._question: int | None = None  # the n of a DLE EOT still to be answered; never two at a time
        self._answer = 0
        self._echoed = b""  # the last process id heard
        self._papers_asked = 0  # GS r commands whose answers are still to come, over all connections
        self._answers_paper = False  # whether it ever answered one
        self._has_news = False  # something came that may decide about the job under way
        self._is_fresh = True  # the printer's state is not known to be ours: begin with ESC @
        self._owed_bytes = 0  # how much of a job may be missing that the printer still waits for

    def status(self, timeout_s: float = 2.0) -> PrinterStatus:
        """What the printer says about itself; what it does not say is unknown. Raises DeviceError without a connection."""
        deadline = self._clock() + timeout_s
        try:
            return self._connected_status(deadline)
        except DeviceError:
            self._wire.close()
            raise

    def print(self, data: bytes, *, timeout_s: float) -> Verdict:
        """Prints one job, whose last line is ended, and says what became of it. No trouble of a device is raised."""
        if not data:
            raise ValueError("there is nothing to print")
        deadline = self._clock() + timeout_s
        try:
            refusal = self._refusal(deadline)
        except DeviceError as error:
            self._wire.close()
            return _not_printed(_code(error), f"{error} {error.hint}".strip())
        if refusal is not None:
            return refusal
        ident = self._next_process_id() if self._answers and self.has_process_id is not False else b""
        try:
            self._send_job(data, ident, deadline)
        except (WriteStalled, WriteBroken) as error:
            self._wire.close()
            # Not one byte was taken: that, and only that, proves that nothing is on paper.
            return (_unknown if error.sent else _not_printed)(_code(error), str(error))
        try:
            verdict = self._confirmation(ident, deadline)
        except DeviceError as error:
            self._wire.close()
            verdict = _PRINTED if self._is_echoed(ident) else _unknown(_code(error), str(error))
        if verdict.outcome is Outcome.PRINTED:
            self._owed_bytes = 0
        return verdict

    def open_drawer(self, *, timeout_s: float = 3.0) -> Verdict:
        """Kicks the cash drawer as a job of its own: a printer that cannot print now does not open it later instead."""
        return self.print(PULSE, timeout_s=timeout_s)

    def close(self) -> None:
        """Closes the wire; the next call opens it again."""
        self._wire.close(drain_s=1.0)

    # Before the first byte.

    def _refusal(self, deadline: float) -> Verdict | None:
        """Why nothing may be sent now; None when the job can start."""
        if not self._answers:
            self._connect(deadline)
            return None
        status = self._connected_status(deadline)
        if status.error in ("cutter", "recoverable") and status.trouble in ("cutter", "error"):
            self._clear_error(deadline)  # what it drops belongs to a job that was given its verdict
            status = self._ask_all(deadline)
        if status.trouble:
            return _not_printed(status.trouble, status.sentence)
        if status.online is None:
            return _not_printed("silent", status.sentence)
        must_settle = self.has_process_id is None or (self.has_process_id is False and self._papers_asked > 0)
        if must_settle and not self._settled(deadline) and self._answers_paper:
            return _not_printed("catching_up", "The printer is still busy with what it was sent before.")
        return None

    def _connected_status(self, deadline: float) -> PrinterStatus:
        """Asks on the connection there is; if that has died meanwhile, or owes an answer, asks once more on a new one."""
        was_open = self._connect(deadline)
        try:
            status = self._ask_all(deadline)
            if self._question is None or not was_open:
                return status
        except DeviceError:
            if not was_open:
                raise
        self._open(deadline)
        return self._ask_all(deadline)

    def _connect(self, deadline: float) -> bool:
        """Makes sure of a connection that owes no answer; whether it was there before."""
        if self._wire.is_open:
            try:
                self._take(self._wire.read(0))
                if self._question is None:
                    return True
            except DeviceError:
                pass  # it broke since the last job, and nothing of the next one has been sent
        self._open(deadline)
        return False

    def _open(self, deadline: float) -> None:
        self._wire.close()
        self._wire.open(self._remaining_s(deadline))
        self._reader = StatusReader()
        self._question = None
        self._is_fresh = True

    def _settled(self, deadline: float) -> bool:
        """Waits until answers to come can only be to the next job, and learns whether the printer echoes process ids.

        Answers from behind earlier jobs stand side by side, so soon after the first there is none left to come.
        """
        ident = self._next_process_id() if self.has_process_id is None else b""
        self._send(_process_id_request(ident) + _ASK_PAPER, deadline)
        self._papers_asked += 1
        asked = self._papers_asked
        reply_by = min(deadline, self._clock() + self._reply_timeout_s)
        if not self._listen(reply_by, lambda: self._papers_asked < asked or self._is_echoed(ident)):
            return False
        rest_by = min(deadline, self._clock() + self._settle_s)
        self._listen(rest_by, lambda: self._papers_asked == 0 and (not ident or self._is_echoed(ident)))
        if ident:
            self.has_process_id = self._is_echoed(ident)
        if self._papers_asked and not self.has_process_id:
            self._open(deadline)  # the missing answers were lost; should they come after all, they find nobody
        self._papers_asked = 0
        return True

    # The job, and after.

    def _send_job(self, data: bytes, ident: bytes, deadline: float) -> None:
        request = _process_id_request(ident)
        asks_paper = self._answers and not self.has_process_id
        if asks_paper:
            request += _ASK_PAPER
        self._has_news = False
        owed_bytes = max(self._owed_bytes, len(data) + len(request))
        try:
            self._send(data + request, deadline)
        finally:
            # Until confirmed: the printer may sit within a command of this job, waiting for as much.
            self._owed_bytes = owed_bytes
        self._papers_asked += asks_paper

    def _confirmation(self, ident: bytes, deadline: float) -> Verdict:
        if not self._answers:
            return _unknown("silent", "This printer cannot say whether it has printed.")
        status = PrinterStatus()
        while True:
            self._listen(min(deadline, self._clock() + self._poll_s), lambda: self._has_news)
            self._has_news = False
            # Taken before asking, so that only a status from after the job counts.
            is_worked_off = not self.has_process_id and self._papers_asked == 0
            if not self._is_echoed(ident) and self._question is None and self._clock() < deadline:
                status = self._ask_all(deadline)
            if self._is_echoed(ident):
                self.has_process_id = True
                return _PRINTED
            if status.trouble not in ("", "offline"):  # offline alone may pass: a pressed feed button
                if status.error in ("cutter", "recoverable"):
                    self._clear_error(deadline)
                return _unknown(status.trouble, status.sentence)
            if is_worked_off and status.ready:
                return _PRINTED
            if self._clock() >= deadline:
                if status.trouble:
                    return _unknown(status.trouble, status.sentence)
                if self._question is not None:
                    return _unknown("silent", "The printer stopped answering.")
                return _unknown("unconfirmed", "The printer did not confirm that it has printed.")

    def _is_echoed(self, ident: bytes) -> bool:
        return ident != b"" and self._echoed == ident

    def _clear_error(self, deadline: float) -> None:
        self._write(_CLEAR_ERROR, deadline)
        self._is_fresh = True

    # Bytes out, and back.

    def _send(self, data: bytes, deadline: float) -> None:
        """Sends, on a fresh connection behind ESC @; an exception's `sent` counts `data` alone.

        A printer that was cut off within a command takes what comes next for that command's data. NULs satisfy it, and
        mean nothing to a printer that waits for none.
        """
        lead = bytes(self._owed_bytes) + RESET if self._is_fresh else b""
        try:
            self._write(lead + data, deadline)
        except (WriteStalled, WriteBroken) as error:
            error.sent = max(0, error.sent - len(lead))
            raise
        self._is_fresh = False

    def _write(self, data: bytes, deadline: float) -> None:
        self._wire.write(data, self._remaining_s(deadline))

    def _ask_all(self, deadline: float) -> PrinterStatus:
        """DLE EOT 1 to 4, one by one; stops at the first that is not answered."""
        answers: dict[int, int] = {}
        for n in (1, 2, 3, 4):
            self._question = n
            self._write(_ASK_STATUS + bytes([n]), deadline)
            until = min(deadline, self._clock() + self._reply_timeout_s)
            if not self._listen(until, lambda: self._question is None):
                break
            answers[n] = self._answer
        return PrinterStatus.from_answers(answers)

    def _listen(self, until: float, heard: Callable[[], bool]) -> bool:
        """Takes in what the printer says until `heard()` or the time is up; looks at least once."""
        while True:
            self._take(self._wire.read(0 if heard() else self._remaining_s(until)))
            if heard():
                return True
            if self._clock() >= until:
                return False

    def _take(self, data: bytes) -> None:
        for event in self._reader.feed(data):
            match event:
                case RealTime(value) if self._question is not None:
                    self._question, self._answer = None, value
                case ProcessId(ident):
                    self._echoed = ident
                    self._has_news = True
                case Transmitted() if self._papers_asked:
                    self._papers_asked -= 1
                    self._answers_paper = True
                    self._has_news = True
                case AutomaticStatus():
                    self._has_news = True
                case _:
                    pass  # late answers, flow control, answers to others' questions

    def _remaining_s(self, deadline: float) -> float:
        return max(0.0, deadline - self._clock())

    def _next_process_id(self) -> bytes:
        """Four printable characters, the next of 81 million."""
        self._process_number += 1
        rest, characters = self._process_number, []
        for _ in range(4):
            rest, digit = divmod(rest, 95)
            characters.append(0x20 + digit)
        return bytes(characters)


def _process_id_request(ident: bytes) -> bytes:
    return _ASK_PROCESS_ID + ident if ident else b""


def _not_printed(code: str, sentence: str) -> Verdict:
    return Verdict(Outcome.NOT_PRINTED, code, f"{sentence} Nothing was printed.")


def _unknown(code: str, sentence: str) -> Verdict:
    return Verdict(Outcome.UNKNOWN, code, f"{sentence} Look at the paper: it may be printed in part or in full.")


def _code(error: DeviceError) -> str:
    if isinstance(error, DeviceAbsent):
        return "absent"
    if isinstance(error, DeviceBusy):
        return "busy"
    if isinstance(error, DeviceDenied):
        return "denied"
    return "stalled" if isinstance(error, WriteStalled) else "wrong_address"
