"""Head office's first page, its audit, and what it gives out as files."""

import csv
import io
import json
import re
import threading

import pytest
from sqlalchemy import update

from central_server import schema
from central_server.care import tickets
from central_server.database import put
from central_server.errors import OfficeError
from central_server.kept_settings import KEPT
from central_server.pages import audit
from central_server.pages.frame import environment
from central_server.reports import exporting
from ledger.entry import entry_hash
from tests.central.office_browser import Browser, put_cheap

DAY = "2026-03-02"
PERIOD = {"from": DAY, "to": DAY}


@pytest.fixture
def shops(office, till):
    """Two shops: a sale with a member and one without at the harbour, of which half came back, and one at the mill."""
    one, two = till("AAAAAA", "Harbour"), till("BBBBBB", "Mill")
    one.join("anna")
    sold = one.sale("1", 10000, "anna")
    one.sale("2", 500)
    one.give_back(sold, "R1", 5000)
    two.join("otto")
    two.sale("1", 2000, "otto")
    one.send()
    two.send()

    def work(connection):
        put(connection, schema.card, [{"card": "2900000000018", "member": "anna"}, {"card": "=7", "member": "otto"}])
        rows = [{"member": who, "name": f"{who.title()} =1", "phone": "+49 30 1"} for who in ("anna", "otto")]
        put(connection, schema.person, rows)

    office.database.write(work)
    return one, two


@pytest.fixture
def signed_in(office):
    def make(login, role, shop=""):
        put_cheap(office, login, role, shop)
        one = Browser(office)
        assert one.sign_in(login).status_code == 303
        return one

    return make


def table(answer):
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))


def asked(name, **query):
    return f"/office/exports/{name}?" + "&".join(f"{key}={value}" for key, value in (PERIOD | query).items())


def test_every_template_can_be_read():
    names = environment().list_templates()
    assert "base.html" in names
    for name in names:
        environment().get_template(name)


def test_whatever_a_page_loads_is_there(signed_in):
    one = signed_in("sue", "support")
    loaded = re.findall(r'<link [^>]*href="([^"]+)"', one.get("/office").text)
    assert {path.rpartition("/")[2] for path in loaded} == {"icon.svg", "office.css"}
    assert {path: one.get(path).status_code for path in loaded} == dict.fromkeys(loaded, 200)


def test_sales_by_day_count_every_sale_and_what_came_back(shops, signed_in):
    rows = table(signed_in("ada", "finance").get(asked("sales.csv")))
    counted = [
        (row["shop"], row["sales"], row["member_sales"], row["value_minor"], row["returned_minor"]) for row in rows
    ]
    assert counted == [("Harbour", "2", "1", "10500", "5000"), ("Mill", "1", "1", "2000", "0")]
    # A point for each full unit of money: 100 and 20; the half that came back takes half.
    assert [(row["points_earned"], row["points_taken_back"]) for row in rows] == [("100", "50"), ("20", "0")]


def test_whoever_works_in_a_shop_gets_that_shop_whatever_the_address_says(shops, signed_in):
    manager = signed_in("max", "manager", "Mill")
    for name in ("sales.csv", "entries.csv"):
        assert {row["shop"] for row in table(manager.get(asked(name, shop="Harbour")))} == {"Mill"}
    assert {row["card"] for row in table(manager.get(asked("members.csv", shop="Harbour")))} == {"'=7"}
    for one in json.loads(manager.get(asked("entries.json", shop="Harbour")).content):
        assert one["shop"] == "Mill"


def test_a_cashier_gets_no_shops_sales(shops, signed_in):
    assert signed_in("cy", "cashier", "Mill").get(asked("sales.csv")).status_code == 403


def test_entries_in_json_are_the_bytes_that_the_till_sent(shops, signed_in):
    answer = signed_in("eve", "auditor").get(asked("entries.json"))
    found = json.loads(answer.content)
    sent = {one.hash for till in shops for one in till.journal}
    assert {one["hash"] for one in found} == sent
    for till in shops:
        for one in till.journal:
            assert one.data in answer.content
            assert entry_hash(one.data) == one.hash
    rows = table(signed_in("ada", "finance").get(asked("entries.csv", shop="Harbour")))
    assert [row["kind"] for row in rows] == [one.kind for one in shops[0].journal]


def test_names_are_given_out_for_those_who_agree_and_no_formula_is(office, shops, signed_in):
    support = signed_in("sue", "support")
    rows = {row["home_shop"]: row for row in table(support.get("/office/exports/members.csv"))}
    assert [(row["card"], row["name"], row["phone"]) for row in rows.values()] == [
        ("2900000000018", "", ""),
        ("'=7", "", ""),
    ]
    agree(office, "otto")
    rows = table(support.get("/office/exports/members.csv"))
    assert [(row["name"], row["phone"]) for row in rows] == [("", ""), ("Otto =1", "'+49 30 1")]
    agree(office, "otto", is_given=False)
    assert {row["name"] for row in table(support.get("/office/exports/members.csv"))} == {""}


