"""Pages of what head office tells the tills. What a page says of a member is read when it is asked for, in one snapshot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec
from sqlalchemy import Connection, Row, select

from central_server import schema
from central_server.applying import used_up
from central_server.applying.histories import for_a_till, read_history
from central_server.care import tickets
from central_server.membership import consents, profiles
from central_server.office import Office
from central_server.programs import surprises
from central_server.shops import card_stock, operators
from central_server.tills.channels import (
    BLOCK,
    CARD_BATCH,
    FORFEIT,
    OPERATOR,
    PROGRAM,
    RECALL,
    RENEW,
    REVOCATIONS,
    REVOKE,
    TICKET,
    grants_of,
    members_of,
    shop_of,
)
from ledger.entry import Slice
from ledger.passes import PassKey
from ledger.wire import (
    BlockItem,
    ExpiringPoints,
    FeedChannel,
    FeedItem,
    FeedReply,
    FeedRequest,
    ForfeitItem,
    GrantItem,
    MemberItem,
    ProgramItem,
    RecallItem,
    RenewItem,
    RevokeItem,
)
from loyalty.standing import NO_HISTORY, NO_PROFILE
from loyalty.surprise import terminal_key

MAX_ITEMS = 1000

slices = msgspec.json.Decoder(list[Slice])


def read(office: Office, terminal: str, shop: str, request: FeedRequest) -> FeedReply:
    """A page of each channel asked for; channels that are not this terminal's are left out."""
    own = (PROGRAM, members_of(shop), grants_of(terminal), REVOCATIONS, shop_of(shop))
    limit = min(max(1, request.limit), MAX_ITEMS)
    channels: dict[str, FeedChannel] = {}
    with office.database.reading() as connection:
        included = includes(connection, terminal, request.epoch)
        for channel, after in request.positions.items():
            if channel in own:
                channels[channel] = _page(office, connection, terminal, shop, channel, after, limit, included)
    return FeedReply(office.server_epoch, office.time(), channels)


def includes(connection: Connection, terminal: str, epoch: str = "") -> int:
    """The last entry of this terminal whose effects, with those of all before it, are in the figures."""
    rows = connection.execute(select(schema.branch).where(schema.branch.c.terminal == terminal)).all()
    branches = {row.branch: row for row in rows}
    if not epoch:
        epoch = connection.scalar(select(schema.terminal.c.epoch).where(schema.terminal.c.terminal == terminal)) or ""
    row = branches.get(epoch)
    if row is None:
        return 0
    applied = int(row.applied_number)
    while row.parent:
        start, row = row.start, branches[row.parent]
        if row.applied_number < start:
            applied = int(row.applied_number)
    return applied


def _page(
    office: Office,
    connection: Connection,
    terminal: str,
    shop: str,
    channel: str,
    after: int,
    limit: int,
    included: int,
) -> FeedChannel:
    table = schema.feed_item.c
    rows = connection.execute(
        select(table.item, table.position)
        .where(table.channel == channel, table.position > after)
        .order_by(table.position)
        .limit(limit + 1)
    ).all()
    more, rows = len(rows) > limit, rows[:limit]
    if not rows:
        return FeedChannel(after, [])
    keys = [row.item for row in rows]
    items: list[FeedItem]
    if channel == PROGRAM:
        items = list(_programs(office, connection, terminal))
    elif channel == grants_of(terminal):
        items = list(_rights(connection, terminal, keys))
    elif channel == REVOCATIONS:
        items = list(_revocations(office, connection, keys))
    elif channel == shop_of(shop):
        items = list(_of_shop(connection, shop, keys))
    else:
        items = list(_members(office, connection, terminal, keys, included))
    return FeedChannel(int(rows[-1].position), items, more)


def _programs(office: Office, connection: Connection, terminal: str) -> Iterable[FeedItem]:
    """The programme in force, and then those to come: a till that has them in time needs no network when they take effect."""
    found = office.program(connection)
    programs = [*([found] if found else []), *office.programs_to_come(connection)]
    drawing = surprises.seed_of(office, connection, programs)
    key = terminal_key(drawing, terminal).hex() if drawing else ""
    for program in programs:
        yield ProgramItem(program.text, key, used_up.gone(connection, program))
    if text := consents.asked_for(connection):
        yield text


def _rights(connection: Connection, terminal: str, keys: list[str]) -> Iterable[FeedItem]:
    """Grants, and what else concerns the rights of one terminal, in the order in which it happened."""
    table = schema.grant.c
    rows = connection.execute(select(schema.grant).where(table.terminal == terminal, table.grant_id.in_(keys)))
    found = {row.grant_id: row for row in rows}
    for key in keys:
        if key.startswith(RECALL):
            yield RecallItem(key.removeprefix(RECALL))
        elif key.startswith(RENEW):
            member, number, entry_hash = key.removeprefix(RENEW).rsplit("/", 2)
            yield RenewItem(member, int(number), entry_hash)
        elif key.startswith(FORFEIT):
            yield ForfeitItem(terminal, key.removeprefix(FORFEIT))
        else:
            row = found[key]
            yield GrantItem(
                row.grant_id,
                terminal,
                row.epoch,
                row.member,
                slices.decode(row.slices),
                row.signature,
                standing=row.standing,
            )


