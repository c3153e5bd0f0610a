"""A shop that comes from another system: its members go on with the cards that they have.

Fact 10: card, lots, expiry, tier, aliases; imported twice the totals stay; old cards scan.
"""

from __future__ import annotations

from central_server.membership import opening
from central_server.reports import report

OLD = """\
policy = "escrow"
[[tier]]
name = "silver"
title = "Silver"
from = 50000
[cards]
number_prefix = "77"
number_length = 9
"""
FILE = """card,points,expires_on,tier,tier_until,aliases,name
770000016,120,2027-02-01,silver,2027-12-31,2900000000018,Ada Lovelace
770000016,30,2027-06-01,,,,
770000024,7,,,,,Bo Chan
"""


def test_fact_10_opening_balances_come_with_lots_expiry_tier_and_aliases_once_and_old_cards_scan(open_shop):
    shop = open_shop(OLD)
    till = shop.till()
    openings = opening.read(shop.office, FILE)
    assert opening.take_over(shop.office, openings, ["Harbour"]).points == 157
    totals = {one.card: (one.balance, one.aliases) for one in report.members(shop.office)}
    assert totals == {"2900000000018": (150, ["770000016"]), "770000024": (7, [])}
    shop.pass_by(days=3)
    again = opening.take_over(shop.office, opening.read(shop.office, FILE), ["Harbour"])
    assert (again.points, again.lots, again.again) == (0, 0, 3)
    assert {one.card: (one.balance, one.aliases) for one in report.members(shop.office)} == totals

    till.settle()
    ada = till.scan("770000016")
    assert till.scan("2900000000018") == ada, "one member, by both cards"
    assert till.balance(ada) == 150
    quote = till.quote("0", 100, ada)
    assert quote.tier is not None
    assert (quote.tier.tier, quote.tier.title) == ("silver", "Silver")
    till.cut()
    assert till.scan("770000024") != ada, "also offline"
    till.mend()
    # The lot that ends first is spent first, and what is left of it ends on its day.
    done = till.sell("1", 5000, ada, redeem=100)
    assert done.redeem_points == 100
    till.settle()
    before = report.members(shop.office)[0].balance
    shop.now = shop.now.replace(year=2027, month=2, day=2)
    till.settle()
    assert report.members(shop.office)[0].balance == before - 20
