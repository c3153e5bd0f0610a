"""Head office's pages about a member: who finds whom and sees how much, the story that explains every point, what can be done."""

import html
import re

import msgspec
import pytest
from sqlalchemy import event, select

from central_server import schema
from central_server.applying import apply
from central_server.errors import OfficeError
from central_server.membership import cards, desk, members
from central_server.membership import story as member_story
from central_server.people import proposals
from central_server.shops import operators
from ledger.entry import ConsentBody, SaleBody
from ledger.identifiers import receipt_reference
from ledger.keys import card_hash, seal
from ledger.wire import MemberDetails
from loyalty.program import preset

WHO = desk.Who("a jar was broken", "Ada", "Ben")
CARD, OTHER, NEW = "2900000000018", "2900000000025", "2900000000032"
TIERED = (
    preset("points").replace("grace_days = 14", "grace_days = 14\nreinstate_days = 90")
    + """
[segments]
student = "Students"

[tiers]
by = "spend"

[[tier]]
name = "silver"
title = "Silver"
from = 50000
"""
)


def named(office, till, member, card, name="", phone=""):
    sealed = seal(office.sealing_key, msgspec.json.encode(members.Personal(name, phone))) if name else ""
    members.take_details(office, till.row(), MemberDetails(member, [card], "2026-03-02", sealed=sealed))


@pytest.fixture
def one(office, till, tell, clock):
    """A till at the harbour: Ada Lovelace has 100 points, Bert 50; and Carla, who is known at the mill alone."""
    clock.pass_by(minutes=5)  # the tills sell from ten o'clock on, Berlin's time
    new, other = till(), till("BBBBBB", "Mill")
    new.program = other.program = tell.use(office, TIERED)
    new.join("ada")
    new.sale("1", 10000, "ada")
    new.sale("2", 5000, "bert")
    other.sale("3", 700, "carla")
    new.send(), other.send()
    named(office, new, "ada", CARD, "Ada Lovelace", "+49 30 1234")
    named(office, new, "bert", OTHER, "Bert Stern")
    named(office, other, "carla", "2900000000094", "Carla Ada Moor", "+49 30 777")
    return new


def text(answer):
    """What a page says, without its marks."""
    bare = re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2])
    return " ".join(html.unescape(bare).split())


def story(office, member):
    """The whole story, the first entry first."""
    with office.database.reading() as connection:
        return member_story.story(office, connection, member).lines[::-1]


def summary(office, member):
    with office.database.reading() as connection:
        return member_story.summary(office, connection, member)


# -- finding -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [CARD, "2900 0000 00018", "+49 (30) 1234", "lovel", "Love ADA"])
def test_support_finds_a_member_by_card_phone_or_name(one, visitor, asked):
    found = text(visitor("support").post("/members", asked=asked))
    assert "Ada Lovelace" in found
    assert CARD in found
    assert "Bert" not in found


def test_whoever_sees_members_masked_sees_initials_and_the_end_of_a_card(one, visitor):
    for role in ("cashier", "auditor"):
        answer = visitor(role, "Harbour" if role == "cashier" else "").post("/members", asked="lovelace")
        assert "A. L., card ends 0018" in text(answer)
        assert "Lovelace" not in answer.text
        assert CARD not in answer.text


def test_a_manager_finds_the_members_of_the_own_shop(one, visitor):
    manager = visitor("manager", "Harbour")
    found = text(manager.post("/members", asked="ada"))
    assert "Ada Lovelace" in found
    assert "Carla" not in found
    assert "Nobody was found" in text(manager.post("/members", asked="2900000000094"))
    assert manager.get("/members/carla").status_code == 403
    assert manager.post("/members/carla/adjust", points=5, reason="x").status_code == 403
    assert manager.get("/members/ada").status_code == 200


def test_finance_knows_a_member_by_a_whole_card_alone_and_sees_no_person(one, visitor):
    finance = visitor("finance")
    assert "Card or receipt reference" in finance.get("/members").text
    assert "Card, phone number, name or receipt reference" in visitor("support").get("/members").text
    assert "Nobody was found" in text(finance.post("/members", asked="lovelace"))
    assert "Nobody was found" in text(finance.post("/members", asked="+49301234"))
    assert "Card ends 0018" in text(finance.post("/members", asked=CARD))
    page = finance.get("/members/ada").text
    shown = page[page.index("<main") :]  # the menu has a page of that name
    assert "A sale of 100.00 EUR." in shown
    for hidden in ("Lovelace", "A. L.", CARD, "1234", "Segments", 'id="consents"'):
        assert hidden not in shown


