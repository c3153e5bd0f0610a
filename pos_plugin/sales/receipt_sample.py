"""Papers to look at before a customer does: a sample sale under the till's own programme, and each of the slips.

Nothing is recorded. The sale is priced as a sale is, of a member whom nobody knows; what only history can tell is made up.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from drivers.document import Document
from ledger.entry import Gap, Tally
from ledger.identifiers import receipt_reference
from loyalty.award import standing_of
from loyalty.card import ean13_check_digit
from loyalty.days import business_day
from loyalty.program import Program
from loyalty.redeem import most_redeemable
from loyalty.sale import LineItem, Sale
from loyalty.standing import NO_HISTORY, Profile, Standing
from offline_store.members import Balance
from pos_plugin.papers.layout import Layout
from pos_plugin.papers.receipts import PointsShown, sale_receipt
from pos_plugin.papers.slips import (
    ClosingFigures,
    DeviceFound,
    balance_slip,
    closing_slip,
    device_status_slip,
    enrolment_slip,
    gift_card_slip,
    suspended_slip,
    ticket_slip,
)
from pos_plugin.sales import explaining, pricing

TERMINAL = "7K3M2P"
KNOWN = 413
GOODS = (
    LineItem("1", 1196, quantity_milli=2000, name="Olive oil 0.5 l"),
    LineItem("2", 449, name="Jasmin-Grüntee"),
    LineItem("3", 612, quantity_milli=1250, name="Conference pears, kg"),
    LineItem("4", 545, name="Crème fraîche, 3 pots"),
)


def sample_receipt(
    program: Program, layout: Layout, now: datetime, *, is_online: bool = True, has_member: bool = True
) -> Document:
    """A sale of four goods at `now`; of a member with points, or of nobody."""
    local = now.astimezone(program.zone).replace(tzinfo=None)
    day = business_day(local, program.day_starts_at)
    total = sum(line.amount_minor for line in GOODS)
    sale = Sale("1", "17", local.isoformat(timespec="seconds"), day, program.currency, total, GOODS, "Kim")
    member = "sample" if has_member else ""
    standing = standing_of(program, NO_HISTORY, Profile(), day, member=member) if has_member else Standing()
    redeem = most_redeemable(program, total, 100) if has_member else 0
    priced = pricing.priced(program, sale, member, standing, redeem=redeem, reward="")
    language, earned = layout.language, priced.award.points
    reference = receipt_reference(TERMINAL, 17)
    if not has_member:
        return sale_receipt(
            program, layout, sale, reference=reference, points=None, could_have_earned=earned, priced=priced
        )
    balance = Balance(KNOWN, earned - redeem, now.isoformat(), "", 0)
    shown = PointsShown(card(), balance, earned, redeem, 120, is_online, day, is_online)
    return sale_receipt(
        program,
        layout,
        sale,
        reference=reference,
        points=shown,
        could_have_earned=0,
        priced=priced,
        tier=explaining.tier_shown(program, standing, language, on_paper=True),
        benefits=explaining.benefits(program, priced.paid, standing, language),
        in_reach=explaining.next_reward(program, priced.paid, standing, balance.points, language),
    )


def card() -> str:
    return f"290000000123{ean13_check_digit('290000000123')}"


def _enrolment(program: Program, layout: Layout, at: str) -> Document:
    return enrolment_slip(
        program,
        layout,
        at=at,
        card=card(),
        is_new_number=True,
        points=50,
        reference=receipt_reference(TERMINAL, 18),
    )


def _ticket(program: Program, layout: Layout, at: str) -> Document:
    about, said = "Points are missing", "The points of Friday's sale are not on my card."
    reference = receipt_reference(TERMINAL, 17)
    return ticket_slip(
        layout, at=at, ticket="T-1042", about=about, said=said, answer_by=at[:10], receipt_reference=reference
    )


def _gift_card(program: Program, layout: Layout, at: str) -> Document:
    expires_on = f"{int(at[:4]) + 3}-12-31"
    return gift_card_slip(
        layout, at=at, card=card(), balance_minor=2500, currency=program.currency, expires_on=expires_on
    )


def _closing(program: Program, layout: Layout, at: str) -> Document:
    kim = Tally(70, 130_110, 48, 101_400, 2, 2_790, 0, 900, 400, 400, 30)
    lee = Tally(48, 84_420, 23, 52_000, 1, 1_500, 1, 420, 0, 0, 12)
    total = Tally(118, 214_530, 71, 153_400, 3, 4_290, 1, 1320, 400, 400, 42)
    missing = (Gap("1", "1042", "1042", 1),)
    figures = ClosingFigures(total, {"Kim": kim, "Lee": lee}, late={at[:10]: 1}, missing=missing, unsent=6)
    return closing_slip(
        layout,
        at=at,
        kind="Z",
        number=212,
        business_day=at[:10],
        terminal=TERMINAL,
        currency=program.currency,
        figures=figures,
        operator="Kim",
    )


def _device_status(program: Program, layout: Layout, at: str) -> Document:
    found = [
        DeviceFound("Printer", True, "it answers, and has paper"),
        DeviceFound("Scanner", False, "/dev/ttyACM0 is not there", "Plug it in, or correct its address in till.toml."),
    ]
    return device_status_slip(layout, at=at, terminal=TERMINAL, found=found)


def _balance(program: Program, layout: Layout, at: str) -> Document:
    moves = [(at[:10], "sale", 26), (at[:10], "return", -12), (at[:10], "claim", 8)]
    return balance_slip(
        program,
        layout,
        at=at,
        card=card(),
        points=KNOWN,
        as_of=at,
        usable_here=120,
        expiring=(40, at[:10]),
        moves=moves,
    )


def _suspended(program: Program, layout: Layout, at: str) -> Document:
    held = "H1.sample"
    return suspended_slip(layout, at=at, token=held, till="1", sale_ref="17", good_until=at)


SLIPS: dict[str, Callable[[Program, Layout, str], Document]] = {
    "enrolment": _enrolment,
    "ticket": _ticket,
    "gift-card": _gift_card,
    "closing": _closing,
    "balance": _balance,
    "suspended": _suspended,
    "device-status": _device_status,
}


def sample_slip(name: str, program: Program, layout: Layout, now: datetime) -> Document:
    """The slip of that name, with made-up figures."""
    local = now.astimezone(program.zone).replace(tzinfo=None)
    return SLIPS[name](program, layout, local.isoformat(timespec="seconds"))
