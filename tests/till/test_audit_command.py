"""`pos-plugin audit`: what the real checkout, returns and claims write computes to the same again; what is changed does not."""

import json
import sqlite3

import msgspec
import pytest
from typer.testing import CliRunner

from ledger.entry import SaleBody, read_entry
from loyalty.sale import LineItem, Return
from offline_store.journal import Identity
from pos_plugin.cli import app
from pos_plugin.sales.returns import take_back

RICH = """\
name = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"
[earn]
points = 1
per_minor = 100
vest_days = 3
[expire]
rule = "inactivity"
months = 12
[giving]
percent = 1
charities = [{ name = "trees", title = "Trees" }]
[[tier]]
name = "silver"
title = "Silver"
from = 5000
times = 1.5
[[accrual]]
name = "first"
title = "Welcome"
on = "first purchase"
points = 20
[[accrual]]
name = "coffee"
title = "Coffee"
points = 3
per = "unit"
goods = { products = ["coffee"] }
limits = [{ points = 7, per = "day" }]
[[price]]
name = "cheap"
title = "Members' price"
percent = 10
goods = { products = ["tea"] }
most_minor = 2000
[[reward]]
name = "treat"
title = "A pot of yours for nothing"
points = 0
kind = "product"
goods = { products = ["pot"] }
limits = [{ uses = 1, per = "month" }]
"""
LINES = (
    LineItem("1", 1500, 3000, sku="coffee"),
    LineItem("2", 999, sku="tea"),
    LineItem("3", 3001, sku="pot"),
)


def audited(till):
    done = CliRunner().invoke(app, ["audit", "--store", str(till.folder), "--json"])
    return done.exit_code, json.loads(done.stdout)


@pytest.fixture
def traded(till):
    """A day's trade under a programme that looks back, written by the real code."""
    till.use_program(RICH)
    member = till.member()
    for number in range(4):
        sale = till.sale(f"s{number}", 5500, LINES, operator="Eve", shift="1")
        till.checkout.commit(till.checkout.quote(sale, member if number != 2 else "").quote_id)
    treat = till.checkout.quote(till.sale("treat", 5500, LINES), member, reward="treat")
    assert till.checkout.commit(treat.quote_id).reward == "treat"
    till.pass_time(days=4)
    till.sell("later", 2000, member, redeem=20)
    take_back(till.checkout, Return("1", "s0", "r1", amount_minor=1000), operator="Ada")
    take_back(till.checkout, Return("1", "s0", "r2"), operator="Ada")
    take_back(till.checkout, Return("1", "later", "v", is_void=True), operator="Ada")
    take_back(till.checkout, Return("1", "treat", "t1", amount_minor=333), operator="Ada")
    take_back(till.checkout, Return("1", "treat", "t2"), operator="Ada")
    return till


def test_what_the_till_wrote_computes_to_the_same_again(traded):
    code, found = audited(traded)
    assert found["differences"] == []
    assert code == 0
    assert found["entries"] == traded.head()[0]


def test_an_award_that_was_made_larger_is_named_with_its_cashier(traded):
    def rewrite(db: sqlite3.Connection) -> None:
        # As a program with the till's file in hand would: another entry of its own, whole in itself.
        from ledger.entry import Draft
        from offline_store import journal

        honest = next(one for _, _, data in journal.every(db) if isinstance((one := read_entry(data)).body, SaleBody))
        sale = msgspec.structs.replace(honest.body.sale, sale_ref="forged")
        body = msgspec.structs.replace(honest.body, sale=sale, awarded=honest.body.awarded + 1000, lot="forged")
        who = Identity(honest.envelope.terminal, honest.envelope.epoch)
        draft = Draft(body, sale.document, sale.sold_at, sale.business_day, member=honest.member)
        journal.record(db, who, draft, honest.envelope.recorded_at)

    traded.store.write(rewrite)
    code, found = audited(traded)
    assert code == 1
    assert [(one["what"], one["operator"]) for one in found["differences"]] == [("points", "Eve")]
    assert found["by"] == {"Eve": 1}
    told = CliRunner().invoke(app, ["audit", "--store", str(traded.folder)])
    assert told.exit_code == 1
    assert "by Eve: points is 1" in told.stdout


def test_a_till_under_plain_points_is_told_so_in_a_line(till):
    till.sell("1", 1000, till.member())
    told = CliRunner().invoke(app, ["audit", "--store", str(till.folder)])
    assert told.exit_code == 0
    assert "2 entries compute to what they say." in told.stdout  # the join and the sale
