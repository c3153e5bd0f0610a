"""A member's own page: points of a purchase without the card, answers, and what somebody sees whose link or form is no good."""

import asyncio
import re
from html import unescape
from itertools import product
from urllib.parse import quote

import httpx
import pytest

from central_server.applying import apply
from central_server.care import tickets
from central_server.membership import consents, desk, tokens
from central_server.pages import own_words
from ledger.identifiers import feedback_code, receipt_reference
from loyalty.program import read_program
from loyalty.words import LANGUAGES, in_language, say

SELLER = "BBBBBB"
MEMBER = "a" * 16


@pytest.fixture
def seller(till):
    return till(SELLER, "Mill")


@pytest.fixture
def link(office, till):
    one = till()
    one.join(MEMBER)
    one.join("b" * 16)
    one.sale("1", 10_000, MEMBER)
    one.send()
    return "/me/" + tokens.issue(office, MEMBER).text


@pytest.fixture
def ask(office):
    """Somebody's request, without a session; answers what they end up with."""
    from tests.central.conftest import app_of

    def asked(path, form=None, *, body=None, language="en", **headers):
        async def go():
            transport = httpx.ASGITransport(app_of(office), raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://central", follow_redirects=True
            ) as client:
                said = {"Accept-Language": language, **headers}
                if form is None and body is None:
                    return await client.get(path, headers=said)
                said["Content-Type"] = "application/x-www-form-urlencoded"
                sent = (
                    body if body is not None else "&".join(f"{quote(k)}={quote(v)}" for k, v in form.items()).encode()
                )
                return await client.post(path, content=sent, headers=said)

        return asyncio.run(go())

    return asked


# -- points of a purchase that was made without the card


def sold(seller):
    return seller.sale("1", 3000)


def claimed(seller):
    seller.claim(sold(seller), "b" * 16)


def claimed_by_themselves(seller):
    seller.claim(sold(seller), MEMBER)


def sold_to_a_member(seller):
    seller.sale("1", 3000, "b" * 16)


def voided(seller):
    seller.give_back(sold(seller), "v1", void=True)


def returned_in_two_parts(seller):
    sale = sold(seller)
    seller.give_back(sale, "r1", 1000)
    seller.give_back(sale, "r2", 2000)


def returned_in_part(seller):
    seller.give_back(sold(seller), "r1", 1000)


ADDED = "Your number is"
TYPED = {
    "": lambda reference: reference,
    "in small letters": lambda reference: reference.lower().replace("-", " "),
    "of another till": lambda _: receipt_reference("CCCCCC", 2),
    "a letter wrong": lambda reference: reference.replace("B", "D", 1),
    "nothing": lambda _: "",
}
CLAIMS = [
    # what happened, how the reference is typed and which entry's it is, what the page says
    (sold, "", 2, ADDED),  # another shop's than the member's own: all shops have one programme
    (sold, "in small letters", 2, ADDED),
    (returned_in_part, "", 2, ADDED),
    (claimed, "", 2, "are on a card already"),
    (claimed_by_themselves, "", 2, "are on a card already"),
    (sold_to_a_member, "", 2, "are on a card already"),
    (voided, "", 2, "All of this purchase came back"),
    (returned_in_two_parts, "", 2, "All of this purchase came back"),
    (sold, "", 3, "We have not heard of this purchase yet"),  # its till is offline
    (sold, "", 1, "We know no purchase of this number"),  # the till's first entry: no purchase
    (sold, "of another till", 2, "We know no purchase of this number"),  # another programme's shop
    (sold, "a letter wrong", 2, "one letter of it is wrong"),
    (sold, "nothing", 2, "one letter of it is wrong"),
]


def test_points_of_a_purchase_without_the_card(office, till, link, ask):
    expected = []
    for place, (happened, typed, number, says) in enumerate(CLAIMS):
        case = f"{happened.__name__}, {typed}"
        one = till(f"BBBB{place:02d}", "Mill")
        happened(one)
        one.send()
        reference = receipt_reference(one.name, number)
        answer = ask(link, {"what": "forgot", "receipt": TYPED[typed](reference)})
        assert says in answer.text, case
        assert answer.status_code == (200 if says == ADDED else 422), case
        if says == ADDED:
            expected.append(("points", "Mill", reference, MEMBER))
        elif not typed:
            assert f'value="{reference}"' in answer.text, "to be mended"
    lines, _ = tickets.dashboard(office)
    assert sorted((line.topic, line.shop, line.receipt, line.member) for line in lines) == expected


