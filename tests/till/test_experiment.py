"""An experiment at a till without a network: each member sees and redeems their own variant, and the audit agrees."""

from __future__ import annotations

import json

import msgspec
import pytest
from typer.testing import CliRunner

from ledger.entry import Draft, SaleBody
from loyalty.award import standing_of
from loyalty.experiment import Experiment
from loyalty.program import read_program
from loyalty.sale import LineItem
from loyalty.standing import NO_HISTORY, NO_PROFILE
from offline_store import journal
from offline_store.moment import moment
from pos_plugin.cli import app
from pos_plugin.sales import claims
from pos_plugin.sales.explaining import next_reward
from pos_plugin.sales.returns import Return, take_back

HEAD = 'name = "cafe"\nversion = {}\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n[earn]\npoints = 10\n'
REWARD = '[[reward]]\nname = "{0}"\ntitle = "A {0}"\npoints = {1}\nkind = "money"\nvalue_minor = 200\n'
TABLE = '[[experiment]]\nname = "try"\nfrom = "2026-11-20"\nto = "2026-11-30"\n'
WELCOME = '[[accrual]]\nname = "welcome"\ntitle = "Welcome"\non = "join"\npoints = 7\n'


def of(variant):
    return f'experiment = "try"\nvariant = "{variant}"\n'


PLAIN = HEAD.format(1) + REWARD.format("coffee", 50)
TRIED = (
    HEAD.format(2)
    + TABLE
    + (REWARD.format("coffee", 50) + of("A") + REWARD.format("cake", 50) + of("B") + WELCOME + of("B"))
)


def card(number):
    """An EAN-13 in a shop's own range."""
    digits = f"29{number:010}"
    return digits + str(-sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits)) % 10)


@pytest.fixture
def two(till):
    """A member of A and one of B, with points."""
    till.use_program(TRIED)
    drawn, found = Experiment(name="try", first="2026-11-20", last="2026-11-30"), {}
    for number in range(1, 12):
        member = till.member(card(number))
        found.setdefault(drawn.drawn(member), (member, card(number)))
    assert set(found) == {"A", "B"}
    for variant, (member, _) in found.items():
        till.sell(f"first {variant}", 2000, member)
    return found


def asked(till, ref, who, reward=""):
    till.scan(who[1])
    return till.checkout.quote(till.sale(ref, 1000, (LineItem("1", 1000),)), who[0], reward=reward)


def audited(till):
    done = CliRunner().invoke(app, ["audit", "--store", str(till.folder), "--json"])
    return json.loads(done.stdout)["differences"]


def offers(quote):
    return [one.reward for one in quote.offers if one.reward]


def test_each_sees_and_redeems_their_own_variant_without_a_network(till, two):
    own = {"A": "coffee", "B": "cake"}
    for variant, who in two.items():
        assert offers(asked(till, f"look {variant}", who)) == [own[variant]]
        other = "cake" if variant == "A" else "coffee"
        refused = asked(till, f"other {variant}", who, other)
        assert [(one.code, one.text) for one in refused.rejected] == [
            ("REWARD_NOT_NOW", f"A {other} is tried with some members only.")
        ]
        done = till.checkout.commit(asked(till, f"own {variant}", who, own[variant]).quote_id)
        assert (done.reward, done.due_minor) == (own[variant], 800)
        body = till.entry(done.number).body
        assert body.standing.variants == {"try": variant}
        take_back(till.checkout, Return("1", f"own {variant}", "r"), operator="Ada")
    assert audited(till) == []


def test_a_receipt_speaks_of_no_reward_that_the_member_cannot_come_to(till, two):
    """The cake is cheaper, and is for B; whoever is in A is on the way to a coffee."""
    program = read_program(
        TRIED.replace(REWARD.format("coffee", 50), REWARD.format("coffee", 70)) + "[redeem]\npoints = 0\n"
    )
    sale, in_reach = till.sale("1", 1000), {}
    for variant, (member, _) in two.items():
        standing = standing_of(program, NO_HISTORY, NO_PROFILE, sale.business_day, member=member)
        in_reach[variant] = next_reward(program, sale, standing, 10)
    assert in_reach == {"A": (60, "A coffee"), "B": (40, "A cake")}


def test_joining_gives_what_the_variant_gives(till, two):
    assert {variant: till.balance(who[0]).points for variant, who in two.items()} == {"A": 200, "B": 207}
    assert audited(till) == []


def test_a_claim_is_computed_for_the_members_variant(till, two):
    alone = till.sell("alone", 3000)
    claims.claim(till.checkout, alone.reference, two["B"][0])
    number, _ = till.head()
    assert till.entry(number).body.standing.variants == {"try": "B"}
    assert audited(till) == []


def test_after_the_last_day_everybody_has_a(till, two):
    till.pass_time(days=10)
    assert [offers(asked(till, f"late {variant}", who)) for variant, who in two.items()] == [["coffee"], ["coffee"]]


def test_a_quote_made_before_the_experiment_was_published_keeps_its_version(till, two):
    till.use_program(PLAIN)
    quote = asked(till, "before", two["B"], "coffee")
    till.use_program(TRIED)
    done = till.checkout.commit(quote.quote_id)
    assert done.reward == "coffee"
    body = till.entry(done.number).body
    assert (body.program.startswith("cafe-1-"), body.standing.variants) == (True, {})
    assert offers(asked(till, "after", two["B"])) == ["cake"]
    assert audited(till) == []


def test_a_till_that_says_another_variant_is_named_by_the_audit(till, two):
    """As a forged till would: the reward of the other variant, with a standing that says so."""
    done = till.checkout.commit(asked(till, "true", two["A"], "coffee").quote_id)
    true = till.entry(done.number)
    sale = msgspec.structs.replace(true.body.sale, sale_ref="forged")
    standing = msgspec.structs.replace(true.body.standing, variants={"try": "B"})
    body = msgspec.structs.replace(true.body, sale=sale, standing=standing, reward="cake", lot="forged")

    def work(db):
        at = moment(db, till.now)
        draft = Draft(body, sale.document, sale.sold_at, sale.business_day, member=true.member)
        return journal.record(db, at.who, draft, at.recorded_at)

    assert isinstance(body, SaleBody)
    till.store.write(work)
    (found,) = audited(till)
    assert (found["what"], found["said"], found["computed"]) == ("variant", "try B", "try A")


def test_who_has_merged_has_the_variant_of_who_they_are_now(till, two):
    (gone, old_card), (stays, _) = two["B"], two["A"]
    till.store.write(lambda db: db.execute("UPDATE member SET merged_into = ? WHERE member = ?", (stays, gone)))
    member = till.checkout.identify(old_card).member
    assert member == stays
    assert offers(asked(till, "merged", (member, old_card))) == ["coffee"]
    assert audited(till) == []
