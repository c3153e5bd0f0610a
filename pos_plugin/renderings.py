"""One document, four renderings beside the paper: text, a picture, a PDF and a web page.

Text and page are read from the document; picture and PDF are what the printer's own bytes would put on paper, read and drawn
as the simulated printer draws them. Nothing here asks for anything: pictures that a document names are given, by digest.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from drivers.document import (
    CONTROLS,
    Barcode,
    Block,
    Buzz,
    Cut,
    Document,
    Feed,
    OpenDrawer,
    Pdf417,
    Picture,
    Qr,
    Text,
    cells,
    display_columns,
)
from drivers.escpos import Profile, encode
from loyalty.words import say

if TYPE_CHECKING:
    from PIL import Image

Pictures = Mapping[str, bytes]


# Text.


def as_text(document: Document, *, copy: bool = False) -> str:
    """The receipt in a fixed-width font: aligned as on paper, codes as their data, a line of dashes where it is cut through.

    >>> as_text(Document(9, (Text("Tea", align="center"), Feed(), Qr("7K3"), Cut())))
    '   Tea\\n\\n   7K3\\n'
    """
    width, lines = document.width_columns, list[str]()
    blocks = (document.as_copy() if copy else document).blocks
    for place, block in enumerate(blocks):
        match block:
            case Text(text=text, align=align):
                lines.append(_aligned(plain(text), align, width))
            case Barcode(data=data) | Qr(data=data) | Pdf417(data=data):
                lines += [_aligned(part, "center", width) for part in _chunks(plain(data), width)]
            case Feed(lines=count):
                lines += [""] * count
            case Cut() if any(isinstance(later, Text) for later in blocks[place:]):
                lines += ["", "- " * (width // 2), ""]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def plain(text: str) -> str:
    """A text whose controls, line breaks and halves of characters are blanks: names of goods may hold anything."""
    return CONTROLS.sub(" ", text)


def _aligned(text: str, align: str, width: int) -> str:
    room = max(0, width - display_columns(text))
    return " " * {"left": 0, "center": room // 2, "right": room}[align] + text


def _chunks(text: str, width: int) -> list[str]:
    """A code's data cut to the width; half a wide character is none."""
    lines, room = [""], width
    for cell, columns in cells(text):
        if columns > room and lines[-1]:
            lines.append("")
            room = width
        lines[-1] += cell
        room -= columns
    return lines


# What a printer would put on paper.


def as_png(document: Document, profile: Profile, *, copy: bool = False, pictures: Pictures | None = None) -> bytes:
    """What this printer would put on paper, one pixel a dot; of several papers one below the other."""
    from PIL import Image

    sheets = [sheet for sheet, _ in _sheets(document, profile, copy=copy, pictures=pictures)]
    height = sum(sheet.height for sheet in sheets) + BETWEEN_PAPERS_DOTS * (len(sheets) - 1)
    whole = Image.new("L", (sheets[0].width, height), 214)
    y = 0
    for sheet in sheets:
        whole.paste(sheet, (0, y))
        y += sheet.height + BETWEEN_PAPERS_DOTS
    file = io.BytesIO()
    whole.save(file, "PNG")
    return file.getvalue()


def as_pdf(
    document: Document, profile: Profile, *, title: str = "", copy: bool = False, pictures: Pictures | None = None
) -> bytes:
    """A page for each paper, as wide as the roll and as long as what is on it, with its text to search and to copy."""
    from PIL import Image

    from drivers.simulated.drawing import MARGIN_DOTS

    pages = list[tuple[Image.Image, str]]()
    for sheet, paper in _sheets(document, profile, copy=copy, pictures=pictures):
        left, right = MARGIN_DOTS, sheet.width - MARGIN_DOTS
        content = sheet.crop((left, left, right, _last_dot(sheet, left, right)))
        dots = content.point(lambda level: 255 if level >= 128 else 0).convert("1", dither=Image.Dither.NONE)
        pages.append((dots, as_text(paper)))
    return _pdf(pages, document.width_columns, title)


BETWEEN_PAPERS_DOTS = 24