def test_what_was_asked_for_stands_in_no_address(one, visitor):
    page = visitor("support").get("/members").text
    form = page[page.index("<main") :].partition("</form>")[0]
    assert '<form method="post" action="/office/members"' in form


def test_a_receipt_reference_leads_to_the_receipt(one, visitor):
    answer = visitor("support").post("/members", asked="aaaaaa 3 n")
    assert (answer.status_code, answer.headers["location"]) == (303, "/office/receipt?reference=aaaaaa+3+n")


# -- the story -----------------------------------------------------------------------------------------------------------


def test_the_story_explains_every_entry_and_adds_up_to_the_balance(office, one, tell, till, clock):
    first = next(entry for entry in one.journal if isinstance(entry.body, SaleBody))
    one.give_back(first, "r1", 2000)
    lost = one.sale("4", 3000)
    one.claim(lost, "ada")
    one.sale("5", 50, "ada")
    one.send()
    desk.adjust(office, "ada", 40, WHO, is_goodwill=True)
    desk.transfer(office, "ada", "bert", 30, WHO)
    told = [
        (line.kind, line.before, line.after, line.told.what) for line in story(office, "ada") if line.kind != "settle"
    ]
    assert told == [
        ("join", 0, 0, "Joined."),
        ("sale", 0, 100, "A sale of 100.00 EUR."),
        (
            "return",
            100,
            80,
            "Goods worth 20.00 EUR came back from the sale AAAAAA-3-N, 20 points that it had earned taken back.",
        ),
        ("claim", 80, 110, "The points of the sale AAAAAA-6-Z were claimed with the receipt."),
        ("sale", 110, 110, "A sale of 0.50 EUR."),
        ("give", 110, 150, "Goodwill, by hand."),
        ("give", 150, 120, "Transferred to another member."),
    ]
    kinds = [line.kind for line in story(office, "ada")]
    settled = story(office, "ada")[kinds.index("return") + 1]
    assert settled.kind == "settle", "what head office settled of an entry comes right after it"
    assert settled.told.what == "20 points for AAAAAA-5-S paid from what the member has at head office."
    assert settled.told.why == [
        "This is usual where points lie at head office and not at the till: nothing is owed for it."
    ]
    assert summary(office, "ada").balance == 120
    by_hand = story(office, "ada")[-2].told
    assert (by_hand.reason, by_hand.by, by_hand.approved_by) == ("a jar was broken", "Ada", "Ben")


def test_a_sale_says_who_rang_it_by_the_name_that_head_office_keeps_for_that_shop(office, one, visitor):
    operators.add(office, "Harbour", "1", "Kim Ward", "cashier", "2580", by="root")
    operators.add(office, "Mill", "7", "Sam of the Mill", "cashier", "2580", by="root")
    for ref, operator in (("8", "1"), ("9", "7")):
        sale = msgspec.structs.replace(one.journal[-1].body.sale, sale_ref=ref, operator=operator)
        one.write(SaleBody(sale, one.program.id, one.standing), sale.document, "ada", {})
    one.send()
    page = text(visitor("support").get("/members/ada"))
    assert "Harbour, Kim Ward (1)" in page
    assert "Harbour, 7" in page, "whoever is of another shop is somebody else"


def test_an_award_is_explained_by_its_own_reasons(office, one):
    bought = next(line for line in story(office, "ada") if line.kind == "sale")
    assert bought.told.why == ["+100: 1 point per 1.00 EUR on 100.00 EUR", "Can be used through 2027-03-01."]
    assert (bought.reference, bought.shop, bought.at) == (
        receipt_reference("AAAAAA", 3),
        "Harbour",
        "2026-03-02T10:00:03",
    )


def test_a_sale_that_earned_nothing_says_so(office, one):
    one.sale("6", 60, "ada")
    one.send()
    assert story(office, "ada")[-1].told.why == ["1 point per 1.00 EUR on 0.60 EUR", "So it earned nothing."]


