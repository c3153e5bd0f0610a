"""How a shop's receipts look: `receipt.toml` in the till's folder, written by `pos-plugin init`, edited by a person.

A shop chooses which blocks there are, their order, and its own words. It cannot make a receipt say what is not so: the rules
that see to that are those of `_truth`, and what they find is told with everything else that is wrong, each with its line.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import Field

from loyalty.toml_sentences import near
from loyalty.toml_table import Problem, Table, TomlError, checked, read_toml
from loyalty.words import Words, text
from pos_plugin.toml_file import text_of

FILE = "receipt.toml"

SALE = ("lines", "discounts", "totals")
"""What was sold and what it comes to. It stands together and in this order, and nothing of a member stands in it."""
OF_MEMBERS = ("points", "expiry", "reach", "tier", "offers", "charity", "claim", "claim code")
"""What is about points. It goes to the slip where there is one."""
SPACING = ("blank", "rule")
BLOCKS = (
    "logo",
    "header",
    "date",
    "operator",
    *SALE,
    *OF_MEMBERS,
    "own",
    "feedback",
    "reference",
    "barcode",
    "footer",
    *SPACING,
)
DEFAULT_BLOCKS = (
    *("logo", "header", "date", "blank", *SALE, "blank"),
    *("points", "expiry", "reach", "charity", "tier", "offers", "claim", "own", "blank", "footer", "reference"),
)

FIGURES = ("balance", "since", "sale", "used", "here")
"""The lines of the points block that make each other true: none of them can be left out."""
POINTS_LINES = ("balance", "since", "sale", "why", "used", "here")

MEMBERS_FIELDS = ("card", "earned", "balance", "tier")
FIELDS = ("shop", "operator", "reference", "day", "time", "total", "currency", *MEMBERS_FIELDS)
"""What a note may name. Where one of them is not known, a note that names it is left out as a whole."""

WORDINGS = {
    "operator": text("Served by {operator}"),
    "member_price": text("member price"),
    "subtotal": text("Subtotal"),
    "paid_with_points": text("Paid with points"),
    "total": text("TOTAL {currency}"),
    "expiry": text("Use {points} by {day}"),
    "reach": text("{points} more: {reward}"),
    "charity": text("{amount} goes to {charity}"),
    "claim": text("You could have earned {points}: scan within {days} days"),
    "feedback": text("How was it? Tell us:"),
    "reference": text("Receipt {reference}"),
}
"""The product's words that a shop may replace. Its own must name the same fields: a figure is never left out of a sentence."""

MOST_LOGO_BYTES = 256 * 1024
MOST_LOGO_ROWS = 600
DOTS_PER_COLUMN = 12

TEMPLATE = """\
# How this till's receipts look. "pos-plugin receipt check" finds what is wrong here, "pos-plugin receipt preview" shows
# a receipt. Every line can be left out: the receipt is then as it comes. Start the till again after a change.

# logo = "logo.png"                # a PNG beside this file, no wider than the paper; black dots print
# points = "receipt"               # or "slip" (a paper of its own), "points only" (your till prints the sale), "none"
# long_names = "cut"               # or "wrap": names of goods over several lines
# language = "en"                  # if receipts speak another language than till.toml says: en, tr, de, fr or es
# feedback_link = ""               # head office's page for feedback, like "https://shop.example/feedback/{code}"
# claim_link = ""                  # what the claim code opens, like "https://shop.example/claim?receipt={reference}"

# blocks = [                       # from top to bottom; leave out or move what you like
#   "logo", "header", "date", "blank",
#   "lines", "discounts", "totals", "blank",
#   "points", "expiry", "reach", "charity", "tier", "offers", "claim", "own", "blank",
#   "footer", "reference",
# ]                                # there are also: "operator", "claim code", "feedback", "barcode", "rule", and your notes

# points_lines = ["balance", "since", "sale", "why", "used", "here"]    # "why" may be left out

# [words]                          # your own words, once or by language, with the same fields
# claim = "Forgot your card? Bring this within {days} days for {points}."

# [[note]]                         # a text of your own: put its name into blocks
# name = "greeting"
# says = { en = "Until next time, your {shop}", de = "Bis bald, Ihr {shop}" }
# align = "center"

# [slips]
# enrolment = false                # true: whoever joins here gets a slip with their card
"""


