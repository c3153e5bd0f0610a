"""The running server: opens its socket, applies what is waiting, serves, and closes in order."""

from __future__ import annotations

import signal
import socket
import threading
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from central_server import apply
from central_server.app import apply_recorded, create_app, log
from central_server.connections import Connection
from central_server.office import Office

EXPIRY_EVERY_S = 600.0


class PortTaken(Exception):
    """The address cannot be listened on."""


def serve_until_stopped(
    office: Office, host: str, port: int, tls_cert: Path | None = None, tls_key: Path | None = None
) -> None:
    """Serves until SIGTERM or Ctrl-C. Raises PortTaken before anything has begun."""
    listening = _listen(host, port)
    try:
        apply.understand(office)
        apply_recorded(office)
        config = configured(create_app(office), tls_cert, tls_key)
        stopped = threading.Event()
        expiry = threading.Thread(target=_expire_until, args=(office, stopped), name="expiry")
        expiry.start()
        try:
            scheme = "https" if tls_cert else "http"
            print(
                f"Head office is open on {scheme}://{host}:{listening.getsockname()[1]}  (Ctrl-C ends it)", flush=True
            )
            # uvicorn raises the signal that ended it once more; by then everything is closed, and it is done.
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, lambda *_: None)
            uvicorn.Server(config).run(sockets=[listening])
        finally:
            stopped.set()
            expiry.join()
    finally:
        listening.close()


def configured(
    app: FastAPI, tls_cert: Path | None = None, tls_key: Path | None = None, http: type[Connection] = Connection
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=http,
        ws="none",
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        ssl_certfile=tls_cert,
        ssl_keyfile=tls_key,
        timeout_graceful_shutdown=10,
    )


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, reuse_port=False, backlog=256
        )
    except OSError as error:
        raise PortTaken(f"{host}:{port} cannot be listened on ({error.strerror}).") from error


def _expire_until(office: Office, stopped: threading.Event) -> None:
    """Posts what has expired. Expired points stop counting without it, so it never hurries."""
    while True:
        try:
            while not stopped.is_set() and apply.expire_due(office):
                pass
        except SQLAlchemyError as error:
            log.error("expiry is put off: %s", type(error).__name__)
        if stopped.wait(EXPIRY_EVERY_S):
            return
