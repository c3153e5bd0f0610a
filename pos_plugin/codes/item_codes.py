"""What a code says that is no member's: a retail code, a GS1 code, the shop's own scale label, a coupon.

Reads text, and the kind of code where the reader says it. Knows no item and no price list: that is the host's business. Nothing
here makes a member of a code; what members' codes are is `loyalty.card`.

Rules: GS1 General Specifications 2.1 (retail codes), 3 (application identifiers), 7.9 (check digits); GS1 Digital Link. The
application identifiers are read by biip, which knows all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from loyalty.card import ean_check_digit
from pos_plugin.codes.scale_labels import ScalePattern

if TYPE_CHECKING:
    from biip.gs1_element_strings import GS1ElementString

GS = "\x1d"
"""Ends an element of variable length in a GS1 code."""

WRONG_DIGIT = "The check digit of this code is wrong. Scan it again, or look the item up."
WRONG_LABEL = "This label was not read whole, or is misprinted. Scan it again, or type the item and its price."
NO_MEASURE = "This label has no price or weight that can be trusted. Type it."
EAN8_OR_UPCE = "Taken for EAN-8; as UPC-E these eight digits are {upca}. Set the reader to say what it reads."
NOT_UNDERSTOOD = "This GS1 code cannot be understood. Scan it again, or look the item up."
NO_ITEM = "This GS1 code names no item."

_GS1 = ("gs1-128", "gs1-qr", "gs1-datamatrix", "gs1-databar")
_RETAIL = ("", "ean13", "ean8", "upca", "upce", "ean13-addon")
_COUPON_PREFIXES = ("05", "98", "99")
"""Of an EAN-13: coupons of the United States (a UPC-A that begins with 5), those and refund receipts elsewhere."""
_REFUND_RECEIPT = "980"
_COUPON_IDENTIFIERS = ("255", "8110", "8112")
_SHORTEST_COUPON = 24
_WRITTEN_OUT = re.compile(r"\([0-9]{2,4}\)")
_ALL_WRITTEN_OUT = re.compile(r"(\([0-9]{2,4}\)[^(]+)+")
_MOST_MINOR = 10**12


class Item(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a code says of an item. What it does not say is left out.

    `form`: ean13, ean8, upca, upce, itf14, gs1, link, scale label, coupon, refund receipt. `gtin`: the item's number in 14
    digits, whatever code it stood in; an EAN-13 that begins with 02, 04 or 20 to 29 is the shop's own number. `number`: the
    item's number on a scale label. `coupon`: a coupon's number.
    """

    form: str
    gtin: str = ""
    number: str = ""
    price_minor: int | None = None
    weight_g: int | None = None
    count: int | None = None
    batch: str = ""
    serial: str = ""
    best_before: str = ""
    expires_on: str = ""
    coupon: str = ""
    value_minor: int | None = None
    """Of a coupon."""


class ItemReading(msgspec.Struct, frozen=True):
    """`kind` is "item" or "coupon". `item` is None where nothing can be told, `message` a word about that for the cashier."""

    kind: str
    item: Item | None = None
    message: str = ""


UNKNOWN = ItemReading("item")


def read_item(label: str, symbology: str = "", patterns: Sequence[ScalePattern] = ()) -> ItemReading:
    """What a code that is no member's says.

    >>> read_item("4006381333931").item.gtin
    '04006381333931'
    >>> read_item("4006381333930")
    ItemReading(kind='item', item=None, message='The check digit of this code is wrong. Scan it again, or look the item up.')

    Digits are no element string unless the reader says so: the same ones could be (400), an order's number.

    >>> read_item("4006381333930", "gs1-128").message
    'This GS1 code names no item.'
    """
    if not label.isascii():
        return UNKNOWN  # biip takes digits of other scripts for digits
    if label[:8].lower().startswith(("http://", "https://")):
        return _link(label)
    if symbology in _GS1 or (not symbology and (GS in label or _WRITTEN_OUT.match(label))):
        return _elements(label) or ItemReading("item", message=NOT_UNDERSTOOD)
    if label.isdigit():
        return _digits(label, symbology, patterns)
    if not symbology and _names_a_gtin(label):
        return _elements(label) or UNKNOWN
    return UNKNOWN


def _digits(digits: str, symbology: str, patterns: Sequence[ScalePattern]) -> ItemReading:
    """A number: a retail code where it has the length of one, or the digits of a GS1 code whose reader does not say so."""
    match len(digits), symbology:
        case (6 | 7 | 8, "upce"):
            return _upce(digits) or ItemReading("item", message=WRONG_DIGIT)
        case (8, ""):
            return _eight_digits(digits)
        case (15 | 18, "ean13-addon"):
            return _gtin13(digits[:13], symbology, patterns)
        case (12 | 13, _):
            return _gtin13(digits.zfill(13), symbology, patterns)
        case (8 | 14, _):
            return _gtin(digits, symbology)
        case (_, "") if _names_a_gtin(digits):
            return _elements(digits) or UNKNOWN
        case (length, "") if length >= _SHORTEST_COUPON and digits.startswith(_COUPON_IDENTIFIERS[1:]):
            return _elements(digits) or UNKNOWN
    return UNKNOWN


