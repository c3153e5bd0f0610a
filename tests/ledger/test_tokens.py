"""Member tokens: what head office signed is read as it was signed, and nothing else is."""

from __future__ import annotations

import base64
from datetime import date

import pytest
import segno
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.identifiers import ALPHABET
from ledger.keys import SigningKey
from ledger.tokens import (
    LENGTH,
    Token,
    TokenFlaw,
    is_like_a_token,
    new_serial,
    read_serial,
    read_token,
    sign_token,
    token_message,
)

# RFC 8032, section 7.1, test 2.
KEY = SigningKey(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
PUBLIC = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
TOKEN = Token("4K7QF2M9XA", "72tecmq49pkz57h6", "2026-11-21", "2027-11-20")
DAY = "2026-12-24"


def read(text, today=DAY, revoked=(), key=PUBLIC):
    return read_token(text, key, today, lambda serial: serial in revoked)


TEXT = sign_token(KEY, TOKEN)


def test_a_token_is_139_letters_and_digits_and_fits_a_small_code_in_alphanumeric_mode():
    assert len(TEXT) == LENGTH == 139
    assert set(TEXT) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    code = segno.make_qr(TEXT, error="m", boost_error=False)
    assert (code.version, code.mode, code.error) == (6, "alphanumeric", "M")


def test_the_bytes_of_a_token_are_those_that_the_page_tells_of():
    """Worked out by hand from the layout: the base-32 numbers of the names, and days since 2020-01-01."""
    digits = {character: number for number, character in enumerate(ALPHABET)}
    serial = sum(digits[one] << 5 * place for place, one in enumerate(reversed("4k7qf2m9xa")))
    member = sum(digits[one] << 5 * place for place, one in enumerate(reversed("72tecmq49pkz57h6")))
    # 2020 and 2024 are leap years: to 2026-01-01 it is 6 x 365 + 2 days, to 11-21 324 more.
    issued = 6 * 365 + 2 + (31 + 28 + 31 + 30 + 31 + 30 + 31 + 31 + 30 + 31) + 20
    body = bytes([1]) + serial.to_bytes(6, "big") + member.to_bytes(10, "big")
    body += issued.to_bytes(2, "big") + (issued + 364).to_bytes(2, "big")
    signature = bytes.fromhex(KEY.sign(b"member token\n" + body))
    assert base64.b32decode(TEXT.removeprefix("LM1")) == body + signature


@pytest.mark.parametrize("text", [TEXT, TEXT.lower(), TEXT[:70] + TEXT[70:].lower()])
def test_a_token_says_what_was_signed_in_upper_and_lower_case(text):
    assert read(text) == TOKEN


@pytest.mark.parametrize(
    ("today", "flaw"),
    [
        ("2026-11-20", "early"),
        ("2026-11-21", ""),  # the day on which it was issued
        ("2027-11-20", ""),  # its last day
        ("2027-11-21", "over"),
        ("2199-01-01", "over"),
    ],
)
def test_a_token_is_good_from_its_first_day_through_its_last(today, flaw):
    assert read(TEXT, today) == (TokenFlaw(flaw, TOKEN) if flaw else TOKEN)


def test_a_revoked_token_is_refused_and_another_is_not():
    assert read(TEXT, revoked={TOKEN.serial}) == TokenFlaw("revoked", TOKEN)
    assert read(TEXT, revoked={"4K7QF2M9XB"}) == TOKEN


def test_every_changed_bit_is_refused():
    signed = base64.b32decode(TEXT.removeprefix("LM1"))
    for place in range(8 * len(signed)):
        changed = bytearray(signed)
        changed[place // 8] ^= 1 << place % 8
        assert read("LM1" + base64.b32encode(bytes(changed)).decode()) == TokenFlaw("forged"), place


def test_every_changed_character_is_refused():
    for place in range(3, LENGTH):
        for other in "A7Z2":
            if other != TEXT[place]:
                assert read(TEXT[:place] + other + TEXT[place + 1 :]) == TokenFlaw("forged"), place


@pytest.mark.parametrize(
    "text",
    [
        TEXT[:-1],
        TEXT[:24],
        TEXT + "A",
        TEXT + "=",
        TEXT[:-1] + "=",
        TEXT[:-8] + "AAAA====",
        TEXT[:-1] + "1",  # no digit of base 32
        TEXT[:-1] + " ",
        TEXT[:-2] + "\r\n",
        TEXT[:60] + "ı" + TEXT[61:],  # what upper() would make an I
        TEXT[:60] + "ſ" + TEXT[61:],
        TEXT[:60] + "ß" + TEXT[62:],
        TEXT[:60] + "\x00" + TEXT[61:],
    ],
)
def test_a_token_that_was_not_read_whole_is_damaged_and_no_item(text):
    assert read(text) == TokenFlaw("damaged")
    assert is_like_a_token(text)


@pytest.mark.parametrize("text", ["", "LM1", "LM100", "LM1-BOLT-M8X40", "4006381333931", "L" * 139, TEXT[1:]])
def test_what_is_no_token_is_not_taken_for_one(text):
    assert not is_like_a_token(text)
    assert read(text) == TokenFlaw("damaged")


def test_another_head_offices_token_is_forged_and_so_is_one_where_no_key_is_known():
    assert read(TEXT, key=SigningKey(bytes(32)).public) == TokenFlaw("forged")
    assert read(TEXT, key="") == TokenFlaw("forged")


def test_a_signature_under_another_of_head_offices_messages_is_no_tokens():
    body = base64.b32decode(TEXT.removeprefix("LM1"))[:21]
    bare = bytes.fromhex(KEY.sign(body))
    assert read("LM1" + base64.b32encode(body + bare).decode()) == TokenFlaw("forged")


def test_a_body_of_a_later_version_says_so():
    body = bytes([2, *base64.b32decode(TEXT.removeprefix("LM1"))[1:21]])
    signed = body + bytes.fromhex(KEY.sign(token_message(body)))
    assert read("LM1" + base64.b32encode(signed).decode()) == TokenFlaw("newer")


REFERENCES = st.text(ALPHABET, min_size=16, max_size=16)
SERIALS = st.binary(min_size=6, max_size=6).map(lambda drawn: new_serial(lambda _: drawn))
DAYS = st.dates(date(2020, 1, 1), date(2199, 1, 1))


@settings(max_examples=60)
@given(serial=SERIALS, member=REFERENCES, days=st.lists(DAYS, min_size=2, max_size=2))
def test_any_token_is_read_as_it_was_signed_and_its_text_is_the_only_one(serial, member, days):
    first, last = sorted(day.isoformat() for day in days)
    token = Token(serial, member, first, last)
    text = sign_token(KEY, token)
    assert read(text, first) == read(text, last) == token
    assert sign_token(KEY, token) == text
    assert read_serial(serial.lower()) == serial


@settings(max_examples=200)
@given(st.text(max_size=160) | st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", max_size=160).map("LM1".__add__))
def test_nothing_that_was_not_signed_is_accepted(text):
    assert isinstance(read(text), TokenFlaw)


@pytest.mark.parametrize(
    "change",
    [
        {"member": "anna"},
        {"member": "72TECMQ49PKZ57H6"},
        {"member": "72tecmq49pkz57hu"},
        {"serial": "4K7Q"},
        {"serial": "ZZZZZZZZZZ"},  # 50 bits
        {"last_day": "2026-11-20"},  # before its first day
        {"issued_on": "2019-12-31"},
        {"last_day": "2199-12-31"},
    ],
)
def test_what_does_not_fit_is_not_signed(change):
    with pytest.raises(ValueError, match="token"):
        sign_token(KEY, Token(**{**{name: getattr(TOKEN, name) for name in Token.__struct_fields__}, **change}))


@pytest.mark.parametrize("typed", ["4K7QF2M9XA", "4k7q-f2m9-xa", " 4K7Q F2M9 XA ", "4K7QF2M9XA\n"])
def test_a_serial_is_read_as_people_type_it(typed):
    assert read_serial(typed) == "4K7QF2M9XA"


@pytest.mark.parametrize("typed", ["", "4K7QF2M9X", "4K7QF2M9XAB", "ZK7QF2M9XA", "4K7QF2M9XU"])
def test_what_is_no_serial_is_none(typed):
    assert read_serial(typed) is None
