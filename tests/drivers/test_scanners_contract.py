"""What every reader's driver does, whatever it is attached by: one file, run over each row of `scanner_far_ends.FAR_ENDS`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from scanner_far_ends import FAR_ENDS, FarEnd
from standing_clock import Clock

from drivers.errors import DeviceAbsent, DeviceBusy
from drivers.scanners import ScanData, Scanner
from tests.waiting import LONG_S

SHORT_S = 0.1  # how long to listen for what must not come
CARD, OTHER = "2900000000018", "4006381333931"


@pytest.fixture(params=FAR_ENDS)
def far(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FarEnd]:
    end = FAR_ENDS[request.param](tmp_path)
    yield end
    end.close()


@pytest.fixture
def another(far: FarEnd, clock: Clock) -> Iterator[Callable[[], Scanner]]:
    """One more driver of the same device."""
    made: list[Scanner] = []

    def new() -> Scanner:
        made.append(far.scanner(clock))
        return made[-1]

    yield new
    for scanner in made:
        scanner.close()


@pytest.fixture
def scanner(another: Callable[[], Scanner]) -> Scanner:
    scanner = another()
    scanner.open()
    return scanner


def read(scanner: Scanner) -> ScanData:
    scan = scanner.read(LONG_S)
    assert scan is not None, "nothing came"
    return scan


def test_opening_is_asked_for_and_closing_is_done_twice_without_harm(another: Callable[[], Scanner]) -> None:
    scanner = another()
    assert not scanner.is_open
    scanner.open()
    scanner.open()
    assert scanner.is_open
    scanner.close()
    scanner.close()
    assert not scanner.is_open


def test_a_scan_arrives_whole(far: FarEnd, scanner: Scanner, clock: Clock) -> None:
    clock.now = 123.0
    far.scan(OTHER, aim="]E0" if far.names_symbology else "")
    scan = read(scanner)
    assert (scan.label, scan.symbology) == (OTHER, "ean13" if far.names_symbology else "")
    assert scan.device == scanner.name
    assert scan.received_at == 123.0


def test_a_reader_that_does_not_name_the_kind_of_code_is_understood_too(far: FarEnd, scanner: Scanner) -> None:
    far.scan(CARD)
    assert read(scanner).label == CARD


def test_scans_come_in_order_and_once(far: FarEnd, scanner: Scanner) -> None:
    for label in (CARD, OTHER, CARD):
        far.scan(label)
        assert read(scanner).label == label
    assert scanner.read(SHORT_S) is None


def test_a_scan_in_pieces_arrives_whole(far: FarEnd, scanner: Scanner) -> None:
    if far.in_pieces:
        far.begin(CARD)
        assert scanner.read(SHORT_S) is None
        far.finish()
        assert read(scanner).label == CARD


def test_silence_is_none_after_as_long_as_told(scanner: Scanner) -> None:
    for timeout_s in (0.0, 0.2):
        began_at = time.monotonic()
        assert scanner.read(timeout_s) is None
        assert timeout_s * 0.9 <= time.monotonic() - began_at < timeout_s + LONG_S  # on a machine that is busy
    assert scanner.is_open


def test_unplugged_it_is_absent_and_plugged_in_it_goes_on(far: FarEnd, scanner: Scanner) -> None:
    for label in (CARD, OTHER):
        far.scan(label)
        assert read(scanner).label == label
        far.unplug()
        far.scan(CARD)  # which nobody gets
        began_at = time.monotonic()
        with pytest.raises(DeviceAbsent) as gone:
            scanner.read(10 * LONG_S)
        assert time.monotonic() - began_at < 5 * LONG_S
        assert gone.value.hint
        with pytest.raises(DeviceAbsent) as still:
            scanner.read(SHORT_S)
        assert still.value.hint
        far.plug()
        scanner.open()
        assert scanner.read(SHORT_S) is None
    far.scan(OTHER)
    assert read(scanner).label == OTHER


def test_what_was_half_sent_when_the_cable_was_pulled_is_never_glued_to_the_next_scan(
    far: FarEnd, scanner: Scanner
) -> None:
    if far.in_pieces:
        far.begin(OTHER)
        assert scanner.read(SHORT_S) is None
        far.unplug()
        with pytest.raises(DeviceAbsent):
            scanner.read(LONG_S)
        assert scanner.dropped == 1
        far.plug()
        scanner.open()
        far.scan(CARD)
        assert read(scanner).label == CARD


def test_another_program_is_told_that_it_is_busy_and_gets_it_after_closing(
    far: FarEnd, scanner: Scanner, another: Callable[[], Scanner]
) -> None:
    second = another()
    if far.claims:
        with pytest.raises(DeviceBusy) as busy:
            second.open()
        assert busy.value.hint
        assert not second.is_open
        far.scan(CARD)
        assert read(scanner).label == CARD
    scanner.close()
    second.open()
    far.scan(OTHER)
    assert read(second).label == OTHER


def test_telling_never_raises(far: FarEnd, scanner: Scanner) -> None:
    far.scan(CARD)
    read(scanner)
    scanner.tell(good=True)
    scanner.tell(good=False)
    assert scanner.read(SHORT_S) is None  # and brings no scan back
    far.unplug()
    scanner.tell(good=False)
    with pytest.raises(DeviceAbsent):
        scanner.read(LONG_S)
    scanner.tell(good=True)
    scanner.close()
    scanner.tell(good=True)


@pytest.mark.slow
def test_noise_before_a_scan_makes_no_false_label(far: FarEnd, scanner: Scanner, clock: Clock) -> None:
    if far.is_noisy:
        source = random.Random(5)
        for _ in range(3):
            far.noise(bytes(source.choices(range(0x20, 0x100), k=source.randrange(1, 40))))
            assert scanner.read(SHORT_S) is None
            clock.now += 1  # a silence
            assert scanner.read(SHORT_S) is None
            far.scan(CARD)
            assert read(scanner).label == CARD


def test_what_was_scanned_before_it_was_open_is_discarded(far: FarEnd, another: Callable[[], Scanner]) -> None:
    scanner = another()
    far.scan(CARD)
    scanner.open()
    assert scanner.read(SHORT_S) is None
    scanner.close()
    far.scan(CARD)
    scanner.open()
    assert scanner.read(SHORT_S) is None
    far.scan(OTHER)
    assert read(scanner).label == OTHER
