"""Where this machine's Chromium is, and how tests start it."""

from __future__ import annotations

import os
import shutil

import pytest

# The first is the same browser without what would draw a window, and takes half the time to do the same.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def found() -> str:
    """The one on the PATH. Without one the test is skipped, or fails where POS_REQUIRE_BROWSER=1."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is not None:
        return path
    if os.environ.get("POS_REQUIRE_BROWSER") == "1":
        pytest.fail("POS_REQUIRE_BROWSER=1, but there is no chromium on the PATH")
    pytest.skip("there is no chromium on the PATH")
