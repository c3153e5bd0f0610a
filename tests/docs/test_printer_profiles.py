"""The page of printer profiles says what the profiles say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drivers.errors import DeviceError
from drivers.escpos import Profile, profile, profile_names

PAGE = (Path(__file__).parents[2] / "docs/printer-profiles.md").read_text(encoding="utf-8")


def printers() -> list[Profile]:
    found = []
    for name in profile_names():
        try:
            found.append(profile(name))
        except DeviceError:  # another language
            continue
    return [one for one in found if one.width_columns > 20]  # the database has customer displays too


def row(one: Profile) -> str:
    own = {"QR": one.has_qr_code, "PDF417": one.has_pdf417, "bar codes": one.has_barcode}
    codes = ", ".join(name for name, has in own.items() if has) or ("drawn" if one.has_raster else "as text")
    draws = "in the line" if one.has_column_image else "whole lines" if one.has_raster else "no"
    more = ", ".join(
        name for name, has in {"keeps pictures": one.has_stored_pictures, "buzzer": one.buzzer}.items() if has
    )
    cells = [one.name, one.width_columns, one.room_dots(one.width_columns), len(one.code_pages), codes, draws]
    return " | ".join(map(str, [*cells, "yes" if one.has_cutter else "no", more])).strip()


@pytest.mark.parametrize("one", printers(), ids=lambda one: one.name)
def test_each_model_stands_in_the_table_as_it_is(one: Profile) -> None:
    assert f"| {row(one)} |" in PAGE


def test_the_table_has_no_model_that_is_gone() -> None:
    names = re.findall(r"^\| ([\w-]+) \| \d+ \|", PAGE, re.MULTILINE)
    assert names == [one.name for one in printers()]


def test_every_field_of_a_profile_is_named() -> None:
    assert [field for field in Profile.__struct_fields__ if field != "name" and f"`{field}`" not in PAGE] == []
