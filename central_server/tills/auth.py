"""Who is asking: a nonce of head office, signed by the terminal together with what it asks for.

A nonce needs no memory: it is a time and random bytes under a key of head office's own. So no request is refused for a till's
wrong clock. Within its 300 seconds a request could be sent again unchanged; every request here does nothing new the second
time.
"""

from __future__ import annotations

import hashlib
import hmac

from sqlalchemy import Connection, Row, select

from central_server import schema
from central_server.errors import Refused
from central_server.office import Office
from ledger.keys import is_signed, request_message
from ledger.wire import Nonce

VALID_S = 300


def new_nonce(office: Office) -> Nonce:
    made = f"{int(office.now().timestamp())}.{office.random_bytes(12).hex()}"
    return Nonce(f"{made}.{_seal(office, made)}", VALID_S)


def authenticated(
    office: Office, connection: Connection, path: str, terminal: str, nonce: str, signature: str, body: bytes
) -> Row[tuple[str, ...]]:
    """The terminal that signed this request. Raises Refused."""
    if not (terminal and nonce and signature):
        raise Refused(
            "UNSIGNED",
            "This request is not signed.",
            hint="Send X-Terminal, X-Nonce (from POST /v1/nonce) and X-Signature.",
            status=401,
        )
    row = terminal_row(connection, terminal)
    made, _, seal = nonce.rpartition(".")
    if not hmac.compare_digest(_seal(office, made).encode(), seal.encode()):
        raise Refused("NONCE", "This nonce is not from here.", hint="Ask POST /v1/nonce for one.", status=401)
    age_s = office.now().timestamp() - int(made.partition(".")[0])
    if not -VALID_S <= age_s <= VALID_S:
        raise Refused("NONCE", "This nonce is too old.", hint="Ask POST /v1/nonce for another.", status=401)
    if not is_signed(row.public_key, request_message(path, terminal, nonce, body), signature):
        raise Refused("SIGNATURE_WRONG", "This request is not signed by the terminal it names.", status=401)
    return row


def _seal(office: Office, made: str) -> str:
    return hmac.digest(office.nonce_secret, made.encode("utf-8", "replace"), hashlib.sha256).hex()


def terminal_row(connection: Connection, terminal: str, *, lock: bool = False) -> Row[tuple[str, ...]]:
    """The terminal as it was enrolled. Raises Refused where there is none, or it was revoked."""
    query = select(schema.terminal).where(schema.terminal.c.terminal == terminal)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise Refused(
            "TERMINAL_UNKNOWN",
            "This terminal is not enrolled here.",
            hint="Enrol it: pos-central enroll-code makes a code. Nothing that it keeps is lost.",
            status=401,
        )
    if row.revoked_at:
        raise Refused(
            "TERMINAL_REVOKED",
            f"This terminal was revoked on {row.revoked_at[:10]}.",
            hint="It goes on selling and keeps its journal. Enrol it anew, or ask head office.",
            status=403,
        )
    return row
