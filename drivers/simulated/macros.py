"""The macro of a receipt printer: GS : begins and ends its definition, GS ^ runs it.

As Epson's reference says under the two: what is defined is obeyed meanwhile as well; what goes beyond 2048 bytes is not stored;
GS ^ within a definition ends it and clears the macro; ESC @ clears nothing; the power switch clears all. One thing is laxer:
GS ^ runs at once, whatever its waiting time, and never waits for the feed button.
"""

from __future__ import annotations

from typing import Final

from drivers.escpos.parser import Command, Item, Text

MACRO_BYTES: Final = 2048


class Macro:
    def __init__(self) -> None:
        self._stored = bytearray()
        self._is_being_defined = False

    @property
    def is_being_defined(self) -> bool:
        return self._is_being_defined

    def clear(self) -> None:
        self._stored.clear()
        self._is_being_defined = False

    def see(self, item: Item) -> bytes:
        """Takes note of what is obeyed; the bytes that are to be obeyed next, where it runs the macro."""
        if isinstance(item, Command) and item.name == "GS :":
            if not self._is_being_defined:
                self._stored.clear()
            self._is_being_defined = not self._is_being_defined
        elif isinstance(item, Command) and item.name == "GS ^":
            if not self._is_being_defined:
                return bytes(self._stored) * item.parameters[0]
            self.clear()
        elif self._is_being_defined:
            raw = item.data if isinstance(item, Text) else getattr(item, "raw", b"")
            self._stored += raw[: MACRO_BYTES - len(self._stored)]
        return b""
