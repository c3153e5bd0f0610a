"""How long head office's page of figures takes, over a folder that `bench.office` filled.

    python -m bench.figures_page DIR [--json]

Sixty questions, no two alike: months and quarters of all shops and of single ones, and the year that the page opens with. Each is
asked once, so that no answer was kept, then once more. In one process, without a network; the page as it is sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
from sqlalchemy import select

from central_server import schema
from central_server.app import create_app
from central_server.figures import answers
from central_server.office import Office
from central_server.pages.frame import COOKIE, ROOT
from central_server.people import sessions
from central_server.people.staff import Staff, put_account

TARGET_MS = 300.0
QUESTIONS = 60


def questions(shops: list[str], last: date) -> list[str]:
    """Of every four: a month and a quarter of all shops, a month and a year of one."""
    asked = [""]
    for count in range(QUESTIONS - 1):
        end = last - timedelta(days=5 * count)
        days, shop = [(30, ""), (90, ""), (30, shops[count % len(shops)]), (365, shops[count % len(shops)])][count % 4]
        asked.append(f"from={end - timedelta(days=days)}&to={end}&shop={shop}")
    return asked


async def measured(office: Office, asked: list[str]) -> list[tuple[float, float]]:
    """Milliseconds of each, by the clock and of the processor: beside other work only the second says something."""
    login = "bench"
    put_account(office, Staff(login, "Bench", "marketing", ""), os.urandom(16).hex())
    cookies = {COOKIE: sessions.begin(office, login)}
    transport = httpx.ASGITransport(create_app(office))
    found = []
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", cookies=cookies) as client:
        for question in asked:
            start, worked = time.perf_counter(), time.process_time()
            answer = await client.get(f"{ROOT}/figures?{question}")
            found.append((1000 * (time.perf_counter() - start), 1000 * (time.process_time() - worked)))
            assert answer.status_code == 200, answer.status_code
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.figures_page")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    office = Office.open(asked.folder, lambda: datetime.now(UTC), os.urandom)
    with office.database.reading() as connection:
        shops = list(connection.scalars(select(schema.shop.c.shop).order_by(schema.shop.c.shop)))
        last = date.fromisoformat(office.today(connection))
    answers.warm(office)  # as head office does whenever it has counted
    wanted = questions(shops, last)
    times = asyncio.run(measured(office, [*wanted, *wanted]))
    office.close()
    told: dict[str, float] = {}
    for name, part in (("first", times[:QUESTIONS]), ("again", times[QUESTIONS:])):
        for of, values in zip(("", "cpu_"), zip(*part, strict=True), strict=True):
            cuts = statistics.quantiles(values, n=20)
            told |= {f"{name}_{of}p50_ms": round(cuts[9], 1), f"{name}_{of}p95_ms": round(cuts[18], 1)}
    if asked.json:
        print(json.dumps({**told, "target_ms": TARGET_MS, "met": told["first_p95_ms"] <= TARGET_MS}))
    else:
        print(", ".join(f"{name.replace('_', ' ')} {value:,.0f}" for name, value in told.items()))


if __name__ == "__main__":
    main()
