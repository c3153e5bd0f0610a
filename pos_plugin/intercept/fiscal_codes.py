"""Fiscal codes on receipts: what a law has the till print, so that a tax office can check it, gives the exact total.

Germany: the code of DSFinV-K, appendix I, "QR-Code": V0;till;process type;process data;transaction;counter;start;end;algorithm;
time format;signature;key. Austria: the machine-readable code of RKSV (detailed specification, 2.2.1), of which five amounts by
tax rate, a turnover counter that is "STO" or "TRA" in base64 on cancellations and in training, and signatures. Saudi Arabia:
ZATCA's base64 of tag, length, value; 1 seller, 2 VAT number, 3 time, 4 total, 5 VAT, and signatures from 6 on.

Each is taken as it must be, or not at all. No signature is checked here: who prints through this till can print anything.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Literal, NamedTuple

from pos_plugin.intercept.papers import Code

_DE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
_DE_AMOUNT = re.compile(r"-?(\d{1,9}|\d{1,3}(,\d{3}){1,2})\.\d{2}", re.ASCII)
_DE_PAID = re.compile(r"(?P<amount>[-\d,.]+):(Bar|Unbar)(:(?P<currency>[A-Z]{3}))?", re.ASCII)
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_AT = re.compile(
    r"_R\d+-AT\d+_(?P<till>[^_]+)_(?P<number>[^_]+)_(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)"
    r"(?P<amounts>(?:_-?\d{1,9},\d{2}){5})_(?P<counter>[^_]+)_[^_]+_[^_]+_[^_]+",
    re.ASCII,
)
_SA_BEGINNING = re.compile("A[Q-Za-f]")
"""Tag 1 and a length of less than 256 in base64."""
_SA_AMOUNT = re.compile(r"\d{1,9}(\.\d{1,2})?", re.ASCII)
_MOST_REFERENCE = 64


class FiscalCode(NamedTuple):
    """`reference` is "" where the code has no number; `sold_at` is local time. `says_kind`: whether it is a sale for sure."""

    country: Literal["German", "Austrian", "Saudi"]
    kind: Literal["sale", "return", "other"]
    total_minor: int
    reference: str = ""
    sold_at: str = ""
    says_kind: bool = True
    why: str = ""


class Unreadable(NamedTuple):
    """It looks like a fiscal code, and is none: `why` says what is wrong with it."""

    why: str


def fiscal_codes(codes: Iterable[Code]) -> list[FiscalCode | Unreadable]:
    """The fiscal codes among those of a paper, each once."""
    found = list[FiscalCode | Unreadable]()
    for code in codes:
        one = fiscal_code(code.data) if code.symbology in ("qr", "pdf417", "other") else None
        if one is not None and one not in found:
            found.append(one)
    return found


def fiscal_code(data: str) -> FiscalCode | Unreadable | None:
    """None: not a fiscal code.

    >>> code = fiscal_code("_R1-AT0_K1_42_2026-01-02T10:00:00_12,00_5,50_0,00_0,00_0,00_aGe0roWrPMk=_1_z8qkXAkDVyo=_NTFa")
    >>> code.kind, code.total_minor, code.reference
    ('sale', 1750, 'K1-42')
    """
    if data.startswith("V0;"):
        return _german(data)
    if data.startswith("_R") and "-AT" in data[:8]:
        return _austrian(data)
    if _SA_BEGINNING.match(data) and len(data) <= 1500:
        return _saudi(data)
    return None


def _german(data: str) -> FiscalCode | Unreadable:
    if data.count(";") < 11:
        return Unreadable(f"the German fiscal code has {data.count(';') + 1} fields instead of 12")
    _, till, process, rest = data.strip().split(";", 3)
    # An order's data has semicolons of its own.
    said, number, counter, start, end, _, _, signature, key = rest.rsplit(";", 8)
    if not (
        till
        and (number + counter).isdecimal()
        and (number + counter).isascii()
        and _BASE64.fullmatch(signature)
        and _BASE64.fullmatch(key)
    ):
        return Unreadable("the German fiscal code has no till, number or signature")
    if not _DE_TIME.fullmatch(start) or not _DE_TIME.fullmatch(end):
        return Unreadable("the German fiscal code has no times")
    sold_at = _in_berlin(end)
    if not sold_at:
        return Unreadable("the German fiscal code has a day that is none")
    kind, _, sums = said.partition("^")
    if process != "Kassenbeleg-V1" or kind != "Beleg":
        return FiscalCode(
            "German", "other", 0, why=f"the German fiscal code is of {kind if process == 'Kassenbeleg-V1' else process}"
        )
    rates, _, payments = sums.partition("^")
    gross = [_de_minor(one) for one in rates.split("_")]
    if len(gross) != 5 or None in gross:
        return Unreadable("the German fiscal code has other amounts than five")
    total = sum(one for one in gross if one is not None)
    paid = [_DE_PAID.fullmatch(one) for one in payments.split("_")] if payments else []
    if not all(paid):
        return Unreadable("the payments of the German fiscal code cannot be read")
    if all(one is not None and one["currency"] in (None, "EUR") for one in paid):
        amounts = [_de_minor(one["amount"]) for one in paid if one is not None]
        if None in amounts or sum(one for one in amounts if one is not None) != total:
            return Unreadable("the payments of the German fiscal code are not what its amounts come to")
    reference = _reference(till, number)
    if not reference:
        return Unreadable("the German fiscal code names a till of more than 60 characters")
    if not total and not any(gross):
        return FiscalCode("German", "other", 0, why="the German fiscal code has no amounts")
    # Cash put in or taken out is a receipt at 0 %, too (DSFinV-K, Geschäftsvorfälle: Einzahlung, Auszahlung, Geldtransit).
    return FiscalCode("German", "sale" if total >= 0 else "return", abs(total), reference, sold_at, gross[4] != total)


def _de_minor(amount: str) -> int | None:
    if not _DE_AMOUNT.fullmatch(amount):
        return None
    return int(amount.replace(",", "").replace(".", ""))


def _in_berlin(utc: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        at = datetime.fromisoformat(utc[:19] + "+00:00")
        return at.astimezone(ZoneInfo("Europe/Berlin")).strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError):
        return ""


def _austrian(data: str) -> FiscalCode | Unreadable:
    found = _AT.fullmatch(data.strip())
    if found is None:
        return Unreadable("the Austrian fiscal code is not whole")
    try:
        datetime.fromisoformat(found["at"])
    except ValueError:
        return Unreadable("the Austrian fiscal code has a day that is none")
    amounts = [int(one.replace(",", "")) for one in found["amounts"].split("_")[1:]]
    total = sum(amounts)
    reference = _reference(found["till"], found["number"])
    if not reference:
        return Unreadable("the number of the Austrian fiscal code has more than 60 characters")
    counter = _decoded(found["counter"])
    if counter == b"TRA":
        return FiscalCode("Austrian", "other", 0, why="the Austrian fiscal code is of a training receipt")
    if not any(amounts):
        return FiscalCode("Austrian", "other", 0, why="the Austrian fiscal code is of a receipt without amounts")
    if counter == b"STO" and total > 0:
        return FiscalCode("Austrian", "other", 0, why="the Austrian fiscal code is of a return that was cancelled")
    if total < 0:
        return FiscalCode("Austrian", "return", abs(total), reference, found["at"])
    return FiscalCode("Austrian", "sale", total, reference, found["at"])


def _saudi(data: str) -> FiscalCode | Unreadable | None:
    raw = _decoded(data.strip())
    if raw is None or raw[:1] != b"\x01":
        return None
    fields = dict[int, bytes]()
    at = 0
    while at + 2 <= len(raw):
        tag, length = raw[at], raw[at + 1]
        if tag in fields or at + 2 + length > len(raw):
            break
        fields[tag] = raw[at + 2 : at + 2 + length]
        at += 2 + length
    if at != len(raw) or not {1, 2, 3, 4, 5} <= fields.keys() or max(fields) > 9:
        return None  # anything in base64 may begin like it
    try:
        seller, number, time, total, tax = (fields[tag].decode("utf-8") for tag in range(1, 6))
    except UnicodeDecodeError:
        return Unreadable("the Saudi fiscal code has fields that are no text")
    if not seller.strip() or not re.fullmatch(r"\d{15}", number, re.ASCII):
        return Unreadable("the Saudi fiscal code has no seller or VAT number")
    if not _SA_AMOUNT.fullmatch(total) or not _SA_AMOUNT.fullmatch(tax) or _sa_minor(tax) > _sa_minor(total):
        return Unreadable("the total of the Saudi fiscal code cannot be read")
    # A credit note has the same code with the same sign, so that what it is must stand on the paper.
    return FiscalCode("Saudi", "sale", _sa_minor(total), "", _in_riyadh(time), False)


def _sa_minor(amount: str) -> int:
    whole, _, part = amount.partition(".")
    return int(whole) * 100 + int(part.ljust(2, "0"))


def _in_riyadh(time: str) -> str:
    from zoneinfo import ZoneInfo

    try:
        at = datetime.fromisoformat(time.replace("Z", "+00:00"))
        if at.tzinfo is not None:
            at = at.astimezone(ZoneInfo("Asia/Riyadh"))
        return at.strftime("%Y-%m-%dT%H:%M:%S")
    except (ValueError, OverflowError):
        return ""


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _reference(till: str, number: str) -> str:
    """The till with its number, as the ledger takes names; "" where they are longer than that."""
    name = f"{till}-{number}".replace("/", "-")
    return name if len(name) <= _MOST_REFERENCE and name.isprintable() else ""
