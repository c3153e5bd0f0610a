"""Head office's pages about card stock and consent, as each of those who may see them gets them."""

import asyncio
import html
import re
from urllib.parse import urlencode

import httpx
import pytest

from central_server import schema
from central_server.app import create_app
from central_server.database import add
from central_server.membership import consents
from central_server.membership.consents import ConsentText
from central_server.people import proposals, sessions
from central_server.shops import card_stock
from ledger.entry import ConsentBody


@pytest.fixture
def visit(office):
    """Asks for a page as somebody of this role, over the application itself."""
    app = create_app(office)

    def ask(path, role="support", shop="", **form):
        login = f"{role}{shop}"
        row = {"login": login, "name": "Sue", "role": role, "shop": shop, "password": "", "second_factor": ""}
        row |= {"factor_step": 0, "changed_at": office.time(), "signed_in_at": "", "closed_at": ""}
        office.database.write(
            lambda connection: (
                connection.execute(schema.people.staff.delete()),
                add(connection, schema.people.staff, [row]),
            )
        )
        secret = sessions.begin(office, login)
        if form:
            form["form_key"] = sessions.of(office, secret).form_key

        async def go():
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://central", cookies={"office": secret}
            ) as one:
                content = urlencode(form).encode()
                return await one.request("POST" if form else "GET", f"/office{path}", content=content)

        return asyncio.run(go())

    return ask


def text(answer):
    """What a page says, without its marks."""
    bare = re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2])
    return " ".join(html.unescape(bare).split())


@pytest.fixture
def stocked(office):
    drawn = iter(range(10**6))
    for batch, count, shop in (("spring", 60, "Harbour"), ("box", 3, "Mill"), ("<b>spare", 5, "")):
        card_stock.make(office, batch, count, "", lambda digits: f"{next(drawn):0{digits}}")
        if shop:
            card_stock.send(office, batch, shop)


def test_fact_9_the_page_shows_stock_by_shop_and_batch_and_says_what_is_low(stocked, visit):
    shown = text(visit("/card-stock"))
    assert "Harbour 60 0 0 60 Nothing" in shown
    assert "Mill 3 0 0 3 Low: marketing sends more." in shown
    assert "<b>spare At head office since 2026-03-02 5 – –" in shown


def test_whoever_orders_cards_is_told_where_they_are_few_and_nobody_else_is_asked_to(stocked, visit):
    assert "New cards are few at Mill" in text(visit("", "marketing"))
    assert "Mill 3 0 0 3 Low: send more." in text(visit("/card-stock", "marketing"))
    for role, shop in (("manager", "Mill"), ("finance", "")):
        assert "few at" not in text(visit("", role, shop))
        assert "send more" not in text(visit("/card-stock", role, shop))


def test_who_is_of_one_shop_and_orders_no_cards_is_told_how_to_ask_for_them(stocked, visit):
    page = visit("/card-stock", "manager", "Mill")
    assert "open a ticket about the card: how many, and by when" in text(page)
    assert visit("/tickets", "manager", "Mill").status_code == 200, "there it leads"
    for role in ("marketing", "finance"):
        assert "open a ticket" not in text(visit("/card-stock", role))


def test_who_is_of_one_shop_sees_the_stock_of_that_one(stocked, visit):
    shown = text(visit("/card-stock", "manager", "Mill"))
    assert "Mill 3 0 0 3" in shown
    assert "Harbour" not in shown
    assert "spare" not in shown
    assert visit("/card-stock", "integrator").status_code == 403


