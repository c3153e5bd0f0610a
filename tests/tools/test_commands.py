"""program check, presets and simulate, as a person types them."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from loyalty.program import preset, preset_names, read_program
from loyalty.simulation import Behaviour
from pos_plugin.cli import app
from pos_plugin.past_sales.plots import _figure
from pos_plugin.past_sales.simulating import read_history, simulate

HEADER = "till,sale_ref,sold_at,member,sku,category,quantity,amount"
GOOD = 'name = "own"\ncurrency = "EUR"\n'
DOUBTFUL = GOOD + "[redeem]\nfrom_points = 250\nstep = 100\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["program", *map(str, arguments)])


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    file = tmp_path / "sales.csv"
    rows = [
        "1,late,2026-02-10T12:00:00,anna,tea,drinks,1,300",  # not in the order of time
        "1,early,2026-01-10T12:00:00,anna,tea,drinks,1,50000",
        "1,nobody,2026-01-11T12:00:00,,tea,drinks,1,10000",
    ]
    file.write_text("\n".join([HEADER, *rows, ""]))
    return file


def own(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "own.toml"
    file.write_text(text)
    return file


def test_doubts_are_shown_and_are_no_problem_unless_asked_to_be(tmp_path: Path) -> None:
    file = own(tmp_path, DOUBTFUL)
    told = run("check", file)
    assert told.exit_code == 0
    assert "line 4: from 250 points in steps of 100: the first that can be spent are 300." in told.output
    assert run("check", file, "--strict").exit_code == 1
    assert len(json.loads(run("check", file, "--json").output)["doubts"]) == 1


def test_a_sound_programme_passes_strictly(tmp_path: Path) -> None:
    told = run("check", own(tmp_path, GOOD), "--strict")
    assert told.exit_code == 0
    assert "is a sound programme" in told.output


def test_presets_are_listed_with_their_source_and_printed_whole() -> None:
    listed = json.loads(run("presets", "--json").output)
    assert [one["name"] for one in listed] == preset_names()
    assert all(one["title"] for one in listed)
    for name in preset_names():
        assert run("presets", name).output == preset(name)
        assert name in run("presets").output


def test_a_preset_that_is_not_there_is_said() -> None:
    told = run("presets", "gold")
    assert told.exit_code == 1
    assert "There is no preset gold" in str(told.exception)


def test_a_simulation_says_what_points_would_have_cost(tmp_path: Path, sales: Path) -> None:
    told = run("simulate", own(tmp_path, GOOD), "--sales", sales, "--redeem", 100, "--json")
    assert told.exit_code == 0, told.output
    found = json.loads(told.output)
    (program,) = found["programs"]
    assert [month["issued"] for month in program["months"]] == [500, 0]
    assert program["whole"]["redeemed"] == 300
    assert program["cost_percent_of_sales"] == round(300 * 100 / 60_300, 3)
    assert found["behaviour"]["redeem_percent"] == 100


def test_two_programmes_stand_side_by_side(tmp_path: Path, sales: Path) -> None:
    told = run("simulate", own(tmp_path, GOOD), "--sales", sales, "--against", "points", "--redeem", 0)
    assert told.exit_code == 0, told.output
    assert re.search(r"own-1-\w+ +points-1-\w+", told.output)
    assert "The sales stay as they were" in told.output


def test_rows_that_cannot_be_read_are_named_and_end_with_status_1(tmp_path: Path, sales: Path) -> None:
    sales.write_text(sales.read_text() + "1,odd,2026-01-12T12:00:00,ben,tea,drinks,1,12.50\n")
    told = run("simulate", "points", "--sales", sales)
    assert told.exit_code == 1
    assert "line 5: amount '12.50' is no whole number" in told.output
    assert "1 sales were left out" in told.output


def test_a_sale_that_stands_twice_counts_once(tmp_path: Path, sales: Path) -> None:
    sales.write_text(sales.read_text() + "1,late,2026-02-10T12:00:00,anna,tea,drinks,1,300\n")
    told = run("simulate", "points", "--sales", sales, "--json")
    assert told.exit_code == 1
    found = json.loads(told.output)
    assert (found["left_out"], found["programs"][0]["whole"]["sales"]) == (1, 3)


@pytest.mark.parametrize("option", ["--segment", "--membership"])
@pytest.mark.parametrize("share", ["student", "student=", "student=101", "student=x", "nobody=5"])
def test_a_share_that_cannot_be_is_wrong_use(tmp_path: Path, sales: Path, option: str, share: str) -> None:
    text = GOOD + '[segments]\nstudent = "Student"\n'
    assert run("simulate", own(tmp_path, text), "--sales", sales, option, share).exit_code == 2


def test_the_page_and_the_picture_need_nothing_from_elsewhere(tmp_path: Path, sales: Path) -> None:
    page, picture = tmp_path / "page.html", tmp_path / "picture.png"
    told = run(
        "simulate", "points", "--sales", sales, "--against", own(tmp_path, GOOD), "--html", page, "--png", picture
    )
    assert told.exit_code == 0, told.output
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:)?//|@import|url\((?!#)", text)
    assert "<script" not in text
    drawn = ElementTree.fromstring(text[text.index("<svg") : text.index("</svg>") + 6])
    said = "".join(drawn.itertext())
    assert "Points each month" in said
    assert "Cost as a share of all sales" in said
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_plots_say_what_to_install(
    tmp_path: Path, sales: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run("simulate", "points", "--sales", sales).exit_code == 0
    told = run("simulate", "points", "--sales", sales, "--png", tmp_path / "x.png")
    assert told.exit_code == 1
    assert getattr(told.exception, "code", "") == "PLOTS_MISSING"
    assert tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]["plots"]


WRONG = (
    GOOD
    + '[[reward]]\nname = "dear"\ntitle = "Dear"\npoints = 1\nkind = "money"\nvalue_minor = 500\n[earn]\nper = "x"\n'
)


def test_what_can_be_read_is_doubted_beside_the_problems(tmp_path: Path) -> None:
    text = WRONG.replace("[earn]", "[expire]\nmonths = 1\nwarn_days = 31\n[earn]")
    told = run("check", own(tmp_path, text))
    assert told.exit_code == 1
    before, after = told.output.split("What is allowed there, but see:")
    assert "line 13: earn.per must be one of" in before
    assert "line 11: points live for 31 days at most" in after
    found = json.loads(run("check", tmp_path / "own.toml", "--json").output)
    assert (len(found["problems"]), len(found["doubts"])) == (1, 1)  # what the reward costs to earn cannot be known


def test_what_is_not_toml_has_problems_and_no_doubts(tmp_path: Path) -> None:
    told = run("check", own(tmp_path, GOOD + GOOD))
    assert told.exit_code == 1
    assert "line 3: name stands here a second time" in told.output


def test_the_mark_that_windows_puts_before_a_text_is_none_of_it(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    ids = []
    for data in (GOOD.encode(), b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode()):
        file.write_bytes(data)
        told = run("check", file, "--json")
        assert told.exit_code == 0
        ids.append(json.loads(told.output)["program"])
    assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ((GOOD + "# Größe").encode("cp1252"), "is no UTF-8 text"),
        (GOOD.encode("utf-16"), "is no UTF-8 text"),
        (None, "There is no file"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_with_what_to_do(tmp_path: Path, data: bytes | None, told: str) -> None:
    file = tmp_path / "own.toml"
    if data:
        file.write_bytes(data)
    refused = run("check", file).exception
    assert told in str(refused)
    assert ("Save it as UTF-8" in getattr(refused, "hint", "")) == bool(data)


def test_a_preset_that_is_misspelt_is_said_with_the_one_that_was_meant(sales: Path) -> None:
    told = run("simulate", "coffe-stars", "--sales", sales)
    assert "did you mean coffee-stars?" in str(told.exception)


def test_a_simulation_records_nothing_and_does_not_speak_of_it(sales: Path) -> None:
    sales.write_bytes(sales.read_bytes() + b"1,odd,2026-01-12T12:00:00,ben,t\xe9,drinks,1,1\n")
    refused = run("simulate", "points", "--sales", sales).exception
    assert "is no UTF-8 text" in str(refused)
    assert "recorded" not in getattr(refused, "hint", "recorded")


LONG = (
    GOOD.replace("own", "a-programme-with-a-name-of-40-characters")
    + '[unit]\nmany = "stamps"\n'
    + "".join(
        f'[[tier]]\nname = "t{n}"\ntitle = "The tier of number {n} has a title"\nfrom = {n}00\n' for n in range(1, 8)
    )
)


def test_in_the_picture_programmes_stand_side_by_side_and_nothing_covers_another(tmp_path: Path, sales: Path) -> None:
    history = read_history(sales, read_program(GOOD))
    outcomes = [simulate(read_program(text), Behaviour(), history) for text in (LONG, preset("four-tiers"))]
    figure = _figure(outcomes)
    figure.draw_without_rendering()
    inside = figure.bbox.padded(1)
    drawn = [(axis, axis.get_window_extent()) for axis in figure.axes]
    rows = {round(box.y0) for _, box in drawn}
    assert (len(rows), len({round(box.x0) for _, box in drawn})) == (4, 2)
    for axis, box in drawn:
        texts = [*axis.texts, axis.title, axis._left_title, *axis.get_xticklabels(), *axis.get_yticklabels()]
        legend = axis.get_legend()
        everything = [text.get_window_extent() for text in texts if text.get_text()]
        if legend:
            covered = legend.get_window_extent()
            assert covered.y0 >= box.y1 - 1, "the legend stands above the plot"
            assert axis._left_title.get_window_extent().y0 >= covered.y1 - 1, "and below the title"
            everything.append(covered)
        for one in everything:
            assert inside.x0 <= one.x0, axis
            assert one.x1 <= inside.x1, axis
            assert inside.y0 <= one.y0, axis
            assert one.y1 <= inside.y1, axis


def test_check_says_where_surprises_are_drawn(tmp_path: Path) -> None:
    told = run("check", own(tmp_path, preset("surprise")), "--strict")
    assert told.exit_code == 0
    assert "a till without one draws none" in told.output
    assert "draws none" not in run("check", own(tmp_path, GOOD)).output
