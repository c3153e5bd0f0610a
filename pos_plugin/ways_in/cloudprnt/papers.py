"""A job of a cloud till as the bytes of this till's printer: plain text, or a picture, with a cut.

What is for Star printers alone (application/vnd.star…) is not offered: this printer speaks another language.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.document import CONTROLS, Block, Buzz, Cut, Document, OpenDrawer, Text, cells
from drivers.escpos import Profile, encode
from pos_plugin.config import DrawerSettings
from pos_plugin.ways_in import pictures

TEXT, PICTURES = "text/plain", ("image/png", "image/jpeg")
MOST_LINES = 2000
TAB = 8


class NotPrintable(Exception):
    """What cannot be printed; `code` is what Star's printers say then."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def media_types(profile: Profile) -> tuple[str, ...]:
    """What this printer can be sent, best first: a picture is the receipt as its maker drew it."""
    return (*PICTURES, TEXT) if profile.has_raster else (TEXT,)


def job(
    data: bytes,
    media_type: str,
    charset: str,
    headers: Mapping[str, str],
    profile: Profile,
    width_columns: int,
    drawer: DrawerSettings,
) -> bytes:
    """Raises NotPrintable. `headers` may ask for the drawer, the buzzer and the cut (Response (GET) in the guide)."""
    before, after = _around(headers, drawer)
    if media_type in PICTURES:
        try:
            return pictures.picture_job(data, profile, width_columns, before=before, after=after)
        except pictures.NotPrintable as error:
            raise NotPrintable("511 Media decoding error", str(error)) from None
    if media_type != TEXT:
        raise NotPrintable("510 Incompatible media type", f"It is sent as {media_type[:60]!r}. Nothing was printed.")
    return encode(Document(width_columns, (*before, *_lines(data, charset, width_columns), *after)), profile)


def _around(headers: Mapping[str, str], drawer: DrawerSettings) -> tuple[tuple[Block, ...], tuple[Block, ...]]:
    wanted = {name.lower(): value.strip().lower() for name, value in headers.items()}
    before: list[Block] = []
    after: list[Block] = []
    if wanted.get("x-star-buzzerstartpattern"):
        before.append(Buzz())
    match wanted.get("x-star-cashdrawer"):
        case "start":
            before.append(OpenDrawer(drawer.pin))
        case "end":
            after.append(OpenDrawer(drawer.pin))
    cut = wanted.get("x-star-cut", "full")
    if not cut.startswith("none"):
        after.insert(0, Cut(partial=cut.startswith("partial")))
    if wanted.get("x-star-buzzerendpattern"):
        after.append(Buzz())
    return tuple(before), tuple(after)


def _lines(data: bytes, charset: str, width_columns: int) -> list[Block]:
    try:
        text = data.decode(charset, "replace").removeprefix("\ufeff")
    except (LookupError, ValueError):  # none, or one that is no text
        text = data.decode("utf-8", "replace")
    lines: list[Block] = []
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        lines += [Text(part) for part in _wrapped(CONTROLS.sub("", line.expandtabs(TAB)).rstrip(), width_columns)]
        if len(lines) > MOST_LINES:
            raise NotPrintable("521 Job too large", f"It has more than {MOST_LINES:,} lines. Nothing was printed.")
    return lines


def _wrapped(line: str, width_columns: int) -> list[str]:
    """As a printer does it: what does not fit begins the next line, wherever that is."""
    parts, part, used = [], "", 0
    for cell, columns in cells(line):
        if used + columns > width_columns:
            parts.append(part)
            part, used = "", 0
        part, used = part + cell, used + columns
    return [*parts, part]
