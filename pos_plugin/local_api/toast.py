"""The till as a loyalty provider in Toast's sense: one address, five kinds of transactions, each once by its GUID and account.

    SEARCH   members by phone, or by name where head office can be asked
    INQUIRE  a quote: offers, and which of the redemptions on the check can be had
    REDEEM   records the check with its redemption: points are spent, and what is left to pay is awarded
    ACCRUE   records the check, where REDEEM has not
    REVERSE  voids what one of the two recorded; the check may then be recorded anew

A check is one sale, `toast/<check GUID>`, so that it counts once however many transactions it takes. Its total is what the guest
owes before tax and before points; taxes earn nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec
from fastapi import FastAPI, Header, Request, Response

from ledger.entry import SaleBody
from loyalty.card import masked
from loyalty.days import business_day
from loyalty.redeem import points_needed
from loyalty.sale import LineItem, Sale, document_name
from offline_store import answered, journal, members, settings
from pos_plugin.errors import BadRequest, Conflict, TillError, Unknown
from pos_plugin.local_api import toast_status
from pos_plugin.local_api.answers import answer
from pos_plugin.local_api.description import TOAST, answers
from pos_plugin.local_api.once import Asked
from pos_plugin.local_api.operators import require_program
from pos_plugin.local_api.toast_messages import (
    LONGEST_TEXT,
    TYPES,
    Check,
    CheckInformation,
    Redemption,
    SearchCriteria,
    ToastAccount,
    ToastAsked,
    ToastCheck,
    ToastOffer,
    ToastRejected,
    ToastReply,
    ToastSearch,
    in_decimals,
    minor,
)
from pos_plugin.sales import returns
from pos_plugin.sales.quotes import Quote
from pos_plugin.terminal import Terminal

TILL = "toast"
POINTS = "points"
REWARD = "reward:"
COLUMNS = 32
TIMES_VOIDED = 50
"""So often a check can be reversed and recorded anew."""


KindInHeader = Annotated[
    str, Header(alias="Toast-Transaction-Type", max_length=40, json_schema_extra={"enum": list(TYPES)})
]
GuidInHeader = Annotated[str, Header(alias="Toast-Transaction-GUID", max_length=64)]


class Done(msgspec.Struct, frozen=True):
    """A transaction that is over, and what it was answered."""

    kind: str
    reply: ToastReply


class Wanted(NamedTuple):
    """Of the redemptions on a check, what is asked of the till; the others cannot stand beside it."""

    points: int
    reward: str
    asked: list[Redemption]
    rejected: list[ToastRejected]


def add_toast(app: FastAPI, terminal: Terminal) -> None:
    provider = Provider(terminal)

    @app.post(
        toast_status.PATH,
        tags=[TOAST],
        summary="One transaction of Toast's loyalty contract",
        responses={
            **answers(ToastReply, "ACCEPT, also where a redemption was rejected."),
            **{status: _said(says) for status, says in _REFUSED.items()},
        },
    )
    def toast(asked: ToastAsked, request: Request, kind: KindInHeader = "", guid: GuidInHeader = "") -> Response:
        """Headers: `Toast-Transaction-Type`, and `Toast-Transaction-GUID` for what is recorded. The same GUID and account again
        gets the first answer."""
        require_program(request)
        may_refund = "refund" in request.state.key.may
        return answer(provider.answer(kind or asked.toastTransactionType or "", guid, asked, may_refund=may_refund))


class Provider:
    """Toast's transactions at one till."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._checkout = terminal.checkout
        self._one_at_a_time = threading.Lock()  # two quotes of one check would take each other's place

    def answer(self, kind: str, guid: str, asked: ToastAsked, *, may_refund: bool) -> ToastReply:
        """Raises TillError in the till's own words; whoever answers puts them into Toast's."""
        check, search = asked.checkTransactionInformation, asked.searchTransactionInformation
        reverse = asked.reverseTransactionInformation
        if kind not in TYPES or (asked.toastTransactionType or kind) != kind:
            raise BadRequest("TRANSACTION_TYPE", f"There is no transaction type {kind[:40]!r} here.")
        if kind == "LOYALTY_SEARCH" and search is not None:
            return ToastReply("ACCEPT", search_response=ToastSearch(self._found(search.searchCriteria)))
        if kind == "LOYALTY_INQUIRE" and check is not None:
            return self._inquired(check)
        if kind in ("LOYALTY_REDEEM", "LOYALTY_ACCRUE") and check is not None:
            member = self._member(check.loyaltyIdentifier) if check.loyaltyIdentifier else ""
            work = self._redeemed if kind == "LOYALTY_REDEEM" else self._accrued
            return self._once(kind, guid, member, lambda: work(check, member, _commit_key(guid, member)))
        if kind == "LOYALTY_REVERSE" and reverse is not None:
            if not may_refund:
                raise TillError("KEY_MAY_NOT", "This key may not take back sales.", hint="It needs the right refund.")
            member = self._member(reverse.loyaltyIdentifier) if reverse.loyaltyIdentifier else ""
            return self._once(kind, guid, member, lambda: self._reversed(reverse.transactionId, member))
        raise BadRequest("INVALID", f"A {kind} has its information in the body; this one has none.")

    def _once(self, kind: str, guid: str, member: str, work: Callable[[], ToastReply]) -> ToastReply:
        if not 0 < len(guid) <= 64 or not guid.isprintable():
            raise BadRequest("INVALID", "The header Toast-Transaction-GUID is missing, or too long.")
        with self._one_at_a_time:
            # A redemption that was rejected may come again under its GUID, with what the guest chose then.
            done = Asked(self._terminal, _key(guid, member), kind).once(
                lambda: Done(kind, work()), lambda done: kind != "LOYALTY_REDEEM" or not _has_rejected(done.reply)
            )
        return done.reply if isinstance(done, Done) else msgspec.convert(done, Done).reply

    # -- accounts

    def _found(self, criteria: SearchCriteria) -> list[ToastAccount]:
        name = f"{criteria.firstName or ''} {criteria.lastName or ''}".strip()
        if criteria.phone:
            found = [self._checkout.identify(criteria.phone, "phone").member]
        elif name:
            found = [one.member for one in self._terminal.head_office.search_by_name(name[:120]).members]
        else:
            found = []  # e-mail addresses are head office's alone, and it is not asked for them
        accounts = [self._account(member) for member in found if member and self._known(member)]
        if not accounts:
            raise Unknown("ACCOUNT_INVALID", "Nobody is known here like that.", hint="Scan the card, or join them.")
        return accounts

    def _known(self, identifier: str) -> str:
        with self._terminal.store.read() as db:
            return members.known_as(db, identifier)

    def _member(self, identifier: str) -> str:
        """The member of an identifier: the reference that was given out, or a card that the guest showed."""
        known = self._known(identifier)
        if known:
            return known
        found = self._checkout.identify(identifier)
        if found.kind != "member":
            raise Unknown(
                "ACCOUNT_INVALID", "This member is not known here.", hint="Scan the card, or join the member."
            )
        return found.member

    def _account(self, member: str) -> ToastAccount:
        with self._terminal.store.read() as db:
            balance = members.balance(db, member, self._checkout.today(db))
            card = next(iter(members.cards_of(db, member)), "")
            initials = members.initials_of(db, member)
        return ToastAccount(member, initials or "Member", masked(card) if card else "", points_balance=balance.points)

    # -- transactions

    def _inquired(self, information: CheckInformation) -> ToastReply:
        if not information.loyaltyIdentifier:
            raise Unknown("ACCOUNT_INVALID", "This inquiry names no account.")
        member = self._member(information.loyaltyIdentifier)
        sale_ref, stands = self._sale_of(information.check)
        redemptions = information.redemptions or []
        if stands:  # what is recorded of the check stays; there is nothing more to offer for it
            return self._reply(member, applied=redemptions)
        wanted = self._wanted(redemptions)
        quote = self._quote(information.check, sale_ref, member, wanted)
        rejected, applied = _sorted(wanted, quote)
        offers = [
            ToastOffer(
                f"{REWARD}{offer.reward}" if offer.reward else POINTS,
                offer.title or offer.text,
                not offer.missing_points,
                in_decimals(offer.worth_minor),
            )
            for offer in quote.offers
        ]
        self._checkout.drop(
            quote.quote_id
        )  # a check may stay open for hours, and its points are not reserved for so long
        return self._reply(member, offers, applied, rejected, quote.spendable_text)

    def _redeemed(self, information: CheckInformation, member: str, key: str) -> ToastReply:
        if not member:
            raise Unknown("ACCOUNT_INVALID", "This redemption names no account.")
        redemptions = information.redemptions or []
        sale_ref, stands = self._sale_of(information.check)
        if stands or not redemptions:
            return self._reply(member, applied=redemptions)
        wanted = self._wanted(redemptions)
        quote = self._quote(information.check, sale_ref, member, wanted)
        rejected, applied = _sorted(wanted, quote)
        if rejected:
            self._checkout.drop(quote.quote_id)
            return self._reply(member, applied=applied, rejected=rejected)
        return self._reply(
            member, applied=applied, text=printed_text(self._checkout.commit(quote.quote_id, key).receipt_lines)
        )

    def _accrued(self, information: CheckInformation, member: str, key: str) -> ToastReply:
        sale_ref, stands = self._sale_of(information.check)
        if stands:
            return self._reply(member)
        wanted = self._wanted(information.redemptions or [])
        quote = self._quote(information.check, sale_ref, member, wanted)
        rejected, applied = _sorted(wanted, quote)
        if rejected and wanted.asked:  # the guest has paid: what was paid is recorded, and no points are spent
            quote = self._quote(information.check, sale_ref, member, Wanted(0, "", [], rejected))
        lines = self._checkout.commit(quote.quote_id, key).receipt_lines
        return self._reply(member, applied=applied, rejected=rejected, text=printed_text(lines))

    def _reversed(self, transaction: str, member: str) -> ToastReply:
        with self._terminal.store.read() as db:
            recorded = journal.of_request(db, _commit_key(transaction, member))
            reply = answered.reply(db, _key(transaction, member))
        if recorded is not None and isinstance(recorded.body, SaleBody):
            returns.void(self._checkout, TILL, recorded.body.sale.sale_ref)
            self._terminal.recorded("sale")
        elif reply is None:
            raise Unknown("TRANSACTION_DOES_NOT_EXIST", "This transaction is not known here. Nothing was recorded.")
        elif msgspec.json.decode(reply, type=Done).kind == "LOYALTY_REVERSE":
            raise Conflict("CANNOT_BE_REVERSED", "A reversal cannot be reversed. Nothing was recorded.")
        return ToastReply("ACCEPT")  # what recorded nothing of its own has nothing to take back

    # -- the check as a sale

    def _sale_of(self, check: Check) -> tuple[str, bool]:
        """The reference of the check's sale, and whether it stands. One that was voided is followed by another."""
        with self._terminal.store.read() as db:
            for time in range(1, TIMES_VOIDED + 1):
                ref = check.guid if time == 1 else f"{check.guid}~{time}"
                if journal.number_of(db, document_name("sale", TILL, ref)) is None:
                    return ref, False
                if journal.number_of(db, document_name("return", TILL, ref, "void")) is None:
                    return ref, True
        raise BadRequest("INVALID", "This check was reversed too often.")

    def _wanted(self, redemptions: Sequence[Redemption]) -> Wanted:
        """Points as money off, all of them together, or the first reward: a sale takes no more."""
        with self._terminal.store.read() as db:
            program = settings.program_in_force(db, self._terminal.clock())
        first = redemptions[0].identifier if redemptions else ""
        points, asked, rejected = 0, list[Redemption](), list[ToastRejected]()
        for one in redemptions:
            worth = minor(one.amount) * (1 if one.quantity is None else one.quantity)
            is_points = one.identifier == POINTS and worth > 0 and program.redeem.points > 0
            is_reward = one.identifier.startswith(REWARD)
            if not is_points and not is_reward:
                rejected.append(_rejected(one, "There is no such offer."))
            elif one.identifier != first or (is_reward and asked):
                rejected.append(_rejected(one, "A check takes points or one reward."))
            else:
                points += points_needed(program, worth) if is_points else 0
                asked.append(one)
        reward = first.removeprefix(REWARD) if asked and first.startswith(REWARD) else ""
        return Wanted(points, reward, asked, rejected)

    def _quote(self, check: Check, sale_ref: str, member: str, wanted: Wanted) -> Quote:
        return self._checkout.quote(
            self._sale(check, sale_ref, bool(wanted.asked)),
            member,
            wanted.points,
            reward=wanted.reward,
            columns=COLUMNS,
        )

    def _sale(self, check: Check, sale_ref: str, is_redeemed: bool) -> Sale:
        with self._terminal.store.read() as db:
            program = settings.program_in_force(db, self._terminal.clock())
            now = self._checkout.moment(db).local
        at = _local(check.paidDate or check.closedDate, program.zone) or now
        total = minor(check.amount) if check.amount is not None else minor(check.totalAmount) - minor(check.taxAmount)
        if is_redeemed:  # the sale is what was to pay before points, of which the check has taken them off already
            total += _taken_off(check)
        return Sale(
            TILL,
            sale_ref,
            at.isoformat(timespec="seconds"),
            business_day(at, program.day_starts_at),
            program.currency,
            total,
            _lines(check, total),
        )

    def _reply(
        self,
        member: str,
        offers: Sequence[ToastOffer] = (),
        applied: Sequence[Redemption] = (),
        rejected: Sequence[ToastRejected] = (),
        text: str = "",
    ) -> ToastReply:
        check = ToastCheck(
            self._account(member) if member else None,
            list(offers),
            [one.model_dump(mode="json") for one in applied],
            list(rejected),
            text[:LONGEST_TEXT],
        )
        return ToastReply("ACCEPT", check_response=check)


