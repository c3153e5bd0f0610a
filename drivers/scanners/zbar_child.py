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
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from drivers.scanners.views import Grey

MISSING = 3
"""The child's exit status where pyzbar or the system's libzbar is not installed: nothing to try again."""
_RESTARTS = 5
_STARTING_S = 10.0


class Question(msgspec.Struct, array_like=True):
    width: int
    height: int
    pixels: bytes
    symbols: tuple[str, ...]
    """Names of ZBarSymbol."""


class Answer(msgspec.Struct, array_like=True):
    symbol: str
    data: bytes
    quality: int
    corners: tuple[tuple[int, int], ...]


class Zbar:
    """Used by one thread. Starts its child at the first picture, and a new one after it died, a few times in all.

    `program` is run as the child, for tests of its death.
    """

    def __init__(self, program: Sequence[str] = ()) -> None:
        # -P: the other files of this folder are nobody's modules there.
        self._program = list(program) or [sys.executable, "-P", __file__]
        self._child: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._starts_left = 1 + _RESTARTS

    @property
    def is_available(self) -> bool:
        """False once it is known that there is no zbar here, or that it dies again and again."""
        return self._child is not None or self._starts_left > 0

    def read(self, picture: Grey, symbols: tuple[str, ...], timeout_s: float) -> list[Answer]:
        """What zbar reads in it; nothing where zbar is missing, takes too long, or dies over it. Raises nothing."""
        if not symbols or not self.is_available:
            return []
        if self._child is None:
            timeout_s += _STARTING_S  # the first answer waits until the libraries are loaded
        height, width = picture.shape
        try:
            child = self._child or self._start()
            assert child.stdin is not None
            _send(child.stdin, msgspec.msgpack.encode(Question(width, height, picture.tobytes(), symbols)))
            answer = self._answers.get(timeout=timeout_s)
            if answer is not None:
                return msgspec.msgpack.decode(answer, type=list[Answer])
        except (OSError, queue.Empty, msgspec.MsgspecError):
            pass
        self._end()  # a late answer would be taken for that of the next picture
        return []

    def close(self) -> None:
        """Ends the child; a later picture starts a new one."""
        if self._child is not None:
            self._starts_left += 1
            self._end()

    def _start(self) -> subprocess.Popen[bytes]:
        self._starts_left -= 1
        # What a C library complains of goes to its standard error, where nobody can do anything about it.
        child = subprocess.Popen(  # noqa: S603  this Python and this file
            self._program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert child.stdout is not None
        self._child, self._answers = child, queue.SimpleQueue()
        threading.Thread(
            target=_listen, args=(child.stdout, self._answers.put), name="zbar's answers", daemon=True
        ).start()
        return child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(OSError):
            assert child.stdin is not None
            child.stdin.close()
        try:
            status = child.wait(0.2)  # one that has ended by itself says why
        except subprocess.TimeoutExpired:
            child.kill()
            status = child.wait()
        if status == MISSING:
            self._starts_left = 0


def _listen(stream: IO[bytes], heard: Callable[[bytes | None], None]) -> None:
    with stream, contextlib.suppress(OSError, ValueError):
        while (message := _received(stream)) is not None:
            heard(message)
    heard(None)


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
        symbols = [pyzbar.ZBarSymbol[name] for name in asked.symbols]
        read = pyzbar.decode((asked.pixels, asked.width, asked.height), symbols=symbols)
        answers = [Answer(one.type, one.data, one.quality, tuple((p.x, p.y) for p in one.polygon)) for one in read]
        _send(sys.stdout.buffer, msgspec.msgpack.encode(answers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
