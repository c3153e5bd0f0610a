"""`pos-plugin demo` as a person meets it: the till's page and the control page in one Chromium, and real child processes.

The tests share one demo, and none needs what another did: each has a member of its own where it counts points.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest
from playwright.sync_api import Browser, Locator, Page, ViewportSize, expect

from tests.waiting import LONG_S, until

pytestmark = pytest.mark.browser

WIDE: ViewportSize = {"width": 1280, "height": 800}
PHONE: ViewportSize = {"width": 390, "height": 844}
REMEDIES = ("new roll", "close cover", "plug in printer", "mend network", "plug in scanner")


OPTIONS = ("--port", "--control-port", "--server-port", "--printer-port", "--other-till-port")


class Ports(NamedTuple):
    till: int
    control: int
    server: int
    printer: int
    other_till: int

    def options(self) -> list[str]:
        given = zip(OPTIONS, self, strict=True)
        return [text for option, port in given for text in (option, str(port))]


def free_ports() -> Ports:
    """Below those that a system gives to whoever asks for any (from 32768 on): until the demo has them, nobody else gets them."""
    free: list[int] = []
    while len(free) < len(Ports._fields):
        port = random.randrange(20_000, 32_000)
        with socket.socket() as one:
            if port not in free and one.connect_ex(("127.0.0.1", port)):
                free.append(port)
    return Ports(*free)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", *arguments]


class Demo:
    """The demo's process, its two pages, and the hands of a cashier and of fate."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, ports: Ports, till: Page, control: Page) -> None:
        self.process, self.folder, self.ports, self.till, self.control = process, folder, ports, till, control

    def put_right(self) -> None:
        for action in REMEDIES:
            answer = self.control.request.post(f"{self.control.url}do", data={"action": action})
            assert answer.ok, action
        self.till.evaluate("sessionStorage.clear()")
        self.till.reload()
        expect(self.till.locator("html")).to_have_attribute("data-ready", "yes")
        # What is there is pressed in one look: it may go by itself, and nobody is to wait for it then.
        self.till.evaluate(
            "for (const one of document.querySelectorAll('#try-now, #not-theirs')) one.checkVisibility() && one.click()"
        )
        expect(self.till.locator(".banner:visible")).to_have_count(0)
        self.heard_by_head_office()

    def scan(self, name: str) -> None:
        self.control.locator("#cards").get_by_role("button", name=name).click()

    def do(self, name: str) -> None:
        """Presses the button, and comes back once it has happened."""
        with self.control.expect_response("**/do"):
            self.control.locator(".accidents").get_by_role("button", name=name, exact=True).click()

    def see(self, selector: str, text: str | re.Pattern[str]) -> None:
        expect(self.till.locator(selector)).to_contain_text(text)

    def gone(self, selector: str) -> None:
        expect(self.till.locator(selector)).to_be_hidden()

    def tap(self, *names: str) -> None:
        for name in names:
            self.till.get_by_role("button", name=name).first.click()

    def attach(self, name: str, ending: str) -> None:
        """Scans until the member is on the sale: the same card again within 0.7 s is one scan."""
        on_sale = self.till.locator("#who", has_text=f"****{ending}")
        for _ in range(5):
            self.scan(name)
            with contextlib.suppress(AssertionError):
                expect(on_sale).to_be_visible(timeout=1000)
                return
        raise AssertionError(f"{name}'s card never came to the sale")

    def balance(self) -> int:
        """The balance of the member on the sale, once the till has quoted it."""
        expect(self.till.locator("#sum-line")).to_contain_text("=")
        return int(self.till.inner_text("#balance").split()[0])

    def complete(self) -> list[str]:
        """Completes the sale, answers the lines of its receipt, and leaves it on screen."""
        self.till.keyboard.press("F9")
        return self.receipt("Sale completed")

    def receipt(self, title: str) -> list[str]:
        """The lines of the receipt that comes on screen."""
        expect(self.till.locator("#receipt")).to_be_visible()
        self.see("#receipt-title", title)
        picture = self.till.locator("#receipt-picture")
        expect(picture).to_have_js_property("complete", True)
        assert picture.evaluate("(image) => image.naturalWidth") > 400
        return stripped(picture.get_attribute("alt") or "")

    def reference(self) -> str:
        return self.till.inner_text("#receipt-reference")

    def close_receipt(self) -> None:
        self.till.keyboard.press("Enter")
        self.gone("#receipt")

    def next_customer(self) -> None:
        """Goes on once head office has heard of the last sale, so that the next receipt has one balance line."""
        self.close_receipt()
        self.heard_by_head_office()

    def heard_by_head_office(self) -> None:
        until(lambda: self.state()["network"]["online"] and self.state()["network"]["unsent"] == 0)

    def find(self, reference: str) -> None:
        self.till.keyboard.press("F4")
        self.till.fill("#return-of", reference)
        self.till.keyboard.press("Enter")
        self.see("#returned", f"Receipt {reference}")

    @property
    def newest(self) -> Locator:
        """The paper that the control page shows large."""
        return self.control.locator("#out img")

    def came_out(self, lines: list[str]) -> None:
        """The till says that it has printed, and the newest paper has just these lines."""
        self.see("#printing", "printed.")
        expect(self.newest).to_have_attribute("alt", "\n".join(lines))
        expect(self.newest).to_have_js_property("complete", True)
        assert self.newest.evaluate("(image) => image.naturalWidth") > 400

    def sheets(self) -> int:
        """How many receipts the printer has ever cut."""
        return int(self.json(self.control, "/state")["printer"]["printed_total"])

    def state(self) -> dict[str, Any]:
        return self.json(self.till, "/v1/state")

    def json(self, page: Page, path: str) -> Any:
        return page.evaluate("async (path) => await (await fetch(path)).json()", path)

    def balances(self, module: str, option: str, folder: str) -> dict[str, int]:
        ran = subprocess.run(
            command(module, "members", option, str(self.folder / folder), "--json"),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return {one["card"]: one["balance"] for one in json.loads(ran.stdout)}

    def agrees_with_head_office(self) -> dict[str, int]:
        """All is sent, and both sides name the same balance for each card; answers them."""
        self.heard_by_head_office()
        here = self.balances("pos_plugin", "--store", "till")
        assert self.balances("central_server", "--dir", "head-office") == here
        return here


def stripped(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def figure(lines: list[str], label: str) -> str:
    """What stands at the right edge of the receipt's line that begins with `label`."""
    [line] = [line for line in lines if line.startswith(label)]
    return line.removeprefix(label).split()[-1]


@contextlib.contextmanager
def running_demo(folder: Path, browser: Browser) -> Iterator[Demo]:
    ports = free_ports()
    process = subprocess.Popen(
        # The folder as people type it, from where they are: README's own line says OFFICE=year.
        command("pos_plugin", "demo", "--dir", os.path.relpath(folder), *ports.options()),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    # A window each: of two pages in one, Chromium lets the one behind draw once a second.
    windows = [browser.new_context(viewport=WIDE, timezone_id="Asia/Tokyo") for _ in range(2)]
    try:
        url = announced(process)
        assert url == f"http://127.0.0.1:{ports.till}"
        till, control = (window.new_page() for window in windows)
        trouble: list[str] = []
        for page in (till, control):
            page.on("pageerror", lambda error: trouble.append(str(error)))
            page.on("console", lambda said: trouble.append(said.text) if "Security Policy" in said.text else None)
        till.goto(url)
        expect(till.locator("html")).to_have_attribute("data-ready", "yes")
        control.goto(f"http://127.0.0.1:{ports.control}")
        expect(control.locator("#till")).to_have_attribute("href", url)
        yield Demo(process, folder, ports, till, control)
        assert trouble == []
    finally:
        for window in windows:
            window.close()
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo"), browser) as demo:
        yield demo


def announced(process: subprocess.Popen[str]) -> str:
    """The till's address, once the demo has written its last line."""
    assert process.stdout is not None
    url = ""
    for line in process.stdout:  # the demo itself gives up after a while, which ends this
        if match := re.search(r"The till\s+(\S+)", line):
            url = match.group(1)
        if "Ctrl-C" in line:
            return url
    raise AssertionError(f"the demo ended with status {process.wait(5)}")


@pytest.fixture(autouse=True)
def whole(request: pytest.FixtureRequest) -> None:
    """Each test begins in a shop where nothing is broken, with a new sale on screen."""
    if "demo" in request.fixturenames:
        request.getfixturevalue("demo").put_right()


@pytest.mark.main_path
def test_a_sale_from_scan_to_paper_and_back(demo: Demo) -> None:
    """One member online: earn, redeem what only head office holds, return a line, void. Every figure is checked."""
    demo.attach("Ada", "0018")
    demo.tap("Olive oil", "Olive oil", "Sourdough loaf")  # 2 × 8.99 + 4.20 = 22.18
    demo.see("#due", "€22.18")
    demo.see("#earn", "+22")
    demo.see("#balance", "150 points")  # three weekly shops of 50.50
    demo.see("#as-of", re.compile(r"^as of .*\d\d:\d\d$"))
    as_of = demo.till.inner_text("#as-of")
    demo.see("#spendable", "150 of your 150 points can be used here today.")
    lines = demo.complete()
    assert figure(lines, "TOTAL EUR") == "22.18"
    assert "New balance 172" in "\n".join(lines)
    assert figure(lines, "This sale") == "+22"
    assert lines[-1] == f"Receipt {demo.reference()}"
    assert minutes_between(as_of, lines[2]) < 10  # both in the shop's time, not in that of the browser
    demo.came_out(lines)
    demo.next_customer()

    demo.attach("Ada", "0018")
    demo.tap("Olive oil", "Ground coffee")  # 16.48
    demo.see("#earn", "+16")
    demo.till.keyboard.press("F8")
    demo.see("#due", "€14.76")
    demo.see("#sum-line", "172 +14 −172 = 14 points")
    lines = demo.complete()
    assert [figure(lines, label) for label in ("Subtotal", "Paid with points", "TOTAL EUR")] == [
        "16.48",
        "-1.72",
        "14.76",
    ]
    assert "New balance 14" in "\n".join(lines)
    assert (figure(lines, "This sale"), figure(lines, "Used")) == ("+14", "-172")
    demo.came_out(lines)
    reference = demo.reference()
    demo.next_customer()

    demo.find(reference)
    demo.till.get_by_label("Some items").check()
    demo.tap("One more Olive oil", "Record the return")
    lines = demo.receipt("Return recorded")
    # 172 × 7.49 / 16.48 = 78.17: 78 points stay used, 94 come back. Kept: 7.49 less 0.78 earns 6, so 8 of 14 are taken.
    assert [figure(lines, label) for label in ("Goods returned", "Given back as points", "REFUND EUR")] == [
        "8.99",
        "-0.94",
        "8.05",
    ]
    assert (figure(lines, "Taken back"), figure(lines, "Given back  ")) == ("-8", "+94")
    assert "New balance 100" in "\n".join(lines)  # 14 − 8 + 94
    demo.came_out(lines)
    demo.next_customer()

    demo.till.keyboard.press("F2")
    demo.attach("Ada", "0018")
    demo.tap("Dish soap")  # 2.45
    demo.see("#earn", "+2")
    demo.complete()
    reference = demo.reference()
    demo.next_customer()
    demo.find(reference)
    demo.tap("Void the sale")
    demo.till.locator("#ask").get_by_role("button", name="Void the sale").click()
    lines = demo.receipt("Sale voided")
    assert (figure(lines, "REFUND EUR"), figure(lines, "Taken back")) == ("2.45", "-2")
    assert "New balance 100" in "\n".join(lines)
    demo.came_out(lines)
    demo.next_customer()
    assert demo.agrees_with_head_office()["2900000000018"] == 100


def minutes_between(text: str, other: str) -> int:
    """How far apart two times of day are, each the last word of its text."""
    [first, second] = [int(time[:2]) * 60 + int(time[3:]) for time in (text.split()[-1], other.split()[-1])]
    return min((first - second) % 1440, (second - first) % 1440)


def test_a_printer_in_trouble_says_so_in_words_and_goes_on_by_itself(demo: Demo) -> None:
    faults = (  # what happens, what the page says, what puts it right
        ("Take the paper out", "The paper is out. Put in a new roll.", "Put in a new roll"),
        ("Open the cover", "The printer's cover is open. Close it.", "Close the cover"),
        ("Unplug the printer", "Check that it is switched on", "Plug in the printer"),
    )
    for accident, words, remedy in faults:
        before = demo.sheets()
        demo.do(accident)
        demo.see("#printer-banner", words)
        demo.tap("Butter croissant")
        demo.see("#due", "€1.65")
        lines = demo.complete()  # the sale is not held up
        demo.see("#printing", "It prints by itself once that is put right.")
        demo.see("#printer-banner", "One receipt waits")
        expect(demo.till.locator("#reprint")).to_be_hidden()
        assert demo.sheets() == before
        demo.do(remedy)
        demo.came_out(lines)
        demo.gone("#printer-banner")
        demo.close_receipt()
        until(lambda: demo.state()["printer"]["waiting"] == 0)
        assert demo.sheets() == before + 1  # once


def test_paper_that_ends_in_mid_receipt_needs_only_a_new_roll(demo: Demo) -> None:
    before = demo.sheets()
    demo.do("Let it run out in mid receipt")
    demo.tap("Butter croissant")
    lines = demo.complete()
    demo.see("#printing", "The receipt stopped half-way.")
    demo.do("Put in a new roll")
    demo.see("#printing", "Receipt printed.")
    demo.came_out(lines)
    demo.gone("#prints .banner")
    assert demo.sheets() == before + 1
    demo.close_receipt()


def test_paper_that_ends_in_mid_receipt_is_asked_about(demo: Demo) -> None:
    before = demo.sheets()
    demo.do("Let it run out in mid receipt")
    demo.tap("Butter croissant")
    demo.see("#due", "€1.65")
    lines = demo.complete()
    demo.see("#printing", "The receipt stopped half-way.")
    demo.see("#prints", "The receipt stopped half-way. Put the printer right: the rest prints by itself.")
    expect(demo.control.locator("#caption")).to_contain_text("Not cut")
    expect(demo.newest).to_have_attribute("alt", "\n".join(lines[:3]))
    demo.till.locator("#printing").get_by_role("button", name="Print it again").click()
    demo.see("#printing", "Not printed yet: The paper is out.")
    demo.do("Put in a new roll")
    demo.see("#printing", "Copy printed.")
    demo.gone("#prints .banner")
    until(lambda: demo.sheets() == before + 1)  # what was left of the first was dropped
    expect(demo.newest).to_have_attribute("alt", re.compile("COPY"))
    assert not set(lines) - set(stripped(demo.newest.get_attribute("alt") or ""))
    demo.gone("#printer-banner")
    demo.close_receipt()


def test_an_outage_from_cut_to_mended(demo: Demo) -> None:
    demo.do("Cut the cable")
    demo.see("#banner", re.compile("No connection since .*Keep selling and scanning. Use only the points shown."))
    demo.attach("Grace", "0025")
    demo.tap("Olive oil", "Olive oil")  # 17.98
    demo.see("#earn", "+17")
    demo.see("#as-of", re.compile(r"^as of \d\d:\d\d, and here since$"))
    known = demo.balance()
    demo.see("#spendable", f"0 of your {known} points can be used here today")
    lines = demo.complete()
    assert (figure(lines, "Balance"), figure(lines, "Earned here since")) == (str(known), "+0")
    assert (figure(lines, "This sale"), figure(lines, "Can use here today")) == ("+17", "17")
    assert not [line for line in lines if "New balance" in line]
    demo.came_out(lines)
    demo.close_receipt()

    demo.attach("Grace", "0025")
    demo.tap("Olive oil")  # 8.99
    demo.see("#earn", "+8")
    demo.see("#spendable", f"17 of your {known + 17} points can be used here today")
    demo.till.fill("#wanted", "60")  # more than is here
    demo.see("#redeem-text", f"17 of your {known + 17} points can be used here today.")
    demo.till.keyboard.press("F8")
    demo.see("#due", "€8.82")
    lines = demo.complete()
    assert (figure(lines, "Paid with points"), figure(lines, "TOTAL EUR")) == ("-0.17", "8.82")
    assert (figure(lines, "Balance"), figure(lines, "Earned here since")) == (str(known), "+17")
    assert (figure(lines, "This sale"), figure(lines, "Used")) == ("+8", "-17")
    assert figure(lines, "Can use here today") == "8"
    demo.came_out(lines)
    reference = demo.reference()
    demo.close_receipt()

    demo.find(reference)
    demo.tap("Record the return")
    lines = demo.receipt("Return recorded")
    assert (figure(lines, "REFUND EUR"), figure(lines, "Taken back")) == ("8.82", "-8")
    assert figure(lines, "Earned here since") == "+8"  # 17 + 8 − 17, before this return
    assert figure(lines, "Can use here today") == "17"
    demo.close_receipt()

    demo.do("Mend the cable")
    demo.tap("Try now")
    demo.gone("#banner")
    demo.see("#network", "Connected")
    assert demo.agrees_with_head_office()["2900000000025"] == known + 17
    demo.till.keyboard.press("F6")
    demo.scan("Grace")
    demo.see("#enquiry", f"{known + 17} points")


def test_cards_and_the_scanner_that_reads_them(demo: Demo) -> None:
    demo.scan("Sourdough loaf")
    demo.see("#due", "€4.20")
    demo.scan("A damaged card")
    demo.see("#warned", "The card was not read whole. Scan it again.")
    demo.scan("A card nobody has joined with")
    demo.see("#warned", "Nobody has joined with this card")
    demo.tap("Join with this card")
    demo.till.click("#join-go")
    demo.see("#joined-card", "2900 0000 4711 2")
    demo.tap("Done")
    demo.see("#who", "****7112")
    demo.see("#earn", "+4")
    demo.heard_by_head_office()  # head office has heard of the new member
    assert "New balance 4" in "\n".join(demo.complete())
    demo.close_receipt()
    assert demo.agrees_with_head_office()["2900000047112"] == 4

    demo.do("Unplug the scanner")
    demo.see("#scanner-banner", "Until then type the cards' numbers.")
    demo.scan("Grace")
    expect(demo.control.locator("#message")).to_contain_text("the till hears nothing")
    demo.do("Plug in the scanner")
    demo.gone("#scanner-banner")
    expect(demo.till.locator("#who")).to_have_count(0)
    demo.attach("Grace", "0025")
    demo.tap("Clear")
    demo.till.locator("#ask").get_by_role("button", name="Clear").click()
    demo.see("#member", "Scan the card")


def test_another_till_prints_through_this_one_and_its_receipt_ends_with_the_points(demo: Demo) -> None:
    demo.attach("Grace", "0025")
    demo.see("#lane-banner", "The other till's next receipt earns points for card ****0025.")
    demo.control.get_by_role("button", name="It sells something").click()
    expect(demo.newest).to_have_attribute("alt", re.compile("Receipt no.*This sale", re.DOTALL))
    lines = stripped(demo.newest.get_attribute("alt") or "")
    total = figure(lines, "TOTAL EUR")
    assert [line for line in lines if "****0025" in line], lines
    assert figure(lines, "This sale") == f"+{total.partition('.')[0]}"
    assert lines.index("Thank you") < lines.index(next(line for line in lines if line.startswith("This sale")))
    demo.gone("#lane-banner")
    demo.agrees_with_head_office()


def test_a_card_that_was_the_last_customers_can_be_taken_away_from_the_next_receipt(demo: Demo) -> None:
    demo.attach("Grace", "0025")
    demo.tap("Not this customer")
    demo.gone("#lane-banner")
    demo.control.get_by_role("button", name="It sells something").click()
    expect(demo.newest).to_have_attribute("alt", re.compile("Receipt no.*You could have earned", re.DOTALL))


def test_what_another_till_prints_besides_sales_is_left_as_it_is(demo: Demo) -> None:
    demo.attach("Grace", "0025")
    demo.control.get_by_role("button", name="It prints its report").click()
    expect(demo.newest).to_have_attribute("alt", re.compile("X REPORT"))
    lines = stripped(demo.newest.get_attribute("alt") or "")
    assert (lines[0], figure(lines, "Gross sales"), len(lines)) == ("X REPORT", "482.10", 3)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_control_page_fits_and_needs_no_mouse(demo: Demo, size: ViewportSize) -> None:
    page = demo.control
    for _ in range(2):  # there is an earlier receipt
        demo.tap("Butter croissant")
        demo.came_out(demo.complete())
        demo.next_customer()
    page.set_viewport_size(size)
    try:
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, input, a")]
                .map((one) => [one.textContent || one.id, one.getBoundingClientRect()])
                .filter(([, box]) => box.width > 0 && (box.height < 47.9 || box.width < 47.9))
                .map(([name]) => name)"""
        )
        assert small == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.locator("#network").press("Enter")
        expect(page.locator("#network")).to_have_text("Mend the cable")
        expect(page.locator("#network")).to_be_focused()
        page.keyboard.press("Space")
        expect(page.locator("#network-state")).to_have_text("connected")
        page.locator("#earlier button").last.press("Enter")
        expect(page.locator("#caption")).to_have_text("An earlier receipt.")
        page.locator("#earlier button").first.click()
        expect(page.locator("#caption")).to_have_text("The last receipt.")
    finally:
        page.set_viewport_size(WIDE)
    demo.heard_by_head_office()


@pytest.mark.parametrize("place", range(len(Ports._fields)), ids=Ports._fields)
def test_a_port_in_use_is_one_clear_line(tmp_path: Path, place: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        ports = list(free_ports())
        ports[place] = taken
        ran = subprocess.run(
            command("pos_plugin", "demo", "--dir", str(tmp_path / "new"), *Ports(*ports).options()),
            capture_output=True,
            text=True,
            timeout=60,
        )
    (line,) = ran.stderr.splitlines()
    said, told = line.split(": end the program that has it, or choose another: ")
    program, *words = shlex.split(told)
    assert (said, shutil.which(program) is not None) == (f"Port {taken} is in use", True), (
        "it can be typed as it stands"
    )
    assert re.fullmatch(r"demo --([a-z-]+-)?port \d+", " ".join(words))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert not (tmp_path / "new").exists()


def test_ctrl_c_closes_everything_in_order(demo: Demo) -> None:
    """The last of this file: it ends the demo that the others share."""
    children = psutil.Process(demo.process.pid).children(recursive=True)
    assert len(children) == 3  # the till, its relay, and head office
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.stdout is not None
    said = demo.process.stdout.read()
    assert demo.process.wait(20) == 0
    assert said.strip() == "Closed: till, head office, scanner, printer."
    assert psutil.wait_procs(children, timeout=LONG_S)[1] == []
    for port in demo.ports:
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
    expect(demo.control.locator("#message")).to_contain_text("The demo has ended.")
    expect(demo.till.locator("#network")).to_contain_text("Till does not answer")
