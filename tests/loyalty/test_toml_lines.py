"""Where each key of a TOML text stands, compared with what tomllib reads there."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from loyalty.program import preset, preset_names
from loyalty.toml_lines import lines_of

ODD = """\
"a.b" = \"\"\"x
# no remark
\"\"\"\"
'c' = [ # a remark with ] and }
  {a = 1, b.c = [{d = 1979-05-27 07:32:00}]}, # another ] }
  {a = "}, ]"},
]
[t.u]
z = 1 # "
[[t.v]]
[[t.v.w]]
[[t.v.w]]
q = '''it's'''
[t.v.x]
"""


PYPROJECT = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")


def paths(value: Any, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if above:
        yield above
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from paths(inner, (*above, key))


@pytest.mark.parametrize(
    "text",
    [ODD, ODD.replace("\n", "\r\n"), "", "# only a remark", "a = 1", PYPROJECT, *map(preset, preset_names())],
)
def test_every_key_has_a_line_and_every_line_a_key(text: str) -> None:
    assert set(lines_of(text)) == set(paths(tomllib.loads(text)))


def test_lines_are_counted_from_one_through_texts_and_lists_of_several_lines() -> None:
    lines = lines_of(ODD)
    assert lines["a.b",] == 1
    assert lines["c", 1, "a"] == 6
    assert lines["t", "u", "z"] == 9
    assert (lines["t", "v", 0, "w", 0], lines["t", "v", 0, "w", 1, "q"]) == (11, 13)
