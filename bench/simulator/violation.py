"""What a seed ends with where something does not hold."""

from __future__ import annotations


class Violation(Exception):
    """Something that must hold does not; the sentence says what."""


def require(holds: bool, sentence: str) -> None:
    if not holds:
        raise Violation(sentence)
