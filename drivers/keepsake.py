"""Something that a printer keeps for as long as it has power and no longer: set before a job, asked for behind it.

A print server, or a serial line of three wires, hides that a printer was switched off and on. It loses what it had of a job, gets
the rest, and confirms the end of it as if nothing had been. What it has lost as well is its macro, which ESC @ does not touch:
GS : begins and ends the definition, and what is defined is obeyed meanwhile too; GS ^ runs it, and within a definition clears it;
"not defined when the power is turned on". (ESC/POS command reference, under the two.)

So each job stands behind the definition of a macro, whose content is a question. Once the job is confirmed, the macro is run:
only a printer that has had power all the time answers. The question is a process id that is never used again; on printers
without process ids it is GS a, whose answer is unlike that of GS r. There ESC @ stands behind the job, ahead of the GS r that
confirms it: it ends what GS a began, so that from there on nothing but the macro can bring such an answer.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.conversation import ASK_PAPER, END_MACRO, TELL_CHANGES, Conversation, process_id_request
from drivers.escpos import RESET

_BEGIN_OR_END = b"\x1d:"  # GS :
_RUN = b"\x1d^\x01\x00\x00"  # GS ^: once, without waiting
_TELL = TELL_CHANGES[:2]  # GS a, whatever it chooses


class Keepsake:
    """Of one printer; `settle_s` is how long an answer may be late behind another that stands beside it."""

    def __init__(self, talk: Conversation, *, settle_s: float) -> None:
        self._talk = talk
        self._settle_s = settle_s

    @property
    def is_possible(self) -> bool:
        """Whether this printer's answer could be told from all others, if it has macros.

        Not without process ids where GS a upsets it, nor where its status is asked for by GS a, behind each job as well.
        """
        profile = self._talk.profile
        return bool(self._talk.has_process_id) or (
            self._talk.has_process_id is False and profile.has_asb and profile.has_real_time_status
        )

    def goes_with(self, data: bytes) -> bool:
        """Whether that job stands behind one."""
        if not (self._talk.answers and self._talk.has_macros and self.is_possible):
            return False
        return bool(self._talk.has_process_id) or not _sets_one(data)

    def made(self) -> bytes:
        """The definition of a new one. It prints nothing; what it is answered with at once proves nothing."""
        self._talk.keepsake = self._talk.next_process_id() if self._talk.has_process_id else b""
        return _BEGIN_OR_END + (process_id_request(self._talk.keepsake) or TELL_CHANGES) + _BEGIN_OR_END

    def end(self) -> bytes:
        """What goes behind a job that stands behind one, ahead of the question that confirms it."""
        return b"" if self._talk.has_process_id else RESET

    def ask(self, deadline: float) -> None:
        """Whether it is still there: `Conversation.is_remembered`, once the answer comes."""
        self._talk.is_remembered = False  # by what it was answered with when it was defined
        self._talk.write(_RUN, deadline)

    def ask_behind(self, deadline: float) -> Callable[[], bool]:
        """Asks what a printer answers that has forgotten, too; whether it has: it is past that question.

        Behind a reset, so that it is answered as well by another printer, which has taken the last question for letters.
        """
        self._talk.is_fresh, self._talk.owed_bytes = True, 0  # it has worked off all that was sent
        ident = self._talk.next_process_id() if self._talk.has_process_id else b""
        self._talk.send(process_id_request(ident) or ASK_PAPER, deadline)
        if ident:
            return lambda: self._talk.is_echoed(ident)
        self._talk.papers_asked += 1
        return lambda: self._talk.papers_asked == 0

    def learn(self, deadline: float) -> None:
        """Finds out, once, whether a printer has macros; leaves it open where the printer falls silent.

        No is believed the second time: its power may have gone in between. It is believed as soon as GS r is answered behind the
        run and nothing more comes. A printer that knows no macros takes them for letters at most. They stay in the line that it
        composes, and the ESC @ behind them drops that: no line is ever ended here.
        """
        talk = self._talk
        talk.has_macros = self._has_macros(deadline)
        if talk.has_macros is False:
            talk.has_macros = self._has_macros(deadline)
        if talk.has_process_id:
            talk.papers_asked = 0  # nobody else asks it
        talk.is_fresh = True  # it was reset, and tells of nothing by itself

    def _has_macros(self, deadline: float) -> bool | None:
        talk = self._talk
        definition = END_MACRO + self.made() + RESET
        behind = talk.next_process_id() if talk.has_process_id else b""
        talk.papers_asked += not behind
        talk.send(definition + (process_id_request(behind) or ASK_PAPER), deadline)
        if not self._is_heard(lambda: talk.is_echoed(behind) if behind else talk.papers_asked == 0, deadline):
            return None
        talk.papers_asked = 1
        talk.is_remembered = False
        # No second process id: of several answers that wait, only the last one goes out.
        talk.write(_RUN + ASK_PAPER + RESET, deadline)
        is_past = self._is_heard(lambda: talk.papers_asked == 0 or bool(behind and talk.is_remembered), deadline)
        talk.listen(min(deadline, talk.clock() + self._settle_s * is_past), lambda: talk.is_remembered)
        if not talk.is_remembered and not is_past and not self._is_heard(self.ask_behind(deadline), deadline):
            return None
        talk.owed_bytes = 0
        return talk.is_remembered

    def _is_heard(self, heard: Callable[[], bool], deadline: float) -> bool:
        return self._talk.listen(min(deadline, self._talk.clock() + self._talk.reply_timeout_s), heard)


def _sets_one(data: bytes) -> bool:
    """Whether the bytes of a job could define a macro that asks by GS a, for a printer that begins to read in the middle of them.

    Within a picture, say: pixels are commands to a printer that has lost the command before them.
    """
    begins = data.find(_BEGIN_OR_END)
    asks = data.find(_TELL, begins + len(_BEGIN_OR_END)) if begins >= 0 else -1
    return asks >= 0 and _BEGIN_OR_END in data[asks + len(_TELL) :]
