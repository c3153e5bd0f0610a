"""A printer on USB by libusb (pyusb), past the kernel's printer driver. Knows no printer language.

Interface and endpoints are taken from the descriptors, never assumed. The device is not reset, and not configured again
where it is configured: many printers answer either with a cut, a lost buffer or a new address. The kernel's driver is
taken off on opening and put back on closing. Class requests: USB Device Class Definition for Printing Devices 1.1.
"""

from __future__ import annotations

import array
import contextlib
import errno
import math
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drivers.errors import DeviceAbsent, DeviceBusy, DeviceDenied, DeviceError
from drivers.wires.port_status import sentence
from drivers.wires.protocol import CHECK_PRINTER, broken, lost, not_open, stalled

_PRINTER_CLASS = 7
_VENDOR_CLASS = 0xFF
_PREFERRED_PROTOCOLS = (2, 1, 3, 0)  # two-way, one-way, IEEE 1284.4; 4 is IPP, where raw bytes mean nothing
_PIECE_BYTES = 4096  # what a write that breaks cannot tell: whether the last piece arrived
_READ_BYTES = 4096  # a multiple of every packet size, or a full packet would overflow
_STALE_BYTES = 64 * 1024
_STALE_S = 0.03  # how long answers to an earlier connection may still come in after it was opened
_PAUSE_S = 0.01  # after an empty packet
_REQUEST_S = 0.5
_LAST_WORD_S = 0.1  # for the port's status after a write that took all its time


@dataclass(frozen=True)
class PrinterInterface:
    """Where bytes go in and out: numbers from the descriptors. `reading_from` is None on a one-way interface."""

    number: int
    alternate: int
    has_alternates: bool
    interface_class: int
    writing_to: int
    reading_from: int | None


