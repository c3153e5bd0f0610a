"""Tickets, feedback and a member's own page in a real Chromium: by keyboard, without script, on a phone, in the dark."""

from __future__ import annotations

import json
import os
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from central_server import schema
from central_server.app import create_app
from central_server.care import feedback, tickets
from central_server.database import put
from central_server.founding import init_office
from central_server.membership import consents, desk, tokens
from central_server.membership.consents import ConsentText
from central_server.office import Office
from central_server.pages.frame import Reached
from central_server.people import proposals, sessions
from ledger.identifiers import feedback_code, read_feedback_code, receipt_reference
from loyalty.program import preset, read_program
from loyalty.words import LANGUAGES
from tests.central.conftest import Till
from tests.central.office_browser import put_cheap
from tests.page.test_office import PHONE, WIDE, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PROGRAM = (
    preset("points")
    + """
[giving]
percent = 1
charities = [
    { name = "trees", title = { en = "Trees for the town", de = "Bäume für unsere Stadt", fr = "Des arbres pour la ville" } },
    { name = "dogs", title = "Dogs" },
]

[tiers]
by = "spend"

[[tier]]
name = "silver"
title = { en = "Silver", de = "Silber", tr = "Gümüş", fr = "Argent", es = "Plata" }
from = 20000

[[tier]]
name = "gold"
title = { en = "Gold", de = "Gold", tr = "Altın", fr = "Or", es = "Oro" }
from = 90000
"""
)
TEXTS = {
    "en": "We may write to you about offers. You can take this back at any time.",
    "de": "Wir dürfen Ihnen zu Angeboten schreiben. Sie können das jederzeit zurücknehmen.",
}
MEMBER = "a" * 16
TARGET = 47.9
TOO_SMALL = """least => [...document.querySelectorAll("button, input:not([type=hidden]), select, textarea, a, summary")]
    .map(one => [one, (one.type === "radio" || one.type === "checkbox") ? one.closest("label") : one])
    .filter(([one, hit]) => hit && hit.checkVisibility())
    .filter(([one]) => one.tagName !== "A" || one.matches(".button"))
    .filter(([, hit]) => { const box = hit.getBoundingClientRect(); return box.width < least || box.height < least })
    .map(([one]) => one.outerHTML)"""
"""A link within a sentence or a table may be as high as its line (WCAG 2.2, target size); what stands by itself may not."""


@dataclass
class World:
    """Head office with a member who bought much and asked a little, and a till whose sales a test adds."""

    office: Office
    till: Till
    url: str
    link: str
    ticket: str
    refs: int = 0

    def sells(self, member: str = MEMBER, total_minor: int = 1250) -> str:
        """A new sale; answers the code on its receipt."""
        self.refs += 1
        sale = self.till.sale(f"more{self.refs}", total_minor, member)
        self.till.send()
        return feedback_code(sale.envelope.terminal, sale.number, sale.hash)


def filled(office: Office) -> tuple[Till, str, str]:
    """The till, a member's link, and a ticket of theirs."""
    put_cheap(office, "sue", "support")
    put_cheap(office, "max", "manager", "Harbour")
    today = datetime.now(UTC)
    till = Till(office, "AAAAAA", "Harbour", read_program(PROGRAM))
    till.day = today.date().isoformat()
    till.recorded_at = today.isoformat(timespec="milliseconds")
    till.enroll()
    till.join(MEMBER)
    for number in range(12):
        sale = till.sale(str(number), 2500 + 190 * number, MEMBER)
    till.give_back(sale, "back")
    till.send()
    with office.database.writing() as connection:
        put(connection, schema.setting, [{"name": feedback.BONUS, "value": "25"}])
    consents.publish(office, ConsentText("2026-11", TEXTS, ""))
    desk.adjust(office, MEMBER, 40, desk.Who("The scale was wrong.", "sue", "max"), is_goodwill=True)
    about = receipt_reference(till.name, sale.number)
    ticket = tickets.open_ticket(
        office,
        shop="Harbour",
        topic="points",
        words="My daughter paid with my card on Saturday,\nand nothing came of it.",
        by="Kim",
        source="till",
        member=MEMBER,
        receipt=about,
    )
    for words in ("Does the milk count as well?", "W" * 120):
        tickets.open_ticket(
            office, shop="Harbour", topic="other", words=words, by="member", source="member", member=MEMBER
        )
    return till, f"/me/{tokens.issue(office, MEMBER).text}", ticket


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder: Path = tmp_path_factory.mktemp("office") / "office"
    office = init_office(
        folder, lambda: datetime.now(UTC), random.Random(5).randbytes, program_text=PROGRAM, shops=["Harbour", "Mill"]
    )
    till, link, ticket = filled(office)
    with Served(create_app(office, reached=Reached.LOCALLY)) as served:
        yield World(office, till, f"http://127.0.0.1:{served.port}", link, ticket)
    office.close()


