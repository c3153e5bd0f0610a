"""A member's year as a page tells it, computed again: pure, without a till and without head office.

A page of docs/programmes has tables of what happened, one row a day, in words that `Member.live` understands. Whatever the words
say is done with the rules of the preset, and what comes out is compared with the row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec
import pytest

from ledger.entry import Slice
from ledger.lots import spendable, spent
from loyalty.accrual import Limit, within
from loyalty.award import award, gift, recognised, standing_of
from loyalty.program import preset, preset_names, read_program
from loyalty.redeem import most_redeemable, worth_minor
from loyalty.returns import Sold, reversal
from loyalty.reward import NOTHING_OFF, Off, after, effects_of, member_prices, off, why_not
from loyalty.sale import LineItem, Return, ReturnedLine, Sale
from loyalty.standing import NO_HISTORY, Effects, Profile, total
from loyalty.surprise import Luck, terminal_key
from loyalty.words import in_language, money

PAGES = Path(__file__).parents[2] / "docs" / "programmes"
NOTHING = "–"


def page(name):
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def tables(text, first):
    """Every table whose first column has that title, as (what stands above it, rows)."""
    found = re.finditer(rf"^\| {first} \|.*\n\|[-| ]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    before = 0
    for table in found:
        rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[1].splitlines()]
        yield text[before : table.start()], rows
        before = table.end()


def minor(text):
    whole, _, cents = text.replace(",", "").partition(".")
    return int(whole) * 100 + int(cents or "0")


@dataclass(frozen=True)
class Article:
    """A row of a page's table of goods; `discount` came off the price already."""

    name: str
    price: int
    sku: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    tax: int = 0
    discount: int = 0


def articles(text):
    for _, rows in tables(text, "Article"):
        for name, price, sku, category, tags, tax, discount in rows:
            yield Article(
                name,
                minor(price),
                "" if sku == NOTHING else sku,
                "" if category == NOTHING else category,
                () if tags == NOTHING else tuple(tags.split(", ")),
                0 if tax == NOTHING else minor(tax),
                0 if discount == NOTHING else minor(discount),
            )


@dataclass
class Lot:
    points: int
    expires_on: str
    usable_from: str


@dataclass
class Bought:
    """A sale as it was, what came back of it so far, and which lots paid for it."""

    sold: Sold
    lot: str
    spent: dict[str, int]
    back: list[Return] = field(default_factory=list)


@dataclass
class Row:
    """What came of a day: points, the tier with its last day, the balance, the lines of the receipt."""

    points: str
    tier: str
    balance: str
    receipt: list[str]


