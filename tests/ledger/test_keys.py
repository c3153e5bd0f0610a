"""Signatures, sealed boxes and phone hashes: what is not exactly right is not right."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.keys import (
    SigningKey,
    batch_message,
    grant_message,
    is_signed,
    merge_message,
    new_sealing_key,
    phone_hash,
    request_message,
    seal,
    unseal,
)

KEY, OTHER = SigningKey(bytes(range(32))), SigningKey(bytes(32))
SECRET, OTHER_SECRET = bytes(range(1, 33)), bytes(range(2, 34))


def test_a_signature_is_that_of_rfc_8032() -> None:
    """Section 7.1, test 2: one byte, 0x72."""
    key = SigningKey(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    assert key.public == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    assert key.sign(b"\x72") == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    assert is_signed(key.public, b"\x72", key.sign(b"\x72"))


@pytest.mark.parametrize(
    ("public", "message", "signature"),
    [
        (KEY.public, b"nine", KEY.sign(b"eight")),
        (OTHER.public, b"eight", KEY.sign(b"eight")),
        (KEY.public, b"eight", KEY.sign(b"eight")[:-2]),
        (KEY.public, b"eight", KEY.sign(b"eight") + "00"),
        (KEY.public, b"eight", "0" * 128),
        (KEY.public, b"eight", ""),
        (KEY.public, b"eight", "no hex at all"),
        (KEY.public[:-2], b"eight", KEY.sign(b"eight")),
        ("", b"eight", KEY.sign(b"eight")),
        ("é" * 64, b"eight", KEY.sign(b"eight")),
    ],
)
def test_what_is_not_signed_is_simply_not(public: str, message: bytes, signature: str) -> None:
    assert is_signed(public, message, signature) is False


def test_a_key_never_shows_its_secret() -> None:
    assert bytes(range(32)).hex() not in repr(KEY)
    assert KEY.public in repr(KEY)


def test_no_two_different_things_have_the_same_message_to_sign() -> None:
    messages = [
        batch_message("T", "e", 1, "ab"),
        batch_message("T", "e", 11, "b"),
        batch_message("Te", "", 1, "ab"),
        batch_message('T","e', "", 1, "ab"),
        request_message("/v1/feed", "T", "n", b"{}"),
        request_message("/v1/feed", "T", "n", b""),
        request_message("/v1/fee", "dT", "n", b"{}"),
        grant_message("g", "T", "e", "m", [["a", 1, "d"]]),
        grant_message("g", "T", "e", "m", [["a", 1, "d"], ["b", 1, "d"]]),
    ]
    assert len(set(messages)) == len(messages)


def test_a_message_to_sign_has_the_bytes_that_it_always_had() -> None:
    """Written down once: what was signed years ago is checked against these."""
    assert batch_message("T", "e", 7, "ab") == b'["batch","T","e",7,"ab"]'
    assert request_message("/v1/feed", "T", "n", b"{}") == b'["request","/v1/feed","T","n"]\n{}'
    assert grant_message("g", "T", "e", "m", [["a", 1, "d"]]) == b'["grant","g","T","e","m",[["a",1,"d"]]]'
    assert merge_message("g", "old", "new") == b'["merge","g","old","new"]'


@given(st.binary(max_size=300))
@settings(max_examples=20)
def test_what_is_sealed_is_opened_by_the_holder_of_the_secret_alone(plain: bytes) -> None:
    box = seal(new_sealing_key(SECRET), plain)
    assert unseal(SECRET, box) == plain
    with pytest.raises(ValueError, match="not sealed to this key"):
        unseal(OTHER_SECRET, box)


def test_the_same_plain_text_is_never_sealed_to_the_same_box() -> None:
    assert seal(new_sealing_key(SECRET), b"Ada") != seal(new_sealing_key(SECRET), b"Ada")


def test_a_box_changed_anywhere_is_refused() -> None:
    box = bytes.fromhex(seal(new_sealing_key(SECRET), b"Ada Lovelace, 555 0100"))
    for place in range(len(box)):
        changed = bytearray(box)
        changed[place] ^= 1
        with pytest.raises(ValueError):
            unseal(SECRET, changed.hex())


@pytest.mark.parametrize("length", [0, 1, 31, 32, 47])
def test_a_box_cut_off_is_refused(length: int) -> None:
    box = seal(new_sealing_key(SECRET), b"Ada")
    with pytest.raises(ValueError):
        unseal(SECRET, box[: length * 2])


@pytest.mark.parametrize("typed", ["+49 30 555-0100", "0049305550100"[2:], "49(30)5550100", "\u202a+49 30 5550100"])
def test_a_phone_number_is_known_however_it_is_written(typed: str) -> None:
    expected = hmac.new(b"\x01" * 32, b"49305550100", hashlib.sha256).hexdigest()
    assert phone_hash("01" * 32, typed) == expected
    assert phone_hash("02" * 32, typed) != expected
