"""The codes in a picture: zxing-cpp first, then what was measured to read more, and never a guess.

Two ways. `look` is for the frames of a camera: each frame gets a little time, and whoever asks waits for several equal frames
(agreement.py). `still` is for one picture that must say it all: it tries every way, and believes what two of them agree on.
Knows zxing-cpp, zbar (in its child process) and grey pictures; no camera and no meaning of a code.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from drivers.scanners.camera import views
from drivers.scanners.camera.codes import CARDS, KINDS, Code, Sight, Wanted, retail, sight
from drivers.scanners.camera.tally import Tally
from drivers.scanners.camera.zbar_child import Zbar

if TYPE_CHECKING:
    from drivers.scanners.camera.views import Grey, Treatment, View

ZBAR_EVERY, HARD_EVERY = 3, 5
"""Of the frames in which nothing was found, every third goes to zbar, too (it takes as long as all the rest), and every fifth is
made over in the next of the ways below: most frames show no card, and must stay cheap."""
HARD: tuple[Treatment, ...] = (views.evened, views.enlarged, views.turned, views.sharpened, views.inverted)
_KEPT_MISSES = 5
ZBAR_PATIENCE_S = 0.1
"""Of a frame: the next one is as good."""
_STILL_PATIENCE_S = 5.0
STILL_BUDGET_S = 0.04
"""About what a frame may take at most. With ten times as much, three pictures in a hundred more are read."""

_TREATMENTS: tuple[Treatment, ...] = (
    views.as_it_is,
    views.bars,
    views.evened,
    views.sharpened,
    views.black_and_white,
    views.inverted,
    views.enlarged,
    views.turned,
    views.enlarged_black_and_white,
    views.full_size,
)
"""Of a still picture: the quickest first, and first those that fail in different pictures."""

Read = Callable[["View"], list[Code]]


class Decoder:
    """Used by one thread. `zbar` is where pyzbar runs; None does without.

    Remembers of the frames before only which way read them, since the next frame will most likely need the same one.
    """

    def __init__(
        self,
        wanted: Wanted = Wanted(CARDS),  # noqa: B008  it is frozen
        *,
        zbar: Zbar | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wanted = wanted
        self._zbar = zbar
        self._clock = clock
        self._misses = 0
        self._way: tuple[Treatment, Read] | None = None
        self._way_misses = 0
        self._patience_s = ZBAR_PATIENCE_S

    def look(self, frame: Grey) -> Sight:
        """What a frame of a camera shows, in about the time of three plain readings of it.

        A frame whose codes contradict one another is said to: it is no evidence for any of them.
        """
        self._patience_s = ZBAR_PATIENCE_S
        if codes := self._zxing_reads(views.View(frame)):
            self._misses = 0
            return sight(codes)
        for way in self._ways_of_this_miss():
            if codes := self._read(frame, *way):
                self._way, self._way_misses = way, 0
                return sight(codes)
            if way == self._way:
                self._way_misses += 1
                if self._way_misses > _KEPT_MISSES:
                    self._way = None
        return Sight()

    def still(self, picture: Grey, budget_s: float = STILL_BUDGET_S) -> tuple[Code, ...]:
        """The codes of a picture that can be relied on; see `Tally` for what that is. No way is begun after `budget_s`."""
        self._patience_s = _STILL_PATIENCE_S
        give_up = self._clock() + budget_s
        tally = Tally()
        for treatment, read in self._still_ways():
            tally.add(self._read(picture, treatment, read))
            if tally.is_settled or self._clock() >= give_up:
                break
        return tally.codes

    def close(self) -> None:
        if self._zbar is not None:
            self._zbar.close()

    def _ways_of_this_miss(self) -> Iterator[tuple[Treatment, Read]]:
        self._misses += 1
        if self._way is not None:
            yield self._way
        bars = (views.bars, self._zxing_reads)
        if self._has_linear and bars != self._way:
            yield bars
        if self._way is not None:
            return  # a frame has time for one more way only, and that was the likeliest
        if self._misses % HARD_EVERY == 0:
            yield HARD[self._misses // HARD_EVERY % len(HARD)], self._zxing_reads
        elif self._misses % ZBAR_EVERY == 0:
            yield views.as_it_is, self._zbar_reads

    def _still_ways(self) -> Iterator[tuple[Treatment, Read]]:
        for treatment in _TREATMENTS:
            if treatment is not views.bars or self._has_linear:
                yield treatment, self._zxing_reads
            if treatment is views.black_and_white:
                yield views.bars, self._zbar_reads
        yield views.as_it_is, self._zbar_reads

    def _read(self, picture: Grey, treatment: Treatment, read: Read) -> list[Code]:
        return [code for view in treatment(picture) for code in read(view)]

    @cached_property
    def _has_linear(self) -> bool:
        return any(KINDS[kind].is_linear for kind in self._wanted.kinds)

    def _checked(self, codes: Iterable[Code]) -> list[Code]:
        return [code for code in codes if self._wanted.has(code)]

    # zxing-cpp.

    @cached_property
    def _formats(self) -> Any:
        import zxingcpp

        return zxingcpp.BarcodeFormats(
            [getattr(zxingcpp.BarcodeFormat, KINDS[kind].zxing) for kind in self._wanted.kinds]
        )

    @cached_property
    def _kinds(self) -> dict[Any, str]:
        """By zxing-cpp's format and symbology: a GS1 DataBar has several formats, all of one symbology."""
        import zxingcpp

        return {getattr(zxingcpp.BarcodeFormat, kind.zxing): name for name, kind in KINDS.items()}

    def _zxing_reads(self, view: View) -> list[Code]:
        import zxingcpp

        # All of them, not the first: a second, contradicting result says that one is wrong. Plain, because its usual text has
        # brackets around the element identifiers of GS1 codes. It reads lines across and down, and light codes on dark ground.
        read = zxingcpp.read_barcodes(view.picture, formats=self._formats, text_mode=zxingcpp.TextMode.Plain)
        return self._checked(self._of_zxing(one, view) for one in read)

    def _of_zxing(self, one: Any, view: View) -> Code:
        kind = self._kinds.get(one.format) or self._kinds.get(one.symbology, "")
        text, kind = retail(one.text, kind)
        at = one.position
        corners = ((p.x, p.y) for p in (at.top_left, at.top_right, at.bottom_right, at.bottom_left))
        return Code(text, kind, one.symbology_identifier, view.place(tuple(corners)))

    # zbar.

    @cached_property
    def _symbols(self) -> dict[str, str]:
        """By zbar's name."""
        return {KINDS[kind].zbar: kind for kind in reversed(self._wanted.kinds) if KINDS[kind].zbar}

    def _zbar_reads(self, view: View) -> list[Code]:
        if self._zbar is None:
            return []
        codes = []
        for one in self._zbar.read(view.picture, tuple(self._symbols), self._patience_s):
            kind = self._symbols.get(one.name, "")
            if kind and one.quality >= KINDS[kind].zbar_quality and one.data.isascii():
                text, kind = retail(one.data.decode("ascii"), kind)
                corners = view.place(tuple((float(x), float(y)) for x, y in one.corners))
                codes.append(Code(text, kind, _IDENTIFIERS.get(kind, ""), corners))
        return self._checked(codes)


_IDENTIFIERS = {"ean13": "]E0", "upca": "]E0", "upce": "]E0", "ean8": "]E4", "code128": "]C0", "qr": "]Q1"}
"""zbar says none. Those of the other kinds may differ from code to code."""
