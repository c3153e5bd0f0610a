"""A till's bytes in, the printer's bytes out: what is printed is read on the way, and the block goes in before the feeds and the cut.

Not made yet: it passes everything through. Whoever builds on it can do so by this.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.escpos import Profile
from pos_plugin.intercept.papers import Block, Paper


class Stream:
    """One printer's stream, over any number of connections; neither threads nor time are known here.

    One object lives as long as the relay does: modes and a paper that is not cut outlive a connection. `on_paper` is called within
    `feed`, `flush` or `close`, when a piece of paper ends; what it answers goes in at once. It may raise: then, as after any other
    exception, the rest of the connection passes through unchanged and `fault` says why.
    """

    def __init__(self, on_paper: Callable[[Paper], Block | None], profile: Profile) -> None:
        self.fault = ""  # why this connection passes through unread; "" while it is read
        self._on_paper = on_paper
        self._profile = profile

    @property
    def is_holding(self) -> bool:
        """Whether bytes wait here for what comes after them: then call `flush` once the till has been silent."""
        return False

    def feed(self, data: bytes) -> bytes:
        """What goes on to the printer now."""
        return data

    def flush(self) -> bytes:
        """The till is silent: all that was held back. Where the paper looks finished (long feeds, no cut) it is asked for as well."""
        return b""

    def close(self) -> bytes:
        """The till's connection has ended: as `flush`; what is fed from now on is another connection's."""
        return b""
