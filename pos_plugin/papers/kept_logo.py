"""The shop's logo in the printer's own memory, so that a receipt names it by two bytes instead of carrying it.

A picture of somebody else under the same key would stand on a receipt as if it were the shop's. So a key is trusted only where
this till itself has put the picture there, whole, on the printer of that model and serial number, and the printer lists the key
on this very connection. What is under a key is never replaced by another picture: a new logo takes a new key, and those of others
stay. A printer that does not say its serial number, does not answer, has no room, or is shared with other tills gets the logo
with each receipt; so does every printer until it has been idle once.

The memory wears out. Each write is counted in the till's file before it is begun, and there are at most three a day of a picture.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import msgspec

from drivers import kept_pictures
from drivers.errors import DeviceError
from drivers.escpos import Profile, define_picture
from drivers.printer import Printer, Verdict
from offline_store import settings
from offline_store.store import Store
from pos_plugin.papers.receipt_template import Logo

log = logging.getLogger(__name__)

SETTING = "kept_pictures"
WRITES_A_DAY = 3  # of one picture; Epson allows ten a day of all
SLOWEST_BYTES_PER_S = 400
DEFINE_TIMEOUT_S = 10.0


class _Place(msgspec.Struct):
    """Where a picture is. `begun` was perhaps cut off: what is there is ours, and perhaps half; `refused` never arrived whole."""

    key: str
    state: Literal["begun", "kept", "refused"]


class _Known(msgspec.Struct):
    """What this till has put where: by printer, by picture. `writes` are those of `day`, by picture."""

    printers: dict[str, dict[str, _Place]] = {}
    day: str = ""
    writes: dict[str, int] = {}


class KeptLogo:
    """One logo and one printer. Used by the thread that owns the printer."""

    def __init__(
        self,
        store: Store,
        printer: Printer,
        profile: Profile,
        logo: Logo,
        width_columns: int,
        clock: Callable[[], datetime],
        *,
        sleep: Callable[[float], None] = time.sleep,
        ready_s: float = 5.0,  # within which a printer has written, and says so
    ) -> None:
        self._store = store
        self._printer = printer
        self._logo = logo
        self._width_columns = width_columns
        self._clock = clock
        self._sleep = sleep
        self._ready_s = ready_s
        self._profile = profile
        self._asked_on = 0  # the connection on which the printer was asked
        self._key = b""  # under which it keeps the logo, for certain, on that connection

    def stored(self, width_columns: int) -> dict[str, bytes]:
        """Digest → key, for `escpos.encode`: the logo, where the printer at hand keeps it for paper of that width."""
        is_there = self._key != b"" and self._printer.connection == self._asked_on
        return {self._logo.digest: self._key} if is_there and width_columns == self._width_columns else {}

    def print(self, short: bytes, whole: bytes, *, timeout_s: float) -> Verdict:
        """Prints `short`, which names the logo; `whole` if another printer may have come in between."""
        return self._printer.print(short, timeout_s=timeout_s, connection=self._asked_on, elsewhere=whole)

    def see_to_it(self) -> None:
        """Once for each connection, when there is nothing to print: asks what the printer has, and gives it the logo.

        No trouble of a device is raised: receipts carry the logo then. Raises StoreError.
        """
        connection = self._printer.connection
        if connection == self._asked_on or not self._printer.is_idle:
            return
        try:
            if not self._printer.status().ready or self._printer.connection != connection:
                return  # again when it is well
        except DeviceError:
            return
        self._asked_on, self._key = connection, b""
        try:
            self._key = self._place()
        except DeviceError as error:
            log.info("the logo is sent with each receipt: %s", error)
        if self._printer.connection != connection:
            self._key = b""

    def _place(self) -> bytes:
        """The key under which the printer keeps the logo, perhaps since now; b'' where it does not."""
        printer = self._printer
        name = kept_pictures.identity(printer)
        listed = kept_pictures.kept_keys(printer) if name else None
        if listed is None:
            return b""
        # Of the bytes, not of the file: on paper of another width the same file is another picture.
        digest = hashlib.sha256(self._definition(b"00")).hexdigest()[:16]
        place = self._known().printers.get(name, {}).get(digest)
        if place is not None and place.state == "refused":
            return b""
        if place is not None and place.state == "kept" and place.key.encode() in listed:
            return place.key.encode()
        key = place.key.encode() if place is not None else kept_pictures.free_key(digest, listed)
        if key is None:
            return b""
        definition = self._definition(key)
        if kept_pictures.free_bytes(printer) < len(definition) or not self._may_write(name, digest, key):
            return b""
        timeout_s = DEFINE_TIMEOUT_S + len(definition) / SLOWEST_BYTES_PER_S
        is_there = kept_pictures.define(
            printer, definition, key, timeout_s=timeout_s, ready_s=self._ready_s, sleep=self._sleep
        )
        if is_there is None:
            return b""
        self._note(name, digest, _Place(key.decode(), "kept" if is_there else "refused"))
        return key if is_there else b""

    def _definition(self, key: bytes) -> bytes:
        return define_picture(self._logo.png, key, self._profile, width_columns=self._width_columns)

    def _known(self) -> _Known:
        with self._store.read() as db:
            text = settings.get(db, SETTING)
        try:
            return msgspec.json.decode(text, type=_Known) if text else _Known()
        except msgspec.DecodeError:  # of another version: nothing is known, so nothing is trusted
            return _Known()

    def _may_write(self, name: str, digest: str, key: bytes) -> bool:
        """Counts a write, if one more is allowed today. A clock that is set back begins no new day."""
        known = self._known()
        today = self._clock().date().isoformat()
        if today > known.day:
            known.day, known.writes = today, {}
        written = known.writes.get(digest, 0)
        if written >= WRITES_A_DAY:
            return False
        known.writes[digest] = written + 1
        known.printers.setdefault(name, {})[digest] = _Place(key.decode(), "begun")
        self._write(known)
        return True

    def _note(self, name: str, digest: str, place: _Place) -> None:
        known = self._known()
        known.printers.setdefault(name, {})[digest] = place
        self._write(known)

    def _write(self, known: _Known) -> None:
        text = msgspec.json.encode(known).decode()
        self._store.write(lambda db: settings.put(db, SETTING, text))
