"""The guides, walked: from an empty folder to the first award at an enrolled till, in the pages' own pictures."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def script(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def walk():
    return script("make_guide_pictures")


@pytest.mark.browser
@pytest.mark.slow
def test_the_guides_lead_from_an_empty_folder_to_the_first_award(walk, browser, tmp_path):
    assert set(walk.walk(tmp_path, browser)) == set(walk.MADE)


def test_every_picture_of_a_guide_is_made_by_a_script_and_every_made_one_is_shown(walk, monkeypatch):
    monkeypatch.setitem(sys.modules, "make_guide_pictures", walk)
    toured = set(script("make_tour_pictures").MADE) | set(walk.MADE)
    of_others = {*script("make_page_pictures").PICTURED, *script("make_pictures").PICTURED}
    for guide in DOCS.glob("guide-*.md"):
        shown = re.findall(r"!\[([^\]]*)\]\(pictures/(\S+)\)", guide.read_text(encoding="utf-8"))
        assert shown, f"{guide.name} has no picture"
        for alt, name in shown:
            assert len(alt.split()) >= 3, f"{name}: what is to be seen?"
            assert name in toured | of_others, f"{name} is made by no script"
            assert (DOCS / "pictures" / name).stat().st_size < 60_000
            toured.discard(name)
    assert not toured, "these are made and shown nowhere"


def test_what_the_walk_types_and_taps_is_what_the_guide_says():
    """Without the ports and the code, which differ."""
    guide = (DOCS / "guide-shop.md").read_text(encoding="utf-8")
    walked = (DOCS / "make_guide_pictures.py").read_text(encoding="utf-8")
    steps, _, instead = guide.partition("## What is next")[0].partition("By a command instead")
    steps += instead.partition("```\n\n")[2]
    lines = re.findall(r"^(pos-(?:central|plugin) .*)$", steps, re.MULTILINE)
    assert len(lines) == 6
    for line in lines:
        program, command, *rest = line.split()
        assert re.search(rf'"{program}", "{command}"', walked), line
        for option in (word for word in rest if word.startswith("--")):
            assert f'"{option}"' in walked or command == "run", line
    tapped = set(re.findall(r"\*([A-Z][^*]+)\*", steps.replace("**", ""))) - {"Member"}  # which is a heading
    assert len(tapped) == 9
    assert [name for name in sorted(tapped) if f'"{name}"' not in walked] == []
