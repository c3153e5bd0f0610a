"""A ticket's way: opened at a till that may be offline, answered at head office, told where the member scans next."""

from datetime import timedelta

import pytest

from central_server.care import tickets
from central_server.errors import OfficeError
from central_server.membership import members
from ledger.wire import TicketOpened, TicketTold
from pos_plugin.errors import Conflict, Unknown
from pos_plugin.members.tickets import LETTERS, open_ticket, tell

WORDS = "My daughter Zelda paid with my card, and nothing came."
CARD = "2900000000018"


def told(till):
    return [(one.ticket, one.status, one.reply) for one in till.checkout.identify(CARD).tickets]


def test_a_ticket_of_an_offline_till_is_answered_and_the_answer_read_out_at_another_shop(world):
    one, other = world.till("Harbour"), world.till("Mill")
    member = one.member(CARD)
    world.quiet()
    other.member(CARD)
    one.link.is_cut = True
    opened = open_ticket(one.checkout, "points", WORDS, member=member, contact="0170 1", operator="Kim")
    assert set(opened.ticket) <= set(LETTERS)
    assert told(one) == [(opened.ticket, "waiting", "")]
    assert WORDS.encode() not in b"".join(entry.data for entry in one.entries())
    assert not any(b"Zelda" in file.read_bytes() for file in one.folder.iterdir() if file.is_file())
    one.link.is_cut = False
    world.quiet()
    assert told(one) == [(opened.ticket, "open", "")]
    about, said = (found := tickets.story(world.office, opened.ticket)).about, found.said
    assert (about.shop, about.member, about.topic, about.source) == ("Harbour", member, "points", "till")
    assert [(word.by, word.kind) for word in said] == [("Kim", "said")]
    assert said[0].text.startswith(WORDS)
    assert "0170 1" in said[0].text
    tickets.reply(world.office, opened.ticket, "sue", "They are on your card now. Sorry!")
    world.quiet()
    expected = [(opened.ticket, "answered", "They are on your card now. Sorry!")]
    assert (told(one), told(other)) == (expected, expected)
    with world.office.database.reading() as connection:
        (own,) = tickets.for_member(connection, member)  # what their own page shows
    assert [(word.kind, word.text) for word in own.said][1:] == [("reply", "They are on your card now. Sorry!")]
    tickets.change(world.office, opened.ticket, "sue", status="closed")
    world.quiet()
    assert (told(one), told(other)) == ([], [])


@pytest.fixture
def answered(either):
    """Two shops that know a member whose ticket is answered, and the ticket; head office on each database in turn."""
    one, other = either.till("Harbour"), either.till("Mill")
    member = one.member(CARD)
    either.quiet()
    other.member(CARD)
    opened = open_ticket(one.checkout, "points", WORDS, member=member).ticket
    either.quiet()
    tickets.reply(either.office, opened, "sue", "They are on your card now.")
    either.quiet()
    return one, other, opened


def heard_by_all(world):
    """Tellings go up beside the journal: the first turn brings them to head office, the second what it made of them to all."""
    world.quiet()
    world.quiet()


def answer_at(till):
    (shown,) = till.checkout.identify(CARD).tickets
    return shown.answer


def last_said(world, ticket):
    found = tickets.story(world.office, ticket)
    return found.about.status, [(word.by, word.kind, word.text) for word in found.said][-1]


def test_an_answer_that_was_told_offline_is_shown_at_no_till_again_and_closes_the_ticket(either, answered):
    one, other, ticket = answered
    other.link.is_cut = True
    tell(other.checkout, ticket, answer_at(other), operator="Kim")
    assert told(other) == []
    assert told(one) == [(ticket, "answered", "They are on your card now.")]  # which has not heard of it yet
    other.link.is_cut = False
    heard_by_all(either)
    assert (told(one), told(other)) == ([], [])
    assert last_said(either, ticket) == ("closed", ("Kim", "told", f"At Mill, till {other.name}."))
    with other.store.read() as db:
        assert db.execute("SELECT count(*) FROM ticket_told").fetchone() == (0,)


