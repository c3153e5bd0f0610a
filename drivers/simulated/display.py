"""A customer's line display that exists only in software: the far end of the wire, in both command languages.

It takes bytes over TCP or a pseudo-terminal and keeps what its glass would show. It follows the manuals where they bite: in
CD5220 a string once written shuts every other command out until CLR or CAN, ESC @ clears the glass and forgets the code
page, and in the vertical scroll mode a lower line that is full moves up. What it does not understand is kept
in `misunderstood`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from drivers.display import CODE_PAGES, Dialect
from drivers.simulated.wires import LONGEST_READ_BYTES, Wires

ROWS: Final = 2

# How many bytes follow the bytes that name a command.
_ESCPOS: Final[dict[bytes, int]] = {
    b"\x0c": 0,
    b"\x1b@": 0,
    b"\x1b=": 1,
    b"\x1bt": 1,
    b"\x1bR": 1,
    b"\x1f\x01": 0,
    b"\x1f\x02": 0,
    b"\x1f\x03": 0,
    b"\x1fC": 1,
    b"\x1fX": 1,
    b"\x1f$": 2,
}
_CD5220: Final[dict[bytes, int]] = {
    b"\x0c": 0,
    b"\x18": 0,
    b"\x1b@": 0,
    b"\x1b=": 1,
    b"\x1bt": 1,
    b"\x1b\x11": 0,
    b"\x1b\x12": 0,
    b"\x1b\x13": 0,
    b"\x1b_": 1,
    b"\x1b*": 1,
    b"\x1bl": 2,
    b"\x1bQA": 0,
    b"\x1bQB": 0,
}
_COMMANDS: Final[dict[Dialect, dict[bytes, int]]] = {"escpos": _ESCPOS, "cd5220": _CD5220}


class SimulatedDisplay:
    """Shows what clients send. Every method may be called from any thread."""

    def __init__(
        self, dialect: Dialect = "escpos", *, columns: int = 20, code_pages: Mapping[str, int] | None = None
    ) -> None:
        self._dialect = dialect
        self._columns = columns
        known = {**CODE_PAGES[dialect], **(code_pages or {})}
        self._codecs = {number: codec for codec, number in known.items()}
        self._lock = threading.Condition()
        self._pending = bytearray()
        self._misunderstood: list[bytes] = []
        self._clears = 0
        self._received = 0
        self._switch_on()
        self._wires = Wires(self._lock, self._receive, lambda: LONGEST_READ_BYTES)

    def _switch_on(self) -> None:
        self._codec = "cp437"
        self._scrolls = True  # as a DM-D comes: the vertical scroll mode
        self._cursor_is_on = True
        self._is_selected = True
        self._in_string: int | None = None  # the row that ESC Q is writing
        self._in_string_mode = False
        self._clear()

    def _clear(self) -> None:
        self._glass = [[" "] * self._columns for _ in range(ROWS)]
        self._row, self._column = 0, 0

    # wires and hands

    def serve_tcp(self, host: str = "127.0.0.1", port: int = 0) -> int:
        with self._lock:
            return self._wires.listen(host, port)

    def serve_pty(self) -> str:
        with self._lock:
            return self._wires.open_terminal()

    def unplug(self) -> None:
        """Pulls the cable, which carries its power as well."""
        with self._lock:
            self._wires.drop()
            self._pending.clear()
            self._switch_on()

    def plug(self) -> None:
        with self._lock:
            self._wires.restore()

    def lose_power(self) -> None:
        """Off and on again, with the cable in: nobody at the other end is told."""
        with self._lock:
            self._pending.clear()
            self._switch_on()

    def close(self) -> None:
        self._wires.end()

    def __enter__(self) -> SimulatedDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # what can be seen

    @property
    def lines(self) -> list[str]:
        with self._lock:
            return ["".join(row) for row in self._glass]

    @property
    def has_cursor(self) -> bool:
        with self._lock:
            return self._cursor_is_on

    @property
    def clears(self) -> int:
        """How often the glass went dark: a person sees it flicker."""
        with self._lock:
            return self._clears

    @property
    def received(self) -> int:
        with self._lock:
            return self._received

    @property
    def misunderstood(self) -> list[bytes]:
        with self._lock:
            return list(self._misunderstood)

    def wait_until(self, claim: Callable[[], bool], timeout_s: float = 20) -> bool:
        with self._lock:
            return self._lock.wait_for(claim, timeout_s)

    def wait_for(self, upper: str, lower: str, timeout_s: float = 20) -> bool:
        """Whether it comes to show these lines, blanks at their ends apart."""
        return self.wait_until(lambda: [line.rstrip() for line in self.lines] == [upper, lower], timeout_s)

    # bytes in

    def _receive(self, read: Callable[[], bytes]) -> None:
        with self._lock:
            data = read()
            self._received += len(data)
            self._pending += data
            while self._pending and self._take():
                pass
            self._lock.notify_all()

    def _take(self) -> bool:
        """Carries out what the next bytes say; False where more must come first."""
        first = self._pending[0]
        if self._in_string is not None:
            return self._take_string(first)
        if first >= 0x20:
            del self._pending[0]
            if self._is_selected and not self._in_string_mode:
                self._write(first)
            return True
        commands = _COMMANDS[self._dialect]
        name = next((name for name in commands if self._pending.startswith(name)), None)
        if name is None:
            if any(command.startswith(bytes(self._pending)) for command in commands):
                return False
            self._misunderstood.append(bytes(self._pending[:4]))
            del self._pending[0]
            return True
        length = len(name) + commands[name]
        if len(self._pending) < length:
            return False
        values = bytes(self._pending[len(name) : length])
        del self._pending[:length]
        self._carry_out(name, values)
        return True

    def _take_string(self, byte: int) -> bool:
        assert self._in_string is not None
        del self._pending[0]
        if byte == 0x0D:
            self._in_string = None
        elif byte < 0x20:
            self._misunderstood.append(bytes([byte]))
        elif self._column < self._columns:
            self._glass[self._in_string][self._column] = self._character(byte)
            self._column += 1
        return True

    def _carry_out(self, name: bytes, values: bytes) -> None:
        if self._in_string_mode and name not in (b"\x0c", b"\x18", b"\x1bQA", b"\x1bQB"):
            self._misunderstood.append(name)
            return
        match name:
            case b"\x0c":
                self._in_string_mode = False
                self._clears += 1
                self._clear()
            case b"\x18":
                self._in_string_mode = False
                self._glass[self._row] = [" "] * self._columns
            case b"\x1b@":
                is_selected = self._is_selected
                self._switch_on()
                self._is_selected = is_selected
                self._clears += 1
            case b"\x1b=":
                self._is_selected = bool(values[0] & 2)
            case b"\x1bt":
                if values[0] in self._codecs:  # a page that it has not got is not selected
                    self._codec = self._codecs[values[0]]
            case b"\x1f\x01" | b"\x1b\x11":
                self._scrolls = False
            case b"\x1f\x02" | b"\x1b\x12":
                self._scrolls = True
            case b"\x1fC" | b"\x1b_":
                self._cursor_is_on = bool(values[0])
            case b"\x1f$" | b"\x1bl":
                if 1 <= values[0] <= self._columns and 1 <= values[1] <= ROWS:
                    self._column, self._row = values[0] - 1, values[1] - 1
                else:
                    self._misunderstood.append(name + values)
            case b"\x1bQA" | b"\x1bQB":
                self._in_string_mode = True
                self._in_string, self._column = (0 if name == b"\x1bQA" else 1), 0
                self._glass[self._in_string] = [" "] * self._columns
            case _:
                pass  # brightness and the like leave no trace in the text

    def _write(self, byte: int) -> None:
        self._glass[self._row][self._column] = self._character(byte)
        self._column += 1
        if self._column == self._columns:
            self._column = 0
            if self._row == ROWS - 1 and self._scrolls:
                self._glass = [*self._glass[1:], [" "] * self._columns]
            else:
                self._row = (self._row + 1) % ROWS

    def _character(self, byte: int) -> str:
        return bytes([byte]).decode(self._codec, "replace")