@pytest.mark.parametrize(("days", "says"), [(7, ADDED), (8, "could be added until 9 Mar 2026. It is too late now.")])
def test_points_of_a_purchase_can_be_asked_for_as_long_as_the_till_would_add_them(seller, link, ask, clock, days, says):
    sale = sold(seller)
    seller.send()
    clock.pass_by(days=days)
    assert says in ask(link, {"what": "forgot", "receipt": receipt_reference(SELLER, sale.number)}).text


def test_the_points_of_one_purchase_are_asked_for_once_until_they_were_answered(office, seller, link, ask):
    sale = sold(seller)
    seller.send()
    form = {"what": "forgot", "receipt": receipt_reference(SELLER, sale.number)}
    ask(link, form)
    (first,), _ = tickets.dashboard(office)
    again = ask(link, form)
    assert (again.status_code, f"your number is {first.ticket}" in again.text) == (422, True)
    tickets.change(office, first.ticket, "sue", status="closed")
    assert ask(link, form).status_code == 200
    assert len(tickets.dashboard(office, status="")[0]) == 2


def test_a_programme_that_adds_no_points_later_says_so(office, seller, link, ask, tell):
    program = tell.use(office, re.sub(r"within_days = \d+", "within_days = 0", tell.PROGRAM.text))
    seller.program = program
    sale = sold(seller)
    seller.send()
    answer = ask(link, {"what": "forgot", "receipt": receipt_reference(SELLER, sale.number)})
    assert "Points cannot be added to a purchase later." in answer.text


def test_reloading_after_a_question_asks_nothing_twice(office, link, ask):
    answer = ask(link, {"what": "ask", "words": "Why?"})
    assert answer.request.method == "GET"
    assert ask(answer.request.url.raw_path.decode()).text == answer.text
    assert len(tickets.dashboard(office)[0]) == 1
    assert "<b>" not in ask(f"{link}/done?ticket=%3Cb%3E").text


def test_the_answer_stands_on_the_own_page_and_what_we_note_does_not(office, link, ask):
    ask(link, {"what": "ask", "words": "Why so few, <Kim>?"})
    (line,), _ = tickets.dashboard(office)
    tickets.note(office, line.ticket, "sue", "They call every week.")
    tickets.change(office, line.ticket, "sue", owner="sue", priority="high")
    assert "not answered yet" in ask(link).text
    tickets.reply(office, line.ticket, "sue", "Milk earns none; the rest did.")
    page = ask(link).text
    for told in ("Why so few, &lt;Kim&gt;?", "Milk earns none; the rest did.", "answered", line.ticket):
        assert told in page
    for ours in ("every week", "sue", "high"):
        assert ours not in page
    with office.database.reading() as connection:
        assert tickets.for_member(connection, "b" * 16) == []


def test_what_somebody_agreed_to_stands_there_in_their_language_also_after_a_newer_text(office, link, ask):
    texts = {"en": "We may write to you.", "de": "Wir dürfen Ihnen schreiben."}
    consents.publish(office, consents.ConsentText("1", texts, ""))
    ask(link, {"what": "agree"})
    consents.publish(office, consents.ConsentText("2", {"en": "We may call you."}, ""))
    page = unescape(ask(link, language="de").text)
    assert texts["de"] in page
    assert "We may call you" not in page


def test_a_question_of_the_evening_has_the_shops_day(office, link, ask, clock):
    clock.pass_by(hours=14, minutes=30)  # 23:30 in UTC, and the next day in Berlin
    ask(link, {"what": "ask", "words": "Why?"})
    assert ", 3 Mar 2026: not answered yet" in ask(link).text


@pytest.mark.parametrize(
    ("language", "day"), [("en", "2 Mar 2026"), ("de", "2 Mär 2026"), ("tr", "2 Mar 2026"), ("fr", "2 mars 2026")]
)
def test_days_are_written_as_on_the_receipt(link, ask, language, day):
    assert day in ask(link, language=language).text


def test_the_history_names_head_office_and_the_tier_in_the_persons_language(office, link, ask, tell):
    desk.adjust(office, MEMBER, 7, desk.Who("sorry", "sue", "sam"))
    page = ask(link, language="de").text
    assert "+7" in page
    assert f", {say(own_words.OFFICE, 'de')}<" in page
    tell.use(office, tell.PROGRAM.text + TIERS)
    page = ask(link, language="de").text
    assert "Kupfer" in page
    assert (
        say(own_words.TIER_NEXT, "de", much="500,00\N{NO-BREAK SPACE}€", tier="Silber") in page
    )  # what was before tiers counts for none


