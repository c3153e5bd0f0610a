"""What every sale at a till stands on: its file, clock and connection, the cards read, the open quotes, the look of its paper."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from drivers.document import Block
from ledger.identifiers import RandomBytes
from loyalty.award import standing_of
from loyalty.program import Program
from loyalty.sale import Sale
from offline_store import members, operators
from offline_store.histories import Known
from offline_store.moment import Moment, moment
from offline_store.store import Store
from pos_plugin.codes.identifying import Identified, Identifying
from pos_plugin.errors import Conflict
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.receipts import PointsShown, reward_parts
from pos_plugin.sales import explaining
from pos_plugin.sales.open_quotes import OpenQuotes
from pos_plugin.sales.pricing import Priced
from pos_plugin.sales.quotes import Completed, Connection, Quote


class PointOfSale:
    """Of one till. Safe to call from several threads."""

    def __init__(
        self,
        store: Store,
        *,
        layout: Layout,
        clock: Callable[[], datetime],
        random_bytes: RandomBytes,
        connection: Callable[[], Connection],
        cards: Identifying,
        told: Callable[[Identified | Quote | Completed | None], None],
        operators: Mapping[str, str],
    ) -> None:
        """`operators` and `told` as in `Checkout`."""
        self.store = store
        self.layout = layout
        self.language = layout.cashier_language or layout.language
        self.clock = clock
        self.random_bytes = random_bytes
        self.connection = connection
        self.told = told
        self.card_read = cards.card_read
        self.open_quotes = OpenQuotes(lambda: self.clock())
        self._started_at = clock()
        self._operators = operators
        self._layouts: dict[int, Layout] = {}

    def moment(self, db: sqlite3.Connection) -> Moment:
        return moment(db, self.clock(), self._started_at)

    def today(self, db: sqlite3.Connection) -> str:
        """The programme's day now, by this till's clock or the last server time, whichever is later."""
        return self.moment(db).today

    def require_not_own(self, db: sqlite3.Connection, operator: str, member: str) -> None:
        """Raises Conflict where the member is the operator who rings the sale."""
        cards = {self._operators.get(operator, ""), operators.own_card(db, operator)} - {""} if operator else set()
        if any(member in (members.member_of_card(db, own), members.current(db, own)) for own in cards):
            raise Conflict(
                "OWN_CARD",
                "A cashier's own card does not count on sales that they ring. Nothing was recorded.",
                hint="Let a colleague ring this sale, or sell without the card.",
            )

    def stays_here(self, at: Moment, program: Program, sold_at: str, usable_from: str) -> bool:
        """Whether points awarded now can be spent at this till before head office has heard of them."""
        is_alone = not self.connection().is_online and program.offline.policy != "online_only"
        # A till that belongs to no head office is the only one that could have recorded the sale, however late it is told of.
        return is_alone and not usable_from and not (at.shop and at.is_late(sold_at))

    def drop(self, quote_id: str) -> None:
        """Ends an open quote: the customer left."""
        if self.open_quotes.drop(quote_id):
            self.told(None)

    def use_header(self, header: list[str]) -> None:
        """Receipts from here on begin so."""
        self.layout = replace(self.layout, header=tuple(header))
        self._layouts.clear()

    def layout_of(self, columns: int) -> Layout:
        """The shop's layout on paper of so many columns."""
        if columns in (0, self.layout.width_columns):
            return self.layout
        return self._layouts.setdefault(columns, replace(self.layout, width_columns=columns))

    def rewards(
        self,
        layout: Layout,
        program: Program,
        sale: Sale,
        result: Priced,
        known: Known,
        shown: PointsShown | None,
        reference: str,
    ) -> dict[str, list[Block]]:
        """The parts of a receipt that are about points; `shown` are the member's, None where there is no member."""
        tier, benefits, in_reach = None, list[str](), None
        language, day = layout.language, sale.business_day
        if shown is not None:
            if program.tier:
                history = known.history.plus(result.effects, day, sales=1)
                tier = explaining.tier_shown(
                    program, standing_of(program, history, known.profile, day, member=""), language, on_paper=True
                )
            benefits = explaining.benefits(program, result.paid, result.standing, language)
            if shown.is_current and "reach" in layout.template.blocks:
                points = shown.balance.points
                in_reach = explaining.next_reward(program, result.paid, result.standing, points, language)
        return reward_parts(
            program,
            layout,
            sale,
            reference=reference,
            points=shown,
            could_have_earned=0 if shown else result.award.points,
            priced=result,
            tier=tier,
            benefits=benefits,
            in_reach=in_reach,
        )