class TemplateError(TomlError):
    """The receipt's layout cannot be used; `problems` names every one with its line."""

    code = "RECEIPT_INVALID"
    hint = "Correct receipt.toml and start again; no data is touched. See how it looks: pos-plugin receipt preview"


class OwnWords(Table):
    operator: Words | None = None
    member_price: Words | None = None
    subtotal: Words | None = None
    paid_with_points: Words | None = None
    total: Words | None = None
    expiry: Words | None = None
    reach: Words | None = None
    charity: Words | None = None
    claim: Words | None = None
    feedback: Words | None = None
    reference: Words | None = None


class Note(Table):
    """A text of the shop's own. `name` is what stands in `blocks`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    says: Words
    align: Literal["left", "center", "right"] = "center"
    bold: bool = False


class Slips(Table):
    enrolment: bool = False


class Template(Table):
    """`language` is that of receipts where it is not the shop's; `points` is where the member's points go."""

    language: Literal["", "en", "tr", "de", "fr", "es"] = ""
    logo: str = Field(default="", max_length=200)
    points: Literal["receipt", "slip", "points only", "none"] = "receipt"
    long_names: Literal["cut", "wrap"] = "cut"
    claim_link: str = Field(default="", max_length=200)
    feedback_link: str = Field(default="", max_length=200)
    blocks: list[str] = Field(default=list(DEFAULT_BLOCKS), max_length=100)
    points_lines: list[str] = Field(default=list(POINTS_LINES), max_length=20)
    words: OwnWords = OwnWords()
    note: list[Note] = Field(default=[], max_length=40)
    slips: Slips = Slips()

    @cached_property
    def of_members(self) -> frozenset[str]:
        """The blocks that are about points, the shop's own notes of them too."""
        return frozenset(OF_MEMBERS).union(note.name for note in self.note if _is_of_member(note))


class Logo(NamedTuple):
    """A picture to print: its PNG, under the digest by which documents name it."""

    digest: str
    png: bytes


def read_template(folder: Path, width_columns: int) -> tuple[Template, Logo | None]:
    """The layout in a till's folder with its logo; as it comes where there is no file. Raises TemplateError."""
    file = folder / FILE
    try:
        written = text_of(file, TemplateError)
    except FileNotFoundError:
        return Template(), None
    found = list[Logo]()

    def across(tables: Mapping[str, Any]) -> Iterator[Problem]:
        yield from _truth(tables)
        name = tables.get("logo")
        if isinstance(name, str) and name:
            logo = read_logo(folder / name, width_columns)
            if isinstance(logo, str):
                yield ("logo",), f"logo: {logo}"
            else:
                found.append(logo)

    template = checked(
        Template, read_toml(written, str(file), TemplateError), written, str(file), TemplateError, across
    )
    return template, found[0] if found else None


