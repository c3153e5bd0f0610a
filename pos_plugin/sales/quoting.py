"""Quotes: what a sale would earn and what it can take, promised to nobody until it is recorded."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, timedelta
from itertools import takewhile

from ledger.entry import SaleBody
from ledger.identifiers import new_reference
from loyalty.program import Program
from loyalty.redeem import most_redeemable, points_needed, worth_minor
from loyalty.reward import Reward, why_not
from loyalty.sale import Sale
from loyalty.standing import Standing
from loyalty.words import say
from offline_store import histories, journal, members, rights, settings
from offline_store.histories import Known
from offline_store.members import Balance
from offline_store.moment import Moment
from offline_store.rights import Spendable
from pos_plugin.errors import BadRequest, Unknown
from pos_plugin.papers.receipts import reward_lines
from pos_plugin.sales import explaining, pricing
from pos_plugin.sales.foreseeing import points_foreseen
from pos_plugin.sales.open_quotes import QUOTE_LIFE_S
from pos_plugin.sales.point_of_sale import PointOfSale
from pos_plugin.sales.pricing import Priced
from pos_plugin.sales.quotes import Explained, Offer, OpenQuote, Quote, Rejected, differs, require_sane
from pos_plugin.sales.recorded import lines_of

OFTEN = 5
"""So many sales of one member in a shift, at this till, are worth a word to the cashier."""


@dataclass(frozen=True)
class _Asked:
    """What a quote is asked for, and what is known by then. `recorded` is the sale where it stands already."""

    program: Program
    sale: Sale
    member: str
    redeem_points: int
    reward: Reward | None
    standing: Standing
    paid: Sale
    at: Moment
    recorded: SaleBody | None
    notes: list[str]
    known: Known

    @property
    def today(self) -> str:
        return self.at.today


class Quoting:
    """Quotes the sales of one till. Safe to call from several threads."""

    def __init__(self, till: PointOfSale, fetch_rights: Callable[[str, int], str]) -> None:
        self._till = till
        self._fetch_rights = fetch_rights

    def quote(
        self,
        sale: Sale,
        member: str = "",
        redeem_points: int = 0,
        *,
        reward: str = "",
        training: bool = False,
        columns: int = 0,
    ) -> Quote:
        """What this sale would earn and can take: points, or a reward by its name. A second quote of a sale replaces the first.

        `columns` are those of the host's paper, for the lines that it prints itself; 0 for as many as the shop's.
        Raises BadRequest or Conflict with one clear message; nothing is reserved then.
        """
        rejected: list[Rejected] = []
        # One quote at a time reads: threads of one interpreter that read at once only take it from each other.
        with self._till.open_quotes.lock, self._till.store.read() as db:
            asked = self._asked(db, sale, member, redeem_points, reward, rejected)
        wanted = 0
        if (redeem_points or reward) and asked.recorded is None:
            wanted = self._wanted(asked, rejected)
        program, member, today = asked.program, asked.member, asked.today
        with self._till.open_quotes.fetching_for(member):
            if wanted:
                self._till.store.settle()  # a release that began before this quote is over, and what is counted here is left
            missing = wanted - self._spendable(program, sale.document, member, today)[0] if wanted else 0
            why = ""
            if missing > 0 and self._till.connection().is_online and not training:
                why = self._fetch_rights(member, missing)
            with self._till.open_quotes.lock:  # what is free is counted and reserved in one go
                quote = self._quote(asked, wanted, rejected, why, training=training, columns=columns)
        if not training:
            self._till.told(quote)
        return quote

    def _asked(
        self, db: sqlite3.Connection, sale: Sale, member: str, points: int, reward: str, rejected: list[Rejected]
    ) -> _Asked:
        at = self._till.moment(db)
        program = at.program
        require_sane(sale, program, points)
        if points and reward:
            raise BadRequest(
                "REDEEM_TWICE", "A sale takes points or one reward, not both.", hint="Ask for one of them."
            )
        recorded = self._recorded_before(db, sale)
        if member:
            self._require_member(db, member)
            member = members.current(db, member)
            self._till.require_not_own(db, sale.operator, member)
        known = Known()
        if recorded is not None:
            program, standing = settings.program(db, recorded.program), recorded.standing
        else:
            known = pricing.known_of(db, program, member)
            standing = pricing.standing_at(db, at, program, member, sale.business_day, known)
        wanted = pricing.reward_named(program, reward)
        if reward and wanted is None:
            rejected.append(Rejected("REWARD_UNKNOWN", f"This programme has no reward {reward[:64]}."))
        paid, _ = pricing.with_member_prices(program, sale, member, standing)
        notes = [] if recorded or not member else self._notes(db, sale, member)
        return _Asked(program, sale, member, points, wanted, standing, paid, at, recorded, notes, known)

    def _notes(self, db: sqlite3.Connection, sale: Sale, member: str) -> list[str]:
        """A word to the cashier where one member buys again and again in a shift: whose card is it?"""
        shift = (sale.business_day, sale.shift)
        last = histories.last_sales(db, member, OFTEN - 1)
        earlier = takewhile(lambda one: (one.sale.business_day, one.sale.shift) == shift, last)
        if sum(1 for _ in earlier) < OFTEN - 1:
            return []
        return [
            say(
                "This member has bought {times} times or more in this shift. See that it is their own card.",
                self._till.language,
                times=OFTEN,
            )
        ]

    def _quote(
        self, asked: _Asked, wanted: int, rejected: list[Rejected], why: str, *, training: bool, columns: int
    ) -> Quote:
        """`why` no more could be fetched, in head office's words."""
        program, sale, member, recorded = asked.program, asked.sale, asked.member, asked.recorded
        spendable, balance, here = self._spendable(program, sale.document, member, asked.today)
        if not why and self._till.open_quotes.reserved(sale.document, member):
            why = say("Another open sale counts on some of them.", self._till.language)
        online = self._till.connection().is_online
        usable = spendable
        if online and not why and wanted <= spendable:
            # What is not held here is fetched once it is asked for.
            usable = max(spendable, balance.points - balance.vesting)
        text = ""
        if member:
            text = explaining.spendable_text(
                program, usable, balance, why, is_online=online, language=self._till.language
            )
        if wanted > spendable:
            rejected.append(Rejected("NOT_SPENDABLE_HERE", text))
        # A reward may cost nothing: that it can be had shows in that nothing was rejected.
        redeem, reward = 0, asked.reward.name if asked.reward and not rejected else ""
        if recorded is not None:
            redeem = recorded.redeemed if asked.redeem_points or reward else 0
            reward = reward if recorded.redeemed or recorded.reward else ""
        elif reward:
            redeem = wanted
        elif wanted:
            redeem = most_redeemable(program, asked.paid.total_minor, min(wanted, spendable))
        result = pricing.priced(program, sale, member, asked.standing, redeem=redeem, reward=reward)
        earned = result.award
        card = self._till.card_read(member)
        ends_at = self._till.clock().astimezone(UTC) + timedelta(seconds=QUOTE_LIFE_S)
        quote = Quote(
            quote_id=new_reference(self._till.random_bytes),
            till=sale.till,
            sale_ref=sale.sale_ref,
            member=member,
            total_minor=sale.total_minor,
            redeem_points=redeem,
            redeemed_minor=result.redeemed_minor,
            due_minor=result.due_minor,
            earn_points=earned.points,
            earn=[Explained(one.points, one.in_language(self._till.language, sale.currency)) for one in earned.reasons],
            offers=self._offers(asked, card, balance, spendable, is_online=online),
            rejected=rejected,
            balance=balance.points,
            as_of=balance.as_of,
            online=online,
            spendable_here=spendable,
            spendable_text=text,
            receipt_lines=[] if training else self._lines_foreseen(asked, card, redeem, result, balance, here, columns),
            expires_at=ends_at.isoformat(timespec="seconds"),
            training=training,
            reward=result.reward,
            off=result.off.lines,
            taken=result.taken,
            usable_from=earned.usable_from if member and earned.points else "",
            tier=explaining.tier_shown(program, asked.standing, self._till.language) if member else None,
            benefits=explaining.benefits(program, result.paid, asked.standing, self._till.language) if member else [],
            donated_minor=result.effects.donated_minor if member else 0,
            notes=asked.notes,
        )
        one = OpenQuote(
            quote, sale, program, member, card, redeem, ends_at, result.reward, result.terms, asked.standing, columns
        )
        self._till.open_quotes.put(one)
        return quote

    def _lines_foreseen(
        self,
        asked: _Asked,
        card: str,
        redeem: int,
        result: Priced,
        before: Balance,
        here: Spendable,
        columns: int,
    ) -> list[str]:
        """The rewards of the receipt that a commit would make now; of a sale that stands already, as they were."""
        program, member, sale, at = asked.program, asked.member, asked.sale, asked.at
        if asked.recorded is not None:
            with self._till.store.read() as db:
                return lines_of(db, journal.number_of(db, sale.document))
        shown = None
        if member:
            earned = result.award
            is_spendable = bool(earned.points) and at.today < earned.expires_on
            stays = is_spendable and self._till.stays_here(at, program, sale.sold_at, earned.usable_from)
            with self._till.store.read() as db:
                shown = points_foreseen(
                    db,
                    at,
                    member,
                    card,
                    sale.business_day,
                    earned,
                    redeem,
                    self._till.connection(),
                    before,
                    here,
                    stays_here=stays,
                )
        layout = self._till.layout_of(columns)
        return reward_lines(layout, self._till.rewards(layout, program, sale, result, asked.known, shown, reference=""))

    def _spendable(self, program: Program, document: str, member: str, today: str) -> tuple[int, Balance, Spendable]:
        """What the member can spend here now, less what other open quotes have reserved; the balance it is part of; and all."""
        if not member:
            return 0, Balance(0, 0, "", "", 0), Spendable(0, 0, 0)
        is_online = self._till.connection().is_online
        with self._till.store.read() as db:
            balance = members.balance(db, member, today)
            here = rights.spendable_here(db, program, member, today, is_online=is_online, known=balance)
        return max(0, here.points - self._till.open_quotes.reserved(document, member)), balance, here

    def _wanted(self, asked: _Asked, rejected: list[Rejected]) -> int:
        """How many points the sale would take if they are to be had here."""
        program, member = asked.program, asked.member
        if not member:
            rejected.append(Rejected("NO_MEMBER", say("Scan the member's card first.", self._till.language)))
            return 0
        if not self._till.card_read(member):
            sentence = say(
                "To use points, scan the card itself; a phone number or name will not do.", self._till.language
            )
            rejected.append(Rejected("CARD_NOT_READ", sentence))
            return 0
        reward, points, total_minor = asked.reward, asked.redeem_points, asked.paid.total_minor
        if reward is not None:
            failed = why_not(reward, asked.paid, asked.standing, reward.points)
            if failed:
                rejected.append(
                    Rejected("REWARD_NOT_NOW", explaining.refusal(program, reward, failed, self._till.language))
                )
            return 0 if failed else reward.points
        if not program.redeem.points:
            if points:
                rejected.append(
                    Rejected(
                        "ONLY_REWARDS",
                        say("Points buy rewards in this programme, no money off.", self._till.language),
                    )
                )
            return 0
        most = most_redeemable(program, total_minor, points)
        if most < points and points_needed(program, total_minor) < points:
            rejected.append(
                Rejected(
                    "MORE_THAN_TOTAL",
                    say(
                        "This sale can take at most {points}.",
                        self._till.language,
                        points=program.unit.counted(most),
                    ),
                )
            )
        return most

    def _offers(self, asked: _Asked, card: str, balance: Balance, spendable: int, *, is_online: bool) -> list[Offer]:
        """What could be redeemed: offline what is held here; online all that head office says the member has."""
        program, paid = asked.program, asked.paid
        if not asked.member or not card:
            return []
        usable = max(spendable, balance.points - balance.vesting) if is_online else spendable
        points = most_redeemable(program, paid.total_minor, usable)
        offers = []
        if points > 0:
            worth = worth_minor(program, points)
            offers.append(explaining.money_offer(program, points, worth, self._till.language))
        return offers + explaining.reward_offers(program, paid, asked.standing, usable, self._till.language)

    def _recorded_before(self, db: sqlite3.Connection, sale: Sale) -> SaleBody | None:
        """The sale as it stands in the journal; None where it is new, Conflict where it stands with other content."""
        known = journal.find(db, sale.document)
        if known is None:
            return None
        if not isinstance(known.body, SaleBody) or known.body.sale != sale:
            raise differs(sale)
        return known.body

    def _require_member(self, db: sqlite3.Connection, member: str) -> None:
        if db.execute("SELECT 1 FROM member WHERE member = ?", (member,)).fetchone() is None:
            raise Unknown(
                "ACCOUNT_INVALID", "This member is not known here.", hint="Scan the card, or join the member."
            )
