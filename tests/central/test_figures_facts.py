"""What the tables of figures have counted: every sale once, whatever was heard twice, late, or out of order."""

import random
from collections import Counter
from importlib import import_module

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import select, update

from central_server import schema
from central_server.applying import apply
from central_server.figures import facts
from central_server.figures.bands import band
from central_server.tills import inbox

SUMS = tuple(name for name in facts.DERIVED if name != "counted")


def counted(office):
    """All that is in the tables of figures; a sum that came to nothing is not there."""
    found = {}
    with office.database.reading() as connection:
        for name in SUMS:
            table = schema.metadata.tables[name]
            keys = [column.name for column in table.primary_key]
            for row in connection.execute(select(table)).mappings():
                rest = {key: value for key, value in row.items() if key not in keys}
                if any(rest.values()):
                    found[name, *(row[key] for key in keys)] = rest
    return found


def sums(office, name):
    return {key[1:]: value for key, value in counted(office).items() if key[0] == name}


def test_sales_are_counted_with_a_member_or_not(office, till):
    one = till()
    one.sale("1", 1000, "anna")
    one.sale("2", 500)
    one.sale("3", 250, "anna")
    one.send()
    assert facts.count_pending(office) == 4
    assert facts.count_pending(office) == 0
    found = sums(office, "shop_day")
    assert {key: (row["sales"], row["value_minor"]) for key, row in found.items()} == {
        ("Harbour", "2026-03-02", "", 1): (2, 1250),
        ("Harbour", "2026-03-02", "", 0): (1, 500),
    }
    assert sums(office, "member_day") == {
        ("anna", "2026-03-02", "Harbour"): {"sales": 2, "net_minor": 1250, "redeemed_minor": 0}
    }


def test_what_comes_back_is_taken_off_the_day_on_which_it_came_back(office, till):
    one = till()
    sold = one.sale("1", 1000, "anna")
    one.day = "2026-03-05"
    one.give_back(sold, "r1", 400)
    one.send()
    facts.count_pending(office)
    found = sums(office, "shop_day")
    assert found["Harbour", "2026-03-02", "", 1]["returned_minor"] == 0
    assert found["Harbour", "2026-03-05", "", 1] == {
        **dict.fromkeys(("sales", "value_minor", "tax_minor", "discount_minor", "redeemed_minor"), 0),
        "returns": 1,
        "returned_minor": 400,
        "returned_tax_minor": 0,
        "restored_minor": 0,
    }
    assert sums(office, "member_day")["anna", "2026-03-05", "Harbour"]["net_minor"] == -400


def test_a_voided_sale_counts_nowhere_also_where_it_was_counted_before(office, till):
    one = till()
    sold = one.sale("1", 1000, "anna")
    one.send()
    facts.count_pending(office)
    assert sums(office, "shop_day")
    one.give_back(sold, "r1", void=True)
    one.send()
    facts.count_pending(office)
    assert sums(office, "shop_day") == {}
    assert sums(office, "member_day") == {}
    assert sums(office, "points_day")["Harbour", "2026-03-02", "2026-03", "reversed"] == {"points": 10}


def test_a_claim_makes_a_counted_sale_a_members(office, till):
    one = till()
    sold = one.sale("1", 1000)
    one.send()
    facts.count_pending(office)
    one.day = "2026-03-04"
    one.claim(sold, "anna")
    one.send()
    facts.count_pending(office)
    assert {key: row["sales"] for key, row in sums(office, "shop_day").items()} == {("Harbour", "2026-03-02", "", 1): 1}
    assert sums(office, "member_day")["anna", "2026-03-02", "Harbour"]["sales"] == 1


def test_a_sale_that_two_tills_tell_of_counts_once(office, till):
    one, other = till(), till("BBBBBB")
    first = one.sale("1", 1000, "anna", lot="lot")
    other.write(first.body, first.envelope.document, "anna")
    other.sale("1", 700, till="AAAAAA")  # the same document with other content: shown to a person
    one.send()
    other.send()
    facts.count_pending(office)
    assert {key: row["sales"] for key, row in sums(office, "shop_day").items()} == {("Harbour", "2026-03-02", "", 1): 1}
    assert sums(office, "points_day")["Harbour", "2026-03-02", "2026-03", "issued"] == {"points": 10}


