"""Errands to the printer's thread: done by it, in order, and never after they were given up."""

from __future__ import annotations

import threading

import pytest

from pos_plugin.papers.errands import Errands, TooBusy
from tests.waiting import LONG_S


class Owner:
    """A thread that empties the letter box whenever it is told to."""

    def __init__(self) -> None:
        self.woken = threading.Event()
        self.errands = Errands(self.woken.set)
        self.may_work = threading.Event()
        self.may_work.set()
        self.ends = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        while not self.ends:
            self.woken.wait()
            self.woken.clear()
            self.may_work.wait()
            self.errands.do_all()

    def end(self) -> None:
        self.ends = True
        self.may_work.set()
        self.woken.set()
        self.thread.join()


@pytest.fixture
def owner():
    one = Owner()
    yield one
    one.end()


def test_the_owner_does_it_and_the_answer_comes_back(owner: Owner) -> None:
    assert owner.errands.ask(threading.get_ident, begins_within_s=LONG_S) == owner.thread.ident


def test_what_goes_wrong_is_told_to_whoever_asked_and_to_nobody_else(owner: Owner) -> None:
    with pytest.raises(ZeroDivisionError):
        owner.errands.ask(lambda: 1 // 0, begins_within_s=LONG_S)
    assert owner.errands.ask(lambda: "still there", begins_within_s=LONG_S) == "still there"


def test_a_time_out_of_the_errand_itself_is_its_own(owner: Owner) -> None:
    def work() -> None:
        raise TimeoutError("the device")

    with pytest.raises(TimeoutError, match="the device"):
        owner.errands.ask(work, begins_within_s=LONG_S)


def test_what_was_given_up_is_not_done_later(owner: Owner) -> None:
    done: list[str] = []
    owner.may_work.clear()  # a receipt is being printed
    with pytest.raises(TooBusy):
        owner.errands.ask(lambda: done.append("late"), begins_within_s=0.01)
    owner.may_work.set()
    owner.errands.ask(lambda: done.append("in time"), begins_within_s=LONG_S)
    assert done == ["in time"]


def test_what_has_begun_is_waited_for_however_late(owner: Owner) -> None:
    begun, may_end = threading.Event(), threading.Event()
    answers: list[str] = []

    def work() -> str:
        begun.set()
        may_end.wait()
        return "done"

    asking = threading.Thread(target=lambda: answers.append(owner.errands.ask(work, begins_within_s=0.2)))
    asking.start()
    assert begun.wait(LONG_S)
    asking.join(0.5)  # longer than it may take to begin
    assert asking.is_alive()
    may_end.set()
    asking.join(LONG_S)
    assert answers == ["done"]


def test_once_closed_nothing_is_taken_in_and_who_waits_is_told() -> None:
    asked, told = threading.Event(), list[TooBusy]()
    errands = Errands(asked.set)

    def ask() -> None:
        try:
            errands.ask(lambda: "never", begins_within_s=30)
        except TooBusy as error:
            told.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    assert asked.wait(LONG_S)
    errands.close()
    asking.join(LONG_S)
    assert len(told) == 1
    with pytest.raises(TooBusy):
        errands.ask(lambda: "never", begins_within_s=LONG_S)
