"""The page on printers: its addresses are addresses, its settings are settings, and its profiles are all there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest

from drivers.escpos import profile_names
from drivers.simulated.printer import SimulatedPrinter
from drivers.wires import addresses, wire_from_url
from loyalty.toml_table import checked, read_toml
from pos_plugin.config import Config, ConfigError

PAGE = (Path(__file__).parents[2] / "docs/add-a-printer.md").read_text(encoding="utf-8")
ADDRESSES = re.findall(r'`(?:address = ")?([a-z]+://[^`"]+)', PAGE)


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_address_on_the_page_is_one(address: str) -> None:
    wire_from_url(address)


def test_every_kind_of_address_is_on_the_page() -> None:
    known = set(re.findall(r"([a-z]+)://", addresses._EXAMPLES))
    assert {"usb", "tcp", "serial"} <= known
    assert {address.partition("://")[0] for address in ADDRESSES} == known


@pytest.mark.parametrize("text", re.findall(r"```toml\n(.*?)```", re.sub(r"(?m)^   ", "", PAGE), re.DOTALL))
def test_every_example_of_settings_can_be_used(text: str) -> None:
    checked(Config, read_toml(text, "example", ConfigError), text, "example", ConfigError)


def test_every_profile_is_on_the_page() -> None:
    models = PAGE.split("\n## Models\n")[1].split("\n## ")[0]
    assert sorted(set(re.findall(r"`([^`]+)`", models)) - {"profile"}) == sorted(profile_names())


def test_the_programs_on_the_page_can_be_read_and_import_what_there_is() -> None:
    made = defined()
    assert callable(made["open_till"])


def test_the_program_that_only_prints_says_what_became_of_it() -> None:
    from escpos.printer import Network

    with SimulatedPrinter() as printer:
        mine = Network("127.0.0.1", printer.serve_tcp())
        assert defined()["print_surely"](mine) == ("printed", "")
        assert printer.receipts[0].lines[0].startswith("Hello, Größe")
        printer.paper_out()
        outcome, reason = defined()["print_surely"](mine)
        assert outcome == "not printed"
        assert "Put in a new roll" in reason
        mine.close()


def defined() -> dict[str, Any]:
    made: dict[str, Any] = {}
    for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(ast.parse(text), "page", "exec"), made)  # imports, and defines a function
    return made
