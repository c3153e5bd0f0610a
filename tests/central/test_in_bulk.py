"""Many rows in one statement, and a batch that is here already: the same as one by one, on both databases."""

import msgspec
import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from central_server import schema
from central_server.database import add, add_if_new, among, is_entrys_fault, keep, put
from central_server.errors import Refused
from central_server.tills import inbox


def _row(name, value):
    return {"name": name, "value": value}


def _settings(office):
    with office.database.reading() as connection:
        table = schema.setting.c
        return {row.name: row.value for row in connection.execute(select(table.name, table.value))}


def test_a_key_that_comes_twice_gets_the_last_value(office):
    with office.database.writing() as connection:
        put(connection, schema.setting, [_row("a", "1"), _row("b", "2"), _row("a", "3")])
        put(connection, schema.setting, [_row("b", "'; \\ { , NULL \"")])
    found = _settings(office)
    assert (found["a"], found["b"]) == ("3", "'; \\ { , NULL \"")


def test_what_is_there_stays_when_kept_again(office):
    with office.database.writing() as connection:
        keep(connection, schema.setting, [_row("a", "1")])
        keep(connection, schema.setting, [_row("a", "2"), _row("b", "2"), _row("b", "3")])
    found = _settings(office)
    assert (found["a"], found["b"]) == ("1", "2")


def test_adding_what_is_there_fails_and_adds_nothing(office):
    with pytest.raises(IntegrityError), office.database.writing() as connection:
        add(connection, schema.setting, [_row("a", "1"), _row("program", "2")])
    assert "a" not in _settings(office)


def test_rows_that_are_all_new_are_added_and_else_none_of_them(office):
    with office.database.writing() as connection:
        assert add_if_new(connection, schema.setting, [_row("a", "1"), _row("b", "2")])
        assert not add_if_new(connection, schema.setting, [_row("c", "3"), _row("b", "4")])
        assert not add_if_new(connection, schema.setting, [_row("d", "5"), _row("d", "5")])
        assert add_if_new(connection, schema.setting, [])
        keep(connection, schema.setting, [_row("e", "6")])  # what was refused has not spoilt the transaction
    found = _settings(office)
    assert {name: found.get(name) for name in "abcde"} == {"a": "1", "b": "2", "c": None, "d": None, "e": "6"}


def test_what_is_added_comes_back_as_it_was(office):
    odd = "\t\n\\N 'ü' \x1f \u2028"
    lots = [("m", odd, "2027-03-02", True), ("m", "", "2027-03-02", False)]
    lots += [("m", f"lot {number}", "2027-03-02", bool(number % 2)) for number in range(3000)]
    data = bytes(range(256)) * 1000
    with office.database.writing() as connection:
        names = ("member", "lot", "expires_on", "is_graced")
        add(connection, schema.lot, [dict(zip(names, lot, strict=True)) for lot in lots])
        add(connection, schema.journal, [{"server": "else", "number": 2**63 - 1, "hash": "", "data": data}])
    with office.database.writing() as connection:
        table, journal = schema.lot, schema.journal
        assert sorted(map(tuple, connection.execute(select(table)))) == sorted(lots)
        row = connection.execute(select(journal).where(journal.c.server == "else")).one()
        assert (row.number, row.data) == (2**63 - 1, data)
        connection.execute(delete(table))


@pytest.mark.parametrize("kind", ["a number that is too large", "nothing where something must be"])
def test_a_row_that_cannot_be_stored_is_the_fault_of_what_it_says(office, kind):
    row = {"member": "m", "lot": "l", "expires_on": "2027-03-02", "is_graced": False}
    table = schema.lot
    if kind == "nothing where something must be":
        row["expires_on"] = None
    else:
        table, row = schema.feed_channel, {"channel": "c", "position": 2**63}
    with pytest.raises((DBAPIError, OverflowError)) as refused, office.database.writing() as connection:
        add(connection, table, [row])
    assert is_entrys_fault(refused.value)


def test_one_of_many_values_is_found_and_none_of_none(office):
    with office.database.writing() as connection:
        add(connection, schema.setting, [_row(f"n{number}", "") for number in range(50)])
        names = schema.setting.c.name
        count = select(func.count()).select_from(schema.setting)
        many = [f"n{number}" for number in range(0, 200, 2)]
        assert connection.scalar(count.where(among(connection, names, many))) == 25
        assert connection.scalar(count.where(among(connection, names, []))) == 0


def test_a_batch_that_is_here_is_answered_without_writing(office, till, tell):
    one = till()
    for number in range(5):
        one.sale(str(number), 1000, "Ada")
    first = inbox.record(office, one.batch())
    again = inbox.record(office, one.batch())
    assert tell.outcomes(again) == ["already recorded"] * len(one.journal)
    assert (again.head, again.head_number, again.is_fork) == (first.head, first.head_number, False)
    part = inbox.record(office, one.batch(2, 4))
    assert [one.number for one in part.results] == [3, 4]
    assert (part.head, part.head_number) == (one.journal[3].hash, 4)


def test_a_batch_that_is_here_must_still_be_signed(office, till):
    one = till()
    one.sale("1", 1000)
    inbox.record(office, one.batch())
    other = one.batch(0, 1).signature
    with pytest.raises(Refused, match="not signed"):
        inbox.record(office, msgspec.structs.replace(one.batch(), signature=other))


def test_a_fork_that_is_here_is_still_called_a_fork(office, till):
    one = till()
    twin = one.copy()
    one.sale("1", 1000)
    twin.sale("2", 2000)
    inbox.record(office, one.batch())
    assert inbox.record(office, twin.batch()).is_fork
    assert inbox.record(office, twin.batch()).is_fork
    assert not inbox.record(office, one.batch()).is_fork


def test_a_batch_of_which_the_last_is_not_here_yet_is_recorded(office, till, tell):
    one = till()
    for number in range(4):
        one.sale(str(number), 1000, "Ada")
    inbox.record(office, one.batch(0, 3))
    again = inbox.record(office, one.batch())
    assert tell.outcomes(again) == ["already recorded"] * 3 + ["recorded"] * 2


def test_entries_of_two_forks_in_one_batch_are_refused_also_where_both_are_here(office, till):
    one = till()
    twin = one.copy()
    for copy, names in ((one, "ab"), (twin, "cd")):
        for name in names:
            copy.sale(name, 1000)
        inbox.record(office, copy.batch())
    one.journal[-1] = twin.journal[-1]
    with pytest.raises(Refused, match="does not follow"):
        inbox.record(office, one.batch())
