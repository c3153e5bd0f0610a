"""What a HID report descriptor says: the fields of each report, with their places and usages.

Pure. Source: Device Class Definition for HID 1.11, section 6.2.2. Knows no usage.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

_LONGEST_DESCRIPTOR = 4096  # HID_MAX_DESCRIPTOR_SIZE and HID_MAX_BUFFER_SIZE of Linux
_LONGEST_REPORT = 16384
_PAGE, _USAGE, _USAGE_MIN, _USAGE_MAX = 0x04, 0x08, 0x18, 0x28  # items, without their size
_SIZE, _COUNT, _REPORT_ID, _PUSH, _POP = 0x74, 0x94, 0x84, 0xA4, 0xB4
_COLLECTION, _END = 0xA0, 0xC0
_BROKEN = -1
_KINDS = {0x80: "input", 0x90: "output", 0xB0: "feature"}


class Field(msgspec.Struct, frozen=True):
    """Some elements of one report that its descriptor declares together; `at_bit` counts from the report's first byte."""

    kind: str
    application: int  # the usage of the application collection that it is in
    report_id: int  # 0: the reports have none
    at_bit: int
    bits: int  # of each element
    count: int
    usages: tuple[range, ...]  # in the order of the elements; the last usage stands for all that remain
    is_constant: bool
    is_array: bool  # elements are numbers of usages, not one value for each usage

    def runs(self, wanted: range) -> Iterator[tuple[int, int]]:
        """(first bit, number) of the elements that have these usages."""
        index = 0
        for usages in self.usages:
            low, high = max(wanted.start, usages.start), min(wanted.stop, usages.stop)
            if low < high:
                begin = index + low - usages.start
                is_last = usages is self.usages[-1] and high == usages.stop
                end = self.count if is_last else min(index + high - usages.start, self.count)
                if begin < end:
                    yield self.at_bit + begin * self.bits, end - begin
            index += len(usages)


class _Globals(msgspec.Struct, frozen=True):
    page: int = 0
    bits: int = 0
    count: int = 0
    report_id: int = 0


def fields(descriptor: bytes) -> tuple[Field, ...]:
    """All fields of a report descriptor. None of one that breaks off or contradicts itself: the system refuses it, too."""
    found: list[Field] = []
    now, pushed = _Globals(), list[_Globals]()
    collections: list[int] = []  # the usage of each that is an application, 0 for others
    usages: list[tuple[range, bool]] = []  # and whether it has said its page itself
    first_usage: int | None = None
    ends: dict[tuple[str, int], int] = {}
    for tag, value, size in _items(descriptor[: _LONGEST_DESCRIPTOR + 1]):
        kind = _KINDS.get(tag)
        if kind:
            at_bit = ends.get((kind, now.report_id), 8 if now.report_id else 0)
            end = at_bit + now.bits * now.count
            if end > _LONGEST_REPORT * 8:
                return ()
            ends[kind, now.report_id] = end
            application = next(filter(None, collections), 0)
            named = tuple(_paged(usages, now.page))
            if end > at_bit:
                found.append(
                    Field(
                        kind,
                        application,
                        now.report_id,
                        at_bit,
                        now.bits,
                        now.count,
                        named,
                        is_constant=bool(value & 1),
                        is_array=not value & 2,
                    )
                )
        elif tag == _COLLECTION:
            name = next(iter(_paged(usages, now.page)), range(1))
            collections.append(name.start if value == 1 else 0)
        elif tag == _END:
            if not collections:
                return ()
            collections.pop()
        elif tag == _PAGE:
            now = msgspec.structs.replace(now, page=value & 0xFFFF)
        elif tag == _SIZE:
            now = msgspec.structs.replace(now, bits=value)
        elif tag == _COUNT:
            now = msgspec.structs.replace(now, count=value)
        elif tag == _REPORT_ID:
            if not 0 < value < 256:
                return ()
            now = msgspec.structs.replace(now, report_id=value)
        elif tag == _PUSH:
            pushed.append(now)
        elif tag == _POP:
            if not pushed:
                return ()
            now = pushed.pop()
        elif tag in (_USAGE, _USAGE_MIN, _USAGE_MAX):
            usage = value if size == 4 else now.page << 16 | value
            if tag == _USAGE_MIN:
                first_usage = usage
            else:
                start = usage if tag == _USAGE else first_usage
                if start is not None and start <= usage:
                    usages.append((range(start, usage + 1), size == 4))
        elif tag == _BROKEN:
            return ()
        if kind or tag in (_COLLECTION, _END):
            usages, first_usage = [], None
    return () if collections else tuple(found)


def _items(descriptor: bytes) -> Iterator[tuple[int, int, int]]:
    """(tag and type, value, size) of each short item; long ones (6.2.2.3) have no meaning yet."""
    at = 0
    while at < len(descriptor):
        prefix = descriptor[at]
        if prefix == 0xFE:
            at += 3 + (descriptor[at + 1] if at + 1 < len(descriptor) else 0)
            continue
        size = (0, 1, 2, 4)[prefix & 3]
        at += 1 + size
        if at <= len(descriptor):
            yield prefix & 0xFC, int.from_bytes(descriptor[at - size : at], "little"), size
    if at != len(descriptor) or at > _LONGEST_DESCRIPTOR:
        yield _BROKEN, 0, 0


def _paged(usages: list[tuple[range, bool]], page: int) -> list[range]:
    """A page that is declared behind usages counts for them, too (6.2.2.8), as Linux reads it: back to one that has it."""
    paged = [named for named, _ in usages]
    for index in range(len(usages) - 1, -1, -1):
        named, says_page = usages[index]
        if says_page:
            continue
        if named.start >> 16 == page:
            break
        paged[index] = range(page << 16 | named.start & 0xFFFF, (page << 16 | (named.stop - 1) & 0xFFFF) + 1)
    return paged
