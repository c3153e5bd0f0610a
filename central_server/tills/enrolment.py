"""How a till joins: a one-time code that a person carries to it. The till makes its own key."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from datetime import datetime, timedelta

from sqlalchemy import Connection, insert, select, update

from central_server import schema
from central_server.errors import OfficeError, Refused
from central_server.office import Office
from central_server.shops import shop_names
from central_server.tills.roster import Event
from ledger.identifiers import ALPHABET
from ledger.keys import is_signed
from ledger.wire import Enrolled, Enrolment, enrolment_message

VALID_S = 24 * 3600
CODE_LENGTH = 8
MOST_WRONG = 20
WRONG_WINDOW_S = 15 * 60
MAX_NAME = 64
ANOTHER = "get a new one at head office: its page Shops, or pos-central enroll-code."


def new_code(office: Office, shop: str, valid_s: float = VALID_S) -> str:
    """A code for one till of that shop, such as K7QF-2M9X. Raises OfficeError for a shop that is not there."""
    value = int.from_bytes(office.random_bytes(5), "big")
    plain = "".join(ALPHABET[value >> shift & 31] for shift in range(35, -1, -5)).upper()
    with office.database.writing() as connection:
        shop_names.require(connection, shop)
        connection.execute(
            insert(schema.enroll_code).values(
                code_hash=_hash(plain), shop=shop, expires_at=office.later(valid_s), used_by=""
            )
        )
    return f"{plain[:4]}-{plain[4:]}"


def _hash(code: str) -> str:
    """Of a code as a person may type it: lower case, without its dash, O for 0, I and L for 1."""
    typed = "".join(character for character in code.upper() if character.isalnum())
    return hashlib.sha256(typed.translate(str.maketrans("OIL", "011")).encode()).hexdigest()


class WrongCodes:
    """Bounds guessing: after so many wrong codes in a quarter of an hour, none is looked at. 40 random bits need no more."""

    def __init__(self) -> None:
        self._times: deque[datetime] = deque()
        self._lock = threading.Lock()

    def check(self, now: datetime) -> None:
        with self._lock:
            while self._times and now - self._times[0] > timedelta(seconds=WRONG_WINDOW_S):
                self._times.popleft()
            if len(self._times) >= MOST_WRONG:
                raise Refused(
                    "TOO_MANY_CODES",
                    "Too many wrong codes were tried.",
                    hint="Wait a quarter of an hour, then type the code again.",
                    status=429,
                )

    def count(self, now: datetime) -> None:
        with self._lock:
            self._times.append(now)


def enroll(office: Office, wrong_codes: WrongCodes, request: Enrolment) -> Enrolled:
    """Takes a till in. Asked again by the same till with the same code, the answer is the same: it may have been lost."""
    wrong_codes.check(office.now())
    _check(office, request)
    with office.database.writing() as connection:
        table = schema.enroll_code
        code = connection.execute(
            select(table).where(table.c.code_hash == _hash(request.code)).with_for_update()
        ).one_or_none()
        if code is None:
            wrong_codes.count(office.now())
            raise Refused("CODE_WRONG", "This code is not known.", hint=f"Type it again, or {ANOTHER}", status=403)
        if not code.used_by and code.expires_at < office.time():
            wrong_codes.count(office.now())
            hint = f"{ANOTHER[0].upper()}{ANOTHER[1:]}"
            raise Refused("CODE_EXPIRED", "The time of this code is over.", hint=hint, status=403)
        if code.used_by not in ("", _user(request)):
            wrong_codes.count(office.now())
            raise Refused(
                "CODE_USED",
                "Another till has used this code.",
                hint=f"Every till needs one of its own: {ANOTHER}",
                status=403,
            )
        if not code.used_by:
            office.roster.remember(
                Event(
                    "enrolled",
                    terminal=request.terminal,
                    epoch=request.epoch,
                    shop=code.shop,
                    public_key=request.public_key,
                    at=office.time(),
                )
            )
            _admit(office, connection, code.shop, request)
            connection.execute(update(table).where(table.c.code_hash == code.code_hash).values(used_by=_user(request)))
    return Enrolled(
        shop=code.shop,
        server=office.server,
        server_epoch=office.server_epoch,
        server_time=office.time(),
        server_key=office.signing.public,
        sealing_key=office.sealing_key,
        phone_key=office.phone_key,
    )


def revoke(office: Office, terminal: str) -> None:
    """From now on nothing of this terminal is taken. Raises OfficeError for one that is not there."""
    table = schema.terminal
    there = select(table.c.terminal).where(table.c.terminal == terminal, table.c.revoked_at == "")
    with office.database.reading() as connection:  # the roster keeps what it is told for ever, mistyped or not
        if connection.scalar(there) is None:
            raise OfficeError(
                f"There is no till {terminal} that could be revoked.",
                hint="pos-central status lists them, and which are revoked already.",
                code="TERMINAL_UNKNOWN",
            )
    office.roster.remember(Event("revoked", terminal=terminal, at=office.time()))
    change = update(table).where(table.c.terminal == terminal, table.c.revoked_at == "")
    with office.database.writing() as connection:
        connection.execute(change.values(revoked_at=office.time()))


def _user(request: Enrolment) -> str:
    return f"{request.terminal} {request.public_key}"


def _admit(office: Office, connection: Connection, shop: str, request: Enrolment) -> None:
    table = schema.terminal
    known = connection.execute(select(table).where(table.c.terminal == request.terminal)).one_or_none()
    if known is None:
        connection.execute(
            insert(table).values(
                terminal=request.terminal,
                shop=shop,
                epoch=request.epoch,
                public_key=request.public_key,
                enrolled_at=office.time(),
                revoked_at="",
                heard_at=office.time(),
                sent_at="",
            )
        )
    elif (known.public_key, known.shop, known.revoked_at) != (request.public_key, shop, ""):
        raise Refused(
            "TERMINAL_TAKEN",
            f"There is a terminal {request.terminal} already, with another key or in another shop.",
            hint="Set this till up in a new folder; it makes a new name for itself.",
            status=409,
        )


def _check(office: Office, request: Enrolment) -> None:
    names = (request.terminal, request.epoch)
    fits = all(1 <= len(name) <= MAX_NAME and name.isascii() and name.isalnum() for name in names)
    if not fits or request.terminal == office.server:
        raise Refused("ENROLMENT_UNFIT", "A terminal's name and epoch are letters and digits.", status=422)
    message = enrolment_message(request.code, request.terminal, request.public_key)
    if not is_signed(request.public_key, message, request.proof):
        raise Refused("PROOF_WRONG", "The till could not prove that it holds its key.", hint="Try again.", status=403)
