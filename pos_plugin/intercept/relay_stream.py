"""The till's stream as the relay has it: others print between its papers, and leave the printer as the till had left it."""

from __future__ import annotations

from pos_plugin.intercept.stream import Stream

RESET = b"\x1b@"


class TillStream(Stream):
    """Only what a till can set once and count on for weeks is put back: not margins and tabs, which stand in its receipts."""

    def put_back(self) -> bytes:
        """The till's modes, behind another's job that has reset the printer."""
        if self.fault:
            return b""
        state, out = self._state, RESET
        if state.line_spacing is not None and state.line_spacing >= 0:
            out += bytes([0x1B, 0x33, state.line_spacing])
        if state.font:
            out += bytes([0x1B, 0x4D, state.font])
        if state.code_page is not None:
            out += bytes([0x1B, 0x74, state.code_page])
        if state.kanji_code:
            out += bytes([0x1C, 0x43, state.kanji_code])
        return out + state.from_plain(sizes_changed=True)

    def start_over(self) -> None:
        """The printer went away within a job: neither the rest of a command nor the paper goes on when it is back."""
        self.fault = ""
        self._forget()
