"""What the other cases stand on."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def test_this_is_a_kernel_of_its_own_with_usb() -> None:
    assert os.getuid() == 0
    assert Path("/sys/kernel/config").is_mount()
    assert Path(os.environ["KERNEL"], "boot", f"vmlinuz-{platform.release()}").exists()
