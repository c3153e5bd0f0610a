"""When frames make a scan: the rules, frame by frame, at times that the test says."""

from __future__ import annotations

import random

import pytest

from drivers.scanners.camera.agreement import AWAY_S, LINEAR_FRAMES, MATRIX_FRAMES, MISSES_BETWEEN, Agreement
from drivers.scanners.camera.codes import Code, Sight, sight

FRAME_S = 0.05
CODES = {
    "A": Code("2900000000018", "ean13", corners=((0, 300), (99, 340))),
    "B": Code("2900000000025", "ean13", corners=((0, 600), (99, 640))),
    "L": Code("M000000001", "code128", corners=((0, 600), (99, 640))),
    "Q": Code("https://shop.example/m/7", "qr", corners=((0, 0), (99, 99))),
    "R": Code("https://shop.example/m/8", "qr", corners=((0, 0), (99, 99))),
}
"""One letter a code. `AB` is a frame that shows both, `.` one without a code, `-` a second that passes."""


def scans(frames: str) -> str:
    """What comes of frames written as words: `A A . A` is three frames with the card A and one without a code in between."""
    agreement, now, read = Agreement(), 0.0, ""
    letters = {code: letter for letter, code in CODES.items()}
    for frame in frames.split():
        now += AWAY_S if frame == "-" else FRAME_S
        if frame != "-":
            shown = sight(CODES[letter] for letter in frame if letter != ".")
            read += "".join(letters[code] for code in agreement.take(shown, now))
    return read


@pytest.mark.parametrize(
    ("frames", "read"),
    [
        ("A A", ""),
        ("A A A", "A"),
        ("Q", ""),
        ("Q Q", "Q"),
        ("A . A . A", "A"),  # a hand shakes
        ("A A . . . A", "A"),
        ("A A . . . . A", ""),  # too long ago to be one look
        ("A A - A", ""),
        ("A A - A A A", "A"),
        ("A A B A", ""),  # another code begins anew
        ("A B A B A B", ""),
        ("A A B B B", "B"),
        ("A A L A", ""),  # also one of another kind, where one linear code is expected
        ("A A AB A", ""),  # a contradiction ends what had begun
        ("AB AB AB AB", ""),
        ("A A AB A A A", "A"),
        ("Q QR Q", ""),
        ("Q R Q R", ""),
        ("A A A A A A A A", "A"),  # it stays: one scan
        ("A A A . . . . . A A A", "A"),  # not away for long
        ("A A A - A A A", "AA"),  # away, and shown again
        ("A A A B B B A A A", "AB"),  # B is laid on A for a moment
        ("A A A B B B - A A A", "ABA"),
        ("A A A " + "AB " * 30 + "A A A", "A"),  # two cards in view prove nothing, and A never left
        ("AQ AQ AQ", "QA"),  # a card with both
        ("AQ A AQ", "AQ"),
        ("Q A Q A A", "QA"),  # side by side, each by its own count
    ],
)
def test_frames_make_scans(frames: str, read: str) -> None:
    assert scans(frames) == read


def test_what_was_seen_before_the_camera_went_away_counts_no_more() -> None:
    agreement, shown = Agreement(), Sight((CODES["A"],))
    for _ in range(LINEAR_FRAMES - 1):
        assert agreement.take(shown, 0.0) == []
    agreement.forget()
    for _ in range(LINEAR_FRAMES - 1):
        assert agreement.take(shown, 0.1) == []
    assert agreement.take(shown, 0.1) == [CODES["A"]]
    agreement.forget()
    assert [agreement.take(shown, 0.2) for _ in range(LINEAR_FRAMES)][-1] == [CODES["A"]]


def test_the_same_text_in_another_kind_of_code_is_another_code() -> None:
    agreement = Agreement()
    for kind in ("ean13", "code128", "ean13", "code128"):
        assert agreement.take(Sight((Code("2900000000018", kind),)), 0.0) == []


@pytest.mark.parametrize("seed", range(20))
def test_no_code_is_a_scan_without_its_equal_frames(seed: int) -> None:
    """Whatever a camera sees: behind each scan stand enough frames with it and none against it, and nothing is scanned twice
    within a second of being seen."""
    draw = random.Random(seed)
    agreement, now = Agreement(), 0.0
    seen: list[tuple[float, Sight]] = []
    for _ in range(400):
        now += draw.choice([0.03, 0.05, 0.2, AWAY_S])
        letters = draw.choices(["A", "B", "Q", "", "AB", "AQ"], [6, 1, 3, 3, 1, 2])[0]
        shown = sight(CODES[letter] for letter in letters)
        before = [at for at, one in seen if {code.text for code in shown.codes} & {code.text for code in one.codes}]
        seen.append((now, shown))
        for code in agreement.take(shown, now):
            same = 0
            misses = 0
            for _, one in reversed(seen):
                if code in one.codes and not one.is_contradictory:
                    same, misses = same + 1, 0
                elif one.is_contradictory or any(other.is_linear == code.is_linear for other in one.codes):
                    break
                else:
                    misses += 1
                    if misses > MISSES_BETWEEN:
                        break
            assert same >= (LINEAR_FRAMES if code.is_linear else MATRIX_FRAMES)
            assert before or same == 1
