"""What a request may hold: each element with its attributes and their values, as "XML Reference" of the manual has them.

A value out of its range, an attribute or an element that is none of these refuses the whole request: nothing of it is printed.
What is read here may still mean nothing to a receipt printer (labels, vertical lines); `encoding` says what becomes of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, NamedTuple

import msgspec


class SchemaError(Exception):
    """A request that Epson's schema, or this printer, has no place for. `str()` says what, without what was to be printed."""


Byte = Annotated[int, msgspec.Meta(ge=0, le=255)]
Short = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
SignedShort = Annotated[int, msgspec.Meta(ge=-32_768, le=32_767)]
Times = Annotated[int, msgspec.Meta(ge=1, le=8)]
Dots = Annotated[int, msgspec.Meta(ge=1, le=65_535)]
Align = Literal["left", "center", "right"]
Color = Literal["none", "color_1", "color_2", "color_3", "color_4"]
Font = Literal["font_a", "font_b", "font_c", "font_d", "font_e", "special_a", "special_b"]
Rule = Literal["thin", "medium", "thick", "thin_double", "medium_double", "thick_double"]


class Element(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="kebab"):
    """The attributes of one; None is one that was not given."""


class Text(Element, frozen=True):
    """What is given holds for all that follows."""

    lang: Annotated[str, msgspec.Meta(max_length=16)] | None = None
    font: Font | None = None
    smooth: bool | None = None
    dw: bool | None = None
    dh: bool | None = None
    width: Times | None = None
    height: Times | None = None
    reverse: bool | None = None
    ul: bool | None = None
    em: bool | None = None
    color: Color | None = None
    x: Short | None = None
    y: Short | None = None
    align: Align | None = None
    rotate: bool | None = None
    linespc: Byte | None = None


class Feed(Element, frozen=True):
    unit: Byte | None = None
    line: Byte | None = None
    linespc: Byte | None = None
    pos: Literal["peeling", "cutting", "current_tof", "next_tof"] | None = None


class Image(Element, frozen=True):
    """Base64 of rows of whole bytes, the leftmost dot highest: a bit each, 1 black; or four ("gray16"), 15 white."""

    width: Dots
    height: Dots
    color: Color | None = None
    mode: Literal["mono", "gray16"] = "mono"
    align: Align | None = None
    brightness: Annotated[float, msgspec.Meta(ge=0.1, le=10.0)] = 1.0


class Logo(Element, frozen=True):
    key1: Byte
    key2: Byte
    align: Align | None = None


BarcodeType = Literal[
    "upc_a",
    "upc_e",
    "ean13",
    "jan13",
    "ean8",
    "jan8",
    "code39",
    "itf",
    "codabar",
    "code93",
    "code128",
    "gs1_128",
    "gs1_databar_omnidirectional",
    "gs1_databar_truncated",
    "gs1_databar_limited",
    "gs1_databar_expanded",
]


class Barcode(Element, frozen=True):
    type: BarcodeType
    hri: Literal["none", "above", "below", "both"] = "none"
    font: Font | None = None
    width: Annotated[int, msgspec.Meta(ge=1, le=6)] = 3
    height: Annotated[int, msgspec.Meta(ge=1, le=255)] = 162
    align: Align | None = None
    rotate: bool | None = None


SymbolType = Literal[
    "pdf417_standard",
    "pdf417_truncated",
    "qrcode_model_1",
    "qrcode_model_2",
    "qrcode_micro",
    "maxicode_mode_2",
    "maxicode_mode_3",
    "maxicode_mode_4",
    "maxicode_mode_5",
    "maxicode_mode_6",
    "gs1_databar_stacked",
    "gs1_databar_stacked_omnidirectional",
    "gs1_databar_expanded_stacked",
    "azteccode_fullrange",
    "azteccode_compact",
    "datamatrix_square",
    "datamatrix_rectangle_8",
    "datamatrix_rectangle_12",
    "datamatrix_rectangle_16",
]
Level = Literal[
    "level_0",
    "level_1",
    "level_2",
    "level_3",
    "level_4",
    "level_5",
    "level_6",
    "level_7",
    "level_8",
    "level_l",
    "level_m",
    "level_q",
    "level_h",
    "default",
]


