"""A camera as a reader of codes, through OpenCV: a web cam over the counter, or the one in a tablet.

`VideoCapture` may hang, hand out old pictures, or go on handing out the last one after the camera was pulled. So a thread of its
own takes the frames, the newest only, and whoever reads looks at how old and how different they are. Frames become codes in
decoding.py and codes become scans in agreement.py.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners.camera.agreement import Agreement
from drivers.scanners.camera.codes import CARDS, Wanted
from drivers.scanners.camera.decoding import Decoder
from drivers.scanners.camera.frames import SIZES, Frames, OpenCapture, Size, opened_by_opencv
from drivers.scanners.camera.zbar_child import Zbar
from drivers.scanners.identity import Attached, UsbIdentity, candidates
from drivers.scanners.linux import SYSTEM, first_line, place_of
from drivers.scanners.scan import ScanData, scan_from_bytes

if TYPE_CHECKING:
    from drivers.scanners.camera.views import Grey

OPENS_WITHIN_S = 10.0
"""Some cameras take seconds until their first frame."""
FROZEN_S = 3.0
"""The same picture, to the last bit, for so long: a sensor's noise never does that."""


def attached(root: Path = SYSTEM) -> list[Attached]:
    """The cameras that Linux has, by number; none on other systems, which do not tell.

    Of the device files of one camera only the first gives pictures: a USB camera has a second one for what it says about them.
    """
    found = []
    for node in sorted((root / "sys/class/video4linux").glob("video*"), key=lambda node: int(node.name[5:] or 0)):
        if first_line(node / "index") not in ("", "0"):
            continue
        interface = place_of(node / "device")
        # The device of whose interfaces this is one; a camera that is made of software has none.
        usb = interface.parent if interface else node
        vendor, product = (first_line(usb / name) for name in ("idVendor", "idProduct"))
        device = root / "dev" / node.name
        found.append(
            Attached(
                path=str(device),
                says=first_line(node / "name") or "a camera",
                vendor=int(vendor or "0", 16),
                product=int(product or "0", 16),
                serial=first_line(usb / "serial") if vendor else "",
                port=usb.name if vendor else "",
                may_open=os.access(device, os.R_OK | os.W_OK),
            )
        )
    return found


