"""What a printer has no letters for, drawn dot by dot: shaped, turned, and in exactly the cells it was laid out for.

With fonts that come in wheels, DejaVu alone, so that every machine sees the same; at the end with the machine's own.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from drivers.document import Document, Text, cells, display_columns
from drivers.escpos import Profile, encode, profile
from drivers.escpos.parser import Command, Item, Parser, RealTimeScanner
from drivers.escpos.scripts import SCRIPTS, draw, scripts_without_font
from drivers.escpos.text import use_fonts
from drivers.simulated.paper import Paper
from drivers.simulated.pieces import Dots, Line, Picture

PAGES = {"cp437": 0, "cp857": 13, "cp1252": 16, "cp866": 17}
DRAWS = Profile("draws", 42, PAGES, has_raster=True, has_column_image=True)
RASTER_ONLY = Profile("raster", 42, PAGES, has_raster=True)
PLAIN = Profile("plain", 42, PAGES)


def wheel_fonts() -> list[Path]:
    matplotlib = importlib.util.find_spec("matplotlib")
    assert matplotlib
    assert matplotlib.origin
    return [Path(matplotlib.origin).with_name("mpl-data") / "fonts/ttf"]


@pytest.fixture(autouse=True)
def fonts(request: pytest.FixtureRequest) -> Iterator[None]:
    if "machine_fonts" not in request.fixturenames:
        use_fonts(wheel_fonts())
    yield
    use_fonts(None)


@pytest.fixture
def machine_fonts() -> None:
    """The fonts of this machine, which .ci/run installs."""


def items(*lines: Text, by: Profile = DRAWS) -> list[Item]:
    parser = Parser()
    parser.feed(encode(Document(by.width_columns, lines), by))
    found = list(parser)
    assert not len(parser)
    return found[2:]  # ESC @ and FS .


def printed(*lines: Text, by: Profile = DRAWS) -> list[Line | Picture]:
    paper = Paper(max(by.width_columns, 200) * 12)
    for item in items(*lines, by=by):
        paper.execute(item)
    return [piece for piece in paper.printed if isinstance(piece, Line | Picture)]


def listing(*lines: Text, by: Profile = DRAWS) -> list[str]:
    out = []
    for item in items(*lines, by=by):
        if not isinstance(item, Command):
            out.append(repr(item.data)[2:-1])  # type: ignore[union-attr]
        elif item.name == "ESC *":
            out.append(f"ESC * {item.parameters[0]} {int.from_bytes(item.parameters[1:3], 'little')}")
        elif item.name == "GS v 0":
            across, down = item.parameters[1], item.parameters[3]
            out.append(f"GS v 0 {item.parameters[0]} {across}x{down}")
        elif item.name != "LF":
            out.append(f"{item.name} {item.parameters.hex()}".strip())
    return out


LISTINGS = [
    # Arabic is drawn as one run, in the four columns of its letters; the price is the printer's.
    ("خبز  2.50", ["ESC * 33 36", "  2.50"]),
    # One cell that no page has, between the printer's own.
    ("a₺b", ["a", "ESC * 33 12", "b"]),
    # Two words are one run, with the blank between them.
    ("خبز لك", ["ESC * 33 72"]),
    # Lao is written without blanks and with marks: a word is one run, its mark takes no column.
    ("ລາວດີ x", ["ESC * 33 48", " x"]),
    # A mark makes a Hebrew word one that is drawn.
    ("שָׁלוֹם x", ["x ", "ESC * 33 48"]),
    # Marks of quotation that ASCII has as well are not worth 36 bytes each.
    ("“x”…", ['"x".']),
    ("🇹🇷 1", ["TR 1"]),
]


@pytest.mark.parametrize(("text", "expected"), LISTINGS)
def test_only_what_the_printer_lacks_is_drawn_in_its_own_columns(text: str, expected: list[str]) -> None:
    without_quotes = Profile("old", 42, {"cp437": 0}, has_raster=True, has_column_image=True)
    assert listing(Text(text), by=without_quotes) == expected


def test_blank_cells_of_a_run_are_the_printers_blanks() -> None:
    # Lam and alef are written as one: the word is half as wide as its letters were laid out for. A blank costs one byte, not 36.
    image, blanks = listing(Text("لالالالالالا"))
    assert image.startswith("ESC * 33")
    assert int(image.split()[-1]) // 12 + len(blanks) == 12
    assert len(blanks) >= 4
    assert not blanks.strip()


def test_twice_the_size_is_one_picture_of_the_line_printed_four_dots_for_one() -> None:
    assert listing(Text("ab خبز", double=True)) == [
        "GS ! 11",
        "GS v 0 3 9x24",
        "GS ! 00",
    ]  # 6 columns of 12 dots are 9 bytes


def test_a_printer_without_images_in_lines_gets_the_line_as_a_picture_as_high_as_a_line() -> None:
    assert listing(Text("ab خبز"), Text("plain"), by=RASTER_ONLY) == ["GS v 0 0 9x30", "plain"]


def test_a_printer_that_draws_nothing_gets_stand_ins() -> None:
    assert listing(Text("ab خبز"), by=PLAIN) == ["ab ???"]


def test_without_any_font_everything_still_prints(tmp_path: Path) -> None:
    use_fonts([tmp_path])
    assert listing(Text("a₺خبز 茶 €")) == ["a???? ?? ", "ESC t 10", "\\x80"]
    assert list(scripts_without_font()) == list(SCRIPTS)


def test_a_broken_font_file_is_no_font(tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"not a font")
    (tmp_path / "empty.otf").touch()
    use_fonts([tmp_path])
    assert listing(Text("₺")) == ["?"]


# How it looks.


def columns_with_ink(picture: Image.Image) -> list[bool]:
    return [picture.crop((x, 0, x + 1, picture.height)).getbbox() is not None for x in range(picture.width)]


def test_arabic_letters_join() -> None:
    word = columns_with_ink(draw("سلم", 3, 12, right_to_left=True))
    ink = [x for x, has in enumerate(word) if has]
    assert all(word[ink[0] : ink[-1] + 1]), "seen, lam and meem are one stroke"
    apart = columns_with_ink(draw("ارز", 3, 12, right_to_left=True))  # three that do not join on
    ink = [x for x, has in enumerate(apart) if has]
    assert not all(apart[ink[0] : ink[-1] + 1])


def test_the_first_letter_of_a_word_read_from_right_to_left_stands_right() -> None:
    alef_first = draw("اس", 2, 12, right_to_left=True)
    box = alef_first.getbbox()
    assert box
    right = alef_first.crop((box[2] - 4, 0, box[2], 24)).getbbox()
    left = alef_first.crop((box[0], 0, box[0] + 4, 24)).getbbox()
    assert right
    assert left
    assert right[3] - right[1] > left[3] - left[1], "the upright alef is taller than the end of seen"


def test_a_drawn_letter_stands_on_the_line_of_the_printers_own() -> None:
    box = draw("H", 1, 12).getbbox()
    assert box
    assert box[3] == 19  # of 24
    deep = draw("ṣ", 1, 12).getbbox()  # its dot is under the line
    assert deep
    assert 19 < deep[3] <= 24


def test_a_style_is_drawn_into_the_picture_because_printers_style_only_letters() -> None:
    def dots(line: Text) -> Dots:
        (found,) = [part for part in printed(line)[0].parts if isinstance(part, Dots)]  # type: ignore[union-attr]
        return found

    plain, bold = dots(Text("₺")), dots(Text("₺", bold=True))
    inverted, underlined = dots(Text("₺", inverted=True)), dots(Text("₺", underlined=True))
    assert sum(map(int.bit_count, bold.rows)) > sum(map(int.bit_count, plain.rows))
    assert bytes(byte ^ (0xFF if at % 2 == 0 else 0xF0) for at, byte in enumerate(plain.rows)) == inverted.rows
    assert underlined.rows == plain.rows[:-2] + b"\xff\xf0"


def test_centred_text_keeps_its_place() -> None:
    (line,) = printed(Text("₺ x", align="center"))
    assert isinstance(line, Line)
    assert line.area.align == 1


# Always.

ANY_SCRIPT = st.text(
    st.one_of(
        st.characters(codec="utf-8"),
        st.sampled_from("abc 12.50 ğışéñŁ₺₺ سلمبخز٠١ שלוםָּ กาที่น้ 茶お한ｱ漢 😀🏽\u200d\ufe0f👩🇹🇷 ()«»[]"),
    ),
    max_size=30,
)


@given(ANY_SCRIPT, st.booleans(), st.booleans(), st.sampled_from([DRAWS, RASTER_ONLY, PLAIN, "GB18030"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_line_is_as_wide_as_it_was_laid_out_for(
    text: str, double: bool, inverted: bool, by: Profile | str
) -> None:
    by = Profile("china", 42, PAGES, has_raster=True, has_column_image=True) if isinstance(by, str) else by
    line = printed(Text(text, double=double, inverted=inverted), by=by)[0]
    columns = display_columns(text)
    if isinstance(line, Picture):
        dots = columns * 12 * (1 + double)
        assert 0 <= line.dots.width_dots - dots < 8 * (1 + double)  # whole bytes
    else:
        end = line.parts[-1].x + line.parts[-1].width_dots if line.parts else 0
        assert end == columns * 12 * (1 + double)


@given(ANY_SCRIPT, st.booleans(), st.booleans(), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_drawn_commands_nothing(text: str, double: bool, bold: bool, inverted: bool) -> None:
    data = encode(Document(42, (Text(text, double=double, bold=bold, inverted=inverted),)), DRAWS)
    assert not any(data[at : at + 2] in (b"\x10\x04", b"\x10\x05", b"\x10\x14") for at in range(len(data)))
    assert not [command for _, command in RealTimeScanner().split(data) if command]
    parser = Parser()
    parser.feed(data)
    names = {item.name if isinstance(item, Command) else type(item).__name__ for item in parser}
    assert names <= {*("ESC @", "FS .", "ESC t", "ESC *", "GS v 0", "LF", "Text", "ESC E", "GS !", "GS B")}


@given(ANY_SCRIPT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_columns_are_those_of_the_cells_and_marks_take_none(text: str) -> None:
    assert display_columns(text) == sum(columns for _, columns in cells(text))
    assert all(0 <= columns <= 2 for _, columns in cells(text))


WIDTHS = [
    ("n\u0303", 1),  # a letter and its mark
    ("น้ำ", 2),  # Thai: a mark above, a vowel beside
    ("ที่", 1),
    ("한", 2),  # the jamo of one syllable
    ("ｱﾞ", 2),  # half-width katakana and its half-width mark
    ("茶", 2),
    ("👨‍👩‍👧", 2),  # joined by U+200D
    ("❤️", 2),  # a heart that U+FE0F makes an emoji
    ("👍🏽", 2),
    ("🇹🇷", 2),
    ("a\u200bb\u00adc", 3),  # invisible
    ("₺€½×", 4),
    ("שלום", 4),
    ("\t", 1),  # printed as a blank
]


@pytest.mark.parametrize(("text", "columns"), WIDTHS)
def test_columns_of_every_script(text: str, columns: int) -> None:
    assert display_columns(text) == columns
    assert display_columns("x" + text + "x") == columns + 2


# The printer's own ideographs.


@pytest.mark.parametrize(
    ("ideographs", "text"),
    [("gb18030", "红茶"), ("shift_jis", "お茶"), ("big5", "烏龍"), ("euc_kr", "한국")],
)
def test_a_printer_with_ideographs_prints_its_own(ideographs: str, text: str) -> None:
    asia = Profile("asia", 42, PAGES, has_raster=True, has_column_image=True, ideographs=ideographs)  # type: ignore[arg-type]
    data = encode(Document(42, (Text(f"{text} 2 {text}"), Text("é"), Text("x"))), asia)
    pairs = text.encode(ideographs)
    # Letters of ASCII stand among them; the mode ends where a code page is needed. Japanese printers have two codings.
    on = b"\x1cC\x01\x1c&" if ideographs == "shift_jis" else b"\x1c&"
    assert data == b"\x1b@\x1c." + on + pairs + b" 2 " + pairs + b"\n\x1c.\x1bt\x00\x82\nx\n"


def test_the_pairs_mode_ends_with_the_document() -> None:
    asia = Profile("asia", 42, PAGES, ideographs="gb18030")
    assert encode(Document(42, (Text("茶"),)), asia).endswith("茶".encode("gb18030") + b"\n\x1c.")


def test_a_character_of_four_bytes_is_not_sent_as_two_pairs() -> None:
    asia = Profile("asia", 42, PAGES, ideographs="gb18030")
    assert encode(Document(42, (Text("𠀀㐀"),)), asia)[4:] == b"????\n"


def test_half_a_character_is_a_blank() -> None:
    assert encode(Document(42, (Text("a\ud83d茶b"),)), PLAIN)[4:] == b"a ??b\n"


def test_what_the_printers_set_lacks_is_drawn_beside_it() -> None:
    japan = Profile("japan", 42, PAGES, ideographs="shift_jis", has_raster=True, has_column_image=True)
    found = listing(Text("茶₺"), by=japan)
    assert found == ["FS C 01", "FS &", repr("茶".encode("shift_jis"))[2:-1], "ESC * 33 12", "FS ."]


def test_pairs_are_underlined_by_their_own_command() -> None:
    asia = Profile("asia", 42, PAGES, ideographs="gb18030")
    data = encode(Document(42, (Text("x", underlined=True),)), asia)
    assert b"\x1b-\x01\x1c-\x01x\n\x1b-\x00\x1c-\x00" in data


# With the fonts of the machine: in make check, after .ci/run has installed them.


@pytest.mark.slow
@pytest.mark.usefixtures("machine_fonts")
def test_no_script_is_without_a_font() -> None:
    assert scripts_without_font() == {}


@pytest.mark.slow
@pytest.mark.usefixtures("machine_fonts")
@pytest.mark.parametrize(
    ("text", "by"),
    [
        (text, name)
        for text in ("ชาเย็น", "ที่นี่", "红茶", "お茶", "한국어", "😀", "नमस्ते", "שָׁלוֹם", "خبز", "ở")
        for name in ("default", "POS-5890")
    ],
)
def test_every_script_has_ink_and_no_two_texts_look_alike(text: str, by: str) -> None:
    drawn, other = printed(Text(text), by=profile(by)), printed(Text(text[:-1] or "x"), by=profile(by))
    assert drawn != other
    (piece,) = drawn
    parts = piece.parts if isinstance(piece, Line) else (piece.dots,)
    assert any(isinstance(part, Dots) and any(part.rows) for part in parts)


@pytest.mark.slow
@pytest.mark.usefixtures("machine_fonts")
def test_chinese_and_japanese_shapes_of_one_character_differ_by_the_line_they_stand_in() -> None:
    from drivers.escpos.scripts import region_of

    assert region_of("直しお") == 0
    assert region_of("直 한국") == 1
    assert region_of("直接") == 2
    assert region_of("龍直") == 3
    assert draw("直", 2, 12, region=0).tobytes() != draw("直", 2, 12, region=2).tobytes()
