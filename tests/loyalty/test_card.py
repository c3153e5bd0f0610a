"""Which codes are member codes: tables of odd cases, and what no rule may ever do."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty.card import (
    CardReading,
    CardRules,
    DamagedMemberCode,
    MemberCard,
    NotMemberCode,
    ean13_check_digit,
    luhn_check_digit,
    masked,
    member_card,
    new_card_number,
)

RULES = CardRules()
PREFIXED = CardRules(number_prefix="77", number_length=16)
DAMAGED, NOT_MEMBER = DamagedMemberCode(), NotMemberCode()


@pytest.mark.parametrize(
    ("label", "reading"),
    [
        ("2900000000018", MemberCard("2900000000018")),
        ("2900000000019", DAMAGED),
        ("2800000000019", NOT_MEMBER),  # in-store too, but another use: a scale's
        ("4006381333931", NOT_MEMBER),  # an item
        ("4006381333930", NOT_MEMBER),  # an item misread is no damaged card
        ("0036000291452", NOT_MEMBER),  # UPC-A with a zero before it
        ("036000291452", NOT_MEMBER),  # UPC-A
        ("290000000008", NOT_MEMBER),  # twelve digits, whatever they begin with
        ("96385074", NOT_MEMBER),  # EAN-8
        ("29000000000185", NOT_MEMBER),  # fourteen digits
        ("02900000000018", NOT_MEMBER),  # the same number as a GTIN-14
        ("1234567897", MemberCard("1234567897")),
        ("0000000000", MemberCard("0000000000")),
        ("1234567890", NOT_MEMBER),  # without a prefix anybody's number
        ("123456789", NOT_MEMBER),
        ("12345678970", NOT_MEMBER),
        ("１２３４５６７８９７", NOT_MEMBER),  # full-width digits
        ("١٢٣٤٥٦٧٨٩٧", NOT_MEMBER),  # Arabic-Indic digits
        ("290000000001٨", NOT_MEMBER),
        ("123456789²", NOT_MEMBER),
        (" 1234567897", NOT_MEMBER),  # whoever takes typed input strips it
        ("1234567897\n", NOT_MEMBER),
        ("+123456789", NOT_MEMBER),
        ("1_34567897", NOT_MEMBER),
        ("MEMBER1234", NOT_MEMBER),
        ("https://example.org/2900000000018", NOT_MEMBER),
        ("", NOT_MEMBER),
    ],
)
def test_a_label_is_a_card_only_where_the_rules_say_so(label: str, reading: CardReading) -> None:
    assert member_card(RULES, label) == reading


@pytest.mark.parametrize(
    ("label", "reading"),
    [
        ("7700000000000008", MemberCard("7700000000000008")),
        ("7700000000000009", DAMAGED),
        ("7800000000000008", NOT_MEMBER),
        ("770000000000000", NOT_MEMBER),
        ("1234567897", NOT_MEMBER),
        ("2900000000018", MemberCard("2900000000018")),
    ],
)
def test_a_number_prefix_tells_a_damaged_card_from_another_code(label: str, reading: CardReading) -> None:
    assert member_card(PREFIXED, label) == reading


@pytest.mark.parametrize("symbology", ["", "ean13", "code128", "qr", "itf"])
def test_what_the_reader_calls_it_makes_no_card_and_breaks_none(symbology: str) -> None:
    assert member_card(RULES, "2900000000018", symbology) == MemberCard("2900000000018")
    assert member_card(RULES, "2900000000019", symbology) == DAMAGED
    assert member_card(RULES, "4006381333931", symbology) == NOT_MEMBER


@pytest.mark.parametrize("symbology", ["ean8", "upca", "upce"])
def test_a_code_that_only_items_have_is_never_a_card(symbology: str) -> None:
    assert member_card(RULES, "1234567897", symbology) == NOT_MEMBER
    assert member_card(RULES, "2900000000018", symbology) == NOT_MEMBER


def test_without_an_in_store_prefix_no_ean_is_a_card() -> None:
    rules = CardRules(in_store_prefix="")
    assert member_card(rules, "2900000000018") == NOT_MEMBER
    assert member_card(rules, "2900000000019") == NOT_MEMBER
    assert member_card(rules, "1234567897") == MemberCard("1234567897")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"in_store_prefix": "2"}, "in_store_prefix"),
        ({"in_store_prefix": "40"}, "20 to 29"),  # a country's
        ({"in_store_prefix": "2x"}, "in_store_prefix"),
        ({"in_store_prefix": "٢٩"}, "in_store_prefix"),
        ({"in_store_prefix": "290000000000"}, "in_store_prefix"),
        ({"number_prefix": "M"}, "number_prefix"),
        ({"number_length": 8}, "item codes"),
        ({"number_length": 12}, "item codes"),
        ({"number_length": 13}, "item codes"),
        ({"number_length": 14}, "item codes"),
        ({"number_length": 5}, "6 to 32"),
        ({"number_length": 33}, "6 to 32"),
        ({"number_prefix": "123456", "number_length": 7}, "room"),
    ],
)
def test_rules_that_would_take_items_for_members_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CardRules(**settings)  # type: ignore[arg-type]
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(settings, CardRules)


@pytest.mark.parametrize(
    ("first_twelve", "digit"),
    [("400638133393", "1"), ("590123412345", "7"), ("003600029145", "2"), ("000000000000", "0"), ("290000000001", "8")],
)
def test_the_ean_13_check_digit_is_that_of_printed_codes(first_twelve: str, digit: str) -> None:
    assert ean13_check_digit(first_twelve) == digit


@pytest.mark.parametrize(
    ("digits", "digit"),
    [
        ("7992739871", "3"),
        ("411111111111111", "1"),
        ("37828224631000", "5"),
        ("0", "0"),
        ("5", "9"),
        ("123456789", "7"),
    ],
)
def test_the_luhn_check_digit_is_that_of_published_numbers(digits: str, digit: str) -> None:
    assert luhn_check_digit(digits) == digit


@pytest.mark.parametrize("wrong", ["", "12x", "١٢٣٤٥٦٧٨٩٠١٢", "1234567890123"])
def test_a_check_digit_of_no_number_is_a_bug(wrong: str) -> None:
    with pytest.raises(ValueError):
        ean13_check_digit(wrong)
    if not (wrong.isascii() and wrong.isdigit()):
        with pytest.raises(ValueError):
            luhn_check_digit(wrong)


def test_a_masked_card_shows_its_last_four_digits() -> None:
    assert masked("2900000000018") == "****0018"


def test_readings_are_told_apart_on_the_wire() -> None:
    for reading in (MemberCard("1234567897"), NOT_MEMBER, DAMAGED):
        assert msgspec.json.decode(msgspec.json.encode(reading), type=CardReading) == reading


digits = st.text("0123456789", min_size=0, max_size=20)
seeds = st.integers(0, 2**32)
rule_sets = st.sampled_from(
    [
        RULES,
        PREFIXED,
        CardRules(in_store_prefix="20", number_length=6),
        CardRules(in_store_prefix="", number_length=32),
        CardRules(in_store_prefix="2912345", number_prefix="9", number_length=7),
    ]
)


def digits_from(seed: int) -> str:
    return "".join(random.Random(seed).choices("0123456789", k=40))


@given(rule_sets, seeds)
def test_a_new_card_number_is_a_card(rules: CardRules, seed: int) -> None:
    number = new_card_number(rules, lambda count: digits_from(seed)[:count])
    assert member_card(rules, number) == MemberCard(number)


@pytest.mark.parametrize("drawn", ["", "12345678", "1234567890", "12345678x", "١٢٣٤٥٦٧٨٩"])
def test_a_new_card_number_needs_as_many_digits_as_it_asked_for(drawn: str) -> None:
    with pytest.raises(ValueError, match="9 digits"):
        new_card_number(RULES, lambda _: drawn)


@given(seeds, st.booleans(), st.data())
def test_one_wrong_digit_never_makes_another_card(seed: int, is_ean: bool, data: st.DataObject) -> None:
    if is_ean:
        first = "29" + digits_from(seed)[:10]
        number = first + ean13_check_digit(first)
    else:
        number = new_card_number(RULES, lambda count: digits_from(seed)[:count])
    at = data.draw(st.integers(0, len(number) - 1))
    wrong = data.draw(st.sampled_from("0123456789").filter(lambda digit: digit != number[at]))
    assert not isinstance(member_card(RULES, number[:at] + wrong + number[at + 1 :]), MemberCard)


@given(seeds, st.integers(0, 8))
def test_two_swapped_digits_make_no_other_plain_card_but_for_nought_and_nine(seed: int, at: int) -> None:
    number = new_card_number(RULES, lambda count: digits_from(seed)[:count])
    swapped = number[:at] + number[at + 1] + number[at] + number[at + 2 :]
    if swapped != number and {number[at], number[at + 1]} != {"0", "9"}:  # which Luhn cannot tell apart
        assert member_card(RULES, swapped) == NOT_MEMBER


@given(st.sampled_from(["29", ""]), seeds)
def test_of_ten_last_digits_one_makes_a_card(prefix: str, seed: int) -> None:
    body = prefix + digits_from(seed)[: 10 if prefix else 9]
    readings = [member_card(RULES, body + last) for last in "0123456789"]
    assert sum(isinstance(reading, MemberCard) for reading in readings) == 1


@given(rule_sets, st.text() | digits, st.sampled_from(["", "ean13", "upca", "qr", "nonsense"]))
def test_any_text_has_a_reading_and_a_card_is_its_own_label(rules: CardRules, label: str, symbology: str) -> None:
    reading = member_card(rules, label, symbology)
    assert not isinstance(reading, MemberCard) or reading.number == label


@given(rule_sets, seeds, st.sampled_from([f"{n:03}" for n in range(1000) if not 200 <= n <= 299]))
def test_no_item_of_the_world_is_a_card(rules: CardRules, seed: int, gs1_prefix: str) -> None:
    first = gs1_prefix + digits_from(seed)[:9]
    assert member_card(rules, first + ean13_check_digit(first)) == NOT_MEMBER
