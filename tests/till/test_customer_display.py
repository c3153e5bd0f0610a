"""What the customer reads: true figures, for a while, without a name; and a display that is not there troubles nobody."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from drivers.errors import DeviceAbsent
from drivers.simulated.display import SimulatedDisplay
from loyalty.program import read_program
from loyalty.words import LANGUAGES
from offline_store.members import Balance
from pos_plugin.codes.identifying import Identified
from pos_plugin.customer.line_display import GREETING_S, REFRESH_S, THANKS_S, CustomerDisplay, Figures
from pos_plugin.papers.layout import Layout

BASE = 'name = "shop"\ncurrency = "EUR"\ntime_zone = "Europe/Berlin"\n'
PROGRAM = read_program(BASE)
STAMPS = read_program(BASE + '[unit]\none = "stamp"\nmany = "stamps"\n')
SCANNED = Identified("member", member="m", card="****0018", initials="KL", can_redeem=True, balance=232)


class Glass:
    """A display in memory, which can be unplugged."""

    def __init__(self) -> None:
        self.lines = ("", "")
        self.shown = 0
        self.is_plugged = True

    def show(self, upper: str, lower: str) -> None:
        self.look()
        self.lines = (upper.rstrip(), lower.rstrip())
        self.shown += 1

    def look(self) -> None:
        if not self.is_plugged:
            raise DeviceAbsent("There is no display.", hint="Plug it in.")

    def close(self) -> None:
        pass


class Counter:
    def __init__(self, language: str = "en", columns: int = 20, idle: tuple[str, ...] = ()) -> None:
        self.now = 1000.0
        self.glass = Glass()
        self.figures = Figures(PROGRAM, Balance(0, 232, "", "", 0), is_current=True)
        layout = Layout(32, ("Corner Shop",), (), language)
        self.display = CustomerDisplay(
            self.glass, layout, lambda member: self.figures, columns=columns, idle=idle, clock=lambda: self.now
        )

    def knows(self, **what: object) -> None:
        self.figures = dataclasses.replace(self.figures, **what)

    def sees(self) -> tuple[str, str]:
        self.display.step()
        return self.glass.lines


def quote(due_minor: int = 1545, earn: int = 15, member: str = "m"):
    from pos_plugin.sales.quotes import Quote

    values = {field.name: _none_of(field.type) for field in msgspec.structs.fields(Quote) if field.required}
    return Quote(**{**values, "due_minor": due_minor, "earn_points": earn, "member": member})


def completed(earned: int = 15, member: str = "m"):
    from pos_plugin.sales.quotes import Completed

    values = {field.name: _none_of(field.type) for field in msgspec.structs.fields(Completed) if field.required}
    return Completed(**{**values, "earned_points": earned, "member": member})


def _none_of(kind: object) -> object:
    return {"int": 0, "bool": False, "str": ""}.get(getattr(kind, "__name__", str(kind)), [])


def test_between_two_customers_the_shop_says_welcome() -> None:
    assert Counter().sees() == ("Corner Shop", "Welcome")
    assert Counter(idle=("Fresh bread at 7",)).sees() == ("Fresh bread at 7", "")


def test_a_shop_that_gets_its_name_while_the_till_runs_is_named_at_once() -> None:
    counter = Counter()
    counter.sees()
    counter.display.use(Layout(32, ("Harbour Shop",), (), "de"))
    assert counter.sees() == ("Harbour Shop", "Willkommen")
    fixed = Counter(idle=("Fresh bread at 7",))
    fixed.display.use(Layout(32, ("Harbour Shop",), (), "de"))
    assert fixed.sees() == ("Fresh bread at 7", "")


def test_from_card_to_new_balance() -> None:
    counter = Counter()
    counter.display.tell(SCANNED)
    assert counter.sees() == ("Welcome", "232 points")
    counter.display.tell(quote())
    assert counter.sees() == ("To pay         15.45", "15 points to come")
    counter.knows(balance=Balance(0, 247, "", "", 0))
    counter.display.tell(completed())
    assert counter.sees() == ("Thank you", "New balance 247")


def test_without_a_card_there_is_only_what_is_to_pay() -> None:
    counter = Counter()
    counter.display.tell(quote(member=""))
    assert counter.sees() == ("To pay         15.45", "")
    counter.display.tell(completed(member=""))
    assert counter.sees() == ("Thank you", "")


def test_a_shops_own_word_for_points_is_used() -> None:
    counter = Counter()
    counter.knows(program=STAMPS)
    counter.display.tell(SCANNED)
    assert counter.sees() == ("Welcome", "232 stamps")
    counter.display.tell(quote(earn=1))
    assert counter.sees()[1] == "1 stamp to come"


def test_a_balance_that_may_be_old_says_of_when_it_is_and_merges_nothing_into_it() -> None:
    counter = Counter()
    counter.knows(is_current=False, balance=Balance(217, 15, "2026-11-21T16:05:00+00:00", "", 0))
    counter.display.tell(SCANNED)
    assert counter.sees() == ("Balance 21 Nov 17:05", "217 points       +15")
    counter.display.tell(completed())
    assert counter.sees() == ("Thank you", "This sale        +15")


def test_of_a_member_that_head_office_never_told_of_no_balance_is_claimed() -> None:
    counter = Counter()
    counter.knows(is_current=False, balance=Balance(0, 15, "", "", 0))
    counter.display.tell(SCANNED)
    assert counter.sees() == ("Welcome", "")


@pytest.mark.parametrize(("what", "lasts_s"), [(SCANNED, GREETING_S), (completed(), THANKS_S)])
def test_after_a_while_it_goes_back_to_the_welcome(what: object, lasts_s: float) -> None:
    counter = Counter()
    counter.display.tell(what)
    counter.now += lasts_s - 0.1
    assert counter.sees() != ("Corner Shop", "Welcome")
    counter.now += 0.1
    assert counter.sees() == ("Corner Shop", "Welcome")


def test_a_sale_that_is_given_up_leaves_nothing_on_the_display() -> None:
    counter = Counter()
    counter.display.tell(quote())
    counter.sees()
    counter.display.tell(None)
    assert counter.sees() == ("Corner Shop", "Welcome")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "what", [SCANNED, quote(), quote(10**7, 10**4), completed()], ids=["card", "quote", "much", "done"]
)
def test_in_every_language_all_of_it_is_seen_on_twenty_columns(language: str, what: object) -> None:
    counter = Counter(language)
    counter.knows(balance=Balance(0, 12345, "", "", 0))
    counter.display.tell(what)
    upper, lower = counter.sees()
    assert len(upper) <= 20, upper
    assert len(lower) <= 20, lower


@pytest.mark.parametrize("what", [SCANNED, quote(), completed()], ids=["card", "quote", "done"])
def test_nothing_that_names_a_person_is_shown(what: object) -> None:
    counter = Counter()
    counter.display.tell(what)
    shown = " ".join(counter.sees())
    assert not any(word in shown for word in ("KL", "0018", "****", " m "))


def test_the_text_is_sent_again_now_and_then_and_not_all_the_time() -> None:
    counter = Counter()
    for _ in range(10):
        counter.sees()
        counter.now += 0.5
    assert counter.glass.shown == 1
    counter.now += REFRESH_S
    counter.sees()
    assert counter.glass.shown == 2


def test_an_unplugged_display_is_said_and_comes_back_with_what_is_due_then() -> None:
    counter = Counter()
    counter.sees()
    counter.glass.is_plugged = False
    counter.display.tell(SCANNED)
    counter.sees()
    assert counter.display.trouble == "There is no display. Plug it in."
    counter.display.tell(quote())
    counter.glass.is_plugged = True
    counter.now += 5
    assert counter.sees() == ("To pay         15.45", "15 points to come")
    assert counter.display.trouble == ""


def test_a_display_that_is_not_there_is_not_asked_all_the_time() -> None:
    counter = Counter()
    counter.glass.is_plugged = False
    asked = 0

    def refuse(upper: str, lower: str) -> None:
        nonlocal asked
        asked += 1
        raise DeviceAbsent("gone")

    counter.glass.show = refuse
    for _ in range(10):
        counter.display.step()
        counter.now += 0.5
    assert asked == 2


def test_a_till_that_closes_asks_nobody_to_pay() -> None:
    counter = Counter()
    counter.display.tell(quote())
    counter.sees()
    counter.display.close()
    assert counter.glass.lines == ("Corner Shop", "Welcome")


# -- in the till, over a real wire


def test_a_sale_at_the_till_is_seen_on_the_display(serve) -> None:
    with SimulatedDisplay("cd5220") as far:
        display = {"address": f"tcp://127.0.0.1:{far.serve_tcp()}", "dialect": "cd5220", "idle": ["Hello"]}
        with serve(display=display) as served:
            served.terminal.start()
            assert far.wait_for("Hello", "")
            member = served.member()
            assert far.wait_for("Welcome", "0 points")
            offered = served.quote("17", 1250, member=member)
            assert far.wait_for("To pay         12.50", "12 points to come")
            served.commit(offered)
            assert far.wait_for("Thank you", "New balance 12")
            assert served.client.get("/v1/state").json()["display"] == {"configured": True, "trouble": ""}
        assert far.wait_for("Hello", "")
        assert far.misunderstood == []


def test_a_sale_goes_on_without_the_display_and_the_display_catches_up(serve) -> None:
    with SimulatedDisplay() as far:
        port = far.serve_tcp()
        far.unplug()
        with serve(display={"address": f"tcp://127.0.0.1:{port}"}) as served:
            served.terminal.start()
            served.sell("17", 1250, member=served.member())
            said = (served.client.get("/v1/state").json()["display"]["trouble"] for _ in range(2000))
            assert "refused" in next(filter(None, said))
            far.plug()
            assert far.wait_for("Thank you", "New balance 12", 10)
