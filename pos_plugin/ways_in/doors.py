"""Which doors are open, and which cloud tills are polled, as till.toml says.

One that cannot be opened is told of and left shut: the till sells all the same.
"""

from __future__ import annotations

import logging
from importlib import import_module

from starlette.types import ASGIApp

from pos_plugin.config import DoorSettings
from pos_plugin.errors import TillError
from pos_plugin.serving.server import WebServer
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in.cloudprnt import open_queues
from pos_plugin.ways_in.door import Door

log = logging.getLogger("pos_plugin")

PROTOCOLS: dict[str, str] = {
    "odoo": "pos_plugin.ways_in.odoo",
    "epos": "pos_plugin.ways_in.epos.app",
    "qz": "pos_plugin.ways_in.qz",
}
"""What speaks at the door of that name in till.toml: the module whose `app(terminal)` is the protocol.

An app that keeps requests open has a `let_go`, which may be called from any thread: within half a second they are answered.
"""
WITH_SOCKETS = {"qz"}
"""Whose protocol is spoken over WebSockets."""


def open_doors(terminal: Terminal) -> list[WebServer]:
    """Opens every door that has a port, each served by a thread of its own until it is stopped; polls every cloud till that has
    an address until the till closes."""
    for queue in open_queues(terminal):
        terminal.keep(f"cloud till {queue.host}", queue)
    opened = []
    for name, module in PROTOCOLS.items():
        settings: DoorSettings = getattr(terminal.config, name)
        if not settings.port:
            continue
        try:
            opened.append(_opened(name, import_module(module).app(terminal), settings))
            terminal.doors[name] = ""
        except TillError as error:
            terminal.doors[name] = f"{error} {error.hint}"
            log.error("[%s] is not open: %s %s", name, error, error.hint)
        except OSError as error:
            terminal.doors[name] = f"Its certificate cannot be read (tls_cert, tls_key): {error}"
            log.error("[%s] is not open: its certificate cannot be read (tls_cert, tls_key): %s", name, error)
        except Exception as error:  # whatever is wrong with a door, the till sells
            terminal.doors[name] = f"It could not be opened ({type(error).__name__}); the log says more."
            log.exception("[%s] is not open", name)
    return opened


def _opened(name: str, app: ASGIApp, settings: DoorSettings) -> WebServer:
    return WebServer(
        Door(app, settings),
        settings.port,
        settings.host,
        name=name,
        sockets=name in WITH_SOCKETS,
        # One file may hold both.
        tls=(settings.tls_cert, settings.tls_key or settings.tls_cert) if settings.tls_cert else None,
        let_go=getattr(app, "let_go", lambda: None),
    ).start()
