"""The checkout: identify the member, quote the sale, commit it.

A quote promises nothing to the disk: what it would redeem is reserved in memory, and the commit checks again. A commit is one
transaction of entry, postings, lots, receipt and print job; it waits for the disk, never for a device or the network.
What quotes reserve is kept in `open_quotes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from ledger.identifiers import RandomBytes
from loyalty.sale import Sale
from offline_store.store import Store
from pos_plugin.codes.identifying import Identified, Identifying
from pos_plugin.codes.scale_labels import ScalePattern
from pos_plugin.papers.layout import Layout
from pos_plugin.sales.committing import Committing
from pos_plugin.sales.point_of_sale import PointOfSale
from pos_plugin.sales.quotes import Completed, Connection, OpenQuote, Quote
from pos_plugin.sales.quoting import Quoting


class Checkout(PointOfSale):
    """Sales of one terminal. Safe to call from several threads."""

    def __init__(
        self,
        store: Store,
        *,
        layout: Layout,
        clock: Callable[[], datetime],
        random_bytes: RandomBytes,
        connection: Callable[[], Connection],
        fetch_rights: Callable[[str, int], str] = lambda member, points: "",
        look_up_card: Callable[[str], str | None] = lambda card: None,
        look_up_phone: Callable[[str], str | None] = lambda phone: None,
        look_up_member: Callable[[str], str | None] = lambda member: None,
        recorded: Callable[[], None] = lambda: None,
        told: Callable[[Identified | Quote | Completed | None], None] = lambda what: None,
        operators: Mapping[str, str] | None = None,
        scale_patterns: Sequence[ScalePattern] = (),
        own_lines: Callable[[Sale, Quote], Sequence[str]] = lambda sale, quote: (),
        member_code: Callable[[str, str], str] = lambda label, symbology: label,
    ) -> None:
        """`operators`: the card or member reference of operators who are members, beside those whom the till keeps.

        `told` hears what the customer may see. `own_lines` are the shop's own for a receipt; `member_code` is
        the code that a scanned label stands for there.
        """
        self._cards = Identifying(store, clock, look_up_card, look_up_phone, look_up_member, scale_patterns)
        super().__init__(
            store,
            layout=layout,
            clock=clock,
            random_bytes=random_bytes,
            connection=connection,
            cards=self._cards,
            told=told,
            operators=operators or {},
        )
        self._member_code = member_code
        self.needs_rights = self.open_quotes.needs_rights
        quoting, committing = Quoting(self, fetch_rights), Committing(self, recorded, own_lines)
        self.quote = quoting.quote
        self.commit, self.committed = committing.commit, committing.committed

    def identify(
        self, scan: str, entry_mode: str = "scanned", symbology: str = "", *, is_customer: bool = True
    ) -> Identified:
        """Who or what a code is, as `Identifying` says it. Whoever is read into a form is not the customer of a sale."""
        if entry_mode in ("scanned", "typed"):
            scan = self._member_code(scan, symbology)
        found = self._cards.identify(scan, entry_mode, symbology)
        if found.kind == "member" and is_customer:
            self.told(found)
        return found

    def whose_code(self, code: str) -> Identified:
        """As `identify`, of a code that was printed: nobody holds it out, so that it puts nobody at the till."""
        return self._cards.identify(self._member_code(code, ""), "printed")

    def let_go(self, quote_id: str) -> OpenQuote:
        """Ends an open quote and answers what it was: its sale is put on hold, what it had reserved is free. Raises Unknown."""
        one = self.open_quotes.let_go(quote_id)
        self.told(None)
        return one

    def sign_off(self, operator: str) -> int:
        """Ends every open quote of an operator; answers how many."""
        ended = self.open_quotes.drop_those_of(operator)
        if ended:
            self.told(None)
        return ended

    def known_member(self, member: str) -> str | None:
        """A member's reference as it is now, where they are known here or at head office."""
        return self._cards.known_member(member)

    def vouch_for(self, member: str, card: str) -> None:
        """The member's card was read, at another till of this head office that says so."""
        self._cards.vouch_for(member, card)
