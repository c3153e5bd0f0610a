"""What is surely not meant of an experiment: in itself, and beside the version that is in force while it runs.

An experiment compares two things that members have by chance alone. Whatever else differs between them, or is changed on the
way, is compared as well, and nobody can tell afterwards what made the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from loyalty.conditions import Condition
from loyalty.experiment import A, B, Experiment, Variant
from loyalty.program import Program
from loyalty.toml_lines import Path
from loyalty.toml_table import Problem as Doubt

Rules = Sequence[tuple[Path, Condition, str]]
"""Whatever has a condition: where it stands, and what it is called."""


def doubts(program: Program, rules: Rules) -> Iterator[Doubt]:
    for number, one in enumerate(program.experiment):
        path, called = ("experiment", number), f'experiment "{one.name}"'
        tried = {variant: _of(rules, one.name, variant) for variant in (A, B)}
        if not (tried[A] or tried[B]):
            yield path, f"{called} tries nothing: no rule names it"
            continue
        for variant, other in ((A, B), (B, A)):
            if not tried[variant]:
                names = _named(tried[other])
                yield (
                    path,
                    f"{called} has one variant only: {names} is for {other}, and whoever is in {variant} has nothing",
                )
            elif len(tried[variant]) > 1:
                yield (
                    tried[variant][1][0],
                    f"{called}: variant {variant} stands {len(tried[variant])} times ({_named(tried[variant])}); which of them "
                    "made the difference will not be known",
                )
        for place, rule, name in (*tried[A], *tried[B]):
            if rule.starts > one.first:
                yield (*place, "starts"), f"{name} starts on {rule.starts}, after {called} has begun"
            if rule.ends and rule.ends < one.last:
                yield (*place, "ends"), f"{name} ends on {rule.ends}, before {called} does"


def over(program: Program, today: str) -> Iterator[Doubt]:
    for number, one in enumerate(program.experiment):
        if one.last < today:
            yield (
                ("experiment", number, "to"),
                f'experiment "{one.name}" ended on {one.last}, and everybody has A again: keep the better one, and take it out',
            )


def _of(rules: Rules, name: str, variant: Variant) -> Rules:
    return [one for one in rules if (one[1].experiment, one[1].variant) == (name, variant)]


def _named(rules: Rules) -> str:
    return ", ".join(called for _, _, called in rules)


def changes(now: Program, new: Program, today: str) -> list[str]:
    """What the new version would change of experiments of the one in force that have begun, a sentence each."""
    return [said for one in now.experiment for said in changes_of(one, now, new, today)]


def changes_of(one: Experiment, now: Program, new: Program, today: str) -> Iterator[str]:
    """What the new version would change of this experiment of the one in force."""
    is_running, called = today <= one.last, f'experiment "{one.name}"'
    after = next((other for other in new.experiment if other.name == one.name), None)
    if today < one.first:
        return
    if after is None:
        if is_running:
            yield (
                f"{called} runs until {one.last}, and this version takes it out, or names it otherwise: who was in B is not any "
                "more, and nothing can be said of it but what was found until now"
            )
        return
    if after.share_percent != one.share_percent:
        yield (
            f"{called} has begun: share_percent = {after.share_percent} in place of {one.share_percent} moves members from one "
            "variant to the other, with what they did before"
        )
    if (after.first, after.last) != (one.first, one.last):
        yield (
            f"{called} has begun: its days become {after.first} to {after.last}, in place of {one.first} to {one.last}; whoever "
            "chooses the end by what the figures say takes chance for a result"
        )
    if is_running and _tried(now, one) != _tried(new, one):
        yield f"{called} runs until {one.last}: this version changes what its members have, A or B, on the way"


def _tried(program: Program, one: Experiment) -> list[Condition]:
    rules: list[Condition] = [*program.accrual, *program.reward, *program.price, *program.benefit]
    rules += [program.surprise] if program.surprise else []
    return [rule for rule in rules if rule.experiment == one.name]
