"""What each model of printer can do.

The printer database is the one that python-escpos carries. Its data file is read and its package is not imported: importing it
adds a log handler and leaves a temporary directory behind. What the database lacks or has wrong stands in `_KNOWN`, with its
source; what neither knows is taken as absent, because a printer prints a command that it does not know as letters.
"""

from __future__ import annotations

import difflib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from drivers.errors import DeviceError

Ideographs = Literal["", "gb18030", "shift_jis", "big5", "euc_kr"]


class Profile(msgspec.Struct, frozen=True):
    """What one model of printer can do.

    `code_pages` is Python's name of a code page → ESC t's number. `has_process_id` None means: ask the printer once.
    `has_macros` (GS :, GS ^) None likewise; True, of one without process ids, says as well that it answers GS a.
    `has_asb`, `has_real_time_status` and `has_real_time_pulse` False: GS a, DLE EOT or DLE DC4 1 upsets it and is never sent.
    `answers` False means a printer, or a cable, that never sends anything back: what becomes of its receipts stays unknown.
    `ideographs` is the double-byte set of the printer's own Chinese, Japanese or Korean font, if it has one. `cut` overrides
    what documents ask for. A printer with neither `has_raster` nor `has_column_image` prints letters that it has, and stand-ins.
    """

    name: str
    width_columns: int
    code_pages: dict[str, int]
    has_cutter: bool = True
    has_qr_code: bool = True
    has_barcode: bool = True
    has_process_id: bool | None = None
    has_macros: bool | None = None
    has_asb: bool = True
    has_real_time_status: bool = True
    has_real_time_pulse: bool = True
    answers: bool = True
    width_dots: int = 0  # 0: as many as the columns take
    column_dots: int = 12  # 13 where a printer spreads 42 columns over paper of 48
    has_raster: bool = False  # GS v 0
    has_column_image: bool = False  # ESC * 33: 24 dots high, within a line of text
    has_stored_pictures: bool = False  # GS ( L fn 67 and 69
    has_pdf417: bool = False
    buzzer: Literal["", "ESC ( A", "ESC B"] = ""
    ideographs: Ideographs = ""
    cut: Literal["", "full", "partial", "none"] = ""

    @property
    def can_draw(self) -> bool:
        return self.has_raster or self.has_column_image

    def room_dots(self, width_columns: int) -> int:
        """How wide a picture may be on paper that documents of so many columns are laid out for."""
        known = self.width_dots if width_columns == self.width_columns else 0
        return known or width_columns * self.column_dots


# Beside the database. Epson's page of ESC ( A function 48 names the models with a buzzer, some as an option; programmer's guides
# say which keep graphics (GS ( L function 67).
_KNOWN: dict[str, dict[str, Any]] = {
    "NT-80-V-UL": {"width_columns": 48},  # the database has the dots of a column, 12, where its columns belong
    "TM-L90": {"buzzer": "ESC ( A", "has_stored_pictures": True},
    "TM-P80": {"buzzer": "ESC ( A", "width_columns": 48},  # 42 is its other mode
    "TM-P80-42col": {"buzzer": "ESC ( A"},
    "TM-T20II": {"buzzer": "ESC ( A", "has_stored_pictures": True},
    "TM-T20II-42col": {"buzzer": "ESC ( A", "has_stored_pictures": True},
    "TM-T88III": {"has_stored_pictures": True},
    "TM-T88IV": {"buzzer": "ESC ( A", "has_stored_pictures": True},
    "TM-T88IV-SA": {"buzzer": "ESC ( A", "has_stored_pictures": True},
    "TM-T88V": {"buzzer": "ESC ( A", "has_stored_pictures": True},
    "TH230": {"has_stored_pictures": True},  # Wincor Nixdorf's programmer's guide
    "TH230Plus": {"has_stored_pictures": True},
}


@cache
def profile(name: str = "default") -> Profile:
    """The printer database's profile of that name. Raises DeviceError, with the nearest names as a hint."""
    database = _printer_database()
    data = database["profiles"].get(name)
    if data is None:
        nearest = difflib.get_close_matches(name, database["profiles"], n=3, cutoff=0.4)
        raise DeviceError(f"There is no printer profile {name!r}.", hint=f"Try {', '.join(nearest) or 'default'}.")
    features = data["features"]
    if features.get("starCommands"):
        hint = "Set the printer to ESC/POS emulation (its manual says how) and use the profile 'default'."
        raise DeviceError(f"{name} speaks Star's commands, not ESC/POS.", hint=hint)
    code_pages: dict[str, int] = {}
    for number, page in sorted(data["codePages"].items(), key=lambda item: int(item[0])):
        codec = database["encodings"].get(page, {}).get("python_encode")
        if codec:
            code_pages.setdefault(codec, int(number))
    columns = data["fonts"]["0"]["columns"]
    dots = data["media"].get("width", {}).get("pixels")
    made = {
        "name": name,
        "width_columns": columns,
        "code_pages": code_pages,
        "has_cutter": bool(features.get("paperFullCut") or features.get("paperPartCut")),
        "has_qr_code": bool(features.get("qrCode")),
        "has_barcode": bool(features.get("barcodeB")),
        "has_pdf417": bool(features.get("pdf417Code")),
        "has_raster": bool(features.get("bitImageRaster")),
        "has_column_image": bool(features.get("bitImageColumn") and features.get("highDensity")),
        **_KNOWN.get(name, {}),
    }
    if isinstance(dots, int):
        made["width_dots"] = dots
        made["column_dots"] = dots // columns if dots % columns == 0 and dots // columns in (12, 13) else 12
    return Profile(**made)


def profile_names() -> list[str]:
    """Every name that `profile` knows."""
    return sorted(_printer_database()["profiles"])


@cache
def _printer_database() -> dict[str, Any]:
    package = importlib.util.find_spec("escpos")  # of a top-level package: finds it, does not import it
    if package is None or not package.submodule_search_locations:
        raise DeviceError("The printer profiles are missing.", hint="Install python-escpos.")
    path = Path(package.submodule_search_locations[0]) / "capabilities.json"
    database: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return database
