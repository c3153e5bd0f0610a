"""What head office must remember beyond its database, because the database may be restored from a backup.

`roster.jsonl` in the folder, a line of JSON for each event, appended and flushed to the disk before the transaction commits
that relies on it. A line that stands there although its transaction was undone does no harm: each is read as "may have".
Several server processes share the folder; none rewrites what another has written.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

import msgspec

FILE = "roster.jsonl"


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """`kind` is enrolled, revoked, granted, forfeited, excused, erased; the other fields are those that it needs."""

    kind: str
    terminal: str = ""
    epoch: str = ""
    shop: str = ""
    public_key: str = ""
    at: str = ""
    member: str = ""
    server_epoch: int = 0


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

    def remember(self, event: Event) -> None:
        """Durable once this returns. The same again writes nothing."""
        with self._lock:
            if event not in self._events:
                self._read()
            if event in self._events:
                return
            data = msgspec.json.encode(event) + b"\n"
            handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(handle, data)
                os.fsync(handle)
            finally:
                os.close(handle)
            self._events[event] = None

    def granted(self, terminal: str, epoch: str) -> None:
        """This epoch is about to be granted rights for the first time."""
        self.remember(Event("granted", terminal=terminal, epoch=epoch))

    def excused(self) -> set[tuple[str, str]]:
        """Epochs without which a person went on after a restore, at any time."""
        return {(event.terminal, event.epoch) for event in self.events("excused")}

    def _read(self) -> None:
        """Takes over the lines that were added since, by whoever. A line cut off by a crash was never relied on."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._read_to)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data.rfind(b"\n") + 1
        for line in data[:whole].splitlines():
            try:
                self._events[msgspec.json.decode(line, type=Event)] = None
            except msgspec.DecodeError:
                continue
        self._read_to += whole
