"""Member tokens: a member's reference under head office's signature, as text that a phone shows or paper bears.

Whoever has head office's public key can check one without asking anybody, also a till that never heard of the member. The body
is 21 bytes, big-endian: version (1), serial (6), member (10), issued on and last day (2 each, days since 2020-01-01); the
Ed25519 signature (64 bytes) follows. These 85 bytes are 136 characters of base 32 (RFC 4648, no padding needed) behind "LM1":
139 characters, letters and digits only, so that a QR code holds them in its alphanumeric mode (version 6 at level M, ISO/IEC
18004 table 7) and keyboard wedges of most layouts type them unharmed. One token has one text, in upper or lower case.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date, timedelta
from typing import Literal

import msgspec

from ledger.identifiers import ALPHABET
from ledger.keys import SigningKey, is_signed

PREFIX = "LM1"
LENGTH = 139
BEGINS_LIKE_ONE = 24
"""A label of so many characters that begins with the prefix is a token or what a slow reader left of one: no item's number."""
VERSION = 1
DAY_0 = date(2020, 1, 1)
LAST_DAY = (DAY_0 + timedelta(days=0xFFFF)).isoformat()

_REFERENCE, _SERIAL = 16, 10  # characters of base 32, as people see them
_BODY_BYTES = 21
_DIGIT = {character: digit for digit, character in enumerate(ALPHABET)}

Flaw = Literal["damaged", "newer", "forged", "early", "over", "revoked"]


class Token(msgspec.Struct, frozen=True):
    """Good from `issued_on` through `last_day`, unless it was revoked by its `serial` before."""

    serial: str
    member: str
    issued_on: str
    last_day: str


class TokenFlaw(msgspec.Struct, frozen=True):
    """Why a token is not accepted. `token` is what it says where head office's signature is right."""

    flaw: Flaw
    token: Token | None = None


def token_message(body: bytes) -> bytes:
    """What head office signs of a token; no other of its messages begins like this."""
    return b"member token\n" + body


def new_serial(random_bytes: Callable[[int], bytes]) -> str:
    """A fresh name for a token, ten characters, by which it can be revoked."""
    return _text(int.from_bytes(random_bytes(6), "big"), _SERIAL).upper()


def read_serial(typed: str) -> str | None:
    """A serial as a person types it: in either case, with dashes or blanks, O for 0, I and L for 1. None for what is none.

    >>> read_serial("4k7q-f2m9-xo"), read_serial("4k7q")
    ('4K7QF2M9X0', None)
    """
    plain = "".join(typed.split()).replace("-", "").upper().translate(str.maketrans("OIL", "011"))
    return plain if _is_serial(plain) else None


def sign_token(key: SigningKey, token: Token) -> str:
    """The token's text. Raises ValueError for a member or day that does not fit."""
    body = _packed(token)
    signed = body + bytes.fromhex(key.sign(token_message(body)))
    return PREFIX + base64.b32encode(signed).decode("ascii")


def is_like_a_token(label: str) -> bool:
    """Whether a label is a token or a part of one. Whatever becomes of it, it is no item."""
    return len(label) >= BEGINS_LIKE_ONE and label[: len(PREFIX)].upper() == PREFIX


def read_token(label: str, server_key: str, today: str, is_revoked: Callable[[str], bool]) -> Token | TokenFlaw:
    """The token in a label, if head office's key signed it, today is one of its days, and its serial was not revoked.

    `today` is the day by which the till goes. What was not signed is `forged`, whatever else it says: a misread one, too.
    """
    signed = _signed_bytes(label) if is_like_a_token(label) else None
    if signed is None:
        return TokenFlaw("damaged")
    body, signature = signed[:_BODY_BYTES], signed[_BODY_BYTES:]
    if not is_signed(server_key, token_message(body), signature.hex()):
        return TokenFlaw("forged")
    if body[0] != VERSION:
        return TokenFlaw("newer")
    token = _unpacked(body)
    if is_revoked(token.serial):
        return TokenFlaw("revoked", token)
    if today < token.issued_on:
        return TokenFlaw("early", token)
    return TokenFlaw("over", token) if token.last_day < today else token


def _signed_bytes(label: str) -> bytes | None:
    """The bytes behind the prefix. They fill their characters to the last bit, so no two texts say the same."""
    if len(label) != LENGTH or not label.isascii():  # a dotless i would become an I
        return None
    try:
        signed = base64.b32decode(label[len(PREFIX) :].upper())
    except ValueError:  # a character that base 32 has not
        return None
    return signed if len(signed) == _BODY_BYTES + 64 else None


def _packed(token: Token) -> bytes:
    days = [(date.fromisoformat(day) - DAY_0).days for day in (token.issued_on, token.last_day)]
    if not all(0 <= day <= 0xFFFF for day in days) or token.last_day < token.issued_on:
        raise ValueError(f"a token's days lie from {DAY_0} to {LAST_DAY}, the last one not before the first")
    if not is_reference(token.member) or not _is_serial(token.serial):
        raise ValueError("a token names a member's random reference, and has a serial of its own")
    parts = ((VERSION, 1), (_number(token.serial), 6), (_number(token.member), 10), (days[0], 2), (days[1], 2))
    return b"".join(value.to_bytes(size, "big") for value, size in parts)


def _unpacked(body: bytes) -> Token:
    serial = _text(int.from_bytes(body[1:7], "big"), _SERIAL).upper()
    member = _text(int.from_bytes(body[7:17], "big"), _REFERENCE)
    issued_on, last_day = (
        (DAY_0 + timedelta(days=int.from_bytes(body[start : start + 2], "big"))).isoformat() for start in (17, 19)
    )
    return Token(serial, member, issued_on, last_day)


def is_reference(text: str) -> bool:
    """Whether a member's reference is a random one, as tills make them; only such fit into a token."""
    return len(text) == _REFERENCE and all(character in _DIGIT for character in text)


def _is_serial(text: str) -> bool:
    # 48 bits in 50: the first character is one of eight.
    return len(text) == _SERIAL and all(character in _DIGIT for character in text.lower()) and text[0] in "01234567"


def _number(text: str) -> int:
    value = 0
    for character in text.lower():
        value = value << 5 | _DIGIT[character]
    return value


def _text(value: int, length: int) -> str:
    return "".join(ALPHABET[value >> shift & 31] for shift in range(5 * (length - 1), -1, -5))
