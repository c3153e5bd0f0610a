"""A HID POS reader by libusb. That it works, the tests in a real kernel show; here is what the systems refuse, and how."""

from __future__ import annotations

import array
import errno
from types import SimpleNamespace
from typing import Any

import pytest
import usb.core
from hid_makers import HONEYWELL, KEYBOARD, MAKES
from usb.backend import IBackend

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners.hid_pos.scanner import HidPosScanner, attached
from drivers.scanners.identity import UsbIdentity
from tests.waiting import until

MODEL = MAKES["honeywell"]
WANTED = UsbIdentity(MODEL.vendor, MODEL.product)


def failure(number: int) -> Exception:
    kind = usb.core.USBTimeoutError if number == errno.ETIMEDOUT else usb.core.USBError
    return kind("as libusb says it", None, number)  # type: ignore[no-any-return]


class Bus(IBackend):  # type: ignore[misc]
    """One reader with a HID interface, as libusb shows it. `faults` says what is refused: a method's name, and the error."""

    def __init__(self, descriptor: bytes = HONEYWELL, *, has_outward: bool = True) -> None:
        self.descriptor = descriptor
        self.endpoints = [0x81, 0x02] if has_outward else [0x81]
        self.faults: dict[str, Exception] = {}
        self.reports: list[bytes] = []
        self.written: list[tuple[Any, ...]] = []
        self.driver_is_on = True
        self.is_plugged_in = True

    def _meet(self, what: str) -> None:
        if what in self.faults:
            raise self.faults[what]
        if not self.is_plugged_in:
            raise failure(errno.ENODEV)

    def enumerate_devices(self) -> Any:
        return iter(["reader"] if self.is_plugged_in else [])

    def get_parent(self, dev: Any) -> None:
        return None

    def get_device_descriptor(self, dev: Any) -> Any:
        # fmt: off
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x200, bDeviceClass=0, bDeviceSubClass=0, bDeviceProtocol=0,
            bMaxPacketSize0=64, idVendor=MODEL.vendor, idProduct=MODEL.product, bcdDevice=0x100, iManufacturer=0,
            iProduct=0, iSerialNumber=0, bNumConfigurations=1, address=5, bus=1, port_number=4, port_numbers=(1, 4), speed=2,
        )
        # fmt: on

    def get_configuration_descriptor(self, dev: Any, config: int) -> Any:
        # fmt: off
        return SimpleNamespace(
            bLength=9, bDescriptorType=2, wTotalLength=0, bNumInterfaces=1, bConfigurationValue=1, iConfiguration=0,
            bmAttributes=0x80, bMaxPower=50, extra_descriptors=b"",
        )
        # fmt: on

    def get_interface_descriptor(self, dev: Any, intf: int, alt: int, config: int) -> Any:
        if intf or alt:
            raise IndexError
        # fmt: off
        return SimpleNamespace(
            bLength=9, bDescriptorType=4, bInterfaceNumber=0, bAlternateSetting=0, bNumEndpoints=len(self.endpoints),
            bInterfaceClass=3, bInterfaceSubClass=0, bInterfaceProtocol=0, iInterface=0, extra_descriptors=b"",
        )
        # fmt: on

    def get_endpoint_descriptor(self, dev: Any, ep: int, intf: int, alt: int, config: int) -> Any:
        # fmt: off
        return SimpleNamespace(
            bLength=7, bDescriptorType=5, bEndpointAddress=self.endpoints[ep], bmAttributes=3, wMaxPacketSize=64,
            bInterval=1, bRefresh=0, bSynchAddress=0, extra_descriptors=b"",
        )
        # fmt: on

    def open_device(self, dev: Any) -> Any:
        self._meet("open_device")
        return "handle"

    def close_device(self, dev_handle: Any) -> None: ...

    def get_configuration(self, dev_handle: Any) -> int:
        return 1

    def is_kernel_driver_active(self, dev_handle: Any, intf: int) -> bool:
        self._meet("is_kernel_driver_active")
        return self.driver_is_on

    def detach_kernel_driver(self, dev_handle: Any, intf: int) -> None:
        self._meet("detach_kernel_driver")
        self.driver_is_on = False

    def attach_kernel_driver(self, dev_handle: Any, intf: int) -> None:
        self.driver_is_on = True

    def claim_interface(self, dev_handle: Any, intf: int) -> None:
        self._meet("claim_interface")

    def release_interface(self, dev_handle: Any, intf: int) -> None: ...

    def ctrl_transfer(
        self, dev_handle: Any, kind: int, request: int, value: int, index: int, data: Any, timeout: int
    ) -> int:
        self._meet("ctrl_transfer")
        if (kind, request, value) == (0x81, 6, 0x2200):
            data[: len(self.descriptor)] = array.array("B", self.descriptor)
            return len(self.descriptor)
        self.written.append((kind, request, value, data.tobytes()))
        return len(data)

    def intr_read(self, dev_handle: Any, ep: int, intf: int, buff: Any, timeout: int) -> int:
        self._meet("intr_read")
        assert timeout > 0  # 0 is for ever
        if not self.reports:
            raise failure(errno.ETIMEDOUT)
        report = self.reports.pop(0)
        buff[: len(report)] = array.array("B", report)
        return len(report)

    def intr_write(self, dev_handle: Any, ep: int, intf: int, data: Any, timeout: int) -> int:
        self._meet("intr_write")
        self.written.append((ep, data.tobytes()))
        return len(data)


