"""What entries come to, whoever sent them."""

import pytest
from sqlalchemy import select

from central_server import schema
from central_server.applying import apply
from central_server.reports import report
from central_server.tills import inbox
from ledger.entry import (
    ClaimBody,
    OpenBody,
    ReleaseBody,
    ReturnBody,
    SaleBody,
    SettleBody,
    TakeBody,
    read_entry,
)
from loyalty.sale import LineItem, Return, Sale


def own_entries(office):
    with office.database.reading() as connection:
        rows = connection.execute(select(schema.journal.c.data).order_by(schema.journal.c.number))
        return [read_entry(row.data) for row in rows]


def test_a_sale_online_and_a_sale_offline_need_no_word_of_head_offices_own(office, till, tell):
    one = till()
    one.join("anna")
    one.sale("1", 1000, "anna")
    one.sale("2", 2000, "anna", keep=True)
    one.sale("3", 3000)
    one.send()
    assert tell.figures(office, "anna") == {"available": 10, "escrow": 20}
    assert own_entries(office) == []


def test_spending_what_was_kept_then_releasing_the_rest_leaves_the_rest_available(office, till, tell):
    one = till()
    one.join("anna")
    one.sale("1", 10000, "anna", keep=True)
    one.sale("2", 1000, "anna", redeem=60)
    one.release("anna")
    one.send()
    assert tell.figures(office, "anna") == {"available": 40 + 9}
    assert own_entries(office) == []


def test_a_return_at_the_till_that_holds_the_award_takes_it_from_there(office, till, tell):
    one = till()
    one.join("anna")
    sold = one.sale("1", 10000, "anna", keep=True)
    one.give_back(sold, "r1", 2500)
    one.send()
    assert tell.figures(office, "anna") == {"escrow": 75}
    assert own_entries(office) == []


def test_a_void_gives_back_what_the_sale_spent_where_it_was_spent(office, till, tell):
    one = till()
    one.join("anna")
    one.sale("1", 10000, "anna", keep=True)
    sold = one.sale("2", 1000, "anna", redeem=60)
    one.give_back(sold, "v", void=True)
    one.send()
    assert tell.figures(office, "anna") == {"escrow": 100}


