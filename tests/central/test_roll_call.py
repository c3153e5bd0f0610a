"""After a restore: who is awaited, who is not, and what going on without somebody says."""

import os

import pytest

from central_server.errors import OfficeError
from central_server.tills import roll_call
from central_server.upkeep import restoring
from ledger.entry import HelloBody


@pytest.fixture
def again(office, clock):
    """Head office in its second life, with what the test did in the first."""
    opened = []

    def restore():
        found = restoring.declare_restored(office.folder, clock, os.urandom)
        opened.append(found)
        return found

    yield restore
    for one in opened:
        one.close()


def awaited(office):
    with office.database.reading() as connection:
        return roll_call.awaited(office, connection)


def test_in_its_first_life_head_office_waits_for_nobody(office, till):
    one = till()
    one.sale("1", 10000, "anna")
    one.send()
    assert one.fetch("anna", 10) == 10
    assert awaited(office) == []


def test_whoever_got_points_is_awaited_until_it_greets_this_life(office, till, again, clock):
    one, other = till(), till("BBBBBB")
    one.sale("1", 10000, "anna")
    one.send()
    one.fetch("anna", 10)
    second = again()
    one.office = other.office = second
    assert awaited(second) == [("AAAAAA", "AAAAAAe1")]
    assert other.ask("anna", 5) == 0
    one.write(HelloBody(1))
    one.send()
    assert awaited(second) == [("AAAAAA", "AAAAAAe1")], "a greeting to an earlier life"
    one.write(HelloBody(second.server_epoch))
    one.send()
    assert awaited(second) == []
    assert other.ask("anna", 5) == 5
    assert awaited(second) == []


def test_a_greeting_after_a_new_epoch_counts_for_the_earlier_one(office, till, again):
    one = till()
    one.sale("1", 10000, "anna")
    one.send()
    one.fetch("anna", 10)
    one.reopen("AAAAAAe2")
    one.send()
    second = again()
    one.office = second
    one.write(HelloBody(second.server_epoch))
    one.send()
    assert awaited(second) == []


def test_a_twin_does_not_greet_for_what_the_other_wrote(office, till, again):
    one = till()
    one.sale("1", 10000, "anna")
    one.send()
    twin = one.copy()
    one.fetch("anna", 10)
    one.send()
    second = again()
    twin.office = second
    twin.write(HelloBody(second.server_epoch))
    twin.send()
    assert awaited(second) == [("AAAAAA", "AAAAAAe1")]


def test_an_excuse_is_for_one_life_and_for_who_is_awaited(office, till, again, clock):
    one = till()
    one.sale("1", 10000, "anna")
    one.send()
    one.fetch("anna", 10)
    second = again()
    with pytest.raises(OfficeError) as refused:
        roll_call.excuse(second, "BBBBBB")
    assert refused.value.code == "NOT_AWAITED"
    assert roll_call.excuse(second, "AAAAAA") == 1
    assert awaited(second) == []
    clock.pass_by(minutes=1)
    assert awaited(again()) == [("AAAAAA", "AAAAAAe1")]


def test_what_is_at_stake_is_what_is_known_to_lie_there(office, till):
    one = till()
    one.sale("1", 10000, "anna")
    one.send()
    one.fetch("anna", 30)
    with office.database.reading() as connection:
        assert roll_call.at_stake(connection, "AAAAAA", "AAAAAAe1") == 30
        assert roll_call.at_stake(connection, "AAAAAA", "AAAAAAe2") == 0
