"""Whatever tills do, and in whatever order they are heard: the same points in the end, all of them accounted for.

A history has takes, sales that spend rights or the floor limit, returns, claims, repeats, releases and new epochs. In the second
test a till was given up for lost before it was heard, and two members turn out to be one at some moment: what a member has, less
debt and less what the shop bears, is the same all the same.
"""

import random
from collections import Counter

import pytest
from sqlalchemy import func, select

from central_server import schema
from central_server.applying import apply
from central_server.applying.books import Books, Origin
from central_server.reports import report
from central_server.tills import forfeits, inbox
from ledger.entry import SaleBody
from loyalty.program import preset
from loyalty.sale import Sale

MEMBERS = ("anna", "bert")


def floor_sale(till, ref, points, member):
    """A sale paid on the floor limit: nothing of it was held here."""
    sold = Sale(till.name, ref, "2026-03-02T10:00:00", "2026-03-02", "EUR", points)
    body = SaleBody(sold, till.program.id, redeemed=points, redeemed_minor=points, floor=points)
    return till.write(body, sold.document, member)


def history(office, make_till, seed):
    """Three tills that trade apart from each other: sales, redemptions, returns here and there, claims, new epochs."""
    chance = random.Random(seed)
    tills = [make_till(name * 6, shop="Harbour") for name in "ABC"]
    sold, unclaimed = [], []
    # Some points to begin with, and grants taken while everyone was online.
    for one in tills:
        for member in MEMBERS:
            one.sale(f"start-{member}", chance.randrange(1000, 30000), member)
        one.send()
    for one in tills:
        one.fetch(chance.choice(MEMBERS), chance.randrange(1, 200))
    epoch = 1
    for number in range(40):
        one, member = chance.choice(tills), chance.choice(MEMBERS)
        what = chance.random()
        if what < 0.4:
            redeem = min(sum(one.rights(member).values()), chance.choice((0, 0, 5, 50, 500)))
            total = max(redeem, chance.randrange(100, 20000))
            sold.append(one.sale(str(number), total, member, redeem=redeem, keep=chance.random() < 0.5))
        elif what < 0.44:
            sold.append(floor_sale(one, str(number), chance.randrange(1, 60), member))
        elif what < 0.5:
            unclaimed.append(one.sale(str(number), chance.randrange(100, 20000)))
        elif what < 0.75 and sold:
            back = chance.choice(sold)
            left = back.body.sale.total_minor - sum(
                earlier.amount_minor for earlier in one.backs.get(back.body.sale.document, [])
            )
            if left > 0:
                one.give_back(back, f"{one.name}{number}", chance.choice((left, chance.randrange(1, left + 1))))
        elif what < 0.8 and sold:
            # The same sale, handed over by the host to another till too.
            first = chance.choice(sold)
            body = first.body
            if not body.redeemed and first.envelope.terminal != one.name:
                one.write(body, body.sale.document, first.member)
        elif what < 0.87 and unclaimed:
            one.claim(unclaimed.pop(chance.randrange(len(unclaimed))), member)
        elif what < 0.95:
            one.release(member)
        else:
            epoch += 1
            one.reopen(f"{one.name}e{epoch}")
    return tills


def heard(office, tills, seed, *happens):
    """Every till is heard to its end, in batches of any size, some twice, applied now or later."""
    order = random.Random(seed)
    events = list(happens)
    while waiting := [one for one in tills if one.sent < len(one.journal)]:
        one = order.choice(waiting)
        end = one.sent + order.randrange(1, 8)
        reply = inbox.record(office, one.batch(one.sent, end))
        if order.random() < 0.2:
            inbox.record(office, one.batch(max(0, one.sent - 2), end))
        one.sent = reply.head_number
        if order.random() < 0.5:
            apply.apply_pending(office, order.randrange(1, 6))
        if events and order.random() < 0.2:
            events.pop(0)()
    for event in events:
        event()
    apply.apply_pending(office)


def totals(office):
    """Each member's points less debt, what each branch holds of them, and all that was issued and redeemed."""
    holding, posting = schema.holding.c, schema.posting.c
    with office.database.reading() as connection:
        net = {row.member: -row.debt for row in connection.execute(select(schema.member))}
        escrow = {}
        for member, place, branch, points in connection.execute(
            select(holding.member, holding.place, holding.branch, func.sum(holding.points)).group_by(
                holding.member, holding.place, holding.branch
            )
        ):
            net[member] += int(points)
            if place == "escrow":
                escrow[member, branch] = int(points)
        moved = {
            (member, account): int(amount)
            for member, account, amount in connection.execute(
                select(posting.member, posting.account, func.sum(posting.amount))
                .where(posting.account.in_(["issued", "redeemed"]))
                .group_by(posting.member, posting.account)
            )
        }
    return net, escrow, moved


