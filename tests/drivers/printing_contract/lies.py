"""What comes in on a wire is not what the printer said, or not when it said it."""

from __future__ import annotations

from collections.abc import Callable

from printing_contract.counter import Counter


def cut_after(count: int) -> Callable[[bytes], bytes]:
    left = [count]

    def meddle(data: bytes) -> bytes:
        data = data[: left[0]]
        left[0] -= len(data)
        return data

    return meddle


def before_each(noise: bytes) -> Callable[[bytes], bytes]:
    return lambda data: noise + data if data else b""


def once(noise: bytes) -> Callable[[bytes], bytes]:
    left = [noise]
    return lambda data: left.pop() + data if left else data


Lie = Callable[[Counter], Callable[[bytes], bytes]]
LIES: dict[str, Lie] = {
    "another id": lambda c: lambda data: data.replace(b'7"', b'7"zz'),
    "an id that begins alike": lambda c: lambda data: data[:-2] + b"~\x00" if data.endswith(b"\x00") else data,
    "the id of the job before": lambda c: once(
        b'7"' + bytes([0x20 + c.printer._talk._process_number, 32, 32, 32]) + b"\x00"
    ),
    "an id cut before its NUL": lambda c: lambda data: data.replace(b"\x00", b"") if b'7"' in data else data,
    "an automatic status cut after two bytes": lambda c: before_each(b"\x10\x08"),
    "automatic statuses by the hundred": lambda c: before_each(bytes.fromhex("1000000f 1000030f") * 100),
    "automatic statuses of an empty roll": lambda c: before_each(bytes.fromhex("18000c0f")),
    "a paper sensor's answer nobody asked for": lambda c: before_each(b"\x00") if c.echoes else once(b""),
    "XOFF, and never XON": lambda c: once(b"\x13"),
    "XOFF and XON": lambda c: before_each(b"\x13\x11"),
    "bytes that mean nothing": lambda c: before_each(bytes(range(0x80, 0x90))),
    "texts of GS I": lambda c: before_each(b"_EPSON\x00_TM-T88V\x00"),
    "an endless block": lambda c: once(b"_" + b"a" * 5000),
    "went offline, said GS ( H fn 49": lambda c: before_each(b"7#@\x00"),
    **{f"silent after {count} bytes": (lambda c, count=count: cut_after(count)) for count in range(24)},  # type: ignore[misc]
}
