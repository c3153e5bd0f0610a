"""Member tokens at the till: checked with head office's key alone, also for members whom this till never saw."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ledger.tokens import TokenFlaw, is_like_a_token, read_token
from offline_store import codes, members, settings
from offline_store.errors import StoreError
from offline_store.moment import moment
from offline_store.store import Store
from pos_plugin.codes.member_codes import OTHERWISE, Accepted, Declined


def read(
    store: Store, clock: Callable[[], datetime], look_up_member: Callable[[str], str | None], scan: str
) -> Accepted | Declined | None:
    """Whose token it is, or why it is not taken; None for what is no token.

    `look_up_member` asks head office about somebody whom this till does not know. Without an answer the token is enough.
    """
    if not is_like_a_token(scan):
        return None
    with store.read() as db:
        server_key, today = settings.get(db, "server_key"), moment(db, clock()).today
        if not server_key:
            said = "This till cannot check member codes before it has been connected to head office."
            return Declined("refused code", f"{said} {OTHERWISE}")
        token = read_token(scan, server_key, today, lambda serial: codes.is_revoked(db, serial))
        known = "" if isinstance(token, TokenFlaw) else members.known_as(db, token.member)
    if isinstance(token, TokenFlaw):
        return Declined("damaged card" if token.flaw == "damaged" else "refused code", _why(token))
    try:
        member = known or look_up_member(token.member)
        with store.read() as db:
            if codes.is_revoked(db, token.serial):  # of which head office has just told
                return Declined("refused code", _why(TokenFlaw("revoked")))
        member = member or store.write(lambda db: members.meet(db, token.member))
    except StoreError as error:
        return Declined("refused code", f"{error} {OTHERWISE}")
    return Accepted(member, token.serial)


def _why(flawed: TokenFlaw) -> str:
    match flawed:
        case TokenFlaw("damaged"):
            return "The member code was not read whole. Scan it again."
        case TokenFlaw("newer"):
            return f"This member code is of a newer kind than this till knows. {OTHERWISE}"
        case TokenFlaw("early", token) if token:
            return f"This member code is good from {token.issued_on} on, and not before. {OTHERWISE}"
        case TokenFlaw("over", token) if token:
            return f"This member code was good through {token.last_day}. {OTHERWISE}"
        case TokenFlaw("revoked"):
            return f"Head office has taken this member code back. {OTHERWISE}"
    return f"This member code was not made by our head office, or was read wrong. Scan it again. {OTHERWISE}"
