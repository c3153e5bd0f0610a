"""Feedback by the code on a receipt: for whom it is good, and how often."""

import pytest
from sqlalchemy import select

from central_server import schema
from central_server.applying import apply
from central_server.care import feedback, tickets
from central_server.care.feedback import Answer, FeedbackRefused
from central_server.database import put
from central_server.errors import OfficeError
from central_server.membership import desk
from central_server.membership import story as member_story
from central_server.reports import auditing, report
from central_server.tills import inbox
from ledger.identifiers import feedback_code


@pytest.fixture
def shop(till):
    one = till()
    one.join("anna")
    return one


def code_of(sale):
    return feedback_code(sale.envelope.terminal, sale.number, sale.hash)


def balance(office):
    with office.database.reading() as connection:
        return report.balance_of(connection, "anna", office.today(connection)).balance


def test_an_answer_is_kept_once_for_each_sale_and_its_points_are_given_once(office, shop):
    sale = shop.sale("1", 1000, "anna")
    shop.send()
    before = balance(office)
    with office.database.writing() as connection:
        put(connection, schema.setting, [{"name": feedback.BONUS, "value": "25"}])
    assert feedback.asked(office, code_of(sale)).shop == "Harbour"
    thanks = feedback.give(office, code_of(sale), Answer(5, 10, "Lovely."))
    assert (thanks.bonus, balance(office)) == (25, before + 25)
    for again in (
        lambda: feedback.give(office, code_of(sale), Answer(1)),
        lambda: feedback.asked(office, code_of(sale)),
    ):
        with pytest.raises(FeedbackRefused, match="already") as refused:
            again()
        assert refused.value.code == "FEEDBACK_GIVEN"
    assert balance(office) == before + 25
    with office.database.reading() as connection:
        assert connection.scalars(select(schema.care.feedback.c.rating)).all() == [5]


def test_a_customer_without_a_card_answers_and_gets_no_points(office, shop):
    sale = shop.sale("1", 1000)
    shop.send()
    with office.database.writing() as connection:
        put(connection, schema.setting, [{"name": feedback.BONUS, "value": "25"}])
    assert feedback.give(office, code_of(sale), Answer(4)).bonus == 0


def test_a_receipt_that_has_not_arrived_is_told_so_and_its_code_stays_good(office, shop):
    sale = shop.sale("1", 1000, "anna")
    with pytest.raises(FeedbackRefused, match="not reached us yet") as refused:
        feedback.give(office, code_of(sale), Answer(5))
    assert refused.value.code == "FEEDBACK_EARLY"
    shop.send()
    feedback.give(office, code_of(sale), Answer(5))


@pytest.mark.parametrize("how", ["another mark", "another sale's mark", "the join's", "mistyped", "nothing"])
def test_a_code_that_nobody_was_given_opens_nothing(office, shop, how):
    sale, other = shop.sale("1", 1000, "anna"), shop.sale("2", 2000, "anna")
    shop.send()
    name, number = sale.envelope.terminal, sale.number
    code = {
        "another mark": feedback_code(name, number, "00" * 32),
        "another sale's mark": feedback_code(name, number, other.hash),
        "the join's": code_of(shop.journal[1]),
        "mistyped": code_of(sale)[:-1],
        "nothing": "",
    }[how]
    with pytest.raises(FeedbackRefused) as refused:
        feedback.give(office, code, Answer(5))
    assert refused.value.code == "FEEDBACK_CODE"


@pytest.mark.parametrize("answer", [Answer(0), Answer(6), Answer(5, 11), Answer(5, -2), Answer(5, 5, "x" * 1001)])
def test_an_answer_that_is_none_is_refused(office, shop, answer):
    sale = shop.sale("1", 1000, "anna")
    shop.send()
    with pytest.raises(OfficeError, match="This answer is none"):
        feedback.give(office, code_of(sale), answer)


def test_who_wants_an_answer_gets_a_ticket_about_that_receipt(office, shop):
    sale = shop.sale("1", 1000, "anna")
    shop.send()
    thanks = feedback.give(office, code_of(sale), Answer(2, comment="The milk was sour.", wants_answer=True))
    found = tickets.story(office, thanks.ticket)
    assert (found.about.source, found.about.member) == ("feedback", "anna")
    assert code_of(sale).startswith(f"{found.about.receipt}-")
    assert found.said[0].text == "The milk was sour."


# -- points for feedback, and what came back


@pytest.fixture
def bonus(office):
    with office.database.writing() as connection:
        put(connection, schema.setting, [{"name": feedback.BONUS, "value": "25"}])


def test_feedback_on_a_purchase_that_came_back_is_kept_and_gives_no_points(office, shop, bonus):
    voided, returned = shop.sale("1", 1000, "anna"), shop.sale("2", 3000, "anna")
    shop.give_back(voided, "b1", void=True)
    shop.give_back(returned, "b2", 1000)
    shop.give_back(returned, "b3", 2000)
    shop.send()
    for sale in (voided, returned):
        assert feedback.give(office, code_of(sale), Answer(2, comment="It broke.")).bonus == 0
    assert balance(office) == 0
    with office.database.reading() as connection:
        assert connection.scalars(select(schema.care.feedback.c.comment)).all() == ["It broke."] * 2