class CameraScanner:
    """Reads what is held before a camera: `read` in a loop, and wait after a DeviceAbsent.

    `camera` is its number, its device file, or what it is on USB (Linux). `size` is asked for before the usual ones. The clock
    times scans, staleness and agreement; waiting for a frame itself takes real time. Decoding gets at most half of a processor's
    time, and frames in between are not even unpacked.
    """

    def __init__(
        self,
        camera: int | str | UsbIdentity,
        *,
        wanted: Wanted = Wanted(CARDS),  # noqa: B008  it is frozen
        size: Size | None = None,
        clock: Callable[[], float] = time.monotonic,
        name: str = "",
        open_capture: OpenCapture | None = None,
        zbar: Zbar | None = None,
        root: Path = SYSTEM,
    ) -> None:
        self._camera = camera
        self._sizes = tuple(dict.fromkeys(([size] if size else []) + list(SIZES)))
        self._clock = clock
        self._name = name or f"camera://{camera}"
        self._open_capture = open_capture or opened_by_opencv
        self._decoder = Decoder(wanted, zbar=zbar or Zbar())
        self._agreement = Agreement()
        self._root = root
        self._frames: Frames | None = None
        self._abandoned: list[Frames] = []
        self._scans: deque[ScanData] = deque()
        self._last: Grey | None = None
        self._changed_at = 0.0
        self._is_known_to_stand_still = False
        self._rests_until = 0.0
        self._dropped = 0

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_open(self) -> bool:
        return self._frames is not None

    @property
    def dropped(self) -> int:
        """Frames whose codes contradicted one another."""
        return self._dropped

    def open(self) -> None:
        """Claims the camera. An open one stays as it is. Takes as long as the camera does, at most `OPENS_WITHIN_S`.

        Raises DeviceAbsent, DeviceBusy or DeviceDenied, or a bare DeviceError where this machine cannot do it.
        """
        if self._frames is not None:
            return
        if self._open_capture is opened_by_opencv:
            _need_libraries()
        self._abandoned = [frames for frames in self._abandoned if frames.is_running]
        if self._abandoned:
            # It hangs inside the driver and holds the camera; a thread more with every attempt would help nobody.
            raise DeviceAbsent(
                f"The camera {self._name} hangs.", hint="Unplug it, wait a little, and plug it in again."
            )
        trouble: DeviceError | None = None
        for where in self._places():
            try:
                self._frames = self._opened(where)
            except (DeviceBusy, DeviceDenied) as error:
                trouble = trouble or error
                continue
            self._last, self._changed_at = None, self._clock()
            return
        raise trouble or self._absent()

    def read(self, timeout_s: float) -> ScanData | None:
        """The next scan; None is silence for `timeout_s`, give or take the decoding of a frame (a twentieth of a second).

        Opens the camera if it is not open, and raises what `open` raises. One that is unplugged, hangs, or gives no new frames
        raises DeviceAbsent.
        """
        give_up = time.monotonic() + timeout_s
        while not self._scans:
            self.open()
            assert self._frames is not None
            now = time.monotonic()
            rest_s = min(max(0.0, self._rests_until - now), max(0.0, give_up - now))
            frame = self._frames.newest(rest_s, max(0.0, give_up - now))
            if frame is not None:
                self._see(frame)
            elif (why := self._frames.trouble(self._clock())) is not None:
                self._let_go()
                raise self._gone(why)
            if not self._scans and time.monotonic() >= give_up:
                return None
        return self._scans.popleft()

    def tell(self, *, good: bool) -> None:
        """Nothing: a camera neither beeps nor shows a light."""

    def close(self) -> None:
        self._let_go()
        self._decoder.close()
        self._scans.clear()

    def _see(self, frame: Grey) -> None:
        import numpy as np

        now = self._clock()
        if self._last is not None and np.array_equal(frame, self._last):
            # The same frame again proves nothing anew, so it is not decoded.
            if now - self._changed_at >= FROZEN_S and not self._is_known_to_stand_still:
                self._open_again()
            return
        if self._last is not None:
            self._is_known_to_stand_still = False
        self._last, self._changed_at = frame, now
        began_at = time.monotonic()
        sight = self._decoder.look(frame)
        ended_at = time.monotonic()
        self._rests_until = ended_at + (ended_at - began_at)
        self._dropped += sight.is_contradictory
        for code in self._agreement.take(sight, now):
            scan = scan_from_bytes((code.identifier + code.text).encode(), self._name, now)
            if scan.label:
                self._scans.append(scan)

    def _open_again(self) -> None:
        """Whether a picture that does not change is a camera that is gone shows in opening it once more.

        Raises DeviceAbsent if so. If not, the room is dark, and it is left in peace until the picture changes.
        """
        frames, self._frames = self._frames, None
        if frames is not None:
            self._abandon(frames)
        try:
            self.open()
        except DeviceError as error:
            self._let_go()
            raise self._gone("it gave the same picture again and again") from error
        self._is_known_to_stand_still = True

    def _let_go(self) -> None:
        frames, self._frames = self._frames, None
        if frames is not None:
            self._abandon(frames)
        self._agreement.forget()
        self._last, self._is_known_to_stand_still = None, False

    def _abandon(self, frames: Frames) -> None:
        if not frames.end():
            self._abandoned.append(frames)

    def _places(self) -> list[str | int]:
        """Where to try, best first. Raises what speaks against trying at all."""
        if isinstance(self._camera, UsbIdentity):
            if not sys.platform.startswith("linux"):
                raise DeviceError(
                    f"{self._name}: only Linux says which camera is which USB device.",
                    hint="Name the camera by its number: camera://0, camera://1.",
                )
            places: list[str | int] = [one.path for one in candidates(self._camera, attached(self._root))]
        else:
            places = [self._camera]
        if not places:
            raise self._absent()
        return places

    def _opened(self, where: str | int) -> Frames:
        device = _device_file(where, self._root)
        if device is not None:
            if not device.exists():
                raise self._absent()
            if not os.access(device, os.R_OK | os.W_OK):
                hint = "Add this user to the group that owns it (video on most systems), and log in again."
                raise DeviceDenied(f"This user may not open the camera {device}.", hint=hint)
        frames = Frames(self._open_capture, where, self._sizes, self._clock)
        if frames.wait_until_open(OPENS_WITHIN_S):
            return frames
        if not frames.end():
            self._abandoned.append(frames)
            raise self._gone("it does not answer")
        if device is not None and device.exists():
            hint = (
                "Close the program that shows the camera's picture (a browser, a video call), or name another camera."
            )
            raise DeviceBusy(f"Another program has the camera {device}, or it gives no pictures.", hint=hint)
        raise self._absent()

    def _absent(self) -> DeviceAbsent:
        hint = "Plug it in; it is taken up by itself. If it is plugged in, close other programs that use it."
        return DeviceAbsent(f"There is no camera at {self._name}.", hint=hint)

    def _gone(self, why: str) -> DeviceAbsent:
        return DeviceAbsent(
            f"The camera {self._name} is gone: {why}.", hint="Plug it in again; it is taken up again by itself."
        )


def _need_libraries() -> None:
    try:
        import cv2
        import zxingcpp  # noqa: F401
    except ImportError as error:
        hint = "Type: pip install 'pos-plugin[camera]'"
        raise DeviceError(f"The libraries that read a camera are not installed ({error}).", hint=hint) from error
    cv2.setNumThreads(1)  # the others are the till's
    with contextlib.suppress(AttributeError):  # what its back ends complain of says a DeviceError in plain words
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _device_file(where: str | int, root: Path) -> Path | None:
    """None where cameras have no files."""
    if not sys.platform.startswith("linux"):
        return None
    return root / "dev" / f"video{where}" if isinstance(where, int) else Path(where)