def test_an_award_that_its_own_rules_do_not_give_is_said(office, one):
    honest = one.sale("7", 1000, "ada")
    wrong = msgspec.structs.replace(honest.body, awarded=99)
    one.journal.pop()
    one.write(wrong, honest.envelope.document, "ada")
    one.send()
    assert "The till wrote 99 points; by its own lines and rules it is 10 points. The audit lists it." in (
        story(office, "ada")[-1].told.why
    )


def test_points_that_a_till_sent_late_say_when_they_were_heard(office, one, clock):
    one.sale("8", 1000, "ada")
    clock.pass_by(days=3)
    one.send()
    assert story(office, "ada")[-1].heard_at == "2026-03-05T10:05:00", "in the programme's time, Berlin"
    assert story(office, "ada")[1].heard_at == ""


def test_where_points_lie_and_when_they_end(office, one, clock):
    assert one.fetch("ada", 60) == 60
    one.send()
    about = summary(office, "ada")
    assert [(part.points, part.terminal) for part in about.places] == [(40, ""), (60, "AAAAAA")]
    assert [(part.points, part.what) for part in about.ends] == [(100, "through 2027-03-01")]
    assert (about.tier, about.progress) == ("Member", "€400.00 to Silver")


def test_what_is_owed_is_said_and_repaid_by_the_next_award(office, one, visitor):
    desk.adjust(office, "ada", -130, WHO)
    assert summary(office, "ada").owed == 30
    assert "30 points were spent or taken back without cover." in text(visitor("support").get("/members/ada"))
    assert story(office, "ada")[-1].after == -30


def test_who_has_become_another_is_one_story(office, one, visitor):
    desk.merge(office, "bert", "ada", WHO)
    assert [line.told.what for line in story(office, "ada") if line.kind == "sale"] == [
        "A sale of 100.00 EUR.",
        "A sale of 50.00 EUR.",
    ]
    assert summary(office, "ada").balance == story(office, "ada")[-1].after == 150
    page = visitor("support").get("/members/bert")
    assert OTHER in page.text, "an address of before leads to who they are now"


@pytest.mark.slow
def test_points_that_ended_are_in_the_story(office, one, clock):
    clock.pass_by(days=365)
    apply.expire_due(office)
    last = story(office, "ada")[-1]
    assert (last.told.what, last.change, last.after) == ("Points ended.", -100, 0)


def test_points_whose_day_is_over_count_no_more_before_they_are_taken_off(office, one, visitor, clock):
    clock.pass_by(days=365)
    about = summary(office, "ada")
    assert (about.balance, about.ends, about.places) == (0, [], [])
    assert "100 points of it have ended, and are about to be taken off." in text(visitor("support").get("/members/ada"))


def test_a_note_about_an_entry_stands_beside_it_with_what_to_do(office, one, till):
    sold = one.sale("9", 1000, "bert")
    one.claim(sold, "ada")
    one.send()
    (note,) = next(line.notes for line in story(office, "ada") if line.kind == "claim")
    assert "belongs to a member already" in note
    assert "Compare the two receipts" in note


@pytest.mark.slow
def test_the_story_has_pages_of_a_hundred(office, one, visitor):
    for number in range(120):
        one.sale(f"p{number}", 1000, "ada")
    one.send()
    support = visitor("support")
    first, second = support.get("/members/ada"), support.get("/members/ada?page=2")
    assert "122 entries" in first.text
    assert (first.text.count("A sale of"), second.text.count("A sale of")) == (100, 21)
    assert support.get("/members/ada?page=99").text.count("A sale of") == 21
    assert support.get("/members/ada?page=x").status_code == 200


def test_moves_between_tills_can_be_left_out(office, one, visitor):
    one.fetch("ada", 60)
    one.send()
    support = visitor("support")
    assert "set 60 points aside" in support.get("/members/ada").text
    short = support.get("/members/ada?only=balance").text
    assert "points aside" not in short
    assert "A sale of 100.00 EUR." in short


@pytest.mark.slow
def test_a_year_of_one_member_is_read_in_no_more_queries_than_a_day(office, one):
    def queries():
        count = 0

        def counted(*_):
            nonlocal count
            count += 1

        event.listen(office.database._engine, "before_cursor_execute", counted)
        summary(office, "ada"), story(office, "ada")
        event.remove(office.database._engine, "before_cursor_execute", counted)
        return count

    few = queries()
    for number in range(200):
        one.sale(f"y{number}", 1000 + number, "ada")
    one.send()
    assert queries() == few