def _revocations(office: Office, connection: Connection, keys: list[str]) -> Iterable[FeedItem]:
    """Cards that are blocked, or are not any more, and tokens that were revoked; one that is over by now need not be told."""
    blocked, token, today = schema.blocked_card, schema.token, office.today(connection)
    hashes = [key.removeprefix(BLOCK) for key in keys if key.startswith(BLOCK)]
    for row in connection.execute(select(blocked).where(blocked.c.card_hash.in_(hashes)).order_by(blocked.c.card_hash)):
        yield BlockItem(row.card_hash, row.changed_at, row.why)
    serials = [key.removeprefix(REVOKE) for key in keys if key.startswith(REVOKE)]
    for row in connection.execute(select(token).where(token.c.serial.in_(serials)).order_by(token.c.serial)):
        if row.last_day >= today:
            yield RevokeItem(row.serial, row.last_day)


def _of_shop(connection: Connection, shop: str, keys: list[str]) -> Iterable[FeedItem]:
    """Its operators, its batches of cards, and the tickets of its members."""
    yield from operators.items(
        connection, shop, [key.removeprefix(OPERATOR) for key in keys if key.startswith(OPERATOR)]
    )
    yield from card_stock.items(
        connection, shop, [key.removeprefix(CARD_BATCH) for key in keys if key.startswith(CARD_BATCH)]
    )
    yield from tickets.items(connection, [key.removeprefix(TICKET) for key in keys if key.startswith(TICKET)])


def _members(
    office: Office, connection: Connection, terminal: str, keys: list[str], included: int
) -> Iterable[MemberItem]:
    as_of, today, program = office.time(), office.today(connection), office.program(connection)
    assert program is not None, "init puts a programme in force"

    def rows_of(statement_of: object) -> dict[str, list[Row[tuple[object, ...]]]]:
        found: dict[str, list[Row[tuple[object, ...]]]] = {}
        for row in connection.execute(statement_of):  # type: ignore[call-overload]
            found.setdefault(row.member, []).append(row)
        return found

    holding, lot = schema.holding.c, schema.lot.c
    members = rows_of(select(schema.member).where(schema.member.c.member.in_(keys)))
    cards = rows_of(select(schema.card).where(schema.card.c.member.in_(keys)).order_by(schema.card.c.card))
    passes = rows_of(
        select(schema.card.c.member, schema.pass_key)
        .join_from(schema.card, schema.pass_key, schema.card.c.card == schema.pass_key.c.card)
        .where(schema.card.c.member.in_(keys))
        .order_by(schema.pass_key.c.card)
    )
    phones = rows_of(select(schema.phone).where(schema.phone.c.member.in_(keys)))
    people = rows_of(select(schema.person).where(schema.person.c.member.in_(keys)))
    held = rows_of(
        select(holding.member, holding.lot, holding.points, lot.expires_on)
        .join_from(schema.holding, schema.lot, (lot.member == holding.member) & (lot.lot == holding.lot))
        .where(holding.member.in_(keys), holding.place != "expired")
    )
    later, past = schema.vesting.c, schema.member_history.c
    vesting = {
        (row.member, row.lot): row.usable_from
        for row in connection.execute(select(schema.vesting).where(later.member.in_(keys), later.usable_from > today))
    }
    histories = rows_of(select(past.member, past.history).where(past.member.in_(keys)))
    profiles_of = profiles.of(connection, keys)
    for key in keys:
        (about,) = members[key]
        points: Counter[tuple[str, str]] = Counter()
        for row in held.get(key, []):
            points[row.expires_on, vesting.get((key, row.lot), "")] += row.points
        name = people[key][0].name if key in people else ""
        yield MemberItem(
            member=key,
            cards=[row.card for row in cards.get(key, [])],
            as_of=as_of,
            includes=included,
            points=[ExpiringPoints(day, points[day, since], since) for day, since in sorted(points)],
            debt=about.debt,
            phone_hashes=sorted(row.phone_hash for row in phones.get(key, [])),
            merged_into=about.merged_into,
            merge=about.merge,
            merge_signature=about.merge_signature,
            initials="".join(f"{part[0].upper()}." for part in name.split()[:3]),
            history=for_a_till(read_history(histories[key][0].history), program, today, terminal)
            if key in histories
            else NO_HISTORY,
            profile=profiles_of[key].profile if key in profiles_of else NO_PROFILE,
            passes=[PassKey(row.card, row.key, row.algorithm, row.period_s) for row in passes.get(key, [])],
        )
