"""The relay: what the shop's till prints goes to the printer as it comes, and what the printer says goes back, both unchanged.

One loop owns the printer. Many may be connected; one at a time has its turn, from its first byte until it hangs up, or until it
has been silent with no paper begun: a till that stays connected all day leaves the printer to others between its receipts. A
client that says nothing has no turn. Nobody's bytes are read before they can be written, so the printer's pace is the till's.

Where the printer cannot be reached the doors are shut: the till is refused, as by a printer that is off. Where the connection to
the printer breaks within a job, the till's connection is reset. Only a till that has hung up in order, and believes all to be
printed, cannot be told: a job of hers of which nothing had gone is kept and printed when the printer is back; one that had begun
is not printed again.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from drivers.errors import DeviceError
from pos_plugin.errors import TillError
from pos_plugin.intercept.relay_doors import Client, Door, TcpDoor, word_of
from pos_plugin.intercept.relay_printer import RelayPrinter
from pos_plugin.intercept.relay_stream import RESET

log = logging.getLogger("pos_plugin")

SILENT_S = 0.3
"""After so long a silence with no paper begun a turn ends, and what the stream holds back goes on."""
GIVES_WAY_S = 0.3
"""After so long without an answer one of ours, who has only asked the printer something, gives way to a till that prints."""
STUCK_S = 60.0
"""So long a turn may be silent on a paper that was begun, before others may print below it."""
LAST_WORDS_S = 0.2
"""Behind a job so much silence of the printer ends the connection: an answer may be on its way."""
LONGEST_LAST_WORDS_S = 5.0
TRY_AGAIN_S = 1.0
LISTEN_S = 0.005
"""Between two looks at what the printer says while somebody prints."""
IDLE_S = 0.25
MOST_CLIENTS = 32
FINISH_S = 10.0
"""So long a job in progress may take once the relay is told to stop."""
# DLE EOT, DLE ENQ, GS a, GS r, GS I, and the request for a process id (GS ( H).
_QUESTIONS = re.compile(rb"\x10\x04[\x07\x08].|\x10[\x04\x05].|\x1d[arI].|\x1d\(H\x06\x0000....", re.DOTALL)
MOST_OWNED = 4 * 1024 * 1024
"""Of the job of a till that has hung up, and that no printer could be had for."""


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
    def put_back(self) -> bytes: ...


class Relay:
    """`run` until `stop`. `kept` is handed each job as the till sent it, once it is over; `told` a sentence for the operator."""

    def __init__(
        self,
        printer: RelayPrinter,
        doors: Sequence[Door],
        stream: Stream,
        *,
        secret: str = "",
        own_door: TcpDoor | None = None,
        kept: Callable[[bytes], None] = lambda data: None,
        told: Callable[[str], None] = lambda sentence: None,
        state: Callable[[], dict[str, Any]] = dict,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._printer = printer
        self._doors = doors
        self._stream = stream
        self._secret = secret
        self._all_doors: list[Door] = [*doors, *([own_door] if own_door else [])]
        self._kept = kept
        self._told = told
        self._state = state
        self._clock = clock
        self._selector = selectors.DefaultSelector()
        self._watched: dict[socket.socket, object] = {}
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._greeting: list[Client] = []
        self._clients: list[Client] = []
        self._turn: Client | None = None
        self._last: Client | None = None
        self._job = bytearray()
        self._is_owned = False  # the job of one who has hung up in order, whom nobody can tell any more
        self._has_reset = False  # one of ours has, and the till's modes are to be put back
        self._has_only_asked = True  # one of ours, the printer
        self._heard_at = 0.0  # of the client
        self._answered_at = 0.0  # of the printer
        self._ended_at = 0.0
        self._tried_at = -TRY_AGAIN_S
        self._stopping_at: float | None = None
        self._askers: list[socket.socket] = []
        self.jobs = 0
        self.trouble = ""

    def stop(self) -> None:
        """Ends `run` once the job in progress is over. From any thread."""
        with contextlib.suppress(OSError):
            self._waker.send(b"s")

    def run(self) -> None:
        try:
            while not self._is_over():
                try:
                    self._step()
                except (
                    Exception
                ):  # a fault of ours: whoever prints is told that not all has arrived, and the next one prints
                    log.exception("the relay failed within a job; it goes on with the next")
                    self._start_over()
        finally:
            self._close()

    def _start_over(self) -> None:
        self._printer.drop()
        self._printer.close()
        self._job.clear()
        turn, self._turn = self._turn, None
        if turn is not None:
            self._reset(turn)
        self._tried_at = self._clock()

    # -- one round

    def _step(self) -> None:
        if self._turn is None:
            self._see_to_doors()
        self._watch_all()
        for source in self._ready():
            self._come(source)
        if self._turn is not None:
            self._printer.push()
        self._hear()
        if self._turn is not None:
            self._see_to_turn(self._turn)

    def _is_over(self) -> bool:
        if self._stopping_at is None:
            return False
        return self._turn is None or self._clock() - self._stopping_at > FINISH_S

    def _ready(self) -> list[object]:
        if self._printer.can_push:
            wait_s = 0.0
        elif self._turn is not None:
            wait_s = LISTEN_S
        else:
            wait_s = IDLE_S
        return [key.data for key, _ in self._selector.select(wait_s)]

    def _watch_all(self) -> None:
        """Whoever is heard now: doors, those who say what they want, and whoever has the turn; without one, everybody."""
        wanted: dict[socket.socket, object] = {self._woken: None}
        if self._stopping_at is None:
            if len(self._clients) + len(self._greeting) < MOST_CLIENTS:
                wanted |= {door.listener: door for door in self._all_doors if door.listener is not None}
            wanted |= {one.connection: one for one in self._greeting}
        if self._turn is None:
            wanted |= {one.connection: one for one in self._clients}
        else:
            if not self._turn.has_ended and self._printer.has_room:
                wanted[self._turn.connection] = self._turn
            if self._gives_way:
                wanted |= {one.connection: one for one in self._clients if not one.is_ours}
        for gone in self._watched.keys() - wanted.keys():
            self._selector.unregister(gone)
            del self._watched[gone]
        for connection, what in wanted.items():
            if connection not in self._watched:
                self._selector.register(connection, selectors.EVENT_READ, what)
                self._watched[connection] = what

    @property
    def _gives_way(self) -> bool:
        if self._turn is None or not self._turn.is_ours or not self._has_only_asked:
            return False
        return self._clock() - max(self._heard_at, self._answered_at) >= GIVES_WAY_S

    def _come(self, source: object) -> None:
        if source is None:
            self._woken.recv(64)
            self._begin_to_stop()
        elif isinstance(source, Client):
            if source in self._greeting:
                self._greet(source)
            elif source is self._turn:
                self._take(source)
            elif source in self._clients and (self._turn is None or self._gives_way):
                if self._turn is not None:
                    asked = self._turn
                    self._end_turn()
                    self._forget(asked)
                self._give_turn(source)
        else:
            self._let_in(source)  # type: ignore[arg-type]

    def _let_in(self, door: Door) -> None:
        self._unwatch(door.listener)
        client = door.client()
        if client is None:
            return
        (self._greeting if client.is_ours else self._clients).append(client)

    # -- ours: those who know the secret

    def _greet(self, client: Client) -> None:
        word = word_of(client, self._secret, lambda: self._forget(client))
        if not word:
            return
        if word == "print":
            self._greeting.remove(client)
            self._clients.append(client)
            client.wants_turn = True
        elif word == "stop":
            self._greeting.remove(client)
            self._unwatch(client.connection)
            self._askers.append(client.connection)  # hung up on once all is over
            self._begin_to_stop()
        else:
            if word == "state":
                client.tell(msgspec.json.encode(self._told_state()) + b"\n")
            self._forget(client)

    def _told_state(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "printer": self._printer.name,
            "trouble": self.trouble or self._printer.trouble,
            "is_open": self._printer.is_open,
            "listens": [door.name for door in self._doors],
            "jobs": self.jobs,
            "unread": self._stream.fault,
            **self._state(),
        }

    # -- turns

    def _see_to_doors(self) -> None:
        """Opens them where the printer can be reached, and gives ours, who need not say anything first, their turn."""
        if self._stopping_at is not None:
            return
        is_there = self._printer.is_open or self._printer.is_shared
        if not is_there and self._clock() - self._tried_at >= TRY_AGAIN_S:
            self._tried_at = self._clock()
            is_there = self._printer.open()
        trouble = "" if is_there else self._printer.trouble
        for door in self._doors:
            if not is_there:
                self._unwatch(door.listener)
                door.shut()
            elif door.listener is None:
                trouble = self._open(door) or trouble
        self._say_trouble(trouble)
        ours = next((one for one in self._clients if one.wants_turn), None)
        if ours is not None:
            self._give_turn(ours)

    def _open(self, door: Door) -> str:
        """Why it stays shut; "" where it does not."""
        try:
            door.open()
        except (TillError, DeviceError) as error:
            return f"{door.name}: {error} {error.hint}".strip()
        return ""

    def _give_turn(self, client: Client) -> None:
        first = b"" if client.is_ours else client.take()
        if not first and not client.is_ours:
            if client.has_ended:
                self._forget(client)  # it only looked whether there is a printer
            return
        self._turn, self._is_owned, self._has_only_asked = client, False, True
        client.wants_turn = False
        self._heard_at = self._answered_at = self._clock()
        self._printer.hear()  # some end a connection that was silent for long: it is opened again
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
            self._forget(client)
            return
        job = bytearray(first)
        while not client.has_ended and len(job) < MOST_OWNED:
            data = client.take()
            if not data and not client.has_ended:
                break
            job += data
        if not client.has_ended or client.was_cut_off:
            self._told(f"The printer cannot be reached; {client.name} was refused. {self._printer.trouble}")
            self._reset(client)
            return
        self._told(f"The printer cannot be reached; what {client.name} has sent is printed once it can.")
        self._is_owned = True
        self._printer.begin()
        self._pass_on(bytes(job))
        self._end_of_job(client)

    def _take(self, client: Client) -> None:
        data = client.take()
        if data:
            self._pass_on(data)
        elif client.has_ended:
            self._end_of_job(client)

    def _pass_on(self, data: bytes) -> None:
        self._heard_at = self._clock()
        if self._turn is not None and self._turn.is_ours:
            self._has_reset |= RESET in data
            self._has_only_asked &= not _QUESTIONS.sub(b"", data)
            self._printer.send(data)
        else:
            self._job += data
            self._printer.send(self._stream.feed(data))
        self._printer.push()

    def _end_of_job(self, client: Client) -> None:
        self._ended_at = self._answered_at = self._clock()
        if not client.is_ours:
            self._printer.send(self._stream.close())
        elif self._has_reset:
            self._printer.send(self._stream.put_back())
            self._has_reset = False
        self._printer.complete()
        self._printer.push()

    def _hear(self) -> None:
        was_open = self._printer.is_open
        said = self._printer.hear()
        if said:
            self._answered_at = self._clock()
            # What comes between two turns is for whoever had the last: a till that has asked to be told of changes.
            whose = self._turn or (self._last if self._last in self._clients else None)
            if whose is not None:
                whose.tell(said)
        elif was_open and not self._printer.is_open and self._turn is None:
            self._tried_at = -TRY_AGAIN_S  # some printers end a connection that was silent: it is opened again at once

    def _see_to_turn(self, client: Client) -> None:
        now = self._clock()
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
                self._end_turn()
                self._forget(client)
            return
        silent_s = now - max(self._heard_at, self._answered_at)
        if client.is_ours:
            if silent_s >= STUCK_S:
                self._end_turn()
                self._forget(client)
            return
        if silent_s < SILENT_S:
            return
        if self._stream.is_holding:
            self._printer.send(self._stream.flush())
        self._printer.complete()
        self._printer.push()
        if self._printer.waiting:
            return
        if self._stream.is_between_papers:
            self._end_turn()
        elif silent_s >= STUCK_S:
            if self._stream.fault:
                self._stream.close()  # a till that never hangs up: its next paper is read again
            self._end_turn()

    def _broke(self, client: Client, now: float) -> None:
        """The connection to the printer is gone within a turn."""
        has_left = self._is_owned or (client.has_ended and not client.was_cut_off)
        if has_left and self._printer.waiting and not self._printer.sent_of_job:
            if now - self._tried_at >= TRY_AGAIN_S:
                self._tried_at = now
                self._say_trouble("" if self._printer.open() else self._printer.trouble)
                self._answered_at = now
            return
        self._say_trouble(self._printer.trouble)
        self._printer.drop()
        self._told(f"The printer went away within a job of {client.name}: look at the paper.")
        self._end_turn()
        self._reset(client)

    def _end_turn(self) -> None:
        client, self._turn = self._turn, None
        self._last = client
        self._is_owned = False
        if client is not None and not client.is_ours:
            self.jobs += 1
            if self._job:
                self._kept(bytes(self._job))
            self._job.clear()
            if client in self._clients:  # whoever waits longest is next
                self._clients.remove(client)
                self._clients.append(client)
        if self._printer.is_shared:
            self._printer.close()

    # -- the end

    def _begin_to_stop(self) -> None:
        if self._stopping_at is None:
            self._stopping_at = self._clock()
            for door in self._doors:
                self._unwatch(door.listener)
                if isinstance(door, TcpDoor):
                    door.shut()

    def _close(self) -> None:
        for door in self._all_doors:
            door.shut()
        self._printer.close()
        for client in [*self._clients, *self._greeting]:
            client.hang_up()
        for asker in self._askers:
            asker.close()
        self._selector.close()
        self._waker.close()
        self._woken.close()

    def _forget(self, client: Client) -> None:
        self._drop(client)
        client.hang_up()

    def _reset(self, client: Client) -> None:
        self._drop(client)
        client.reset()

    def _drop(self, client: Client) -> None:
        self._unwatch(client.connection)
        for among in (self._clients, self._greeting):
            if client in among:
                among.remove(client)
        if self._turn is client:
            self._turn = None
        if self._last is client:
            self._last = None

    def _unwatch(self, connection: socket.socket | None) -> None:
        """Before it is closed or changes hands: a number that is used again must not be taken for it."""
        if connection is not None and self._watched.pop(connection, connection) is not connection:
            self._selector.unregister(connection)

    def _say_trouble(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._told(trouble or "The printer can be reached.")
