"""Every page of head office × every role × nobody: let in exactly where the table of roles says so.

Made from the list of pages, so that a page of tomorrow is in here by itself. What "own shop", "masked" and "limited" mean is the
page's own duty, and tested with it.
"""

import asyncio
import random
import re
import shutil
import threading
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import select

from central_server import pages, schema
from central_server.app import create_app
from central_server.database import add
from central_server.office import Office
from central_server.pages.frame import NOT_YOURS, PAGES, ROOT, Page
from central_server.people import sessions
from loyalty.roles import ROLES, leave

FOR_EVERYBODY = {
    "GET ",
    "POST /sign-out",
    "GET /account",
    "POST /account/password",
    "POST /account/second-factor",
    "POST /account/second-factor/remove",
}
"""Pages that name no action: whoever is signed in may have them. All others have to name one."""

NOT_TOLD = {"session", "wrong_sign_in"}

assert pages


@pytest.fixture(scope="module")
def head_office(initialised, tmp_path_factory, clock_of_tests):
    """One for all of this file: it is asked some thousand times."""
    folder = shutil.copytree(initialised("sqlite", ""), tmp_path_factory.mktemp("permissions") / "office")
    office = Office.open(folder, clock_of_tests, random.Random(5).randbytes)
    at, rows = office.time(), []
    for role in ROLES:
        shop = "Harbour" if role in ("cashier", "supervisor", "manager") else ""
        row = {
            "login": role,
            "name": role.title(),
            "role": role,
            "shop": shop,
            "password": "",
            "second_factor": "31" * 20,
        }
        rows.append({**row, "factor_step": 0, "changed_at": at, "signed_in_at": "", "closed_at": ""})
    office.database.write(lambda connection: add(connection, schema.people.staff, rows))
    yield office
    office.close()


@pytest.fixture(scope="module")
def clock_of_tests():
    from datetime import UTC, datetime

    return lambda: datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def app(head_office):
    return create_app(head_office)


class Someone:
    """One who asks: signed in with a role, or nobody."""

    def __init__(self, app, office, role=""):
        self.app, self.form_key, self.cookies = app, "", {}
        if role:
            secret = sessions.begin(office, role)
            self.form_key, self.cookies = sessions.of(office, secret).form_key, {"office": secret}

    async def ask(self, page, **form):
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://central", cookies=self.cookies) as client:
            content = urlencode(form | {"form_key": self.form_key}).encode() if page.method == "POST" else b""
            return await client.request(page.method, ROOT + re.sub(r"\{\w+(:path)?\}", "x", page.path), content=content)


_known = {}


def signed_in(app, office, role):
    """The same person as before, unless a page has ended their session."""
    if role not in _known or sessions.of(office, _known[role].cookies["office"]) is None:
        _known[role] = Someone(app, office, role)
    return _known[role]


def everything(office):
    """What the database holds, but for sessions."""
    with office.database.reading() as connection:
        return {
            table.name: connection.execute(select(table)).all()
            for table in schema.metadata.tables.values()
            if table.name not in NOT_TOLD
        }


def name_of(page):
    return f"{page.method} {page.path}"


