"""A bar code reader that types, and exists only in software: the kernel's event devices of it, with a cable that can be pulled.

What a driver gets are the kernel's bytes (`struct input_event`), from a socket instead of a file in /dev/input; the requests
that a socket does not know (claiming it alone, keys that are down, lights) are answered as the kernel answers them. Knows what
a reader presses for a text on its layout, and nothing of who listens.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import socket

import msgspec

from drivers.scanners.keyboard import keystrokes as keys
from drivers.scanners.keyboard.event_devices import INPUT_EVENT, AttachedKeyboard
from drivers.scanners.keyboard.layouts import LAYOUTS, Layout

_PLUGGED = itertools.count(1)
_REST_S = 3.0  # before each code; longer than any silence that a driver waits for

Stroke = tuple[tuple[int, ...], int]
"""The modifiers that are held, and the key."""


def strokes(text: str, layout: Layout) -> list[Stroke]:
    """What a reader set to this layout presses for a text; by Alt and a number what the layout does not have.

    >>> strokes("a@", LAYOUTS["de"]) == [((), 30), ((100,), 16)]
    True
    """
    written = {"\r": ((), keys.ENTER), "\t": ((), keys.TAB), " ": ((), keys.SPACE), "\x1d": ((keys.LEFT_CTRL,), 27)}
    modifiers = ((), (keys.LEFT_SHIFT,), (keys.RIGHT_ALT,), (keys.RIGHT_ALT, keys.LEFT_SHIFT))
    of: dict[str, list[Stroke]] = {}
    for level, held in enumerate(modifiers):
        for key, character in layout.levels[level].items():
            then: list[Stroke] = [((), keys.SPACE)] if (level, key) in layout.dead else []
            if character not in of or (of[character][1:] and not then):
                of[character] = [(held, key), *then]
    pressed: list[Stroke] = []
    for character in text:
        if character in written:
            pressed.append(written[character])
        elif character in of:
            pressed += of[character]
        else:
            raise ValueError(f"no key writes {character!r} on this layout")
    return pressed


class SimulatedKeyboard:
    """Plugged in from the start. `attached` and `open` stand for the kernel's side of it.

    Keys follow each other `key_s` apart, each code after a rest, by the reader's own time, which never stands still.
    """

    def __init__(
        self,
        *,
        layout: Layout = LAYOUTS["us"],
        vendor: int = 0x05E0,
        product: int = 0x1200,
        serial: str = "S1",
        port: str = "1-1",
        key_s: float = 0.01,
        now: float = 1000.0,
        devices: int = 1,
        first: int = 0,
    ) -> None:
        """`devices` event devices, numbered from `first`; `now` is the reader's own time."""
        self.layout = layout
        self.key_s = key_s
        self.now = now
        self.caps_lock_is_lit = False
        self.held: set[int] = set()
        paths = tuple(f"/dev/input/event{number}" for number in range(first, first + devices))
        self._found = AttachedKeyboard(
            path=paths[0],
            vendor=vendor,
            product=product,
            serial=serial,
            port=port,
            says="a simulated reader",
            paths=paths,
            plugged="",
        )
        self._is_plugged = False
        self._opened: list[_OpenDevice] = []
        self.plug()

    @property
    def address(self) -> str:
        return f"keyboard://{self._found.vendor:04x}:{self._found.product:04x}"

    def attached(self) -> list[AttachedKeyboard]:
        return [self._found] if self._is_plugged else []

    def open(self, path: str) -> _OpenDevice:
        if not self._is_plugged or path not in self._found.paths:
            raise OSError(errno.ENOENT, "No such file or directory")
        self._opened.append(_OpenDevice(self, path))
        return self._opened[-1]

    def plug(self, *, port: str = "") -> None:
        """Where it was, or elsewhere."""
        if not self._is_plugged:
            self._is_plugged = True
            self._found = msgspec.structs.replace(
                self._found, plugged=f"input{next(_PLUGGED)}", port=port or self._found.port
            )

    def unplug(self) -> None:
        self._is_plugged = False
        self.held.clear()
        for device in self._opened:
            device.hang_up()
        self._opened.clear()

    def close(self) -> None:
        self.unplug()

    def scan(self, label: str, *, aim: str = "", suffix: str = "\r") -> None:
        self.rest()
        self.type(aim + label + suffix)

    def rest(self, seconds: float = _REST_S) -> None:
        self.now += seconds

    def type(self, text: str) -> None:
        """Goes on where it was."""
        for held, key in strokes(text, self.layout):
            for modifier in held:
                self.press(modifier)
            self.press(key)
            self.release(key)
            for modifier in reversed(held):
                self.release(modifier)

    def press(self, key: int) -> None:
        self.held.add(key)
        self.now += self.key_s / 2
        self.event(keys.EV_KEY, key, keys.DOWN)

    def release(self, key: int) -> None:
        self.held.discard(key)
        self.now += self.key_s / 2
        self.event(keys.EV_KEY, key, keys.UP)

    def event(self, kind: int, code: int, value: int, device: int = 0) -> None:
        """One event and its SYN_REPORT, to whoever the kernel would give it."""
        self.send(self.packed(kind, code, value) + self.packed(keys.EV_SYN, 0, 0), device)

    def packed(self, kind: int, code: int, value: int) -> bytes:
        seconds = int(self.now)
        return INPUT_EVENT.pack(seconds, round((self.now - seconds) * 1e6) % 1_000_000, kind, code, value)

    def send(self, raw: bytes, device: int = 0) -> None:
        listening = [one for one in self._opened if one.path == self._found.paths[device]]
        for one in [one for one in listening if one.is_grabbed] or listening:
            one.deliver(raw)

    def is_grabbed(self, path: str) -> bool:
        return any(one.path == path and one.is_grabbed for one in self._opened)

    def forget(self, device: _OpenDevice) -> None:
        if device in self._opened:
            self._opened.remove(device)


class _OpenDevice:
    def __init__(self, keyboard: SimulatedKeyboard, path: str) -> None:
        self.path = path
        self.is_grabbed = False
        self._keyboard = keyboard
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)

    def fileno(self) -> int:
        return self._near.fileno()

    def read(self) -> bytes:
        data = self._near.recv(64 * INPUT_EVENT.size)
        if not data:
            raise OSError(errno.ENODEV, "No such device")
        return data

    def grab(self) -> None:
        self._see_that_it_is_there()
        if self._keyboard.is_grabbed(self.path):
            raise OSError(errno.EBUSY, "Device or resource busy")
        self.is_grabbed = True

    def ungrab(self) -> None:
        self._see_that_it_is_there()
        self.is_grabbed = False

    def has_keys_down(self) -> bool:
        self._see_that_it_is_there()
        return bool(self._keyboard.held)

    def has_caps_lock_lit(self) -> bool:
        return self._keyboard.caps_lock_is_lit

    def put_caps_lock_out(self) -> None:
        self._keyboard.caps_lock_is_lit = False

    def close(self) -> None:
        self._keyboard.forget(self)
        self._near.close()
        self._far.close()

    def deliver(self, raw: bytes) -> None:
        with contextlib.suppress(BlockingIOError):  # nobody reads
            self._far.send(raw)

    def hang_up(self) -> None:
        self._far.close()

    def _see_that_it_is_there(self) -> None:
        if self._far.fileno() < 0:
            raise OSError(errno.ENODEV, "No such device")
