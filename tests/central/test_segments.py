"""Saved segments: who meets each condition, who never stands in one, what each role sees, and the commands."""

from __future__ import annotations

import csv
import html
import io
import re

import msgspec
import pytest
from typer.testing import CliRunner

from central_server import schema
from central_server.cli import app
from central_server.database import add, put
from central_server.errors import OfficeError
from central_server.figures import facts
from central_server.membership import cards, consents, desk, members
from central_server.membership.consents import ConsentText
from central_server.segments import saved
from central_server.segments.conditions import Choices, Conditions, choices, read, typed_of, words
from central_server.segments.found import found
from ledger.entry import ConsentBody
from ledger.keys import seal
from ledger.wire import MemberDetails

PROGRAM = """
name = "tiers"
version = 2
currency = "EUR"

[segments]
student = "Students"

[[tier]]
name = "gold"
title = "Gold"
from = 5000
"""
one_database = pytest.mark.parametrize("folder", ["sqlite"], indirect=True)
"""For what no database decides."""
EURO = Choices("EUR", {"base": "Member", "gold": "Gold"}, {"student": "Students"}, ["Harbour", "Mill"], ["till", "web"])
CARDS = {"anna": "2900000000018", "ben": "2900000000025", "cleo": "2900000000032", "dora": "2900000000049"}


