"""A head office that was filled for looking at (`python -m bench.office`), and whose shops the demo's till joins.

The demo gives it a shop and accounts whose password everybody knows, so it takes no other: what was filled has a file that says
so.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from pos_plugin.demo.people import Card
from pos_plugin.errors import TillError

FILE = "loaded.json"


class Loaded(msgspec.Struct, frozen=True):
    """`loaded.json`, which is written when everything is there. `cards`: what to write on a button, and the card."""

    shops: int
    first_day: str
    last_day: str
    cards: list[Card]


class _OfficeFile(msgspec.Struct, frozen=True):
    server: str


def read_loaded(office: Path) -> Loaded:
    """Raises TillError where nothing was loaded, not all of it, or where this is a head office that somebody works with."""
    hint = f"Load one, which takes some minutes, and come again: make office DIR={office}"
    try:
        return msgspec.json.decode((office / FILE).read_bytes(), type=Loaded)
    except FileNotFoundError:
        if (office / "office.json").exists():
            raise TillError(
                "OFFICE_UNFIT",
                f"The head office in {office} is not one that was loaded for looking at.",
                hint=f"The demo would give it accounts whose password everybody knows. {hint}",
            ) from None
        raise TillError("OFFICE_ABSENT", f"There is no loaded head office in {office}.", hint=hint) from None
    except (OSError, msgspec.DecodeError) as error:
        raise TillError(
            "OFFICE_UNFIT", f"{office / FILE} cannot be read ({type(error).__name__}).", hint=hint
        ) from None


def server_of(office: Path) -> str:
    """The name by which tills know it."""
    return msgspec.json.decode((office / "office.json").read_bytes(), type=_OfficeFile).server
