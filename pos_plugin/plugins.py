"""What a shop or the maker of its till adds in Python of their own: lines on receipts, codes of members, reactions.

    from pos_plugin import hookimpl

    class OurShop:
        @hookimpl
        def receipt_lines(self, sale, quote):
            return ["Parking is free today"]

    with Terminal.open(folder, plugins=[OurShop()]) as terminal: ...

A package that names an object under the entry point "pos_plugin" is found by itself, also by `pos-plugin run`. A hook takes those
of its parameters that it wants. One that fails is logged and passed over: the sale goes on as if it were not there.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator, Sequence
from typing import Any

import pluggy

from loyalty.sale import Sale
from pos_plugin.codes.identifying import Identified
from pos_plugin.sales.quotes import Quote

NAME = "pos_plugin"
MOST_LINES = 12
LONGEST_LINE = 200
LONGEST_CODE = 256
WAITING = 100
"""So many reactions wait while one is under way; more are dropped, and nothing of the till waits for them."""

log = logging.getLogger("pos_plugin")

hookspec = pluggy.HookspecMarker(NAME)
hookimpl = pluggy.HookimplMarker(NAME)


class Hooks:
    """What can be hooked. The first two are asked in the middle of a sale: they answer at once, and ask no network.

    The others are told afterwards, one after the other, on a thread of their own.
    """

    @hookspec
    def receipt_lines(self, sale: Sale, quote: Quote) -> list[str] | None:
        """Lines for the receipt of `sale`, above its footer; at most twelve of all plugins."""

    @hookspec
    def member_code(self, label: str, symbology: str) -> str | None:
        """The card's number, or another code of a member's, that a scanned `label` stands for; None where it is none of yours.

        `symbology` is the code's AIM identifier without its "]", "" where the scanner told none.
        """

    @hookspec
    def scanned(self, device: str, found: Identified) -> None:
        """A scanner has read something, and this is what it was."""

    @hookspec
    def receipt_printed(self, reference: str, state: str, reason: str) -> None:
        """What became of a receipt: `state` is "printed", "not printed", "unknown" or "dropped", as docs/printing.md says it."""

    @hookspec
    def printer_changed(self, code: str, sentence: str) -> None:
        """The printer told something of itself: paper out, cover open, and that it is over."""


class Plugins:
    """All that were given or are installed. Raises ValueError for a hook that does not exist or asks for what there is not.

    One that is installed and cannot be used is logged and left out: it must not keep a till from selling.
    """

    def __init__(self, own: Sequence[object] = ()) -> None:
        self._manager = pluggy.PluginManager(NAME)
        self._manager.add_hookspecs(Hooks)
        self._told: queue.Queue[tuple[str, dict[str, Any]]] = queue.Queue(WAITING)
        try:
            self._manager.load_setuptools_entrypoints(NAME)
        except Exception as error:  # whatever the import of a foreign package raises: the till starts without it
            log.error(
                "an installed plugin cannot be used (%s: %s); the till goes on without it", type(error).__name__, error
            )
        try:
            for plugin in own:
                self._manager.register(plugin)
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise ValueError(f"A plugin cannot be used: {error}") from error

    @property
    def is_empty(self) -> bool:
        return not self._manager.get_plugins()

    def receipt_lines(self, sale: Sale, quote: Quote) -> list[str]:
        """What they want on the receipt."""
        answers = self._each("receipt_lines", sale=sale, quote=quote)
        lines = [str(line)[:LONGEST_LINE] for said in answers if isinstance(said, list | tuple) for line in said]
        return ["".join(sign if sign.isprintable() else " " for sign in line) for line in lines[:MOST_LINES]]

    def member_code(self, label: str, symbology: str) -> str:
        """The code that `label` stands for; `label` itself where no plugin knows better."""
        for known in self._each("member_code", label=label, symbology=symbology):
            if isinstance(known, str) and 0 < len(known) <= LONGEST_CODE:
                return known
        return label

    def tell(self, hook: str, **what: Any) -> None:
        """Leaves a reaction for `step`; never waits."""
        if self.is_empty:
            return
        try:
            self._told.put_nowait((hook, what))
        except queue.Full:
            log.warning("plugins: %s was dropped; %d wait already", hook, WAITING)

    def step(self, timeout_s: float) -> None:
        """Lets the plugins react to the next that happened, if something does within `timeout_s`."""
        try:
            hook, what = self._told.get(timeout=timeout_s)
        except queue.Empty:
            return
        for _ in self._each(hook, **what):
            pass

    def _each(self, hook: str, **what: Any) -> Iterator[Any]:
        """Each plugin's answer, in the order in which they were given. Pluggy's own call would end with the first that fails."""
        for one in getattr(self._manager.hook, hook).get_hookimpls():
            try:
                yield one.function(*(what[name] for name in one.argnames))
            except Exception as error:  # names the kind of it and no more: what it says may be a person's
                log.error("a plugin's %s failed (%s); the till goes on without it", hook, type(error).__name__)
