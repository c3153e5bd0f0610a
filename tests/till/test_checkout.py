"""Sales at the counter: quoted, reserved, committed once, and refused where nothing could come right.

One point for each 1.00 paid; a hundred points are worth 1.00. The till is offline unless a test connects it, so it can spend
at once what it has awarded.
"""

from __future__ import annotations

import sqlite3
import threading

import msgspec
import pytest

from ledger.entry import SaleBody, Slice
from ledger.wire import GrantItem
from loyalty.sale import LineItem, Sale
from offline_store import journal, receipts, settings
from offline_store.errors import CommitUnknown
from offline_store.verify import verify
from pos_plugin.codes.identifying import IDENTIFIED_S
from pos_plugin.errors import BadRequest, Conflict, Unknown
from pos_plugin.members.joining import join
from pos_plugin.sales.open_quotes import QUOTE_LIFE_S


@pytest.fixture(autouse=True)
def whole_in_the_end(till):
    yield
    with till.store.read() as db:
        assert verify(db).problems == []


# -- identify


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("2900000000018", "member"),
        ("2900000000025", "unknown card"),  # a card of this shop, but nobody's
        ("2900000000019", "damaged card"),
        ("4006381333931", "item"),
        ("", "item"),
        ("٢٩٠٠٠٠٠٠٠٠٠١٨", "item"),
        ("x" * 5000, "item"),
    ],
)
def test_a_label_is_a_member_a_strange_card_a_damaged_one_or_an_item(till, label: str, kind: str) -> None:
    till.member()
    assert till.checkout.identify(label).kind == kind


def test_a_members_number_in_a_code_that_its_cards_do_not_have_is_no_member(till) -> None:
    till.member()
    card = "2900000000018"
    assert till.checkout.identify(card, symbology="ean13").kind == "member"
    assert till.checkout.identify(card).kind == "member"  # a reader that does not say
    assert till.checkout.identify(card, symbology="gs1-128").kind == "item"


def test_a_card_is_shown_by_its_last_four_digits_only(till) -> None:
    till.member()
    known, strange = till.checkout.identify("2900000000018"), till.checkout.identify("2900000000025")
    assert (known.card, strange.card) == ("****0018", "****0025")
    assert "2900000000018" not in msgspec.json.encode(known).decode()


def test_a_card_is_somebodys_only_once(till) -> None:
    till.member()
    with pytest.raises(Conflict) as refused:
        join(till.checkout, "2900000000018")
    assert refused.value.code == "CARD_TAKEN"


def test_an_items_code_makes_nobody_a_member(till) -> None:
    with pytest.raises(BadRequest, match="no card"):
        join(till.checkout, "4006381333931")


def test_names_are_not_taken_before_they_can_be_sealed(till) -> None:
    with pytest.raises(BadRequest) as refused:
        join(till.checkout, "2900000000018", name="Ada Lovelace")
    assert refused.value.code == "NOT_CONNECTED_YET"
    assert till.head()[0] == 0


# -- what a sale earns and takes


def test_a_sale_earns_for_what_was_paid(till) -> None:
    member = till.member()
    done = till.sell("17", 2799, member)
    assert (done.earned_points, done.redeem_points, done.due_minor) == (27, 0, 2799)
    assert till.balance(member).points == 27


def test_points_that_pay_earn_nothing_and_are_gone(till) -> None:
    member = till.member()
    till.sell("1", 15000, member)  # 150 points
    quote = till.quote("2", 2799, member, redeem=100)
    assert (quote.redeem_points, quote.redeemed_minor, quote.due_minor, quote.earn_points) == (100, 100, 2699, 26)
    done = till.checkout.commit(quote.quote_id)
    assert (done.redeem_points, done.redeemed_minor, done.due_minor, done.earned_points) == (100, 100, 2699, 26)
    assert till.held(member) == 150 - 100 + 26


def test_an_award_never_pays_for_its_own_sale(till) -> None:
    member = till.member()
    quote = till.quote("1", 100_000, member, redeem=1000)
    assert quote.redeem_points == 0
    assert [one.code for one in quote.rejected] == ["NOT_SPENDABLE_HERE"]
    assert quote.earn_points == 1000


