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
    NumberForm,
    ean13_check_digit,
    ean_check_digit,
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


@pytest.mark.parametrize("symbology", ["gs1-128", "gs1-qr", "gs1-datamatrix", "gs1-databar", "ean13-addon"])
def test_a_code_that_carries_more_than_a_number_is_never_a_card(symbology: str) -> None:
    assert member_card(RULES, "1234567897", symbology) == NOT_MEMBER


GENERATIONS = CardRules(
    in_store_prefix="28",
    number_length=0,
    numbers=(
        NumberForm("77", 11),  # the first cards, with a Luhn check digit
        NumberForm("5", 9, "ean"),
        NumberForm("M-", 8, "none", ("code39", "qr")),
        NumberForm("VIP4", 13),  # as long as an EAN-13, but no EAN-13 has letters
        NumberForm("", 16),
    ),
)


@pytest.mark.parametrize(
    ("label", "symbology", "reading"),
    [
        ("2800000000011", "", MemberCard("2800000000011")),
        ("77000000008", "", MemberCard("77000000008")),
        ("77000000009", "", DAMAGED),
        ("1234567897", "", NOT_MEMBER),  # the plain number that is a card where nothing else is said
        ("512345675", "", MemberCard("512345675")),
        ("512345679", "", DAMAGED),  # the Luhn check digit, where EAN's is asked for
        ("M-123456", "", MemberCard("M-123456")),  # typed, or a reader that says nothing
        ("M-123456", "code39", MemberCard("M-123456")),
        ("M-123456", "code128", NOT_MEMBER),  # cards of this form have no such code
        ("M-12345x", "", NOT_MEMBER),
        ("M-12345", "", NOT_MEMBER),
        ("m-123456", "", NOT_MEMBER),
        ("VIP4123456784", "", MemberCard("VIP4123456784")),  # of 412345678
        ("VIP4123456783", "", DAMAGED),
        ("VIP1123456784", "", NOT_MEMBER),
        ("0100000000000009", "", MemberCard("0100000000000009")),  # its fourteen digits are no GTIN
        ("0104006381333931", "", NOT_MEMBER),  # (01) and a GTIN: an item, although its Luhn check digit is right
    ],
)
def test_cards_of_several_generations_are_told_apart(label: str, symbology: str, reading: CardReading) -> None:
    assert member_card(GENERATIONS, label, symbology) == reading


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prefix": "", "length": 10, "check": "none"}, "at least 2 characters"),
        ({"prefix": "7", "length": 10, "check": "none"}, "at least 2 characters"),
        ({"prefix": "", "length": 13, "check": "ean"}, "item codes"),  # every item of the world
        ({"prefix": "40", "length": 13, "check": "ean"}, "item codes"),
        ({"prefix": "29", "length": 13}, "item codes"),  # in-store numbers have no Luhn check digit
        ({"prefix": "2", "length": 12}, "item codes"),
        ({"prefix": "m-", "length": 10}, "capital letters"),
        ({"prefix": "M-٢", "length": 10}, "capital letters"),
        ({"prefix": "M--", "length": 10}, "capital letters"),
        ({"prefix": "M-1234567", "length": 10}, "room"),
        ({"prefix": "77", "length": 33}, "6 to 32"),
    ],
)
def test_a_form_that_would_take_other_codes_for_cards_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NumberForm(**settings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NumberForm("77", 11), NumberForm("77", 11, "ean")),
        (
            NumberForm("77", 11),
            NumberForm("7712", 11, "none"),
        ),  # a damaged card of the first would be one of the second
        (NumberForm("77", 11, symbologies=("qr",)), NumberForm("", 11)),  # typed, they are alike
        (NumberForm("2912", 13, "ean"), NumberForm("291", 13, "ean")),
    ],
)
def test_two_forms_that_begin_alike_are_refused(one: NumberForm, other: NumberForm) -> None:
    for numbers in ((one, other), (other, one)):
        with pytest.raises(ValueError, match="begin alike"):
            CardRules(number_length=0, in_store_prefix="", numbers=numbers)


def test_rules_by_which_nothing_is_a_card_are_refused() -> None:
    with pytest.raises(ValueError, match="no number is a card"):
        CardRules(in_store_prefix="", number_length=0)


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
    [("9638507", "4"), ("03600029145", "2"), ("1400638133393", "8"), ("400638133393", "1")],  # EAN-8, UPC-A, ITF-14
)
def test_the_check_digit_of_retail_codes_is_one_for_every_length(digits: str, digit: str) -> None:
    assert ean_check_digit(digits) == digit


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
        CardRules(number_length=16),
        CardRules(in_store_prefix="21", number_length=0),
        GENERATIONS,
    ]
)


def digits_from(seed: int) -> str:
    return "".join(random.Random(seed).choices("0123456789", k=40))


@given(rule_sets, seeds)
def test_a_new_card_number_is_a_card(rules: CardRules, seed: int) -> None:
    number = new_card_number(rules, lambda count: digits_from(seed)[:count])
    assert member_card(rules, number) == MemberCard(number)


@given(st.sampled_from([*GENERATIONS.forms, *RULES.forms]), seeds)
def test_a_new_number_of_a_form_has_that_form(form: NumberForm, seed: int) -> None:
    rules = GENERATIONS if form in GENERATIONS.forms else RULES
    number = new_card_number(rules, lambda count: digits_from(seed)[:count], form)
    assert form.is_alike(number)
    assert member_card(rules, number) == MemberCard(number)


def test_a_number_drawn_that_looks_like_an_items_is_drawn_again() -> None:
    drawn = iter(["010400638133393", "123456789012345"])
    assert new_card_number(CardRules(number_length=16), lambda _: next(drawn)) == "1234567890123452"


def test_digits_of_which_none_make_a_card_are_not_drawn_for_ever() -> None:
    with pytest.raises(ValueError, match="no digits"):
        new_card_number(CardRules(number_length=16), lambda _: "010400638133393")


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


SYMBOLOGIES = ["", "ean13", "code128", "code39", "itf", "qr", "pdf417", "ean8", "upca", "gs1-128", "gs1-qr", "nonsense"]


@given(rule_sets, digits, st.data())
def test_what_the_reader_calls_a_code_never_makes_another_member_of_it(
    rules: CardRules, label: str, data: st.DataObject
) -> None:
    if data.draw(st.booleans()):
        label = new_card_number(rules, lambda count: (label + "7" * count)[:count])
    silent = member_card(rules, label)
    for symbology in SYMBOLOGIES:
        assert member_card(rules, label, symbology) in (silent, NOT_MEMBER)


@given(rule_sets, seeds, st.sampled_from([f"{n:03}" for n in range(1000) if not 200 <= n <= 299]))
def test_no_item_of_the_world_is_a_card(rules: CardRules, seed: int, gs1_prefix: str) -> None:
    first = gs1_prefix + digits_from(seed)[:9]
    assert member_card(rules, first + ean13_check_digit(first)) == NOT_MEMBER
