"""The rewards as lines for a till that prints its own receipt: character for character what our own receipt has."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.document import Document, Text, decode_document
from drivers.simulated.printer import SimulatedPrinter
from offline_store import receipts
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.receipt_template import Template

CARD = "2900000000018"
OF_REWARDS = """
name = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"
[unit]
one = "star"
many = "stars"
[earn]
points = 1
per_minor = 100
[expire]
months = 2
warn_days = 90
rule = "{rule}"
[redeem]
points = 100
worth_minor = 100
[claim]
within_days = 7
[offline]
policy = "floor_limit"
floor_limit = 40
[[tier]]
name = "silver"
title = "Silver"
from = 50
[[reward]]
name = "coffee"
title = "a free coffee"
points = 400
kind = "money"
value_minor = 300
"""


def printed(till, number: int) -> Document:
    with till.store.read() as db:
        kept = receipts.document(db, number)
    assert kept
    return decode_document(kept)


def stands_in(lines: list[str], document: Document) -> bool:
    """Whether the lines are on the receipt, one below the other."""
    texts = [block.text for block in document.blocks if isinstance(block, Text)]
    return any(texts[at : at + len(lines)] == lines for at in range(len(texts)))


def sold(till, ref: str, total: int, member: str = "", redeem: int = 0, columns: int = 0, **more: Any) -> list[str]:
    """Sells, and answers the lines of the commit, which the quote foretold and the receipt has."""
    quote = till.checkout.quote(till.sale(ref, total, **more), member, redeem, columns=columns)
    done = till.checkout.commit(quote.quote_id)
    assert quote.receipt_lines == done.receipt_lines
    if columns in (0, till.checkout.layout.width_columns):
        assert stands_in(done.receipt_lines, printed(till, done.number))
    assert done.receipt_lines
    return done.receipt_lines


def test_a_host_prints_what_our_own_printer_prints(serve) -> None:
    with SimulatedPrinter() as printer, serve(printer={"address": f"tcp://127.0.0.1:{printer.serve_tcp()}"}) as served:
        served.terminal.start()
        member = served.member()
        served.sell("1", 10_000, member=member)
        done = served.sell("2", 5000, member=member, redeem=[{"kind": "points", "points": 30}])
        assert printer.wait_until(lambda: printer.printed_total == 2)
        on_paper = printer.receipts[1].lines
        at = on_paper.index(done["receipt_lines"][0])
        assert on_paper[at : at + len(done["receipt_lines"])] == done["receipt_lines"]
        assert done["receipt_lines"][0].startswith("POINTS ")
        assert any(line.startswith("Used ") and line.endswith(" -30") for line in done["receipt_lines"])


@pytest.mark.parametrize("columns", [24, 32, 42, 48, 64])
def test_lines_of_another_width_are_those_of_a_receipt_of_that_width(till, columns: int) -> None:
    """What a till with paper of that width prints of the same sale, told by a till whose own is narrower."""
    member = till.member()
    till.sell("0", 9000, member=member)
    told = sold(till, "1", 5000, member, 20, columns)
    till.checkout.layout = Layout(columns)
    till.checkout.commit(till.checkout.quote(till.sale("2", 5000), member, 20).quote_id)
    mine = printed(till, 4).text() if columns else ""
    assert told[0] in mine
    assert max(map(len, told)) == columns
    assert [len(line) for line in told if line.endswith(("+49", "+50", "-20"))] == [columns] * 2


@pytest.mark.parametrize("rule", ["months", "inactivity"])
@pytest.mark.parametrize("connection", ["never heard", "never heard, current", "offline", "online", "current"])
def test_a_quote_foretells_the_lines_of_its_commit(till, connection: str, rule: str) -> None:
    """Through a member's first weeks, with redemptions, expiry and tiers, however the till stands with head office."""
    till.use_program(OF_REWARDS.format(rule=rule))
    template = Template(blocks=[*Template().blocks[:-2], "offers", "blank", "footer", "reference"])
    till.new_checkout(layout=Layout(32, template=template))
    member = till.member()
    if not connection.startswith("never heard"):
        soon, late = "2026-12-05", "2027-06-01"
        told_at = till.head()[0]
        till.hear_of(member, (soon, 120), (late, 230), as_of=till.now, includes=told_at)
    if connection not in ("never heard", "offline"):
        till.go_online(is_current=connection.endswith("current"))
    for number, (total, redeem) in enumerate([(2799, 0), (10_000, 0), (5000, 50), (300, 0), (4000, 500), (2000, 10)]):
        till.scan()
        if connection.endswith("current"):
            till.acknowledge(till.head()[0])
        sold(till, f"s{number}", total, member, redeem)
        till.pass_time(days=3)
        if not connection.startswith("never heard") and number % 2:
            till.hear_of(member, (soon, 120), (late, 230), as_of=till.now, includes=told_at)
    lines = sold(till, "without", 5000)
    assert lines == ["You could have earned 50 stars:", "scan within 7 days"]


def test_the_lines_of_a_sale_stay_when_it_is_asked_for_again(served) -> None:
    member = served.member()
    done = served.sell("1", 5000, member=member, columns=48)
    assert {len(line) for line in done["receipt_lines"]} == {48}
    served.sell("2", 9000, member=member)
    again = served.quote("1", 5000, member=member, columns=32)
    assert again["receipt_lines"] == done["receipt_lines"]
    assert served.commit(again, "another key").json() == done


def test_a_training_sale_has_no_lines(served) -> None:
    quote = served.quote(member=served.member(), training=True)
    assert (quote["receipt_lines"], served.commit(quote).json()["receipt_lines"]) == ([], [])


@pytest.mark.parametrize("columns", [23, 65, 0, -1, "42", 32.5])
def test_paper_that_is_none_is_refused(refusing, columns: object) -> None:
    answer = refusing.client.post("/v1/quotes", json=refusing.sale("9", columns=columns))
    refusing.refused(answer, 422, "INVALID", "columns must be")


def test_the_shops_order_and_words_are_kept_and_codes_left_out(till) -> None:
    template = Template(blocks=["date", "lines", "discounts", "totals", "claim code", "rule", "points", "reference"])
    till.new_checkout(layout=Layout(32, template=template))
    assert sold(till, "1", 5000) == ["You could have earned 50 points:", "scan within 7 days"]
    assert sold(till, "2", 5000, till.member())[0].startswith("POINTS ")


def test_lines_are_given_also_where_the_shops_own_receipt_leaves_points_out(till) -> None:
    till.new_checkout(layout=Layout(32, template=Template(points="none")))
    quote = till.checkout.quote(till.sale("1", 5000), till.member())
    done = till.checkout.commit(quote.quote_id)
    assert done.receipt_lines[0].startswith("POINTS ")
    assert "POINTS" not in printed(till, done.number).text()


def test_lines_of_any_script_have_their_width_in_columns(till) -> None:
    till.new_checkout(layout=Layout(32, language="tr"))
    member = till.member()
    lines = sold(till, "1", 5000, member, columns=40)
    assert lines[0] == "PUANLAR" + " " * (40 - 7 - len("Kart ****0018")) + "Kart ****0018"


def test_a_sale_of_an_earlier_version_has_no_lines_and_is_answered(till) -> None:
    member = till.member()
    done = till.sell("1", 5000, member)
    till.store.write(lambda db: db.execute("UPDATE receipt SET rewards = NULL") and None)
    again = till.checkout.commit(till.checkout.quote(till.sale("1", 5000), member).quote_id)
    assert (again.number, again.receipt_lines) == (done.number, [])
