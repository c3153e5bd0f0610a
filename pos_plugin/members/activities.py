"""What members do that is no sale: activities of the shop's own, and reloads of stored value, once each."""

from __future__ import annotations

import difflib
import sqlite3

import msgspec

from ledger.entry import Draft, Entry, GiveBody
from ledger.identifiers import new_reference, receipt_reference
from loyalty.award import Award, gift
from loyalty.program import Program
from loyalty.sale import document_name
from loyalty.standing import NO_EFFECTS, Standing
from offline_store import histories, journal, members
from offline_store.moment import Moment
from pos_plugin.errors import BadRequest, Conflict, Unknown
from pos_plugin.sales import pricing
from pos_plugin.sales.checkout import Checkout
from pos_plugin.sales.recorded import written
from pos_plugin.sales.returns import MAX_DOCUMENT


class Given(msgspec.Struct, frozen=True):
    """Points for something that is no sale, as they stand in the journal. 0 where limits left nothing."""

    till: str
    ref: str
    member: str
    number: int
    reference: str
    points: int
    usable_from: str
    balance: int


def record(
    checkout: Checkout,
    till: str,
    ref: str,
    member: str,
    *,
    activity: str = "",
    reload_minor: int = 0,
    operator: str = "",
    shift: str = "",
) -> Given:
    """What an activity by its name, or a reload of so much, gives to a member. The same again answers the first result.

    Raises Unknown where the programme has no such activity or the member is not known here, Conflict where the reference
    stands with other content or the operator would reward themselves; nothing is recorded then.
    """
    document = document_name("activity", till, ref)
    if not till or not ref or len(document) > MAX_DOCUMENT or not document.isprintable():
        raise BadRequest("NAME", "An activity is named by its till and its reference, short and printable.")

    def work(db: sqlite3.Connection) -> Entry:
        known = journal.find(db, document)
        current = members.current(db, member)
        why, about = ("activity", activity) if activity else ("reload", str(reload_minor))
        if known is not None:
            if not isinstance(known.body, GiveBody) or (
                members.current(db, known.member),
                known.body.why,
                known.body.about,
            ) != (
                current,
                why,
                about,
            ):
                raise Conflict(
                    "ACTIVITY_DIFFERS",
                    f"Activity {ref} of till {till} is recorded already, with other content. It stays as it was.",
                    hint="Give this one a reference of its own.",
                )
            return known
        if db.execute("SELECT 1 FROM member WHERE member = ?", (current,)).fetchone() is None:
            raise Unknown(
                "ACCOUNT_INVALID", "This member is not known here.", hint="Scan the card, or join the member."
            )
        at = checkout.moment(db)
        _require_activity(at.program, activity)
        checkout.require_not_own(db, operator, current)
        who = pricing.known_of(db, at.program, current)
        standing = pricing.standing_at(db, at, at.program, current, at.today, who)
        earned = gift(at.program, why, at.today, at.occurred_at, standing, amount_minor=reload_minor, activity=activity)
        new = give(checkout, db, at, document, current, why, about, earned, standing, operator, shift)
        histories.keep(db, current, who)
        return new

    new = written(checkout.store, work, document)
    body = new.body
    if not isinstance(body, GiveBody):
        raise ValueError("an activity's document leads to another kind of entry")
    with checkout.store.read() as db:
        balance = members.balance(db, members.current(db, new.member), checkout.today(db))
    return Given(
        till,
        ref,
        new.member,
        new.number,
        receipt_reference(new.envelope.terminal, new.number),
        body.points,
        body.usable_from,
        balance.points,
    )


def give(
    checkout: Checkout,
    db: sqlite3.Connection,
    at: Moment,
    document: str,
    member: str,
    why: str,
    about: str,
    earned: Award,
    standing: Standing,
    operator: str,
    shift: str,
) -> Entry:
    """Records what was given, in the caller's transaction."""
    lot = new_reference(checkout.random_bytes) if earned.points else ""
    body = GiveBody(
        why,
        earned.points,
        program=at.program.id,
        about=about,
        operator=operator,
        lot=lot,
        expires_on=earned.expires_on if lot else "",
        usable_from=earned.usable_from if lot else "",
        extends_to=earned.extends_to,
        standing=standing,
        effects=earned.effects or NO_EFFECTS,
        shift=shift,
    )
    stays = lot and checkout.stays_here(at, at.program, at.occurred_at, earned.usable_from)
    draft = Draft(body, document, at.occurred_at, at.today, member=member, esc={lot: earned.points} if stays else {})
    return journal.record(db, at.who, draft, at.recorded_at)


def _require_activity(program: Program, activity: str) -> None:
    names = {rule.activity for rule in program.accrual if rule.on == "activity"}
    if activity and activity not in names:
        near = difflib.get_close_matches(activity, names, n=1)
        raise Unknown(
            "ACTIVITY_UNKNOWN",
            f"This programme gives nothing for {activity}. Nothing was recorded.",
            hint=f"Did you mean {near[0]}?" if near else "Use a name that the programme has.",
        )