def test_a_return_elsewhere_is_owed_and_head_office_settles_it_from_what_is_available(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.join("anna")
    sold = one.sale("1", 10000, "anna")
    one.send()
    two.give_back(sold, "r1", 2500)
    two.send()
    assert tell.figures(office, "anna") == {"available": 75}
    (settled,) = own_entries(office)
    assert isinstance(settled.body, SettleBody)
    assert settled.body.changes == {"available": -25, "owed": 25}
    assert settled.body.cause == f"BBBBBB/2/{two.journal[-1].hash}"


@pytest.mark.parametrize("parts", [[None], [10000], [2500, 2500, 5000], [3333, 3333, 3334], [1, 9998, 1]])
def test_a_return_in_parts_takes_and_restores_as_much_as_the_whole(office, till, tell, parts):
    one, two = till(), till("BBBBBB")
    one.join("anna")
    one.sale("0", 20000, "anna", keep=True)
    sold = one.sale("1", 10000, "anna", redeem=77)
    for number, amount in enumerate(parts):
        (one, two)[number % 2].give_back(sold, f"r{number}", amount)
    one.send()
    two.send()
    one.release("anna")
    one.send()
    assert tell.figures(office, "anna") == {"available": 200}


def test_returns_at_two_tills_that_do_not_know_of_each_other_stop_at_the_sale(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.join("anna")
    sold = one.sale("1", 10000, "anna")
    one.give_back(sold, "r1", 8000)
    two.give_back(sold, "r2", 8000)  # together more than was sold
    two.send()
    one.send()
    assert tell.figures(office, "anna") == {}


def test_a_return_before_its_sale_waits_and_blocks_nothing(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.join("anna")
    sold = one.sale("1", 10000, "anna")
    two.give_back(sold, "r1", 2500)
    two.sale("2", 1000, "anna")
    two.send()
    assert tell.figures(office, "anna") == {"available": 10}
    one.send()
    assert tell.figures(office, "anna") == {"available": 85}


def test_the_same_return_from_two_tills_counts_once(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.join("anna")
    sold = one.sale("1", 10000, "anna")
    one.give_back(sold, "r1", 2500)
    two.give_back(sold, "r1", 2500)
    one.send()
    two.send()
    assert tell.figures(office, "anna") == {"available": 75}


def test_what_was_spent_and_is_taken_back_becomes_debt_that_later_awards_repay(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.join("anna")
    sold = one.sale("1", 10000, "anna", keep=True)
    one.sale("2", 100, "anna", redeem=100)
    one.send()
    two.give_back(sold, "r1")
    two.send()
    assert tell.figures(office, "anna") == {"debt": 100}
    two.sale("3", 3000, "anna")
    two.send()
    assert tell.figures(office, "anna") == {"debt": 70}
    two.sale("4", 9000, "anna")
    two.send()
    assert tell.figures(office, "anna") == {"available": 20}


def test_a_claim_awards_once_and_its_returns_take_it_back(office, till, tell):
    one, two = till(), till("BBBBBB")
    sold = one.sale("1", 10000)
    one.send()
    two.claim(sold, "anna")
    one.claim(sold, "bert")
    two.send()
    one.send()
    assert tell.figures(office, "anna") == {"available": 100}
    assert tell.figures(office, "bert") == {}
    assert tell.notes(office) == [("AAAAAA", 3, "conflict")]
    one.give_back(sold, "r1", 2500)
    one.send()
    assert tell.figures(office, "anna") == {"available": 75}


def test_a_claim_that_comes_before_its_sale_waits_for_it(office, till, tell):
    one, two = till(), till("BBBBBB")
    sold = one.sale("1", 10000)
    one.give_back(sold, "r1", 2500)
    two.claim(sold, "anna")
    two.send()
    assert tell.figures(office, "anna") == {}
    one.send()
    assert tell.figures(office, "anna") == {"available": 75}


def test_a_sale_that_had_a_member_is_not_claimed_by_another(office, till, tell):
    one = till()
    sold = one.sale("1", 10000, "anna")
    one.claim(sold, "bert")
    one.send()
    assert (tell.figures(office, "anna"), tell.figures(office, "bert")) == ({"available": 100}, {})


def test_a_new_epoch_gives_up_what_the_old_one_held_and_what_it_was_granted_and_never_took(office, till, tell):
    one, two = till(), till("BBBBBB")
    one.sale("1", 10000, "anna", keep=True)
    two.sale("1", 5000, "anna")
    one.send()
    two.send()
    assert one.ask("anna", 30) == 30
    assert tell.figures(office, "anna") == {"available": 20, "granted": 30, "escrow": 100}
    one.reopen("second")
    one.send()
    assert tell.figures(office, "anna") == {"available": 150}


def odd_sale(member="anna", **odd):
    """A sale whose award is not one that a till can have computed."""
    body = {"awarded": 5, "lot": "x", "expires_on": "2027-01-01", **odd}
    return lambda till: till.write(
        SaleBody(sale_of(till, "p", 100), till.program.id, **body), sale_of(till, "p", 100).document, member
    )


def odd(body, document="", member="anna", esc=None):
    return lambda till: till.write(body, document, member, esc)


NEGATIVE = Sale("T", "n", "", "2026-03-02", "EUR", -1, (LineItem("1", -1),))

POISON = {
    "awards less than nothing": odd_sale(awarded=-5),
    "awards to nobody": odd_sale(member=""),
    "expires on no day": odd_sale(expires_on="soon"),
    "names no lot": odd_sale(lot=""),
    "more points than a number can hold": odd_sale(awarded=10**30),
    "more points than there are": odd_sale(awarded=10**13),
    "rights beyond reason": odd(ReleaseBody(), esc={"x": -(10**25)}),
    "is another document": odd(SaleBody(NEGATIVE, "p"), "sale/T/other"),
    "has a price below zero": odd(SaleBody(NEGATIVE, "p"), "sale/T/n"),
    "returns less than nothing": odd(ReturnBody(Return("T", "s", "r", amount_minor=-1), "sale/T/s"), "return/T/s/r"),
    "claims nothing": odd(ClaimBody("sale/T/s", "p", awarded=5), "claim/T/s"),
    "is head office's kind": odd(SettleBody("me", {"available": 5, "issued": -5})),
    "takes less than nothing": odd(TakeBody("g", ()), "take/g", esc={"x": -5}),
    "gives up rights of nobody": odd(OpenBody("test", {}), "", "", {"x": -5}),
}


def sale_of(till, ref, total_minor):
    return Sale(till.name, ref, "2026-03-02T10:00:00", "2026-03-02", "EUR", total_minor)


@pytest.mark.parametrize("poison", POISON)
def test_a_poison_entry_is_kept_and_noted_and_blocks_nothing(office, till, tell, poison):
    one = till()
    one.sale("1", 1000, "anna")
    POISON[poison](one)
    one.sale("2", 2000, "anna")
    assert tell.outcomes(one.send()) == ["recorded"] * 4
    assert tell.figures(office, "anna") == {"available": 30}
    assert tell.notes(office) == [("AAAAAA", 3, "quarantine")]
    status = report.status(office)
    assert (status.recorded, status.applied) == (4, 4)


def test_applying_goes_on_where_it_was_interrupted(office, till, tell):
    one, two = till(), till("BBBBBB")
    for number in range(5):
        one.sale(str(number), 1000, "anna")
        two.sale(str(number), 1000, "anna")
    inbox.record(office, one.batch())
    inbox.record(office, two.batch())
    assert [apply.apply_pending(office, 5) for _ in range(4)] == [5, 5, 2, 0]
    assert tell.figures(office, "anna") == {"available": 100}


def test_points_expire_on_their_day_but_never_at_a_till(office, till, tell, clock):
    one = till()
    one.sale("1", 1000, "anna")
    one.sale("2", 2000, "anna", keep=True)
    one.send()
    clock.pass_by(days=365)
    assert apply.expire_due(office) == 1
    assert apply.expire_due(office) == 0
    assert tell.figures(office, "anna") == {"expired": 10, "escrow": 20}


def test_a_programme_that_head_office_never_saw_costs_no_point_too_many(office, till, tell):
    one, two = till(), till("BBBBBB")
    unknown = one.program.model_copy(update={"text": "another"})
    one.program = unknown
    sold = one.sale("1", 10000, "anna")
    one.give_back(sold, "r1", 6000)
    two.program = unknown
    two.give_back(sold, "r2", 6000)
    one.send()
    two.send()
    assert tell.figures(office, "anna") == {}
