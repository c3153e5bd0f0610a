"""Experiments in head office's figures: counted by hand from the raw entries, said in words, on the page, in files."""

from __future__ import annotations

import csv
import hashlib
import html
import io
import json
import re
from collections import defaultdict
from random import Random
from statistics import NormalDist, covariance, variance

import pytest
from sqlalchemy import select
from typer.testing import CliRunner

from central_server import schema
from central_server.applying.books import Books, Origin
from central_server.cli import app
from central_server.figures import answers, experiments, facts
from central_server.figures.chance import Sums, of_ratios, of_shares, wilson
from central_server.figures.experiments import Held, Tally, plot, shown
from central_server.membership import consents
from central_server.membership.consents import ConsentText
from central_server.programs import publishing
from ledger.entry import ConsentBody, SaleBody, read_entry
from loyalty.experiment import Experiment
from loyalty.program import read_program
from loyalty.sale import LineItem, Sale
from loyalty.standing import Effects, Standing

HEAD = 'name = "cafe"\nversion = {}\ncurrency = "EUR"\ntime_zone = "UTC"\n'
TABLE = '[[experiment]]\nname = "{}"\nfrom = "2026-03-05"\nto = "2026-03-25"\n'
REWARD = '[[reward]]\nname = "{}"\ntitle = "R"\npoints = 0\nkind = "gift"\nlimits = [{{ uses = 1, per = "day" }}]\n'
TEXT = ConsentText("1", {"en": "May we write to you?"}, "")
CLUB = (
    '[[tier]]\nname = "club"\ntitle = "Club"\npaid = true\n'
    '[[membership]]\nname = "month"\ntitle = "A month"\ntier = "club"\nsku = "CLUB"\nprice_minor = 900\nmonths = 1\n'
)


def of(name, variant):
    return f'experiment = "{name}"\nvariant = "{variant}"\n'


def tried(version=1, name="try", more=""):
    return (
        HEAD.format(version)
        + CLUB
        + TABLE.format(name)
        + more
        + (REWARD.format("coffee") + of(name, "A") + REWARD.format("cake") + of(name, "B"))
    )


def drawn(member, name="try", share=50):
    """As docs/write-a-programme.md says it, not as the product computes it."""
    return "B" if int(hashlib.sha256(f"{name}/{member}".encode()).hexdigest()[:16], 16) < share / 100 * 2**64 else "A"


def buy(till, ref, minor, member, reward="", months=0):
    lines = (LineItem("1", minor, sku="CLUB" if months else ""),)
    sale = Sale(till.name, ref, f"{till.day}T10:00:00", till.day, "EUR", minor, lines)
    effects = Effects(paid={"club": months} if months else {})
    return till.write(
        SaleBody(sale, till.program.id, Standing(), reward=reward, effects=effects), sale.document, member
    )


def compared(office, shop=""):
    facts.count_pending(office)
    with office.database.reading() as connection:
        return answers.compared(office, connection, shop)


def measures(one):
    return {line.name: line for line in one.measures}


def publish(office, text, clock=None, **passing):
    if clock is not None:
        clock.pass_by(**passing)
    return publishing.publish(office, read_program(text))


def enough(office, till, clock, *, better=0, members=100, name="try"):
    """So many members buy; a third of them have their variant's reward, and of those in B `better` percent more."""
    publish(office, tried(name=name))
    one = till()
    one.program = read_program(tried(name=name))
    one.day = "2026-03-06"
    seen = {"A": 0, "B": 0}
    for number in range(members):
        member = f"m{number}"
        variant = drawn(member, name)
        seen[variant] += 1
        redeems = seen[variant] * 100 % 10_000 < 3300 + 100 * better * (variant == "B")
        buy(one, f"{number}", 1000 + number % 7, member, ("coffee" if variant == "A" else "cake") if redeems else "")
    one.send()
    return one


# -- against the raw entries -----------------------------------------------------------------------------------------------


