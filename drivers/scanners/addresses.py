"""Which reader a setting names."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from drivers.errors import DeviceError
from drivers.scanners.identity import UsbIdentity, identity_from_url
from drivers.scanners.scanner import Scanner

_EXAMPLES = (
    "Write serial:///dev/ttyACM0 (Windows: serial://COM3), serial://0c2e:0901?baud=9600, ssi://05e0:1701, "
    "hid-pos://0c2e:0b81?serial=17, keyboard://05e0:1200?layout=us&suffix=enter, camera://0, tcp://192.168.1.60:4001 "
    "or listen://127.0.0.1:4001. pos-plugin doctor lists the scanners that are there."
)

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
        if parts.scheme and parts.scheme not in FORMS:
            raise WrongChoice(f"Nothing is attached by {parts.scheme}://.")
        made = FORMS[parts.scheme](url, parts, options, clock)
        if made is not None and options:
            why = f" {parts.scheme}:// has no option {', '.join(options)}."
    except WrongChoice as wrong:
        made, why = None, f" {wrong}"
    except (KeyError, ValueError):  # no scheme, a number that is none
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


_CONTROLS = {
    "none": b"",
    "cr": b"\r",
    "lf": b"\n",
    "crlf": b"\r\n",
    "tab": b"\t",
    "stx": b"\x02",
    "etx": b"\x03",
}


def framing(options: dict[str, str]) -> dict[str, Any]:
    """What stands before and after each scan, by name or as percent-encoded characters; `suffix=none` is a silence.

    >>> framing({"prefix": "stx", "suffix": "%#"})
    {'prefix': b'\\x02', 'suffix': b'%#'}
    """
    said = {key: options.pop(key) for key in ("prefix", "suffix") if key in options}
    return {key: _CONTROLS.get(value, value.encode()) for key, value in said.items()}


# Each takes the options that it knows out of `options`; those that are left make the address wrong.


def _serial(url: str, parts: SplitResult, options: dict[str, str], clock: Clock) -> Scanner | None:
    from drivers.scanners.lines.scanner import ANSWERS
    from drivers.scanners.lines.serial_line import SerialScanner

    where = _port(parts, options)
    if not where:
        return None
    return SerialScanner(
        where,
        **_settings(options),
        **framing(options),
        answers=choice(options, "answers", ANSWERS),
        name=url,
        clock=clock,
    )


def _ssi(url: str, parts: SplitResult, options: dict[str, str], clock: Clock) -> Scanner | None:
    from drivers.scanners.lines.serial_port import SerialPort
    from drivers.scanners.lines.ssi import SsiScanner
    from drivers.scanners.lines.tcp import TcpLine

    where = _port(parts, options)
    if not where:
        return None
    if isinstance(where, str) and parts.port:  # behind a serial device server
        return SsiScanner(TcpLine(parts.hostname or "", parts.port), name=url, clock=clock)
    return SsiScanner(SerialPort(where, **_settings(options), asks_to_send=True), name=url, clock=clock)


def _tcp(url: str, parts: SplitResult, options: dict[str, str], clock: Clock) -> Scanner | None:
    from drivers.scanners.lines.scanner import ANSWERS
    from drivers.scanners.lines.tcp import TcpScanner

    if not _is_place(parts):
        return None
    answers = choice(options, "answers", ANSWERS)
    return TcpScanner(parts.hostname or "", parts.port or 0, **framing(options), answers=answers, name=url, clock=clock)


def _listen(url: str, parts: SplitResult, options: dict[str, str], clock: Clock) -> Scanner | None:
    from drivers.scanners.lines.listening import ListeningScanner

    if not _is_place(parts):
        return None
    return ListeningScanner(parts.hostname or "", parts.port or 0, **framing(options), name=url, clock=clock)


def _is_place(parts: SplitResult) -> bool:
    """Whether it names a machine and one of its ports."""
    try:
        has_port = bool(parts.port)
    except ValueError:
        has_port = False
    if parts.hostname and not parts.path and not has_port:
        raise WrongChoice("It ends in a port, a number from 1 to 65535, such as :4001.")
    return bool(parts.hostname) and not parts.path


def _port(parts: SplitResult, options: dict[str, str]) -> str | UsbIdentity:
    """A port's name, or the USB device that has it; empty where the address names neither."""
    said = len(options)
    identity = identity_from_url(parts, options)
    if identity is not None:
        return identity
    where = parts.netloc or parts.path  # serial://COM3 on Windows
    names_one = bool(parts.netloc) != bool(parts.path.strip("/"))
    return where if names_one and len(options) == said else ""


def _settings(options: dict[str, str]) -> dict[str, Any]:
    return {
        "baudrate": number(options, "baud", 9600),
        "parity": choice(options, "parity", {"none": "none", "even": "even", "odd": "odd"}),
        "bytesize": choice(options, "bytesize", {"8": 8, "7": 7}),
    }


def _hid_pos(url: str, parts: SplitResult, options: dict[str, str], clock: Clock) -> Scanner | None:
    from drivers.scanners.hid_pos.scanner import HidPosScanner

    wanted = identity_from_url(parts, options)
    return None if wanted is None else HidPosScanner(wanted, name=url, clock=clock)


def _keyboard(url: str, parts: SplitResult, options: dict[str, str], clock: Clock) -> Scanner | None:
    from drivers.scanners.keyboard.layouts import LAYOUTS
    from drivers.scanners.keyboard.scanner import KeyboardScanner

    identity = identity_from_url(parts, options)
    if identity is None:
        return None
    return KeyboardScanner(
        identity,
        layout=choice(options, "layout", LAYOUTS),
        suffix=choice(options, "suffix", {suffix: suffix for suffix in ("enter", "tab", "none")}),
        pause_s=number(options, "pause_ms", 500) / 1000,
        name=url,
        clock=clock,
    )


def _camera(url: str, parts: SplitResult, options: dict[str, str], clock: Clock) -> Scanner | None:
    from drivers.scanners.camera.codes import CARDS, wanted_codes
    from drivers.scanners.camera.frames import SIZES
    from drivers.scanners.camera.scanner import CameraScanner

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
    "ssi": _ssi,
    "tcp": _tcp,
    "listen": _listen,
    "hid-pos": _hid_pos,
    "keyboard": _keyboard,
    "camera": _camera,
}
