"""The elements of a request as the bytes of this till's printer.

An Epson prints ePOS-Print as a stream: text goes on in its line until a line ends, and an attribute holds until another is
given. So lines are gathered here, and what one holds is encoded together: every script comes out, by `drivers.escpos.text`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from drivers.document import Buzz, Cut, Document, cells, display_columns
from drivers.document import Text as Line
from drivers.escpos import RESET, Profile, encode
from drivers.escpos.encoding import ALIGN, BOLD, INVERTED, PAIRS_UNDERLINED, SIZE, UNDERLINED
from drivers.escpos.pictures import print_stored
from drivers.escpos.text import KANJI_OFF, encode_texts
from pos_plugin.ways_in.epos import elements
from pos_plugin.ways_in.epos.codes import barcode_bytes, symbol_bytes
from pos_plugin.ways_in.epos.elements import Item, SchemaError

if TYPE_CHECKING:
    from PIL import Image

_ALIGNMENTS = {"left": 0, "center": 1, "right": 2}
_FONTS = {"font_a": 0, "font_b": 1, "font_c": 2, "font_d": 3, "font_e": 4, "special_a": 97, "special_b": 98}
_FONT_B_DOTS = 9
_LINE_DOTS = 30
_TAB_COLUMNS = 8
_HEADS_DOTS = (384, 512, 576)  # of print heads for paper of 58 mm and, with 180 and 203 dots an inch, of 80 mm
MOST_LINES = 3_000
"""Twelve metres of paper: no receipt is so long, and a till that goes mad prints no more."""
MOST_CODES = 100


class _Look(msgspec.Struct, frozen=True):
    """How letters look; as a printer starts."""

    bold: bool = False
    underlined: bool = False
    inverted: bool = False
    width: int = 1
    height: int = 1
    font: str = "font_a"
    smooth: bool = False


class _Ground(msgspec.Struct, frozen=True):
    """What a printer takes up at the beginning of a line only."""

    align: str = "left"
    upside_down: bool = False
    line_dots: int | None = None  # as the printer starts


def encoded(items: Sequence[Item], profile: Profile, width_columns: int) -> bytes:
    """Starts from a reset printer and leaves it in the plain style. Raises SchemaError for what no printer could print."""
    paper = _Paper(profile, width_columns)
    for item in items:
        paper.put(item)
    return paper.done()


class _Paper:
    def __init__(self, profile: Profile, width_columns: int) -> None:
        self._profile = profile
        # Within a line of several parts nothing may take the whole line: dots stand among the letters, or a stand-in does.
        self._in_line = msgspec.structs.replace(profile, has_raster=False)
        self._columns = width_columns
        self._room_dots = room = profile.room_dots(width_columns)
        is_known = profile.width_dots and width_columns == profile.width_columns
        # Letters leave the edge of a head free (42 columns have 504 dots of its 512), pictures of web tills do not.
        self._picture_dots = room if is_known else next((head for head in _HEADS_DOTS if head >= room), room)
        self._out = [RESET, KANJI_OFF]
        self._look, self._wanted_look = _Look(), _Look()
        self._ground, self._wanted_ground = _Ground(), _Ground()
        self._is_shown = True
        self._lines = self._codes = self._columns_used = 0
        self._line: list[
            tuple[_Look, str] | bytes
        ] = []  # parts of the line that has not ended: letters, or where they go on

    def put(self, item: Item) -> None:
        match item.element:
            case elements.Text() as text:
                self._text(text, item.content)
            case elements.Feed() as feed:
                self._feed(feed)
            case elements.Image() as image:
                from pos_plugin.ways_in.epos.images import narrowed, picture_of

                self._set_ground(align=image.align)
                self._print_picture(narrowed(picture_of(image, item.content), self._picture_dots))
            case elements.Logo() as logo:
                self._set_ground(align=logo.align)
                if (
                    self._profile.has_stored_pictures
                    and 32 <= min(logo.key1, logo.key2) <= max(logo.key1, logo.key2) < 127
                ):
                    self._alone(print_stored(bytes([logo.key1, logo.key2])))
            case elements.Barcode() | elements.Symbol() as code:
                self._code(code, item.content)
            case elements.Hline() as hline if self._profile.can_draw:
                from pos_plugin.ways_in.epos.images import rule

                self._print_picture(rule(hline, self._picture_dots))
            case elements.Cut() as cut:
                self._alone(b"\x1dV\x01" if cut.type == "no_feed" and self._cuts else self._block(Cut()))
            case elements.Pulse() as pulse:
                on_ms = int(pulse.time.removeprefix("pulse_"))  # ESC p takes units of 2 ms
                self._out.append(b"\x1bp" + bytes([pulse.drawer == "drawer_2", on_ms // 2, 250]))
            case elements.Sound() as sound if sound.pattern != "none":
                self._out.append(self._block(Buzz(sound.repeat)))
            case elements.Command():
                self._command(item.content)
            case _:
                pass  # labels, vertical lines, recovery: nothing of it is on a receipt

    def done(self) -> bytes:
        if self._line:
            self._end_line()
        self._out.append(self._look_bytes(_Look()))
        self._out.append(self._ground_bytes(_Ground()))
        return b"".join(self._out)

    # -- text

    def _text(self, text: elements.Text, content: str) -> None:
        self._wanted_look = self._look_after(text)
        self._set_ground(text.align, text.rotate, text.linespc)
        if text.color is not None:
            self._is_shown = text.color != "none"
        if text.x is not None:
            # Beyond the paper is nothing to print; and 1040 would be 10h 04h, which asks a printer how it is.
            self._line.append(b"\x1b$" + min(text.x, self._picture_dots).to_bytes(2, "little"))
        lines = content.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        for number, part in enumerate(lines):
            if number:
                self._end_line()
            if part and self._is_shown:
                self._add(self._without_tabs(part))

    def _add(self, part: str) -> None:
        self._columns_used += display_columns(part)
        last = self._line[-1] if self._line else b""
        if not isinstance(last, bytes) and last[0] == self._wanted_look:
            self._line[-1] = (last[0], last[1] + part)
        else:
            self._line.append((self._wanted_look, part))

    def _look_after(self, text: elements.Text) -> _Look:
        given: dict[str, Any] = {
            "bold": text.em,
            "underlined": text.ul,
            "inverted": text.reverse,
            "width": text.width or (None if text.dw is None else 2 if text.dw else 1),
            "height": text.height or (None if text.dh is None else 2 if text.dh else 1),
            "font": text.font,
            "smooth": text.smooth,
        }
        return msgspec.structs.replace(
            self._wanted_look, **{key: value for key, value in given.items() if value is not None}
        )

    def _set_ground(
        self, align: str | None = None, upside_down: bool | None = None, line_dots: int | None = None
    ) -> None:
        given: dict[str, Any] = {"align": align, "upside_down": upside_down, "line_dots": line_dots}
        given = {key: value for key, value in given.items() if value is not None}
        if given:
            self._wanted_ground = msgspec.structs.replace(self._wanted_ground, **given)

    def _without_tabs(self, part: str) -> str:
        if "\t" not in part:
            return part
        before = self._columns_used % _TAB_COLUMNS
        return (" " * before + part).expandtabs(_TAB_COLUMNS)[before:]

    def _end_line(self) -> None:
        line, self._line = self._line, []
        self._columns_used = 0
        self._count_lines(1)
        self._take_ground()
        if not line:
            self._out.append(b"\n")
            return
        if len(line) == 1 and not isinstance(line[0], bytes):
            look, text = line[0]
            self._out.append(self._look_bytes(look))
            self._out += encode_texts([_as_line(look, part) for part in self._wrapped(look, text)], self._profile)
            return
        parts = [one for one in line if not isinstance(one, bytes)]
        # Sized dots would take the whole line; in their own size they stand within it.
        made = iter(
            encode_texts(
                [_as_line(msgspec.structs.replace(look, width=1), text) for look, text in parts], self._in_line
            )
        )
        for one in line:
            if isinstance(one, bytes):
                self._out.append(one)
            else:
                self._out += [self._look_bytes(one[0]), next(made).removesuffix(b"\n")]
        self._out += [b"\n", *made]  # what is left of the texts ends their last mode

    def _count_lines(self, lines: int) -> None:
        self._lines += lines
        if self._lines > MOST_LINES:
            raise SchemaError(f"more than {MOST_LINES:,} lines")

    def _wrapped(self, look: _Look, text: str) -> list[str]:
        """As the printer breaks a line that is too long; by itself it does so with letters, and not with a picture of some."""
        font_dots = self._profile.column_dots if look.font == "font_a" else _FONT_B_DOTS
        room = max(self._room_dots // (font_dots * look.width), 1)
        if text.isascii() or display_columns(text) <= room:
            return [text]
        lines, used = [""], 0
        for cell, columns in cells(text):
            if used + columns > room:
                lines.append("")
                used = 0
            lines[-1] += cell
            used += columns
        return lines

    # -- what stands in no line of text

    def _feed(self, feed: elements.Feed) -> None:
        self._set_ground(line_dots=feed.linespc)
        if feed.unit is not None:
            dots = feed.unit
            if self._line:
                line_dots = self._wanted_ground.line_dots
                dots = max(dots - (_LINE_DOTS if line_dots is None else line_dots), 0)
                self._end_line()
            self._count_lines(dots // _LINE_DOTS)
            self._out.append(b"\x1bJ" + bytes([dots]) if dots else b"")
        elif feed.line is not None or feed.pos is None:
            for _ in range(1 if feed.line is None else feed.line):
                self._end_line()

    def _alone(self, data: bytes) -> None:
        """What is printed, or cut, at the beginning of a line."""
        if self._line:
            self._end_line()
        self._count_lines(1)
        self._take_ground()
        self._out.append(data)

    def _code(self, block: elements.Barcode | elements.Symbol, content: str) -> None:
        self._codes += 1
        if self._codes > MOST_CODES:
            raise SchemaError(f"more than {MOST_CODES} codes")
        self._set_ground(align=block.align, upside_down=block.rotate)
        if isinstance(block, elements.Barcode):
            data = barcode_bytes(block, content, self._profile, self._room_dots)
        else:
            data = symbol_bytes(block, content, self._profile, self._room_dots)
        if data is not None:
            self._alone(data)
            return
        if self._line:
            self._end_line()
        self._line.append((_Look(), " ".join(content.split())))
        self._end_line()

    def _print_picture(self, picture: Image.Image) -> None:
        from drivers.escpos.raster import raster

        if self._profile.has_raster:
            self._alone(raster(picture))
        elif self._profile.has_column_image:
            self._in_bands(picture)
        else:
            raise SchemaError("a picture, which this printer cannot print")

    def _in_bands(self, picture: Image.Image) -> None:
        """ESC * for printers without GS v 0: bands of 24 dots, and no paper between them."""
        from drivers.escpos.raster import column_image

        line_dots = self._wanted_ground.line_dots
        self._set_ground(line_dots=24)
        self._alone(b"")
        for top in range(0, picture.height, 24):
            self._out.append(column_image(picture.crop((0, top, picture.width, top + 24))) + b"\n")
        self._wanted_ground = msgspec.structs.replace(self._wanted_ground, line_dots=line_dots)

    def _command(self, content: str) -> None:
        try:
            data = bytes.fromhex(content)
        except ValueError:
            raise SchemaError("<command> holds no hexadecimal digits") from None
        if self._line:
            # It may say how the rest of the line looks.
            self._line.append(data)
        else:
            self._take_ground()
            self._out.append(data)

    @property
    def _cuts(self) -> bool:
        return self._profile.has_cutter and self._profile.cut != "none"

    def _block(self, block: Cut | Buzz) -> bytes:
        return encode(Document(self._columns, (block,)), self._profile).removeprefix(RESET + KANJI_OFF)

    # -- what the printer is told of what changes

    def _take_ground(self) -> None:
        self._out.append(self._ground_bytes(self._wanted_ground))

    def _ground_bytes(self, to: _Ground) -> bytes:
        now, self._ground = self._ground, to
        out = b""
        if to.align != now.align:
            out += ALIGN + bytes([_ALIGNMENTS[to.align]])
        if to.upside_down != now.upside_down:
            out += b"\x1b{" + bytes([to.upside_down])
        if to.line_dots != now.line_dots:
            out += b"\x1b2" if to.line_dots is None else b"\x1b3" + bytes([to.line_dots])
        return out

    def _look_bytes(self, to: _Look) -> bytes:
        now, self._look = self._look, to
        out = b""
        if to.font != now.font:
            out += b"\x1bM" + bytes([_FONTS[to.font]])
        if to.bold != now.bold:
            out += BOLD + bytes([to.bold])
        if (to.width, to.height) != (now.width, now.height):
            out += SIZE + bytes([(to.width - 1) << 4 | (to.height - 1)])
        if to.inverted != now.inverted:
            out += INVERTED + bytes([to.inverted])
        if to.underlined != now.underlined:
            out += UNDERLINED + bytes([to.underlined])
            if self._profile.ideographs:
                out += PAIRS_UNDERLINED + bytes([to.underlined])
        if to.smooth != now.smooth:
            out += b"\x1db" + bytes([to.smooth])
        return out


def _as_line(look: _Look, text: str) -> Line:
    is_double = look.width > 1 and look.height > 1
    return Line(text, look.bold, is_double, "left", look.inverted, look.underlined)
