"""When a till was last heard, whatever it asked. Not when it last sent entries: that is its `sent_at`, which the inbox keeps.

Every request of every till says so, and none waits for it: who was heard is remembered here and written for all of them at once,
now and then. What a crash forgets is a minute old at most, and the tills ask again.
"""

from __future__ import annotations

import threading

from sqlalchemy import bindparam, update

from central_server import schema
from central_server.office import Office

KEEP_EVERY_S = 60.0


class Heard:
    """The tills that were heard since this was last kept. Safe to call from any thread."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._lock = threading.Lock()
        self._at: dict[str, str] = {}

    def note(self, terminal: str) -> None:
        """It has just proved who it is."""
        with self._lock:
            self._at[terminal] = self._office.time()

    def keep(self) -> None:
        """Writes them to the database. Raises SQLAlchemyError; then they are forgotten, until they ask again."""
        with self._lock:
            heard, self._at = self._at, {}
        if not heard:
            return
        table = schema.terminal.c
        change = (
            update(schema.terminal)
            .where(table.terminal == bindparam("which"), table.heard_at < bindparam("at"))
            .values(heard_at=bindparam("at"))
        )
        # In one order, so that two servers over one database do not wait for each other.
        rows = [{"which": terminal, "at": at} for terminal, at in sorted(heard.items())]
        self._office.database.write(lambda connection: connection.execute(change, rows))
