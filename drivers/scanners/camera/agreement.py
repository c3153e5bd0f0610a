"""When a code that a camera sees is a scan. Pure: what each frame showed and when goes in, scans come out.

A valid check digit proves little: one wrong reading in ten passes it. Several equal frames do: over the photographs that
docs/decoding.md names, the first reading was wrong 5 to 8 times for linear codes, two equal ones 2 to 6 times, and three equal
ones with frames in conflict left out never. A matrix code corrects its own errors and was never read wrong.
"""

from __future__ import annotations

from dataclasses import dataclass

from drivers.scanners.camera.codes import Code, Sight

LINEAR_FRAMES, MATRIX_FRAMES = 3, 2
"""Equal frames in a row that make a scan."""
MISSES_BETWEEN = 3
"""Frames without a code that may stand between two equal ones: a hand shakes, the lens hunts."""
AWAY_S = 1.0
"""Out of sight for so long, a code that comes back is scanned again. So is one that waits too long for its next equal frame."""


@dataclass
class _Candidate:
    code: Code
    frames: int
    seen_at: float
    misses: int = 0

    @property
    def is_agreed(self) -> bool:
        return self.frames >= (LINEAR_FRAMES if self.code.is_linear else MATRIX_FRAMES)


class Agreement:
    """A card held before the camera is one scan, for as long as it stays there. Times only grow.

    A linear and a matrix code are two candidates side by side, since many cards carry both. Another code of the same sort
    begins anew, and a frame that contradicts itself ends what had begun.
    """

    def __init__(self) -> None:
        self._candidates: dict[bool, _Candidate] = {}  # by is_linear
        self._in_view: dict[tuple[str, str], float] = {}  # text and kind of what was scanned, and when it was last seen

    def take(self, sight: Sight, now: float) -> list[Code]:
        """The codes that this frame makes scans."""
        self._in_view = {key: at for key, at in self._in_view.items() if now - at < AWAY_S}
        for code in sight.codes:  # also in a frame that proves nothing: it is still there
            if (code.text, code.kind) in self._in_view:
                self._in_view[code.text, code.kind] = now
        if sight.is_contradictory:
            self._candidates.clear()
            return []
        self._pass_over(sight, now)
        scans = []
        for code in sight.codes:
            candidate = self._candidates.get(code.is_linear)
            if candidate is None or (candidate.code.text, candidate.code.kind) != (code.text, code.kind):
                candidate = self._candidates[code.is_linear] = _Candidate(code, 0, now)
            candidate.frames += 1
            candidate.misses, candidate.seen_at = 0, now
            key = (code.text, code.kind)
            if candidate.is_agreed and key not in self._in_view:
                self._in_view[key] = now
                scans.append(code)
        return scans

    def forget(self) -> None:
        """The camera was away: what it sees now is not what it saw."""
        self._candidates.clear()
        self._in_view.clear()

    def _pass_over(self, sight: Sight, now: float) -> None:
        seen = {code.is_linear for code in sight.codes}
        for is_linear, candidate in list(self._candidates.items()):
            candidate.misses += is_linear not in seen
            if candidate.misses > MISSES_BETWEEN or now - candidate.seen_at >= AWAY_S:
                del self._candidates[is_linear]
