"""What somebody standing at the simulated printer can do to it, by the words for it: `paper out`, `cover open`, `slow 20`.

For whoever types them or puts them into a script; programs call the methods of `SimulatedPrinter` themselves.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Final, NamedTuple

from drivers.simulated.printer import SimulatedPrinter


class UnknownHand(ValueError):
    """These words are none of `HANDS`; `str()` is what to tell, with the nearest ones."""


class Hand(NamedTuple):
    """`number` says what a number behind the words means; '' takes none, and in brackets it may be left out."""

    words: str
    about: str
    act: Callable[[SimulatedPrinter, float], None]
    number: str = ""


HANDS: Final = (
    Hand("paper out", "The roll ends, now or after so many lines.", lambda p, n: p.paper_out(int(n)), "[lines]"),
    Hand("paper low", "The roll is nearly used up.", lambda p, _: p.paper_near_end()),
    Hand("new roll", "Paper is there again; printing goes on.", lambda p, _: p.load_paper()),
    Hand("cover open", "The cover is open: offline.", lambda p, _: p.open_cover()),
    Hand("cover closed", "Printing goes on.", lambda p, _: p.close_cover()),
    Hand("cutter jam", "The cutter is stuck until `all well`.", lambda p, _: p.cutter_jam()),
    Hand("error", "An error that DLE ENQ or `all well` ends.", lambda p, _: p.recoverable_error()),
    Hand("broken", "An error that only the power switch or `all well` ends.", lambda p, _: p.unrecoverable_error()),
    Hand("hot", "The print head is too hot until `all well`.", lambda p, _: p.overheat()),
    Hand("all well", "Every error is over.", lambda p, _: p.clear_error()),
    Hand("button down", "A finger stays on the feed button: offline.", lambda p, _: p.hold_feed_button()),
    Hand("button up", "It is gone again.", lambda p, _: p.release_feed_button()),
    Hand("drawer open", "Opened by its key.", lambda p, _: p.open_drawer()),
    Hand("drawer closed", "Somebody closes it.", lambda p, _: p.close_drawer()),
    Hand("drawer locked", "No pulse opens it.", lambda p, _: p.lock_drawer()),
    Hand("drawer unlocked", "Pulses open it.", lambda p, _: p.lock_drawer(False)),
    Hand("slow", "Paper moves at so many millimetres a second.", lambda p, n: p.slow_down(mm_per_s=n), "mm/s"),
    Hand("slow bytes", "So many bytes a second are worked off.", lambda p, n: p.slow_down(bytes_per_s=n), "bytes/s"),
    Hand("fast", "Printing takes no time.", lambda p, _: p.slow_down()),
    Hand("silent", "It prints and answers nothing.", lambda p, _: p.silence()),
    Hand("garbage", "Every bit of every answer is wrong.", lambda p, _: p.garbage_replies()),
    Hand("half answers", "Answers lack their end.", lambda p, _: p.half_replies()),
    Hand("double answers", "Answers come twice.", lambda p, _: p.duplicate_replies()),
    Hand("late answers", "Answers come so many seconds later.", lambda p, n: p.delay_replies(n), "seconds"),
    Hand("good answers", "Answers are right, whole, single and at once.", lambda p, _: _answer_well(p)),
    Hand("stall", "It takes no more bytes until `go on`.", lambda p, _: p.stall()),
    Hand("go on", "It takes bytes again.", lambda p, _: p.stall(False)),
    Hand("reset", "The network connection breaks.", lambda p, _: p.reset_connection()),
    Hand("power off", "What was not printed is lost; nobody can connect.", lambda p, _: p.unplug()),
    Hand("power on", "On the same port and path.", lambda p, _: p.plug()),
    Hand("power cycle", "Off and on; the connection breaks.", lambda p, _: p.power_cycle()),
    Hand("power blink", "Off and on behind a print server, which keeps the connection.", lambda p, _: _blink(p)),
)
_BY_WORDS: Final = {hand.words: hand for hand in HANDS}


def obey(printer: SimulatedPrinter, said: str) -> Hand:
    """Does what `said` says and gives back what that was. Raises UnknownHand."""
    words = said.lower().split()
    number: float | None = None
    if words and words[-1].replace(".", "", 1).isdecimal():
        number = float(words.pop())
    hand = _BY_WORDS.get(" ".join(words))
    if hand is None:
        nearest = difflib.get_close_matches(" ".join(words), _BY_WORDS, n=3, cutoff=0.5)
        tip = f"Did you mean {' or '.join(map(repr, nearest))}?" if nearest else "'help' lists what there is."
        raise UnknownHand(f"{said.strip()!r} is nothing one can do to this printer. {tip}")
    if number is None and hand.number and not hand.number.startswith("["):
        raise UnknownHand(f"{hand.words!r} needs a number of {hand.number} behind it.")
    if number is not None and not hand.number:
        raise UnknownHand(f"{hand.words!r} takes no number.")
    if number == 0 and hand.number in ("mm/s", "bytes/s"):
        raise UnknownHand(f"{hand.words!r} at 0 {hand.number} would never end; 'stall' stops it.")
    hand.act(printer, number or 0)
    return hand


def help_text() -> str:
    """One line for each."""
    names = [f"{hand.words} {hand.number.upper()}".strip() for hand in HANDS]
    longest = max(map(len, names))
    return "\n".join(f"  {name:<{longest}}  {hand.about}" for name, hand in zip(names, HANDS, strict=True))


def _answer_well(printer: SimulatedPrinter) -> None:
    printer.silence(False)
    printer.garbage_replies(False)
    printer.half_replies(False)
    printer.duplicate_replies(False)
    printer.delay_replies(0)


def _blink(printer: SimulatedPrinter) -> None:
    printer.power_cycle(drops_connection=False)