@pytest.mark.parametrize(
    ("held", "total", "asked", "taken", "rejected"),
    [
        (150, 2799, 100, 100, []),
        (150, 2799, 150, 150, []),
        (150, 2799, 151, 150, ["NOT_SPENDABLE_HERE"]),
        (150, 120, 150, 120, ["MORE_THAN_TOTAL"]),
        (150, 0, 50, 0, ["MORE_THAN_TOTAL"]),
        (0, 2799, 1, 0, ["NOT_SPENDABLE_HERE"]),
    ],
)
def test_a_sale_takes_what_is_asked_what_is_held_and_what_it_costs_whichever_is_least(
    till, held: int, total: int, asked: int, taken: int, rejected: list[str]
) -> None:
    member = till.member()
    till.sell("0", held * 100, member)
    quote = till.quote("1", total, member, redeem=asked)
    assert (quote.redeem_points, [one.code for one in quote.rejected]) == (taken, rejected)


def test_points_are_not_for_those_whose_card_was_not_read(till) -> None:
    member = till.member()
    till.sell("0", 15000, member)
    till.pass_time(seconds=IDENTIFIED_S)
    quote = till.quote("1", 2799, member, redeem=100)
    assert (quote.redeem_points, quote.offers, [one.code for one in quote.rejected]) == (0, [], ["CARD_NOT_READ"])
    assert quote.earn_points == 27  # earning is open to them
    till.scan()
    assert till.quote("1", 2799, member, redeem=100).redeem_points == 100


def test_looked_up_by_phone_a_member_earns_and_cannot_redeem(till) -> None:
    member = till.member()
    till.sell("0", 15000, member)
    till.pass_time(seconds=IDENTIFIED_S)
    till.new_checkout(look_up_phone=lambda phone: member)
    found = till.checkout.identify("555 0100", "phone")
    assert (found.member, found.can_redeem, found.card) == (member, False, "")
    assert till.quote("1", 2799, member, redeem=100).redeem_points == 0


def test_without_a_member_nothing_is_redeemed(till) -> None:
    quote = till.quote("1", 2799, "", redeem=100)
    assert (quote.redeem_points, [one.code for one in quote.rejected]) == (0, ["NO_MEMBER"])
    assert till.checkout.commit(quote.quote_id).earned_points == 0


def test_the_soonest_expiry_is_spent_first(till) -> None:
    member = till.member()
    later = till.sell("1", 5000, member)
    till.use_program(till_program_of(6))
    sooner = till.sell("2", 5000, member)
    lots = [till.entry(done.number).body.lot for done in (later, sooner)]
    done = till.sell("3", 9999, member, redeem=70)
    esc = till.entry(done.number).envelope.esc
    assert {lot: esc[lot] for lot in lots} == {lots[1]: -50, lots[0]: -20}


def till_program_of(months: int) -> str:
    return f'name = "shop"\nversion = 2\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n[expire]\nmonths = {months}\n'


# -- quotes


def test_a_second_quote_of_a_sale_replaces_the_first(till) -> None:
    member = till.member()
    till.sell("0", 15000, member)
    first = till.quote("1", 2799, member, redeem=150)
    second = till.quote("1", 2799, member, redeem=150)  # the first one's reservation does not stand in its way
    assert second.redeem_points == 150
    with pytest.raises(Unknown):
        till.checkout.commit(first.quote_id)
    assert till.checkout.commit(second.quote_id).redeem_points == 150


def test_what_one_quote_reserves_another_cannot_have(till) -> None:
    member = till.member()
    till.sell("0", 15000, member)
    first = till.quote("1", 9999, member, redeem=100)
    second = till.quote("2", 9999, member, redeem=100)
    assert (first.redeem_points, second.redeem_points, second.spendable_here) == (100, 50, 50)
    assert second.rejected[0].text == (
        "50 of your 150 points can be used here today. Another open sale counts on some of them."
    )


