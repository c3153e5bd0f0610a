"""A request under an Idempotency-Key is done once: again it gets the stored answer, also after a restart of the till.

The key is taken before anything is done. Where the till stops between that and the answer, the same request is done again, which
harms nothing: what it records has a natural key of its own. What has none (a member without a card, a print) says here what it
does then.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from fastapi import Request
from pydantic import BaseModel

from offline_store import answered
from pos_plugin.errors import BadRequest, Conflict, TillError
from pos_plugin.local_api.requests import LONGEST_KEY
from pos_plugin.terminal import Terminal

T = TypeVar("T")


class Asked:
    """One request under its key; without a key it is simply done."""

    def __init__(self, terminal: Terminal, key: str, what: str) -> None:
        self._terminal = terminal
        self.key = key
        # Keyed, because a body may hold a phone number, of which a plain hash can be found by trying.
        secret = terminal.store.secret_key() if key else b""
        self.asked = hmac.new(secret, b"request\n" + what.encode("utf-8", "replace"), hashlib.sha256).digest()

    @classmethod
    def by(cls, terminal: Terminal, request: Request, body: BaseModel, *, needs_key: bool = False) -> Asked:
        """The request under the key that its header has; the order of its fields, and blanks, make no other one of it."""
        key = idempotency_key(request, is_needed=needs_key)
        what = [request.method, request.url.path, body.model_dump(mode="json")]
        return cls(terminal, key, json.dumps(what, sort_keys=True) if key else "")

    def once(self, work: Callable[[], Any], is_final: Callable[[Any], bool] = lambda done: True) -> Any:
        """The answer of `work`, or the stored one. What `work` refuses is forgotten, and what it answers without its being
        final: the key is free for another try."""
        if not self.key:
            return work()
        before = self.begin()
        if before is not None and before.reply is not None:
            return msgspec.json.decode(before.reply)
        try:
            done = work()
        except TillError:
            self.forget()
            raise
        if is_final(done):
            self.keep(done)
        else:
            self.forget()
        return done

    def written(self, work: Callable[[sqlite3.Connection], T], kind: type[T]) -> T:
        """Runs `work` in one transaction with the key and its answer, for what would otherwise be done twice."""

        def once(db: sqlite3.Connection) -> T:
            before = self._checked(answered.begin(db, self.key, self.asked, self._terminal.clock()))
            if before is not None and before.reply is not None:
                return msgspec.json.decode(before.reply, type=kind)
            done = work(db)
            answered.keep(db, self.key, msgspec.json.encode(done))
            return done

        return self._terminal.store.write(once if self.key else work)

    def first_answer(self, kind: type[T]) -> T | None:
        """What this request was answered before; None where it was not. Whoever asks again need not be allowed to do it anew."""
        if not self.key:
            return None
        with self._terminal.store.read() as db:
            before = self._checked(answered.known(db, self.key, self.asked))
        return msgspec.json.decode(before.reply, type=kind) if before is not None and before.reply is not None else None

    def begin(self) -> answered.Known | None:
        """Takes the key; what is known of it where it is not new. Raises Conflict where it is another request's."""

        def work(db: sqlite3.Connection) -> answered.Known | None:
            return answered.begin(db, self.key, self.asked, self._terminal.clock())

        return self._checked(self._terminal.store.write(work))

    def keep(self, done: Any) -> None:
        self._terminal.store.write(lambda db: answered.keep(db, self.key, msgspec.json.encode(done)))

    def forget(self) -> None:
        self._terminal.store.write(lambda db: answered.forget(db, self.key))

    def _checked(self, before: answered.Known | None) -> answered.Known | None:
        if before is not None and not before.is_same:
            raise Conflict(
                "IDEMPOTENCY_KEY_REUSED",
                "This Idempotency-Key belongs to another request. Nothing was done.",
                hint="Make a new key for each request, before sending it.",
            )
        return before


def idempotency_key(request: Request, *, is_needed: bool = True) -> str:
    key = request.headers.get("idempotency-key")
    if key is None and not is_needed:
        return ""
    if not (key and len(key) <= LONGEST_KEY and key.isascii() and key.isprintable()):
        raise BadRequest(
            "IDEMPOTENCY_KEY",
            f"The header Idempotency-Key must be 1 to {LONGEST_KEY} printable characters.",
            hint="Make one for each request before sending it, and send the same again when trying again.",
        )
    return key
