"""Messages to endpoints: put up before the first try, taken by one server at a time, tried again for three days.

A message keeps its id through every try and every restart, so a receiver takes it once. Who is in it is decided anew at each try:
whoever took their consent back meanwhile, was erased or has no card that can be used is left out. A newer list of the same
segment takes the place of what waits of an older one, because an old list that arrives late would bring people back.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Row, case, delete, func, select, update

from central_server import schema
from central_server.database import add
from central_server.errors import OfficeError
from central_server.local_time import shown
from central_server.office import Office
from central_server.segments.found import cards
from central_server.webhooks import disclosures, secrets
from central_server.webhooks.endpoints import every, not_taken, open_one, switch_off, taken, where
from ledger.identifiers import new_reference

PAGE = 1000
PAUSES_S = (5, 5 * 60, 30 * 60, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)))
"""Between tries, as the specification proposes: 75 hours in all."""
JITTER = 5
"""A pause is up to a fifth longer, so that many who failed together do not come back together."""
LEASE_S = 300
"""So long a message is one server's: far longer than a try takes. A server that dies in between leaves it to the next."""
KEPT_S = 30 * 24 * 3600
LATE_S = 3600
"""What was tried and not taken for so long is told to a person."""
TEST = ""
"""The segment of a message that is a test."""
WAITING, SENT, FAILED, REPLACED = "waiting", "sent", "failed", "replaced"


class Delivery(msgspec.Struct, frozen=True):
    """A message that this server has taken, with all that one try needs. `members` are those whose data is in the body."""

    delivery: str
    webhook: str
    url: str
    secrets: list[str]
    is_private: bool
    claim: str
    attempts: int
    at: str
    body: bytes
    members: list[str]

    def headers(self) -> dict[str, str]:
        """As https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md has them; the time is
        that of this try."""
        timestamp = str(int(datetime.fromisoformat(self.at).timestamp()))
        return {
            "content-type": "application/json",
            "webhook-id": self.delivery,
            "webhook-timestamp": timestamp,
            "webhook-signature": secrets.signatures(self.secrets, self.delivery, timestamp, self.body),
        }


class Told(msgspec.Struct, frozen=True):
    """A message as a page shows it."""

    delivery: str
    segment: str
    page: int
    pages: int
    count: int
    state: str
    asked_by: str
    asked_at: str
    due_at: str
    attempts: int
    tried_at: str
    reason: str


class Trouble(msgspec.Struct, frozen=True):
    """An endpoint that somebody has to look at. `failed` messages were given up; `late_since` is when the oldest was put up that
    has been tried and not taken for over an hour, '' for none. `why` is why, '' where nothing is known."""

    name: str
    off_at: str
    failed: int
    late_since: str
    why: str


# -- put up --------------------------------------------------------------------------------------------------------------


def put_up(office: Office, connection: Connection, webhook: str, segment: str, members: list[str], by: str) -> int:
    """Messages of at most a thousand members each; at least one, so that a receiver hears that nobody is left. How many."""
    take_back(connection, segment=segment, webhook=webhook)
    table, at = schema.segments.delivery, office.time()
    old = (table.c.webhook == webhook, table.c.state != WAITING, table.c.asked_at < office.later(-KEPT_S))
    connection.execute(delete(table).where(*old))
    secrets.forget_ended(connection, at)
    sending = f"snd_{new_reference(office.random_bytes)}"
    pages = [members[start : start + PAGE] for start in range(0, len(members), PAGE)] or [[]]
    rows = [
        {
            "delivery": f"msg_{new_reference(office.random_bytes)}",
            "webhook": webhook,
            "segment": segment,
            "sending": sending,
            "page": number,
            "pages": len(pages),
            "members": msgspec.json.encode(page).decode(),
            "count": len(page),
            "state": WAITING,
            "asked_by": by,
            "asked_at": at,
            "due_at": at,
            "attempts": 0,
            "tried_at": "",
            "reason": "",
            "claim": "",
            "claimed_until": "",
        }
        for number, page in enumerate(pages, 1)
    ]
    add(connection, table, rows)
    return len(rows)


def put_up_test(office: Office, webhook: str, by: str) -> None:
    """A message without any member. Raises OfficeError."""

    def work(connection: Connection) -> None:
        open_one(connection, webhook)
        put_up(office, connection, webhook, TEST, [], by)

    office.database.write(work)


def take_back(connection: Connection, *, segment: str, webhook: str = "") -> None:
    """What was not sent of a segment is not sent any more."""
    table = schema.segments.delivery
    change = update(table).where(table.c.segment == segment, table.c.state.in_([WAITING, FAILED]))
    if webhook:
        change = change.where(table.c.webhook == webhook)
    connection.execute(change.values(state=REPLACED, members="[]", claim="", claimed_until=""))