@pytest.mark.parametrize("ending", ["drop", "sign off", "time"])
def test_what_was_reserved_is_free_again_when_the_quote_ends(till, ending: str) -> None:
    member = till.member()
    till.sell("0", 15000, member)
    first = till.checkout.quote(till.sale("1", 9999, operator="anna"), member, 150)
    assert till.checkout.needs_rights(member)
    if ending == "drop":
        till.checkout.drop(first.quote_id)
    elif ending == "sign off":
        assert till.checkout.sign_off("ben") == 0
        assert till.checkout.sign_off("anna") == 1
    else:
        till.pass_time(seconds=QUOTE_LIFE_S)
        till.scan()
    assert not till.checkout.needs_rights(member)
    assert till.quote("2", 9999, member, redeem=150).redeem_points == 150
    with pytest.raises(Unknown) as ended:
        till.checkout.commit(first.quote_id)
    assert "Quote the sale again" in ended.value.hint


def test_quotes_made_at_the_same_time_never_promise_the_same_points_twice(till) -> None:
    """Another quote arrives just after this one has counted what is free, and before it has reserved it."""
    member = till.member()
    till.sell("0", 15000, member)
    promised = []
    other = threading.Thread(target=lambda: promised.append(till.quote("2", 9999, member, redeem=100)))
    random_bytes = till.random.randbytes

    def interrupted(count: int) -> bytes:
        till.checkout.random_bytes = random_bytes
        other.start()
        other.join(0.3)  # it must wait for its turn, so this is all it gets
        return random_bytes(count)

    till.checkout.random_bytes = interrupted
    promised.append(till.quote("1", 9999, member, redeem=100))
    other.join()
    assert sorted(one.redeem_points for one in promised) == [50, 100]


def test_while_rights_are_being_fetched_no_exchange_gives_them_back(till) -> None:
    """What arrives for a quote is needed from the moment it is asked for, not only once the quote stands."""
    member = till.member()
    till.sell("0", 15000, member)
    needed = []
    till.new_checkout(fetch_rights=lambda member, points: needed.append((points, till.checkout.needs_rights(member))))
    till.scan()
    till.go_online()
    till.quote("1", 99_999, member, redeem=200)
    assert needed == [(50, True)]
    assert not till.checkout.needs_rights("somebody else")


def test_training_records_and_reserves_nothing(till) -> None:
    member = till.member()
    till.sell("0", 15000, member)
    head = till.head()
    quote = till.checkout.quote(till.sale("1", 2799), member, 100, training=True)
    assert till.quote("2", 9999, member, redeem=150).redeem_points == 150  # the real customer's
    done = till.checkout.commit(quote.quote_id, key="k")
    assert (done.training, done.number, done.reference) == (True, 0, "")
    assert (done.redeem_points, done.earned_points) == (100, 26)
    assert "TRAINING - NOT A SALE" in done.receipt_text
    assert till.head() == head
    with till.store.read() as db:
        assert receipts.counts(db) == {"waiting": 1}  # that of the sale before


# -- commit


def test_committing_twice_answers_the_first_result(till) -> None:
    member = till.member()
    quote = till.quote("1", 2799, member)
    first = till.checkout.commit(quote.quote_id)
    head = till.head()
    assert till.checkout.commit(quote.quote_id) == first
    assert till.head() == head


def test_the_same_sale_quoted_again_answers_what_is_recorded(till) -> None:
    member = till.member()
    till.sell("0", 15000, member)
    sale = till.sale("1", 2799)
    first = till.checkout.commit(till.checkout.quote(sale, member, 150).quote_id)
    head = till.head()
    till.reopen()  # the answer was lost, and the till started again
    till.scan()
    again = till.checkout.quote(sale, member, 150)
    assert (again.redeem_points, again.due_minor, again.rejected) == (150, 2799 - 150, [])
    assert till.checkout.commit(again.quote_id) == first
    assert till.head() == head


def test_a_key_answers_its_sale_also_after_a_restart(till) -> None:
    quote = till.quote("1")
    first = till.checkout.commit(quote.quote_id, key="k")
    till.reopen()
    assert till.checkout.commit(quote.quote_id, key="k") == first
    with pytest.raises(Unknown):
        till.checkout.commit(quote.quote_id, key="another")
    with pytest.raises(Unknown):
        till.checkout.commit(quote.quote_id)