def by_hand(office, first="2026-03-05", last="2026-03-25", merged=()):
    """Every figure of both variants from the bytes of the entries, in plain Python."""
    with office.database.reading() as connection:
        inbox = schema.inbox.c
        in_order = select(inbox.data).order_by(inbox.terminal, inbox.number)
        entries = [read_entry(data) for data in connection.scalars(in_order)]
    who = dict(merged)
    sold, agree, paid = defaultdict(list), {}, defaultdict(list)
    for entry in entries:
        member, body = who.get(entry.member, entry.member), entry.body
        if isinstance(body, ConsentBody):
            agree[member] = body.is_given
        if isinstance(body, SaleBody) and member:
            if first <= body.sale.business_day <= last:
                sold[member].append(body)
            if body.effects.paid:
                paid[member].append(body.sale.business_day)
    found = {}
    for variant in "AB":
        mine = {member: bodies for member, bodies in sold.items() if drawn(member) == variant}
        own = {"A": "coffee", "B": "cake"}[variant]
        whole = [body for bodies in mine.values() for body in bodies]
        found[variant] = {
            "opt_in": (sum(agree.get(member, False) for member in mine), len(mine)),
            "redemption": (
                sum(any(one.reward or one.redeemed for one in bodies) for bodies in mine.values()),
                len(mine),
            ),
            "had": (sum(any(one.reward == own for one in bodies) for bodies in mine.values()), len(mine)),
            "burn": (sum(one.redeemed for one in whole), sum(one.awarded for one in whole)),
            "basket": (sum(one.sale.total_minor for one in whole), len(whole)),
        }
        due = renewed = 0
        for member, bought in paid.items():
            if drawn(member) != variant:
                continue
            # Each month here is bought on the 7th of February, and by some on the 7th of March, which is a day after its last.
            if "2026-02-07" in bought:
                due += 1
                renewed += "2026-03-07" in bought
        found[variant]["renewal"] = (renewed, due)
    return found


def test_every_figure_is_what_the_raw_entries_come_to(office, till, clock):
    publish(office, tried())
    consents.publish(office, TEXT)
    random, tills = Random(5), [till(), till("BBBBBB", "Mill")]
    for one in tills:
        one.program = read_program(tried())
    members = [f"m{number}" for number in range(90)]
    for number, member in enumerate(members):
        one = tills[number % 2]
        if random.random() < 0.5:
            one.write(ConsentBody("1", True), f"consent/{member}/1", member)
            if random.random() < 0.3:
                one.write(ConsentBody("1", False), f"consent/{member}/2", member)
        if random.random() < 0.4:
            one.day = "2026-02-07"
            buy(one, f"club{member}", 900, member, months=1)
            if random.random() < 0.6:
                one.day = "2026-03-07"
                buy(one, f"again{member}", 900, member, months=1)
        elif random.random() < 0.3:
            one.day = "2026-01-03"  # through 2 February: it was due before these days
            buy(one, f"once{member}", 900, member, months=1)
    for number in range(400):
        one = random.choice(tills)
        one.day = f"2026-03-{random.randrange(1, 30):02}"
        member = random.choice([*members, "", ""])
        if random.random() < 0.2 and member:
            buy(one, f"{number}", random.randrange(100, 9000), member, random.choice(["coffee", "cake", "other"]))
        elif member and sum(one.rights(member).values()) >= 5 and random.random() < 0.5:
            one.sale(f"{number}", random.randrange(100, 9000), member, redeem=5, keep=True)
        else:
            one.sale(f"{number}", random.randrange(100, 9000), member, keep=True)
    for one in tills:
        one.send()
    clock.pass_by(days=40)
    (one,) = compared(office)
    hand = by_hand(office)
    for variant in "AB":
        for name, line in measures(one).items():
            side = line.a if variant == "A" else line.b
            assert (name, (side.part, side.whole)) == (name, hand[variant][name])
    assert all(hand[variant][name][0] for variant in "AB" for name in hand["A"]), "each figure has something in it"
    assert (one.state, one.first, one.last) == ("over", "2026-03-05", "2026-03-25")
    mill = measures(compared(office, "Mill")[0])["basket"]
    whole = measures(one)["basket"]
    assert 0 < mill.a.whole + mill.b.whole < whole.a.whole + whole.b.whole


def test_two_members_who_merged_count_as_the_one_they_are_now(office, till, clock):
    publish(office, tried())
    one = till()
    one.day = "2026-03-06"
    gone, stays = next(
        (f"m{a}", f"m{b}") for a in range(9) for b in range(9) if (drawn(f"m{a}"), drawn(f"m{b}")) == ("B", "A")
    )
    for number, member in enumerate((gone, stays)):
        one.sale(f"{number}", 1000, member)
    one.send()
    clock.pass_by(days=5)
    assert compared(office)[0].members == {"A": 1, "B": 1}

    def merge(connection):
        books = Books(connection, office)
        books.merge(gone, stays, Origin(office.server, 0, "", office.time(), books.today), "m1")
        books.flush()

    office.database.write(merge)
    (found,) = compared(office)
    assert found.members == {"A": 1, "B": 0}
    assert measures(found)["basket"].a.part == 2000


