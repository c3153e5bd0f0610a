"""A stream of ESC/POS as a list that a person reads: where, which bytes, which command, what it means.

    python -m drivers.simulated.listing FILE...

Text is decoded by the code pages that the stream itself chooses. The bytes of all entries, joined, are the stream.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from drivers.escpos.parser import BEMATECH_QR, OPCODES, Command, Incomplete, Item, Oversized, Parser, Text, Unknown
from drivers.simulated.bar_codes import NAMES as BAR_CODE_NAMES
from drivers.simulated.bar_codes import readable_text
from drivers.simulated.modes import u16
from drivers.simulated.symbols import NAMES as SYMBOL_NAMES
from drivers.simulated.text import COMMANDS as TEXT_COMMANDS
from drivers.simulated.text import Run, TextDecoder, TwoByte

_SHOWN_BYTES: Final = 8

# Bytes of other makers' dialects, which Epson's printers do not know or take for something else.
DIALECTS: Final = {
    b"\x1bw": "Daruma's and Star's cut; no command of Epson's",
}
_DIALECT_COMMANDS: Final[dict[str, str | Callable[[bytes], str]]] = {
    "GS F9h": "Bematech: chooses its own command set or ESC/POS",
    "ESC v": "Epson's old question for the paper sensor; Bematech's drawer, with a time behind it",
    "ESC B": "buzzer of Chinese makers: {0} times",
    "ESC Z": lambda p: f"2D code of Chinese makers {p[5:]!r}",
    "GS Z": "Chinese makers: {0} is the 2D code of ESC Z",
    "GS x": "Chinese makers: {0} left of bar codes",
}


class Entry(NamedTuple):
    offset: int
    raw: bytes
    name: str
    meaning: str

    @property
    def is_unknown(self) -> bool:
        return self.name in ("unknown", "incomplete")

    def __str__(self) -> str:
        shown = self.raw[:_SHOWN_BYTES].hex(" ").upper()
        rest = f" … {len(self.raw):,} bytes" if len(self.raw) > _SHOWN_BYTES else ""
        return f"{self.offset:06X}  {shown + rest:<36}  {self.name:<10}  {self.meaning}".rstrip()


def entries(stream: bytes, *, printer: str = "default", two_byte: TwoByte = "") -> Iterator[Entry]:
    """Every item of the stream, none left out; `printer` and `two_byte` are those of `Paper`."""
    parser, text = Parser(), TextDecoder(printer, two_byte)
    at = 0
    for item in _all(parser, stream):
        size = len(item.data if isinstance(item, Text) else b"") or _size(item)
        raw = stream[at : at + size]
        yield Entry(at, raw, *_described(item, text))
        at += size


def listing(stream: bytes, *, printer: str = "default", two_byte: TwoByte = "") -> str:
    return "".join(f"{entry}\n" for entry in entries(stream, printer=printer, two_byte=two_byte))


def _all(parser: Parser, stream: bytes) -> Iterator[Item]:
    parser.feed(stream)
    yield from parser.end()


def _size(item: Item) -> int:
    if isinstance(item, Oversized):
        return item.length + len(OPCODES[item.name])
    assert not isinstance(item, Text)
    return len(item.raw)


def _described(item: Item, text: TextDecoder) -> tuple[str, str]:
    if isinstance(item, Text):
        runs = text.read(item.data)
        return "text", repr("".join(run.text if isinstance(run, Run) else "▒" for run in runs))
    if isinstance(item, Unknown):
        return "unknown", reason(item.raw)
    if isinstance(item, Incomplete):
        return "incomplete", "the stream ends within a command"
    if isinstance(item, Oversized):
        return item.name, f"{item.length:,} bytes: longer than a printer's memory, skipped"
    text.forget_half()
    if choose := TEXT_COMMANDS.get(item.name):
        choose(text, item.parameters)
    if item.name == "ESC @":
        text.reset()
    return item.name, meaning(item)


def reason(raw: bytes) -> str:
    """Why these bytes are no command."""
    if raw in DIALECTS:
        return DIALECTS[raw]
    if len(raw) > 4 and raw[1:2] == b"(":
        return "a command of a letter that Epson does not list; its length was obeyed"
    if raw[0] in b"\x10\x1b\x1c\x1d":
        return "no command of Epson's; the printer skips it"
    return "a control byte that means nothing; the printer skips it"


def meaning(command: Command) -> str:
    """The parameters in words; '' where the name says it all."""
    rule = _MEANINGS.get(command.name)
    if rule is None:
        return command.parameters[:_SHOWN_BYTES].hex(" ").upper()
    if isinstance(rule, str):
        return rule.format(*command.parameters)
    return rule(command.parameters)


# What the parameters mean: a text in which {0} is the first of them, or a function.


def _on_off(what: str) -> Callable[[bytes], str]:
    return lambda parameters: f"{what} {'on' if parameters[0] & 1 else 'off'}"


def _choice(*choices: str) -> Callable[[bytes], str]:
    """The parameter counts from 0 or from the digit 0."""

    def choose(parameters: bytes) -> str:
        n = parameters[0] % 48
        return choices[n] if n < len(choices) else f"{parameters[0]}: no such choice"

    return choose


def _modes(parameters: bytes) -> str:
    n = parameters[0]
    names = {0x08: "bold", 0x10: "double height", 0x20: "double width", 0x80: "underlined"}
    return ", ".join(["font B" if n & 1 else "font A", *(name for bit, name in names.items() if n & bit)])


def _size_of_characters(parameters: bytes) -> str:
    return f"{(parameters[0] >> 4 & 7) + 1} times as wide, {(parameters[0] & 7) + 1} times as high"


def _dots(parameters: bytes) -> str:
    return f"{u16(parameters)} units"


def _signed(parameters: bytes) -> str:
    return f"{int.from_bytes(parameters, 'little', signed=True):+} units"


def _cut(parameters: bytes) -> str:
    n = parameters[0]
    kind = "partial" if n in (1, 49, 66, 98, 104) else "full"
    return f"{kind} cut" + (f" after feeding to the cutter and {parameters[1]} units" if len(parameters) == 2 else "")


def _bit_image(parameters: bytes) -> str:
    rows = 24 if parameters[0] in (32, 33) else 8
    return f"{u16(parameters[1:3])} columns of {rows} dots, mode {parameters[0]}"


def _raster(parameters: bytes) -> str:
    return f"{8 * u16(parameters[1:3])} × {u16(parameters[3:5])} dots, mode {parameters[0]}"


def _bar_code(parameters: bytes) -> str:
    m, data = parameters[0], parameters[2:]
    if m == BEMATECH_QR:
        return f"Bematech's QR {parameters[7:]!r}"
    if m <= 6:
        m, data = m + 65, parameters[1:].rstrip(b"\0")
    return f"{BAR_CODE_NAMES[m]} {readable_text(m, data)!r}"


_CODE_FUNCTIONS: Final = {
    65: "model or columns",
    66: "rows",
    67: "module size",
    68: "row height",
    69: "error correction",
    70: "options",
    81: "print",
    82: "ask for the size",
}


def _code(parameters: bytes) -> str:
    if len(parameters) < 4:
        return "no function"
    code = {48: "PDF417", 49: "QR", **SYMBOL_NAMES}.get(parameters[2], f"code {parameters[2]}")
    function, value = parameters[3], parameters[4:]
    if function == 80:
        return f"{code}: store {value[1:]!r}"
    return f"{code}: {_CODE_FUNCTIONS.get(function, f'function {function}')} {value.hex(' ').upper()}".rstrip()


_GRAPHICS_FUNCTIONS: Final = {
    0: "ask for the capacity of flash",
    2: "print what is composed",
    3: "ask for the room in flash",
    4: "ask for the room in memory",
    16: "list the keys in flash",
    17: "delete all in flash",
    18: "delete one in flash",
    19: "store rows in flash",
    20: "store columns in flash",
    21: "print from flash",
    32: "list the keys in memory",
    33: "delete all in memory",
    34: "delete one in memory",
    35: "store rows in memory",
    36: "store columns in memory",
    37: "print from memory",
    64: "compose rows",
    65: "compose columns",
}


def _graphics(parameters: bytes) -> str:
    if len(parameters) < 2:
        return "no function"
    function, rest = parameters[1], parameters[2:]
    what = _GRAPHICS_FUNCTIONS.get(function if function < 48 else function - 48, f"function {function}")
    if function in (112, 113) and len(rest) >= 8:
        return f"{what}: {u16(rest[4:6])} × {u16(rest[6:8])} dots, {rest[1]} × {rest[2]} times as large"
    if function in (67, 68, 83, 84) and len(rest) >= 8:
        return f"{what}: {rest[1:3]!r}, {u16(rest[4:6])} × {u16(rest[6:8])} dots"
    return f"{what}: {rest[:2]!r}" if function in (66, 69, 82, 85) else what


def _response(parameters: bytes) -> str:
    if parameters[2:4] == b"00":
        return f"process id {parameters[4:]!r}"
    return "offline response" if parameters[2:4] == b"10" else parameters[2:].hex(" ").upper()


_QUESTIONS: Final = {1: "printer", 2: "offline causes", 3: "errors", 4: "paper"}

_MEANINGS: Final[dict[str, str | Callable[[bytes], str]]] = {
    **_DIALECT_COMMANDS,
    "NUL": "nothing",
    "ACK": "takes the next block of a list",
    "BEL": "buzzer, or drawer on old printers",
    "HT": "to the next tab",
    "LF": "print the line",
    "CR": "ignored, or as LF by a switch",
    "FF": "page mode: print the page and leave",
    "CAN": "page mode: clear the page",
    "ESC @": "reset",
    "ESC !": _modes,
    "ESC $": _dots,
    "ESC %": _on_off("the host's own characters"),
    "ESC &": lambda p: f"defines characters {p[1]} to {p[2]}, {8 * p[0]} dots high",
    "ESC *": _bit_image,
    "ESC -": _choice("underline off", "underlined", "underlined twice as thick"),
    "ESC 2": "line spacing as delivered",
    "ESC 3": "line spacing {0}",
    "ESC 4": "italic",
    "ESC 5": "italic off",
    "ESC D": lambda p: "tabs at " + ", ".join(map(str, p[:-1])) if len(p) > 1 else "no tabs",
    "ESC E": _on_off("bold"),
    "ESC G": _on_off("double strike"),
    "ESC J": "print and feed {0} units",
    "ESC K": "print and feed back {0} units",
    "ESC L": "page mode",
    "ESC M": _choice("font A", "font B", "font C"),
    "ESC R": "international set {0}",
    "ESC S": "standard mode",
    "ESC SP": "{0} units between characters",
    "ESC T": _choice("to the right", "upwards", "to the left", "downwards"),
    "ESC V": _choice("upright", "a quarter to the right", "a quarter to the right"),
    "ESC W": lambda p: "area {} {} {} × {}".format(*(u16(p[at : at + 2]) for at in (0, 2, 4, 6))),
    "ESC \\": _signed,
    "ESC a": _choice("left", "centre", "right"),
    "ESC d": "print and feed {0} lines",
    "ESC e": "print and feed back {0} lines",
    "ESC i": "cut",
    "ESC m": "partial cut",
    "ESC p": lambda p: f"drawer on pin {5 if p[0] & 1 else 2}: {2 * p[1]} ms on, {2 * p[2]} ms off",
    "ESC t": "code page {0}",
    "ESC {": _on_off("upside down"),
    "ESC FF": "page mode: print the page and stay",
    "ESC ( A": lambda p: f"buzzer {p[2:].hex(' ').upper()}",
    "FS !": lambda p: f"two-byte characters: modes {p[0]:02X}",
    "FS &": "two-byte characters on",
    "FS .": "two-byte characters off",
    "FS -": _choice("two-byte underline off", "two-byte underlined", "two-byte underlined twice as thick"),
    "FS C": lambda p: "UTF-8" if p == b"\xff" else _choice("JIS", "Shift JIS", "Shift JIS of 2004")(p),
    "FS S": "two-byte characters: {0} units left, {1} right",
    "FS W": _on_off("two-byte characters four times as large"),
    "FS ( A": lambda p: f"two-byte font {p[3:].hex(' ').upper()}" if p[2:3] == b"0" else p[2:].hex(" ").upper(),
    "FS ( C": lambda p: "UTF-8" if p[3:4] in (b"2", b"\x02") else "code pages",
    "FS p": "print picture {0} from flash, mode {1}",
    "FS q": "store {0} pictures in flash",
    "GS !": _size_of_characters,
    "GS $": _dots,
    "GS \\": _signed,
    "GS *": lambda p: f"load a picture of {8 * p[0]} × {8 * p[1]} dots",
    "GS /": "print the loaded picture, mode {0}",
    "GS B": _on_off("white on black"),
    "GS H": _choice("no text at bar codes", "text above bar codes", "text below bar codes", "text above and below"),
    "GS I": "asks for identity {0}",
    "GS L": lambda p: f"left margin {u16(p)}",
    "GS P": "units of 1/{0} and 1/{1} inch",
    "GS Q 0": lambda p: f"{u16(p[1:3])} columns of {8 * u16(p[3:5])} dots, mode {p[0]}",
    "GS T": _choice("forget the line", "print the line"),
    "GS V": _cut,
    "GS W": lambda p: f"width {u16(p)}",
    "GS a": lambda p: f"automatic status {p[0]:02X}",
    "GS b": _on_off("smoothing"),
    "GS f": _choice("font A at bar codes", "font B at bar codes"),
    "GS h": "bar codes {0} dots high",
    "GS k": _bar_code,
    "GS r": _choice("asks for nothing", "asks for the paper sensor", "asks for the drawer"),
    "GS v 0": _raster,
    "GS w": "bar codes of {0} dots a module",
    "GS ( H": _response,
    "GS ( L": lambda p: _graphics(p[2:]),
    "GS 8 L": lambda p: _graphics(p[4:]),
    "GS ( k": _code,
    "DLE EOT": lambda p: f"asks for the {_QUESTIONS.get(p[0], f'status {p[0]}')}",
    "DLE ENQ": _choice("no error", "go on after the error", "clear the buffer and go on"),
    "DLE DC4": lambda p: f"drawer on pin {5 if p[1] & 1 else 2} at once" if p[0] == 1 else p.hex(" ").upper(),
}


def main(files: Iterable[str]) -> int:
    for name in files:
        sys.stdout.write(listing(Path(name).read_bytes()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
