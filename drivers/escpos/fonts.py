"""The fonts of this machine, found the first time that something has to be drawn: which has a character, and which to take.

Only fonts with outlines, upright and of ordinary weight. The last resort is the one monospaced font that python-barcode's wheel
carries, which has Latin, Greek, Cyrillic and Arabic; without python-barcode there may be none at all.
"""

from __future__ import annotations

import importlib.util
import os
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import uharfbuzz


class Face(NamedTuple):
    """One font of a file. `characters` is all that it has, as code points."""

    name: str
    font: uharfbuzz.Font
    characters: Any
    units_per_em: int

    def has(self, text: str) -> bool:
        return all(ord(character) in self.characters for character in text)


# The beginnings of file names, letters and digits only, the best first: made for reading small, one script each; then what has
# everything. A name that no line fits comes last.
_PREFERRED = (
    *("notosansarabic", "notosanshebrew", "notosansthai", "notosanscjk", "notosansmonocjk", "notosans", "notoemoji"),
    *("segoeui", "leelawui", "tahoma", "nirmala", "msyh", "malgun", "meiryo", "yugoth", "msjh", "seguisym", "seguiemj"),
    *("geezapro", "sfarabic", "arialhb", "thonburi", "pingfang", "hiraginosans", "applesdgothic", "kohinoor"),
    *("applesymbols", "arialunicode", "symbola", "dejavusans", "freesans", "liberationsans", "arial", "noto"),
)
_MONOSPACED = ("dejavusansmono", "notosansmono", "liberationmono", "consola", "menlo", "cour", "freemono")
_OTHER_STYLES = re.compile(
    "(?<!sem)bold|italic|oblique|condensed|light|thin|black|heavy|medium|lastresort|(?<!noto)color|rashi|kufi|displ|ui(b|bl|i|l|sl|z|sb)$"
)
_MORE_FACES = 5  # of one file: a collection has a face for each region


def _folders() -> list[Path]:
    home = Path.home()
    if sys.platform == "win32":
        return [
            Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts",
            Path(os.environ.get("LOCALAPPDATA", home)) / r"Microsoft\Windows\Fonts",
        ]
    if sys.platform == "darwin":
        return [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]
    return [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".local/share/fonts", home / ".fonts"]


def _bundled() -> list[Path]:
    bar_codes = importlib.util.find_spec("barcode")
    return [Path(bar_codes.origin).with_name("fonts")] if bar_codes and bar_codes.origin else []


_only: tuple[Path, ...] | None = None


def use_only(folders: Iterable[Path] | None) -> None:
    """Looks for fonts in these folders and nowhere else; None is where this system keeps them."""
    global _only
    _only = None if folders is None else tuple(folders)
    _faces.cache_clear()
    face_for.cache_clear()


@cache
def _faces() -> tuple[list[Face], list[Face]]:
    """All faces, in the order for scripts, and in the order for what should look like a printer's own letters."""
    found: dict[str, Path] = {}
    for folder in [*_folders(), *_bundled()] if _only is None else _only:
        for place, _, names in os.walk(folder):
            for name in names:
                if name.lower().endswith((".ttf", ".otf", ".ttc", ".otc")):
                    found.setdefault(name, Path(place, name))
    faces = []
    for name, path in found.items():
        stem = re.sub("[^a-z0-9]", "", path.stem.lower())
        if not _OTHER_STYLES.search(stem):
            faces += [(stem, index, face) for index, face in enumerate(_read(path, name))]
    for_scripts = sorted(faces, key=lambda item: (_rank(item[0]), "serif" in item[0], item[0], item[1]))
    like_a_printer = sorted(for_scripts, key=lambda item: _place(_MONOSPACED, item[0]))
    return [face for _, _, face in for_scripts], [face for _, _, face in like_a_printer]


def _read(path: Path, name: str) -> list[Face]:
    faces = []
    try:
        blob = uharfbuzz.Blob.from_file_path(str(path))
        for index in range(min(uharfbuzz.Face(blob).count, _MORE_FACES)):
            face = uharfbuzz.Face(blob, index)
            if {"glyf", "CFF ", "CFF2"}.intersection(face.table_tags) and face.upem:
                faces.append(Face(f"{name}#{index}", uharfbuzz.Font(face), face.unicodes, face.upem))
    except (OSError, uharfbuzz.HarfBuzzError):
        return []  # a broken file, or one that this user may not read, is no font
    return faces


def _rank(stem: str) -> int:
    return len(_PREFERRED) + 1 if _place(_MONOSPACED, stem) < len(_MONOSPACED) else _place(_PREFERRED, stem)


def _place(names: tuple[str, ...], stem: str) -> int:
    return next((place for place, name in enumerate(names) if stem.startswith(name)), len(names))


@cache
def face_for(characters: frozenset[str], *, like_a_printer: bool = False, region: int = 0) -> Face | None:
    """The best face that has all of the characters. `region` chooses among the faces of Noto Sans CJK: 0 Japan, 1 Korea,
    2 China, 3 Taiwan."""
    text = "".join(characters)
    for face in _faces()[like_a_printer]:
        if face.has(text):
            if region and face.name.startswith("NotoSansCJK") and face.name.endswith("#0"):
                wanted = f"{face.name[:-1]}{region}"
                return next((other for other in _faces()[0] if other.name == wanted), face)
            return face
    return None
