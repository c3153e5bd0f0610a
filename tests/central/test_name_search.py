"""Members by their name: what a till is told, and of whom."""

import msgspec
import pytest

from central_server.errors import Refused
from central_server.membership import members, name_search
from ledger.keys import seal
from ledger.wire import MemberDetails, MemberLookup, MemberSearch, NamedMember

PEOPLE = {
    "anna": ("Anna Maria Berg", ["2900000000018", "2900000000025"]),
    "anton": ("Anton Berger", ["2900000000032"]),
    "ayse": ("Ayşe Işık-Müller", []),
    "zoe": ("Zoë O'Brien", ["2900000000049"]),
}


@pytest.fixture
def known(office, till):
    one = till()
    for member, (name, cards) in PEOPLE.items():
        sealed = seal(office.sealing_key, msgspec.json.encode({"name": name}))
        members.take_details(office, one.row(), MemberDetails(member, cards, "2026-03-02T10:00:00", sealed))
    return one


def found(office, one, name):
    return [who.member for who in name_search.search(office, one.row(), MemberSearch(name)).members]


@pytest.mark.parametrize(
    ("asked", "members_found"),
    [
        ("Berg", ["anna", "anton"]),  # a beginning is enough, of any of the words
        ("berg an", ["anna", "anton"]),
        ("BERG MARIA", ["anna"]),  # in any order, and in any case
        ("ann", ["anna"]),
        ("isik", ["ayse"]),  # without the letters that this keyboard lacks
        ("IŞIK", ["ayse"]),
        ("muller ay", ["ayse"]),
        ("o brien", None),  # a single letter is too little
        ("zoe brien", ["zoe"]),
        ("erg", []),  # not from within a word
        ("be%", ["anna", "anton"]),  # no pattern: the sign is no part of a name
        ("b_rg", None),
        ("", None),
        ("'; --", None),
    ],
)
def test_who_is_found_by_what(office, known, asked, members_found):
    if members_found is None:
        with pytest.raises(Refused, match="too little of a name"):
            found(office, known, asked)
    else:
        assert found(office, known, asked) == members_found


def test_a_till_is_told_the_name_and_the_end_of_a_card(office, known):
    told = name_search.search(office, known.row(), MemberSearch("berg")).members
    assert told == [NamedMember("anna", "Anna Maria Berg", "0018"), NamedMember("anton", "Anton Berger", "0032")]
    [without_card] = name_search.search(office, known.row(), MemberSearch("ayse")).members
    assert without_card.card_end == ""


def test_a_till_is_told_of_a_few_and_that_there_are_more(office, till):
    one = till()
    for number in range(name_search.MOST_FOUND + 1):
        sealed = seal(office.sealing_key, msgspec.json.encode({"name": f"Anna {number}"}))
        members.take_details(office, one.row(), MemberDetails(f"anna{number}", [], "2026-03-02T10:00:00", sealed))
    told = name_search.search(office, one.row(), MemberSearch("anna"))
    assert ([who.name for who in told.members], told.more) == ([f"Anna {number}" for number in range(8)], True)


def test_who_is_chosen_is_known_in_the_shop_from_then_on(office, known, till):
    mill = till("BBBBBB", "Mill")
    assert members.look_up(office, mill.row(), MemberLookup(member="anna")).member == "anna"
    assert members.look_up(office, mill.row(), MemberLookup(member="nobody")).member == ""


def test_a_person_who_is_erased_or_has_another_name_is_not_found_by_the_old_one(office, known):
    members.erase(office, "anna")
    assert found(office, known, "maria") == []
    sealed = seal(office.sealing_key, msgspec.json.encode({"name": "Anton Wood"}))
    members.take_details(office, known.row(), MemberDetails("anton", [], "2026-03-02T10:00:00", sealed))
    assert found(office, known, "berger") == []
    assert found(office, known, "wood") == ["anton"]


def test_who_has_become_another_is_found_under_that_ones_name_alone(office, known):
    sealed = seal(office.sealing_key, msgspec.json.encode({"name": "Antonia Stone"}))
    members.take_details(office, known.row(), MemberDetails("late", ["2900000000032"], "2026-03-02T10:00:00", sealed))
    assert found(office, known, "anton") == ["anton"]
    assert found(office, known, "stone") == ["anton"]
