"""A year of 155,848 real baskets from CSV, through the command that a shop types, in a process of its own.

The peer does the least that keeps the same facts: csv.reader, and sqlite3 with synchronous=FULL writing each row's text as it
stands, in transactions of as many baskets. The target is the product's own: 60 seconds and 300 MB on two cores.
"""

from __future__ import annotations

import csv
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from itertools import groupby, islice
from pathlib import Path
from typing import Any

from bench.journey import HEADER

TARGET_S = 60.0
TARGET_MB = 300.0
BASKETS_A_COMMIT = 500


def measure() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="bench-", dir=os.environ.get("BENCH_DIR")) as name:
        folder = Path(name)
        file = folder / "year.csv"
        # In a process of its own: a child's peak memory begins with its parent's, so this one stays small.
        subprocess.run([sys.executable, "-m", "bench.journey", str(file)], check=True)
        ours_s, megabytes, done = _ours(file, folder / "till")
        peer_s = _peer(file, folder / "peer.db")
    return [
        {
            "what": f"backfill of {done['recorded']:,} baskets / csv.reader and sqlite3 keeping the rows",
            "ours": ours_s,
            "peer": peer_s,
            "unit": "s",
            "ratio": ours_s / peer_s,
            "target": TARGET_S / peer_s,
            "met": ours_s <= TARGET_S,
        },
        {
            "what": "memory of the process / what it may have",
            "ours": megabytes,
            "peer": TARGET_MB,
            "unit": "MB",
            "ratio": megabytes / TARGET_MB,
            "target": 1.0,
            "met": megabytes <= TARGET_MB,
        },
    ]


def _ours(file: Path, store: Path) -> tuple[float, float, dict[str, Any]]:
    if sys.platform == "win32":
        raise OSError("the peak memory of a child is asked for by wait4, which Windows does not have")
    command = [sys.executable, "-m", "pos_plugin"]
    subprocess.run(
        [*command, "init", "--store", str(store), "--currency", "USD"], check=True, stdout=subprocess.DEVNULL
    )
    start = time.perf_counter()
    with subprocess.Popen(
        [*command, "backfill", str(file), "--store", str(store), "--json"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"backfill ended with {process.returncode}")
    return time.perf_counter() - start, used.ru_maxrss / 1024, json.loads(said)


def _peer(file: Path, database: Path) -> float:
    start = time.perf_counter()
    db = sqlite3.connect(database, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"CREATE TABLE row ({', '.join(HEADER)})")
    insert = f"INSERT INTO row VALUES ({', '.join('?' * len(HEADER))})"
    with open(file, encoding="utf-8", newline="") as text:
        reader = csv.reader(text)
        next(reader)
        sales = groupby(reader, key=lambda row: (row[0], row[1]))
        while some := [row for _, rows in islice(sales, BASKETS_A_COMMIT) for row in rows]:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(insert, some)
            db.execute("COMMIT")
    db.close()
    return time.perf_counter() - start
