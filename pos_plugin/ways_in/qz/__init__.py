"""QZ Tray's WebSocket protocol, for tills whose page prints through it.

    sockets   how many, how fast, who waits for whom
    calls     what a page may ask, and what it is told
    jobs      a print call as the bytes of this till's printer

Read off npm `qz-tray` 2.3.0 (qz-tray.js), which tills use, and QZ Tray's own PrintSocketClient.java. The trust is the door's list
of web pages: certificates and signatures are taken and not looked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from pos_plugin.terminal import Terminal


def app(terminal: Terminal) -> ASGIApp:
    """What speaks at the door."""
    from pos_plugin.ways_in.qz.sockets import Sockets

    return Sockets(terminal)
