"""On which line of a TOML text each key stands. `tomllib` reads values and forgets where they stood.

For text that `tomllib` has read: what is no TOML is not found out here.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator

Path = tuple[str | int, ...]
"""Keys, and the places of tables and values in arrays, counted from 0."""

_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_TEXT = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\])*"|\'[^\']*\'', re.DOTALL)
_PLAIN = re.compile(r"[^,\]}#\n]*")


def lines_of(text: str) -> dict[Path, int]:
    """The line, counted from 1, of every key, table and value of an array. A table that several headers name has its first.

    >>> lines_of('a.b = [1,\\n2]\\n[[t]]\\n[[t]]\\nx = {y = 3}')[("t", 1, "x", "y")]
    5
    """
    found: dict[Path, int] = {}
    for path, line in _Scanner(text).document():
        found.setdefault(path, line)
    return found


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]

    def document(self) -> Iterator[tuple[Path, int]]:
        table: Path = ()
        counts: dict[Path, int] = {}
        while self._skip() < len(self._text):
            line = self._line()
            if self._text.startswith("[[", self._at):
                self._at += 2
                *before, last = self._key()
                array = (*_resolved(before, counts), last)
                table = (*array, counts.get(array, 0))
                counts[array] = counts.get(array, 0) + 1
                self._past("]]")
                yield from _with_those_above(table, line)
            elif self._text[self._at] == "[":
                self._at += 1
                table = _resolved(self._key(), counts)
                self._past("]")
                yield from _with_those_above(table, line)
            else:
                yield from self._pair(table)

    def _pair(self, table: Path) -> Iterator[tuple[Path, int]]:
        line = self._line()
        key = (*table, *self._key())
        yield from _with_those_above(key, line, len(table))
        self._past("=")
        yield from self._value(key)

    def _value(self, path: Path) -> Iterator[tuple[Path, int]]:
        self._skip()
        match self._text[self._at : self._at + 1]:
            case "[":
                self._at += 1
                index = 0
                while not self._ended("]"):
                    yield (*path, index), self._line()
                    yield from self._value((*path, index))
                    index += 1
            case "{":
                self._at += 1
                while not self._ended("}"):
                    yield from self._pair(path)
            case '"' | "'":
                text = _TEXT.match(self._text, self._at)
                assert text is not None, "tomllib has read this text"
                self._at = text.end()
            case _:
                plain = _PLAIN.match(self._text, self._at)
                assert plain is not None, "this matches nothing, too"
                self._at = plain.end()

    def _ended(self, closing: str) -> bool:
        """Whether the array or inline table ends here; steps over a comma, else."""
        self._skip()
        if self._text[self._at] == ",":
            self._at += 1
            self._skip()
        if self._text[self._at] != closing:
            return False
        self._at += 1
        return True

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip()
            if bare := _BARE.match(self._text, self._at):
                parts.append(bare[0])
                self._at = bare.end()
            else:
                quoted = _TEXT.match(self._text, self._at)
                assert quoted is not None, "tomllib has read this text"
                parts.append(tomllib.loads(f"key = {quoted[0]}")["key"])
                self._at = quoted.end()
            self._skip()
            if self._text[self._at] != ".":
                return parts
            self._at += 1

    def _skip(self) -> int:
        space = _SPACE.match(self._text, self._at)
        self._at = space.end() if space else self._at
        return self._at

    def _past(self, mark: str) -> None:
        self._skip()
        self._at += len(mark)

    def _line(self) -> int:
        return bisect_right(self._ends, self._at - 1) + 1


def _resolved(keys: list[str], counts: dict[Path, int]) -> Path:
    """Where a header leads: into the last table of each array on its way."""
    path: Path = ()
    for key in keys:
        path = (*path, key)
        if path in counts:
            path = (*path, counts[path] - 1)
    return path


def _with_those_above(path: Path, line: int, above: int = 0) -> Iterator[tuple[Path, int]]:
    """A dotted key makes the tables on its way, too."""
    return ((path[:length], line) for length in range(above + 1, len(path) + 1))