# Each seed on one database: what differs between the two is no order of tills, and tests of less than this run on both.
each_seed = pytest.mark.parametrize(
    ("folder", "seed"),
    [
        pytest.param("sqlite", 0),
        pytest.param("sqlite", 1, marks=pytest.mark.slow),
        *(pytest.param("sqlite", seed, marks=pytest.mark.long) for seed in (2, 3, 4)),
        pytest.param("postgres", 5, marks=pytest.mark.postgres),
        *(pytest.param("postgres", seed, marks=[pytest.mark.postgres, pytest.mark.long]) for seed in (6, 7)),
    ],
    indirect=["folder"],
)


@each_seed
def test_any_order_of_tills_comes_to_the_same_and_every_balance_is_the_sum_of_its_postings(folder, clock, tell, seed):
    from central_server.office import Office

    results = []
    for order in range(3):
        # The same history each time: the folder and its database are copied by rolling back to a clean office.
        office = Office.open(folder, clock, random.Random(seed).randbytes)
        clean(office)

        def make_till(name, shop, office=office):
            new = tell.Till(office, name, shop)
            new.enroll()
            return new

        tills = history(office, make_till, seed)
        heard(office, tills, 1000 * seed + order)
        assert list(report.problems(office)) == []
        assert [note for note in tell.notes(office) if note[2] != "conflict"] == []
        held = {
            (member, f"{one.name}/{one.epoch}"): points
            for one in tills
            for member, lots in one.held.items()
            if (points := sum(lots.values()))
        }
        results.append(totals(office))
        assert results[-1][1] == held  # what head office thinks each till holds is what it holds
        office.close()
    assert results[0] == results[1] == results[2]


@each_seed
def test_a_till_given_up_for_lost_and_a_merge_at_any_moment_change_nothing_of_the_sum(folder, clock, tell, seed):
    from central_server.office import Office

    results = []
    for order in range(3):
        office = Office.open(folder, clock, random.Random(seed).randbytes)
        clean(office)

        def make_till(name, shop, office=office):
            new = tell.Till(office, name, shop)
            new.enroll()
            return new

        tills = history(office, make_till, 100 + seed)
        forfeits.forfeit(office, tills[0].name)  # what it did afterwards has not been heard yet
        tills[0].reopen("found again")

        def merge(office=office):
            with office.database.writing() as connection:
                books = Books(connection, office)
                origin = Origin(office.server, 0, "", office.time(), books.today)
                books.merge("anna", "bert", origin, "1-merge")
                books.flush()

        heard(office, tills, 1000 * seed + order, merge)
        assert list(report.problems(office)) == []
        assert {note[2] for note in tell.notes(office)} <= {"conflict", "loss"}
        net, escrow, moved = totals(office)
        with office.database.reading() as connection:
            losses = {row.member: row.loss for row in connection.execute(select(schema.member))}
        held = Counter()
        for one in tills:
            for lots in one.held.values():
                held["bert", f"{one.name}/{one.epoch}"] += sum(lots.values())
        assert escrow == {key: points for key, points in held.items() if points}
        assert (net["anna"], losses["anna"]) == (0, 0)
        issued = sum(points for (_, account), points in moved.items() if account == "issued")
        redeemed = sum(points for (_, account), points in moved.items() if account == "redeemed")
        results.append((net["bert"] - losses["bert"], issued, redeemed))
        assert -issued - redeemed == results[-1][0]
        office.close()
    assert results[0] == results[1] == results[2]


RULES = """
[[tier]]
name = "silver"
title = "Silver"
from = 30000

[[accrual]]
name = "double"
title = "Twice"
times = 2
limits = [{ uses = 3, per = "month" }]

[referral]
friend_points = 5
referrer_points = 40
on = "every purchase"
most_friends_a_year = 2
"""
DAYS = ("2025-01-10", "2025-06-01", "2025-07-11", "2025-11-20", "2026-02-01", "2026-03-02")


