"""A disk whose flush takes 2 ms, as a till's does: a small library of our own, loaded before libc into a child process.

The disks of virtual machines often answer a flush at once, and then Python is all that a checkout seems to cost.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

FLUSH_US = 2000


def environment(folder: Path) -> dict[str, str]:
    """The environment in which a child process meets that disk. Needs gcc, and Linux."""
    if not sys.platform.startswith("linux"):
        raise OSError("the slow disk is a library loaded by LD_PRELOAD, which is Linux's")
    library = folder / "slow_flush.so"
    if not library.exists():
        source = Path(__file__).with_name("slow_flush.c")
        subprocess.run(["gcc", "-shared", "-fPIC", "-O2", "-o", str(library), str(source), "-ldl"], check=True)
    return {**os.environ, "LD_PRELOAD": str(library), "SLOW_FLUSH_US": str(FLUSH_US)}