@pytest.fixture
def visit(browser: Browser, world: World) -> Iterator[Callable[..., Page]]:
    contexts = []

    def opened(
        path: str,
        login: str = "",
        size: dict[str, int] = WIDE,
        scheme: str = "light",
        language: str = "en",
        *,
        has_script: bool = True,
    ) -> Page:
        context = browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            color_scheme=scheme,  # type: ignore[arg-type]
            locale=language,
            java_script_enabled=has_script,
        )
        contexts.append(context)
        if login:
            secret = sessions.begin(world.office, login)
            context.add_cookies([{"name": "office", "value": secret, "domain": "127.0.0.1", "path": "/office"}])
        page = context.new_page()
        page.goto(world.url + path)
        return page

    yield opened
    for context in contexts:
        context.close()


def misfits(page: Page, width: int) -> list[str]:
    found = [f"too small to hit: {one}" for one in page.evaluate(TOO_SMALL, TARGET)]
    if page.evaluate("document.documentElement.scrollWidth") > width:
        found.append("scrolls sideways")
    return [f"{page.url}: {one}" for one in found]


def wrong_with(page: Page, axe: Callable[[Page], list[str]], width: int) -> list[str]:
    return [f"{page.url}: {one}" for one in axe(page)] + misfits(page, width)


def views(world: World) -> dict[str, tuple[str, str]]:
    """Each page by name: its path, and who looks."""
    given = world.sells()
    feedback.give(world.office, given, feedback.Answer(4))
    return {
        "tickets": ("/office/tickets", "sue"),
        "ticket": (f"/office/tickets/{world.ticket}", "sue"),
        "comments": ("/office/figures/comments?words=all", "max"),
        "feedback": (f"/feedback/{world.sells()}", ""),
        "feedback given": (f"/feedback/{given}", ""),
        "feedback no code": ("/feedback/nonsense", ""),
        "me": (world.link, ""),
        "me by a receipt": (f"/me/{given}", ""),
        "me done": (f"{world.link}/done?ticket=ABCDEF", ""),
        "no link": (world.link[:-3], ""),
    }


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")], ids=["wide light", "phone dark"])
def test_every_page_can_be_used_by_everybody(
    world: World, visit: Callable[..., Page], axe: Callable[[Page], list[str]], size: dict[str, int], scheme: str
) -> None:
    """Each size and each scheme once: a size moves and a scheme colours, and neither asks for the other."""
    wrong = []
    for path, login in views(world).values():
        page = visit(path, login, size, scheme)
        for one in page.locator("main summary").all():
            one.click()
        wrong += wrong_with(page, axe, size["width"])
        page.context.close()
    page = visit(world.link, "", size, scheme)
    page.get_by_label("Number at the end of the receipt").fill("7K3M2P-71-6")
    page.get_by_role("button", name="Send").first.click()
    expect(page.get_by_role("alert")).to_contain_text("no number of a receipt")
    wrong += wrong_with(page, axe, size["width"])
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("language", [one for one in LANGUAGES if one != "en"])
def test_no_language_is_too_long_for_a_phone(world: World, visit: Callable[..., Page], language: str) -> None:
    wrong = []
    for name, (path, login) in views(world).items():
        if not login:
            page = visit(path, "", PHONE, language=language)
            expect(page.locator("html")).to_have_attribute("lang", language)
            wrong += [f"{name}: {one}" for one in misfits(page, PHONE["width"])]
            page.context.close()
    assert not wrong, "\n".join(wrong)


def enter(page: Page) -> None:
    """Presses Enter, and waits for the page that answers: what it says may stand on this one, too."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def tab_to(page: Page, name: str, role: str = "button") -> None:
    """By the keyboard alone, as far as the control of this name. What has no script can be asked by the debugger's door."""
    wanted = page.get_by_role(role, name=name, exact=True).first  # type: ignore[arg-type]
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.locator(":focus").count() and wanted.and_(page.locator(":focus")).count():
            return
    raise AssertionError(f"no Tab leads to {name}")


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
def test_a_customer_says_by_keyboard_how_it_was_once_and_gets_points(
    world: World, visit: Callable[..., Page], has_script: bool
) -> None:
    code = world.sells()
    page = visit(f"/feedback/{code}", size=PHONE, has_script=has_script)
    page.keyboard.press("Tab")  # the first of the ratings
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    tab_to(page, "0", "radio")
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.type("The milk was sour.")
    tab_to(page, "I would like an answer", "checkbox")
    page.keyboard.press("Space")
    tab_to(page, "Send")
    enter(page)
    expect(page.get_by_role("status")).to_contain_text("Thank you! On your card: 25 points. Your number is")
    with world.office.database.reading() as connection:
        terminal, number, _ = read_feedback_code(code) or ("", 0, "")
        table = schema.care.feedback
        given = connection.execute(table.select().where(table.c.terminal == terminal, table.c.number == number)).one()
    assert (given.rating, given.recommends, given.comment, given.bonus) == (3, 9, "The milk was sour.", 25)
    page.goto(f"{world.url}/feedback/{code}")
    expect(page.get_by_role("status")).to_contain_text("told us about this purchase already")
    expect(page.locator("form")).to_have_count(0)
    page.get_by_role("link", name="Your points").click()
    expect(page.locator(".big")).to_contain_text("points")


