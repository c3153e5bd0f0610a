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
import selectors
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from drivers.errors import DeviceError
from pos_plugin.errors import TillError
from pos_plugin.intercept.relay_doors import Client, Door, TcpDoor, word_of
from pos_plugin.intercept.relay_printer import RelayPrinter
from pos_plugin.intercept.relay_turns import TRY_AGAIN_S, Stream, Turns

log = logging.getLogger("pos_plugin")

LISTEN_S = 0.005
"""Between two looks at what the printer says while somebody prints."""
IDLE_S = 0.25
MOST_CLIENTS = 32
"""So many are let in, and more only in the place of one who says nothing: the others wait at the door."""
SPEAKS_WITHIN_S = 1.0
FINISH_S = 10.0
"""So long a job in progress may take once the relay is told to stop."""


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
        self._turns = Turns(
            printer, stream, leaves=self._forget, is_cut_off=self._reset, kept=kept, told=told, clock=clock
        )
        self._tried_at = -TRY_AGAIN_S
        self._stopping_at: float | None = None
        self._askers: list[socket.socket] = []
        self.trouble = ""

    @property
    def jobs(self) -> int:
        """How many of the till's were passed on since the start."""
        return self._turns.jobs

    def stop(self) -> None:
        """Ends `run` once the job in progress is over. From any thread."""
        with contextlib.suppress(OSError):
            self._waker.send(b"s")

    def run(self) -> None:
        try:
            while not self._is_over():
                try:
                    self._step()
                except Exception:  # of ours: whoever prints is told that not all has arrived, and the next one prints
                    log.exception("the relay failed within a job; it goes on with the next")
                    self._printer.close()
                    self._turns.break_off()
                    time.sleep(IDLE_S)  # one that comes again and again must not take all of the machine
        finally:
            self._close()

    # -- one round

    def _step(self) -> None:
        if self._turns.client is None:
            self._see_to_doors()
        self._watch_all()
        for source in self._ready():
            self._come(source)
        if self._turns.client is not None:
            self._turns.step()
            return
        was_open = self._printer.is_open
        self._turns.hear()
        if was_open and not self._printer.is_open:
            self._tried_at = -TRY_AGAIN_S  # some printers end a connection that was silent: it is opened again at once

    def _is_over(self) -> bool:
        if self._stopping_at is None:
            return False
        return self._turns.client is None or self._clock() - self._stopping_at > FINISH_S

    def _ready(self) -> list[object]:
        if self._printer.can_push:
            wait_s = 0.0
        elif self._turns.client is not None:
            wait_s = LISTEN_S
        else:
            wait_s = IDLE_S
        return [key.data for key, _ in self._selector.select(wait_s)]

    def _watch_all(self) -> None:
        """Whoever is heard now: doors, those who say what they want, and whoever has the turn; without one, everybody."""
        wanted: dict[socket.socket, object] = {self._woken: None}
        if self._stopping_at is None:
            is_full = len(self._clients) >= MOST_CLIENTS and self._idle_client() is None
            doors = [door for door in self._all_doors if not (is_full and door in self._doors)]
            wanted |= {door.listener: door for door in doors if door.listener is not None}
            wanted |= {one.connection: one for one in self._greeting}
        turn = self._turns.client
        if turn is not None and not turn.has_ended and self._printer.has_room:
            wanted[turn.connection] = turn
        if turn is None or self._turns.gives_way:
            wanted |= {one.connection: one for one in self._clients if turn is None or not one.is_ours}
        for gone in self._watched.keys() - wanted.keys():
            self._selector.unregister(gone)
            del self._watched[gone]
        for connection, what in wanted.items():
            if connection not in self._watched:
                self._selector.register(connection, selectors.EVENT_READ, what)
                self._watched[connection] = what

    def _come(self, source: object) -> None:
        if source is None:
            self._woken.recv(64)
            self._begin_to_stop()
        elif isinstance(source, Client):
            if source in self._greeting:
                self._greet(source)
            elif source is self._turns.client:
                self._turns.take(source)
            elif source in self._clients and (self._turns.client is None or self._turns.gives_way):
                self._give_turn(source)
        else:
            self._let_in(source)  # type: ignore[arg-type]

    def _let_in(self, door: Door) -> bool:
        """Whether somebody was at the door."""
        self._unwatch(door.listener)
        client = door.client()
        if client is None:
            return False
        among = self._greeting if client.is_ours else self._clients
        among.append(client)
        if len(among) > MOST_CLIENTS:
            # A program that opens one connection after the other and ends none must not keep everybody else out.
            self._forget(among[0] if client.is_ours else self._idle_client() or client)
        return True

    def _idle_client(self) -> Client | None:
        """Who has been there longest and wants nothing; who has just come may be about to speak."""
        came_before = self._clock() - SPEAKS_WITHIN_S
        idle = (one for one in self._clients if one is not self._turns.client and one.since < came_before)
        return next((one for one in idle if not one.wants_turn and not one.has_said_something), None)

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

    # -- doors and turns

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
                while isinstance(door, TcpDoor) and self._let_in(door):
                    pass  # who is at the door already may believe that all is printed: it has its turn, and is told or kept
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
        if client in self._clients:  # whoever waits longest is next
            self._clients.remove(client)
            self._clients.append(client)
        self._turns.give(client)

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
        if self._turns.client is client:
            self._turns.client = None
        if self._turns.last is client:
            self._turns.last = None

    def _unwatch(self, connection: socket.socket | None) -> None:
        """Before it is closed or changes hands: a number that is used again must not be taken for it."""
        if connection is not None and self._watched.pop(connection, connection) is not connection:
            self._selector.unregister(connection)

    def _say_trouble(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._told(trouble or "The printer can be reached.")
