"""The network cable between the till and head office: a TCP forwarder on loopback that can be cut and mended."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress

CHUNK = 65_536


class Cable:
    """Forwards `port` to `to_port`, both on 127.0.0.1. While cut, open connections break and new ones are refused."""

    def __init__(self, to_port: int) -> None:
        self._to = ("127.0.0.1", to_port)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.port = 0
        self.mend()

    @property
    def is_cut(self) -> bool:
        return self._listener is None

    def mend(self) -> None:
        with self._lock:
            if self._listener is not None:
                return
            listener = socket.socket()
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", self.port))
            listener.listen(16)
            self.port = listener.getsockname()[1]
            self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        with self._lock:
            if self._listener is None:
                return
            # Shut down first: closing alone does not wake a thread that waits in accept.
            for end in (self._listener, *self._open):
                with suppress(OSError):  # the other side may have gone already
                    end.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._forward, args=(near,), daemon=True).start()

    def _forward(self, near: socket.socket) -> None:
        with near, socket.socket() as far, selectors.DefaultSelector() as ready:
            try:
                far.connect(self._to)
                with self._lock:
                    if self._listener is None:
                        return
                    self._open |= {near, far}
                ready.register(near, selectors.EVENT_READ, far)
                ready.register(far, selectors.EVENT_READ, near)
                while True:
                    for key, _ in ready.select():
                        data = key.fileobj.recv(CHUNK)  # type: ignore[union-attr]
                        if not data:
                            return
                        key.data.sendall(data)
            except OSError:
                return
            finally:
                with self._lock:
                    self._open -= {near, far}
