"""Head office on a port of its own, for a till that really asks."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from central_server.app import create_app
from central_server.office import Office
from central_server.serving import configured


@contextmanager
def served(office: Office) -> Iterator[str]:
    server = uvicorn.Server(configured(create_app(office)))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)
