"""The symbologies of GS k: what is encoded becomes the widths of bars and spaces, and the text that stands at them.

It knows the bars of all but GS1 DataBar. It knows no paper and no pixel: a code is a string of widths that begins with a
bar, each a digit of modules or `w`, the wide element of the codes that have two widths.
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


def _words(text: str) -> list[str]:
    return text.split()


# ISO/IEC 16388: five bars and four spaces, narrow or wide; a star begins and ends.
_CODE_39: Final = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. *$/+%",
        _words(
            "111ww1w11 w11w1111w 11ww1111w w1ww11111 111ww111w w11ww1111 11www1111 111w11w1w w11w11w11 11ww11w11 "
            "w1111w11w 11w11w11w w1w11w111 1111ww11w w111ww111 11w1ww111 11111ww1w w1111ww11 11w11ww11 1111www11 "
            "w111111ww 11w1111ww w1w1111w1 1111w11ww w111w11w1 11w1w11w1 111111www w11111ww1 11w111ww1 1111w1ww1 "
            "ww111111w 1ww11111w www111111 1w11w111w ww11w1111 1ww1w1111 1w1111w1w ww1111w11 1ww111w11 1w11w1w11 "
            "1w1w1w111 1w1w111w1 1w111w1w1 111w1w1w1"
        ),
        strict=True,
    )
)
# ISO/IEC 16390: five elements a digit, of bars for one and of spaces for the next.
_ITF: Final = _words("11ww1 w111w 1w11w ww111 11w1w w1w11 1ww11 111ww w11w1 1w1w1")
# EN 798: four bars and three spaces; A to D begin and end.
_CODABAR: Final = dict(
    zip(
        "0123456789-$:/.+ABCD",
        _words(
            "11111ww 1111ww1 111w11w ww11111 11w11w1 w1111w1 1w1111w 1w11w11 1ww1111 w11w111 111ww11 11ww111 w111w1w "
            "w1w111w w1w1w11 11w1w1w 11ww1w1 1w1w11w 111w1ww 111www1"
        ),
        strict=True,
    )
)
# AIM USS-93: nine modules each; behind the 43 characters the shifts $ % / + and what begins and ends.
_CODE_93_CHARACTERS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-. $/+%"
_CODE_93: Final = _words(
    "131112 111213 111312 111411 121113 121212 121311 111114 131211 141111 211113 211212 211311 221112 221211 231111 "
    "112113 112212 112311 122112 132111 111123 111222 111321 121122 131121 212112 212211 211122 211221 221121 222111 "
    "112122 112221 122121 123111 121131 311112 311211 321111 112131 113121 211131 121221 312111 311121 122211 111141"
)
_CODE_93_SHIFTS: Final = {"$": 43, "%": 44, "/": 45, "+": 46}
_CODE_93_ENDS: Final = 47

UPC_A, UPC_E, EAN_13, EAN_8, CODE_39, ITF, CODABAR, CODE_93, CODE_128, GS1_128 = range(65, 75)
CODE_128_AUTO: Final = 79
NAMES: Final = {
    **dict(
        zip(range(65, 75), _words("UPC-A UPC-E EAN-13 EAN-8 CODE39 ITF CODABAR CODE93 CODE128 GS1-128"), strict=True)
    ),
    75: "GS1 DataBar Omnidirectional",
    76: "GS1 DataBar Truncated",
    77: "GS1 DataBar Limited",
    78: "GS1 DataBar Expanded",
    79: "CODE128 auto",
}
_DIGITS: Final = {UPC_A: (11, 12), UPC_E: (6, 7, 8, 11, 12), EAN_13: (12, 13), EAN_8: (7, 8)}


def bar_widths(symbology: int, data: bytes) -> str | None:
    """The bars of GS k's symbology m (65–79); None where the data has no such bars, or the symbology is not drawn."""
    text = data.decode("latin-1")
    if symbology == CODE_128:
        return _code_128(data)
    if symbology == GS1_128:
        return _code_128(_automatic(re.sub(r"[ ()]", "", text), lead="{1"))
    if symbology == CODE_128_AUTO:
        return _code_128(_automatic(text))
    if symbology == CODE_93:
        return _code_93(data)
    if symbology == CODE_39:
        text = f"*{text.strip('*')}*"
        is_whole = set(text) <= set(_CODE_39) and len(text) > 2
        return "1".join(_CODE_39[character] for character in text) if is_whole else None
    if symbology == CODABAR:
        text = text.upper()
        is_whole = bool(re.fullmatch(r"[A-D][0-9$+./:-]+[A-D]", text))
        return "1".join(_CODABAR[character] for character in text) if is_whole else None
    if not data.isdigit():
        return None
    if symbology == ITF:
        return _interleaved(text) if len(text) % 2 == 0 else None
    if len(text) not in _DIGITS.get(symbology, ()):
        return None
    if symbology == UPC_A:
        return _ean_13("0" + text)
    if symbology == UPC_E:
        return _upc_e(text)
    return _ean_13(text) if symbology == EAN_13 else _ean_8(text)


def _interleaved(text: str) -> str:
    pairs = zip(text[::2], text[1::2], strict=True)
    woven = (bar + space for a, b in pairs for bar, space in zip(_ITF[int(a)], _ITF[int(b)], strict=True))
    return "1111" + "".join(woven) + "w11"


