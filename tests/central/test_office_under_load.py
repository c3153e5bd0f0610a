"""However many people knock at head office's pages, a till is answered."""

import asyncio
import threading
from urllib.parse import urlencode

import httpx
import pytest

from central_server.app import create_app
from central_server.pages import frame
from central_server.pages.sign_in import MOST_WAITING
from central_server.people import sessions, signing_in
from ledger.wire import pack

MANY = 100


@pytest.fixture
def crowd(office, till):
    """A hundred requests at once, of which none comes to its end before a till has been answered; their status by number."""

    def knock(method, path, **form):
        sender = till()
        sender.sale("1", 10000, "anna")
        asked = threading.Event()

        async def everybody():
            transport = httpx.ASGITransport(create_app(office), raise_app_exceptions=False)
            cookies = {"office": "0" * 64}
            async with httpx.AsyncClient(transport=transport, base_url="http://central", cookies=cookies) as client:
                content = urlencode(form).encode()
                knocking = [asyncio.create_task(client.request(method, path, content=content)) for _ in range(MANY)]
                await asyncio.sleep(0)  # each has begun
                try:
                    answer = await asyncio.wait_for(client.post("/v1/entries", content=pack(sender.batch())), 60)
                finally:
                    asked.set()
                return answer.status_code, sorted(one.status_code for one in await asyncio.gather(*knocking))

        return asked, everybody

    return knock


def test_a_hundred_sign_ins_at_once_take_one_thread_and_a_till_finds_another(office, crowd, monkeypatch):
    asked, everybody = crowd("POST", "/office/sign-in", login="ada", password="wrong password")

    def takes_long(password, kept):
        assert asked.wait(60)
        return False

    monkeypatch.setattr(signing_in, "is_password", takes_long)
    entries, people = asyncio.run(everybody())
    assert entries == 200
    # One at a time and a few behind it; the rest is told at once. Five wrong ones have locked the name by then.
    assert people == [403] * 5 + [429] * (MOST_WAITING + 1 - 5) + [503] * (MANY - MOST_WAITING - 1)


def test_a_hundred_pages_at_once_leave_a_till_its_thread(office, crowd, monkeypatch):
    asked, everybody = crowd("GET", "/office")
    running, most = set(), []
    of = sessions.of

    def takes_long(office, secret):
        running.add(threading.get_ident())
        most.append(len(running))
        assert asked.wait(60)
        running.discard(threading.get_ident())
        return of(office, secret)

    monkeypatch.setattr(frame.sessions, "of", takes_long)
    entries, people = asyncio.run(everybody())
    assert (entries, people) == (200, [303] * MANY)
    assert max(most) == frame.THREADS