def read_logo(file: Path, width_columns: int) -> Logo | str:
    """The picture in a file, or what is wrong with it."""
    from PIL import Image, UnidentifiedImageError

    try:
        size = file.stat().st_size
        if size > MOST_LOGO_BYTES:
            return f"{file.name} has {-(-size // 1024)} KiB; {MOST_LOGO_BYTES // 1024} are the most: save it in black and white"
        data = file.read_bytes()
        if not data:
            return f"{file.name} is empty"
        with Image.open(file) as picture:
            kind, (width, height) = picture.format, picture.size
            if kind == "PNG" and width <= 10_000 and height <= 10_000:
                picture.load()
    except OSError as error:
        if isinstance(error, UnidentifiedImageError) or not error.strerror:
            return f"{file.name} is no PNG that can be read"
        return f"{file.name} cannot be read: {error.strerror}"
    except (SyntaxError, ValueError, Image.DecompressionBombError):
        return f"{file.name} is no PNG that can be read"
    if kind != "PNG":
        return f"{file.name} is a {kind}; save it as PNG"
    most = width_columns * DOTS_PER_COLUMN
    if width > most or height > MOST_LOGO_ROWS:
        return (
            f"{file.name} is {width} x {height} dots; this paper takes {most} x {MOST_LOGO_ROWS} at most "
            "(printer.width_columns in till.toml says how wide it is)"
        )
    return Logo(sha256(data).hexdigest()[:16], data)


def _is_of_member(note: Note) -> bool:
    says = [note.says] if isinstance(note.says, str) else note.says.values()
    return any(field in MEMBERS_FIELDS for one in says for field in fields_of(one))


def fields_of(template: str) -> list[str]:
    """The fields that a text names. Raises ValueError where its braces are not in order.

    >>> fields_of("{points} by {day}"), fields_of("{{}}")
    (['points', 'day'], [])
    """
    found = list[str]()
    for _, field, form, conversion in string.Formatter().parse(template):
        if field is None:
            continue
        if not field.isidentifier() or form or conversion:
            raise ValueError(f"{{{field}}}")
        found.append(field)
    return found


def _truth(tables: Mapping[str, Any]) -> Iterator[Problem]:
    """What a layout must not do. Values of a wrong kind are told of by the tables, and are passed over here."""
    own = {
        one["name"]: number
        for number, one in enumerate(_list(tables.get("note")))
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    }
    blocks = tables.get("blocks")
    if isinstance(blocks, list) and all(isinstance(one, str) for one in blocks):
        yield from _blocks(blocks, own, str(tables.get("points", "receipt")))
    lines = tables.get("points_lines")
    if isinstance(lines, list) and all(isinstance(one, str) for one in lines):
        yield from _points_lines(lines)
    yield from _texts(tables, own, blocks if isinstance(blocks, list) else [])
    for name, field in (("claim_link", "reference"), ("feedback_link", "code")):
        link = tables.get(name)
        if isinstance(link, str) and link:
            if (
                not link.startswith(("https://", "http://"))
                or not link.isascii()
                or not link.isprintable()
                or " " in link
            ):
                example = f"https://shop.example/{{{field}}}"
                yield (name,), f'{name} must be an address like "{example}", not "{link}"'
            else:
                yield from _fields((name,), name, link, [field], [field])
    if isinstance(blocks, list) and "feedback" in blocks and not tables.get("feedback_link"):
        yield (
            ("blocks", blocks.index("feedback")),
            'blocks: "feedback" needs feedback_link, the page that its code opens',
        )


def _blocks(blocks: list[str], own: Mapping[str, int], points: str) -> Iterator[Problem]:
    known = {*BLOCKS, *own}
    at = {name: place for place, name in reversed(list(enumerate(blocks)))}
    for place, name in enumerate(blocks):
        if name not in known:
            yield ("blocks", place), f'blocks: there is no block "{name}"{near(name, known)}'
        elif name not in SPACING and at[name] != place:
            yield ("blocks", place), f'blocks: "{name}" stands twice'
    needed = ["date"] if points == "points only" else ["date", *SALE]
    why = {"date": "when a sale was", "reference": "what it is found, returned and claimed by"}
    if "barcode" not in at:
        needed.append("reference")
    for name in needed:
        if name not in at:
            yield ("blocks",), f'blocks: "{name}" is missing; a receipt says {why.get(name, "what was sold and paid")}'
    if points != "none" and "points" not in at:
        yield ("blocks",), 'blocks: "points" is missing; to leave it out on purpose, write points = "none"'
    if "claim" in at and "claim code" in at:
        yield ("blocks", at["claim code"]), 'blocks: "claim code" says what "claim" says; leave one of them out'
    sale = [name for name in blocks if name in SALE]
    if sorted(set(sale), key=sale.index) != [name for name in SALE if name in at]:
        yield ("blocks", at[sale[0]]), f"blocks: {', '.join(SALE)} stand in this order, so that a sale adds up"
    elif len(set(sale)) == len(SALE):
        for name in blocks[at[SALE[0]] : at[SALE[-1]]]:
            if name not in (*SALE, *SPACING):
                yield ("blocks", at[name]), f'blocks: "{name}" stands inside the sale; put it before or after it'
        for name in OF_MEMBERS:
            if name in at and at[name] < at[SALE[0]]:
                yield (
                    ("blocks", at[name]),
                    f'blocks: "{name}" stands before the sale; what is about points comes after it',
                )


