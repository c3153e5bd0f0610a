"""One receipt printer on one wire: its state, and for every job a verdict on whether it is on paper.

The verdict is never a guess. Before the first byte the printer is asked, and a printer that cannot print, or does not
answer, gets nothing: not printed. After it, only the printer's own word counts: the echo of a process id (GS ( H fn 48),
or, on printers without, an answer from behind the job (GS r) and then a clean status. All else is unknown. That the
bytes were accepted says nothing. Nothing is ever sent twice; printing again is the decision of a person.

An unknown job may still come out: a printer without paper keeps what it has not printed, and goes on with a new roll. Its
late echo proves that job (`proven`). A person may also tell it to go on, or to drop the rest.
"""

from __future__ import annotations

import contextlib
import enum
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.escpos import PULSE, RESET, Profile
from drivers.status import (
    AutomaticStatus,
    Block,
    FlowControl,
    Level,
    PrinterStatus,
    ProcessId,
    RealTime,
    StatusReader,
    Transmitted,
    WentOffline,
)
from drivers.wires import Wire, WriteBroken, WriteStalled

_ASK_STATUS = b"\x10\x04"  # DLE EOT n
_RESUME = b"\x10\x05\x01"  # DLE ENQ 1: goes on from the line that failed, after an error that can be recovered from
_CLEAR_ERROR = b"\x10\x05\x02"  # DLE ENQ 2: drops what is buffered and goes on
_CLEAR_BUFFERS = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"  # DLE DC4 8: drops what is buffered, also without an error
_PULSE_AT_ONCE = b"\x10\x14\x01"  # DLE DC4 1 m t, t in units of 100 ms: obeyed also by a printer that cannot print
_ASK_PAPER = b"\x1dr\x01"  # GS r 1: answered in its turn, behind the data before it
_ASK_PROCESS_ID = b"\x1d(H\x06\x0000"  # GS ( H fn 48, followed by four characters
_TELL_CHANGES = b"\x1da\x0f"  # GS a: tells at once, and from then on by itself, of drawer, cover, paper and errors
_HEADER_BYTES = 16  # more than stand between the first byte of a command and the last of its length
_PIECE_BYTES = 4096  # after each the printer is listened to: nothing more goes to one that says it cannot print
_STALL_S = 0.05  # between two tries at a wire that took nothing
_FRESH_S = 3.0  # how long a printer that tells of changes by itself is believed to be as it last said
_DOUBTS = 32

_AUTOMATIC = -1  # the open question is GS a, not a DLE EOT n


class Outcome(enum.Enum):
    PRINTED = "printed"
    NOT_PRINTED = "not printed"  # nothing of the job is on paper, nor will be: safe to print again
    UNKNOWN = "unknown"  # some, all or nothing is on paper: a person looks


class Verdict(msgspec.Struct, frozen=True):
    """What became of a job. `code` is for programs and '' when printed; `reason` is for the cashier.

    Codes: cover_open, paper_out, cutter, error, offline as in PrinterStatus.trouble; absent, busy, denied, wrong_address
    (no connection); silent (no answer); stalled (took no more bytes); catching_up (an earlier job still occupies it);
    unconfirmed (it works, and did not say that it has printed); drawer_stuck (the drawer's sensor says that it is closed).

    `doubt` is not 0 where an unknown job may yet be proven; `Printer.proven` names it then.
    """

    outcome: Outcome
    code: str = ""
    reason: str = ""
    doubt: int = 0


_PRINTED = Verdict(Outcome.PRINTED)


@dataclass
class _Job:
    """A job on its way: `data` is what the printer gets, of which `lead` bytes stand before the job's own."""

    number: int
    data: bytes
    lead: int
    ident: bytes
    asks_paper: bool
    sent: int = 0
    needs_word: bool = False  # see _doubtful
    is_unprovable: bool = False

    @property
    def is_begun(self) -> bool:
        """Whether a byte of the job's own may be with the printer."""
        return self.sent > self.lead

    @property
    def is_sent(self) -> bool:
        return self.sent == len(self.data)


