"""What is legal in a programme but surely not meant: one doubt a line, each in a programme that has no other."""

from __future__ import annotations

import pytest

from loyalty.doubts import doubts
from loyalty.program import ProgramError, preset, preset_names, read_program, readable_part

SOUND = """\
name = "sound"
currency = "EUR"
[segments]
student = "Student"
[tiers]
by = "points"
[[tier]]
name = "silver"
title = "Silver"
from = 100
[[tier]]
name = "gold"
title = "Gold"
from = 500
times = 1.5
[[accrual]]
name = "tea"
title = "Tea"
times = 2
segments = ["student"]
[[reward]]
name = "five"
title = "Five off"
points = 400
kind = "money"
value_minor = 500
"""
TODAY = "2026-11-22"


def rule(name: str = "more", **written: str) -> str:
    keys = {"points": "5", **written}
    return f'[[accrual]]\nname = "{name}"\ntitle = "More"\n' + "".join(
        f"{key} = {value}\n" for key, value in keys.items()
    )


def test_a_sound_programme_has_no_doubts() -> None:
    assert doubts(read_program(SOUND), TODAY) == []


@pytest.mark.parametrize("name", preset_names())
def test_no_preset_is_doubted(name: str) -> None:
    assert doubts(read_program(preset(name))) == []


@pytest.mark.parametrize(
    ("was", "becomes", "doubt"),
    [
        # tiers
        ("times = 1.5", "times = 0.5", 'line 15: tier "gold" earns less than "silver" below it'),
        ("times = 1.5", "keep = 501", 'line 15: tier "gold": keeping it takes 501, reaching it only 500'),
        ("from = 500", "paid = true", 'line 14: nobody can reach tier "gold": it is paid, and no membership sells it'),
        (
            "[tiers]",
            '[earn]\nlimits = [{ points = 400, per = "ever" }]\n[tiers]',
            'line 16: nobody can reach tier "gold"',
        ),
        # words that are not there
        ('["student"]', '["studnt"]', 'line 20: accrual "tea": [segments] has no "studnt"; did you mean student?'),
        ('student = "Student"', 'student = "Student"\nother = "Other"', 'line 5: segment "other" is used by no rule'),
        # names
        # what gives more than it takes
        ("points = 400", "points = 0", 'line 24: reward "five" costs nothing and can be had with every sale'),
        (
            "points = 400",
            'points = 0\nlimits = [{ uses = 1, per = "sale" }]',
            'line 24: reward "five" costs nothing and can be had with every sale',
        ),
        ("points = 400", "points = 4", 'line 24: reward "five" gives €5.00 for points that take €4.00 to earn'),
        ("points = 400", "points = 501", 'line 24: reward "five" gives less than the same points as money'),
        ('kind = "money"\nvalue_minor = 500', 'kind = "product"', 'reward "five" gives one piece of anything'),
        (
            'kind = "money"\nvalue_minor = 500',
            'kind = "product"\ngoods = { except = { tags = ["gift card"] } }',
            'reward "five" gives one piece of anything',
        ),
        (
            'kind = "money"\nvalue_minor = 500',
            'kind = "product"\nmost_minor = 40001',
            'line 24: reward "five" gives goods of up to €400.01 for points that take €400.00 to earn',
        ),
        # what nobody comes to
        (
            "from = 500",
            "from = 150001",
            'line 14: nobody can reach tier "gold": it takes 150001 points, and €100000.66',
        ),
        ("points = 400", "points = 200000", 'nobody can have reward "five" before points end: it takes 200000 points'),
        (
            "[tiers]",
            '[earn]\nlimits = [{ points = 28, per = "month" }]\n[tiers]',
            'line 26: nobody can have reward "five" before points end: the limits of [earn] let a member have 392 points',
        ),
        ('kind = "money"\nvalue_minor = 500', 'kind = "percent"\npercent = 100', "gives the whole sale for nothing"),
        (
            "value_minor = 500",
            'value_minor = 500\nlimits = [{ points = 399, per = "day" }]',
            'nobody can have reward "five"',
        ),
    ],
)
def test_a_doubt_is_named_with_its_line(was: str, becomes: str, doubt: str) -> None:
    assert SOUND.count(was) == 1
    found = doubts(read_program(SOUND.replace(was, becomes)), TODAY)
    assert any(doubt in one for one in found)
    assert len(found) <= 2  # a misspelt segment leaves the right one without a rule


