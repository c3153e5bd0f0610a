"""What codes of goods say: tables of odd cases, each with where it is from, and what no reading may ever do.

"GS" in a remark is the General Specifications of GS1, by section. The check digits of numbers that stand in no document were
worked out by hand.
"""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from drivers.scanners import scan
from loyalty import card
from loyalty.card import ean_check_digit
from pos_plugin.codes import item_codes
from pos_plugin.codes.item_codes import GS, NO_ITEM, NOT_UNDERSTOOD, UNKNOWN, WRONG_DIGIT, Item, ItemReading, read_item

OFFER = "106141416543213500110000310123196000"


@pytest.mark.parametrize(
    ("label", "symbology", "item"),
    [
        ("4006381333931", "ean13", Item("ean13", "04006381333931")),
        ("4006381333931", "", Item("ean13", "04006381333931")),
        ("4006381333931", "qr", Item("ean13", "04006381333931")),  # the same number in another code
        ("036000291452", "upca", Item("upca", "00036000291452")),  # GS 2.1: a GTIN-12
        ("0036000291452", "", Item("upca", "00036000291452")),  # as readers and pyzbar send it
        ("0036000291452", "ean13", Item("upca", "00036000291452")),
        ("96385074", "ean8", Item("ean8", "00000096385074")),  # biip's documentation
        ("96385074", "", Item("ean8", "00000096385074")),  # the first digit is none of UPC-E
        ("04252614", "upce", Item("upce", "00042100005264")),  # GS 5.2.2.4.2, zeros in the middle left out
        ("04252614", "", Item("upce", "00042100005264")),  # wrong as EAN-8, so it can only be UPC-E
        ("01234565", "upce", Item("upce", "00012345000065")),  # last digit 6 of the six: it is the item's own
        ("06543217", "upce", Item("upce", "00065100004327")),  # 1: it is the maker's, before four zeros
        ("02345632", "upce", Item("upce", "00023400000562")),  # 3: three of the maker, two of the item
        ("02345147", "upce", Item("upce", "00023450000017")),  # 4: four of the maker, one of the item
        ("15400141288763", "itf", Item("itf14", "15400141288763")),
        ("15400141288763", "", Item("itf14", "15400141288763")),
        ("97803064061570512", "ean13", None),  # longer than what it is said to be
        ("978030640615751995", "ean13-addon", Item("ean13", "09780306406157")),  # a book and its price, GS 2.1.3
        ("978030640615705", "ean13-addon", Item("ean13", "09780306406157")),  # an issue's two digits
        ("2012345678903", "", Item("ean13", "02012345678903")),  # the shop's own number, with no pattern for it
        ("４００６３８１３３３９３１", "", None),  # full-width digits
        ("٤٠٠٦٣٨١٣٣٣٩٣١", "", None),
        ("", "", None),
        ("12345", "", None),
        ("HELLO", "code39", None),
    ],
)
def test_a_retail_code_is_its_gtin(label: str, symbology: str, item: Item | None) -> None:
    assert read_item(label, symbology) == ItemReading("item", item)


@pytest.mark.parametrize(
    ("label", "symbology", "message"),
    [
        ("4006381333930", "", WRONG_DIGIT),  # its digits are also (400) 6381333930
        ("4006381333930", "ean13", WRONG_DIGIT),
        ("036000291453", "upca", WRONG_DIGIT),
        ("96385075", "ean8", WRONG_DIGIT),
        ("96385075", "", WRONG_DIGIT),  # as EAN-8, and no UPC-E
        ("04252615", "upce", WRONG_DIGIT),
        ("54252614", "upce", WRONG_DIGIT),  # UPC-E begins with 0 or 1
        ("15400141288764", "itf", WRONG_DIGIT),
        ("978030640615651995", "ean13-addon", WRONG_DIGIT),
        ("4006381333930", "code128", ""),  # thirteen digits in another code may be any number
        ("4006381333930", "qr", ""),
        ("1234567890", "itf", ""),
    ],
)
def test_a_wrong_check_digit_makes_no_gtin_and_is_told(label: str, symbology: str, message: str) -> None:
    assert read_item(label, symbology) == ItemReading("item", message=message)


def test_eight_digits_that_are_right_as_ean_8_and_as_upc_e_are_ean_8_and_the_doubt_is_told() -> None:
    read = read_item("01000009")  # 1 + 9 is a whole ten in both; UPC-E leaves out zeros of 010000000009
    assert read.item == Item("ean8", "00000001000009")
    assert "as UPC-E these eight digits are 010000000009" in read.message
    assert read_item("01000009", "ean8") == ItemReading("item", Item("ean8", "00000001000009"))
    assert read_item("01000009", "upce") == ItemReading("item", Item("upce", "00010000000009"))


