"""Scanners on a running till: several at once, pulled out and plugged in again, over real pseudo-terminals."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.errors import DeviceError
from drivers.scanners import ScanData
from drivers.simulated.scanners.lines import SimulatedScanner
from loyalty.program import preset, read_program
from offline_store import settings
from offline_store.errors import StoreError
from offline_store.store import Store
from pos_plugin.codes.readers import Reader, ReaderState
from pos_plugin.config import Config, ConfigError, ScannerSettings, read_config
from pos_plugin.terminal import Terminal
from tests.waiting import LONG_S

CARD, OTHER_CARD = "2900000000018", "2900000000025"


class Shop:
    """A till with two scanners."""

    def __init__(self, folder: Path, repeat_after_ms: int) -> None:
        self.left, self.right = (SimulatedScanner(made) for made in (folder / "left", folder / "right"))
        store = Store.create(folder / "till")
        store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
        scanners = [
            ScannerSettings(address=one.address, name=name, repeat_after_ms=repeat_after_ms)
            for one, name in ((self.left, "left"), (self.right, "right"))
        ]
        self.terminal = Terminal(store, Config(scanner=scanners))
        self.terminal.start()
        self.until(lambda: all(state.ready for state in self.states()))

    def states(self) -> list[ReaderState]:
        return [reader.state for reader in self.terminal.readers]

    def codes(self) -> list[str]:
        return [scan.result.code for scan in self.terminal.scans]

    def until(self, claim: Callable[[], bool]) -> None:
        """Looks again after each thing that happened."""
        give_up, seen = time.monotonic() + LONG_S, self.terminal.events.number
        while not claim():
            assert time.monotonic() < give_up, "waited in vain"
            self.terminal.events.after(seen, 0.05)
            seen = self.terminal.events.number

    def close(self) -> None:
        self.terminal.close()
        self.left.close()
        self.right.close()


@pytest.fixture
def shop(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shop]:
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
    made = Shop(tmp_path, getattr(request, "param", 10_000))
    yield made
    made.close()


def test_every_scanner_of_the_settings_reads(shop: Shop) -> None:
    shop.left.scan(CARD)
    shop.until(lambda: shop.codes() == [CARD])
    shop.right.scan(OTHER_CARD)
    shop.until(lambda: shop.codes() == [CARD, OTHER_CARD])
    assert [scan.device for scan in shop.terminal.scans] == [shop.left.address, shop.right.address]


def test_a_code_read_again_by_the_same_scanner_is_one_scan_and_by_another_is_two(shop: Shop) -> None:
    for scanner in (shop.left, shop.left, shop.right):
        scanner.scan(CARD)
    shop.left.scan(OTHER_CARD)  # behind the two of the left one
    shop.until(lambda: OTHER_CARD in shop.codes() and len(shop.codes()) >= 3)
    assert sorted(shop.codes()) == [CARD, CARD, OTHER_CARD]


@pytest.mark.parametrize("shop", [0], indirect=True)
def test_where_the_shop_says_so_every_reading_is_a_scan(shop: Shop) -> None:
    for _ in range(3):
        shop.left.scan(CARD)
    shop.until(lambda: shop.codes() == [CARD] * 3)


def test_a_scanner_that_is_pulled_out_is_told_of_and_the_other_reads_on(shop: Shop) -> None:
    shop.left.unplug()
    shop.until(lambda: bool(shop.states()[0].trouble))
    left, right = shop.states()
    assert not left.ready
    assert "Plug it in again" in left.trouble
    assert right == ReaderState("right", shop.right.address, ready=True, trouble="", lost=0)
    shop.right.scan(CARD)
    shop.until(lambda: shop.codes() == [CARD])
    shop.left.plug()
    shop.until(lambda: shop.states()[0].ready)
    assert shop.states()[0].trouble == ""
    shop.left.scan(OTHER_CARD)
    shop.until(lambda: shop.codes() == [CARD, OTHER_CARD])


def test_a_code_that_did_not_arrive_whole_is_counted(shop: Shop) -> None:
    shop.left.send(b"9" * 10_000 + b"\r")
    shop.left.scan(CARD)
    shop.until(lambda: shop.codes() == [CARD])
    assert [state.lost for state in shop.states()] == [1, 0]


def test_a_scanner_whose_driver_breaks_is_not_shown_as_ready() -> None:
    class Broken:
        name, is_open, dropped = "serial:///dev/ttyACM0", True, 0

        def open(self) -> None: ...
        def read(self, timeout_s: float) -> ScanData | None:
            raise ZeroDivisionError

        def tell(self, *, good: bool) -> None: ...
        def close(self) -> None: ...

    shown: list[str] = []
    reader = Reader(
        Broken(), "left", repeat_after_s=1.0, scanned=lambda _: True, changed=lambda: shown.append(reader.state.trouble)
    )
    with pytest.raises(ZeroDivisionError):
        reader.step()
    assert not reader.state.ready
    assert shown[-1].startswith("Reading stopped")


def test_the_last_scans_are_kept_and_no_more(shop: Shop) -> None:
    for number in range(40):
        shop.left.scan(f"item {number}")
    shop.until(lambda: shop.codes()[-1:] == ["item 39"])
    assert shop.codes() == [f"item {number}" for number in range(24, 40)]
    assert [scan.number for scan in shop.terminal.scans] == list(range(25, 41))


def test_an_address_that_names_no_scanner_keeps_the_till_from_starting(tmp_path: Path) -> None:
    store = Store.create(tmp_path / "till")
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    with Terminal(store, Config(scanner=[ScannerSettings(address="telepathy://1")])) as terminal:
        with pytest.raises(DeviceError) as refused:
            terminal.start()
        assert "serial:///dev/ttyACM0" in refused.value.hint


def test_a_scanner_that_stands_twice_in_the_settings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text('[[scanner]]\naddress = "serial://COM3"\n' * 2)
    with pytest.raises(ConfigError, match="stands twice"):
        read_config(tmp_path)


@pytest.mark.parametrize(
    ("one", "other", "is_one"),
    [
        ("serial:///dev/ttyS0", "ssi:///dev/ttyS0?baud=9600", True),
        ("listen://127.0.0.1:4001", "listen://127.0.0.1:4001?suffix=cr", True),
        ("serial://0c2e:0901?serial=17&baud=9600", "serial://0c2e:0901?baud=19200&serial=17", True),
        ("serial://0c2e:0901?serial=17", "serial://0c2e:0901?serial=18", False),
        ("serial://0c2e:0901?port=1-1", "serial://0c2e:0901?port=1-2", False),
        ("tcp://127.0.0.1:4001", "listen://127.0.0.1:4001", False),
        ("", "", False),  # both are still to be written
    ],
)
def test_one_scanner_with_other_options_is_refused_as_well(tmp_path: Path, one: str, other: str, is_one: bool) -> None:
    (tmp_path / "till.toml").write_text(f'[[scanner]]\naddress = "{one}"\n[[scanner]]\naddress = "{other}"\n')
    if is_one:
        with pytest.raises(ConfigError, match="are one scanner; leave one of them out"):
            read_config(tmp_path)
    else:
        assert len(read_config(tmp_path).scanner) == 2


def test_a_single_scanner_in_single_brackets_is_told_the_right_form(tmp_path: Path) -> None:
    (tmp_path / "till.toml").write_text('[scanner]\naddress = "serial://COM3"\n')
    with pytest.raises(ConfigError, match=r"\[\[scanner\]\]"):
        read_config(tmp_path)


def test_a_scan_while_the_tills_file_cannot_be_read_is_told_and_the_scanner_reads_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise StoreError("The till's file cannot be read.")

    with monkeypatch.context() as fault:
        fault.setattr(shop.terminal.checkout, "identify", broken)
        shop.left.scan(CARD)
        shop.until(lambda: len(shop.terminal.scans) == 1)
    assert (
        shop.terminal.scans[0].result.message
        == "The till's file cannot be read. Scan it again, or sell without the card."
    )
    shop.left.scan(OTHER_CARD)
    shop.until(lambda: shop.codes() == ["", OTHER_CARD])
