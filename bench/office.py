"""Fills a head office with a real chain's year: every basket of `bench.journey` as an entry of a till of its store.

    python -m bench.office DIR [--shops N] [--json]

It is filled in DIR.loading and gets its name once it is whole, with a file `loaded.json` by which the demo knows it; a load that
was cut off is begun anew. Members are named by their number, as households are in the data.

The entries are made by the pure rooms, chained and signed, and given to head office as batches, month by month, with its clock
at the end of each month; no till's file and no network is in between. The year is moved by whole weeks so that it ends yesterday.

What the data lacks is drawn from each basket's number, always alike: four of ten customers show no card (one in fifty of these
claims the sale on the next day), one basket in a hundred has a line returned three days later, one in two hundred is voided;
three cashiers share a store's day, its till counts the receipts, and 5 % tax is in every price. Whoever has 500 points of the
months before pays with them, in whichever store.

For the last weeks every till closes its day: a Z for each day on which it sold, the first of them for all that came before. Of
the last day one till has no Z, and another's counts a sale that there was not, so that there is something to find.
"""

from __future__ import annotations

import argparse
import gc
import heapq
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
from sqlalchemy import select

from bench.journey import baskets, baskets_by_store
from bench.replay import card_of
from central_server import files, schema
from central_server.applying import apply
from central_server.database import keep
from central_server.errors import OfficeError
from central_server.figures import facts
from central_server.founding import init_office
from central_server.membership import name_search
from central_server.office import Office
from central_server.shops import closings
from central_server.tills import enrolment, inbox
from ledger.closing import covered
from ledger.entry import (
    GENESIS,
    Body,
    ClaimBody,
    ClosingBody,
    Draft,
    Entry,
    JoinBody,
    OpenBody,
    ReturnBody,
    SaleBody,
    Slice,
    TakeBody,
    entry,
    entry_hash,
    read_entry,
    read_envelope,
)
from ledger.identifiers import new_terminal
from ledger.keys import SigningKey, batch_message, grant_message
from ledger.wire import MAX_BATCH_ENTRIES, Batch, Enrolment, enrolment_message
from loyalty.award import award, standing_of
from loyalty.days import business_day
from loyalty.program import Program, read_program
from loyalty.redeem import most_redeemable, worth_minor
from loyalty.returns import reversal
from loyalty.sale import LineItem, Return, ReturnedLine, Sale
from loyalty.standing import NO_HISTORY, NO_PROFILE, History

PROGRAM = """
name = "year"
currency = "USD"
time_zone = "America/New_York"
day_starts_at = 4
title = "A year"

[earn]
points = 1
per_minor = 100

[expire]
months = 4

[redeem]
points = 100
worth_minor = 100

[tiers]
by = "spend"
window_months = 3
lasts_months = 3
base = "Member"

[[tier]]
name = "silver"
title = "Silver"
from = 50000

[[tier]]
name = "gold"
title = "Gold"
from = 150000
"""
REDEEM_FROM = 500
LOADED = "loaded.json"
"""What was loaded, in a head office that is whole (`pos_plugin.demo.loaded` reads it)."""
SELLING, SENDING, APPLYING = 0.15, 0.35, 0.33
"""Which part of a basket's time each takes, the rest being the figures; for a bar that tells how long it still takes."""
BACK_AFTER = timedelta(days=3)
CLAIMED_AFTER = timedelta(days=1)
CLOSED_WEEKS = 6
"""So long before the end tills begin to close their days: longer than head office's page goes back."""
DAY_ENDS = timedelta(days=1, hours=4, seconds=-1)
"""The last second of a trading day, from its midnight."""
BEHIND_UTC = timedelta(hours=5)
"""The shops' clocks, the year round."""
AFTER_THE_LAST_DAY = timedelta(hours=13)
"""When head office has the last day: so long after its midnight in UTC."""


class Luck(NamedTuple):
    """What is drawn from a basket's number."""

    has_card: bool
    is_claimed: bool
    comes_back: bool
    is_voided: bool