def agree(office, member, *, is_given=True):
    at = "2026-03-02T09:00:00.000+00:00" if is_given else "2026-03-02T09:05:00.000+00:00"
    row = {"member": member, "at": at, "text": "1", "is_given": is_given, "channel": "till", "terminal": "AAAAAA"}
    row |= {"operator": "", "document": f"consent/{member}/{is_given}"}
    office.database.write(lambda connection: put(connection, schema.shops.consent, [row]))


def test_an_auditor_gets_cards_masked_and_no_names(office, shops, signed_in):
    agree(office, "anna")
    rows = table(signed_in("eve", "auditor").get("/office/exports/members.csv"))
    assert [(row["card"], row["name"], row["phone"]) for row in rows] == [("****0018", "", ""), ("****=7", "", "")]
    assert [row["balance"] for row in rows] == ["50", "20"]


@pytest.mark.parametrize(("first", "last"), [("", ""), ("x", DAY), (DAY, "2026-03-01"), ("2025-01-01", DAY)])
def test_a_period_that_is_none_is_refused(first, last):
    with pytest.raises(OfficeError):
        exporting.read_period(first, last)


def test_a_file_of_too_many_rows_is_refused_and_not_cut(monkeypatch):
    monkeypatch.setattr(exporting, "MOST_ROWS", 3)
    with exporting.written(iter([b"x"] * 4)) as file:
        assert file.tell() == 4
    with pytest.raises(OfficeError, match="more than 3 rows"):
        exporting.written(iter([b"x"] * 5))


def test_only_two_files_are_made_at_once(shops, signed_in):
    from central_server.pages import exports

    ada = signed_in("ada", "finance")
    with exports._a_turn(), exports._a_turn():
        assert ada.get(asked("sales.csv")).status_code == 503
    assert ada.get(asked("sales.csv")).status_code == 200


# -- the audit -----------------------------------------------------------------------------------------------------------


def audited(browser, office):
    started = browser.post("/office/audit/run", form_key=browser.key())
    for thread in threading.enumerate():
        if thread.name == "audit":
            thread.join(60)
    return started


def test_an_audit_runs_beside_and_is_kept(office, shops, signed_in):
    ada = signed_in("ada", "finance")
    assert "No audit has been run" in ada.get("/office/audit").text
    assert audited(ada, office).status_code == 303
    kept = audit.last_of(office)
    assert (kept.entries, kept.difference_count, kept.problem) == (8, 0, "")
    shown = ada.get("/office/audit").text
    assert all(said in shown for said in ("after 8 entries", "Nothing differs", "Nothing odd was noted"))


def test_what_differs_is_shown_to_its_own_shop_and_to_those_who_see_all(office, shops, signed_in, till):
    import msgspec

    one = till("CCCCCC", "Mill")
    sale = one.sale("1", 10000, "anna")
    one.journal.pop()
    one.write(msgspec.structs.replace(sale.body, awarded=999), sale.envelope.document, "anna")
    one.send()
    audited(signed_in("ada", "finance"), office)
    seen = {}
    for login, shop in (("max", "Mill"), ("mia", "Harbour")):
        seen[login] = "999" in signed_in(login, "manager", shop).get("/office/audit").text
    assert seen == {"max": True, "mia": False}
    assert "999" in signed_in("eve", "auditor").get("/office/audit").text


def test_an_audit_is_started_by_those_who_audit_and_once_at_a_time(office, shops, signed_in, monkeypatch):
    for login, role, shop in (("max", "manager", "Mill"), ("sue", "support", "")):
        assert audited(signed_in(login, role, shop), office).status_code == 422
    monkeypatch.setitem(audit._running, office.folder, audit.Running(office.time(), 5))
    ada = signed_in("ada", "finance")
    audited(ada, office)
    shown = ada.get("/office/audit").text
    assert ("running already" in shown, "5 entries so far" in shown) == (True, True)


def test_an_audit_that_takes_too_long_says_so(office, shops, clock):
    class Slow(audit.Running):
        def __setattr__(self, name, value):
            super().__setattr__(name, value)
            clock.pass_by(minutes=2)

    last = audit.run(office, Slow("2026-03-02T09:00:00.000+00:00"), longest_s=60)
    assert "stopped after 1 minutes" in last.problem


# -- the first page ------------------------------------------------------------------------------------------------------


