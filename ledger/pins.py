"""An operator's PIN: what it may look like, and how it is kept. The same at the till and at head office.

A PIN of four digits has ten thousand forms: whoever has the file can try them all, whatever one costs. What protects it is that
few can be tried at a till, so its hash is made for a slow till.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

SHORTEST, LONGEST = 4, 8


def problem_with(pin: str) -> str:
    """Why this can be nobody's PIN, in a sentence; "" where it can.

    >>> problem_with("2580"), problem_with("4444")
    ('', 'A PIN that repeats one digit, or counts, is guessed first.')
    """
    if not (SHORTEST <= len(pin) <= LONGEST and pin.isascii() and pin.isdigit()):
        return f"A PIN has {SHORTEST} to {LONGEST} digits, and nothing else."
    steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
    return "A PIN that repeats one digit, or counts, is guessed first." if steps in ({0}, {1}, {9}) else ""


def new_pin(below: Callable[[int], int]) -> str:
    """Six digits by chance. `below` answers a random number below its argument."""
    while problem_with(pin := f"{below(10**6):06}"):
        pass
    return pin


def hashed_pin(pin: str, salt: bytes) -> str:
    """Argon2id in PHC form, at the least cost that OWASP names (19 MiB, two passes): some 40 ms of a small computer."""
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    made = Argon2id(salt=salt, length=32, iterations=2, lanes=1, memory_cost=19 * 1024)
    return made.derive_phc_encoded(pin.encode())


def is_pin(pin: str, kept: str) -> bool:
    """Whether `kept` was made of this PIN; nothing is the PIN of an operator who has none."""
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    if not kept or not SHORTEST <= len(pin) <= LONGEST:
        return False
    try:
        Argon2id.verify_phc_encoded(pin.encode(), kept)
    except (InvalidKey, ValueError):
        return False
    return True
