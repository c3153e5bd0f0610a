"""How much of other programs' streams is understood: `python -m bench.corpus DIR` reads every .bin and .escpos file there.

Of each file: how many items, how many of them unknown and why, and whether the listing's bytes are the file's.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

from drivers.simulated.listing import entries


def main(folder: str) -> int:
    files = sorted(path for path in Path(folder).rglob("*") if path.suffix in (".bin", ".escpos"))
    whole = 0
    for path in files:
        stream = path.read_bytes()
        found = list(entries(stream))
        is_whole = b"".join(entry.raw for entry in found) == stream
        whole += is_whole
        unknown = [entry for entry in found if entry.is_unknown]
        print(f"{path.name}: {len(stream):,} bytes, {len(found):,} items, {len(unknown):,} unknown")
        if not is_whole:
            print("    the listing's bytes are NOT the file's")
        for (raw, why), count in Counter((entry.raw[:4], entry.meaning) for entry in unknown).most_common(5):
            print(f"    {count:,} × {raw.hex(' ').upper()}: {why}")
    print(f"{whole} of {len(files)} files come out byte for byte")
    return 0 if whole == len(files) else 1


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Say where the streams are: python -m bench.corpus DIR")
    sys.exit(main(sys.argv[1]))
