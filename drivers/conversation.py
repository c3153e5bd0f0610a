"""What is said between a till and a receipt printer on one wire: questions and answers, and what the printer is still owed.

Knows which question is open, what was last heard, and what must go before the next bytes so that they mean what they say. It
knows no job: whoever sends one is told of echoes, of changes, and of a lost connection.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from drivers.errors import DeviceError
from drivers.escpos import RESET, Profile
from drivers.status import (
    AutomaticStatus,
    Block,
    FlowControl,
    PrinterStatus,
    ProcessId,
    RealTime,
    StatusReader,
    Transmitted,
    WentOffline,
)
from drivers.wires import Wire

_ASK_STATUS = b"\x10\x04"  # DLE EOT n
CLEAR_ERROR = b"\x10\x05\x02"  # DLE ENQ 2: drops what is buffered and goes on
CLEAR_BUFFERS = b"\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"  # DLE DC4 8: drops what is buffered, also without an error
ASK_PAPER = b"\x1dr\x01"  # GS r 1: answered in its turn, behind the data before it
TELL_CHANGES = b"\x1da\x0f"  # GS a: tells at once, and from then on by itself, of drawer, cover, paper and errors
_ASK_PROCESS_ID = b"\x1d(H\x06\x0000"  # GS ( H fn 48, followed by four characters
END_MACRO = (
    b"\x1d^\x00\x00\x00"  # GS ^, no times: ends a macro's definition that was cut off before its end, and clears it
)
_HEADER_BYTES = 16  # more than stand between the first byte of a command and the last of its length
_AUTOMATIC = -1  # the open question is GS a, not a DLE EOT n


class Conversation:
    """Not thread-safe. What is public is for whoever sends jobs; deadlines are times of `clock`."""

    def __init__(
        self,
        wire: Wire,
        profile: Profile,
        clock: Callable[[], float],
        *,
        reply_timeout_s: float,
        first_process_id: int | None,
    ) -> None:
        self.has_process_id = profile.has_process_id
        self.has_macros = profile.has_macros
        self.profile = profile
        self.wire = wire
        self.clock = clock
        self.reply_timeout_s = reply_timeout_s
        # Random, so that the late echo of an id from before a restart is no echo of ours.
        self._process_number = secrets.randbelow(95**4) if first_process_id is None else first_process_id
        self._reader = StatusReader()
        self.question: int | None = None  # the n of a DLE EOT still to be answered; never two at a time
        self._answer = 0
        self._echoed = b""  # the last process id heard
        self.keepsake = (
            b""  # a process id that nothing but the printer's macro asks for; without process ids it asks GS a
        )
        self.is_remembered = False  # whether that has been answered; whoever asks sets it back before
        self.papers_asked = 0  # GS r commands whose answers are still to come, over all connections
        self._paper_sensor = 0  # what the last of them said
        self.paper_heard_at = -1e9
        self.answers_paper = False  # whether it ever answered one
        self.has_news = False  # something came that may decide about the job under way
        self.is_fresh = True  # the printer's state is not known to be ours: begin with ESC @
        self.must_clear = False  # what the printer still keeps of an earlier job is to be dropped
        self.owed_bytes = 0  # how much of a job may be missing that the printer still waits for
        self.owes_header = False  # it may wait for a command's length, which the next bytes would become
        self.may_send = True  # no XOFF stands
        self.status = PrinterStatus()  # the last that was said
        self.told = PrinterStatus()  # the last that it said without being asked
        self.tells_changes = False  # an automatic status has come on this connection, and no ESC @ has ended that
        self.heard_at = -1e9
        self.connections = 0
        self.wanted: Callable[[Block], bool] | None = None  # which block answers the question that was put last
        self.block: Block | None = None
        self.when_echoed: Callable[[bytes], None] = lambda ident: None
        self.when_told: Callable[[], None] = lambda: None
        self.when_remembered: Callable[[], None] = lambda: None
        self.when_lost: Callable[[], None] = lambda: None

    @property
    def answers(self) -> bool:
        """False where nothing ever comes back: every job's verdict is then at most unknown."""
        return self.profile.answers and self.wire.answers

    def connected_status(self, deadline: float) -> PrinterStatus:
        """Asks on the connection there is; if that has died meanwhile, or owes an answer, asks once more on a new one."""
        was_open = self.connect(deadline)
        try:
            status = self.ask(deadline)
            if self.question is None or not was_open:
                return status
        except DeviceError:
            if not was_open:
                raise
        self.open(deadline)
        return self.ask(deadline)

    def connect(self, deadline: float) -> bool:
        """Makes sure of a connection that owes no answer; whether it was there before."""
        if self.wire.is_open:
            try:
                self.take(self.wire.read(0))
                if self.question is None:
                    return True
            except DeviceError:
                pass  # it broke since the last job, and nothing of the next one has been sent
        self.open(deadline)
        return False

    def open(self, deadline: float) -> None:
        self.lose()
        self.wire.open(self.remaining_s(deadline))
        self.connections += 1

    def lose(self) -> None:
        """Nothing of this connection is left: not its answers, nor what was still to be sent on it."""
        self.when_lost()
        self.wire.close()
        self._reader = StatusReader()
        self.question = None
        self.is_fresh = self.may_send = True
        self.owes_header = self.owed_bytes > 0
        self.tells_changes = self.is_remembered = False
        self.status = self.told = PrinterStatus()

    def is_echoed(self, ident: bytes) -> bool:
        return ident != b"" and self._echoed == ident

    def lead(self) -> bytes:
        """What goes before the first bytes on a printer whose state is not known to be ours.

        One that was cut off within a command takes what comes next for that command's data. NULs satisfy it, and mean
        nothing to a printer that waits for none.
        """
        if not self.is_fresh:
            return b""
        self.tells_changes = False
        clear = (CLEAR_ERROR + CLEAR_BUFFERS) * self.must_clear
        return self.rest_of_header() + clear + bytes(self.owed_bytes) + END_MACRO * bool(self.has_macros) + RESET

    def rest_of_header(self) -> bytes:
        """What goes before all else, questions as well, on a printer that may have been cut off within a command's length.

        Any other byte would become a part of that length: the printer would wait for as much as 4 GiB. With NULs in their
        places the lengths of every command are at most what they were meant to be, and the job's own size bounds them.
        """
        return bytes(_HEADER_BYTES) * self.owes_header

    def send(self, data: bytes, deadline: float) -> None:
        """A question in its turn. Until it is answered, the printer may have been cut off within it: `owed_bytes`."""
        lead = self.lead()
        self.owed_bytes = max(self.owed_bytes, len(data))
        self.write(lead + data, deadline)
        self.is_fresh = self.must_clear = self.owes_header = False

    def _put(self, question: bytes, deadline: float, *, in_turn: bool) -> None:
        """A question in its turn is answered only by a printer that waits for nothing else."""
        flush = bytes(self.owed_bytes) * (in_turn and self.owes_header)
        self.write(self.rest_of_header() + flush + question, deadline)
        self.owes_header = False

    def write(self, data: bytes, deadline: float) -> None:
        self.wire.write(data, self.remaining_s(deadline))

    def ask(self, deadline: float) -> PrinterStatus:
        """The printer's state, in the best way it has; stops at the first question that is not answered."""
        if self.profile.has_real_time_status:
            status = self._asked_in_real_time(deadline)
        elif self.profile.has_asb:
            status = self._asked_in_turn(deadline)
        else:
            status = self._asked_of_paper_sensor(deadline)
        self.status = status
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
        told = self.status if self.tells_changes and self.status.trouble else PrinterStatus()
        if self.question is not None or not self._is_answered(_AUTOMATIC, TELL_CHANGES, deadline):
            return told
        return self.status

    def _asked_of_paper_sensor(self, deadline: float) -> PrinterStatus:
        """GS r 1, where there is nothing better; behind a job its own answer says as much."""
        if self.papers_asked == 0:
            self._put(ASK_PAPER, deadline, in_turn=True)
            self.papers_asked += 1
        until = min(deadline, self.clock() + self.reply_timeout_s)
        if not self.listen(until, lambda: self.papers_asked == 0):
            return PrinterStatus()
        return PrinterStatus.from_paper_sensor(self._paper_sensor)

    def _is_answered(self, question: int, command: bytes, deadline: float) -> bool:
        self.question = question
        self._put(command, deadline, in_turn=question == _AUTOMATIC)
        return self.listen(min(deadline, self.clock() + self.reply_timeout_s), lambda: self.question is None)

    def listen(self, until: float, heard: Callable[[], bool]) -> bool:
        """Takes in what the printer says until `heard()` or the time is up; looks at least once."""
        while True:
            self.take(self.wire.read(0 if heard() else self.remaining_s(until)))
            if heard():
                return True
            if self.clock() >= until:
                return False

    def take(self, data: bytes) -> None:
        for event in self._reader.feed(data):
            self.heard_at = self.clock()
            match event:
                case RealTime(value) if self.question is not None and self.question != _AUTOMATIC:
                    self.question, self._answer = None, value
                case ProcessId(ident) if ident == self.keepsake:
                    self._remember()
                case ProcessId(ident):
                    self._echoed = ident
                    self.has_news = True
                    self.when_echoed(ident)
                case Transmitted(value) if self.papers_asked:
                    self.papers_asked -= 1
                    self._paper_sensor, self.paper_heard_at = value, self.clock()
                    self.answers_paper = True
                    self.has_news = True
                case AutomaticStatus(told):
                    self._hear_automatic(PrinterStatus.from_automatic(told))
                case Block() if self.wanted is not None and self.wanted(event):
                    self.wanted, self.block = None, event
                case FlowControl(ready):
                    self.may_send = ready
                case WentOffline():
                    self.has_news = True
                case _:
                    pass  # late answers, answers to others' questions

    def _hear_automatic(self, status: PrinterStatus) -> None:
        self.has_news = self.has_news or status != self.status
        self.status = status
        self.tells_changes = True
        if not self.keepsake:
            self._remember()
        if self.question == _AUTOMATIC:
            self.question = None
            return
        self.told = status
        self.when_told()

    def _remember(self) -> None:
        self.is_remembered = True
        self.when_remembered()

    def remaining_s(self, deadline: float) -> float:
        return max(0.0, deadline - self.clock())

    def next_process_id(self) -> bytes:
        """Four printable characters, the next of 81 million."""
        self._process_number += 1
        rest, characters = self._process_number, []
        for _ in range(4):
            rest, digit = divmod(rest, 95)
            characters.append(0x20 + digit)
        return bytes(characters)


def process_id_request(ident: bytes) -> bytes:
    return _ASK_PROCESS_ID + ident if ident else b""
