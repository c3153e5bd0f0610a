"""A real chain's year under every preset, on one core; and the award of one sale of ten lines under the heaviest.

Both targets are the product's own: 60 seconds for reading the file and telling its sales to a programme, 100 µs for an award.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

from bench.beside import at_most, timed
from bench.journey import baskets
from loyalty.award import award, standing_of
from loyalty.program import Program, preset, preset_names, read_program
from loyalty.sale import LineItem, Sale
from loyalty.simulation import Behaviour
from loyalty.standing import NO_HISTORY, Effects, Profile
from loyalty.surprise import Luck, terminal_key
from pos_plugin.past_sales.simulating import SalesHistory, read_history, simulate

BASKETS = 155_848
TARGET_S = 60.0
TARGET_US = 100.0
AWARDS = 2000
LINES = 10


def measure(entries: int = BASKETS) -> list[dict[str, Any]]:
    programs = [read_program(preset(name)) for name in preset_names()]
    read_s, history = _read(entries, programs[0])
    seconds = {program.name: _simulated_s(program, history) for program in programs}
    slowest = max(seconds, key=seconds.__getitem__)
    medians = {program.name: _award_us(program) for program in programs}
    heaviest = max(medians, key=medians.__getitem__)
    return [
        at_most(
            f"{len(history.sales):,} baskets read and simulated under {slowest} / what it may take",
            read_s + seconds[slowest],
            TARGET_S * entries / BASKETS,
            1.0,
            "s",
            reading_s=read_s,
            **seconds,
        ),
        at_most(
            f"award of a {LINES}-line sale under {heaviest}, median / what it may take",
            medians[heaviest],
            TARGET_US,
            1.0,
            "µs",
            **medians,
        ),
    ]


def _read(entries: int, program: Program) -> tuple[float, SalesHistory]:
    import csv

    from bench.journey import HEADER

    with tempfile.TemporaryDirectory(prefix="bench-", dir=os.environ.get("BENCH_DIR")) as folder:
        file = Path(folder) / "year.csv"
        with open(file, "w", encoding="utf-8", newline="") as text:
            writer = csv.writer(text)
            writer.writerow(HEADER)
            for basket in islice(baskets(), entries):
                writer.writerows(basket)
        start = time.perf_counter()
        history = read_history(file, program)
        return time.perf_counter() - start, history


def _simulated_s(program: Program, history: SalesHistory) -> float:
    """With every segment and membership of the programme in use, so that nothing is left out."""
    behaviour = Behaviour(
        segments=dict.fromkeys(program.segments, 30),
        memberships={plan.name: 30 for plan in program.membership},
        referred_percent=30,
    )
    start = time.perf_counter()
    simulate(program, behaviour, history)
    return time.perf_counter() - start


def _award_us(program: Program) -> float:
    """The median award of a sale of which every rule's goods are a part, to a member in the highest tier."""
    goods = [rule.goods for rule in program.accrual]
    skus = [sku for one in goods for sku in one.products] or ["4006381333931"]
    categories = [category for one in goods for category in one.categories] or ["tea"]
    tags = tuple(tag for one in goods for tag in one.tags)
    lines = tuple(
        LineItem(
            str(number),
            199 + 100 * number,
            tax_minor=30 + number,
            sku=skus[number % len(skus)],
            category=categories[number % len(categories)],
            tags=tags,
        )
        for number in range(1, LINES + 1)
    )
    day = next((rule.starts for rule in program.accrual if rule.starts), "2026-11-21")
    total = sum(line.amount_minor for line in lines)
    sale = Sale("1", "A-1", f"{day}T17:42:00", day, program.currency, total, lines)
    threshold = max((tier.threshold for tier in program.tier), default=0)
    paid = {tier.name: 12 for tier in program.tier if tier.is_paid}
    history = NO_HISTORY.plus(Effects(qualifies=threshold, paid=paid), day, sales=1)
    profile = Profile(birthday=day[5:], segments=dict.fromkeys(program.segments, ""), is_referred=True)
    standing = standing_of(program, history, profile, day, member="m", shop="s", terminal="1")
    luck = Luck(terminal_key(b"seed", "1"), "member")
    times = [timed(award, program, sale, 100, standing, luck) for _ in range(AWARDS)]
    return statistics.median(times[AWARDS // 10 :])
