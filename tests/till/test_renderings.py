"""One document as text, picture, PDF and web page: each says all of it, and none says more."""

from __future__ import annotations

import io
import re
from html.parser import HTMLParser

import pypdfium2
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops

from drivers.document import Barcode, Cut, Document, Feed, OpenDrawer, Pdf417, Picture, Qr, Text, display_columns
from drivers.escpos import Profile, profile
from pos_plugin.papers.renderings import POLICY, STYLE, Roll, as_html, as_pdf, as_png, as_text

PRINTER = profile()
RECEIPT = Document(
    32,
    (
        Text("Corner & Sons", bold=True, align="center"),
        Text("2026-11-21 18:05", align="center"),
        Feed(),
        Text("3 x Tea                    20.49"),
        Text("A cheese with a name that i 5.00"),
        Text("--------------------------------"),
        Text("TOTAL EUR                  25.49", bold=True),
        Text("You could have earned 27 points:"),
        Text("scan within 7 days"),
        Qr("7K3M2P-17-6"),
        OpenDrawer(),
        Feed(),
        Barcode("7K3M2P-17-6"),
        Cut(partial=True),
        Text("POINTS             Card ****1234", bold=True),
        Text("New balance 340     (worth 3.40)"),
        Cut(),
    ),
)


# Text.


def test_text_is_aligned_as_on_paper_and_codes_are_their_data() -> None:
    assert as_text(RECEIPT) == (
        "         Corner & Sons\n        2026-11-21 18:05\n\n3 x Tea                    20.49\n"
        "A cheese with a name that i 5.00\n--------------------------------\nTOTAL EUR                  25.49\n"
        "You could have earned 27 points:\nscan within 7 days\n          7K3M2P-17-6\n\n          7K3M2P-17-6\n\n"
        "- - - - - - - - - - - - - - - -\n\nPOINTS             Card ****1234\nNew balance 340     (worth 3.40)\n"
    )


def test_the_documents_own_text_has_what_codes_hold_too() -> None:
    document = Document(32, (Text("a"), Qr("q"), Feed(), Barcode("b"), Pdf417("p"), Picture("0" * 16), Cut()))
    assert document.text() == "a\nq\nb\np"
    assert document.pictures() == {"0" * 16}


@given(st.text(max_size=200), st.sampled_from([24, 32, 48]))
def test_no_line_of_a_codes_data_is_wider_than_the_paper(data: str, width: int) -> None:
    for line in as_text(Document(width, (Qr(data), Barcode(data)))).split("\n"):
        assert display_columns(line.strip()) <= width


def test_every_paper_of_a_copy_says_so() -> None:
    assert as_text(RECEIPT, copy=True).count("COPY") == 2
    assert as_html(RECEIPT, title="t", copy=True).count("COPY") == 2
    for plain, marked in zip(
        *(pypdfium2.PdfDocument(as_pdf(RECEIPT, PRINTER, copy=copy)) for copy in (False, True)), strict=True
    ):
        assert marked.get_height() > plain.get_height()
    assert "COPY" not in as_text(RECEIPT) + as_html(RECEIPT, title="t")


# The picture.


def test_the_picture_shows_every_paper_and_its_codes_can_be_read() -> None:
    picture = Image.open(io.BytesIO(as_png(RECEIPT, PRINTER)))
    assert sorted(one.text for one in zxingcpp.read_barcodes(picture)) == ["7K3M2P-17-6", "7K3M2P-17-6"]
    column = [picture.getpixel((2, y)) for y in range(picture.height)]
    assert column.count(214) >= 24, "the papers do not touch"
    assert Image.open(io.BytesIO(as_png(Document(32, ()), PRINTER))).width == 32 * 12 + 64


# The PDF.


@pytest.mark.parametrize(
    ("columns", "paper_mm", "dots_per_inch"), [(32, 58, 203), (42, 80, 180), (48, 80, 203), (64, 112, 203)]
)
def test_a_pdf_is_as_wide_as_the_roll_and_its_dots_are_the_printers(
    columns: int, paper_mm: int, dots_per_inch: int
) -> None:
    document = Document(columns, (Text("x" * columns), Cut()))
    [page] = pypdfium2.PdfDocument(as_pdf(document, PRINTER))
    assert page.get_width() * 25.4 / 72 == pytest.approx(paper_mm, abs=25.4 / dots_per_inch)  # to the dot
    assert Roll.of(columns) == (paper_mm, dots_per_inch)
    drawn = page.render(scale=dots_per_inch / 72).to_pil().convert("L")
    left, _, right, _ = ImageChops.invert(drawn).getbbox()
    assert right - left == pytest.approx(columns * 12, abs=6)  # an x leaves a little of its cell free
    assert left == pytest.approx(drawn.width - right, abs=6), "in the middle"


