"""Experiments: who is in which variant, what a programme may say of them, and what is surely not meant."""

from __future__ import annotations

import math

import pytest

from loyalty.award import award, gift, standing_of
from loyalty.doubts import doubts
from loyalty.experiment import Experiment, variants
from loyalty.experiment_doubts import changes
from loyalty.program import Program, ProgramError, read_program
from loyalty.reward import member_prices, why_not
from loyalty.sale import LineItem, Sale
from loyalty.simulation import Behaviour, Simulation
from loyalty.standing import NO_HISTORY, NO_PROFILE, Standing

HEAD = 'name = "shop"\ncurrency = "EUR"\n'
TABLE = '[[experiment]]\nname = "coffee-or-cake"\nfrom = "2026-12-01"\nto = "2026-12-31"\n'


def reward(name: str, variant: str = "", **more: str) -> str:
    keys = {"experiment": '"coffee-or-cake"', "variant": f'"{variant}"'} if variant else {}
    written = "".join(f"{key} = {value}\n" for key, value in {**keys, **more}.items())
    return f'[[reward]]\nname = "{name}"\ntitle = "{name}"\npoints = 100\nkind = "gift"\n{written}'


BOTH = HEAD + TABLE + reward("coffee", "A") + reward("cake", "B")
"""Anna and Carl are in B, Bert and Dora in A."""
RUNNING, BEFORE, AFTER = "2026-12-10", "2026-11-30", "2027-01-01"


def experiment(name: str = "coffee-or-cake", share: int = 50) -> Experiment:
    return Experiment(name=name, first="2026-12-01", last="2026-12-31", share_percent=share)


def sale(day: str = RUNNING) -> Sale:
    return Sale("1", "1", f"{day}T10:00:00", day, "EUR", 1000, (LineItem("1", 1000),))


def standing(program: Program, member: str, day: str = RUNNING) -> Standing:
    return standing_of(program, NO_HISTORY, NO_PROFILE, day, member=member)


# Who is in which.


@pytest.mark.parametrize(
    ("member", "share", "variant"),
    [
        # printf coffee-or-cake/NAME | sha256sum, its first four digits as a share of ffff
        ("anna", 50, "B"),  # 25d8: 0.148
        ("anna", 15, "B"),
        ("anna", 14, "A"),
        ("bert", 50, "A"),  # 865e: 0.525
        ("bert", 53, "B"),
        ("carl", 50, "B"),  # 20cf: 0.128
        ("dora", 50, "A"),  # 8719: 0.528
        ("72tecmq49pkz57h6", 50, "B"),  # 7e79: 0.494
        ("72tecmq49pkz57h6", 49, "A"),
    ],
)
def test_a_variant_follows_from_the_hash_on_every_machine(member: str, share: int, variant: str) -> None:
    assert experiment(share=share).drawn(member) == variant


@pytest.mark.parametrize("share", [1, 10, 50, 90, 99])
def test_of_ten_thousand_members_so_many_are_in_b_as_the_binomial_bound_allows(share: int) -> None:
    in_b = sum(experiment(share=share).drawn(f"member{number}") == "B" for number in range(10_000))
    expected, deviation = 100 * share, math.sqrt(10_000 * share / 100 * (1 - share / 100))
    assert abs(in_b - expected) <= 3.3 * deviation  # one of a thousand names would be further away


def test_who_is_in_b_of_one_experiment_says_nothing_of_another() -> None:
    one, other = experiment("one"), experiment("other")
    counts = dict.fromkeys([(x, y) for x in "AB" for y in "AB"], 0)
    for number in range(10_000):
        counts[one.drawn(f"m{number}"), other.drawn(f"m{number}")] += 1
    # Pearson's chi-squared over four fields of 2,500; beyond 16.3 is one of a thousand (three degrees of freedom)
    assert sum((count - 2500) ** 2 / 2500 for count in counts.values()) < 16.3


def test_a_larger_share_leaves_in_b_who_was_in_b() -> None:
    for number in range(500):
        drawn = [experiment(share=share).drawn(f"m{number}") for share in (5, 20, 50, 80, 99)]
        assert drawn == sorted(drawn)


