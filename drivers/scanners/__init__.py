"""Readers of codes, one file for each way in which they are attached. Each yields `ScanData`; none knows what a code means.

    serial_line   RS-232, USB virtual COM port         ssi         Zebra's packets, on the same ports
    tcp           this program connects to the reader  listening   the reader connects to this program
    keyboard      types like a keyboard                hid_pos     made for tills
    camera        pictures; `decoding` turns them into codes, `agreement` the codes of successive frames into scans

`scanner` says what every one does, `identity` how a USB device is found again, `addresses` which driver a setting names,
`finding` which scanners are there.
"""

from drivers.scanners.addresses import scanner_from_url
from drivers.scanners.scan import ScanData
from drivers.scanners.scanner import Scanner

__all__ = ["ScanData", "Scanner", "scanner_from_url"]