def test_whoever_has_no_leave_to_read_entries_sees_none(one, visitor):
    page = visitor("supervisor", "Harbour").get("/members/ada").text
    assert "Everything that happened" not in page
    assert "A. L., card ends 0018" in page


def test_nobody_is_found_under_a_reference_that_never_was(one, visitor):
    answer = visitor("support").get("/members/nobody")
    assert answer.status_code == 422
    assert "There is no such member." in answer.text


# -- a receipt -----------------------------------------------------------------------------------------------------------


def test_a_receipt_says_why_its_points_are_missing(office, one, visitor, clock):
    def about(number):
        return text(visitor("support").get(f"/receipt?reference={receipt_reference('AAAAAA', number)}"))

    unsent = len(one.journal) + 1
    one.sale("10", 1000)
    assert "Its till has not sent it: it sent up to number 4" in about(unsent)
    one.send()
    assert (
        "It was sold without a card: that is why there are no points. They can be claimed through 2026-03-09."
        in about(unsent)
    )
    clock.pass_by(days=8)
    assert "its points could be claimed through 2026-03-09" in about(unsent)
    one.claim(one.journal[-1], "ada")
    one.send()
    assert "its points were claimed since" in about(unsent)
    assert "It was sold to a member and earned 100 points." in about(3)
    assert "come back" not in about(3)
    one.give_back(one.journal[2], "all of it", 10000)
    one.send()
    assert "All of it has come back since, and so have its points." in about(3)
    support = visitor("support")
    assert "mistyped" in text(support.get("/receipt?reference=AAAAAA-3-X"))
    assert "No till of this name is known" in text(support.get(f"/receipt?reference={receipt_reference('ZZZZZZ', 3)}"))


def test_a_manager_looks_at_receipts_of_the_own_shop(one, visitor):
    reference = receipt_reference("AAAAAA", 3)
    assert "earned 100 points" in text(visitor("manager", "Harbour").get(f"/receipt?reference={reference}"))
    assert "No till of this name is known" in text(visitor("manager", "Mill").get(f"/receipt?reference={reference}"))


# -- what can be done ----------------------------------------------------------------------------------------------------


def test_points_by_hand_wait_for_a_second_person_and_say_before_and_after(office, one, visitor, tell):
    support, finance = visitor("support"), visitor("finance")
    said = support.said("/members/ada/adjust", points="40", goodwill="yes", reason="the delivery was late")
    assert said.startswith(
        "Proposed: Give 40 points to the member whose card ends 0018 as goodwill: balance 100 → 140."
    )
    assert tell.figures(office, "ada") == {"available": 100}
    assert finance.allows().answer == "The balance was 100 and is 140."
    assert tell.figures(office, "ada") == {"available": 140}
    told = story(office, "ada")[-1].told
    assert (told.reason, told.by, told.approved_by) == ("the delivery was late", "support", "finance")


@pytest.mark.slow
@pytest.mark.parametrize(("points", "may"), [("1000", True), ("-1000", True), ("1001", False)])
def test_a_manager_allows_points_up_to_the_limit(office, one, visitor, points, may):
    visitor("supervisor", "Harbour").said("/members/ada/adjust", points=points, reason="x")
    if may:
        assert visitor("manager", "Harbour").allows().outcome == "done"
    else:
        with pytest.raises(OfficeError):
            visitor("manager", "Harbour").allows()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("action", "form"),
    [
        ("adjust", {"points": "0", "reason": "x"}),
        ("adjust", {"points": "many", "reason": "x"}),
        ("adjust", {"points": "1000000001", "reason": "x"}),
        ("adjust", {"points": "5", "reason": " "}),
        ("tier", {"tier": "gold", "until": "2027-01-01", "reason": "x"}),
        ("tier", {"tier": "silver", "until": "2020-01-01", "reason": "x"}),
        ("tier", {"tier": "silver", "until": "", "reason": "x"}),
    ],
)
def test_what_makes_no_sense_is_refused_before_anybody_waits_for_it(office, one, visitor, action, form):
    answer = visitor("support").post(f"/members/ada/{action}", **form)
    assert answer.status_code == 422
    assert proposals.waiting(office) == []