class Printer:
    """Not thread-safe: one thread owns a printer, and its wire.

    The wire is opened when first needed and stays open between jobs, unless others share the printer; a broken one is opened
    again by the next call. No call lasts longer than its time-out. `has_process_id` starts as the profile says; where that is
    None, the first job finds out, and whoever keeps the settings can store it. `drawer_opens` is the level of the drawer's
    sensor when the drawer is open, where one is wired.
    """

    def __init__(
        self,
        wire: Wire,
        profile: Profile,
        clock: Callable[[], float] = time.monotonic,
        *,
        drawer_opens: Level = "unknown",
        reply_timeout_s: float = 1.0,  # for an answer that needs no printing
        settle_s: float = 0.25,  # between answers that stand side by side
        poll_s: float = 0.5,  # between questions while a job prints
        first_process_id: int | None = None,
    ) -> None:
        self.has_process_id = profile.has_process_id
        self.drawer_opens = drawer_opens
        self._profile = profile
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
        self._paper_sensor = 0  # what the last of them said
        self._paper_heard_at = -1e9
        self._answers_paper = False  # whether it ever answered one
        self._has_news = False  # something came that may decide about the job under way
        self._is_fresh = True  # the printer's state is not known to be ours: begin with ESC @
        self._must_clear = False  # what the printer still keeps of an earlier job is to be dropped
        self._owed_bytes = 0  # how much of a job may be missing that the printer still waits for
        self._owes_header = False  # it may wait for a command's length, which the next bytes would become
        self._may_send = True  # no XOFF stands
        self._status = PrinterStatus()  # the last that was said
        self._told = PrinterStatus()  # the last that it said without being asked
        self._tells_changes = False  # an automatic status has come on this connection, and no ESC @ has ended that
        self._heard_at = -1e9
        self._held: _Job | None = None  # unknown, and the printer or this driver may still keep a part of it
        self._doubts: dict[bytes, _Job] = {}
        self._proven: list[int] = []
        self._jobs = 0
        self._connections = 0
        self._wanted: Callable[[Block], bool] | None = None  # which block answers the question that was put last
        self._block: Block | None = None

    @property
    def connection(self) -> int:
        """Which connection this is, counted from 1; 0 where none is open. On another there may be another printer."""
        return self._connections if self._wire.is_open else 0

    @property
    def is_idle(self) -> bool:
        """Whether it is connected and nothing of a job is with it: it can be told what prints nothing.

        One that is shared never is: the connection ends with each job.
        """
        is_connected = self.answers and self._wire.is_open
        return is_connected and self._held is None and not self._doubts and self._question is None and self._may_send

    @property
    def answers(self) -> bool:
        """False where nothing ever comes back: every job's verdict is then at most unknown."""
        return self._profile.answers and self._wire.answers

    @property
    def drawer_is_open(self) -> bool | None:
        """As the drawer's sensor last said; None where none is wired, or nothing was said yet."""
        if "unknown" in (self.drawer_opens, self._status.drawer_pin):
            return None
        return self._status.drawer_pin == self.drawer_opens

    def status(self, timeout_s: float = 2.0) -> PrinterStatus:
        """What the printer says about itself; what it does not say is unknown. Raises DeviceError without a connection."""
        deadline = self._clock() + timeout_s
        try:
            if self._held is not None and not self._held.is_sent:
                return self.hear()  # a question would land within what is still to be sent
            if self._held is None:
                status = self._connected_status(deadline)
            else:
                status = self._status_of_held(self._held, deadline)
            self._end_turn()
            return status
        except DeviceError:
            self._lose()
            raise

    def hear(self) -> PrinterStatus:
        """Takes in what the printer has said by itself, without asking or waiting; what it is known to be like.

        Goes on with a job that was interrupted, where the printer can print again. Raises DeviceError where the connection broke.
        """
        if self._wire.is_open:
            try:
                self._take(self._wire.read(0))
                if self._held is not None and not self._held.is_sent and not self._status.trouble:
                    self._catch_up(self._held, self._clock() + self._poll_s)
            except DeviceError:
                self._lose()
                raise
        return self._status

    def print(self, data: bytes, *, timeout_s: float, connection: int = 0, elsewhere: bytes = b"") -> Verdict:
        """Prints one job, whose last line is ended, and says what became of it. No trouble of a device is raised.

        `elsewhere` is printed instead where the connection has become another one: `data` may name what only one printer keeps.
        """
        if not data:
            raise ValueError("there is nothing to print")
        deadline = self._clock() + timeout_s
        try:
            refusal = self._refusal(deadline)
        except DeviceError as error:
            self._lose()
            return _not_printed(_code(error), f"{error} {error.hint}".strip())
        if refusal is not None:
            return refusal
        if elsewhere and connection != self.connection:
            data = elsewhere
        verdict = self._work_on(self._job(data), deadline)
        self._end_turn()
        return verdict

    def proven(self) -> list[int]:
        """The `doubt` of every unknown job that has turned out to be printed since this was last asked."""
        proven, self._proven = self._proven, []
        return proven

    def keeps(self, doubt: int) -> bool:
        """Whether the rest of that unknown job can still come out: by itself, or by `go_on`."""
        return self._held is not None and self._held.number == doubt

    def go_on(self, *, timeout_s: float) -> Verdict:
        """Lets the printer print the rest of the job that it keeps; its verdict anew. Nothing is sent a second time."""
        job, deadline = self._held, self._clock() + timeout_s
        if job is None:
            return _unknown("unconfirmed", "The printer no longer keeps this receipt.")
        try:
            if job.is_sent:
                status = self._ask(deadline)
                if status.error in ("cutter", "recoverable"):
                    self._write(_RESUME, deadline)
                    self._ask(deadline)
            else:
                self.hear()
        except DeviceError as error:
            self._lose()
            return _unknown(_code(error), str(error))
        if self._status.trouble:
            return self._doubtful(job, self._status.trouble, self._status.sentence)
        verdict = self._work_on(job, deadline)
        self._end_turn()
        return verdict

    def drop(self) -> None:
        """The rest of an unknown job is not wanted any more: a person has settled it, or prints it again as a whole."""
        if self._held is not None:
            self._doubts.pop(self._held.ident, None)
            self._owes_header = not self._held.is_sent
            self._held = None
            self._must_clear = self._is_fresh = True
            with contextlib.suppress(DeviceError):  # what it does not take now goes before the next job
                self._wire.write(self._rest_of_header() + _CLEAR_ERROR + _CLEAR_BUFFERS, self._poll_s)
                self._must_clear = self._owes_header = False

    def open_drawer(self, pin: Literal[2, 5] = 2, *, timeout_s: float = 3.0) -> Verdict:
        """Kicks the cash drawer on that pin: now, or not at all.

        Change must be given also without paper. So a printer that cannot print gets the real-time pulse, which no line before
        it holds up; one that can gets it as a job of its own. Printed means that it is open: its sensor says so, or, where
        none is wired, the printer has done what was asked.
        """
        deadline = self._clock() + timeout_s
        wait_s = min(timeout_s, self._reply_timeout_s)
        if self.answers and self._profile.has_real_time_pulse and self._profile.has_real_time_status:
            try:
                if not (self._held is not None and not self._held.is_sent):
                    status = self._connected_status(deadline)
                    if self._question is None and (status.trouble or self._held is not None):
                        self._write(_PULSE_AT_ONCE + bytes([pin == 5, 1]), deadline)
                        told = _unknown(
                            "unconfirmed", "The printer was told to open the drawer, and cannot say whether it did."
                        )
                        return self._drawer_verdict(told, self._clock() + wait_s)
            except DeviceError as error:
                self._lose()
                return _not_printed(_code(error), f"{error} {error.hint}".strip())
        verdict = self.print(PULSE if pin == 2 else PULSE.replace(b"p\x00", b"p\x01"), timeout_s=timeout_s)
        if verdict.outcome is not Outcome.PRINTED:
            return verdict
        try:
            return self._drawer_verdict(verdict, self._clock() + wait_s)
        except DeviceError:
            self._lose()
            return _unknown("unconfirmed", "The connection broke before the drawer's sensor could say that it is open.")

    def ask(self, question: bytes, is_answer: Callable[[Block], bool], *, timeout_s: float) -> Block | None:
        """The answer of an idle printer to a question that is answered in its turn, as a block; None where none came.

        An answer shows that all before it was worked off. Raises DeviceError; the connection is closed then, as after a job.
        """
        if not self.is_idle:
            return None
        deadline = self._clock() + timeout_s
        try:
            self._take(self._wire.read(0))
            self._wanted, self._block = is_answer, None
            self._send(question, deadline)
            self._listen(deadline, lambda: self._block is not None)
        except DeviceError:
            self._lose()
            raise
        finally:
            self._wanted = None
        if self._block is None:
            self._is_fresh = True  # one that does not know the question may have taken it for letters
        else:
            self._owed_bytes = 0
        return self._block

    def tell(self, data: bytes, *, timeout_s: float) -> bool:
        """Sends an idle printer what prints nothing and is not answered; False where it is not idle.

        Until it answers a question behind that, it may sit within it: the next job flushes that out first. Raises DeviceError.
        """
        if not self.is_idle:
            return False
        try:
            lead = self._lead()
            self._owed_bytes = max(self._owed_bytes, len(data))
            self._write(lead + data, self._clock() + timeout_s)
        except DeviceError:
            self._lose()
            raise
        self._is_fresh = self._must_clear = False
        return True

    def close(self) -> None:
        """Closes the wire; the next call opens it again."""
        self._wire.close(drain_s=1.0)

    # Before the first byte.

    def _refusal(self, deadline: float) -> Verdict | None:
        """Why nothing may be sent now; None when the job can start."""
        if not self.answers:
            self._connect(deadline)
            return None
        if self._wire.is_open:
            with contextlib.suppress(DeviceError):  # it broke since the last job, and is opened again
                self._take(self._wire.read(0))
                if self._is_known_to_be_well:
                    return None
        if self._held is not None and (refusal := self._refusal_by_held(self._held, deadline)):
            return refusal
        status = self._connected_status(deadline)
        if status.error in ("cutter", "recoverable") and status.trouble in ("cutter", "error"):
            self._clear_error(deadline)  # what it drops belongs to a job that was given its verdict
            status = self._ask(deadline)
        if status.trouble:
            return _not_printed(status.trouble, status.sentence)
        if status.online is None:
            return _not_printed("silent", status.sentence)
        must_settle = self.has_process_id is None or (self.has_process_id is False and self._papers_asked > 0)
        if must_settle and not self._settled(deadline) and self._answers_paper:
            return _not_printed("catching_up", "The printer is still busy with what it was sent before.")
        if not self.has_process_id:
            # An answer that a line doubles comes right behind the first: wait until none can be taken for the next job's.
            self._listen(min(deadline, self._paper_heard_at + self._settle_s), lambda: False)
        return None

    @property
    def _is_known_to_be_well(self) -> bool:
        """Whether to ask once more would bring nothing: it tells of changes by itself, and was heard a moment ago."""
        return bool(
            self._tells_changes
            and self._wire.resumes  # the others may not notice at once that their far end has gone
            and not self._is_fresh
            and self.has_process_id
            and self._held is None
            and self._question is None
            and self._may_send
            and self._status.ready
            and self._clock() - self._heard_at < _FRESH_S
        )

    def _refusal_by_held(self, job: _Job, deadline: float) -> Verdict | None:
        """An unknown job may still be coming out: nothing goes to the printer behind it before it can print again."""
        wait_until = min(deadline, self._clock() + self._reply_timeout_s)
        if not job.is_sent:
            if not self._status.trouble:
                self._catch_up(job, wait_until)
            if self.keeps(job.number) and not job.is_sent:
                if self._status.trouble:
                    return _not_printed(self._status.trouble, self._status.sentence)
                return _not_printed("catching_up", "The printer is still busy with the receipt before.")
            return None
        status = self._status_of_held(job, deadline)
        if self.keeps(job.number) and not status.trouble:
            # Its echo might give way to the next one's.
            self._listen(wait_until, lambda: self._held is None or (job.asks_paper and self._papers_asked == 0))
            if self.keeps(job.number):
                status = self._status_of_held(job, deadline)
        if self.keeps(job.number) and status.trouble:
            return _not_printed(status.trouble, status.sentence)
        self._held = None
        return None

    def _status_of_held(self, job: _Job, deadline: float) -> PrinterStatus:
        """Asks a printer that keeps the rest of a job, and takes an answer from behind that job for what it is worth."""
        self._connect(deadline)
        for _ in range(2):
            is_worked_off = job.asks_paper and self._papers_asked == 0  # before asking, as in _confirmation
            status = self._connected_status(deadline)
            if is_worked_off and self.keeps(job.number):
                job.is_unprovable = job.is_unprovable or bool(status.trouble)
                if status.ready and self._is_believed(job):
                    self._prove(job)
            if is_worked_off or not self.keeps(job.number) or self._papers_asked:
                break  # else the answer came in between, and the status is asked for once more
        return status

    def _catch_up(self, job: _Job, deadline: float) -> None:
        if self._work_on(job, deadline).outcome is Outcome.PRINTED and job.number not in self._proven:
            self._proven.append(job.number)

    def _connected_status(self, deadline: float) -> PrinterStatus:
        """Asks on the connection there is; if that has died meanwhile, or owes an answer, asks once more on a new one."""
        was_open = self._connect(deadline)
        try:
            status = self._ask(deadline)
            if self._question is None or not was_open:
                return status
        except DeviceError:
            if not was_open:
                raise
        self._open(deadline)
        return self._ask(deadline)

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
        self._lose()
        self._wire.open(self._remaining_s(deadline))
        self._connections += 1

    def _lose(self) -> None:
        """Nothing of this connection is left: not its answers, nor what was still to be sent on it."""
        self._wire.close()
        self._reader = StatusReader()
        self._question = None
        self._held = None
        self._doubts.clear()
        self._is_fresh = self._may_send = True
        self._owes_header = self._owed_bytes > 0
        self._tells_changes = False
        self._status = self._told = PrinterStatus()

    def _end_turn(self) -> None:
        """Lets others at a printer that is shared, unless it keeps something of ours."""
        if self._wire.connects_per_job and self._wire.is_open and self._held is None:
            self._wire.close(drain_s=1.0)
            self._lose()

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

    def _job(self, data: bytes) -> _Job:
        ident = self._next_process_id() if self.answers and self.has_process_id is not False else b""
        asks_paper = self.answers and not self.has_process_id
        lead = self._lead()
        if self.answers and self._profile.has_asb:
            # ESC @ ends what GS a began.
            if data.startswith(RESET):
                data = RESET + _TELL_CHANGES + data[len(RESET) :]
            elif lead:
                data = _TELL_CHANGES + data
        data += _process_id_request(ident) + (_ASK_PAPER if asks_paper else b"")
        self._jobs += 1
        return _Job(self._jobs, lead + data, len(lead), ident, asks_paper)

    def _work_on(self, job: _Job, deadline: float) -> Verdict:
        """Sends what is left of a job, waits for the printer's word, and gives the verdict."""
        try:
            if not job.is_sent:
                self._has_news = False
                trouble = self._send_rest(job, deadline)
                if trouble and not job.is_begun:
                    return _not_printed(trouble, self._status.sentence)
                if trouble:
                    return self._doubtful(job, trouble, self._status.sentence)
            verdict = self._confirmation(job, deadline)
        except DeviceError as error:
            is_confirmed = self._is_confirmed(job)
            self._lose()
            if isinstance(error, WriteStalled | WriteBroken) and not job.is_begun:
                # Not one byte was taken: that, and only that, proves that nothing is on paper.
                return _not_printed(_code(error), str(error))
            verdict = _PRINTED if is_confirmed else _unknown(_code(error), str(error))
        if verdict.outcome is Outcome.PRINTED:
            self._owed_bytes = 0
            self._doubts.pop(job.ident, None)
            self._held = None
        return verdict

    def _send_rest(self, job: _Job, deadline: float) -> str:
        """Piece by piece, listening between them; '' once all is sent, else the trouble that the printer told of meanwhile.

        A printer that takes them slowly has until the deadline. Raises WriteStalled then.
        """
        if not self.answers:  # a queue takes it whole, or takes it for several jobs
            try:
                self._wire.write(job.data, self._remaining_s(deadline))
            except (WriteStalled, WriteBroken) as error:
                self._count(job, error.sent)
                raise
            job.sent = len(job.data)
        while not job.is_sent:
            self._take(self._wire.read(0))
            if self._tells_changes and self._status.trouble not in ("", "offline"):
                return self._status.trouble
            if self._may_send:
                piece = job.data[job.sent : job.sent + _PIECE_BYTES]
                try:
                    remaining_s = self._remaining_s(deadline)
                    self._wire.write(piece, min(self._poll_s, remaining_s) if self._wire.resumes else remaining_s)
                    self._count(job, len(piece))
                    continue
                except WriteStalled as error:
                    self._count(job, error.sent)
                    if job.sent >= len(job.data):
                        job.sent = len(job.data) - 1  # it says that not all was taken
                    if not self._wire.resumes or self._clock() >= deadline:
                        raise
                except WriteBroken as error:
                    self._count(job, error.sent)
                    raise
            elif self._clock() >= deadline:
                raise WriteStalled("The printer has told this till to wait, and does not take it back.", sent=0)
            self._take(self._wire.read(min(_STALL_S, self._remaining_s(deadline))))
        self._is_fresh = self._must_clear = self._owes_header = False
        self._papers_asked += job.asks_paper
        return ""

    def _count(self, job: _Job, sent: int) -> None:
        job.sent += sent
        if job.sent:  # until confirmed: the printer may sit within a command of this job, waiting for as much
            self._owed_bytes = max(self._owed_bytes, len(job.data) - job.lead)

    def _confirmation(self, job: _Job, deadline: float) -> Verdict:
        if not self.answers:
            self._owed_bytes = 0  # it was taken whole, and more will never be known
            told = self._wire.trouble(self._remaining_s(deadline))
            return _unknown("silent", told or "This printer cannot say whether it has printed.")
        status = PrinterStatus()
        while True:
            self._listen(min(deadline, self._clock() + self._poll_s), lambda: self._has_news)
            self._has_news = False
            # Taken before asking, so that only a status from after the job counts.
            is_worked_off = not self.has_process_id and self._papers_asked == 0
            if not self._is_confirmed(job) and self._question is None and self._clock() < deadline:
                status = self._ask(deadline)
            if self._is_confirmed(job):
                self.has_process_id = True
                return _PRINTED
            if status.trouble not in ("", "offline"):  # offline alone may pass: a pressed feed button
                # An answer from behind the job while it cannot print came from a printer that passes over lines.
                job.is_unprovable = job.is_unprovable or is_worked_off
                return self._doubtful(job, status.trouble, status.sentence)
            if is_worked_off and status.ready and self._is_believed(job):
                return _PRINTED
            if is_worked_off and not (self._profile.has_real_time_status or self._profile.has_asb):
                return _unknown("unconfirmed", "The printer cannot say whether it has printed.")
            if self._clock() >= deadline:
                if self._question is not None:
                    # It may have been switched off: what it says from now on is about another life.
                    self._held = None
                    self._doubts.pop(job.ident, None)
                    return _unknown("silent", "The printer stopped answering.")
                if status.trouble:
                    return self._doubtful(job, status.trouble, status.sentence)
                return self._doubtful(job, "unconfirmed", "The printer did not confirm that it has printed.")

    def _doubtful(self, job: _Job, code: str, sentence: str) -> Verdict:
        """Unknown for now: the printer keeps the rest, and may yet prove the job.

        Where it tells of changes by itself, it must have told that it can print again before an echo counts: a print server
        or a serial line keeps the end of a job over a power cut, and an echo from after that would speak for lines that are
        lost. But a power cut ends the telling as well.
        """
        self._held = job
        job.needs_word = job.needs_word or self._tells_changes
        if job.ident:
            self._doubts[job.ident] = job
            while len(self._doubts) > _DOUBTS:
                del self._doubts[next(iter(self._doubts))]
        return msgspec.structs.replace(_unknown(code, sentence), doubt=job.number)

    def _is_confirmed(self, job: _Job) -> bool:
        return self._is_echoed(job.ident) and self._is_believed(job)

    def _is_believed(self, job: _Job) -> bool:
        return not job.is_unprovable and not (job.needs_word and self._told.trouble)

    def _is_echoed(self, ident: bytes) -> bool:
        return ident != b"" and self._echoed == ident

    def _clear_error(self, deadline: float) -> None:
        self._write(_CLEAR_ERROR, deadline)
        self._is_fresh = True

    def _drawer_verdict(self, done: Verdict, until: float) -> Verdict:
        """What the sensor says, where one is wired, until `until`; else `done`."""
        if self.drawer_opens == "unknown":
            return done
        while not self.drawer_is_open:
            if self._clock() >= until or self._question is not None:
                return Verdict(
                    Outcome.UNKNOWN,
                    "drawer_stuck",
                    "The drawer did not open. Open it with its key, and look at its lock.",
                )
            if not self._listen(min(until, self._clock() + _STALL_S), lambda: bool(self.drawer_is_open)):
                self._ask(until)
        return _PRINTED

    # Bytes out, and back.

    def _lead(self) -> bytes:
        """What goes before the first bytes on a printer whose state is not known to be ours.

        One that was cut off within a command takes what comes next for that command's data. NULs satisfy it, and mean
        nothing to a printer that waits for none.
        """
        if not self._is_fresh:
            return b""
        self._tells_changes = False
        clear = (_CLEAR_ERROR + _CLEAR_BUFFERS) * self._must_clear
        return self._rest_of_header() + clear + bytes(self._owed_bytes) + RESET

    def _rest_of_header(self) -> bytes:
        """What goes before all else, questions as well, on a printer that may have been cut off within a command's length.

        Any other byte would become a part of that length: the printer would wait for as much as 4 GiB. With NULs in their
        places the lengths of every command are at most what they were meant to be, and the job's own size bounds them.
        """
        return bytes(_HEADER_BYTES) * self._owes_header

    def _send(self, data: bytes, deadline: float) -> None:
        self._write(self._lead() + data, deadline)
        self._is_fresh = self._must_clear = self._owes_header = False

    def _put(self, question: bytes, deadline: float, *, in_turn: bool) -> None:
        """A question in its turn is answered only by a printer that waits for nothing else."""
        flush = bytes(self._owed_bytes) * (in_turn and self._owes_header)
        self._write(self._rest_of_header() + flush + question, deadline)
        self._owes_header = False

    def _write(self, data: bytes, deadline: float) -> None:
        self._wire.write(data, self._remaining_s(deadline))

    def _ask(self, deadline: float) -> PrinterStatus:
        """The printer's state, in the best way it has; stops at the first question that is not answered."""
        if self._profile.has_real_time_status:
            status = self._asked_in_real_time(deadline)
        elif self._profile.has_asb:
            status = self._asked_in_turn(deadline)
        else:
            status = self._asked_of_paper_sensor(deadline)
        self._status = status
        return status

    def _asked_in_real_time(self, deadline: float) -> PrinterStatus:
        """DLE EOT 1 to 4, one by one."""
        answers: dict[int, int] = {}
        for n in (1, 2, 3, 4):
            if not self._is_answered(n, _ASK_STATUS + bytes([n]), deadline):
                break
            answers[n] = self._answer
        return PrinterStatus.from_answers(answers)

    def _asked_in_turn(self, deadline: float) -> PrinterStatus:
        """GS a, which a printer that cannot print does not get to; then what it told by itself stands."""
        told = self._status if self._tells_changes and self._status.trouble else PrinterStatus()
        if self._question is not None or not self._is_answered(_AUTOMATIC, _TELL_CHANGES, deadline):
            return told
        return self._status

    def _asked_of_paper_sensor(self, deadline: float) -> PrinterStatus:
        """GS r 1, where there is nothing better; behind a job its own answer says as much."""
        if self._papers_asked == 0:
            self._put(_ASK_PAPER, deadline, in_turn=True)
            self._papers_asked += 1
        until = min(deadline, self._clock() + self._reply_timeout_s)
        if not self._listen(until, lambda: self._papers_asked == 0):
            return PrinterStatus()
        return PrinterStatus.from_paper_sensor(self._paper_sensor)

    def _is_answered(self, question: int, command: bytes, deadline: float) -> bool:
        self._question = question
        self._put(command, deadline, in_turn=question == _AUTOMATIC)
        return self._listen(min(deadline, self._clock() + self._reply_timeout_s), lambda: self._question is None)

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
            self._heard_at = self._clock()
            match event:
                case RealTime(value) if self._question is not None and self._question != _AUTOMATIC:
                    self._question, self._answer = None, value
                case ProcessId(ident):
                    self._echoed = ident
                    self._has_news = True
                    if (job := self._doubts.get(ident)) is not None and self._is_believed(job):
                        self._prove(job)
                case Transmitted(value) if self._papers_asked:
                    self._papers_asked -= 1
                    self._paper_sensor, self._paper_heard_at = value, self._clock()
                    self._answers_paper = True
                    self._has_news = True
                case AutomaticStatus(told):
                    self._hear_automatic(PrinterStatus.from_automatic(told))
                case Block() if self._wanted is not None and self._wanted(event):
                    self._wanted, self._block = None, event
                case FlowControl(ready):
                    self._may_send = ready
                case WentOffline():
                    self._has_news = True
                case _:
                    pass  # late answers, answers to others' questions

    def _hear_automatic(self, status: PrinterStatus) -> None:
        self._has_news = self._has_news or status != self._status
        self._status = status
        self._tells_changes = True
        if self._question == _AUTOMATIC:
            self._question = None
            return
        self._told = status
        if self._held is not None and self._held.is_sent and self._is_confirmed(self._held):
            self._prove(self._held)

    def _prove(self, job: _Job) -> None:
        self._doubts.pop(job.ident, None)
        self._proven.append(job.number)
        if self._held is job:
            self._held = None
        self._owed_bytes = 0

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
