"""Readers of codes, a folder for each way in which they reach this program. Each yields `ScanData`; none knows what a code means.

    lines     bytes that come in order: a serial port, a USB virtual COM port, TCP; text on lines, or Zebra's packets (ssi)
    keyboard  types like a keyboard
    hid_pos   made for tills
    camera    pictures

`scanner` says what every one does, `scan` what it yields, `identity` how a USB device is found again, `linux` what that system
tells of devices, `addresses` which driver a setting names, `finding` which scanners are there. `repeats` is for whoever reads.
"""

from drivers.scanners.addresses import scanner_from_url
from drivers.scanners.scan import ScanData
from drivers.scanners.scanner import Scanner

__all__ = ["ScanData", "Scanner", "scanner_from_url"]
