"""What each key writes, by keyboard layout: a reader set to German presses other keys for the same text than one set to US.

Pure. Keys are the kernel's codes (linux/input-event-codes.h), which name places and not letters. The layouts are those of
Windows, which readers are made for, and so are their dead keys: such a key waits for the next one to write on.
"""

from __future__ import annotations

import unicodedata

import msgspec

KEYS = (41, *range(2, 14), *range(16, 28), *range(30, 41), 43, 86, *range(44, 54))
"""The keys that write, row by row from the upper left: 13, 12, 12 (the last is 43) and 11 (the first is 86)."""

KEYPAD = {71: "7", 72: "8", 73: "9", 75: "4", 76: "5", 77: "6", 79: "1", 80: "2", 81: "3", 82: "0"}
KEYPAD_SIGNS = {55: "*", 74: "-", 78: "+", 98: "/"}

_MARKS = {"^": "\u0302", "´": "\u0301", "`": "\u0300", "¨": "\u0308", "~": "\u0303"}


class Layout(msgspec.Struct, frozen=True):
    """By level: 0 alone, 1 with Shift, 2 with AltGr, 3 with both. `dead` holds (level, key)."""

    levels: tuple[dict[int, str], dict[int, str], dict[int, str], dict[int, str]]
    dead: frozenset[tuple[int, int]]

    @property
    def has_altgr(self) -> bool:
        return bool(self.levels[2])

    def is_letter(self, key: int) -> bool:
        """Whether Caps Lock turns it round."""
        return self.levels[0].get(key, "").islower() and self.levels[1].get(key, "").isupper()


def together(mark: str, character: str) -> str:
    """What a dead key and the next one write: one letter, the mark alone before a space, else both.

    >>> together("^", "e"), together("^", " "), together("^", "1")
    ('ê', '^', '^1')
    """
    if character == " ":
        return mark
    composed = unicodedata.normalize("NFC", character + _MARKS[mark])
    return composed if len(composed) == 1 else mark + character


def _layout(
    plain: str, shift: str, altgr: str = "", both: str = "", dead: tuple[str, str, str] = ("", "", "")
) -> Layout:
    """`plain` and `shift` in the order of KEYS, blank where a key writes nothing; `altgr` and `both` in pairs of what the key
    writes alone and what it writes then; `dead` by level, the keys by what they write alone.
    """
    key_of = {character: key for key, character in zip(KEYS, plain, strict=True) if character != " "}

    def by_order(row: str) -> dict[int, str]:
        return {key: character for key, character in zip(KEYS, row, strict=True) if character != " "}

    def by_pairs(pairs: str) -> dict[int, str]:
        return {key_of[pairs[at]]: pairs[at + 1] for at in range(0, len(pairs), 2)}

    return Layout(
        levels=(by_order(plain), by_order(shift), by_pairs(altgr), by_pairs(both)),
        dead=frozenset((level, key_of[character]) for level, keys in enumerate(dead) for character in keys),
    )


