"""What the till goes by at a moment: its name, its programme, the time and the day, how far head office has come.

Read once in a transaction, from one table.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from loyalty.days import business_day
from loyalty.program import Program
from offline_store import settings
from offline_store.journal import Identity


@dataclass(frozen=True)
class Moment:
    """`now` is the till's clock, but never earlier than the last server time it saw. `acknowledged` is the number of the last
    entry that head office has. `since` is when this till was made, or last started where the caller knows. `gone` are the rules
    and rewards that are used up, by the id of their programme."""

    who: Identity
    program: Program
    now: datetime
    acknowledged: int
    since: datetime
    shop: str = ""
    gone: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def local(self) -> datetime:
        """The shop's wall clock."""
        return self.now.astimezone(self.program.zone).replace(tzinfo=None)

    @cached_property
    def today(self) -> str:
        """The programme's day."""
        return business_day(self.local, self.program.day_starts_at)

    @property
    def occurred_at(self) -> str:
        """For entries of things that happen now: shop-local, as hosts tell theirs."""
        return self.local.isoformat(timespec="seconds")

    @property
    def recorded_at(self) -> str:
        return self.now.astimezone(UTC).isoformat(timespec="milliseconds")

    def is_late(self, sold_at: str) -> bool:
        """Whether a sale happened before this till last started: a disk that was lost since, or a later state of this one, may
        have recorded it already. To the minute: many hosts tell no seconds."""
        since = self.since.replace(second=0, microsecond=0)
        return sold_at < since.astimezone(self.program.zone).replace(tzinfo=None).isoformat(timespec="seconds")


def moment(db: sqlite3.Connection, clock: datetime, started_at: datetime | None = None) -> Moment:
    known = settings.every(db)
    seen = known.get("server_time")
    made_at = datetime.fromisoformat(known.get("made_at", "0001-01-02T00:00:00+00:00"))
    now = max(clock, datetime.fromisoformat(seen)) if seen else clock
    program = settings.in_force(db, known, now)
    return Moment(
        who=Identity(known["terminal"], known["epoch"]),
        program=program,
        now=now,
        acknowledged=int(known.get("acknowledged", "0")),
        since=max(made_at, started_at) if started_at else made_at,
        shop=known.get("shop", ""),
        gone=settings.gone(known),
    )