def rich_history(office, tell, seed):
    """Three tills under a programme that looks back: points that vest, and that are kept alive by what members do."""
    chance = random.Random(seed)
    text = (
        preset("points")
        .replace("[earn]", "[earn]\nvest_days = 14")
        .replace("[expire]", '[expire]\nrule = "inactivity"')
    )
    program = tell.use(office, text.replace("months = 12", "months = 6", 1) + RULES)
    tills = [tell.Till(office, name * 6, "Harbour") for name in "ABC"]
    for one in tills:
        one.program = program
        one.enroll()
    sold, unclaimed = [], []
    for number in range(40):
        one, member = chance.choice(tills), chance.choice((*MEMBERS, "carl", "dora"))
        one.day = chance.choice(DAYS)
        what = chance.random()
        if what < 0.4:
            sold.append(one.sale(str(number), chance.randrange(100, 20000), member, keep=chance.random() < 0.3))
        elif what < 0.5:
            unclaimed.append(one.sale(str(number), chance.randrange(100, 20000)))
        elif what < 0.7 and sold:
            back = chance.choice(sold)
            left = back.body.sale.total_minor - sum(
                earlier.amount_minor for earlier in one.backs.get(back.body.sale.document, [])
            )
            if left > 0:
                one.give_back(back, f"{one.name}{number}", chance.choice((left, chance.randrange(1, left + 1))))
        elif what < 0.75 and sold:
            first = chance.choice(sold)
            if first.envelope.terminal != one.name:
                one.write(first.body, first.envelope.document, first.member)
        elif what < 0.82 and unclaimed:
            one.claim(unclaimed.pop(chance.randrange(len(unclaimed))), member)
        elif what < 0.92:
            one.give(member, chance.choice((-500, -20, 30)), extends_to=chance.choice(("", "2026-06-01")))
        elif member in ("carl", "dora"):
            one.join(member, referrer="anna")
        else:
            one.release(member)
    for friend in ("carl", "dora"):
        chance.choice(tills).join(friend, referrer="anna")
    return tills


def remembered(office):
    """What head office keeps of members beside their points, to which day each lot lives, and which ones have had their grace:
    that depends on when they came back, and is given once."""
    past, lot = schema.member_history.c, schema.lot.c
    with office.database.reading() as connection:
        histories = connection.execute(select(past.member, past.history, past.alive).order_by(past.member)).all()
        lots = connection.execute(select(lot.member, lot.lot, lot.expires_on, lot.is_graced)).all()
        vesting = sorted(connection.execute(select(schema.vesting)).all())
    days = {(member, name): day for member, name, day, _ in lots}
    graced = {(member, name) for member, name, _, is_graced in lots if is_graced}
    return [tuple(row) for row in histories], [tuple(row) for row in vesting], days, graced


@each_seed
def test_any_order_of_tills_comes_to_the_same_histories_and_days(folder, clock, tell, seed):
    from central_server.office import Office

    results, days, graced = [], [], set()
    for order in range(3):
        office = Office.open(folder, clock, random.Random(seed).randbytes)
        clean(office)
        tills = rich_history(office, tell, seed)
        heard(office, tills, 1000 * seed + order, *[lambda office=office: apply.expire_due(office)] * 3)
        assert list(report.problems(office)) == []
        assert [note for note in tell.notes(office) if note[2] != "conflict"] == []
        net, _, moved = totals(office)
        histories, vesting, of_lots, had_grace = remembered(office)
        results.append((net, moved, histories, vesting))
        days.append(of_lots)
        graced |= had_grace
        office.close()
    assert results[0] == results[1] == results[2]
    first, second, third = ({lot: day for lot, day in one.items() if lot not in graced} for one in days)
    assert first == second == third
    assert len(first) > 10


def clean(office):
    """An empty office again, by taking away the triggers' tables' rows; only a test may."""
    from sqlalchemy import text, update

    from ledger.entry import GENESIS

    guarded = ("inbox", "journal", "posting")
    with office.database.writing() as connection:
        if office.database.dialect == "postgresql":
            connection.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            kept = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
            for name, _ in kept:
                connection.execute(text(f"DROP TRIGGER {name}"))
        for table in reversed(schema.metadata.sorted_tables):
            if table.name not in ("setting", "program", "shop", "chain"):
                connection.execute(table.delete())
        connection.execute(update(schema.chain).values(head=GENESIS, head_number=0))
        if office.database.dialect == "sqlite":
            for _, sql in kept:
                connection.exec_driver_sql(sql)
    assert all(name in schema.metadata.tables for name in guarded)