def _key(guid: str, member: str) -> str:
    return f"toast {guid} {member}"


def _commit_key(guid: str, member: str) -> str:
    """Of the sale that a transaction recorded: in one transaction with it, so that a reversal finds it whatever happens."""
    return f"toast-commit {guid} {member}"


def _has_rejected(reply: ToastReply) -> bool:
    return reply.check_response is not None and bool(reply.check_response.rejected_redemptions)


def _sorted(wanted: Wanted, quote: Quote) -> tuple[list[ToastRejected], list[Redemption]]:
    """Which redemptions cannot be had and which can: what the till takes off must be what Toast has taken off."""
    if not wanted.asked:
        return wanted.rejected, []
    worth = sum(minor(one.amount) * (1 if one.quantity is None else one.quantity) for one in wanted.asked)
    is_had = quote.reward == wanted.reward if wanted.reward else quote.redeemed_minor == worth
    if is_had and not quote.rejected:
        return wanted.rejected, wanted.asked
    why = quote.rejected[0].text if quote.rejected else f"It would take off {in_decimals(quote.redeemed_minor)}."
    return [*wanted.rejected, *(_rejected(one, why) for one in wanted.asked)], []


def _rejected(one: Redemption, why: str) -> ToastRejected:
    return ToastRejected(one.model_dump(mode="json"), why)


