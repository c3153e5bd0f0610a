"""The page about receipts names what a layout can hold, no more and no less, and its example is one."""

from __future__ import annotations

import re
from pathlib import Path

from pos_plugin.papers.receipt_template import BLOCKS, DEFAULT_BLOCKS, FIELDS, POINTS_LINES, WORDINGS, Note, Template
from pos_plugin.sales.receipt_sample import SLIPS

PAGE = (Path(__file__).parents[2] / "docs" / "receipt-template.md").read_text(encoding="utf-8")


def section(title):
    return re.split(r"\n##+ ", PAGE.split(f"# {title}\n")[1])[0]


def rows(title):
    return re.findall(r"^\| `([^`]+)` \| (.*?) \|(?: .* \|)?$", section(title), re.MULTILINE)


def test_every_key_is_on_the_page_with_its_default():
    shown = dict(rows("The file")) | dict(rows("Notes"))
    fields = Template.model_fields
    wanted = {
        name: f'`"{fields[name].default}"`'
        for name in ("language", "logo", "points", "long_names", "feedback_link", "claim_link")
    }
    wanted |= {"blocks": "see below", "points_lines": "see below", "words": "–", "note": "`[]`"}
    wanted |= {"slips.enrolment": "`false`"}
    wanted |= {"note.name": "needed", "note.says": "needed", "note.align": '`"center"`', "note.bold": "`false`"}
    assert shown == wanted
    assert {key.split(".")[0] for key in shown} == set(fields)
    assert {key.split(".")[1] for key in shown if key.startswith("note.")} == set(Note.model_fields)


def test_every_block_line_wording_place_and_slip_is_on_the_page_in_order():
    assert {name for name, _ in rows("Blocks")} == set(BLOCKS)
    shown = [name for name, _ in rows("Blocks")]
    in_default = [name for name in shown if name in DEFAULT_BLOCKS]
    assert [name for name in DEFAULT_BLOCKS if name not in ("blank", "footer", "reference", "claim")] == [
        name for name in in_default if name not in ("blank", "footer", "reference", "claim")
    ]
    assert tuple(name for name, _ in rows("The points block")) == POINTS_LINES
    assert dict(rows("Your own words")) == WORDINGS
    assert [name for name, _ in rows("Slips")] == list(SLIPS)
    points = re.findall(r'^\| `"([a-z ]+)"` \|', section("Where the points go"), re.MULTILINE)
    assert tuple(points) == Template.model_fields["points"].annotation.__args__


def test_every_field_of_a_note_is_on_the_page():
    assert set(re.findall(r"`\{(\w+)\}`", section("Notes"))) == set(FIELDS)