def test_points_of_the_days_explain_every_open_point(office, till, clock):
    one, other = till(), till("BBBBBB", "Mill")
    bought = one.sale("1", 10000, "anna", keep=True)
    one.sale("2", 5000, "bert")
    one.sale("3", 2000, "anna", redeem=60)
    one.give("bert", 40, "goodwill")
    one.give("bert", -15, "adjustment")
    one.give("carl", 7, "activity")
    one.send()
    assert other.fetch("bert", 30) == 30
    other.sale("1", 3000, "bert", redeem=30)
    one.give_back(bought, "r1", 9000)  # more than is left of its lot
    other.send()
    one.send()
    clock.pass_by(days=800)
    while apply.expire_due(office):
        pass
    facts.count_pending(office)
    assert open_points(office) == explained(office)
    assert {key[3] for key in sums(office, "points_day")} >= {"issued", "reversed", "redeemed", "adjusted", "expired"}


def open_points(office):
    holding, member = schema.holding.c, schema.member.c
    with office.database.reading() as connection:
        held = connection.scalars(select(holding.points).where(holding.place != "expired")).all()
        return sum(held) - sum(connection.scalars(select(member.debt)).all())


def explained(office):
    from central_server.figures.moves import SIGNS

    return sum(SIGNS.get(key[3], 0) * row["points"] for key, row in sums(office, "points_day").items())


TOGETHER = ("sold_everywhere", "basket_band", "points_everywhere", "issued_month")


def added_up(found):
    """What the sums of more than one shop or lot should be, of what was counted."""
    expected = {}

    def add(key, row):
        expected.setdefault(key, Counter()).update(row)

    lots = {key[1]: row for key, row in found.items() if key[0] == "lot_fact"}
    for (name, *key), row in found.items():
        match name:
            case "shop_day":
                add(("sold_everywhere", key[1], key[3]), row)
            case "sale_fact" if not row["is_void"]:
                add(("basket_band", row["day"], band(row["value_minor"]), int(row["member"] != "")), {"sales": 1})
            case "points_day":
                add(("points_everywhere", *key[1:]), row)
            case "lot_fact":
                months = {"issued": row["issued"], "reversed": row["reversed"], "used": 0}
                add(("issued_month", row["shop"], row["day"][:7]), months)
            case "lot_use":
                lot = lots[key[3]]
                add(("issued_month", lot["shop"], lot["day"][:7]), {"used": row["points"]})
    return {key: dict(row) for key, row in expected.items() if any(row.values())}


def together(found):
    return {key: row for key, row in found.items() if key[0] in TOGETHER}


def spent_elsewhere(till):
    """A sale at Harbour that is paid with points of a sale at Mill. Harbour's till is counted first."""
    harbour, mill = till("AAAAAA"), till("BBBBBB", "Mill")
    mill.sale("1", 10000, "anna")
    mill.send()
    assert harbour.fetch("anna", 60) == 60
    sold = harbour.sale("1", 5000, "anna", redeem=60)
    harbour.send()
    return harbour, sold


def test_points_that_paid_count_for_the_month_and_shop_that_issued_them_whichever_is_counted_first(
    office, till, monkeypatch
):
    monkeypatch.setattr(facts, "CHUNK", 1)
    harbour, sold = spent_elsewhere(till)
    facts.count_pending(office)
    assert sums(office, "issued_month")["Mill", "2026-03"] == {"issued": 100, "reversed": 0, "used": 60}
    harbour.day = "2026-04-01"
    harbour.give_back(sold, "r1", void=True)
    harbour.send()
    facts.count_pending(office)
    assert sums(office, "issued_month")["Mill", "2026-03"] == {"issued": 100, "reversed": 0, "used": 0}
    found = counted(office)
    assert together(found) == added_up(found)
    facts.recount(office)
    assert counted(office) == found


