"""A reader in HID POS mode by libusb (pyusb), past the system's HID driver: for systems without hidraw.

Their own driver must let go of the reader. macOS lets root alone take it off. Windows shows libusb a made-up report
descriptor, and keeps such readers to its own Point of Service interface, so there nothing is found. Requests: Device Class
Definition for HID 1.11, section 7.
"""

from __future__ import annotations

import array
import contextlib
import errno
import threading
from collections.abc import Iterator
from typing import Any

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.scanners.hid_pos.descriptor import fields
from drivers.scanners.hid_pos.line import AttachedScanner
from drivers.scanners.hid_pos.reports import is_scanner
from drivers.wires.usb import libusb, port_path, serial_number

_HID_CLASS = 3
_REQUEST_MS = 500


def attached_by_usb(backend: Any = None) -> list[AttachedScanner]:
    """The readers that may be asked what they are: on Linux those that its own driver has let go of. None is taken from it."""
    import usb.core

    try:
        devices = list(usb.core.find(find_all=True, backend=backend or libusb()))
    except (usb.core.USBError, NotImplementedError, DeviceError):
        return []
    return [
        AttachedScanner(
            path=_path(device, interface),
            vendor=device.idVendor,
            product=device.idProduct,
            serial=serial_number(device) or "",
            port=port_path(device),
            says="a scanner in HID POS mode",
            descriptor=descriptor,
        )
        for device in devices
        for interface in _hid_interfaces(device)
        if is_scanner(fields(descriptor := _report_descriptor(device, interface.bInterfaceNumber)))
    ]


class UsbLine:
    """One reader's interrupt endpoints. While nobody reads, a reader keeps its next report to itself: nothing is lost."""

    may_have_lost = False

    def __init__(self, one: AttachedScanner, longest: int, backend: Any = None) -> None:
        import usb.core

        self._device, self._interface = _found(one, backend)
        self._number = self._interface.bInterfaceNumber
        self._driver_was_taken_off = False
        self._beep: threading.Thread | None = None
        try:
            self._claim()
        except (usb.core.USBError, NotImplementedError) as error:
            self._let_go()
            raise _open_error(one, error) from error
        inward = next(each for each in self._interface if each.bEndpointAddress & 0x80)
        self._inward = inward.bEndpointAddress
        self._outward = next(
            (each.bEndpointAddress for each in self._interface if not each.bEndpointAddress & 0x80), None
        )
        packet = inward.wMaxPacketSize
        self._room = -(-longest // packet) * packet  # whole packets, or a reader that sends more would overflow it

    def read(self, timeout_s: float) -> bytes:
        import usb.core

        try:
            return bytes(self._device.read(self._inward, self._room, max(1, round(timeout_s * 1000))))
        except usb.core.USBTimeoutError:
            return b""

    def write(self, report: bytes) -> None:
        if self._beep is None or not self._beep.is_alive():
            with contextlib.suppress(RuntimeError):
                self._beep = threading.Thread(target=self._write, args=(report,), name="beep", daemon=True)
                self._beep.start()

    def close(self) -> None:
        if self._beep is not None:
            self._beep.join()  # its request is bounded; the device must not go from under it
        self._let_go()

    def _write(self, report: bytes) -> None:
        import usb.core

        data = report if report[0] else report[1:]
        with contextlib.suppress(usb.core.USBError, NotImplementedError):
            if self._outward is not None:
                self._device.write(self._outward, data, _REQUEST_MS)
            else:  # SET_REPORT, of an output report
                self._device.ctrl_transfer(0x21, 9, 0x0200 | report[0], self._number, data, _REQUEST_MS)

    def _claim(self) -> None:
        import usb.util

        with contextlib.suppress(NotImplementedError):  # a system that has no such thing
            if self._device.is_kernel_driver_active(self._number):
                self._device.detach_kernel_driver(self._number)
                self._driver_was_taken_off = True
        usb.util.claim_interface(self._device, self._number)

    def _let_go(self) -> None:
        import usb.core
        import usb.util

        with contextlib.suppress(usb.core.USBError, NotImplementedError):
            usb.util.release_interface(self._device, self._number)
        with contextlib.suppress(usb.core.USBError, NotImplementedError):
            if self._driver_was_taken_off:
                self._device.attach_kernel_driver(self._number)
        with contextlib.suppress(usb.core.USBError, NotImplementedError):
            usb.util.dispose_resources(self._device)


def _hid_interfaces(device: Any) -> Iterator[Any]:
    import usb.core

    with contextlib.suppress(usb.core.USBError, NotImplementedError):
        for configuration in device:
            for interface in configuration:
                if interface.bInterfaceClass == _HID_CLASS and any(one.bEndpointAddress & 0x80 for one in interface):
                    yield interface
            break  # the first is the one that the system has chosen


def _report_descriptor(device: Any, number: int) -> bytes:
    import usb.core

    # Past Device.ctrl_transfer, which would claim the interface; Linux itself refuses that while its driver has it.
    buffer = array.array("B", bytes(4096))
    try:
        device._ctx.managed_open()
        count = device.backend.ctrl_transfer(device._ctx.handle, 0x81, 6, 0x2200, number, buffer, _REQUEST_MS)
    except (usb.core.USBError, NotImplementedError):
        return b""
    return buffer[:count].tobytes()


def _path(device: Any, interface: Any) -> str:
    return f"{port_path(device)}:{interface.bInterfaceNumber}"


def _found(one: AttachedScanner, backend: Any) -> tuple[Any, Any]:
    import usb.core

    with contextlib.suppress(usb.core.USBError):
        for device in usb.core.find(
            find_all=True, idVendor=one.vendor, idProduct=one.product, backend=backend or libusb()
        ):
            for interface in _hid_interfaces(device):
                if _path(device, interface) == one.path:
                    return device, interface
    raise DeviceAbsent(f"The scanner at {one.path} is gone.", hint="Plug it in again; it is found again by itself.")


def _open_error(one: AttachedScanner, error: Exception) -> DeviceError:
    number = getattr(error, "errno", None)
    if number == errno.EBUSY:
        message = f"Another program has the scanner at {one.path}."
        return DeviceBusy(message, hint="Close that program: only one may have the scanner.")
    if number in (errno.EACCES, errno.EPERM) or isinstance(error, NotImplementedError):
        hint = "Set the scanner to serial (USB virtual COM port) and choose it by serial://, or use it on Linux."
        return DeviceDenied(f"The system's own driver keeps the scanner at {one.path} to itself.", hint=hint)
    return DeviceAbsent(f"The scanner at {one.path} does not answer.", hint="Pull its cable out and plug it in again.")