def test_a_page_names_the_actions_that_it_needs_or_is_for_everybody():
    assert {name_of(page) for page in PAGES if not page.actions} == FOR_EVERYBODY
    assert all(page.method in ("GET", "POST") for page in PAGES)
    assert len({name_of(page) for page in PAGES}) == len(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_page_lets_in_exactly_whom_the_table_of_roles_says(page, app, head_office):
    before = everything(head_office) if page.method == "POST" else {}
    who = {role: signed_in(app, head_office, role) for role in ROLES}
    may = [role for role in ROLES if not page.actions or any(leave(role, action) for action in page.actions)]

    async def refused():
        nobody = await Someone(app, head_office).ask(page)
        assert nobody.status_code == 303
        assert nobody.headers["location"].startswith("/office/sign-in?")
        for role in ROLES:
            if role not in may:
                answer = await who[role].ask(page)
                assert (answer.status_code, NOT_YOURS in answer.text) == (403, True), role

    async def without_the_forms_key():
        for role in may[:1]:
            who[role].form_key += "0"
            assert (await who[role].ask(page)).status_code == 403, role
            who[role].form_key = who[role].form_key[:-1]

    async def let_in():
        for role in may:
            answer = await who[role].ask(page)
            assert NOT_YOURS not in answer.text, role
            assert answer.status_code < 500, role
            assert not answer.headers.get("location", "").startswith("/office/sign-in?"), role

    asyncio.run(refused())
    if page.method == "POST":
        asyncio.run(without_the_forms_key())
        assert everything(head_office) == before, "who was refused has changed nothing"
    asyncio.run(let_in())
    for thread in threading.enumerate():
        if thread.name == "audit":
            thread.join(30)  # which one of the pages has started; it writes what it found


def test_a_session_that_ended_elsewhere_gets_nowhere(app, head_office):
    thief = Someone(app, head_office, "finance")
    sessions.end_all(head_office, "finance")

    async def tries():
        return [(await thief.ask(page)).headers.get("location", "") for page in PAGES]

    for page, led in zip(PAGES, asyncio.run(tries()), strict=True):
        assert led.startswith("/office/sign-in?"), name_of(page)


def test_another_peoples_form_key_is_none(app, head_office):
    one, other = Someone(app, head_office, "support"), Someone(app, head_office, "finance")
    one.form_key = other.form_key
    page = next(page for page in PAGES if page.method == "POST")
    assert asyncio.run(one.ask(page)).status_code == 403


def test_the_menu_shows_what_a_role_may_have_and_nothing_else(app, head_office):
    from central_server.pages.frame import MENU

    home = next(page for page in PAGES if name_of(page) == "GET ")
    for role in ROLES:
        shown = asyncio.run(Someone(app, head_office, role).ask(home)).text.split("<main")[0]
        for entry in MENU:
            may = not entry.actions or any(leave(role, action) not in ("", "F") for action in entry.actions)
            assert (f'href="{ROOT}{entry.path}"' in shown) == may, (role, entry.title)


WRITTEN = {"reason": "why", "points": "5", "value": "31", "until": "2026-12-31", "batch": "new", "count": "5"}
"""What a person writes into forms: without it some are refused before anybody asks who sends them."""


def forms_of(answer):
    """(address, what is chosen already) of every form of a page that is posted, and of the buttons that send it elsewhere."""
    for form in re.findall('<form method="post".*?</form>', answer.text.partition("<main")[2], re.DOTALL):
        chosen = dict(re.findall(r'type="hidden" name="(\w+)" value="(.*?)"', form))
        chosen |= dict(re.findall(r'<select name="(\w+)".*?<option>(.*?)</option>', form, re.DOTALL))
        for path in re.findall('action="/office(/[^"]*)"', form):
            yield path, chosen


@pytest.fixture(scope="module")
def lively(head_office):
    """Something on every page: a member with a debt, a till, tickets, stock, and a proposal of each kind's action."""
    from central_server.care import tickets
    from central_server.database import put
    from central_server.shops import card_stock
    from tests.central.conftest import Till

    till = Till(head_office, "AAAAAA", "Harbour")
    till.enroll()
    till.join("anna")
    sold = till.sale("1", 10000, "anna")
    till.send()
    till.give_back(sold, "r")
    till.send()
    card = {"card": "2900000000018", "member": "anna"}
    head_office.database.write(lambda connection: put(connection, schema.card, [card]))
    debt = schema.member.update().values(debt=40)
    head_office.database.write(lambda connection: connection.execute(debt))
    drawn = iter(range(100))
    for batch, shop in (("here", ""), ("there", "Harbour")):
        card_stock.make(head_office, batch, 2, "", lambda digits: f"{next(drawn):0{digits}}")
        if shop:
            card_stock.send(head_office, batch, shop)
    ticket = tickets.open_ticket(
        head_office, shop="Harbour", topic="points", words="Missing.", by="x", source="office", member="anna"
    )
    return ("/members/anna", "/terminals/AAAAAA", "/shops/Harbour", f"/tickets/{ticket}", "/operators?shop=Harbour")


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES)
def test_every_form_that_is_shown_to_a_role_may_be_sent_by_it(role, app, head_office, lively):
    """What is written there may be found wanting; that this person may not send it is said of none."""
    paths = [one.path for one in PAGES if one.method == "GET" and not re.search(r"[{.]", one.path)] + [*lively]

    async def tried():
        one, wrong, sent = signed_in(app, head_office, role), [], set()
        for path in paths:
            shown = await one.ask(Page("GET", path, (), None))
            for to, chosen in forms_of(shown):
                # Signing out would end the session, and a month is closed for good.
                if to not in sent and not to.startswith(("/account", "/sign-out", "/audit/run", "/figures/books")):
                    answer = await one.ask(Page("POST", to, (), None), **(WRITTEN | chosen))
                    is_refused = answer.status_code == 403 or "Your role" in answer.text.partition("<main")[2]
                    wrong += [(path, to)] if is_refused else []
                    sent.add(to)
        return wrong, sent

    wrong, sent = asyncio.run(tried())
    assert wrong == []
    assert len(sent) >= {"manager": 15, "supervisor": 8, "marketing": 8, "support": 5, "finance": 3}.get(role, 0)
