"""A till's bytes in, the printer's bytes out: what is printed is read on the way, and the block goes in before the cut.

Everything streams through as it comes. Held back are only the feeds at the end of what is printed, what stands among them and
prints nothing (modes, pulses), and the cut for as long as the decision takes. So a block stands where the eye expects it, before
the feeds, and never behind a cut; where the feeds have gone already, it stands behind them and is fed past the cutter anew.
Whatever asks the printer something goes through at once, with all before it: the till may wait for the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from drivers.escpos import Profile
from drivers.escpos.parser import Command, Item, Parser, RealTimeScanner, Text, Unknown
from drivers.simulated.macros import MACRO_BYTES, Macro
from pos_plugin.intercept.block import CUTTER_DOTS, encode_block
from pos_plugin.intercept.papers import Block, Paper
from pos_plugin.intercept.print_state import LINE_DOTS, PrintState
from pos_plugin.intercept.reading import Reading

HELD_BYTES: Final = 1024
FINISHED_DOTS: Final = 3 * LINE_DOTS
"""Fed so far behind the last print a paper without a cut looks finished: three lines, somewhat below the edge to tear at."""

What = Literal["feeds", "cuts", "ends", "quiet", "talk", "prints"]

_FEEDS: Final = ("LF", "ESC d", "ESC J")
_CUTS: Final = ("GS V", "ESC i", "ESC m")
# Behind a job of Windows' "Generic / Text Only" driver. Some printers cut at it (IBM 4610), most roll printers ignore it.
_ENDS: Final = ("FF",)
# fmt: off
# Nothing of these shows on paper, or is answered.
_QUIET: Final = (
    "NUL", "CR", "BEL", "ESC @", "ESC p", "ESC B", "ESC ( A", "ESC !", "ESC E", "ESC G", "ESC -", "GS B", "ESC V",
    "ESC 4", "ESC 5", "ESC M", "GS !", "ESC SP", "ESC r", "GS b", "FS !", "FS -", "FS W", "FS S", "FS &", "FS .",
    "FS C", "FS ( C", "ESC t", "ESC R", "ESC %", "ESC a", "ESC {", "GS L", "GS W", "ESC 2", "ESC 3", "GS P",
    "ESC D", "ESC U", "ESC c", "GS h", "GS w", "GS H", "GS f", "GS x", "GS Z",
)
# These are for the printer itself, and print nothing.
_TALK: Final = (
    "DLE EOT", "DLE ENQ", "DLE DC4", "GS r", "GS I", "GS a", "ESC v", "ESC u", "GS ( H", "ACK", "ESC =", "GS :",
)
# fmt: on
_STARS: Final = tuple(b"\x1d" + bytes([letter]) for letter in b"\x03APRSaty")
"""What stands behind ESC in Star's own commands; ESC RS begins others."""
_FEEDING_CUTS: Final = (65, 66, 97, 98, 103, 104)  # GS V m n: first to the cutter


class _Place(NamedTuple):
    """Where a block may go in: before all that is held."""

    state: PrintState
    line_is_open: bool


