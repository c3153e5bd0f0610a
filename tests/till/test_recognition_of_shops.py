"""Shops teach a few receipts, and every other paper of theirs is then what it is: never a wrong total, never a false sale.

The papers are in `shop_receipts`, a file for each shop. Above each stands what it is: with "teach" where it is learned from; of
sales, returns and voids the total in minor units, the number and the time.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from pos_plugin.intercept.learning import Given, Learned, learn
from pos_plugin.intercept.papers import Paper, Row
from pos_plugin.intercept.recognition import recognise
from pos_plugin.intercept.till_receipts import TillReceipts, till_receipts

FOLDER = Path(__file__).parent / "shop_receipts"


class Printed(NamedTuple):
    shop: str
    number: int
    teaches: bool
    kind: str
    total_minor: int
    reference: str
    sold_at: str
    comment: str
    paper: Paper


def paper(text: str) -> Paper:
    return Paper(tuple(map(Row, text.rstrip("\n").split("\n"))))


def read(file: Path) -> list[Printed]:
    found = []
    for number, one in enumerate(file.read_text(encoding="utf-8").split("=== ")[1:], 1):
        head, _, text = one.partition("\n")
        said, _, comment = head.partition(" | ")
        teaches = said.startswith("teach ")
        kind, *rest = said.removeprefix("teach ").replace("card slip", "card-slip").split()
        total, *reference, sold_at = rest or ("0", "")
        kind = kind.replace("-", " ")
        found.append(
            Printed(file.stem, number, teaches, kind, int(total), " ".join(reference), sold_at, comment, paper(text))
        )
    return found


SHOPS = {file.stem: read(file) for file in sorted(FOLDER.glob("*.txt"))}
PAPERS = [
    pytest.param(one, id=f"{shop} {one.number} {one.kind} {one.comment}".strip())
    for shop, printed in SHOPS.items()
    for one in printed
]
MONEY = ("sale", "return", "void")
TAUGHT: dict[str, Learned] = {}


def taught(shop: str) -> TillReceipts:
    """What the shop's own teaching makes, through its text, as a till reads it."""
    if shop not in TAUGHT:
        TAUGHT[shop] = learn([Given(str(one.number), one.paper) for one in SHOPS[shop] if one.teaches])
    learned = TAUGHT[shop]
    assert learned.problems == []
    return till_receipts(learned.text)


@pytest.mark.parametrize("printed", PAPERS)
def test_a_paper_is_what_it_is(printed: Printed) -> None:
    found = recognise(printed.paper, taught(printed.shop))
    assert (found.kind, found.total_minor, found.reference, found.sold_at) == (
        printed.kind,
        printed.total_minor,
        printed.reference,
        printed.sold_at,
    ), found.why


@pytest.mark.parametrize("shop", SHOPS)
def test_untaught_nothing_is_a_sale(shop: str) -> None:
    for one in SHOPS[shop]:
        assert recognise(one.paper, None).kind not in MONEY, one.comment


@pytest.mark.parametrize("shop", SHOPS)
def test_papers_of_other_shops_are_no_sales(shop: str) -> None:
    """Unless the other shop's words are the very same: then its paper would be one."""
    rules, names = taught(shop), list(SHOPS)
    at = names.index(shop)
    for other in (names * 2)[at + 1 : at + 6]:
        for one in SHOPS[other]:
            found = recognise(one.paper, rules)
            assert found.kind == one.kind or found.kind not in MONEY, (other, one.number, found)
            assert found.kind not in MONEY or found.total_minor == one.total_minor, (other, one.number)
