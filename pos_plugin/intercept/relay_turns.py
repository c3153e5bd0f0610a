"""Whose turn it is at the printer, and what becomes of a job: it goes on as it comes, ends, or breaks off.

One at a time has a turn, from its first byte until it hangs up, or until it has been silent with no paper begun. What the printer
says is for whoever has the turn, and between two turns for whoever had the last.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Protocol

from pos_plugin.intercept.kept_jobs import LARGEST_JOB
from pos_plugin.intercept.relay_doors import Client
from pos_plugin.intercept.relay_printer import RelayPrinter
from pos_plugin.intercept.relay_stream import RESET

SILENT_S = 0.3
"""After so long a silence with no paper begun a turn ends, and what the stream holds back goes on."""
ANSWERED_S = 0.1
"""So long a turn that would end is the till's for the printer's answer."""
GIVES_WAY_S = 0.3
"""After so long without an answer one of ours, who has only asked the printer something, gives way to a till that prints."""
STUCK_S = 60.0
"""So long a turn may be silent on a paper that was begun, before others may print below it."""
LAST_WORDS_S = 0.2
"""Behind a job so much silence of the printer ends the connection: an answer may be on its way."""
LONGEST_LAST_WORDS_S = 5.0
TRY_AGAIN_S = 1.0
HANGS_UP_WITHIN_S = 0.3
"""Most tills hang up right behind a job, and hear nothing of a refusal then: with no printer a job waits so long for its end."""
MOST_OWNED = 4 * 1024 * 1024
"""Of the job of a till that has hung up, and that no printer could be had for."""
# DLE EOT, DLE ENQ, GS a, GS r, GS I, and the request for a process id (GS ( H).
_QUESTIONS = re.compile(rb"\x10\x04[\x07\x08].|\x10[\x04\x05].|\x1d[arI].|\x1d\(H\x06\x0000....", re.DOTALL)


class Stream(Protocol):
    """What is needed of `pos_plugin.intercept.relay_stream.TillStream`."""

    fault: str

    @property
    def is_holding(self) -> bool: ...
    @property
    def is_between_papers(self) -> bool: ...
    def feed(self, data: bytes) -> bytes: ...
    def flush(self) -> bytes: ...
    def close(self) -> bytes: ...
    def tear_off(self) -> None: ...
    def break_off(self) -> None: ...
    def put_back(self) -> bytes: ...
    def start_over(self) -> None: ...


class Turns:
    """`client` has the turn. `leaves` and `is_cut_off` are told of whoever is hung up on, in order or not."""

    def __init__(
        self,
        printer: RelayPrinter,
        stream: Stream,
        *,
        leaves: Callable[[Client], None],
        is_cut_off: Callable[[Client], None],
        kept: Callable[[bytes], None],
        told: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._printer = printer
        self._stream = stream
        self._leaves = leaves
        self._is_cut_off = is_cut_off
        self._kept = kept
        self._told = told
        self._clock = clock
        self.client: Client | None = None
        self.last: Client | None = None
        self.jobs = 0
        self._job = bytearray()
        self._is_owned = False  # the job of one who has hung up in order, whom nobody can tell any more
        self._has_reset = False  # one of ours has, and the till's modes are to be put back
        self._has_only_asked = True  # one of ours, the printer
        self._heard_at = 0.0  # of the client
        self._answered_at = 0.0  # of the printer
        self._ended_at = 0.0
        self._tried_at = 0.0

    @property
    def gives_way(self) -> bool:
        if self.client is None or not self.client.is_ours or not self._has_only_asked:
            return False
        return self._clock() - max(self._heard_at, self._answered_at) >= GIVES_WAY_S

    def give(self, client: Client) -> None:
        """It begins with its first bytes; one of ours is told that it may print."""
        if (asked := self.client) is not None:
            self._end()
            self._leaves(asked)
        first = b"" if client.is_ours else client.take()
        if not first and not client.is_ours:
            if client.has_ended:
                self._leaves(client)  # it only looked whether there is a printer
            return
        self.client, self._is_owned, self._has_only_asked = client, False, True
        client.wants_turn = False
        self._heard_at = self._answered_at = self._clock()
        # What it has said until now was for somebody else; and some end a connection that was silent: it is opened again.
        self._printer.hear()
        if not self._printer.open():
            self._cannot_print(client, first)
            return
        self._printer.begin()
        if client.is_ours:
            client.tell(b"ready\n")
        else:
            self._pass_on(first)

    def _cannot_print(self, client: Client, first: bytes) -> None:
        """The printer cannot be had. Whoever still holds on is told so; the job of one who has hung up is kept."""
        if client.is_ours:
            client.tell(f"absent {self._printer.trouble}\n".encode())
            self._leaves(client)
            return
        job = bytearray(first)
        give_up = self._clock() + HANGS_UP_WITHIN_S
        while not client.has_ended and len(job) < MOST_OWNED and self._clock() < give_up:
            job += client.take()  # nobody else waits: there is no printer
            if not client.has_ended:
                client.await_more(give_up - self._clock())
        if not client.has_ended or client.was_cut_off:
            self._told(f"The printer cannot be reached; {client.name} was refused. {self._printer.trouble}")
            self._is_cut_off(client)
            return
        self._told(f"The printer cannot be reached; what {client.name} has sent is printed once it can.")
        self._is_owned = True
        self._printer.begin()
        self._pass_on(bytes(job))
        self._end_of_job(client)

    def take(self, client: Client) -> None:
        """Whoever has the turn has said more."""
        data = client.take()
        if data:
            self._pass_on(data)
        elif client.has_ended:
            self._end_of_job(client)

    def _pass_on(self, data: bytes) -> None:
        only_asks = not _QUESTIONS.sub(b"", data)
        if self.client is not None and self.client.is_ours:
            self._heard_at = self._clock()
            self._has_reset |= RESET in data
            self._has_only_asked &= only_asks
            self._printer.send(data)
        else:
            # A till that asks how the printer is, again and again, prints nothing meanwhile: it may wait for the answer alone.
            if only_asks:
                self._answered_at = self._clock()
            else:
                self._heard_at = self._clock()
            if len(self._job) <= LARGEST_JOB:
                self._job += data
            self._printer.send(self._stream.feed(data))
        self._printer.push()

    def _end_of_job(self, client: Client) -> None:
        self._ended_at = self._answered_at = self._clock()
        if not client.is_ours:
            self._printer.send(self._stream.close())
            if client.was_cut_off:
                self._stream.break_off()
        elif self._has_reset:
            self._printer.send(self._stream.put_back())
            self._has_reset = False
        self._printer.complete()
        self._printer.push()

    def hear(self) -> None:
        """Passes on what the printer says. What comes between two turns is for a till that has asked to be told of changes."""
        said = self._printer.hear()
        if said:
            self._answered_at = self._clock()
            whose = self.client or self.last
            if whose is not None:
                whose.tell(said)

    def step(self) -> None:
        """What is due by now."""
        client, now = self.client, self._clock()
        if client is None:
            return
        self._printer.push()
        self.hear()
        if not self._printer.is_open:
            self._broke(client, now)
            return
        if self._printer.waiting and not client.has_ended:
            return
        if client.has_ended:
            if self._printer.waiting:
                return
            is_silent = now - max(self._answered_at, self._ended_at) >= LAST_WORDS_S
            needs_none = (client.is_ours or client.was_cut_off) and not self._printer.is_shared
            if is_silent or needs_none or now - self._ended_at >= LONGEST_LAST_WORDS_S:
                self._end()
                self._leaves(client)
            return
        silent_s, answered_s = now - self._heard_at, now - self._answered_at
        if client.is_ours:
            if min(silent_s, answered_s) >= STUCK_S:
                self._end()
                self._leaves(client)
            return
        if silent_s < SILENT_S or answered_s < ANSWERED_S:
            return
        if self._stream.is_holding:
            self._printer.send(self._stream.flush())
        self._printer.complete()
        self._printer.push()
        if self._printer.waiting:
            return
        if self._stream.is_between_papers:
            self._end()
        elif silent_s >= STUCK_S:
            # A till that never hangs up: its next paper is read again, and no part of one that was torn off.
            if self._stream.fault:
                self._stream.close()
            self._stream.tear_off()
            self._end()

    def _broke(self, client: Client, now: float) -> None:
        """The connection to the printer is gone within a turn."""
        has_left = self._is_owned or (client.has_ended and not client.was_cut_off)
        if has_left and self._printer.waiting and not self._printer.sent_of_job:
            if now - self._tried_at >= TRY_AGAIN_S:
                self._tried_at = now
                self._printer.open()
                self._answered_at = now
            return
        if not client.is_ours:
            self._told(
                f"The printer went away within a job of {client.name}: look at the paper. {self._printer.trouble}"
            )
        self.break_off()

    def break_off(self) -> None:
        """The job is over wherever it stands; nothing of it is sent later."""
        self._printer.drop()
        self._stream.start_over()
        if (client := self.client) is not None:
            self._end()
            self._is_cut_off(client)

    def _end(self) -> None:
        client, self.client = self.client, None
        self.last = client
        self._is_owned = False
        if client is not None and not client.is_ours:
            self.jobs += 1
            if self._job:
                self._kept(bytes(self._job))
            self._job.clear()
        if self._printer.is_shared:
            self._printer.close()