@pytest.mark.parametrize(
    ("more", "doubt"),
    [
        ("[redeem]\npoints = 1\nworth_minor = 101\n", "line 27: this gives back 101 %: whoever spends €100.00 has points worth"),
        ("[redeem]\nfrom_points = 250\nstep = 100\n", "line 28: from 250 points in steps of 100: the first that can be"),
        ("[redeem]\nfrom_points = 600\n[offline]\nshare_percent = 20\n", "500 points stand at a till, but at least 600"),
        ("[earn]\nvest_days = 40\n[expire]\nmonths = 1\n", "line 29: points end before they can be spent: those of 06-01"),
        ("[expire]\nmonths = 1\nwarn_days = 31\n", "line 29: points live for 31 days at most: every receipt warns of them"),
        (rule(ends='"2026-11-21"'), 'line 31: accrual "more" ended on 2026-11-21 and does nothing any more'),
        (rule(ends='"2026-11-22"'), ""),  # its last day
        (rule(starts='"2026-11-23"', ends='"2026-11-24"', weekdays='["sun"]'), "none of these weekdays lies between its days"),
        (rule(hours='["09:00-09:00"]'), "09:00-09:00 is the whole day"),
        (rule(on='"join"', minimum_minor="100"), "can never apply: its occasion (join) has no amount"),
        (rule(on='"join"', tiers='["gold"]'), "can never apply: at a join nobody has such a tier yet"),
        (rule(on='"reload"', minimum_minor="1000", per='"unit"'), "its occasion (reload) has no goods"),
        (rule(on='"reload"', points="200"), 'gives points worth €2.50 for loading anything'),
        (rule(points="400"), "gives points worth €5.00 for a sale of any amount, as often as one likes"),
        (rule(points="400", limits='[{ uses = 1, per = "day" }]'), ""),
        (rule(limits='[{ uses = 1 }]'), "uses for each sale limit nothing"),
        (rule(goods='{ products = ["a"], except = { products = ["a"] } }'), 'names "a" and takes it out again under except'),
        ('[earn]\nexcept = { tags = ["wine"] }\n' + rule(goods='{ tags = ["wine"] }'), "except under [earn] takes it out"),
        (rule("a", points="0", times="9") + rule("b", points="0", times="2"), 'line 16: on one sale "tea", "a", "b"'),
        (rule("a", points="0", times="9", exclusive="true"), ""),  # used alone
        ("[referral]\n", "a referral gives nothing"),
        ('[referral]\nfriend_points = 100\non = "every purchase"\n', "every purchase of a friend gives points worth €1.25"),
        ('[surprise]\ntitle = "x"\npoints = 5\nmean = 10\nat_least_every = 11\n', "% of the wins come after exactly 11 sales"),
        ('[surprise]\ntitle = "x"\npoints = 5\nmean = 10\nat_least_every = 30\n', ""),
        # a minimum that no sale reaches: 10,000 times the amount that earns
        (rule(minimum_minor="1000001"), 'line 31: accrual "more" hardly ever applies: it asks for a sale of €10000.01'),
        (rule(minimum_minor="1000000"), ""),
        ("[earn]\nminimum_minor = 1000001\n", "line 28: earn hardly ever applies"),
        ("[earn]\nper_minor = 1000\nminimum_minor = 1000001\n", ""),
        ('[[benefit]]\ntitle = "Van"\nminimum_minor = 2000000\n', 'line 29: benefit "Van" hardly ever applies'),
    ],
)  # fmt: skip
def test_a_doubt_about_what_is_added(more: str, doubt: str) -> None:
    found = doubts(read_program(SOUND + more), TODAY)
    assert (found == []) == (not doubt)
    assert any(doubt in one for one in found) or not doubt
    assert len(found) <= 2


def test_a_charity_that_stands_twice_is_doubted() -> None:
    text = '[giving]\npercent = 1\ncharities = [{ name = "sea", title = "A" },\n{ name = "sea", title = "B" }]\n'
    assert doubts(read_program(SOUND + text), TODAY) == ['line 30: there are two charities named "sea"']


