"""What a till has printed, as plain data: the words between two cuts, what they were recognised as, and the sale in them.

No bytes and no printer are known here, and no ledger. Whoever reads a stream makes a `Paper`, whoever recognises it makes a
`Recognised`, and whoever records it is handed a `PrintedSale` and answers with a `Block`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from drivers.document import Document

Kind = Literal["sale", "return", "void", "kitchen", "closing", "card slip", "copy", "other"]
"""What a paper is. "closing" is an X or Z report; "copy" a reprint that the till itself marks; "other" what is not known."""


class Row(msgspec.Struct, frozen=True, omit_defaults=True):
    """One printed line of text, without the spaces at its end. Columns are those of the font in which it is printed."""

    text: str
    bold: bool = False
    large: bool = False


class Code(msgspec.Struct, frozen=True):
    """A code that the till had the printer draw: what it holds, as text where it is text ("latin-1" of it where it is not)."""

    symbology: Literal["qr", "pdf417", "code128", "ean13", "ean8", "upca", "code39", "itf", "other"]
    data: str


class Paper(msgspec.Struct, frozen=True):
    """What stands between two cuts. `row_dots` counts the rows of pictures, which say nothing that could be read.

    `columns` is the width for which it was laid out, as far as that shows: the longest row of ordinary size. `digest` is the
    SHA-256, in hex, of the bytes that printed it.
    """

    rows: tuple[Row, ...] = ()
    codes: tuple[Code, ...] = ()
    row_dots: int = 0
    columns: int = 42
    digest: str = ""

    @property
    def text(self) -> str:
        return "\n".join(row.text for row in self.rows)

    @property
    def is_picture(self) -> bool:
        """Whether its words cannot be read, because the till printed them as a picture."""
        return self.row_dots >= PICTURE_DOTS and sum(len(row.text.strip()) for row in self.rows) < PICTURE_WORDS


PICTURE_DOTS = 200
"""So many rows of dots are more than a logo where hardly any text stands beside them; 24 are a line."""
PICTURE_WORDS = 20


MOST_CODES = 20
LONGEST_CODE = 256
"""What of a paper's codes the ledger is told."""


class SoldLine(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    amount_minor: int
    quantity_milli: int = 1000
    sku: str = ""


class Recognised(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a paper is. Only "sale", "return" and "void" have the rest; `lines` may be empty, and need not add up to the total.

    `reference` is the till's own name for the sale, `of_reference` that of the sale which comes back. `member_code` is a
    member's code that the till has printed. `sold_at` is local time, "" where the paper has none. `why` says in a sentence, for
    people, what was recognised by what.
    """

    kind: Kind
    why: str
    reference: str = ""
    of_reference: str = ""
    total_minor: int = 0
    lines: tuple[SoldLine, ...] = ()
    member_code: str = ""
    sold_at: str = ""
    operator: str = ""


class PrintedSale(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the ledger is asked to record: `seen` was printed at `till`, on paper for `columns`. `printed_at` is UTC, ISO 8601.

    `member` is the one who was at the till then, where whoever asks knows; else the ledger's side knows whose card was scanned.
    `codes` are all that stand on the paper: one of them may be a member's, which only the ledger's side can tell.
    """

    till: str
    seen: Recognised
    columns: int
    printed_at: str
    member: str = ""
    codes: tuple[str, ...] = ()

    @classmethod
    def of(cls, till: str, seen: Recognised, paper: Paper, printed_at: str) -> PrintedSale:
        codes = [one.data for one in paper.codes if len(one.data) <= LONGEST_CODE]
        return cls(till, seen, paper.columns, printed_at, codes=tuple(codes[:MOST_CODES]))


class Block(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the ledger answers: the rewards block for the end of the receipt. Without one nothing is put in.

    `recorded` says that the sale stands in the journal, by this request or an earlier one; else `why` says why not, and asking
    again helps only where `ask_again`.
    """

    recorded: bool
    document: Document | None = None
    reference: str = ""
    why: str = ""
    ask_again: bool = False
