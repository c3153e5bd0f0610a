"""What several readings of one still picture add up to. Pure.

A camera shows a code again and again, and three equal frames are proof. A still picture has one frame only, so it is made over in
several ways, and these are the witnesses. Wrong readings come from a coincidence of points and seldom survive another way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from drivers.scanners.camera.codes import KINDS, Code, is_same_place


class Tally:
    """A matrix code is believed at once: error correction leaves no room for coincidence.

    A linear code is believed when two ways read it and at its place nothing else was read half as often; of a weak kind, nothing
    else at all. If nothing in the picture is believed after every way was tried, the only reading that there was stands,
    unless it is of a weak kind.
    """

    def __init__(self) -> None:
        self._places: list[_Place] = []

    def add(self, codes: Iterable[Code]) -> None:
        """What one way read. The same text twice at a place is one vote: the way is the same."""
        touched: list[tuple[_Place, str]] = []
        for code in codes:
            place = next((place for place in self._places if place.holds(code)), None)
            if place is None:
                place = _Place()
                self._places.append(place)
            if (place, code.text) not in touched:
                touched.append((place, code.text))
                place.add(code)

    @property
    def is_settled(self) -> bool:
        """More ways would change nothing: everything that was seen is believed."""
        return bool(self._places) and all(place.believed for place in self._places)

    @property
    def codes(self) -> tuple[Code, ...]:
        believed = [place.believed for place in self._places if place.believed]
        if not believed and len(self._places) == 1 and (only := self._places[0].only):
            believed = [only]
        return tuple({(code.text, code.kind): code for code in believed}.values())


class _Place:
    def __init__(self) -> None:
        self._codes: list[Code] = []
        self._votes: defaultdict[str, int] = defaultdict(int)

    def holds(self, code: Code) -> bool:
        return any(is_same_place(code, one) for one in self._codes)

    def add(self, code: Code) -> None:
        if code.kind == "itf":
            # A line across part of an ITF reads as a shorter number: that one says nothing against the longer.
            if any(code.text != one.text and code.text in one.text for one in self._codes):
                return
            for part in [one for one in self._codes if one.kind == "itf" and one.text in code.text != one.text]:
                self._codes.remove(part)
                self._votes.pop(part.text, None)
        self._codes.append(code)
        self._votes[code.text] += 1

    @property
    def believed(self) -> Code | None:
        matrix = [code for code in self._codes if not code.is_linear]
        if matrix:
            return matrix[0] if len({code.text for code in matrix}) == 1 else None
        (text, votes), *others = sorted(self._votes.items(), key=lambda vote: -vote[1])
        code = next(code for code in self._codes if code.text == text)
        rival = others[0][1] if others else 0
        if votes < 2 or rival * 2 > votes or (rival and KINDS[code.kind].is_weak):
            return None
        return code

    @property
    def only(self) -> Code | None:
        code = self._codes[0]
        return code if len(self._votes) == 1 and not KINDS[code.kind].is_weak else None