BREAD = "0107032069804988"  # (01) and the GTIN of biip's documentation
BEST = Item("gs1", "07032069804988", best_before="2021-05-26", batch="0329")


@pytest.mark.parametrize("symbology", ["gs1-128", "gs1-qr", "gs1-datamatrix", "gs1-databar", ""])
@pytest.mark.parametrize(
    "label",
    [
        f"{BREAD}15210526100329",  # biip's documentation
        f"{GS}{BREAD}15210526100329",  # FNC1 in front sent as GS
        f"{BREAD}15210526100329{GS}",  # and behind the last element
        f"{BREAD}100329{GS}15210526",  # GS 7.8: an element of variable length ends in FNC1
        f"{BREAD}{GS}15210526{GS}100329",  # FNC1 where none is needed, as some printers do (GS 7.8.6)
        "(01)07032069804988(15)210526(10)0329",  # as it stands below the code, and as some readers send it
    ],
)
def test_the_elements_of_a_gs1_code_are_read_with_and_without_identifier(label: str, symbology: str) -> None:
    assert read_item(label, symbology) == ItemReading("item", BEST)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("17261129", {"expires_on": "2026-11-29"}),
        ("17261100", {"expires_on": "2026-11-30"}),  # GS 3.4: day 00 is the last of the month
        ("17260931", {}),  # no such day: the item stays
        ("3103001250", {"weight_g": 1250}),  # GS 3.6.2: kilograms, here with three decimals
        ("3100000012", {"weight_g": 12000}),
        ("3105001250", {"weight_g": 12}),  # 12.5 g: of two equally near ones the even
        ("3920599", {"price_minor": 59900}),  # GS 3.6: amount to pay, here without decimals
        ("3922599", {"price_minor": 599}),
        ("3923599", {}),  # 0.599 is no amount of a currency with cents
        ("392512", {}),  # 0.00012, which biip takes for 0.12
        ("3920" + "9" * 15, {}),
        ("3922000", {}),
        ("39329781234", {}),  # in a currency that it names itself: the shop's may be another
        ("3012", {"count": 12}),  # GS 3.6.1: variable count
        ("21A-17/b", {"serial": "A-17/b"}),
        (f"10AB{GS}21CD{GS}3012", {"batch": "AB", "serial": "CD", "count": 12}),
        (f"10AB{GS}10CD", {"batch": "AB"}),  # a second one is a mistake of the label
    ],
)
def test_what_else_a_gs1_code_says(more: str, said: dict[str, str | int]) -> None:
    item = Item("gs1", "07032069804988", **said)  # type: ignore[arg-type]
    assert read_item(BREAD + more, "gs1-datamatrix") == ItemReading("item", item)


@pytest.mark.parametrize(
    ("label", "symbology", "read"),
    [
        ("02070320698049883724", "", ItemReading("item", Item("gs1", "07032069804988", count=24))),  # 24 in a box
        ("0107032069804989", "gs1-128", ItemReading("item", Item("gs1"), WRONG_DIGIT)),
        ("0107032069804989", "", UNKNOWN),  # sixteen digits, and no GTIN among them
        (BREAD, "code128", UNKNOWN),  # the reader says that it is no GS1 code
        (BREAD, "qr", UNKNOWN),
        (f"{BREAD}10A{GS}99Z", "datamatrix", UNKNOWN),
        (f"{BREAD}0815", "gs1-128", ItemReading("item", message=NOT_UNDERSTOOD)),  # there is no (08)
        (f"{BREAD}0815", "", UNKNOWN),
        ("4006381333930", "gs1-128", ItemReading("item", Item("gs1"), NO_ITEM)),  # the reader says so: it is (400)
        ("00340123450000000000", "gs1-128", ItemReading("item", Item("gs1"), NO_ITEM)),  # a parcel
        (f"10AB{GS}21CD", "", ItemReading("item", Item("gs1", batch="AB", serial="CD"), NO_ITEM)),
        (f"{BREAD}17261332", "gs1-128", ItemReading("item", message=NOT_UNDERSTOOD)),  # a thirteenth month
        (GS, "", ItemReading("item", message=NOT_UNDERSTOOD)),
        ("(01)", "", ItemReading("item", message=NOT_UNDERSTOOD)),
        ("(01)07032069804988(xx)1", "", ItemReading("item", message=NOT_UNDERSTOOD)),
        ("01٠7032069804988", "gs1-128", UNKNOWN),  # an Arabic-Indic nought, which biip takes for a digit
    ],
)
def test_odd_gs1_codes(label: str, symbology: str, read: ItemReading) -> None:
    assert read_item(label, symbology) == read


