"""The numbered channels by which tills hear of changes: the programme, a shop's members, a terminal's grants.

A channel's counter is a row updated in the transaction that changes something, so a position is never seen before an earlier
one is committed. (A cursor over a sequence misses changes under concurrency.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, select, update

from central_server import schema
from central_server.database import AT_ONCE, among, keep, put

PROGRAM = "program"
REVOCATIONS = "revocations"
"""Of the whole programme: what nobody is to accept any more, at any shop."""

BLOCK, REVOKE = "block/", "revoke/"
"""How items of that channel begin: a card's hash, or a token's serial follows."""

RECALL, RENEW, FORFEIT = "recall/", "renew/", "forfeit/"
"""How items of a terminal's channel begin that are no grants: a member, member/number/hash, or an epoch follows."""


OPERATOR, CARD_BATCH, TICKET = "operator/", "batch/", "ticket/"
"""How items of a shop's own channel begin: the name of an operator, a batch or a ticket follows."""


def shop_of(shop: str) -> str:
    """The channel of what concerns one shop alone: its operators, its cards, its tickets."""
    return f"shop/{shop}"


def members_of(shop: str) -> str:
    return f"members/{shop}"


def grants_of(terminal: str) -> str:
    return f"grants/{terminal}"


def announce(connection: Connection, channel: str, items: Sequence[str]) -> None:
    """These items have changed: each gets the next position of the channel."""
    if not items:
        return
    counter = schema.feed_channel
    keep(connection, counter, [{"channel": channel, "position": 0}])
    last = connection.scalar(
        update(counter)
        .where(counter.c.channel == channel)
        .values(position=counter.c.position + len(items))
        .returning(counter.c.position)
    )
    assert last is not None
    first = last - len(items) + 1
    put(
        connection,
        schema.feed_item,
        [{"channel": channel, "item": item, "position": first + index} for index, item in enumerate(items)],
    )


def announce_members(connection: Connection, members: Iterable[str]) -> None:
    """Tells every shop where these members are known. Channels in one order, so that two transactions never wait in a circle."""
    seen = schema.member_shop.c
    changed = sorted(set(members))
    by_shop: dict[str, list[str]] = {}
    for start in range(0, len(changed), AT_ONCE):
        known = among(connection, seen.member, changed[start : start + AT_ONCE])
        for member, shop in connection.execute(select(seen.member, seen.shop).where(known)).all():
            by_shop.setdefault(shop, []).append(member)
    for shop in sorted(by_shop):
        announce(connection, members_of(shop), sorted(by_shop[shop]))
