"""Requests made up for the pages of head office: never a mistake inside, and a browser always gets a page or is sent to one.

Pages have no description for programs, so one is made here: their addresses from the list of pages, their fields from what each
module reads. What is made up is mixed with what is there: all of it odd, one field of it odd, or none, so that it gets far.
"""

import asyncio
import random
import re
import shutil
from importlib import import_module
from inspect import getsource
from itertools import count
from urllib.parse import quote, urlencode

import httpx
import pytest
import schemathesis
from sqlalchemy import select

from central_server import schema
from central_server.app import create_app
from central_server.care import tickets
from central_server.database import add
from central_server.membership import consents, members, tokens
from central_server.office import Office
from central_server.pages.frame import PAGES, ROOT
from central_server.people import sessions
from central_server.reports import report
from ledger.identifiers import feedback_code, receipt_reference
from ledger.wire import MemberDetails
from loyalty.roles import ROLES, leave

FEW = 4
ANNA = "72tecmq49pkz57h6"
FIELD = re.compile(r'(?:form|query)\.get\(\s*"(\w+)"|(?:form|query)\["(\w+)"\]')
ODD = [
    "\0",
    "0",
    "-1",
    "10",
    "9" * 30,
    "１２",
    "2026-02-30",
    "9999-12-31",
    "0001-01-01",
    "%2e%2e/",
    "<script>",
    "'",
    "é" * 3000,
]
SECRETS = re.compile(r"Traceback|sqlalchemy|sqlite3|Head office made a mistake")
BROWSERS = {"text/html; charset=utf-8"}
FILES = {
    "text/csv; charset=utf-8",
    "text/csv",
    "application/json",
    "image/svg+xml",
    "text/css; charset=utf-8",
    "text/javascript",
}
CUSTOMERS = ["/me/{code}", "/me/{code}/copy", "/feedback/{code}"]


class Visited:
    """Head office with something of everything, and browsers of every role."""

    def __init__(self, folder, tell):
        self.clock = tell.Clock()
        self.office = office = Office.open(folder, self.clock, random.Random(5).randbytes)
        one = tell.Till(office, "PPPPPP", "Harbour")
        one.enroll()
        one.join(ANNA)
        sold = one.sale("17", 5000, ANNA)
        one.sale("18", 700)
        one.send()
        members.take_details(office, one.row(), MemberDetails(ANNA, ["111"], "2026-03-02"))
        text = consents.read_text('version = "1"\n[text]\nen = "May we write to you?"\n')
        consents.publish(office, text)
        rows = {one.name: "" if one.type.python_type is str else 0 for one in schema.people.staff.columns}
        people = [
            {**rows, "login": role, "name": role.title(), "role": role, "shop": shop}
            for role in ROLES
            for shop in ["Harbour" if role in ("cashier", "supervisor", "manager") else ""]
        ]
        office.database.write(lambda connection: add(connection, schema.people.staff, people))
        ticket = tickets.open_ticket(
            office, shop="Harbour", topic="points", words="Why?", by="Kim", source="till", member=ANNA
        )
        code = feedback_code(sold.envelope.terminal, sold.number, sold.hash)
        token = tokens.issue(office, ANNA).text
        with office.database.reading() as connection:
            program = connection.scalars(select(schema.program.c.program)).first()
        self.good = {
            **dict.fromkeys(("member", "asked"), ANNA),
            **dict.fromkeys(("card", "new"), "111"),
            **dict.fromkeys(("day", "from", "to", "until"), "2026-03-02"),
            **dict.fromkeys(("reason", "why", "words", "text", "comment"), "Because."),
            **dict.fromkeys(("take", "goodwill", "sure", "answer", "is_on", "page", "rating", "count"), "1"),
            "shop": "Harbour",
            "terminal": "PPPPPP",
            "ticket": ticket,
            "period": "2026-03",
            "by": "shop",
            "tier": "",
            "name": "window_days",
            "value": "30",
            "points": "5",
            "topic": "points",
            "status": "answered",
            "operator": "kim",
            "role": "cashier",
            "pin": "258014",
            "again": "258014",
            "priority": "high",
            "owner": "",
            "reference": receipt_reference("PPPPPP", sold.number),
            "program": program or "",
            "what": "ask",
            "receipt": receipt_reference("PPPPPP", sold.number),
            "recommends": "9",
            "batch": "B1",
            "window": "90",
        }
        self.codes = [code, token]
        self._app = create_app(office)
        self._secrets = {}

    def session(self, role):
        """The same as before, unless a page has ended it, or time has."""
        known = sessions.of(self.office, self._secrets.get(role, ""))
        if known is None:
            self._secrets[role] = sessions.begin(self.office, role)
            known = sessions.of(self.office, self._secrets[role])
        return known, self._secrets[role]

    def ask(self, method, address, role="", body=b"", **headers):
        self.clock.pass_by(seconds=1)
        cookies = {"office": self.session(role)[1]} if role else {}

        async def go():
            transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://central", cookies=cookies) as client:
                return await client.request(method, address, content=body, headers=headers)

        return asyncio.run(go())


