"""A document as a web page: one file for browsers, screen readers and printers; no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Mapping

from drivers.document import (
    Barcode,
    Document,
    Feed,
    Pdf417,
    Picture,
    Qr,
    Text,
    display_columns,
)
from loyalty.words import say
from pos_plugin.papers.renderings.papers import papers_of
from pos_plugin.papers.renderings.text import plain

Pictures = Mapping[str, bytes]


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
        for paper in papers_of(document, copy=copy)
    )
    return (
        f'<!doctype html>\n<html lang="{_escaped(language)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>{_escaped(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{papers}\n</main>\n</body>\n</html>\n"
    )


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
