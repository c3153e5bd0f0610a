"""Which doors are open, as till.toml says. One that cannot be opened is told of and left shut: the till sells all the same."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib import import_module

from starlette.types import ASGIApp

from pos_plugin.config import DoorSettings
from pos_plugin.errors import TillError
from pos_plugin.serve import WebServer
from pos_plugin.terminal import Terminal
from pos_plugin.ways_in.door import Door

log = logging.getLogger("pos_plugin")

PROTOCOLS: dict[str, str] = {
    "epos": "pos_plugin.ways_in.epos.app",
}
"""What speaks at the door of that name in till.toml: the module whose `app(terminal)` is the protocol."""


def open_doors(terminal: Terminal) -> list[WebServer]:
    """Opens every door that has a port, each served by a thread of its own until it is stopped."""
    opened = []
    for name, module in PROTOCOLS.items():
        settings: DoorSettings = getattr(terminal.config, name)
        if not settings.port:
            continue
        make: Callable[[Terminal], ASGIApp] = import_module(module).app
        try:
            server = WebServer(
                Door(make(terminal), settings),
                settings.port,
                settings.host,
                name=name,
                tls=(settings.tls_cert, settings.tls_key) if settings.tls_cert else None,
            )
            opened.append(server.start())
        except (TillError, OSError) as error:
            log.error("[%s] is not open: %s", name, error)
    return opened