def test_a_till_that_was_enrolled_today_has_a_day_until_it_is_missed(office, shops, signed_in, clock):
    def change(connection):
        table = schema.terminal
        of_one = update(table).where(table.c.terminal == "BBBBBB")
        connection.execute(of_one.values(heard_at="", enrolled_at="2026-03-02T08:00:00.000+00:00"))

    office.database.write(change)
    assert "BBBBBB" not in signed_in("max", "manager", "Mill").get("/office").text
    clock.pass_by(minutes=25 * 60)
    assert "BBBBBB" in signed_in("mia", "manager", "Mill").get("/office").text


def test_home_says_what_waits_by_role_and_shop(office, shops, signed_in, clock):
    def change(connection):
        table = schema.terminal
        connection.execute(
            update(table).where(table.c.terminal == "BBBBBB").values(heard_at="2026-02-27T09:00:00.000+00:00")
        )

    office.database.write(change)
    mill = signed_in("max", "manager", "Mill").get("/office").text
    harbour = signed_in("mia", "manager", "Harbour").get("/office").text
    marketing = signed_in("mo", "marketing").get("/office").text
    assert ("1 till has not been heard" in mill, "BBBBBB" in mill) == (True, True)
    assert "BBBBBB" not in harbour
    assert "BBBBBB" not in marketing
    assert "second factor" in mill
    assert "second factor" not in marketing


def test_home_counts_the_open_tickets_that_this_person_may_answer(office, shops, visitor):
    support = visitor("support")
    said = support.said("/tickets", topic="points", words="My points are missing.", shop="Mill")
    assert "1 ticket to answer" in support.get("").text
    assert "1 ticket to answer" in visitor("manager", "Mill").get("").text
    for role, shop in (("manager", "Harbour"), ("auditor", ""), ("marketing", "")):
        assert "to answer" not in visitor(role, shop).get("").text
    support.post(f"/tickets/{said.split()[1]}/reply", text="They are there now.")
    assert "to answer" not in support.get("").text


def test_a_ticket_is_of_a_shop_that_there_is(office, shops, visitor):
    answer = visitor("support").post("/tickets", topic="points", words="My points are missing.", shop="Nowhere")
    assert (answer.status_code, "There is no shop Nowhere." in answer.text) == (422, True)
    assert tickets.counts(office)["open"] == 0


def test_each_setting_says_what_it_does_itself(office, visitor):
    shown = visitor("marketing").get("/settings").text
    assert [shown.count(one.about) for one in KEPT.values()] == [1] * len(KEPT)


# -- what a page says once, and by which clock ---------------------------------------------------------------------------


def said(answer):
    return re.findall('<p class="said" role="status">(.*?)</p>', answer.text)


def follow(browser, answer):
    return browser.get(answer.headers["location"].removeprefix("/office"))


def test_what_a_page_says_after_a_form_stands_in_no_address_and_is_said_once(office, visitor):
    support = visitor("support")
    done = support.post("/tickets", topic="points", words="My points are missing.")
    assert "said" not in done.headers["location"]
    assert re.fullmatch(r"/office/tickets/[\w-]+", done.headers["location"])
    assert [one[:7] for one in said(follow(support, done))] == ["Ticket "]
    assert said(follow(support, done)) == []


def test_a_link_makes_no_page_say_anything(office, visitor):
    assert "You+have+won" not in visitor("finance").get("/approvals?said=You+have+won").text
    assert "You have won" not in visitor("finance").get("/approvals?said=You+have+won").text


def test_two_windows_get_what_each_has_done_itself(office, visitor):
    """One sends two forms before either of the pages that follow is opened; another page in between says neither."""
    support = visitor("support")
    one, other = (support.post("/tickets", topic="points", words="Missing.") for _ in range(2))
    assert said(support.get("/tickets")) == []
    names = [answer.headers["location"].rpartition("/")[2] for answer in (one, other)]
    assert [said(follow(support, answer)) for answer in (other, one)] == [
        [f"Ticket {name} is open."] for name in reversed(names)
    ]
    assert said(visitor("support").get(f"/tickets/{names[0]}")) == [], "another session hears nothing of it"


def test_what_no_page_has_said_within_minutes_is_not_said_any_more(office, visitor, clock):
    support = visitor("support")
    done = support.post("/tickets", topic="points", words="Missing.")
    clock.pass_by(minutes=6)
    assert said(follow(support, done)) == []


