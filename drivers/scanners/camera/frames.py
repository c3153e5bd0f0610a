"""Frames of a camera, the newest only, taken through OpenCV by a thread that nobody has to wait for when the camera hangs."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from drivers.scanners.camera.views import Grey

STALE_S = 3.0
"""Without a new frame for so long, a camera hangs or is gone."""
_FAILURES, _FAILURE_PAUSE_S = 10, 0.02  # grabs in a row; a camera may fail at one and go on
_FRESH_S = 0.5
Size = tuple[int, int]
SIZES: tuple[Size | None, ...] = ((1280, 720), (640, 480), None)
"""Asked for one after the other; the last is whatever the camera gives by itself."""


class Capture(Protocol):
    """What is used of OpenCV's VideoCapture."""

    def grab(self) -> bool: ...
    def retrieve(self) -> tuple[bool, Any]: ...
    def release(self) -> None: ...


OpenCapture = Callable[[str | int, Size | None], Capture | None]
"""A path or a number, and the size to ask for; None where it cannot be had like this."""


class Frames:
    """A thread that opens a capture and takes frames from it until it is told to end; only it ever touches the capture.

    It takes every frame, so that none grows old in a queue of the driver, and unpacks only those that are asked for.
    """

    def __init__(
        self,
        open_capture: OpenCapture,
        where: str | int,
        sizes: Iterable[Size | None],
        clock: Callable[[], float],
    ) -> None:
        self._open_capture, self._where, self._sizes = open_capture, where, sizes
        self._clock = clock
        self._changed = threading.Condition()
        self._is_open = self._is_asked = self._is_ending = self._has_failed = False
        self._why = ""
        self._frame: Grey | None = None
        self._grabbed_at = self._frame_at = clock()
        self._thread = threading.Thread(target=self._run, name=f"camera {where}", daemon=True)
        self._thread.start()

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def wait_until_open(self, timeout_s: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._is_open or self._has_failed, timeout_s)
            return self._is_open

    def newest(self, rest_s: float, timeout_s: float) -> Grey | None:
        """The next frame that is taken after `rest_s`; None where there is none until `timeout_s` have passed.

        One that nobody waited for any longer is too old by the time that somebody asks again.
        """
        give_up = time.monotonic() + timeout_s
        with self._changed:
            if rest_s > 0:
                self._changed.wait_for(lambda: self._has_failed, rest_s)
            if self._frame is not None and self._clock() - self._frame_at > _FRESH_S:
                self._frame = None
            self._is_asked = True
            self._changed.wait_for(
                lambda: self._frame is not None or self._has_failed, max(0.0, give_up - time.monotonic())
            )
            frame, self._frame = self._frame, None
            return frame

    def trouble(self, now: float) -> str | None:
        """Why there will be no more frames; None while there may be."""
        with self._changed:
            if self._has_failed:
                return f"it gives no pictures any more{self._why and f' ({self._why})'}"
            return "it hangs" if now - self._grabbed_at > STALE_S else None

    def end(self) -> bool:
        """Whether the camera is let go; if not, it hangs, and is let go whenever it stops hanging."""
        with self._changed:
            self._is_ending = True
        self._thread.join(1.0)
        return not self._thread.is_alive()

    def _run(self) -> None:
        capture: Capture | None = None
        try:
            for size in self._sizes:
                # The format is a matter of opening: some drivers give noise when it is changed later.
                capture = self._open_capture(self._where, size)
                if capture is not None or self._is_ending:
                    break
            if capture is not None:
                self._take_frames(capture)
        except Exception as error:  # OpenCV raises what its back ends raise; whatever it is, there are no more frames
            self._why = str(error)
        finally:
            if capture is not None:
                with contextlib.suppress(Exception):
                    capture.release()
            with self._changed:
                self._has_failed = True
                self._changed.notify_all()

    def _take_frames(self, capture: Capture) -> None:
        failures = 0
        while not self._is_ending and failures < _FAILURES:
            if not capture.grab():
                failures += 1
                with self._changed:
                    self._changed.wait(_FAILURE_PAUSE_S)  # an unplugged one fails at once
                continue
            taken = capture.retrieve() if self._is_asked or not self._is_open else None
            with self._changed:
                self._grabbed_at = self._clock()
                if taken is None or taken[0]:
                    failures = 0
                    self._is_open = True
                    if taken is not None:
                        self._frame, self._frame_at, self._is_asked = _grey(taken[1]), self._grabbed_at, False
                    self._changed.notify_all()
                else:
                    failures += 1


def _grey(picture: Any) -> Grey:
    if picture.ndim == 2:
        return picture  # type: ignore[no-any-return]
    import cv2

    grey: Any = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    return grey  # type: ignore[no-any-return]


def opened_by_opencv(where: str | int, size: Size | None) -> Capture | None:
    import cv2

    back_end, settings = cv2.CAP_ANY, list[int]()
    if sys.platform.startswith("linux"):
        back_end = cv2.CAP_V4L2
        # USB 2 carries 1280 × 720 uncompressed at 10 frames a second only. A camera without MJPG is opened with what it has.
        settings = [cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG")] if size else []
    if size:
        settings += [cv2.CAP_PROP_FRAME_WIDTH, size[0], cv2.CAP_PROP_FRAME_HEIGHT, size[1]]
    capture = cv2.VideoCapture(where, back_end, settings)
    if capture.isOpened() and capture.grab():  # a camera that streams to another program opens, and gives nothing
        return capture
    capture.release()
    return None
