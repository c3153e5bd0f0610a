"""Somebody's browser at head office's pages, without a socket, and accounts that cost a test nothing."""

import asyncio
import re
from urllib.parse import urlencode
from weakref import WeakKeyDictionary

import httpx

from central_server import schema
from central_server.app import create_app
from central_server.database import put
from central_server.pages.frame import Reached
from central_server.people.staff import Staff

PASSWORD = "four words and more"
CHEAP = "$argon2id$v=19$m=8,t=1,p=1$c3Nzc3Nzc3Nzc3Nzc3Nzcw$B6Ct7ALOZtrNEWkBlyx4faOCGvYmkN/V1j8XTvLTTs8"
"""The hash of PASSWORD, computed once at a cost that a test can pay often; head office's own cost is tested once."""


_apps = WeakKeyDictionary()


def app_of(office, reached):
    """One application for all browsers of a test: there are many pages to register."""
    made = _apps.setdefault(office, {})
    if reached not in made:
        made[reached] = create_app(office, reached=reached)
    return made[reached]


def put_cheap(office, login, role, shop="", second_factor=""):
    """An account with PASSWORD."""
    row = {"login": login, "name": login.title(), "role": role, "shop": shop, "password": CHEAP}
    row |= {"second_factor": second_factor, "factor_step": 0}
    row |= {"changed_at": office.time(), "signed_in_at": "", "closed_at": ""}
    office.database.write(lambda connection: put(connection, schema.people.staff, [row]))
    return Staff(login, row["name"], role, shop)


class Browser:
    """Keeps the cookie, follows nothing."""

    def __init__(self, office, reached=Reached.DIRECTLY, base="http://central"):
        self.app, self.base, self.cookies = app_of(office, reached), base, {}

    def ask(self, method, path, headers=None, **form):
        async def go():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url=self.base, cookies=self.cookies) as client:
                content = urlencode(form).encode() if method == "POST" else b""
                return await client.request(method, path, content=content, headers=headers)

        answer = asyncio.run(go())
        self.cookies |= dict(answer.cookies)
        return answer

    def get(self, path, **headers):
        return self.ask("GET", path, headers)

    def post(self, path, headers=None, **form):
        return self.ask("POST", path, headers, **form)

    def key(self, path="/office/account"):
        return re.search(r'name="form_key" value="(\w+)"', self.get(path).text)[1]

    def sign_in(self, login="ada", password=PASSWORD, headers=None, **form):
        return self.post("/office/sign-in", headers, login=login, password=password, **form)