def again(office: Office, delivery: str = "", webhook: str = "") -> int:
    """What failed is tried from the beginning, under its id: one message, or all of an endpoint. How many. Raises OfficeError."""
    table = schema.segments.delivery

    def work(connection: Connection) -> int:
        which = table.c.delivery == delivery if delivery else table.c.webhook == webhook
        now = {"state": WAITING, "due_at": office.time(), "attempts": 0, "claim": "", "claimed_until": ""}
        found = connection.execute(update(table).where(which, table.c.state == FAILED).values(**now)).rowcount
        if delivery and not found:
            raise OfficeError("This message is not one that failed.", hint="Nothing was sent.", code="DELIVERY_UNKNOWN")
        return found

    return office.database.write(work)


def latest(connection: Connection, webhook: str, most: int) -> list[Told]:
    table = schema.segments.delivery
    order = (table.c.asked_at.desc(), table.c.sending, table.c.page)
    rows = connection.execute(
        select(*(table.c[name] for name in Told.__struct_fields__))
        .where(table.c.webhook == webhook)
        .order_by(*order)
        .limit(most)
    )
    return [Told(*row) for row in rows]


def unsent(connection: Connection) -> dict[str, tuple[int, str]]:
    """Of every endpoint how many messages were given up, and when the oldest was put up that waits and has been tried in vain, ''
    for none."""
    table = schema.segments.delivery.c
    tried = (table.state == WAITING) & (table.attempts > 0) & (table.reason != "")
    rows = connection.execute(
        select(
            table.webhook,
            func.sum(case((table.state == FAILED, 1), else_=0)),
            func.min(case((tried, table.asked_at))),
        ).group_by(table.webhook)
    )
    found = {str(name): (int(failed), oldest or "") for name, failed, oldest in rows}
    return {one.name: found.get(one.name, (0, "")) for one in every(connection)}


def troubles(office: Office, connection: Connection) -> list[Trouble]:
    """The endpoints that are switched off, or were given up, or have failed for over an hour."""
    counted, late = unsent(connection), office.later(-LATE_S)
    found = []
    for one in every(connection):
        failed, oldest = counted[one.name]
        since = oldest if oldest and oldest <= late else ""
        if one.off_at or failed or since:
            why = one.off_why or _last_reason(connection, one.name)
            found.append(Trouble(one.name, one.off_at, failed, since, why))
    return found


def _last_reason(connection: Connection, webhook: str) -> str:
    table = schema.segments.delivery.c
    said = select(table.reason).where(table.webhook == webhook, table.reason != "", table.state.in_([WAITING, FAILED]))
    return connection.scalar(said.order_by(table.tried_at.desc()).limit(1)) or ""


def told_of_trouble(one: Trouble, zone: ZoneInfo) -> str:
    """In words, by the shops' clocks."""
    why = f": {one.why}" if one.why else ""
    if one.off_at:
        return f"the endpoint {one.name} is switched off since {shown(one.off_at, zone)}{why}"
    if one.failed:
        messages = "1 message" if one.failed == 1 else f"{one.failed:,} messages"
        return f"{messages} to the endpoint {one.name} {'was' if one.failed == 1 else 'were'} given up{why}"
    return f"the endpoint {one.name} has not taken what waits since {shown(one.late_since, zone)}{why}"


def told(one: Told, zone: ZoneInfo) -> str:
    """What became of a message, in words, by the shops' clocks."""
    tries = "once" if one.attempts == 1 else f"{one.attempts} times"
    why = f": {one.reason}; tried {tries}" if one.reason else ""
    match one.state:
        case "sent":
            return f"sent {shown(one.tried_at, zone)}"
        case "failed":
            return f"failed{why}"
        case "replaced":
            return "not sent: a newer list took its place, or its segment was removed"
        case _ if one.reason:
            return f"waiting until {shown(one.due_at, zone)}{why}"
    return "is sent within seconds by a server that runs"


# -- sent ----------------------------------------------------------------------------------------------------------------


def due(office: Office) -> list[str]:
    """The endpoints for which something is due."""
    with office.database.reading() as connection:
        return list(connection.scalars(_due(office).with_only_columns(schema.segments.delivery.c.webhook).distinct()))


