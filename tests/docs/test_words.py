"""Settings, errors and words: what the code has is on its page, and what is on the page is in the code."""

from __future__ import annotations

import ast
import importlib
import re
from functools import reduce
from pathlib import Path
from typing import get_args

import pytest

from drivers.errors import DeviceError
from ledger.entry import BODIES, EntryUnreadable
from ledger.postings import ACCOUNTS
from ledger.wire import Outcome, WireError
from loyalty.program import Program, read_program
from loyalty.toml_table import Table, TomlError
from offline_store.errors import StoreError
from offline_store.sync import SyncError
from pos_plugin.config import TEMPLATE, Config, read_config

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ROOMS = ("loyalty", "ledger", "drivers", "offline_store", "pos_plugin", "central_server")
NEEDED = "needed"


def page(name):
    return (DOCS / name).read_text(encoding="utf-8")


# Settings.


def keys(model, before=""):
    """(dotted key, default as TOML shows it) of every key of a table."""
    for name, field in model.model_fields.items():
        if name == "text":
            continue
        if isinstance(field.annotation, type) and issubclass(field.annotation, Table):
            yield from keys(field.annotation, f"{name}.")
        else:
            yield before + name, NEEDED if field.is_required() else _toml(field.get_default())


def _toml(value):
    return f"`{value}`".replace("'", '"') if not isinstance(value, str) else f'`"{value}"`'


def section(title):
    return page("settings.md").split(f"## {title}")[1].split("\n## ")[0]


@pytest.mark.parametrize(
    ("title", "model"), [("The till: `till.toml`", Config), ("The programme", Program)], ids=["till", "programme"]
)
def test_every_key_is_on_its_page_with_its_default(title, model):
    shown = re.findall(r"^\| `([a-z_.]+)` \| (.+?) \|", section(title), re.MULTILINE)
    assert dict(shown) == dict(keys(model))


def test_the_settings_that_a_new_till_gets_name_keys_that_exist():
    known = {key.split(".")[1] for key, _ in keys(Config)}
    assert set(re.findall(r"^(?:# )?([a-z_]+) = ", TEMPLATE, re.MULTILINE)) <= known


def test_the_examples_of_settings_can_be_read(tmp_path):
    blocks = re.findall(r"```toml\n(.*?)```", page("settings.md") + (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert len(blocks) == 3
    for text in blocks:
        if text.startswith("name"):
            assert read_program(text).name == "night-owl"
        else:
            (tmp_path / "till.toml").write_text(text, encoding="utf-8")
            assert read_config(tmp_path).printer.address


# Errors.

RAISED_WITH_CODE = (
    "TillError",
    "Unknown",
    "Conflict",
    "BadRequest",
    "Refused",
    "Rejected",
    "Refusal",
    "refusal",
    "__init__",
)
CODE = re.compile(r"[A-Z][A-Z]+(_[A-Z]+)*")


def codes_of_a_tree(error):
    yield error.code
    for kind in error.__subclasses__():
        if "code" in vars(kind):
            yield from codes_of_a_tree(kind)


def codes_in_source(source):
    """Codes that a module gives to what it raises or answers."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=arguments, keywords=keywords):
                values = arguments[:2] if name in RAISED_WITH_CODE else []
                values = values + [keyword.value for keyword in keywords if keyword.arg == "code"]
            case ast.Tuple(elts=[ast.Constant(value=int()), code, *_]):
                values = [code]
            case ast.ClassDef(body=body):
                values = [
                    one.value
                    for one in body
                    if isinstance(one, ast.Assign)
                    and isinstance(one.targets[0], ast.Name)
                    and one.targets[0].id == "code"
                ]
            case _:
                continue
        for value in values:
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and CODE.fullmatch(value.value):
                yield value.value


def all_codes():
    found = {code for tree in (StoreError, DeviceError, SyncError, TomlError) for code in codes_of_a_tree(tree)}
    found |= {EntryUnreadable.code, WireError.code}
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            found |= set(codes_in_source(file.read_text(encoding="utf-8")))
    return found


def shown_codes():
    return re.findall(r"^\| `(\w+)` \|", page("errors.md"), re.MULTILINE)


def test_every_code_is_on_the_errors_page_once():
    shown = [code for code in shown_codes() if CODE.fullmatch(code)]
    assert sorted(all_codes() - set(shown)) == [], "not on the page"
    assert sorted(set(shown) - all_codes()) == [], "on the page, not in the code"
    assert sorted(shown) == sorted(set(shown)), "twice on the page"


def test_every_code_of_a_print_is_on_the_errors_page():
    from drivers import printer, status
    from pos_plugin import spooler

    told = re.search(r"Codes: (.*?)\n    \"\"\"", Path(printer.__file__).read_text(encoding="utf-8"), re.DOTALL)
    codes = set(re.findall(r"\b[a-z]+_[a-z]+\b|(?<=[ (,])(?:absent|busy|denied|silent|stalled|unconfirmed)\b", told[1]))
    codes |= set(get_args(status.Trouble)) - {""}
    codes |= set(re.findall(r'"dropped", "(\w+)"', Path(spooler.__file__).read_text(encoding="utf-8")))
    assert codes <= set(shown_codes())
    assert {"cover_open", "silent", "unconfirmed", "unreadable"} <= codes


# Words.


def words():
    return re.findall(r"^\| ([a-zA-Z ]+) \| (.+) \| `([\w.]+)` \|$", page("glossary.md"), re.MULTILINE)


@pytest.mark.parametrize(("word", "place"), [(word, place) for word, _, place in words()])
def test_every_word_of_the_glossary_is_in_the_code(word, place):
    module, _, name = place.rpartition(".")
    assert module.split(".")[0] in ROOMS
    assert reduce(getattr, [name], importlib.import_module(module)) is not None


def test_the_glossary_has_every_account_kind_and_outcome():
    told = {word for word, _, _ in words()}
    assert set(ACCOUNTS) <= told
    assert set(get_args(Outcome)) <= told
    assert set(BODIES) <= told
    assert len(words()) == len({word for word, _, _ in words()}), "a word stands twice"
