"""The stream as the relay uses it: it also says whether a paper has been begun."""

from __future__ import annotations

import re
from collections.abc import Callable

from drivers.escpos import Profile
from pos_plugin.intercept.papers import Block, Paper
from pos_plugin.intercept.stream import Stream

# Questions and settings that put nothing on paper: DLE EOT, DLE ENQ, DLE DC4, ESC @, GS a, GS r, GS I, GS ( H, ESC p.
_NO_PRINT = re.compile(
    rb"\x10\x04[\x01-\x04\x07\x08].?|\x10\x05.|\x10\x14...|\x1b@|\x1d[arI].|\x1d\(H..0.....?|\x1bp...", re.DOTALL
)


class TillStream:
    def __init__(self, on_paper: Callable[[Paper], Block | None], profile: Profile) -> None:
        self._on_paper = on_paper
        self._stream = Stream(self._paper, profile)
        self.is_between_papers = True

    @property
    def is_holding(self) -> bool:
        return self._stream.is_holding

    def feed(self, data: bytes) -> bytes:
        if _NO_PRINT.sub(b"", data):
            self.is_between_papers = False
        return self._stream.feed(data)

    def flush(self) -> bytes:
        return self._stream.flush()

    def close(self) -> bytes:
        self.is_between_papers = True
        return self._stream.close()

    def _paper(self, paper: Paper) -> Block | None:
        self.is_between_papers = True
        return self._on_paper(paper)
