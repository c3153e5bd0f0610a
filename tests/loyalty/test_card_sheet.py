"""Cards to print are read back: from the sheets, at what a reader sees of them, and held a little askew."""

from __future__ import annotations

import itertools
import random
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from loyalty.card import CardRules, MemberCard, NumberForm, luhn_check_digit, member_card
from loyalty.card_batch import draw_numbers, form_of, problem_with, write_batch
from loyalty.card_sheet import CARD, DPI, PER_SHEET, SHEET, card, grouped, missing_letters, png, sheets, write_pdf

RULES = CardRules()
READER_DPI = 200
KINDS = (zxingcpp.BarcodeFormat.EAN13, zxingcpp.BarcodeFormat.Code128, zxingcpp.BarcodeFormat.QRCode)
LONGEST = "9" * 31  # and no other begins with the pair 99 of Code 128
NUMBERS = [
    "2900000000018",
    "1234567897",
    "M-12345678",
    LONGEST + luhn_check_digit(LONGEST),
    "VIPS-123456789012345678901234567",
]


def seen(image: Image.Image, degrees: float = 0.0) -> Image.Image:
    """What a reader sees of a print."""
    width, height = (side * READER_DPI // DPI for side in image.size)
    grey = image.convert("L").resize((width, height), Image.Resampling.BOX)
    return grey.rotate(degrees, Image.Resampling.BILINEAR, expand=True, fillcolor=255)


def read(image: Image.Image) -> list[tuple[str, str]]:
    """(symbology, text) of every code in it."""
    found = zxingcpp.read_barcodes(image, KINDS, text_mode=zxingcpp.TextMode.Plain)
    return sorted((str(one.format).replace("Model2", ""), one.text) for one in found)


def digits_from(seed: int) -> Callable[[int], str]:
    source = random.Random(seed)
    return lambda count: "".join(source.choices("0123456789", k=count))


@pytest.mark.parametrize("degrees", [0, 3, -4])
@pytest.mark.parametrize("number", NUMBERS)
def test_a_card_is_read_as_a_reader_sees_it_by_its_bars_and_by_its_qr_code(number: str, degrees: float) -> None:
    bars = "EAN-13" if number == "2900000000018" else "Code 128"
    assert read(seen(card(number, "Corner Shop"), degrees)) == [(bars, number), ("QR Code", number)]


def test_a_pdf_and_its_pictures_hold_the_cards_of_the_batch_at_their_true_size(tmp_path: Path) -> None:
    numbers = draw_numbers(RULES, form_of(RULES, ""), 11, digits_from(1), lambda number: False)
    files = write_batch(
        numbers, "Corner Shop", pdf=tmp_path / "a" / "cards.pdf", png=tmp_path / "b", csv=tmp_path / "c.csv"
    )
    assert [file.name for file in files] == ["c.csv", "cards.pdf", "cards-001.png", "cards-002.png"]
    assert files[0].read_text("utf-8").split() == ["card", *numbers]
    from_pdf, from_png = [], []
    with pypdfium2.PdfDocument(files[1]) as document:
        for page in document:
            assert [round(side / 72 * 25.4) for side in page.get_size()] == [210, 297]
            from_pdf += read(page.render(scale=READER_DPI / 72).to_pil().rotate(2, expand=True, fillcolor="white"))
    for file in files[2:]:
        with Image.open(file) as picture:
            assert [round(dots) for dots in picture.info["dpi"]] == [DPI, DPI]
            from_png += read(seen(picture, -2))
    wanted = sorted((symbology, number) for number in numbers for symbology in ("EAN-13", "QR Code"))
    assert sorted(from_pdf) == sorted(from_png) == wanted
    assert all(member_card(RULES, number, "ean13") == MemberCard(number) for number in numbers)


def test_the_same_numbers_give_the_same_bytes() -> None:
    first, again = BytesIO(), BytesIO()
    for file in (first, again):
        write_pdf(file, sheets(NUMBERS, "Café"))
    assert first.getvalue() == again.getvalue()
    assert png(card(NUMBERS[0], "Café")) == png(card(NUMBERS[0], "Café"))


def test_a_sheet_has_ten_cards_of_their_size_and_marks_outside_of_them() -> None:
    assert [round(side / DPI * 25.4, 1) for side in CARD] == [85.6, 54.0]
    first, second = sheets([NUMBERS[0]] * (PER_SHEET + 1), "Shop")
    assert first.size == second.size == SHEET
    left, top = (SHEET[0] - 2 * CARD[0]) // 2, (SHEET[1] - 5 * CARD[1]) // 2
    for column in range(3):  # on the edge between two cards, above the first row and below the last
        x = left + column * CARD[0]
        assert [first.getpixel((x, y)) for y in (top - 100, top - 10, SHEET[1] - top + 100)] == [0, 1, 0]
    for row in range(6):
        assert first.getpixel((left - 100, top + row * CARD[1])) == 0
    assert second.crop((SHEET[0] // 2 + 10, top, SHEET[0] - left, SHEET[1] - top)).getextrema() == (1, 1)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("2900000000018", "2 900000 000018"),
        ("2900000000019", "2900 0000 0001 9"),  # no EAN-13
        ("1234567897", "1234 5678 97"),
        ("M-12345678", "M-12 3456 78"),
    ],
)
def test_a_number_stands_in_groups(number: str, shown: str) -> None:
    assert grouped(number) == shown


def test_letters_that_a_card_cannot_show_are_named() -> None:
    assert missing_letters("Café Şişli & Söhne, Ελλάς, Жук, Łódź, İstanbul") == ""
    assert missing_letters("茶 Tee 茶\n") == "茶\n"
    assert missing_letters("مقهى")  # its letters would stand apart, from left to right
    assert "--pdf" in problem_with("Shop", (None, None))
    assert "茶" in problem_with("茶", (Path("x"),))
    assert problem_with("", (Path("x"), None)) == ""


def test_a_number_drawn_is_new_and_drawn_once() -> None:
    form = NumberForm("29000000000", 13, "ean")  # of which there are ten
    rules = CardRules(in_store_prefix="29000000000")
    known = "2900000000018"
    drawn = draw_numbers(rules, form, 9, digits_from(5), lambda number: number == known)
    assert len({*drawn, known}) == 10
    with pytest.raises(ValueError, match="hardly 10 free"):
        draw_numbers(rules, form, 10, digits_from(5), lambda number: number == known)


def test_a_form_that_the_programme_does_not_have_is_refused() -> None:
    rules = CardRules(in_store_prefix="", numbers=(NumberForm("77", 11),))
    assert form_of(RULES, "") == form_of(RULES, "ean13") == NumberForm("29", 13, "ean")
    assert form_of(RULES, "number") == form_of(rules, "number") == form_of(rules, "") == NumberForm("", 10)
    with pytest.raises(ValueError, match="No EAN-13"):
        form_of(rules, "ean13")
    with pytest.raises(ValueError, match="No plain number"):
        form_of(CardRules(number_length=0), "number")


def test_a_batch_never_takes_the_place_of_another(tmp_path: Path) -> None:
    pdf, folder, csv = tmp_path / "cards.pdf", tmp_path / "pictures", tmp_path / "cards.csv"
    write_batch(NUMBERS[:1], "", pdf=None, png=folder, csv=None)
    for one in itertools.permutations((pdf, None)):
        with pytest.raises(FileExistsError):
            write_batch(NUMBERS[1:2], "", pdf=one[0], png=folder, csv=csv)
    assert not pdf.exists()
    assert not csv.exists()
    (picture,) = folder.iterdir()
    with Image.open(picture) as image:
        assert ("EAN-13", NUMBERS[0]) in read(seen(image))


def test_a_pdf_is_whole_for_readers_that_go_by_its_table() -> None:
    file = BytesIO()
    write_pdf(file, [Image.new("1", (16, 8), 1)])
    written = file.getvalue()
    start = int(written.rsplit(b"startxref\n", 1)[1].split()[0])
    lines = written[start:].split(b"\n")
    assert lines[0] == b"xref"
    for number, line in enumerate(lines[3 : 3 + int(lines[1].split()[1]) - 1], start=1):
        assert written[int(line[:10]) :].startswith(b"%d 0 obj" % number)
    picture = written.split(b"stream\n")[1].split(b"\nendstream")[0]
    assert zlib.decompress(picture) == b"\xff" * 16  # a bit a dot, 1 is white
