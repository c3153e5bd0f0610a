"""A camera that exists only in software: what OpenCV's VideoCapture does, with a cable, and the faults that real ones have.

Knows no codes: whoever holds something before it says what it sees. It is one USB device as Linux shows it, in a folder that
stands for the root of the file system.
"""

from __future__ import annotations

import shutil
import threading
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

Frame = Any
"""An array of bytes, height × width."""

_TICK_S = 0.002
"""Between two frames. A real camera takes 33 ms, for which nobody needs to wait."""


class SimulatedCamera:
    """Plugged in from the start, as `/dev/video0`. Only one program at a time gets pictures.

    Shows an empty table with the noise of a sensor unless told; each frame that is shown is seen once, however long that takes.
    """

    vendor, product, serial, port = 0x046D, 0x0825, "ABC123", "1-1.4"

    def __init__(self, folder: Path, *, size: tuple[int, int] = (480, 320)) -> None:
        self.root = folder
        self._size = size
        self._lock = threading.Lock()
        self._holder: _Capture | None = None
        self._shown: deque[tuple[Frame, float]] = deque()
        self._number = 0
        self._is_plugged = False
        self._moves = threading.Event()
        self._moves.set()
        self.asked: list[tuple[int, int] | None] = []
        """The sizes that were asked for."""
        self.refuses: tuple[tuple[int, int] | None, ...] = ()
        """Sizes in which it cannot be had."""
        self.is_frozen = False
        """Gives the last picture for ever, and says that all is well, also when it is unplugged."""
        self.is_still = False
        """What was shown last stays there, to the last bit, until something else is shown."""
        self.ahead_s = 0.0
        """How much later than the clock says the last frame was taken."""
        self.plug()

    @property
    def path(self) -> Path:
        return self.root / "dev/video0"

    def now(self, clock: float) -> float:
        return clock + self.ahead_s

    def show(self, *frames: Frame, after_s: float = 0.0) -> None:
        """These, one after the other. Of an unplugged one, or one that nobody looks through, nobody sees them."""
        with self._lock:
            if self._is_plugged and self._holder is not None:
                self._shown += [(frame, after_s) for frame in frames]

    def table(self) -> Frame:
        """Nothing but noise, other noise each time."""
        with self._lock:
            self._number += 1
            number = self._number
        return np.random.default_rng(number).integers(118, 130, self._size[::-1], np.uint8)

    @property
    def is_seen(self) -> bool:
        """Whether everything that was shown was taken."""
        with self._lock:
            return not self._shown

    def hang(self) -> None:
        """Every call on it waits."""
        self._moves.clear()

    def go_on(self) -> None:
        self._moves.set()

    def unplug(self) -> None:
        with self._lock:
            self._is_plugged = False
            self._shown.clear()
        for place in ("dev", "sys"):
            shutil.rmtree(self.root / place, ignore_errors=True)

    def plug(self) -> None:
        usb = self.root / "sys/devices/usb1" / self.port
        node = usb / f"{self.port}:1.0" / "video4linux" / "video0"
        if node.exists():
            return
        node.mkdir(parents=True)
        (node / "index").write_text("0\n")
        (node / "name").write_text("HD Webcam C270: HD Webcam C270\n")
        (node / "device").symlink_to(f"../../../{self.port}:1.0")
        for name, value in (("idVendor", "046d"), ("idProduct", "0825"), ("serial", self.serial)):
            (usb / name).write_text(f"{value}\n")
        links = self.root / "sys/class/video4linux"
        links.mkdir(parents=True)
        (links / "video0").symlink_to(node)
        self.path.parent.mkdir(exist_ok=True)
        self.path.touch()
        with self._lock:
            self._is_plugged = True

    def close(self) -> None:
        self.go_on()
        self.unplug()

    def open_capture(self, where: str | int, size: tuple[int, int] | None) -> _Capture | None:
        """As cv2.VideoCapture: None stands for one that is not opened."""
        self._moves.wait()
        with self._lock:
            self.asked.append(size)
            if not self._is_plugged or self._holder is not None or size in self.refuses or str(where)[-1] != "0":
                return None
            self._shown.clear()
            self._holder = _Capture(self)
            return self._holder


class _Capture:
    def __init__(self, camera: SimulatedCamera) -> None:
        self._camera = camera
        self._last: Frame = np.full(camera._size[::-1], 124, np.uint8)

    def grab(self) -> bool:
        self._camera._moves.wait()
        threading.Event().wait(_TICK_S)
        return self._camera.is_frozen or self._camera._is_plugged

    def retrieve(self) -> tuple[bool, Frame]:
        camera = self._camera
        camera._moves.wait()
        if camera.is_frozen:
            return True, self._last.copy()
        with camera._lock:
            shown = camera._shown.popleft() if camera._shown else None
        if shown is None and camera.is_still:
            return camera._is_plugged, self._last.copy()
        frame, camera.ahead_s = shown if shown is not None else (camera.table(), camera.ahead_s)
        self._last = np.repeat(frame[:, :, None], 3, 2)  # in colour, as OpenCV gives it
        return camera._is_plugged, self._last

    def release(self) -> None:
        with self._camera._lock:
            if self._camera._holder is self:
                self._camera._holder = None
