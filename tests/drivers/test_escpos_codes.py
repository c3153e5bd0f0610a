"""Codes that a reader reads back from the paper, and pictures in which a printer finds no command."""

from __future__ import annotations

import io
import itertools

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from drivers.document import Barcode, Block, Document, Feed, Pdf417, Picture, Qr, Text
from drivers.escpos import (
    ASK_STORED_PICTURES,
    Profile,
    define_picture,
    encode,
    picture_key,
    profile,
    stored_picture_keys,
)
from drivers.escpos.parser import Command, Parser
from drivers.escpos.pictures import dots_of
from drivers.escpos.raster import begins_real_time, column_image, raster
from drivers.simulated.drawing import draw
from drivers.simulated.paper import Paper
from drivers.simulated.pieces import Dots, Line
from drivers.simulated.pieces import Picture as PrintedPicture

HAS_ALL = Profile("all", 48, {}, has_pdf417=True, has_raster=True, has_stored_pictures=True)
HAS_NONE = Profile("none", 32, {}, has_qr_code=False, has_barcode=False, has_raster=True)


def commands(*blocks: Block, by: Profile, **pictures: dict[str, bytes]) -> list[Command]:
    parser = Parser()
    parser.feed(encode(Document(by.width_columns, blocks), by, **pictures))
    found = [item for item in parser if isinstance(item, Command)]
    assert not len(parser)
    return found


def read_back(block: Block, by: Profile) -> list[str]:
    """What a reader finds on the paper."""
    paper = Paper(by.width_columns * 12)
    for item in _items(encode(Document(by.width_columns, (Feed(2), block, Feed(2))), by)):
        paper.execute(item)
    sheet = draw(paper.printed, paper.width_dots, was_cut=False)
    found = zxingcpp.read_barcodes(sheet.resize((sheet.width * 2, sheet.height * 2)))
    return [code.text for code in found]


def _items(data: bytes) -> Parser:
    parser = Parser()
    parser.feed(data)
    return parser


CODES = [
    Barcode("T1-{42}"),
    Barcode("SALE 17/4711"),
    Barcode("9912345678"),  # the value of the pair 99 is also that of a switch
    Barcode("4006381333931", "ean13"),
    Barcode("96385074", "ean8"),
    Barcode("036000291452", "upca"),
    Barcode("RET-2 $5", "code39"),
    Barcode("12345670", "itf"),
    Qr("https://receipts.example/é?x=1"),
    Qr("中文", module_dots=6),
    Pdf417("M1 Ülkü 茶 4711"),
]


def on_paper(block: Block) -> set[str]:
    assert isinstance(block, Barcode | Qr | Pdf417)
    return {block.data, "0" + block.data}  # UPC-A is read as EAN-13 with a leading zero


@pytest.mark.parametrize("block", CODES, ids=lambda block: getattr(block, "symbology", type(block).__name__))
def test_a_code_that_the_printer_cannot_draw_is_sent_as_a_picture_and_read_back(block: Block) -> None:
    assert "GS v 0" in {command.name for command in commands(block, by=HAS_NONE)}
    found = read_back(block, HAS_NONE)
    assert len(found) == 1
    assert found[0] in on_paper(block)


@pytest.mark.parametrize("block", [CODES[0], *CODES[2:5], *CODES[7:9]], ids=repr)
def test_the_printers_own_codes_are_read_back(block: Block) -> None:
    assert not {"GS v 0", "GS 8 L"} & {command.name for command in commands(block, by=HAS_ALL)}
    assert set(read_back(block, HAS_ALL)) <= on_paper(block)
    assert read_back(block, HAS_ALL)


NATIVE = [
    (Barcode("4006381333931", "ean13"), b"\x1dkC\x0d4006381333931"),
    (Barcode("96385074", "ean8"), b"\x1dkD\x0896385074"),
    (Barcode("036000291452", "upca"), b"\x1dkA\x0c036000291452"),
    (Barcode("RET-1", "code39"), b"\x1dkE\x05RET-1"),
    (Barcode("12345670", "itf"), b"\x1dkF\x0812345670"),
    (Pdf417("é"), b"\x1d(k\x05\x000P0\xc3\xa9\x1d(k\x03\x000Q0"),
]


@pytest.mark.parametrize(("block", "expected"), NATIVE)
def test_bytes_of_the_printers_own_codes(block: Block, expected: bytes) -> None:
    assert expected in encode(Document(48, (block,)), HAS_ALL)


def test_rows_of_a_drawn_pdf417_are_three_times_as_high_as_its_bars_are_wide() -> None:
    (command,) = [command for command in commands(CODES[-1], by=HAS_NONE) if command.name == "GS v 0"]
    across, dots = command.parameters[1], command.parameters[5:]
    rows = [dots[at : at + across] for at in range(0, len(dots), across)]
    heights = [len(list(same)) for row, same in itertools.groupby(rows) if any(row)]
    thinnest = min(len(list(same)) for _, same in itertools.groupby(f"{int.from_bytes(rows[len(rows) // 2]):b}"))
    assert {height % (3 * thinnest) for height in heights} == {0}
    assert len(heights) > 5


