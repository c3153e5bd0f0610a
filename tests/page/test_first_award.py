"""The guides, walked: from an empty folder to the first award at an enrolled till, in the pages' own pictures."""

import importlib.util
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_guide_pictures", DOCS / "make_guide_pictures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.browser
@pytest.mark.slow
def test_the_guides_lead_from_an_empty_folder_to_the_first_award(script, browser, tmp_path):
    made = script.walk(tmp_path, browser)
    shown = {
        name
        for guide in DOCS.glob("guide-*.md")
        for name in re.findall(r"\]\(pictures/(\S+)\)", guide.read_text(encoding="utf-8"))
    }
    assert shown == set(made), "run: python docs/make_guide_pictures.py"
    for name in shown:
        assert (DOCS / "pictures" / name).stat().st_size < 60_000


def test_what_the_walk_types_is_what_the_guide_says(script):
    """Without the ports and the code, which differ."""
    guide = (DOCS / "guide-shop.md").read_text(encoding="utf-8")
    walked = (DOCS / "make_guide_pictures.py").read_text(encoding="utf-8")
    lines = re.findall(r"^(pos-(?:central|plugin) .*)$", guide.partition("## What is next")[0], re.MULTILINE)
    assert len(lines) == 7
    for line in lines:
        program, command, *rest = line.split()
        assert re.search(rf'"{program}", "{command}"', walked), line
        for option in (word for word in rest if word.startswith("--")):
            assert f'"{option}"' in walked or command == "run", line
