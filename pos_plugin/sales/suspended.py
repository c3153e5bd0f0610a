"""Sales on hold: a till that suspends one lets go of what it had reserved, and another till of the shop goes on with it.

Nobody keeps a sale on hold. The host knows its lines; of the rest a short token tells the till that goes on: who the member is,
and what was to be used. That is asked for anew there, as any wish is, so a sale that is abandoned costs nothing and no points
are ever promised twice. What the till that goes on cannot ask anew is that the member's card was read at the first one, and
only with it may points be used. So the token is sealed with the key that head office's tills share (a till alone uses its own),
ends after `GOOD_FOR_S`, and goes with one sale at a till. It names the member's reference, and neither card nor name.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

import msgspec

from drivers.document import Document
from loyalty.words import say
from offline_store import journal, members, settings
from offline_store.store import Store
from pos_plugin.codes.member_codes import blocked
from pos_plugin.papers.slips import suspended_slip
from pos_plugin.sales.checkout import Checkout

GOOD_FOR_S = 4 * 3600
MARK = "H1"
SEAL_BYTES = 12
MOST_KEPT = 1000


class Held(msgspec.Struct, frozen=True, array_like=True):
    """What a token says: of which till and quote it is, whose, what was to be used, and until when it is good (UTC)."""

    terminal: str
    quote_id: str
    member: str
    points: int
    reward: str
    good_until: str


class GoingOn(msgspec.Struct, frozen=True):
    """With what a sale goes on: the member, what is asked for anew, and words for the cashier where something was dropped."""

    member: str
    points: int
    reward: str
    notes: list[str]


class Holding:
    """Puts sales on hold and goes on with them, at one till. Safe from several threads."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._store = checkout.store
        self._lock = threading.Lock()
        self._gone_on: dict[str, str] = {}

    def hold(self, quote_id: str) -> tuple[str, Held, str, str]:
        """Ends the quote; answers the token, what it says, and the sale's till and reference. Raises Unknown."""
        one = self._checkout.let_go(quote_id)
        until = self._checkout.clock().astimezone(UTC) + timedelta(seconds=GOOD_FOR_S)
        with self._store.read() as db:
            terminal = journal.identity(db).terminal
        has_read = bool(one.card) and not one.quote.training
        points, reward = (one.redeem, one.reward) if has_read else (0, "")
        held = Held(
            terminal, quote_id, one.member, 0 if reward else points, reward, until.isoformat(timespec="seconds")
        )
        data = msgspec.json.encode(held)
        token = f"{MARK}.{_text(data)}.{_text(_seal(self._store, data))}"
        return token, held, one.sale.till, one.sale.sale_ref

    def go_on(self, token: str, document: str, *, member: str, has_wish: bool) -> GoingOn:
        """What the sale of this document goes on with. The host's own member and wish go before the token's."""
        language, own = self._checkout.language, GoingOn(member, 0, "", [])
        held = self._read(token)
        if held is None:
            return _with_note(own, say("This code is of no sale on hold here. Scan the card to use points.", language))
        if not held.member:
            return own
        found = self._checkout.known_member(held.member)
        if found is None:
            return _with_note(own, say("The member of the sale on hold is not known here. Scan the card.", language))
        with self._store.read() as db:
            is_other = bool(member) and members.current(db, member) != found
            cards = members.cards_of(db, found)
            is_blocked = any(blocked(db, card) for card in cards)
            is_ours = journal.identity(db).terminal == held.terminal
        going_on = GoingOn(member or found, 0, "", [])
        if has_wish or not (held.points or held.reward):
            return going_on
        dropped = ""
        if is_other:
            dropped = say("The sale on hold was another member's: what it was to use is dropped.", language)
        elif is_blocked or not cards or not self._is_first(held, document):
            dropped = say("To use points, scan the card again.", language)
        elif not is_ours and not self._checkout.connection().is_online:
            dropped = say(
                "Head office cannot be reached, so the points of the sale on hold are not used. The member keeps them.",
                language,
            )
        if dropped:
            return _with_note(going_on, dropped)
        self._checkout.vouch_for(found, cards[0])
        return GoingOn(going_on.member, held.points, held.reward, [])

    def _read(self, token: str) -> Held | None:
        """What a token says; None where no till of this head office made it, or it is over."""
        mark, _, rest = token.partition(".")
        said, _, seal = rest.partition(".")
        try:
            data = urlsafe_b64decode(said + "=" * (-len(said) % 4))
            sealed = urlsafe_b64decode(seal + "=" * (-len(seal) % 4))
            if mark != MARK or not hmac.compare_digest(sealed, _seal(self._store, data)):
                return None
            held = msgspec.json.decode(data, type=Held)
            is_good = self._checkout.clock() < datetime.fromisoformat(held.good_until)
        except (ValueError, msgspec.DecodeError):
            return None
        return held if is_good else None

    def _is_first(self, held: Held, document: str) -> bool:
        """Whether this sale is the one that goes on with the token here: asked for again it is, another is not."""
        with self._lock:
            while len(self._gone_on) >= MOST_KEPT:
                del self._gone_on[next(iter(self._gone_on))]
            return self._gone_on.setdefault(held.quote_id, document) == document


def slip_of(checkout: Checkout, token: str, held: Held, till: str, sale_ref: str) -> Document:
    """The paper that carries the token to the other till."""
    with checkout.store.read() as db:
        at = checkout.moment(db)
    until = datetime.fromisoformat(held.good_until).astimezone(at.program.zone).isoformat()
    return suspended_slip(
        checkout.layout, at=at.occurred_at, token=token, till=till, sale_ref=sale_ref, good_until=until
    )


def _with_note(going_on: GoingOn, note: str) -> GoingOn:
    return msgspec.structs.replace(going_on, notes=[note])


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


def _seal(store: Store, data: bytes) -> bytes:
    with store.read() as db:
        shared = settings.get(db, "phone_key")
    key = bytes.fromhex(shared) if shared else store.secret_key()
    return hmac.digest(key, b"sale on hold " + data, hashlib.sha256)[:SEAL_BYTES]
