"""A till's clock that is wrong is shown to a person, and nothing else follows from it."""

import msgspec

from ledger.entry import HelloBody, read_entry


def timed(till, *minutes):
    """Entries of these minutes of the day, by the till's clock."""
    for at in minutes:
        fields = msgspec.json.decode(till.write(HelloBody(1)).data)
        told = {**fields, "recorded_at": f"2026-03-02T{at // 60:02}:{at % 60:02}:00.000+00:00"}
        till.journal[-1] = read_entry(msgspec.json.encode(told))


def test_a_backlog_sent_in_two_batches_is_no_wrong_clock(office, till, tell):
    one = till()
    one.send()
    timed(one, 60, 120, 180, 240)
    one.send(2)
    one.send()
    assert tell.notes(office) == []


def test_a_sale_of_a_day_years_ahead_is_kept_and_posted_and_a_person_is_told(office, till, tell):
    one = till()
    one.send()
    one.day, today = "2099-01-01", one.day
    ahead = one.sale("1", 1000, "anna")
    one.day = today
    one.send()
    assert tell.notes(office) == [("AAAAAA", ahead.number, "clock")]
    assert tell.figures(office, "anna")["available"] == 10


def test_a_clock_that_is_ahead_or_goes_back_is_noted_once_a_day(office, till, tell, clock):
    one, other = till(), till("BBBBBB")
    one.send()
    other.send()
    timed(one, 549)
    one.send()
    assert tell.notes(office) == []  # nine minutes
    timed(one, 600, 605)
    one.send()
    timed(one, 610)
    one.send()
    timed(other, 400, 380)
    other.send()
    assert [(name, code) for name, _, code in tell.notes(office)] == [("AAAAAA", "clock"), ("BBBBBB", "clock")]
    clock.pass_by(hours=25)
    timed(one, 23 * 60)
    one.send()
    timed(one, 22 * 60, 21 * 60)
    one.send()
    assert [name for name, _, _ in tell.notes(office)] == ["AAAAAA", "AAAAAA", "BBBBBB"]
