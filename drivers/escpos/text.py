"""Lines of Unicode as a printer takes them: letters of its code pages, its own ideographs, and dots for what it lacks.

Every line comes out as wide as it was laid out for: a cell is a column, whoever draws it. What reads from right to left is put in
the order in which a print head moves. Where neither printer nor machine has a letter, the nearest ASCII stands in for it.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from drivers.document import CONTROLS, Text, cells, display_columns
from drivers.escpos.code_pages import ASCII_CELLS, ASCII_ONLY, page_that_lasts, set_of, set_of_pages, take
from drivers.escpos.profile import Profile
from drivers.escpos.stand_ins import AS_GOOD, flag, nearest_ascii

if TYPE_CHECKING:
    from PIL import Image

    from drivers.escpos.scripts import Flush

KANJI_ON = b"\x1c&"  # FS &: bytes from 0x80 on are taken in pairs
KANJI_OFF = b"\x1c."  # FS .
SHIFT_JIS = b"\x1cC\x01"  # FS C 1: Japanese printers begin with JIS
_LINE_ROWS = 30  # a line's 24 dots and the paper between lines
_TWICE = 3  # GS v 0: twice as wide and as high


class Letters(NamedTuple):
    """Characters of code pages, each one byte and one column, in the order of the print head."""

    text: str


class Pairs(NamedTuple):
    """Ideographs of the printer's double-byte set, each two bytes and two columns."""

    text: str
    data: bytes


class Drawn(NamedTuple):
    """What the printer lacks: ready bytes of a picture, within the line or instead of it."""

    data: bytes
    ends_line: bool = False


class _Run(NamedTuple):
    """Text that has to be drawn, in so many columns."""

    text: str
    columns: int
    right_to_left: bool = False
    flush: Flush = "center"


Piece = Letters | Pairs | Drawn


def encode_texts(lines: list[Text], profile: Profile) -> Iterator[bytes]:
    """Each line's bytes with the end of the line, switching code pages as rarely as can be.

    Each switch goes to the page that lasts longest, and none comes before the page in use ends. Fewer are impossible: whatever
    pages another way uses, its k-th switch is never after this one's k-th, because a page that serves a stretch serves every
    part of it.
    """
    texts = [line.text for line in lines]
    if all(map(_is_plain, texts)):
        yield from (text.encode("ascii") + b"\n" for text in texts)
        return
    set_ = set_of(profile)
    composed = [
        (Letters(line.text),) if set_.unturned.issuperset(line.text) else compose(line, profile) for line in lines
    ]
    pages = set_.pages
    ahead = [piece.text for pieces in composed for piece in pieces if isinstance(piece, Letters)]
    page = ASCII_ONLY  # which page ESC @ selects is a setting of the printer: unknown
    done, in_pairs = 0, False
    pairs_on = SHIFT_JIS + KANJI_ON if profile.ideographs == "shift_jis" else KANJI_ON
    for pieces in composed:
        if len(pieces) == 1 and isinstance(pieces[0], Letters) and not in_pairs:
            taken, rest = take(pieces[0].text, page)
            if not rest:
                done += 1
                yield taken + b"\n"
                continue
        out = []
        for piece in pieces:
            if isinstance(piece, Pairs):
                out.append(piece.data if in_pairs else pairs_on + piece.data)
                in_pairs = True
                continue
            if isinstance(piece, Drawn):
                out.append(piece.data)
                continue
            done += 1
            rest = piece.text
            if in_pairs and not rest.isascii():
                out.append(KANJI_OFF)
                in_pairs = False
            while rest:
                taken, rest = take(rest, page)
                out.append(taken)
                if rest:
                    page = page_that_lasts(pages, itertools.chain((rest,), itertools.islice(ahead, done, None)))
                    assert rest[0] in page.characters, "every character is in a page, or was replaced"
                    out.append(page.select)
        if not pieces or not (isinstance(pieces[-1], Drawn) and pieces[-1].ends_line):
            out.append(b"\n")
        yield b"".join(out)
    if in_pairs:
        yield KANJI_OFF


