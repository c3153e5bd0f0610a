"""A member's copy of their data: all of theirs, and nobody else in it (the last part of fact 12)."""

from __future__ import annotations

import json
import random
from contextlib import suppress

import msgspec
import pytest

from central_server.care import feedback, tickets
from central_server.care.feedback import Answer
from central_server.errors import OfficeError
from central_server.membership import consents, data_copy, desk, members
from central_server.membership.consents import ConsentText
from central_server.webhooks import disclosures
from ledger.entry import ConsentBody
from ledger.identifiers import feedback_code
from ledger.keys import seal
from ledger.wire import MemberDetails
from loyalty.card import NumberForm, new_card_number
from loyalty.program import preset

PROGRAM = (
    preset("points")
    + """
[segments]
student = "Students"

[recognition]
allowance = 1000

[referral]
friend_points = 40
referrer_points = 60
on = "join"

[giving]
percent = 1
charities = [{ name = "trees", title = "Trees" }]
"""
)
TWO = desk.Who("a case at the counter", "Ann", "Ben")


class Crowd:
    """Members with names, phones and cards that nobody could mistake, and what they do to each other by chance."""

    def __init__(self, office, till, tell, seed):
        self.office, self.chance = office, random.Random(seed)
        tell.use(office, PROGRAM)
        consents.publish(office, ConsentText("2026-03", {"en": "We may write to you."}, ""))
        self.tills = [till(), till("BBBBBB", "Mill")]
        self.known: dict[str, list[str]] = {}
        self.became: dict[str, str] = {}
        self.sold = 0

    def join(self):
        number = len(self.known)
        member, name, phone = f"ref{number:02}q{number:02}", f"Name{number:02} Person{number:02}", f"0301555{number:04}"
        card = new_card_number(
            preset_rules(), lambda count: f"{self.chance.randrange(10**count):0{count}}", NumberForm("29", 13, "ean")
        )
        till = self.chance.choice(self.tills)
        referrer = self.chance.choice([*self.known, ""]) if self.known else ""
        till.join(member, referrer)
        till.send()
        sealed = seal(self.office.sealing_key, msgspec.json.encode({"name": name, "phone": phone}))
        details = MemberDetails(member, [card], "2026-03-02T10:00:00", sealed, "03-31", "trees")
        members.take_details(self.office, till.row(), details)
        self.known[member] = [member, name, phone, card]

    def now(self, member):
        while member in self.became:
            member = self.became[member]
        return member

    def two(self):
        one, other = (self.now(each) for each in self.chance.sample(sorted(self.known), 2))
        return one, other

    def sale(self):
        self.sold += 1
        till, (member, _) = self.chance.choice(self.tills), self.two()
        till.sale(f"s{self.sold}", self.chance.randrange(1000, 90000), self.chance.choice([member, member, ""]))
        sold = till.journal[-1]
        if not sold.member and self.chance.random() < 0.7:
            till.claim(sold, member)
        elif self.chance.random() < 0.3:
            till.give_back(sold, f"r{self.sold}", 500)
        till.send()

    def consent(self):
        till, (member, _) = self.chance.choice(self.tills), self.two()
        document = f"consent/{member}/{till.name}{len(till.journal)}"
        till.write(ConsentBody("2026-03", self.chance.random() < 0.5, operator="Op Erator"), document, member)
        till.send()

    def transfer(self):
        one, other = self.two()
        desk.transfer(self.office, one, other, 1, TWO)

    def thank(self):
        one, other = self.two()
        desk.recognise(self.office, one, other, 5, "for the stock-taking")

    def adjust(self):
        desk.adjust(self.office, self.two()[0], self.chance.choice((-30, 30)), TWO, is_goodwill=True)

    def merge(self):
        old, into = self.two()
        desk.merge(self.office, old, into, TWO)
        self.became[old] = into

    def segment(self):
        desk.set_segment(self.office, self.two()[0], "student", "2027-12-31", TWO)

    def live(self, steps):
        once = [self.join] * 5 + [self.sale] * 6 + [self.transfer, self.thank, self.consent, self.segment, self.merge]
        acts = [*[self.sale] * 4, self.join, *once[-5:], self.adjust]
        for act in once:
            with suppress(OfficeError):
                act()
        for _ in range(steps):
            with suppress(OfficeError):  # too few points, or both are one by now
                self.chance.choice(acts)()

    def theirs(self, member):
        """What tells who a member is, with that of everybody who has become them."""
        return {text for each, known in self.known.items() if self.now(each) == member for text in known}


def preset_rules():
    from loyalty.program import read_program

    return read_program(preset("points")).cards.rules


