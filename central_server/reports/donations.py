"""What each charity is to get, by the month of the sales it comes from: what a shop pays over, and can show."""

from __future__ import annotations

import msgspec
from sqlalchemy import and_, select

from central_server import schema
from central_server.applying.histories import Undone
from central_server.office import Office
from ledger.entry import ClaimBody, EntryUnreadable, SaleBody, read_entry

ROWS_AT_ONCE = 500
_undone = msgspec.json.Decoder(Undone)


class Donation(msgspec.Struct, frozen=True):
    """`month` is that of the sales' trading days. What came back since is taken off `minor` in the month of its sale."""

    month: str
    charity: str
    currency: str
    minor: int
    sales: int
    returned_minor: int


def donations(office: Office) -> list[Donation]:
    """Of every sale that has been applied, once: the share of its member's charity, less that of the goods that came back.

    A sale that is known by two tills, or was sent twice, counts once, and one that was claimed later counts from then on.
    """
    sale, claim = schema.sale, schema.follow_up
    sold, claimed = schema.inbox.alias("sold"), schema.inbox.alias("claimed")
    query = (
        select(sold.c.data, claimed.c.data, schema.undone.c.undone)
        .join_from(
            sale,
            sold,
            and_(sold.c.terminal == sale.c.terminal, sold.c.number == sale.c.number, sold.c.hash == sale.c.hash),
        )
        .outerjoin(
            claim, and_(claim.c.shop == sale.c.shop, claim.c.sale == sale.c.document, claim.c.hash == sale.c.claim)
        )
        .outerjoin(
            claimed,
            and_(
                claimed.c.terminal == claim.c.terminal,
                claimed.c.number == claim.c.number,
                claimed.c.hash == claim.c.hash,
            ),
        )
        .outerjoin(
            schema.undone,
            and_(schema.undone.c.shop == sale.c.shop, schema.undone.c.document == sale.c.document),
        )
        .where(sale.c.member != "")
    )
    found: dict[tuple[str, str, str], list[int]] = {}
    with office.database.reading() as connection:
        for data, claim_data, undone in connection.execution_options(yield_per=ROWS_AT_ONCE).execute(query):
            try:
                body = read_entry(data).body
                by = read_entry(claim_data).body if claim_data is not None else body
            except EntryUnreadable:
                continue
            if (
                not isinstance(body, SaleBody)
                or not isinstance(by, SaleBody | ClaimBody)
                or not by.effects.donated_minor
            ):
                continue
            key = body.sale.business_day[:7], by.effects.charity, body.sale.currency
            sums = found.setdefault(key, [0, 0, 0])
            sums[0] += by.effects.donated_minor
            sums[1] += 1
            sums[2] -= _undone.decode(undone).effects.donated_minor if undone else 0
    return [
        Donation(month, charity, currency, given - returned, sales, returned)
        for (month, charity, currency), (given, sales, returned) in sorted(found.items())
    ]
