"""Cuts a stream of bytes into frames: what stands between a reader's prefix and its suffix, or between two silences.

Pure: bytes and times come in, frames go out. Knows no port and no code.
"""

from __future__ import annotations

import re

LINE_ENDS = (b"\r", b"\n")
"""CR, LF or CRLF: what readers send unless told otherwise. Nothing stands between a CR and its LF, and nothing is no frame."""


class Framer:
    """Never holds more than `max_bytes` and a suffix between two calls; `dropped` counts the frames that were lost.

    `suffix` is one ending, or several of which any ends a frame; an empty one means that only silence ends it. Bytes before a
    configured prefix are noise and are not counted.

    >>> framer = Framer()
    >>> framer.feed(b"4006381", now=0.0), framer.feed(b"333931\\r\\n", now=0.1)
    ([], [b'4006381333931'])
    """

    def __init__(
        self,
        prefix: bytes = b"",
        suffix: bytes | tuple[bytes, ...] = LINE_ENDS,
        *,
        max_bytes: int = 8192,  # the largest QR code holds 7089 digits
        idle_timeout_s: float = 0.2,
    ) -> None:
        if max_bytes < 1 or idle_timeout_s <= 0:
            raise ValueError("a frame needs room for a byte, and a silence that ends it")
        suffixes = sorted(filter(None, (suffix,) if isinstance(suffix, bytes) else suffix), key=len, reverse=True)
        self._prefix = prefix
        self._suffix = re.compile(b"|".join(map(re.escape, suffixes))) if suffixes else None
        self._suffix_tail = len(suffixes[0]) - 1 if suffixes else 0
        self._max_bytes = max_bytes
        self._idle_timeout_s = idle_timeout_s
        self._dropped = 0
        self._buffer = bytearray()
        self._inside = not prefix
        self._overlong = False
        self._heard_at = 0.0

    @property
    def dropped(self) -> int:
        """Frames lost since the start: too long, or broken off. Growing numbers mean a bad cable or a wrong suffix."""
        return self._dropped

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """The frames that these bytes complete, in order.

        Time ends nothing here: bytes that waited in the system's buffer while the caller was busy did not arrive late.
        """
        if data:
            self._heard_at = now
        self._buffer += data
        frames: list[bytes] = []
        while self._inside or self._enter():
            end = self._suffix.search(self._buffer) if self._suffix else None
            if end is None:
                self._bound()
                break
            frame = bytes(self._buffer[: end.start()])
            del self._buffer[: end.end()]
            if len(frame) > self._max_bytes and not self._overlong:
                self._dropped += 1
            elif frame and not self._overlong:
                frames.append(frame)
            self._inside = not self._prefix
            self._overlong = False
        return frames

    def expire(self, now: float) -> list[bytes]:
        """Call it after listening in vain: ends the frame that silence ends, drops the one that lacks its suffix."""
        if now - self._heard_at < self._idle_timeout_s:
            return []
        if self._suffix is None and self._inside and self._buffer and not self._overlong:
            frame = bytes(self._buffer)
            self._start_anew()
            return [frame]
        self.reset()
        return []

    def reset(self) -> None:
        """Forget what came of the current frame, and count it as lost. For a port that is opened anew."""
        began = self._inside and bool(self._buffer or self._prefix)
        if began and not self._overlong:  # an overlong one was counted when it became that
            self._dropped += 1
        self._start_anew()

    def _start_anew(self) -> None:
        self._buffer.clear()
        self._inside = not self._prefix
        self._overlong = False

    def _enter(self) -> bool:
        start = self._buffer.find(self._prefix)
        if start < 0:
            self._keep_last(len(self._prefix) - 1)
            return False
        del self._buffer[: start + len(self._prefix)]
        self._inside = True
        return True

    def _bound(self) -> None:
        if not self._overlong and len(self._buffer) > self._max_bytes + self._suffix_tail:
            self._overlong = True
            self._dropped += 1
        if self._overlong:
            self._keep_last(self._suffix_tail)  # where the next bytes may complete a suffix

    def _keep_last(self, count: int) -> None:
        del self._buffer[: max(0, len(self._buffer) - count)]
