"""Head office's page about the programme: checking a text, trying it on the own sales, and two people to publish it."""

import html
import re
import tomllib

import pytest

from central_server.errors import OfficeError
from central_server.pages.uploads import LARGEST, MOST_PARTS
from central_server.people import proposals
from central_server.programs import publishing, what_if
from central_server.programs import text as program_text
from loyalty.program import preset, preset_names, read_program
from loyalty.simulation import Behaviour
from loyalty.simulation_words import lines

pytestmark = pytest.mark.slow

DOUBLE = preset("points").replace("version = 1", "version = 2").replace("points = 1 ", "points = 2 ", 1)
WRONG = DOUBLE.replace('currency = "EUR"', 'currency = "euros"').replace("months = 12", "months = -1")


def text(answer):
    """What a page says, without its marks."""
    bare = re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2])
    return " ".join(html.unescape(bare).split())


@pytest.fixture
def marketing(visitor):
    return visitor("marketing")


def in_force(office):
    with office.database.reading() as connection:
        return office.program(connection).id


# -- checking ------------------------------------------------------------------------------------------------------------


def test_all_problems_are_told_at_once_with_their_lines(office, marketing):
    answer = marketing.post("/program/check", text=WRONG)
    assert answer.status_code == 422
    page = text(answer)
    assert "2 problems" in page
    for line in ("line 4:", "line 16:"):
        assert line in page
    assert "Propose it" not in page


def test_a_text_area_and_a_file_give_the_programme_of_the_file(office, marketing):
    typed = marketing.post("/program/check", text=DOUBLE.replace("\n", "\r\n"))
    sent = marketing.upload("/program/check", "file", DOUBLE.encode())
    name = read_program(DOUBLE).id
    for answer in (typed, sent):
        assert answer.status_code == 200
        assert f"A sound programme points, version 2 ({name})" in text(answer)
    kept = html.unescape(sent.text.partition("<textarea")[2].partition(">\n")[2].partition("</textarea>")[0])
    assert kept == DOUBLE, "what was checked is what is proposed"


def test_doubts_are_told_and_stop_nothing(office, marketing):
    odd = DOUBLE + '\n[[benefit]]\ntitle = "Lounge"\ntiers = ["gold"]\n'
    page = text(marketing.post("/program/check", text=odd))
    assert "It can be used, but see" in page
    assert "there is no tier" in page
    assert "Propose it" in page


def test_what_cannot_follow_is_said_with_the_version_that_can(office, marketing):
    page = text(marketing.post("/program/check", text=DOUBLE.replace("version = 2", "version = 1")))
    assert "It cannot follow" in page
    assert "Write version = 2 into the file" in page


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "There is no text."),
        (b"#" * (256 * 1024 + 1), "at most 256 KB"),
        (b"\xff\xfe\x00", "cannot be used"),
        (b"[[[", "cannot be used"),
    ],
)
def test_a_file_that_is_no_programme_is_refused_in_words(office, marketing, content, says):
    answer = marketing.upload("/program/check", "file", content)
    assert answer.status_code == 422
    assert says in text(answer)


def test_a_form_of_too_many_parts_or_bytes_is_not_read(office, marketing):
    head = {"content-type": "multipart/form-data; boundary=x"}
    for body in (b"--x\r\n\r\n1\r\n" * (MOST_PARTS + 1) + b"--x--", b"--x\r\n\r\n" + b"1" * LARGEST + b"--x--"):
        answer = marketing._ask("POST", "/program/check", content=body, headers=head)
        assert answer.status_code == 413
    answer = marketing._ask(
        "POST", "/program/check", content=b"nothing", headers={"content-type": "multipart/form-data"}
    )
    assert answer.status_code == 413


# -- trying --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def sold(office, till):
    """Two tills that sold for 300.00 and 60.00 to anna, and once to nobody."""
    new, other = till(), till("BBBBBB", "Mill")
    for number in range(3):
        new.sale(f"{number}", 10000, "anna")
    other.sale("a", 6000, "anna"), other.sale("b", 500)
    new.send(), other.send()
    return new


