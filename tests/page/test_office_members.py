"""Head office's pages about members, shops and the programme in a real Chromium: without script, on a phone, and by axe."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Page, expect

from central_server.founding import init_office
from central_server.membership import desk, members
from central_server.office import Office
from central_server.people import proposals
from ledger.keys import seal
from ledger.wire import MemberDetails
from loyalty.card import ean_check_digit
from loyalty.program import preset, read_program
from tests.central.conftest import DAY, SHOPS, Clock, Till, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WIDE, PHONE = {"width": 1024, "height": 768}, {"width": 360, "height": 740}
RULES = (
    preset("points")
    + """
[segments]
student = "Students"
[[tier]]
name = "silver"
title = "Silver"
from = 20000
[[tier]]
name = "gold"
title = "Gold"
from = 40000
"""
)
NEXT = RULES.replace("version = 1", "version = 2").replace("points = 1 ", "points = 2 ", 1)
NAMES = ("Ada Lovelace", "Grace Hopper", "Ömer Işık", "Mary Somerville", "Emmy Noether")
WHO = desk.Who("the delivery was late", "sue", "fay")


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Two shops, three tills, one of them copied, twelve members, a week of sales, a version to come, and one proposed."""
    folder: Path = tmp_path_factory.mktemp("office") / "office"
    clock, chance = Clock(), random.Random(5)
    init_office(folder, clock, random.Random(1).randbytes, program_text=RULES, shops=SHOPS).close()
    opened = Office.open(folder, clock, random.Random(2).randbytes)
    rules = read_program(RULES)
    tills = [Till(opened, f"{letter * 6}", shop, rules) for letter, shop in zip("ABC", (*SHOPS, "Mill"), strict=True)]
    for till in tills:
        till.enroll()
    for number in range(12):
        till, member, card = tills[number % 3], f"member{number:04d}", f"29{number:010d}"
        till.join(member)
        till.send()
        personal = members.Personal(f"{NAMES[number % 5]} {number}", f"+49 30 {1000 + number}")
        sealed = seal(opened.sealing_key, msgspec.json.encode(personal))
        details = MemberDetails(member, [card + ean_check_digit(card)], DAY, sealed=sealed, birthday="03-31")
        members.take_details(opened, till.row(), details)  # type: ignore[arg-type]
    for day in range(7):
        clock.pass_by(days=1)
        for till in tills:
            till.day = clock.at.date().isoformat()
            till.recorded_at = clock.at.isoformat(timespec="milliseconds")
            sold = [
                till.sale(f"{day}-{number}", chance.randint(300, 9000), chance.choice(["", f"member{number:04d}"]))
                for number in range(5)
            ]
            till.give_back(sold[0], f"r{day}", 100)
            till.sale(f"{day}-x", 40, "member0000")
            till.send()
    tills[2].fetch("member0000", 100)
    twin = tills[0].copy()
    twin.day, twin.recorded_at = tills[0].day, tills[0].recorded_at
    twin.sale("twin", 4000, "member0003")
    tills[0].sale("0-1", 5000, "member0004")  # the same document with other content
    for till in (*tills, twin):
        till.sale("last", 1000)
        till.send()
    desk.adjust(opened, "member0000", 40, WHO, is_goodwill=True)
    desk.transfer(opened, "member0000", "member0001", 20, WHO)
    desk.adjust(opened, "member0004", -(10**6), WHO)
    with opened.database.writing() as connection:
        coming = NEXT.replace("version = 2", 'version = 2\neffective = "2026-09-01T04:00"')
        opened.put_program(connection, read_program(coming))
    later = NEXT.replace("version = 2", "version = 3")
    proposals.propose(opened, "publish", {"text": later}, "the autumn", Visitor(opened, "marketing", "").staff)
    yield opened
    opened.close()


