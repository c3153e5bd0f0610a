"""The guides' pictures of a shop and a head office that have lived: `PYTHONPATH=. python docs/make_tour_pictures.py [DIR]`.

A head office with a year of three real stores (`bench.office`; DIR is one that is loaded already), the demo over it, and a
morning of its people, typed and tapped as they do. Takes a few minutes. Needs a Chromium.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from make_guide_pictures import PICTURES, small  # its neighbour
from playwright.sync_api import Browser, Page, expect, sync_playwright

from bench.office import busiest, load
from pos_plugin.demo.loaded import Loaded, read_loaded
from pos_plugin.demo.shop import PASSWORD, SHOP

OFFICE: dict[str, tuple[str, str]] = {
    "office-home.png": ("finn", ""),
    "office-approvals.png": ("finn", "/approvals"),
    "office-shops.png": ("finn", "/shops"),
    "office-closings.png": ("finn", "/closings"),
    "office-books.png": ("finn", "/figures/books"),
    "office-figures.png": ("mia", "/figures"),
    "office-card-stock.png": ("mia", "/card-stock"),
    "office-tickets.png": ("sue", "/tickets"),
}
"""By picture: who looks, and at what."""
MADE = (
    *OFFICE,
    "office-members.png",
    "office-member.png",
    "office-story.png",
    "office-plots.png",
    "till-sign-on.png",
    "till-member.png",
    "till-closing-x.png",
    "till-closing-z.png",
    "demo-control.png",
)
PIN = "4711"
OPTIONS = ("--port", "--control-port", "--server-port", "--printer-port", "--other-till-port")
WAIT_MS = 60_000
DRAWN = """() => [...document.images].every(one => one.complete && one.naturalWidth)
    && document.querySelectorAll('.earlier img').length === 3 && document.querySelector('.out img')
    && document.getAnimations().length === 0"""
"""All three receipts have come, and the last one hangs still."""


def central(office: Path, *arguments: str, typed: str = "") -> None:
    command = [sys.executable, "-m", "central_server", *arguments, "--dir", str(office)]
    subprocess.run(command, input=typed, text=True, check=True, timeout=60, stdout=subprocess.DEVNULL)  # noqa: S603


def free_ports() -> list[int]:
    sockets = [socket.socket() for _ in OPTIONS]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


@contextmanager
def running_demo(office: Path) -> Iterator[tuple[str, str, str]]:
    """The addresses of the till, the control page and head office, once all answer."""
    ports = free_ports()
    options = [text for option, port in zip(OPTIONS, ports, strict=True) for text in (option, str(port))]
    command = [sys.executable, "-m", "pos_plugin", "demo", "--head-office", str(office), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program
    try:
        assert process.stdout is not None
        assert any("Ctrl-C" in line for line in process.stdout), "the demo has ended"
        till, control, server, *_ = (f"http://127.0.0.1:{port}" for port in ports)
        yield till, control, server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def tour(office: Path, browser: Browser) -> Iterator[tuple[str, bytes]]:
    """Every picture of `MADE`, in the order in which the morning goes."""
    loaded = read_loaded(office)
    with running_demo(office) as (till, control, server):
        people = {login: signed_in(browser, server, login) for login in ("sue", "mia", "finn")}
        propose(people, server, loaded)
        central(office, "operator", "add", SHOP, "1", "--name", "Kim", "--role", "supervisor", typed=f"{PIN}\n{PIN}\n")
        central(office, "operator", "add", SHOP, "2", "--name", "Lee", typed="0815\n0815\n")
        yield from at_the_till(browser, till, control, loaded)
        for name, (login, path) in OFFICE.items():
            page = people[login]
            page.goto(f"{server}/office{path}")
            yield name, page.screenshot()
        plot = people["mia"].locator("img.plot").first
        people["mia"].goto(f"{server}/office/figures")
        plot.evaluate(
            "one => { one.loading = 'eager'; one.previousElementSibling.scrollIntoView(); return one.decode(); }"
        )
        yield "office-plots.png", people["mia"].screenshot()
        yield from about_a_member(people["sue"], server, loaded)


def signed_in(browser: Browser, server: str, login: str) -> Page:
    page = browser.new_context(viewport={"width": 1100, "height": 780}).new_page()
    page.set_default_timeout(WAIT_MS)
    page.goto(f"{server}/office/")
    page.fill("input[name=login]", login)
    page.fill("input[name=password]", PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    return page


def propose(people: dict[str, Page], server: str, loaded: Loaded) -> None:
    """What waits: a ticket for support, points and a batch of cards for finance."""
    sue, mia = people["sue"], people["mia"]
    sue.goto(f"{server}/office/tickets")
    sue.get_by_label("What is it?").fill("The points of Saturday are missing. I paid at the big till.")
    sue.get_by_label("Member's card").fill(loaded.cards[0].code)
    sue.get_by_role("button", name="Open the ticket").click()
    member(sue, server, loaded.cards[0].code)
    sue.get_by_text("Give or take points").click()
    sue.get_by_label("Points, below zero to take").fill("25")
    sue.locator("details[open]").get_by_label("Why").fill("the till was offline, and the receipt shows them")
    sue.locator("details[open]").get_by_role("button", name="Propose").click()
    mia.goto(f"{server}/office/card-stock")
    if mia.get_by_label("Name of the batch").count():
        mia.get_by_label("Name of the batch").fill("winter")
        mia.locator("form", has=mia.get_by_label("Name of the batch")).get_by_label("Why").fill("the winter campaign")
        mia.locator("form", has=mia.get_by_label("Name of the batch")).get_by_role("button", name="Propose").click()


def member(page: Page, server: str, asked: str) -> None:
    page.goto(f"{server}/office/members")
    page.get_by_label("Card, phone number").fill(asked)
    page.get_by_role("button", name="Search").click()
    page.locator("main table a").first.click()


def about_a_member(page: Page, server: str, loaded: Loaded) -> Iterator[tuple[str, bytes]]:
    page.goto(f"{server}/office/members")
    page.get_by_label("Card, phone number").fill("household 12")
    page.get_by_role("button", name="Search").click()
    page.wait_for_selector("main table")
    yield "office-members.png", page.screenshot()
    member(page, server, loaded.cards[0].code)
    yield "office-member.png", page.screenshot()
    page.goto(f"{page.url.partition('?')[0]}#story")
    yield "office-story.png", page.screenshot()


def at_the_till(browser: Browser, till: str, control: str, loaded: Loaded) -> Iterator[tuple[str, bytes]]:
    page = browser.new_page(viewport={"width": 1024, "height": 768})
    page.set_default_timeout(WAIT_MS)
    page.goto(till)
    page.wait_for_selector("html[data-ready=yes]")
    page.locator("#sign-on").wait_for(timeout=WAIT_MS)  # the till has heard of its operators
    yield "till-sign-on.png", page.screenshot()
    page.locator("#sign-on").get_by_role("button", name="Kim").click()
    page.keyboard.type(PIN, delay=60)  # as a hand types, and no scanner
    page.keyboard.press("Enter")
    page.locator("#sign-on").wait_for(state="hidden")
    behind = browser.new_page(viewport={"width": 1180, "height": 740})
    behind.goto(control)
    for card in loaded.cards[:2]:
        behind.locator("#cards").get_by_role("button", name=card.text).click()
        page.locator("#who", has_text=f"****{card.code[-4:]}").wait_for()
        for item in ("Olive oil", "Sourdough loaf", "Ground coffee"):
            page.get_by_role("button", name=item).first.click()
        page.wait_for_selector("#earn:text-is('+20')")
        page.wait_for_selector("#said:empty", state="attached")
        if card is loaded.cards[0]:
            yield "till-member.png", page.screenshot()
        complete(page)
    page.get_by_role("button", name="Whole milk").first.click()
    complete(page)
    expect(behind.locator("#printed")).to_contain_text("3 printed", timeout=WAIT_MS)
    behind.wait_for_function(DRAWN, timeout=WAIT_MS)
    yield "demo-control.png", behind.screenshot()
    page.keyboard.press("Shift+F9")
    expect(page.locator("#closing-now")).to_contain_text("3 sales", timeout=WAIT_MS)
    yield "till-closing-x.png", page.screenshot()
    page.get_by_role("button", name="Close the day").click()
    page.get_by_role("dialog").get_by_role("button", name="Close the day").click()
    expect(page.locator("#closings")).to_contain_text("Z 1", timeout=WAIT_MS)
    yield "till-closing-z.png", page.screenshot()


def complete(page: Page) -> None:
    page.keyboard.press("F9")
    page.locator("#receipt").wait_for()
    page.keyboard.press("Enter")
    page.locator("#receipt").wait_for(state="hidden")


def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        office = Path(scratch) / "office"
        if sys.argv[1:]:
            shutil.copytree(sys.argv[1], office, ignore=shutil.ignore_patterns("demo"))
        else:
            load(office, datetime.now(UTC).date() - timedelta(days=1), busiest(3), lambda baskets: None)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        for name, picture in tour(office, browser):
            (PICTURES / name).write_bytes(small(picture))
            print(PICTURES / name)
        browser.close()


if __name__ == "__main__":
    main()