def _sheets(
    document: Document, profile: Profile, *, copy: bool, pictures: Pictures | None
) -> Iterator[tuple[Image.Image, Document]]:
    """Each of the document's papers, drawn as the simulated printer draws it; one that is empty where there is none."""
    from drivers.simulated.drawing import draw
    from drivers.simulated.escpos_parser import Parser
    from drivers.simulated.paper import Paper
    from drivers.simulated.pieces import FONT_A

    width_dots = document.width_columns * FONT_A[0]
    for paper in _papers(document, copy=copy):
        head, parser = Paper(width_dots), Parser()
        parser.feed(encode(paper, profile, pictures=pictures or {}))
        for item in parser:
            head.execute(item)
        yield draw(head.printed, width_dots, was_cut=True), paper


def _last_dot(sheet: Image.Image, left: int, right: int) -> int:
    """The row below the last printed one, without the edge at which the sheet is cut."""
    from PIL import ImageChops

    box = ImageChops.invert(sheet.crop((left, left, right, sheet.height - left))).getbbox()
    return left + (box[3] if box else 24)


class Roll(NamedTuple):
    """The paper in a printer of so many columns: its width and how finely it prints."""

    paper_mm: float
    dots_per_inch: int

    @classmethod
    def of(cls, width_columns: int) -> Roll:
        """42 columns are the 180 dpi of an 80 mm printer; others print 203 dpi, on the narrowest roll that takes them."""
        dots_per_inch = 180 if width_columns == 42 else 203
        printed_mm = width_columns * 12 * 25.4 / dots_per_inch
        return cls(next((mm for mm in (58.0, 80.0, 112.0) if printed_mm <= mm - 7), 112.0), dots_per_inch)


POINTS_PER_MM = 72 / 25.4
MARGIN_MM = 5.0


def _pdf(pages: list[tuple[Image.Image, str]], width_columns: int, title: str) -> bytes:
    """A PDF 1.4 of a picture a page, and of its lines as text that is not drawn. The same receipt makes the same bytes."""
    roll = Roll.of(width_columns)
    scale = 72 / roll.dots_per_inch
    fonts = _fonts("".join(dict.fromkeys("".join(" " + text for _, text in pages))))
    first_font, first_page = 5, 5 + 2 * len(fonts)
    resources = " ".join(f"/F{number} {first_font + 2 * number} 0 R" for number in range(len(fonts)))
    kids = " ".join(f"{first_page + 3 * number} 0 R" for number in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /ViewerPreferences << /DisplayDocTitle true >> >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Title " + _pdf_text(title) + b" /Producer (pos-plugin) >>",
        b"<< /Length 8 >>\nstream\n600 0 d0\nendstream",  # the glyph of every letter: a width, and nothing drawn
    ]
    for number, font in enumerate(fonts):
        codes = " ".join(f"/g{code}" for code in range(len(font)))
        glyphs = " ".join(f"/g{code} 4 0 R" for code in range(len(font)))
        widths = " ".join(["600"] * len(font))
        objects.append(
            (
                f"<< /Type /Font /Subtype /Type3 /FontBBox [0 0 600 1000] /FontMatrix [0.001 0 0 0.001 0 0] "
                f"/FirstChar 0 /LastChar {len(font) - 1} /Widths [{widths}] /Encoding << /Differences [0 {codes}] >> "
                f"/CharProcs << {glyphs} >> /Resources << >> /ToUnicode {first_font + 2 * number + 1} 0 R >>"
            ).encode()
        )
        objects.append(_stream(b"", _to_unicode(font)))
    for number, (dots, text) in enumerate(pages):
        width, height = dots.width * scale, dots.height * scale
        page_width, page_height = roll.paper_mm * POINTS_PER_MM, height + 2 * MARGIN_MM * POINTS_PER_MM
        left, bottom = (page_width - width) / 2, MARGIN_MM * POINTS_PER_MM
        unseen = _unseen_text(text.splitlines(), fonts, left, bottom + height, width / width_columns, height)
        drawing = f"q {width:.3f} 0 0 {height:.3f} {left:.3f} {bottom:.3f} cm /I Do Q\n{unseen}".encode("ascii")
        its = first_page + 3 * number
        objects += [
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {page_width:.3f} {page_height:.3f}] /Contents {its + 1} 0 R "
                f"/Resources << /XObject << /I {its + 2} 0 R >> /Font << {resources} >> >> >>"
            ).encode(),
            _stream(b"", drawing),
            _stream(
                f"/Type /XObject /Subtype /Image /Width {dots.width} /Height {dots.height} "
                "/ColorSpace /DeviceGray /BitsPerComponent 1".encode(),
                dots.tobytes(),
            ),
        ]
    return _file(objects)