def test_a_version_is_tried_on_the_own_sales_beside_the_one_in_force(office, sold, marketing):
    page = text(marketing.post("/program/what-if", text=DOUBLE))
    assert "5 sales from 2026-03-02 to 2026-03-02" in page
    tried, now = map(int, page.partition("Points issued ")[2].split()[:2])
    assert now < tried <= 2 * 360, "at most two points for each whole unit; what points paid earns none"
    assert "nobody is taken to buy more" in page


def test_the_numbers_are_those_of_the_simulation(office, sold):
    with office.database.reading() as connection:
        found = what_if.recent(connection)
    assert [(sale.total_minor, member) for sale, member in found.sales].count((10000, "anna")) == 3
    (outcome,) = what_if.compare([read_program(DOUBLE)], found, Behaviour(redeem_percent=0))
    told = dict(lines(outcome))
    assert told["Points issued"] == "720"
    assert told["Sales with a member"] == "4 by 1 member, 98.63 % of the value"


def test_only_the_last_sales_are_read_and_all_of_each_day(office, till, clock):
    busy, calm = till(), till("BBBBBB", "Mill")
    for day in ("2026-03-02", "2026-03-03", "2026-03-04"):
        busy.day = calm.day = day
        calm.sale(f"c{day}", 500)
        for number in range(4):
            busy.sale(f"{day}-{number}", 1000)
    busy.send(), calm.send()
    with office.database.reading() as connection:
        found = what_if.recent(
            connection, most=12
        )  # six of each till: the busy one's begin on the third, in the middle
    assert (found.first, found.last, len(found.sales)) == ("2026-03-04", "2026-03-04", 5)


def test_what_takes_too_long_is_stopped_and_says_so(office, sold):
    with office.database.reading() as connection:
        found = what_if.recent(connection)
    times = iter([0.0, 10.5])
    with pytest.raises(OfficeError, match="longer than 10 seconds"):
        what_if.compare([read_program(DOUBLE)], found, Behaviour(), clock=lambda: next(times))
    assert what_if.compare([read_program(DOUBLE)], found, Behaviour()), "the next one has its turn"


def test_one_at_a_time_is_tried(office, sold):
    with office.database.reading() as connection:
        found = what_if.recent(connection)

    def meanwhile():
        with pytest.raises(OfficeError, match="Somebody tries a programme just now"):
            what_if.compare([read_program(DOUBLE)], found, Behaviour())
        return 0.0

    what_if.compare([read_program(DOUBLE)], found, Behaviour(), clock=meanwhile)


def test_without_sales_there_is_nothing_to_try_on(office, marketing):
    assert "There are no sales yet" in text(marketing.post("/program/what-if", text=DOUBLE))


# -- publishing ----------------------------------------------------------------------------------------------------------


def test_marketing_proposes_and_finance_puts_it_in_force(office, marketing, visitor):
    before, name = in_force(office), read_program(DOUBLE).id
    said = marketing.said("/program/propose", text=DOUBLE, reason="the spring campaign")
    assert f"Put the programme {name} in force at once, in place of {before}: 4 lines differ" in said
    assert in_force(office) == before
    finance = visitor("finance")
    (waiting,) = proposals.waiting(office)
    page = finance.get(f"/program/proposals/{waiting.proposal}")
    assert "-version = 1" in page.text
    assert "+version = 2" in page.text
    assert "What differs" in finance.get("/program").text
    assert f'/program/proposals/{waiting.proposal}">What differs' in finance.get("/approvals").text
    assert finance.allows().answer == f"{name} is in force; the tills hear of it at once."
    assert in_force(office) == name


