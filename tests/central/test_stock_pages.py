"""Head office's pages about card stock and consent, as each of those who may see them gets them."""

import asyncio
import html
import re
from urllib.parse import urlencode

import httpx
import pytest

from central_server import card_stock, consents, schema
from central_server.app import create_app
from central_server.consents import ConsentText
from central_server.database import add
from central_server.people import sessions
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
    assert "Mill 3 0 0 3 Low: send more." in shown
    assert "<b>spare At head office since 2026-03-02 5 0 0" in shown


def test_who_is_of_one_shop_sees_the_stock_of_that_one(stocked, visit):
    shown = text(visit("/card-stock", "manager", "Mill"))
    assert "Mill 3 0 0 3" in shown
    assert "Harbour" not in shown
    assert "spare" not in shown
    assert visit("/card-stock", "integrator").status_code == 403


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