def _fonts(letters: str) -> list[str]:
    """The letters in fonts of at most 256."""
    return [letters[start : start + 256] for start in range(0, len(letters), 256)]


def _unseen_text(lines: list[str], fonts: list[str], left: float, top: float, column: float, height: float) -> str:
    """The drawing commands that put each line, unseen, near where it is printed."""
    places = {letter: (font, code) for font, letters in enumerate(fonts) for code, letter in enumerate(letters)}
    step = height / max(1, len(lines))
    out = ["BT 3 Tr"]
    for number, line in enumerate(lines):
        words = line.lstrip()
        if not words:
            continue
        x, y = left + (len(line) - len(words)) * column, top - (number + 0.8) * step
        out.append(f"1 0 0 1 {x:.2f} {y:.2f} Tm")
        font, run = -1, ""
        for letter in f"{words} ":  # some readers pass over a text of one letter
            where, code = places[letter]
            if where != font:
                out += [f"<{run}> Tj"] if run else []
                out.append(f"/F{where} {column / 0.6:.3f} Tf")
                font, run = where, ""
            run += f"{code:02x}"
        out.append(f"<{run}> Tj")
    return "\n".join([*out, "ET"])


def _to_unicode(font: str) -> bytes:
    pairs = [f"<{code:02x}> <{letter.encode('utf-16-be').hex()}>" for code, letter in enumerate(font)]
    blocks = "\n".join(
        f"{len(part)} beginbfchar\n" + "\n".join(part) + "\nendbfchar"
        for part in (pairs[start : start + 100] for start in range(0, len(pairs), 100))
    )
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /U def /CMapType 2 def\n"
        f"1 begincodespacerange <00> <ff> endcodespacerange\n{blocks}\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end"
    ).encode("ascii")


def _pdf_text(text: str) -> bytes:
    return b"<feff" + plain(text).encode("utf-16-be", "replace").hex().encode() + b">"


def _stream(entries: bytes, data: bytes) -> bytes:
    packed = zlib.compress(data, 9)
    head = b"<< " + entries + b" /Filter /FlateDecode /Length " + str(len(packed)).encode() + b" >>"
    return head + b"\nstream\n" + packed + b"\nendstream"


def _file(objects: list[bytes]) -> bytes:
    out, places = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"), list[int]()
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info 3 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, start)
    return bytes(out)


# A web page.

STYLE = """\
:root{color-scheme:light}
body{margin:0;padding:1rem;background:#eceff1;color:#111;font:1rem/1.45 system-ui,sans-serif}
article{max-width:24rem;margin:0 auto 1rem;padding:1.5rem 1.25rem;background:#fff;border-radius:.5rem;box-shadow:0 1px 4px #0003}
h1{margin:0 0 .25rem;font-size:1.35rem;text-align:center}
h2{margin:.5rem 0;font-size:1.05rem;text-align:center}
p{margin:.15rem 0;overflow-wrap:anywhere}
.center{text-align:center}.right{text-align:right}.big{font-size:1.6rem;font-weight:700;line-height:1.2}.under{text-decoration:underline}
.inverted{background:#111;color:#fff}.space{margin-top:1rem}
hr{border:0;border-top:1px dashed #777;margin:.6rem 0}
table{width:100%;border-collapse:collapse}
th,td{padding:.12rem 0;vertical-align:bottom;font-weight:400}
th{text-align:start;overflow-wrap:anywhere}
td{text-align:end;white-space:nowrap;padding-inline-start:1rem;font-variant-numeric:tabular-nums}
tr.bold th,tr.bold td{font-weight:700}
tr.inner th{padding-inline-start:1rem;color:#444}
figure{margin:1rem 0;text-align:center}
figure svg{max-width:100%;height:auto}
figcaption{overflow-wrap:anywhere}
img{display:block;max-width:100%;height:auto;margin:0 auto .75rem}
img.left{margin-left:0}img.right{margin-right:0}
@media print{body{background:none;padding:0}article{box-shadow:none;break-after:page}}
"""
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'"
"""What the page may load: its own style, and pictures that stand in it. No script, nothing of another host."""


