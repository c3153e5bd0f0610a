"""What every line display must do, in both command languages, over a socket and over a serial line."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from drivers.display import DIALECTS, Dialect, LineDisplay, fitted
from drivers.errors import DeviceAbsent, DeviceError
from drivers.simulated.display import SimulatedDisplay
from drivers.wires import wire_from_url

WIRES = ["tcp"] if sys.platform == "win32" else ["tcp", "serial"]
TURKISH = {"cp857": 13}


class Counter:
    """A display on the counter, and the till's end of its cable."""

    def __init__(
        self, dialect: Dialect, wire: str, columns: int = 20, code_pages: dict[str, int] | None = None
    ) -> None:
        self.far = SimulatedDisplay(dialect, columns=columns, code_pages=code_pages)
        self.url = f"tcp://127.0.0.1:{self.far.serve_tcp()}" if wire == "tcp" else f"serial://{self.far.serve_pty()}"
        self.near = LineDisplay(wire_from_url(self.url), dialect, columns=columns, code_pages=code_pages)

    def shows(self, upper: str, lower: str) -> bool:
        return self.far.wait_for(upper, lower)

    def shows_until_it_fails(self) -> None:
        for _ in range(50):  # a socket notices at once, or at the second write
            self.near.look()
            self.near.show("c", "d")

    def close(self) -> None:
        self.near.close()
        self.far.close()


@pytest.fixture(params=[(dialect, wire) for dialect in DIALECTS for wire in WIRES], ids="-".join)
def counter(request: pytest.FixtureRequest) -> Iterator[Counter]:
    one = Counter(*request.param)
    yield one
    assert one.far.misunderstood == []
    one.close()


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return request.param


def test_both_lines_are_shown(counter: Counter) -> None:
    counter.near.show("To pay         15.45", "Points to come +15")
    assert counter.shows("To pay         15.45", "Points to come +15")


def test_a_new_text_leaves_nothing_of_the_old_one(counter: Counter) -> None:
    counter.near.show("A rather long line..", "and another one here")
    counter.near.show("Hi", "")
    assert counter.shows("Hi", "")


def test_full_lines_do_not_scroll_each_other_away(counter: Counter) -> None:
    for digit in "123":
        counter.near.show(digit * 20, digit * 20)
    assert counter.shows("3" * 20, "3" * 20)


def test_what_is_too_long_is_cut(counter: Counter) -> None:
    counter.near.show("12345678901234567890xyz", "b")
    assert counter.shows("12345678901234567890", "b")


def test_the_cursor_does_not_blink_behind_the_text(counter: Counter) -> None:
    counter.near.show("a", "b")
    assert counter.shows("a", "b")
    assert not counter.far.has_cursor


def test_the_same_lines_again_do_not_flicker(counter: Counter) -> None:
    counter.near.show("Welcome", "")
    assert counter.shows("Welcome", "")
    clears, received = counter.far.clears, counter.far.received
    counter.near.show("Welcome", "")
    assert counter.far.wait_until(lambda: counter.far.received > received + 30)
    assert counter.shows("Welcome", "")
    assert counter.far.clears == clears


def test_a_display_that_lost_its_power_shows_the_text_again(counter: Counter) -> None:
    counter.near.show("Welcome", "to us")
    assert counter.shows("Welcome", "to us")
    counter.far.lose_power()
    assert counter.shows("", "")
    counter.near.show("Welcome", "to us")
    assert counter.shows("Welcome", "to us")


def test_an_unplugged_display_is_told_and_goes_on_once_it_is_back(counter: Counter) -> None:
    counter.near.show("a", "b")
    assert counter.shows("a", "b")
    counter.far.unplug()
    with pytest.raises(DeviceAbsent):
        counter.shows_until_it_fails()
    counter.far.plug()
    counter.near.show("c", "d")
    assert counter.shows("c", "d")


def test_one_that_was_never_there_is_absent() -> None:
    with pytest.raises(DeviceError):
        LineDisplay(wire_from_url("tcp://127.0.0.1:1")).show("a", "b")


def test_nothing_in_a_text_commands_the_display(counter: Counter) -> None:
    counter.near.show("a\x0cb\x1b@c\r\nd", "\x1bQAx\x1f$\x01\x01y\x10\x04")
    assert counter.shows("a b @c  d", " QAx $  y")


def test_forty_columns_are_used_where_there_are_forty(dialect: Dialect) -> None:
    counter = Counter(dialect, "tcp", columns=40)
    counter.near.show("x" * 40, "y" * 41)
    assert counter.shows("x" * 40, "y" * 40)
    counter.close()


# Text beyond ASCII: in a page that the display has, else as near as ASCII comes, and never in the wrong place.
@pytest.mark.parametrize(
    ("text", "pages", "escpos", "cd5220"),
    [
        ("Crème brûlée", {}, "Crème brûlée", "Creme brulee"),
        ("Größe", {}, "Größe", "Grose"),
        ("Hoş geldiniz", {}, "Hos geldiniz", "Hos geldiniz"),
        ("Hoş geldiniz, İğdır", TURKISH, "Hoş geldiniz, İğdır", "Hoş geldiniz, İğdır"),
        ("茶 tea", {}, "?? tea", "?? tea"),
        ("été ş", TURKISH, "été ş", "été ş"),
    ],
)
def test_text_stands_in_the_displays_own_letters(
    dialect: Dialect, text: str, pages: dict[str, int], escpos: str, cd5220: str
) -> None:
    counter = Counter(dialect, "tcp", code_pages=pages)
    counter.near.show(text, "|")
    assert counter.shows({"escpos": escpos, "cd5220": cd5220}[dialect], "|"), counter.far.lines
    assert counter.far.misunderstood == []
    counter.close()


def test_after_a_text_in_another_page_ascii_is_still_ascii(counter: Counter) -> None:
    counter.near.show("Crème", "")
    counter.near.show("~ 100 % {}", "")
    assert counter.shows("~ 100 % {}", "")


def test_a_wide_character_is_not_cut_in_half() -> None:
    assert fitted("お茶お茶", 5) == "お茶 "
    assert fitted("e\u0301" * 3, 2) == "e\u0301" * 2
