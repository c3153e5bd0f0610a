"""One's own account: the password, the second factor, and where one is signed in."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from urllib.parse import quote

from fastapi import Response

from central_server.errors import OfficeError
from central_server.pages.frame import Visit, page
from central_server.people import sessions, signing_in, staff
from central_server.people.signing_in import Typed


@page("GET", "/account", menu="Account", place=90)
def account(visit: Visit) -> Response:
    if visit.has_second_factor:
        return visit.show("account.html", qr="", letters="")
    letters = _base32(_offered(visit))
    return visit.show("account.html", qr=_qr(visit, letters), letters=" ".join(_fours(letters)))


@page("POST", "/account/password")
def change_password(visit: Visit) -> Response:
    new = visit.form.get("new", "")
    if new != visit.form.get("again", ""):
        raise OfficeError("The two new passwords differ.", hint="Nothing was changed.", code="PASSWORD_DIFFERS")
    _require_self(visit)
    staff.set_password(visit.office, visit.staff.login, new)
    return _signed_in_anew(visit, "Your password is changed. Everywhere else you are signed out.")


@page("POST", "/account/second-factor")
def set_up(visit: Visit) -> Response:
    """The code proves that the other device has taken the secret, before anything depends on it."""
    if visit.has_second_factor:
        raise OfficeError("You have a second factor already.", hint="Take it away first.", code="SECOND_FACTOR_THERE")
    # The code belongs to the secret on the page; the account has none yet, and its sign-in asks for none.
    signing_in.require_self(visit.office, Typed(visit.staff.login, visit.form.get("password", "")))
    secret = _offered(visit).hex()
    step = signing_in.good_step(secret, visit.form.get("code", ""), visit.office.now().timestamp())
    if not step:
        raise OfficeError(
            "This is not the code of this moment.",
            hint="Nothing was changed. Is the clock of your phone right? Then type the code that it shows now.",
            code="SECOND_FACTOR_WRONG",
        )
    staff.set_second_factor(visit.office, visit.staff.login, secret, step)
    return _signed_in_anew(visit, "From now on signing in asks for a code. Everywhere else you are signed out.")


@page("POST", "/account/second-factor/remove")
def remove(visit: Visit) -> Response:
    _require_self(visit)
    staff.set_second_factor(visit.office, visit.staff.login, "")
    return _signed_in_anew(visit, "Signing in asks for the password alone now.")


def _require_self(visit: Visit) -> None:
    typed = Typed(visit.staff.login, visit.form.get("password", ""), visit.form.get("code", ""))
    signing_in.require_self(visit.office, typed)


def _signed_in_anew(visit: Visit, said: str) -> Response:
    """What was changed has ended every session, this one too."""
    secret = sessions.begin(visit.office, visit.staff.login)
    done = replace(visit, secret=secret).go("/account", said=said)
    done.set_cookie(value=secret, **visit.cookie)
    return done


def _offered(visit: Visit) -> bytes:
    """The secret that this session is offered: the same on each look, and kept nowhere until it is taken."""
    about = f"second factor {visit.form_key}".encode()
    return hmac.digest(visit.office.nonce_secret, about, hashlib.sha256)[:20]


def _base32(secret: bytes) -> str:
    from base64 import b32encode

    return b32encode(secret).decode()


def _fours(letters: str) -> list[str]:
    return [letters[start : start + 4] for start in range(0, len(letters), 4)]


def _qr(visit: Visit, letters: str) -> str:
    """As authenticators read it: https://github.com/google/google-authenticator/wiki/Key-Uri-Format"""
    import segno

    uri = f"otpauth://totp/Head%20office:{quote(visit.staff.login)}?secret={letters}&issuer=Head%20office"
    drawn: str = segno.make_qr(uri, error="m").svg_inline(scale=5, border=4, light="white", dark="black")
    return drawn
