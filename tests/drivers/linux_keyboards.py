"""Keyboards as Linux shows them in /sys and /dev, in a folder that stands for the root of the file system."""

from __future__ import annotations

from pathlib import Path

LETTERS = "1000000000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe"  # of a HID keyboard, on 64 bits
VOLUME = "1000000000000 0 0 0 0 0 e000000000000 0"


def put_device(
    root: Path, event: int, place: str, *, keys: str = LETTERS, model: str = "05e0:1200", uniq: str = "", name: str = ""
) -> None:
    folder = root / "sys/devices" / place / f"input/input{event + 20}"
    vendor, product = model.split(":")
    said = {
        "id/vendor": vendor,
        "id/product": product,
        "uniq": uniq,
        "name": name or f"device {event}",
        "capabilities/key": keys,
    }
    for name, value in said.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(value + "\n")
    (folder / f"event{event}").mkdir()
    (folder / f"event{event}" / "device").symlink_to("..")
    for listed in (root / "sys/class/input", root / "dev/input"):
        listed.mkdir(parents=True, exist_ok=True)
    (root / f"sys/class/input/event{event}").symlink_to(folder / f"event{event}")
    (root / f"dev/input/event{event}").touch()
