"""The customer's window: what it says at each moment, in five languages, and what it never says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from loyalty.program import preset, read_program
from loyalty.sale import LineItem, Sale
from offline_store.members import Balance
from pos_plugin.codes.identifying import Identified
from pos_plugin.customer.line_display import GREETING_S, QUOTE_S, THANKS_S, Figures, Notice
from pos_plugin.customer.window import CustomerShown, CustomerWindow
from pos_plugin.papers.layout import Layout
from pos_plugin.sales.quotes import Completed, Offer, Quote

REWARDS = """
[[reward]]
name = "two-off"
title = { en = "2.00 off", de = "2,00 weniger" }
points = 40
kind = "money"
value_minor = 200

[[reward]]
name = "big"
title = "A hamper"
points = 60
kind = "gift"
"""
PROGRAM = read_program(preset("points") + REWARDS)
ANNA = Identified("member", member="m", card="****0018", initials="A. B.", can_redeem=True, balance=232)
BASKET = (LineItem("1", 2780, quantity_milli=2000, name="Olive oil"), LineItem("2", 420, sku="1001"))
SALE = Sale("1", "17", "2026-11-21T18:15:00", "2026-11-21", "EUR", 3200, BASKET)
OFFERS = [
    Offer(232, 232, "€2.32 off for 232 points"),
    Offer(40, 200, "2.00 off", reward="two-off", title="2.00 off"),
    Offer(60, 0, "A hamper", reward="big", title="A hamper", missing_points=8),
]


class Counter:
    """A window, its clock, and what the till knows of whoever stands there."""

    def __init__(self, language: str = "en") -> None:
        self.now = datetime(2026, 11, 21, 17, 15, tzinfo=UTC)
        self.figures = Figures(PROGRAM, Balance(0, 232, "", "", 0), is_current=True)
        layout = Layout(header=("Corner Shop",), language=language)
        self.window = CustomerWindow(layout, lambda member: self.figures, lambda: self.now)

    def knows(self, balance: Balance, *, is_current: bool) -> None:
        self.figures = replace(self.figures, balance=balance, is_current=is_current)

    def after(self, seconds: float) -> CustomerShown:
        self.now += timedelta(seconds=seconds)
        return self.window.shown()


def plain(kind: type, **said: object) -> object:
    """A quote or a completed sale that says nothing but what is given."""
    empty = {"int": 0, "bool": False, "str": ""}
    values = {one.name: empty.get(getattr(one.type, "__name__", ""), []) for one in msgspec.structs.fields(kind)}
    needed = {one.name for one in msgspec.structs.fields(kind) if one.required}
    return kind(**{**{name: value for name, value in values.items() if name in needed}, **said})


def quote(**said: object) -> Quote:
    made = plain(Quote, **{"due_minor": 3200, "earn_points": 32, "member": "m", "offers": OFFERS, **said})
    assert isinstance(made, Quote)
    return made


def completed(**said: object) -> Completed:
    made = plain(Completed, **{"earned_points": 32, "member": "m", **said})
    assert isinstance(made, Completed)
    return made


def test_from_the_welcome_to_the_thanks() -> None:
    counter = Counter()
    idle = counter.window.shown()
    assert (idle.moment, idle.title, idle.points) == ("idle", "Welcome", ["Show your card each time you buy."])
    counter.window.tell(ANNA)
    hello = counter.window.shown()
    assert (hello.moment, hello.initials, hello.points) == ("greeting", "A. B.", ["232 points"])
    counter.window.tell(quote(), SALE)
    sale = counter.window.shown()
    assert [(one.name, one.quantity_milli, one.amount_minor) for one in sale.goods] == [
        ("Olive oil", 2000, 2780),
        ("1001", 1000, 420),  # without a name, its number
    ]
    assert (sale.due_text, sale.due_minor, sale.initials) == ("To pay", 3200, "A. B.")
    assert (sale.points, sale.offer, sale.reward) == (
        ["32 points to come"],
        "2.00 off for 40 points",
        "8 points more: A hamper",
    )
    counter.knows(Balance(0, 264, "", "", 0), is_current=True)
    counter.window.tell(completed())
    thanks = counter.window.shown()
    assert (thanks.moment, thanks.title, thanks.points) == ("thanks", "Thank you", ["New balance 264"])
    assert thanks.initials == "A. B."


def test_what_is_taken_off_is_said_and_then_no_more_is_offered() -> None:
    counter = Counter()
    counter.window.tell(quote(redeem_points=40, redeemed_minor=200, reward="two-off", off={"1": 50}), SALE)
    shown = counter.window.shown()
    assert (shown.off_text, shown.off_minor, shown.offer) == ("Points used", 250, "")
    counter.window.tell(quote(off={"1": 50}, offers=OFFERS[:1]), SALE)
    shown = counter.window.shown()
    assert (shown.off_text, shown.off_minor, shown.offer) == ("Members' prices", 50, "€2.32 off for 232 points")


@pytest.mark.parametrize(
    ("language", "to_come", "offer"),
    [
        ("en", "32 points to come", "2.00 off for 40 points"),
        ("de", "Dazu 32 Punkte", "2,00 weniger für 40 Punkte"),
        ("xx", "32 points to come", "2.00 off for 40 points"),  # none of the product's: the shop's
    ],
)
def test_the_customer_has_a_language_of_their_own(language: str, to_come: str, offer: str) -> None:
    counter = Counter()
    counter.window.tell(quote(), SALE)
    shown = counter.window.shown(language)
    assert (shown.points, shown.offer) == ([to_come], offer)


def test_a_balance_that_is_not_of_now_says_of_when_it_is() -> None:
    counter = Counter()
    counter.knows(Balance(200, 32, "2026-11-20T14:30:00+00:00", "", 0), is_current=False)
    counter.window.tell(ANNA)
    assert counter.window.shown().points == ["Balance 20 Nov 15:30", "200 points +32"]
    counter.knows(Balance(0, 32, "", "", 0), is_current=False)
    counter.window.tell(ANNA)
    assert counter.window.shown().points == []  # nothing is known: nothing is claimed
    counter.window.tell(completed())
    assert counter.window.shown().points == ["This sale +32"]


@pytest.mark.parametrize(
    ("told", "lasts_s"),
    [(ANNA, GREETING_S), (quote(), QUOTE_S), (completed(), THANKS_S), (Notice("Table 7", "Enjoy", 20), 20)],
    ids=["greeting", "sale", "thanks", "notice"],
)
def test_each_moment_ends_when_the_customer_has_gone(
    told: Identified | Quote | Completed | Notice, lasts_s: float
) -> None:
    counter = Counter()
    counter.window.tell(told, SALE)
    assert counter.window.shown().ends_in_s == lasts_s
    assert counter.after(lasts_s - 1).moment != "idle"
    over = counter.after(1)
    assert (over.moment, over.initials, over.goods) == ("idle", "", [])


def test_the_next_customer_does_not_inherit_initials() -> None:
    counter = Counter()
    counter.window.tell(ANNA)
    counter.window.tell(quote(member="another"), SALE)
    assert counter.window.shown().initials == ""
    counter.window.tell(quote(member=""), SALE)
    assert counter.window.shown().initials == ""
    counter.window.tell(None)
    counter.window.tell(completed())  # told of by a host, long after the card was read
    counter.after(THANKS_S)
    counter.window.tell(completed())
    assert counter.window.shown().initials == ""


def test_no_card_number_is_ever_shown() -> None:
    counter = Counter()
    for told in (ANNA, quote(), completed()):
        counter.window.tell(told, SALE)
        said = msgspec.json.encode(counter.window.shown()).decode()
        assert "0018" not in said
        assert '"m"' not in said


def test_what_the_host_says_stands_as_it_is() -> None:
    counter = Counter()
    counter.window.tell(Notice("Table 7", "", 20))
    shown = counter.window.shown("de")
    assert (shown.moment, shown.title, shown.points) == ("notice", "Table 7", [])
