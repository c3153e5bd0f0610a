"""Ways to carry bytes to a printer and back, one file each. None of them knows a printer language.

`tcp`, `serial_line`, `usb`, `line_printer` (the kernel's /dev/usb/lp*); `file` and `print_queue` (CUPS, by `ipp`), where no
answer comes back; `host` borrows the printer object of a program that has one. `addresses` says which of them a setting names.
"""

from drivers.wires.addresses import wire_from_url
from drivers.wires.file import FileWire
from drivers.wires.host import HostWire
from drivers.wires.line_printer import LinePrinterWire
from drivers.wires.print_queue import QueueWire
from drivers.wires.protocol import Wire, WriteBroken, WriteStalled
from drivers.wires.serial_line import SerialWire
from drivers.wires.tcp import TcpWire
from drivers.wires.usb import UsbWire

__all__ = [
    "FileWire",
    "HostWire",
    "LinePrinterWire",
    "QueueWire",
    "SerialWire",
    "TcpWire",
    "UsbWire",
    "Wire",
    "WriteBroken",
    "WriteStalled",
    "wire_from_url",
]