class UsbWire:
    """The printer that the words say: vendor and product, a serial number, a port, or any of them together.

    `port` is where it is plugged in, as bus and ports: "1-2.3". `open` looks for the printer anew, so that it is found again
    after it was unplugged. More than one that fits is an error that lists them.
    """

    connects_per_job = False
    hides_power_cuts = False  # the device goes with it
    resumes = True  # a transfer that took something and then nothing more is no time-out to libusb

    def __init__(
        self,
        vendor: int | None = None,
        product: int | None = None,
        *,
        serial: str = "",
        port: str = "",
        backend: Any = None,
        root: Path = Path("/"),
    ) -> None:
        if vendor is None and not port:
            raise ValueError("a USB printer is named by vendor and product, or by its port")
        self._vendor = vendor
        self._product = product
        self._serial = serial
        self._port = port
        self._backend = backend
        self._root = root  # where /dev and /sys are
        self._device: Any = None  # a usb.core.Device; pyusb has no types
        self._interface: PrinterInterface | None = None
        self._driver_was_taken_off = False
        self._answers = True

    @property
    def name(self) -> str:
        return usb_address(self._vendor, self._product, serial=self._serial, port=self._port)

    @property
    def answers(self) -> bool:
        return self._answers

    @property
    def is_open(self) -> bool:
        return self._device is not None

    def open(self, timeout_s: float | None = None) -> None:
        import usb.core

        self.close()
        device = self._found()
        try:
            self._claim(device)
            self._forget_what_came()
        except (usb.core.USBError, NotImplementedError) as error:
            self._let_go(device)
            raise open_error(self.name, device.idVendor, device.idProduct, error) from error
        except DeviceError:
            self._let_go(device)
            raise

    def write(self, data: bytes, timeout_s: float) -> None:
        import usb.core

        device, interface = self._opened()
        give_up = time.monotonic() + timeout_s
        sent = 0
        while sent < len(data):
            piece = data[sent : sent + _PIECE_BYTES]
            try:
                sent += device.write(interface.writing_to, piece, _milliseconds(give_up - time.monotonic()))
            except usb.core.USBTimeoutError as error:
                raise stalled(self.name, sent, self.trouble(_LAST_WORD_S)) from error
            except usb.core.USBError as error:
                self._clear_halt(interface.writing_to, error)
                raise broken(self.name, sent + len(piece)) from error
            if sent < len(data) and time.monotonic() >= give_up:
                raise stalled(self.name, sent, self.trouble(_LAST_WORD_S))

    def read(self, timeout_s: float) -> bytes:
        import usb.core

        device, interface = self._opened()
        give_up = time.monotonic() + timeout_s
        if interface.reading_from is None:
            time.sleep(max(timeout_s, 0))
            return b""
        while True:
            try:
                data = bytes(
                    device.read(interface.reading_from, _READ_BYTES, _milliseconds(give_up - time.monotonic()))
                )
            except usb.core.USBTimeoutError:
                return b""
            except usb.core.USBError as error:
                self._clear_halt(interface.reading_from, error)
                raise lost(self.name) from error
            if data or time.monotonic() >= give_up:
                return data
            time.sleep(_PAUSE_S)  # some printers answer with empty packets all the time

    def trouble(self, timeout_s: float) -> str:
        """What the status of the port says; '' where the printer does not answer such requests."""
        with contextlib.suppress(DeviceError):
            return sentence(self.port_status(timeout_s))
        return ""

    def close(self, drain_s: float = 0.0) -> None:
        device, self._device = self._device, None
        if device is not None:
            self._let_go(device)

    # Requests of the printer class; vendor-specific interfaces have none.

    def device_id(self, timeout_s: float = _REQUEST_S) -> str:
        """GET_DEVICE_ID: the IEEE 1284 id, `MFG:…;MDL:…;CMD:…;`. Raises DeviceError where there is none."""
        import usb.core

        device, interface = self._opened()
        try:
            return device_id(device, interface, timeout_s)
        except (usb.core.USBError, NotImplementedError) as error:
            raise DeviceError(f"The printer at {self.name} does not say what it is.") from error

    def port_status(self, timeout_s: float = _REQUEST_S) -> int:
        """GET_PORT_STATUS, as in `port_status`. Raises DeviceError where the printer does not tell."""
        _, interface = self._opened()
        answer = self._asked(0xA1, 1, 0, interface.number, 1, timeout_s)
        return answer[0] if answer else 0

    def _asked(self, kind: int, request: int, value: int, index: int, length: int, timeout_s: float) -> bytes:
        import usb.core

        device, interface = self._opened()
        if interface.interface_class != _PRINTER_CLASS:
            raise DeviceError(f"The printer at {self.name} has no such request.")
        try:
            return _answer(device, kind, request, value, index, length, timeout_s)
        except (usb.core.USBError, NotImplementedError) as error:
            raise DeviceError(f"The printer at {self.name} does not answer that request.") from error

    # Finding and claiming.

    def _found(self) -> Any:
        import usb.core

        try:
            attached = list(usb.core.find(find_all=True, backend=self._backend or libusb()))
        except (usb.core.USBError, NotImplementedError) as error:
            raise DeviceError(f"USB cannot be asked for printers: {error}.") from error
        named = [device for device in attached if self._is_named(device)]
        if self._serial and named:
            told = [device for device in named if serial_number(device) == self._serial]
            if not told and all(serial_number(device) is None for device in named):
                raise denied(self.name, named[0].idVendor, named[0].idProduct)
            named = told
        if not named:
            hint = "Plug it in and switch it on; it is found again by itself."
            raise DeviceAbsent(f"There is no printer {self.name} on USB.", hint=hint)
        if len(named) > 1:
            raise _several(self.name, named)
        return named[0]

    def _is_named(self, device: Any) -> bool:
        if self._vendor is not None and (device.idVendor, device.idProduct) != (self._vendor, self._product):
            return False
        if self._port and port_path(device) != self._port:
            return False
        return printer_interface(device, allow_vendor_class=self._vendor is not None) is not None

    def _claim(self, device: Any) -> None:
        import usb.core
        import usb.util

        interface = printer_interface(device, allow_vendor_class=self._vendor is not None)
        if interface is None:
            raise lost(self.name)
        self._interface = interface
        try:
            device.get_active_configuration()
        except usb.core.USBError as error:
            if error.errno is not None:
                raise
            device.set_configuration()  # it had none
        self._take_driver_off(device, interface.number)
        usb.util.claim_interface(device, interface.number)
        if interface.has_alternates or interface.alternate:
            device.set_interface_altsetting(interface.number, interface.alternate)
        self._device = device
        self._answers = interface.reading_from is not None

    def _take_driver_off(self, device: Any, number: int) -> None:
        import usb.core

        try:
            if device.is_kernel_driver_active(number):
                _see_that_nobody_prints_by(self._root, device, number, self.name)
                device.detach_kernel_driver(number)
                self._driver_was_taken_off = True
        except NotImplementedError:
            pass  # Windows and some BSDs have no such thing
        except usb.core.USBError as error:
            if error.errno != errno.ENOENT:  # it went by itself
                raise

    def _let_go(self, device: Any) -> None:
        import usb.core
        import usb.util

        interface, self._interface, self._device = self._interface, None, None
        must_put_back, self._driver_was_taken_off = self._driver_was_taken_off, False
        with contextlib.suppress(usb.core.USBError, NotImplementedError):
            if interface is not None:
                usb.util.release_interface(device, interface.number)
        with contextlib.suppress(usb.core.USBError, NotImplementedError):
            if interface is not None and must_put_back:
                device.attach_kernel_driver(interface.number)
        with contextlib.suppress(usb.core.USBError, NotImplementedError):
            usb.util.dispose_resources(device)

    def _forget_what_came(self) -> None:
        forgotten = 0
        while self._answers and forgotten < _STALE_BYTES and (data := self.read(_STALE_S)):
            forgotten += len(data)

    def _clear_halt(self, endpoint: int, error: Any) -> None:
        import usb.core

        if error.errno == errno.EPIPE:  # the printer stopped the pipe; it stays so until it is told
            with contextlib.suppress(usb.core.USBError, NotImplementedError):
                self._device.clear_halt(endpoint)

    def _opened(self) -> tuple[Any, PrinterInterface]:
        if self._device is None or self._interface is None:
            raise not_open(self.name)
        return self._device, self._interface


