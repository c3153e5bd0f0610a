"""Every figure of a period in one answer, and the same as lines that a person reads: on a page, in a terminal, in a file."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from sqlalchemy import Connection

from central_server.figures import baskets, customers, facts, points, scope, tiers
from central_server.figures.baskets import Attached, Basket, By
from central_server.figures.customers import Customers, Value
from central_server.figures.points import Cost, Issue, Liability, Moved
from central_server.figures.ratio import Ratio
from central_server.figures.scope import Scope, Silent
from central_server.figures.tiers import Move
from central_server.office import Office


class Figures(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """`is_provisional` until every till has reported and everything that was recorded has been counted.

    NPS and CSAT are not among it: head office keeps no answers to surveys.
    """

    first: str
    last: str
    shop: str
    window_days: int
    currency: str
    is_provisional: bool
    not_reported: list[Silent]
    waiting_entries: int
    attach: Attached
    baskets: dict[str, Basket]
    customers: Customers
    points: Moved
    issues: list[Issue]
    liability: Liability
    cost: Cost
    value: Value | None
    tiers: list[Move]
    renewed: Ratio
    by: list[Attached] = []

    @property
    def has_sales(self) -> bool:
        return bool(self.attach.all.sales or self.attach.all.returns)


def figures(office: Office, asked: Scope, *, by: By | None = None, margin_percent: int | None = None) -> Figures:
    with office.database.reading() as connection:
        return _figures(office, connection, asked, by, margin_percent)


def _figures(
    office: Office, connection: Connection, asked: Scope, by: By | None, margin_percent: int | None
) -> Figures:
    program = office.program(connection)
    assert program is not None, "init puts a programme in force"
    silent, waiting = scope.silent_tills(office, connection, asked), facts.waiting(connection)
    (whole,) = baskets.attached(connection, asked)
    of_issues = points.issues(connection, office.today(connection), asked.shop)
    everywhere = whole if not asked.shop else baskets.attached(connection, msgspec.structs.replace(asked, shop=""))[0]
    return Figures(
        asked.first,
        asked.last,
        asked.shop,
        asked.window_days,
        program.currency,
        bool(silent or waiting),
        silent,
        waiting,
        whole,
        baskets.basket(connection, asked, whole),
        customers.customers(connection, asked),
        points.moved(connection, asked.first, asked.last, asked.shop),
        of_issues,
        points.liability(connection, program, asked, points.issues(connection, office.today(connection))),
        points.cost(connection, program, asked, everywhere.all.redeemed_minor, everywhere.all.net_minor),
        None if margin_percent is None else customers.value(connection, asked, margin_percent),
        tiers.migration(connection, program, asked),
        tiers.renewals(connection, program, asked).renewed,
        baskets.attached(connection, asked, by) if by else [],
    )


class Line(msgspec.Struct, frozen=True):
    """A figure as it is read: its `name` for programs and targets, what it is called, its value, and the counts behind it."""

    name: str
    title: str
    value: str
    basis: str


NOTHING = "no sales"


def lines(found: Figures) -> Iterator[Line]:
    """The main figures. Where there is nothing to take a share of, that is said instead of a number."""
    attach, window = found.attach, f"{found.window_days} days"
    nothing = "–" if found.has_sales else NOTHING

    def share(name: str, title: str, one: Ratio, of: str, amount: bool = False) -> Line:
        def shown(number: int) -> str:
            return f"{number / 100:,.2f}" if amount else f"{number:,}"

        value = nothing if one.percent is None else str(one)
        return Line(name, title, value, f"{shown(one.part)} of {shown(one.whole)} {of}")

    def minor(amount: int | None) -> str:
        return nothing if amount is None else f"{amount / 100:,.2f} {found.currency}"

    yield Line("sales", "Sales", f"{attach.all.sales:,}" if found.has_sales else nothing, "completed, not voided")
    yield Line("value", "Sales value", minor(attach.all.value_minor), "before returns, tax included")
    yield Line(
        "net",
        "Net sales",
        minor(attach.all.net_minor),
        f"less {attach.all.returns:,} returns and discounts, without tax",
    )
    yield share("attach_by_count", "Attach rate by count", attach.attach_by_count, "sales")
    yield share("attach_by_value", "Attach rate by value", attach.attach_by_value, found.currency, amount=True)
    for name, title in (("members", "members"), ("others", "others"), ("all", "all")):
        one = found.baskets[name]
        yield Line(f"basket_{name}", f"Mean basket, {title}", minor(one.mean_minor), f"{one.sales:,} sales")
        yield Line(f"median_basket_{name}", f"Median basket, {title}", minor(one.median_minor), f"{one.sales:,} sales")
    people = found.customers
    yield Line("active", "Active members", f"{people.active:,}", f"with a sale in the last {window}")
    yield share("churn", "Churn", people.churn, f"members of the {window} before did not buy in the last {window}")
    yield share("retention", "Retention", people.retention, f"members of the {window} before bought again")
    yield share(
        "repeat_purchase", "Repeat purchase", people.repeat_purchase, "members bought twice or more in 365 days"
    )
    moved = found.points
    yield Line("issued", "Points issued", f"{moved.issued:,}", f"{moved.reversed:,} taken back with returns")
    yield Line("redeemed", "Points redeemed", f"{moved.redeemed:,}", f"{moved.restored:,} given back with returns")
    yield Line("expired", "Points expired", f"{moved.expired:,}", "posted in the period")
    yield share("burn", "Burn ÷ earn", moved.burn, "points redeemed of issued")
    owed = found.liability
    yield Line("liability", "Liability, gross", minor(owed.gross_minor), f"{owed.points:,} open points at the end")
    expected = minor(owed.expected_minor) if owed.expected_minor is not None else "–"
    basis = f"estimate: {owed.breakage.part:,} of {owed.breakage.whole:,} matured points ended unused"
    yield Line("expected_liability", "Liability, expected", expected, basis)
    yield Line("owed", "Owed by members", f"{owed.owed_points:,} points", "today; apart from the liability")
    cost = found.cost
    of = f"{found.currency}, all shops"
    yield share("points_cost", "Points cost", cost.of_net_sales, f"{of}, with the change of liability", True)
    yield share("points_cash_cost", "Points cost, cash", cost.cash_of_net_sales, f"{of}, redemptions only", True)
    if found.value is not None:
        one_member = found.value
        basis = f"{one_member.members:,} members, at a margin of {one_member.margin_percent} %"
        yield Line("clv", "Value of a member so far", minor(one_member.historic_minor), basis)
        forecast = minor(one_member.forecast_minor) if one_member.forecast_minor is not None else "–"
        churn = one_member.churn
        basis = f"forecast: margin a year ÷ churn of 365 days ({churn.part:,} of {churn.whole:,})"
        yield Line("clv_forecast", "Value of a member to come", forecast, basis)
    if found.renewed.whole:
        yield share("renewal", "Renewal of paid tiers", found.renewed, "memberships due")


GROUP_HEADINGS = (
    *("shop", "cashier", "month", "sales", "member_sales", "attach_by_count_percent", "value_minor"),
    *("member_value_minor", "attach_by_value_percent", "mean_minor", "members_mean_minor", "others_mean_minor"),
    *("returns", "returned_minor", "net_minor"),
)


def group_row(one: Attached) -> tuple[object, ...]:
    return (
        *(one.shop, one.cashier, one.month, one.all.sales, one.members.sales, one.attach_by_count.percent),
        *(one.all.value_minor, one.members.value_minor, one.attach_by_value.percent),
        *(one.mean_minor, one.members_mean_minor, one.others_mean_minor),
        *(one.all.returns, one.all.returned_minor, one.all.net_minor),
    )


def provisional(found: Figures) -> str:
    """Why these figures may still change, in one sentence; '' where they will not, but for what is returned or claimed late."""
    why = []
    if found.not_reported:
        tills = [f"{one.terminal} ({one.shop})" for one in found.not_reported[:5]]
        more = f" and {len(found.not_reported) - 5:,} more" if len(found.not_reported) > 5 else ""
        why.append(f"not heard since the period ended: {', '.join(tills)}{more}")
    if found.waiting_entries:
        why.append(f"{found.waiting_entries:,} entries are recorded and not counted yet")
    return f"Provisional: {'; '.join(why)}." if why else ""
