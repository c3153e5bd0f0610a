"""Serves the till's local API and its page, on loopback."""

from __future__ import annotations

from pos_plugin.api_keys import Keys
from pos_plugin.local_api.app import create_app
from pos_plugin.serving.server import WebServer
from pos_plugin.terminal import Terminal


class Server(WebServer):
    """The local API of one terminal, and its page; for this machine only."""

    def __init__(self, terminal: Terminal, port: int, host: str = "127.0.0.1") -> None:
        if host not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError(f"{host} is not this machine; the till's page is for this machine only")
        app = create_app(terminal, keys=Keys(terminal.store.folder, terminal.clock).find)
        super().__init__(app, port, host, let_go=app.state.listeners.stopping.set)


def serve(terminal: Terminal, port: int, host: str = "127.0.0.1") -> None:
    """Serves in the calling thread until SIGINT or SIGTERM; the terminal is left open. Raises PortInUse before starting."""
    Server(terminal, port, host).run()
