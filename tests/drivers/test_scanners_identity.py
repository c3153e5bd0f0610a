"""Which of the devices that are there is the one that a setting names."""

from __future__ import annotations

import pytest

from drivers.scanners.identity import Attached, UsbIdentity, candidates, identity_from_url

LEFT = Attached("/dev/ttyACM0", 0x0C2E, 0x0901, "17", "1-1")
RIGHT = Attached("/dev/ttyACM1", 0x0C2E, 0x0901, "18", "1-2")
OTHER = Attached("/dev/ttyACM2", 0x05E0, 0x1200, "17", "1-3")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (UsbIdentity(0x0C2E, 0x0901, serial="18"), [RIGHT, LEFT]),
        (UsbIdentity(0x0C2E, 0x0901, port="1-2"), [RIGHT, LEFT]),
        (UsbIdentity(0x0C2E, 0x0901, serial="18", port="1-1"), [RIGHT, LEFT]),  # moved: the number counts more
        (UsbIdentity(0x0C2E, 0x0901, serial="99", port="1-2"), [RIGHT, LEFT]),  # swapped for the same model
        (UsbIdentity(0x0C2E, 0x0901), [LEFT, RIGHT]),
        (UsbIdentity(0x0C2E, 0x0902), []),  # another model is never taken for it
    ],
)
def test_the_device_with_the_number_comes_first_then_the_one_at_the_port(
    wanted: UsbIdentity, found: list[Attached]
) -> None:
    assert candidates(wanted, [LEFT, RIGHT, OTHER]) == found


@pytest.mark.parametrize(
    ("address", "identity"),
    [
        ("hid-pos://0c2e:0B81", UsbIdentity(0x0C2E, 0x0B81)),
        ("hid-pos://0c2e:0b81?serial=17&port=1-1.4", UsbIdentity(0x0C2E, 0x0B81, "17", "1-1.4")),
        ("hid-pos://0c2e", None),
        ("hid-pos://0c2e:0b81/more", None),
        ("hid-pos://0c2e:0b81?port=usb1", None),
    ],
)
def test_an_address_says_which_device(address: str, identity: UsbIdentity | None) -> None:
    from urllib.parse import parse_qsl, urlsplit

    parts = urlsplit(address)
    assert identity_from_url(parts, dict(parse_qsl(parts.query))) == identity