def test_times_are_by_the_shops_clocks_and_the_zone_is_said_once(office, shops, visitor):
    """The tests' programme has Europe/Berlin: 09:00 UTC is 10:00 there in March."""
    for path in ("/shops", "/shops/Harbour", "/terminals/AAAAAA"):
        shown = visitor("finance").get(path).text
        assert ("2026-03-02 10:00" in shown, "2026-03-02 09:00" in shown) == (True, False), path
        assert (shown.count("Europe/Berlin"), shown.count("UTC")) == (1, 0), path


# -- what a newcomer looks for -------------------------------------------------------------------------------------------


def test_every_entry_of_the_menu_is_in_a_group_and_the_page_that_is_open_is_marked(office, shops, visitor):
    manager = visitor("manager", "Harbour")
    shown = manager.get("/closings").text.split("<main")[0].partition('class="beside"')[2]
    groups = re.findall('<ul aria-label="(.*?)">(.*?)</ul>', shown, re.DOTALL)
    assert [group for group, _ in groups] == ["Today", "Members", "Shops", "Programme", "Figures", "Head office"]
    assert re.findall(">([^<]*)</a>", dict(groups)["Shops"]) == ["Shops", "Closings", "Operators", "Card stock"]
    assert re.findall('aria-current="(.*?)">(.*?)</a>', shown) == [("page", "Closings")]
    below = manager.get("/shops/Harbour").text.split("<main")[0].partition('class="beside"')[2]
    assert re.findall('aria-current="(.*?)">(.*?)</a>', below) == [("true", "Shops")]


def test_what_waits_on_the_first_page_is_a_link_to_where_it_is_seen_to(office, shops, visitor):
    tickets.open_ticket(office, shop="Mill", topic="points", words="Missing.", by="max", source="office")
    table = schema.terminal
    late = update(table).where(table.c.terminal == "BBBBBB").values(heard_at="2026-02-27T09:00:00.000+00:00")
    office.database.write(lambda connection: connection.execute(late))
    shown = visitor("manager", "Mill").get("").text
    waits = shown.partition('class="waits"')[2].partition("</ul>")[0]
    assert re.findall('<li><a href="(.*?)">', waits) == ["/office/tickets?status=open", "/office/terminals/BBBBBB"]
    figures = shown.partition('class="figures"')[2].partition("</dl>")[0]
    assert re.findall('href="(.*?)">(.*?)<', figures) == [("/office/members", "1"), ("/office/shops", "1")]
    for role in ("marketing", "finance", "auditor"):  # who has figures and not the page is led nowhere
        one = visitor(role)
        for path in re.findall('href="/office(/[^"]*)">', one.get("").text.partition("<main")[2]):
            assert one.get(path).status_code == 200, (role, path)


WORDS_OF_DEVELOPERS = ("hundredths", "minor units", "UTF-8", "TOML", "SHA-256", "payload", "boolean", "epoch", "null")


def test_no_page_speaks_like_a_program():
    loader = environment().loader
    for name in environment().list_templates():
        said = re.sub(r"{[{%#].*?[}%#]}|<[^>]*>", " ", loader.get_source(environment(), name)[0])
        assert [word for word in WORDS_OF_DEVELOPERS if word in said] == [], name


def test_every_table_can_be_scrolled_by_keyboard_and_says_what_it_is():
    loader = environment().loader
    for name in environment().list_templates():
        source = loader.get_source(environment(), name)[0]
        regions = re.findall('<div class="table"[^>]*>', source)
        assert len(regions) == source.count("<table"), name
        for one in regions:
            assert all(mark in one for mark in ('tabindex="0"', 'role="region"', "aria-label")), (name, one)


def test_the_value_of_a_member_is_of_the_margin_in_settings_or_says_what_to_set(office, shops, visitor):
    finance = visitor("finance")
    shown = finance.get("/figures").text
    assert re.search('Value of a member so far.*?–.*?<a href="/office/settings#s-margin_percent">', shown, re.DOTALL)
    visitor("marketing").said("/settings/margin_percent", value="30", reason="last year's books")
    finance.allows()
    for query, margin in (("", 30), ("?margin=20", 20)):
        assert f"at a margin of {margin} %" in finance.get(f"/figures{query}").text


def test_settings_are_proposed_by_those_whom_the_table_lets(office, visitor):
    buttons = {role: visitor(role).get("/settings").text.count("<button>Propose") for role in ("marketing", "finance")}
    assert buttons == {"marketing": len(KEPT), "finance": 0}
    assert visitor("finance").post("/settings/window_days", value="60", reason="why").status_code == 422


def test_whoever_has_proposed_reads_that_another_person_has_to_allow_it(office, visitor):
    marketing = visitor("marketing")
    marketing.said("/settings/window_days", value="60", reason="why")
    shown = marketing.get("/approvals").text
    assert "You have proposed it: another person has to allow it, finance." in shown
    assert "Your role does not allow this" not in shown
