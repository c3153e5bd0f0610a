"""What each charity is to get, whatever the tills sent twice, out of order, or took back."""

import csv
import io
import json

import pytest
from typer.testing import CliRunner

from central_server.cli import app
from central_server.reports.donations import Donation, donations
from loyalty.program import preset
from loyalty.standing import Standing

GIVING = (
    preset("points")
    + """
[giving]
percent = 1
charities = [{ name = "trees", title = "Trees" }, { name = "library", title = "The library, in town" }]
"""
)


@pytest.fixture
def one(office, till, tell):
    new = till()
    new.program = tell.use(office, GIVING)
    return new


def test_sales_add_up_by_month_and_charity(office, one):
    one.sale("1", 10000, "anna")
    one.sale("2", 5000, "bert")
    one.sale("3", 7000)  # nobody's
    one.standing = Standing(charity="library")
    one.sale("4", 2000, "anna")
    one.day = "2026-04-01"
    one.sale("5", 300, "anna")
    assert donations(office) == []
    one.send()
    assert donations(office) == [
        Donation("2026-03", "library", "EUR", 20, 1, 0),
        Donation("2026-03", "trees", "EUR", 150, 2, 0),
        Donation("2026-04", "library", "EUR", 3, 1, 0),
    ]


def test_what_comes_back_is_taken_off_the_month_of_its_sale(office, one, till):
    whole, part = one.sale("1", 10000, "anna"), one.sale("2", 5000, "anna")
    one.day = "2026-04-01"
    one.give_back(whole, "r1", void=True)
    one.give_back(part, "r2", 2000)
    one.send()
    assert donations(office) == [Donation("2026-03", "trees", "EUR", 30, 2, 120)]


def test_a_sale_counts_once_though_two_tills_tell_of_it_and_a_claimed_one_from_then_on(office, one, till):
    other = till("BBBBBB")
    other.program = one.program
    first = one.sale("1", 10000, "anna", lot="lot")
    other.write(first.body, first.envelope.document, "anna")
    nobodys = one.sale("2", 5000)
    one.send()
    other.send()
    assert donations(office) == [Donation("2026-03", "trees", "EUR", 100, 1, 0)]
    other.day = "2026-04-01"
    other.claim(nobodys, "bert")
    other.send()
    assert donations(office) == [Donation("2026-03", "trees", "EUR", 150, 2, 0)]


def test_the_report_as_people_and_programs_read_it(office, one):
    one.sale("1", 10000, "anna")
    one.send()

    def typed(*options):
        return CliRunner().invoke(app, ["donations", "--dir", str(office.folder), *options]).stdout

    assert typed() == "2026-03        1.00 EUR of 1 sale  trees\n"
    row = {"month": "2026-03", "charity": "trees", "currency": "EUR", "minor": 100, "sales": 1, "returned_minor": 0}
    assert json.loads(typed("--json")) == [row]
    assert list(csv.DictReader(io.StringIO(typed("--csv")))) == [{key: str(value) for key, value in row.items()}]
