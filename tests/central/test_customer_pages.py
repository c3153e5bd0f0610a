"""Head office's pages of tickets, and the page behind the code on a receipt, as their people use them."""

import asyncio
import re

import httpx
import pytest

from central_server.app import create_app
from central_server.care import tickets
from central_server.membership import consents, members, tokens
from ledger.identifiers import feedback_code, receipt_reference


class Customer:
    """Somebody with a link, in a browser of their own: nobody has signed in."""

    def __init__(self, office):
        self._app = create_app(office)

    def _ask(self, method, path, **how):
        async def asked():
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://central", follow_redirects=True
            ) as client:
                return await client.request(method, path, **how)

        return asyncio.run(asked())

    def get(self, path, language="en"):
        return self._ask("GET", path, headers={"Accept-Language": language})

    def post(self, path, **form):
        return self._ask("POST", path, data=form)


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


def test_a_ticket_is_found_by_the_number_that_a_customer_names_and_an_auditor_reads_no_phone_number(
    office, visitor, asked
):
    sue, eve, (name, _) = visitor("support"), visitor("auditor"), asked
    found = sue.get(f"/tickets?number={name[:6].lower()}%20{name[6:].lower()}%0a")
    assert (found.status_code, found.headers["location"]) == (303, f"/office/tickets/{name}")
    assert sue.get("/tickets/NONE12").status_code == 404
    other = tickets.open_ticket(
        office, shop="", topic="other", words="Where?\n\nAnswer to: 0170 123 45 67", by="Kim", source="till"
    )
    for who, reads in ((sue, True), (eve, False)):
        page = who.get(f"/tickets/{other}").text
        assert ("0170 123" in page) is reads
        assert "Where?" in page
    assert "nobody can be told at a till" in sue.get(f"/tickets/{other}").text  # it names no member


def test_support_finds_a_ticket_takes_it_answers_and_closes_it(office, visitor, asked):
    sue, (name, _) = visitor("support"), asked
    assert name in sue.get("/tickets").text
    page = sue.get(f"/tickets/{name}").text
    assert "&lt;b&gt;Nothing&lt;/b&gt; came." in page
    done = sue.post(f"/tickets/{name}/change", status="open", priority="high", owner="support")
    assert (done.status_code, done.headers["location"].split("?")[0]) == (303, f"/office/tickets/{name}")
    assert sue.post(f"/tickets/{name}/reply", text="They are there now.").status_code == 303
    about = tickets.story(office, name).about
    assert (about.status, about.priority, about.owner) == ("answered", "high", "support")
    sue.post(f"/tickets/{name}/change", status="closed", priority="high", owner="support")
    assert name not in sue.get("/tickets?status=open").text
    assert name in sue.get("/tickets?status=closed").text


@pytest.mark.parametrize(
    ("role", "shop", "may_look", "may_answer"),
    [
        ("manager", "Harbour", True, True),
        ("manager", "Mill", False, False),  # another shop's
        ("auditor", "", True, False),
        ("finance", "", False, False),
    ],
)
def test_who_may_look_and_who_may_answer(office, visitor, asked, role, shop, may_look, may_answer):
    who, (name, _) = visitor(role, shop), asked
    assert (who.get(f"/tickets/{name}").status_code == 200) is may_look
    assert (who.post(f"/tickets/{name}/reply", text="x").status_code == 303) is may_answer
    assert (tickets.story(office, name).about.status == "answered") is may_answer
    listed = who.get("/tickets?status=")  # of any status
    assert (name in listed.text) is may_look


@pytest.mark.parametrize(("path", "form", "status"), [
    ("/tickets/NONE", None, 404),
    ("/tickets?page=x&status=nonsense&owner=%00", None, 200),
    ("/tickets/{name}/reply", {"text": ""}, 422),
    ("/tickets/{name}/reply", {"text": "x" * 501}, 422),
    ("/tickets/{name}/change", {"status": "gone", "priority": "normal"}, 422),
    ("/tickets", {"words": "x", "topic": "weather"}, 422),
    ("/tickets", {"words": "x", "topic": "card", "card": "nobody's"}, 422),
])  # fmt: skip
def test_what_is_typed_wrong_is_told_and_changes_nothing(office, visitor, asked, path, form, status):
    sue, (name, _) = visitor("support"), asked
    before = tickets.story(office, name)
    path = path.format(name=name)
    assert (sue.get(path) if form is None else sue.post(path, **form)).status_code == status
    assert tickets.story(office, name) == before


def test_a_customer_answers_in_their_language_once_without_signing_in(office, asked):
    customer, (_, code) = Customer(office), asked
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
    customer = Customer(office)
    statuses = [customer.post("/feedback/7K3M2P-17-6-YJPY68G5E797", rating="5").status_code for _ in range(121)]
    assert statuses == [200] * 120 + [429]
    assert '<html lang="en">' in customer.post("/feedback/7K3M2P-17-6-YJPY68G5E797", rating="5").text
    office.now.pass_by(minutes=2)
    assert customer.post("/feedback/7K3M2P-17-6-YJPY68G5E797", rating="5").status_code == 200


