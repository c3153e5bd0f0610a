"""Many entries in one transaction come to exactly what one by one they come to, whatever is wrong with some of them."""

import random
import threading

import pytest
from sqlalchemy import select

from central_server import schema
from central_server.applying import apply
from central_server.reports import report
from central_server.tills import forfeits, grants, inbox
from ledger.entry import ClaimBody, JoinBody, ReleaseBody, ReturnBody, SaleBody, TakeBody
from ledger.wire import GrantRequest
from loyalty.sale import LineItem, Return, Sale


def everything(office):
    """All tables, row by row, without the positions of feeds."""
    found = {}
    with office.database.reading() as connection:
        for table in schema.metadata.sorted_tables:
            columns = [column for column in table.columns if column.name != "position"]
            if table.name == "feed_channel" or table.name == "granted":
                continue
            found[table.name] = sorted(tuple(row) for row in connection.execute(select(*columns)))
    return found


def sold(till, ref, **odd):
    sale = Sale(till.name, ref, "2026-03-02T10:00:00", "2026-03-02", "EUR", 100)
    body = {"awarded": 1, "lot": f"lot{ref}", "expires_on": "2027-03-02", **odd}
    return till.write(SaleBody(sale, till.program.id, **body), sale.document, "anna")


BAD = {
    "awards less than nothing": lambda till, ref: sold(till, ref, awarded=-5),
    "expires on no day": lambda till, ref: sold(till, ref, expires_on="soon"),
    "a day written in another way": lambda till, ref: sold(till, ref, expires_on="20270302"),
    "more than the database can hold": lambda till, ref: sold(till, ref, awarded=2**70),
    "a name that one database refuses": lambda till, ref: sold(till, ref, lot="a\x00b"),
    "rights beyond reason": lambda till, ref: till.write(ReleaseBody(), "", "anna", {"x": -(10**25)}),
    "a claim of nothing": lambda till, ref: till.write(
        ClaimBody("sale/T/s", "p", awarded=5), f"claim/{till.name}/{ref}", "anna"
    ),
    "a price below zero": lambda till, ref: till.write(
        SaleBody(Sale("T", ref, "", "2026-03-02", "EUR", -1, (LineItem("1", -1),)), "p"), f"sale/T/{ref}", "anna"
    ),
    "returns less than nothing": lambda till, ref: till.write(
        ReturnBody(Return("T", "s", ref, amount_minor=-1), "sale/T/s"), f"return/T/s/{ref}", "anna"
    ),
    "points of nobody": lambda till, ref: till.write(ReleaseBody(), "", "", {"x": -5}),
}


def trade(tills, seed, bad):
    """Sales, spending, returns and claims of three members at two tills; `bad` entries anywhere among them."""
    chance = random.Random(seed)
    kinds = list(BAD)
    steps = ["good"] * 60 + ["bad"] * bad
    chance.shuffle(steps)
    unclaimed, done = [], []
    for number, step in enumerate(steps):
        till, member, what = chance.choice(tills), chance.choice(("anna", "bert", "carl")), chance.random()
        if step == "bad":
            BAD[kinds[number % len(kinds)]](till, f"bad{number}")
            till.rights("anna").pop("x", None)  # a right that there never was
        elif what < 0.5:
            has = sum(till.rights(member).values())
            redeem = min(has, chance.choice((0, 3, 50)))
            total = max(redeem, chance.randrange(100, 9000))
            done.append(till.sale(str(number), total, member, redeem=redeem, keep=chance.random() < 0.5))
        elif what < 0.6:
            unclaimed.append(till.sale(str(number), 5000))
        elif what < 0.75 and done:
            tills[0].give_back(done.pop(), f"r{number}")
        elif what < 0.9 and unclaimed:
            till.claim(unclaimed.pop(), member)
        else:
            till.release(member)


def applied(folder, clock, tell, monkeypatch, chunk, work):
    """What all tables say once `work(make_till)`'s tills are recorded and applied in chunks of so many entries."""
    from central_server.office import Office

    monkeypatch.setattr(apply, "CHUNK", chunk)
    office = Office.open(folder, clock, random.Random(2).randbytes)
    clean(office)

    def make_till(name, shop="Harbour"):
        new = tell.Till(office, name, shop)
        new.enroll()
        return new

    tills = work(make_till)
    for one in tills:
        inbox.record(office, one.batch())
    assert apply.apply_pending(office) == sum(len(one.journal) for one in tills)
    assert apply.apply_pending(office) == 0
    assert list(report.problems(office)) == []
    found, noted = everything(office), tell.notes(office)
    office.close()
    return found, noted