def test_two_members_become_one_and_points_are_transferred(office, one, visitor, tell):
    manager, support = visitor("manager", "Harbour"), visitor("support")
    said = manager.said("/members/ada/transfer", card=OTHER, points="30", reason="one household")
    assert "balances 100 → 70 and 50 → 80." in said
    assert support.allows().outcome == "done"
    assert tell.figures(office, "bert") == {"available": 80}
    said = manager.said("/members/bert/merge", card=CARD, reason="one person")
    assert "balances 80 and 70 → 150." in said
    assert support.allows().outcome == "done"
    assert tell.figures(office, "ada") == {"available": 150}
    for form in ({"card": CARD}, {"card": "2900000000995"}):
        assert manager.post("/members/ada/merge", reason="x", **form).status_code == 422


def test_a_merge_that_has_been_done_since_is_no_sum_of_a_balance_with_itself(office, one, visitor):
    manager, support = visitor("manager", "Harbour"), visitor("support")
    for why in ("one person", "they said so again"):
        manager.said("/members/bert/merge", card=CARD, reason=why)
    support.allows()
    waits = proposals.waiting(office)[0]
    assert proposals.sentence(office, waits) == "This cannot be done any more. They are one member already."


def test_what_waits_about_a_member_stands_on_their_page_for_who_may_see_it(office, one, visitor):
    visitor("manager", "Harbour").said("/members/ada/merge", card=OTHER, reason="one person")
    support, elsewhere = visitor("support"), visitor("manager", "Mill")
    for member in ("ada", "bert"):
        page = support.get(f"/members/{member}").text
        assert "are one person: balances 100 and 50 → 150." in page
        assert "“one person”" in page
    assert "Waits for a decision" not in support.get("/members/carla").text
    assert "Waits for a decision" not in elsewhere.get("/members/carla").text
    support.allows()
    assert "Waits for a decision" not in support.get("/members/bert").text


def test_a_tier_is_given_by_two(office, one, visitor):
    visitor("support").said("/members/ada/tier", tier="silver", until="2026-12-31", reason="of the board")
    assert visitor("finance").allows().outcome == "done"
    assert summary(office, "ada").tier == "Silver, through 2026-12-31"


@pytest.mark.slow
def test_expired_points_come_back(office, one, visitor, clock, tell):
    clock.pass_by(days=370)
    apply.expire_due(office)
    support = visitor("support")
    assert "Bring back 100 expired points" in support.get("/members/ada").text
    assert "balance 0 → 100." in support.said("/members/ada/reinstate", reason="was in hospital")
    assert visitor("finance").allows().answer.endswith("the balance was 0 and is 100.")


def test_a_card_is_blocked_lifted_and_replaced_by_one_person(office, one, visitor):
    support, name = visitor("support"), card_hash(office.phone_key, CARD)
    support.said("/members/ada/block", card=name, why="lost")
    assert summary(office, "ada").cards == [member_story.CardState(CARD, "lost", False)]
    support.said("/members/ada/unblock", card=name)
    assert summary(office, "ada").cards[0].why == ""
    assert "the one that ends 0018 is nobody's now" in support.said(
        "/members/ada/replace-card", card=name, new=NEW, reason="lost it"
    )
    assert [one.card for one in summary(office, "ada").cards] == [NEW]
    assert story(office, "ada")[-1].told.what == "The card ****0018 was replaced."


def test_a_card_of_somebody_else_cannot_be_named(office, one, visitor):
    answer = visitor("support").post("/members/ada/block", card=card_hash(office.phone_key, OTHER), why="lost")
    assert answer.status_code == 422
    assert cards.blocked(office) == []


def test_a_cashier_proposes_to_block_a_card_and_cannot_do_more(office, one, visitor):
    cashier, name = visitor("cashier", "Harbour"), card_hash(office.phone_key, CARD)
    assert "Block the card that ends 0018: stolen." in cashier.said(
        "/members/ada/block", card=name, why="stolen", reason="she called"
    )
    assert cards.blocked(office) == []
    for action in ("unblock", "replace-card"):
        assert cashier.post(f"/members/ada/{action}", card=name, new=NEW, reason="x").status_code == 403


def test_a_segment_is_verified_and_stands_in_the_story(office, one, visitor):
    visitor("support").said("/members/ada/segment", segment="student", until="2026-09-30", reason="card seen")
    assert summary(office, "ada").profile.segments == {"student": "2026-09-30"}
    assert story(office, "ada")[-1].told.what == "Segment: student until 2026-09-30."