def _taken_off(check: Check) -> int:
    """What redemptions have taken off the check's amount already."""
    selections = check.selections or []
    discounts = [*(check.appliedDiscounts or []), *(one for part in selections for one in part.appliedDiscounts or [])]
    return sum(minor(one.discountAmount) for one in discounts if one.loyaltyDetails is not None)


def _lines(check: Check, total: int) -> tuple[LineItem, ...]:
    """The selections as lines that add up to the total: discounts on the whole check are spread over them."""
    sold = [one for one in check.selections or [] if not one.voided]
    prices = [max(0, minor(one.price)) for one in sold]
    whole = sum(prices)
    shares = [price * total // whole if whole else 0 for price in prices]
    for place in range(total - sum(shares) if whole and total > 0 else 0):
        shares[place] += 1
    return tuple(
        LineItem(
            line_id=str(number),
            amount_minor=share,
            quantity_milli=int((one.quantity * 1000).to_integral_value()) if one.quantity is not None else 1000,
            sku=_plain(one.item.externalId or one.item.guid if one.item else ""),
            name=_plain(one.displayName, 120),
            category=_plain(one.salesCategory.externalId or one.salesCategory.guid if one.salesCategory else ""),
        )
        for number, (one, share) in enumerate(zip(sold, shares, strict=True), 1)
    )


def _plain(text: str | None, most: int = 64) -> str:
    return "".join(character if character.isprintable() else " " for character in text or "")[:most]


def _local(written: str | None, zone: Any) -> datetime | None:
    """A moment of Toast's in the shop's local time; None where it says none that can be."""
    try:
        at = datetime.fromisoformat(written or "")
        return at.astimezone(zone).replace(tzinfo=None) if at.tzinfo and 2000 <= at.year < 2200 else None
    except (ValueError, OverflowError):
        return None


def printed_text(lines: Sequence[str]) -> str:
    """As many whole lines of the receipt's rewards as Toast prints."""
    text = ""
    for line in lines:
        longer = f"{text}\n{line}" if text else line
        if len(longer) > LONGEST_TEXT:
            break
        text = longer
    return text


_REFUSED = {
    400: "ERROR_INVALID_INPUT_PROPERTIES, ERROR_INVALID_TOKEN and the other errors of the contract.",
    404: "ERROR_ACCOUNT_INVALID: the account is not known.",
    429: "The key asks too often.",
    500: "An error of the till itself.",
    503: "The till's file cannot be written now.",
}


def _said(says: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{ToastReply.__name__}"}
    return {"description": says, "content": {"application/json": {"schema": schema}}}
