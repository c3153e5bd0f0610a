"""Settings, errors and words: what the code has is on its page, and what is on the page is in the code."""

from __future__ import annotations

import ast
import importlib
import re
from functools import reduce
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BeforeValidator

from drivers.errors import DeviceError
from ledger.entry import BODIES, EntryUnreadable
from ledger.postings import ACCOUNTS
from ledger.wire import Outcome, WireError
from loyalty.conditions import Condition
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
        table, *_ = (*get_args(field.annotation), field.annotation)  # the one in an array of tables, too
        if isinstance(table, type) and issubclass(table, Table):
            yield from keys(table, f"{before}{name}.")
        else:
            yield before + (field.alias or name), NEEDED if field.is_required() else _toml(field)


def _toml(field):
    match field.get_default():
        case None | Table():
            return "–"
        case bool() as default:
            return f"`{default}`".lower()
        case str() as default:
            return f'`"{default}"`'
        case default if any(isinstance(one, BeforeValidator) for one in field.metadata):
            return f"`{default / 1000:g}`"  # a factor is kept in thousandths
        case default:
            return f"`{default}`".replace("'", '"')


def section(name, title):
    return page(name).split(f"\n## {title}\n")[1].split("\n## ")[0]


def shown_keys(text):
    return dict(re.findall(r"^\| `([a-z_.]+)` \| (.+?) \|", text, re.MULTILINE))


def test_every_key_of_the_till_is_on_its_page_with_its_default():
    assert shown_keys(section("settings.md", "The till: `till.toml`")) == dict(keys(Config))


def tables_of(model):
    """Every table that can stand in a file of this model, by the key under which it does."""
    for name, field in model.model_fields.items():
        table = _table_in(field.annotation)
        if table:
            yield field.alias or name, table
            yield from tables_of(table)


def _table_in(annotation):
    """The table that a key's type has, alone, in a list or as one that may be missing."""
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next((table for part in get_args(annotation) if (table := _table_in(part))), None)


TABLES = dict(tables_of(Program))
CONDITION = set(Condition.model_fields)


def own_keys(table):
    """Those of a table itself: conditions, which many tables have, stand on the page once."""
    shared = CONDITION if issubclass(table, Condition) else set()
    fields = {field.alias or name: (name, field) for name, field in table.model_fields.items()}
    return {
        key: NEEDED if field.is_required() else _toml(field)
        for key, (name, field) in fields.items()
        if name not in shared and name != "text"
    }


@pytest.mark.parametrize("name", TABLES)
def test_every_key_of_a_programme_is_on_its_page_with_its_default(name):
    text = section("write-a-programme.md", f"`{name}`")
    assert shown_keys(text) == own_keys(TABLES[name])
    assert ("#when-a-rule-applies" in text) == issubclass(TABLES[name], Condition)
    assert "```toml" in text, "and has an example"


def test_every_condition_of_a_rule_is_on_its_page_with_its_default():
    shown = shown_keys(section("write-a-programme.md", "When a rule applies"))
    assert shown == {name: _toml(field) for name, field in Condition.model_fields.items()}


def test_the_keys_above_all_tables_are_on_their_page_with_their_defaults():
    tables = {*TABLES, "segments"}
    above = {key: default for key, default in own_keys(Program).items() if key not in tables}
    assert shown_keys(section("write-a-programme.md", "The programme")) == above


def test_the_page_of_a_programme_has_no_table_that_is_none():
    titles = re.findall(r"^## `([a-z_]+)`$", page("write-a-programme.md"), re.MULTILINE)
    assert sorted(titles) == sorted({*TABLES, "segments"})


def test_every_example_of_a_programme_can_be_read_and_says_what_is_not_the_default():
    blocks = re.findall(r"```toml\n(.*?)```", page("write-a-programme.md"), re.DOTALL)
    for text in blocks:
        whole = text if text.startswith("name") else f'name = "example"\ncurrency = "EUR"\n{text}'
        bare = read_program(re.match(r'name = .*?"\n', whole)[0] + 'currency = "EUR"\n')
        assert read_program(whole).model_dump() != bare.model_dump(), text


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
    "NotAllowed",
    "TooOften",
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
    from drivers import status, verdict
    from pos_plugin.papers import spooler

    told = re.search(r"Codes: (.*?)\n    \"\"\"", Path(verdict.__file__).read_text(encoding="utf-8"), re.DOTALL)
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
