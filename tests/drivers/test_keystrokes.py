"""Keys in, codes out: every layout, every way in which a reader writes a character, and every way in which a code can be torn."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanners.keyboard.keystrokes import DOWN, EV_KEY, EV_SYN, SYN_DROPPED, UP, KeyEvent, Keystrokes, Suffix
from drivers.scanners.keyboard.layouts import KEYS, LAYOUTS, together
from drivers.scanners.scan import scan_from_bytes
from drivers.simulated.scanners.keyboard import strokes
from loyalty.card import CardRules, MemberCard, member_card

CARD, OTHER = "2900000000018", "4006381333931"

# linux/input-event-codes.h, by name, so that a row below can be read
ROWS = {
    2: "1 2 3 4 5 6 7 8 9 0 - = Backspace Tab",
    16: "Q W E R T Y U I O P [ ] Enter Ctrl",
    30: "A S D F G H J K L ; ' ` Shift \\ Z X C V B N M , . / RShift",
    56: "Alt Space Caps",
    71: "KP7 KP8 KP9 KP- KP4 KP5 KP6 KP+ KP1 KP2 KP3 KP0 KP.",
}
NAMES = {name: key for first, row in ROWS.items() for key, name in enumerate(row.split(), first)}
NAMES |= {"102ND": 86, "KPEnter": 96, "RCtrl": 97, "AltGr": 100, "NumLock": 69, "F9": 67, "F13": 183, "Esc": 1}
NAMES |= {"Left": 105, "Delete": 111, "Meta": 125, "Trigger": 0x110}


class Typist:
    """Presses keys by name, 10 ms apart: `A` presses and lets go, `Shift+A` holds, `+Shift` and `-Shift` are half of it."""

    def __init__(self, key_s: float = 0.01) -> None:
        self.now = 100.0
        self.key_s = key_s

    def events(self, pressed: str) -> list[KeyEvent]:
        events: list[KeyEvent] = []
        for stroke in pressed.split():
            if stroke[0] in "+-" and stroke[1:] in NAMES:
                events.append(self._event(stroke[1:], DOWN if stroke[0] == "+" else UP))
                continue
            names = stroke.split("+") if not stroke.startswith("KP+") else [stroke]
            events += [self._event(name, DOWN) for name in names]
            events += [self._event(name, UP) for name in reversed(names)]
        return events

    def text(self, text: str, layout: str = "us") -> list[KeyEvent]:
        key_of = {key: name for name, key in NAMES.items()}
        return self.events(
            " ".join("+".join(key_of[key] for key in (*held, key)) for held, key in strokes(text, LAYOUTS[layout]))
        )

    def dropped(self) -> list[KeyEvent]:
        return [KeyEvent(self.now, EV_SYN, SYN_DROPPED, 0)]

    def rest(self, seconds: float = 3.0) -> None:
        self.now += seconds

    def _event(self, name: str, value: int) -> KeyEvent:
        self.now += self.key_s / 2
        return KeyEvent(self.now, EV_KEY, NAMES[name], value)


def listening(layout: str = "us", suffix: Suffix = "enter", **settings: float) -> Keystrokes:
    """Claimed long before the typist begins."""
    return Keystrokes(LAYOUTS[layout], suffix, now=0.0, **settings)  # type: ignore[arg-type]


def typed(pressed: str, layout: str = "us", suffix: Suffix = "enter") -> tuple[list[str], int]:
    """The codes and the number of those lost; a silence follows."""
    typist, keystrokes = Typist(), listening(layout, suffix)
    codes = keystrokes.feed(typist.events(pressed))
    codes += keystrokes.expire(typist.now + 9)
    return codes, keystrokes.dropped


def members(codes: Iterable[str]) -> list[str]:
    readings = (member_card(CardRules(), scan_from_bytes(code.encode(), "", 0.0).label) for code in codes)
    return [reading.number for reading in readings if isinstance(reading, MemberCard)]


# layout, keys, text. The text is what Windows writes with that layout.
WRITTEN = [
    ("us", "2 9 Shift+A B", "29Ab"),
    ("us", "Shift+] Shift+E 0 4", "}E04"),
    ("us", "] Shift+E 0 4", "]E04"),  # an AIM identifier
    ("us", "Shift+2 Shift+' Shift+\\ Shift+`", '@"|~'),
    ("us", "+Shift A B -Shift C", "ABc"),
    ("us", "RShift+A +Shift +RShift -Shift B -RShift", "AB"),
    ("uk", "Shift+2 Shift+' \\ Shift+\\ 102ND Shift+` Shift+3", '"@#~\\¬£'),
    ("uk", "AltGr+4", "€"),
    ("de", "Z Y Shift+7 Shift+0", "yz/="),
    ("de", "AltGr+Q AltGr+9 AltGr+E Ctrl+Alt+9", "@]€]"),  # Windows takes Ctrl and Alt for AltGr
    ("de", "AltGr+9 Shift+E 0 4", "]E04"),
    ("de", "` Space ` E = A Shift+= E", "^êáè"),
    ("de", "` 1", "^1"),  # nothing has such a mark: both are written
    ("de", "` ` 1", "^^1"),
    ("de", "/ Shift+/ - [ ; '", "-_ßüöä"),
    ("fr", "Shift+2 Shift+9 Shift+0", "290"),
    ("fr", "2 9 0", "éçà"),
    ("fr", "Q A ; , Shift+,", "aqm;."),
    ("fr", "[ Space [ E Shift+[ E AltGr+- Shift+E Shift+0", "^êë]E0"),
    ("fr", "AltGr+2 Space AltGr+7 Space", "~`"),
    ("es", "[ Space [ E Shift+[ O ' A Shift+' U", "`èôáü"),
    ("es", "AltGr+] Shift+E 0 ; Shift+7 AltGr+4 Space", "]E0ñ/~"),
    ("tr", "I Shift+I ' Shift+' [ ; , .", "ıIiİğşöç"),
    ("tr", "AltGr+9 Shift+E 0", "]E0"),
    ("tr", "Shift+3 Space / \\ Shift+\\", "^.,;"),
    ("it", "AltGr+[ AltGr+] AltGr+Shift+[ Shift+[ AltGr+; AltGr+'", "[]{é@#"),
    ("be", "Shift+2 2 AltGr+] Shift+E", "2é]E"),
    ("ch", "Shift+[ [ AltGr+] Shift+E = Space", "èü]E^"),
    ("pt", "AltGr+9 Shift+E \\ A ] A", "]Eãá"),
    ("se", "AltGr+9 Shift+E [ = Space AltGr+] Space", "]Eå´~"),
    ("dk", "AltGr+9 AltGr+102ND AltGr+=", "]\\|"),
    ("no", "AltGr+9 = `", "]\\|"),
    # Caps Lock turns letters round and nothing else, and ends with the next silence.
    ("us", "Caps A 1 - Shift+B Caps A Shift+B", "A1-baB"),
    ("de", "Caps [ - Shift+- Caps", "Üß?"),
    ("it", "Caps [ Shift+[", "èé"),  # two small letters are no pair
    ("tr", "Caps I ' Shift+'", "Iİi"),
    # The keypad writes digits, whatever NumLock says.
    ("us", "KP2 KP9 NumLock KP0 KP+ KP-", "290+-"),
    # Control characters; GS is the one that codes have.
    ("us", "0 1 Ctrl+] 1 7", "01\x1d17"),
    ("de", "0 1 Ctrl+] 1 7", "01\x1d17"),  # Windows has it there on every layout
    ("fr", "Ctrl+] RCtrl+\\ Ctrl+[", "\x1d\x1c\x1b"),
    ("us", "Ctrl+Shift+6 Ctrl+D Ctrl+Shift+-", "\x1e\x04\x1f"),
    ("fr", "Ctrl+Q", "\x01"),  # A stands there
    # Alt and a number on the keypad: Windows-1252 with a zero before it, else code page 437.
    ("us", "+Alt KP0 KP2 KP9 -Alt 1", "\x1d1"),
    ("us", "+Alt KP0 KP0 KP2 KP9 -Alt 1", "\x1d1"),
    ("de", "+Alt KP2 KP9 -Alt 1", "\x1d1"),
    ("us", "+Alt KP6 KP5 -Alt +Alt KP0 KP6 KP5 -Alt +AltGr KP6 KP6 -AltGr", "AAB"),
    ("fr", "+Alt KP1 KP3 KP0 -Alt +Alt KP0 KP2 KP3 KP3 -Alt +Alt KP0 KP1 KP2 KP8 -Alt", "éé€"),
    ("us", "+Alt -Alt 1", "1"),
    # Keys that write nothing.
    ("us", "F9 2 9 F13 Trigger", "29"),
]


@pytest.mark.parametrize(("layout", "pressed", "text"), WRITTEN)
def test_keys_write_what_they_write_on_their_layout(layout: str, pressed: str, text: str) -> None:
    assert typed(pressed + " Enter", layout) == ([text], 0)


@pytest.mark.parametrize("layout", sorted(set(LAYOUTS) - {"it"}))
def test_every_layout_writes_all_of_ascii_and_each_character_by_one_way(layout: str) -> None:
    text = "".join(map(chr, range(0x20, 0x7F)))
    typist, keystrokes = Typist(), listening(layout)
    assert keystrokes.feed(typist.text(text + "\r", layout)) == [text]


def test_italians_have_no_key_for_two_characters() -> None:
    has = {character for level in LAYOUTS["it"].levels for character in level.values()}
    assert set(map(chr, range(0x21, 0x7F))) - has == {"~", "`"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_writes_nothing_by_two_keys_and_has_no_dead_key_without_a_mark(layout: str) -> None:
    table = LAYOUTS[layout]
    assert all(set(level) <= set(KEYS) for level in table.levels)
    for level in table.levels[:2]:  # with AltGr a few are written by two keys
        assert max(Counter(level.values()).values()) == 1, level
    for level, key in table.dead:
        assert together(table.levels[level][key], " ") == table.levels[level][key]
        together(table.levels[level][key], "e")


@pytest.mark.parametrize(
    ("suffix", "ends"),
    [
        ("enter", ["Enter", "KPEnter", "Ctrl+M", "Ctrl+J", "Enter Ctrl+J", "Shift+Enter", "+Alt KP0 KP1 KP3 -Alt"]),
        ("tab", ["Tab", "Ctrl+I", "+Alt KP0 KP0 KP9 -Alt"]),
    ],
)
def test_every_way_of_sending_the_suffix_ends_a_code(suffix: Suffix, ends: list[str]) -> None:
    for end in ends:
        assert typed(f"1 {end} 2 {end} {end}", suffix=suffix) == (["1", "2"], 0), end


def test_the_other_suffix_is_text_and_a_code_without_its_own_is_dropped() -> None:
    assert typed("1 Tab 2 Enter") == (["1\t2"], 0)
    assert typed("1 2 Tab") == ([], 1)
    assert typed("1 2 Enter", suffix="tab") == ([], 1)


def test_without_a_suffix_silence_ends_a_code() -> None:
    typist, keystrokes = Typist(), listening(suffix="none", pause_s=0.5)
    assert keystrokes.feed(typist.text(CARD)) == []
    assert keystrokes.expire(typist.now + 0.49) == []
    assert keystrokes.expire(typist.now + 0.5) == [CARD]
    assert keystrokes.expire(typist.now + 9) == []
    assert keystrokes.dropped == 0


def test_silences_between_codes_count_by_when_they_were_typed_not_by_when_somebody_looks() -> None:
    typist, keystrokes = Typist(), listening(suffix="none")
    events = typist.text(CARD)
    typist.rest(0.6)
    events += typist.text(OTHER)
    assert keystrokes.feed(events) == [CARD]
    assert keystrokes.expire(typist.now + 0.5) == [OTHER]


def test_a_code_in_pieces_is_whole_when_no_pause_was_too_long() -> None:
    for suffix, end in (("enter", "\r"), ("tab", "\t")):
        typist, keystrokes = Typist(), listening(suffix=suffix)  # type: ignore[arg-type]
        assert keystrokes.feed(typist.text(CARD[:5])) == []
        typist.rest(0.4)
        assert keystrokes.expire(typist.now) == []
        assert keystrokes.feed(typist.text(CARD[5:] + end)) == [CARD]


# Nothing of a torn code is ever delivered.


@pytest.mark.parametrize("suffix", ["enter", "tab", "none"])
@pytest.mark.parametrize("lost_keys", [1, 5, 12])
def test_what_began_before_the_claim_is_dropped(suffix: Suffix, lost_keys: int) -> None:
    typist = Typist()
    end = {"enter": "\r", "tab": "\t", "none": ""}[suffix]
    keystrokes = Keystrokes(LAYOUTS["us"], suffix, now=typist.now)
    assert keystrokes.feed(typist.text((CARD + end)[lost_keys:])) == []
    typist.rest()
    assert keystrokes.expire(typist.now) == []
    assert keystrokes.dropped == 1
    codes = keystrokes.feed(typist.text(OTHER + end))
    assert codes + keystrokes.expire(typist.now + 1) == [OTHER]


def test_the_end_of_a_code_before_the_claim_makes_the_next_one_whole() -> None:
    typist = Typist()
    keystrokes = Keystrokes(LAYOUTS["us"], now=typist.now)
    assert keystrokes.feed(typist.text("18\r" + CARD + "\r")) == [CARD]
    assert keystrokes.dropped == 1
    typist = Typist()
    keystrokes = Keystrokes(LAYOUTS["us"], now=typist.now)
    assert keystrokes.feed(typist.text("\r" + CARD + "\r")) == [CARD]  # only its Enter came after
    assert keystrokes.dropped == 0


@pytest.mark.parametrize("suffix", ["enter", "none"])
def test_lost_events_drop_the_code_whole_and_the_next_one_is_read(suffix: Suffix) -> None:
    end = "\r" if suffix == "enter" else ""
    for lost_from, lost_to in itertools.combinations(range(2 * len(CARD + end)), 2):
        typist, keystrokes = Typist(), listening(suffix=suffix)
        events = typist.text(CARD + end)
        overflow = [KeyEvent(events[lost_from].at, EV_SYN, SYN_DROPPED, 0)]
        codes = keystrokes.feed(events[:lost_from] + overflow + events[lost_to:])
        typist.rest()
        codes += keystrokes.expire(typist.now)
        assert codes == ([CARD] if end and lost_from == 27 else []), (lost_from, lost_to)  # after Enter went down
        assert keystrokes.dropped == 1
        codes = keystrokes.feed(typist.text(OTHER + end))
        assert codes + keystrokes.expire(typist.now + 1) == [OTHER]


@pytest.mark.parametrize("suffix", ["enter", "none"])
def test_lost_events_never_make_one_code_of_two(suffix: Suffix) -> None:
    whole = Typist()
    events = whole.text(CARD + ("\r" if suffix == "enter" else ""))
    if suffix == "none":
        whole.rest(0.6)
    events += whole.text(OTHER + ("\r" if suffix == "enter" else ""))
    for lost_from, lost_to in itertools.combinations(range(len(events) + 1), 2):
        keystrokes = listening(suffix=suffix)
        overflow = [KeyEvent(events[lost_to - 1].at, EV_SYN, SYN_DROPPED, 0)]
        codes = keystrokes.feed(events[:lost_from] + overflow + events[lost_to:])
        codes += keystrokes.expire(whole.now + 9)
        assert set(codes) <= {CARD, OTHER}, (lost_from, lost_to)
        assert keystrokes.dropped >= 1


def test_a_modifier_that_came_up_unseen_is_up() -> None:
    typist, keystrokes = Typist(), listening()
    for held in ("+Shift", "+Ctrl", "+Alt", "+AltGr", "Caps"):
        keystrokes.feed(typist.events(held))
        keystrokes.feed(typist.dropped())
        typist.rest()
        assert keystrokes.feed(typist.events("A Enter")) == ["a"], held


@pytest.mark.parametrize(
    ("layout", "pressed"),
    [
        ("us", "2 102ND 9"),  # a key that the layout has not
        ("us", "2 Backspace 9"),  # edited by a person
        ("us", "2 Left 9"),
        ("us", "2 Delete 9"),
        ("us", "2 Esc 9"),
        ("us", "2 KP. 9"),  # a point or a comma, who knows
        ("us", "2 Meta 9"),
        ("us", "2 Alt+A 9"),
        ("us", "2 AltGr+A 9"),  # a US keyboard has no AltGr
        ("us", "2 Alt+1 9"),  # Alt and a number is typed on the keypad
        ("us", "2 Ctrl+1 9"),
        ("us", "2 Ctrl+Space 9"),
        ("us", "2 Shift+KP2 9"),  # moves a cursor
        ("us", "2 +Alt KP2 KP5 KP6 -Alt 9"),  # no code page has so many
        ("us", "2 +Alt KP0 KP0 KP0 KP5 KP0 -Alt 9"),
        ("us", "2 +Alt KP5 A KP0 -Alt 9"),
        ("de", "2 AltGr+A 9"),
        ("fr", "Shift+2 Shift+`"),
        ("us", "+Alt KP5 KP0 Enter -Alt"),
    ],
)
def test_a_code_with_a_key_that_nobody_knows_is_dropped_whole(layout: str, pressed: str) -> None:
    assert typed(f"{pressed} 1 8 Enter 1 Enter", layout)[1] == 1
    assert typed(f"{pressed} 1 8 Enter 1 Enter", layout)[0] in (["1"], ["&"])
    assert typed(f"{pressed} 1 8", layout, "none") == ([], 1)


@pytest.mark.parametrize("suffix", ["enter", "none"])
@pytest.mark.parametrize("first", ["+Alt KP5", "` "])
def test_half_a_character_is_none(suffix: Suffix, first: str) -> None:
    typist, keystrokes = Typist(), listening("de", suffix)
    assert keystrokes.feed(typist.events(first)) == []
    typist.rest()
    assert keystrokes.feed(typist.events("+Alt KP0 -Alt" if first.strip() == "`" else "KP0 -Alt")) == []
    typist.rest()
    codes = keystrokes.feed(typist.events("1 Enter"))
    assert not set("".join(codes)) & set("^20")
    assert keystrokes.dropped >= 1


@pytest.mark.parametrize("pause_s", [0.5, 1.0])
@pytest.mark.parametrize("keys", range(1, len(CARD) + 1))
def test_neither_half_of_a_code_that_breaks_off_is_delivered_nor_glued_to_another(pause_s: float, keys: int) -> None:
    typist, keystrokes = Typist(), listening(pause_s=pause_s)
    assert keystrokes.feed(typist.text(CARD[:keys])) == []
    typist.rest(3.9 * pause_s)
    assert keystrokes.expire(typist.now) == []
    assert keystrokes.dropped == 1
    assert keystrokes.feed(typist.text(CARD[keys:] + "\r" + OTHER + "\r")) == [OTHER]  # the rest came after all
    assert keystrokes.dropped == 1
    keystrokes.feed(typist.text(CARD[:keys]))
    typist.rest(4.1 * pause_s)
    assert keystrokes.feed(typist.text(CARD + "\r")) == [CARD]  # it never came
    assert keystrokes.dropped == 2


def test_an_overlong_code_is_dropped_whole_up_to_its_end() -> None:
    typist, keystrokes = Typist(), Keystrokes(LAYOUTS["us"], now=0.0, max_keys=13)
    assert keystrokes.feed(typist.text("1" * 100 + CARD + "\r" + CARD + "\r" + "0" + CARD + "\r")) == [CARD]
    assert keystrokes.dropped == 2


def test_a_key_that_is_held_writes_once() -> None:
    typist, keystrokes = Typist(), listening()
    events = typist.events("2 +9")
    for _ in range(50):
        typist.rest(0.033)
        events.append(KeyEvent(typist.now, EV_KEY, NAMES["9"], 2))
    assert keystrokes.feed(events) == []
    assert keystrokes.expire(typist.now) == []  # held so long, it is no code
    assert keystrokes.dropped == 1
    assert keystrokes.feed(typist.events("-9 1 Enter 2 Enter")) == ["2"]


def test_keys_may_overlap_as_fast_readers_have_them() -> None:
    assert typed("+2 +9 -2 +0 -9 -0 +1 -1 +8 +Enter -8 -Enter") == (["29018"], 0)


def test_claimed_anew_nothing_of_before_remains() -> None:
    typist, keystrokes = Typist(), listening()
    keystrokes.feed(typist.events("2 9 +Shift Caps"))
    keystrokes.reset(typist.now)
    assert keystrokes.dropped == 1
    typist.rest()
    assert keystrokes.feed(typist.events("A Enter")) == ["a"]
    keystrokes.reset(typist.now)
    assert keystrokes.dropped == 1


# Who types: a person is let go.


def test_a_person_who_types_is_noticed_before_the_end_of_a_card_number() -> None:
    for seed in range(200):
        source, typist, keystrokes = random.Random(seed), Typist(), listening()
        for count, digit in enumerate(CARD):
            down = KeyEvent(typist.now + source.uniform(0.09, 0.38), EV_KEY, NAMES[digit], DOWN)
            up = KeyEvent(down.at + source.uniform(0.05, 0.11), EV_KEY, NAMES[digit], UP)
            typist.now = up.at
            assert keystrokes.feed([down, up]) == []
            if keystrokes.is_typed_by_hand:
                assert count >= 5
                break
        else:
            pytest.fail(f"seed {seed}: nobody noticed")


@pytest.mark.parametrize("key_s", [0.005, 0.01, 0.02, 0.08, 0.16, 0.3, 0.6])
def test_a_reader_is_no_person_however_slowly_it_was_told_to_type(key_s: float) -> None:
    for seed in range(50):
        source, typist, keystrokes = random.Random(seed), Typist(key_s), listening("us")
        text = "".join(source.choices("ABCDEFabcdef0123456789-_=", k=60))
        read = []
        for code in (CARD, OTHER, text):
            events = [
                event._replace(at=event.at + source.uniform(0, 0.01)) for event in typist.text(code + "\r")
            ]  # USB asks every 8 ms or so
            for event in events:
                read += keystrokes.feed([event])
                assert not keystrokes.is_typed_by_hand
            typist.rest(0.3)
        assert read == [CARD, OTHER, text]


# Anything at all.


@given(
    st.lists(st.tuples(st.sampled_from(sorted(NAMES)), st.sampled_from([0, 1, 1, 2]), st.floats(0, 0.7)), max_size=60),
    st.lists(st.integers(0, 60), max_size=6),
    st.sampled_from(sorted(LAYOUTS)),
    st.sampled_from(["enter", "tab", "none"]),
)
def test_when_somebody_looks_never_matters(
    presses: list[tuple[str, int, float]], looks: list[int], layout: str, suffix: Suffix
) -> None:
    now, events = 100.0, []
    for name, value, pause_s in presses:
        now += pause_s
        events.append(KeyEvent(now, EV_KEY, NAMES[name], value))

    def outcome(looks: Sequence[int]) -> tuple[list[str], int]:
        keystrokes = listening(layout, suffix)
        edges = [0, *sorted(min(look, len(events)) for look in looks), len(events)]
        codes: list[str] = []
        for begin, end in itertools.pairwise(edges):
            codes += keystrokes.feed(events[begin:end])
            if end:
                codes += keystrokes.expire(events[end - 1].at)
        return codes + keystrokes.expire(now + 9), keystrokes.dropped

    assert outcome(looks) == outcome([])


@pytest.mark.parametrize(
    "count", [100_000, pytest.param(10_000_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def test_random_keys_cost_no_memory_make_no_member_and_write_nothing_that_was_not_pressed(count: int) -> None:
    source = random.Random(count)
    layouts = itertools.cycle(sorted(LAYOUTS))
    done = 0
    while done < count:
        name, suffix = next(layouts), source.choice(["enter", "tab", "none"])
        table = LAYOUTS[name]
        keystrokes = Keystrokes(table, suffix, now=0.0, max_keys=64)
        writing = [*KEYS, *range(71, 84), *range(2, 12), *range(2, 12), 28, 15, 57, 28, 28]
        codes_of_keys = [source.choice([*writing, *writing, 42, 29, 56, 100, 58, *range(260)]) for _ in range(400)]
        now, pressed, kept = 100.0, set[int](), 0
        for _ in range(min(50, max(1, (count - done) // 400))):
            events = []
            for _ in range(400):
                now += source.choice((0.002, 0.01, 0.01, 0.01, 0.08, 0.2, 0.7))
                if source.random() < 0.002:
                    events.append(KeyEvent(now, EV_SYN, SYN_DROPPED, 0))
                events.append(KeyEvent(now, EV_KEY, source.choice(codes_of_keys), source.choice((0, 0, 0, 1, 1, 1, 2))))
            done += 400
            pressed |= {event.code for event in events if event.value == DOWN}
            can_write = {character for level in table.levels for key, character in level.items() if key in pressed}
            codes = keystrokes.feed(events)
            if not pressed & {56, 100, 29, 97}:  # else Alt and a number, and control characters
                letters = {c for character in can_write for mark in "^´`¨~" for c in together(mark, character)}
                assert set("".join(codes)) <= letters | can_write | set("\r\t 0123456789+-*/")
            assert members(codes) == []
            assert all(0 < len(code) <= 2 * 64 + 1 for code in codes)
            kept = max(kept, len(keystrokes._text), len(keystrokes._gaps), len(keystrokes._held))
        assert kept <= 64


@pytest.mark.parametrize("count", [1_500, pytest.param(100_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])])
@pytest.mark.parametrize("suffix", ["enter", "tab", "none"])
def test_whatever_goes_wrong_on_the_way_only_codes_that_were_read_are_delivered(suffix: Suffix, count: int) -> None:
    """Every code is another, and the tail of any is a code that no reader read."""
    source, typist, keystrokes = random.Random(count), Typist(), listening(suffix=suffix)
    end = {"enter": "\r", "tab": "\t", "none": ""}[suffix]
    delivered, sound = 0, 0
    for number in range(count):
        code = f"{number:06}{source.randrange(10**7):07}"
        typist.rest(source.choice((0.6, 1.0, 2.0, 5.0)))  # between two presses of its trigger
        events, codes = typist.text(code + end), []
        faults = ["none", "none", "none", "stall", "overflow", "claim"] + ["cut off"] * bool(end)
        fault = source.choice(
            faults
        )  # without a suffix, one that is cut off or stalls for long, is one that is shorter
        at, later_s = source.randrange(1, len(events)), 0.0
        if fault == "stall":
            later_s = source.uniform(0.1, 1.9 if end else 0.4)
        if fault == "cut off":
            events = events[:at]
            at = 0
        typist.now += later_s
        events = events[:at] + [event._replace(at=event.at + later_s) for event in events[at:]]
        while events:
            taken, left = events[: source.randrange(1, 30)], len(events)
            done = 2 * (len(code) + len(end)) - left
            if fault == "overflow" and done >= at:
                codes += keystrokes.feed([KeyEvent(taken[-1].at, EV_SYN, SYN_DROPPED, 0)])
                fault = "done"
            else:
                codes += keystrokes.feed(taken)
            if fault == "claim" and done >= at:
                keystrokes.reset(taken[-1].at)
                fault = "done"
            del events[: len(taken)]
            if source.random() < 0.3:
                codes += keystrokes.expire(taken[-1].at + 0.01)
        if not end:
            codes += keystrokes.expire(typist.now + 0.55)
        assert codes in ([], [code]), (number, fault, at)
        delivered += len(codes)
        sound += fault == "none"
    assert delivered > 0.9 * sound
