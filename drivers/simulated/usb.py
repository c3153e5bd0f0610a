"""The far end of USB, for a machine without any: a bus with printers on it, as libusb shows it to pyusb.

`SimulatedUsb` is a backend of pyusb, given to `usb.core.find` in place of libusb. Its errors, time-outs and rules are those
that libusb showed on a Linux kernel: 110 for a time-out that moved nothing, 16 for what another has claimed or a kernel
driver holds, 19 for what was unplugged, 13 for what the user may not open. It differs in one thing: a time-out of 0, which
libusb takes for ever, is refused, since nothing here may wait for ever.
"""

from __future__ import annotations

import array
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Final

import usb.core
from usb.backend import IBackend

from drivers.simulated.printer import PACKET_BYTES, SimulatedPrinter

ONE_WAY, TWO_WAY, IPP = 1, 2, 4  # protocols of the printer class
DEVICE_ID: Final = "MFG:EPSON;CMD:ESC/POS;MDL:TM-T88V;CLS:PRINTER;"
_OUT, _IN = 0x01, 0x82
_STRINGS = {1: "manufacturer", 2: "product", 3: "serial"}


@dataclass(frozen=True)
class Setting:
    """One alternate setting of one interface; a one-way one has no way back."""

    protocol: int = TWO_WAY
    interface: int = 0
    alternate: int = 0
    interface_class: int = 7

    @property
    def endpoints(self) -> tuple[int, ...]:
        return (_OUT,) if self.protocol == ONE_WAY else (_OUT, _IN)


class UsbPlug:
    """A printer on the bus. Its attributes are what happened to it, and what it is made to do."""

    def __init__(
        self,
        printer: SimulatedPrinter,
        vendor: int,
        product: int,
        port: str,
        serial: str,
        settings: tuple[Setting, ...],
    ) -> None:
        self.printer = printer
        self.vendor, self.product, self.serial = vendor, product, serial
        self.texts = {"manufacturer": "EPSON", "product": "TM-T88V", "serial": serial}
        self.settings = settings
        self.port = port
        self.address = 0
        self.is_there = True
        # What the system and the printer are made to do.
        self.is_denied = False
        self.device_id = DEVICE_ID
        self.sends_empty_packets = False
        self.halted_endpoint: int | None = None
        # What happened.
        self.configuration = 1
        self.configurations_set = 0
        self.resets = 0
        self.soft_resets: list[int] = []  # their request types
        self.has_kernel_driver = True
        self.drivers_detached = 0
        self.drivers_attached = 0
        self.alternate = 0
        self.claimed_by: _Handle | None = None
        self.unread = bytearray()
        printer.attach(self)

    def pull(self) -> None:
        """Somebody pulls the cable; the printer keeps its power and what it has."""
        with self.printer.hands():
            self.drop()

    def push(self, port: str = "") -> None:
        """The cable is in again, perhaps somewhere else; the kernel's driver takes the printer."""
        with self.printer.hands():
            self.port = port or self.port
            self.restore()

    # Called by the printer, with its lock held.

    @property
    def has_client(self) -> bool:
        return self.claimed_by is not None

    def send(self, reply: bytes) -> None:
        self.unread += reply

    def drop(self) -> None:
        self.is_there = False
        self.claimed_by = None
        self.unread.clear()

    def restore(self) -> None:
        if not self.is_there:
            self.is_there = True
            self.address += 1  # of the many that a bus gives out; a handle to the old one is dead
            self.alternate = 0
            self.has_kernel_driver = True


class _Device:
    """What enumerating yields: a plug as it was at that moment."""

    def __init__(self, plug: UsbPlug) -> None:
        self.plug = plug
        self.address = plug.address

    @property
    def is_there(self) -> bool:
        return self.plug.is_there and self.plug.address == self.address


class _Handle:
    def __init__(self, device: _Device) -> None:
        self.device = device

    def plug(self) -> UsbPlug:
        if not self.device.is_there:
            raise _error(errno.ENODEV)
        return self.device.plug


