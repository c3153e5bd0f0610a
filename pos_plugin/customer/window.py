"""What the customer sees in a window of their own: the goods, what is to pay, their points, in the language that they choose.

It is told what the line display is told, and shows what that one shows, with more room: the goods of the sale and what a reward
lacks. Of the person there are initials at most, no card, no name, no phone number: everybody in the queue can read it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import msgspec

from loyalty.program import Program
from loyalty.sale import Sale
from loyalty.words import LANGUAGES, MONTHS, Amount, Counted, said, said_with, say
from pos_plugin.codes.identifying import Identified
from pos_plugin.customer.line_display import Figures, Notice, Told, lasts_s
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.receipts import local
from pos_plugin.sales.quotes import Completed, Quote

Moment = Literal["idle", "greeting", "sale", "thanks", "notice"]


class GoodsShown(msgspec.Struct, frozen=True):
    name: str
    quantity_milli: int
    amount_minor: int


class CustomerShown(msgspec.Struct, frozen=True):
    """What stands in the window now, in `language`. `title` is the largest line, `points` what is said of them.

    `due_minor` is None where nothing is to be paid. `ends_in_s`: after so long there is something else to show; 0 for idle.
    """

    moment: Moment
    language: str
    currency: str
    shop: list[str]
    title: str
    initials: str = ""
    goods: list[GoodsShown] = []
    off_minor: int = 0
    off_text: str = ""
    due_minor: int | None = None
    due_text: str = ""
    points: list[str] = []
    reward: str = ""
    offer: str = ""
    ends_in_s: float = 0.0


@dataclass(frozen=True)
class _Now:
    told: Told | None
    sale: Sale | None
    initials: str
    ends_in_s: float


class CustomerWindow:
    """One till's. `tell` and `shown` may be called from any thread. `figures` as for the line display."""

    def __init__(self, layout: Layout, figures: Callable[[str], Figures], clock: Callable[[], datetime]) -> None:
        self.layout = layout
        self._figures = figures
        self._clock = clock
        self._lock = threading.Lock()
        self._told: Told | None = None
        self._sale: Sale | None = None
        self._until = clock()
        self._who = Identified("")

    def tell(self, what: Told | None, sale: Sale | None = None) -> None:
        """Something that concerns the customer; `sale` is that of a quote. None: the sale is over without one."""
        with self._lock:
            self._told, self._sale, self._until = (
                what,
                sale,
                self._clock() + timedelta(seconds=lasts_s(what) if what else 0.0),
            )
            if isinstance(what, Identified):
                self._who = what

    def shown(self, language: str = "") -> CustomerShown:
        """What stands there now; in the shop's language where that one is none of the product's."""
        spoken = language if language in LANGUAGES else self.layout.language
        now = self._now()
        figures = self._figures(now.told.member if isinstance(now.told, Identified | Completed) else "")
        made = _Saying(spoken, figures, now, list(self.layout.header))
        match now.told:
            case Notice(upper=upper, lower=lower):
                return made.shown("notice", upper, points=[lower] if lower else [])
            case Identified():
                return made.shown("greeting", say("Welcome", spoken), points=made.greeting())
            case Quote() as quote:
                return made.sale(quote)
            case Completed() as done:
                return made.shown("thanks", say("Thank you", spoken), points=made.thanks(done))
            case None:
                text = say("Show your card each time you buy.", spoken)
                return made.shown("idle", say("Welcome", spoken), points=[text])

    def _now(self) -> _Now:
        with self._lock:
            left_s = (self._until - self._clock()).total_seconds()
            if self._told is None or left_s <= 0:
                self._told, self._sale, self._who = None, None, Identified("")
                return _Now(None, None, "", 0.0)
            member = "" if isinstance(self._told, Notice) else self._told.member
            is_theirs = bool(member) and member == self._who.member
            return _Now(self._told, self._sale, self._who.initials if is_theirs else "", round(left_s, 1))


@dataclass(frozen=True)
class _Saying:
    """One moment in one language."""

    language: str
    figures: Figures
    now: _Now
    shop: list[str]

    @property
    def program(self) -> Program:
        return self.figures.program

    def shown(self, moment: Moment, title: str, *, points: list[str]) -> CustomerShown:
        return CustomerShown(
            moment,
            self.language,
            self.program.currency,
            self.shop,
            title,
            initials=self.now.initials,
            points=points,
            ends_in_s=self.now.ends_in_s,
        )

    def sale(self, quote: Quote) -> CustomerShown:
        to_come = bool(quote.member and quote.earn_points)
        shown = self.shown(
            "sale",
            say("To pay", self.language),
            points=[say("{points} to come", self.language, points=self._counted(quote.earn_points))] if to_come else [],
        )
        off = quote.redeemed_minor + sum(quote.off.values())
        return msgspec.structs.replace(
            shown,
            goods=[
                GoodsShown(line.name or line.sku, line.quantity_milli, line.amount_minor)
                for line in (self.now.sale.lines if self.now.sale else ())
            ],
            off_minor=off,
            off_text=self._off(quote) if off else "",
            due_minor=quote.due_minor,
            due_text=say("To pay", self.language),
            reward=self._next_reward(quote),
            offer=self._offer(quote),
        )

    def _off(self, quote: Quote) -> str:
        return say("Points used", self.language) if quote.redeemed_minor else say("Members' prices", self.language)

    def _offer(self, quote: Quote) -> str:
        """What could be had now for points; nothing once something is taken."""
        if quote.redeem_points or quote.reward:
            return ""
        rewards = [one for one in quote.offers if one.reward and not one.missing_points]
        if rewards:
            best = max(rewards, key=lambda one: one.points)
            return say(
                "{reward} for {points}",
                self.language,
                reward=self._title(best.reward),
                points=self._counted(best.points),
            )
        plain = next((one for one in quote.offers if not one.reward and one.points), None)
        if plain is None:
            return ""
        return say(
            "{amount} off for {points}",
            self.language,
            amount=Amount(plain.worth_minor, self.program.currency),
            points=self._counted(plain.points),
        )

    def _next_reward(self, quote: Quote) -> str:
        lacking = [one for one in quote.offers if one.missing_points]
        if not lacking:
            return ""
        nearest = min(lacking, key=lambda one: one.missing_points)
        return say(
            "{points} more: {reward}",
            self.language,
            points=self._counted(nearest.missing_points),
            reward=self._title(nearest.reward),
        )

    def greeting(self) -> list[str]:
        balance = self.figures.balance
        if self.figures.is_current:
            return [self._plain(balance.points)]
        if not balance.as_of:
            return []
        at = local(self.program, balance.as_of)
        moment = f"{at.day} {say(MONTHS[at.month - 1], self.language)} {at:%H:%M}"
        since = [f"{balance.since:+d}"] if balance.since else []
        return [say("Balance {moment}", self.language, moment=moment), " ".join([self._plain(balance.known), *since])]

    def thanks(self, done: Completed) -> list[str]:
        if not done.member:
            return []
        if self.figures.is_current:
            return [say("New balance {points}", self.language, points=self.figures.balance.points)]
        return [f"{say('This sale', self.language)} {done.earned_points:+d}"]

    def _plain(self, points: int) -> str:
        return said_with("{points}", self.language, points=self._counted(points))

    def _counted(self, points: int) -> Counted:
        return self.program.unit.counted(points)

    def _title(self, reward: str) -> str | dict[str, str]:
        named = next((one for one in self.program.reward if one.name == reward), None)
        return said(named.title) if named else reward
