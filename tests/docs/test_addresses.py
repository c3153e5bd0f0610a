"""The forms of a printer's address: every one that is shown names a wire, and every wire is shown."""

from __future__ import annotations

import re
from pathlib import Path

from drivers.wires import wire_from_url
from drivers.wires.addresses import FORMS
from pos_plugin.config import TEMPLATE

DOCS = Path(__file__).parents[2] / "docs"


def shown():
    section = (
        (DOCS / "settings.md")
        .read_text(encoding="utf-8")
        .split("### Addresses of printers\n")[1]
        .split("\n\nA queue")[0]
    )
    return [*re.findall(r"^\| `(\S+://\S*)` \|", section, re.MULTILINE), *re.findall(r"on Windows `(\S+)`", section)]


def test_every_address_on_the_page_names_a_wire():
    assert len(shown()) >= 11
    for address in shown():
        assert not wire_from_url(address).is_open


def test_every_form_of_an_address_is_on_the_page():
    assert {address.partition("://")[0] for address in shown()} == set(FORMS)


def test_the_addresses_in_a_new_tills_settings_name_wires():
    addresses = re.findall(r'[\s"]((?:tcp|usb|lp|serial|ipp|file)://[^\s",]+)', TEMPLATE)
    assert len(addresses) >= 5
    for address in addresses:
        assert not wire_from_url(address).is_open


def test_a_wrong_address_is_answered_with_examples_that_are_right():
    from drivers.errors import DeviceError

    try:
        wire_from_url("printer")
    except DeviceError as error:
        examples = re.findall(r"[a-z]+://[^\s,)]+", error.hint)
    assert {example.partition("://")[0] for example in examples} == set(FORMS)
    for example in examples:
        assert not wire_from_url(example.rstrip(".")).is_open
