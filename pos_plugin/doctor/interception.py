"""Where the shop's till prints to us: can the relay be there, is it, does it see receipts, and does it know what they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pos_plugin.doctor.finding import Finding, Till


def interception(till: Till) -> Iterator[Finding]:
    from drivers.errors import DeviceError
    from pos_plugin.errors import TillError
    from pos_plugin.intercept import relay_announced
    from pos_plugin.intercept.relay_process import door_of

    if till.config is None or not till.config.intercept.listen:
        return
    try:
        door = door_of(till.config)
    except TillError as error:
        yield Finding("Interception", False, str(error), error.hint)
        return
    there = relay_announced.read_announced(till.folder)
    said = relay_announced.state(till.folder)
    if said is None or there is None:
        if till.is_running:
            do = 'See what it says: pos-plugin intercept. It is started again by itself; else start "pos-plugin run" anew.'
            yield Finding("Interception", False, "the relay between the shop's till and the printer does not run", do)
            return
        try:
            door.open()
        except (TillError, DeviceError) as error:
            yield Finding("Interception", False, str(error), getattr(error, "hint", ""))
        else:
            yield Finding("Interception", True, f"{door.name} is free; pos-plugin run starts the relay there")
        finally:
            door.shut()
        return
    if there.settings != relay_announced.settings_of(till.config):
        do = "Stop it, and it starts with those of today: pos-plugin intercept --stop"
        yield Finding("Interception", False, "the relay runs with other settings than till.toml has now", do)
    elif said["trouble"]:
        yield Finding(
            "Interception", False, str(said["trouble"]), "Until then the till is refused, as by a printer that is off."
        )
    else:
        yield _jobs(said, door.name)
    yield from _sales(said, till)


def _jobs(said: dict[str, Any], address: str) -> Finding:
    if not said["jobs"]:
        do = f"Set the shop's till up to print to {address.removeprefix('tcp://')}, and print a receipt."
        return Finding("Interception", True, "the relay runs; nothing was printed to it yet", do)
    seen = f"the relay runs; papers seen since it started: {said['papers']:,}"
    if said["papers"] and said["pictures"] * 2 > said["papers"]:
        do = "Give the shop's till a printer driver for text (ESC/POS); a picture's words cannot be read."
        return Finding("Interception", False, f"{seen}, most of them pictures", do)
    if said["unread"]:
        return Finding("Interception", True, f"{seen}; a job could not be read, and passed as it was: {said['unread']}")
    return Finding("Interception", True, seen)


def _sales(said: dict[str, Any], till: Till) -> Iterator[Finding]:
    from pos_plugin.intercept.till_receipts import FILE

    if said["rules_problem"]:
        yield Finding("Receipts seen", False, str(said["rules_problem"]), "Correct it; what was taught before goes on.")
    elif not (till.folder / FILE).exists():  # the relay has read it once it has seen a paper
        do = "Print a few receipts, then: pos-plugin learn"
        yield Finding("Receipts seen", not said["papers"], "the shop's receipts have not been taught", do)
    else:
        yield Finding(
            "Receipts seen", True, f"{said['sales']:,} sales, returns and voids seen; {said['recorded']:,} recorded"
        )
    if said["lost"]:
        do = "Make room on the disk; then enter those sales by hand."
        yield Finding("Receipts seen", False, f"{said['lost']:,} sales could not be kept", do)
    if said["waiting"]:
        do = "" if till.is_running else "Start the till: pos-plugin run"
        yield Finding("Receipts seen", True, f"{said['waiting']:,} printed sales wait to be recorded", do)
