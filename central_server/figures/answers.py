"""Every figure of a period in one answer, and the same as lines that a person reads: on a page, in a terminal, in a file."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar, cast

import msgspec
from sqlalchemy import Connection

from central_server import kept_settings
from central_server.figures import baskets, customers, experiments, facts, points, scope, tiers, voices
from central_server.figures.baskets import Attached, Basket, By
from central_server.figures.customers import Customers, Value
from central_server.figures.experiments import Compared
from central_server.figures.plots import MOST_MONTHS, Plot, Series, can_draw, svg
from central_server.figures.points import Cost, Issue, Liability, Moved
from central_server.figures.ratio import Ratio, ratio
from central_server.figures.scope import Scope, Silent
from central_server.figures.tiers import Move
from central_server.figures.voices import Voices
from central_server.office import Office
from loyalty.program import Program

T = TypeVar("T")


class Figures(msgspec.Struct, frozen=True, rename={"first": "from", "last": "to"}):
    """`is_provisional` until every till has reported and everything that was recorded has been counted."""

    first: str
    last: str
    shop: str
    window_days: int
    currency: str
    is_provisional: bool
    not_reported: list[Silent]
    waiting_entries: int
    attach: Attached
    months: list[Attached]
    baskets: dict[str, Basket]
    customers: Customers
    points: Moved
    points_by_month: dict[str, Moved]
    issues: list[Issue]
    liability: Liability
    cost: Cost
    value: Value | None
    voices: Voices
    tiers: list[Move] | None = None
    renewed: Ratio | None = None
    by: list[Attached] = []
    experiments: list[Compared] = []

    @property
    def has_sales(self) -> bool:
        return bool(self.attach.all.sales or self.attach.all.returns)


def figures(office: Office, asked: Scope, margin_percent: int | None = None) -> Figures:
    """Without what is asked for by itself: `tiers`, `renewed`, `by`, `experiments`.

    Where no margin is given, head office's setting counts.
    """
    with office.database.reading() as connection:
        if margin_percent is None:
            margin_percent = kept_settings.value(connection, "margin_percent") or None
        silent, waiting = scope.silent_tills(office, connection, asked), facts.waiting(office, connection)
        found = _kept.answer(office, connection, asked, margin_percent)
        return msgspec.structs.replace(
            found,
            is_provisional=bool(silent or waiting),
            not_reported=silent,
            waiting_entries=waiting,
            voices=voices.voices(connection, asked),
        )


def warm(office: Office) -> None:
    """Answers what the page of figures asks first, so that whoever opens it does not wait."""
    with office.database.reading() as connection:
        today = office.today(connection)
        asked = scope.scope_of(office, connection, scope.year_before(today), today)
    figures(office, asked)
    if can_draw():
        svg(
            Plot("", "lines", "", ("2026-01",), (Series("points", (0,)),))
        )  # the first of a process loads Matplotlib: half a second


def forget() -> None:
    """Keeps no answer and no plot any more: the next look takes as long as the first one after new data."""
    _kept.forget()
    svg.cache_clear()


def whole(office: Office, asked: Scope, by: By | None = None, margin_percent: int | None = None) -> Figures:
    """All of it."""
    found = figures(office, asked, margin_percent)
    with office.database.reading() as connection:
        program = current(office, connection)
        return msgspec.structs.replace(
            found,
            tiers=tiers.migration(connection, program, asked),
            renewed=tiers.renewals(connection, program, asked).renewed,
            by=baskets.attached(connection, asked, by) if by else [],
            experiments=[
                one
                for one in compared(office, connection, asked.shop)
                if one.first <= asked.last and asked.first <= one.last
            ],
        )


def compared(office: Office, connection: Connection, shop: str = "") -> list[Compared]:
    """Every experiment, each over all of its own days."""
    return experiments.compared(office, connection, shop, lambda key, work: _kept.once(office, connection, key, work))


def current(office: Office, connection: Connection) -> Program:
    """The programme in force."""
    program = office.program(connection)
    assert program is not None, "init puts a programme in force"
    return program


class _Kept:
    """The last answers, each good until something more has been counted or the day has changed."""

    MOST = 256

    def __init__(self) -> None:
        self._answers: OrderedDict[tuple[object, ...], object] = OrderedDict()
        self._lock = threading.Lock()

    def answer(self, office: Office, connection: Connection, asked: Scope, margin_percent: int | None) -> Figures:
        return self.once(
            office,
            connection,
            (asked, margin_percent),
            lambda: _figures(
                connection, current(office, connection), asked, margin_percent, self._issues(office, connection)
            ),
        )

    def forget(self) -> None:
        with self._lock:
            self._answers.clear()

    def _issues(self, office: Office, connection: Connection) -> Callable[[str], list[Issue]]:
        today = office.today(connection)
        return lambda shop: self.once(
            office, connection, ("issues", shop), lambda: points.issues(connection, today, shop)
        )

    def once(self, office: Office, connection: Connection, what: object, work: Callable[[], T]) -> T:
        state = (office.folder, current(office, connection).id, office.today(connection), facts.state(connection))
        key = (*state, what)
        with self._lock:
            if key in self._answers:
                self._answers.move_to_end(key)
                return cast(T, self._answers[key])
        found = work()
        with self._lock:
            self._answers[key] = found
            while len(self._answers) > self.MOST:
                self._answers.popitem(last=False)
        return found


_kept = _Kept()


def _figures(
    connection: Connection,
    program: Program,
    asked: Scope,
    margin_percent: int | None,
    issues_of: Callable[[str], list[Issue]],
) -> Figures:
    by_month = baskets.attached(connection, asked, "month")
    together = baskets.together(asked, by_month)
    everywhere = baskets.everywhere(connection, asked) if asked.shop else together.all
    nobody = voices.Voices(voices.Promoters(0, 0, 0, None), ratio(0, 0), ratio(0, 0))
    moves = points.by_month(connection, asked)
    points_before, open_points = points.open_points(connection, asked)
    return Figures(
        asked.first,
        asked.last,
        asked.shop,
        asked.window_days,
        program.currency,
        True,
        [],
        0,
        together,
        by_month,
        baskets.basket(connection, asked, together),
        customers.customers(connection, asked),
        points.together(moves.values()),
        moves,
        issues_of(asked.shop),
        points.liability(connection, program, open_points, issues_of("")),
        points.cost(program, points_before, open_points, everywhere.redeemed_minor, everywhere.net_minor),
        None if margin_percent is None else customers.value(connection, asked, margin_percent),
        nobody,
    )


class Line(msgspec.Struct, frozen=True):
    """A figure as it is read: its `name` for programs and targets, what it is called, its value, and the counts behind it.
    `number` is the value where a target can stand beside it."""

    name: str
    title: str
    value: str
    basis: str
    number: float | None = None


NOTHING = "no sales"
NO_MARGIN = "needs the margin on sales: set it in Settings, or give one for once"


def lines(found: Figures) -> Iterator[Line]:
    """The main figures. Where there is nothing to take a share of, that is said instead of a number."""
    attach, window = found.attach, f"{found.window_days} days"
    nothing = "–" if found.has_sales else NOTHING

    def share(name: str, title: str, one: Ratio, of: str, amount: bool = False) -> Line:
        def shown(number: int) -> str:
            return f"{number / 100:,.2f}" if amount else f"{number:,}"

        value = nothing if one.percent is None else str(one)
        return Line(name, title, value, f"{shown(one.part)} of {shown(one.whole)} {of}", one.percent)

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
    yield Line("active", "Active members", f"{people.active:,}", f"with a sale in the last {window}", people.active)
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
    else:
        yield Line("clv", "Value of a member so far", "–", NO_MARGIN)
    said = found.voices
    score = "–" if said.nps.score is None else f"{said.nps.score:+.1f}"
    basis = f"{said.nps.promoters:,} promoters and {said.nps.detractors:,} detractors of {said.nps.answers:,} answers in {window}"
    yield Line("nps", "NPS", score, basis, said.nps.score)
    yield share("csat", "CSAT", said.csat, f"answers in {window} were 4 or 5")
    yield share("opt_in", "Opt-in", said.opt_in, "members may be written to")
    if found.renewed is not None and found.renewed.whole:
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
        why.append(f"nothing sent since the period ended: {', '.join(tills)}{more}")
    if found.waiting_entries:
        are = "entry is" if found.waiting_entries == 1 else "entries are"
        why.append(f"{found.waiting_entries:,} {are} recorded and not counted yet")
    return f"Provisional: {'; '.join(why)}." if why else ""


def plots(found: Figures) -> dict[str, Plot]:
    """The plots of a period, by their name in addresses."""
    by_month, moves, of_issues = found.months, found.points_by_month, found.issues
    sold = tuple(one.month for one in by_month)
    moved = tuple(moves)
    issued = tuple(one.month for one in of_issues)

    def percents(name: str, ratios: Iterable[Ratio]) -> Series:
        return Series(name, tuple(one.percent for one in ratios))

    drawn = {
        "sales": Plot(
            "Sales each month",
            "stacked",
            "sales",
            sold,
            (
                Series("with a member", tuple(one.members.sales for one in by_month)),
                Series("without", tuple(one.all.sales - one.members.sales for one in by_month)),
            ),
        ),
        "attach": Plot(
            "Attach rate each month",
            "lines",
            "percent",
            sold,
            (
                percents("by count", (one.attach_by_count for one in by_month)),
                percents("by value", (one.attach_by_value for one in by_month)),
            ),
        ),
        "points": Plot(
            "Points each month",
            "grouped",
            "points",
            moved,
            tuple(
                Series(what, tuple(getattr(one, what) for one in moves.values()))
                for what in ("issued", "redeemed", "expired")
            ),
        ),
        "issues": Plot(
            "What became of points, by month of issue",
            "lines",
            "percent",
            issued,
            (
                percents("redeemed", (one.redemption for one in of_issues)),
                percents("ended unused (matured lots)", (one.breakage for one in of_issues)),
            ),
        ),
    }
    return {name: _latest(plot) for name, plot in drawn.items()}


def _latest(plot: Plot) -> Plot:
    cut = -MOST_MONTHS
    series = tuple(Series(one.name, one.values[cut:]) for one in plot.series)
    return plot._replace(months=plot.months[cut:], series=series)