def test_before_the_first_day_and_after_the_last_everybody_has_a() -> None:
    days = ("2026-11-30", "2026-12-01", "2026-12-31", "2027-01-01")
    assert [experiment().variant("anna", day) for day in days] == ["A", "B", "B", "A"]
    assert {experiment().variant("bert", day) for day in days} == {"A"}


def test_nobody_is_in_no_variant() -> None:
    assert variants([experiment()], "", RUNNING) == {}
    assert variants([experiment(), experiment("x")], "anna", RUNNING) == {
        "coffee-or-cake": "B",
        "x": "A",
    }  # b282: 0.697


# What a variant has.


@pytest.mark.parametrize(
    ("member", "day", "can_have"),
    [
        ("anna", RUNNING, ["cake"]),
        ("bert", RUNNING, ["coffee"]),
        ("anna", BEFORE, ["coffee"]),
        ("anna", AFTER, ["coffee"]),
        ("", RUNNING, []),
    ],
)
def test_a_member_can_have_the_rewards_of_their_own_variant(member: str, day: str, can_have: list[str]) -> None:
    program = read_program(BOTH)
    why = {one.name: why_not(one, sale(day), standing(program, member, day), 100) for one in program.reward}
    assert [name for name, word in why.items() if not word] == can_have
    assert set(why.values()) <= {"", "variant"}


def test_whatever_has_conditions_can_be_a_variant() -> None:
    b = 'experiment = "coffee-or-cake"\nvariant = "B"\n'
    program = read_program(
        f'{HEAD}{TABLE}[[accrual]]\nname = "more"\ntitle = "More"\npoints = 5\n{b}'
        f'[[accrual]]\nname = "hello"\ntitle = "Hello"\non = "join"\npoints = 50\n{b}'
        f'[[price]]\nname = "off"\ntitle = "Off"\npercent = 10\n{b}[[benefit]]\ntitle = "Van"\n{b}'
    )
    found = {}
    for member in ("anna", "bert"):
        mine = standing(program, member)
        found[member] = (
            award(program, sale(), 0, mine).points,
            gift(program, "join", RUNNING, f"{RUNNING}T10:00:00", mine).points,
            member_prices(program.price, sale(), mine).minor,
            program.benefit[0].fails(sale(), mine),
        )
    assert found == {"anna": (15, 50, 100, ""), "bert": (10, 0, 0, "variant")}


def test_a_programme_without_experiments_leaves_the_standing_as_it_was() -> None:
    assert standing(read_program(HEAD), "anna").variants == {}


def test_a_simulation_gives_each_member_their_own_variant() -> None:
    program = read_program(
        BOTH.replace('kind = "gift"', 'kind = "money"\nvalue_minor = 100') + "[redeem]\npoints = 0\n"
    )
    taken = {}
    for member in ("anna", "bert", "carl", "dora"):
        simulation = Simulation(program, Behaviour(redeem_percent=100, redeem_from_minor=1))
        for number in range(2):
            one = Sale("1", f"{number}", f"{RUNNING}T1{number}:00:00", RUNNING, "EUR", 15000, (LineItem("1", 15000),))
            simulation.sell(one, member)
        taken[member] = set(simulation.outcome().rewards)
    assert taken == {"anna": {"cake"}, "bert": {"coffee"}, "carl": {"cake"}, "dora": {"coffee"}}