class Member:
    """Somebody with a card, in a programme: history, lots and debt, as any till or head office would fold them."""

    def __init__(self, program, goods=(), *, birthday="", is_referred=False, luck=None, terminal="T1"):
        self.program = program
        self.goods = {article.name: article for article in goods}
        self.profile = Profile(birthday=birthday, is_referred=is_referred)
        self.history = NO_HISTORY
        self.colleagues = {}
        self.lots = {}
        self.debt = 0
        self.sales = {}
        self.luck = luck
        self.terminal = terminal

    # What the words of a row mean.

    WORDS = (
        ("looks", r"looks"),
        ("joins", r"joins"),
        ("reloads", r"reloads ([\d.,]+)"),
        ("does", r"does: (.+)"),
        ("verified", r"is verified as (\S+) until (\S+)"),
        ("loses", r"is no longer (\S+)"),
        ("given", r"is given (.+) until (\S+)"),
        ("chooses", r"chooses (.+)"),
        ("thanked", r"is thanked by (\w+) with (\d+) points"),
        ("friend", r"a friend buys for the first time"),
        ("brings_all", r"brings back all of (\S+)"),
        ("brings_amount", r"brings back ([\d.,]+) of (\S+)"),
        ("brings_goods", r"brings back (\d+) × (.+) of (\S+)"),
    )

    def live(self, day, words):
        """One row: what happened on that day, in the page's words."""
        for name, lot in list(self.lots.items()):
            if lot.expires_on <= day:
                del self.lots[name]
        points, receipt = self._happens(day, words)
        return Row(f"{points:+d}" if points else "0", self._tier(day), str(self._balance()), receipt)

    def _happens(self, day, words):
        for name, pattern in self.WORDS:
            if found := re.fullmatch(pattern, words):
                return getattr(self, f"_{name}")(day, *found.groups())
        return self._sale(day, words.split("; "))

    def _looks(self, day):
        return 0, []

    def _joins(self, day):
        return self._gives(day, "join")

    def _reloads(self, day, amount):
        return self._gives(day, "reload", amount_minor=minor(amount))

    def _does(self, day, activity):
        return self._gives(day, "activity", activity=activity)

    def _verified(self, day, segment, last):
        self.profile = msgspec.structs.replace(self.profile, segments={**self.profile.segments, segment: last})
        return 0, []

    def _loses(self, day, segment):
        kept = {name: last for name, last in self.profile.segments.items() if name != segment}
        self.profile = msgspec.structs.replace(self.profile, segments=kept)
        return 0, []

    def _given(self, day, title, last):
        (tier,) = [one for one in self.program.tier if in_language(one.title) == title]
        self.history = msgspec.structs.replace(self.history, given={**self.history.given, tier.name: last})
        return 0, []

    def _chooses(self, day, title):
        (charity,) = [one for one in self.program.giving.charities if in_language(one.title) == title]
        self.profile = msgspec.structs.replace(self.profile, charity=charity.name)
        return 0, []

    def _thanked(self, day, colleague, points):
        """The allowance is counted with the colleague who gives; the points are the member's."""
        theirs = self.colleagues.get(colleague, NO_HISTORY)
        standing = standing_of(self.program, theirs, Profile(), day, member="")
        given = self.program.recognition.given(int(points), standing, day)
        if given.refused:
            return 0, [f"{colleague} cannot: {given.refused}"]
        self.colleagues[colleague] = theirs.plus(given.effects, day)
        thanks = recognised(self.program, int(points), day, standing)
        self._earns(f"thanks/{colleague}/{day}", thanks)
        return thanks.points, said(thanks.reasons)

    def _friend(self, day):
        referral, counts = self.program.referral, self.history.counts
        limits = [Limit(uses=referral.most_friends_a_year, per="year")] if referral.most_friends_a_year else []
        standing = standing_of(self.program, self.history, self.profile, day, member="m")
        points, counts = within(limits, "referral", referral.referrer_points, day, standing)
        self.history = self.history.plus(Effects(counts=counts), day)
        lot = award(self.program, Sale("", "", "", day, self.program.currency, 0), 0, standing)
        self._earns(f"friend/{day}", msgspec.structs.replace(lot, points=points))
        return points, [f"A friend's first purchase: {points:+d}"] if points else []

    def _brings_all(self, day, of):
        return self._returns(day, of, Return("1", of, f"r{day}"))

    def _brings_amount(self, day, amount, of):
        return self._returns(day, of, Return("1", of, f"r{day}", amount_minor=minor(amount)))

    def _brings_goods(self, day, pieces, name, of):
        (line,) = [line for line in self.sales[of].sold.sale.lines if line.name == name]
        back = ReturnedLine(line.line_id, int(pieces) * 1000)
        return self._returns(day, of, Return("1", of, f"r{day}", lines=(back,)))

    # What it does.

    def _gives(self, day, on, **about):
        standing = standing_of(self.program, self.history, self.profile, day, member="m", terminal=self.terminal)
        given = gift(self.program, on, day, f"{day}T12:00:00", standing, **about)
        self.history = self.history.plus(given.effects, day)
        self._earns(f"{on}/{day}/{len(self.lots)}", given)
        return given.points, said(given.reasons)

    def _sale(self, day, clauses):
        lines, wanted, pays, at = (), None, None, "12:00"
        for clause in clauses:
            if found := re.fullmatch(r"at (\d\d:\d\d)", clause):
                at = found[1]
            elif found := re.fullmatch(r"spends ([\d.,]+)", clause):
                lines = (LineItem("1", minor(found[1])),)
            elif found := re.fullmatch(r"buys (.+)", clause):
                lines = tuple(self._line(str(number), text) for number, text in enumerate(found[1].split(", "), 1))
            elif found := re.fullmatch(r"takes: (.+)", clause):
                (wanted,) = [one for one in self.program.reward if in_language(one.title) == found[1]]
            elif found := re.fullmatch(r"pays with (\d* ?)points", clause):
                pays = int(found[1] or 10**9)
            else:
                raise ValueError(f"nobody understands {clause!r}")
        whole = sum(line.amount_minor for line in lines)
        sale = Sale("1", day, f"{day}T{at}:00", day, self.program.currency, whole, lines)
        return self._checked_out(sale, wanted, pays)

    def _line(self, number, text):
        pieces, _, name = text.rpartition(" × ")
        count, one = int(pieces or 1), self.goods[name]
        return LineItem(
            number,
            count * one.price,
            count * 1000,
            count * one.tax,
            one.sku,
            name,
            one.category,
            one.tags,
            count * one.discount,
        )

    def _checked_out(self, asked, wanted, pays):
        program, day, receipt = self.program, asked.business_day, []
        standing = standing_of(program, self.history, self.profile, day, member="m", shop="1", terminal=self.terminal)
        cheaper = member_prices(program.price, asked, standing)
        sale = after(asked, cheaper)
        if cheaper.minor:
            receipt.append(f"Members' price: -{money(cheaper.minor)}")
        held = [Slice(name, lot.points, lot.expires_on) for name, lot in self.lots.items() if lot.usable_from <= day]
        can_spend = sum(part.points for part in spendable(held, day)) - self.debt
        used, taken, why = 0, NOTHING_OFF, ""
        if wanted and (why := why_not(wanted, sale, standing, can_spend)):
            receipt.append(f"{in_language(wanted.title)}: not today ({why})")
        elif wanted:
            used, taken = wanted.points, off(wanted, sale, standing)
            receipt.append(f"{in_language(wanted.title)}: -{used}" if used else in_language(wanted.title))
        elif pays:
            used = most_redeemable(program, sale.total_minor, min(pays, can_spend))
            taken = Off({"": worth_minor(program, used)}, {})
            receipt.append(f"Paid with points: {-used}")
        changes = spent(spendable(held, day), used)
        for name, change in changes.items():
            self.lots[name].points += change
        earned = award(program, sale, taken.minor, standing, self.luck)
        rewarded = [effects_of(wanted, standing, taken, program.giving)] if wanted and not why else []
        effects = total([earned.effects, Effects(counts=cheaper.counts), *rewarded])
        self.history = self.history.plus(effects, day, sales=1)
        self._earns(day, earned)
        sold = Sold(sale, earned.points, used, taken.minor, standing, effects)
        self.sales[day] = Bought(sold, day, changes)
        receipt += said(earned.reasons)
        if program.giving and effects.donated_minor:
            receipt.append(
                f"For {in_language(program.giving.chosen(effects.charity).title)}: {money(effects.donated_minor)}"
            )
        receipt += [in_language(one.title) for one in program.benefit if not one.fails(sale, standing)]
        return earned.points, receipt

    def _returns(self, day, of, back):
        bought = self.sales[of]
        found = reversal(self.program, bought.sold, bought.back, back)
        bought.back.append(back)
        is_whole = not back.lines and back.amount_minor is None
        self.history = self.history.plus(found.effects, of, sales=-1 if is_whole else 0, is_activity=False)
        self._loses_points(found.taken_points, bought.lot)
        restored = found.restored_points
        for name, change in reversed(bought.spent.items()):
            part = min(restored, -change)
            self._lot(name).points += part
            bought.spent[name] += part
            restored -= part
        receipt = [f"Given back: {found.restored_points:+d}"] if found.restored_points else []
        if found.effects.donated_minor:
            title = in_language(self.program.giving.chosen(found.effects.charity).title)
            receipt.append(f"For {title}: {money(found.effects.donated_minor)}")
        return -found.taken_points, receipt

    def _earns(self, name, earned):
        if earned.extends_to:
            for lot in self.lots.values():
                lot.expires_on = max(lot.expires_on, earned.extends_to)
        covered = min(self.debt, earned.points)
        self.debt -= covered
        if earned.points - covered:
            self.lots[name] = Lot(earned.points - covered, earned.expires_on, earned.usable_from)

    def _loses_points(self, points, first):
        for name in sorted(self.lots, key=lambda name: (name != first, self.lots[name].expires_on)):
            part = min(points, self.lots[name].points)
            self.lots[name].points -= part
            points -= part
        self.debt += points

    def _lot(self, name):
        return self.lots.get(name) or Lot(0, "", "")  # it has expired: what comes back to it has, too

    def _balance(self):
        return sum(lot.points for lot in self.lots.values()) - self.debt

    def _tier(self, day):
        if not self.program.tier:
            return NOTHING
        found = self.program.ladder.on(self.history, day)
        tier = self.program.tier_named(found.tier)
        if tier is None:
            return in_language(self.program.tiers.base)
        return f"{in_language(tier.title)} to {found.ends}"


