"""A document as text, and what every rendering needs of its words."""

from __future__ import annotations

from drivers.document import CONTROLS, Barcode, Cut, Document, Feed, Pdf417, Qr, Text, cells, display_columns


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
