"""What an entry of a journal was, in words for a person at head office: what happened, and why it came to so many points.

Nothing here is kept in an entry: an award is computed again from what the entry carries, by the code that computed it at the
till, and explained by its own reasons. Where the two differ, that is said. Other members appear as "another member"; who that
is stands in `Told.other`, for whoever may see it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from ledger.entry import (
    ClaimBody,
    ClosingBody,
    ConsentBody,
    Entry,
    GiveBody,
    GrantBody,
    HelloBody,
    JoinBody,
    MergeBody,
    OpenBody,
    ReleaseBody,
    ReturnBody,
    SaleBody,
    SettleBody,
    TakeBody,
)
from ledger.identifiers import receipt_reference
from loyalty.award import Award, award_of_left
from loyalty.days import day_before
from loyalty.expiry import NEVER
from loyalty.priced import priced, reward_named
from loyalty.program import Program
from loyalty.surprise import Told as Drawn
from loyalty.words import Reason, in_language, money, say

NOTES: Mapping[str, tuple[str, str]] = {
    "conflict": (
        "One sale or return came twice with different content, or points were claimed for a sale that has a member already.",
        "Both are booked as they stand. Compare the two receipts, and correct by hand what was counted twice.",
    ),
    "parked": (
        "An entry of a newer version than head office's: what it says is not read yet, only where it moved points to.",
        "Bring head office up to the till's version: the rest is booked then by itself.",
    ),
    "quarantine": (
        "An entry that makes no sense to head office: only where it moved points to is booked.",
        "Read what was wrong with it, and give or take by hand what the member should have.",
    ),
    "unproved": (
        "A till took points that head office does not remember setting aside for it, and has no proof of it.",
        "See whether that till was copied or tampered with; until that is known, revoke it.",
    ),
    "clock": (
        "The till's clock was wrong when it recorded this.",
        "Let the till's system set its clock. Nothing is ordered or refused by it.",
    ),
    "loss": (
        "Points were spent twice, at a till that had been given up for lost or gone on without.",
        "Nothing: the shop bears them, and they are booked.",
    ),
}
"""By the code of a note: what it means, and what a person does about it."""


class Told(msgspec.Struct, frozen=True):
    """`what` is a sentence, `why` a line for each part of an award. `program` is the id of the rules by which it was computed,
    `parts` are the reasons where they come to what was awarded, to be said in anybody's language.

    `by`, `reason` and `approved_by` are of what was done by hand; `other` is the reference of another member named in it.
    """

    what: str
    why: list[str] = []
    by: str = ""
    reason: str = ""
    approved_by: str = ""
    other: str = ""
    program: str = ""
    parts: Sequence[Reason] = ()


class Around(msgspec.Struct, frozen=True):
    """What an entry's words need beside it: programmes by id, and the sale that a return or a claim names, by its document.

    `unit` is the programme whose words for points are used where an entry names none.
    """

    program_of: Callable[[str], Program | None]
    sale_of: Callable[[str], Entry | None]
    unit: Program

    def receipt_of(self, document: str) -> str:
        """'' where the sale is not here."""
        sold = self.sale_of(document)
        return reference(sold.envelope.terminal, sold.number) if sold is not None else ""


def told(entry: Entry, around: Around) -> Told:
    match entry.body:
        case SaleBody() as body:
            return _sale(entry, body, around)
        case ReturnBody() as body:
            return _return(body, around)
        case ClaimBody() as body:
            return _claim(body, around)
        case GiveBody() as body:
            return _give(body, around)
        case SettleBody() as body:
            return _settle(body, around)
        case JoinBody(referrer=referrer):
            brought = ", brought by another member" if referrer else ""
            return Told(f"Joined{brought}.", other=referrer)
        case ConsentBody() as body:
            done = "Agreed to" if body.is_given else "Took back what was agreed to in"
            return Told(f"{done} the text {body.text} ({body.channel}).", by=body.operator)
        case TakeBody():
            points = _points(sum(entry.envelope.esc.values()), around.unit)
            return Told(f"{points} came to this till: they can be spent there, also while it is offline.")
        case ReleaseBody():
            points = _points(-sum(entry.envelope.esc.values()), around.unit)
            return Told(f"{points} went back to head office: they can be spent anywhere again.")
        case GrantBody() as body:
            points = _points(sum(part.points for part in body.slices), around.unit)
            return Told(f"Head office set {points} aside for till {body.terminal}.")
        case OpenBody():
            return Told("The till began anew; what lay there went back to head office.")
        case MergeBody():
            return Told("Another member turned out to be the same person: points, debt and cards are one.")
        case HelloBody() | ClosingBody():
            return Told("A message of the till, about no member.")


def _sale(entry: Entry, body: SaleBody, around: Around) -> Told:
    program = around.program_of(body.program)
    words = program or around.unit
    sale = body.sale
    what = [f"{'A former sale' if body.is_past else 'A sale'} of {money(sale.total_minor)} {sale.currency}"]
    if body.off:
        what.append(f"{money(sum(body.off.values()))} {sale.currency} off by members' prices")
    if body.redeemed:
        used = _points(body.redeemed, words)
        reward = reward_named(program, body.reward) if program and body.reward else None
        got = (
            in_language(reward.title) if reward else body.reward or f"{money(body.redeemed_minor)} {sale.currency} off"
        )
        what.append(f"{used} used: {got}")
    if body.floor:
        what.append(f"{_points(body.floor, words)} of them were not at the till, but allowed to it while offline")
    parts: Sequence[Reason] = ()
    if program is None:
        why = [f"Its rules, {body.program or 'without a name'}, are not here: it cannot be explained."]
    else:
        computed = _computed(program, entry, body)
        why = _explained(computed, body.awarded, words)
        parts = computed.reasons if computed.points == body.awarded else ()
    return Told(f"{', '.join(what)}.", why + _days(body, words), sale.operator, program=body.program, parts=parts)


def _computed(program: Program, entry: Entry, body: SaleBody) -> Award:
    """The award again. Whether a surprise was won is believed, as the entry says: only the audit can draw it again."""
    if body.is_past:
        program = program.model_copy(update={"price": []})
    tries = [None] if program.surprise is None else [Drawn(won=False), Drawn(won=True)]
    found: Award | None = None
    for luck in tries:
        asked = {"redeem": body.redeemed, "reward": body.reward, "luck": luck}
        result = priced(program, body.sale, entry.member, body.standing, **asked).award  # type: ignore[arg-type]
        if found is None or result.points == body.awarded:
            found = result
    assert found is not None
    return found


def _explained(computed: Award, awarded: int, program: Program) -> list[str]:
    lines = [_line(reason, program.currency) for reason in computed.reasons]
    if computed.points != awarded:
        said, found = _points(awarded, program), _points(computed.points, program)
        lines.append(f"The till wrote {said}; by its own lines and rules it is {found}. The audit lists it.")
    elif not awarded and not any(reason.points for reason in computed.reasons):
        lines.append("So it earned nothing.")
    return lines


def _line(reason: Reason, currency: str) -> str:
    told = reason.in_language("en", currency, on_paper=True)  # by the code, as the sale's own sum
    return f"{reason.points:+,}: {told}" if reason.points else told


def _days(body: SaleBody | ClaimBody | GiveBody, program: Program) -> list[str]:
    """When points that were given can be used."""
    lines = []
    if body.lot and body.expires_on:
        first = f"from {body.usable_from} " if body.usable_from else ""
        last = "without an end" if body.expires_on == NEVER else f"through {day_before(body.expires_on)}"
        lines.append(f"Can be used {first}{last}.")
    if body.extends_to:
        lines.append(f"Keeps all {in_language(program.unit.many)} alive through {day_before(body.extends_to)}.")
    return lines


def _return(body: ReturnBody, around: Around) -> Told:
    receipt = around.receipt_of(body.sale)
    of = f"the sale {receipt}" if receipt else "a sale that head office does not have yet"
    if body.back.is_void:
        what = [f"Voided: {of}"]
    else:
        what = [f"Goods worth {money(body.returned_minor)} {around.unit.currency} came back from {of}"]
    if body.taken:
        what.append(f"{_points(body.taken, around.unit)} that it had earned taken back")
    if body.restored:
        what.append(f"{_points(body.restored, around.unit)} that had paid for it given back")
    why = [] if receipt else ["The sale's own till has to send it first; until then nothing is taken back here."]
    return Told(f"{', '.join(what)}.", why, by=body.operator)


def _claim(body: ClaimBody, around: Around) -> Told:
    receipt = around.receipt_of(body.sale)
    program = around.program_of(body.program) or around.unit
    what = f"The points of the sale {receipt}" if receipt else "The points of a sale that head office does not have yet"
    why = [] if receipt else ["The sale's own till has to send it first; until then there is nothing to claim."]
    sold = around.sale_of(body.sale)
    parts: Sequence[Reason] = ()
    if sold is not None and isinstance(sold.body, SaleBody):
        computed = award_of_left(program, sold.body.sale, 0, body.standing, sold.body.sale)
        # Of a sale of which some had come back by then, only the rest was awarded: its reasons would be others.
        parts = computed.reasons if computed.points == body.awarded else ()
        why += [_line(reason, program.currency) for reason in parts]
    told = f"{what} were claimed with the receipt."
    return Told(told, why + _days(body, program), body.operator, program=body.program, parts=parts)


def _give(body: GiveBody, around: Around) -> Told:
    program = around.program_of(body.program) or around.unit
    about, other = body.about, ""
    match body.why:
        case "join":
            what = "Points for joining"
        case "reload":
            what = "Points for loading stored value"
        case "activity":
            what = f"Points for an activity: {about}"
        case "birthday":
            what = "Points for a birthday"
        case "referral":
            what, other = "Points for bringing another member", about
        case "feedback" if body.points > 0:
            what = f"Points for feedback on the purchase {about}"
        case "feedback":
            what = f"Points for feedback on the purchase {about} taken back: all of it was returned"
        case "goodwill":
            what = "Goodwill, by hand"
        case "adjustment":
            what = "Adjusted by hand"
        case "opening":
            what = "Taken over from another system"
        case "transfer":
            what, other = f"Transferred {'from' if body.points > 0 else 'to'} another member", about
        case "reinstate":
            what = f"Brought back what had expired: {about}"
        case "recognition":
            what, other = "A colleague said thank you" if body.points else "Said thank you to another member", about
        case "merge":
            what, other = "The same person as another member: points, debts and cards of both are here now", about
        case "segment":
            what = f"Segment: {about}"
        case "tier":
            what = f"Tier: {about}"
        case "card":
            what = f"The card {about} was replaced"
        case why:
            what = f"Given for {why}"
    return Told(f"{what}.", _days(body, program), body.operator, body.reason, body.approved_by, other, body.program)


_CAUSES = {
    "expired": "Points ended",
    "reinstated": "Points that had ended came back",
    "written off": "What was owed was written off: the shop bears it",
}
_MOVES = {
    "available": ("{points} more to spend anywhere", "{points} less to spend anywhere"),
    "granted": ("{points} more set aside for a till", "{points} less set aside for a till"),
    "escrow": ("{points} more at a till", "{points} less at a till"),
    "owed": ("{points} less owed", "{points} more owed"),
    "expired": ("{points} ended", "{points} that had ended came back"),
    "loss": ("{points} that the shop had borne made good", "{points} borne by the shop"),
    "redeemed": ("{points} more counted as spent", "{points} less counted as spent"),
    "issued": ("{points} less counted as given", "{points} more counted as given"),
}
"""By account: what more of it means, and what less."""


def _settle(body: SettleBody, around: Around) -> Told:
    cause = _CAUSES.get(body.cause, "")
    parts = body.cause.split("/")
    if body.cause.startswith("forfeit/") and len(parts) == 3:
        cause = f"Till {parts[1]} was given up for lost: what lay there is the member's again"
    elif len(parts) == 3 and parts[1].isdigit():
        # An entry's place begins with its terminal; a receipt bears the same.
        receipt = reference(parts[0], int(parts[1])) if int(parts[1]) else "an entry of a till"
        if _is_repayment(body):
            return _repaid(receipt, body.changes["owed"], around.unit)
        cause = f"Head office booked what the till could not know of {receipt}"
    moves = []
    for account, change in body.changes.items():
        more, less = _MOVES.get(account, ("{points} more: " + account, "{points} less: " + account))
        moves.append(say(more if change > 0 else less, points=around.unit.unit.counted(abs(change))))
    return Told(f"{cause or 'Head office put its books right'}.", [f"{move}." for move in moves])


def _is_repayment(body: SettleBody) -> bool:
    return body.changes.keys() == {"available", "owed"} and body.changes["owed"] > 0


def _repaid(receipt: str, points: int, program: Program) -> Told:
    """What follows a return at a till that is online: the till writes as owed what does not lie there, and it is paid at once."""
    why = "This is usual where points lie at head office and not at the till: nothing is owed for it."
    return Told(f"{_points(points, program)} for {receipt} paid from what the member has at head office.", [why])


def reference(terminal: str, number: int) -> str:
    """As the receipt of an entry bears it."""
    try:
        return receipt_reference(terminal, number)
    except KeyError:  # a terminal whose name no receipt could bear
        return f"{terminal}-{number}"


def _points(points: int, program: Program) -> str:
    return say("{points}", points=program.unit.counted(points))
