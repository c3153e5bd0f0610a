"""Sales of programs are worked on in the loop's own thread: what waits there, what is committed together, who hears what."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from offline_store.errors import StoreFull
from offline_store.store import Store
from pos_plugin.local_api import desk as desk_module
from pos_plugin.local_api.desk import GROUP, TURN_S, Desk
from pos_plugin.plugins import hookimpl
from tests.waiting import LONG_S


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.create(tmp_path / "till") as store:
        yield store


def at_the_desk(store: Store, act: Callable[[Desk], Awaitable[Any]]) -> Any:
    async def limited() -> Any:
        async with asyncio.timeout(LONG_S):
            return await act(Desk(store))

    return asyncio.run(limited())


def keeps(name: str) -> Callable[[sqlite3.Connection], str]:
    def work(db: sqlite3.Connection) -> str:
        db.execute("INSERT INTO setting (name, value) VALUES (?, '')", (name,))
        return name

    return work


def kept(store: Store) -> set[str]:
    with store.read() as db:
        return {name for (name,) in db.execute("SELECT name FROM setting WHERE value = ''")}


@contextmanager
def busy_file(store: Store) -> Iterator[None]:
    """Somebody else writes, and does not come to an end as long as the block lasts."""
    began, may_end = threading.Event(), threading.Event()
    writer = threading.Thread(target=lambda: store.write(lambda db: (began.set(), may_end.wait(LONG_S))))
    writer.start()
    assert began.wait(LONG_S)
    try:
        yield
    finally:
        may_end.set()
        writer.join(LONG_S)


# -- what a write is


def test_what_is_written_is_durable_when_it_is_answered_and_each_hears_its_own_answer(store: Store) -> None:
    names = [f"one {number}" for number in range(3 * GROUP)]

    async def act(desk: Desk) -> list[str]:
        return await asyncio.gather(*(desk.write(keeps(name)) for name in names))

    assert at_the_desk(store, act) == names
    assert kept(store) == set(names)


def test_nobody_is_answered_before_the_disk_has_it(store: Store) -> None:
    flushing, may_end = threading.Event(), threading.Event()

    def slow_to_commit(statement: str) -> None:
        if statement == "COMMIT":
            flushing.set()
            may_end.wait(LONG_S)

    assert store._connection is not None
    store._connection.set_trace_callback(slow_to_commit)

    async def act(desk: Desk) -> bool:
        written = asyncio.create_task(desk.write(keeps("a")))
        await asyncio.to_thread(flushing.wait, LONG_S)
        for _ in range(10):
            await asyncio.sleep(0)  # whatever the loop has been told is done by then
        is_early = written.done()
        may_end.set()
        await written
        return is_early

    assert not at_the_desk(store, act)


def test_who_is_refused_in_a_group_is_undone_alone(store: Store) -> None:
    def refused(db: sqlite3.Connection) -> None:
        keeps("refused")(db)
        raise KeyError("refused")

    async def act(desk: Desk) -> list[Any]:
        return await asyncio.gather(
            desk.write(keeps("a")), desk.write(refused), desk.write(keeps("b")), return_exceptions=True
        )

    first, error, last = at_the_desk(store, act)
    assert (first, type(error), last) == ("a", KeyError, "b")
    assert kept(store) == {"a", "b"}


def test_a_full_disk_is_said_to_all_who_shared_the_commit_and_the_next_one_is_kept(store: Store) -> None:
    def full(db: sqlite3.Connection) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorname = "SQLITE_FULL"
        raise error

    async def act(desk: Desk) -> tuple[list[Any], str]:
        answers = await asyncio.gather(desk.write(keeps("a")), desk.write(full), return_exceptions=True)
        return answers, await desk.write(keeps("later"))

    answers, later = at_the_desk(store, act)
    assert [type(one) for one in answers] == [StoreFull, StoreFull]
    assert later == "later"
    assert kept(store) == {"later"}


def test_a_till_that_is_closed_answers_every_write_that_waits(store: Store) -> None:
    store.close()

    async def act(desk: Desk) -> list[Any]:
        return await asyncio.gather(*(desk.write(keeps(str(n))) for n in range(2 * GROUP)), return_exceptions=True)

    assert {type(one) for one in at_the_desk(store, act)} == {ValueError}


def test_a_write_that_nobody_waits_for_any_more_is_kept_and_holds_up_nobody(store: Store) -> None:
    async def act(desk: Desk) -> str:
        with busy_file(store):
            gone = asyncio.create_task(desk.write(keeps("gone")))
            next_one = asyncio.create_task(desk.write(keeps("next")))
            await asyncio.sleep(0)
            gone.cancel()
            await asyncio.wait([gone])
        return await next_one

    assert at_the_desk(store, act) == "next"
    assert kept(store) == {"gone", "next"}


def test_a_loop_that_ends_in_the_middle_of_a_write_leaves_the_file_to_others(store: Store) -> None:
    """As when the till is told to stop: what was begun is done, and the file can be closed."""

    async def act(desk: Desk) -> None:
        with busy_file(store):
            left = asyncio.create_task(desk.write(keeps("begun")))
            await asyncio.sleep(0)
        left.cancel()

    at_the_desk(store, act)
    assert kept(store) == {"begun"}
    store.write(keeps("another"))


# -- what is reckoned


def test_a_long_line_of_quotes_lets_the_loop_hear_others_in_between(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "time", SimpleNamespace(perf_counter=itertools.count(0, TURN_S).__next__))
    heard: list[str] = []

    async def act(desk: Desk) -> None:
        async def other() -> None:
            while heard.count("quote") < 3:
                heard.append("other")
                await asyncio.sleep(0)

        await asyncio.gather(*(desk.reckon(lambda: heard.append("quote")) for _ in range(3)), other())

    at_the_desk(store, act)
    first, last = heard.index("quote"), len(heard) - 1 - heard[::-1].index("quote")
    assert "other" in heard[first:last]


def test_what_a_quote_raises_is_raised_where_it_is_awaited_and_the_line_goes_on(store: Store) -> None:
    def wrong() -> None:
        raise KeyError("wrong")

    async def act(desk: Desk) -> list[Any]:
        return await asyncio.gather(desk.reckon(wrong), desk.reckon(lambda: "right"), return_exceptions=True)

    error, right = at_the_desk(store, act)
    assert (type(error), right) == (KeyError, "right")


# -- a program's sale at the local API


def test_a_quote_is_answered_while_somebody_else_writes_for_long(served) -> None:
    member = served.member()
    with busy_file(served.terminal.store):
        assert served.quote("17", member=member)["earn_points"] == 12


def test_commits_that_wait_for_the_file_are_all_recorded_once_it_is_free(served) -> None:
    quotes = [served.quote(str(number)) for number in range(GROUP)]
    with ThreadPoolExecutor(GROUP) as clients, busy_file(served.terminal.store):
        answers = [clients.submit(served.commit, quote) for quote in quotes]
        assert served.client.get("/v1/health").json() == {"status": "ok"}
    assert [answer.result().json()["sale_ref"] for answer in answers] == [quote["sale_ref"] for quote in quotes]


def test_what_a_plugin_does_at_a_sale_holds_up_nobody_else(serve) -> None:
    began, may_end = threading.Event(), threading.Event()

    class Slow:
        @hookimpl
        def receipt_lines(self) -> list[str]:
            began.set()
            may_end.wait(LONG_S)
            return ["Thank you"]

    with serve(plugins=[Slow()]) as till, ThreadPoolExecutor(1) as client:
        done = client.submit(till.commit, till.quote("17"))
        assert began.wait(LONG_S)
        assert till.client.get("/v1/health").json() == {"status": "ok"}
        may_end.set()
        assert "Thank you" in done.result().json()["receipt_text"]