IMPOSSIBLE = [
    (Barcode("4006381333932", "ean13"), "EAN-13 4006381333932 does not end with its check digit, 1"),
    (Barcode("96385075", "ean8"), "check digit, 4"),
    (Barcode("036000291453", "upca"), "check digit, 2"),
    (Barcode("15400141288764", "itf"), "check digit, 3"),  # 14 digits are an article number
    (Barcode("400638133393", "ean13"), "EAN-13 has 13 digits"),
    (Barcode("123", "itf"), "an even number of digits"),
    (Barcode("12a4", "itf"), "ITF holds digits"),
    (Barcode("١٢٣٤٥٦٧٠", "ean8"), "EAN-8 holds digits"),
    (Barcode("abc", "code39"), "capital letters"),
    (Barcode("*A*", "code39"), "capital letters"),
    (Pdf417(""), "1 to 1000 bytes"),
    (Pdf417("x" * 1001), "1 to 1000 bytes"),
]


@pytest.mark.parametrize(("block", "why"), IMPOSSIBLE)
@pytest.mark.parametrize("by", [HAS_ALL, HAS_NONE])
def test_a_code_that_cannot_exist_is_refused_in_one_sentence(block: Block, why: str, by: Profile) -> None:
    with pytest.raises(ValueError, match=why):
        encode(Document(32, (block,)), by)


@pytest.mark.parametrize("data", ["4006381333931", "0012345678905", "9638507400002"])
def test_check_digits_are_those_of_an_independent_writer(data: str) -> None:
    digits = data[:12]
    right = zxingcpp.create_barcode(digits, zxingcpp.BarcodeFormat.EAN13).text
    assert encode(Document(48, (Barcode(right, "ean13"),)), HAS_ALL)
    for wrong in {*"0123456789"} - {right[-1]}:
        with pytest.raises(ValueError, match="check digit"):
            encode(Document(48, (Barcode(digits + wrong, "ean13"),)), HAS_ALL)


def test_a_code_that_can_neither_be_printed_nor_drawn_is_its_text() -> None:
    simple = Profile("simple", 42, {}, has_qr_code=False, has_barcode=False)
    assert encode(Document(42, (Pdf417("a"), Qr("b"), Barcode("96385074", "ean8"))), simple)[4:] == (
        b"a\nb\n\x1ba\x0196385074\n\x1ba\x00"
    )


@pytest.mark.parametrize("length", [1037, 1293])  # with 3 more: 10 04 and 10 05, lengths that a printer would act on
def test_a_length_that_reads_as_a_real_time_command_is_not_sent(length: int) -> None:
    for by in (HAS_ALL, Profile("no raster", 48, {})):
        assert not begins_real_time(encode(Document(48, (Qr("x" * length),)), by))


# Pictures.


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def black(width: int, height: int, *, room: int = 0) -> bytes:
    sheet = Image.new("L", (width + 2 * room, height), 255)
    sheet.paste(0, (room, 0, room + width, height))
    return png(sheet)


def test_a_tall_picture_is_sent_in_strips_that_all_stand_in_the_middle() -> None:
    found = commands(Picture("ab"), by=HAS_ALL, pictures={"ab": black(80, 600)})
    assert [(command.name, command.parameters[:5].hex()) for command in found[2:]] == [
        ("ESC a", "01"),
        *[("GS v 0", "000a00ff00"), ("GS v 0", "000a00ff00"), ("GS v 0", "000a005a00")],
        ("ESC a", "00"),
    ]


def test_a_picture_is_scaled_to_the_paper_and_its_white_sides_are_not_sent() -> None:
    assert dots_of(black(1000, 500), 384).size == (384, 192)
    assert dots_of(black(40, 10, room=30), 384).size == (40, 10)
    for left in (10, 60):  # cut on one side only it would not be in the middle any more
        off_centre = Image.new("L", (100, 10), 255)
        off_centre.paste(0, (left, 0, left + 30, 10))
        assert dots_of(png(off_centre), 384).size == (80, 10)


def test_a_photograph_is_dithered_and_a_logo_is_not() -> None:
    grey = dots_of(png(Image.new("L", (64, 64), 128)), 384)
    share = sum(map(int.bit_count, grey.tobytes())) / 64**2
    assert 0.4 < share < 0.6
    soft = Image.new("L", (64, 64), 255)
    soft.paste(0, (8, 8, 56, 56))
    soft.paste(100, (8, 8, 56, 9))  # a smooth edge
    assert dots_of(png(soft), 384).crop((0, 0, 48, 64)).getbbox() == (0, 8, 48, 56)


def test_what_is_transparent_is_paper() -> None:
    clear = Image.new("RGBA", (16, 8), (0, 0, 0, 0))
    clear.paste((200, 0, 0, 255), (4, 0, 12, 8))
    assert dots_of(png(clear), 384).size == (8, 8)


def test_a_picture_that_nobody_has_is_left_out() -> None:
    assert encode(Document(48, (Picture("ab"), Text("x"))), HAS_ALL)[4:].strip(b"\x1ba\x00\x01") == b"x\n"


