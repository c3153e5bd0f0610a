"""The running server: looks at its database, opens its socket, applies what is waiting, serves, and closes in order."""

from __future__ import annotations

import errno
import gc
import signal
import socket
import threading
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from sqlalchemy.exc import SQLAlchemyError

from central_server.app import apply_recorded, create_app, log
from central_server.applying import apply
from central_server.connections import Connection
from central_server.figures import answers, facts
from central_server.office import Office
from central_server.pages.frame import Reached
from central_server.people import staff
from central_server.shops import closings
from central_server.tills.heard import KEEP_EVERY_S, Heard
from central_server.upkeep import witness
from central_server.webhooks import sending
from loyalty.typed import typed

APPLY_EVERY_S = 30.0
UPKEEP_EVERY_S = 600.0


class PortTaken(Exception):
    """The address cannot be listened on. Says what to do."""


def serve_until_stopped(
    office: Office,
    host: str,
    port: int,
    tls_cert: Path | None = None,
    tls_key: Path | None = None,
    reached: Reached = Reached.DIRECTLY,
    metrics_token: str = "",
) -> None:
    """Serves until SIGTERM or Ctrl-C. Before anything begins: PortTaken, or OfficeError for a database put back."""
    witness.require_current(office)
    listening = _listen(host, port)
    try:
        witness.remember(office)
        apply.understand(office)
        apply_recorded(office)
        stopped, woken, heard = threading.Event(), threading.Event(), Heard(office)
        app = create_app(office, apply_later=woken.set, reached=reached, metrics_token=metrics_token, heard=heard)
        config = configured(app, tls_cert, tls_key)
        threads = [
            threading.Thread(target=_keep_up_until, args=(office, stopped), name="upkeep"),
            threading.Thread(target=_apply_until, args=(office, stopped, woken), name="applying"),
            threading.Thread(target=_keep_heard_until, args=(heard, stopped), name="heard"),
            threading.Thread(target=sending.send_until, args=(office, stopped), name="webhooks"),
        ]
        for thread in threads:
            thread.start()
        try:
            server = uvicorn.Server(config)
            # uvicorn takes the signals over while it runs, and raises the one that ended it once more; by then everything is
            # closed, and it is done. One that comes before is remembered.
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, lambda *_: setattr(server, "should_exit", True))
            scheme = "https" if tls_cert else "http"
            print(
                f"Head office is open on {scheme}://{host}:{listening.getsockname()[1]}  (Ctrl-C ends it)", flush=True
            )
            if not staff.is_anybody(office):
                make = f"pos-central staff add LOGIN --name NAME --role finance --dir {typed(office.folder)}"
                print(f"Its pages are at /office. Nobody can sign in there yet: {make}", flush=True)
            # What is loaded by now stays; looking through it at every collection takes time from recording.
            gc.freeze()
            server.run(sockets=[listening])
        finally:
            stopped.set()
            woken.set()
            for thread in threads:
                thread.join()
    finally:
        listening.close()


def configured(
    app: FastAPI, tls_cert: Path | None = None, tls_key: Path | None = None, http: type[Connection] = Connection
) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=http,
        ws="none",
        log_config=None,
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
        what = (
            "Give one of this machine's own addresses with --host."
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
            else "Is head office running already? Otherwise choose another --port."
        )
        raise PortTaken(f"{host}:{port} cannot be listened on ({error.strerror}). {what}") from error


def _apply_until(office: Office, stopped: threading.Event, woken: threading.Event) -> None:
    """Applies what tills have sent that catch up, and what was put off."""
    while not stopped.is_set():
        woken.wait(APPLY_EVERY_S)
        woken.clear()
        apply_recorded(office)


def _keep_heard_until(heard: Heard, stopped: threading.Event) -> None:
    """Writes down which tills were heard, once a minute and at the end."""
    is_over = False
    while not is_over:
        is_over = stopped.wait(KEEP_EVERY_S)
        try:
            heard.keep()
        except SQLAlchemyError as error:
            log.error("which tills were heard is put off: %s", type(error).__name__)


def _keep_up_until(office: Office, stopped: threading.Event) -> None:
    """Posts what has expired, counts figures, compares closings, and writes down how far the database is, now and then and at the
    end. None of it ever hurries."""
    while True:
        try:
            while not stopped.is_set() and apply.expire_due(office):
                pass
            if facts.count_pending(office):
                answers.warm(office)
            while not stopped.is_set() and closings.compare_some(office):
                pass
            witness.remember(office)
        except (SQLAlchemyError, OSError) as error:
            log.error("upkeep is put off: %s", type(error).__name__)
        if stopped.is_set():
            return
        stopped.wait(UPKEEP_EVERY_S)
