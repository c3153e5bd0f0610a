"""When a code read again is the same scan."""

from __future__ import annotations

from drivers.scanners.repeats import Repeats
from drivers.scanners.scan import ScanData


def scan(label: str, at: float, device: str = "till") -> ScanData:
    return ScanData(label.encode(), label, "", device, at)


def test_the_same_code_again_at_once_is_the_same_scan_and_later_another() -> None:
    repeats = Repeats(0.75)
    assert [repeats.has(scan("A", at)) for at in (10.0, 10.25, 10.5, 10.75, 11.25)] == [False, True, True, False, True]


def test_another_code_in_between_changes_nothing() -> None:
    repeats = Repeats(0.7)
    read = [scan("A", 10.0), scan("B", 10.1), scan("A", 10.2), scan("B", 10.3)]
    assert [repeats.has(one) for one in read] == [False, False, True, True]


def test_the_same_code_from_another_reader_is_another_scan() -> None:
    repeats = Repeats(0.7)
    assert not repeats.has(scan("A", 10.0, "left"))
    assert not repeats.has(scan("A", 10.1, "right"))


def test_a_code_left_under_a_reader_counts_again_and_again() -> None:
    repeats = Repeats(0.75)
    counted = [at for at in range(100) if not repeats.has(scan("A", at / 8))]
    assert counted == list(range(0, 100, 6))


def test_a_window_of_nothing_makes_every_reading_a_scan() -> None:
    repeats = Repeats(0)
    assert not repeats.has(scan("A", 10.0))
    assert not repeats.has(scan("A", 10.0))