def luck(basket: object) -> Luck:
    drawn = crc32(str(basket).encode())
    has_card = drawn % 10 < 6
    return Luck(has_card, not has_card and drawn // 10 % 50 == 0, drawn // 500 % 100 == 0, drawn // 50_000 % 200 == 0)


def cashier(sold_at: datetime) -> str:
    """Three share a day."""
    return f"cashier {1 + sold_at.hour // 8}"


def tax_of(amount_minor: int) -> int:
    return amount_minor * 5 // 105


@dataclass
class Purse:
    """What a household has: its lots (expiry, points), those of this month apart, and what counts towards its tier."""

    member: str
    lots: dict[str, list[Any]] = field(default_factory=dict)
    new: dict[str, list[Any]] = field(default_factory=dict)
    history: History = NO_HISTORY
    sales: int = 0

    @property
    def points(self) -> int:
        return sum(points for _, points in self.lots.values())

    def spendable(self, day: str) -> int:
        for lot in [lot for lot, (ends, points) in self.lots.items() if ends <= day or not points]:
            del self.lots[lot]
        return self.points

    def pay(self, points: int) -> dict[str, tuple[int, str]]:
        """lot → (points, expiry), soonest expiry first."""
        used: dict[str, tuple[int, str]] = {}
        for lot, one in sorted(self.lots.items(), key=lambda item: (item[1][0], item[0])):
            use = min(points, one[1])
            if use:
                one[1] -= use
                points -= use
                used[lot] = use, one[0]
        return used


class Till:
    """The journal of a store's one till, and what of it has not been sent."""

    def __init__(self, office: Office, store: int, random: Random) -> None:
        self.office, self.shop = office, shop_of(store)
        self.name = new_terminal(random.randbytes)
        self.epoch = f"{self.name}e1"
        self._key = SigningKey(random.randbytes(32))
        self._number, self._prev = 0, GENESIS
        self._unsent: list[bytes] = []
        self._receipts = 0
        self._closed: Entry | None = None
        self._open: list[Entry] = []
        code = enrolment.new_code(office, self.shop)
        proof = self._key.sign(enrolment_message(code, self.name, self._key.public))
        enrolment.enroll(
            office, enrolment.WrongCodes(), Enrolment(code, self.name, self.epoch, self._key.public, proof)
        )

    def write(
        self, body: Body, document: str, at: datetime, member: str = "", esc: Mapping[str, int] | None = None
    ) -> Entry:
        local = at.isoformat(timespec="seconds")
        draft = Draft(body, document, local, business_day(at, 4), member, dict(esc or {}))
        recorded_at = at.replace(tzinfo=UTC).isoformat(timespec="milliseconds")
        self._number += 1
        new = entry(
            draft,
            terminal=self.name,
            epoch=self.epoch,
            number=self._number,
            prev=self._prev,
            recorded_at=recorded_at,
        )
        self._prev = new.hash
        self._unsent.append(new.data)
        if self._closed is not None:
            self._open.append(new)
        return new

    def close(self, day: str, at: datetime, sales_too_many: int = 0) -> None:
        """Z of a day, as a till counts it that sends each entry at once. `sales_too_many` is what one adds that is at fault."""
        was, closed_day, waiting = None, "", self._open
        if self._closed is None:
            waiting = self._journal()  # nothing of it was kept: a year of a chain's entries is too much
        elif isinstance(self._closed.body, ClosingBody):
            was, closed_day = self._closed.body, self._closed.envelope.business_day
        made_at = at.isoformat(timespec="seconds")
        found = covered(waiting, day, was, closed_day, self._number + 2, made_at)
        body = ClosingBody(
            was.number + 1 if was else 1,
            operator=cashier(at),
            first=was.goes_on_from if was else 1,
            last=self._number,
            goes_on_from=found.goes_on_from,
            total=msgspec.structs.replace(found.total, sales=found.total.sales + sales_too_many),
            operators=found.operators,
            shifts=found.shifts,
            late=found.late,
            missing=found.missing,
            counted_to=found.counted_to,
        )
        self._closed = self.write(body, f"closing/{self.name}/{body.number}", at)
        self._open = [one for one in waiting if one.number >= found.goes_on_from]

    def _journal(self) -> list[Entry]:
        table = schema.inbox.c
        wanted = select(table.data).where(table.terminal == self.name).order_by(table.number)
        with self.office.database.reading() as connection:
            return [read_entry(data) for data in (*connection.scalars(wanted), *self._unsent)]

    def next_receipt(self) -> str:
        self._receipts += 1
        return str(self._receipts)

    @property
    def unsent(self) -> int:
        return len(self._unsent)

    def send(self) -> None:
        while self._unsent:
            part, rest = self._unsent[:MAX_BATCH_ENTRIES], self._unsent[MAX_BATCH_ENTRIES:]
            message = batch_message(self.name, self.epoch, read_envelope(part[-1]).number, entry_hash(part[-1]))
            inbox.record(self.office, Batch(self.name, self.epoch, part, self._key.sign(message)))
            self._unsent = rest


def shop_of(store: int) -> str:
    return f"store {store}"


@dataclass
class Filled:
    """What was made, told by who made it."""

    shops: int = 0
    baskets: int = 0
    entries: int = 0
    members: int = 0
    issued: int = 0
    redeemed: int = 0
    returns: int = 0
    first_day: str = ""
    last_day: str = ""
    seconds: float = 0.0
    cards: list[dict[str, str]] = field(default_factory=list)


class Year:
    """Writes the year into tills' journals, in the order of time."""

    def __init__(self, office: Office, program: Program, last: date, tick: Callable[[float], None]) -> None:
        self._tick = tick
        self._office, self._program, self._last = office, program, last
        self._random = Random(1)
        self._tills: dict[int, Till] = {}
        self._purses: dict[int, Purse] = {}
        self._later: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._sequence = itertools.count()
        self._settled = 0
        self._ends = date(2017, 12, 31) + timedelta(weeks=weeks_until(last))
        self._closes_from = (self._ends - timedelta(weeks=CLOSED_WEEKS)).isoformat()
        self._to_close: set[tuple[str, str]] = set()
        self._last_closed = 0
        self.done = Filled()

    def run(self, sold: Iterable[list[tuple[Any, ...]]]) -> None:
        month = ""
        for basket in sold:
            at = datetime.fromisoformat(basket[0][2])
            while self._later and self._later[0][0] <= at:
                when, _, act = heapq.heappop(self._later)
                act(when)
            if at.isoformat()[:7] != month:
                self._settle(at)
                month = at.isoformat()[:7]
            self._sell(basket, at)
            self.done.baskets += 1
            self._tick(SELLING)
        midnight = datetime.combine(self._last, datetime.min.time())
        while self._later and self._later[0][0] <= midnight + DAY_ENDS:
            when, _, act = heapq.heappop(self._later)
            act(when)
        self._settle(midnight + timedelta(days=1) + AFTER_THE_LAST_DAY - BEHIND_UTC)
        self.done.members, self.done.shops = len(self._purses), len(self._tills)
        self.done.entries = sum(till._number for till in self._tills.values())

    def _settle(self, at: datetime) -> None:
        """Everything is sent and applied, with head office's clock at this moment."""
        self._office.now = lambda: at.replace(tzinfo=UTC) + BEHIND_UTC
        entries, baskets = sum(till.unsent for till in self._tills.values()), self.done.baskets - self._settled
        self._settled = self.done.baskets
        each = baskets / entries if entries else 0.0
        for till in self._tills.values():
            sent = till.unsent
            till.send()
            self._tick(SENDING * each * sent)
        while applied := apply.apply_pending(self._office, apply.CHUNK):
            self._tick(APPLYING * each * applied)
        for purse in self._purses.values():
            purse.lots |= purse.new
            purse.new.clear()
        while apply.expire_due(self._office):
            pass
        facts.count_pending(self._office)
        while closings.compare_some(self._office):
            pass
        self._tick((1 - SELLING - SENDING - APPLYING) * baskets)

    def _till(self, store: int, at: datetime) -> Till:
        if store not in self._tills:
            self._tills[store] = Till(self._office, store, self._random)
            self._tills[store].write(OpenBody("bench"), f"open/{store}", at)
        return self._tills[store]

    def _purse(self, household: int, till: Till, at: datetime) -> Purse:
        if household not in self._purses:
            self._purses[household] = Purse(member_of(household))
            till.write(JoinBody(), f"join/{household}", at, self._purses[household].member)
        return self._purses[household]

    def _sell(self, basket: list[tuple[Any, ...]], at: datetime) -> None:
        store, ref, _, household = basket[0][:4]
        drawn, till, program = luck(ref), self._till(store, at), self._program
        lines = tuple(
            LineItem(
                str(count),
                row[7],
                quantity_milli=max(1, row[6]) * 1000,
                tax_minor=tax_of(row[7]),
                sku=str(row[4]),
                discount_minor=max(0, row[8]),
            )
            for count, row in enumerate(basket, 1)
        )
        day, total = business_day(at, 4), sum(line.amount_minor for line in lines)
        sale = Sale(
            str(store),
            till.next_receipt(),
            at.isoformat(timespec="seconds"),
            day,
            "USD",
            total,
            lines,
            operator=cashier(at),
        )
        self.done.first_day = self.done.first_day or day
        self.done.last_day = max(self.done.last_day, day)
        self._close_later(till, day)
        if not drawn.has_card:
            sold = till.write(SaleBody(sale, program.id), sale.document, at)
            if drawn.is_claimed and not drawn.comes_back and not drawn.is_voided:
                self._do_later(at + CLAIMED_AFTER, lambda when: self._claim(till, household, sold, when))
        else:
            sold = self._sell_to(till, self._purse(household, till, at), sale, at)
        if drawn.is_voided or (drawn.comes_back and len(lines) > 1):
            delay = timedelta(0) if drawn.is_voided else BACK_AFTER
            self._do_later(at + delay, lambda when: self._give_back(till, household, sold, drawn.is_voided, when))

    def _do_later(self, at: datetime, act: Callable[[datetime], None]) -> None:
        heapq.heappush(self._later, (at, next(self._sequence), act))

    def _close_later(self, till: Till, day: str) -> None:
        """At the end of a day on which it has sold; the first time every till closes, and with it all that came before."""
        if day < self._closes_from:
            return
        for one in (till,) if self._to_close else self._tills.values():
            if (one.name, day) not in self._to_close:
                self._to_close.add((one.name, day))
                ends = datetime.combine(date.fromisoformat(day), datetime.min.time()) + DAY_ENDS
                self._do_later(ends, lambda when, one=one: self._close(one, day, when))  # type: ignore[misc]

    def _close(self, till: Till, day: str, at: datetime) -> None:
        """Of the last day the first till forgets it, and the second counts a sale too many."""
        if day == self._ends.isoformat():
            self._last_closed += 1
        if self._last_closed != 1:
            till.close(day, at, sales_too_many=int(self._last_closed == 2))

    def _sell_to(self, till: Till, purse: Purse, sale: Sale, at: datetime) -> Entry:
        program, day = self._program, sale.business_day
        spendable, points = purse.spendable(day), 0
        if spendable >= REDEEM_FROM:
            points = most_redeemable(program, sale.total_minor, spendable)
        esc: dict[str, int] = {}
        if points:
            used = purse.pay(points)
            self._take(till, purse, used, at)
            esc = {lot: -part for lot, (part, _) in used.items()}
        standing = standing_of(program, purse.history, NO_PROFILE, day, member="", shop=till.shop, terminal=till.name)
        paid_minor = worth_minor(program, points)
        won = award(program, sale, paid_minor, standing)
        lot = f"{sale.till}-{sale.sale_ref}" if won.points else ""
        if lot:
            purse.new[lot] = [won.expires_on, won.points]
        purse.history = purse.history.plus(won.effects, day, sales=1)
        purse.sales += 1
        self.done.issued += won.points
        self.done.redeemed += points
        body = SaleBody(
            sale,
            program.id,
            standing,
            awarded=won.points,
            lot=lot,
            expires_on=won.expires_on if lot else "",
            redeemed=points,
            redeemed_minor=paid_minor,
            effects=won.effects,
        )
        return till.write(body, sale.document, at, purse.member, esc)

    def _take(self, till: Till, purse: Purse, used: Mapping[str, tuple[int, str]], at: datetime) -> None:
        """A grant under head office's own signature, as if it had been asked."""
        grant = f"grant-{next(self._sequence)}"
        parts: list[list[object]] = [[lot, points, ends] for lot, (points, ends) in used.items()]
        signature = self._office.signing.sign(grant_message(grant, till.name, till.epoch, purse.member, parts))
        slices = tuple(Slice(lot, points, ends) for lot, (points, ends) in used.items())
        esc = {lot: points for lot, (points, _) in used.items()}
        till.write(TakeBody(grant, slices, signature), f"take/{grant}", at, purse.member, esc)

    def _claim(self, till: Till, household: int, sold: Entry, at: datetime) -> None:
        purse, body = self._purse(household, till, at), sold.body
        assert isinstance(body, SaleBody)
        day = body.sale.business_day
        standing = standing_of(
            self._program, purse.history, NO_PROFILE, day, member="", shop=till.shop, terminal=till.name
        )
        won = award(self._program, body.sale, 0, standing)
        lot = f"claim-{body.sale.till}-{body.sale.sale_ref}" if won.points else ""
        if lot:
            purse.new[lot] = [won.expires_on, won.points]
        purse.history = purse.history.plus(won.effects, day, sales=1)
        purse.sales += 1
        self.done.issued += won.points
        claim = ClaimBody(
            body.sale.document,
            self._program.id,
            standing,
            awarded=won.points,
            lot=lot,
            expires_on=won.expires_on if lot else "",
            effects=won.effects,
        )
        till.write(claim, f"claim/{body.sale.document}", at, purse.member)

    def _give_back(self, till: Till, household: int, sold: Entry, is_void: bool, at: datetime) -> None:
        body = sold.body
        assert isinstance(body, SaleBody)
        lines = () if is_void else (ReturnedLine("1"),)
        back = Return(body.sale.till, body.sale.sale_ref, "1", lines=lines, is_void=is_void)
        found = reversal(self._program, body.sold, [], back)
        purse = self._purses.get(household)
        lot = (purse.lots | purse.new).get(body.lot) if purse is not None and sold.member else None
        if lot is not None:
            lot[1] -= min(lot[1], found.taken_points)  # the rest head office takes from other lots
        self.done.returns += 1
        gives = ReturnBody(
            back,
            back.sale_document,
            body.lot,
            found.taken_points,
            found.restored_points,
            found.restored_minor,
            found.returned_minor,
            operator=cashier(at),
            effects=found.effects,
        )
        till.write(gives, back.document, at, sold.member)


def moved(year: Iterable[list[tuple[Any, ...]]], weeks: int, stores: frozenset[int]) -> Iterator[list[tuple[Any, ...]]]:
    """The baskets of these stores, or of all, so many weeks later."""
    delta = timedelta(weeks=weeks)
    for basket in year:
        if stores and basket[0][0] not in stores:
            continue
        at = (datetime.fromisoformat(basket[0][2]) + delta).isoformat(timespec="seconds")
        yield [(row[0], row[1], at, *row[3:]) for row in basket]


def weeks_until(last: date) -> int:
    """By how many weeks the year, which ends on 31 December 2017, is moved so that it ends on `last` or in the week before."""
    return (last - date(2018, 1, 1)).days // 7


def last_whole_day(now: datetime) -> date:
    """The last day whose evening has come before `now`: what head office does once the year is over is not in the future."""
    return (now - AFTER_THE_LAST_DAY).date() - timedelta(days=1)


def busiest(count: int) -> frozenset[int]:
    """The stores with the most baskets; none stands for all of them."""
    return frozenset(store for store, _ in Counter(baskets_by_store()).most_common(count))


def fill(
    folder: Path, last: date, stores: frozenset[int] = frozenset(), tick: Callable[[float], None] = lambda baskets: None
) -> Filled:
    """A new head office in `folder` that has heard the year which ends on `last`; its figures are counted."""
    start = time.perf_counter()
    program = read_program(PROGRAM)
    weeks = weeks_until(last)
    began = datetime(2017, 1, 1, tzinfo=UTC) + timedelta(weeks=weeks)
    shops = [shop_of(store) for store in sorted(stores or baskets_by_store())]
    office = init_office(folder, lambda: began, Random(2).randbytes, program_text=PROGRAM, shops=shops)
    try:
        year = Year(office, program, last, tick)
        one = next(iter(stores)) if len(stores) == 1 else None
        year.run(moved(baskets(one), weeks, stores))
        people(office, year._purses)
    finally:
        office.close()
    year.done.cards = cards_to_show(year._purses)
    year.done.seconds = time.perf_counter() - start
    return year.done


def people(office: Office, purses: Mapping[int, Purse]) -> None:
    """Their cards, and names, which the data has not: each is called by its number."""
    with office.database.writing() as connection:
        keep(connection, schema.card, [{"card": card_of(one), "member": purse.member} for one, purse in purses.items()])
        named = [{"member": purse.member, "name": name_of(one), "phone": ""} for one, purse in purses.items()]
        keep(connection, schema.person, named)
        for person in named:
            name_search.keep_words(connection, person["member"], person["name"])


def member_of(household: int) -> str:
    """The member's reference: as long as those that tills make, so that a token can name it."""
    return f"{household:016d}"


def name_of(household: int) -> str:
    return f"Household {household}"


def cards_to_show(purses: Mapping[int, Purse]) -> list[dict[str, str]]:
    """For the demo's buttons: who has the most points, who bought most often, and who has no points left."""
    chosen: dict[str, int] = {}
    by = sorted(purses)
    if by:
        chosen["has the most points"] = max(by, key=lambda one: purses[one].points)
        chosen["bought most often"] = max(by, key=lambda one: purses[one].sales)
        chosen["has no points left"] = min(by, key=lambda one: (purses[one].points, -purses[one].sales))
    told = {household: f"{name_of(household)} {what}" for what, household in chosen.items()}
    return [{"text": text, "code": card_of(household)} for household, text in told.items()]


def load(folder: Path, last: date, stores: frozenset[int], tick: Callable[[float], None]) -> Filled:
    """As `fill`, and `folder` is there only once it is whole. What an earlier load left unfinished is removed first.

    Raises OfficeError where something is there already, or another load is at work.
    """
    if folder.exists():
        whole = (folder / LOADED).exists()
        told = "There is a loaded head office" if whole else "There is something else"
        raise OfficeError(
            f"{told} in {folder} already.", hint="Remove it, or choose another folder.", code="FOLDER_TAKEN"
        )
    unfinished = folder.with_name(f"{folder.name}.loading")
    unfinished.mkdir(parents=True, exist_ok=True, mode=0o700)
    with files.alone(unfinished):
        for file in unfinished.iterdir():
            if file.name != files.LOCK:
                file.unlink()
        done = fill(unfinished, last, stores, tick)
        files.write_private(unfinished / LOADED, json.dumps(vars(done)).encode())
    unfinished.rename(folder)
    files.flush_names(folder.absolute().parent)
    return done


def main() -> None:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    parser = argparse.ArgumentParser(prog="python -m bench.office", description="A head office with a real year.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--shops", type=int, default=0, help="Only so many stores, the busiest; without it all 457.")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    stores = busiest(asked.shops)
    total = sum(count for store, count in baskets_by_store().items() if not stores or store in stores)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("gone,"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    gc.freeze()
    gc.set_threshold(50_000, 50)  # a year's purses stay: looking through them again and again is a tenth of the time
    try:
        # The months settle in lumps: the speed of the last three minutes tells more than that of the last seconds.
        with Progress(*columns, console=Console(stderr=True), speed_estimate_period=180, disable=asked.json) as bar:
            task = bar.add_task(f"{total:,} baskets", total=total)
            done = load(
                asked.folder, last_whole_day(datetime.now(UTC)), stores, lambda baskets: bar.advance(task, baskets)
            )
            bar.update(task, completed=total)
    except OfficeError as error:
        parser.error(f"{error} {error.hint}")
    if asked.json:
        print(json.dumps(vars(done)))
        return
    print(
        f"{done.baskets:,} baskets of {done.shops:,} shops, {done.first_day} to {done.last_day}: {done.entries:,} entries, "
        f"{done.members:,} members, {done.returns:,} returns, {done.issued:,} points issued, {done.redeemed:,} redeemed."
    )
    print(f"It took {done.seconds:,.0f} s.")
    print(f"Next: make run OFFICE={asked.folder}, and open http://127.0.0.1:8360/office")


if __name__ == "__main__":
    main()
