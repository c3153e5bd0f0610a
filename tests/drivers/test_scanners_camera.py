"""The camera's driver before a simulated camera: what it reads, and how it notices that a camera lies.

The contract of every reader runs over it in test_scanners_contract.py.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from standing_clock import Clock

from bench.drawn_codes import Damage, draw, jittered
from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners import scanner_from_url
from drivers.scanners.camera import scanner as camera_driver
from drivers.scanners.camera.agreement import AWAY_S
from drivers.scanners.camera.codes import wanted_codes
from drivers.scanners.camera.frames import SIZES, STALE_S, Frames
from drivers.scanners.camera.scanner import FROZEN_S, CameraScanner, attached
from drivers.scanners.identity import UsbIdentity
from drivers.simulated.scanners.camera import SimulatedCamera
from tests.waiting import LONG_S

SHORT_S = 0.1
SIZE = (480, 320)
CARD, OTHER = "2900000000018", "2900000000025"

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux has files of cameras")


@pytest.fixture
def camera(tmp_path: Path) -> Iterator[SimulatedCamera]:
    camera = SimulatedCamera(tmp_path)
    yield camera
    camera.close()


@pytest.fixture
def new(camera: SimulatedCamera, clock: Clock) -> Iterator[Callable[..., CameraScanner]]:
    made: list[CameraScanner] = []

    def scanner(which: Any = 0, **settings: Any) -> CameraScanner:
        settings = {"clock": lambda: camera.now(clock()), "name": "camera://0", **settings}
        made.append(CameraScanner(which, open_capture=camera.open_capture, root=camera.root, **settings))
        return made[-1]

    yield scanner
    camera.go_on()
    for one in made:
        one.close()


New = Callable[..., CameraScanner]


@pytest.fixture
def scanner(new: New) -> CameraScanner:
    scanner = new()
    scanner.open()
    return scanner


def frames(kind: str, text: str, count: int) -> list[Any]:
    return list(jittered(draw([(kind, text)], Damage(module=2.0), 1, SIZE), count, 1))


def nothing_comes_of_it(camera: SimulatedCamera, scanner: CameraScanner) -> None:
    while not camera.is_seen:
        assert scanner.read(SHORT_S) is None
    assert scanner.read(SHORT_S) is None  # the last one is on its way


def read_on(scanner: CameraScanner) -> None:
    while True:
        scanner.read(SHORT_S)


def test_a_qr_code_of_letters_arrives_as_it_was_written(camera: SimulatedCamera, scanner: CameraScanner) -> None:
    camera.show(*frames("qr", "Grüße-7", 2))
    scan = scanner.read(LONG_S)
    assert scan is not None
    assert (scan.label, scan.symbology, scan.raw) == ("Grüße-7", "qr", "]Q1Grüße-7".encode())


def test_a_card_that_stays_is_one_scan_and_two_when_it_was_away(
    camera: SimulatedCamera, scanner: CameraScanner
) -> None:
    shown = frames("ean13", CARD, 9)
    camera.show(*shown)
    scan = scanner.read(LONG_S)
    assert scan is not None
    assert scan.label == CARD
    nothing_comes_of_it(camera, scanner)
    camera.show(camera.table(), after_s=AWAY_S)
    camera.show(*shown, after_s=AWAY_S)
    again = scanner.read(LONG_S)
    assert again is not None
    assert again.label == CARD


def test_the_same_frame_again_is_no_second_witness(camera: SimulatedCamera, scanner: CameraScanner) -> None:
    camera.show(*frames("ean13", CARD, 1) * 5)
    nothing_comes_of_it(camera, scanner)


def test_frames_that_contradict_themselves_are_counted_as_lost(camera: SimulatedCamera, scanner: CameraScanner) -> None:
    both = draw([("ean13", CARD), ("ean13", OTHER)], Damage(module=1.5), 1, SIZE)
    camera.show(*jittered(both, 4, 1))
    nothing_comes_of_it(camera, scanner)
    assert scanner.dropped >= 3


def test_a_frame_that_nobody_waited_for_is_too_old_to_be_seen_later(camera: SimulatedCamera, clock: Clock) -> None:
    frames = Frames(camera.open_capture, 0, SIZES, clock)
    assert frames.wait_until_open(LONG_S)
    for age_s, is_seen in ((0.0, True), (60.0, False)):
        frames.newest(0.0, 0.0)
        with frames._changed:
            assert frames._changed.wait_for(lambda: frames._frame is not None, LONG_S)
        clock.now += age_s
        assert (frames.newest(0.0, 0.0) is not None) is is_seen
    assert frames.end()


def test_only_the_codes_in_the_setting_are_read(camera: SimulatedCamera, new: New) -> None:
    scanner = new(wanted=wanted_codes(["qr"]))
    scanner.open()
    camera.show(*frames("ean13", CARD, 4), *frames("qr", "Q", 3))
    scan = scanner.read(LONG_S)
    assert scan is not None
    assert scan.label == "Q"


def test_a_hanging_camera_blocks_nobody_and_is_noticed(
    camera: SimulatedCamera, scanner: CameraScanner, clock: Clock
) -> None:
    camera.hang()
    assert scanner.read(SHORT_S) is None
    clock.now += STALE_S + 1
    with pytest.raises(DeviceAbsent) as gone:
        read_on(scanner)  # a frame that was taken before it hung may still come
    assert "hangs" in str(gone.value)
    assert not scanner.is_open
    threads = threading.active_count()
    for _ in range(3):  # and no attempt leaves a thread behind
        with pytest.raises(DeviceAbsent, match="hangs"):
            scanner.read(SHORT_S)
    assert threading.active_count() == threads
    camera.go_on()
    scanner._abandoned[0]._thread.join(LONG_S)
    scanner.open()
    camera.show(*frames("ean13", CARD, 3))
    scan = scanner.read(LONG_S)
    assert scan is not None
    assert scan.label == CARD


def test_a_camera_that_hangs_while_it_is_opened_is_absent(
    camera: SimulatedCamera, new: New, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(camera_driver, "OPENS_WITHIN_S", SHORT_S)
    scanner = new()
    camera.hang()
    with pytest.raises(DeviceAbsent, match="does not answer"):
        scanner.open()


def test_a_camera_that_says_all_is_well_after_it_was_pulled_is_noticed(
    camera: SimulatedCamera, scanner: CameraScanner, clock: Clock
) -> None:
    camera.show(*frames("ean13", CARD, 3))
    assert scanner.read(LONG_S) is not None
    camera.is_frozen = True
    assert scanner.read(SHORT_S) is None
    camera.unplug()
    clock.now += FROZEN_S + AWAY_S
    with pytest.raises(DeviceAbsent) as gone:
        scanner.read(LONG_S)
    assert gone.value.hint
    camera.is_frozen = False
    camera.plug()
    scanner.open()
    camera.show(*frames("ean13", CARD, 3))
    assert scanner.read(LONG_S) is not None


def test_a_camera_in_a_dark_room_is_not_gone(camera: SimulatedCamera, scanner: CameraScanner, clock: Clock) -> None:
    camera.is_frozen = True
    for _ in range(5):
        clock.now += FROZEN_S * 2
        assert scanner.read(SHORT_S) is None
    assert len(camera.asked) == 2  # opened once more, which showed that it is there, and then left in peace
    camera.is_frozen = False
    camera.show(*frames("ean13", CARD, 3))
    assert scanner.read(LONG_S) is not None


def test_half_seen_before_the_cable_was_pulled_is_not_continued_after_it(
    camera: SimulatedCamera, scanner: CameraScanner
) -> None:
    shown = frames("ean13", CARD, 3)
    camera.is_still = True
    camera.show(*shown[:2])
    nothing_comes_of_it(camera, scanner)
    camera.unplug()
    with pytest.raises(DeviceAbsent):
        scanner.read(LONG_S)
    camera.plug()
    scanner.open()
    camera.show(shown[2])
    nothing_comes_of_it(camera, scanner)


@on_linux
def test_another_program_has_it(camera: SimulatedCamera, scanner: CameraScanner, new: New) -> None:
    with pytest.raises(DeviceBusy) as busy:
        new().open()
    assert str(camera.path) in str(busy.value)
    assert busy.value.hint


@on_linux
def test_this_user_may_not_open_it(camera: SimulatedCamera, new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_driver.os, "access", lambda *_: False)
    with pytest.raises(DeviceDenied) as denied:
        new().open()
    assert "video" in denied.value.hint


def test_the_first_size_that_it_has_is_taken(camera: SimulatedCamera, new: New) -> None:
    camera.refuses = SIZES[:1]
    new().open()
    assert camera.asked == list(SIZES[:2])


def test_the_size_in_the_setting_is_asked_for_first(camera: SimulatedCamera, new: New) -> None:
    camera.refuses = ((800, 600),)
    new(size=(800, 600)).open()
    assert camera.asked == [(800, 600), SIZES[0]]


@on_linux
def test_a_camera_is_found_by_what_it_is_and_opened_wherever_it_is(camera: SimulatedCamera, new: New) -> None:
    (found,) = attached(camera.root)
    assert (found.vendor, found.product, found.serial, found.port) == (0x046D, 0x0825, "ABC123", "1-1.4")
    assert (found.path, found.may_open) == (str(camera.path), True)
    assert "C270" in found.says
    scanner = new(UsbIdentity(0x046D, 0x0825))
    scanner.open()
    assert scanner.is_open
    with pytest.raises(DeviceAbsent):
        new(UsbIdentity(0x046D, 0x0826)).open()


@on_linux
def test_a_second_file_of_the_same_camera_is_no_camera(camera: SimulatedCamera) -> None:
    node = camera.root / "sys/class/video4linux/video1"
    node.mkdir()
    (node / "index").write_text("1\n")
    assert [found.path for found in attached(camera.root)] == [str(camera.path)]


def test_a_machine_without_cameras_has_none(tmp_path: Path) -> None:
    assert attached(tmp_path) == []


def test_where_no_camera_says_what_it_is_the_hint_names_numbers(new: New, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_driver.sys, "platform", "win32")
    with pytest.raises(DeviceError) as refused:
        new(UsbIdentity(0x046D, 0x0825)).open()
    assert "camera://0" in refused.value.hint
    new(0).open()


def test_without_the_libraries_the_hint_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zxingcpp", None)
    with pytest.raises(DeviceError) as missing:
        CameraScanner(0).open()
    assert "pos-plugin[camera]" in missing.value.hint


def test_no_camera_at_all_is_absent(tmp_path: Path) -> None:
    with pytest.raises(DeviceAbsent):
        CameraScanner(str(tmp_path / "video9")).open()


@pytest.mark.parametrize(
    "url",
    [
        "camera://0",
        "camera:///dev/video0",
        "camera://046d:0825?serial=ABC123&codes=ean13,code128,qr,itf14&width=1280&height=720",
        "camera://046d:0825?port=1-1.4",
    ],
)
def test_an_address_names_a_camera(url: str) -> None:
    scanner = scanner_from_url(url)
    assert isinstance(scanner, CameraScanner)
    assert scanner.name == url
    assert not scanner.is_open


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("camera://", ""),
        ("camera://front", ""),
        ("camera://0?codes=ean", "'ean' is no code"),
        ("camera://0?codes=itf", "number of digits"),
        ("camera://0?width=wide", "width is a number"),
        ("camera://0?serial=1", "no option serial"),
        ("camera://046d:0825?port=left", ""),
    ],
)
def test_a_wrong_address_is_told(url: str, says: str) -> None:
    with pytest.raises(DeviceError) as wrong:
        scanner_from_url(url)
    assert says in str(wrong.value)
    assert wrong.value.hint
