"""What rules may ask of a person: birthday, segments, charity, and who brought them. Beside the ledger, and erased with them."""

from __future__ import annotations

from collections.abc import Collection

import msgspec
from sqlalchemy import Connection, delete, select

from central_server import schema
from central_server.database import among, put
from loyalty.standing import Profile

_segments = msgspec.json.Decoder(dict[str, str])


class Kept(msgspec.Struct, frozen=True):
    """A row: `segments` name → last day ('' is no end), `referrer` the member who brought this one."""

    birthday: str = ""
    segments: dict[str, str] = {}
    charity: str = ""
    referrer: str = ""

    @property
    def profile(self) -> Profile:
        return Profile(self.birthday, self.segments, bool(self.referrer), self.charity)


NOTHING = Kept()


def of(connection: Connection, members: Collection[str]) -> dict[str, Kept]:
    """What is kept of these members; who has no row is left out."""
    table = schema.profile
    rows = connection.execute(select(table).where(among(connection, table.c.member, members))).all()
    return {row.member: Kept(row.birthday, _segments.decode(row.segments), row.charity, row.referrer) for row in rows}


def change(
    connection: Connection,
    member: str,
    *,
    birthday: str = "",
    charity: str = "",
    referrer: str = "",
    segments: dict[str, str | None] | None = None,
) -> None:
    """Keeps what is given; '' leaves what is there, and so does a second referrer. A segment of None is taken away."""
    was = of(connection, [member]).get(member, NOTHING)
    more = was.segments | (segments or {})
    now = Kept(
        birthday or was.birthday,
        {name: last for name, last in more.items() if last is not None},
        charity or was.charity,
        was.referrer or referrer,
    )
    if now != was:
        _keep(connection, member, now)


def merge(connection: Connection, old: str, into: str) -> None:
    """`old` has become `into`: where both say something, what `into` says counts."""
    both = of(connection, [old, into])
    if old not in both:
        return
    gone, stays = both[old], both.get(into, NOTHING)
    latest = {
        name: "" if "" in lasts else max(lasts)
        for name in gone.segments | stays.segments
        if (lasts := [kept.segments[name] for kept in (gone, stays) if name in kept.segments])
    }
    referrer = stays.referrer or gone.referrer
    now = Kept(
        stays.birthday or gone.birthday,
        latest,
        stays.charity or gone.charity,
        "" if referrer in (old, into) else referrer,
    )
    _keep(connection, into, now)
    connection.execute(delete(schema.profile).where(schema.profile.c.member == old))


def _keep(connection: Connection, member: str, now: Kept) -> None:
    row = {
        "member": member,
        "birthday": now.birthday,
        "segments": msgspec.json.encode(now.segments, order="sorted").decode(),
        "charity": now.charity,
        "referrer": now.referrer,
    }
    put(connection, schema.profile, [row])
