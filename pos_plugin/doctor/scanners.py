"""The scanners of the settings, and those that this machine has and the settings do not name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from pos_plugin import running
from pos_plugin.doctor.devices import port_of, with_ports
from pos_plugin.doctor.finding import Finding, Till

if TYPE_CHECKING:
    from drivers.scanners.finding import FoundScanner


def scanners(till: Till) -> Iterator[Finding]:
    from drivers.errors import DeviceError
    from drivers.scanners import scanner_from_url

    if till.is_running:
        yield from _as_the_till_says(till)
        return
    if till.config is None:
        return
    set_up = [one for one in till.config.scanner if one.address]
    if not set_up:
        yield Finding("Scanner", True, "none is set up (address under [[scanner]] in till.toml)")
    for one in set_up:
        try:
            with closing(scanner_from_url(one.address)) as opened:
                opened.open()
        except DeviceError as error:
            till.scanners_are_well = False
            yield Finding("Scanner", False, str(error), with_ports(error, one.address))
        else:
            told = f"{one.name or one.address} is there and opens; scan a card on the till's page to see that it reads"
            yield Finding("Scanner", True, told)


def _as_the_till_says(till: Till) -> Iterator[Finding]:
    """A scanner is read by the running till alone; what it makes of it is told."""
    said = running.state(till.folder)
    for one in said["scanners"] if said else []:
        if one["trouble"]:
            yield Finding("Scanner", False, f"{one['name']}: {one['trouble']}")
        elif one["ready"]:
            yield Finding("Scanner", True, f"{one['name']} is read by the running till")


def candidates(till: Till) -> Iterator[Finding]:
    """Every scanner that can be found, with the line to write into till.toml; none where those set up are well."""
    from drivers.scanners.finding import found_scanners

    if till.config is None or till.is_running:
        return
    set_up = [one.address for one in till.config.scanner if one.address]
    if set_up and till.scanners_are_well:
        return
    others = {port_of(till.config.printer.address), port_of(till.config.display.address)} - {""}
    named = {address.partition("?")[0] for address in set_up}
    found = [one for one in found_scanners() if one.path not in others and one.address.partition("?")[0] not in named]
    for one in found:
        yield Finding(
            "Found", True, f"{one.says}{f'; {one.trouble}' if one.trouble else ''}".rstrip("."), _what_to_do(one)
        )
    if not found and not set_up:
        do = "Plug it in. One on the network is not looked for: docs/add-a-scanner.md shows how its address is written."
        yield Finding("Found", True, "no scanner, serial port of a USB device or camera", do)


def _what_to_do(one: FoundScanner) -> str:
    lines = f'''write [[scanner]] and below it address = "{one.address}" in till.toml'''
    if one.do:
        return f"{one.do} Then {lines}"
    return lines[0].upper() + lines[1:] if one.is_sure else f"If that is the scanner, {lines}"