# -- a member's own page


@pytest.fixture
def known(office, till):
    """A member with 100 points, the text of their token, and the code of a receipt of theirs."""
    one = till()
    member = "a" * 16
    one.join(member)
    sale = one.sale("1", 10_000, member)
    one.send()
    return member, tokens.issue(office, member).text, feedback_code(sale.envelope.terminal, sale.number, sale.hash)


def test_a_member_sees_their_points_and_what_happened_by_their_own_link_and_by_a_receipt(office, known):
    customer, (_, token, receipt) = Customer(office), known
    own, found = customer.get(f"/me/{token}", "de"), customer.get(f"/me/{receipt}", "de")
    assert (own.status_code, found.status_code) == (200, 200)
    for page in (own.text, found.text):
        assert '<html lang="de">' in page
        assert "100" in page
        assert "+100" in page
        assert "Harbour" in page
    assert 'value="leave"' in own.text
    assert "<form" not in found.text  # whoever found a receipt changes nothing


@pytest.mark.parametrize("what", ["agree", "withdraw", "leave", "ask", "forgot", "charity"])
def test_a_receipt_that_was_found_changes_nothing_and_gives_no_data_away(office, known, what):
    customer, (_, _, receipt) = Customer(office), known
    form = {"what": what, "words": "x", "sure": "1", "receipt": "7K3M2P-17-6"}
    assert customer.post(f"/me/{receipt}", **form).status_code == 403
    assert customer.get(f"/me/{receipt}/copy").status_code == 403
    assert tickets.dashboard(office) == ([], False)


@pytest.mark.parametrize("how", ["forged", "revoked", "over", "erased", "nonsense"])
def test_a_link_that_is_not_good_shows_nothing(office, known, how):
    customer, (member, token, _) = Customer(office), known
    if how == "forged":
        token = token[:-1] + ("A" if token[-1] != "A" else "B")
    elif how == "revoked":
        tokens.revoke(office, tokens.listed(office, member)[0].serial)
    elif how == "over":
        office.now.pass_by(days=800)
    elif how == "erased":
        members.erase(office, member)
    else:
        token = "LM1"
    for answer in (customer.get(f"/me/{token}"), customer.post(f"/me/{token}", what="ask", words="x")):
        assert answer.status_code == 404
        assert "100" not in answer.text
    assert tickets.dashboard(office) == ([], False)


def test_leaving_forgotten_sales_and_questions_become_tickets(office, till, known):
    customer, (member, token, _) = Customer(office), known
    seller = till("BBBBBB", "Mill")
    forgotten = seller.sale("9", 500)
    seller.send()
    reference = receipt_reference("BBBBBB", forgotten.number)
    for form in ({"what": "leave"}, {"what": "dance"}, {"what": "ask", "words": " "}):  # not sure, nothing, no words
        assert customer.post(f"/me/{token}", **form).status_code == 422
    assert tickets.dashboard(office) == ([], False)
    for form in (
        {"what": "leave", "sure": "1"},
        {"what": "forgot", "receipt": reference.lower().replace("-", " ")},
        {"what": "ask", "words": "Why?"},
    ):
        answer = customer.post(f"/me/{token}", **form)
        assert (answer.status_code, "Your number is" in answer.text) == (200, True)
    lines, _ = tickets.dashboard(office)
    assert [(line.topic, line.priority, line.receipt, line.member, line.source) for line in lines] == [
        ("data", "high", "", member, "member"),
        ("points", "normal", reference, member, "member"),
        ("other", "normal", "", member, "member"),
    ]
    assert [line.shop for line in lines] == ["Harbour", "Mill", "Harbour"]  # whoever sold it is asked about it


def test_consent_is_given_and_taken_back_on_the_own_page(office, known):
    customer, (member, token, _) = Customer(office), known
    assert customer.post(f"/me/{token}", what="agree").status_code == 422  # there is no text yet
    consents.publish(
        office, consents.ConsentText("2026-1", {"en": "We write to you.", "de": "Wir schreiben Ihnen."}, "")
    )
    assert "Wir schreiben Ihnen." in customer.get(f"/me/{token}", "de").text
    for what, agrees in (("agree", True), ("agree", True), ("withdraw", False)):
        assert customer.post(f"/me/{token}", what=what).status_code == 200
        with office.database.reading() as connection:
            assert consents.given(connection, member) is agrees


def test_the_data_copy_is_the_members_own(office, known):
    customer, (member, token, _) = Customer(office), known
    copy = customer.get(f"/me/{token}/copy")
    assert copy.headers["content-disposition"].startswith("attachment")
    assert copy.json()["member"]["reference"] == member
