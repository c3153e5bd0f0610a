"""Who brought a friend is rewarded once the friend has joined, or bought; whichever of the two is heard of first.

Where a programme rewards only so many friends a year, those count that head office heard of first.
"""

from __future__ import annotations

from sqlalchemy import select

from central_server import schema
from central_server.applying import gives
from central_server.applying.books import Books
from central_server.membership import profiles
from ledger.entry import ClaimBody, Entry, EntryUnreadable, GiveBody, SaleBody, read_entry
from loyalty.days import days_after
from loyalty.program import Program
from loyalty.sale import Sale, document_name
from loyalty.standing import Effects


def joined(books: Books, shop: str, entry: Entry, referrer: str) -> None:
    """A member has joined whom `referrer` brought. What they had bought by then, as it was heard, counts too."""
    friend = books.who(entry.member)
    if books.who(referrer) == friend or profiles.of(books.connection, [friend]).get(friend, profiles.NOTHING).referrer:
        return
    profiles.change(books.connection, friend, referrer=referrer)
    books.changed(friend)
    program = books.program
    if program.referral and program.referral.on == "join":
        _reward(books, program, shop, friend, referrer, document_name("referral", friend), entry.envelope.business_day)
        return
    for where, sale, program_id in _bought_before(books, friend):
        bought(books, where, friend, sale, program_id)


def bought(books: Books, shop: str, member: str, sale: Sale, program_id: str) -> None:
    """A member has bought something: whoever brought them may be rewarded."""
    program = books.office.program(books.connection, program_id)
    referral = program.referral if program else None
    if program is None or referral is None or referral.on == "join":
        return
    if sale.total_minor < max(1, referral.minimum_minor):
        return
    friend = books.who(member)
    referrer = profiles.of(books.connection, [friend]).get(friend, profiles.NOTHING).referrer
    if not referrer:
        return
    document = document_name("referral", friend)
    if referral.on == "every purchase":
        document = document_name("referral", friend, shop, sale.document)
    _reward(books, program, shop, friend, referrer, document, sale.business_day)


def _reward(books: Books, program: Program, shop: str, friend: str, referrer: str, document: str, day: str) -> None:
    rules = program.referral
    assert rules is not None
    referrer = books.who(referrer)
    if referrer == friend or not rules.referrer_points:
        return
    if not books.is_known(referrer):
        books.know(referrer, shop)  # whoever joined them has not been heard yet
    counts: dict[str, int] = {}
    if rules.most_friends_a_year:
        books.load(referrer)
        so_far = books.histories.of(referrer).counts
        friends, this_one = f"referral/friends/{day[:4]}", f"referral/{friend}/{day[:4]}"
        if this_one not in so_far:
            if so_far.get(friends, 0) >= rules.most_friends_a_year:
                return
            counts = {friends: 1, this_one: 1}
    body = GiveBody(
        "referral",
        rules.referrer_points,
        program.id,
        about=friend,
        lot=gives.lot_of(document),
        # By the programme's own rule, not by a tier's: which tier is known of somebody else depends on who was heard first.
        expires_on=program.expire.expires_on(day),
        usable_from=days_after(day, program.earn.vest_days) if program.earn.vest_days else "",
        effects=Effects(counts=counts),
    )
    gives.give(books, referrer, body, document, day=day, occurred_at=f"{day}T00:00:00")


def _bought_before(books: Books, friend: str) -> list[tuple[str, Sale, str]]:
    """Sales of the friend that have been posted: with their shops, and under which programme."""
    books.flush()
    posting, inbox, terminal, sale = schema.posting.c, schema.inbox.c, schema.terminal.c, schema.sale.c
    rows = books.connection.execute(
        select(inbox.data, terminal.shop)
        .join_from(
            schema.posting,
            schema.inbox,
            (inbox.terminal == posting.terminal) & (inbox.number == posting.number) & (inbox.hash == posting.hash),
        )
        .join(schema.terminal, terminal.terminal == inbox.terminal)
        .where(posting.member == friend, posting.account == "issued", inbox.kind.in_(["sale", "claim"]))
        .order_by(inbox.terminal, inbox.number)
    ).all()
    found: list[tuple[str, Sale, str]] = []
    for data, shop in rows:
        try:
            body = read_entry(data).body
        except EntryUnreadable:
            continue
        if isinstance(body, ClaimBody):
            claimed = books.connection.execute(
                select(inbox.data, sale.member)
                .join_from(schema.sale, schema.inbox, (inbox.terminal == sale.terminal) & (inbox.hash == sale.hash))
                .where(inbox.number == sale.number, sale.shop == shop, sale.document == body.sale)
            ).one_or_none()
            if claimed is not None and books.who(claimed.member) == friend:
                body = read_entry(claimed.data).body
        if isinstance(body, SaleBody):
            found.append((shop, body.sale, body.program))
    return found
