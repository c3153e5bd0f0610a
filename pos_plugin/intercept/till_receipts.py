"""How the shop's till prints: `till-receipts.toml` in the till's folder, written by `pos-plugin learn`, edited by a person."""

from __future__ import annotations

from pathlib import Path

from loyalty.toml_table import Table, TomlError, checked, read_toml
from pos_plugin.toml_file import text_of

FILE = "till-receipts.toml"


class TillReceiptsError(TomlError):
    """The profile cannot be used; `problems` names every one with its line."""

    code = "TILL_RECEIPTS_INVALID"
    hint = "Correct till-receipts.toml, or write it anew: pos-plugin learn. Until then no paper is taken for a sale."


class TillReceipts(Table):
    """What a shop has taught."""


def read_till_receipts(folder: Path) -> TillReceipts | None:
    """The profile in a till's folder; None where the shop has taught nothing. Raises TillReceiptsError."""
    file = folder / FILE
    try:
        written = text_of(file, TillReceiptsError)
    except FileNotFoundError:
        return None
    return checked(
        TillReceipts, read_toml(written, str(file), TillReceiptsError), written, str(file), TillReceiptsError
    )
