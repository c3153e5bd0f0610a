"""Names that a till makes without asking anyone: random references and the short one that stands on a receipt.

A reference is sixteen characters of base 32 (80 random bits): enough that no two shops ever make the same, short enough to
read aloud, and saying nothing about the member or lot it stands for. Randomness is passed in, so a simulator can seed it.
"""

from __future__ import annotations

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


_CHECKED = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def _check_sum(text: str) -> int:
    """ISO/IEC 7064, MOD 37,36: finds every single wrong character and every swap of two neighbours."""
    product = 36
    for character in text:
        total = (product + _CHECKED.index(character)) % 36 or 36
        product = total * 2 % 37
    return product


def receipt_reference(terminal: str, number: int) -> str:
    """What a receipt prints to be found again: terminal, entry number, check character.

    >>> receipt_reference("7K3M2P", 17)
    '7K3M2P-17-C'
    """
    return f"{terminal}-{number}-{_CHECKED[(37 - _check_sum(f'{terminal}{number}')) % 36]}"


def read_receipt_reference(text: str) -> tuple[str, int] | None:
    """Terminal and entry number of a reference as a person types it, or None where it is mistyped.

    >>> read_receipt_reference("7k3m2p 17 c"), read_receipt_reference("7K3M2P-71-C")
    (('7K3M2P', 17), None)
    """
    parts = text.strip().upper().replace(" ", "-").split("-")
    if len(parts) != 3 or not parts[1].isascii() or not parts[1].isdigit() or len(parts[1]) > 12 or not parts[0]:
        return None
    terminal, number = parts[0], int(parts[1])
    if any(character not in _CHECKED for character in terminal):
        return None
    return (terminal, number) if receipt_reference(terminal, number) == "-".join(parts) else None