# Mistakes.


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOTH.replace('"2026-12-31"', '"2026-11-30"'), "it ends on 2026-11-30, before it begins on 2026-12-01"),
        (BOTH.replace('"2026-12-01"', '"1.12.2026"'), 'line 5: experiment "coffee-or-cake".from: "1.12.2026" is no day'),
        (BOTH.replace('to = "2026-12-31"\n', ""), 'line 3: experiment "coffee-or-cake".to is missing'),
        (BOTH.replace(TABLE, TABLE + "share_percent = 100\n"), "share_percent must be 99 or less, not 100"),
        (BOTH.replace(TABLE, TABLE + "share_percent = 0\n"), "share_percent must be 1 or more, not 0"),
        (BOTH.replace(TABLE, TABLE + TABLE), "line 8: coffee-or-cake names 2 experiments"),
        (BOTH.replace('variant = "B"', 'variant = "C"'), 'must be one of "A", "B", not "C"'),
        (BOTH.replace('variant = "B"\n', ""), 'line 14: reward "cake": experiment and variant = "A" or "B" go together'),
        (HEAD + reward("cake", "B"), "line 8: cake: there is no experiment coffee-or-cake"),
        (
            BOTH.replace('experiment = "coffee-or-cake"\nvariant = "B"', 'experiment = "coffee-or-cakes"\nvariant = "B"'),
            "line 19: cake: there is no experiment coffee-or-cakes; did you mean coffee-or-cake?",
        ),
        (
            BOTH + '[surprise]\ntitle = "S"\npoints = 1\nmean = 2\nat_least_every = 9\nexperiment = "zz"\nvariant = "A"\n',
            "surprise: there is no experiment zz",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(text: str, problem: str) -> None:
    with pytest.raises(ProgramError) as error:
        read_program(text)
    (found,) = error.value.problems
    assert problem in found


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        (BOTH, ""),
        (HEAD + TABLE, 'line 3: experiment "coffee-or-cake" tries nothing: no rule names it'),
        (
            HEAD + TABLE + reward("cake", "B"),
            'line 3: experiment "coffee-or-cake" has one variant only: reward "cake" is for B, and whoever is in A has nothing',
        ),
        (
            HEAD + TABLE + reward("coffee", "A") + reward("cake", "A"),
            'has one variant only: reward "coffee", reward "cake" is for A, and whoever is in B has nothing',
        ),
        (
            BOTH + reward("tart", "B"),
            'line 21: experiment "coffee-or-cake": variant B stands 2 times (reward "cake", reward "tart"); which of them',
        ),
        (BOTH + 'starts = "2026-12-02"\n', 'line 21: reward "cake" starts on 2026-12-02, after experiment'),
        (BOTH + 'starts = "2026-12-01"\nends = "2026-12-31"\n', ""),
        (BOTH + 'ends = "2026-12-30"\n', 'line 21: reward "cake" ends on 2026-12-30, before experiment'),
    ],
)
def test_what_is_surely_not_meant_is_doubted(text: str, doubt: str) -> None:
    found = doubts(read_program(text), RUNNING)
    assert any(doubt in one for one in found) == bool(doubt)
    assert len(found) <= 2


def test_an_experiment_that_is_over_is_to_be_taken_out() -> None:
    assert doubts(read_program(BOTH), "2026-12-31") == []
    (found,) = doubts(read_program(BOTH), AFTER)
    assert found.startswith('line 6: experiment "coffee-or-cake" ended on 2026-12-31, and everybody has A again')


# What a new version changes.


@pytest.mark.parametrize(
    ("becomes", "day", "said"),
    [
        (BOTH, RUNNING, ""),
        (BOTH + "[earn]\npoints = 2\n", RUNNING, ""),
        (
            BOTH.replace(TABLE, TABLE + "share_percent = 30\n"),
            RUNNING,
            "share_percent = 30 in place of 50 moves members",
        ),
        (BOTH.replace(TABLE, TABLE + "share_percent = 30\n"), BEFORE, ""),
        (BOTH.replace(TABLE, TABLE + "share_percent = 30\n"), AFTER, "has begun: share_percent = 30"),
        (BOTH.replace("2026-12-31", "2027-01-31"), RUNNING, "its days become 2026-12-01 to 2027-01-31"),
        (BOTH.replace("coffee-or-cake", "cake-or-coffee"), RUNNING, "this version takes it out, or names it otherwise"),
        (HEAD, RUNNING, 'experiment "coffee-or-cake" runs until 2026-12-31, and this version takes it out'),
        (HEAD, "2026-12-31", "takes it out"),  # its last day
        (HEAD, AFTER, ""),  # as it should be
        (HEAD, BEFORE, ""),
        (BOTH.replace("points = 100", "points = 90"), RUNNING, "this version changes what its members have"),
        (BOTH.replace("points = 100", "points = 90"), AFTER, ""),
    ],
)
def test_whatever_changes_an_experiment_that_has_begun_is_said(becomes: str, day: str, said: str) -> None:
    found = changes(read_program(BOTH), read_program(becomes), day)
    assert len(found) == bool(said)
    assert all(said in one for one in found)