def test_what_was_voided_was_no_sale(office, till, clock):
    publish(office, tried())
    clock.pass_by(days=5)
    one = till()
    one.day = "2026-03-06"
    one.give_back(one.sale("1", 1000, "anna"), "r", void=True)
    one.send()
    assert compared(office)[0].members == {"A": 0, "B": 0}


# -- what it says ------------------------------------------------------------------------------------------------------------


def test_nothing_is_better_until_the_last_day_is_over(office, till, clock):
    one = enough(office, till, clock, better=40)
    clock.pass_by(days=23)  # 25 March, the last day
    (found,) = compared(office)
    assert (found.state, found.said) == (
        "runs",
        "It runs until 2026-03-25. Until the last day this may be chance: do not decide before.",
    )
    line = measures(found)["had"]
    assert line.low > 0, "though it looks so"
    assert {one.said for one in found.measures if one.name != "renewal"} >= {
        "Too early to say: until the last day this may be chance."
    }
    clock.pass_by(days=1)
    (found,) = compared(office)
    assert (
        found.said == "It ended on 2026-03-25. Provisional: not all that tills sold in it has been heard and counted."
    )
    one.sale("late", 100)
    one.send()
    (found,) = compared(office)
    assert (found.said, found.is_provisional) == ("It ended on 2026-03-25.", False)
    line = measures(found)["had"]
    assert line.said == f"B is better: by {line.low:.1f} to {line.high:.1f} percentage points."


@pytest.mark.parametrize(
    ("had_a", "had_b", "said"),
    [
        # of 200 each; by Newcombe's method 10
        (100, 110, "This may be chance."),  # -4.8 to 14.6
        (100, 120, "B is better: by 0.3 to 19.5 percentage points."),
        (120, 100, "A is better: by 0.3 to 19.5 percentage points."),
        (0, 0, "This may be chance."),
    ],
)
def test_the_variant_with_more_is_better_only_where_no_interval_has_0_in_it(had_a, had_b, said):
    held = held_of(read_program(tried()))
    tallies = {"A": Tally(members=200, had=had_a), "B": Tally(members=200, had=had_b)}
    assert {line.name: line.said for line in experiments.measures(held, tallies, "over")}["had"] == said
    running = {line.name: line.said for line in experiments.measures(held, tallies, "runs")}
    assert running["had"] == "Too early to say: until the last day this may be chance."


def held_of(program):
    rewards = {"A": frozenset({"coffee"}), "B": frozenset({"cake"})}
    return Held(program.experiment[0], program, "2026-03-05", "2026-03-25", rewards, [])


@pytest.mark.parametrize(
    ("members", "fewer", "more", "end", "word"),
    [
        # The end nearer to 0 as it reads, of so many members in each variant.
        (136, 51, 67, "+0.0", ""),  # -0.0022 percentage points: below 0, though it reads as 0
        (89, 34, 47, "+0.0", ""),  # 0.0012
        (63, 26, 37, "+0.0", ""),  # 0.0445
        (63, 25, 36, "+0.1", "better"),  # 0.0529
    ],
)
def test_an_interval_that_ends_at_what_reads_as_0_may_be_chance_on_either_side(members, fewer, more, end, word):
    for had, better in (((fewer, more), "B"), ((more, fewer), "A")):
        tallies = {variant: Tally(members=members, had=count) for variant, count in zip("AB", had, strict=True)}
        found = {line.name: line for line in experiments.measures(held_of(read_program(tried())), tallies, "over")}
        line = found["had"]
        near = line.low if better == "B" else -line.high
        assert experiments.apart(line, near) == end
        assert line.said.startswith(f"{better} is {word}" if word else "This may be chance.")


@pytest.mark.parametrize(
    ("minor_a", "minor_b", "span", "said"),
    [
        (500, 500, "+0.00 to +0.00", "This may be chance."),  # both ends are 0 exactly
        (500, 501, "+0.01 to +0.01", "B is better: by 0.01 to 0.01 EUR."),
        (501, 500, "-0.01 to -0.01", "A is better: by 0.01 to 0.01 EUR."),
    ],
)
def test_where_every_basket_of_a_variant_is_alike_the_interval_is_one_number(minor_a, minor_b, span, said):
    """Nothing is scattered, so what they differ by is sure, and 0 is in the interval where they do not."""
    tallies = {}
    for variant, minor in (("A", minor_a), ("B", minor_b)):
        basket = Sums()
        for _ in range(30):
            basket = basket.plus(minor, 1)
        tallies[variant] = Tally(members=30, basket=basket)
    found = {line.name: line for line in experiments.measures(held_of(read_program(tried())), tallies, "over")}
    assert (experiments.span(found["basket"]), found["basket"].said) == (span, said)


