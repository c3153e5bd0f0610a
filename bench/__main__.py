"""`python -m bench NAME [--json]`: one measurement beside its peer, in one run."""

from __future__ import annotations

import argparse
import importlib
import json
from typing import Any

NAMES = ("backfill", "checkout")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ratios measured side by side in one run.")
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--json", action="store_true", help="End with one line of JSON.")
    asked = parser.parse_args()
    ratios: list[dict[str, Any]] = importlib.import_module(f"bench.{asked.name}").measure()
    if asked.json:
        print(json.dumps({"bench": asked.name, "ratios": ratios}))
        return
    for one in ratios:
        print(
            f"{one['what']}: ours {one['ours']:.1f} {one['unit']}, peer {one['peer']:.1f} {one['unit']}, "
            f"ratio {one['ratio']:.2f}, target {one['target']:.2f}: {'met' if one['met'] else 'MISSED'}"
        )


if __name__ == "__main__":
    main()
