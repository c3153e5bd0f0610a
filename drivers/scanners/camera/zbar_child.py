"""zbar in a process of its own: a C assertion there can end the process, and must not end a till.

Both ends: `Zbar` starts the child, sends it pictures and takes what it read; run as a program, this is the child. What the pipes
carry: the length of a message in 4 bytes, and the message (msgpack).
"""

from __future__ import annotations

import contextlib
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from drivers.scanners.camera.views import Grey

MISSING = 3
"""The child's exit status where pyzbar or the system's libzbar is not installed: nothing to try again."""
_RESTARTS = 5
_HANGS_AFTER_S = 10.0
"""Longer than loading the libraries or any picture takes, also on a busy machine."""


class Question(msgspec.Struct, array_like=True):
    width: int
    height: int
    pixels: bytes
    symbols: tuple[str, ...]
    """Names of ZBarSymbol."""


class Symbol(msgspec.Struct, array_like=True):
    name: str
    data: bytes
    quality: int
    corners: tuple[tuple[int, int], ...]


class Zbar:
    """Used by one thread. Starts its child at the first picture, and a new one after it died, a few times in all.

    `program` is run as the child, for tests of its death.
    """

    def __init__(self, program: Sequence[str] = (), *, clock: Callable[[], float] = time.monotonic) -> None:
        # -P: the other files of this folder are nobody's modules there.
        self._program = list(program) or [sys.executable, "-P", __file__]
        self._clock = clock
        self._child: _Child | None = None
        self._asked_at: float | None = None  # when the picture was sent that has no answer yet
        self._starts_left = 1 + _RESTARTS

    @property
    def is_available(self) -> bool:
        """False once it is known that there is no zbar here, or that it dies again and again."""
        return self._child is not None or self._starts_left > 0

    def read(self, picture: Grey, symbols: tuple[str, ...], timeout_s: float) -> list[Symbol]:
        """What zbar reads in it; nothing where zbar is missing, dies over it, or is not done in time. Raises nothing.

        While it is busy with a picture that nobody waits for any more, another one is not even sent.
        """
        if not symbols or not self.is_available:
            return []
        try:
            if self._child is None:
                self._starts_left -= 1
                self._child, self._asked_at = _Child(self._program), None
            if self._asked_at is not None and self._answer(0.0) is None:
                if self._clock() - self._asked_at > _HANGS_AFTER_S:
                    self._end()
                return []
            height, width = picture.shape
            self._child.questions.put(msgspec.msgpack.encode(Question(width, height, picture.tobytes(), symbols)))
            self._asked_at = self._clock()
            return self._answer(timeout_s) or []
        except (OSError, EOFError, msgspec.MsgspecError):
            self._end()
            return []

    def close(self) -> None:
        """Ends the child; a later picture starts a new one."""
        if self._child is not None:
            self._starts_left += 1
            self._end()

    def _answer(self, timeout_s: float) -> list[Symbol] | None:
        """To the question that was put last; None is not yet."""
        assert self._child is not None
        try:
            message = self._child.answers.get(block=timeout_s > 0, timeout=timeout_s or None)
        except queue.Empty:
            return None
        if message is None:
            raise EOFError
        self._asked_at = None
        return msgspec.msgpack.decode(message, type=list[Symbol])

    def _end(self) -> None:
        child, self._child = self._child, None
        self._asked_at = None
        if child is not None and child.end() == MISSING:
            self._starts_left = 0


class _Child:
    """The process, and the thread that talks with it: a pipe takes no picture as long as nobody at its other end reads."""

    def __init__(self, program: list[str]) -> None:
        self.questions: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self.answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        """None is the end."""
        # What a C library complains of goes to its standard error, where nobody can do anything about it.
        self._process = subprocess.Popen(  # noqa: S603  this Python and this file
            program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        threading.Thread(target=self._talk, name="zbar", daemon=True).start()

    def end(self) -> int:
        """Its exit status; one that has ended by itself says why."""
        self.questions.put(None)
        try:
            return self._process.wait(0.2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _talk(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with contextlib.suppress(OSError), self._process.stdout, self._process.stdin:
            while (question := self.questions.get()) is not None:
                _send(self._process.stdin, question)
                answer = _received(self._process.stdout)
                if answer is None:
                    break
                self.answers.put(answer)
        self.answers.put(None)


def _send(stream: IO[bytes], message: bytes) -> None:
    stream.write(len(message).to_bytes(4, "big") + message)
    stream.flush()


def _received(stream: IO[bytes]) -> bytes | None:
    """None at the end of the stream, also in the middle of a message."""
    size = stream.read(4)
    if len(size) < 4:
        return None
    message = stream.read(int.from_bytes(size, "big"))
    return message if len(message) == int.from_bytes(size, "big") else None


def main() -> int:
    """Answers each picture, until whoever asks has gone."""
    try:
        from pyzbar import pyzbar
    except ImportError:
        return MISSING
    while (message := _received(sys.stdin.buffer)) is not None:
        asked = msgspec.msgpack.decode(message, type=Question)
        wanted = [pyzbar.ZBarSymbol[name] for name in asked.symbols]
        read = pyzbar.decode((asked.pixels, asked.width, asked.height), symbols=wanted)
        symbols = [Symbol(one.type, one.data, one.quality, tuple((p.x, p.y) for p in one.polygon)) for one in read]
        _send(sys.stdout.buffer, msgspec.msgpack.encode(symbols))
    return 0


if __name__ == "__main__":
    sys.exit(main())