def test_new_cards_are_proposed_allowed_and_their_numbers_fetched_once(office, visitor):
    marketing, finance = visitor("marketing"), visitor("finance")
    said = marketing.said("/card-stock/make", batch="autumn", count="1,200", reason="the autumn")
    assert said == "Proposed: Make a batch autumn of 1,200 new cards. It waits for somebody in finance to allow it."
    assert "Make a batch autumn of 1,200 new cards." in text(finance.get("/card-stock"))
    assert card_stock.batches(office) == []
    finance.allows()
    assert (card_stock.one(office, "autumn").cards, card_stock.one(office, "autumn").state) == (1200, "made")
    page = visitor("marketing", "").get("/card-stock")
    assert page.text.count("Fetch the numbers of autumn") == 1
    assert "1,200 – – Fetch" in text(page)  # at no shop yet: none is issued, and none is left there
    assert "Fetch the numbers" not in visitor("auditor").get("/card-stock").text
    fetched = marketing.post("/card-stock/numbers", batch="autumn")
    assert fetched.content.decode().split() == ["card", *card_stock.numbers_of(office, "autumn")]
    for again in (marketing, finance):
        refused = again.post("/card-stock/numbers", batch="autumn")
        assert (refused.status_code, "fetched before" in refused.text) == (422, True)
        assert "Fetch the numbers" not in again.get("/card-stock").text


def test_cards_are_sent_and_withdrawn_by_two_people(stocked, office, visitor):
    marketing, finance = visitor("marketing"), visitor("finance")
    sent = marketing.said("/card-stock/send", batch="<b>spare", shop="Mill", reason="a new box")
    assert "batch <b>spare, 5 new cards, is at Mill" in sent
    assert finance.allows().answer == "5 cards are at Mill. Its tills know with their next exchange."
    marketing.said("/card-stock/withdraw", batch="<b>spare", reason="lost")
    finance.allows()
    assert card_stock.one(office, "<b>spare").state == "withdrawn"


def test_a_batch_that_cannot_be_made_is_not_proposed(stocked, office, visitor):
    marketing = visitor("marketing")
    for batch, count in (
        ("new", "0"),
        ("new", "5001"),
        ("new", "x"),
        ("new", "²"),
        ("", "5"),
        ("a/b", "5"),
        ("box", "5"),
    ):
        assert marketing.post("/card-stock/make", batch=batch, count=count, reason="why").status_code == 422, batch
    assert marketing.post("/card-stock/send", batch="box", shop="Nowhere", reason="why").status_code == 422
    assert marketing.post("/card-stock/send", batch="none", shop="Mill", reason="why").status_code == 422
    assert visitor("manager", "Mill").post("/card-stock/make", batch="n", count="5", reason="why").status_code == 403
    assert visitor("finance").post("/card-stock/make", batch="n", count="5", reason="why").status_code == 422
    assert proposals.waiting(office) == []


def test_numbers_that_are_somebodys_are_drawn_again(office):
    """Of ten that come by chance, those that an earlier batch has are left out, however many there are."""
    drawn = [iter(range(4)), iter(range(20))]
    for batch, count, chance in (("one", 4, drawn[0]), ("two", 10, drawn[1])):
        card_stock.make(office, batch, count, "", lambda digits, chance=chance: f"{next(chance):0{digits}}")
    assert len({*card_stock.numbers_of(office, "one"), *card_stock.numbers_of(office, "two")}) == 14
    assert next(drawn[1]) == 14


def test_where_nothing_was_sent_the_page_says_what_tills_do_then(visit):
    assert "its tills take any card" in text(visit("/card-stock"))
    assert "nobody may be written to" in text(visit("/consents"))


def test_the_page_of_consent_shows_each_text_and_a_members_page_takes_it_back(office, till, visit, visitor):
    consents.publish(office, ConsentText("2026-03", {"en": "We may <i>write</i>."}, ""))
    one = till()
    one.join("anna")
    one.write(ConsentBody("2026-03", True), "consent/anna/1", "anna")
    one.send()
    assert (
        "2026-03: what tills ask now Published 2026-03-02. 1 member agrees to it now. English: We may <i>write</i>."
        in text(visit("/consents", "marketing"))
    )
    for role, shop, status in (("marketing", "", 403), ("auditor", "", 403), ("manager", "Mill", 403)):
        assert visit("/members/anna/consent", role, shop, go="yes").status_code == status, role
    assert "Taken back" in visitor("manager", "Harbour").said("/members/anna/consent")
    with office.database.reading() as connection:
        assert not consents.given(connection, "anna")
        assert consents.of(connection, "anna")[0].operator == "managerharbour"
    assert "had not agreed" in visitor("support").said("/members/anna/consent")
