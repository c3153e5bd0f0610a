"""A whole till in a hundred lines: goods, members, points, receipts. Read docs/python-host.md beside it.

    python docs/example_till.py TILL_FOLDER < what-the-cashier-types

Each line is what a scanner or a cashier would enter: an item's code, a member's card, "pay", "points" (pay what can be paid with
points), "quit". The folder is made by `pos-plugin init`.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from loyalty.sale import LineItem, Sale
from offline_store.errors import StoreError
from pos_plugin import Terminal, hookimpl
from pos_plugin.errors import TillError

GOODS = {"4006381333931": ("Pens", 598), "4012345000017": ("Paper", 1249), "4012345000024": ("Stapler", 1799)}


class OurShop:
    """What this shop adds of its own."""

    @hookimpl
    def receipt_lines(self, sale):
        return ["Parking is free today"] if sale.total_minor >= 2000 else []

    @hookimpl
    def member_code(self, label):
        """Our app shows a card's number behind "shop:"."""
        return label.removeprefix("shop:") if label.startswith("shop:") else None

    @hookimpl
    def printer_changed(self, sentence):
        print(f"! {sentence}", file=sys.stderr)


class Counter:
    """One sale after the other."""

    def __init__(self, terminal: Terminal) -> None:
        self.checkout = terminal.checkout
        self.begin()

    def begin(self) -> None:
        self.lines: list[LineItem] = []
        self.member = ""
        self.key = uuid4().hex[:12]  # made before anything is recorded: the same again is the same sale

    def enter(self, code: str) -> str:
        if code in ("pay", "points"):
            return self.pay(with_points=code == "points")
        if code in GOODS:
            name, price_minor = GOODS[code]
            self.lines.append(LineItem(str(len(self.lines) + 1), price_minor, sku=code, name=name))
            return f"{name}: {price_minor} cents"
        found = self.checkout.identify(code)
        if found.kind == "member":
            self.member = found.member
            return f"Member {found.card}: {found.balance} points"
        return found.message or f"Nobody here sells {code}."

    def pay(self, *, with_points: bool) -> str:
        sale = self.sale()
        quote = self.checkout.quote(sale, self.member)
        if with_points:
            quote = self.checkout.quote(sale, self.member, max((offer.points for offer in quote.offers), default=0))
        done = self.checkout.commit(quote.quote_id, self.key)
        self.begin()
        return f"To pay: {done.due_minor} cents\n\n{done.receipt_text}\n"

    def sale(self) -> Sale:
        now = datetime.now()  # noqa: DTZ005 - a sale is of the shop's own time
        total_minor = sum(line.amount_minor for line in self.lines)
        at, day = now.isoformat(timespec="seconds"), now.date().isoformat()
        return Sale("example", self.key, at, day, "EUR", total_minor, tuple(self.lines))


def main(folder: Path) -> None:
    with Terminal.open(folder, plugins=[OurShop()]) as terminal:
        counter = Counter(terminal)
        for line in sys.stdin:
            if line.strip() == "quit":
                break
            try:
                print(counter.enter(line.strip()))
            except (TillError, StoreError) as error:  # the sale stays as it is; what to do is in the hint
                print(f"{error} {error.hint}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
