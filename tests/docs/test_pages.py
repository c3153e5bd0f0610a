"""The pages as a reader meets them: links lead somewhere, examples are what the code makes, pictures are small."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import struct
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def script(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(page):
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_pages_leads_to_a_file_and_a_title(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else page
        assert file.is_file(), f"{target} leads nowhere"
        assert not anchor or anchor in anchors(file), f"{target}: no such title"


@pytest.mark.parametrize("name", ["local-api.md", "wire-format.md"])
def test_examples_are_what_the_code_makes_now(name):
    text = (DOCS / name).read_text(encoding="utf-8")
    assert script("make_examples").MADE[name](text) == text, "run: python docs/make_examples.py"


def test_the_entries_in_the_wire_format_have_the_hashes_that_stand_below_them():
    text = (DOCS / "wire-format.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"<!-- made: ([^>]+) -->\n```\w*\n(.*?)\n```", text, re.DOTALL))
    for kind in ("join", "sale"):
        assert hashlib.sha256(shown[f"entry {kind}"].encode()).hexdigest() == shown[f"hash {kind}"]
    assert f'"prev":"{shown["hash join"]}"' in shown["entry sale"]


def test_every_endpoint_of_the_till_has_its_title_and_every_title_its_endpoint(tmp_path):
    from pos_plugin.local_api.app import create_app

    made = script("make_examples")
    with made.till(tmp_path / "till") as terminal:
        described = create_app(terminal, keys=lambda key: None).openapi()["paths"]
    there = {f"{method.upper()} {path}" for path, methods in described.items() for method in methods}
    titles = re.findall(r"^### `([A-Z]+ /v1/\S+)`$", (DOCS / "local-api.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert set(titles) == there


def test_every_address_of_head_office_is_in_the_wire_format():
    from central_server.description import ADDRESSES

    there = {*ADDRESSES, "GET /v1/openapi.json"}
    page = (DOCS / "wire-format.md").read_text(encoding="utf-8")
    assert {f"{method} {path}" for method, path in re.findall(r"^\| `(GET|POST) (/v1/\S+)` \|", page, re.M)} == there


@pytest.mark.parametrize("name", ["receipt.png", "receipt-offline.png", "receipt-edited.png"])
def test_pictures_are_drawn_from_a_real_print_and_small(name, tmp_path):
    kept = (DOCS / "pictures" / name).read_bytes()
    assert len(kept) < 40_000
    drawn = script("make_pictures").PICTURED[name](tmp_path / "till")
    # Fonts differ between machines, so of the picture only its size is compared.
    assert struct.unpack(">II", drawn[16:24]) == struct.unpack(">II", kept[16:24]), "run: python docs/make_pictures.py"


def test_the_project_speaks_of_itself_alone():
    for page in [*PAGES, *DOCS.glob("*.py")]:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"/(home|work|root|tmp)/", text), page
