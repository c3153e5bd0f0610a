"""Who is at the till: signing on with a PIN, what they may do alone, and whose word is needed for the rest.

One operator is on at a time, for all windows of the page. PINs are looked at outside every transaction, one after the other.
A host's program names its operators itself, under its own key, and is asked for no PIN. Where no operators are kept, nobody is
asked.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from ledger.identifiers import RandomBytes
from ledger.pins import hashed_pin, is_pin, problem_with
from loyalty.roles import leave
from offline_store import members, operators, settings
from offline_store.moment import moment
from offline_store.operators import Operator
from offline_store.store import Store
from pos_plugin.config import OperatorSettings
from pos_plugin.errors import BadRequest, Conflict, NotAllowed, TooOften, Unknown
from pos_plugin.sales.authority import Alone, By, Override, SignedOn, needs_supervisor

PIN_WAIT_S = 5.0
"""So long one PIN waits for those before it."""
PINS_IN_LINE = 4
"""So many wait; a flood of them must not take the threads that sell."""
LONGEST_NAME = 64
CLAIM_DAYS = 7
"""So old a sale may be whose points a cashier adds without a supervisor."""


class Operators:
    """The operators of one till. Safe to call from several threads."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Callable[[], datetime],
        random_bytes: RandomBytes,
        limits: OperatorSettings,
        end_quotes: Callable[[str], int] = lambda operator: 0,
        changed: Callable[[], None] = lambda: None,
        pin_wait_s: float = PIN_WAIT_S,
    ) -> None:
        """`end_quotes` ends the open quotes of an operator, and says how many; `changed` hears of who comes and goes."""
        self._store = store
        self._clock = clock
        self._random_bytes = random_bytes
        self._alone: dict[str, Alone | None] = {
            "sell": None,
            "refund": Alone(limits.refund_minor, 0),
            "claim": Alone(limits.claim_minor, CLAIM_DAYS),
        }
        self._end_quotes = end_quotes
        self._changed = changed
        self._pin_wait_s = pin_wait_s
        self._one_pin = threading.Lock()
        self._in_line = threading.BoundedSemaphore(PINS_IN_LINE)
        self._lock = threading.Lock()
        self._on: tuple[str, str] | None = None
        self.word = ""
        """What whoever is at the page should know of the last change; "" for nothing."""

    # -- who is on

    @property
    def are_kept(self) -> bool:
        """Whether this till asks who somebody is."""
        with self._store.read() as db:
            return operators.are_kept(db)

    def on(self) -> SignedOn | None:
        """Who is on; None where nobody is, or where they may not sign on any more."""
        with self._lock:
            if self._on is None:
                return None
            operator, shift = self._on
        with self._store.read() as db:
            known = operators.find(db, operator)
        if known is not None and known.is_open:
            return SignedOn(operator, known.name, known.role, shift)
        with self._lock:
            if self._on == (operator, shift):
                self._on = None
                name = known.name if known else operator
                self.word = (
                    f"{name} may not sign on any more. What is open can be completed; then somebody else signs on."
                )
        return None

    def sign_on(self, operator: str, pin: str, *, new_shift: bool = False) -> tuple[SignedOn, int]:
        """Signs an operator on, in place of whoever was; answers them, and how many open sales of the other were ended.

        Raises NotAllowed for a wrong PIN, TooOften where too many were wrong.
        """
        known = self._proven(operator, pin)

        def begin(db: sqlite3.Connection) -> str:
            at = moment(db, self._clock())
            return operators.shift_of(db, operator, at.today, at.recorded_at, is_new=new_shift)

        shift = self._store.write(begin)
        with self._lock:
            before, self._on = self._on, (operator, shift)
            self.word = ""
        ended = 0
        if before is not None and before != (operator, shift):
            ended = self._end_quotes(before[0])
            if ended and before[0] != operator:
                self.word = f"The open sale of {self._name(before[0])} was ended. Nothing of it was recorded."
        self._changed()
        return SignedOn(operator, known.name, known.role, shift), ended

    def sign_off(self, operator: str) -> None:
        """Signs this operator off, if they are on."""
        with self._lock:
            if self._on is None or self._on[0] != operator:
                return
            self._on, self.word = None, ""
        self._changed()

    def is_still(self, by: By) -> bool:
        """Whether whoever began something at the page is on yet, in the same shift; so is everybody where none are kept."""
        on = self.on()
        return (on.operator, on.shift) == (by.operator, by.shift) if on else not self.are_kept

    # -- what they may do

    def by(self, action: str, override: Override | None = None) -> By:
        """Who at the page does what the table of roles calls `action`, on their own word or on somebody else's.

        Nobody in particular where no operators are kept. Raises NotAllowed where nobody is on, or where it needs the word of a
        supervisor; BadRequest where that gives no reason; Conflict in training, in which nothing but a sale can be tried.
        """
        if action not in ("sell", "training"):
            self.require_no_training()
        if not self.are_kept:
            return By()
        who = self.on()
        if who is None:
            raise NotAllowed(
                "SIGN_ON_FIRST", "Nobody is signed on. Nothing was recorded.", hint="Sign on with your PIN."
            )
        if override is not None and override.allowed_by:
            approved_by = self.allowed(action, override, not_by=who.operator)
            return By(who.operator, who.shift, approved_by, override.reason.strip())
        letters = leave(who.role, action)
        if "Y" in letters:
            return By(who.operator, who.shift)
        if "L" in letters and action in self._alone:
            return By(who.operator, who.shift, alone=self._alone[action])
        raise needs_supervisor(f"A {who.role} may not do this alone.")

    def allowed(self, action: str, override: Override, *, not_by: str) -> str:
        """Who gives their word for an action of somebody else's. Raises NotAllowed, TooOften or BadRequest."""
        if not override.reason.strip():
            raise BadRequest(
                "REASON_MISSING", "Whoever allows this says why. Nothing was recorded.", hint="Write a word."
            )
        if override.allowed_by == not_by:
            raise needs_supervisor("Nobody allows something to themselves.")
        known = self._proven(override.allowed_by, override.pin)
        if "Y" not in leave(known.role, action):
            raise needs_supervisor(f"{known.name} is a {known.role}, and may not allow this.")
        return known.operator

    def shown(self) -> dict[str, Any]:
        """As the page shows it."""
        on = self.on()
        with self._store.read() as db:
            known = [one for one in operators.every(db) if one.is_open]
        return {
            "kept": bool(known),
            "known": [{"operator": one.operator, "name": one.name, "role": one.role} for one in known],
            "on": msgspec.structs.asdict(on) if on else None,
            "training": self.is_training,
            "word": self.word if known else "",
        }

    # -- training

    @property
    def is_training(self) -> bool:
        """Whether what is sold at the page is for training: until somebody ends it, or the business day does."""
        with self._store.read() as db:
            day = settings.get(db, "training_day")
            return bool(day) and day == moment(db, self._clock()).today

    def require_no_training(self) -> None:
        """Raises Conflict in training, in which nothing of the page is recorded."""
        if self.is_training:
            raise Conflict(
                "TRAINING",
                "This till is in training, and only sales can be tried. Nothing was recorded.",
                hint="End training first.",
            )

    def train(self, is_on: bool, override: Override | None = None) -> None:
        """Begins or ends training, for every window of the page. Raises as `by`."""
        by = self.by("training", override)

        def keep(db: sqlite3.Connection) -> None:
            settings.put(db, "training_day", moment(db, self._clock()).today if is_on else "")

        self._store.write(keep)
        self._end_quotes(by.operator)
        self._changed()

    # -- a till without a head office

    def put(self, operator: str, name: str, role: str, pin: str, member: str = "") -> None:
        """As `put_here`, and every window hears of it."""
        put_here(self._store, operator, name, role, pin, self._random_bytes, member)
        self._changed()

    def close(self, operator: str) -> bool:
        """As `close_here`; whoever is on by that name is off."""
        was_open = close_here(self._store, operator)
        self.on()  # who is on may be just this one
        self._changed()
        return was_open

    # -- PINs

    def _proven(self, operator: str, pin: str) -> Operator:
        """The operator whose PIN this is. Raises NotAllowed, or TooOften."""
        if not self._in_line.acquire(blocking=False):
            raise _busy()
        try:
            is_mine = self._one_pin.acquire(timeout=self._pin_wait_s)
        finally:
            self._in_line.release()
        if not is_mine:
            raise _busy()
        try:
            with self._store.read() as db:
                known = operators.find(db, operator)
            now = self._clock()
            # Whoever asks for names that nobody has is counted with all, and leaves no row of their own.
            counted = operator if known else operators.OF_ALL
            until = self._store.write(lambda db: operators.begin_try(db, counted, now))
            if until is not None:
                wait_s = max(1, round((until - now).total_seconds()))
                raise TooOften(
                    "PIN_LOCKED",
                    f"Too many wrong PINs. Nobody is let in by this one for {_span(wait_s)}.",
                    hint="Wait, or let a colleague sign on. A manager or head office can give a new PIN.",
                )
            if known is None or not is_pin(pin, known.pin):
                raise NotAllowed("PIN_WRONG", "This is not their PIN.", hint="Type it again.")
            self._store.write(lambda db: operators.was_right(db, operator))
            return known
        finally:
            self._one_pin.release()

    def _name(self, operator: str) -> str:
        with self._store.read() as db:
            known = operators.find(db, operator)
        return known.name if known else operator