@pytest.mark.parametrize(
    ("folder", "seed"),
    [
        ("sqlite", 1),
        pytest.param("sqlite", 2, marks=pytest.mark.slow),
        pytest.param("postgres", 3, marks=pytest.mark.postgres),
    ],
    indirect=["folder"],
)
def test_fact_12_a_members_data_copy_holds_only_that_member(office, till, tell, seed):
    crowd = Crowd(office, till, tell, seed)
    crowd.live(8 if seed == 1 else 40)
    everything = {text for known in crowd.known.values() for text in known}
    spoken = ""
    for member in sorted({crowd.now(each) for each in crowd.known}):
        copy = json.dumps(data_copy.of(office, member))
        spoken += copy
        strangers = everything - crowd.theirs(member)
        assert [text for text in strangers if text in copy] == []
        assert [name for name in ("Ann", "Ben", "Op Erator") if name in copy] == [], "nor who served or decided"
        assert member in copy
    # Else the store had nothing in it that could give anybody away.
    for what in ("brought by another member", "Transferred", "Said thank you to another member", "same person"):
        assert what in spoken, what
    assert crowd.became


def test_a_copy_has_every_entry_explained_and_adds_up(office, till, tell):
    one = till()
    one.program = tell.use(office, PROGRAM)
    consents.publish(office, ConsentText("2026-03", {"en": "We may write to you."}, ""))
    one.join("anna")
    one.sale("1", 10000, "anna")
    forgotten = one.sale("2", 2000)
    one.claim(forgotten, "anna")
    one.write(ConsentBody("2026-03", True, "till", "Kim"), "consent/anna/1", "anna")
    one.send()
    sealed = seal(office.sealing_key, msgspec.json.encode({"name": "Ada Berg", "phone": "030 1"}))
    members.take_details(office, one.row(), MemberDetails("anna", ["2900000000018"], "2026-03-02", sealed, "03-31"))
    desk.adjust(office, "anna", 5, TWO, is_goodwill=True)
    copy = data_copy.of(office, "anna")
    assert copy["person"] == {"name": "Ada Berg", "phone": "030 1"}
    assert copy["cards"] == [{"card": "2900000000018", "blocked_because": ""}]
    assert (copy["profile"]["birthday"], copy["profile"]["brought_by"]) == ("03-31", "")
    assert copy["consents"] == [
        {
            "text": "2026-03",
            "is_given": True,
            "channel": "till",
            "at": "2026-03-02T09:00:00.000+00:00",
            "terminal": "AAAAAA",
        }
    ]
    points = {entry["kind"]: entry["points"] for entry in copy["entries"]}
    assert points == {"join": 0, "sale": 100, "claim": 20, "consent": 0, "give": 5}
    assert copy["points"]["balance"] == 125 == copy["entries"][-1]["balance_after"]
    sold = next(entry for entry in copy["entries"] if entry["kind"] == "sale")
    assert (sold["total_minor"], [line["amount_minor"] for line in sold["bought"]]) == (10000, [5000, 5000])
    assert sold["why"][0].startswith("+100: ")
    claimed = next(entry for entry in copy["entries"] if entry["kind"] == "claim")
    assert claimed["total_minor"] == 2000
    given = next(entry for entry in copy["entries"] if entry["kind"] == "give")
    assert (given["what"], given["reason"]) == ("Goodwill, by hand.", "a case at the counter")
    json.dumps(copy)


def test_a_copy_has_what_they_asked_and_said_and_no_word_between_staff(office, till):
    one = till()
    one.join("anna")
    one.join("ben")
    sale = one.sale("1", 1000, "anna")
    one.send()
    code = feedback_code(sale.envelope.terminal, sale.number, sale.hash)
    ticket = feedback.give(office, code, Answer(2, comment="The milk was sour.", wants_answer=True)).ticket
    tickets.reply(office, ticket, "sue", "We are sorry.")
    tickets.note(office, ticket, "sue", "the third time this week")
    tickets.open_ticket(
        office, shop="Harbour", topic="card", words="I am Ben.", by="member", source="member", member="ben"
    )
    copy = data_copy.of(office, "anna")
    assert [(one["ticket"], one["about"], one["status"]) for one in copy["tickets"]] == [(ticket, "other", "answered")]
    said = [(one["from"], one["text"]) for one in copy["tickets"][0]["said"]]
    assert said == [("member", "The milk was sour."), ("shop", "We are sorry.")]
    given = [(one["rating"], one["recommends"], one["comment"]) for one in copy["feedback"]]
    assert given == [(2, None, "The milk was sour.")]
    assert [word for word in ("sue", "third time", "Ben") if word in json.dumps(copy)] == []


def test_a_copy_says_to_which_endpoints_their_data_went_and_when(office, till, clock):
    one = till()
    one.join("anna")
    one.join("ben")
    one.send()
    first = office.time()

    def went(members, webhook, sent_to):
        office.database.write(
            lambda connection: disclosures.record(connection, members, webhook, sent_to, office.time())
        )

    went(["anna", "ben"], "crm", "https://crm.example")
    clock.pass_by(days=1)
    went(["anna"], "crm", "https://crm.example")
    went(["ben"], "letters", "https://letters.example")
    assert data_copy.of(office, "anna")["sent_to"] == [
        {"endpoint": "crm", "sent_to": "https://crm.example", "first_at": first, "last_at": office.time()}
    ]


def test_of_somebody_who_never_was_there_is_no_copy(office):
    with pytest.raises(OfficeError, match="no such member"):
        data_copy.of(office, "nobody")
