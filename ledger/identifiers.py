"""Names that a till makes without asking anyone: random references and the short one that stands on a receipt.

A reference is sixteen characters of base 32 (80 random bits): enough that no two shops ever make the same, short enough to
read aloud, and saying nothing about the member or lot it stands for. Randomness is passed in, so a simulator can seed it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u

RandomBytes = Callable[[int], bytes]


def new_reference(random_bytes: RandomBytes) -> str:
    """A fresh name for a member, a lot or a grant."""
    value = int.from_bytes(random_bytes(10), "big")
    return "".join(ALPHABET[value >> shift & 31] for shift in range(75, -1, -5))


def new_terminal(random_bytes: RandomBytes) -> str:
    """A fresh name for a terminal, short because every receipt carries it: six characters, upper case."""
    value = int.from_bytes(random_bytes(4), "big")
    return "".join(ALPHABET[value >> shift & 31] for shift in range(25, -1, -5)).upper()


_CHECKED = ALPHABET.upper()
_DIGIT = {character: digit for digit, character in enumerate(_CHECKED)}


def _check_character(text: str) -> str:
    """Horner's sum over the field of 32 elements, x the generator: every single wrong character changes it, and so does
    every swap of two unequal neighbours. (ISO/IEC 7064 MOD 37,36 misses some swaps.)
    """
    total = 0
    for character in text:
        total = _TIMES_X[total] ^ _DIGIT[character]
    return _CHECKED[_TIMES_X[total]]


_TIMES_X = [(value << 1) ^ (0b100101 if value & 16 else 0) for value in range(32)]
"""Each element times x modulo x⁵ + x² + 1, the bits being the coefficients."""


def receipt_reference(terminal: str, number: int) -> str:
    """What a receipt prints to be found again: terminal, entry number, check character.

    >>> receipt_reference("7K3M2P", 17)
    '7K3M2P-17-6'
    """
    return f"{terminal}-{number}-{_check_character(f'{terminal}{number}')}"


def read_receipt_reference(text: str) -> tuple[str, int] | None:
    """Terminal and entry number of a reference as a person types it, or None where it is mistyped.

    >>> read_receipt_reference("7k3m2p 17 6"), read_receipt_reference("7K3M2P-71-6")
    (('7K3M2P', 17), None)
    """
    parts = text.strip().upper().replace(" ", "-").split("-")
    if len(parts) != 3 or not parts[1].isascii() or not parts[1].isdigit() or len(parts[1]) > 12:
        return None
    terminal, number = parts[0], int(parts[1])
    if len(terminal) != 6 or any(character not in _CHECKED for character in terminal):
        return None
    return (terminal, number) if receipt_reference(terminal, number) == "-".join(parts) else None


def feedback_code(terminal: str, number: int, entry_hash: str) -> str:
    """By which whoever holds a receipt may say how it was: its reference, and a mark that only the entry's own hash gives.

    >>> feedback_code("7K3M2P", 17, "00" * 32)
    '7K3M2P-17-6-YJPY68G5E797'
    """
    return f"{receipt_reference(terminal, number)}-{_feedback_mark(entry_hash)}"


def read_feedback_code(text: str) -> tuple[str, int, str] | None:
    """Terminal, number and mark of such a code, or None where it is mistyped."""
    reference, _, mark = text.strip().upper().rpartition("-")
    about = read_receipt_reference(reference)
    if about is None or len(mark) != 12 or not set(mark) <= set(_CHECKED):
        return None
    return (*about, mark)


def is_feedback_mark(mark: str, entry_hash: str) -> bool:
    return hmac.compare_digest(mark.encode(), _feedback_mark(entry_hash).encode())


def _feedback_mark(entry_hash: str) -> str:
    """60 bits. A hash depends on every entry before it, so nobody can guess it who has not seen the journal."""
    value = int.from_bytes(hashlib.sha256(f"feedback {entry_hash}".encode()).digest()[:8], "big") >> 4
    return "".join(_CHECKED[value >> shift & 31] for shift in range(55, -1, -5))
