"""The audit of all journals: empty for honest ones, and each way to tamper is named with its cashier."""

import random

import msgspec
import pytest
from typer.testing import CliRunner

from central_server.cli import app
from central_server.membership import desk
from central_server.reports import auditing
from ledger.entry import SaleBody
from loyalty.award import NOBODY
from loyalty.program import preset, read_program
from loyalty.reward import Off, after, member_prices
from loyalty.standing import Effects, Standing

RICH = (
    preset("points")
    + """
[giving]
percent = 1
charities = [{ name = "trees", title = "Trees" }]

[tiers]
by = "spend"

[[tier]]
name = "silver"
title = "Silver"
from = 30000
times = 1.5

[[accrual]]
name = "double"
title = "Twice"
times = 2
minimum_minor = 5000
limits = [{ uses = 3, per = "month" }]

[[price]]
name = "staff"
title = "Members' price"
percent = 10
minimum_minor = 15000
"""
)


def sell(one, ref, total, member="", operator="", **changes):
    """An honest sale with a member's price where there is one, or one that says something else."""
    entry = one.sale(ref, total, member)
    one.journal.pop()
    body = entry.body
    if member:
        program, taken = one.program, member_prices(one.program.price, body.sale, one.standing)
        from loyalty.award import award
        from loyalty.standing import total as all_of

        won = award(program, after(body.sale, Off(taken.lines, {})), 0, one.standing)
        effects = all_of([won.effects, Effects(counts=taken.counts)])
        lot = body.lot or (f"lot{one.name}{ref}" if won.points else "")
        days = {"expires_on": won.expires_on if lot else ""}
        body = msgspec.structs.replace(body, awarded=won.points, off=taken.lines, effects=effects, lot=lot, **days)
    sale = msgspec.structs.replace(body.sale, operator=operator)
    body = msgspec.structs.replace(body, **{"sale": sale, **changes})
    return one.write(body, sale.document, entry.member)


@pytest.fixture
def rich(office, till, tell):
    one = till()
    one.program = tell.use(office, RICH)
    one.standing = Standing(shop="Harbour", terminal=one.name)
    return one


@pytest.mark.parametrize("seed", range(4))
def test_honest_journals_differ_in_nothing(office, till, rich, seed):
    chance, tills, sold, claimed = random.Random(seed), [rich, till("BBBBBB", "Mill")], [], set()
    tills[1].program = rich.program
    for number in range(40):
        one = chance.choice(tills)
        one.standing = Standing(
            shop=one.shop,
            terminal=one.name,
            tier=chance.choice(("", "silver")),
            counts={"double/uses/2026-03": chance.randrange(4)},
        )
        what = chance.random()
        if what < 0.6 or not sold:
            member = chance.choice(("anna", "bert", ""))
            sold.append((one, sell(one, str(number), chance.choice((0, 1, 999, 5000, 17777, 30001)), member, "Eve")))
        elif what < 0.9:
            owner, first = chance.choice(sold)
            paid = first.body.sold.sale.total_minor
            done = sum(back.amount_minor or paid for back in owner.backs.get(first.envelope.document, []))
            if done < paid and first.hash not in claimed:
                owner.give_back(first, str(number), chance.randrange(1, paid - done + 1))
        else:
            owner, first = chance.choice(sold)
            unclaimed = not first.member and first.envelope.document not in owner.backs
            if unclaimed and first.hash not in claimed:
                claimed.add(first.hash)
                owner.claim(first, "carl")
    for one in tills:
        one.send()
    found = auditing.audit(office)
    assert found.differences == []
    assert found.entries == sum(len(one.journal) for one in tills)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"awarded": 401}, "points"),
        ({"expires_on": "2028-03-02"}, "expires_on"),
        ({"usable_from": "2026-03-01"}, "usable_from"),
        ({"extends_to": "2028-03-02"}, "extends_to"),
        ({"off": {}}, "off"),
        ({"redeemed_minor": 500}, "redeemed_minor"),
        ({"reward": "lunch"}, "reward"),
        ({"effects": Effects()}, "qualifies"),
        ({"program": "points-9-00000000"}, "program"),
        ({"standing": Standing(tier="silver")}, "points"),
    ],
)
def test_each_way_to_tamper_with_a_sale_is_named_with_its_cashier(office, rich, changes, what):
    sell(rich, "1", 20000, "anna", "Ada")
    sell(rich, "2", 20000, "anna", "Eve", **changes)
    rich.send()
    found = auditing.audit(office)
    assert what in {one.what for one in found.differences}
    assert {(one.number, one.operator) for one in found.differences} == {(3, "Eve")}
    assert found.by == {"Harbour: Eve": len(found.differences)}


TREAT = """
[[reward]]
name = "treat"
title = "A birthday treat"
points = 0
kind = "gift"
birthday = { days_after = 6 }
limits = [{ uses = 1, per = "year" }]
"""


