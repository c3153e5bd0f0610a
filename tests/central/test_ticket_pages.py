"""Head office's pages of tickets, and the page behind the code on a receipt, as their people use them."""

import asyncio
import re
from urllib.parse import urlencode

import httpx
import pytest

from central_server.app import create_app
from central_server.care import tickets
from central_server.people import sessions
from central_server.people.staff import Staff, put_account
from ledger.identifiers import feedback_code


class Browser:
    def __init__(self, office, role="", shop=""):
        self.app, self.cookies, self.form_key = create_app(office), {}, ""
        if role:
            put_account(office, Staff(role, role.title(), role, shop), "correct horse battery")
            secret = sessions.begin(office, role)
            self.cookies, self.form_key = {"office": secret}, sessions.of(office, secret).form_key

    def _ask(self, method, path, **how):
        async def asked():
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://central", cookies=self.cookies
            ) as client:
                return await client.request(method, path, **how)

        return asyncio.run(asked())

    def get(self, path, language="en"):
        return self._ask("GET", path, headers={"Accept-Language": language})

    def post(self, path, **form):
        return self._ask("POST", path, content=urlencode({"form_key": self.form_key, **form}))


@pytest.fixture
def asked(office, till):
    """A ticket of Harbour, and the code of a receipt there."""
    one = till()
    one.join("anna")
    sale = one.sale("1", 1000, "anna")
    one.send()
    name = tickets.open_ticket(
        office, shop="Harbour", topic="points", words="<b>Nothing</b> came.", by="Kim", source="till", member="anna"
    )
    return name, feedback_code(sale.envelope.terminal, sale.number, sale.hash)


def test_support_finds_a_ticket_takes_it_answers_and_closes_it(office, asked):
    sue, (name, _) = Browser(office, "support"), asked
    assert name in sue.get("/office/tickets").text
    page = sue.get(f"/office/tickets/{name}").text
    assert "&lt;b&gt;Nothing&lt;/b&gt; came." in page
    done = sue.post(f"/office/tickets/{name}/change", status="open", priority="high", owner="support")
    assert (done.status_code, done.headers["location"].split("?")[0]) == (303, f"/office/tickets/{name}")
    assert sue.post(f"/office/tickets/{name}/reply", text="They are there now.").status_code == 303
    about = tickets.story(office, name).about
    assert (about.status, about.priority, about.owner) == ("answered", "high", "support")
    sue.post(f"/office/tickets/{name}/change", status="closed", priority="high", owner="support")
    assert name not in sue.get("/office/tickets?status=open").text
    assert name in sue.get("/office/tickets?status=closed").text


@pytest.mark.parametrize(
    ("role", "shop", "may_look", "may_answer"),
    [
        ("manager", "Harbour", True, True),
        ("manager", "Mill", False, False),  # another shop's
        ("auditor", "", True, False),
        ("finance", "", False, False),
    ],
)
def test_who_may_look_and_who_may_answer(office, asked, role, shop, may_look, may_answer):
    who, (name, _) = Browser(office, role, shop), asked
    assert (who.get(f"/office/tickets/{name}").status_code == 200) is may_look
    assert (who.post(f"/office/tickets/{name}/reply", text="x").status_code == 303) is may_answer
    assert (tickets.story(office, name).about.status == "answered") is may_answer
    listed = who.get("/office/tickets?status=")  # of any status
    assert (name in listed.text) is may_look


@pytest.mark.parametrize(("path", "form", "status"), [
    ("/office/tickets/NONE", None, 404),
    ("/office/tickets?page=x&status=nonsense&owner=%00", None, 200),
    ("/office/tickets/{name}/reply", {"text": ""}, 422),
    ("/office/tickets/{name}/reply", {"text": "x" * 501}, 422),
    ("/office/tickets/{name}/change", {"status": "gone", "priority": "normal"}, 422),
    ("/office/tickets", {"words": "x", "topic": "weather"}, 422),
    ("/office/tickets", {"words": "x", "topic": "card", "card": "nobody's"}, 422),
])  # fmt: skip
def test_what_is_typed_wrong_is_told_and_changes_nothing(office, asked, path, form, status):
    sue, (name, _) = Browser(office, "support"), asked
    before = tickets.story(office, name)
    path = path.format(name=name)
    assert (sue.get(path) if form is None else sue.post(path, **form)).status_code == status
    assert tickets.story(office, name) == before


def test_a_customer_answers_in_their_language_once_without_signing_in(office, asked):
    customer, (_, code) = Browser(office), asked
    page = customer.get(f"/feedback/{code}", "tr-TR,tr;q=0.9")
    assert page.status_code == 200
    assert '<html lang="tr">' in page.text
    assert "script" not in page.text
    assert customer.post(f"/feedback/{code}", comment="no rating").status_code == 422
    thanked = customer.post(f"/feedback/{code}", rating="2", recommends="3", comment="Sour milk.", answer="1").text
    number = re.search(r"Your number is (\w+)\.", thanked)[1]
    assert tickets.story(office, number).about.source == "feedback"
    assert "already" in customer.get(f"/feedback/{code}").text
    assert customer.get("/feedback/7K3M2P-17-6-YJPY68G5E797").status_code == 200  # of a till that has not been heard of
    assert customer.get("/feedback/nonsense").status_code == 404


def test_nobody_tries_codes_by_the_thousand(office, asked):
    customer = Browser(office)
    statuses = [customer.post("/feedback/7K3M2P-17-6-YJPY68G5E797", rating="5").status_code for _ in range(121)]
    assert statuses == [200] * 120 + [429]
    office.now.pass_by(minutes=2)
    assert customer.post("/feedback/7K3M2P-17-6-YJPY68G5E797", rating="5").status_code == 200
