"""Printers that this machine has, where none is set up or the one that is set up cannot be used: what to write for each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pos_plugin.doctor.devices import permission, port_of
from pos_plugin.doctor.finding import Finding, Till

if TYPE_CHECKING:
    from drivers.finding import FoundPrinter


def candidates(till: Till) -> Iterator[Finding]:
    """Every printer that can be found, with the line to write into till.toml; none where the printer set up is well."""
    from drivers.finding import found_printers
    from drivers.scanners.finding import found_scanners

    if till.config is None or till.is_running or till.printer_is_well:
        return
    others = [till.config.display.address, *(one.address for one in till.config.scanner)]
    taken = {port_of(address) for address in others} | {one.path for one in found_scanners() if one.is_sure}
    found = [one for one in found_printers() if port_of(one.address) not in taken]
    for one in found:
        yield Finding("Found", True, told(one), what_to_do(one, till.config.printer.profile))
    if not found and not till.config.printer.address:
        do = 'A network printer is not looked for: print its settings with its button, and write address = "tcp://ITS-ADDRESS:9100".'
        yield Finding("Found", True, "no printer on USB, no queue, no serial port", do)


def told(one: FoundPrinter) -> str:
    number = f", serial number {one.serial}" if one.serial else ""
    return f"{one.says}{number}{f'; {one.trouble}' if one.trouble else ''}".rstrip(".")


def what_to_do(one: FoundPrinter, current_profile: str) -> str:
    """The exact line for till.toml, and before it what is in the way."""
    from drivers.errors import DeviceError
    from drivers.escpos import profile
    from pos_plugin.papers.sample_sheet import better_profile

    lines = f'write under [printer] in till.toml: address = "{one.address}"'
    better = better_profile(one.says, current_profile)
    if better:
        try:
            profile(better)
        except DeviceError as error:
            return f"{error} {error.hint} Then {lines}"
        lines += f', profile = "{better}"'
    elif one.says.lower().startswith("star "):
        lines += " (a Star printer: set it to ESC/POS emulation first, as its manual says)"
    if not one.trouble:
        return lines[0].upper() + lines[1:]
    path = port_of(one.address)
    way = permission(path) if sys.platform == "linux" and path.startswith("/dev/") else one.do
    return f"{way} Then {lines}"


def fonts(till: Till) -> Iterator[Finding]:
    """Scripts that no printer's code page has are drawn with this machine's fonts."""
    from drivers.escpos.scripts import scripts_without_font

    if till.config is None or not till.config.printer.address:
        return
    lacking = scripts_without_font()
    if not lacking:
        yield Finding("Fonts", True, "receipts can be printed in every script")
        return
    packages = " ".join(sorted(set(lacking.values())))
    way = (
        f"sudo apt install {packages}" if sys.platform == "linux" else "Install a font that has them, such as Noto Sans"
    )
    do = f"Only where the shop needs them: {way}, then start the till again."
    yield Finding("Fonts", True, f"this machine has no letters for {', '.join(lacking)}: receipts show ? instead", do)
