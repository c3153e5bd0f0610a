"""Members who join at this till, also while it is offline: a random reference in the journal, a card beside it.

Name and phone number are sealed to head office's key at once; this till keeps only initials and a keyed hash of the phone. Where
the shop was sent cards by head office, a card that is brought must be one of those. What somebody agrees to is an entry, too.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable

import msgspec

from drivers.document import encode_document
from ledger.entry import ConsentBody
from ledger.identifiers import new_reference, receipt_reference
from ledger.keys import phone_hash, seal
from ledger.wire import MemberDetails
from loyalty.award import gift, standing_of
from loyalty.card import CardRules, MemberCard, member_card
from loyalty.card_batch import draw_numbers
from loyalty.days import is_month_day
from loyalty.sale import document_name
from loyalty.standing import NO_HISTORY, Profile
from offline_store import card_stock, consents, histories, members, receipts, settings
from offline_store.moment import Moment
from pos_plugin.codes.member_codes import blocked
from pos_plugin.errors import BadRequest, Conflict, Unknown
from pos_plugin.members.activities import give
from pos_plugin.papers.slips import enrolment_slip
from pos_plugin.sales.checkout import Checkout


class Joined(msgspec.Struct, frozen=True):
    """A new member with their card's number in full: shown once, on this page. `reference` is that of their slip, if there is;
    `consent` the version of the text that they agreed to, if they did."""

    member: str
    card: str
    initials: str
    points: int = 0
    reference: str = ""
    consent: str = ""


class ConsentSaid(msgspec.Struct, frozen=True):
    """What was written down: the member, the version of the text, and whether they agree to it from now on."""

    member: str
    text: str
    given: bool


def join(
    checkout: Checkout,
    card: str = "",
    *,
    name: str = "",
    phone: str = "",
    birthday: str = "",
    charity: str = "",
    referrer: str = "",
    operator: str = "",
    shift: str = "",
    consent: str = "",
    channel: str = "till",
    prints: bool | None = None,
    write: Callable[[Callable[[sqlite3.Connection], Joined]], Joined] | None = None,
) -> Joined:
    """A new member with this card, or with a new number where none is given; what the programme gives for joining is theirs.

    `birthday` is month and day, `charity` a name of the programme's, `referrer` the card or reference of who brought them,
    `consent` the version of the text that they agree to, by `channel`. `prints` a slip for them; None as the template says.
    `write` runs the transaction, for a caller who records something beside it.
    Raises BadRequest where one of these is none of this programme, or where personal fields cannot be sealed yet; Unknown
    where nobody knows the referrer here; Conflict where the card is somebody's already, or not of this shop's stock. Nothing is
    recorded then.
    """
    with checkout.store.read() as db:
        program = checkout.moment(db).program
        rules = program.cards.rules
        sealing_key, phone_key = settings.get(db, "sealing_key"), settings.get(db, "phone_key")
    is_new_number = not card
    if card and not isinstance(member_card(rules, card), MemberCard):
        raise BadRequest(
            "NO_MEMBER_CARD",
            "This is no card of this programme.",
            hint="Scan a member card, or leave it empty for a new number.",
        )
    if (name or phone) and not sealing_key:
        raise BadRequest(
            "NOT_CONNECTED_YET",
            "Name and phone number can be taken once this till has been connected to head office.",
            hint="Join with the card alone; the rest can be added later.",
        )
    if birthday and not is_month_day(birthday):
        raise BadRequest("BIRTHDAY", f"{birthday[:20]} is no month and day.", hint="Write it like 03-31.")
    charities = [one.name for one in program.giving.charities] if program.giving else []
    if charity and charity not in charities:
        raise BadRequest(
            "CHARITY_UNKNOWN",
            f"This programme gives nothing to {charity[:64]}.",
            hint=f"Choose one of these: {', '.join(charities) or 'there is none'}.",
        )
    sealed = seal(sealing_key, msgspec.json.encode({"name": name, "phone": phone})) if name or phone else ""
    initials = "".join(f"{word[0].upper()}." for word in name.split()[:3])
    member = new_reference(checkout.random_bytes)

    def work(db: sqlite3.Connection) -> Joined:
        nonlocal card
        if is_new_number:
            card = _free_number(db, rules)
        if members.member_of_card(db, card) is not None:
            raise Conflict("CARD_TAKEN", "Somebody has joined with this card already.", hint="Scan it to see.")
        if refused := blocked(db, card):
            raise Conflict("CARD_BLOCKED", refused.message, hint="Join with another card.")
        if not is_new_number:
            require_stock(db, card)
        agreed = text_asked(db, consent) if consent else None
        at = checkout.moment(db)
        brought_by = _referrer(db, referrer)
        details = MemberDetails(member, [card], at.recorded_at, sealed, birthday, charity)
        new = members.join(db, at, details, initials, referrer=brought_by, operator=operator, shift=shift)
        profile = Profile(birthday=birthday, is_referred=bool(brought_by), charity=charity)
        histories.know(db, member, profile)
        if phone:
            db.execute(
                "INSERT INTO phone (phone_hash, member) VALUES (?, ?) ON CONFLICT (phone_hash) DO NOTHING",
                (phone_hash(phone_key, phone), member),
            )
        points = _welcome(checkout, db, at, member, profile, brought_by, (operator, shift))
        if agreed:
            body = ConsentBody(agreed.version, True, channel, operator, shift)
            consents.say(db, at, member, body, new_reference(checkout.random_bytes))
        reference = ""
        if checkout.layout.template.slips.enrolment if prints is None else prints:
            reference = receipt_reference(at.who.terminal, new.number)
            slip = enrolment_slip(
                at.program,
                checkout.layout,
                at=at.occurred_at,
                card=card,
                is_new_number=is_new_number,
                points=points,
                reference=reference,
                agreed=(agreed.version, agreed.text_in(checkout.layout.language)) if agreed else None,
            )
            receipts.keep(db, new.number, encode_document(slip))
        return Joined(member, card, initials, points, reference, consent)

    return (write or checkout.store.write)(work)


def say_consent(
    checkout: Checkout,
    member: str,
    text: str,
    *,
    given: bool,
    channel: str = "till",
    operator: str = "",
    shift: str = "",
) -> ConsentSaid:
    """A member agrees to the text of this version, or takes back what they agreed to, whichever text that was.

    Also offline. Raises Unknown for a member who is not known here, Conflict where another text is asked for now.
    """

    def work(db: sqlite3.Connection) -> ConsentSaid:
        whom = members.known_as(db, member)
        if not whom:
            raise Unknown("ACCOUNT_INVALID", "This member is not known here.")
        version = text_asked(db, text).version if given else text
        body = ConsentBody(version, given, channel, operator, shift)
        consents.say(db, checkout.moment(db), whom, body, new_reference(checkout.random_bytes))
        return ConsentSaid(whom, version, given)

    return checkout.store.write(work)


def text_asked(db: sqlite3.Connection, version: str) -> consents.ConsentText:
    """The text that is asked for now. Raises Conflict where it is not the one of this version."""
    asked = consents.text(db)
    if asked is None or asked.version != version:
        raise Conflict(
            "CONSENT_TEXT_OUTDATED",
            f"The text {version} is not the one that is asked for now. Nothing was recorded."
            if asked
            else "Head office has published no text to agree to. Nothing was recorded.",
            hint="Show the text of the till's state (consent) to the member, and ask again."
            if asked
            else "Join without.",
        )
    return asked


def _free_number(db: sqlite3.Connection, rules: CardRules) -> str:
    """A new number that is nobody's here, not blocked, and not that of a card which lies in this shop. What lies in other shops
    is not known here; head office notes it for a person."""

    def is_known(number: str) -> bool:
        is_taken = members.member_of_card(db, number) is not None or blocked(db, number) is not None
        return is_taken or card_stock.is_of_stock(db, number)

    (number,) = draw_numbers(
        rules, (rules.plain or rules.forms)[0], 1, lambda count: f"{secrets.randbelow(10**count):0{count}}", is_known
    )
    return number


def require_stock(db: sqlite3.Connection, card: str) -> None:
    """Raises Conflict for a card that head office never sent to this shop, where it sent others."""
    if not card_stock.may_join_with(db, card):
        raise Conflict(
            "CARD_NOT_IN_STOCK",
            "This card is not one of those that were sent to this shop. Nothing was recorded.",
            hint="Take a card of the shop's own, or leave the number empty for a new one.",
        )


def _referrer(db: sqlite3.Connection, referrer: str) -> str:
    """The member who brought somebody, by card or reference; '' for nobody."""
    if not referrer:
        return ""
    found = members.member_of_card(db, referrer) or members.current(db, referrer)
    if db.execute("SELECT 1 FROM member WHERE member = ?", (found,)).fetchone() is None:
        raise Unknown(
            "REFERRER_UNKNOWN",
            "Who brought this member is not known here. Nothing was recorded.",
            hint="Scan that member's card, or join without.",
        )
    return found


def _welcome(
    checkout: Checkout,
    db: sqlite3.Connection,
    at: Moment,
    member: str,
    profile: Profile,
    about: str,
    by: tuple[str, str],
) -> int:
    """What the programme gives for joining, in an entry of its own; answers how many points."""
    gone = at.gone.get(at.program.id, ())
    standing = standing_of(
        at.program, NO_HISTORY, profile, at.today, member=member, shop=at.shop, terminal=at.who.terminal, gone=gone
    )
    earned = gift(at.program, "join", at.today, at.occurred_at, standing)
    if earned.points or earned.effects:
        document = document_name("gift", "join", member)
        give(checkout, db, at, document, member, "join", about, earned, standing, *by)
    return earned.points
