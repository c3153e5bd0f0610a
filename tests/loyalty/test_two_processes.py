"""A till and head office, of other languages and in other time zones, compute the same from the same stored bytes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path
from random import Random

import msgspec
import pytest
from any_programme import history, profile, program_text, sale

from ledger.entry import GENESIS, Draft, SaleBody, entry, read_entry
from ledger.wire import Batch, pack, unpack
from loyalty.award import award, standing_of
from loyalty.program import Program, read_program
from loyalty.redeem import worth_minor
from loyalty.reward import after, member_prices

SALES = 10_000
A_PROGRAMME = 50
"""So many sales are under the same one."""
HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@lru_cache(maxsize=2)
def program_in(text: str) -> Program:
    return read_program(text)


def written(number: int, text: str) -> bytes:
    """The entry that a till writes of the sale of that number."""
    random, rules = Random(number), program_in(text)
    asked = sale(random, number)
    day = asked.business_day
    standing = standing_of(
        rules, history(random, rules, day), profile(random), day, member="m", shop="s1", terminal="T1"
    )
    prices = member_prices(rules.price, asked, standing)
    paid = after(asked, prices)
    redeemed_minor = worth_minor(rules, random.choice([0, random.randrange(500)]))
    redeemed_minor = min(redeemed_minor, paid.total_minor)
    earned = award(rules, paid, redeemed_minor, standing)
    body = SaleBody(
        asked,
        rules.id,
        standing,
        earned.points,
        "lot" if earned.points else "",
        earned.expires_on,
        redeemed_minor=redeemed_minor,
        usable_from=earned.usable_from,
        extends_to=earned.extends_to,
        off=prices.lines,
        effects=earned.effects,
    )
    draft = Draft(body, asked.document, asked.sold_at, day, member="m1")
    return entry(
        draft, terminal="T1", epoch="e1", number=number + 1, prev=GENESIS, recorded_at="2026-01-01T00:00:00+00:00"
    ).data


def computed_again(data: bytes, text: str) -> bytes:
    """What the bytes of an entry come to under its programme: the entry with its result replaced by that."""
    rules, body = program_in(text), read_entry(data).body
    assert isinstance(body, SaleBody)
    assert body.program == rules.id
    found = award(rules, body.sold.sale, body.redeemed_minor, body.standing)
    return msgspec.json.encode([found.points, found.expires_on, found.usable_from, found.extends_to, found.effects])


def the_same_as_written(data: bytes) -> bytes:
    body = read_entry(data).body
    assert isinstance(body, SaleBody)
    return msgspec.json.encode([body.awarded, body.expires_on, body.usable_from, body.extends_to, body.effects])


def program_of(number: int) -> str:
    return program_text(Random(f"programme {number // A_PROGRAMME}"))


def till() -> None:
    """Sells, and sends what it wrote as batches."""
    for first in range(0, SALES, 500):
        entries = [written(number, program_of(number)) for number in range(first, first + 500)]
        message = pack(Batch("T1", "e1", entries, "signature"))
        sys.stdout.buffer.write(len(message).to_bytes(4, "big") + message)


def head_office() -> None:
    """Reads batches, computes every award again, and says what it found, by hash."""
    found, number = hashlib.sha256(), 0
    while size := sys.stdin.buffer.read(4):
        batch = unpack(sys.stdin.buffer.read(int.from_bytes(size, "big")))
        for data in batch.entries:
            again = computed_again(data, program_of(number))
            if again != the_same_as_written(data):
                sys.exit(f"sale {number}: {again!r} is not what its entry says")
            found.update(data)
            found.update(again)
            number += 1
    print(number, found.hexdigest())


def runs(role: str, given: bytes, **environment: str) -> bytes:
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(HERE)!r}]; import test_two_processes as t; t.{role}()"
    ended = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code],
        input=given,
        capture_output=True,
        env=os.environ | environment,
        timeout=110,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode(errors="replace")
    return ended.stdout


@pytest.mark.slow
@pytest.mark.skipif(bool(os.environ.get("MUTANT_UNDER_TEST")), reason="other processes have no mutants")
def test_ten_thousand_sales_award_the_same_in_two_processes_of_other_languages_and_time_zones() -> None:
    sent = runs(
        "till", b"", LANG="tr_TR.ISO-8859-9", LC_ALL="tr_TR.ISO-8859-9", TZ="Pacific/Kiritimati", PYTHONHASHSEED="1"
    )
    one = runs("head_office", sent, LANG="de_DE.UTF-8", LC_ALL="C", TZ="America/St_Johns", PYTHONHASHSEED="2")
    assert one.split()[0] == str(SALES).encode()
    assert len(set(one.split())) == 2
