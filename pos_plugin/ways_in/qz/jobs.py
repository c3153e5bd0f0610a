"""A print call of QZ Tray's as the bytes of one job, or one sentence that says why not.

Several items of data are one job, copies are the till's own choice, and nothing is fetched from anywhere: a page can print what
it sends, on the till's own printer. Options that lay out pages for office printers mean nothing on a roll and are let be.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pos_plugin.config import Config, printer_profile
from pos_plugin.papers.host_prints import LARGEST_JOB

MOST_COPIES = 10
_COMMAND = "\x1b@" + "A" * 64
"""What must be the same bytes in an encoding that printers know: UTF-16 is none, nor are those of host names."""
_FLAVORS = ("base64", "file", "hex", "plain", "xml")


class Refused(Exception):
    """A call that is not done; its text is for the cashier."""


class Item(msgspec.Struct):
    """One item of `data`; a bare string is a raw command in plain text."""

    data: str
    type: str | None = None
    format: str | None = None
    flavor: str | None = None
    options: dict[str, Any] | None = None


class Encoding(msgspec.Struct, rename={"from_": "from"}):
    """`from_`: raw data is text of that encoding, to be printed in the encoding `to`."""

    to: str | None = None
    from_: str | None = None


class Options(msgspec.Struct):
    copies: int | float | str | None = 1
    encoding: str | Encoding | None = None


class Printer(msgspec.Struct):
    name: str | None = None
    host: str | None = None
    port: int | str | None = None
    file: str | None = None


class Print(msgspec.Struct):
    printer: Printer | None = None
    data: list[Item | str] = []
    options: Options | None = None


def job_of(params: dict[str, Any], config: Config, is_meant: Callable[[str], bool]) -> tuple[bytes, int]:
    """The bytes to print, and how often. Raises Refused. `is_meant` says whether a printer's name is that of ours."""
    try:
        asked = msgspec.convert(params, Print)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("`$.")[2].strip("`")  # the library's own words are for programmers of Python
        where = f"; look at its {field}" if field else ""
        raise Refused(f"This print call is none that QZ Tray knows{where}. Nothing was printed.") from None
    _check_printer(asked.printer, config.printer.address, is_meant)
    options = asked.options or Options()
    encoding = options.encoding
    to, source = (encoding.to, encoding.from_) if isinstance(encoding, Encoding) else (encoding, None)
    job = b"".join(_bytes_of(_item(one), to or "UTF-8", source or "", config) for one in asked.data)
    if not job:
        raise Refused("There was nothing to print.")
    return job, _copies(options.copies, len(job))


def _copies(copies: object, job_bytes: int) -> int:
    try:
        number: int = int(copies)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        number = 1
    if number > MOST_COPIES or job_bytes * number > LARGEST_JOB:
        raise Refused("These are too many copies at once. Nothing was printed.")
    return max(number, 1)


def _check_printer(printer: Printer | None, address: str, is_meant: Callable[[str], bool]) -> None:
    """Never a way to reach other machines: the printer is ours by its name, or by the very address in till.toml."""
    if printer is None:
        raise Refused("A printer must be specified before printing")
    if printer.file:
        raise Refused("This is the till's printer, not QZ Tray itself: it writes no file. Nothing was printed.")
    if printer.host:
        ours = urlsplit(address)
        port = str(printer.port or 9100)
        if ours.scheme == "tcp" and (ours.hostname, str(ours.port or 9100)) == (printer.host.lower(), port):
            return
        raise Refused("That address is not the one of this till's printer (till.toml). Nothing was printed.")
    if not printer.name or not is_meant(printer.name):
        raise Refused("Specified printer could not be found. Nothing was printed.")


def _item(given: Item | str) -> Item:
    """With everything that may be left out, and in the words of today (PrintingUtilities.convertVersion)."""
    if isinstance(given, str):
        return Item(given, "raw", "command", "plain")
    kind, form, flavor = ((one or "").lower() for one in (given.type, given.format, given.flavor))
    if not flavor and form in _FLAVORS:
        form, flavor = "", form
    if kind in ("html", "image", "pdf"):
        kind, form = "pixel", kind
    kind = kind or "raw"
    form = form or ("command" if kind == "raw" else "image")
    return Item(given.data, kind, form, flavor or ("plain" if form == "command" else "file"), given.options)


def _bytes_of(item: Item, to: str, source: str, config: Config) -> bytes:
    if item.format in ("html", "pdf"):
        raise Refused(
            f"This till's printer prints text, commands and pictures; it cannot lay out {item.format.upper()}. "
            "Have the page send the receipt as raw commands or as a picture. Nothing was printed."
        )
    if (item.type, item.format) not in (("raw", "command"), ("raw", "image"), ("pixel", "image")):
        raise Refused("The data is of no kind that QZ Tray prints. Nothing was printed.")
    if item.flavor in ("file", "xml"):
        raise Refused("This till fetches nothing for a page: have it send the data itself. Nothing was printed.")
    if item.format == "image":
        return _picture(item, config)
    if item.flavor not in _FLAVORS:
        raise Refused("The data is of no kind that QZ Tray prints. Nothing was printed.")
    if item.flavor == "plain":
        return _in(to, item.data)
    data = _from_base64(item.data) if item.flavor == "base64" else _from_hex(item.data)
    return _in(to, data.decode(_codec(source), "replace")) if source else data


def _picture(item: Item, config: Config) -> bytes:
    from drivers.document import Cut
    from pos_plugin.ways_in.pictures import NotPrintable, picture_job, picture_of, picture_within

    if item.flavor != "base64":
        raise Refused("A picture must be sent as base64. Nothing was printed.")
    profile, columns = printer_profile(config.printer), config.printer.width_columns
    try:
        data = picture_of("".join(item.data.split()))
        if item.type == "pixel":
            return picture_job(data, profile, columns, after=(Cut(),))
        return picture_within(data, profile, columns)
    except NotPrintable as error:
        raise Refused(str(error)) from None


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Refused("The data is not the base64 that it says it is. Nothing was printed.") from None


def _from_hex(text: str) -> bytes:
    """Also as pages write it: `1B40`, `1b 40`, `x1Bx40`, `0x1B 0x40`."""
    try:
        return bytes.fromhex(re.sub(r"\b0[xX]|[\\xX,]", "", text))
    except ValueError:
        raise Refused("The data is not the hexadecimal that it says it is. Nothing was printed.") from None


def _in(encoding: str, text: str) -> bytes:
    """As Java does it, which has "?" for what the encoding lacks."""
    return text.encode(_codec(encoding), "replace")


def _codec(name: str) -> str:
    """Python's name of an encoding that Java knows; of text alone, which Python's codecs are not all."""
    for known in (name, re.sub(r"(?i)^(x-)?(ibm0*|windows-)", "cp", name)):
        try:
            if len(known) <= 40 and _COMMAND.encode(known) == _COMMAND.encode("ascii"):
                return known
        except (LookupError, UnicodeError, ValueError):
            continue
    raise Refused(f"The encoding {name[:40]!r} is not known here. Nothing was printed.")