def test_a_day_from_which_it_counts_is_written_into_the_text(office, marketing, visitor):
    said = marketing.said("/program/propose", text=DOUBLE, effective="2026-04-01T04:00", reason="the spring campaign")
    assert "from 2026-04-01 04:00 by the shops' clocks" in said
    visitor("finance").allows()
    versions = {one.program: one for one in publishing.versions(office)}
    (coming,) = (one for one in versions.values() if one.state == "to come")
    assert coming.effective == "2026-04-01T04:00"
    assert "to come" in text(visitor("auditor").get("/program"))


def test_what_cannot_follow_any_more_is_not_published(office, marketing, visitor):
    marketing.said("/program/propose", text=DOUBLE, reason="one")
    marketing.said("/program/propose", text=DOUBLE + "# another\n", reason="two")
    finance = visitor("finance")
    first, second = (one.proposal for one in proposals.waiting(office) if one.kind == "publish")
    assert finance.allows(first).outcome == "done"
    assert "This cannot be done any more." in text(finance.get("/program"))
    assert finance.allows(second).outcome == "failed"
    assert len(publishing.versions(office)) == 2


@pytest.mark.parametrize(
    "form",
    [
        {"text": WRONG, "reason": "x"},
        {"text": DOUBLE, "reason": " "},
        {"text": DOUBLE, "reason": "x", "effective": "soon"},
        {"text": DOUBLE.replace("version = 2", "version = 1"), "reason": "x"},
    ],
)
def test_what_cannot_be_published_is_not_proposed(office, marketing, form):
    assert marketing.post("/program/propose", **form).status_code == 422
    assert proposals.waiting(office) == []


def test_an_earlier_version_is_taken_up_again_as_the_next_one(office, marketing, visitor, tell):
    first = in_force(office)
    tell.use(office, DOUBLE)
    page = visitor("marketing").get(f"/program/versions/{first}")
    assert "Take it up again" in page.text
    answer = marketing.post("/program/again", program=first)
    kept = html.unescape(answer.text.partition("<textarea")[2].partition(">\n")[2].partition("</textarea>")[0])
    assert kept == preset("points").replace("version = 1", "version = 3")
    assert "A sound programme" in text(answer)
    assert marketing.post("/program/again", program="nothing").status_code == 422


def test_whoever_reads_the_ledger_sees_the_programme_and_changes_nothing(office, visitor):
    auditor = visitor("auditor")
    assert "A new version" not in auditor.get("/program").text
    assert auditor.get(f"/program/versions/{in_force(office)}").status_code == 200
    for address in ("check", "what-if", "propose", "again"):
        assert auditor.post(f"/program/{address}", text=DOUBLE, reason="x").status_code == 403


# -- the text ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", preset_names())
def test_a_key_that_is_set_and_taken_away_changes_nothing_else(name):
    before = preset(name)
    after = program_text.with_key(before, "effective", '"2027-01-01T00:00"')
    assert tomllib.loads(after) == {**tomllib.loads(before), "effective": "2027-01-01T00:00"}
    assert program_text.with_key(after, "effective", "") == before
    raised = program_text.with_key(before, "version", "99")
    assert tomllib.loads(raised) == {**tomllib.loads(before), "version": 99}


def test_what_is_in_force_is_named_as_people_name_it_and_since_when(office, sold, marketing):
    assert "In force: points, version 1 , from 2026-03-02 10:00" in text(marketing.get("/program"))
    tried = text(marketing.post("/program/what-if", text=DOUBLE))
    assert "in force: points, version 1" in tried
    assert "at least €1.00" in tried


@pytest.mark.parametrize("when", ["2020-01-01T00:00", "2026-03-02T10:00"])  # now is 10:00 in Berlin
def test_a_version_is_not_proposed_from_a_time_that_is_over(office, marketing, when):
    answer = marketing.post("/program/propose", text=DOUBLE, reason="x", effective=when)
    assert answer.status_code == 422
    assert "is over: it is 2026-03-02 10:00 by the shops' clocks. Nothing was proposed." in text(answer)
    assert "Proposed" not in text(marketing.get("/program"))