def test_with_few_members_or_none_nothing_is_divided(office, till, clock):
    publish(office, tried())
    clock.pass_by(days=40)
    (found,) = compared(office)
    assert found.members == {"A": 0, "B": 0}
    assert {line.said for line in found.measures} == {"Nothing to compare."}
    assert {(line.difference, line.low, line.a.value) for line in found.measures} == {(None, None, None)}
    one = till()
    one.day = "2026-03-06"
    for number, member in enumerate(("anna", "bert", "carl", "dora")):
        one.sale(f"{number}", 1000, member)
    one.send()
    line = measures(compared(office)[0])["basket"]
    assert (line.said, line.a.value, line.difference) == ("Too few members to say.", 1000, None)


# -- on which days -------------------------------------------------------------------------------------------------------------


def test_an_experiment_counts_from_when_it_was_published_until_it_was_taken_out(office, clock):
    publish(office, tried(), clock, days=5)  # 7 March
    publish(office, HEAD.format(2) + CLUB, clock, days=10)  # 17 March
    (found,) = compared(office)
    assert (found.first, found.last, found.state) == ("2026-03-07", "2026-03-16", "over")
    assert found.notes == [
        "It is written to begin on 2026-03-05, and was published later",
        "It is written to end on 2026-03-25, and is taken out before",
    ]
    publish(office, tried(3, "again"), clock, days=1)
    assert [(one.name, one.state) for one in compared(office)] == [("again", "runs"), ("try", "over")]


def test_one_that_is_to_come_says_when_and_one_that_was_never_in_force_is_none(office, clock):
    publish(office, tried())
    (found,) = compared(office)
    assert (found.state, found.said) == ("to come", "It begins on 2026-03-05. Until then everybody has A.")
    publish(office, HEAD.format(2) + CLUB, clock, days=1)
    assert compared(office) == []


def test_a_version_that_changed_it_on_the_way_is_named(office, clock):
    publish(office, tried())
    name = publish(office, tried(2, more="share_percent = 30\n"), clock, days=8).program
    (found,) = compared(office)
    assert found.notes == [f"{name} changed it on 2026-03-10, after it had begun: what differs may be due to that"]
    assert found.share_percent == 30
    publish(office, tried(3, more="share_percent = 30\n") + "[earn]\npoints = 2\n", clock, days=1)
    assert len(compared(office)[0].notes) == 1, "the rate has nothing to do with it"


def test_publishing_a_change_is_doubted_by_command_on_the_page_and_to_who_allows_it(
    office, clock, visitor, monkeypatch, tmp_path
):
    monkeypatch.setattr("central_server.cli.basics.now", clock)
    publish(office, tried())
    clock.pass_by(days=8)
    text, doubt = tried(2, more="share_percent = 30\n"), "has begun: share_percent = 30 in place of 50"
    file = tmp_path / "new.toml"
    file.write_text(text)
    asked = CliRunner().invoke(app, ["program", "publish", "--dir", str(office.folder), str(file)], input="n\n")
    assert doubt in asked.stderr
    marketing = visitor("marketing")
    assert doubt in html.unescape(marketing.post("/program/check", text=text).text)
    marketing.post("/program/propose", text=text, reason="cheaper")
    page = visitor("finance").get("/program").text
    proposal = re.search(r"/program/proposals/(\w+)", page)[1]
    assert doubt in html.unescape(visitor("finance").get(f"/program/proposals/{proposal}").text)


# -- the page, files and the command ---------------------------------------------------------------------------------------------


def said(answer):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.text.partition("<main")[2])).split())