@pytest.fixture(scope="module")
def visited(initialised, tmp_path_factory, tell):
    one = Visited(shutil.copytree(initialised, tmp_path_factory.mktemp("pages") / "office"), tell)
    yield one
    assert list(report.problems(one.office)) == []
    one.office.close()


def described(path, method, fields):
    """OpenAPI of one page."""
    value = {"anyOf": [{"enum": ODD}, {"type": "string"}]}
    named = re.findall(r"{(\w+)(?::path)?}", path)
    places = [*((one, "path") for one in named), *((one, "query") for one in fields if method == "GET")]
    about = {
        "parameters": [{"name": one, "in": place, "required": True, "schema": value} for one, place in places],
        "responses": {"default": {"description": "a page"}},
    }
    if method == "POST":
        shape = {"type": "object", "properties": dict.fromkeys(fields, value), "required": fields}
        about["requestBody"] = {"required": True, "content": {"application/json": {"schema": shape}}}
    paths = {re.sub(r":path}", "}", path): {method.lower(): about}}
    info = {"title": "pages", "version": "1"}
    return schemathesis.openapi.from_dict({"openapi": "3.1.0", "info": info, "paths": paths})


def mixed(number, made_up, good):
    """The first, fourth… as it was made up; the second, fifth… with one field of it that is odd; the others with none."""
    if number % 3 == 0 or not isinstance(made_up, dict):
        return made_up
    names = sorted(str(name) for name in made_up)
    odd = names[number // 3 % len(names)] if names and number % 3 == 1 else ""
    return {name: made_up[name] if name == odd or name not in good else good[name] for name in names}


def named_here(path, good):
    """What is there, for the braces of an address."""
    return {name: good[name] for name in re.findall(r"{(\w+)(?::path)?}", path) if name in good}


def fields_of(module):
    found = {name for pair in FIELD.findall(getsource(import_module(module))) for name in pair if name}
    return sorted((found | {"points"} if module.endswith("member_actions") else found) - {"form_key"})


def for_a_browser(answer):
    """It may stand: no mistake inside, and a page, a file that was asked for, or the way to a page."""
    assert answer.status_code < 500, answer.text[:500]
    kind = answer.headers.get("content-type", "")
    if answer.status_code in (303, 307):
        assert answer.headers["location"].startswith((ROOT, "/me/", "/feedback/")), answer.headers["location"]
    elif answer.status_code == 200:
        assert kind in BROWSERS | FILES, kind
    else:
        assert kind in BROWSERS, (kind, answer.text[:200])
    if kind in BROWSERS:
        assert not SECRETS.search(answer.text)
        assert answer.headers["content-security-policy"].startswith("default-src 'self'")


def filled_in(case, form_key=""):
    """What a browser would send of a case; what is no form is sent as it is."""
    if isinstance(case.body, dict):
        sent = {**case.body, "form_key": form_key}
        return urlencode({str(name): str(sent[name]) for name in sent}, errors="surrogatepass").encode()
    return repr(case.body).encode("utf-8", "surrogatepass")


def address_of(case, path):
    names = re.sub(r":path}", "}", path)
    for name, value in (case.path_parameters or {}).items():
        names = names.replace(f"{{{name}}}", quote(str(value), safe="", errors="surrogatepass"))
    query = {str(name): str(value) for name, value in (case.query or {}).items()}
    return names + (f"?{urlencode(query, errors='surrogatepass')}" if query else "")


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.method} {page.path}")
def test_a_page_of_head_office_is_a_page_whatever_is_sent_to_it(visited, tell, page):
    path = ROOT + page.path
    may = [role for role in ROLES if not page.actions or any(leave(role, action) for action in page.actions)]
    asked, loaded = count(), described(path, page.method, fields_of(page.answer.__module__))

    def ask(case):
        number = next(asked)
        role = may[number % len(may)]
        if number % 5:
            case.path_parameters = {**(case.path_parameters or {}), **named_here(path, visited.good)}
        case.query = mixed(number, case.query or {}, visited.good)
        case.body = mixed(number, case.body, visited.good)
        session, _ = visited.session(role)
        body = filled_in(case, session.form_key) if page.method == "POST" else b""
        for_a_browser(visited.ask(page.method, address_of(case, path), role, body))

    # Any text fits an address or a question: only a form can be none.
    plain = re.sub(r":path}", "}", path)
    tell.fuzz(loaded, plain, page.method, FEW, ask, says_something=page.method == "POST")


@pytest.mark.parametrize("path", CUSTOMERS)
def test_a_page_for_customers_is_a_page_whatever_is_sent_to_it(visited, tell, path):
    module = "central_server.pages.feedback" if path.startswith("/feedback") else "central_server.pages.own_page"
    for method in ("GET", "POST") if not path.endswith("copy") else ("GET",):
        asked, loaded = count(), described(path, method, fields_of(module))

        def ask(case, method=method, asked=asked):
            number = next(asked)
            code = (*visited.codes, (case.path_parameters or {}).get("code", "x"))[number % 3]
            case.path_parameters = {"code": code}
            case.body = mixed(number // 3, case.body, visited.good)
            sent = filled_in(case) if method == "POST" else b""
            for_a_browser(visited.ask(method, address_of(case, path), body=sent))

        tell.fuzz(loaded, path, method, 6, ask, says_something=method == "POST")