PAGES = {
    "support": ["/members", "/members/member0000", "/receipt?reference=AAAAAA-3-N"],
    "finance": ["/shops", "/shops/Mill", "/terminals/AAAAAA", "/members/member0004", "/program"],
    "manager": ["/members/member0000", "/shops/Harbour", "/terminals/AAAAAA"],
    "marketing": ["/program", "/members"],
    "auditor": ["/members/member0001", "/program"],
}
"""What each role sees of most interest."""
LOW = """[...document.querySelectorAll('button, summary, select, textarea, .button, input:not([type=hidden], [type=checkbox])')]
    .filter(one => one.checkVisibility() && one.getBoundingClientRect().height < 47.5).map(one => one.outerHTML)"""
"""Targets that are less than 48 pixels high."""


def open_all(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")


@pytest.mark.parametrize("role", PAGES)
def test_nobody_stumbles_and_a_phone_shows_it_all(
    signed_in: Callable[..., Page], url: str, axe: Callable[[Page], list[str]], role: str
) -> None:
    shop = "Harbour" if role == "manager" else ""
    for size, colours in ((PHONE, "dark"), (WIDE, "light"))[: 2 if role == "support" else 1]:
        page = signed_in(role, shop, size=size, script=True, colours=colours)
        for address in PAGES[role]:
            answer = page.goto(url + address)
            assert answer is not None
            assert answer.status == 200, address
            open_all(page)
            assert axe(page) == [], (address, colours)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= size["width"], (address, wide)
            assert page.evaluate(LOW) == [], address


def test_support_finds_out_and_proposes_without_script(
    signed_in: Callable[..., Page], url: str, office: Office
) -> None:
    page = signed_in("support", size=PHONE)
    page.goto(f"{url}/members")
    page.get_by_label("Card, phone number").fill("lovelace")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Ada Lovelace 0", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace 0")
    expect(page.get_by_text("So it earned nothing.").first).to_be_visible()
    page.get_by_text("Give or take points").click()
    page.get_by_label("Points, below zero to take").fill("25")
    page.get_by_label("As goodwill").check()
    page.locator("details[open]").get_by_label("Why").fill("a wrong answer of ours")
    page.locator("details[open]").get_by_role("button", name="Propose").click()
    expect(page.get_by_role("status")).to_contain_text("Give 25 points to the member whose card ends")
    page.reload()
    waiting = [one for one in proposals.waiting(office) if one.kind == "adjust"]
    assert [(one.proposed_by, one.reason) for one in waiting] == [("support", "a wrong answer of ours")]


def test_marketing_checks_a_file_tries_it_and_proposes_it_without_script(
    signed_in: Callable[..., Page], url: str, office: Office, tmp_path: Path
) -> None:
    file = tmp_path / "summer.toml"
    file.write_text(NEXT.replace("version = 2", "version = 4"), encoding="utf-8")
    page = signed_in("marketing")
    page.goto(f"{url}/program")
    page.get_by_label("or a file").set_input_files(file)
    page.get_by_role("button", name="Check it").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("It can be used, but see")
    page.get_by_role("button", name="Try it on our last sales").click()
    expect(page.get_by_role("table", name="What it would have been")).to_contain_text("Points issued")
    page.get_by_label("In force from").fill("2026-10-01T04:00")
    page.get_by_label("Why").fill("the summer")
    page.get_by_role("button", name="Propose").click()
    expect(page.get_by_role("status")).to_contain_text("from 2026-10-01 04:00")
    (mine,) = [one for one in proposals.waiting(office) if one.reason == "the summer"]
    said = read_program(mine.details["text"])
    assert (said.version, said.effective) == (4, "2026-10-01T04:00")


def test_what_was_tried_and_what_is_wrong_stumble_nobody(
    signed_in: Callable[..., Page], url: str, axe: Callable[[Page], list[str]]
) -> None:
    page = signed_in("marketing", size=PHONE, script=True)
    for text, button, heading in (
        (NEXT.replace("version = 2", "version = 9"), "Try it", "It can be used, but see"),
        ("name = 1", "Check it", "It cannot be used as it is"),
    ):
        page.goto(f"{url}/program")
        page.get_by_label("The programme's text").fill(text)
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
