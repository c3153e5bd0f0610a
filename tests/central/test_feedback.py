"""Feedback by the code on a receipt: for whom it is good, once, and what NPS and CSAT make of it."""

import pytest
from sqlalchemy import select

from central_server import channels, desk, feed, members, report, schema
from central_server.care import feedback, own_page, tickets
from central_server.care.feedback import Answer, FeedbackRefused
from central_server.database import put
from central_server.errors import OfficeError, Refused
from ledger.identifiers import feedback_code
from ledger.keys import seal
from ledger.wire import FeedRequest, TicketOpened


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


def test_nps_and_csat_count_each_members_latest_answer_and_say_of_how_many(office, shop):
    shop.join("ben")
    given = [
        ("anna", 1, 0),  # of an earlier day: her later answer counts
        ("anna", 5, 10),
        ("ben", 4, 9),
        ("", 3, 8),  # without a card each counts; 7 and 8 are neither
        ("", 2, 6),
        ("", 5, -1),  # recommends nothing said
        ("", 1, 0),
    ]
    sales = [shop.sale(str(number), 1000, member) for number, (member, _, _) in enumerate(given)]
    shop.send()
    for sale, (_, rating, recommends) in zip(sales, given, strict=True):
        office.now.pass_by(minutes=1)
        feedback.give(office, code_of(sale), Answer(rating, recommends))
    with office.database.reading() as connection:
        found = feedback.score(connection, shop.day, shop.day)
        assert (found.nps, found.nps_n) == (0, 5)  # two of five promote, two detract
        assert (found.csat, found.csat_n) == (5000, 6)  # three of six are pleased
        assert feedback.score(connection, "2020-01-01", "2020-01-31") == feedback.Score(None, 0, None, 0)
        assert feedback.score(connection, shop.day, shop.day, "Mill") == feedback.Score(None, 0, None, 0)


def test_what_one_member_said_is_the_others_when_they_merge_and_goes_with_them(office, shop):
    shop.join("ben")
    sale = shop.sale("1", 1000, "anna")
    shop.send()
    asked = feedback.give(office, code_of(sale), Answer(1, 0, "Ada Berg was rude to me.", wants_answer=True)).ticket
    desk.merge(office, "anna", "ben", desk.Who("one person", "Ann", "Ben"))
    assert tickets.story(office, asked).about.member == "ben"
    channel = channels.shop_of("Harbour")
    page = feed.read(office, shop.name, "Harbour", FeedRequest({channel: 0})).channels[channel]
    assert [item.member for item in page.items if getattr(item, "ticket", "") == asked] == ["ben"]
    members.erase(office, "ben")
    found = tickets.story(office, asked)
    assert (found.about.member, found.about.status, found.said) == ("", "closed", [])
    with office.database.reading() as connection:
        kept = connection.execute(select(schema.care.feedback.c.member, schema.care.feedback.c.comment)).one()
    assert tuple(kept) == ("", "")


def test_the_receipt_of_who_was_forgotten_after_a_merge_is_nobodys(office, shop):
    shop.join("ben")
    sale = shop.sale("1", 1000, "anna")
    shop.send()
    desk.merge(office, "anna", "ben", desk.Who("one person", "Ann", "Ben"))
    members.erase(office, "ben")
    with office.database.writing() as connection:
        put(connection, schema.setting, [{"name": feedback.BONUS, "value": "25"}])
    assert feedback.asked(office, code_of(sale)).member == ""
    assert feedback.give(office, code_of(sale), Answer(5)).bonus == 0
    with pytest.raises(Refused):
        own_page.of_link(office, code_of(sale))


def test_a_tills_ticket_is_taken_however_many_wait_and_under_who_the_member_is_now(office, shop):
    shop.join("ben")
    shop.send()
    for number in range(tickets.MOST_OPEN):
        tickets.open_ticket(
            office, shop="Harbour", topic="other", words=str(number), by="member", source="member", member="ben"
        )
    desk.merge(office, "anna", "ben", desk.Who("one person", "Ann", "Ben"))
    sealed = seal(office.sealing_key, b'{"words": "Where are my points?"}')
    sent = TicketOpened("TILL1", topic="points", opened_at="2026-03-02T10:00:00", sealed=sealed, member="anna")
    for _ in range(2):
        assert tickets.take(office, shop.row(), sent).ticket == "TILL1"
    found = tickets.story(office, "TILL1")
    assert (found.about.member, len(found.said)) == ("ben", 1)
    with pytest.raises(OfficeError, match="20 open tickets"):
        tickets.open_ticket(
            office, shop="", topic="other", words="One more", by="member", source="member", member="anna"
        )
