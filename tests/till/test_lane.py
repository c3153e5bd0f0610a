"""Who is at the till: the card that was read last, for one sale and not for long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pos_plugin.lane import REMEMBERED, STAYS_S, AtTill, Lane

CARD = "2900000000018"


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 17, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lane(clock: Clock) -> Lane:
    return Lane(clock)


def test_nobody_is_there_at_first(lane: Lane) -> None:
    assert lane.now is None


def test_whoever_held_out_a_card_is_there_for_ten_minutes(lane: Lane, clock: Clock) -> None:
    lane.arrived("anna", "****0018")
    assert lane.now == AtTill("anna", "****0018", clock.now)
    clock.passes(STAYS_S - 1)
    assert lane.now is not None
    clock.passes(1)
    assert lane.now is None


def test_the_next_card_sends_the_one_before_away(lane: Lane, clock: Clock) -> None:
    lane.arrived("anna", "****0018")
    clock.passes(5)
    lane.arrived("bela", "****0025")
    assert lane.now is not None
    assert lane.now.member == "bela"


def test_a_sale_uses_up_who_was_there(lane: Lane, clock: Clock) -> None:
    lane.arrived("anna", "****0018")
    there = lane.now
    assert there is not None
    clock.passes(3)
    lane.sold(there)
    assert lane.now is None
    assert lane.at(there.since + timedelta(seconds=1)) is None


def test_a_sale_that_is_told_of_late_belongs_to_whoever_was_there_when_it_was_printed(lane: Lane, clock: Clock) -> None:
    lane.arrived("anna", "****0018")
    printed = clock.passes(20)
    clock.passes(20)
    lane.arrived("bela", "****0025")
    first = lane.at(printed)
    assert first is not None
    assert first.member == "anna"
    lane.sold(first)
    assert lane.at(printed) is None
    assert lane.now is not None
    assert lane.now.member == "bela"


def test_a_paper_from_before_the_card_is_nobodys(lane: Lane, clock: Clock) -> None:
    printed = clock.now
    clock.passes(1)
    lane.arrived("anna", "****0018")
    assert lane.at(printed) is None


def test_whoever_is_sent_away_is_there_no_more(lane: Lane, clock: Clock) -> None:
    lane.arrived("anna", "****0018")
    clock.passes(1)
    assert lane.clear()
    assert lane.now is None
    assert not lane.clear()


def test_no_more_than_the_last_few_are_remembered(lane: Lane, clock: Clock) -> None:
    first = clock.now
    for number in range(REMEMBERED + 1):
        lane.arrived(f"member {number}", "")
        clock.passes(1)
    assert lane.at(first) is None
    assert lane.at(first + timedelta(seconds=1)) is not None


# At a running till.


@pytest.fixture
def front(serve: Callable[..., AbstractContextManager[Any]]) -> Iterator[Any]:
    with serve() as made:
        yield made


def test_the_page_shows_who_is_there_and_sends_them_away(front: Any) -> None:
    assert front.client.get("/v1/state").json()["lane"] is None
    front.member(CARD)
    assert front.client.get("/v1/state").json()["lane"] == {
        "card": "****0018",
        "since": "2026-11-21T18:05+01:00",
    }
    assert front.client.delete("/v1/lane").json() == {"cleared": True}
    assert front.client.get("/v1/state").json()["lane"] is None
    assert front.client.delete("/v1/lane").json() == {"cleared": False}


def test_signing_off_sends_them_away(front: Any) -> None:
    front.member(CARD)
    front.client.post("/v1/sign-off", json={"operator": "1"})
    assert front.client.get("/v1/state").json()["lane"] is None


def test_a_member_who_was_looked_up_is_not_at_the_till(front: Any) -> None:
    member = front.member(CARD)
    front.client.delete("/v1/lane")
    front.client.post("/v1/identify", json={"scan": member, "entry_mode": "name"})
    assert front.client.get("/v1/state").json()["lane"] is None


@pytest.mark.parametrize(("member", "is_there_still"), [("anna", False), ("bela", True)])
def test_a_sale_elsewhere_uses_up_whose_it_was_and_nobody_else(lane: Lane, member: str, is_there_still: bool) -> None:
    lane.arrived("anna", "****0018")
    lane.bought(member)
    assert (lane.now is not None) is is_there_still


def test_a_card_that_is_read_into_a_form_puts_nobody_at_the_till(served: Any) -> None:
    terminal = served.terminal
    asked = {"scan": CARD, "is_customer": False}
    assert served.client.post("/v1/identify", json=asked).json()["kind"] == "member"
    assert (terminal.lane.now, terminal.customer.shown().moment) == (None, "idle")
    assert served.client.post("/v1/scans", json={"into": "claim"}).json() == {"into": "claim", "counts_s": 60.0}
    assert terminal.scanned(CARD).kind == "member"  # by the till's own scanner
    assert (terminal.lane.now, terminal.customer.shown().moment) == (None, "idle")
    served.client.post("/v1/scans", json={"into": ""})
    terminal.scanned(CARD)
    assert terminal.lane.now is not None
    assert terminal.customer.shown().moment == "greeting"


def test_a_page_that_is_gone_keeps_no_scans(served: Any) -> None:
    terminal = served.terminal
    terminal.scan_into("claim")
    now = terminal.clock()
    terminal.clock = lambda: now + timedelta(seconds=60)
    terminal.scanned(CARD)
    assert terminal.lane.now is not None