def test_an_upgrade_adds_up_what_was_counted_before(office, till):
    spent_elsewhere(till)
    facts.count_pending(office)
    found = counted(office)
    assert {key[0] for key in together(found)} == set(TOGETHER)
    with office.database.writing() as connection:
        for name in TOGETHER:
            schema.metadata.tables[name].drop(connection)
        with Operations.context(MigrationContext.configure(connection)):
            import_module("central_server.migrations.versions.0018_switched_off")._add_sums()
    assert counted(office) == found


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 8))])
def test_any_order_in_any_steps_counts_the_same_as_counting_from_nothing(office, till, seed, monkeypatch):
    """Three tills of one shop, whose entries are about each other's sales; heard and counted in a random order."""
    chance = random.Random(seed)
    tills = [till(name) for name in ("AAAAAA", "BBBBBB", "CCCCCC")]
    sold = []
    for count in range(12):
        one = chance.choice(tills)
        one.day = f"2026-0{chance.randint(1, 3)}-1{chance.randint(0, 9)}"
        member = chance.choice(["", "anna", "bert"])
        sold.append((one, one.sale(f"{count}", chance.randint(100, 9000), member, keep=chance.random() < 0.5)))
    for count, (_, entry) in enumerate(chance.sample(sold, 6)):
        one = chance.choice(tills)
        one.day = f"2026-03-2{count}"
        if not entry.member:
            one.claim(entry, "carl")
        else:
            amount = chance.choice([None, 50])
            one.give_back(entry, f"r{count}", amount, void=amount is None, own=False)
    monkeypatch.setattr(facts, "CHUNK", chance.choice([1, 3, 5000]))
    waiting = {one.name: 0 for one in tills}
    while any(waiting[one.name] < len(one.journal) for one in tills):
        one = chance.choice([each for each in tills if waiting[each.name] < len(each.journal)])
        end = min(len(one.journal), waiting[one.name] + chance.randint(1, 5))
        inbox.record(office, one.batch(waiting[one.name], end))
        waiting[one.name] = end
        if chance.random() < 0.7:
            apply.apply_pending(office)
        if chance.random() < 0.5:
            facts.count_pending(office)
    apply.apply_pending(office)
    facts.count_pending(office)
    found = counted(office)
    assert explained(office) == open_points(office)
    assert together(found) == added_up(found)
    facts.recount(office)
    assert counted(office) == found
    assert found


def test_an_answer_is_kept_until_more_is_counted_or_all_of_it_again(office, till, clock):
    from central_server.figures import answers
    from central_server.figures.scope import Scope

    asked = Scope("2026-03-01", "2026-03-31")

    def told():
        return answers.figures(office, asked).attach.all.value_minor

    one = till()
    one.sale("1", 1000)
    one.send()
    facts.count_pending(office)
    assert told() == 1000
    table = schema.figures.sold_everywhere
    with office.database.writing() as connection:
        connection.execute(update(table).values(value_minor=1))
    assert told() == 1000
    one.sale("2", 500)
    one.send()
    facts.count_pending(office)
    assert told() == 501
    clock.pass_by(seconds=1)
    facts.recount(office)
    assert told() == 1500


def test_an_entry_that_was_parked_is_counted_once_it_is_understood(office, till):
    from ledger import entry as entries

    one = till()
    one.sale("1", 1000, "anna", keep=True)
    known = entries._bodies.pop("sale")  # an older program, which has not heard of sales yet
    try:
        one.send()
        facts.count_pending(office)
        assert {key[3] for key in sums(office, "points_day")} == {"owed"}, "of which head office knows no reason"
        assert sums(office, "shop_day") == {}
    finally:
        entries._bodies["sale"] = known
    assert apply.understand(office) == 1
    facts.count_pending(office)  # what head office settled for it
    assert sums(office, "shop_day")["Harbour", "2026-03-02", "", 1]["sales"] == 1
    assert explained(office) == open_points(office) == 10
    assert "owed" not in {key[3] for key in sums(office, "points_day")}
    found = counted(office)
    facts.recount(office)
    assert counted(office) == found


def test_goods_that_two_tills_took_back_gave_their_points_back_once(office, till):
    one, other = till(), till("BBBBBB")
    one.join("anna")
    one.give("anna", 1000)
    one.send()
    one.fetch("anna", 500)
    sold = one.sale("1", 10000, "anna", redeem=500)
    one.send()
    paid = sold.body.redeemed_minor
    one.give_back(sold, "r1", void=False)
    other.give_back(sold, "r2", void=False)
    one.send()
    other.send()
    facts.count_pending(office)
    rows = sums(office, "shop_day").values()
    assert paid > 0
    assert (sum(row["redeemed_minor"] for row in rows), sum(row["restored_minor"] for row in rows)) == (paid, paid)
    assert [row["redeemed_minor"] for row in sums(office, "member_day").values()] == [0]