@pytest.mark.parametrize(
    ("label", "item"),
    [
        ("https://id.gs1.org/01/09506000134352", Item("link", "09506000134352")),  # the example of GS1 Digital Link
        (
            "https://id.gs1.org/01/09506000134352/10/ABC/21/12%2F7?17=261201&3103=000195",
            Item("link", "09506000134352", batch="ABC", serial="12/7", expires_on="2026-12-01", weight_g=195),
        ),
        ("HTTPS://EXAMPLE.COM/SHOP/01/09506000134352", Item("link", "09506000134352")),  # capitals make small QR codes
        ("https://example.com/01/9506000134352", Item("link", "09506000134352")),  # without the leading nought
        ("https://id.gs1.org/01/09506000134353", None),
        ("https://example.com/menu", None),
        ("https://id.gs1.org/00/340123450000000000", None),
        ("https://id.gs1.org/01/%D9%A09506000134352", None),  # an Arabic-Indic nought
        ("http://[", None),
        ("http://", None),
    ],
)
def test_a_link_names_an_item_only_as_gs1_writes_it(label: str, item: Item | None) -> None:
    assert read_item(label, "qr") == read_item(label) == ItemReading("item", item)


@pytest.mark.parametrize(
    ("label", "symbology", "item"),
    [
        ("2559501101020917000123", "gs1-128", Item("coupon", coupon="9501101020917000123")),  # GS 3.5: (255)
        (f"2559501101020917{GS}3902150", "gs1-databar", Item("coupon", coupon="9501101020917", value_minor=150)),
        (f"8110{OFFER}", "gs1-databar", Item("coupon", coupon=OFFER)),  # the North American coupon, GS 3.9
        (f"8110{OFFER}", "", Item("coupon", coupon=OFFER)),
        (f"8112{OFFER}", "", Item("coupon", coupon=OFFER)),
        ("9812345678902", "ean13", Item("coupon", coupon="9812345678902")),  # GS 1.4: common currency areas
        ("9912345678909", "", Item("coupon", coupon="9912345678909")),
        ("512345678900", "upca", Item("coupon", coupon="0512345678900")),  # UPC-A of number system 5
        ("9800000000007", "", Item("refund receipt", coupon="9800000000007")),
    ],
)
def test_a_coupon_is_told_from_an_item(label: str, symbology: str, item: Item) -> None:
    assert read_item(label, symbology) == ItemReading("coupon", item)


def test_a_coupon_with_a_wrong_check_digit_is_told() -> None:
    assert read_item("2559501101020918", "gs1-128") == ItemReading("coupon", message=WRONG_DIGIT)
    assert read_item("9912345678900") == ItemReading("item", message=WRONG_DIGIT)


def test_a_reading_knows_every_kind_of_code_that_readers_say() -> None:
    said = {*scan._SYMBOLOGIES.values(), *scan._RETAIL.values()}
    assert set(item_codes._GS1) == {one for one in said if one.startswith("gs1-")}
    assert set(item_codes._RETAIL) == {"", *scan._RETAIL.values()}
    assert said - set(card._ITEM_SYMBOLOGIES) == set(get_args(card.Symbology))


parts = st.sampled_from(
    [
        GS,
        "01",
        "(01)",
        "10",
        "17",
        "3103",
        "3922",
        "255",
        "8110",
        "00",
        "https://",
        "/01/",
        "?",
        "%",
        "07032069804988",
        "x",
    ]
)
texts = (
    st.text() | st.lists(parts | st.text("0123456789", max_size=8)).map("".join) | st.text("0123456789", max_size=40)
)
symbologies = st.sampled_from(["", "ean13", "ean8", "upca", "upce", "ean13-addon", "itf", "qr", "gs1-128", "nonsense"])


@given(texts, symbologies)
@example("http://[::1", "")
@example("255" + GS, "gs1-128")
def test_any_text_has_a_reading(label: str, symbology: str) -> None:
    read = read_item(label, symbology)
    assert read.kind in ("item", "coupon")
    item = read.item or Item("none")
    if item.gtin:
        assert item.gtin.isascii()
        assert len(item.gtin) == 14
        assert item.gtin[-1] == ean_check_digit(item.gtin[:-1])
    assert all(
        figure is None or figure > 0 for figure in (item.price_minor, item.weight_g, item.count, item.value_minor)
    )


@given(st.sampled_from([8, 12, 13, 14]), st.data(), st.sampled_from(["", "ean13", "upca", "itf", "code128"]))
def test_the_digits_of_a_retail_code_are_never_elements(length: int, data: st.DataObject, symbology: str) -> None:
    label = data.draw(st.text("0123456789", min_size=length, max_size=length) | st.just("4006381333930"))
    read = read_item(label, symbology)
    assert read.item is None or read.item.form != "gs1"
