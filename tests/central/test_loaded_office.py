"""A head office that was loaded for looking at: whole or not there, its members named, and known to the demo."""

import json
from datetime import UTC, date, datetime, time, timedelta

import pytest

import bench.office
from bench.office import LOADED, load, member_of, name_of
from central_server.errors import OfficeError
from central_server.founding import init_office
from central_server.membership import members, name_search, tokens
from central_server.office import Office
from central_server.shops import closings
from pos_plugin.demo.loaded import read_loaded, server_of
from pos_plugin.errors import TillError

LAST = date(2026, 11, 21)
STORES = frozenset([359])


class PowerCut(Exception):
    pass


@pytest.fixture
def few_baskets(monkeypatch):
    """The first weeks of one store: enough for members, points and a month that is settled."""
    year = bench.office.baskets
    monkeypatch.setattr(bench.office, "baskets", lambda till=None: year(till, 60))


def test_a_load_that_was_cut_off_is_no_head_office_and_is_begun_anew(tmp_path, few_baskets):
    folder, parts = tmp_path / "year", []

    def cut(baskets):
        parts.append(baskets)
        if len(parts) == 20:
            raise PowerCut

    with pytest.raises(PowerCut):
        load(folder, LAST, STORES, cut)
    assert not folder.exists()
    with pytest.raises(TillError) as refused:
        read_loaded(folder)
    assert refused.value.code == "OFFICE_ABSENT"

    told = []
    done = load(folder, LAST, STORES, told.append)
    assert sum(told) == pytest.approx(60)
    assert [one.name for one in tmp_path.iterdir()] == ["year"]
    office = Office.open(folder, lambda: datetime(2026, 11, 22, 12, tzinfo=UTC), bytes)
    with office.database.reading() as connection:
        recorded = connection.exec_driver_sql("SELECT count(*) FROM inbox").scalar()
        joined = connection.exec_driver_sql("SELECT count(*) FROM member").scalar()
    assert (recorded, joined) == (done.entries, done.members)
    assert server_of(folder) == office.server

    shown = read_loaded(folder)
    assert (shown.shops, shown.first_day) == (1, done.first_day)
    number = shown.cards[0].text.split()[1]
    [found], more = name_search.named_like(office, f"household {number}")
    assert (found.name, found.card_end, more) == (name_of(int(number)), shown.cards[0].code[-4:], False)
    token = tokens.issue(office, members.of_card(office, shown.cards[0].code))
    assert token.member == member_of(int(number))
    office.close()

    with pytest.raises(OfficeError, match="There is a loaded head office"):
        load(folder, LAST, STORES, told.append)


def test_every_z_of_a_loaded_year_is_equal(tmp_path, few_baskets, monkeypatch):
    monkeypatch.setattr(bench.office, "CLOSED_WEEKS", 60)  # from the first day on
    load(tmp_path / "year", LAST, STORES, lambda baskets: None)
    office = Office.open(tmp_path / "year", lambda: datetime(2026, 11, 22, 12, tzinfo=UTC), bytes)
    found = [one for day in closings.days(office) for one in closings.compared(office, day=day)]
    office.close()
    assert [one for one in found if one.unlike or one.missing or one.late] == []
    assert sum(one.total.sales + one.total.voids for one in found) == 60


@pytest.mark.parametrize("hour", range(24))
def test_a_year_is_loaded_up_to_an_evening_that_has_come(hour):
    now = datetime(2026, 11, 23, hour, tzinfo=UTC)
    end = datetime.combine(bench.office.last_whole_day(now), time(), UTC) + timedelta(days=1, hours=13)
    assert timedelta(0) <= now - end < timedelta(days=1)


def test_the_demo_takes_no_head_office_that_somebody_works_with(tmp_path):
    init_office(tmp_path / "ours", lambda: datetime(2026, 11, 22, tzinfo=UTC), lambda size: b"1" * size).close()
    with pytest.raises(TillError) as refused:
        read_loaded(tmp_path / "ours")
    assert refused.value.code == "OFFICE_UNFIT"
    assert "accounts whose password everybody knows" in refused.value.hint


def test_a_file_that_says_nothing_is_no_sign_of_a_whole_load(tmp_path):
    (tmp_path / LOADED).write_text(json.dumps({"shops": 3}))
    with pytest.raises(TillError) as refused:
        read_loaded(tmp_path)
    assert refused.value.code == "OFFICE_UNFIT"
