"""Mutation testing of the pure rooms: `python -m bench.mutants [NAME ...]`; no names are all of `loyalty` and `ledger`.

Mutmut changes the code in a copy, a place at a time, and runs the tests that reach it. A mutant that no test notices survives;
one that no test reaches counts as one. Exit status 1 under 85 % noticed. Survivors are listed; `mutmut show NAME` says what each
changed. Decorated functions (properties, checks of a table) are not mutated.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

FLOOR_PERCENT = 85.0
FOLDER = Path("mutants")
SURVIVED, UNREACHED, NOT_RUN = 0, 33, None
"""What mutmut keeps as the exit status of the tests of a mutant; any other means that they noticed."""


def percent(noticed: int, of: int) -> float:
    return 100 * noticed / of if of else 100.0


def results(names: list[str]) -> dict[str, int | None]:
    """By mutant, how its tests ended; those of `names` where there are any."""
    found: dict[str, int | None] = {}
    for path in sorted(FOLDER.glob("*/*.meta")):
        found |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return {name: ended for name, ended in found.items() if not names or name.startswith(tuple(names))}


def noticed(ended: int | None) -> bool:
    return ended not in (SURVIVED, UNREACHED, NOT_RUN)


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("names", nargs="*", help="beginnings of names: loyalty.tiers")
    asked.add_argument("--again", action="store_true", help="keep what an earlier run found of code that is the same")
    asked.add_argument("--children", type=int, default=2)
    options = asked.parse_args()
    if not options.again:
        shutil.rmtree(FOLDER, ignore_errors=True)
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", str(options.children)]
    ran = subprocess.run([*command, *(f"{name}*" for name in options.names)], check=False)
    if ran.returncode:
        print("mutmut could not run; its tests must pass before anything is changed", file=sys.stderr)
        return 2
    found = results(options.names)
    for name, ended in found.items():
        if not noticed(ended):
            print("survived " if ended == SURVIVED else "unreached", name)
    by_module: dict[str, list[bool]] = {}
    for name, ended in found.items():
        by_module.setdefault(".".join(name.split(".")[:2]), []).append(noticed(ended))
    for module, ends in sorted(by_module.items()):
        print(f"{module:24} {sum(ends):5} of {len(ends):5}  {percent(sum(ends), len(ends)):5.1f} %")
    caught = sum(noticed(ended) for ended in found.values())
    reached = percent(caught, len(found))
    print(f"{caught} of {len(found)} mutants noticed: {reached:.1f} % (at least {FLOOR_PERCENT:g} %)")
    return int(reached < FLOOR_PERCENT)


if __name__ == "__main__":
    sys.exit(main())
