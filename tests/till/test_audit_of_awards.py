"""`audit`, rewards and surprises: what the checkout writes differs in nothing, and what it would have refused is named."""

import json
import random

import msgspec
import pytest
from typer.testing import CliRunner

from ledger.entry import Draft, SaleBody
from loyalty.priced import priced, reward_named
from loyalty.program import read_program
from loyalty.sale import LineItem
from loyalty.standing import Standing
from offline_store import journal, settings
from offline_store.moment import moment
from pos_plugin.cli import app
from pos_plugin.past_sales.backfill import backfill
from pos_plugin.past_sales.sales_file import read_rows
from pos_plugin.sales.returns import Return, take_back

SHOP = """\
name = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"
[earn]
points = 1
per_minor = 100
"""
LUCKY = """
[surprise]
title = "A surprise"
points = 100
mean = 2
at_least_every = 3
"""
LIMITED = SHOP + 'limits = [{ points = LIMIT, per = "day" }]\n' + LUCKY
REWARDS = (
    SHOP
    + """
[[tier]]
name = "gold"
title = "Gold"
from = 900000
[[reward]]
name = "lunch"
title = "Lunch"
points = 20
kind = "gift"
CONDITION
"""
)


def audited(till, *, is_text=False):
    done = CliRunner().invoke(app, ["audit", "--store", str(till.folder), *([] if is_text else ["--json"])])
    return done.stdout if is_text else json.loads(done.stdout)["differences"]


def have_key(till, text):
    program = read_program(text)
    key = random.Random(7).randbytes(32).hex()
    till.use_program(text)
    till.store.write(lambda db: settings.put_surprise_key(db, program, key))


def write(till, body, member):
    """An entry of the till's own that the checkout did not make."""

    def work(db):
        at = moment(db, till.now)
        draft = Draft(body, body.sale.document, body.sale.sold_at, body.sale.business_day, member=member)
        return journal.record(db, at.who, draft, at.recorded_at)

    return till.store.write(work)


def won_and_lost(till, text):
    have_key(till, text)
    member = till.member()
    return [till.entry(till.sell(str(number), 2000, member).number).body for number in range(9)], member


def test_a_win_counts_in_the_limits_of_earning(till):
    sales, _ = won_and_lost(till, LIMITED.replace("LIMIT", "2000"))
    assert {one.awarded for one in sales} == {20, 120}
    take_back(till.checkout, Return("1", "3", "r"), operator="Ada")
    assert audited(till) == []


@pytest.mark.parametrize("limit", [10, 150, 190])
def test_a_win_that_the_limit_cuts_differs_in_nothing(till, limit):
    sales, _ = won_and_lost(till, LIMITED.replace("LIMIT", str(limit)))
    assert sum(one.awarded for one in sales) == limit  # nine sales would have been 180 points without any win
    assert audited(till) == []


def test_a_win_of_more_than_the_programmes_points_is_named_and_told_in_words(till):
    sales, member = won_and_lost(till, LIMITED.replace("LIMIT", "500"))
    sale = msgspec.structs.replace(sales[0].sale, sale_ref="forged", operator="Eve")
    body = msgspec.structs.replace(sales[0], sale=sale, awarded=121, lot="forged")
    day = sale.business_day
    counts = {f"surprise/{body.standing.terminal}": 1, f"earn/points/{day}": 121}
    body = msgspec.structs.replace(body, effects=msgspec.structs.replace(body.effects, counts=counts))
    assert f"earn/points/{day}" in sales[0].effects.counts
    write(till, body, member)
    told = audited(till, is_text=True)
    assert f"what the limits count is 121 of earn/points/{day}, and computes to 20 of earn/points/{day}" in told
    assert "{" not in told