def test_a_telling_whose_answer_got_lost_is_sent_again_and_counted_once(either, answered):
    one, _, ticket = answered
    tell(one.checkout, ticket, answer_at(one))
    heard = one.link.told

    def unheard(request):
        heard(request)
        raise ConnectionResetError

    one.link.told = unheard
    with pytest.raises(ConnectionResetError):
        one.step()
    one.link.told = heard
    either.quiet()
    kinds = [word.kind for word in tickets.story(either.office, ticket).said]
    assert kinds == ["said", "reply", "told"]


def test_an_answer_told_offline_does_not_hide_one_that_was_given_since(either, answered):
    one, other, ticket = answered
    one.link.is_cut = True
    tell(one.checkout, ticket, answer_at(one), operator="Kim")
    tickets.reply(either.office, ticket, "sue", "And 50 more.")
    one.link.is_cut = False
    either.quiet()
    expected = [(ticket, "answered", "And 50 more.")]
    assert (told(one), told(other)) == (expected, expected)
    about = f"They were told an earlier answer, at Harbour, till {one.name}."
    assert last_said(either, ticket) == ("answered", ("Kim", "note", about))
    either.at += timedelta(minutes=5)
    tell(one.checkout, ticket, answer_at(one), operator="Kim")
    heard_by_all(either)
    assert (told(one), told(other)) == ([], [])


def test_a_member_who_has_said_more_keeps_an_open_ticket_when_the_answer_before_is_told(either, answered):
    one, other, ticket = answered
    tickets.said_by_member(either.office, ticket, "Not all of them!")
    either.quiet()
    tell(one.checkout, ticket, answer_at(one))
    assert told(one) == [(ticket, "open", "")]
    heard_by_all(either)
    assert last_said(either, ticket)[0] == "open"
    assert (told(one), told(other)) == ([(ticket, "open", "")], [(ticket, "open", "")])


def test_an_answer_that_a_till_does_not_have_is_not_told_and_nothing_kept(either, answered):
    one, _, ticket = answered
    for named, answer in ((ticket, answer_at(one) + 1), ("NEVER", 1)):
        with pytest.raises(Unknown, match="no such answer") as refused:
            tell(one.checkout, named, answer)
        assert refused.value.code == "ANSWER_UNKNOWN"
    assert told(one) == [(ticket, "answered", "They are on your card now.")]


def test_who_was_told_and_then_forgotten_leaves_no_word(either, answered):
    one, _, ticket = answered
    one.link.is_cut = True
    tell(one.checkout, ticket, answer_at(one), operator="Kim")
    members.erase(either.office, tickets.story(either.office, ticket).about.member)
    one.link.is_cut = False
    either.quiet()
    assert tickets.story(either.office, ticket).said == []


@pytest.mark.parametrize("changed", [{"ticket": "A/B"}, {"told_at": ""}, {"operator": "x" * 65}])
def test_a_telling_that_is_none_is_refused(either, answered, changed):
    one, _, ticket = answered
    sent = {"ticket": ticket, "answer": 2, "told_at": "2026-11-21T09:00:00", **changed}
    with pytest.raises(Exception, match=r"to no ticket|names too much"):
        one.link.told(TicketTold(**sent))
    assert [word.kind for word in tickets.story(either.office, ticket).said] == ["said", "reply"]


def test_a_ticket_whose_answer_got_lost_is_sent_again_and_opened_once(world):
    one = world.till()
    opened = open_ticket(one.checkout, "other", WORDS)
    heard = one.link.ticket

    def unheard(request):
        heard(request)
        raise ConnectionResetError

    one.link.ticket = unheard
    with pytest.raises(ConnectionResetError):
        one.step()
    one.link.ticket = heard
    world.quiet()
    lines, more = tickets.dashboard(world.office)
    assert ([line.ticket for line in lines], more) == ([opened.ticket], False)
    assert len(tickets.story(world.office, opened.ticket).said) == 1
    with one.store.read() as db:
        assert db.execute("SELECT count(*) FROM ticket_outbox").fetchone() == (0,)