def _code_93(data: bytes) -> str | None:
    """All of ASCII: what the 43 characters lack is a shift and a letter."""
    codes: list[int] = []
    for byte in data:
        character = chr(byte)
        if character in _CODE_93_CHARACTERS:
            codes.append(_CODE_93_CHARACTERS.index(character))
        elif byte < 0x80:
            codes += [
                _CODE_93_SHIFTS[part] if place == 0 else _CODE_93_CHARACTERS.index(part)
                for place, part in enumerate(_shifted_93(byte))
            ]
        else:
            return None
    if not codes:
        return None
    for longest in (20, 15):
        codes.append(sum(code * (place % longest + 1) for place, code in enumerate(reversed(codes))) % 47)
    return "".join(_CODE_93[code] for code in (_CODE_93_ENDS, *codes, _CODE_93_ENDS)) + "1"


def _shifted_93(byte: int) -> str:
    if byte == 0:
        return "%U"
    if byte <= 26:
        return "$" + chr(64 + byte)
    if 0x61 <= byte <= 0x7A:
        return "+" + chr(byte - 32)
    if 0x21 <= byte <= 0x3A:
        return "/" + chr(byte + 32)
    ranges = ((0x1B, "A"), (0x3B, "F"), (0x40, "V"), (0x5B, "K"), (0x60, "W"), (0x7B, "P"))
    start, letter = next(part for part in reversed(ranges) if part[0] <= byte)
    return "%" + chr(ord(letter) + byte - start)


def _automatic(text: str, lead: str = "") -> bytes:
    """Code set C for four digits and more, A for controls, B for all else."""
    out, code_set = "", ""
    for part in re.findall(r"(?:\d\d){2,}|.", text, re.DOTALL):
        is_free = len(part) == 1 and " " <= part < "`" and code_set in ("A", "B")
        wanted = code_set if is_free else "C" if len(part) > 1 else "A" if part < " " else "B"
        if wanted != code_set:
            out, code_set = out + "{" + wanted, wanted
        out, lead = out + lead, ""
        if len(part) > 1:
            out += "".join(chr(int(part[at : at + 2])) for at in range(0, len(part), 2))
        else:
            out += part.replace("{", "{{")
    return out.encode("latin-1", "replace")


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


# The parity of the six digits by the check digit, for the number system 0; for 1 it is the other way round.
_UPC_E_PARITY: Final = _words("GGGLLL GGLGLL GGLLGL GGLLLG GLGGLL GLLGGL GLLLGG GLGLGL GLGLLG GLLGLG")


def _upc_e(digits: str) -> str | None:
    """From six digits, from seven or eight with the number system and the check digit, or from UPC-A's eleven or twelve."""
    if len(digits) >= 11:
        short = _compressed(digits[:11])
        if short is None:
            return None
        system, six = digits[0], short
    else:
        system, six = ("0", digits) if len(digits) == 6 else (digits[0], digits[1:7])
    if system not in "01":
        return None
    parities = _UPC_E_PARITY[int(_check_digit(system + _expanded(six)))]
    if system == "1":
        parities = parities.translate(str.maketrans("GL", "LG"))
    return "111" + "".join(map(_ean_digit, six, parities)) + "111111"


def _compressed(digits: str) -> str | None:
    """UPC-A's ten digits behind the number system as UPC-E's six; None where they do not have the zeros for it."""
    maker, item = digits[1:6], digits[6:11]
    if maker[2:] in ("000", "100", "200") and item[:2] == "00":
        return maker[:2] + item[2:] + maker[2]
    if maker[3:] == "00" and item[:3] == "000":
        return maker[:3] + item[3:] + "3"
    if maker[4] == "0" and item[:4] == "0000":
        return maker[:4] + item[4] + "4"
    return maker + item[4] if item[:4] == "0000" and item[4] in "56789" else None


def _expanded(six: str) -> str:
    if six[5] in "012":
        return six[:2] + six[5] + "0000" + six[2:5]
    if six[5] == "3":
        return six[:3] + "00000" + six[3:5]
    if six[5] == "4":
        return six[:4] + "00000" + six[4]
    return six[:5] + "0000" + six[5]


def _ean_8(digits: str) -> str:
    digits = digits[:7] + _check_digit(digits[:7])
    return "111" + "".join(map(_ean_digit, digits[:4])) + "11111" + "".join(map(_ean_digit, digits[4:])) + "111"


def _ean_digit(digit: str, parity: str = "L") -> str:
    widths = _EAN_DIGITS[4 * int(digit) :][:4]
    return widths if parity == "L" else widths[::-1]


def readable_text(symbology: int, data: bytes) -> str:
    """What stands at the bars: for Code 128 without code set marks, set C's bytes as two digits each."""
    text = data.decode("latin-1")
    if symbology != CODE_128:
        lacks_check_digit = len(text) == {UPC_A: 11, EAN_13: 12, EAN_8: 7}.get(symbology)
        return _visible(text + _check_digit(text) if lacks_check_digit and text.isdigit() else text)
    readable, code_set = "", ""
    for mark, part in re.findall(rb"(\{.)?([^{]*)", data, re.DOTALL):
        if mark in (b"{A", b"{B", b"{C"):
            code_set = mark[1:].decode()
        elif mark == b"{{":
            readable += "{"
        readable += "".join(f"{byte:02}" for byte in part) if code_set == "C" else part.decode("latin-1")
    return _visible(readable)


def _visible(text: str) -> str:
    return "".join(character if " " <= character <= "~" else " " for character in text)