def _gtin13(ean: str, symbology: str, patterns: Iterable[ScalePattern]) -> ItemReading:
    """An EAN-13, or a UPC-A with the nought before it."""
    for pattern in patterns:
        if pattern.is_like(ean):
            told = pattern.read(ean)
            if told is None:
                return ItemReading("item", message=WRONG_LABEL)
            item = Item("scale label", "", told.number, told.price_minor, told.weight_g, told.count)
            is_measured = told.price_minor or told.weight_g or told.count
            return ItemReading("item", item, "" if is_measured else NO_MEASURE)
    if ean.startswith(_COUPON_PREFIXES) and ean[-1] == ean_check_digit(ean[:-1]):
        form = "refund receipt" if ean.startswith(_REFUND_RECEIPT) else "coupon"
        return ItemReading("coupon", Item(form, coupon=ean))
    return _gtin(ean, symbology)


def _gtin(digits: str, symbology: str) -> ItemReading:
    if digits[-1] == ean_check_digit(digits[:-1]):
        form = {8: "ean8", 13: "upca" if digits[0] == "0" else "ean13", 14: "itf14"}[len(digits)]
        return ItemReading("item", Item(form, digits.zfill(14)))
    # In another code than those of items, digits may be any number.
    is_retail = symbology in _RETAIL or (symbology == "itf" and len(digits) == 14)
    return ItemReading("item", message=WRONG_DIGIT if is_retail else "")


def _eight_digits(digits: str) -> ItemReading:
    """EAN-8 and UPC-E have eight digits both, and some are right as either."""
    ean8, upce = _gtin(digits, ""), _upce(digits)
    if ean8.item is None:
        return upce or ean8
    if upce is None or upce.item is None:
        return ean8
    return ItemReading("item", ean8.item, EAN8_OR_UPCE.format(upca=upce.item.gtin[2:]))


def _upce(digits: str) -> ItemReading | None:
    from biip import ParseError
    from biip.upc import Upc

    try:
        return ItemReading("item", Item("upce", Upc.parse(digits).as_upc_a().zfill(14)))
    except ParseError:
        return None


# GS1 element strings and links.


def _names_a_gtin(label: str) -> bool:
    """Whether it begins as a GS1 code of an item does, (01) or (02), with a GTIN that is right."""
    return bool(re.match("0[12][0-9]{14}", label)) and label[15] == ean_check_digit(label[2:15])


def _elements(label: str) -> ItemReading | None:
    """What the elements say, or None where one of them is none."""
    from biip import ParseConfig, ParseError
    from biip.gs1_messages import GS1Message

    config = ParseConfig(gs1_element_strings_verify_date=False)  # a wrong date takes nothing away from the item
    try:
        if _ALL_WRITTEN_OUT.fullmatch(label):
            message = GS1Message.parse_hri(label, config=config)
        else:
            message = GS1Message.parse(label, config=config)
    except (ParseError, ValueError):
        return None
    return _said("gs1", message.element_strings) if message.element_strings else None


def _link(label: str) -> ItemReading:
    """A GS1 Digital Link: an address that names an item. Any other address is not the till's business."""
    from biip import ParseConfig, ParseError
    from biip.gs1_digital_link_uris import GS1DigitalLinkURI

    try:
        link = GS1DigitalLinkURI.parse(label, config=ParseConfig(gs1_element_strings_verify_date=False))
    except (ParseError, ValueError):
        return UNKNOWN
    found = _said("link", link.element_strings)
    return found if found.item is not None and (found.item.gtin or found.item.coupon) else UNKNOWN


def _said(form: str, elements: Iterable[GS1ElementString]) -> ItemReading:
    said: dict[str, str] = {}
    days: dict[str, str] = {}
    for one in elements:
        if one.value.isascii():  # a link may hold digits of other scripts
            said.setdefault(one.ai.ai, one.value)
            if one.date is not None:
                days.setdefault(one.ai.ai, one.date.isoformat())
    coupon = next((said[name] for name in _COUPON_IDENTIFIERS if name in said), "")
    if coupon:
        if "255" in said and coupon[12] != ean_check_digit(coupon[:12]):  # of its first thirteen digits
            return ItemReading("coupon", message=WRONG_DIGIT)
        return ItemReading("coupon", Item("coupon", coupon=coupon, value_minor=_minor("390", said)))
    gtin = said.get("01", "") or said.get("02", "")
    is_right = bool(gtin) and gtin[-1] == ean_check_digit(gtin[:-1])
    weight = _scaled("310", said)
    count = said.get("30") or said.get("37") or "0"
    item = Item(
        form,
        gtin=gtin if is_right else "",
        price_minor=_minor("392", said),
        weight_g=round(weight * 1000) or None if weight is not None else None,
        count=int(count) or None,
        batch=said.get("10", ""),
        serial=said.get("21", ""),
        best_before=days.get("15", ""),
        expires_on=days.get("17", ""),
    )
    return ItemReading("item", item, "" if is_right else WRONG_DIGIT if gtin else NO_ITEM)


def _minor(identifier: str, said: Mapping[str, str]) -> int | None:
    """An amount in hundredths of the shop's currency; None where there is none, or it is no whole number of them."""
    amount = _scaled(identifier, said)
    if amount is None or amount * 100 != int(amount * 100) or not 0 < amount * 100 <= _MOST_MINOR:
        return None
    return int(amount * 100)


def _scaled(identifier: str, said: Mapping[str, str]) -> Decimal | None:
    """The value of an identifier whose last digit says how many decimals there are.

    biip's own reading takes "12" with five decimals for 0.12.
    """
    found = next((name for name in said if len(name) == 4 and name.startswith(identifier)), None)
    return Decimal(said[found]).scaleb(-int(found[3])) if found else None
