"""The Internet Printing Protocol's bytes (RFC 8010), as far as a till needs them. Knows no socket."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

PRINT_JOB: Final = 0x0002
CANCEL_JOB: Final = 0x0008
GET_JOB_ATTRIBUTES: Final = 0x0009
GET_PRINTER_ATTRIBUTES: Final = 0x000B
CUPS_GET_PRINTERS: Final = 0x4002

NOT_FOUND: Final = 0x0406

_OPERATION_GROUP, _END = 0x01, 0x03
_INTEGER, _BOOLEAN, _ENUM = 0x21, 0x22, 0x23
_KEYWORD, _URI, _CHARSET, _LANGUAGE, _MIME_TYPE, _NAME = 0x44, 0x45, 0x47, 0x48, 0x49, 0x42
# What the attributes of our requests are; all others would be names.
_KINDS: Final = {
    "attributes-charset": _CHARSET,
    "attributes-natural-language": _LANGUAGE,
    "printer-uri": _URI,
    "document-format": _MIME_TYPE,
    "requested-attributes": _KEYWORD,
    "job-id": _INTEGER,
}
_FIRST: Final = (("attributes-charset", "utf-8"), ("attributes-natural-language", "en"))
_request_numbers = itertools.count(1)

Attributes = Mapping[str, str | int | tuple[str, ...]]
Value = int | str | bool | None


class IppUnreadable(ValueError):
    """These bytes are no answer of a print server."""


@dataclass(frozen=True)
class Answer:
    """`groups`: each printer or job that was told of, as name → values. Below 0x100 a status is a success."""

    status: int
    groups: tuple[dict[str, tuple[Value, ...]], ...]

    @property
    def is_success(self) -> bool:
        return self.status < 0x100

    def get(self, name: str) -> tuple[Value, ...]:
        """The values of an attribute in the first group that has it; () where none has."""
        return next((group[name] for group in self.groups if name in group), ())

    def text(self, name: str) -> str:
        return next((value for value in self.get(name) if isinstance(value, str)), "")

    def number(self, name: str) -> int | None:
        return next((value for value in self.get(name) if type(value) is int), None)


def request(operation: int, attributes: Attributes) -> bytes:
    """A request without its document, which follows as it is."""
    head = b"\x01\x01" + operation.to_bytes(2, "big") + next(_request_numbers).to_bytes(4, "big")
    body = bytes([_OPERATION_GROUP])
    for name, values in (*_FIRST, *attributes.items()):
        kind = _KINDS.get(name, _NAME)
        for index, value in enumerate(values if isinstance(values, tuple) else (values,)):
            raw = value.to_bytes(4, "big") if isinstance(value, int) else value.encode("utf-8")
            body += bytes([kind]) + _counted(b"" if index else name.encode("ascii")) + _counted(raw)
    return head + body + bytes([_END])


def answer(data: bytes) -> Answer:
    """What a server sent back. Raises IppUnreadable."""
    if len(data) < 9:
        raise IppUnreadable("it is too short")
    groups: list[dict[str, tuple[Value, ...]]] = []
    name = ""
    at = 8
    while at < len(data) and data[at] != _END:
        kind = data[at]
        at += 1
        if kind < 0x10:  # a new group
            groups.append({})
            continue
        raw_name, at = _taken(data, at)
        raw, at = _taken(data, at)
        name = raw_name.decode("ascii", "replace") or name
        if not groups or not name:
            raise IppUnreadable("a value belongs to nothing")
        groups[-1][name] = (*groups[-1].get(name, ()), _value(kind, raw))
    if at >= len(data):
        raise IppUnreadable("it has no end")
    return Answer(int.from_bytes(data[2:4], "big"), tuple(groups))


def _counted(raw: bytes) -> bytes:
    return len(raw).to_bytes(2, "big") + raw


def _taken(data: bytes, at: int) -> tuple[bytes, int]:
    end = at + 2 + int.from_bytes(data[at : at + 2], "big")
    if end > len(data) or at + 2 > len(data):
        raise IppUnreadable("it ends within a value")
    return data[at + 2 : end], end


def _value(kind: int, raw: bytes) -> Value:
    if kind < 0x20:
        return None  # no value, unknown
    if kind in (_INTEGER, _ENUM):
        return int.from_bytes(raw, "big", signed=True)
    if kind == _BOOLEAN:
        return raw == b"\x01"
    return raw.decode("utf-8", "replace")