def take(office: Office, webhook: str) -> Delivery | None:
    """The next message that is due for an endpoint; from here on it is this server's for a while. None where nothing is."""
    table = schema.segments.delivery
    claim = new_reference(office.random_bytes)

    def work(connection: Connection) -> Row[Any] | None:
        first = _due(office).where(table.c.webhook == webhook).order_by(table.c.due_at, table.c.asked_at, table.c.page)
        row = connection.execute(first.limit(1).with_for_update(of=table, skip_locked=True)).one_or_none()
        if row is not None:
            mine = {"claim": claim, "claimed_until": office.later(LEASE_S), "tried_at": office.time()}
            change = update(table).where(table.c.delivery == row.delivery)
            connection.execute(change.values(**mine, attempts=table.c.attempts + 1))
        return row

    row = office.database.write(work)
    if row is None:
        return None
    with office.database.reading() as connection:
        body, members = _body(connection, row)
        signing = secrets.signing(connection, webhook, office.time())
    return Delivery(
        row.delivery,
        webhook,
        row.url,
        signing,
        bool(row.is_private),
        claim,
        row.attempts + 1,
        office.time(),
        body,
        members,
    )


def _due(office: Office) -> Any:
    table, hook, now = schema.segments.delivery, schema.segments.webhook, office.time()
    return (
        select(table, hook.c.url, hook.c.is_private)
        .join_from(table, hook, hook.c.webhook == table.c.webhook)
        .where(hook.c.off_at == "", table.c.state == WAITING, table.c.due_at <= now, table.c.claimed_until <= now)
    )


def _body(connection: Connection, row: Row[Any]) -> tuple[bytes, list[str]]:
    """What is sent, and of whom: of those that somebody may still write to the reference and the card, and nothing else."""
    if row.segment == TEST:
        return msgspec.json.encode({"type": "test", "timestamp": row.asked_at, "data": {}}), []
    kept = msgspec.json.decode(row.members, type=list[str])
    card = cards(connection, kept)
    members = [one for one in kept if one in card]
    data = {
        "segment": row.segment,
        "sending": row.sending,
        "page": row.page,
        "pages": row.pages,
        "members": [{"member": one, "card": card[one]} for one in members],
    }
    return msgspec.json.encode({"type": "segment.members", "timestamp": row.asked_at, "data": data}), members


def leaves(office: Office, delivery: Delivery) -> None:
    """Somebody was reached, and hears it now, whatever comes of it."""
    if delivery.members:
        told = (delivery.members, delivery.webhook, where(delivery.url), office.time())
        office.database.write(lambda connection: disclosures.record(connection, *told))


def sent(office: Office, delivery: Delivery) -> None:
    """Also where another has taken it meanwhile: it has arrived."""
    table = schema.segments.delivery
    now = {"state": SENT, "members": "[]", "reason": "", "claim": "", "claimed_until": ""}

    def work(connection: Connection) -> None:
        connection.execute(update(table).where(table.c.delivery == delivery.delivery).values(**now))
        taken(connection, delivery.webhook)

    office.database.write(work)


def failed(office: Office, delivery: Delivery, why: str, *, is_gone: bool = False) -> None:
    """Not taken: later again, or, after the last try, by a person. One that is gone wants nothing any more, and one that took
    nothing for three days is not asked again."""
    table = schema.segments.delivery
    is_over = is_gone or delivery.attempts > len(PAUSES_S)
    now = {"state": FAILED if is_over else WAITING, "reason": why, "claim": "", "claimed_until": ""}
    if not is_over:
        now["due_at"] = office.later(pause_s(delivery.attempts, office.random_bytes(2)))

    def work(connection: Connection) -> None:
        mine = (table.c.delivery == delivery.delivery, table.c.claim == delivery.claim)
        connection.execute(update(table).where(*mine).values(**now))
        if is_gone:
            switch_off(connection, delivery.webhook, why, office.time())
        else:
            not_taken(office, connection, delivery.webhook, why)

    office.database.write(work)


def let_go(office: Office, delivery: Delivery) -> None:
    """The try was broken off with the server: it counts for nothing, and the next server begins at once."""
    table = schema.segments.delivery
    now = {"claim": "", "claimed_until": "", "attempts": delivery.attempts - 1}
    office.database.write(
        lambda connection: (
            connection.execute(
                update(table)
                .where(table.c.delivery == delivery.delivery, table.c.claim == delivery.claim)
                .values(**now)
            ).rowcount
        )
    )


def pause_s(attempts: int, chance: bytes) -> float:
    """After so many tries.

    >>> [pause_s(1, bytes(2)), pause_s(1, b"\\xff\\xff"), pause_s(9, bytes(2)) / 3600]
    [5.0, 6.0, 24.0]
    """
    pause = PAUSES_S[attempts - 1]
    return pause + pause * int.from_bytes(chance, "big") / (0xFFFF * JITTER)