def test_the_page_has_both_variants_side_by_side_and_the_file_has_the_same(office, till, clock, visitor):
    enough(office, till, clock, better=30)
    clock.pass_by(days=40)
    marketing = visitor("marketing")
    page = said(marketing.get("/figures/experiments"))
    (one,) = compared(office)
    line = measures(one)["had"]
    assert f"{one.members['A']} members in A, {one.members['B']} in B" in page
    assert f"Had its reward members had the reward that is tried {line.said} {shown(line, line.a.value)}" in page
    assert line.said.startswith("B is better")
    assert f"{line.difference:+.1f} {line.low:+.1f} to {line.high:+.1f} " in page
    rows = list(csv.DictReader(io.StringIO(marketing.get("/figures/experiments.csv").text)))
    (had,) = [row for row in rows if row["figure"] == "had"]
    assert (had["experiment"], had["a_part"], had["b_whole"]) == ("try", str(line.a.part), str(line.b.whole))
    assert 'href="/office/figures/experiments"' in marketing.get("/figures").text
    assert plot(one).months == ("Opt-in", "Redemption", "Had its reward")
    assert marketing.get("/figures/experiments/nothing.svg").status_code == 404
    mill = said(visitor("manager", "Mill").get("/figures/experiments?shop=Harbour"))
    assert "0 members in A, 0 in B" in mill, "a manager sees the own shop alone"
    assert visitor("supervisor", "Harbour").get("/figures/experiments.csv").status_code == 200


def test_without_an_experiment_the_page_says_so(visitor):
    assert "The programme has no experiment" in said(visitor("marketing").get("/figures/experiments"))


def test_a_report_has_the_experiments_that_its_period_touches(office, till, clock, monkeypatch):
    monkeypatch.setattr("central_server.cli.basics.now", clock)
    enough(office, till, clock)
    clock.pass_by(days=40)

    def typed(*options):
        return CliRunner().invoke(app, ["report", "--dir", str(office.folder), *options]).stdout

    (one,) = json.loads(typed("--from", "2026-03-25", "--to", "2026-04-01", "--json"))["experiments"]
    assert (one["name"], one["from"], one["to"], one["state"]) == ("try", "2026-03-05", "2026-03-25", "over")
    assert one["members"]["A"] + one["members"]["B"] == 100
    text = typed("--from", "2026-03-25", "--to", "2026-04-01")
    assert "Experiment try, 2026-03-05 to 2026-03-25. It ended on 2026-03-25." in text
    assert "  Opt-in: A 0.0 % (0 of " in text
    assert json.loads(typed("--from", "2026-03-26", "--to", "2026-04-01", "--json"))["experiments"] == []


# -- chance ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("b", "a", "low", "high"),
    [
        # Newcombe (1998), table II, method 10
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((0, 10), (0, 10), -0.2775, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_the_interval_of_two_shares_is_the_published_one(a, b, low, high):
    found = of_shares(a, b)
    assert (found.low, found.high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))
    other = of_shares(b, a)
    assert (other.low, other.high) == (pytest.approx(-found.high), pytest.approx(-found.low))


def test_wilsons_interval_of_a_share_solves_its_own_equation():
    """Its ends are the true shares from which what was seen is 1.96 standard errors away."""
    z = NormalDist().inv_cdf(0.975)
    for part, whole in ((0, 10), (3, 10), (81, 263), (15, 148), (20, 20)):
        for end in wilson(part, whole):
            assert (part / whole - end) ** 2 == pytest.approx(z * z * end * (1 - end) / whole, abs=1e-12)


def test_the_interval_of_two_ratios_takes_the_member_as_its_unit():
    random = Random(3)
    sides = []
    for _ in range(2):
        x = [random.randrange(1, 9) for _ in range(40)]
        sides.append((x, [one * random.randrange(500, 1500) for one in x]))
    sums = [Sums(), Sums()]
    for side, (xs, ys) in enumerate(sides):
        for x, y in zip(xs, ys, strict=True):
            sums[side] = sums[side].plus(y, x)
    # Deng, Knoblich and Lu: var(Y/X) from the sample variances and the covariance of the means.
    ratios, variances = [], []
    for xs, ys in sides:
        n, mx, my = len(xs), sum(xs) / len(xs), sum(ys) / len(ys)
        ratios.append(my / mx)
        variances.append(
            (variance(ys) / mx**2 - 2 * my / mx**3 * covariance(xs, ys) + my**2 / mx**4 * variance(xs)) / n
        )
    spread = NormalDist().inv_cdf(0.975) * sum(variances) ** 0.5
    found = of_ratios(*sums)
    assert found.difference == pytest.approx(ratios[1] - ratios[0])
    assert (found.high - found.difference) == pytest.approx(spread)
    assert of_ratios(sums[0], Sums()) is None


def test_by_hand_and_the_product_draw_alike():
    experiment = Experiment(name="try", first="2026-03-05", last="2026-03-25")
    assert all(experiment.drawn(f"m{number}") == drawn(f"m{number}") for number in range(200))
