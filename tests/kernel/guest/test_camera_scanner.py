"""A camera of the real kernel (vivid, the video driver's own test device) that sees what its other end is fed.

Real are the device files, V4L2, OpenCV's way of opening it, and what happens to a program that has it open when it goes away.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import mmap
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gadgets import SOON_S, load, wait_for

from bench.drawn_codes import FRAME, Damage, draw, jittered
from drivers.errors import DeviceAbsent, DeviceBusy
from drivers.scanners import scanner_from_url
from drivers.scanners.camera.scanner import attached

CARD = "2900000000018"
DRIVER = Path("/sys/bus/platform/drivers/vivid")

# linux/videodev2.h
VIDIOC_S_FMT, VIDIOC_S_CTRL, VIDIOC_QUERYCTRL = 0xC0D05605, 0xC008561C, 0xC0445624
VIDIOC_REQBUFS, VIDIOC_QUERYBUF, VIDIOC_QBUF, VIDIOC_DQBUF = 0xC0145608, 0xC0585609, 0xC058560F, 0xC0585611
VIDIOC_STREAMON = 0x40045612
VIDEO_OUTPUT, NO_FIELDS, MAPPED, NEXT_CONTROL = 2, 1, 1, 0x80000000
BGR = int.from_bytes(b"BGR3", "little")
"""What OpenCV takes of a camera that has no MJPG but this. Both ends of the loop must have the same form, else there is noise."""


class _Control(ctypes.Structure):
    _fields_ = (
        ("id", ctypes.c_uint32),
        ("type", ctypes.c_uint32),
        ("name", ctypes.c_char * 32),
        ("rest", ctypes.c_int32 * 7),
    )


class Scene:
    """What stands before the camera, over and over: fed to the output end of the loop.

    Each picture has a buffer of its own that goes round, so that there is always one waiting: without, the camera sees noise.
    """

    def __init__(self, pictures: list[Any]) -> None:
        import numpy as np

        self._output = os.open("/dev/video1", os.O_RDWR)
        width, height = FRAME
        form = struct.pack("=I4xIIII", VIDEO_OUTPUT, width, height, BGR, NO_FIELDS)
        fcntl.ioctl(self._output, VIDIOC_S_FMT, bytearray(form.ljust(208, b"\0")))
        asked = bytearray(struct.pack("=III8x", len(pictures), VIDEO_OUTPUT, MAPPED))
        fcntl.ioctl(self._output, VIDIOC_REQBUFS, asked)
        assert struct.unpack_from("=I", asked)[0] == len(pictures)
        for number, picture in enumerate(pictures):
            buffer = self._buffer(number)
            fcntl.ioctl(self._output, VIDIOC_QUERYBUF, buffer)
            offset, length = struct.unpack_from("=Q", buffer, 64)[0], struct.unpack_from("=I", buffer, 72)[0]
            with mmap.mmap(self._output, length, offset=offset) as memory:
                memory.write(np.repeat(picture[:, :, None], 3, 2).tobytes())
            self._queue(number)
        fcntl.ioctl(self._output, VIDIOC_STREAMON, struct.pack("=I", VIDEO_OUTPUT))
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._play)
        self._thread.start()

    def _buffer(self, number: int) -> bytearray:
        size = FRAME[0] * FRAME[1] * 3
        start = struct.pack("=IIIII", number, VIDEO_OUTPUT, size, 0, NO_FIELDS)
        return bytearray(start.ljust(60, b"\0") + struct.pack("=I", MAPPED) + bytes(24))

    def _queue(self, number: int) -> None:
        fcntl.ioctl(self._output, VIDIOC_QBUF, self._buffer(number))

    def _play(self) -> None:
        shown = self._buffer(0)
        with contextlib.suppress(OSError):  # the device is gone
            while not self._is_over.is_set():
                fcntl.ioctl(self._output, VIDIOC_DQBUF, shown)
                self._queue(struct.unpack_from("=I", shown)[0])

    def close(self) -> None:
        self._is_over.set()
        self._thread.join(SOON_S)
        os.close(self._output)


def switch_on(device: str, name: bytes) -> None:
    """A control of the driver, by the name that it has for people."""
    file = os.open(device, os.O_RDWR)
    control = _Control(id=NEXT_CONTROL)
    while control.name != name:
        fcntl.ioctl(file, VIDIOC_QUERYCTRL, control)
        if control.name != name:
            control.id |= NEXT_CONTROL
    fcntl.ioctl(file, VIDIOC_S_CTRL, control.id.to_bytes(4, "little") + (1).to_bytes(4, "little"))
    os.close(file)


@pytest.fixture
def scene() -> Iterator[Scene]:
    # One camera on HDMI and one output on HDMI, for 1280 × 720 both: what the output is fed, the camera sees. Neither may scale:
    # this kernel's driver reads past the end of a picture when it does, and that ends the kernel.
    ends = ("n_devs=1", "node_types=0x101", "num_inputs=1", "input_types=0x3", "num_outputs=1", "output_types=0x1")
    load("vivid", *ends, "ccs_cap_mode=0", "ccs_out_mode=0")
    wait_for(Path("/dev/video1").exists, "the camera and its other end")
    switch_on("/dev/video0", b"Loop Video")
    card = draw([("ean13", CARD)], Damage(module=4.0), 1)
    scene = Scene(list(jittered(card, 5, 1)))
    yield scene
    scene.close()


def test_a_card_before_a_camera_is_read_and_a_camera_that_goes_away_is_missed(scene: Scene) -> None:
    (found,) = (one for one in attached() if one.path == "/dev/video0")
    assert found.may_open
    assert "vivid" in found.says
    scanner = scanner_from_url("camera:///dev/video0")
    scanner.open()
    scan = scanner.read(SOON_S)
    assert scan is not None
    assert (scan.label, scan.symbology) == (CARD, "ean13")

    other = scanner_from_url("camera://0")
    with pytest.raises(DeviceBusy) as busy:
        other.open()
    assert busy.value.hint

    (DRIVER / "unbind").write_text("vivid.0")
    with pytest.raises(DeviceAbsent) as gone:
        scanner.read(SOON_S)
    assert gone.value.hint
    assert not scanner.is_open
    with pytest.raises(DeviceAbsent):
        scanner.open()
    assert attached() == []
    scanner.close()
