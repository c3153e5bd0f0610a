"""One receipt printer on one wire: its state, and for every job a verdict on whether it is on paper.

The verdict is never a guess. Before the first byte the printer is asked, and a printer that cannot print, or does not
answer, gets nothing: not printed. After it, only the printer's own word counts: the echo of a process id (GS ( H fn 48),
or, on printers without, an answer from behind the job (GS r) and then a clean status; and that it has had power all the time:
its macro says so (`keepsake`), or a wire that breaks with it. All else is unknown. That the bytes were accepted says nothing.
Nothing is ever sent twice; printing again is the decision of a person.

An unknown job may still come out: a printer without paper keeps what it has not printed, and goes on with a new roll. Its
late echo proves that job (`proven`). A person may also tell it to go on, or to drop the rest.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Literal

from drivers.conversation import ASK_PAPER, CLEAR_BUFFERS, CLEAR_ERROR, Conversation, process_id_request
from drivers.errors import DeviceError
from drivers.escpos import PULSE, Profile
from drivers.jobs import Job, Jobs
from drivers.keepsake import Keepsake
from drivers.status import Block, Level, PrinterStatus
from drivers.verdict import PRINTED, Outcome, Verdict, code_of, not_printed, unknown
from drivers.wires import Wire

__all__ = ["Outcome", "Printer", "Verdict"]

_RESUME = b"\x10\x05\x01"  # DLE ENQ 1: goes on from the line that failed, after an error that can be recovered from
_PULSE_AT_ONCE = b"\x10\x14\x01"  # DLE DC4 1 m t, t in units of 100 ms: obeyed also by a printer that cannot print
_STALL_S = 0.05  # between two tries at a wire that took nothing
_FRESH_S = 3.0  # how long a printer that tells of changes by itself is believed to be as it last said


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
        self.drawer_opens = drawer_opens
        self._settle_s = settle_s
        self._poll_s = poll_s
        self._talk = Conversation(
            wire, profile, clock, reply_timeout_s=reply_timeout_s, first_process_id=first_process_id
        )
        self._keepsake = Keepsake(self._talk, settle_s=settle_s)
        self._jobs = Jobs(self._talk, self._keepsake, poll_s=poll_s)

    @property
    def has_process_id(self) -> bool | None:
        """Whether it echoes process ids; None until that is known."""
        return self._talk.has_process_id

    @has_process_id.setter
    def has_process_id(self, has: bool | None) -> None:
        self._talk.has_process_id = has

    @property
    def has_macros(self) -> bool | None:
        """Whether it runs macros, which then show that it had power all through a job; None until that is known."""
        return self._talk.has_macros

    @property
    def answers(self) -> bool:
        """False where nothing ever comes back: every job's verdict is then at most unknown."""
        return self._talk.answers

    def keeps(self, doubt: int) -> bool:
        """Whether the rest of that unknown job can still come out: by itself, or by `go_on`."""
        return self._jobs.keeps(doubt)

    @property
    def connection(self) -> int:
        """Which connection this is, counted from 1; 0 where none is open. On another there may be another printer."""
        return self._talk.connections if self._talk.wire.is_open else 0

    @property
    def is_idle(self) -> bool:
        """Whether it is connected and nothing of a job is with it: it can be told what prints nothing.

        One that is shared never is: the connection ends with each job.
        """
        return (
            self.answers
            and self._talk.wire.is_open
            and self._jobs.held is None
            and not self._jobs.doubts
            and self._talk.question is None
            and self._talk.may_send
        )

    @property
    def drawer_is_open(self) -> bool | None:
        """As the drawer's sensor last said; None where none is wired, or nothing was said yet."""
        if "unknown" in (self.drawer_opens, self._talk.status.drawer_pin):
            return None
        return self._talk.status.drawer_pin == self.drawer_opens

    def status(self, timeout_s: float = 2.0) -> PrinterStatus:
        """What the printer says about itself; what it does not say is unknown. Raises DeviceError without a connection."""
        deadline = self._talk.clock() + timeout_s
        try:
            if self._jobs.held is not None and not self._jobs.held.is_sent:
                return self.hear()  # a question would land within what is still to be sent
            if self._jobs.held is None:
                status = self._talk.connected_status(deadline)
            else:
                status = self._jobs.status_of_held(self._jobs.held, deadline)
            self._end_turn()
            return status
        except DeviceError:
            self._talk.lose()
            raise

    def hear(self) -> PrinterStatus:
        """Takes in what the printer has said by itself, without asking or waiting; what it is known to be like.

        Goes on with a job that was interrupted, where the printer can print again. Raises DeviceError where the connection broke.
        """
        if self._talk.wire.is_open:
            try:
                self._talk.take(self._talk.wire.read(0))
                if self._jobs.held is not None and not self._jobs.held.is_sent and not self._talk.status.trouble:
                    self._jobs.catch_up(self._jobs.held, self._talk.clock() + self._poll_s)
                self._jobs.ask_keepsake(self._talk.clock() + self._poll_s)
            except DeviceError:
                self._talk.lose()
                raise
        return self._talk.status

    def print(self, data: bytes, *, timeout_s: float, connection: int = 0, elsewhere: bytes = b"") -> Verdict:
        """Prints one job, whose last line is ended, and says what became of it. No trouble of a device is raised.

        `elsewhere` is printed instead where the connection has become another one: `data` may name what only one printer keeps.
        """
        if not data:
            raise ValueError("there is nothing to print")
        deadline = self._talk.clock() + timeout_s
        try:
            refusal = self._refusal(deadline)
        except DeviceError as error:
            self._talk.lose()
            return not_printed(code_of(error), f"{error} {error.hint}".strip())
        if refusal is not None:
            return refusal
        if elsewhere and connection != self.connection:
            data = elsewhere
        verdict = self._jobs.work_on(self._jobs.made(data), deadline)
        self._end_turn()
        return verdict

    def proven(self) -> list[int]:
        """The `doubt` of every unknown job that has turned out to be printed since this was last asked."""
        proven, self._jobs.proven = self._jobs.proven, []
        return proven

    def go_on(self, *, timeout_s: float) -> Verdict:
        """Lets the printer print the rest of the job that it keeps; its verdict anew. Nothing is sent a second time."""
        job, deadline = self._jobs.held, self._talk.clock() + timeout_s
        if job is None:
            return unknown("unconfirmed", "The printer no longer keeps this receipt.")
        try:
            if job.is_sent:
                status = self._talk.ask(deadline)
                if status.error in ("cutter", "recoverable"):
                    self._talk.write(_RESUME, deadline)
                    self._talk.ask(deadline)
            else:
                self.hear()
        except DeviceError as error:
            self._talk.lose()
            return unknown(code_of(error), str(error))
        if self._talk.status.trouble:
            return self._jobs.doubtful(job, self._talk.status.trouble, self._talk.status.sentence)
        verdict = self._jobs.work_on(job, deadline)
        self._end_turn()
        return verdict

    def drop(self) -> None:
        """The rest of an unknown job is not wanted any more: a person has settled it, or prints it again as a whole."""
        if self._jobs.held is not None:
            self._jobs.doubts.pop(self._jobs.held.ident, None)
            self._talk.owes_header = not self._jobs.held.is_sent
            self._jobs.held = None
            self._talk.must_clear = self._talk.is_fresh = True
            with contextlib.suppress(DeviceError):  # what it does not take now goes before the next job
                self._talk.wire.write(self._talk.rest_of_header() + CLEAR_ERROR + CLEAR_BUFFERS, self._poll_s)
                self._talk.must_clear = self._talk.owes_header = False

    def open_drawer(self, pin: Literal[2, 5] = 2, *, timeout_s: float = 3.0) -> Verdict:
        """Kicks the cash drawer on that pin: now, or not at all.

        Change must be given also without paper. So a printer that cannot print gets the real-time pulse, which no line before
        it holds up; one that can gets it as a job of its own. Printed means that it is open: its sensor says so, or, where
        none is wired, the printer has done what was asked.
        """
        deadline = self._talk.clock() + timeout_s
        wait_s = min(timeout_s, self._talk.reply_timeout_s)
        if self.answers and self._talk.profile.has_real_time_pulse and self._talk.profile.has_real_time_status:
            try:
                if not (self._jobs.held is not None and not self._jobs.held.is_sent):
                    status = self._talk.connected_status(deadline)
                    if self._talk.question is None and (status.trouble or self._jobs.held is not None):
                        self._talk.write(_PULSE_AT_ONCE + bytes([pin == 5, 1]), deadline)
                        told = unknown(
                            "unconfirmed", "The printer was told to open the drawer, and cannot say whether it did."
                        )
                        return self._drawer_verdict(told, self._talk.clock() + wait_s)
            except DeviceError as error:
                self._talk.lose()
                return not_printed(code_of(error), f"{error} {error.hint}".strip())
        verdict = self.print(PULSE if pin == 2 else PULSE.replace(b"p\x00", b"p\x01"), timeout_s=timeout_s)
        if verdict.outcome is not Outcome.PRINTED:
            return verdict
        try:
            return self._drawer_verdict(verdict, self._talk.clock() + wait_s)
        except DeviceError:
            self._talk.lose()
            return unknown("unconfirmed", "The connection broke before the drawer's sensor could say that it is open.")

    def ask(self, question: bytes, is_answer: Callable[[Block], bool], *, timeout_s: float) -> Block | None:
        """The answer of an idle printer to a question that is answered in its turn, as a block; None where none came.

        An answer shows that all before it was worked off. Raises DeviceError; the connection is closed then, as after a job.
        """
        if not self.is_idle:
            return None
        deadline = self._talk.clock() + timeout_s
        try:
            self._talk.take(self._talk.wire.read(0))
            self._talk.wanted, self._talk.block = is_answer, None
            self._talk.send(question, deadline)
            self._talk.listen(deadline, lambda: self._talk.block is not None)
        except DeviceError:
            self._talk.lose()
            raise
        finally:
            self._talk.wanted = None
        if self._talk.block is None:
            self._talk.is_fresh = True  # one that does not know the question may have taken it for letters
        else:
            self._talk.owed_bytes = 0
        return self._talk.block

    def tell(self, data: bytes, *, timeout_s: float) -> bool:
        """Sends an idle printer what prints nothing and is not answered; False where it is not idle.

        Until it answers a question behind that, it may sit within it: the next job flushes that out first. Raises DeviceError.
        """
        if not self.is_idle:
            return False
        try:
            lead = self._talk.lead()
            self._talk.owed_bytes = max(self._talk.owed_bytes, len(data))
            self._talk.write(lead + data, self._talk.clock() + timeout_s)
        except DeviceError:
            self._talk.lose()
            raise
        self._talk.is_fresh = self._talk.must_clear = self._talk.owes_header = False
        return True

    def close(self) -> None:
        """Closes the wire; the next call opens it again."""
        self._talk.wire.close(drain_s=1.0)

    def _refusal(self, deadline: float) -> Verdict | None:
        """Why nothing may be sent now; None when the job can start."""
        if not self.answers:
            self._talk.connect(deadline)
            return None
        if self._talk.wire.is_open:
            with contextlib.suppress(DeviceError):  # it broke since the last job, and is opened again
                self._talk.take(self._talk.wire.read(0))
                if self._is_known_to_be_well:
                    return None
        if self._jobs.held is not None and (refusal := self._refusal_by_held(self._jobs.held, deadline)):
            return refusal
        status = self._talk.connected_status(deadline)
        if status.error in ("cutter", "recoverable") and status.trouble in ("cutter", "error"):
            self._clear_error(deadline)  # what it drops belongs to a job that was given its verdict
            status = self._talk.ask(deadline)
        if status.trouble:
            return not_printed(status.trouble, status.sentence)
        if status.online is None:
            return not_printed("silent", status.sentence)
        must_settle = self.has_process_id is None or (self.has_process_id is False and self._talk.papers_asked > 0)
        if must_settle and not self._settled(deadline) and self._talk.answers_paper:
            return not_printed("catching_up", "The printer is still busy with what it was sent before.")
        if self._talk.has_macros is None and self._keepsake.is_possible:
            self._keepsake.learn(deadline)
        if not self.has_process_id:
            # An answer that a line doubles comes right behind the first: wait until none can be taken for the next job's.
            self._talk.listen(min(deadline, self._talk.paper_heard_at + self._settle_s), lambda: False)
        return None

    @property
    def _is_known_to_be_well(self) -> bool:
        """Whether to ask once more would bring nothing: it tells of changes by itself, and was heard a moment ago."""
        return bool(
            self._talk.tells_changes
            and self._talk.wire.resumes  # the others may not notice at once that their far end has gone
            and not self._talk.is_fresh
            and self.has_process_id
            and self._talk.has_macros is not None
            and self._jobs.held is None
            and self._talk.question is None
            and self._talk.may_send
            and self._talk.status.ready
            and self._talk.clock() - self._talk.heard_at < _FRESH_S
        )

    def _refusal_by_held(self, job: Job, deadline: float) -> Verdict | None:
        """An unknown job may still be coming out: nothing goes to the printer behind it before it can print again."""
        wait_until = min(deadline, self._talk.clock() + self._talk.reply_timeout_s)
        if not job.is_sent:
            if not self._talk.status.trouble:
                self._jobs.catch_up(job, wait_until)
            if self.keeps(job.number) and not job.is_sent:
                if self._talk.status.trouble:
                    return not_printed(self._talk.status.trouble, self._talk.status.sentence)
                return not_printed("catching_up", "The printer is still busy with the receipt before.")
            return None
        status = self._jobs.status_of_held(job, deadline)
        if self.keeps(job.number) and not status.trouble:
            # Its echo might give way to the next one's.
            self._talk.listen(
                wait_until,
                lambda: (
                    job.is_answered or not self.keeps(job.number) or (job.asks_paper and not self._talk.papers_asked)
                ),
            )
            if self.keeps(job.number):
                status = self._jobs.status_of_held(job, deadline)
        if self.keeps(job.number) and status.trouble:
            return not_printed(status.trouble, status.sentence)
        self._jobs.held = None
        return None

    def _end_turn(self) -> None:
        """Lets others at a printer that is shared, unless it keeps something of ours."""
        if self._talk.wire.connects_per_job and self._talk.wire.is_open and self._jobs.held is None:
            self._talk.wire.close(drain_s=1.0)
            self._talk.lose()

    def _settled(self, deadline: float) -> bool:
        """Waits until answers to come can only be to the next job, and learns whether the printer echoes process ids.

        Answers from behind earlier jobs stand side by side, so soon after the first there is none left to come.
        """
        ident = self._talk.next_process_id() if self.has_process_id is None else b""
        self._talk.send(process_id_request(ident) + ASK_PAPER, deadline)
        self._talk.papers_asked += 1
        asked = self._talk.papers_asked
        reply_by = min(deadline, self._talk.clock() + self._talk.reply_timeout_s)
        if not self._talk.listen(reply_by, lambda: self._talk.papers_asked < asked or self._talk.is_echoed(ident)):
            return False
        self._talk.owed_bytes = 0
        rest_by = min(deadline, self._talk.clock() + self._settle_s)
        self._talk.listen(rest_by, lambda: self._talk.papers_asked == 0 and (not ident or self._talk.is_echoed(ident)))
        if ident:
            self._talk.has_process_id = self._talk.is_echoed(ident)
        if self._talk.papers_asked and not self.has_process_id:
            self._talk.open(deadline)  # the missing answers were lost; should they come after all, they find nobody
        self._talk.papers_asked = 0
        return True

    def _clear_error(self, deadline: float) -> None:
        self._talk.write(CLEAR_ERROR, deadline)
        self._talk.is_fresh = True

    def _drawer_verdict(self, done: Verdict, until: float) -> Verdict:
        """What the sensor says, where one is wired, until `until`; else `done`."""
        if self.drawer_opens == "unknown":
            return done
        while not self.drawer_is_open:
            if self._talk.clock() >= until or self._talk.question is not None:
                return Verdict(
                    Outcome.UNKNOWN,
                    "drawer_stuck",
                    "The drawer did not open. Open it with its key, and look at its lock.",
                )
            if not self._talk.listen(min(until, self._talk.clock() + _STALL_S), lambda: bool(self.drawer_is_open)):
                self._talk.ask(until)
        return PRINTED
