"""The codes of passes are those of RFC 6238, and the texts of passes those that a wallet makes."""

from __future__ import annotations

import pytest

from ledger.passes import PassKey, ShownPass, begins_s, is_current, is_right, read_pass, totp, value_pattern

SEED = b"12345678901234567890"
LONG_SEED = b"12345678901234567890123456789012"


@pytest.mark.parametrize(
    ("at_s", "algorithm", "code"),
    [  # RFC 6238, appendix B, with the seeds of its errata: 20 bytes for SHA-1, 32 for SHA-256
        (59, "sha1", "94287082"),
        (59, "sha256", "46119246"),
        (1111111109, "sha1", "07081804"),
        (1111111109, "sha256", "68084774"),
        (1111111111, "sha1", "14050471"),
        (1111111111, "sha256", "67062674"),
        (1234567890, "sha1", "89005924"),
        (1234567890, "sha256", "91819424"),
        (2000000000, "sha1", "69279037"),
        (2000000000, "sha256", "90698825"),
        (20000000000, "sha1", "65353130"),
        (20000000000, "sha256", "77737706"),
    ],
)
def test_codes_are_those_of_rfc_6238(at_s, algorithm, code):
    assert totp(SEED if algorithm == "sha1" else LONG_SEED, at_s // 30, algorithm) == code


KEY = PassKey("2900000000018", SEED.hex())


def test_what_a_wallet_fills_in_is_read_back():
    text = value_pattern(KEY.card).replace("{totp_timestamp_seconds}", "1111111109")
    shown = read_pass(text.replace("{totp_value_0}", "07081804"))
    assert shown == ShownPass(KEY.card, 1111111109, "07081804")
    assert is_right(KEY, shown)
    assert begins_s(KEY, shown) == 1111111080


@pytest.mark.parametrize(
    "shown",
    [
        ShownPass(KEY.card, 1111111109, "07081805"),
        ShownPass(KEY.card, 1111111110, "07081804"),  # the next period
        ShownPass("2900000000025", 1111111109, "07081804"),
        ShownPass(KEY.card, 1111111109, "68084774"),  # of the other algorithm
    ],
)
def test_another_code_card_or_period_is_not_right(shown):
    assert not is_right(KEY, shown)


@pytest.mark.parametrize(
    ("now_s", "expected"),
    [(1111111049, False), (1111111050, True), (1111111080, True), (1111111139, True), (1111111140, False)],
)
def test_a_code_is_current_one_period_either_way(now_s, expected):
    assert is_current(KEY, ShownPass(KEY.card, 1111111109, ""), now_s) is expected


@pytest.mark.parametrize(
    "label",
    [
        "",
        "2900000000018",
        "2900000000018-1111111109-0708180",
        "2900000000018-1111111109-070818040",
        "2900000000018-111111110-07081804",
        "-1111111109-07081804",
        "2900000000018-1111111109-٠٧٠٨١٨٠٤",
        "29000 0018-1111111109-07081804",
        "2900000000018-1111111109-07081804\n",
        "9" * 65 + "-1111111109-07081804",
    ],
)
def test_what_is_no_pass_is_not_read_as_one(label):
    assert read_pass(label) is None


def test_a_card_may_have_dashes_of_its_own():
    assert read_pass("CLUB-17-1111111109-07081804") == ShownPass("CLUB-17", 1111111109, "07081804")


def test_a_key_shows_itself_to_nobody() -> None:
    assert "a1b2c3" not in repr(PassKey("2900000000018", "a1b2c3"))
    assert "2900000000018" not in repr(PassKey("2900000000018", "a1b2c3"))