def scanner(bus: Bus) -> HidPosScanner:
    return HidPosScanner(WANTED, clock=lambda: 100.0, usb=bus)


def heard(bus: Bus) -> Any:
    until(lambda: bus.written)
    return bus.written.pop(0)


def test_a_reader_is_found_taken_from_its_driver_read_and_given_back() -> None:
    bus = Bus()
    (found,) = attached(usb=bus)
    assert (found.vendor, found.product, found.port, found.path) == (MODEL.vendor, MODEL.product, "1-1.4", "1-1.4:0")
    reader = scanner(bus)
    bus.reports = MODEL.reports(b"before")
    reader.open()
    assert not bus.driver_is_on
    assert reader.read(0.0) is None
    bus.reports = MODEL.reports(b"9" * 100, b"]C0")
    scan = reader.read(1.0)
    assert scan is not None
    assert (scan.label, scan.symbology) == ("9" * 100, "code128")
    reader.close()
    assert bus.driver_is_on


def test_what_is_no_scanner_or_may_not_be_asked_is_not_found() -> None:
    assert attached(usb=Bus(KEYBOARD)) == []
    for refused in ("open_device", "ctrl_transfer"):
        bus = Bus()
        bus.faults[refused] = failure(errno.EACCES)
        assert attached(usb=bus) == []
        with pytest.raises(DeviceAbsent):
            scanner(bus).open()


@pytest.mark.parametrize(
    ("refused", "fault", "error"),
    [
        ("detach_kernel_driver", failure(errno.EACCES), DeviceDenied),  # macOS, but for root
        ("claim_interface", failure(errno.EACCES), DeviceDenied),
        ("claim_interface", NotImplementedError(), DeviceDenied),
        ("claim_interface", failure(errno.EBUSY), DeviceBusy),
        ("claim_interface", failure(errno.ENODEV), DeviceAbsent),
    ],
)
def test_what_the_system_refuses_is_said_with_a_way_out(
    refused: str, fault: Exception, error: type[DeviceError]
) -> None:
    bus = Bus()
    bus.faults[refused] = fault
    reader = scanner(bus)
    with pytest.raises(error) as raised:
        reader.open()
    assert type(raised.value) is error
    assert raised.value.hint
    assert not reader.is_open
    assert bus.driver_is_on


def test_a_bus_that_fails_after_the_reader_was_found_makes_it_absent() -> None:
    class Failing(Bus):
        looks = 0

        def enumerate_devices(self) -> Any:
            self.looks += 1
            if self.looks > 1:
                raise failure(errno.EIO)
            return super().enumerate_devices()

    with pytest.raises(DeviceAbsent):
        scanner(Failing()).open()


def test_a_system_without_drivers_to_take_off_needs_none_taken_off() -> None:
    bus = Bus()
    bus.faults["is_kernel_driver_active"] = NotImplementedError()
    reader = scanner(bus)
    reader.open()
    assert reader.is_open
    reader.close()


def test_unplugged_it_is_absent() -> None:
    bus = Bus()
    reader = scanner(bus)
    reader.open()
    bus.is_plugged_in = False
    for _ in range(2):
        with pytest.raises(DeviceAbsent):
            reader.read(1.0)
    bus.is_plugged_in = True
    assert reader.read(0.0) is None
    reader.close()


@pytest.mark.parametrize(
    ("has_outward", "said"), [(True, (0x02, b"\x04\x40")), (False, (0x21, 9, 0x0204, b"\x04\x40"))]
)
def test_a_beep_goes_by_the_way_that_the_reader_has(has_outward: bool, said: Any) -> None:
    bus = Bus(has_outward=has_outward)
    reader = scanner(bus)
    reader.open()
    reader.tell(good=True)
    assert heard(bus) == said
    bus.faults |= {"intr_write": failure(errno.EPIPE), "ctrl_transfer": failure(errno.EPIPE)}
    reader.tell(good=True)
    reader.close()
    assert bus.written == []