def test_a_key_is_for_one_sale_only(till) -> None:
    till.checkout.commit(till.quote("1").quote_id, key="k")
    head = till.head()
    with pytest.raises(Conflict) as refused:
        till.checkout.commit(till.quote("2").quote_id, key="k")
    assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"
    assert till.head() == head


@pytest.mark.parametrize(
    "other",
    [
        {"total_minor": 2800},
        {"operator": "ben"},
        {"sold_at": "2026-11-21T18:06:00"},
        {"lines": (LineItem("1", 2799),)},
    ],
)
def test_the_same_sale_with_other_content_is_refused_and_stays_as_it_was(till, other: dict[str, object]) -> None:
    sale = till.sale("1", 2799)
    till.checkout.commit(till.checkout.quote(sale).quote_id)
    head = till.head()
    with pytest.raises(Conflict) as refused:
        till.checkout.quote(msgspec.structs.replace(sale, **other))
    assert refused.value.code == "SALE_DIFFERS"
    assert "stays as it was" in str(refused.value)
    assert refused.value.hint
    assert till.head() == head


@pytest.mark.parametrize(("who", "redeem"), [("nobody", 0), ("member", 0)])
def test_the_same_sale_for_another_member_or_with_other_points_is_refused(till, who: str, redeem: int) -> None:
    member = till.member()
    till.sell("0", 15000, member)
    sale = till.sale("1", 2799)
    till.checkout.commit(till.checkout.quote(sale, member, 100).quote_id)
    head = till.head()
    other = till.checkout.quote(sale, member if who == "member" else "", redeem)
    with pytest.raises(Conflict, match="other content"):
        till.checkout.commit(other.quote_id)
    assert till.head() == head