@pytest.mark.parametrize(
    ("standing", "counts", "said"),
    [
        ({"birthday": "02-28"}, {"treat/uses/2026": 1}, []),
        (
            {"birthday": "03-03"},
            {"treat/uses/2026": 1},
            [("reward", "treat", "nothing: it could not be had, the member's birthday was not near")],
        ),
        ({"birthday": "02-28"}, {}, [("counts", "0 of treat/uses/2026", "1 of treat/uses/2026")]),
        (
            {"birthday": "02-28", "counts": {"treat/uses/2026": 1}},
            {},
            [("reward", "treat", "nothing: it could not be had, the member had had it as often as can be")],
        ),
    ],
)
def test_a_reward_for_nothing_computes_again_and_whoever_could_not_have_it_is_named(
    office, till, tell, standing, counts, said
):
    one = till()
    one.program = tell.use(office, RICH + TREAT)
    one.standing = Standing(shop="Harbour", terminal=one.name, **standing)
    effects = Effects(qualifies=1000, counts=counts, donated_minor=10, charity="trees")
    sell(one, "1", 1000, "anna", "Eve", reward="treat", effects=effects)
    one.send()
    found = auditing.audit(office).differences
    assert [(one.what, one.said, one.computed) for one in found] == said


def test_a_reward_given_to_nobody_is_named(office, rich):
    sell(rich, "1", 1000, "", "Eve", reward="treat", redeemed_minor=100)
    rich.send()
    assert {one.what for one in auditing.audit(office).differences} == {"reward", "redeemed_minor"}


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"taken": 0}, "taken"), ({"returned_minor": 1}, "returned_minor"), ({"effects": Effects()}, "qualifies")],
)
def test_a_return_that_takes_back_less_is_named(office, rich, changes, what):
    sold = sell(rich, "1", 10000, "anna", "Eve")
    back = rich.give_back(sold, "r", 5000)
    rich.journal.pop()
    rich.write(msgspec.structs.replace(back.body, operator="Eve", **changes), back.envelope.document, "anna")
    rich.send()
    (one,) = [one for one in auditing.audit(office).differences if one.what == what]
    assert (one.number, one.operator) == (3, "Eve")


def test_a_claim_of_more_than_the_sale_would_have_had_is_named(office, rich):
    claim = rich.claim(sell(rich, "1", 4000), "anna")
    rich.journal.pop()
    rich.write(msgspec.structs.replace(claim.body, awarded=4000), claim.envelope.document, "anna")
    rich.send()
    assert [(one.what, one.said, one.computed) for one in auditing.audit(office).differences] == [
        ("points", "4000", "40")
    ]


def test_points_awarded_to_nobody_are_named(office, rich):
    body = sell(rich, "1", 4000).body
    rich.journal.pop()
    rich.write(msgspec.structs.replace(body, redeemed=5, redeemed_minor=5), body.sale.document)
    rich.send()
    assert {one.what for one in auditing.audit(office).differences} >= {"redeemed"}


def test_a_till_that_took_a_member_for_more_than_is_known_is_worth_a_look(office, rich):
    rich.standing = Standing(tier="silver", segments=("student",))
    sell(rich, "1", 1000, "anna", "Eve")
    rich.standing = NOBODY
    sell(rich, "2", 40000, "bert", "Ada")
    rich.standing = Standing(tier="silver")
    sell(rich, "3", 1000, "bert", "Ada")
    rich.send()
    found = auditing.audit(office)
    assert found.differences == []  # computed rightly from what it claims
    assert [(one.member, one.what, one.said, one.known, one.operator) for one in found.claimed] == [
        ("anna", "tier", "silver", "", "Eve"),
        ("anna", "segment", "student", "", "Eve"),
    ]


def test_what_one_operator_does_often_is_worth_a_look(office, rich):
    for number in range(5):
        sold = sell(rich, str(number), 1000, "anna", "Eve")
        if number < 3:
            back = rich.give_back(sold, "v", void=True)
            rich.journal.pop()
            rich.write(msgspec.structs.replace(back.body, operator="Eve"), back.envelope.document, "anna")
    rich.send()
    for _ in range(5):
        desk.adjust(office, "anna", -2, desk.Who("why", "Ada", "Ben"))
    rich.give("anna", 7, "goodwill", operator="Eve")
    rich.send()
    found = auditing.audit(office)
    assert [(one.what, one.operator, one.count, one.points) for one in found.outliers] == [
        ("adjustment", "Ada", 5, 10),
        ("alone", "Eve", 1, 7),
        ("card", "Eve", 5, 50),
        ("void", "Eve", 3, 30),
    ]


def test_the_audit_from_the_command_line(tmp_path, tell):
    from datetime import UTC, datetime

    from central_server.office import Office

    folder = tmp_path / "office"
    text = tmp_path / "rich.toml"
    text.write_text(RICH)

    def typed(*arguments):
        return CliRunner().invoke(app, [str(argument) for argument in arguments])

    assert typed("init", "--dir", folder, "--shop", "Harbour", "--program", text).exit_code == 0
    office = Office.open(folder, lambda: datetime(2026, 3, 2, 9, tzinfo=UTC), random.Random(5).randbytes)
    one = tell.Till(office, "AAAAAA", "Harbour")
    one.program = read_program(RICH)
    one.enroll()
    sell(one, "1", 20000, "anna", "Ada")
    one.send()
    done = typed("audit", "--dir", folder)
    assert (done.exit_code, done.stdout) == (0, "2 entries compute to what they say.\n  Harbour: Ada: 1 sale\n")
    sell(one, "2", 1000, "anna", "Eve", awarded=11)
    one.send()
    office.close()
    done = typed("audit", "--dir", folder)
    assert done.exit_code == 1
    assert "Entry 3 of till AAAAAA, 2026-03-02 by Eve: points is 11, and computes to 10" in done.stdout
    assert "1  Harbour: Eve" in done.stdout
    assert isinstance(one.journal[-1].body, SaleBody)
