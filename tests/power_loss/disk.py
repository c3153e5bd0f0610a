"""A disk that loses its power: what was recorded, and every state in which a cut may leave the files.

A file's writes are safe once the file is flushed; that a file has a name, lost it or got another is safe once its folder is
flushed. Nothing is taken for granted beyond that: not that a flush of a file keeps its name, not that writes arrive in order,
not that a write arrives whole. A sector of 512 bytes does.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

SECTOR = 512
HEAD = struct.Struct("<IIQq")


class Operation(NamedTuple):
    """`kind` as in recorder.c; `path` is below the recorded folder, and '.' that folder itself."""

    kind: str
    path: str
    offset: int
    data: bytes


def recorded(log: Path, root: Path) -> list[Operation]:
    """The operations in their order, without those on SQLite's shared memory, which is no part of the file."""
    text = log.read_bytes()
    found = []
    place = 0
    while place < len(text):
        kind, path_length, length, offset = HEAD.unpack_from(text, place)
        place += HEAD.size
        path = text[place : place + path_length].decode()
        place += path_length
        data = text[place : place + length]
        place += length
        if chr(kind) == "?":
            raise NotImplementedError(f"{data.decode()} on {path}: the replay does not know it yet")
        if chr(kind) == "p":
            found.extend(Operation("p", "", 0, line) for line in data.splitlines())
        elif not path.endswith(("-shm", " (deleted)")):
            below = str(PurePosixPath(path).relative_to(root))
            found.append(Operation(chr(kind), below, offset, data))
    return found


@dataclass(eq=False)
class File:
    safe: bytearray = field(default_factory=bytearray)
    unsafe: list[Operation] = field(default_factory=list)


class Folder:
    """Marks a name as a folder's."""


FOLDER = Folder()
Naming = tuple[str, "File | Folder | None"]  # what a name leads to; None: nothing any more


def change(content: bytearray, operation: Operation) -> None:
    if operation.kind == "t":
        del content[operation.offset :]
    content.extend(bytes(max(0, operation.offset - len(content))))
    if operation.kind == "w":
        content[operation.offset : operation.offset + len(operation.data)] = operation.data


class Disk:
    """Files while they are written, and what of it would outlive a cut now."""

    def __init__(self) -> None:
        self._names: dict[str, File | Folder] = {}  # as the program sees them
        self._safe_names: dict[str, File | Folder] = {}
        self._unsafe_names: list[list[Naming]] = []  # each a change that happens whole or not at all

    def do(self, operation: Operation) -> None:
        match operation.kind:
            case "w" | "t":
                self._file(operation.path).unsafe.append(operation)
            case "c":
                self._name((operation.path, File()))
            case "d":
                self._name((operation.path, FOLDER))
            case "u":
                self._name((operation.path, None))
            case "r":
                raise NotImplementedError("the till renames nothing yet")
            case "s":
                self._flush(operation.path)
            case kind:
                raise NotImplementedError(kind)

    def _file(self, path: str) -> File:
        found = self._names[path]
        assert isinstance(found, File)
        return found

    def _name(self, *namings: Naming) -> None:
        for path, what in namings:
            if what is None:
                del self._names[path]
            else:
                self._names[path] = what
        self._unsafe_names.append(list(namings))

    def _flush(self, path: str) -> None:
        found = FOLDER if path == "." else self._names[path]
        if isinstance(found, File):
            for operation in found.unsafe:
                change(found.safe, operation)
            found.unsafe.clear()
            return
        kept = []
        for namings in self._unsafe_names:
            if all(str(PurePosixPath(name).parent) == path for name, _ in namings):
                _rename(self._safe_names, namings)
            else:
                kept.append(namings)
        self._unsafe_names = kept

    # -- after the cut

    def image(self, survives: Survives) -> dict[str, bytes]:
        """The files that there are after a cut now; folders that there are without a file are under their name with a '/'."""
        names = dict(self._safe_names)
        for namings in survives.names(self._unsafe_names):
            _rename(names, namings)
        image: dict[str, bytes] = {}
        for path, what in names.items():
            if any(str(folder) != "." and str(folder) not in names for folder in PurePosixPath(path).parents):
                continue  # its folder is not there
            if isinstance(what, Folder):
                image[f"{path}/"] = b""
            elif what.unsafe and (left := survives.writes(what.unsafe)):
                content = bytearray(what.safe)
                for operation in left:
                    change(content, operation)
                image[path] = bytes(content)
            else:
                image[path] = bytes(what.safe)
        return image


def _rename(names: dict[str, File | Folder], namings: list[Naming]) -> None:
    for path, what in namings:
        if what is None:
            names.pop(path, None)
        else:
            names[path] = what


class Survives(NamedTuple):
    """What of the unflushed outlives the cut: of writes to a file, and of names."""

    writes: Callable[[list[Operation]], list[Operation]]
    names: Callable[[list[list[Naming]]], list[list[Naming]]]


NOTHING = Survives(lambda writes: [], lambda names: [])
EVERYTHING = Survives(list, list)


def some(chance: random.Random) -> Survives:
    """A random part of it: whole writes, sectors of writes, in any order; some names, each name's changes in their order."""
    kept = chance.choice((0.2, 0.5, 0.8, 0.95))

    def writes(unsafe: list[Operation]) -> list[Operation]:
        left: list[Operation] = []
        for operation in unsafe:
            if chance.random() >= kept:
                continue
            if operation.kind == "w" and chance.random() < 0.4:
                left.extend(piece for piece in _sectors(operation) if chance.random() < kept)
            else:
                left.append(operation)
        if chance.random() < 0.7:
            chance.shuffle(left)
        return left

    def names(unsafe: list[list[Naming]]) -> list[list[Naming]]:
        if chance.random() < 0.5:
            return unsafe[: chance.randint(0, len(unsafe))]
        return [one for one in unsafe if chance.random() < kept]

    return Survives(writes, names)


def _sectors(operation: Operation) -> Iterator[Operation]:
    start, end = operation.offset, operation.offset + len(operation.data)
    while start < end:
        stop = min(end, (start // SECTOR + 1) * SECTOR)
        yield Operation("w", operation.path, start, operation.data[start - operation.offset : stop - operation.offset])
        start = stop
