"""The symbologies of GS k: what is encoded becomes the widths of bars and spaces, and the text that stands at them.

It knows the bars of Code 128, EAN-13, EAN-8 and UPC-A, and none of the others. It knows no paper and no pixel: widths are
in modules, and begin with a bar.
"""

from __future__ import annotations

import re
from typing import Final

# ISO/IEC 15417: symbol characters 0 to 105, six widths each, and the stop character.
_CODE_128: Final = (
    "212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222123122"
    "123221223211221132221231213212223112312131311222321122321221312212322112322211212123212321232121111323"
    "131123131321112313132113132311211313231113231311112133112331132131113123113321133121313121211331231131"
    "213113213311213131311123311321331121312113312311332111314111221411431111111224111422121124121421141122"
    "141221112214112412122114122411142112142211241211221114413111241112134111111242121142121241114212124112"
    "124211411212421112421211212141214121412121111143111341131141114113114311411113411311113141114131311141"
    "411131211412211214211232"
)
_CODE_128_STOP: Final = "2331112"
# ISO/IEC 15420: the digits with odd parity, four widths each; even parity is the same mirrored.
_EAN_DIGITS: Final = "3211222121221411113212311114131212133112"
_EAN_PARITY: Final = "LLLLLLLLGLGGLLGGLGLLGGGLLGLLGGLGGLLGLGGGLLLGLGLGLGLGGLLGGLGL"  # by the first digit, six each


def bar_widths(symbology: int, data: bytes) -> str | None:
    """The bars of GS k's symbology m (65–73) as widths in modules, a bar first; None where they cannot be drawn."""
    if symbology == 73:
        return _code_128(data)
    if not data.isdigit():
        return None
    digits = data.decode("ascii")
    if symbology == 65 and len(digits) in (11, 12):
        return _ean_13("0" + digits)
    if symbology == 67 and len(digits) in (12, 13):
        return _ean_13(digits)
    if symbology == 68 and len(digits) in (7, 8):
        return _ean_8(digits)
    return None


def _code_128(data: bytes) -> str | None:
    """`{A`, `{B`, `{C` choose the code set, `{{` is a brace; in set C each byte is two digits, 0 to 99."""
    codes: list[int] = []
    code_set = ""
    at = 0
    while at < len(data):
        if data[at] == 0x7B and not (code_set == "C" and data[at + 1 : at + 2] not in (b"A", b"B", b"1")):
            escape = data[at + 1 : at + 2].decode("latin-1")
            at += 2
            if escape in ("A", "B", "C"):
                switch = {"A": 101, "B": 100, "C": 99}[escape]
                codes.append({"A": 103, "B": 104, "C": 105}[escape] if not codes else switch)
                code_set = escape
                continue
            special = {"S": 98, "1": 102, "2": 97, "3": 96, "4": 101 if code_set == "A" else 100, "{": ord("{") - 32}
            code = special.get(escape, -1)
        else:
            byte = data[at]
            at += 1
            if code_set == "C":
                code = byte if byte <= 99 else -1
            elif byte < 0x20:
                code = byte + 64 if code_set == "A" else -1
            else:
                code = byte - 32 if byte < (0x60 if code_set == "A" else 0x80) else -1
        if code < 0 or not code_set:
            return None
        codes.append(code)
    if len(codes) < 2:
        return None
    check = (codes[0] + sum(place * code for place, code in enumerate(codes))) % 103
    return "".join(_CODE_128[6 * code :][:6] for code in [*codes, check]) + _CODE_128_STOP


def _check_digit(digits: str) -> str:
    """Weights 3 and 1 from the right."""
    total = sum(int(digit) * (1 if place % 2 else 3) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def _ean_13(digits: str) -> str:
    digits = digits[:12] + _check_digit(digits[:12])  # a printer computes the last digit itself
    parities = _EAN_PARITY[6 * int(digits[0]) :][:6]
    left = (_ean_digit(digit, parity) for digit, parity in zip(digits[1:7], parities, strict=True))
    return "111" + "".join(left) + "11111" + "".join(map(_ean_digit, digits[7:])) + "111"


def _ean_8(digits: str) -> str:
    digits = digits[:7] + _check_digit(digits[:7])
    return "111" + "".join(map(_ean_digit, digits[:4])) + "11111" + "".join(map(_ean_digit, digits[4:])) + "111"


def _ean_digit(digit: str, parity: str = "L") -> str:
    widths = _EAN_DIGITS[4 * int(digit) :][:4]
    return widths if parity == "L" else widths[::-1]


def readable_text(symbology: int, data: bytes) -> str:
    """What stands at the bars: for Code 128 without code set marks, set C's bytes as two digits each."""
    if symbology != 73:
        digits = data.decode("latin-1")
        lacks_check_digit = len(digits) == {65: 11, 67: 12, 68: 7}.get(symbology)
        return digits + _check_digit(digits) if lacks_check_digit else digits
    readable, code_set = "", ""
    for mark, text in re.findall(rb"(\{.)?([^{]*)", data, re.DOTALL):
        if mark in (b"{A", b"{B", b"{C"):
            code_set = mark[1:].decode()
        elif mark == b"{{":
            readable += "{"
        readable += "".join(f"{byte:02}" for byte in text) if code_set == "C" else text.decode("latin-1")
    return readable
