"""Which reader a setting names."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from drivers.errors import DeviceError
from drivers.scanners.identity import UsbIdentity, identity_from_url
from drivers.scanners.scanner import Scanner

_EXAMPLES = "Write serial:///dev/ttyACM0 or serial://0c2e:0901?baud=9600 (Windows: serial://COM3)."

Clock = Callable[[], float]


class WrongChoice(Exception):
    """An option says what it cannot say."""


def scanner_from_url(url: str, *, clock: Clock = time.monotonic) -> Scanner:
    """The reader that a setting names, not yet open. Raises DeviceError, whose hint shows the right form.

    >>> scanner_from_url("serial:///dev/ttyACM0?baud=19200").name
    'serial:///dev/ttyACM0?baud=19200'
    """
    why = ""
    try:
        parts = urlsplit(url)
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query)))
        made = FORMS[parts.scheme](url, parts, options, clock)
        if made is not None and options:
            why = f" {parts.scheme}:// has no option {', '.join(options)}."
    except WrongChoice as wrong:
        made, why = None, f" {wrong}"
    except (KeyError, ValueError):  # an unknown scheme, a number that is none
        made = None
    if made is None or options:
        raise DeviceError(f"{url!r} is not the address of a scanner.{why}", hint=_EXAMPLES)
    return made


def choice(options: dict[str, str], key: str, choices: dict[str, Any]) -> Any:
    """What an option says; the first of the choices where it says nothing."""
    said = options.pop(key, next(iter(choices)))
    if said not in choices:
        raise WrongChoice(f"{key} is {' or '.join(choices)}, not {said!r}.")
    return choices[said]


def number(options: dict[str, str], key: str, usual: int) -> int:
    said = options.pop(key, str(usual))
    if not said.isdecimal() or not int(said):
        raise WrongChoice(f"{key} is a number like {usual}, not {said!r}.")
    return int(said)


# Each takes the options that it knows out of `options`; those that are left make the address wrong.


def _serial(url: str, parts: SplitResult, options: dict[str, str], clock: Clock) -> Scanner | None:
    from drivers.scanners.serial_line import SerialScanner

    path = parts.netloc or parts.path  # serial://COM3 on Windows
    if not path.strip("/"):
        return None
    return SerialScanner(path, baudrate=number(options, "baud", 9600), name=url, clock=clock)


def _camera(url: str, parts: SplitResult, options: dict[str, str], clock: Clock) -> Scanner | None:
    from drivers.scanners.camera import SIZES, CameraScanner
    from drivers.scanners.codes import CARDS, wanted_codes

    camera: int | str | UsbIdentity | None = identity_from_url(parts, options)
    if camera is None:
        camera = parts.path if not parts.netloc else int(parts.netloc)
    if camera == "" or camera == "/":
        return None
    try:
        wanted = wanted_codes(options.pop("codes", ",".join(CARDS)).split(","))
    except ValueError as wrong:
        raise WrongChoice(str(wrong)) from wrong
    usual = SIZES[0] or (0, 0)
    size = (number(options, "width", usual[0]), number(options, "height", usual[1]))
    return CameraScanner(camera, wanted=wanted, size=size, clock=clock, name=url)


FORMS: dict[str, Callable[[str, SplitResult, dict[str, str], Clock], Scanner | None]] = {
    "serial": _serial,
    "camera": _camera,
}