def test_two_threads_that_commit_one_quote_get_one_sale_and_the_same_answer(till) -> None:
    member = till.member()
    for turn in range(10):
        quote = till.quote(str(turn), 2799, member)
        start, answers = threading.Barrier(4), []

        def commit(quote_id: str = quote.quote_id, start: threading.Barrier = start, answers: list = answers) -> None:
            start.wait()
            answers.append(till.checkout.commit(quote_id))

        threads = [threading.Thread(target=commit) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 4
        assert all(answer == answers[0] for answer in answers)
        assert "POINTS" in answers[0].receipt_text
    assert till.head()[0] == 1 + 10  # the join, and ten sales


def test_a_commit_checks_again_what_is_held(till) -> None:
    member = till.member()
    till.sell("0", 15000, member)
    quote = till.quote("1", 2799, member, redeem=100)
    assert till.release(member) == 150
    head = till.head()
    with pytest.raises(Conflict) as refused:
        till.checkout.commit(quote.quote_id)
    assert refused.value.code == "NOT_SPENDABLE_HERE"
    assert till.head() == head


def test_a_grant_can_be_spent_once_head_office_has_the_entry_that_takes_it(till) -> None:
    member = till.member()
    with till.store.read() as db:
        who = journal.identity(db)
    grant = GrantItem("1-g", who.terminal, who.epoch, member, [Slice("lot9", 120, "2027-06-01")], "")
    assert till.take(grant)
    assert not till.take(grant)  # once
    assert not till.take(msgspec.structs.replace(grant, grant="1-h", epoch="another"))
    for acknowledged in (0, till.head()[0] - 1):
        till.acknowledge(acknowledged)
        assert till.quote("1", 2799, member, redeem=100).redeem_points == 0
    till.acknowledge(till.head()[0])
    assert till.quote("1", 2799, member, redeem=100).redeem_points == 100


def test_online_an_award_belongs_to_the_member_everywhere_and_not_to_this_till(till) -> None:
    member = till.member()
    till.go_online()
    till.sell("1", 15000, member)
    assert (till.held(member), till.balance(member).points) == (0, 150)
    till.go_offline()
    till.sell("2", 100, member)
    assert (till.held(member), till.balance(member).points) == (1, 151)


def test_a_quote_keeps_the_programme_under_which_it_was_made(till) -> None:
    member = till.member()
    till.sell("0", 15000, member)
    quote = till.quote("1", 2799, member, redeem=100)
    with till.store.read() as db:
        old = settings.get(db, "program")
    till.use_program('name = "dear"\ncurrency = "EUR"\n[earn]\npoints = 9\n[redeem]\npoints = 1\nworth_minor = 100\n')
    done = till.checkout.commit(quote.quote_id)
    assert (done.due_minor, done.earned_points) == (quote.due_minor, quote.earn_points) == (2699, 26)
    assert till.entry(done.number).body.program == old


class CommitFails:
    """The disk reports an error at the next COMMIT, after it happened or without."""

    def __init__(self, real: sqlite3.Connection, *, happens: bool) -> None:
        self.real, self.happens = real, happens

    def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
        if sql == "COMMIT":
            if self.happens:
                self.real.execute(sql)
            raise sqlite3.OperationalError("disk I/O error")
        return self.real.execute(sql, *values)

    def __getattr__(self, name: str) -> object:
        return getattr(self.real, name)


def test_a_commit_that_failed_at_the_last_moment_is_looked_up_and_never_done_again(till) -> None:
    member = till.member()
    quote = till.quote("1", 2799, member)
    till.store._connection = CommitFails(till.store._connection, happens=True)
    done = till.checkout.commit(quote.quote_id)
    assert done.earned_points == 27
    assert till.balance(member).points == 27
    assert till.checkout.commit(quote.quote_id) == done


def test_a_commit_that_did_not_happen_is_said_and_can_be_asked_for_again(till) -> None:
    member = till.member()
    quote = till.quote("1", 2799, member)
    till.store._connection = CommitFails(till.store._connection, happens=False)
    with pytest.raises(CommitUnknown):
        till.checkout.commit(quote.quote_id)
    assert till.balance(member).points == 0
    assert till.checkout.commit(quote.quote_id).earned_points == 27


def test_a_sale_its_receipt_and_its_print_job_are_one(till) -> None:
    done = till.sell("1")
    with till.store.read() as db:
        assert [(job.number, job.copy, job.state) for job in receipts.shown_jobs(db)] == [
            (done.number, False, "waiting")
        ]
        assert receipts.document(db, done.number) is not None


def test_the_entry_carries_what_the_award_was_computed_from(till) -> None:
    member = till.member()
    till.store.write(lambda db: db.execute("INSERT INTO feed_position VALUES ('members/1', 41)") and None)
    sale = till.sale("1", 2799, (LineItem("1", 2799, 1000, sku="s"),), operator="anna", shift="2")
    done = till.checkout.commit(till.checkout.quote(sale, member).quote_id)
    entry = till.entry(done.number)
    body = entry.body
    assert isinstance(body, SaleBody)
    assert body.sale == sale
    assert (body.standing.feed_position, body.awarded, body.expires_on) == (41, 27, "2027-11-21")
    assert (entry.envelope.occurred_at, entry.envelope.business_day) == ("2026-11-21T18:05:00", "2026-11-21")
    assert entry.envelope.recorded_at == "2026-11-21T17:05:00.000+00:00"


# -- what makes no sense


def sales_that_make_no_sense() -> list[tuple[str, dict[str, object]]]:
    twice = (LineItem("1", 100), LineItem("1", 200))
    return [
        ("CURRENCY", {"currency": "USD"}),
        ("CURRENCY", {"currency": ""}),
        ("NEGATIVE", {"total_minor": -1}),
        ("NEGATIVE", {"lines": (LineItem("1", -100), LineItem("2", 200))}),
        ("NEGATIVE", {"lines": (LineItem("1", 100, -1000),)}),
        ("LINE_TWICE", {"lines": twice}),
        ("TOO_LARGE", {"total_minor": 10**30}),  # more than a database column holds
        ("TOO_LARGE", {"lines": (LineItem("1", 10**30),)}),
        ("TOO_LARGE", {"lines": (LineItem("1", 1, name="x" * 200_000),)}),
        ("TOO_LARGE", {"lines": tuple(LineItem(str(n), 1) for n in range(9000))}),  # could never be read again
        ("NAME", {"till": ""}),
        ("NAME", {"sale_ref": ""}),
        ("NAME", {"sale_ref": "1\x00"}),
        ("NAME", {"sale_ref": "9" * 200}),
        ("DAY", {"business_day": ""}),
        ("DAY", {"business_day": "2026-02-30"}),
        ("DAY", {"business_day": "20261121"}),  # a day to Python, but it does not sort as one
        ("DAY", {"business_day": "21.11.2026"}),
    ]


@pytest.mark.parametrize(("code", "other"), sales_that_make_no_sense())
def test_a_sale_that_makes_no_sense_is_refused_with_what_to_do(till, code: str, other: dict[str, object]) -> None:
    head = till.head()
    with pytest.raises(BadRequest) as refused:
        till.checkout.quote(msgspec.structs.replace(till.sale("1", 2799), **other))
    assert refused.value.code == code
    assert refused.value.hint
    assert till.head() == head


def test_negative_points_are_refused(till) -> None:
    member = till.member()
    with pytest.raises(BadRequest) as refused:
        till.quote("1", 2799, member, redeem=-100)
    assert refused.value.code == "NEGATIVE"


def test_a_member_nobody_knows_is_refused(till) -> None:
    with pytest.raises(Unknown) as refused:
        till.quote("1", 2799, "nobody")
    assert refused.value.code == "ACCOUNT_INVALID"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a/b", "c"), ("a", "b/c")),
        (("1", "2026/0017"), ("1", "2026%2F0017")),
        (("1", "17"), ("1", "17 ")),
        (("1", "\u00e4"), ("1", "a\u0308")),  # composed and not
    ],
)
def test_sales_of_different_names_are_different_sales(till, one: tuple[str, str], other: tuple[str, str]) -> None:
    for name, sale_ref in (one, other):
        sale = replace_names(till.sale(), name, sale_ref)
        till.checkout.commit(till.checkout.quote(sale).quote_id)
    assert till.head()[0] == 2


