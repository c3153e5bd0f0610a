"""One job on its way to a printer: sent piece by piece, confirmed by the printer's own word, or in doubt.

It says what became of a job that may be sent. Whether it may be is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from drivers.conversation import ASK_PAPER, TELL_CHANGES, Conversation, process_id_request
from drivers.errors import DeviceError
from drivers.escpos import RESET
from drivers.keepsake import Keepsake
from drivers.status import PrinterStatus
from drivers.verdict import PRINTED, Outcome, Verdict, code_of, not_printed, unknown
from drivers.wires import WriteBroken, WriteStalled

_PIECE_BYTES = 4096  # after each the printer is listened to: nothing more goes to one that says it cannot print
_STALL_S = 0.05  # between two tries at a wire that took nothing
_ASK_EVERY_S = 0.05
_DOUBTS = 32


@dataclass
class Job:
    """A job on its way: `data` is what the printer gets, of which `lead` bytes stand before the job's own."""

    number: int
    data: bytes
    lead: int
    ident: bytes
    asks_paper: bool
    has_keepsake: bool = False
    may_hide_a_cut: bool = False  # nothing that the printer can say would show that it had power all through it
    is_answered: bool = False  # the printer has confirmed it, and is still to show that it remembers the keepsake
    is_asked: bool = False  # about the keepsake, behind that
    sent: int = 0
    needs_word: bool = False  # see doubtful
    is_unprovable: bool = False

    @property
    def is_begun(self) -> bool:
        """Whether a byte of the job's own may be with the printer."""
        return self.sent > self.lead

    @property
    def is_sent(self) -> bool:
        return self.sent == len(self.data)