def put_here(
    store: Store, operator: str, name: str, role: str, pin: str, random_bytes: RandomBytes, member: str = ""
) -> None:
    """Adds an operator to a till without a head office, or gives one this name, role and PIN; what was tried counts no more.

    Raises BadRequest for what can be nobody's name or PIN, Conflict where head office keeps the operators.
    """
    for text in (operator, name):
        if not 0 < len(text) <= LONGEST_NAME or not text.isprintable() or "/" in text:
            raise BadRequest("OPERATOR_UNFIT", f'A name has 1 to {LONGEST_NAME} printable characters, without "/".')
    if problem := problem_with(pin):
        raise BadRequest("PIN_UNFIT", f"{problem} Nothing was changed.", hint="Choose another one.")
    _require_no_head_office(store)
    if member:
        with store.read() as db:
            is_known = members.member_of_card(db, member) or members.current(db, member) != member
            if not (is_known or db.execute("SELECT 1 FROM member WHERE member = ?", (member,)).fetchone()):
                raise Unknown(
                    "CARD_UNKNOWN",
                    f"Nobody has joined with the card {member} here. Nothing was changed.",
                    hint="Check the number, or let them join with it at the page first. Without --card it works at once.",
                )
    kept = Operator(operator, name, role, hashed_pin(pin, random_bytes(16)), member, is_of_here=True)

    def work(db: sqlite3.Connection) -> None:
        operators.put(db, kept)
        operators.forget_tries(db, operator)

    store.write(work)


def close_here(store: Store, operator: str) -> bool:
    """Lets an operator of this till alone sign on no more; answers whether they could. Raises Unknown, or Conflict."""
    _require_no_head_office(store)
    with store.read() as db:
        known = operators.find(db, operator)
    if known is None:
        raise Unknown("OPERATOR_UNKNOWN", f"There is no operator {operator} here.", hint="pos-plugin operator list")
    store.write(lambda db: operators.put(db, msgspec.structs.replace(known, pin="")))
    return known.is_open


def _require_no_head_office(store: Store) -> None:
    with store.read() as db:
        shop = settings.get(db, "shop")
    if shop:
        raise Conflict(
            "OPERATORS_OF_HEAD_OFFICE",
            f"This till belongs to shop {shop}: head office keeps its operators. Nothing was changed.",
            hint="There: pos-central operator, or its page Operators.",
        )


def _busy() -> TooOften:
    return TooOften("PIN_BUSY", "Other PINs are being looked at.", hint="Try again in a moment.")


def _span(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return f"{seconds} seconds" if seconds < 60 else "1 minute" if minutes == 1 else f"{minutes} minutes"