class Symbol(Element, frozen=True):
    type: SymbolType
    level: Byte | Level = "default"
    width: Byte | None = None
    height: Byte | None = None
    size: Short = 0
    align: Align | None = None
    rotate: bool | None = None


class Hline(Element, frozen=True):
    x1: Short
    x2: Short
    style: Rule = "thin"


class Vline(Element, frozen=True):
    x: Short
    style: Rule = "thin"


class Cut(Element, frozen=True):
    type: Literal["no_feed", "feed", "reserve"] = "feed"


class Pulse(Element, frozen=True):
    drawer: Literal["drawer_1", "drawer_2"] = "drawer_1"
    time: Literal["pulse_100", "pulse_200", "pulse_300", "pulse_400", "pulse_500"] = "pulse_100"


class Sound(Element, frozen=True):
    pattern: Literal[
        "none",
        "pattern_0",
        "pattern_1",
        "pattern_2",
        "pattern_3",
        "pattern_4",
        "pattern_5",
        "pattern_6",
        "pattern_7",
        "pattern_8",
        "pattern_9",
        "pattern_10",
        "pattern_a",
        "pattern_b",
        "pattern_c",
        "pattern_d",
        "pattern_e",
        "error",
        "paper_end",
    ] = "pattern_a"
    repeat: Byte = 1
    cycle: Short = 1000


class Command(Element, frozen=True):
    """ESC/POS as hexadecimal digits."""


class Layout(Element, frozen=True):
    type: Literal["receipt", "receipt_bm", "label", "label_bm"] = "receipt"
    width: Short | None = None
    height: Short | None = None
    margin_top: SignedShort | None = None
    margin_bottom: SignedShort | None = None
    offset_cut: SignedShort | None = None
    offset_label: SignedShort | None = None


class Recovery(Element, frozen=True):
    """Goes on after an error. This till's driver does so by itself, before the next job."""


class Reset(Element, frozen=True):
    """Back to how a printer starts. Every job here starts so."""


ELEMENTS: Mapping[str, type[Element]] = {
    "text": Text,
    "feed": Feed,
    "image": Image,
    "logo": Logo,
    "barcode": Barcode,
    "symbol": Symbol,
    "hline": Hline,
    "vline-begin": Vline,
    "vline-end": Vline,
    "cut": Cut,
    "pulse": Pulse,
    "sound": Sound,
    "command": Command,
    "layout": Layout,
    "recovery": Recovery,
    "reset": Reset,
}
NOT_PRINTED_HERE = frozenset(
    ("page", "area", "direction", "position", "line", "rectangle", "rotate-begin", "rotate-end")
)
"""Page mode lays out what stands anywhere on an area of paper: with printers of other makers no two agree about it."""
_WITH_CONTENT = (Text, Image, Barcode, Symbol, Command)


class Item(NamedTuple):
    """One element and its text: what is printed in the order of the request."""

    element: Element
    content: str = ""


def item(name: str, attributes: dict[str, str], content: str) -> Item:
    """The element of that name. Raises SchemaError."""
    if name in NOT_PRINTED_HERE:
        raise SchemaError(f"<{name}> is page mode, which is not printed here")
    kind = ELEMENTS.get(name)
    if kind is None:
        raise SchemaError("an element that ePOS-Print does not have")
    try:
        element = msgspec.convert({key: value.strip() for key, value in attributes.items()}, kind, strict=False)
    except msgspec.ValidationError as error:
        raise SchemaError(f"<{name}>: {error}") from None
    if not isinstance(element, _WITH_CONTENT):
        if content.strip():
            raise SchemaError(f"<{name}> holds text, which it has no place for")
        content = ""
    return Item(element, content)