class Jobs:
    """The jobs of one printer: the one under way, the one that is held, and those in doubt."""

    def __init__(self, talk: Conversation, keepsake: Keepsake, *, poll_s: float) -> None:
        self._talk = talk
        self._keepsake = keepsake
        self._poll_s = poll_s
        self.held: Job | None = None  # unknown, and the printer or this driver may still keep a part of it
        self.doubts: dict[bytes, Job] = {}
        self.proven: list[int] = []
        self._made = 0
        talk.when_echoed, talk.when_told, talk.when_lost = self._hear_echo, self._hear_change, self._lose
        talk.when_remembered = self._hear_keepsake

    def keeps(self, doubt: int) -> bool:
        """Whether the rest of that unknown job can still come out: by itself, or by `go_on`."""
        return self.held is not None and self.held.number == doubt

    def status_of_held(self, job: Job, deadline: float) -> PrinterStatus:
        """Asks a printer that keeps the rest of a job, and takes an answer from behind that job for what it is worth."""
        self._talk.connect(deadline)
        for _ in range(2):
            is_worked_off = job.asks_paper and self._talk.papers_asked == 0  # before asking, as in _confirmation
            status = self._talk.connected_status(deadline)
            if is_worked_off and self.keeps(job.number):
                job.is_unprovable = job.is_unprovable or bool(status.trouble)
                if status.ready and self.is_believed(job):
                    self._confirm(job)
            if is_worked_off or not self.keeps(job.number) or self._talk.papers_asked:
                break  # else the answer came in between, and the status is asked for once more
        self.ask_keepsake(deadline)
        if job.is_asked and self.keeps(job.number):
            until = min(deadline, self._talk.clock() + self._talk.reply_timeout_s)
            if not self._talk.listen(until, lambda: not self.keeps(job.number)):
                status = self._talk.connected_status(deadline)
                if self.keeps(job.number) and status.ready:
                    self.held = None
        return status

    def ask_keepsake(self, deadline: float) -> None:
        """On behalf of those in doubt that the printer has confirmed meanwhile; within what is still to be sent it cannot."""
        if self.held is not None and not self.held.is_sent:
            return
        confirmed = [job for job in (*self.doubts.values(), self.held) if job is not None and job.is_answered]
        if not all(job.is_asked for job in confirmed):
            self._keepsake.ask(deadline)
            for job in confirmed:
                job.is_asked = True

    def catch_up(self, job: Job, deadline: float) -> None:
        if self.work_on(job, deadline).outcome is Outcome.PRINTED and job.number not in self.proven:
            self.proven.append(job.number)

    def made(self, data: bytes) -> Job:
        ident = self._talk.next_process_id() if self._talk.answers and self._talk.has_process_id is not False else b""
        asks_paper = self._talk.answers and not self._talk.has_process_id
        lead = self._talk.lead()
        has_keepsake = self._keepsake.goes_with(data)
        may_hide_a_cut = not has_keepsake and self._talk.wire.hides_power_cuts
        definition = b""
        if has_keepsake:
            definition = self._keepsake.made()  # takes the place of that of those in doubt, who can show no other
            self.doubts = {one: job for one, job in self.doubts.items() if not job.has_keepsake}
        if self._talk.answers and self._talk.profile.has_asb:
            # ESC @ ends what GS a began.
            if data.startswith(RESET):
                data = RESET + TELL_CHANGES + data[len(RESET) :]
            elif lead:
                data = TELL_CHANGES + data
        data += self._keepsake.end() if has_keepsake else b""
        data += process_id_request(ident) + (ASK_PAPER if asks_paper else b"")
        lead += definition
        self._made += 1
        return Job(self._made, lead + data, len(lead), ident, asks_paper, has_keepsake, may_hide_a_cut)

    def work_on(self, job: Job, deadline: float) -> Verdict:
        """Sends what is left of a job, waits for the printer's word, and gives the verdict."""
        try:
            if not job.is_sent:
                self._talk.has_news = False
                trouble = self._send_rest(job, deadline)
                if trouble and not job.is_begun:
                    if job.sent:  # a part of what goes before it
                        self._talk.is_fresh = self._talk.owes_header = True
                    return not_printed(trouble, self._talk.status.sentence)
                if trouble:
                    return self.doubtful(job, trouble, self._talk.status.sentence)
            verdict = self._confirmation(job, deadline)
        except DeviceError as error:
            is_confirmed = self.is_confirmed(job)
            self._talk.lose()
            if isinstance(error, WriteStalled | WriteBroken) and not job.is_begun:
                # Not one byte was taken: that, and only that, proves that nothing is on paper.
                return not_printed(code_of(error), str(error))
            verdict = PRINTED if is_confirmed and not job.has_keepsake else unknown(code_of(error), str(error))
        if verdict.outcome is Outcome.PRINTED:
            self._talk.owed_bytes = 0
            self.doubts.pop(job.ident, None)
            self.held = None
        return verdict

    def _send_rest(self, job: Job, deadline: float) -> str:
        """Piece by piece, listening between them; '' once all is sent, else the trouble that the printer told of meanwhile.

        A printer that takes them slowly has until the deadline. Raises WriteStalled then.
        """
        if not self._talk.answers:  # a queue takes it whole, or takes it for several jobs
            try:
                self._talk.wire.write(job.data, self._talk.remaining_s(deadline))
            except (WriteStalled, WriteBroken) as error:
                self._count(job, error.sent)
                raise
            job.sent = len(job.data)
        while not job.is_sent:
            self._talk.take(self._talk.wire.read(0))
            if self._talk.tells_changes and self._talk.status.trouble not in ("", "offline"):
                return self._talk.status.trouble
            if self._talk.may_send:
                piece = job.data[job.sent : job.sent + _PIECE_BYTES]
                try:
                    remaining_s = self._talk.remaining_s(deadline)
                    self._talk.wire.write(
                        piece, min(self._poll_s, remaining_s) if self._talk.wire.resumes else remaining_s
                    )
                    self._count(job, len(piece))
                    continue
                except WriteStalled as error:
                    self._count(job, error.sent)
                    if job.sent >= len(job.data):
                        job.sent = len(job.data) - 1  # it says that not all was taken
                    if not self._talk.wire.resumes or self._talk.clock() >= deadline:
                        raise
                except WriteBroken as error:
                    self._count(job, error.sent)
                    raise
            elif self._talk.clock() >= deadline:
                raise WriteStalled("The printer has told this till to wait, and does not take it back.", sent=0)
            self._talk.take(self._talk.wire.read(min(_STALL_S, self._talk.remaining_s(deadline))))
        self._talk.is_fresh = self._talk.must_clear = self._talk.owes_header = False
        self._talk.papers_asked += job.asks_paper
        return ""

    def _count(self, job: Job, sent: int) -> None:
        job.sent += sent
        if job.sent:  # until confirmed: the printer may sit within a command of this job, waiting for as much
            self._talk.owed_bytes = max(self._talk.owed_bytes, len(job.data) - job.lead)

    def _confirmation(self, job: Job, deadline: float) -> Verdict:
        if not self._talk.answers:
            # It was taken whole, and more will never be known: whoever hands it on may still leave out its end.
            hands_on = not self._talk.wire.answers
            self._talk.owed_bytes = len(job.data) - job.lead if hands_on else 0
            self._talk.owes_header = self._talk.is_fresh = hands_on
            told = self._talk.wire.trouble(self._talk.remaining_s(deadline))
            return unknown("silent", told or "This printer cannot say whether it has printed.")
        if job.is_answered:
            return self._verdict_by_keepsake(job, deadline)
        status = PrinterStatus()
        ask_again_at = self._talk.clock()
        while True:
            self._talk.listen(min(deadline, self._talk.clock() + self._poll_s), lambda: self._talk.has_news)
            # A question may bring news of its own, from a printer that answers twice: not to be asked without end.
            self._talk.listen(min(deadline, ask_again_at), lambda: self.is_confirmed(job))
            self._talk.has_news = False
            # Taken before asking, so that only a status from after the job counts.
            is_worked_off = not self._talk.has_process_id and self._talk.papers_asked == 0
            if not self.is_confirmed(job) and self._talk.question is None and self._talk.clock() < deadline:
                status = self._talk.ask(deadline)
                ask_again_at = self._talk.clock() + _ASK_EVERY_S
            if self.is_confirmed(job):
                self._talk.has_process_id = True
                return self._verdict_by_keepsake(job, deadline)
            if job.may_hide_a_cut and self._talk.is_echoed(job.ident):
                self._talk.has_process_id = True
                return self._unproven(job)
            if status.trouble not in ("", "offline"):  # offline alone may pass: a pressed feed button
                # An answer from behind the job while it cannot print came from a printer that passes over lines.
                job.is_unprovable = job.is_unprovable or is_worked_off
                return self.doubtful(job, status.trouble, status.sentence)
            if is_worked_off and status.ready and job.may_hide_a_cut:
                return self._unproven(job)
            if is_worked_off and status.ready and self.is_believed(job):
                return self._verdict_by_keepsake(job, deadline)
            if is_worked_off and not (self._talk.profile.has_real_time_status or self._talk.profile.has_asb):
                return unknown("unconfirmed", "The printer cannot say whether it has printed.")
            if self._talk.clock() >= deadline:
                return self._unconfirmed(job, status)

    def _unconfirmed(self, job: Job, status: PrinterStatus) -> Verdict:
        if self._talk.question is not None:
            # It may have been switched off: what it says from now on is about another life.
            self._forget(job)
            return unknown("silent", "The printer stopped answering.")
        if status.trouble:
            return self.doubtful(job, status.trouble, status.sentence)
        return self.doubtful(job, "unconfirmed", "The printer did not confirm that it has printed.")

    def _verdict_by_keepsake(self, job: Job, deadline: float) -> Verdict:
        """Of a job that the printer has confirmed: printed, if it has had power all the time."""
        if not job.has_keepsake:
            return PRINTED
        job.is_answered = True
        if not job.is_asked:
            self._keepsake.ask(deadline)
            job.is_asked = True
        until = self._talk.clock() + self._talk.reply_timeout_s
        if self._talk.listen(min(deadline, until), lambda: self._talk.is_remembered):
            return PRINTED
        is_past = self._keepsake.ask_behind(deadline)
        status = PrinterStatus()
        while True:
            until = self._talk.clock() + self._poll_s
            self._talk.listen(min(deadline, until), lambda: self._talk.is_remembered or is_past())
            if self._talk.is_remembered:
                return PRINTED
            if is_past():
                self._forget(job)
                self._talk.is_fresh = True
                self._talk.has_macros = None  # or it is another printer, which has none
                return unknown("restarted", "The printer was switched off and on while it printed.")
            if self._talk.question is None and self._talk.clock() < deadline:
                status = self._talk.ask(deadline)
            if status.trouble not in ("", "offline") or self._talk.clock() >= deadline:
                return self._unconfirmed(job, status)

    def _unproven(self, job: Job) -> Verdict:
        self._forget(job)
        self._talk.owed_bytes = 0  # it has worked off all of it that it got
        self._talk.is_fresh = True
        return unknown("unproven", "The printer has answered, but cannot show that it had power all the time.")

    def _forget(self, job: Job) -> None:
        """Nothing that the printer says from now on is about this job."""
        self.doubts.pop(job.ident, None)
        if self.held is job:
            self.held = None

    def doubtful(self, job: Job, code: str, sentence: str) -> Verdict:
        """Unknown for now: the printer keeps the rest, and may yet prove the job.

        Where it tells of changes by itself, and has no keepsake, it must have told that it can print again before an echo
        counts: a print server or a serial line keeps the end of a job over a power cut, and an echo from after that would speak
        for lines that are lost. But a power cut ends the telling as well.
        """
        self.held = job
        job.needs_word = job.needs_word or (self._talk.tells_changes and not job.has_keepsake)
        if job.ident:
            self.doubts[job.ident] = job
            while len(self.doubts) > _DOUBTS:
                del self.doubts[next(iter(self.doubts))]
        return msgspec.structs.replace(unknown(code, sentence), doubt=job.number)

    def is_confirmed(self, job: Job) -> bool:
        """By its echo."""
        return self._talk.is_echoed(job.ident) and self.is_believed(job)

    def is_believed(self, job: Job) -> bool:
        is_unprovable = job.is_unprovable or job.may_hide_a_cut
        return not is_unprovable and not (job.needs_word and self._talk.told.trouble)

    def _confirm(self, job: Job) -> None:
        job.is_answered = True
        if not job.has_keepsake:
            self.prove(job)

    def prove(self, job: Job) -> None:
        self.doubts.pop(job.ident, None)
        self.proven.append(job.number)
        if self.held is job:
            self.held = None
        self._talk.owed_bytes = 0

    def _hear_echo(self, ident: bytes) -> None:
        if (job := self.doubts.get(ident)) is not None and self.is_confirmed(job):
            self._confirm(job)

    def _hear_change(self) -> None:
        if self.held is not None and self.held.is_sent and self.is_confirmed(self.held):
            self._confirm(self.held)

    def _hear_keepsake(self) -> None:
        for job in (*self.doubts.values(), self.held):
            if job is not None and job.is_asked and job.number not in self.proven:
                self.prove(job)

    def _lose(self) -> None:
        self.held = None
        self.doubts.clear()