def test_a_ticket_that_head_office_does_not_take_stays_and_holds_up_nothing_else(world):
    one = world.till()
    bad, good = (open_ticket(one.checkout, "other", WORDS).ticket for _ in range(2))
    one.store.write(
        lambda db: db.execute(
            "UPDATE ticket_outbox SET opened = replace(opened, 'sealed\":\"', 'sealed\":\"00') WHERE ticket = ?", (bad,)
        )
    )
    one.sell(10, CARD)
    progress = one.step()
    assert [note for note in progress.notes if bad in note and "cannot be opened" in note]
    assert progress.unsent == 0
    assert [line.ticket for line in tickets.dashboard(world.office)[0]] == [good]
    with one.store.read() as db:
        assert db.execute("SELECT ticket FROM ticket_outbox").fetchall() == [(bad,)]


def test_a_till_without_a_head_office_takes_no_ticket_and_says_so(world, tmp_path):
    one = world.till()
    one.store.write(lambda db: db.execute("DELETE FROM setting WHERE name = 'sealing_key'"))
    with pytest.raises(Conflict, match="no head office that could answer") as refused:
        open_ticket(one.checkout, "points", WORDS)
    assert refused.value.code == "NOT_CONNECTED_YET"


def test_what_an_erased_member_said_is_gone_everywhere(world):
    one = world.till()
    member = one.member(CARD)
    opened = open_ticket(one.checkout, "data", WORDS, member=member)
    world.quiet()
    members.erase(world.office, member)
    world.quiet()
    found = tickets.story(world.office, opened.ticket)
    assert (found.said, found.about.member, found.about.status) == ([], "", "closed")
    with one.store.read() as db:
        assert db.execute("SELECT count(*) FROM ticket").fetchone() == (0,)
    later = open_ticket(one.checkout, "points", WORDS, member=member)
    world.quiet()
    with pytest.raises(OfficeError, match="no ticket"):
        tickets.story(world.office, later.ticket)


def test_the_most_urgent_and_then_the_oldest_comes_first_and_history_tells_who_did_what(world):
    office = world.office
    first, second = (
        tickets.open_ticket(office, shop="Mill", topic="card", words=words, by="sue", source="office")
        for words in ("one", "two")
    )
    tickets.change(office, second, "sue", priority="urgent", owner="tom")
    assert [line.ticket for line in tickets.dashboard(office, shop="Mill")[0]] == [second, first]
    assert [line.ticket for line in tickets.dashboard(office, owner="tom")[0]] == [second]
    assert tickets.dashboard(office, shop="Harbour") == ([], False)
    tickets.note(office, second, "tom", "Called them.")
    said = [(word.by, word.kind, word.text) for word in tickets.story(office, second).said]
    assert said == [
        ("sue", "said", "two"),
        ("sue", "change", "priority urgent, owner tom"),
        ("tom", "note", "Called them."),
    ]
    assert tickets.counts(office) == {"open": 2, "answered": 0, "closed": 0}


@pytest.mark.parametrize("words", ["", "  ", "x" * 2001])
def test_words_that_are_none_or_too_many_are_refused(world, words):
    with pytest.raises(OfficeError, match="1 to 2,000"):
        tickets.open_ticket(world.office, shop="Mill", topic="card", words=words, by="sue", source="office")


@pytest.mark.parametrize(
    "changed",
    [
        {"ticket": ""},
        {"ticket": "A/B"},
        {"topic": "weather"},
        {"sealed": "00"},
        {"sealed": "zz"},
        {"operator": "x" * 65},
    ],
)
def test_a_ticket_that_is_none_is_refused_and_nothing_kept(world, changed):
    one = world.till()
    sent = {"ticket": "ABC", "topic": "card", "opened_at": "2026-11-21T09:00:00", "sealed": "00", **changed}
    with pytest.raises(Exception, match=r"no name or topic|names too much|cannot be opened"):
        one.link.ticket(TicketOpened(**sent))
    assert tickets.dashboard(world.office) == ([], False)
