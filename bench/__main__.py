"""`python -m bench NAME [--entries N] [--json]`: one measurement beside its peer, in one run."""

from __future__ import annotations

import argparse
import importlib
import json
import signal
import sys
from typing import Any

NAMES = (
    "backfill",
    "checkout",
    "concurrent",
    "decode",
    "members",
    "feed",
    "drain",
    "ingest",
    "tamper",
    "program",
    "first_byte",
    "intercept",
    "receipt",
    "scan",
    "stream",
)
SIZED = ("checkout", "members", "feed", "drain", "ingest", "program")
"""Those that can be made smaller."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ratios measured side by side in one run.")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--entries", type=int, help=f"How many entries, members or baskets: {', '.join(SIZED)}.")
    parser.add_argument("--json", action="store_true", help="End with one line of JSON.")
    asked = parser.parse_args()
    if asked.entries and asked.name not in SIZED:
        parser.error(f"{asked.name} has one size")
    # Ended from outside, it still stops the servers it started and removes its folders.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    size = {"entries": asked.entries} if asked.entries else {}
    ratios: list[dict[str, Any]] = importlib.import_module(f"bench.{asked.name}").measure(**size)
    if asked.json:
        print(json.dumps({"bench": asked.name, "ratios": ratios}))
        return
    for one in ratios:
        print(
            f"{one['what']}: ours {one['ours']:,.1f} {one['unit']}, peer {one['peer']:,.1f} {one['unit']}, "
            f"ratio {one['ratio']:.3f}, target {'≥' if one.get('at_least') else '≤'} {one['target']:.2f}: "
            f"{'met' if one['met'] else 'MISSED'}"
        )
        for name, value in one.items():
            if name not in ("what", "ours", "peer", "unit", "ratio", "target", "met", "at_least"):
                print(
                    f"    {name.replace('_', ' ')}: {value:,.3f}"
                    if isinstance(value, float)
                    else f"    {name}: {value}"
                )


if __name__ == "__main__":
    main()