def usb_address(vendor: int | None, product: int | None, *, serial: str = "", port: str = "") -> str:
    """The address that names a USB printer in a setting.

    >>> usb_address(0x04B8, 0x0202, serial="X 1"), usb_address(None, None, port="1-2.3")
    ('usb://04b8:0202?serial=X+1', 'usb://?port=1-2.3')
    """
    from urllib.parse import urlencode

    device = "" if vendor is None else f"{vendor:04x}:{product:04x}"
    options = urlencode({key: value for key, value in (("serial", serial), ("port", port)) if value})
    return f"usb://{device}{'?' if options else ''}{options}"


def printer_interface(device: Any, *, allow_vendor_class: bool = False) -> PrinterInterface | None:
    """The interface to print by: of the printer class, two-way where there is one. None where the device is no printer.

    Some printers can be switched to a class of their maker's, with the same two pipes; `allow_vendor_class` takes that, for
    a device that a person has named.
    """
    import usb.core

    settings = []
    try:
        for configuration in device:
            settings += list(configuration)
            break  # the first is the one that printers use
    except usb.core.USBError:
        return None  # unplugged this moment
    found = [one for each in settings if (one := _described(each, settings)) is not None]
    printing = [one for one in found if one[1].interface_class == _PRINTER_CLASS and one[0] in _PREFERRED_PROTOCOLS]
    if printing:
        return min(printing, key=lambda one: _PREFERRED_PROTOCOLS.index(one[0]))[1]
    if allow_vendor_class:
        return next((one for _, one in found if one.interface_class == _VENDOR_CLASS), None)
    return None


def _described(setting: Any, settings: list[Any]) -> tuple[int, PrinterInterface] | None:
    """(protocol, interface) of one setting of one interface; None where it has no way in."""
    bulk = [endpoint.bEndpointAddress for endpoint in setting if endpoint.bmAttributes & 3 == 2]
    ways_in = [address for address in bulk if address < 0x80]
    ways_out = [address for address in bulk if address >= 0x80]
    if not ways_in:
        return None
    number = setting.bInterfaceNumber
    return setting.bInterfaceProtocol, PrinterInterface(
        number,
        setting.bAlternateSetting,
        sum(one.bInterfaceNumber == number for one in settings) > 1,
        setting.bInterfaceClass,
        ways_in[0],
        ways_out[0] if ways_out else None,
    )


def port_path(device: Any) -> str:
    """Where it is plugged in, as bus and ports: 1-2.3 is the third port of a hub at the second of bus 1."""
    return f"{device.bus}-{'.'.join(map(str, device.port_numbers or ()))}"


def serial_number(device: Any) -> str | None:
    """Its serial number, '' where it has none, None where this user may not ask."""
    import usb.core

    try:
        device._ctx.managed_open()  # or pyusb would call a device that it may not open one without languages
        return device.serial_number or ""
    except usb.core.USBError as error:
        return None if error.errno in (errno.EACCES, errno.EPERM) else ""
    except (ValueError, NotImplementedError):  # no language, or no driver to ask with
        return ""


def device_id(device: Any, interface: PrinterInterface, timeout_s: float = _REQUEST_S) -> str:
    """What a printer says it is: its IEEE 1284 id. The kernel lets this through beside its own driver and other programs."""
    configuration = device.get_active_configuration().index
    index = interface.number << 8 | interface.alternate
    answer = _answer(device, 0xA1, 0, configuration, index, 1024, timeout_s)
    length = int.from_bytes(answer[:2], "big")  # counts itself; some printers have it in the other order
    return answer[2 : length if 2 < length <= len(answer) else None].rstrip(b"\x00").decode("latin-1")