REFUSED = {
    "tiers": 'tiers = ["gold"]',
    "segments": 'segments = ["student"]',
    "stores": 'stores = ["Mill"]',
    "weekdays": 'weekdays = ["mon"]',  # 21 November 2026 is a Saturday
    "hours": 'hours = ["08:00-09:00"]',
    "starts": 'starts = "2027-01-01"',
    "ends": 'ends = "2026-01-01"',
    "minimum_minor": "minimum_minor = 100000",
    "birthday": "birthday = {}",
    "stock": "",
    "limits": 'limits = [{ uses = 1, per = "day" }]',
    "variant": 'experiment = "try"\nvariant = "B"\n[[experiment]]\nname = "try"\nfrom = "2027-01-01"\nto = "2027-01-31"',
}


@pytest.mark.parametrize(("why", "condition"), REFUSED.items())
def test_a_reward_for_somebody_who_may_not_have_it_is_named(till, why, condition):
    text = REWARDS.replace("CONDITION", condition)
    till.use_program(text)
    program, member = read_program(text), till.member()
    standing = Standing(
        terminal=till.entry(1).envelope.terminal,
        gone=("lunch",) if why == "stock" else (),
        counts={"lunch/uses/2026-11-21": 1} if why == "limits" else {},
        variants={"try": "A"} if why == "variant" else {},
    )
    sale = till.sale("1", 2000, (LineItem("1", 2000),), operator="Eve")
    result = priced(program, sale, member, standing, redeem=20, reward="lunch")
    body = SaleBody(
        sale, program.id, standing, awarded=20, lot="lot", expires_on=result.award.expires_on, redeemed=20,
        reward="lunch", effects=result.effects, extends_to=result.award.extends_to,
    )  # fmt: skip
    write(till, body, member)
    (found,) = audited(till)
    assert (found["what"], found["said"], found["operator"]) == ("reward", "lunch", "Eve")
    assert found["computed"].startswith("nothing: it could not be had, ")
    assert "the reward is lunch, and computes to nothing: it could not be had, " in audited(till, is_text=True)


def test_a_reward_that_may_be_had_differs_in_nothing(till):
    text = REWARDS.replace("CONDITION", 'minimum_minor = 1000\nlimits = [{ uses = 1, per = "day" }]')
    till.use_program(text)
    member = till.member()
    till.sell("1", 5000, member)
    quote = till.checkout.quote(till.sale("2", 2000), member, reward=reward_named(read_program(text), "lunch").name)
    assert till.checkout.commit(quote.quote_id).reward == "lunch"
    assert audited(till) == []


def test_a_claim_after_a_return_differs_in_nothing(till):
    rule = 'title = "Twice"\ntimes = 2\n'
    till.use_program(
        SHOP
        + '[claim]\nwithin_days = 7\n[[accrual]]\nname = "big"\nminimum_minor = 5000\nexclusive = true\n'
        + rule
        + '[[accrual]]\nname = "small"\n'
        + rule.replace("times = 2", "times = 3")
    )
    from pos_plugin.sales.claims import claim

    member = till.member()
    sold = till.sell("1", 6000)
    take_back(till.checkout, Return("1", "1", "r", amount_minor=2000))
    claim(till.checkout, sold.reference, member)
    assert audited(till) == []


def test_sales_of_the_past_were_paid_as_their_file_says_and_drew_nothing(till, tmp_path):
    prices = '[[price]]\nname = "tenth"\ntitle = "A tenth"\npercent = 10\n'
    till.use_program(SHOP + LUCKY + prices)
    have_key(till, SHOP + LUCKY + prices)
    file = tmp_path / "past.csv"
    file.write_text(
        "till,sale_ref,sold_at,member,sku,category,quantity,amount\n"
        "1,a,2026-11-01T10:00,2900000000018,tea,drinks,1,1000\n"
        "1,b,2026-11-02T10:00,2900000000018,tea,drinks,1,1000\n"
    )
    told = backfill(till.store, read_rows(file), clock=lambda: till.now, random_bytes=random.Random(3).randbytes)
    assert (told.recorded, told.points) == (2, 20)
    assert audited(till) == []