def test_a_pdf_has_a_page_for_each_paper_and_its_codes_can_be_read() -> None:
    pdf = pypdfium2.PdfDocument(as_pdf(RECEIPT, PRINTER, title="Corner & Söhne (7K)"))
    assert len(pdf) == 2
    assert pdf.get_metadata_value("Title") == "Corner & Söhne (7K)"
    drawn = pdf[0].render(scale=203 / 72 * 2).to_pil()
    assert sorted(one.text for one in zxingcpp.read_barcodes(drawn)) == ["7K3M2P-17-6", "7K3M2P-17-6"]


def test_a_long_receipt_makes_a_small_pdf() -> None:
    many = Document(48, (*(Text(f"Goods {n}".ljust(40) + "    1.00") for n in range(300)), Cut()))
    assert len(as_pdf(many, PRINTER)) < 150_000


def test_an_empty_receipt_is_an_empty_page() -> None:
    [page] = pypdfium2.PdfDocument(as_pdf(Document(32, ()), PRINTER))
    assert page.render().to_pil().convert("L").getextrema() == (255, 255)


# The web page.

VOID = {"meta", "hr", "img", "path"}


class Page(HTMLParser):
    """What a browser would make of it: elements in order, their attributes and texts; everything is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        if data.strip() and "style" not in self.open:
            self.texts.append((self.open[-1], data.strip()))

    def all(self, tag: str) -> list[str]:
        return [text for kind, text in self.texts if kind == tag]


def html(document: Document, **more) -> Page:
    return Page(as_html(document, title="Corner & Sons 7K3M2P-17-6", **more))


def test_goods_and_figures_are_rows_and_wrapped_words_are_one_paragraph() -> None:
    page = html(RECEIPT)
    assert page.all("h1") == ["Corner & Sons"]
    assert list(zip(page.all("th"), page.all("td"), strict=True)) == [
        ("3 x Tea", "20.49"),
        ("A cheese with a name that i", "5.00"),
        ("TOTAL EUR", "25.49"),
        ("POINTS", "Card ****1234"),
        ("New balance 340", "(worth 3.40)"),
    ]
    assert "You could have earned 27 points: scan within 7 days" in page.all("p")
    assert page.all("figcaption") == ["7K3M2P-17-6", "7K3M2P-17-6"]
    assert [tag for tag, _ in page.elements].count("article") == 2, "each paper by itself"


def test_reasons_that_went_over_two_lines_are_one_row() -> None:
    document = Document(
        32,
        (
            Text("This sale                    +27"),
            Text("  2 points per 1.00 on all our"),
            Text("  coffees and teas           +20"),
            Text("Organic wholemeal"),
            Text("sourdough bread with seeds 27.99"),
        ),
    )
    page = html(document)
    assert page.all("th") == [
        "This sale",
        "2 points per 1.00 on all our coffees and teas",
        "Organic wholemeal sourdough bread with seeds",
    ]


def test_two_sentences_stay_two() -> None:
    assert html(Document(32, (Text("Gold until 31 Dec 2027"), Text("Free delivery")))).all("p") == [
        "Gold until 31 Dec 2027",
        "Free delivery",
    ]


def test_a_page_is_for_a_screen_reader_in_its_language() -> None:
    page = html(RECEIPT, language="tr")
    elements = dict(page.elements)
    assert elements["html"]["lang"] == "tr"
    assert page.all("title") == ["Corner & Sons 7K3M2P-17-6"]
    assert all(of["role"] == "img" and of["aria-label"] for tag, of in page.elements if tag == "svg")
    assert all(of["scope"] == "row" for tag, of in page.elements if tag == "th")
    assert all(of.get("dir") == "auto" for tag, of in page.elements if tag in ("p", "th", "td", "h1", "figcaption"))
    assert "main" in elements
    assert elements["meta"]


def test_a_logo_stands_in_the_page_itself() -> None:
    document = Document(32, (Picture("ab" * 8, "left"), Text("x")))
    page = html(document, pictures={"ab" * 8: b"\x89PNG"})
    [image] = [of for tag, of in page.elements if tag == "img"]
    assert image == {"class": "left", "alt": "Corner & Sons 7K3M2P-17-6", "src": "data:image/png;base64,iVBORw=="}
    assert not [tag for tag, _ in html(document).elements if tag == "img"], "without it there is no broken picture"


def test_nothing_of_another_host_and_no_script() -> None:
    made = as_html(RECEIPT, title="x")
    assert not re.findall(r"<(?:script|link|iframe|object|form|a|base)\b|\son\w+=|@import|url\(", made)
    assert set(re.findall(r"https?://[^\"' ]+", made)) == {"http://www.w3.org/2000/svg"}, "a name, not an address"
    assert POLICY in made
    assert "default-src 'none'" in POLICY
    assert STYLE in made


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></style></article><h1>x",
    "'&amp;&#60;b>",
    "a\x00b\x1b\nc\u2028d\ud800e",
    "\u202eevil\u202c",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_goods_are_words_and_nothing_else(name: str) -> None:
    document = Document(
        64,
        (
            Text(name, bold=True, align="center"),
            Text(name),
            Text(f"{name}".ljust(58) + "  1.00"),
            Text(name, double=True),
            Qr(name.replace("\ud800", "")),
            Barcode("7K"),
        ),
    )
    shown = re.sub(r"[\x00-\x1f\u2028\ud800]", " ", name)
    made = as_html(document, title=name, language="en")
    made.encode("utf-8")
    page = Page(made)
    expected = ["html", "head", "meta", "meta", "meta", "title", "style", "body", "main", "article"]
    assert [tag for tag, _ in page.elements][:10] == expected
    assert {tag for tag, _ in page.elements[10:]} <= {
        "h1",
        "p",
        "table",
        "tr",
        "th",
        "td",
        "figure",
        "svg",
        "path",
        "figcaption",
    }
    assert page.all("title") == [shown]
    assert page.all("h1") == [shown]


@settings(max_examples=60)
@given(st.lists(st.text(max_size=40), max_size=8), st.booleans())
def test_whatever_a_document_says_is_on_the_page(lines: list[str], is_bold: bool) -> None:
    document = Document(42, tuple(Text(line, bold=is_bold) for line in lines))
    page = Page(as_html(document, title="t"))
    said = "".join(text for kind, text in page.texts if kind != "title")
    wanted = "".join("".join(as_text(document).split()))
    assert [one for one in "".join(said.split()) if one != "-"] == [one for one in wanted if one != "-"]


def test_a_qr_code_on_the_page_is_the_one_that_is_printed() -> None:
    [drawing] = re.findall(
        r'aria-label="QR code" width="\d+" height="\d+" viewBox="0 0 (\d+) \d+".*?d="([^"]+)"',
        as_html(RECEIPT, title="t"),
    )
    size, path = int(drawing[0]), drawing[1]
    picture = Image.new("L", (size, size), 255)
    for x, y, width in re.findall(r"M(\d+) (\d+)h(\d+)v1", path):
        for column in range(int(width)):
            picture.putpixel((int(x) + column, int(y)), 0)
    [found] = zxingcpp.read_barcodes(picture.resize((size * 6, size * 6), Image.Resampling.NEAREST))
    assert found.text == "7K3M2P-17-6"


@pytest.mark.parametrize(
    ("block", "text"),
    [
        (Barcode("2900000000018", "ean13"), "2900000000018"),
        (Barcode("29000005", "ean8"), "29000005"),
        (Barcode("A{b}1"), "A{b}1"),
    ],
)
def test_bars_on_the_page_can_be_read(block: Barcode, text: str) -> None:
    page = as_html(Document(48, (block,)), title="t")
    [(width, path)] = re.findall(r'aria-label="Bar code".*?viewBox="0 0 (\d+) 40".*?d="([^"]+)"', page)
    picture = Image.new("L", (int(width), 40), 255)
    for x, bar in re.findall(r"M(\d+) 0h(\d+)v40", path):
        picture.paste(0, (int(x), 0, int(x) + int(bar), 40))
    [found] = zxingcpp.read_barcodes(picture.resize((int(width) * 4, 160), Image.Resampling.NEAREST))
    assert found.text == text


def test_what_no_printer_of_that_kind_can_draw_is_still_said() -> None:
    plain = Profile("plain", 32, {}, has_qr_code=False, has_barcode=False)
    assert as_png(RECEIPT, plain)
    assert "PDF data" in as_text(Document(32, (Pdf417("PDF data"),)))
    assert "PDF data" in as_html(Document(32, (Pdf417("PDF data"),)), title="t")