GIVEN = [
    # an entry's why, its points and what it is about, what the history says
    ("join", 50, "", own_words.GIVEN["join"]),
    ("reload", 5, "", own_words.GIVEN["reload"]),
    ("birthday", 50, "", own_words.GIVEN["birthday"]),
    ("referral", 50, "b" * 16, own_words.GIVEN["referral"]),
    ("feedback", 25, "26GHGT-5-A", own_words.GIVEN["feedback"]),
    ("feedback", -25, "26GHGT-5-A", own_words.TAKEN["feedback"]),
    ("goodwill", 50, "", own_words.GIVEN["goodwill"]),
    ("adjustment", -7, "", own_words.GIVEN["adjustment"]),
    ("opening", 50, "", own_words.GIVEN["opening"]),
    ("transfer", 50, "b" * 16, own_words.GIVEN["transfer"]),
    ("transfer", -50, "b" * 16, own_words.TAKEN["transfer"]),
    ("reinstate", 50, "2026-01-01", own_words.GIVEN["reinstate"]),
    ("recognition", 5, "b" * 16, own_words.GIVEN["recognition"]),
    ("merge", 5, "b" * 16, own_words.GIVEN["merge"]),
    ("activity", 5, "survey", {"en": "Our survey", "de": "Unsere Umfrage"}),
    ("activity", 5, "gone", "gone"),  # which the programme has no more
    ("something new", 5, "", own_words.KINDS["give"]),
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_history_says_what_points_were_given_or_taken_for(office, till, link, ask, tell, language):
    tell.use(office, tell.PROGRAM.text + SURVEY)
    one = till("CCCCCC")
    one.day = "2026-03-03"  # after the member's purchase
    for why, points, about, _ in GIVEN:
        one.give(MEMBER, points, why, about=about, reason="Ticket 7, a bore.")
    one.send()
    page = ask(link, language=language).text
    found = [(unescape(what), int(points)) for what, points in HISTORY.findall(page)][: len(GIVEN)]
    assert found[::-1] == [
        (in_language(says, language) if why == "activity" else say(says, language), points)
        for why, points, _, says in GIVEN
    ]
    assert "a bore" not in page
    assert "b" * 16 not in page


def test_by_a_receipt_nobody_reads_what_points_were_given_for(office, till, link, ask):
    one = till("CCCCCC")
    sale = one.sale("2", 3000, MEMBER)
    one.give(MEMBER, 50, "birthday")
    one.send()
    page = ask("/me/" + feedback_code("CCCCCC", sale.number, sale.hash)).text
    assert ("Points given or corrected", "+50") in HISTORY.findall(page)
    assert "birthday" not in page


HISTORY = re.compile('<span class="what">([^<]*)</span> <span class="points">([+-][0-9]+)</span>')


SURVEY = """
[[accrual]]
name = "survey"
title = { en = "Our survey", de = "Unsere Umfrage" }
on = "activity"
activity = "survey"
points = 5
"""


def test_points_that_ended_are_said_to_have_ended(office, link, ask, clock):
    clock.pass_by(days=800)
    apply.expire_due(office)
    page = ask("/me/" + tokens.issue(office, MEMBER).text, language="de").text
    assert (
        f'<span class="what">{say(own_words.SETTLED["expired"], "de")}</span> <span class="points">-100</span>' in page
    )


def test_a_purchase_says_its_parts_where_there_are_several(office, till, link, ask, tell):
    assert 'class="where">+100' not in ask(link).text  # of one part: the figure beside it says it all
    program = read_program(tell.PROGRAM.text + TWICE)
    tell.use(office, program.text)
    one = till("CCCCCC")
    one.program = program
    one.sale("2", 3000, MEMBER)
    one.send()
    page = ask(link, language="de").text
    assert '<span class="points">+60</span>' in page
    assert '<span class="where">+30: 1 Punkt je 1,00\N{NO-BREAK SPACE}€ auf 30,00\N{NO-BREAK SPACE}€</span>' in page
    assert '<span class="where">+30: Doppelte Punkte' in page


TWICE = """
[[accrual]]
name = "twice"
title = { en = "Double points", de = "Doppelte Punkte" }
times = 2
"""

TIERS = """
[tiers]
by = "spend"
base = { en = "Copper", de = "Kupfer" }

[[tier]]
name = "silver"
title = { en = "Silver", de = "Silber" }
from = 50000
"""


# -- links and forms that are no good


BODIES = [b"&".join(b"a=1" for _ in range(501)), b"what=ask&words=a%00b", b"what=ask&words=a\0b"]


def test_a_form_that_cannot_be_read_gets_a_plain_page_in_the_persons_language(office, till, link, ask):
    one = till("DDDDDD")
    one.join("anna")
    sale = one.sale("1", 1000, "anna")
    one.send()
    code = "/feedback/" + feedback_code("DDDDDD", sale.number, sale.hash)
    for language, body in product(LANGUAGES, BODIES):
        for path, sent in ((link, body), (code, body.replace(b"words", b"rating=3&comment"))):
            answer = ask(path, body=sent, language=language)
            assert answer.status_code in (413, 422)
            assert answer.headers["content-type"].startswith("text/html")
            assert f'<html lang="{language}">' in answer.text
            assert "FORM_UNFIT" not in answer.text
    assert tickets.dashboard(office) == ([], False)
    assert ask(code).status_code == 200, "nothing was kept of it"
    assert "already" not in ask(code).text


def test_what_is_too_large_or_foreign_gets_a_plain_page(link, ask):
    large = ask(link, body=b"words=" + b"x" * (5 * 1024 * 1024), language="de")
    foreign = ask(link, {"what": "withdraw"}, language="de", **{"Sec-Fetch-Site": "cross-site"})
    statuses = [(one.status_code, '<html lang="de">' in one.text) for one in (large, foreign)]
    assert statuses == [(413, True), (403, True)]


def test_a_fault_of_ours_is_said_without_what_is_behind_it(office, link, ask, monkeypatch, caplog):
    def fails(*_, **__):
        raise RuntimeError("secret words of a member")

    monkeypatch.setattr("central_server.care.own_page.of_link", fails)
    answer = ask(link, language="fr")
    assert (answer.status_code, '<html lang="fr">' in answer.text) == (500, True)
    assert "secret" not in answer.text + caplog.text


def test_every_link_that_is_no_good_shows_the_same_page(office, till, link, ask, clock):
    token = link.removeprefix("/me/")
    one = till("DDDDDD")
    sale = one.sale("1", 1000)  # to nobody
    one.send()
    receipt = feedback_code("DDDDDD", sale.number, sale.hash)
    revoked = tokens.issue(office, MEMBER)
    tokens.revoke(office, revoked.serial)
    links = [
        token[:-1] + ("A" if token[-1] != "A" else "B"),  # forged
        token[:-20],  # cut
        token[:10],
        "LM1",
        token + token,  # doubled
        f"{token}/me/{token}",
        f"{token}http://central/me/{token}",
        "",  # cut before it
        revoked.text,
        receipt[:-1] + ("0" if receipt[-1] != "0" else "1"),
        receipt,  # nobody's
        "%00",
        "..%2f..%2foffice",
        "x" * 4000,
        quote("İ" * 20),
    ]
    pages = {one: ask(f"/me/{one}") for one in links}
    clock.pass_by(days=800)
    pages["over"] = ask(link)
    assert {name: page.status_code for name, page in pages.items()} == dict.fromkeys(pages, 404)
    assert len({page.text for page in pages.values()}) == 1
    text = pages["over"].text
    assert "This link is not whole, or not good any more." in text
    assert "100" not in text
    for path in ("/feedback", "/feedback/", "/feedback/a/b"):
        assert "This link is not whole" in ask(path).text
    assert ask(f"{link}/nowhere", {"what": "leave", "sure": "1"}).status_code in (404, 405)
    assert ask("/mean").headers["content-type"] == "application/json"  # nobody's page


def test_who_wants_to_leave_twice_is_one_ticket(office, link, ask):
    pages = [ask(link, {"what": "leave", "sure": "1"}).text for _ in range(2)]
    with office.database.reading() as connection:
        [ticket] = tickets.of_member(connection, [MEMBER])
    assert (ticket.topic, ticket.priority) == ("data", "high")
    assert all(ticket.ticket in page.partition("<main")[2].partition("</p>")[0] for page in pages), "it is told again"
