"""Walks the guides from an empty folder to the first award, and draws the till then: `python docs/make_guide_pictures.py`.

Everything is typed and tapped as docs/guide-shop.md says, by the installed commands and on the till's page; only the ports are
others. Needs a Chromium.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

PICTURES = Path(__file__).parent / "pictures"
MADE = ("till-connect.png", "till-first-award.png")
CARD = "2900000000032"
STARTS_WITHIN_S = 60.0


def typed(folder: Path, program: str, *arguments: str) -> str:
    module = {"pos-central": "central_server", "pos-plugin": "pos_plugin"}[program]
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(  # noqa: S603 - our own program
        command, cwd=folder, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def running(folder: Path, port: int, program: str, *arguments: str) -> Iterator[str]:
    """A command that goes on until it is told to end; entered once it answers."""
    module = {"pos-central": "central_server", "pos-plugin": "pos_plugin"}[program]
    child = subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", module, *arguments, "--port", str(port)],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + STARTS_WITHIN_S
        while True:
            with socket.socket() as asked:
                if not asked.connect_ex(("127.0.0.1", port)):
                    break
            assert child.poll() is None, f"{program} has ended"
            assert time.monotonic() < until, f"{program} does not answer"
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        child.wait(30)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def walk(folder: Path, browser: Browser) -> dict[str, bytes]:
    """The pictures by their names, once the first award is in head office's books."""
    made: dict[str, bytes] = {}
    typed(folder, "pos-central", "init", "--dir", "head-office", "--shop", "Corner Shop")
    with running(folder, free_port(), "pos-central", "serve", "--dir", "head-office") as office:
        code = typed(folder, "pos-central", "enroll-code", "--dir", "head-office", "--shop", "Corner Shop").split()[0]
        typed(folder, "pos-plugin", "init", "--store", "till", "--currency", "EUR", "--time-zone", "Europe/Berlin")
        with running(folder, free_port(), "pos-plugin", "run") as till:
            page = browser.new_page(viewport={"width": 1180, "height": 740})
            page.goto(till)
            expect(page.locator("html")).to_have_attribute("data-ready", "yes")
            made["till-connect.png"] = connect(page, office, code)
            first_award(page)
            expect(page.locator("#receipt-picture")).not_to_have_js_property("naturalWidth", 0)
            made["till-first-award.png"] = page.screenshot()
            page.close()
            typed(folder, "pos-plugin", "sync")
        told = typed(folder, "pos-central", "members", "--dir", "head-office", "--csv")
        assert re.search(rf"^{CARD},[1-9]", told, re.MULTILINE), told
    return made


def connect(page: Page, office: str, code: str) -> bytes:
    """A picture of what is typed: with the guide's port, and not that of this walk."""
    page.get_by_role("button", name="No head office").click()
    page.get_by_role("button", name="Connect to head office").click()
    page.fill("#connect-url", "http://127.0.0.1:8360")
    page.fill("#connect-code", code)
    typed_in = page.screenshot()
    page.fill("#connect-url", office)
    page.get_by_role("button", name="Connect", exact=True).click()
    expect(page.locator("#said")).to_contain_text("Connected")
    expect(page.locator("#said")).to_contain_text("Corner Shop")
    return typed_in


def first_award(page: Page) -> None:
    page.get_by_role("button", name="Sale").first.click()
    page.get_by_role("button", name="Sourdough loaf").first.click()
    page.get_by_role("button", name="Olive oil").first.click()
    page.fill("#sale-lookup", CARD)
    page.get_by_role("button", name="Find").first.click()
    page.get_by_role("button", name="Join with this card").first.click()
    page.locator("dialog[open]").get_by_role("button", name="Join").click()
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#who")).to_contain_text("****0032")
    page.get_by_role("button", name="Complete").click()
    expect(page.locator("#receipt-title")).to_contain_text("Sale completed")


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, picture in walk(Path(folder), browser).items():
            (PICTURES / name).write_bytes(small(picture))
            print(PICTURES / name)
        browser.close()


def small(picture: bytes) -> bytes:
    """Fewer colours: a page has few, and a picture of it is to be read, not measured. Those that are far from all others are
    kept, however few dots have them: a lamp and an icon are small."""
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").quantize(64, Image.Quantize.MAXCOVERAGE).save(
        file, "PNG", optimize=True
    )
    return file.getvalue()


if __name__ == "__main__":
    main()
