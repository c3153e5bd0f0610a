"""The presets do what their pages say: a member's year, row by row, computed from the rules again."""

from __future__ import annotations

import re
import tomllib
from datetime import date

import pytest

from loyalty.program import preset, preset_names, read_program
from loyalty.words import in_language

FIRST_LINE = re.compile(r"# [A-Z0-9].*[^.]\.$")


def test_a_row_of_a_members_year_is_what_the_rules_make_of_it(told, computed):
    made = computed(told)
    receipt = [] if told.receipt == "–" else told.receipt.split("<br>")
    assert (made.points, made.tier, made.balance) == (told.points, told.tier, told.balance), told.words
    assert made.receipt == receipt, told.words


def test_every_preset_has_a_page_with_a_year_that_moves_something(name, tables_of):
    rows = [row for _, rows in tables_of(name, "Day") for row in rows]
    assert len(rows) >= 7
    assert [row[0] for _, rows in tables_of(name, "Day") for row in rows] == [
        day for _, rows in tables_of(name, "Day") for day in sorted(row[0] for row in rows)
    ], "a year goes forward"
    assert any(row[2] != "0" or row[5] != "–" for row in rows)


def test_every_preset_says_where_it_comes_from_and_as_of_when(name):
    program = read_program(preset(name))
    assert program.name == name
    assert in_language(program.title or "")
    assert program.source
    assert date.fromisoformat(program.as_of)
    assert FIRST_LINE.fullmatch(preset(name).splitlines()[0]), "the first line is what `program presets` shows"


def test_every_rule_of_a_page_is_in_the_file_or_left_out_with_its_reason(name, tables_of):
    written = tomllib.loads(preset(name))
    ((_, rules),) = tables_of(name, "Rule")
    left_out = 0
    for rule, where in rules:
        if where == "left out":
            left_out += 1
            continue
        keys = re.findall(r"`([a-z_0-9.-]+)`", where)
        assert keys or where.startswith("see ["), rule
        for key in keys:
            assert is_written(written, key.split(".")), f"{rule}: there is no {key}"
    assert bool(left_out) == bool(written.get("left_out")), "what is left out stands in the file and on the page"


def test_every_table_of_a_file_is_named_on_its_page(name, tables_of):
    """Whatever has a name of its own (rules, tiers, rewards, prices, memberships) is a rule of the page."""
    written = tomllib.loads(preset(name))
    ((_, rules),) = tables_of(name, "Rule")
    named = {key for _, where in rules for key in re.findall(r"`([a-z_0-9.-]+)`", where)}
    for table in ("accrual", "tier", "reward", "price", "membership"):
        for one in written.get(table, []):
            assert f"{table}.{one['name']}" in named


def is_written(tables, path):
    found = tables
    for part in path:
        if isinstance(found, list):
            found = next((one for one in found if one.get("name") == part), None)
        else:
            found = found.get(part)
        if found is None:
            return False
    return True


def test_the_list_of_programmes_is_that_of_the_presets(page_of):
    shown = re.findall(r"^\| \[([a-z-]+)\]\(([a-z-]+)\.md\) \|", page_of("README"), re.MULTILINE)
    assert sorted(name for name, _ in shown) == preset_names()
    assert all(name == file for name, file in shown)


@pytest.mark.parametrize("language", ["en", "de", "tr", "fr", "es"])
def test_every_text_of_a_preset_can_be_said_in_every_language(name, language):
    program = read_program(preset(name))
    titled = [*program.accrual, *program.tier, *program.reward, *program.price, *program.membership, *program.benefit]
    assert all(in_language(one.title, language).strip() for one in titled)
