"""`python -m bench.simulator`: seeds, a table of what they met, and the seeds that failed."""

from __future__ import annotations

import argparse
import atexit
import os
import sys
import time
from collections import Counter

from bench.simulator.hazards import NAMES
from bench.simulator.running import STEPS, clean_up, run_seed, run_seeds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.simulator", description="Real code under seeded accidents.")
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--hazards", help=f"only these, whatever the seed says; of: {', '.join(NAMES)}")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--markdown", action="store_true", help="the table as it stands in docs/reliability.md")
    parser.add_argument("--trace", type=int, metavar="SEED", help="one seed again, a line for everything that happens")
    asked = parser.parse_args()
    hazards = (
        None if asked.hazards is None else tuple(filter(None, (name.strip() for name in asked.hazards.split(","))))
    )
    atexit.register(clean_up)
    if asked.trace is not None:
        outcome = run_seed(asked.trace, asked.steps, hazards, is_traced=True)
        print(f"seed {outcome.seed}, {outcome.steps} steps, hazards: {outcome.hazards}")
        print(*outcome.trace, sep="\n")
        return 1 if outcome.violation else 0
    started = time.monotonic()
    faults: Counter[str] = Counter()
    failed = []
    entries = 0
    for outcome in run_seeds(range(asked.first, asked.first + asked.seeds), asked.steps, hazards, asked.processes):
        faults.update(outcome.faults)
        entries += outcome.entries
        if outcome.violation:
            failed.append(outcome)
            print(f"seed {outcome.seed} ({outcome.hazards}): {outcome.violation}", flush=True)
    seconds = time.monotonic() - started
    if asked.markdown:
        print("| What happened | Times |\n|---|---:|")
    for name, value in (
        ("seeds", asked.seeds),
        ("steps", asked.seeds * asked.steps),
        ("entries", entries),
        *((f"  {kind}", count) for kind, count in sorted(faults.items())),
        ("violations", len(failed)),
    ):
        print(f"| {name.strip()} | {value:,} |" if asked.markdown else f"{name:36}{value:>9,}")
    print(f"{asked.seeds / seconds:.1f} seeds a second on {asked.processes} processors, {seconds:.0f} s")
    if failed:
        again = f" --hazards '{asked.hazards}'" if asked.hazards is not None else ""
        print(
            f"again: python -m bench.simulator --steps {asked.steps}{again} --trace {failed[0].seed}", file=sys.stderr
        )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
