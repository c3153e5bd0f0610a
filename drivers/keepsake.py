"""Something that a printer keeps for as long as it has power and no longer: set before a job, asked for behind it.

A print server, or a serial line of three wires, hides that a printer was switched off and on. It loses what it had of a job, gets
the rest, and confirms the end of it as if nothing had been. What it has lost as well is its macro, which ESC @ does not touch:
GS : begins and ends the definition, and what is defined is obeyed meanwhile too; GS ^ runs it, and within a definition clears it;
"not defined when the power is turned on". (ESC/POS command reference, under the two.)

So each job stands behind the definition of a macro, whose content is a question. Once the job is confirmed, the macro is run:
only a printer that has had power all the time answers. The question is a process id that is never used again; on printers
without process ids it is GS a, whose answer is unlike that of GS r.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.conversation import ASK_PAPER, END_MACRO, TELL_CHANGES, Conversation, process_id_request

_BEGIN_OR_END = b"\x1d:"  # GS :
_RUN = b"\x1d^\x01\x00\x00"  # GS ^: once, without waiting


class Keepsake:
    """`is_usual` says whether this printer's jobs stand behind one."""

    def __init__(self, talk: Conversation) -> None:
        self._talk = talk

    @property
    def is_usual(self) -> bool:
        talk = self._talk
        if not talk.answers or not talk.has_macros:
            return False
        return talk.has_process_id or (talk.has_process_id is False and talk.profile.has_asb)

    def made(self) -> bytes:
        """The definition of a new one. It prints nothing; what it is answered with at once proves nothing."""
        self._talk.keepsake = self._talk.next_process_id() if self._talk.has_process_id else b""
        return _BEGIN_OR_END + (process_id_request(self._talk.keepsake) or TELL_CHANGES) + _BEGIN_OR_END

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
        """Finds out, once, whether a printer with process ids has macros; leaves it open where the printer falls silent.

        No is believed the second time: its power may have gone in between. A printer that knows neither command takes them
        for letters at most. They stay in the line that it composes, and that is dropped with the ESC @ before the next bytes.
        """
        has_macros = self._has_macros(deadline)
        if has_macros is False:
            has_macros = self._has_macros(deadline)
        self._talk.has_macros = has_macros

    def _has_macros(self, deadline: float) -> bool | None:
        talk = self._talk
        definition, behind, last = self.made(), talk.next_process_id(), talk.next_process_id()
        talk.is_remembered = False
        talk.owed_bytes = max(talk.owed_bytes, len(definition))  # should the connection break within it
        talk.send(END_MACRO + definition + process_id_request(behind), deadline)
        if self._is_heard(behind, deadline):
            # Not together with other questions: of several answers that wait, only the last one goes out.
            self.ask(deadline)
            talk.listen(min(deadline, talk.clock() + talk.reply_timeout_s), lambda: talk.is_remembered)
            if talk.is_remembered:
                talk.owed_bytes = 0
                return True
        talk.is_fresh = True
        talk.send(process_id_request(last), deadline)
        if not self._is_heard(last, deadline):
            return None
        talk.owed_bytes = 0
        return None if talk.is_remembered else False

    def _is_heard(self, ident: bytes, deadline: float) -> bool:
        until = min(deadline, self._talk.clock() + self._talk.reply_timeout_s)
        return self._talk.listen(until, lambda: self._talk.is_echoed(ident))
