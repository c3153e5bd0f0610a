"""Head office's pages of figures and of the books: who sees what, tables as files, closing a month."""

import csv
import html
import io
import re

import pytest

from central_server.figures import closing, facts
from central_server.membership import desk

MARCH = "from=2026-03-01&to=2026-03-31"


def text(answer):
    """What a page says, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2])).split())


def rows(answer):
    assert answer.status_code == 200
    return list(csv.reader(io.StringIO(answer.text)))


@pytest.fixture
def sold(office, till):
    """Two sales at the harbour, one with a card; one at the mill."""
    harbour, mill = till(), till("BBBBBB", "Mill")
    harbour.sale("1", 1000, "anna")
    harbour.sale("2", 500)
    mill.sale("1", 400)
    harbour.send()
    mill.send()
    facts.count_pending(office)
    return harbour


def test_head_office_sees_all_shops_and_a_manager_the_own_one_whatever_is_asked(sold, visitor):
    assert "Attach rate by count 33.3 % 1 of 3 sales" in text(visitor("marketing").get(f"/figures?{MARCH}"))
    assert "Attach rate by count 50.0 % 1 of 2 sales" in text(visitor("auditor").get(f"/figures?{MARCH}&shop=Harbour"))
    manager = visitor("manager", "Mill")
    assert "Attach rate by count 0.0 % 0 of 1 sales" in text(manager.get(f"/figures?{MARCH}&shop=Harbour"))
    assert "Harbour" not in manager.get(f"/figures?{MARCH}").text.partition("Provisional")[0].partition("<main")[2]
    assert rows(manager.get(f"/figures/table/shop.csv?{MARCH}&shop=Harbour"))[1][:5] == ["Mill", "", "", "1", "0"]
    for path in ("/figures", "/figures/by/cashier", "/figures/at-risk", "/figures/plot/sales.svg"):
        assert visitor("cashier", "Mill").get(path).status_code == 403


def test_a_sale_that_has_just_come_is_on_the_page_at_once(sold, visitor):
    sold.sale("3", 700)
    sold.send()
    assert "1 of 4 sales" in text(visitor("marketing").get(f"/figures?{MARCH}"))


def test_points_given_by_hand_are_in_the_figures_and_the_books_at_once(office, sold, visitor):
    finance = visitor("finance")
    who = desk.Who("a bad day", "Sue", "Ada")
    desk.adjust(office, "anna", 50, who, is_goodwill=True)
    assert rows(finance.get("/figures/books.csv"))[-1][closing.HEADINGS.index("closing")] == "60"
    desk.adjust(office, "anna", 50, who, is_goodwill=True, document="a second case")
    assert "= closing 110" in text(finance.get("/figures/books/2026-03"))
    sold.sale("3", 700)
    sold.send()
    desk.adjust(office, "anna", 50, who, is_goodwill=True, document="a third case")
    assert "160 open points at the end" in text(finance.get(f"/figures?{MARCH}"))


def test_a_cashier_has_no_figures_in_the_menu(sold, visitor):
    assert 'href="/office/figures"' not in visitor("cashier", "Mill").get("").text
    assert 'href="/office/figures"' in visitor("supervisor", "Mill").get("").text


@pytest.mark.slow  # for Matplotlib to load
def test_every_plot_has_its_address_its_words_and_a_table_that_can_be_kept(sold, visitor):
    marketing = visitor("marketing")
    page = marketing.get(f"/figures?{MARCH}").text
    named = re.findall(r'<img class="plot" src="/office(/figures/plot/(\w+)\.svg\?[^"]+)" alt="([^"]+)"', page)
    assert [name for _, name, _ in named] == ["sales", "attach", "points", "issues"]
    for address, name, alt in named:
        drawn = marketing.get(html.unescape(address))
        assert (drawn.headers["content-type"], drawn.text.count("<svg")) == ("image/svg+xml", 1)
        assert "script" not in drawn.text
        assert alt.endswith("The table below has the numbers.")
        assert rows(marketing.get(f"/figures/table/{name}.csv?{MARCH}"))[1][0] == "2026-03"
    assert rows(marketing.get(f"/figures/table/sales.csv?{MARCH}")) == [
        ["month", "with a member", "without"],
        ["2026-03", "1", "2"],
    ]
    assert marketing.get(f"/figures/plot/nonsense.svg?{MARCH}").status_code == 404


def test_an_empty_period_and_a_wrong_question_are_answered_in_words(sold, visitor):
    marketing = visitor("marketing")
    assert "There are no sales in this period." in text(marketing.get("/figures?from=2025-01-01&to=2025-01-31"))
    for question in (
        "from=2026-03-09&to=2026-03-01",
        "from=soon",
        "shop=Moon",
        "window=many",
        "margin=x",
        f"margin={'9' * 5000}",
    ):
        answer = marketing.get(f"/figures?{question}")
        assert (answer.status_code, "Not done" in answer.text) == (422, True), question


def test_a_target_is_set_by_who_may_and_stands_beside_its_figure(sold, visitor):
    marketing = visitor("marketing")
    assert marketing.post("/figures/targets", figure="active", wanted="4").status_code == 303
    assert "Active members : 1, target 4: 3 members short of the target." in text(marketing.get(f"/figures?{MARCH}"))
    assert visitor("auditor").post("/figures/targets", figure="active", wanted="1").status_code == 403


def test_who_may_be_leaving_is_shown_as_the_role_may_see_them_and_exported_only_with_consent(
    office, till, visitor, clock
):
    from central_server import schema
    from central_server.database import add

    one = till()
    for day in ("01", "05", "09"):
        one.day = f"2026-01-{day}"
        one.sale(day, 1000, "anna")
        one.sale(f"{day}b", 900, "bert")
    one.send()
    facts.count_pending(office)
    said = {"text": "1", "is_given": True, "channel": "till", "at": office.time(), "terminal": "", "operator": ""}
    with office.database.writing() as connection:
        add(
            connection,
            schema.card,
            [{"card": f"290000000001{n}", "member": who} for n, who in ((1, "anna"), (2, "bert"))],
        )
        add(connection, schema.shops.consent, [{"member": "bert", "document": "consent/1", **said}])
    shown = visitor("auditor").get("/figures/at-risk")
    assert "2 of 2 members" in shown.text
    assert "ends 0011" in shown.text
    assert "2900000000011" not in shown.text
    assert "2900000000011" in visitor("manager", "Harbour").get("/figures/at-risk").text
    assert rows(visitor("manager", "Harbour").get("/figures/at-risk.csv"))[1:] == [
        ["2900000000012", "3", "4", "2026-01-09", "52", "2700"]
    ]


def test_tiers_are_named_as_members_know_them(office, till, visitor, tell):
    program = tell.use(
        office,
        'name = "steps"\ncurrency = "EUR"\n[tiers]\nbase = "Everybody"\nwindow_months = 3\nlasts_months = 3\n'
        '[[tier]]\nname = "gold"\ntitle = "Golden"\nfrom = 5000\n',
    )
    one = till()
    one.program = program
    for member, minor in (("anna", 9000), ("bert", 100)):
        one.join(member)
        one.sale(member, minor, member)
    one.send()
    shown = text(visitor("marketing").get(f"/figures/tiers?{MARCH}"))
    assert "joined Everybody 1" in shown
    assert "joined Golden 1" in shown


def test_finance_closes_the_oldest_month_that_is_over_and_an_auditor_only_reads(sold, office, visitor, clock):
    assert "Close 2026-03" not in visitor("finance").get("/figures/books").text, "it is not over"
    clock.pass_by(days=40)
    finance, auditor = visitor("finance"), visitor("auditor")
    assert "Close 2026-03" in finance.get("/figures/books").text
    assert "Close 2026-03" not in auditor.get("/figures/books").text
    assert auditor.post("/figures/books/2026-03/close").status_code == 403
    assert finance.post("/figures/books/2026-03/close").status_code == 303
    assert "closed 2026-04-11 by finance" in text(auditor.get("/figures/books"))
    shown = text(auditor.get("/figures/books/2026-03"))
    assert "+ issued 10 0" in shown
    assert "= closing 10" in shown
    assert finance.post("/figures/books/2026-03/close").status_code == 422
    assert rows(finance.get("/figures/books.csv"))[1][:3] == ["2026-03", "0", "10"]
    assert visitor("marketing").get("/figures/books").status_code == 403


def test_a_month_is_closed_by_a_second_press_that_says_it_is_for_good(sold, visitor, clock):
    clock.pass_by(days=40)
    page = visitor("finance").get("/figures/books").text
    [folded] = re.findall(r"<details><summary>Close 2026-03</summary>(.*?)</details>", page, re.DOTALL)
    assert "cannot be opened again" in folded
    assert page.count("/figures/books/2026-03/close") == folded.count("/figures/books/2026-03/close") == 1


def test_a_shops_name_is_no_formula_in_a_spreadsheet():
    from central_server.pages.figures import _plain

    assert [_plain(one) for one in ("=1+1", "@SUM", "-2.5", "+60.0", "Mill", 7)] == [
        "'=1+1",
        "'@SUM",
        "-2.5",
        "+60.0",
        "Mill",
        7,
    ]
