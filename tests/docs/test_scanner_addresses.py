"""The forms of a scanner's address: every one that is shown names a scanner, and every scanner is shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from drivers.errors import DeviceError
from drivers.scanners import scanner_from_url
from drivers.scanners.addresses import FORMS
from drivers.scanners.keyboard.layouts import LAYOUTS

PAGE = (Path(__file__).parents[2] / "docs/add-a-scanner.md").read_text(encoding="utf-8")
SHOWN = re.findall(r'[`"]([a-z-]+://[^`"]+)[`"]', PAGE)
WHOLE = [address for address in SHOWN if not address.endswith("://")]


@pytest.mark.parametrize("address", WHOLE)
def test_every_address_on_the_page_names_a_scanner(address: str) -> None:
    assert scanner_from_url(address).name == address


def test_every_form_of_an_address_is_on_the_page() -> None:
    assert {address.partition("://")[0] for address in WHOLE} == set(FORMS)


def test_every_example_of_a_refusal_names_a_scanner() -> None:
    with pytest.raises(DeviceError) as refused:
        scanner_from_url("scanner")
    examples = [example.rstrip(".") for example in re.findall(r"[a-z-]+://[^\s,)]+", refused.value.hint)]
    assert {example.partition("://")[0] for example in examples} == set(FORMS)
    for example in examples:
        assert scanner_from_url(example).name == example


OPTIONS = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]+) \|", PAGE.split("## What can be added")[1], re.MULTILINE)
VALUES = {
    "baud": "19200",
    "parity": "even",
    "bytesize": "7",
    "prefix": "stx",
    "suffix": "none",
    "answers": "honeywell",
    "layout": "de",
    "pause_ms": "800",
    "codes": "qr,itf14",
    "width": "640",
    "height": "480",
}
PLAIN = {
    "serial": "serial:///dev/ttyS0",
    "ssi": "ssi:///dev/ttyS0",
    "tcp": "tcp://192.168.1.60:4001",
    "listen": "listen://127.0.0.1:4001",
    "keyboard": "keyboard://05e0:1200",
    "camera": "camera://0",
}


@pytest.mark.parametrize(
    ("option", "scheme"),
    [
        (option, scheme)
        for options, schemes in OPTIONS
        for option in re.findall(r"`(\w+)`", options)
        for scheme in re.findall(r"`([a-z-]+)`", schemes)
    ],
)
def test_every_option_on_the_page_can_be_added_to_what_it_is_said_to_be_of(option: str, scheme: str) -> None:
    address = f"{PLAIN[scheme]}?{option}={VALUES[option]}"
    assert scanner_from_url(address).name == address


def test_every_option_is_on_the_page() -> None:
    source = (Path(__file__).parents[2] / "drivers/scanners").rglob("*.py")
    taken = {name for file in source for name in re.findall(r'options(?:\.pop\(|, )"(\w+)"', file.read_text("utf-8"))}
    shown = {option for options, _ in OPTIONS for option in re.findall(r"`(\w+)`", options)}
    assert shown == taken | {"prefix", "suffix"}


def test_every_layout_named_on_the_page_is_one() -> None:
    [row] = re.findall(r"^\| `layout` \|.*$", PAGE, re.MULTILINE)
    named = re.findall(r"`([a-z]{2})`", row)
    assert set(named) <= set(LAYOUTS)
    assert len(named) >= 6


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("listn://127.0.0.1:4001", "Nothing is attached by listn://."),
        ("listen://127.0.0.1", "It ends in a port, a number from 1 to 65535, such as :4001."),
        ("listen://127.0.0.1:99999", "It ends in a port, a number from 1 to 65535, such as :4001."),
        ("tcp://192.168.1.60:", "It ends in a port, a number from 1 to 65535, such as :4001."),
        ("serial:///dev/ttyS0?bawd=9600", "serial:// has no option bawd."),
        ("serial:///dev/ttyS0?baud=fast", "baud is a number like 9600, not 'fast'."),
        ("keyboard://05e0:1200?layout=xx", "layout is us or"),
    ],
)
def test_what_is_wrong_with_an_address_is_said(address: str, told: str) -> None:
    with pytest.raises(DeviceError) as refused:
        scanner_from_url(address)
    assert told in str(refused.value)
