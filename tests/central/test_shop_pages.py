"""Head office's pages about shops and their tills: how they are, what to look at, letting tills in and giving them up."""

import html
import re

import pytest
from sqlalchemy import update

from central_server import schema
from central_server.errors import OfficeError
from central_server.membership import desk
from central_server.pages import home
from central_server.pages.frame import Visit
from central_server.people import proposals
from central_server.people.staff import Staff
from central_server.tills import forfeits, inbox
from central_server.tills import overview as till_overview
from central_server.tills.overview import NOTES, STATES
from ledger.identifiers import receipt_reference

pytestmark = pytest.mark.slow


def text(answer):
    """What a page says, without its marks."""
    bare = re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2])
    return " ".join(html.unescape(bare).split())


@pytest.fixture
def one(office, till):
    """A till at the harbour that holds 60 of anna's 100 points, and one at the mill."""
    new, other = till(), till("BBBBBB", "Mill")
    new.join("anna")
    new.sale("1", 10000, "anna")
    new.send(), other.send()
    new.fetch("anna", 60)
    new.send()
    return new


def till_of(office, name="AAAAAA"):
    with office.database.reading() as connection:
        return till_overview.till(office, connection, name)


def test_head_office_sees_all_shops_and_a_manager_the_own_one(one, visitor):
    assert "2 shops Shop" in text(visitor("finance").get("/shops"))
    own = visitor("manager", "Mill").get("/shops")
    assert "BBBBBB" in own.text
    assert "AAAAAA" not in own.text
    for address in ("/shops/Harbour", "/terminals/AAAAAA"):
        assert visitor("manager", "Mill").get(address).status_code == 403
        assert visitor("auditor").get(address).status_code == 200
    assert visitor("manager", "Mill").post("/terminals/AAAAAA/forfeit", reason="x").status_code == 403
    assert visitor("manager", "Mill").post("/shops/Harbour/propose-till", reason="x").status_code == 403


@pytest.mark.parametrize(("role", "page"), [("auditor", "/closings"), ("support", "/tickets"), ("finance", "/figures")])
def test_a_shop_that_is_none_is_said_as_such(one, visitor, role, page):
    answer = visitor(role).get(f"{page}?shop=Habour")
    assert answer.status_code in (404, 409, 422)
    assert "There is no shop Habour; did you mean Harbour?" in text(answer)
    assert "Shops here: Harbour, Mill." in text(answer)


def test_a_till_says_its_version_its_last_entry_and_the_points_at_it(office, one, visitor):
    page = text(visitor("finance").get("/terminals/AAAAAA"))
    assert "In use. It was heard within the last day." in page
    assert "Version test when it last began" in page
    assert "number 4: take of 2026-03-02 10:00 , sent 2026-03-02 10:00" in page
    assert "Points at it 60" in page
    found = till_of(office)
    assert (found.last, found.waiting, found.at_stake) == (4, 0, 60)


def test_the_states_of_a_till(office, one, till, visitor, clock):
    assert till_of(office).state == "in use"
    till("DDDDDD")
    assert till_of(office, "DDDDDD").state == "in use"
    with office.database.writing() as connection:  # as one that the roster alone knows, after a restore
        connection.execute(update(schema.terminal).where(schema.terminal.c.terminal == "DDDDDD").values(heard_at=""))
    assert till_of(office, "DDDDDD").state == "silent"
    clock.pass_by(days=1, minutes=1)
    assert till_of(office).state == "quiet"
    forfeits.forfeit(office, "AAAAAA")
    assert till_of(office).state == "lost"
    visitor("manager", "Mill").said("/terminals/BBBBBB/revoke", reason="stolen")
    visitor("integrator").allows()
    assert till_of(office, "BBBBBB").state == "revoked"
    assert set(STATES) == {"in use", "quiet", "silent", "revoked", "lost", "awaited"}


def test_a_copied_disk_is_shown_with_what_to_do(office, one, visitor):
    twin = one.copy()
    one.sale("mine", 1000), twin.sale("twins", 2000)
    one.send(), twin.send()
    page = text(visitor("finance").get("/terminals/AAAAAA"))
    assert "Its disk was copied or put back" in page
    assert "stop the twin, and delete its folder once it has sent everything" in page
    assert till_of(office).forks == 1
    assert "disk copied or put back" in text(visitor("finance").get("/shops/Harbour"))