def text(answer):
    """What a page says, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2])).split())


def named(office, shop="", **asked):
    with office.database.reading() as connection:
        wanted = Conditions(**asked)
        return [one.member for one in found(office, connection, wanted, shop)]


def sold(one, day, ref, total_minor, member):
    one.day, one.recorded_at = day, f"{day}T09:00:00.000+00:00"
    return one.sale(ref, total_minor, member)


def say(one, member, is_given=True, channel="till", time="09:00"):
    one.recorded_at = f"2026-03-01T{time}:00.000+00:00"
    one.write(ConsentBody("1", is_given, channel), f"consent/{member}/{time}", member)


def put_card(office, one, member, card):
    sealed = seal(office.sealing_key, msgspec.json.encode({"name": member.title(), "phone": "+49 30 1"}))
    members.take_details(office, one.row(), MemberDetails(member, [card], "2026-03-02", sealed))


@pytest.fixture
def known(office):
    """Members with cards, Cleo of the mill and all others of the harbour. Anna agrees and, by the web, Cleo."""
    at, shops = office.time(), {"anna": "Harbour", "ben": "Harbour", "cleo": "Mill", "dora": "Harbour"}
    blank = {"merged_into": "", "merge": "", "merge_signature": "", "erased_at": "", "debt": 0, "loss": 0}
    said = {"document": "d", "text": "1", "is_given": True, "at": at, "terminal": "", "operator": ""}

    def work(connection):
        people = [{"member": name, "joined_at": at, "home_shop": shop, **blank} for name, shop in shops.items()]
        add(connection, schema.member, people)
        add(connection, schema.member_shop, [{"member": name, "shop": shop} for name, shop in shops.items()])
        add(connection, schema.card, [{"card": card, "member": name} for name, card in CARDS.items()])
        channels = {"anna": "till", "cleo": "web"}
        agree = [{"member": name, "channel": channel, **said} for name, channel in channels.items()]
        add(connection, schema.shops.consent, agree)

    office.database.write(work)


@pytest.fixture
def people(office, till, clock):
    """On 2 March 2026: Anna and Ben bought at the harbour, Cleo at the mill; Dora never did. Anna agrees, by the web Cleo."""
    consents.publish(office, ConsentText("1", {"en": "We may write to you."}, ""))
    harbour, mill = till(), till("BBBBBB", "Mill")
    for one, names in ((harbour, ("anna", "ben", "dora")), (mill, ("cleo",))):
        for name in names:
            one.join(name)
    for day, ref, total, name in (
        ("2025-12-01", "1", 3000, "anna"),
        ("2026-03-01", "2", 2500, "anna"),
        ("2026-01-01", "3", 9900, "ben"),
    ):
        sold(harbour, day, ref, total, name)
    sold(mill, "2026-02-01", "1", 100, "cleo")
    say(harbour, "anna")
    say(mill, "cleo", channel="web")
    for one in (harbour, mill):
        one.send()
    for name, card in CARDS.items():
        put_card(office, mill if name == "cleo" else harbour, name, card)
    facts.count_pending(office)
    return harbour, mill


ASKED = [
    ({}, "anna ben cleo dora"),
    ({"joined_in": "Mill"}, "cleo"),
    ({"bought_in": "Harbour"}, "anna ben"),
    ({"bought_in": "Mill"}, "cleo"),
    ({"away_least": 60}, "ben"),  # on 1 January; 60 days before 2 March is the 1st of January
    ({"away_least": 61}, ""),
    ({"away_most": 29}, "anna cleo"),
    ({"away_most": 28}, "anna"),
    ({"away_least": 1, "away_most": 1}, "anna"),
    ({"spent_least_minor": 2500, "within_days": 2}, "anna"),
    ({"spent_least_minor": 2500, "within_days": 1}, ""),  # today alone
    ({"spent_least_minor": 5500, "within_days": 365}, "anna ben"),
    ({"spent_most_minor": 100, "within_days": 365}, "cleo dora"),  # who never bought has spent nothing
    ({"sales_least": 2, "within_days": 365}, "anna"),
    ({"sales_most": 0, "within_days": 30}, "ben dora"),
    ({"sales_most": 0, "within_days": 29}, "ben cleo dora"),
    ({"points_least": 55}, "anna ben"),
    ({"points_least": 56}, "ben"),
    ({"agrees": "any"}, "anna cleo"),
    ({"agrees": "web"}, "cleo"),
    ({"agrees": "paper"}, ""),
    ({"bought_in": "Harbour", "agrees": "any"}, "anna"),
]


def test_every_condition_finds_those_who_meet_it(office, people):
    assert [(asked, " ".join(named(office, **asked))) for asked, _ in ASKED] == ASKED


def test_days_of_joining_are_both_included_by_the_shops_clocks(office, known):
    with office.database.writing() as connection:
        at = [("anna", "2026-01-01T22:59:00.000+00:00"), ("ben", "2026-01-01T23:00:00.000+00:00"), ("cleo", "")]
        for name, joined in at:
            table = schema.member
            connection.execute(table.update().where(table.c.member == name).values(joined_at=joined))
    assert named(office, joined_until="2026-01-01") == ["anna"]
    assert named(office, joined_from="2026-01-02") == ["ben", "dora"], "it is midnight in Berlin"
    assert named(office, joined_from="2026-01-01", joined_until="2026-01-02") == ["anna", "ben"]


def test_a_tier_is_that_of_today_and_the_first_one_is_a_tier_too(office, known, tell):
    tell.use(office, PROGRAM)
    histories = {"anna": 4999, "ben": 5000}
    rows = [
        {"member": name, "history": msgspec.json.encode({"qualifying": {"2026-01-01": amount}}).decode(), "alive": "[]"}
        for name, amount in histories.items()
    ]
    office.database.write(lambda connection: put(connection, schema.member_history, rows))
    assert named(office, tier="gold") == ["ben"]
    assert named(office, tier="base") == ["anna", "cleo", "dora"]


def test_a_label_counts_through_its_last_day(office, known, tell, clock):
    tell.use(office, PROGRAM)
    who = desk.Who("card seen", "Ada", "")
    desk.set_segment(office, "anna", "student", "2026-03-02", who)
    desk.set_segment(office, "ben", "student", "", who)
    desk.set_segment(office, "cleo", "student", "", who)
    desk.set_segment(office, "cleo", "student", None, who)
    assert named(office, label="student") == ["anna", "ben"]
    clock.pass_by(days=1)
    assert named(office, label="student") == ["ben"]


def test_who_may_be_leaving_is_the_list_of_the_figures(office, people, clock):
    harbour, _ = people
    for place, day in enumerate(("2026-01-10", "2026-01-12", "2026-01-14")):
        sold(harbour, day, f"leaving{place}", 100, "dora")
    harbour.send()
    facts.count_pending(office)
    assert named(office, is_at_risk=True) == ["dora"]
    assert named(office, is_at_risk=True, shop="Mill") == []


def test_members_who_have_become_one_are_one_with_all_that_they_bought(office, people):
    desk.merge(office, "ben", "anna", desk.Who("one person", "Ada", "Sue"))
    assert named(office, spent_least_minor=3000 + 2500 + 9900, within_days=365) == ["anna"]
    assert "ben" not in named(office)


def test_who_was_erased_or_has_no_card_that_can_be_used_is_in_no_segment(office, known):
    cards.block(office, CARDS["anna"], "stolen")
    members.erase(office, "ben")
    assert named(office) == ["cleo", "dora"]
    cards.unblock(office, CARDS["anna"])
    assert named(office) == ["anna", "cleo", "dora"]


def test_of_two_cards_the_one_that_can_be_used_names_the_member(office, known):
    second = [{"card": "2900000000056", "member": "anna"}]
    office.database.write(lambda connection: add(connection, schema.card, second))
    cards.block(office, CARDS["anna"], "lost")
    with office.database.reading() as connection:
        shown = {one.member: one.card for one in found(office, connection, Conditions())}
    assert shown["anna"] == "2900000000056"


# -- what a person types -------------------------------------------------------------------------------------------------


def test_what_was_typed_is_read_said_in_words_and_typed_again_as_the_same():
    typed = {"tier": "gold", "label": "student", "joined_in": "Mill", "bought_in": "Harbour", "agrees": "web"}
    typed |= {"joined_from": "2026-01-01", "joined_until": "2026-02-01", "away_least": "60", "away_most": " 90 "}
    typed |= {"within_days": "365", "spent_least": "12.5", "spent_most": "1000", "sales_least": "1", "sales_most": "9"}
    typed |= {"points_least": "100", "is_at_risk": "yes"}
    wanted = read(typed, EURO)
    assert (wanted.spent_least_minor, wanted.spent_most_minor) == (1250, 100000)
    assert read(typed_of(wanted), EURO) == wanted
    assert words(wanted, EURO) == [
        "tier Gold",
        "label Students",
        "joined in Mill",
        "joined on 2026-01-01 or later",
        "joined on 2026-02-01 or earlier",
        "bought in Harbour",
        "last sale 60 days ago or longer",
        "last sale at most 90 days ago",
        "spent at least 12.50 EUR in the last 365 days",
        "spent at most 1,000.00 EUR in the last 365 days",
        "bought at least once in the last 365 days",
        "bought at most 9 times in the last 365 days",
        "100 points or more",
        "may be leaving",
        "agree to be written to, by web",
    ]
    assert read({}, EURO) == Conditions()
    assert len(words(wanted, EURO)) == len(Conditions.__struct_fields__) - 1, "all but the days are said by themselves"


@pytest.mark.parametrize(
    "typed",
    [
        {"tier": "platinum"},
        {"label": "staff"},
        {"joined_in": "Nowhere"},
        {"agrees": "pigeon"},
        {"joined_from": "01.02.2026"},
        {"joined_from": "20260201"},
        {"away_least": "-1"},
        {"away_least": "²"},
        {"away_least": "3661"},
        {"away_least": "9" * 5000},
        {"spent_least": "1.234", "within_days": "9"},
        {"spent_least": "1"},  # in which time?
        {"within_days": "30"},  # what in that time? Not all members
        {"sales_most": "0", "within_days": "0"},
        {"away_least": "9", "away_most": "8"},
        {"spent_least": "9", "spent_most": "8", "within_days": "9"},
    ],
)
def test_what_cannot_be_meant_is_said_at_once(typed):
    with pytest.raises(OfficeError) as error:
        read(typed, EURO)
    assert error.value.code == "CONDITION_UNFIT"


@one_database
def test_a_name_that_no_address_could_have_is_refused(office):
    for name in ("", "../x", "a/b", "a" * 61, "=SUM(A1)", "x\ny\x00", ".", "a?b", "a#b"):
        with pytest.raises(OfficeError, match="name has"):
            saved.keep(office, name, Conditions(), "ada")


@one_database
def test_there_is_an_end_to_the_segments_that_are_kept(office, monkeypatch):
    monkeypatch.setattr(saved, "MOST_SEGMENTS", 1)
    assert saved.keep(office, "one", Conditions(), "ada")
    assert not saved.keep(office, "one", Conditions(away_least=1), "ada"), "the same one may always be changed"
    with pytest.raises(OfficeError, match="already"):
        saved.keep(office, "two", Conditions(), "ada")


# -- pages ---------------------------------------------------------------------------------------------------------------


def rows(answer):
    assert answer.status_code == 200, answer.text
    return list(csv.reader(io.StringIO(answer.text.lstrip("\ufeff"))))


@one_database
def test_marketing_counts_first_then_keeps_then_has_the_file_of_those_who_agree(office, people, visitor):
    marketing = visitor("marketing")
    page = marketing.get("/segments/look?bought_in=Harbour&away_most=90")
    assert "Bought in Harbour and last sale at most 90 days ago. Members now 2" in text(page)
    assert "agree to be written to 1 " in text(page)
    assert "ends 0018" in page.text
    assert CARDS["anna"] not in page.text, "marketing sees the end of a card"
    assert "form_key" not in "".join(re.findall(r"<form action.*?</form>", page.text, re.DOTALL)), "in no address"
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text))
    assert marketing.said("/segments", **{**hidden, "name": "Harbour, lately"}) == "Harbour, lately is kept."
    assert marketing.said("/segments", **{**hidden, "name": "Harbour, lately"}) == "Harbour, lately is changed."
    assert "bought in Harbour and last sale at most 90 days ago" in text(marketing.get("/segments"))
    file = rows(marketing.get("/segments/named/Harbour%2C%20lately/members.csv"))
    assert file == [
        ["member", "card", "joined_on", "home_shop", "last_sale"],
        ["anna", "ends 0018", "2026-03-02", "Harbour", "2026-03-01"],
    ]
    assert "is removed" in marketing.said("/segments/named/Harbour%2C%20lately/remove")
    assert marketing.get("/segments/named/Harbour%2C%20lately").status_code == 422


@one_database
def test_whoever_belongs_to_a_shop_sees_its_members_and_keeps_nothing(office, known, visitor):
    saved.keep(office, "all", Conditions(), "ada")
    manager = visitor("manager", "Mill")
    shown = manager.get("/segments/named/all")
    assert "of those known in Mill. Members now 1" in text(shown)
    assert CARDS["cleo"] in shown.text, "a manager sees the cards of the own shop"
    assert [row[0] for row in rows(manager.get("/segments/named/all/members.csv"))] == ["member", "cleo"]
    assert "Keep it" not in manager.get("/segments/look").text
    assert manager.post("/segments", name="mine").status_code == 403
    assert visitor("cashier", "Mill").get("/segments").status_code == 403
    auditor = visitor("auditor")
    assert auditor.get("/segments/named/all").status_code == 200
    assert auditor.post("/segments/named/all/remove").status_code == 403
    with office.database.reading() as connection:
        assert [one.name for one in saved.every(connection)] == ["all"]


@one_database
def test_who_takes_consent_back_is_in_the_count_and_in_no_file(office, known, visitor):
    saved.keep(office, "all", Conditions(), "ada")
    marketing = visitor("marketing")
    assert len(rows(marketing.get("/segments/named/all/members.csv"))) == 3
    consents.say(office, "anna", is_given=False, operator="ada")
    assert [row[0] for row in rows(marketing.get("/segments/named/all/members.csv"))] == ["member", "cleo"]
    assert "Members now 4 Of them, agree to be written to 1" in text(marketing.get("/segments/named/all"))


# -- commands ------------------------------------------------------------------------------------------------------------


def run(office, *arguments):
    done = CliRunner().invoke(app, [*map(str, arguments), "--dir", str(office.folder)])
    assert done.exit_code == 0, done.output
    return done.output


@one_database
def test_the_commands_list_count_and_write_a_file_once(office, known, tmp_path):
    assert "No segment is saved" in run(office, "saved-segment", "list")
    saved.keep(office, "all", Conditions(), "ada")
    saved.keep(office, "dear", Conditions(spent_least_minor=5500, within_days=3650), "ada")
    assert "all: all members\ndear: spent at least 55.00 EUR" in run(office, "saved-segment", "list")
    assert "4 members, 2 of them agree" in run(office, "saved-segment", "show", "all")
    file = tmp_path / "all.csv"
    assert "2 members in" in run(office, "saved-segment", "export", "all", file)
    assert file.stat().st_mode & 0o077 == 0
    written = list(csv.reader(io.StringIO(file.read_text("utf-8-sig"))))
    assert [row[:2] for row in written[1:]] == [["anna", CARDS["anna"]], ["cleo", CARDS["cleo"]]]
    again = CliRunner().invoke(app, ["saved-segment", "export", "all", str(file), "--dir", str(office.folder)])
    assert again.exit_code == 2
    assert "is there already" in again.output


@one_database
def test_a_form_offers_what_there_is(office, known, tell):
    tell.use(office, PROGRAM)
    with office.database.reading() as connection:
        assert choices(office, connection) == EURO