def _is_plain(text: str) -> bool:
    return text.isascii() and text.isprintable()


# A line that is not all letters of code pages.


@lru_cache(maxsize=1024)
def _composed(
    text: str, look: tuple[bool, bool, bool, bool], align: str, profile_key: tuple[Any, ...]
) -> tuple[Piece, ...]:
    code_pages, ideographs, column_dots, has_raster, has_column_image = profile_key
    set_ = set_of_pages(code_pages)
    text = unicodedata.normalize("NFC", text)
    pieces = _in_visual_order(text, set_.one_byte, ideographs, align, has_raster or has_column_image)
    is_double = look[1]
    if not any(isinstance(piece, _Run) for piece in pieces):
        return _merged(pieces)
    if is_double or not has_column_image:
        if has_raster:
            return (_whole_line(pieces, text, look, column_dots),)
        return _merged([_stand_in(piece) if isinstance(piece, _Run) else piece for piece in pieces])
    out: list[Piece | _Run] = []
    for piece in pieces:
        out += _within_line(piece, text, look, column_dots) if isinstance(piece, _Run) else [piece]
    return _merged(out)


def compose(line: Text, profile: Profile) -> tuple[Piece, ...]:
    """The pieces of a line, from left to right, in exactly the columns that it was laid out for."""
    look = (line.bold, line.double, line.inverted, line.underlined)
    key = (
        tuple(profile.code_pages.items()),
        profile.ideographs,
        profile.column_dots,
        profile.has_raster,
        profile.has_column_image,
    )
    return _composed(line.text, look, line.align, key)


def use_fonts(folders: Iterable[Path] | None) -> None:
    """Draws with the fonts of these folders only; None is the fonts of this machine, as at the start."""
    from drivers.escpos import fonts, scripts

    fonts.use_only(folders)
    scripts.draw.cache_clear()
    _composed.cache_clear()


def _merged(pieces: list[Piece | _Run]) -> tuple[Piece, ...]:
    out: list[Any] = []
    for piece in pieces:
        last = out[-1] if out else None
        if isinstance(piece, Letters) and isinstance(last, Letters):
            out[-1] = Letters(last.text + piece.text)
        elif isinstance(piece, Pairs) and isinstance(last, Pairs):
            out[-1] = Pairs(last.text + piece.text, last.data + piece.data)
        else:
            out.append(piece)
    return tuple(out)


_GAP = re.compile("( {2,})")


def _in_visual_order(
    text: str, one_byte: frozenset[str], ideographs: str, align: str, can_draw: bool
) -> list[Piece | _Run]:
    """Letters, pairs and what must be drawn, as the print head meets them.

    Two blanks or more part the columns of a table: each column is turned round by itself, so that a price stays where it was put.
    """
    out: list[Piece | _Run] = []
    parts = _GAP.split(text) if _MAY_TURN.search(text) else [text]
    for at, part in enumerate(parts):
        if not part or at % 2:
            out.append(Letters(part))
            continue
        is_last_column = at == len(parts) - 1 and at > 0 and align != "center"
        flush: Flush = "center" if align == "center" and len(parts) == 1 else "right" if is_last_column else "left"
        for run, right_to_left in _turned(part):
            if right_to_left:
                out += _right_to_left_run(run, one_byte, flush, can_draw)
            else:
                out += _left_to_right_run(run, one_byte, ideographs, flush, can_draw)
    return out


_MAY_TURN = re.compile(
    "[\u0590-\u08ff\u200e-\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)


def _turned(text: str) -> list[tuple[str, bool]]:
    """Runs in the order of the print head: left to right as they are, and right to left as they are read."""
    if not _MAY_TURN.search(text):
        return [(text, False)]
    from drivers.escpos.scripts import RIGHT_TO_LEFT

    seen = _as_seen(CONTROLS.sub(" ", text))
    runs: list[tuple[str, bool]] = []
    turned = [
        RIGHT_TO_LEFT.match(character) is not None
        or (character in "\u200c\u200d" or unicodedata.category(character) == "Mn")
        for character in seen
    ]
    for at, character in enumerate(seen):  # one blank between two words that are turned is turned with them
        if character == " " and 0 < at < len(seen) - 1 and turned[at - 1] and turned[at + 1]:
            turned[at] = True
    for character, is_turned in zip(seen, turned, strict=True):
        if runs and runs[-1][1] == is_turned:
            runs[-1] = (character + runs[-1][0] if is_turned else runs[-1][0] + character, is_turned)
        else:
            runs.append((character, is_turned))
    return runs


def _as_seen(text: str) -> str:
    """The characters from left to right, by the Unicode Bidirectional Algorithm; brackets that are turned open the other way.

    The library orders and does not mirror. A mark set on each bracket follows it where it is not turned, and precedes it where it
    is, by the algorithm's rule for marks.
    """
    from bidi import get_display

    seen = get_display(_BRACKET.sub(lambda match: match.group() + _MARK, text))
    assert isinstance(seen, str)
    return _TURNED_BRACKET.sub(lambda match: match.group(1).translate(_MIRRORED), seen).replace(_MARK, "")


_BRACKETS = "()[]{}<>«»‹›≤≥"
_MARK = "\u20f0"
_MIRRORED = str.maketrans(_BRACKETS, ")(][}{><»«›‹≥≤")
_BRACKET = re.compile(f"[{re.escape(_BRACKETS)}]")
_TURNED_BRACKET = re.compile(f"{_MARK}([{re.escape(_BRACKETS)}])")


def _right_to_left_run(run: str, one_byte: frozenset[str], flush: Flush, can_draw: bool) -> list[Piece | _Run]:
    if one_byte.issuperset(run):
        return [Letters(run[::-1])]
    columns = display_columns(run)
    if not columns:
        return []
    if can_draw:
        from drivers.escpos import scripts

        if scripts.can_draw(run):
            return [_Run(run, columns, True, flush)]
        if " " in run:
            words = [_right_to_left_run(word, one_byte, flush, can_draw) for word in reversed(run.split(" "))]
            return [piece for word in words for piece in (Letters(" "), *word)][1:]
    return [Letters("".join(nearest_ascii(cell) for cell, _ in reversed(cells(run))))]


def _left_to_right_run(
    run: str, one_byte: frozenset[str], ideographs: str, flush: Flush, can_draw: bool
) -> list[Piece | _Run]:
    found = cells(run)
    kinds = [_kind(cell, columns, one_byte, ideographs, can_draw) for cell, columns in found]
    out: list[Piece | _Run] = []
    for at, ((cell, columns), kind) in enumerate(zip(found, kinds, strict=True)):
        if kind == "joined" and out and isinstance(out[-1], _Run) and kinds[at - 1] == "joined":
            out[-1] = out[-1]._replace(text=out[-1].text + cell, columns=out[-1].columns + columns)
        elif not columns:
            continue
        elif kind == "letter":
            out.append(Letters(cell))
        elif kind == "pair":
            out.append(Pairs(cell, cell.encode(ideographs)))
        elif kind == "stand-in":
            out.append(Letters(nearest_ascii(cell)))
        else:
            out.append(_Run(cell, columns, False, flush if kind == "joined" else "center"))
    return out


def _kind(cell: str, columns: int, one_byte: frozenset[str], ideographs: str, can_draw: bool) -> str:
    """How a cell comes on paper: letter, pair, drawn, joined (drawn with its neighbours) or stand-in."""
    if cell in ASCII_CELLS:
        return "letter"
    from_page = len(cell) == 1 and cell in one_byte
    if not can_draw:
        return "letter" if from_page else "pair" if columns == 2 and _is_pair(cell, ideographs) else "stand-in"
    from drivers.escpos import scripts

    if scripts.is_joined(cell):
        # A Thai word half in the printer's letters and half drawn reads badly: all of it is drawn.
        return "joined" if scripts.can_draw(cell) else "letter" if from_page else "stand-in"
    if from_page:
        return "letter"
    if columns == 2 and _is_pair(cell, ideographs):
        return "pair"
    return "stand-in" if cell in AS_GOOD or flag(cell) or not scripts.can_draw(cell) else "drawn"


def _is_pair(cell: str, ideographs: str) -> bool:
    """Whether the printer's double-byte set has it, in two bytes that no printer takes for anything else."""
    if not ideographs or len(cell) != 1:
        return False
    try:
        data = cell.encode(ideographs)
    except UnicodeEncodeError:
        return False
    return len(data) == 2 and data[0] >= 0x81 and data[1] >= 0x40


# What is drawn.


def _picture(run: _Run, text: str, column_dots: int) -> Image.Image:
    from drivers.escpos import scripts

    return scripts.draw(
        run.text,
        run.columns,
        column_dots,
        right_to_left=run.right_to_left,
        flush=run.flush,
        region=scripts.region_of(text),
    )


def _styled(picture: Image.Image, look: tuple[bool, bool, bool, bool]) -> Image.Image:
    """As the printer styles its own letters: a picture within a line takes nothing from the line's modes."""
    from PIL import ImageChops

    from drivers.escpos import scripts

    bold, _, inverted, underlined = look
    if bold:
        picture = scripts.bold(picture)
    if inverted:
        return ImageChops.invert(picture)
    if underlined:
        picture = picture.copy()
        picture.paste(255, (0, scripts.HEIGHT_DOTS - 1, picture.width, scripts.HEIGHT_DOTS))
    return picture


def _within_line(run: _Run, text: str, look: tuple[bool, bool, bool, bool], column_dots: int) -> list[Piece | _Run]:
    """ESC * for the cells with ink, blanks of the printer for those without: 36 bytes a cell are too many for nothing."""
    from drivers.escpos.raster import column_image

    picture = _picture(run, text, column_dots)
    styled = _styled(picture, look)
    out: list[Piece | _Run] = []
    edges = [column * column_dots for column in range(run.columns + 1)]
    has_ink = [picture.crop((left, 0, left + column_dots, picture.height)).getbbox() is not None for left in edges[:-1]]
    at = 0
    while at < run.columns:
        end = at + 1
        while end < run.columns and has_ink[end] == has_ink[at]:
            end += 1
        if has_ink[at]:
            image = styled.crop((edges[at], 0, edges[end], styled.height)).convert("1")
            out.append(Drawn(column_image(image)))
        else:
            out.append(Letters(" " * (end - at)))
        at = end
    return out


def _whole_line(pieces: list[Piece | _Run], text: str, look: tuple[bool, bool, bool, bool], column_dots: int) -> Drawn:
    """GS v 0 of the line, its letters drawn as well: for twice the size, which ESC * has not, and for printers without ESC *."""
    from PIL import Image

    from drivers.escpos import scripts
    from drivers.escpos.raster import raster

    pictures = []
    for piece in pieces:
        if isinstance(piece, _Run):
            pictures.append(_picture(piece, text, column_dots))
        elif not isinstance(piece, Drawn):
            columns = 2 if isinstance(piece, Pairs) else 1
            pictures += [scripts.draw(character, columns, column_dots) for character in piece.text]
    width = sum(picture.width for picture in pictures)
    line = Image.new("L", (max(width, 1), scripts.HEIGHT_DOTS), 0)
    x = 0
    for picture in pictures:
        line.paste(picture, (x, 0))
        x += picture.width
    line = _styled(line, look)
    if look[1]:
        return Drawn(raster(line.convert("1"), _TWICE), ends_line=True)
    spaced = Image.new("L", (line.width, _LINE_ROWS), 0)
    spaced.paste(line, (0, 0))
    return Drawn(raster(spaced.convert("1")), ends_line=True)


def _stand_in(run: _Run) -> Letters:
    found = cells(run.text)
    return Letters("".join(nearest_ascii(cell) for cell, _ in (reversed(found) if run.right_to_left else found)))
