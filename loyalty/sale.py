"""Sales and returns as a till tells of them. Plain data, all amounts integers; knows no programme and no member's name."""

from __future__ import annotations

import msgspec


def document_name(kind: str, *names: str) -> str:
    """The natural key of what happened, for ever and within a shop. A name that has a slash stays one name.

    >>> document_name("sale", "till 1", "2026/0017")
    'sale/till 1/2026%2F0017'
    """
    return "/".join((kind, *(name.replace("%", "%25").replace("/", "%2F") for name in names)))


class LineItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a sale.

    `amount_minor` is the whole line after its discounts, tax included, in minor units (cents), never negative;
    `tax_minor` is the tax within it, `discount_minor` what its own discounts took off before. `quantity_milli` counts
    thousandths: 1000 is one piece, 1250 is 1.25 kg.
    """

    line_id: str
    amount_minor: int
    quantity_milli: int = 1000
    tax_minor: int = 0
    sku: str = ""
    name: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    discount_minor: int = 0


class Sale(msgspec.Struct, frozen=True, omit_defaults=True):
    """A completed sale. `(till, sale_ref)` names it for ever within a shop.

    `total_minor` is what the customer owes before points are redeemed, tax included. `sold_at` is the shop's local time,
    ISO 8601 without an offset; `business_day` is the trading day it belongs to, ISO.
    """

    till: str
    sale_ref: str
    sold_at: str
    business_day: str
    currency: str
    total_minor: int
    lines: tuple[LineItem, ...] = ()
    operator: str = ""
    shift: str = ""

    @property
    def document(self) -> str:
        return document_name("sale", self.till, self.sale_ref)


class ReturnedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A line that comes back: all that is left of it, or `quantity_milli` of it."""

    line_id: str
    quantity_milli: int | None = None


class Return(msgspec.Struct, frozen=True, omit_defaults=True):
    """Goods that come back from a sale: the whole of it (neither field set), some lines, or an amount without naming goods.

    `(till, sale_ref, return_ref)` names it for ever. A void is a return of the whole sale whose points come back where they
    were spent.
    """

    till: str
    sale_ref: str
    return_ref: str
    lines: tuple[ReturnedLine, ...] = ()
    amount_minor: int | None = None
    is_void: bool = False

    @property
    def document(self) -> str:
        return document_name("return", self.till, self.sale_ref, self.return_ref)

    @property
    def sale_document(self) -> str:
        return document_name("sale", self.till, self.sale_ref)
