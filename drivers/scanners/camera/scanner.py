"""A camera as a reader of codes, through OpenCV: a web cam over the counter, or the one in a tablet.

`VideoCapture` may hang, hand out old pictures, or go on handing out the last one after the camera was pulled. So a thread of its
own takes the frames, the newest only, and whoever reads looks at how old and how different they are. Frames become codes in
decoding.py and codes become scans in agreement.py.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners.camera.agreement import Agreement
from drivers.scanners.camera.codes import CARDS, Wanted
from drivers.scanners.camera.decoding import Decoder
from drivers.scanners.camera.zbar_child import Zbar
from drivers.scanners.identity import UsbIdentity, candidates
from drivers.scanners.scan import ScanData, scan_from_bytes

if TYPE_CHECKING:
    from drivers.scanners.camera.views import Grey

OPENS_WITHIN_S = 10.0
"""Some cameras take seconds until their first frame."""
STALE_S = 3.0
"""Without a new frame for so long, a camera hangs or is gone."""
FROZEN_S = 3.0
"""The same picture, to the last bit, for so long: a sensor's noise never does that."""
_FAILURES, _FAILURE_PAUSE_S = 10, 0.02  # grabs in a row; a camera may fail at one and go on
_FRESH_S = 0.5
_SYSTEM = Path("/")

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


class AttachedCamera(msgspec.Struct, frozen=True):
    """A camera that is there now. `vendor` and `product` are 0 where it is not on USB."""

    path: str
    says: str
    vendor: int = 0
    product: int = 0
    serial: str = ""
    port: str = ""
    may_open: bool = True


def attached(root: Path = _SYSTEM) -> list[AttachedCamera]:
    """The cameras that Linux has, by number; none on other systems, which do not tell.

    Of the device files of one camera only the first gives pictures: a USB camera has a second one for what it says about them.
    """
    found = []
    for node in sorted((root / "sys/class/video4linux").glob("video*"), key=lambda node: int(node.name[5:] or 0)):
        if _first_line(node / "index") not in ("", "0"):
            continue
        usb = (node / "device").resolve().parent  # the device of whose interfaces this is one
        vendor, product = (_first_line(usb / name) for name in ("idVendor", "idProduct"))
        device = root / "dev" / node.name
        found.append(
            AttachedCamera(
                path=str(device),
                says=_first_line(node / "name") or "a camera",
                vendor=int(vendor or "0", 16),
                product=int(product or "0", 16),
                serial=_first_line(usb / "serial") if vendor else "",
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
        root: Path = _SYSTEM,
    ) -> None:
        self._camera = camera
        self._sizes = tuple(dict.fromkeys(([size] if size else []) + list(SIZES)))
        self._clock = clock
        self._name = name or f"camera://{camera}"
        self._open_capture = open_capture or _opened_by_opencv
        self._decoder = Decoder(wanted, zbar=zbar or Zbar())
        self._agreement = Agreement()
        self._root = root
        self._frames: _Frames | None = None
        self._abandoned: list[_Frames] = []
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
        if self._open_capture is _opened_by_opencv:
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

    def _abandon(self, frames: _Frames) -> None:
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

    def _opened(self, where: str | int) -> _Frames:
        device = _device_file(where, self._root)
        if device is not None:
            if not device.exists():
                raise self._absent()
            if not os.access(device, os.R_OK | os.W_OK):
                hint = "Add this user to the group that owns it (video on most systems), and log in again."
                raise DeviceDenied(f"This user may not open the camera {device}.", hint=hint)
        frames = _Frames(self._open_capture, where, self._sizes, self._clock)
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


class _Frames:
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


def _opened_by_opencv(where: str | int, size: Size | None) -> Capture | None:
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


def _device_file(where: str | int, root: Path) -> Path | None:
    """None where cameras have no files."""
    if not sys.platform.startswith("linux"):
        return None
    return root / "dev" / f"video{where}" if isinstance(where, int) else Path(where)


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="latin-1").partition("\n")[0].strip()
    except OSError:
        return ""