LAYOUTS = {
    "us": _layout(
        "`1234567890-=qwertyuiop[]asdfghjkl;'\\ zxcvbnm,./",
        '~!@#$%^&*()_+QWERTYUIOP{}ASDFGHJKL:"| ZXCVBNM<>?',
    ),
    "uk": _layout(
        "`1234567890-=qwertyuiop[]asdfghjkl;'#\\zxcvbnm,./",
        '¬!"£$%^&*()_+QWERTYUIOP{}ASDFGHJKL:@~|ZXCVBNM<>?',
        "`¦4€eéuúiíoóaá",
        "eÉuÚiÍoÓaÁ",
    ),
    "de": _layout(
        "^1234567890ß´qwertzuiopü+asdfghjklöä#<yxcvbnm,.-",
        "°!\"§$%&/()=?`QWERTZUIOPÜ*ASDFGHJKLÖÄ'>YXCVBNM;:_",
        "2²3³7{8[9]0}ß\\q@e€+~<|mµ",
        dead=("^´", "´", ""),
    ),
    "fr": _layout(
        "²&é\"'(-è_çà)=azertyuiop^$qsdfghjklmù*<wxcvbn,;:!",
        " 1234567890°+AZERTYUIOP¨£QSDFGHJKLM%µ>WXCVBN?./§",
        "é~\"#'{([-|è`_\\ç^à@)]=}e€$¤",
        dead=("^", "^", "éè"),
    ),
    "be": _layout(
        "²&é\"'(§è!çà)-azertyuiop^$qsdfghjklmùµ<wxcvbn,;:=",
        "³1234567890°_AZERTYUIOP¨*QSDFGHJKLM%£>WXCVBN?./+",
        "&|é@\"#'{([§^ç{à}e€^[$]ù´µ`<\\=~",
        dead=("^", "^", "ùµ="),
    ),
    "ch": _layout(
        "§1234567890'^qwertzuiopü¨asdfghjklöä$<yxcvbnm,.-",
        '°+"*ç%&/()=?`QWERTZUIOPè!ASDFGHJKLéà£>YXCVBNM;:_',
        "1¦2@3#6¬7|8¢'´^~e€ü[¨]ä{$}<\\",
        dead=("^¨", "^", "'^"),
    ),
    "es": _layout(
        "º1234567890'¡qwertyuiop`+asdfghjklñ´ç<zxcvbnm,.-",
        'ª!"·$%&/()=?¿QWERTYUIOP^*ASDFGHJKLÑ¨Ç>ZXCVBNM;:_',
        "º\\1|2@3#4~5€6¬e€`[+]´{ç}",
        dead=("`´", "`´", "4"),
    ),
    "pt": _layout(
        "\\1234567890'«qwertyuiop+´asdfghjklçº~<zxcvbnm,.-",
        '|!"#$%&/()=?»QWERTYUIOP*`ASDFGHJKLÇª^>ZXCVBNM;:_',
        "2@3£4§7{8[9]0}e€+¨",
        dead=("´~", "´~", "+"),
    ),
    "it": _layout(
        "\\1234567890'ìqwertyuiopè+asdfghjklòàù<zxcvbnm,.-",
        '|!"£$%&/()=?^QWERTYUIOPé*ASDFGHJKLç°§>ZXCVBNM;:_',
        "e€è[+]ò@à#",
        "è{+}",
    ),
    "tr": _layout(
        '"1234567890*-qwertyuıopğüasdfghjklşi,<zxcvbnmöç.',
        "é!'^+%&/()=?_QWERTYUIOPĞÜASDFGHJKLŞİ;>ZXCVBNMÖÇ:",
        '"<1>2£3#4$5½7{8[9]0}*\\-|q@e€t₺ğ¨ü~aæsßş´,`<|',
        dead=("", "3", "ğüş,"),
    ),
    "se": _layout(
        "§1234567890+´qwertyuiopå¨asdfghjklöä'<zxcvbnm,.-",
        '½!"#¤%&/()=?`QWERTYUIOPÅ^ASDFGHJKLÖÄ*>ZXCVBNM;:_',
        "2@3£4$5€7{8[9]0}+\\e€¨~<|mµ",
        dead=("´¨", "´¨", "¨"),
    ),
    "dk": _layout(
        "½1234567890+´qwertyuiopå¨asdfghjklæø'<zxcvbnm,.-",
        '§!"#¤%&/()=?`QWERTYUIOPÅ^ASDFGHJKLÆØ*>ZXCVBNM;:_',
        "2@3£4$5€7{8[9]0}´|e€¨~<\\mµ",
        dead=("´¨", "´¨", "¨"),
    ),
    "no": _layout(
        "|1234567890+\\qwertyuiopå¨asdfghjkløæ'<zxcvbnm,.-",
        '§!"#¤%&/()=?`QWERTYUIOPÅ^ASDFGHJKLØÆ*>ZXCVBNM;:_',
        "2@3£4$5€7{8[9]0}\\´e€¨~mµ",
        dead=("¨", "\\¨", "\\¨"),
    ),
}
"""By what people write into a setting. Finland's is Sweden's, Austria's is Germany's, Swiss French differs in no digit."""