def test_what_is_recorded_and_not_worked_out_is_counted(office, one, visitor):
    one.sale("2", 1000, "anna")
    inbox.record(office, one.batch(one.sent))
    assert till_of(office).waiting == 1
    assert "Not worked out 1" in text(visitor("finance").get("/terminals/AAAAAA"))
    reference = receipt_reference("AAAAAA", len(one.journal))
    assert "has not worked it out yet" in text(visitor("finance").get(f"/receipt?reference={reference}"))


def test_a_new_epoch_is_no_copy_and_its_version_is_shown(office, one):
    one.reopen("second")
    one.send()
    found = till_of(office)
    assert (found.forks, len(found.branches)) == (0, 2)
    with office.database.reading() as connection:
        assert till_overview.version_of(connection, found) == "test"


def test_notes_stand_with_their_meaning_and_what_to_do(office, one, visitor):
    one.sale("1", 9900, "anna")  # the same document with other content
    one.send()
    page = text(visitor("finance").get("/terminals/AAAAAA"))
    assert "conflict : One sale or return came twice with different content" in page
    assert "Compare the two receipts" in page
    assert "1 note" in page


def test_every_note_that_is_documented_has_words_here(request):
    errors = (request.config.rootpath / "docs" / "errors.md").read_text(encoding="utf-8")
    listed = errors.partition("| Note | Means |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", listed, re.MULTILINE)) == set(NOTES)


def test_what_waits_for_a_sale_that_was_not_sent_is_counted(office, one, till, visitor):
    other = till("CCCCCC")
    unsent = one.sale("far", 1000)
    other.give_back(unsent, "r1")
    other.send()
    assert "1 return or claim waits for a sale" in text(visitor("finance").get("/shops/Harbour"))
    one.send()
    assert "for a sale that no till" not in text(visitor("finance").get("/shops/Harbour"))


def test_a_code_for_a_till_is_allowed_by_two_made_once_and_kept_nowhere(office, one, visitor, till, tell):
    manager, integrator = visitor("manager", "Harbour"), visitor("integrator")
    assert manager.post("/shops/Harbour/code").status_code == 422
    manager.said("/shops/Harbour/propose-till", reason="a second counter")
    assert manager.post("/shops/Harbour/code").status_code == 422
    with pytest.raises(OfficeError, match=r"allow|decide"):
        manager.allows()
    allowed = integrator.allows()
    assert visitor("manager", "Mill").post("/shops/Mill/code").status_code == 422
    assert "Make the code now" in manager.get("/shops/Harbour").text
    made = manager.post("/shops/Harbour/code")
    code = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", made.text)[0]
    assert made.headers["cache-control"] == "no-store"
    new = tell.Till(office, "EEEEEE", "Harbour")
    assert new.enroll(code).shop == "Harbour"
    assert manager.post("/shops/Harbour/code").status_code == 422, "one proposal is one till"
    kept = [one for one in proposals.decided(office) if one.proposal == allowed.proposal]
    assert [one.answer for one in kept] == ["The code was made by managerharbour."]


def test_a_code_that_was_allowed_is_made_within_a_day(office, one, visitor, clock):
    visitor("manager", "Harbour").said("/shops/Harbour/propose-till", reason="a second counter")
    visitor("integrator").allows()
    clock.pass_by(days=1, minutes=1)
    assert visitor("manager", "Harbour").post("/shops/Harbour/code").status_code == 422


def test_what_lies_at_a_lost_till_is_given_up_by_two(office, one, visitor, tell):
    said = visitor("manager", "Harbour").said("/terminals/AAAAAA/forfeit", reason="it burnt")
    assert "the 60 points that lie at it are the members' again" in said
    assert tell.figures(office, "anna") == {"available": 40, "escrow": 60}
    assert visitor("finance").allows().answer == "60 points that lay at till AAAAAA are the members' again."
    assert tell.figures(office, "anna") == {"available": 100}


@pytest.mark.parametrize("address", ["/shops/Nowhere", "/terminals/ZZZZZZ", "/shops/%00", "/terminals/%F0%9F%92%A5"])
def test_what_is_not_there_is_said(one, visitor, address):
    assert visitor("finance").get(address).status_code in (404, 422)


def test_a_shop_counts_members_who_have_merged_as_one(office, till):
    one = till()
    for member in ("anna", "ben", "carl"):
        one.join(member)
    one.send()
    desk.merge(office, "anna", "ben", desk.Who("one person", "Ann", "Ben"))
    for staff in (Staff("max", "Max", "manager", "Harbour"), Staff("sue", "Sue", "support", "")):
        seen = Visit(office, staff, "", "key", False, "/office/", False, {}, {}, {}, {})
        assert ("Members", 2, "/members") in home._figures(seen)
