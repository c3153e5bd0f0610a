"""Documents as bytes, shown as listings; and what no text may do."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.document import Barcode, Block, Buzz, Cut, Document, Feed, OpenDrawer, Qr, Text, display_columns
from drivers.errors import DeviceError
from drivers.escpos import Profile, encode, profile, profile_names
from drivers.escpos.parser import Command, Item, Parser, RealTimeScanner

PLAIN = Profile("plain", 42, {})
EUROPE = Profile("europe", 42, {"cp437": 0, "cp857": 13, "cp1252": 16, "cp866": 17, "cp1254": 48})


def paper(*blocks: Block, by: Profile = PLAIN, copy: bool = False) -> list[str]:
    """The bytes between ESC @ FS . and the end, one command or line a string."""
    data = encode(Document(by.width_columns, blocks), by, copy=copy)
    assert data.startswith(b"\x1b@\x1c.")
    return listing(data[4:])


# After the first two bytes: how many more belong to the command.
PARAMETERS = {
    b"\x1bt": 1,
    b"\x1bE": 1,
    b"\x1ba": 1,
    b"\x1d!": 1,
    b"\x1dh": 1,
    b"\x1dw": 1,
    b"\x1dH": 1,
    b"\x1dB": 1,
    b"\x1b-": 1,
    b"\x1dV": 2,
    b"\x1bp": 3,
}
NAMES = {0x1B: "ESC", 0x1D: "GS"}


def listing(data: bytes) -> list[str]:
    out = []
    while data:
        if data[0] not in NAMES:
            end = next((i for i, byte in enumerate(data) if byte in NAMES or byte == 0x0A), len(data))
            end += data[end : end + 1] == b"\n"
            out.append(repr(data[:end])[2:-1])
        elif data[:3] == b"\x1d(k":
            end = 5 + int.from_bytes(data[3:5], "little")
            out.append(f"GS ( k {data[5:end]!r}")
        elif data[:3] == b"\x1dkI":
            end = 4 + data[3]
            out.append(f"GS k 73 {data[4:end]!r}")
        else:
            end = 2 + PARAMETERS[data[:2]]
            out.append(f"{NAMES[data[0]]} {chr(data[1])} {data[2:end].hex(' ')}")
        data = data[end:]
    return out


def test_plain_lines_are_their_characters_and_nothing_else() -> None:
    assert encode(Document(42, (Text("Tea  2.50"), Text(""), Feed(2), Text("Sum"))), PLAIN) == (
        b"\x1b@\x1c.Tea  2.50\n\n\n\nSum\n"
    )


def test_a_style_is_said_once_and_ended_where_it_ends() -> None:
    assert paper(
        Text("a"),
        Text("b", bold=True),
        Text("c", bold=True),
        Text("d", double=True, align="center"),
        Text("e", align="right"),
    ) == [
        "a\\n",
        "ESC E 01",
        "b\\n",
        "c\\n",
        "ESC a 01",
        "ESC E 00",
        "GS ! 11",
        "d\\n",
        "ESC a 02",
        "GS ! 00",
        "e\\n",
        "ESC a 00",
    ]


def test_a_copy_says_so_at_the_top() -> None:
    assert paper(Text("Tea"), copy=True) == [
        *["ESC a 01", "ESC E 01", "GS ! 11", "COPY\\n"],
        *["ESC a 00", "ESC E 00", "GS ! 00", "Tea\\n"],
    ]


def test_a_cut_feeds_first_and_a_drawer_gets_a_short_pulse() -> None:
    assert paper(Text("x"), Cut(), OpenDrawer()) == ["x\\n", "GS V 42 00", "ESC p 00 19 fa"]


def test_how_it_is_cut_is_the_documents_wish_where_the_settings_say_nothing_else() -> None:
    def cut(block: Cut, setting: str) -> list[str]:
        return paper(block, by=Profile("any", 42, {}, cut=setting))  # type: ignore[arg-type]

    # GS V 66 is the one that every cutter knows; the full cut of GS V 65 is for those whose owner says so.
    assert cut(Cut(), "") == cut(Cut(partial=True), "") == cut(Cut(), "partial") == ["GS V 42 00"]
    assert cut(Cut(), "full") == ["GS V 41 00"]
    assert cut(Cut(partial=True), "full") == ["GS V 42 00"]
    assert cut(Cut(), "none") == ["\\n", "\\n", "\\n", "\\n"]


def test_a_drawer_is_opened_on_its_pin() -> None:
    assert paper(OpenDrawer(pin=5)) == ["ESC p 01 19 fa"]


def test_a_buzzer_sounds_only_where_there_is_one() -> None:
    assert paper(Buzz(2)) == []
    assert (
        encode(Document(42, (Buzz(2),)), Profile("epson", 42, {}, buzzer="ESC ( A"))[4:] == b"\x1b(A\x04\x0003\x02\x0a"
    )
    assert encode(Document(42, (Buzz(99),)), Profile("clone", 42, {}, buzzer="ESC B"))[4:] == b"\x1bB\x09\x04"


def test_inverted_and_underlined_lines_say_so_and_end_it() -> None:
    assert paper(Text("a", inverted=True), Text("b", underlined=True), Text("c")) == [
        *["GS B 01", "a\\n", "GS B 00", "ESC - 01", "b\\n", "ESC - 00", "c\\n"],
    ]


def test_without_a_cutter_the_paper_is_fed_to_where_it_is_torn() -> None:
    assert (
        encode(Document(32, (Text("x"), Cut())), Profile("small", 32, {}, has_cutter=False)) == b"\x1b@\x1c.x\n\n\n\n\n"
    )


def test_a_bar_code_is_code_128_in_set_b_with_its_braces_doubled() -> None:
    assert paper(Barcode("T1-{42}")) == [
        *["ESC a 01", "GS h 50", "GS w 03", "GS H 02", "GS k 73 b'{BT1-{{42}'", "ESC a 00"],
    ]


@pytest.mark.parametrize(
    ("columns", "length", "dots"),
    [(42, 10, "03"), (42, 11, "02"), (42, 17, "02"), (32, 6, "03"), (32, 12, "02")],
)
def test_a_bar_code_is_as_wide_as_the_paper_allows(columns: int, length: int, dots: str) -> None:
    assert f"GS w {dots}" in paper(Barcode("7" * length), by=Profile("any", columns, {}))


def test_a_bar_code_too_wide_for_the_paper_is_printed_as_text_because_a_printer_would_leave_it_out() -> None:
    assert paper(Barcode("7" * 20), by=Profile("any", 32, {})) == ["ESC a 01", "7" * 20 + "\\n", "ESC a 00"]


def test_a_qr_code_is_model_2_level_m_in_utf_8() -> None:
    assert paper(Qr("https://é", module_dots=6)) == [
        "ESC a 01",
        "GS ( k b'1A2\\x00'",
        "GS ( k b'1C\\x06'",
        "GS ( k b'1E1'",
        "GS ( k b'1P0https://\\xc3\\xa9'",
        "GS ( k b'1Q0'",
        "ESC a 00",
    ]


def test_a_long_qr_code_carries_its_length_in_two_bytes() -> None:
    data = encode(Document(42, (Qr("x" * 700),)), PLAIN)
    assert b"\x1d(k\xbf\x021P0" + b"x" * 700 in data  # 703


def test_a_printer_without_codes_prints_what_they_say() -> None:
    simple = Profile("simple", 42, {}, has_qr_code=False, has_barcode=False)
    assert paper(Qr("https://x"), Barcode("T1"), by=simple) == ["https://x\\n", "ESC a 01", "T1\\n", "ESC a 00"]


@pytest.mark.parametrize("block", [Barcode(""), Barcode("é"), Barcode("a\n"), Qr(""), Qr("x" * 2332)])
def test_a_code_that_cannot_exist_is_a_bug_of_the_caller(block: Block) -> None:
    with pytest.raises(ValueError):
        encode(Document(42, (block,)), PLAIN)


# Text in code pages.


def test_turkish_comes_out_in_code_page_857() -> None:
    assert encode(Document(42, (Text("ğışİ ĞIŞi çöü"),)), EUROPE) == (
        b"\x1b@\x1c.\x1bt\x0d" + "ğışİ ĞIŞi çöü".encode("cp857") + b"\n"
    )


def test_one_code_page_serves_all_lines_where_one_can() -> None:
    # é alone is in page 0 already; looking ahead to ğ, page 13 has both.
    assert paper(Text("plain"), Text("café"), Text("plain"), Text("dağ"), by=EUROPE) == [
        *["plain\\n", "caf", "ESC t 0d", "\\x82\\n", "plain\\n", "da\\xa7\\n"],
    ]


def test_the_page_is_switched_only_where_the_one_in_use_ends() -> None:
    assert paper(Text("é Пр é"), Text("Пр"), by=EUROPE) == [
        *["ESC t 00", "\\x82 ", "ESC t 11", "\\x8f\\xe0 ", "ESC t 00", "\\x82\\n", "ESC t 11", "\\x8f\\xe0\\n"],
    ]


PAGE_BYTES = {b"\x1bt" + bytes([number]): codec for codec, number in EUROPE.code_pages.items()}


@given(st.lists(st.text(st.sampled_from("é ğŁПЯё€üaβ"), max_size=12), max_size=4))
def test_no_way_to_print_the_lines_switches_pages_less_often(lines: list[str]) -> None:
    data = encode(Document(42, tuple(map(Text, lines))), EUROPE)
    switches = sum(data.count(select) for select in PAGE_BYTES)
    # The fewest switches that end in each page, character by character; what no page has needs none.
    fewest = dict.fromkeys(PAGE_BYTES.values(), 1)
    needed = 0
    for character in "".join(lines):
        having = [codec for codec in fewest if not character.isascii() and _has(codec, character)]
        if having:
            best = min(fewest.values())
            fewest = {codec: min(fewest[codec], best + 1) if codec in having else 10**6 for codec in fewest}
            needed = min(fewest.values())
    assert switches == needed


def _has(codec: str, character: str) -> bool:
    try:
        return len(character.encode(codec)) == 1
    except UnicodeEncodeError:
        return False


def test_a_letter_and_its_mark_are_the_letter_of_a_code_page() -> None:
    assert paper(Text("e\u0301"), by=EUROPE) == ["ESC t 00", "\\x82\\n"]


def test_the_euro_is_found_where_a_page_has_it() -> None:
    assert paper(Text("€ 5"), by=EUROPE) == ["ESC t 10", "\\x80 5\\n"]


STAND_INS = [
    ("Łódź", "Lodz"),
    ("ğışİ", "gisI"),
    ("e\u0301te\u0301", "ete"),  # written as letter and mark
    ("“Tea” – 2×…", '"Tea" - 2x.'),
    ("1\u00a0234,50\u202f€", "1 234,50 E"),  # spaces that do not break
    ("Ａ１", "A 1 "),  # wide letters keep their two columns
    ("茶", "??"),
    ("a\u200bb\u00ad", "ab"),  # invisible
    ("שלום", "????"),
    ("½ ﬁ", "1 f"),
]


@pytest.mark.parametrize(("text", "printed"), STAND_INS)
def test_what_no_page_has_becomes_the_nearest_ascii_in_as_many_columns(text: str, printed: str) -> None:
    assert encode(Document(42, (Text(text),)), PLAIN) == b"\x1b@\x1c." + printed.encode() + b"\n"


def test_hebrew_is_turned_round_arabic_and_marks_are_not_set_letter_by_letter() -> None:
    east = Profile("east", 42, {"cp862": 36, "cp864": 37, "cp874": 21, "cp1256": 50})
    shalom, olam = "שלום".encode("cp862")[::-1], "עולם".encode("cp862")[::-1]
    printed = encode(Document(42, (Text("x שלום (עולם)"),)), east)[4:-1].replace(b"\x1bt\x24", b"")
    assert printed == b"x (" + olam + b") " + shalom
    assert paper(Text("سلام"), by=east) == ["????\\n"]
    assert "ESC t 15" in paper(Text("ชา"), by=east)  # Thai letters without marks stand side by side


def test_each_column_of_a_table_is_turned_by_itself_so_that_a_price_stays_where_it_is() -> None:
    east = Profile("east", 42, {"cp862": 36})
    shalom = "שלום".encode("cp862")[::-1]
    assert encode(Document(42, (Text("שלום    2.50"),)), east)[4:-1] == b"\x1bt\x24" + shalom + b"    2.50"


def test_half_width_katakana_is_one_byte_each_and_kanji_never_two() -> None:
    japan = Profile("japan", 42, {"cp932": 1, "cp866": 17})
    assert paper(Text("ｱｲ"), Text("茶"), by=japan) == ["ESC t 01", "\\xb1\\xb2\\n", "??\\n"]
    assert paper(Text("Пｱ"), by=japan) == ["ESC t 11", "\\x8f", "ESC t 01", "\\xb1\\n"]


@given(st.text(max_size=60), st.sampled_from(["default", "POS-5890", "TM-T88V", "simple"]))
def test_no_text_can_command_the_printer(text: str, name: str) -> None:
    data = encode(Document(42, (Text(text),)), profile(name))
    assert {item.name if isinstance(item, Command) else type(item).__name__ for item in parsed(data)} <= {
        *("ESC @", "FS .", "ESC t", "ESC *", "GS v 0", "LF", "Text"),
    }
    assert not real_time_commands(data)


@given(st.text(st.characters(exclude_categories=["Mn", "Me", "Mc", "Cf", "Cs", "Cn"]), max_size=40))
def test_a_text_takes_the_columns_it_was_laid_out_for(text: str) -> None:
    text = unicodedata.normalize("NFC", text)
    printed = encode(Document(42, (Text(text),)), PLAIN)[4:-1]
    assert len(printed) == display_columns(text)


def parsed(data: bytes) -> list[Item]:
    parser = Parser()
    parser.feed(data)
    items = list(parser)
    assert not len(parser), "no command is cut off"
    return items


def real_time_commands(data: bytes) -> list[Command]:
    return [command for _, command in RealTimeScanner().split(data) if command]


@given(st.lists(st.one_of(st.builds(Text, st.text(max_size=20)), st.builds(Qr, st.text(min_size=1, max_size=90)))))
def test_no_document_holds_a_real_time_command(blocks: list[Block]) -> None:
    blocks = [block for block in blocks if not isinstance(block, Qr) or block.data.strip("\x10")]
    data = encode(Document(42, tuple(blocks)), profile())
    assert not any(command in data for command in (b"\x10\x04", b"\x10\x05", b"\x10\x14"))


def test_a_hostile_name_of_goods_is_only_text() -> None:
    hostile = "Tea\x1b@\x1dV\x00\x10\x14\x01\x00\x05\x9b\n2.50"
    assert encode(Document(42, (Text(hostile),)), PLAIN) == b"\x1b@\x1c.Tea @ V        2.50\n"


# Profiles.


def test_the_default_profile_knows_the_common_code_pages() -> None:
    default = profile()
    assert default.width_columns == 42
    assert default.code_pages["cp857"] == 13
    assert default.code_pages["cp1252"] == 16
    assert default.has_process_id is None
    assert encode(Document(42, (Text("ğ"),)), default) == b"\x1b@\x1c.\x1bt\x0d\xa7\n"


def test_profiles_know_how_wide_paper_and_letters_are() -> None:
    def widths(name: str) -> tuple[int, int, int]:
        known = profile(name)
        return known.width_columns, known.column_dots, known.room_dots(known.width_columns)

    assert widths("TM-T20II") == (48, 12, 576)
    assert widths("TM-T88V") == (42, 12, 512)  # 180 dpi
    assert widths("TM-T20II-42col") == (42, 13, 546)  # the same paper, letters spread over it
    assert widths("POS-5890") == (32, 12, 384)
    assert widths("NT-80-V-UL") == (48, 12, 576)  # the database has 12 columns
    assert widths("default") == (42, 12, 504)
    assert profile("TM-T88V").room_dots(48) == profile().room_dots(48) == 576, (
        "documents of 48 columns say how wide the paper is"
    )


def test_a_profile_claims_only_what_is_known() -> None:
    assert profile("TM-T88V").has_stored_pictures
    assert profile("TM-T88V").buzzer == "ESC ( A"
    unknown = profile("default")
    assert (unknown.has_stored_pictures, unknown.buzzer, unknown.ideographs) == (False, "", "")
    assert not profile("TM-U220").can_draw, "eight needles"


def test_a_small_printer_is_known_to_have_no_codes_of_its_own() -> None:
    small = profile("POS-5890")
    assert (small.width_columns, small.has_qr_code, small.has_barcode) == (32, False, False)


def test_an_unknown_profile_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(DeviceError, match="TM-T88VV") as raised:
        profile("TM-T88VV")
    assert "TM-T88V" in raised.value.hint


@pytest.mark.parametrize("name", sorted({*profile_names()} - {"SP2000", "TSP600", "TUP500"}))
def test_every_profile_prints(name: str) -> None:
    assert encode(Document(32, (Text("ğé€"), Cut())), profile(name)).startswith(b"\x1b@")


@pytest.mark.parametrize("name", ["SP2000", "TSP600", "TUP500"])
def test_a_printer_that_speaks_another_language_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(DeviceError, match="Star") as raised:
        profile(name)
    assert "ESC/POS" in raised.value.hint


def test_reading_a_profile_does_not_import_the_package_it_comes_from() -> None:
    code = "import sys, drivers.escpos as e; e.profile(); print('escpos' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False\n"