def replace_names(sale: Sale, name: str, sale_ref: str) -> Sale:
    return msgspec.structs.replace(sale, till=name, sale_ref=sale_ref)


def test_what_is_kept_in_memory_ends_with_time(till) -> None:
    members = [till.member(card) for card in ("2900000000018", "2900000000025", "2900000000032")]
    for index, member in enumerate(members):
        till.sell(str(index), 100, member)
        till.quote(f"open {index}", 100, member)
    till.pass_time(seconds=QUOTE_LIFE_S + IDENTIFIED_S)
    assert not till.checkout.needs_rights(members[0])
    quotes = till.checkout.open_quotes
    assert [quotes._open, quotes._recorded, quotes._committing, quotes._fetching] == [{}, {}, {}, {}]


def test_a_sale_from_before_the_last_start_gives_no_right_to_spend_here(till) -> None:
    """The disk may have been put back to an old image, and what was lost with it may have recorded that sale."""
    member = till.member()
    till.store.write(lambda db: settings.put(db, "shop", "corner-shop"))
    before = till.sale("1", 15_000)
    till.pass_time(minutes=5)
    till.reopen()
    till.scan()
    for sale in (before, till.sale("2", 9_900)):
        till.checkout.commit(till.checkout.quote(sale, member).quote_id)
    assert till.held(member) == 99
    assert till.balance(member).points == 249


def test_a_sale_from_before_this_till_was_made_gives_no_right_to_spend_here(till) -> None:
    """Another till, lost since, may have recorded it already: its points go to the member, once a document."""
    member = till.member()
    till.store.write(lambda db: settings.put(db, "made_at", till.now.isoformat()))
    till.store.write(lambda db: settings.put(db, "shop", "corner-shop"))
    old = msgspec.structs.replace(till.sale("old", 5000), sold_at="2026-11-20T10:00:00", business_day="2026-11-20")
    done = till.checkout.commit(till.checkout.quote(old, member).quote_id)
    assert (done.earned_points, till.held(member), till.balance(member).points) == (50, 0, 50)
    till.sell("new", 2000, member)
    assert till.held(member) == 20


def test_a_till_that_belongs_to_no_head_office_lets_all_points_be_used_however_late_it_was_told_of_a_sale(till) -> None:
    """Nobody else could have recorded it, and nobody else could ever give its points."""
    member = till.member()
    before = till.sale("1", 15_000)
    till.pass_time(hours=1)
    till.reopen()
    till.scan()
    till.checkout.commit(till.checkout.quote(before, member).quote_id)
    assert till.quote("2", 9_900, member).spendable_here == 150
