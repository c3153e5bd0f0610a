"""What the print head puts on paper: text in every script, pages, pictures that are kept, codes that a camera reads."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pytest
import zxingcpp
from PIL import Image

from drivers.escpos.parser import Parser
from drivers.simulated.drawing import MARGIN_DOTS
from drivers.simulated.graphics import DOWNLOAD_BYTES, NV_BYTES
from drivers.simulated.paper import Paper
from drivers.simulated.pieces import BarCode, Characters, Dots, Feed, Frame, Line, Page, Picture, Printed, advance_dots
from drivers.simulated.printer import PrintedReceipt
from drivers.simulated.text import TwoByte

WIDTH = 576
BLOCK = bytes([0xFF]) * 8  # 8 × 8 black dots, as rows and as columns


def head(*commands: bytes, two_byte: TwoByte = "", printer: str = "default") -> Paper:
    paper, parser = Paper(WIDTH, two_byte=two_byte, printer=printer), Parser()
    parser.feed(b"".join(commands))
    for item in parser:
        paper.execute(item)
    return paper


def receipt(*commands: bytes, two_byte: TwoByte = "", printer: str = "default") -> PrintedReceipt:
    printed = head(*commands, two_byte=two_byte, printer=printer).tear()
    return PrintedReceipt(WIDTH, printed, was_cut=True, printed_at_s=0)


def picture(*commands: bytes, **options: TwoByte) -> Image.Image:
    return Image.open(io.BytesIO(receipt(*commands, **options).png())).convert("L")


def codes(*commands: bytes) -> list[tuple[str, bytes]]:
    return [(code.format.name, code.bytes) for code in zxingcpp.read_barcodes(picture(*commands))]


def black(image: Image.Image) -> tuple[int, int, int, int] | None:
    """Where anything is printed: left, top, right, bottom in dots of the paper."""
    found = image.point(lambda level: 255 if level < 128 else 0).crop(
        (MARGIN_DOTS, MARGIN_DOTS, MARGIN_DOTS + WIDTH, image.height - MARGIN_DOTS - 12)
    )
    return found.getbbox()


def u16(number: int) -> bytes:
    return number.to_bytes(2, "little")


# text


TEXTS: list[tuple[TwoByte, str, bytes, list[str]]] = [
    ("", "default", b"\x1bR\x0c#@[~\n", ["#á¡ú"]),  # the international set of Latin America
    ("", "default", b"\x1bR\x02\x1bt\x10[\xdf]\n", ["ÄßÜ"]),  # replaces ASCII alone
    ("", "default", b"\x1bR\x63[\n", ["["]),  # no such set
    ("", "default", b"\x1bt\x01\xb1\x9c\n", ["ｱ╭"]),  # Katakana, and the lines of a table
    ("", "default", b"\x1bt\x0d\xd5\n", ["€"]),  # where IBM's code page 857 has nothing
    ("", "default", b"\x1bt\x1e\xb8\n", ["á"]),  # Vietnamese, from the database's own table
    ("", "NT-5890K", b"\x1bt\x48\xa3\n", ["Ł"]),  # this printer has Windows-1250 as page 72
    ("", "default", b"\x1c&\xc4\xe3\n", ["─π"]),  # a printer without two-byte characters takes no pairs
    ("gb18030", "default", b"\xc4\xe3\xba\xc3 A\n", ["你好 A"]),
    ("gb18030", "default", b"\x1c.\x82\xc4\n", ["é─"]),
    ("gb18030", "default", b"\x1c.\x1c&\xc4\xe3\n", ["你"]),
    ("gb18030", "default", b"\xc4\n\xe3\xba\n", ["", "愫"]),  # half a character is lost with the command behind it
    ("big5", "default", b"\xa7\x41\n", ["你"]),
    ("euc-kr", "default", b"\xb0\xa1\n", ["가"]),
    ("shift_jis", "default", b"\x1cC\x01\x93\xfa\x96{ \xb1A\n", ["日本 ｱA"]),
    ("shift_jis", "default", b"\x1c&\x46\x7c\x4b\x5c\x1c.A\n", ["日本A"]),  # JIS: pairs of seven bits
    ("shift_jis", "default", b"\x82\n", ["é"]),  # off until asked for
    ("", "default", b"\x1c(C\x02\x0002\xe6\x97\xa5\xc3\xa9\x1c(C\x02\x0001\x82\n", ["日éé"]),
]


@pytest.mark.parametrize(("two_byte", "printer", "stream", "lines"), TEXTS, ids=[repr(text[2]) for text in TEXTS])
def test_bytes_become_the_characters_of_the_printers_script(
    two_byte: TwoByte, printer: str, stream: bytes, lines: list[str]
) -> None:
    assert receipt(stream, two_byte=two_byte, printer=printer).lines == lines


def test_a_character_split_between_two_runs_of_text_is_whole() -> None:
    paper, text = Paper(WIDTH, two_byte="gb18030"), "你好" * 300
    parser = Parser()
    parser.feed(b"A" + text.encode("gb18030") + b"\n")  # the run ends after 1,024 bytes: within a character
    for item in parser:
        paper.execute(item)
    lines = PrintedReceipt(WIDTH, paper.tear(), was_cut=True, printed_at_s=0).lines
    assert "".join(lines) == "A" + text


def test_two_byte_characters_fill_cells_of_24_dots_and_half_as_many_fit() -> None:
    wide = "你" * 25
    lines = receipt(wide.encode("gb18030") + b"\n", two_byte="gb18030").lines
    assert lines == ["你" * 24, "你"]
    [line] = head(b"\xc4\xe3A\n", two_byte="gb18030").printed
    assert isinstance(line, Line)
    assert [(part.x, part.width_dots) for part in line.parts] == [(0, 24), (24, 12)]


def test_two_byte_characters_have_sizes_and_spaces_of_their_own() -> None:
    def width(*commands: bytes) -> int:
        [line] = head(*commands, b"\xc4\xe3\n", two_byte="gb18030").printed
        assert isinstance(line, Line)
        return line.parts[0].width_dots

    assert width() == 24
    assert width(b"\x1c!\x04") == width(b"\x1cW\x01") == width(b"\x1d!\x10") == 48
    assert width(b"\x1cS\x03\x02") == 29
    assert width(b"\x1b!\x20") == 24  # ESC ! is of the others alone


USER_SQUARE = b"\x1b&\x03AA\x08" + b"\xff\xff\xff" * 8


def test_the_hosts_own_characters_are_printed_until_cancelled() -> None:
    assert black(picture(USER_SQUARE, b"\x1b%\x01A\n")) == (0, 0, 8, 24)
    plain = black(picture(b"A\n"))
    assert black(picture(USER_SQUARE, b"A\n")) == plain
    assert black(picture(USER_SQUARE, b"\x1b%\x01\x1b?AA\n")) == plain
    assert black(picture(USER_SQUARE, b"\x1b@\x1b%\x01A\n")) == plain


def test_the_hosts_own_character_takes_a_cell_and_the_size_of_the_text() -> None:
    assert black(picture(USER_SQUARE, b"\x1b%\x01\x1d!\x11A\n")) == (0, 0, 16, 48)
    assert black(picture(USER_SQUARE, b"\x1b%\x01AA\n")) == (0, 0, 20, 24)
    assert black(picture(USER_SQUARE, b"\x1b%\x01\x1bM\x01A\n")) == (0, 0, 8, 17)  # as much as fits font B


def test_text_turned_a_quarter_stands_on_its_side() -> None:
    upright, turned = picture(b"L\n"), picture(b"\x1bV\x01L\n")
    box, side = black(upright), black(turned)
    assert box
    assert side
    assert (side[2] - side[0], side[3] - side[1]) == (box[3] - box[1], box[2] - box[0])


def test_an_upside_down_line_is_the_line_turned_by_half() -> None:
    def dots(image: Image.Image) -> Image.Image:
        return image.crop((MARGIN_DOTS, MARGIN_DOTS, MARGIN_DOTS + WIDTH, MARGIN_DOTS + 24))

    upright, turned = dots(picture(b"Left\n")), dots(picture(b"\x1b{\x01Left\n"))
    assert turned.rotate(180).tobytes() == upright.tobytes()


def test_modes_of_a_line_wait_for_its_beginning() -> None:
    for command in (b"\x1ba\x02", b"\x1b{\x01", b"\x1dL\x40\x00", b"\x1dW\x10\x00"):
        assert picture(b"a", command, b"b\n").tobytes() == picture(b"ab\n").tobytes()
        assert picture(command, b"ab\n").tobytes() != picture(b"ab\n").tobytes()


def test_motion_units_are_parts_of_an_inch() -> None:
    assert head(b"\x1dP\x65\x65\x1bJ\x0a").printed == [Feed(20)]
    [line] = head(b"\x1dP\x65\x65\x1b$\x0a\x00A\n").printed
    assert isinstance(line, Line)
    assert line.parts[0].x == 20
    assert head(b"\x1dP\x65\x65\x1dP\x00\x00\x1bJ\x0a").printed == [Feed(10)]


def test_paper_goes_back_two_lines_at_most() -> None:
    assert head(b"\x1be\x02").printed == [Feed(-60)]
    assert head(b"\x1bK\x3d").printed == []
    overprinted, apart = picture(b"__\n\x1be\x01||\n"), picture(b"__\n||\n")
    assert overprinted.height < apart.height


def test_lines_of_a_table_meet_at_the_edges_of_their_cells() -> None:
    image = picture(b"\x1b3\x18\xda\xc4\xbf\n\xb3 \xb3\n\xc0\xc4\xd9\n")
    assert black(image) == (5, 11, 31, 61)
    row = image.crop((MARGIN_DOTS + 5, MARGIN_DOTS + 11, MARGIN_DOTS + 31, MARGIN_DOTS + 13))
    assert row.getextrema() == (0, 0)  # without a gap from corner to corner
    column = image.crop((MARGIN_DOTS + 5, MARGIN_DOTS + 11, MARGIN_DOTS + 7, MARGIN_DOTS + 61))
    assert column.getextrema() == (0, 0)


# pictures


STORE = [
    # define, print; 8 × 8 dots
    (b"\x1d(L\x13\x000C0AB\x01\x08\x00\x08\x001" + BLOCK, b"\x1d(L\x06\x000EAB\x01\x01"),
    (b"\x1d(L\x13\x000D0AB\x01\x08\x00\x08\x001" + BLOCK, b"\x1d(L\x06\x000EAB\x01\x01"),
    (b"\x1d8L\x13\x00\x00\x000S0AB\x01\x08\x00\x08\x001" + BLOCK, b"\x1d(L\x06\x000UAB\x01\x01"),
    (b"\x1d(L\x13\x000T0AB\x01\x08\x00\x08\x001" + BLOCK, b"\x1d(L\x06\x000UAB\x01\x01"),
    (b"\x1cq\x01\x01\x00\x01\x00" + BLOCK, b"\x1cp\x01\x00"),
    (b"\x1d*\x01\x01" + BLOCK, b"\x1d/\x00"),
    (b"\x1d(L\x12\x000p0\x01\x011\x08\x00\x08\x00" + BLOCK, b"\x1d(L\x02\x0002"),
    (b"\x1d(L\x12\x000q0\x01\x011\x08\x00\x08\x00" + BLOCK, b"\x1d(L\x02\x0002"),
]
IN_FLASH = {0, 1, 4}


@pytest.mark.parametrize(("define", "show"), STORE, ids=[repr(define[:7]) for define, _ in STORE])
def test_a_stored_picture_is_printed_on_demand(define: bytes, show: bytes) -> None:
    assert head(define).printed == []
    assert head(show).printed == []
    assert black(picture(define, show)) == (0, 0, 8, 8)
    kept = black(picture(define, b"\x1b@", show))
    assert kept == ((0, 0, 8, 8) if [define, show] in [list(STORE[n]) for n in IN_FLASH] else None)


def test_stored_pictures_are_printed_larger() -> None:
    assert black(picture(STORE[0][0], b"\x1d(L\x06\x000EAB\x02\x01")) == (0, 0, 16, 8)
    assert black(picture(STORE[4][0], b"\x1cp\x01\x03")) == (0, 0, 16, 16)
    assert black(picture(STORE[5][0], b"\x1d/\x02")) == (0, 0, 8, 16)


def defined(key: bytes, rows: int = 1) -> bytes:
    return b"\x1d(L" + u16(11 + rows) + b"0C0" + key + b"\x01\x08\x00" + u16(rows) + b"1" + b"\xff" * rows


def test_the_printer_tells_what_it_keeps_and_forgets_what_it_is_told_to() -> None:
    def told(*commands: bytes) -> list[bytes]:
        return head(*commands).answers

    listed = b"\x1d(L\x04\x000@KC"
    assert told(listed) == [b"7r@\x00"]
    assert told(defined(b"ZZ"), defined(b"A1"), listed) == [b"7r@A1ZZ\x00"]
    assert told(defined(b"ZZ"), b"\x1d(L\x04\x000BZZ", listed) == [b"7r@\x00"]
    assert told(defined(b"ZZ"), b"\x1d(L\x05\x000ACLR", listed) == [b"7r@\x00"]
    keys = [b"%02d" % n for n in range(41)]
    first, rest = b"7rA" + b"".join(keys[:40]) + b"\x00", b"7r@40\x00"
    assert told(*map(defined, keys), listed) == [first], "the client asks for the rest"
    assert told(*map(defined, keys), listed, b"\x06", b"\x06") == [first, rest]
    assert told(b"\x1d(L\x02\x0000") == [b"70%d\x00" % NV_BYTES]
    assert told(defined(b"ZZ", rows=100), b"\x1d(L\x02\x0003") == [b"71%d\x00" % (NV_BYTES - 100)]
    assert told(b"\x1d(L\x02\x0004") == [b"72%d\x00" % DOWNLOAD_BYTES]


def test_a_full_memory_keeps_what_it_has() -> None:
    large = b"\x1d8L" + (11 + 300_000).to_bytes(4, "little") + b"0C0%b\x01" + u16(8 * 300) + u16(1000) + b"1"
    first, second = (large.replace(b"%b", key) + bytes(300_000) for key in (b"AA", b"BB"))
    assert head(first, second, b"\x1d(L\x04\x000@KC").answers == [b"7r@AA\x00"]
    in_its_place = first[:-300_000] + b"\xff" * 300_000
    [printed] = head(first, in_its_place, b"\x1d(L\x06\x000EAA\x01\x01").printed
    assert isinstance(printed, Picture)
    assert set(printed.dots.rows) == {0xFF}


def test_a_second_colour_joins_the_first() -> None:
    half = b"\x1d(L\x12\x000p0\x01\x01%b\x08\x00\x08\x00%b"
    left, right = half % (b"1", b"\xf0" * 8), half % (b"2", b"\x0f" * 8)
    assert black(picture(left, right, b"\x1d(L\x02\x0002")) == (0, 0, 8, 8)


def test_what_lies_beside_the_paper_is_not_kept() -> None:
    wide = b"\x1dv0\x00" + u16(200) + u16(2) + b"\xff" * 400
    [printed] = head(wide).printed
    assert isinstance(printed, Picture)
    assert (printed.dots.width, len(printed.dots.rows)) == (WIDTH, 2 * WIDTH // 8)
    assert black(picture(wide)) == (0, 0, WIDTH, 2)


def test_columns_of_variable_height_are_a_picture() -> None:
    assert black(picture(b"\x1dQ0\x00\x08\x00\x01\x00" + BLOCK)) == (0, 0, 8, 8)


def test_a_windows_bitmap_is_skipped_by_its_own_length() -> None:
    bitmap = b"BM" + (62).to_bytes(4, "little") + bytes(56)
    assert receipt(b"\x1dD0C0AB01" + bitmap + b"text\n").lines == ["text"]


# codes


def symbol(code: bytes, function: bytes, value: bytes) -> bytes:
    return b"\x1d(k" + u16(len(value) + 2) + code + function + value


def stored(code: bytes, data: bytes) -> bytes:
    return symbol(code, b"P", b"0" + data)


SHOW, SIZE = b"Q0", b"R0"
BAR_CODES = [
    (65, b"01234567890", ("EAN13", b"0012345678905")),  # UPC-A, which is one with a zero before it
    (66, b"04210000526", ("UPCE", b"0042100005264")),
    (66, b"425261", ("UPCE", b"0042100005264")),
    (67, b"400638133393", ("EAN13", b"4006381333931")),
    (68, b"9638507", ("EAN8", b"96385074")),
    (69, b"ABC-1 $/+%", ("Code39", b"ABC-1 $/+%")),
    (69, b"*ABC*", ("Code39", b"ABC")),
    (70, b"12345678", ("ITF", b"12345678")),
    (71, b"A12345-$:/.+B", ("Codabar", b"A12345-$:/.+B")),
    (72, b"C93\x01~", ("Code93", b"C93\x01~")),
    (73, b"{BT1-42{C\x0c\x22", ("Code128", b"T1-421234")),
    (74, b"(01)04012345678901", ("Code128", b"0104012345678901")),
    (79, b"AB12345\x01z{", ("Code128", b"AB12345\x01z{")),
]


@pytest.mark.parametrize(("symbology", "data", "found"), BAR_CODES, ids=[repr(code[:2]) for code in BAR_CODES])
@pytest.mark.parametrize("module_dots", [2, 3])
def test_every_bar_code_is_read_from_the_paper(
    symbology: int, data: bytes, found: tuple[str, bytes], module_dots: int
) -> None:
    command = b"\x1dk" + bytes([symbology, len(data)]) + data
    centred = b"\x1ba\x01\x1dH\x02\x1dw" + bytes([module_dots])
    assert codes(centred, command, b"\n") == [found]


@pytest.mark.parametrize(
    ("symbology", "data"),
    [(66, b"01234567890"), (66, b"223456789"), (69, b"abc"), (70, b"123"), (71, b"123"), (72, b"\xff"), (75, b"1234")],
)
def test_data_that_makes_no_bar_code_is_framed(symbology: int, data: bytes) -> None:
    [framed] = head(b"\x1dk" + bytes([symbology, len(data)]) + data).printed
    assert isinstance(framed, Frame)


PDF417 = [
    b"",
    symbol(b"0", b"A", b"\x04"),
    symbol(b"0", b"B", b"\x14"),
    symbol(b"0", b"C", b"\x02"),
    symbol(b"0", b"D", b"\x05"),
    symbol(b"0", b"E", b"0\x35"),  # level 5
    symbol(b"0", b"E", b"1\x14"),  # twice as much correction as data
    symbol(b"0", b"F", b"\x01"),  # truncated
]


@pytest.mark.parametrize("options", PDF417, ids=repr)
def test_pdf417_is_read_from_the_paper(options: bytes) -> None:
    for data in (b"https://example.org/r/42?t=[x]", bytes(range(0x80, 0xA8))):
        show = symbol(b"0", SHOW[:1], SHOW[1:])
        [(name, read)] = codes(b"\x1ba\x01", options, stored(b"0", data), show)
        assert (name in ("PDF417", "CompactPDF417"), read) == (True, data)


def test_a_micro_qr_code_is_smaller_and_read() -> None:
    micro = symbol(b"1", b"A", b"3\x00")
    show = stored(b"1", b"42-17") + symbol(b"1", SHOW[:1], SHOW[1:])
    assert codes(b"\x1ba\x01", micro, symbol(b"1", b"C", b"\x06"), show) == [("MicroQRCode", b"42-17")]


def test_the_printer_tells_how_large_a_code_would_be() -> None:
    ask = {code: symbol(code, SIZE[:1], SIZE[1:]) for code in (b"0", b"1")}
    small = symbol(b"1", b"C", b"\x02") + stored(b"1", b"A")
    assert head(small, ask[b"1"]).answers == [b"7642\x1f42\x1f1\x1f0\x00"]
    assert (
        head(symbol(b"1", b"C", b"\x10"), stored(b"1", b"x" * 2000), ask[b"1"]).answers[0].endswith(b"\x1f1\x1f1\x00")
    )
    assert head(symbol(b"0", b"A", b"\x01"), stored(b"0", b"A"), ask[b"0"]).answers[0].startswith(b"7/258\x1f")
    assert head(ask[b"1"]).answers == []


def test_a_code_may_hang_upside_down() -> None:
    command = b"\x1dkI\x07{BT1-42"
    upright, turned = black(picture(command)), black(picture(b"\x1b{\x01", command))
    assert upright
    assert turned
    assert (turned[0], turned[2]) == (WIDTH - upright[2], WIDTH - upright[0])


# page mode


def area(x: int, y: int, width: int, height: int) -> bytes:
    return b"\x1bW" + b"".join(map(u16, (x, y, width, height)))


def test_a_page_is_printed_at_once_and_left_by_ff() -> None:
    paper = head(b"\x1bL" + area(0, 0, 400, 200) + b"one\ntwo")
    assert paper.printed == []
    assert paper.line_is_open
    printed = head(b"\x1bL" + area(0, 0, 400, 200) + b"one\ntwo\x0cstandard\n").printed
    assert [type(one) for one in printed] == [Page, Line]
    assert advance_dots(printed[0]) == 200
    assert receipt(b"\x1bL" + area(0, 0, 400, 200) + b"one\ntwo\x0cstandard\n").lines == ["one", "two", "standard"]


def test_esc_ff_prints_the_page_again_and_can_and_esc_s_forget_it() -> None:
    page = b"\x1bL" + area(0, 0, 400, 200) + b"one"
    assert len(head(page, b"\x1b\x0c\x1b\x0c").printed) == 2
    assert head(page, b"\x18\x0c").printed == []
    assert head(page, b"\x1bS\x0c").printed == []
    assert head(page, b"\x1b@\x0c").printed == []


DIRECTIONS = [
    # direction, the corner of the area (100, 50, 300 × 200) in which the first dots stand
    (b"0", (100, 50)),
    (b"1", (100, 242)),
    (b"2", (392, 242)),
    (b"3", (392, 50)),
]


@pytest.mark.parametrize(("direction", "corner"), DIRECTIONS)
def test_each_direction_begins_in_its_own_corner(direction: bytes, corner: tuple[int, int]) -> None:
    dots = b"\x1d$\x08\x00" + STORE[6][0] + STORE[6][1]
    image = picture(b"\x1bL" + area(100, 50, 300, 200) + b"\x1bT" + direction + dots + b"\x0c")
    assert black(image) == (*corner, corner[0] + 8, corner[1] + 8)


def test_text_upwards_and_downwards_is_text_turned() -> None:
    def dots(direction: bytes, box: Sequence[int]) -> bytes:
        image = picture(b"\x1bL" + area(0, 0, 48, 48) + b"\x1bT" + direction + b"Ag\x0c")
        left, top, right, bottom = (MARGIN_DOTS + edge for edge in box)
        return image.crop((left, top, right, bottom)).rotate(-90 * int(direction), expand=True).tobytes()

    upright = dots(b"0", (0, 0, 24, 24))
    assert dots(b"1", (0, 24, 24, 48)) == upright
    assert dots(b"2", (24, 24, 48, 48)) == upright
    assert dots(b"3", (24, 0, 48, 24)) == upright


def test_positions_on_a_page_are_those_of_the_base_line() -> None:
    page = b"\x1bL" + area(0, 0, 400, 300) + b"\x1d$\x64\x00\x1b$\x32\x00A\x1d\\\x1e\x00\x1b\\\x0a\x00B\x0c"
    [printed] = head(page).printed
    assert isinstance(printed, Page)
    assert [(one.x, one.y) for one in printed.placed] == [(50, 76), (72, 106)]
    assert printed.lines == ["    A", "      B"]


def test_codes_on_a_page_are_read() -> None:
    qr = symbol(b"1", b"C", b"\x05") + stored(b"1", b"page") + symbol(b"1", SHOW[:1], SHOW[1:])
    page = b"\x1bL" + area(0, 0, 560, 400) + b"\x1d$\xc8\x00\x1b$\x1e\x00" + qr
    turned = area(0, 0, 560, 400) + b"\x1bT1\x1d$\xf4\x01\x1b$\x28\x00\x1dh\x50\x1dkI\x07{BT1-42"
    assert sorted(codes(page, turned, b"\x0c")) == [("Code128", b"T1-42"), ("QRCode", b"page")]


def test_an_area_ends_at_the_paper_and_lines_at_the_area() -> None:
    [printed] = head(b"\x1bL" + area(500, 0, 60000, 100) + b"x" * 8 + b"\x0c").printed
    assert isinstance(printed, Page)
    assert [(one.x, one.part.text) for one in printed.placed if isinstance(one.part, Characters)] == [
        (500, "x" * 6),
        (500, "xx"),
    ]


def test_page_mode_begins_at_the_beginning_of_a_line_only() -> None:
    assert receipt(b"text\x1bL\nmore\n").lines == ["text", "more"]


def test_standard_mode_knows_no_commands_of_page_mode() -> None:
    commands = (b"\x18", b"\x1bS", area(0, 0, 8, 8), b"\x1bT1", b"\x1d$\x08\x00", b"\x1d\\\x08\x00", b"\x1b\x0c")
    for command in commands:
        assert picture(b"a", command, b"b\n").tobytes() == picture(b"ab\n").tobytes()


# bounds


def test_a_line_that_is_only_ever_overprinted_ends() -> None:
    printed: list[Printed] = head(b"\x1b$\x00\x00x" * 2500).printed
    assert [len(line.parts) for line in printed if isinstance(line, Line)] == [1000, 1000]


def test_a_page_takes_ten_thousand_things() -> None:
    [page] = head(b"\x1bL", b"\x1b$\x00\x00x" * 10_500, b"\x0c").printed
    assert isinstance(page, Page)
    assert len(page.placed) == 10_000


def test_sizes_are_known_without_drawing() -> None:
    for command in (
        b"\x1dH\x03\x1dkI\x07{BT1-42",
        b"\x1dH\x03\x1df\x01\x1dkE\x02AB",
        stored(b"0", b"A") + symbol(b"0", SHOW[:1], SHOW[1:]),
        stored(b"1", b"A") + symbol(b"1", SHOW[:1], SHOW[1:]),
        stored(b"2", b"A") + symbol(b"2", SHOW[:1], SHOW[1:]),
    ):
        [code] = head(command).printed
        assert not isinstance(code, Line | Picture | Feed | Page)
        image = picture(command)
        assert image.height == code.size_dots[1] + 2 * MARGIN_DOTS + 12
        box = black(image)
        assert box
        if not isinstance(code, BarCode):
            assert box[2:] == code.size_dots


def test_dots_are_cropped_to_whole_bytes_of_the_paper() -> None:
    assert Dots(0, 20, 2, b"abcdef").cropped(9) == Dots(0, 9, 2, b"abde")
    assert Dots(0, 20, 2, b"abcdef", (2, 1)).cropped(9) == Dots(0, 5, 2, b"ad", (2, 1))
    assert Dots(0, 20, 2, b"abcdef").cropped(20) == Dots(0, 20, 2, b"abcdef")