def _points_lines(lines: list[str]) -> Iterator[Problem]:
    for place, name in enumerate(lines):
        if name not in POINTS_LINES:
            yield ("points_lines", place), f'points_lines: there is no line "{name}"{near(name, POINTS_LINES)}'
        elif lines.index(name) != place:
            yield ("points_lines", place), f'points_lines: "{name}" stands twice'
    for name in FIGURES:
        if name not in lines:
            yield (
                ("points_lines",),
                f'points_lines: "{name}" is missing; without it the other figures would not be true. '
                "Change their order, or leave out the block as a whole",
            )


def _texts(tables: Mapping[str, Any], own: Mapping[str, int], blocks: list[Any]) -> Iterator[Problem]:
    words = tables.get("words")
    for word, english in WORDINGS.items():
        value = words.get(word) if isinstance(words, dict) else None
        needed = fields_of(english)
        for path, one in _spellings(("words", word), value):
            yield from _fields(path, ".".join(map(str, path)), one, [*needed, "shop"], needed)
    seen = set[str]()
    for number, one in enumerate(_list(tables.get("note"))):
        if not isinstance(one, dict):
            continue
        name = one.get("name")
        spoken = f'note "{name}"' if isinstance(name, str) else f"note {number + 1}"
        for path, template in _spellings(("note", number, "says"), one.get("says")):
            yield from _fields(path, spoken, template, FIELDS, ())
        if not isinstance(name, str):
            continue
        if name in BLOCKS:
            yield ("note", number, "name"), f'{spoken}: "{name}" is a block of the product; choose another name'
        elif name in seen:
            yield ("note", number, "name"), f"{spoken}: there are two of this name"
        elif name not in blocks:
            yield ("note", number, "name"), f'{spoken} is printed nowhere; put "{name}" into blocks'
        seen.add(name)


def _spellings(path: tuple[str | int, ...], words: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(words, str):
        yield path, words
    elif isinstance(words, dict):
        yield from (((*path, language), one) for language, one in words.items() if isinstance(one, str))


def _fields(
    path: tuple[str | int, ...], spoken: str, template: str, known: list[str] | tuple[str, ...], needed: Any
) -> Iterator[Problem]:
    """What is wrong with the fields in a text."""
    if not template.isprintable():
        yield path, f"{spoken} has a line break or another control character; write a text for each line"
    try:
        named = fields_of(template)
    except ValueError:
        yield path, f"{spoken}: a field is written like {{{known[0]}}}, and a brace that is none twice: {{{{ or }}}}"
        return
    for field in dict.fromkeys(named):
        if field not in known:
            yield path, f"{spoken}: there is no field {{{field}}}; there are {_braced(known)}{near(field, known)}"
    missing = [field for field in needed if field not in named]
    if missing:
        yield path, f"{spoken} must name {_braced(missing)}, so that nothing is left out"


def _braced(fields: Any) -> str:
    return ", ".join(f"{{{field}}}" for field in fields)


def _list(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []
