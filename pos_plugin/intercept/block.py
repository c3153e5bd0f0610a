"""The block put into another program's receipt: printed in its font, and every mode left as it was found.

No ESC @ is in it, which would cost the till its own characters, tabs and margins, and nothing that cuts, opens or sounds. What of
GS ( k was stored to be printed later is replaced where the block has such a code.
"""

from __future__ import annotations

from typing import Final

import msgspec

from drivers.document import Barcode, Document, Feed, Pdf417, Picture, Qr, Text
from drivers.escpos.code_pages import CODE_PAGE
from drivers.escpos.encoding import SIZE, encode_within
from drivers.escpos.profile import Profile
from drivers.escpos.text import KANJI_OFF, KANJI_ON, SHIFT_JIS
from drivers.simulated.pieces import FONT_B
from pos_plugin.intercept.print_state import INCH_DOTS, LINE_DOTS, PrintState

CUTTER_DOTS: Final = 4 * LINE_DOTS
"""From the print head to the cutter: 15 mm. As many lines as most programs feed before GS V 0."""


def encode_block(
    document: Document, state: PrintState, profile: Profile, *, line_is_open: bool, feed_dots: int
) -> bytes:
    """Bytes that print `document` in a printer that is in `state`, then feed `feed_dots`; nothing where it says nothing.

    Raises ValueError for a code that cannot exist.
    """
    blocks = tuple(one for one in document.blocks if isinstance(one, Text | Barcode | Qr | Pdf417 | Picture | Feed))
    if all(isinstance(one, Feed) for one in blocks):
        return b""
    printed = encode_within(Document(document.width_columns, blocks), _as_left(profile, state))
    out = b"\n" if line_is_open else b""
    out += state.to_plain() + printed
    out += b"".join(
        state.code_settings(code) for code, kind in _CODES.items() if any(isinstance(one, kind) for one in blocks)
    )
    if CODE_PAGE in printed and state.code_page is not None:
        out += CODE_PAGE + bytes([state.code_page])
    if SHIFT_JIS in printed:
        out += b"\x1cC" + bytes([state.kanji_code])
    if KANJI_ON in printed and not state.kanji:
        out += KANJI_OFF
    return out + _feed(feed_dots, state) + state.from_plain(sizes_changed=SIZE in printed)


_CODES: Final = {None: Barcode, 49: Qr, 48: Pdf417}  # by GS ( k's number


def _as_left(profile: Profile, state: PrintState) -> Profile:
    """The printer as the till uses it. Where that has chosen no code page none can be put back, and where it has chosen a clone's
    UTF-8 no other bytes are taken: what is not ASCII is drawn."""
    takes_pages = state.code_page is not None and not state.takes_utf8_alone
    return msgspec.structs.replace(
        profile,
        code_pages=profile.code_pages if takes_pages else {},
        ideographs="" if state.takes_utf8_alone else profile.ideographs,
        column_dots=FONT_B[0] if state.font == 1 else profile.column_dots,
    )


def _feed(dots: int, state: PrintState) -> bytes:
    """In lines, which are as long on every printer; in motion units only where these are known and the line is not."""
    if dots <= 0:
        return b""
    if state.line_dots >= LINE_DOTS - 6:
        return b"\n" * -(-dots // state.line_dots)
    if state.line_spacing is not None and state.line_spacing < 0:
        return b"\x1bJ" + bytes([min(-(-dots * (state.units_y or INCH_DOTS) // INCH_DOTS), 255)])
    return b"\x1b2" + b"\n" * -(-dots // LINE_DOTS) + bytes([0x1B, 0x33, state.line_spacing or 0])