class SimulatedUsb(IBackend):  # type: ignore[misc]
    """A bus. `plug_in` puts a printer on it, and answers the hands that can pull it."""

    def __init__(self) -> None:
        super().__init__()
        self.plugs: list[UsbPlug] = []

    def plug_in(
        self,
        printer: SimulatedPrinter,
        *,
        vendor: int = 0x04B8,
        product: int = 0x0202,
        port: str = "1-1",
        serial: str = "",
        settings: tuple[Setting, ...] = (Setting(ONE_WAY, alternate=0), Setting(TWO_WAY, alternate=1)),
    ) -> UsbPlug:
        plug = UsbPlug(printer, vendor, product, port, serial, settings)
        plug.address = 2 + 100 * len(self.plugs)
        self.plugs.append(plug)
        return plug

    # What pyusb asks of a backend; the names and arguments are its.

    def enumerate_devices(self) -> Iterator[_Device]:
        return iter([_Device(plug) for plug in self.plugs if plug.is_there])

    def get_parent(self, dev: _Device) -> None:
        return None

    def get_device_descriptor(self, dev: _Device) -> SimpleNamespace:
        plug = dev.plug
        bus, _, ports = plug.port.partition("-")
        numbers = tuple(int(number) for number in ports.split("."))
        texts = {f"i{name}": index for name, index in (("Manufacturer", 1), ("Product", 2))}
        return SimpleNamespace(
            bLength=18, bDescriptorType=1, bcdUSB=0x200, bDeviceClass=0, bDeviceSubClass=0, bDeviceProtocol=0,
            bMaxPacketSize0=64, idVendor=plug.vendor, idProduct=plug.product, bcdDevice=0x100, **texts,
            iSerialNumber=3 if plug.serial else 0, bNumConfigurations=1, address=dev.address, bus=int(bus),
            port_number=numbers[-1], port_numbers=numbers, speed=2,
        )  # fmt: skip

    def get_configuration_descriptor(self, dev: _Device, config: int) -> SimpleNamespace:
        if config:
            raise IndexError(config)
        interfaces = len({setting.interface for setting in dev.plug.settings})
        return SimpleNamespace(
            bLength=9, bDescriptorType=2, wTotalLength=0, bNumInterfaces=interfaces, bConfigurationValue=1,
            iConfiguration=0, bmAttributes=0xC0, bMaxPower=1, extra_descriptors=[],
        )  # fmt: skip

    def get_interface_descriptor(self, dev: _Device, intf: int, alt: int, config: int) -> SimpleNamespace:
        setting = self._setting(dev, intf, alt)
        return SimpleNamespace(
            bLength=9, bDescriptorType=4, bInterfaceNumber=setting.interface, bAlternateSetting=setting.alternate,
            bNumEndpoints=len(setting.endpoints), bInterfaceClass=setting.interface_class, bInterfaceSubClass=1,
            bInterfaceProtocol=setting.protocol, iInterface=0, extra_descriptors=[],
        )  # fmt: skip

    def get_endpoint_descriptor(self, dev: _Device, ep: int, intf: int, alt: int, config: int) -> SimpleNamespace:
        return SimpleNamespace(
            bLength=7, bDescriptorType=5, bEndpointAddress=self._setting(dev, intf, alt).endpoints[ep], bmAttributes=2,
            wMaxPacketSize=PACKET_BYTES, bInterval=0, bRefresh=0, bSynchAddress=0, extra_descriptors=[],
        )  # fmt: skip

    def open_device(self, dev: _Device) -> _Handle:
        handle = _Handle(dev)
        if handle.plug().is_denied:
            raise _error(errno.EACCES)
        return handle

    def close_device(self, dev_handle: _Handle) -> None:
        if dev_handle.device.plug.claimed_by is dev_handle:
            dev_handle.device.plug.claimed_by = None

    def get_configuration(self, dev_handle: _Handle) -> int:
        return dev_handle.plug().configuration

    def set_configuration(self, dev_handle: _Handle, config_value: int) -> None:
        plug = dev_handle.plug()
        if plug.has_kernel_driver and plug.configuration:
            raise _error(errno.EBUSY)
        plug.configuration = config_value
        plug.configurations_set += 1

    def reset_device(self, dev_handle: _Handle) -> None:
        dev_handle.plug().resets += 1

    def is_kernel_driver_active(self, dev_handle: _Handle, intf: int) -> bool:
        return dev_handle.plug().has_kernel_driver

    def detach_kernel_driver(self, dev_handle: _Handle, intf: int) -> None:
        plug = dev_handle.plug()
        if not plug.has_kernel_driver:
            raise _error(errno.ENOENT)
        plug.has_kernel_driver = False
        plug.drivers_detached += 1

    def attach_kernel_driver(self, dev_handle: _Handle, intf: int) -> None:
        plug = dev_handle.plug()
        if plug.claimed_by or plug.has_kernel_driver:
            raise _error(errno.EBUSY)
        plug.has_kernel_driver = True
        plug.drivers_attached += 1

    def claim_interface(self, dev_handle: _Handle, intf: int) -> None:
        plug = dev_handle.plug()
        if intf not in {setting.interface for setting in plug.settings}:
            raise _error(errno.ENOENT)
        if plug.has_kernel_driver or plug.claimed_by not in (None, dev_handle):
            raise _error(errno.EBUSY)
        plug.claimed_by = dev_handle

    def release_interface(self, dev_handle: _Handle, intf: int) -> None:
        self._claimed(dev_handle).claimed_by = None

    def set_interface_altsetting(self, dev_handle: _Handle, intf: int, altsetting: int) -> None:
        plug = self._claimed(dev_handle)
        if not any((one.interface, one.alternate) == (intf, altsetting) for one in plug.settings):
            raise _error(errno.ENOENT)
        plug.alternate = altsetting

    def clear_halt(self, dev_handle: _Handle, ep: int) -> None:
        plug = dev_handle.plug()
        if plug.halted_endpoint == ep:
            plug.halted_endpoint = None

    def bulk_write(self, dev_handle: _Handle, ep: int, intf: int, data: array.array[int], timeout: int) -> int:
        plug = self._with_pipe(dev_handle, ep, intf)
        taken = plug.printer.take(data.tobytes(), _seconds(timeout))
        dev_handle.plug()
        if not taken:
            raise _timed_out()
        return taken

    def bulk_read(self, dev_handle: _Handle, ep: int, intf: int, buff: array.array[int], timeout: int) -> int:
        plug = self._with_pipe(dev_handle, ep, intf)
        if plug.sends_empty_packets and not plug.unread:
            return 0
        plug.printer.wait_until(lambda: bool(plug.unread) or not dev_handle.device.is_there, _seconds(timeout))
        dev_handle.plug()
        with plug.printer.hands():
            if not plug.unread:
                raise _timed_out()
            if len(buff) < min(PACKET_BYTES, len(plug.unread)):
                raise _error(errno.EOVERFLOW)
            count = min(len(plug.unread), len(buff) // PACKET_BYTES * PACKET_BYTES or len(buff))
            buff[:count] = array.array("B", bytes(plug.unread[:count]))
            del plug.unread[:count]
            return count

    def ctrl_transfer(
        self,
        dev_handle: _Handle,
        bmRequestType: int,
        bRequest: int,
        wValue: int,
        wIndex: int,
        data: array.array[int],
        timeout: int,
    ) -> int:
        plug = dev_handle.plug()
        _seconds(timeout)
        answer = b""
        match bmRequestType, bRequest:
            case 0x80, 6 if wValue >> 8 == 3:
                answer = _string_descriptor(plug, wValue & 0xFF)
            case 0xA1, 0 if plug.device_id and wIndex & 0xFF == plug.alternate:
                text = plug.device_id.encode("latin-1")
                answer = (len(text) + 2).to_bytes(2, "big") + text
            case 0xA1, 1:
                is_out = plug.printer.state()["paper"] == "out"
                answer = bytes([0x30 if is_out else 0x18])
            case 0x21 | 0x23, 2:  # SOFT_RESET, and as the class's first edition had it
                plug.soft_resets.append(bmRequestType)
                with plug.printer.hands():
                    plug.unread.clear()
            case _:
                raise _error(errno.EPIPE)
        count = min(len(answer), len(data))
        data[:count] = array.array("B", answer[:count])
        return count

    # Rules.

    def _setting(self, dev: _Device, interface_index: int, alternate_index: int) -> Setting:
        numbers = sorted({setting.interface for setting in dev.plug.settings})
        return [one for one in dev.plug.settings if one.interface == numbers[interface_index]][alternate_index]

    def _claimed(self, handle: _Handle) -> UsbPlug:
        plug = handle.plug()
        if plug.claimed_by is not handle:
            raise _error(errno.ENOENT)
        return plug

    def _with_pipe(self, handle: _Handle, endpoint: int, interface: int) -> UsbPlug:
        plug = self._claimed(handle)
        is_there = any(
            endpoint in one.endpoints
            for one in plug.settings
            if (one.interface, one.alternate) == (interface, plug.alternate)
        )
        if not is_there:
            raise _error(errno.ENOENT)
        if plug.halted_endpoint == endpoint:
            raise _error(errno.EPIPE)
        return plug


def _string_descriptor(plug: UsbPlug, index: int) -> bytes:
    body = b"\x09\x04" if index == 0 else plug.texts[_STRINGS[index]].encode("utf-16-le")
    return bytes([len(body) + 2, 3]) + body


def _seconds(timeout_ms: int) -> float:
    if timeout_ms <= 0:
        raise ValueError("libusb would wait for ever")
    return timeout_ms / 1000


def _error(number: int) -> Any:
    return usb.core.USBError(os.strerror(number), -1, number)


def _timed_out() -> Any:
    return usb.core.USBTimeoutError(os.strerror(errno.ETIMEDOUT), -7, errno.ETIMEDOUT)
