"""References that people read aloud and type: no slip of one character, and no swap, finds another receipt."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.identifiers import ALPHABET, new_reference, new_terminal, read_receipt_reference, receipt_reference

terminals = st.text(ALPHABET.upper(), min_size=6, max_size=6)
numbers = st.integers(1, 10**9)


def check_character(text: str) -> str:
    """The field of 32 elements by its table of powers: x⁵ = x² + 1, and the weights rise by one power to the left."""
    powers = [1]
    for _ in range(30):
        doubled = powers[-1] * 2
        powers.append(doubled if doubled < 32 else doubled ^ 0b100101)
    total = 0
    for position, character in enumerate(reversed(text), 1):
        value = ALPHABET.upper().index(character)
        if value:
            total ^= powers[(powers.index(value) + position) % 31]
    return ALPHABET.upper()[total]


@given(terminals, numbers)
def test_a_reference_ends_in_the_check_character_of_terminal_and_number(terminal: str, number: int) -> None:
    expected = f"{terminal}-{number}-{check_character(f'{terminal}{number}')}"
    assert receipt_reference(terminal, number) == expected


@given(terminals, numbers)
def test_a_reference_is_read_back_however_it_is_typed(terminal: str, number: int) -> None:
    reference = receipt_reference(terminal, number)
    for typed in (reference, reference.lower(), reference.replace("-", " "), f"  {reference}\n"):
        assert read_receipt_reference(typed) == (terminal, number)


@given(terminals, numbers)
def test_every_single_wrong_character_is_refused(terminal: str, number: int) -> None:
    reference = receipt_reference(terminal, number)
    for place, right in enumerate(reference):
        for wrong in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-*":
            if wrong != right:
                assert read_receipt_reference(reference[:place] + wrong + reference[place + 1 :]) is None


@given(terminals, numbers)
def test_every_swap_of_two_unlike_neighbours_is_refused(terminal: str, number: int) -> None:
    reference = receipt_reference(terminal, number)
    for place in range(len(reference) - 1):
        one, other = reference[place : place + 2]
        if one != other:
            assert read_receipt_reference(reference[:place] + other + one + reference[place + 2 :]) is None


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "-",
        "--",
        "7K3M2P",
        "7K3M2P-17",
        "7K3M2P-17-",
        "7K3M2P-17-6-6",
        "7K3M2P-017-6",  # never printed with a zero before it
        "7K3M2P-١٧-6",  # digits, but not of ASCII
        "7K3M2P-1e1-6",
        "7K3M2P-+17-6",
        "7İ3M2P-17-6",
        "7K3M2P-" + "9" * 5000 + "-6",
        "2900000000018",  # a card
    ],
)
def test_what_is_no_reference_is_none(typed: str) -> None:
    assert read_receipt_reference(typed) is None


def test_new_names_have_their_length_and_alphabet_and_differ() -> None:
    randomness = random.Random(7).randbytes
    references = [new_reference(randomness) for _ in range(500)]
    terminals = [new_terminal(randomness) for _ in range(500)]
    assert all(len(one) == 16 and set(one) <= set(ALPHABET) for one in references)
    assert all(len(one) == 6 and set(one) <= set(ALPHABET.upper()) for one in terminals)
    assert len(set(references)) == 500
    assert len(set(terminals)) == 500


def test_a_reference_uses_all_its_random_bits() -> None:
    assert new_reference(lambda count: b"\xff" * count) == "z" * 16
    assert new_reference(lambda count: bytes(count - 1) + b"\x01") == "0" * 15 + "1"
