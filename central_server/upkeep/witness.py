"""Notices a database that somebody put back to an earlier state without saying so.

What has been told to tills cannot be taken back, so a database that has forgotten it must not go on as if nothing had happened:
tills would read on in a feed that is numbered anew, and points would be granted twice. `witness.json` in the folder says how
far the database had come; a server writes it when it starts, every ten minutes, and when it ends.
"""

from __future__ import annotations

import msgspec
from sqlalchemy import Connection, func, select

from central_server import schema
from central_server.errors import OfficeError
from central_server.files import write_private
from central_server.office import Office
from loyalty.typed import typed

FILE = "witness.json"
EPOCH = "server_epoch"
"""The setting by which a database says of which server epoch it is. A new one has none: it is of the first."""


class Witness(msgspec.Struct, frozen=True):
    """`number` and `hash`: the head of the own journal; `told` and `recorded` only grow, with what is told and sent."""

    server_epoch: int
    number: int
    hash: str
    told: int
    recorded: int


def remember(office: Office) -> None:
    """Writes how far the database is. Of several servers none writes less than another has written."""
    with office.database.reading() as connection:
        now = _state(office, connection)
    before = _written(office)
    if before is not None and before.server_epoch == now.server_epoch:
        further = before if before.number > now.number else now
        told, recorded = max(before.told, now.told), max(before.recorded, now.recorded)
        now = Witness(now.server_epoch, further.number, further.hash, told, recorded)
    if now != before:
        write_private(office.folder / FILE, msgspec.json.encode(now))


def require_current(office: Office) -> None:
    """Raises OfficeError where the database is not, or no longer, what this head office had come to."""
    with office.database.reading() as connection:
        setting = schema.setting.c
        kept: dict[str, str] = dict(
            connection.execute(select(setting.name, setting.value).where(setting.name.in_(["server", EPOCH]))).all()
        )
        now = _state(office, connection)
        before = _written(office)
        if kept.get("server", office.server) != office.server:
            raise OfficeError(
                "This database belongs to another head office.", hint="See which database office.json names."
            )
        if before is None or before.server_epoch < office.server_epoch:
            before = now  # nothing was told since this life of head office began
        journal = schema.journal.c
        there = connection.scalar(
            select(journal.hash).where(journal.server == office.server, journal.number == before.number)
        )
    is_same = before.number == 0 or there == before.hash
    is_behind = now.told < before.told or now.recorded < before.recorded
    if int(kept.get(EPOCH, "1")) != office.server_epoch or before.server_epoch != office.server_epoch:
        reason = "is not of this folder's server epoch"
    elif is_behind or not is_same:
        reason = "has forgotten what head office had already recorded or told"
    else:
        return
    raise OfficeError(
        f"The database {reason}: it, or this folder, was put back to an earlier state.",
        hint=f"If that was meant, run: pos-central restored --dir {typed(office.folder)} (docs/recovery.md). "
        "Tills sell on meanwhile.",
        code="DATABASE_RESTORED",
    )


def _state(office: Office, connection: Connection) -> Witness:
    chain = schema.chain.c
    own = connection.execute(select(chain.head_number, chain.head).where(chain.server == office.server)).one_or_none()
    told = connection.scalar(select(func.coalesce(func.sum(schema.feed_channel.c.position), 0)))
    recorded = connection.scalar(
        select(func.coalesce(func.sum(schema.branch.c.head_number - schema.branch.c.start), 0))
    )
    number, head = (int(own.head_number), own.head) if own is not None else (0, "")
    return Witness(office.server_epoch, number, head, int(told or 0), int(recorded or 0))


def _written(office: Office) -> Witness | None:
    """One that cannot be read is as good as none: the other signs remain."""
    try:
        return msgspec.json.decode((office.folder / FILE).read_bytes(), type=Witness)
    except (OSError, msgspec.DecodeError):
        return None