@pytest.mark.parametrize(
    ("by", "most"),
    [("spend", 100_000_00), ("points", 100_000), ("visits", 10 * 31 * 12)],
)
def test_a_tier_is_out_of_reach_beyond_what_anybody_does_in_the_window(by: str, most: int) -> None:
    text = 'name = "far"\ncurrency = "EUR"\n[tiers]\nby = "{}"\n[[tier]]\nname = "far"\ntitle = "Far"\nfrom = {}\n'
    assert doubts(read_program(text.format(by, most))) == []
    (found,) = doubts(read_program(text.format(by, most + 1)))
    assert found.startswith('line 8: nobody can reach tier "far": it takes ')


@pytest.mark.parametrize(
    ("expire", "is_doubted"), [("months = 12", True), ('rule = "never"', False), ('rule = "inactivity"', False)]
)
def test_points_that_stay_can_be_saved_for_any_reward(expire: str, is_doubted: bool) -> None:
    text = SOUND.replace("points = 400", "points = 200000").replace("value_minor = 500", "value_minor = 200000")
    found = [one for one in doubts(read_program(f"{text}[expire]\n{expire}\n")) if "before points end" in one]
    assert bool(found) == is_doubted


def test_rewards_of_a_programme_whose_rule_is_the_rate_are_weighed_too() -> None:
    stamps = SOUND + "[earn]\npoints = 0\n[redeem]\npoints = 0\n" + rule(per='"amount"', per_minor="2000", points="1")
    assert doubts(read_program(stamps)) == []
    (found,) = doubts(read_program(stamps.replace("value_minor = 500", "value_minor = 800001")))
    assert 'reward "five" gives €8000.01 for points that take €8000.00 to earn' in found


PARTLY = """\
name = "partly"
currency = "eur"
[segments]
student = "Student"
[[tier]]
name = "gold"
title = 7
[[reward]]
name = "unreadable"
points = 1
[[reward]]
name = "dear"
title = "Dear"
points = 4
kind = "money"
value_minor = 500
segments = ["studnt"]
[[benefit]]
title = "For gold"
tiers = ["gold", "glod"]
[expire]
months = 1
warn_days = 60
[offline]
share_percent = 101
"""


def test_what_can_be_read_is_doubted_although_the_rest_cannot() -> None:
    """Nothing is doubted for the lack of what could not be read: that gold is no tier, that student is used by nobody."""
    part = readable_part(PARTLY)
    assert doubts(part.program, TODAY, part.sound) == [
        'line 14: reward "dear" gives €5.00 for points that take €4.00 to earn',
        'line 17: reward "dear": [segments] has no "studnt"; did you mean student?',
        "line 23: points live for 31 days at most: every receipt warns of them",
    ]
    part = readable_part(PARTLY.replace("title = 7", 'title = "Gold"'))
    assert doubts(part.program, TODAY, part.sound)[2:] == [
        'line 20: benefit "For gold": there is no tier "glod"; did you mean gold?',
        "line 23: points live for 31 days at most: every receipt warns of them",
    ]


@pytest.mark.parametrize(
    ("was", "becomes", "problem"),
    [
        ('name = "five"', 'name = "tea"', "line 22: tea names 2 rules, which would be counted as one"),
        ('name = "gold"', 'name = "silver"', "line 12: silver names 2 tiers"),
        ("from = 500", "from = 50", "line 14: tier gold is reached from 50, which is not more than silver"),
        ("from = 500", "from = 100", "line 14: tier gold is reached from 100, which is not more than silver"),
        ('segments = ["student"]', 'tiers = ["glod"]', "line 20: tea: there is no tier glod; did you mean gold?"),
    ],
)
def test_what_cannot_work_together_is_a_problem_with_its_line(was: str, becomes: str, problem: str) -> None:
    with pytest.raises(ProgramError) as refused:
        read_program(SOUND.replace(was, becomes))
    assert any(one.startswith(problem) for one in refused.value.problems)


@pytest.mark.parametrize("bound", ['limits = [{ uses = 1, per = "month" }]', "birthday = { days_after = 6 }"])
def test_a_reward_for_nothing_that_is_bounded_is_not_doubted(bound: str) -> None:
    assert doubts(read_program(SOUND.replace("points = 400", f"points = 0\n{bound}"))) == []
