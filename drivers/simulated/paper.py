"""What the print head does: commands become printed pieces.

`Paper` composes lines from characters and pictures, in the `modes` that the commands set, and prints them; in page mode it
puts them on a `page` instead. What has been printed is a list of `pieces`; how they look is left to `drawing`. What a
command asks (the size of a code, the capacity of the memory) is left in `answers`. It knows no wire and no fault.

Layout follows Epson's ESC/POS command reference for a printer of 203 dots an inch: font A 12 × 24 dots, font B 9 × 17, line
spacing 30 dots, one motion unit a dot. Macros, two-byte characters of the host's own and colours are not executed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from drivers.escpos.parser import BEMATECH_QR, Command, Item, Text
from drivers.simulated.bar_codes import NAMES as BAR_CODE_NAMES
from drivers.simulated.bar_codes import bar_widths
from drivers.simulated.graphics import Graphics, Outcome, bit_image, by_columns, raster_image
from drivers.simulated.modes import AT_LINE_START, COMMANDS, Modes, u16
from drivers.simulated.page import PageMode
from drivers.simulated.pieces import (
    FONT_A,
    BarCode,
    Characters,
    Code,
    Dots,
    Feed,
    Frame,
    Line,
    Pdf417,
    Picture,
    Printed,
    Qr,
    Style,
)
from drivers.simulated.symbols import NAMES as SYMBOL_NAMES
from drivers.simulated.symbols import PDF417, QR, Symbols, size_answer
from drivers.simulated.text import COMMANDS as TEXT_COMMANDS
from drivers.simulated.text import Glyph, TextDecoder, TwoByte

LARGEST_PIECE_BYTES: Final = 16 * 1024 * 1024  # of dots: thirty metres of paper
_MOST_PARTS: Final = 1000  # of one line: a client that only ever overprints gets its line printed


class Paper:
    """The print head over paper `width_dots` wide: 576 for 80 mm, 384 for 58 mm, at 203 dpi.

    `printer` names the printer of the database whose code pages it has; `two_byte` is the script it is sold for.
    """

    def __init__(self, width_dots: int, *, dpi: int = 203, printer: str = "default", two_byte: TwoByte = "") -> None:
        if width_dots < FONT_A[0]:
            raise ValueError("paper is at least one character wide")
        self.width_dots = width_dots
        self.printed: list[Printed] = []
        self.answers: list[bytes] = []
        self.kept_bytes = 0  # of the dots that are printed, or composed, and not torn off
        self._modes = Modes(width_dots, dpi)
        self._text = TextDecoder(printer, two_byte)
        self._graphics = Graphics()
        self.reset()

    def reset(self) -> None:
        """ESC @: standard modes, and the line or page being composed is lost. What is printed stays, and what is in flash."""
        self._modes.reset()
        self._text.reset()
        self._graphics.reset()
        self._symbols = Symbols()
        self._page: PageMode | None = None
        self.abandon_line()

    @property
    def line_is_open(self) -> bool:
        """Something waits for the command that prints it."""
        return bool(self._parts) or bool(self._page and not self._page.is_empty)

    @property
    def is_in_page_mode(self) -> bool:
        return self._page is not None

    def execute(self, item: Item) -> int:
        """Does what the command says and returns how many lines that printed; a picture, a code or a page counts as one."""
        before = len(self.printed)
        if isinstance(item, Text):
            self._characters(item.data)
        elif isinstance(item, Command):
            self._text.forget_half()
            self._command(item.name, item.parameters)
        if len(self.printed) == before:
            return 0
        return sum(not isinstance(printed, Feed) for printed in self.printed[before:])

    def abandon_line(self) -> None:
        """Forgets what is composed and not printed."""
        self._parts: list[Characters | Dots] = []
        self._x = 0
        if self._page:
            self._page.clear()

    def tear(self) -> tuple[Printed, ...]:
        """Takes away what has been printed so far."""
        printed = tuple(self.printed)
        self.printed.clear()
        self.kept_bytes = 0
        return printed

    def _command(self, name: str, parameters: bytes) -> None:
        if set_mode := COMMANDS.get(name):
            if self._page or name not in AT_LINE_START or not self._parts:
                set_mode(self._modes, parameters)
        elif self._page and (on_page := _ON_PAGE.get(name)):
            on_page(self, parameters)
        elif action := _ACTIONS.get(name):
            action(self, parameters)
        elif choose := TEXT_COMMANDS.get(name):
            choose(self._text, parameters)

    # text

    def _characters(self, data: bytes) -> None:
        for run in self._text.read(data):
            if isinstance(run, Glyph):
                self._add_glyph(run)
            else:
                self._add_text(run.text, self._modes.wide_style if run.is_wide else self._modes.style)

    def _add_text(self, text: str, style: Style) -> None:
        column = style.column_dots
        while text:
            room = (self._room - self._position) // column
            if style.columns(text) <= room:
                break
            head = _first_columns(text, room, style)
            if head:
                self._add(Characters(self._position, head, style))
            elif not self._position:  # not one column fits: print it clipped, as there is nowhere else
                break
            self._line_feed(b"")
            text = text[len(head) :]
        if text:
            self._add(Characters(self._position, text, style))

    def _add_glyph(self, glyph: Glyph) -> None:
        style = self._modes.style
        dots = by_columns(glyph.columns, glyph.width, glyph.column_bytes)
        advance = max(style.column_dots, glyph.width * style.width)
        if self._position and self._position + advance > self._room:
            self._line_feed(b"")
        start = self._position
        if dots:
            height = min(dots.height, style.cell[1])
            rows = dots.rows[: (dots.width + 7) // 8 * height]
            self._add(Dots(start, dots.width, height, rows, (style.width, style.height)))
        self._position = start + advance

    @property
    def _position(self) -> int:
        return self._page.x if self._page else self._x

    @_position.setter
    def _position(self, dots: int) -> None:
        if self._page:
            self._page.x = dots
        else:
            self._x = dots

    @property
    def _room(self) -> int:
        return self._page.line_dots if self._page else self._modes.area.width

    def _add(self, part: Characters | Dots) -> None:
        if isinstance(part, Dots) and not self._is_kept(part):
            return
        if self._page:
            self._page.place(part, (part.width_dots, part.height_dots))
            return
        self._parts.append(part)
        self._x = part.x + part.width_dots
        if len(self._parts) >= _MOST_PARTS:
            self._line_feed(b"")

    # feeding

    def _line_feed(self, _: bytes) -> None:
        if self._page:
            self._page.feed(self._modes.line_spacing)
        else:
            self._print_line(self._modes.line_spacing)

    def _print_line(self, feed_dots: int) -> None:
        tallest = max((part.height_dots for part in self._parts), default=0)
        self.printed.append(Line(tuple(self._parts), self._modes.area, max(feed_dots, tallest)))
        self._parts = []
        self._x = 0

    def _feed(self, dots: int) -> None:
        if self._page:
            self._page.feed(dots)
        elif self._parts:
            self._print_line(dots)
        elif dots:
            self.printed.append(Feed(dots))

    def _feed_dots(self, parameters: bytes) -> None:
        self._feed(self._modes.down(parameters[0]))

    def _feed_lines(self, parameters: bytes) -> None:
        self._feed(parameters[0] * self._modes.line_spacing)

    def _feed_back_dots(self, parameters: bytes) -> None:
        self._feed_back(self._modes.down(parameters[0]))

    def _feed_back_lines(self, parameters: bytes) -> None:
        self._feed_back(parameters[0] * self._modes.line_spacing)

    def _feed_back(self, dots: int) -> None:
        """A printer of receipts goes back two lines at most."""
        self._end_line(b"")
        if 0 < dots <= 60:
            self.printed.append(Feed(-dots))

    def _end_line(self, _: bytes) -> None:
        if self._parts:
            self._print_line(self._modes.line_spacing)

    def _cut_feed(self, parameters: bytes) -> None:
        """GS V 65, 66, 97, 98, 103 and 104 feed first; every cut prints what was still being composed."""
        self._end_line(b"")
        if len(parameters) == 2 and parameters[1]:
            self.printed.append(Feed(self._modes.down(parameters[1])))

    # position

    def _tab(self, _: bytes) -> None:
        self._position = self._modes.next_tab(self._position)

    def _move_to(self, parameters: bytes) -> None:
        self._position = self._modes.across(u16(parameters))

    def _move_by(self, parameters: bytes) -> None:
        self._position = max(0, self._position + self._modes.across(_i16(parameters)))

    def _to_line_start(self, parameters: bytes) -> None:
        """GS T: 0 forgets what the line holds, 1 prints it."""
        if parameters[0] % 48 == 1:
            self._end_line(b"")
        elif not self._page:
            self.abandon_line()

    # pictures

    def _bit_image(self, parameters: bytes) -> None:
        """ESC *: set into the line like a character."""
        if picture := bit_image(self._position, parameters):
            self._add(picture.cropped(self.width_dots))

    def _raster(self, parameters: bytes) -> None:
        self._print_dots(raster_image(parameters[0], u16(parameters[1:3]), u16(parameters[3:5]), parameters[5:]))

    def _columns(self, parameters: bytes) -> None:
        """GS Q 0 m xL xH yL yH: columns of y bytes."""
        picture = by_columns(parameters[5:], u16(parameters[1:3]), u16(parameters[3:5]))
        mode = parameters[0]
        self._print_dots(picture._replace(scale=(1 + (mode & 1), 1 + (mode >> 1 & 1))) if picture else None)

    def _stored_image(self, parameters: bytes) -> None:
        self._print_dots(self._graphics.stored_image(parameters))

    def _downloaded_image(self, parameters: bytes) -> None:
        self._print_dots(self._graphics.downloaded_image(parameters))

    def _graphics_u16(self, parameters: bytes) -> None:
        self._graphics_command(parameters[2:])

    def _graphics_u32(self, parameters: bytes) -> None:
        self._graphics_command(parameters[4:])

    def _graphics_command(self, parameters: bytes) -> None:
        self._graphics_outcome(self._graphics.command(parameters))

    def _next_block(self, _: bytes) -> None:
        self._graphics_outcome(self._graphics.next_block())

    def _graphics_outcome(self, outcome: Outcome) -> None:
        picture, answer = outcome
        self._print_dots(picture)
        if answer:
            self.answers.append(answer)

    def _print_dots(self, picture: Dots | None) -> None:
        if picture is None:
            return
        picture = picture.cropped(self.width_dots)
        if not self._is_kept(picture):
            return
        if self._page:
            self._page.place(picture, (picture.width_dots, picture.height_dots))
        else:
            self._end_line(b"")
            self.printed.append(Picture(picture, self._modes.area))

    def _is_kept(self, dots: Dots) -> bool:
        """A client that never cuts must not fill the memory; whoever owns the paper tears it off at `LARGEST_PIECE_BYTES`."""
        if self.kept_bytes > LARGEST_PIECE_BYTES:
            return False
        self.kept_bytes += len(dots.rows)
        return True

    # codes

    def _symbol(self, parameters: bytes) -> None:
        """GS ( k, after its length: which code, which function; 81 prints, 82 asks how large that would be."""
        if len(parameters) < 4:
            return
        code, function = parameters[2], parameters[3]
        if function == 81:
            if self._symbols.data(code):
                self._print_code(self._stored_symbol(code))
        elif function == 82:
            if self._symbols.data(code) and code in (QR, PDF417):
                size = self._stored_symbol(code).size_dots
                self.answers.append(size_answer(code, size, size[0] <= self._modes.area.width))
        else:
            self._symbols.set(code, function, parameters[4:])

    def _stored_symbol(self, code: int) -> Code:
        symbols, area = self._symbols, self._modes.area
        data = symbols.data(code)
        if code == QR:
            return Qr(data, symbols.qr_module, symbols.qr_level, symbols.qr_is_micro, area)
        if code == PDF417:
            shape = (symbols.columns, symbols.rows, symbols.module, symbols.row_modules)
            return Pdf417(data, *shape, symbols.level, symbols.is_truncated, area)
        return Frame(SYMBOL_NAMES.get(code, f"code {code}"), data, area)

    def _bar_code(self, parameters: bytes) -> None:
        symbology, data = parameters[0], parameters[2:]
        if symbology == BEMATECH_QR:
            self._print_code(Qr(parameters[7:], self._symbols.qr_module, "M", False, self._modes.area))
            return
        if symbology <= 6:
            symbology, data = symbology + 65, parameters[1:].rstrip(b"\0")
        modes = self._modes
        shape = (modes.bar_module, modes.bar_height, modes.bar_text, modes.bar_font)
        if bar_widths(symbology, data) is None:
            self._print_code(Frame(BAR_CODE_NAMES[symbology], data, modes.area))
        else:
            self._print_code(BarCode(symbology, data, *shape, modes.area))

    def _clones_2d_code(self, parameters: bytes) -> None:
        """ESC Z version level module dL dH and data, as printers of Chinese makers have it; GS Z has said which code."""
        level, module, data = chr(parameters[1]), parameters[2], parameters[5:]
        if level in "LMQH" and data:
            self._print_code(Qr(data, min(max(module, 1), 16), level, False, self._modes.area))
        elif data:
            self._print_code(Frame("2D code", data, self._modes.area))

    def _print_code(self, code: Code) -> None:
        if self._page:
            self._page.place(code, code.size_dots)
        else:
            self._end_line(b"")
            self.printed.append(code)

    # page mode

    def _enter_page(self, _: bytes) -> None:
        """ESC L, at the beginning of a line only."""
        if not self._parts:
            self._page = PageMode(self.width_dots)

    def _leave_page(self, _: bytes) -> None:
        self._page = None

    def _print_page(self, _: bytes) -> None:
        """ESC FF: the page stays, and may be printed again."""
        if self._page and (page := self._page.printed()):
            self.printed.append(page)

    def _print_page_and_leave(self, _: bytes) -> None:
        self._print_page(b"")
        self._page = None

    def _clear_page(self, _: bytes) -> None:
        if self._page:
            self._page.clear()

    def _set_page_area(self, parameters: bytes) -> None:
        if self._page:
            self._page.set_area(parameters)

    def _set_page_direction(self, parameters: bytes) -> None:
        if self._page:
            self._page.set_direction(parameters)

    def _page_down_to(self, parameters: bytes) -> None:
        if self._page:
            self._page.move_to_y(self._modes.down(u16(parameters)))

    def _page_down_by(self, parameters: bytes) -> None:
        if self._page:
            self._page.move_by_y(self._modes.down(_i16(parameters)))


_ACTIONS: Final[dict[str, Callable[[Paper, bytes], None]]] = {
    "LF": Paper._line_feed,
    "FF": Paper._end_line,
    "HT": Paper._tab,
    "ESC @": lambda paper, _: paper.reset(),
    "ESC J": Paper._feed_dots,
    "ESC d": Paper._feed_lines,
    "ESC K": Paper._feed_back_dots,
    "ESC e": Paper._feed_back_lines,
    "GS V": Paper._cut_feed,
    "ESC i": Paper._cut_feed,
    "ESC m": Paper._cut_feed,
    "ESC $": Paper._move_to,
    "ESC \\": Paper._move_by,
    "GS T": Paper._to_line_start,
    "ESC *": Paper._bit_image,
    "GS v 0": Paper._raster,
    "GS Q 0": Paper._columns,
    "FS q": lambda paper, parameters: paper._graphics.store_images(parameters),
    "FS p": Paper._stored_image,
    "GS *": lambda paper, parameters: paper._graphics.download_image(parameters),
    "GS /": Paper._downloaded_image,
    "GS ( L": Paper._graphics_u16,
    "GS 8 L": Paper._graphics_u32,
    "ACK": Paper._next_block,
    "GS ( k": Paper._symbol,
    "GS k": Paper._bar_code,
    "ESC Z": Paper._clones_2d_code,
    "ESC L": Paper._enter_page,
}
# What only page mode knows, or takes for something else.
_ON_PAGE: Final[dict[str, Callable[[Paper, bytes], None]]] = {
    "FF": Paper._print_page_and_leave,
    "ESC FF": Paper._print_page,
    "ESC S": Paper._leave_page,
    "CAN": Paper._clear_page,
    "ESC W": Paper._set_page_area,
    "ESC T": Paper._set_page_direction,
    "GS $": Paper._page_down_to,
    "GS \\": Paper._page_down_by,
    "ESC L": lambda paper, _: None,
}


def _i16(two_bytes: bytes) -> int:
    return int.from_bytes(two_bytes, "little", signed=True)


def _first_columns(text: str, columns: int, style: Style) -> str:
    used = 0
    for index, character in enumerate(text):
        used += style.columns(character)
        if used > columns:
            return text[:index]
    return text