def clean(office):
    from importlib.util import module_from_spec, spec_from_file_location
    from pathlib import Path

    spec = spec_from_file_location("any_order", Path(__file__).with_name("test_any_order.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.clean(office)


@pytest.mark.parametrize(
    ("folder", "bad", "seed"),
    [
        *(("sqlite", bad, seed) for bad, seed in ((0, 1), (1, 2), (1, 3), (2, 4), (50, 5))),
        # Each bad entry begins its chunk anew, twice, and what a chunk does is the same on both.
        *(pytest.param("postgres", bad, seed, marks=pytest.mark.postgres) for bad, seed in ((2, 4), (12, 5))),
    ],
    indirect=["folder"],
)
def test_a_chunk_with_bad_entries_anywhere_comes_to_what_one_by_one_comes_to(
    folder, clock, tell, monkeypatch, bad, seed
):
    def work(make_till):
        tills = [make_till("AAAAAA"), make_till("BBBBBB")]
        trade(tills, seed, bad)
        return tills

    together, noted = applied(folder, clock, tell, monkeypatch, 500, work)
    alone, _ = applied(folder, clock, tell, monkeypatch, 1, work)
    for table in together:
        assert together[table] == alone[table], table
    assert len([note for note in noted if note[2] == "quarantine"]) == bad


def test_where_a_chunk_ends_changes_nothing(folder, clock, tell, monkeypatch):
    def work(make_till):
        tills = [make_till("AAAAAA"), make_till("BBBBBB")]
        trade(tills, 7, 3)
        tills[0].reopen("second")  # in the middle of a chunk
        tills[0].sale("after", 4000, "anna", keep=True)
        return tills

    alone = applied(folder, clock, tell, monkeypatch, 1, work)
    for chunk in (2, 3, 7, 500):
        assert applied(folder, clock, tell, monkeypatch, chunk, work) == alone, chunk


def test_a_branch_that_begins_late_is_applied_to_its_end_in_small_chunks(office, till, monkeypatch):
    monkeypatch.setattr(apply, "CHUNK", 2)
    one = till()
    for number in range(9):
        one.sale(f"before{number}", 1000, "anna")
    inbox.record(office, one.batch())
    twin = one.copy()
    for number in range(5):
        one.sale(f"one{number}", 1000, "anna")
        twin.sale(f"twin{number}", 1000, "bert")
    for copy in (twin, one):
        inbox.record(office, copy.batch())
    assert apply.apply_pending(office) == 1 + 9 + 5 + 5
    with office.database.reading() as connection:
        branches = connection.execute(select(schema.branch)).all()
    assert len(branches) == 2
    assert all(row.applied_number == row.head_number for row in branches)


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_entry_is_noted_once_and_the_others_count(office, till, tell, kind):
    one = till()
    one.sale("1", 1000, "anna")
    BAD[kind](one, "bad")
    one.sale("2", 2000, "anna")
    one.send()
    assert tell.figures(office, "anna") == {"available": 30}
    assert tell.notes(office) == [("AAAAAA", 3, "quarantine")]


@pytest.mark.parametrize("kind", ["a name in its time", "a lot on no day"])
def test_what_only_the_database_would_refuse_is_set_aside(office, till, tell, kind):
    """Text with a NUL is stored by one database and refused by the other; both go on."""
    one = till()
    one.sale("1", 1000, "anna")
    if kind == "a name in its time":
        from ledger.entry import Draft, entry

        draft = Draft(JoinBody(), "join/x", "2026-03-02T10:00:00\x00", "2026-03-02", "xenia", {})
        last = one.journal[-1]
        one.journal.append(
            entry(
                draft,
                terminal=one.name,
                epoch=one.epoch,
                number=3,
                prev=last.hash,
                recorded_at="2026-03-02T09:00:00+00:00",
            )
        )
    else:
        from ledger.entry import Slice

        one.write(TakeBody("g", (Slice("x", 5, "soon\x00"),), ""), "take/g", "anna", {"x": 5})
    one.sale("2", 2000, "anna")
    one.send()
    figures = tell.figures(office, "anna")
    assert sum(figures.values()) == 30
    assert report.status(office).applied == 4


def test_a_chunk_that_cannot_be_applied_at_all_fails_and_never_turns_in_a_circle(office, till, monkeypatch):
    """The fault is not in the entry, so leaving the entry out does not help."""
    one = till()
    one.sale("1", 1000, "anna")
    inbox.record(office, one.batch())
    tries = []

    def broken(books):
        tries.append(1)
        assert len(tries) < 20, "it turns in a circle"
        raise ValueError("a fault of our own")

    with monkeypatch.context() as patch:
        patch.setattr(apply.Books, "flush", broken)
        with pytest.raises(ValueError, match="a fault of our own"):
            apply.apply_pending(office)
    assert apply.apply_pending(office) == 2


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1)])
def test_a_sale_its_claim_and_its_returns_in_one_chunk_in_any_order(office, till, tell, order):
    """Each at a till of its own, which are applied in the order of their names."""
    names = ["AAAAAA", "BBBBBB", "CCCCCC", "DDDDDD"]
    tills = [till(names[place]) for place in order]
    sale = tills[0].sale("1", 10000, till="T")
    tills[1].claim(sale, "anna")
    tills[2].give_back(sale, "r1", 2500)
    tills[3].give_back(sale, "r2", 3000)
    for one in tills:
        inbox.record(office, one.batch())
    apply.apply_pending(office)
    assert tell.figures(office, "anna") == {"available": 45}
    assert tell.notes(office) == []


