"""What a reader typed, out of the keys that went down and up. Pure: events and times come in, texts go out.

A code counts only whole: a silence or a suffix came before its first key, nothing of it was lost, every key of it is known,
and it ended with its suffix (or with silence, where a reader sends none). All else is dropped and counted, up to the next
suffix or a long silence, because a number that lacks a digit may be another's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Literal, NamedTuple

from drivers.scanners.keyboard.layouts import KEYPAD, KEYPAD_SIGNS, Layout, together

Suffix = Literal["enter", "tab", "none"]
_SUFFIXES: dict[Suffix, str] = {"enter": "\r\n", "tab": "\t", "none": ""}  # CR, LF or both, as on a serial line

# linux/input-event-codes.h
EV_SYN, EV_KEY = 0, 1
SYN_DROPPED = 3
UP, DOWN = 0, 1  # 2 is a key that is held and repeats; a reader holds none, it was delayed
TAB, ENTER, LEFT_CTRL, LEFT_SHIFT, RIGHT_SHIFT, LEFT_ALT, SPACE, CAPS_LOCK = 15, 28, 29, 42, 54, 56, 57, 58
KEYPAD_ENTER, RIGHT_CTRL, RIGHT_ALT = 96, 97, 100

_MODIFIERS = {LEFT_SHIFT, RIGHT_SHIFT, LEFT_CTRL, RIGHT_CTRL, LEFT_ALT, RIGHT_ALT}
_ON_EVERY_LAYOUT = {ENTER: "\r", KEYPAD_ENTER: "\r", TAB: "\t", SPACE: " "} | KEYPAD | KEYPAD_SIGNS
_WRITES_NOTHING = {69, 70, 87, 88, *range(59, 69), *range(183, 195)}  # NumLock, ScrollLock, F1 to F24
_FIRST_BUTTON = 0x100  # from here on mouse buttons, triggers and the like
_CTRL_BY_PLACE = {26: "\x1b", 27: "\x1d", 43: "\x1c"}  # [ ] \ of a US keyboard: Windows has them there on every layout

_LONG_SILENCE = 4  # pauses. After one alone, what comes may be the rest of the code that it broke off

# A reader's events follow each other evenly, 5 to 100 ms apart, or as slowly as it was told to type. A person's do not.
_SLOW_S = 0.12
_UNEVEN_S = 0.05
_GAPS = 24
_SLOW_GAPS = 6


class KeyEvent(NamedTuple):
    """A `struct input_event`; `at` in seconds of a clock that only grows."""

    at: float
    kind: int
    code: int
    value: int


class Keystrokes:
    """`now` and the times of the events are of one clock. A code of more than `max_keys` is dropped.

    >>> from drivers.scanners.keyboard.layouts import LAYOUTS
    >>> keystrokes = Keystrokes(LAYOUTS["us"], now=0.0)
    >>> keystrokes.feed(KeyEvent(2.0 + key / 1000, EV_KEY, key, DOWN) for key in (2, 3, ENTER))
    ['12']
    """

    def __init__(
        self,
        layout: Layout,
        suffix: Suffix = "enter",
        *,
        now: float,
        pause_s: float = 0.5,
        max_keys: int = 8192,  # the largest QR code holds 7089 digits
    ) -> None:
        if pause_s <= 0 or max_keys < 1:
            raise ValueError("a code needs room for a key, and a silence that ends it")
        self._layout = layout
        self._suffix = _SUFFIXES[suffix]
        self._pause_s = pause_s
        self._max_keys = max_keys
        self._dropped = 0
        self._text: list[str] = []
        self._mark = ""  # of a dead key, which the next key writes on
        self._digits: str | None = None  # typed on the keypad while Alt is held
        self._is_lost = False
        self._gaps: deque[float] = deque(maxlen=_GAPS)
        self.reset(now)

    @property
    def dropped(self) -> int:
        """Codes lost since the start. Growing numbers mean a wrong layout or suffix, or a program that reads too late."""
        return self._dropped

    @property
    def is_typed_by_hand(self) -> bool:
        """Whether the last keys came as a person presses them: slowly, and unevenly."""
        slow = [gap for gap in self._gaps if _SLOW_S < gap < self._pause_s]
        return len(slow) >= _SLOW_GAPS and max(slow) - min(slow) > _UNEVEN_S

    def reset(self, now: float) -> None:
        """For a device that was claimed anew: a code that is on its way may have begun before, and does not count."""
        if self._has_begun():
            self._lose()
        self._begin_anew()
        self._is_settled = False
        self._forget_keys()
        self._heard_at = now
        self._gaps.clear()

    def feed(self, events: Iterable[KeyEvent]) -> list[str]:
        """The codes that these complete, in order. The events' own times count, not when somebody takes them up."""
        codes: list[str] = []
        for event in events:
            if event.kind == EV_KEY and event.value in (UP, DOWN):
                codes += self.expire(event.at)
                if self._has_begun() or self._is_lost:  # before a code, anybody takes their time
                    self._gaps.append(event.at - self._heard_at)
                self._heard_at = event.at
                if event.code in _MODIFIERS:
                    codes += self._modifier(event.code, event.value == DOWN)
                elif event.value == DOWN:
                    codes += self._key(event.code)
            elif event.kind == EV_SYN and event.code == SYN_DROPPED:
                self._lose()
                self._forget_keys()
                self._heard_at = event.at
        return codes

    def expire(self, now: float) -> list[str]:
        """What silence until `now` ends: a code where readers send no suffix, else one that broke off."""
        silence_s = now - self._heard_at
        if silence_s < self._pause_s:
            return []
        if self._digits or self._mark or (self._suffix and self._text):
            self._lose()
        self._digits = None  # the rest of them would be another character
        self._has_caps = False  # a reader that sends it sends it twice
        if self._is_lost and silence_s < _LONG_SILENCE * self._pause_s:
            return []
        return self._ended()

    # Keys.

    def _modifier(self, key: int, is_down: bool) -> list[str]:
        if key not in (LEFT_ALT, RIGHT_ALT):
            (self._held.add if is_down else self._held.discard)(key)
            return []
        if is_down:
            self._held.add(key)
            self._digits = ""
            return []
        self._held.discard(key)
        digits, self._digits = self._digits, None
        return self._write(_by_number(digits)) if digits else []

    def _key(self, key: int) -> list[str]:
        if key in _WRITES_NOTHING or key >= _FIRST_BUTTON:
            return []
        if key == CAPS_LOCK:
            self._has_caps = not self._has_caps
            return []
        has_shift = bool(self._held & {LEFT_SHIFT, RIGHT_SHIFT})
        has_ctrl = bool(self._held & {LEFT_CTRL, RIGHT_CTRL})
        has_alt = bool(self._held & {LEFT_ALT, RIGHT_ALT})
        if has_alt and not has_ctrl and key in KEYPAD and self._digits is not None:
            self._settle()
            self._digits = (self._digits + KEYPAD[key])[:5]  # five are too many already
            return []
        # Windows takes Ctrl and Alt for AltGr, and so do readers.
        has_altgr = self._layout.has_altgr and (RIGHT_ALT in self._held or (has_ctrl and has_alt))
        if key in _ON_EVERY_LAYOUT:
            is_plain = not (has_alt or has_ctrl) and not (has_shift and key in KEYPAD)
            return self._write(_ON_EVERY_LAYOUT[key] if is_plain else "")
        if has_ctrl and not has_alt:
            return self._write(self._control(key, has_shift))
        if has_alt and not has_altgr:
            return self._write("")
        level = 2 * has_altgr + (has_shift != (self._has_caps and not has_altgr and self._layout.is_letter(key)))
        character = self._layout.levels[level].get(key, "")
        if (level, key) in self._layout.dead:
            return self._dead(character)
        return self._write(character)

    def _control(self, key: int, has_shift: bool) -> str:
        if key in _CTRL_BY_PLACE and not has_shift:
            return _CTRL_BY_PLACE[key]
        character = self._layout.levels[has_shift].get(key, "").upper()
        return chr(ord(character) & 0x1F) if len(character) == 1 and "@" <= character <= "_" else ""

    def _dead(self, mark: str) -> list[str]:
        if self._mark:  # Windows writes both
            mark, self._mark = self._mark + mark, ""
            return self._write(mark)
        self._settle()
        self._mark = mark
        return []

    # Text.

    def _write(self, written: str) -> list[str]:
        """'' is a key that the layout does not know: without it, what remains would be another code."""
        if written and written in self._suffix:
            if self._mark:
                self._text.append(self._mark)
            return self._ended()
        self._settle()
        if not written:
            self._lose()
        if self._is_lost:
            return []
        mark, self._mark = self._mark, ""
        self._text.append(together(mark, written) if mark else written)
        if len(self._text) > self._max_keys:
            self._lose()
        return []

    def _settle(self) -> None:
        if not self._is_settled:
            self._lose()

    def _has_begun(self) -> bool:
        return bool(self._text or self._mark or self._digits)

    def _lose(self) -> None:
        if not self._is_lost:
            self._dropped += 1
        self._begin_anew()
        self._is_lost = True

    def _ended(self) -> list[str]:
        text = "".join(self._text) + self._mark
        self._begin_anew()
        self._is_settled = True
        return [text] if text else []

    def _begin_anew(self) -> None:
        self._text.clear()
        self._mark = ""
        self._is_lost = False

    def _forget_keys(self) -> None:
        self._held: set[int] = set()
        self._has_caps = False
        self._digits = None


def _by_number(digits: str) -> str:
    """What Alt and a number on the keypad write: with a zero in front by Windows-1252, else by code page 437; '' for no such.

    >>> _by_number("029"), _by_number("0128"), _by_number("128")
    ('\\x1d', '€', 'Ç')
    """
    number = int(digits)
    if number > 255 or len(digits) > 4:
        return ""
    try:
        return bytes([number]).decode("cp1252" if digits.startswith("0") else "cp437")
    except UnicodeDecodeError:
        return chr(number)  # a place that Windows-1252 leaves empty