class Stream:
    """One printer's stream, over any number of connections; neither threads nor time are known here.

    One object lives as long as the relay does: modes, and a paper that is not cut, outlive a connection. `on_paper` is called
    within `feed`, `flush` or `close`, when a piece of paper ends; what it answers goes in at once. It may raise: then, as after
    any other exception, the rest of the connection passes through unchanged and `fault` says why.

    A paper may be asked about twice: when the till fell silent after long feeds or sent FF, and, unless it was answered, at the
    cut.
    """

    def __init__(self, on_paper: Callable[[Paper], Block | None], profile: Profile) -> None:
        self.fault = ""  # why this connection passes through unread; "" while it is read
        self._on_paper = on_paper
        self._profile = profile
        self._forget()

    def _forget(self) -> None:
        self._reading = Reading(self._profile)
        self._state = PrintState.of(self._profile)
        self._macro = Macro()
        self._fed_dots = 0  # behind the last print
        self._is_begun = False  # something is printed since a paper ended
        self._may_be_finished = False  # something is printed that was not asked about
        self._begin()

    def _begin(self) -> None:
        """A connection: no command is half received."""
        self._parser = Parser()
        self._real_time = RealTimeScanner()
        self._out = bytearray()  # to be handed out now
        self._unsent = bytearray()  # of the till, and not in `_out` yet
        self._read_bytes = 0  # how much of `_unsent` the parser has
        self._ahead_bytes = 0  # how much of the command half received is sent
        self._is_stars = False  # a block in ESC/POS would be letters and codes there
        self._is_behind_esc = False  # which begins no command known here
        self._is_in_doubt = False  # behind bytes that are no command known here: FF may be a part of one
        self._place: _Place | None = None  # before the first byte held
        self._held_bytes = 0  # of `_unsent`, whole commands
        self._held_dots = 0  # how far they feed

    @property
    def is_holding(self) -> bool:
        """Whether a silent till makes a difference: then call `flush`. It costs nothing when it does not."""
        return bool(self._unsent) or self._looks_finished

    @property
    def is_between_papers(self) -> bool:
        """Whether nothing was printed since a paper ended: then another program may print. Of a stream unread nobody can tell."""
        if self.fault or self._is_begun or self._must_pass:
            return False
        begun = self._parser.begun
        return not len(self._parser) or begun == "" or _KINDS.get(begun or "", "prints") != "prints"

    def feed(self, data: bytes) -> bytes:
        """What goes on to the printer now."""
        if self.fault:
            return data
        self._unsent += data
        try:
            for piece, real_time in self._real_time.split(data):
                self._read(piece)
                if real_time:
                    self._pass_all()
        except Exception as error:  # whatever it is, the receipt is worth more
            self._give_up(error)
        return self._handed_out()

    def flush(self) -> bytes:
        """The till is silent: all that was held back. A paper that looks finished (long feeds, no cut) ends here."""
        if self.fault:
            return b""
        try:
            if self._parser.begun == "GS V":  # it knows a cut of two bytes, or of none: the printer has all it needs
                self._end_paper(feeds_itself=False, may_put_in=not self._ahead_bytes and not self._must_pass)
            elif self._looks_finished:
                self._end_paper(feeds_itself=False, is_cut=False)
            self._pass_all()
        except Exception as error:
            self._give_up(error)
        return self._handed_out()

    def close(self) -> bytes:
        """The till's connection has ended: as `flush`; what is fed from now on is another connection's."""
        out = self.flush()
        if self.fault:
            self._forget()
            self.fault = ""
        else:
            for item in self._parser.end():
                if isinstance(item, Text):  # a line may go on in the next connection
                    self._note(item, "prints")
            self.tear_off()
            self._begin()
        return out

    def break_off(self) -> None:
        """The till's connection broke, and nothing more comes of the paper: the next receipt is none with its first rows."""
        self._may_be_finished = False
        self.tear_off()

    def tear_off(self) -> None:
        """No more comes of what looked finished and was known to nobody: it is no part of the next paper."""
        if not self._may_be_finished:
            self._begin_paper()

    # bytes

    def _read(self, piece: bytes) -> None:
        parser = self._parser
        self._read_bytes += len(piece)
        self._pass(min(parser.skipping, len(piece)))
        parser.feed(piece)
        waiting = len(parser)
        for item in parser:
            length, waiting = waiting - len(parser), len(parser)
            # What was sent of a command half received may be more than an item: bytes that turned out to begin no command.
            ahead = min(self._ahead_bytes, length)
            self._ahead_bytes -= ahead
            self._take(item, length - ahead, is_whole=not ahead)
        if waiting and not self._may_be_held(parser.begun):
            self._pass_all()

    def _may_be_held(self, begun: str | None) -> bool:
        """Of a command half received. Once a part of it is sent, so is the rest."""
        if begun is None or self._ahead_bytes or self._must_pass:
            return False
        what = _KINDS.get(begun, "prints")
        return not begun or what in ("feeds", "cuts") or (what == "quiet" and self._held_bytes > 0)

    def _pass(self, length: int) -> None:
        self._out += self._unsent[:length]
        del self._unsent[:length]
        self._read_bytes -= length

    def _pass_all(self) -> None:
        """Goes on with all that was read."""
        self._pass(self._read_bytes)
        self._ahead_bytes = len(self._parser)
        self._drop_tail()

    def _handed_out(self) -> bytes:
        out = bytes(self._out)
        self._out.clear()
        return out

    def _give_up(self, error: Exception) -> None:
        self.fault = f"{type(error).__name__}: {error}"
        self._out += self._unsent
        self._unsent.clear()

    # commands

    @property
    def _must_pass(self) -> bool:
        """Nothing may be put in here: a page or a macro is being put together, or another device is spoken to."""
        return self._macro.is_being_defined or self._reading.is_in_page_mode or self._state.is_deselected

    def _take(self, item: Item, length: int, *, is_whole: bool) -> None:
        """An item that has come to its end, `length` bytes of which are not sent yet."""
        self._is_stars |= self._is_behind_esc and _is_stars(item)
        self._is_behind_esc = item == Unknown(b"\x1b")
        may_hold = is_whole and not self._must_pass
        what = self._what(item)
        if what == "cuts":
            self._end_paper(feeds_itself=_feeds_itself(item), may_put_in=may_hold)
        elif what == "ends" and self._may_be_finished and not self._is_in_doubt:
            self._end_paper(feeds_itself=False, may_put_in=may_hold, is_cut=False)
        if (
            may_hold
            and (what == "feeds" or (what == "quiet" and self._held_bytes))
            and self._held_bytes + length <= HELD_BYTES
        ):
            if not self._held_bytes:
                self._place = self._here
            self._held_bytes += length
            self._held_dots += self._feed_of(item)
        else:
            self._pass(self._held_bytes + length)
            self._drop_tail()
        self._is_in_doubt = isinstance(item, Unknown)
        self._note(item, what)

    @property
    def _here(self) -> _Place:
        return _Place(self._state, self._reading.line_is_open)

    def _drop_tail(self) -> None:
        """Nothing is held, or it goes out now."""
        self._place = None
        self._held_bytes = self._held_dots = 0

    def _what(self, item: Item) -> What:
        if not isinstance(item, Command):
            return "prints"
        if item.name == "LF" and self._reading.line_is_open:
            return "prints"
        if item.name == "FF" and self._reading.is_in_page_mode:
            return "prints"
        return _KINDS.get(item.name, "prints")

    def _feed_of(self, item: Item) -> int:
        """How far it feeds at least, in dots."""
        match item:
            case Command("LF"):
                return self._state.line_dots
            case Command("ESC d", parameters):
                return parameters[0] * self._state.line_dots
            case Command("ESC J", parameters):
                return self._state.dots(parameters[0])
        return 0

    def _note(self, item: Item, what: What) -> None:
        """What the printer makes of it."""
        if self._state.is_deselected and not (isinstance(item, Command) and item.name == "ESC ="):
            return
        line_is_open = self._reading.line_is_open
        if what == "prints":
            self._fed_dots, self._may_be_finished, self._is_begun = 0, True, True
        elif what == "feeds":
            self._fed_dots += self._feed_of(item)
        self._reading.take(item, prints=what == "prints")
        if isinstance(item, Command) and item.name == "ESC @":
            self._state = PrintState.of(self._profile)
        else:
            self._state = self._state.after(item, line_is_open=line_is_open)
        if to_do := self._macro.see(item):
            self._run_macro(to_do[:MACRO_BYTES])

    def _run_macro(self, to_do: bytes) -> None:
        """Once, for what it leaves behind; a paper that it cuts is over before anything could be put in."""
        parser = Parser()
        parser.feed(to_do)
        for item in parser:
            what = self._what(item)
            if what == "cuts":
                self._end_paper(feeds_itself=True, may_put_in=False)
            self._note(item, what)

    # papers

    @property
    def _looks_finished(self) -> bool:
        is_between_commands = not self._ahead_bytes and not self._must_pass
        return self._may_be_finished and self._fed_dots >= FINISHED_DOTS and is_between_commands and not self.fault

    def _end_paper(self, *, feeds_itself: bool, may_put_in: bool = True, is_cut: bool = True) -> None:
        """Asks about the paper, and puts the answer in before all that is held."""
        if self._state.is_deselected:
            return
        place = self._place or self._here
        self._may_be_finished = False
        self._reading.end_line()
        passes = self._reading.is_blank or self._is_stars
        answer = None if passes else self._on_paper(self._reading.paper(font=place.state.font))
        if answer and answer.document and may_put_in:
            feed_dots = 0 if feeds_itself else CUTTER_DOTS - self._held_dots
            self._out += encode_block(
                answer.document, place.state, self._profile, line_is_open=place.line_is_open, feed_dots=feed_dots
            )
        if is_cut or (answer and (answer.recorded or answer.document)):
            self._begin_paper()

    def _begin_paper(self) -> None:
        self._reading.begin_anew()
        self._fed_dots, self._is_begun = 0, False


_KINDS: Final[dict[str, What]] = {
    **dict.fromkeys(_FEEDS, "feeds"),
    **dict.fromkeys(_CUTS, "cuts"),
    **dict.fromkeys(_ENDS, "ends"),
    **dict.fromkeys(_QUIET, "quiet"),
    **dict.fromkeys(_TALK, "talk"),
}


def _is_stars(item: Item) -> bool:
    return isinstance(item, Command | Unknown) and (item.raw.startswith(_STARS) or item.raw == b"\x1e")


def _feeds_itself(cut: Item) -> bool:
    return isinstance(cut, Command) and cut.name == "GS V" and cut.parameters[0] in _FEEDING_CUTS