def test_a_poisoned_return_that_waits_does_not_spoil_the_sale_that_comes_later(office, till, tell):
    one, two = till(), till("BBBBBB")
    sale = one.sale("1", 10000, "anna")
    two.write(
        ReturnBody(Return("AAAAAA", "1", "odd", amount_minor=10**30), "sale/AAAAAA/1", taken=5),
        "return/AAAAAA/1/odd", "anna",
    )  # fmt: skip
    two.send()
    one.send()
    assert sale.number == 2
    assert ("AAAAAA", 2, "quarantine") not in tell.notes(office)
    assert sum(tell.figures(office, "anna").values()) in (0, 100)


def test_an_open_in_the_middle_of_a_chunk_gives_up_what_entries_before_it_brought(office, till, tell):
    one = till()
    one.sale("1", 1000, "anna", keep=True)
    one.sale("2", 1000, "bert", keep=True)
    one.reopen("second")
    one.sale("3", 1000, "anna", keep=True)
    inbox.record(office, one.batch())
    assert apply.apply_pending(office) == 5
    assert tell.figures(office, "anna") == {"available": 10, "escrow": 10}
    assert tell.figures(office, "bert") == {"available": 10}


def test_an_open_that_names_no_right_gives_up_all_the_same_what_the_chunk_brought_there(office, till, tell):
    one = till()
    one.sale("1", 1000, "anna", keep=True)
    one.held.clear()
    one.reopen("second")
    inbox.record(office, one.batch())
    apply.apply_pending(office)
    assert tell.figures(office, "anna") == {"available": 10}


def test_two_threads_apply_and_two_grant_at_once_and_every_point_is_in_one_place(office, till, tell):
    tills = [till(name * 6) for name in "ABC"]
    for one in tills:
        for number in range(20):
            one.sale(str(number), 1000, "anna", keep=number % 2 == 0)
        inbox.record(office, one.batch())
    start, failed, granted = threading.Barrier(5), [], []

    def run(work):
        try:
            start.wait(timeout=30)
            work()
        except Exception as error:
            failed.append(error)

    def applying():
        while apply.apply_pending(office, 7):
            pass

    def granting(one):
        for number in range(10):
            wish = GrantRequest(f"wish {number}", one.epoch, "anna", 11)
            granted.append(grants.grant(office, one.row(), wish).points)

    def forfeiting():
        forfeits.forfeit(office, tills[2].name)

    work = [applying, applying, lambda: granting(tills[0]), lambda: granting(tills[1]), forfeiting]
    threads = [threading.Thread(target=run, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert failed == []
    apply.apply_pending(office)
    figures = tell.figures(office, "anna")
    assert sum(figures.values()) == 600
    assert figures.get("granted", 0) == sum(granted)