def test_points_for_feedback_stay_until_all_of_the_purchase_has_come_back(office, shop, bonus):
    sale = shop.sale("1", 3000, "anna")
    shop.send()
    assert feedback.give(office, code_of(sale), Answer(5)).bonus == 25
    assert balance(office) == 30 + 25
    shop.give_back(sale, "b1", 1000)
    shop.send()
    assert balance(office) == 20 + 25
    shop.give_back(sale, "b2", 2000)
    shop.send()
    assert balance(office) == 0


def test_whether_the_void_or_the_answer_is_heard_first_comes_to_the_same(office, till, bonus):
    sums = []
    for name, is_void_first in (("AAAAAA", True), ("BBBBBB", False)):
        one = till(name)
        one.join("anna")
        sale = one.sale("1", 1000, "anna")
        one.send()
        one.give_back(sale, "b1", void=True)
        if is_void_first:
            one.send()
        assert feedback.give(office, code_of(sale), Answer(5)).bonus == (0 if is_void_first else 25)
        if not is_void_first:
            one.send()
        sums.append(balance(office))
    assert sums == [0, 0]


def test_points_for_feedback_that_were_spent_are_owed_once_the_purchase_comes_back(office, shop, bonus, tell):
    sale = shop.sale("1", 10_000, "anna")
    shop.send()
    feedback.give(office, code_of(sale), Answer(5))
    shop.fetch("anna", 100)
    shop.sale("2", 500, "anna", redeem=100)
    shop.give_back(sale, "b1", void=True)
    shop.send()
    assert balance(office) == 125 - 100 + 4 - 125 == -96


def test_points_for_feedback_go_with_the_member_after_a_merge_and_the_audit_finds_nothing(office, shop, bonus):
    sale = shop.sale("1", 1000, "anna")
    shop.join("bert")
    shop.send()
    feedback.give(office, code_of(sale), Answer(5))
    desk.merge(office, "anna", "bert", desk.Who("one person", "sue", "sam"))
    shop.give_back(sale, "b1", void=True)
    shop.send()
    with office.database.reading() as connection:
        assert report.balance_of(connection, "bert", office.today(connection)).balance == 0
        lines = member_story.story(office, connection, "bert").lines
    told = [line.told.what for line in lines if "feedback" in line.told.what]
    receipt = code_of(sale).rpartition("-")[0]
    assert told == [
        f"Points for feedback on the purchase {receipt} taken back: all of it was returned.",
        f"Points for feedback on the purchase {receipt}.",
    ]
    assert auditing.audit(office).differences == []


def test_a_return_that_was_heard_before_its_sale_takes_the_points_back_once_the_sale_is_worked_out(
    office, shop, till, bonus
):
    sale, other = shop.sale("1", 1000, "anna"), till("BBBBBB")
    other.give_back(sale, "b1")
    other.send()
    inbox.record(office, shop.batch())  # recorded, and not worked out yet
    assert feedback.give(office, code_of(sale), Answer(5)).bonus == 25
    apply.apply_pending(office)
    assert balance(office) == 0


# -- what customers wrote, behind the figures


PRIVATE = "Sour milk. Call 0170 123 45 67 or write to anna@example.org, <b>please</b>."


@pytest.mark.parametrize(
    ("role", "of_shop", "sees", "sees_all"),
    [
        ("manager", "Harbour", ["Harbour"], True),
        ("supervisor", "Mill", ["Mill"], False),
        ("auditor", "", ["Harbour", "Mill"], False),
        ("marketing", "", ["Harbour", "Mill"], False),
        ("finance", "", ["Harbour", "Mill"], False),
        ("support", "", None, False),  # who has no figures
        ("cashier", "Harbour", None, False),
    ],
)
def test_comments_are_seen_by_whoever_has_the_figures_and_masked_as_the_table_says(
    office, shop, till, visitor, role, of_shop, sees, sees_all
):
    mill = till("BBBBBB", "Mill")
    shops = {"Harbour": shop.sale("1", 1000, "anna"), "Mill": mill.sale("1", 1000, "anna")}
    happy = shop.sale("2", 1000)
    shop.send()
    mill.send()
    for name, sale in shops.items():
        feedback.give(office, code_of(sale), Answer(2, 3, f"{name}: {PRIVATE}"))
    feedback.give(office, code_of(happy), Answer(5))
    answer = visitor(role, of_shop).get("/figures/comments")
    assert (answer.status_code == 200) is (sees is not None)
    for name in shops:
        assert (f"{name}: Sour milk." in answer.text) is (name in (sees or []))
    for secret in ("0170", "example.org"):
        assert (secret in answer.text) is sees_all
    assert "<b>please" not in answer.text
    if sees == ["Harbour", "Mill"]:
        assert "5 of 5" not in answer.text
        assert "5 of 5" in visitor(role, of_shop).get("/figures/comments?words=all").text
        assert "5 of 5" not in visitor(role, of_shop).get("/figures/comments?words=all&rating=low").text
