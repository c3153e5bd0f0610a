"""What head office must remember beyond its database, because the database may be restored from a backup.

`roster.jsonl` in the folder, a line of JSON for each event, appended and flushed to the disk before the transaction commits
that relies on it. A line that stands there although its transaction was undone does no harm: each is read as "may have".
Several server processes share the folder; none rewrites what another has written.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterable
from pathlib import Path

import msgspec

from central_server.files import flush_names

FILE = "roster.jsonl"


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """`kind` is enrolled, revoked, granted, forfeited, excused, erased; of member codes card, token, token revoked, pass; and
    withdrawn, of a consent. The other fields are those that it needs; a card is named by its hash, so that a person can be
    forgotten."""

    kind: str
    terminal: str = ""
    epoch: str = ""
    shop: str = ""
    public_key: str = ""
    at: str = ""
    member: str = ""
    server_epoch: int = 0
    card_hash: str = ""
    why: str = ""
    serial: str = ""
    issued_on: str = ""
    last_day: str = ""


class Roster:
    """The events so far. Safe to call from several threads and, line by line, from several processes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._lock = threading.Lock()
        self._read_to = 0
        self._events: dict[Event, None] = {}

    def events(self, kind: str) -> list[Event]:
        with self._lock:
            self._read()
            return [event for event in self._events if event.kind == kind]

    def every(self) -> list[Event]:
        with self._lock:
            self._read()
            return list(self._events)

    def remember(self, *events: Event) -> None:
        """Durable once this returns. The same again writes nothing. Raises OSError; then the caller's work must not go on."""
        with self._lock:
            new = [event for event in events if event not in self._events]
            if new:
                self._read()
                new = [event for event in new if event not in self._events]
            if new:
                self._append(new)
                self._events.update(dict.fromkeys(new))

    def granted(self, terminal: str, epoch: str, server_epoch: int) -> None:
        """This epoch is about to be granted rights for the first time in this life of head office."""
        self.remember(Event("granted", terminal=terminal, epoch=epoch, server_epoch=server_epoch))

    def is_excused(self, terminal: str, epoch: str, grant: str) -> bool:
        """Whether a person went on without this epoch after a restore that may have forgotten this grant.

        A grant's id begins with the server epoch that made it; what was granted after the excuse is an ordinary grant.
        """
        made = grant.partition("-")[0]
        granted_in = int(made) if made.isascii() and made.isdigit() and len(made) < 20 else 0
        return any(
            (one.terminal, one.epoch) == (terminal, epoch) and granted_in < one.server_epoch
            for one in self.events("excused")
        )

    def _append(self, events: Iterable[Event]) -> None:
        # The newline in front ends a line that somebody was cut off in writing; empty lines are nothing.
        data = b"".join(b"\n" + msgspec.json.encode(event) + b"\n" for event in events)
        is_new = not self._path.exists()
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            if os.write(handle, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
            os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            flush_names(self._path.parent)

    def _read(self) -> None:
        """Takes over the lines that were added since, by whoever. A line cut off by a crash was never relied on."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_to)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].split(b"\n"):
            try:
                self._events[msgspec.json.decode(line, type=Event)] = None
            except msgspec.DecodeError:
                continue
        self._read_to += whole