def as_html(
    document: Document, *, title: str, language: str = "en", copy: bool = False, pictures: Pictures | None = None
) -> str:
    """The digital receipt: one file that needs no other, for any screen and for a screen reader."""
    papers = "\n".join(
        f"<article>\n{_paper(paper, title, language, pictures or {})}</article>"
        for paper in _papers(document, copy=copy)
    )
    return (
        f'<!doctype html>\n<html lang="{_escaped(language)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{_escaped(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{papers}\n</main>\n</body>\n</html>\n"
    )


def _papers(document: Document, *, copy: bool) -> Iterator[Document]:
    """Each of the papers that the cuts make of a document; one without anything where there is nothing."""
    papers: list[list[Block]] = [[]]
    for block in (document.as_copy() if copy else document).blocks:
        if isinstance(block, Cut):
            papers.append([])
        else:
            papers[-1].append(block)
    written = [paper for paper in papers if any(not isinstance(block, Feed | OpenDrawer | Buzz) for block in paper)]
    for paper in written or [[]]:
        yield Document(document.width_columns, tuple(paper))


def _paper(paper: Document, title: str, language: str, pictures: Pictures) -> str:
    width = paper.width_columns
    out, rows = list[str](), list[str]()
    is_first, is_apart = True, False
    waiting: Text | None = None  # a line of words that may go on in the next

    def end_of_table() -> None:
        nonlocal is_apart
        if rows:
            kind = ' class="space"' if is_apart else ""
            out.append(f"<table{kind}>\n{''.join(rows)}</table>\n")
            rows.clear()
            is_apart = False

    def tell(line: Text, kind: str = "p") -> None:
        nonlocal is_apart
        end_of_table()
        out.append(_spoken(line, kind, is_apart=is_apart))
        is_apart = False

    for block in paper.blocks:
        row = _row(block, width) if isinstance(block, Text) else None
        if waiting is not None:
            if row and _goes_on(waiting.text, row[0], width, row[1]):
                row = (f"{waiting.text} {row[0].strip()}", row[1])
            elif (
                isinstance(block, Text)
                and row is None
                and _is_words(block)
                and _goes_on(waiting.text, block.text, width)
            ):
                waiting = Text(f"{waiting.text} {block.text.strip()}")
                continue
            else:
                tell(waiting)
            waiting = None
        if isinstance(block, Text) and row is not None:
            classes = ["bold"] * block.bold + ["inner"] * (row[0][:1] == " ")
            attribute = f' class="{" ".join(classes)}"' if classes else ""
            rows.append(
                f'<tr{attribute}><th scope="row" dir="auto">{_escaped(row[0].strip())}</th>'
                f'<td dir="auto">{_escaped(row[1])}</td></tr>\n'
            )
            continue
        if isinstance(block, Text) and _is_words(block) and set(block.text) != {"-"}:
            waiting = block
            continue
        end_of_table()
        match block:
            case Text(text=text) if text and set(text) == {"-"}:
                out.append("<hr>\n")
            case Text(bold=True, align="center", double=False):
                tell(block, "h1" if is_first else "h2")
                is_first = False
            case Text():
                tell(block)
            case Feed():
                is_apart = bool(out)
            case Picture(digest=digest, align=align) if digest in pictures:
                data = base64.b64encode(pictures[digest]).decode("ascii")
                out.append(f'<img class="{align}" alt="{_escaped(title)}" src="data:image/png;base64,{data}">\n')
            case Barcode() | Qr() | Pdf417():
                out.append(_code(block, language))
    if waiting is not None:
        tell(waiting)
    end_of_table()
    return "".join(out)