def test_a_member_without_script_does_by_keyboard_whatever_their_page_has(
    world: World, visit: Callable[..., Page]
) -> None:
    page = visit(world.link, size=PHONE, has_script=False)
    expect(page.locator(".big")).to_contain_text("You have")
    expect(page.locator("main")).to_contain_text("Silver until")
    expect(page.locator("main")).to_contain_text("to Gold")
    assert page.locator(".moves .points").first.bounding_box()["x"] < PHONE["width"] - 20  # type: ignore[index]

    code = world.sells("")
    tab_to(page, "Number at the end of the receipt", "textbox")
    page.keyboard.type(code.rpartition("-")[0])
    enter(page)
    expect(page.get_by_role("status")).to_contain_text("Your number is")
    tab_to(page, "Your charity", "combobox")
    page.keyboard.type("Dogs")
    tab_to(page, "Choose")
    enter(page)
    expect(page.get_by_role("status")).to_contain_text("It is done.")
    expect(page.get_by_label("Your charity")).to_have_value("dogs")
    for button, agrees in (("I agree", True), ("Take it back", False)):
        tab_to(page, button)
        enter(page)
        expect(page.get_by_role("status")).to_contain_text("It is done.")
        with world.office.database.reading() as connection:
            assert consents.given(connection, MEMBER) is agrees
    tab_to(page, "Download it", "link")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert json.loads(Path(download.value.path()).read_bytes())["member"]["reference"] == MEMBER
    tab_to(page, "I am sure", "checkbox")
    page.keyboard.press("Space")
    tab_to(page, "Leave the programme")
    enter(page)
    expect(page.get_by_role("status")).to_contain_text("Your number is")
    with world.office.database.reading() as connection:
        topics = [(one.topic, one.priority) for one in tickets.of_member(connection, [MEMBER])]
    assert ("data", "high") in topics


def test_support_takes_a_ticket_proposes_goodwill_answers_and_the_member_reads_it(
    world: World, visit: Callable[..., Page]
) -> None:
    page = visit("/office/tickets", "sue", has_script=False)
    page.get_by_role("link", name=world.ticket).click()
    expect(page.locator("main")).to_contain_text("My daughter paid with my card")
    tab_to(page, "Take it")
    enter(page)
    expect(page.locator(".facts")).to_contain_text("taken by sue")
    page.get_by_role("link", name="Propose goodwill").click()
    expect(page.get_by_role("heading", name="Do", exact=True)).to_be_visible()
    page.locator("summary", has_text="Give or take points").click()
    form = page.locator("form[action$='/adjust']")
    form.get_by_label("Points").fill("50")
    form.get_by_label("As goodwill").check()
    form.get_by_label("Why").fill(f"Ticket {world.ticket}")
    form.get_by_role("button").click()
    expect(page.get_by_role("status")).to_contain_text("Give 50 points")
    assert [one.reason for one in proposals.waiting(world.office)] == [f"Ticket {world.ticket}"]
    page.goto(f"{world.url}/office/tickets/{world.ticket}")
    page.get_by_label("For ourselves only").fill("Goodwill is proposed.")
    page.get_by_role("button", name="Note it").click()
    expect(page.locator("article", has_text="Goodwill is proposed.")).to_be_visible()
    page.get_by_label("For the member").fill("We are sorry. 50 points come within two days.")
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.locator(".facts")).to_contain_text("answered")
    first_lines = [r"^\s*The member said", r"^\s*Changed", r"^\s*Note for ourselves", r"^\s*Answer for the member"]
    expect(page.locator("article")).to_have_text([re.compile(one) for one in first_lines])
    page.get_by_label("Status").select_option("closed")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(page.locator(".facts")).to_contain_text("closed")
    page.goto(f"{world.url}/office/tickets?status=closed")
    expect(page.get_by_role("link", name=world.ticket)).to_be_visible()

    own = visit(world.link, size=PHONE, language="de")
    card = own.locator("article", has_text=world.ticket)
    expect(card).to_contain_text("50 points come within two days.")
    expect(card).not_to_contain_text("Goodwill is proposed.")


if shots := os.environ.get("CARE_SHOTS"):

    @pytest.mark.parametrize("language", LANGUAGES)
    def test_pictures(world: World, visit: Callable[..., Page], language: str) -> None:
        for name, (path, login) in views(world).items():
            for size, scheme in ((WIDE, "light"), (PHONE, "light"), (PHONE, "dark")):
                page = visit(path, login, size, scheme, language)
                page.screenshot(path=f"{shots}/{name} {language} {size['width']} {scheme}.png", full_page=True)
                page.context.close()