def said(reasons):
    return [f"{reason.text}: {reason.points:+d}" for reason in reasons]


@dataclass(frozen=True)
class Told:
    """A row of a page: what it says happened, and what it says came of it."""

    preset: str
    table: int
    number: int
    day: str
    words: str
    points: str
    tier: str
    balance: str
    receipt: str

    def __str__(self):
        return f"{self.preset}-{self.table}-{self.day}-{self.number}"


@cache
def year(name):
    """Every row of every year of a page, as (what the page tells, what the rules make of it)."""
    text = page(name)
    program, goods = read_program(preset(name)), tuple(articles(text))
    found = []
    for table, (above, rows) in enumerate(tables(text, "Day"), 1):
        member = Member(program, goods, **about(above))
        for number, row in enumerate(rows, 1):
            told = Told(name, table, number, *row)
            found.append((told, member.live(told.day, told.words)))
    return found


def about(text):
    """Who the member is, from the sentences above a table."""
    known = {"is_referred": "A friend brought" in text}
    if found := re.search(r"birthday is (\d\d-\d\d)", text):
        known["birthday"] = found[1]
    if found := re.search(r"seed is `(.+?)`, the till is `(\w+)` and the member `(\w+)`", text):
        known["luck"] = Luck(terminal_key(found[1].encode(), found[2]), found[3])
        known["terminal"] = found[2]
    return known


def pytest_generate_tests(metafunc):
    if "told" in metafunc.fixturenames:
        told = [(name, told) for name in preset_names() for told in rows_told(name)]
        metafunc.parametrize("told", [pytest.param(one, id=str(one)) for _, one in told])
    elif "name" in metafunc.fixturenames:
        metafunc.parametrize("name", preset_names())


def rows_told(name):
    if not (PAGES / f"{name}.md").is_file():
        return
    for table, (_, rows) in enumerate(tables(page(name), "Day"), 1):
        for number, row in enumerate(rows, 1):
            yield Told(name, table, number, *row)


@pytest.fixture
def computed():
    return lambda told: next(made for other, made in year(told.preset) if other == told)


@pytest.fixture
def page_of():
    return page


@pytest.fixture
def tables_of():
    return lambda name, first: list(tables(page(name), first))