_WIDE_GAP = re.compile(r"(.*\S|)\s{2,}(\S+(?: \S+)*)")
_FIGURE = re.compile(r"(.*\S) ([+-]?[\d.,]+)")


def _row(block: Text, width: int) -> tuple[str, str] | None:
    """Words at the left edge and a figure at the right one, where a line is that."""
    if block.align != "left" or block.double or display_columns(block.text) != width:
        return None
    found = _WIDE_GAP.fullmatch(block.text) or _FIGURE.fullmatch(block.text)
    return (found[1], found[2]) if found else None


def _is_words(block: Text) -> bool:
    return block.align == "left" and not (block.bold or block.double or block.inverted or block.underlined)


def _goes_on(line: str, following: str, width: int, figure: str = "") -> bool:
    """Whether the paper's edge, and nothing else, ended the line: the next word had no room."""
    word = following.split(" ")[0] if following[:1] != " " else following.strip().split(" ")[0]
    is_indented = line[:2] == "  "
    if is_indented != (following[:2] == "  "):
        return False
    room = width - (display_columns(figure) + 1 if figure else 0)
    return bool(word) and display_columns(line) + 1 + display_columns(word) > room


def _spoken(line: Text, kind: str, *, is_apart: bool) -> str:
    words = _escaped(line.text.strip())
    classes: list[str] = [line.align] * (kind == "p" and line.align != "left")
    classes += ["big"] * line.double + ["under"] * line.underlined + ["inverted"] * line.inverted + ["space"] * is_apart
    attribute = f' class="{" ".join(classes)}"' if classes else ""
    if kind == "p" and line.bold and not line.double:
        words = f"<strong>{words}</strong>"
    return f'<{kind}{attribute} dir="auto">{words}</{kind}>\n'


def _code(block: Barcode | Qr | Pdf417, language: str) -> str:
    """A code as a drawing, with what it holds below it; as its data alone where nothing here can draw it."""
    drawing = ""
    if isinstance(block, Qr):
        drawing = _qr_svg(block.data, say("QR code", language))
    elif isinstance(block, Barcode):
        drawing = _bars_svg(block, say("Bar code", language))
    return f'<figure>{drawing}<figcaption dir="auto">{_escaped(block.data)}</figcaption></figure>\n'


def _qr_svg(data: str, name: str) -> str:
    import segno

    matrix = segno.make_qr(data, error="m", boost_error=False).matrix
    return _svg(_runs(matrix), len(matrix[0]) + 8, len(matrix) + 8, 6, name)


def _runs(matrix: tuple[bytearray, ...]) -> str:
    """The dark modules as a path, with a quiet zone of four around them."""
    path = ""
    for y, row in enumerate(matrix, 4):
        for dark in re.finditer(b"\x01+", bytes(row)):
            path += f"M{dark.start() + 4} {y}h{len(dark[0])}v1h-{len(dark[0])}z"
    return path


def _bars_svg(block: Barcode, name: str) -> str:
    from drivers.simulated.bar_codes import bar_widths

    number = {"upca": 65, "ean13": 67, "ean8": 68, "code39": 69, "itf": 70, "code128": 73}[block.symbology]
    data = block.data.encode("ascii", "replace")
    widths = bar_widths(number, b"{B" + data.replace(b"{", b"{{") if number == 73 else data)
    if widths is None:
        return ""
    x, path = 10, ""
    for place, width in enumerate(map(int, widths.replace("w", "3"))):  # wide elements have no digit
        path += f"M{x} 0h{width}v40h-{width}z" if place % 2 == 0 else ""
        x += width
    return _svg(path, x + 10, 40, 2, name)


def _svg(path: str, width: int, height: int, pixels: int, name: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{_escaped(name)}" width="{width * pixels}" '
        f'height="{height * pixels}" viewBox="0 0 {width} {height}" shape-rendering="crispEdges">'
        f'<path fill="#000" d="{path}"/></svg>'
    )


def _escaped(text: str) -> str:
    return html.escape(plain(text))