def test_a_member_is_forgotten_by_two_and_the_books_stay(office, one, visitor):
    manager, support = visitor("manager", "Harbour"), visitor("support")
    assert "100 points cannot be used by anybody then" in manager.said("/members/ada/erase", reason="asked in writing")
    assert support.allows().outcome == "done"
    page = support.get("/members/ada")
    assert "A member who was forgotten" in page.text
    assert "A sale of 100.00 EUR." in page.text
    assert "Lovelace" not in page.text
    assert '<h2 id="do">' not in page.text, "there is nobody any more for whom anything could be done"


def test_a_copy_of_the_data_is_fetched_by_the_two_for_a_week(office, one, visitor, clock):
    manager, support, other = visitor("manager", "Harbour"), visitor("support"), visitor("support", "Mill")
    manager.said("/members/ada/data-copy", reason="asked in writing")
    assert manager.get("/members/ada/data-copy").status_code == 403
    support.allows()
    for allowed in (manager, support):
        copy = allowed.get("/members/ada/data-copy")
        assert copy.status_code == 200
        assert "attachment" in copy.headers["content-disposition"]
        assert isinstance(copy.json(), dict)
    assert other.get("/members/ada/data-copy").status_code == 403
    assert support.get("/members/bert/data-copy").status_code == 403
    clock.pass_by(days=7, hours=1)
    later = visitor("support")
    assert later.get("/members/ada/data-copy").status_code == 403


@pytest.mark.slow
def test_what_is_owed_is_written_off_by_two(office, one, visitor, tell):
    desk.adjust(office, "ada", -130, WHO)
    assert "Book 30 points" in visitor("manager", "Harbour").said("/members/ada/write-off", reason="a mistake of ours")
    assert visitor("finance").allows().outcome == "done"
    assert summary(office, "ada").balance == 0


def test_consent_is_shown_and_taken_back_from_the_members_page(office, one, visitor):
    consent = ConsentBody("2026-1", is_given=True)
    one.write(consent, "consent/1", "ada")
    one.send()
    support = visitor("support")
    assert "agreed to text 2026-1 (till)" in text(support.get("/members/ada"))
    assert support.get("/members/ada").text.count('action="/office/members/ada/consent"') == 1
    assert "Taken back" in support.said("/members/ada/consent")
    assert "They take it back" not in support.get("/members/ada").text
    assert story(office, "ada")[-1].told.what.startswith("Took back what was agreed to in the text")


def test_an_entry_of_head_offices_own_names_its_member(office, one):
    desk.set_segment(office, "ada", "student", "", WHO)
    with office.database.reading() as connection:
        journal = schema.journal.c
        assert connection.scalar(select(journal.member).order_by(journal.number.desc()).limit(1)) == "ada"


def test_a_receipt_of_a_day_that_is_none_is_shown_and_cannot_be_claimed(office, till, visitor):
    one = till()
    sold = one.sale("1", 1000)
    one.journal.pop()
    one.day = "yesterday"
    one.write(sold.body, sold.envelope.document)
    one.send()
    found = visitor("support").get(f"/receipt?reference={receipt_reference('AAAAAA', sold.number)}")
    assert (found.status_code, "cannot be claimed" in found.text) == (200, True)


def test_a_page_of_the_story_that_is_no_number_is_the_first_one(office, till, visitor):
    named(office, till(), "anna", CARD, "Ada Berg")
    sue = visitor("support")
    for typed in ("9" * 5000, "-1", "1٣", "x"):
        assert sue.get(f"/members/anna?page={typed}").status_code == 200


def test_a_manager_merges_and_transfers_only_among_members_known_in_their_shop(office, one, visitor):
    """The card of another shop's member is answered like a card that nobody has."""
    manager = visitor("manager", "Harbour")
    for path in ("merge", "transfer"):
        answers = [
            manager.post(f"/members/ada/{path}", card=card, points="5", reason="why")
            for card in ("2900000000094", "2900000000995")
        ]
        assert [answer.status_code for answer in answers] == [422, 422], path
        assert text(answers[0]) == text(answers[1])
        assert "known in Harbour" in answers[0].text
    one.sale("9", 1000, "carla")  # she shows her card at the harbour
    one.send()
    assert "Proposed" in manager.said("/members/ada/merge", card="2900000000094", reason="why")