def test_a_picture_in_the_printer_is_named_by_its_key() -> None:
    data = encode(Document(48, (Picture("ab", align="left"),)), HAS_ALL, stored={"ab": b"K1"})
    assert data == b"\x1b@\x1c.\x1d(L\x06\x000EK1\x01\x01"


def test_keys_are_two_printable_bytes() -> None:
    keys = {picture_key(f"{number:016x}") for number in range(0, 94 * 94 * 3, 7)}
    assert len(keys) > 3000
    assert all(len(key) == 2 and min(key) >= 0x21 and max(key) <= 0x7E for key in keys)


def test_a_picture_is_defined_by_function_67() -> None:
    data = define_picture(black(16, 2), b"K1", HAS_ALL)
    assert data == b"\x1d(L\x0f\x000C0K1\x01\x10\x00\x02\x001" + b"\xff" * 4


def test_a_large_one_carries_its_length_in_four_bytes() -> None:
    data = define_picture(black(576, 1000), b"K1", HAS_ALL)
    assert data[:3] == b"\x1d8L"
    assert int.from_bytes(data[3:7], "little") == len(data) - 7 == 72 * 1000 + 11


def test_a_defined_picture_whose_height_reads_as_a_real_time_command_is_a_row_taller() -> None:
    data = define_picture(black(8, 0x0410), b"K1", HAS_ALL)
    assert not begins_real_time(data)
    assert data[11:15] == b"\x08\x00\x11\x04"


@pytest.mark.parametrize("key", [b"", b"K", b"K\x1f", b"K1x"])
def test_a_key_that_no_printer_takes_is_a_bug_of_the_caller(key: bytes) -> None:
    with pytest.raises(ValueError):
        define_picture(black(8, 8), key, HAS_ALL)


def test_which_pictures_a_printer_keeps() -> None:
    assert bytes.fromhex("1d284c040030404b43") == ASK_STORED_PICTURES
    assert stored_picture_keys(bytes.fromhex("377240") + b"\x00") == (frozenset(), False)
    assert stored_picture_keys(b"7rAK1K2\x00") == (frozenset({b"K1", b"K2"}), True)


@pytest.mark.parametrize("answer", [b"", b"7r@K\x00", b"7r@K1", b"7rBK1\x00", b"7\x22abcd\x00"])
def test_another_answer_is_no_list_of_pictures(answer: bytes) -> None:
    with pytest.raises(ValueError):
        stored_picture_keys(answer)


@given(st.integers(1, 3), st.integers(1, 40), st.data())
def test_no_dots_are_a_command(row_bytes: int, rows: int, data: st.DataObject) -> None:
    byte = st.sampled_from(b"\x10\x04\x05\x14\x00\xff\x01\x1b")
    dots = bytes(data.draw(st.lists(byte, min_size=row_bytes * rows, max_size=row_bytes * rows)))
    picture = Image.frombytes("1", (8 * row_bytes, rows), dots)
    sent = raster(picture)
    assert not begins_real_time(sent)
    assert len(sent) == 8 + len(dots)
    # At most one dot in the eight of a byte is another, beside a black one.
    assert all(was == now or (was, now) == (0x10, 0x18) for was, now in zip(dots, sent[8:], strict=True))
    columns = Image.frombytes("1", (row_bytes * 8, 24), (dots * 24)[: row_bytes * 24])
    assert not begins_real_time(column_image(columns))


def test_across_the_end_of_a_row_too() -> None:
    picture = Image.frombytes("1", (8, 2), b"\x10\x04")
    assert raster(picture)[8:] == b"\x18\x04"


def test_a_picture_reaches_the_paper_dot_by_dot() -> None:
    picture = Image.new("1", (40, 300))
    for x in range(40):
        picture.putpixel((x, x * 7 % 300), 1)
    paper = Paper(576)
    for item in _items(raster(picture)):
        paper.execute(item)
    rows = b"".join(piece.dots.rows for piece in paper.printed if isinstance(piece, PrintedPicture))
    assert rows == picture.tobytes()


def test_an_image_in_a_line_reaches_the_paper_dot_by_dot() -> None:
    picture = Image.new("1", (16, 24))
    picture.paste(1, (0, 0, 3, 9))
    picture.paste(1, (5, 11, 16, 13))
    paper = Paper(576)
    for item in _items(column_image(picture) + b"\n"):
        paper.execute(item)
    (line,) = paper.printed
    assert isinstance(line, Line)
    (dots,) = line.parts
    assert isinstance(dots, Dots)
    assert (dots.width, dots.height, dots.rows) == (16, 24, picture.tobytes())


def test_every_profile_prints_codes_and_pictures_somehow() -> None:
    for name in ("default", "simple", "POS-5890", "TM-U220", "TM-T88V", "ZJ-5870"):
        by = profile(name)
        data = encode(Document(by.width_columns, (*CODES, Picture("ab"))), by, pictures={"ab": black(900, 30)})
        parser = _items(data)
        assert all(not isinstance(item, Command) or item.raw for item in parser)
        assert not begins_real_time(data)
