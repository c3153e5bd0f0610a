"""Passes: a card on a phone whose code changes with the time, so that a picture of it is soon worth nothing.

RFC 6238 with eight digits. The code's text is that of a rotating barcode in Google Wallet, `CARD-SECONDS-CODE`, the seconds
being the moment at which the phone drew it; its codes are those of `TOTP_SHA1`. Whoever has the pass's key can check one
without asking anybody; whoever has it can also make one.
"""

from __future__ import annotations

import hmac
import re

import msgspec

DIGITS = 8
ALGORITHMS = {"sha1": "sha1", "sha256": "sha256"}
"""By the name that travels; a pass of another one is not known to this version."""
PERIOD_S = 30
LONGEST_PERIOD_S = 600
TOLERANCE = 1
"""A code is good in its own period, and so many periods before and after: for clocks that differ, and for slow hands."""

_FORM = re.compile(r"(?P<card>[!-~]{1,64})-(?P<at_s>[0-9]{10})-(?P<code>[0-9]{8})")


class PassKey(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What makes and checks the codes of one card's pass; `key` is in hex."""

    card: str
    key: str
    algorithm: str = "sha1"
    period_s: int = PERIOD_S

    def __repr__(self) -> str:
        return f"PassKey(algorithm={self.algorithm!r}, period_s={self.period_s})"


class ShownPass(msgspec.Struct, frozen=True):
    """What a pass says: nothing of it is proved yet."""

    card: str
    at_s: int
    code: str


def value_pattern(card: str) -> str:
    """What the wallet puts into the code, with the places that it fills in.

    >>> value_pattern("2900000000018")
    '2900000000018-{totp_timestamp_seconds}-{totp_value_0}'
    """
    return card + "-{totp_timestamp_seconds}-{totp_value_0}"


def read_pass(label: str) -> ShownPass | None:
    """
    >>> read_pass("2900000000018-1795281660-00123456")
    ShownPass(card='2900000000018', at_s=1795281660, code='00123456')
    >>> read_pass("2900000000018")
    """
    found = _FORM.fullmatch(label)
    return ShownPass(found["card"], int(found["at_s"]), found["code"]) if found else None


def totp(key: bytes, step: int, algorithm: str = "sha1", digits: int = DIGITS) -> str:
    """The code of a step (RFC 6238 section 4; truncated as in RFC 4226 section 5.3).

    >>> totp(b"12345678901234567890", 59 // 30)
    '94287082'
    """
    digest = hmac.digest(key, step.to_bytes(8, "big"), ALGORITHMS[algorithm])
    place = digest[-1] & 15
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFFFFFF
    return str(number % 10**digits).zfill(digits)


def begins_s(key: PassKey, shown: ShownPass) -> int:
    """When the period began for which the code was made: every code of it is the same one."""
    return shown.at_s - shown.at_s % key.period_s


def is_right(key: PassKey, shown: ShownPass) -> bool:
    """Whether this key made the code, for the moment that it names."""
    code = totp(bytes.fromhex(key.key), shown.at_s // key.period_s, key.algorithm)
    return shown.card == key.card and hmac.compare_digest(code, shown.code)


def is_current(key: PassKey, shown: ShownPass, now_s: int) -> bool:
    """Whether that moment is within the tolerance of this one."""
    return abs(now_s // key.period_s - shown.at_s // key.period_s) <= TOLERANCE