def _answer(device: Any, kind: int, request: int, value: int, index: int, length: int, timeout_s: float) -> bytes:
    # Past Device.ctrl_transfer, which takes the low byte of wIndex for the interface and claims it: in GET_DEVICE_ID that is
    # the alternate setting, and the interface of that number is another's or none.
    buffer = array.array("B", bytes(length))
    device._ctx.managed_open()
    count = device.backend.ctrl_transfer(
        device._ctx.handle, kind, request, value, index, buffer, _milliseconds(timeout_s)
    )
    return buffer[:count].tobytes()


def libusb() -> Any:
    """libusb as it came with the package, else the system's. Raises DeviceError where neither can be loaded.

    A system's own is often built to see only what udevd has announced: without udevd, as in a container, it sees nothing.
    """
    import libusb_package

    backend = libusb_package.get_libusb1_backend()
    if backend is None:
        hint = "Install libusb 1.0, or use the printer by lp://, serial:// or tcp://."
        raise DeviceError("This machine has no library for USB.", hint=hint)
    return backend


def udev_rule(vendor: int, product: int) -> str:
    """The line that lets the users of the group lp, and whoever sits at the machine, open that printer.

    >>> udev_rule(0x04B8, 0x0202)
    'SUBSYSTEM=="usb", ATTR{idVendor}=="04b8", ATTR{idProduct}=="0202", MODE="0660", GROUP="lp", TAG+="uaccess"'
    """
    device = f'ATTR{{idVendor}}=="{vendor:04x}", ATTR{{idProduct}}=="{product:04x}"'
    return f'SUBSYSTEM=="usb", {device}, MODE="0660", GROUP="lp", TAG+="uaccess"'


def denied(name: str, vendor: int, product: int) -> DeviceDenied:
    hint = "Run as a user who may use USB devices."
    if sys.platform.startswith("linux"):
        hint = (
            f"Write this line into /etc/udev/rules.d/70-receipt-printer.rules: {udev_rule(vendor, product)} Then run "
            '"udevadm control --reload", add this user to the group lp, log in again, and plug the printer in anew.'
        )
    return DeviceDenied(f"This user may not open the printer at {name}.", hint=hint)


def open_error(name: str, vendor: int, product: int, error: Exception) -> DeviceError:
    number = getattr(error, "errno", None)
    if number == errno.EBUSY:
        hint = "Close that program: only one may have the printer."
        return DeviceBusy(f"Another program has the printer at {name}.", hint=hint)
    if number in (errno.EACCES, errno.EPERM):
        return denied(name, vendor, product)
    if isinstance(error, NotImplementedError):
        hint = "Give the printer the WinUSB driver, or print by its serial port or its queue."
        return DeviceDenied(f"The system's own driver keeps the printer at {name} to itself.", hint=hint)
    return DeviceAbsent(f"The printer at {name} does not answer on USB.", hint=CHECK_PRINTER)


def _see_that_nobody_prints_by(root: Path, device: Any, number: int, name: str) -> None:
    """Taking the kernel's driver off would cut off whoever has its /dev/usb/lp* open, in the middle of a receipt."""
    for node in (root / "sys/bus/usb/devices").glob(f"{port_path(device)}:*.{number}/usbmisc/lp*"):
        try:
            os.close(os.open(root / "dev/usb" / node.name, os.O_RDWR | getattr(os, "O_NONBLOCK", 0)))
        except OSError as error:
            if error.errno == errno.EBUSY:
                message = f"Another program has the printer at {name} open, as /dev/usb/{node.name}."
                raise DeviceBusy(message, hint="Close that program: only one may have the printer.") from error


def _several(name: str, devices: list[Any]) -> DeviceError:
    serials = [serial_number(device) for device in devices]
    by_serial = all(serials) and len(set(serials)) == len(serials)
    choices = [
        usb_address(device.idVendor, device.idProduct, serial=serial or "")
        if by_serial
        else usb_address(device.idVendor, device.idProduct, port=port_path(device))
        for device, serial in zip(devices, serials, strict=True)
    ]
    return DeviceError(f"{len(devices)} printers are {name}.", hint=f"Write which one: {' or '.join(sorted(choices))}.")


def _milliseconds(seconds: float) -> int:
    return max(1, math.ceil(seconds * 1000))  # libusb takes 0 for ever
