"""A till given up for lost: what goes back, what is told, what it costs when it turns up."""

import pytest

from central_server.errors import OfficeError
from central_server.tills import forfeits


def test_what_lies_at_a_lost_till_goes_back_and_it_gets_no_more(office, till, tell):
    one, lost = till(), till("BBBBBB", "Mill")
    one.sale("1", 50000, "anna")
    one.send()
    assert lost.fetch("anna", 100) == 100
    assert forfeits.lying_at(office, "BBBBBB") == 100
    assert forfeits.forfeit(office, "BBBBBB") == 100
    assert tell.figures(office, "anna") == {"available": 500}
    assert forfeits.lying_at(office, "BBBBBB") == forfeits.forfeit(office, "BBBBBB") == 0
    assert one.fetch("anna", 500) == 500


def test_a_till_that_turns_up_costs_what_it_had_spent_and_no_more(office, till, tell):
    one, lost = till(), till("BBBBBB", "Mill")
    one.sale("1", 50000, "anna")
    one.send()
    lost.fetch("anna", 100)
    lost.send()
    lost.sale("1", 80, "anna", redeem=80)
    forfeits.forfeit(office, "BBBBBB")
    one.fetch("anna", 500)
    one.sale("2", 500, "anna", redeem=500)
    one.send()
    lost.send()
    lost.reopen("BBBBBBe2")
    lost.send()
    assert tell.figures(office, "anna") == {}
    assert [code for _, _, code in tell.notes(office)] == ["loss"]


def test_there_is_nothing_to_forfeit_at_a_till_that_is_not_there(office):
    for work in (forfeits.forfeit, forfeits.lying_at):
        with pytest.raises(OfficeError) as refused:
            work(office, "ZZZZZZ")
        assert refused.value.code == "TERMINAL_UNKNOWN"
    assert office.roster.every() == []


def test_what_is_written_off_is_owed_no_more(office, till, tell):
    one = till()
    sold = one.sale("1", 10000, "anna")
    one.send()
    one.fetch("anna", 100)
    one.send()
    one.sale("2", 100, "anna", redeem=100)
    one.give_back(sold, "r1")
    one.send()
    assert tell.figures(office, "anna") == {"debt": 100}
    assert forfeits.write_off(office, "anna") == 100
    assert tell.figures(office, "anna") == {}
    assert forfeits.write_off(office, "anna") == 0
