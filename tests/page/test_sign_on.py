"""Signing on at the till's page, and a supervisor's word: by keyboard and by finger, in a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from playwright.sync_api import Browser, Page, expect

from ledger.entry import ReturnBody, SaleBody
from ledger.wire import OperatorItem
from loyalty.program import preset, read_program
from offline_store import journal, operators, settings
from offline_store.store import Store
from pos_plugin.config import Config
from pos_plugin.local_api.server import Server
from pos_plugin.terminal import Terminal

pytestmark = pytest.mark.browser

PINS = {"kim": "2580", "lee": "1470", "sam": "3690"}


def item(operator: str, name: str, role: str) -> OperatorItem:
    cheap = Argon2id(salt=operator.encode().ljust(16), length=32, iterations=1, lanes=1, memory_cost=8)
    return OperatorItem(operator, name, role, cheap.derive_phc_encoded(PINS[operator].encode()))


PEOPLE = [item("kim", "Kim", "cashier"), item("lee", "Lee", "cashier"), item("sam", "Sam", "supervisor")]


class Till:
    """A till whose shop keeps operators, with its page open."""

    def __init__(self, terminal: Terminal, url: str, page: Page) -> None:
        self.terminal, self.url, self.page = terminal, url, page

    def hear(self, *items: OperatorItem) -> None:
        self.terminal.store.write(lambda db: operators.apply_items(db, items))
        self.terminal.events.happened("sync")

    def open(self, page: Page | None = None) -> None:
        page = page or self.page
        page.goto(self.url)
        expect(page.locator("html")).to_have_attribute("data-ready", "yes")

    def sign_on(self, name: str, pin: str) -> None:
        self.page.locator("#sign-on").get_by_role("button", name=name).click()
        self.page.keyboard.type(pin, delay=60)  # as a hand types, and no scanner
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#sign-on")).to_be_hidden()  # the header says who it is before that

    def see(self, selector: str, text: str) -> None:
        expect(self.page.locator(selector)).to_contain_text(text)
        expect(self.page.locator(selector)).to_be_visible()  # the words alone may stand there before they are shown

    def newest(self, kind: type) -> Any:
        with self.terminal.store.read() as db:
            for number in range(journal.head(db)[0], 0, -1):
                entry = journal.read(db, number)
                if entry is not None and isinstance(entry.body, kind):
                    return entry
        raise AssertionError(f"there is no {kind.__name__}")

    def sell(self) -> Any:
        self.page.get_by_role("button", name="Milk").first.click()
        self.page.keyboard.press("F9")
        self.see("#receipt-title", "Sale completed")
        self.page.keyboard.press("Escape")
        return self.newest(SaleBody)


@pytest.fixture(scope="module")
def one_till(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Till]:
    store = Store.create(tmp_path_factory.mktemp("page") / "till")
    store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    terminal = Terminal(store, Config.model_validate({"operators": {"refund_minor": 0}}))
    with terminal, Server(terminal, 0) as server:
        context = browser.new_context(viewport={"width": 1024, "height": 768})
        page = context.new_page()
        trouble: list[str] = []
        page.on("pageerror", lambda error: trouble.append(str(error)))
        till = Till(terminal, server.url, page)
        till.hear(*PEOPLE)
        till.open()
        yield till
        context.close()
        assert trouble == []


@pytest.fixture
def till(one_till: Till) -> Till:
    """Nobody is on, nothing is on screen, and nothing stands against anybody."""
    on = one_till.terminal.operators.on()
    one_till.hear(*PEOPLE)
    one_till.terminal.store.write(lambda db: db.execute("DELETE FROM tried_pin"))
    one_till.terminal.store.write(lambda db: settings.put(db, "training_day", ""))
    if on:
        one_till.terminal.operators.sign_off(on.operator)
    one_till.page.evaluate("sessionStorage.clear()")
    one_till.open()
    return one_till


def test_whoever_comes_signs_on_with_the_keyboard_alone_and_the_header_says_who_it_is(till: Till) -> None:
    till.see("#sign-on-title", "Who is at the till?")
    expect(till.page.locator("[data-operator=kim]")).to_be_focused()
    till.page.keyboard.press("ArrowRight")
    till.page.keyboard.press("Enter")
    till.page.keyboard.type("1471", delay=60)
    till.page.keyboard.press("Enter")
    till.see("#warned", "This is not their PIN.")
    expect(till.page.locator("#sign-on-pin")).to_have_value("")
    till.page.keyboard.type("1470", delay=60)
    till.page.keyboard.press("Enter")
    till.see("#cashier", "Lee, shift ")
    expect(till.page.locator("#sign-on")).to_be_hidden()
    sold = till.sell()
    assert (sold.body.sale.operator, sold.body.sale.shift[:3]) == ("lee", "202")


def test_a_finger_signs_on_with_the_pad_and_escape_leads_nowhere(till: Till) -> None:
    till.page.keyboard.press("Escape")
    till.page.keyboard.press("Escape")
    expect(till.page.locator("#sign-on")).to_be_visible()
    till.page.get_by_role("button", name="Kim").click()
    for key in ("9", "Take back one digit", "2", "5", "8", "0"):
        till.page.locator(".pad").get_by_role("button", name=key, exact=True).click()
    till.page.locator("#sign-on").get_by_role("button", name="Sign on").click()
    till.see("#cashier", "Kim")


def test_two_of_one_name_are_told_apart(till: Till) -> None:
    till.hear(PEOPLE[0], OperatorItem("lee", "Kim", "cashier", PEOPLE[1].pin), PEOPLE[2])
    till.open()
    names = till.page.locator("#sign-on .operator span:first-child")
    expect(names).to_have_text(["Kim (kim)", "Kim (lee)", "Sam"])


def test_a_colleague_takes_over_a_new_shift_begins_and_signing_off_asks_who_comes(till: Till) -> None:
    till.sign_on("Kim", PINS["kim"])
    till.see("#cashier", "Kim")
    till.page.get_by_role("button", name="Milk").first.click()
    till.see("#due", "€")
    till.page.click("#cashier")
    till.page.get_by_role("button", name="Another cashier").click()
    till.sign_on("Lee", PINS["lee"])
    till.see("#cashier", "Lee")
    expect(till.page.locator("#no-lines")).to_be_visible()  # Kim's open sale is no sale of Lee's
    before = till.page.inner_text("#cashier")
    till.page.click("#cashier")
    till.page.get_by_role("button", name="Begin a new shift").click()
    expect(till.page.locator("#sign-on-pin")).to_be_focused()
    till.page.keyboard.type(PINS["lee"], delay=60)
    till.page.keyboard.press("Enter")
    expect(till.page.locator("#cashier")).not_to_have_text(before)
    till.page.click("#cashier")
    till.page.get_by_role("button", name="Sign off").click()
    till.see("#sign-on-title", "Who is at the till?")


def test_a_supervisor_allows_a_return_at_the_till_with_pin_and_reason(till: Till) -> None:
    till.sign_on("Kim", PINS["kim"])
    sold = till.sell()
    till.page.keyboard.press("F4")
    till.page.fill("#return-of", sold.body.sale.sale_ref)
    till.page.keyboard.press("Enter")
    till.page.click("#return-go")
    till.see("#allow", "more than a cashier may do alone")
    expect(till.page.locator("#allow .operator")).to_have_count(1)  # Sam alone may allow it, and is chosen
    till.page.keyboard.type(PINS["sam"], delay=60)
    till.page.fill("#allow-reason", "the milk was sour")
    till.page.keyboard.press("Enter")
    till.see("#receipt-title", "Return recorded")
    body = till.newest(ReturnBody).body
    assert (body.operator, body.approved_by, body.reason) == ("kim", "sam", "the milk was sour")


def test_training_that_a_supervisor_begins_shows_in_every_window_and_records_nothing(till: Till) -> None:
    other = till.page.context.new_page()
    till.open(other)
    till.sign_on("Kim", PINS["kim"])
    till.see("#cashier", "Kim")
    expect(other.locator("#cashier")).to_contain_text("Kim")
    till.page.click("#training")
    till.page.locator("#allow-pin").focus()
    till.page.keyboard.type(PINS["sam"], delay=60)
    till.page.fill("#allow-reason", "a new colleague")
    till.page.keyboard.press("Enter")
    till.see("#training-banner", "Nothing is recorded")
    expect(other.locator("#training-banner")).to_contain_text("Training")
    expect(other.locator("#training-banner")).to_be_visible()
    with till.terminal.store.read() as db:
        head = journal.head(db)
    till.page.get_by_role("button", name="Milk").first.click()
    till.page.keyboard.press("F9")
    till.see("#receipt-title", "Training sale")
    with till.terminal.store.read() as db:
        assert journal.head(db) == head
    other.close()


def test_whoever_is_closed_meanwhile_completes_what_is_open_and_then_somebody_else_signs_on(till: Till) -> None:
    till.sign_on("Kim", PINS["kim"])
    till.see("#cashier", "Kim")
    till.page.get_by_role("button", name="Milk").first.click()
    till.see("#due", "€")
    expect(till.page.locator(".sums dl.old")).to_have_count(0)
    till.hear(OperatorItem("kim", "Kim", "cashier"))
    till.see("#warned", "Kim may not sign on any more.")
    expect(till.page.locator("#sign-on")).to_be_hidden()
    till.page.keyboard.press("F9")
    till.see("#receipt-title", "Sale completed")
    till.see("#sign-on-title", "Who is at the till?")
    assert till.newest(SaleBody).body.sale.operator == "kim"


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_the_dialogs_are_for_everybody_and_fit_a_phone(
    till: Till, axe: Callable[[Page], list[str]], colours: Any
) -> None:
    page = till.page
    page.emulate_media(color_scheme=colours, reduced_motion="reduce")
    for width, height in ((1024, 768), (360, 740)):
        page.set_viewport_size({"width": width, "height": height})
        till.open()
        till.see("#sign-on-title", "Who is at the till?")
        assert axe(page) == []
        sizes = page.evaluate(
            "[...document.querySelectorAll('#sign-on button')].map(one => Math.min(one.offsetWidth, one.offsetHeight))"
        )
        assert min(sizes) >= 48
        assert page.evaluate("document.querySelector('#sign-on').scrollWidth <= innerWidth")
    page.set_viewport_size({"width": 1024, "height": 768})
    till.sign_on("Kim", PINS["kim"])
    till.see("#cashier", "Kim")
    page.click("#cashier")
    expect(page.locator("#who")).to_be_visible()
    assert axe(page) == []
    page.locator("#who").get_by_role("button", name="Back").click()
    page.click("#training")
    till.see("#allow-title", "A supervisor's word")
    assert axe(page) == []
    page.emulate_media(color_scheme=None, reduced_motion=None)


def test_a_supervisors_figures_go_with_them_and_a_cashier_sees_their_own(
    till: Till, axe: Callable[[Page], list[str]]
) -> None:
    till.sign_on("Kim", PINS["kim"])
    till.sell()
    till.page.keyboard.press("Shift+F2")
    till.page.get_by_role("button", name="Another cashier").click()
    till.sign_on("Sam", PINS["sam"])
    till.see("#cashier", "Sam")
    till.page.keyboard.press("Shift+F9")
    till.see("#closing-now", "By cashier")
    till.see("#closing-now", "Kim")
    expect(till.page.locator("#closing-now table").last).to_contain_text(re.compile(r"\w+ \d\d:\d\d–\d\d:\d\d"))
    till.page.keyboard.press("Shift+F2")
    till.page.get_by_role("button", name="Another cashier").click()
    till.sign_on("Kim", PINS["kim"])
    till.see("#closing-now", "Kim, your own figures")
    expect(till.page.locator("#closing-now")).not_to_contain_text("By cashier")
    expect(till.page.get_by_role("button", name="Print again")).to_have_count(0)
    assert axe(till.page) == []
    till.page.get_by_role("button", name="Close the day").click()
    till.page.get_by_role("dialog").get_by_role("button", name="Close the day").click()
    till.see("#allow-title", "A supervisor's word")
    till.page.keyboard.press("Escape")
