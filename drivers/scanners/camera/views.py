"""A picture made over in ways that a decoder may read better: turned, enlarged, evened out, or cut to where bars are.

Knows OpenCV and no code. Each view carries the way back, so that what is read in it has its place in the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from drivers.scanners.camera.codes import Point

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]

LARGEST = 1600
"""Pixels of the longer side beyond which a picture is looked at smaller first: the time goes with the area."""
_MOST_CROPS = 6


class View(NamedTuple):
    picture: Grey
    back: Any = None
    """The affine matrix (2 × 3) from here to the picture; None where nothing moved."""

    def place(self, corners: tuple[Point, ...]) -> tuple[Point, ...]:
        if self.back is None:
            return corners
        (a, b, c), (d, e, f) = self.back
        return tuple((float(a * x + b * y + c), float(d * x + e * y + f)) for x, y in corners)


def as_it_is(picture: Grey) -> Iterator[View]:
    """Made smaller where it is very large."""
    import cv2

    factor = LARGEST / max(picture.shape)
    if factor >= 1:
        yield View(picture)
    else:
        small = cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        yield View(_grey(small), _scaled(factor))


def full_size(picture: Grey) -> Iterator[View]:
    """Nothing where `as_it_is` has shown it already."""
    if max(picture.shape) > LARGEST:
        yield View(picture)


def bars(picture: Grey) -> Iterator[View]:
    """Each place that looks like bars, turned upright and, where it is small, twice as large.

    OpenCV's bar code detector finds them by the direction of their edges; what it reads there is never used.
    """
    import cv2
    import numpy as np

    found, corners = cv2.barcode.BarcodeDetector().detect(picture)
    if not found or corners is None:
        return
    places = sorted(np.asarray(corners, np.float32).reshape(-1, 4, 2), key=lambda place: -cv2.contourArea(place))
    for lower_left, upper_left, upper_right, lower_right in places[:_MOST_CROPS]:
        along = ((upper_right - upper_left) + (lower_right - lower_left)) / 2
        down = ((lower_left - upper_left) + (lower_right - upper_right)) / 2
        width, height = float(np.linalg.norm(along)), float(np.linalg.norm(down))
        if width < 8 or height < 4:
            continue
        factor = 2.0 if width < 640 else 1.0
        reach = (
            width * 1.3 + 20
        )  # its corners often cut off the outermost bars, and a decoder wants the quiet zone, too
        centre = (lower_left + upper_left + upper_right + lower_right) / 4
        a, b = along / width * reach / 2, down / 2
        size = max(8, round(reach * factor)), max(8, round(height * factor))
        here = np.array([[0, 0], [size[0], 0], [0, size[1]]], np.float32)
        there = np.array([centre - a - b, centre + a - b, centre - a + b], np.float32)
        turned = cv2.warpAffine(
            picture,
            cv2.getAffineTransform(there, here),
            size,
            flags=cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REPLICATE,
        )
        yield View(_grey(turned), cv2.getAffineTransform(here, there))


def evened(picture: Grey) -> Iterator[View]:
    """Contrast made equal from place to place: shadows, glare, a dim corner."""
    import cv2

    yield View(_grey(cv2.createCLAHE(4.0, (8, 8)).apply(picture)))


def sharpened(picture: Grey) -> Iterator[View]:
    """For a lens that is a little out of focus."""
    import cv2

    yield View(_grey(cv2.addWeighted(picture, 2.5, cv2.GaussianBlur(picture, (0, 0), 2.0), -1.5, 0)))


def black_and_white(picture: Grey) -> Iterator[View]:
    """Each point compared with those around it: for codes on a ground that is not even."""
    import cv2

    yield View(_grey(cv2.adaptiveThreshold(picture, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 51, 0)))


def inverted(picture: Grey) -> Iterator[View]:
    """For bars lighter than their ground: zxing-cpp inverts by itself for matrix codes only."""
    import cv2

    yield View(_grey(cv2.bitwise_not(picture)))


def enlarged(picture: Grey) -> Iterator[View]:
    """Twice as large: for modules of little more than a pixel."""
    if max(picture.shape) <= LARGEST:
        yield View(_grey(_doubled(picture)), _scaled(2.0))


def enlarged_black_and_white(picture: Grey) -> Iterator[View]:
    import cv2

    if max(picture.shape) <= LARGEST:
        large = cv2.adaptiveThreshold(_doubled(picture), 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 61, 0)
        yield View(_grey(large), _scaled(2.0))


def turned(picture: Grey) -> Iterator[View]:
    """By 45 degrees: a decoder follows lines across and down, and reads bars that run between the two worst."""
    import cv2
    import numpy as np

    height, width = picture.shape
    side = int((height + width) / 2**0.5) + 1
    there = cv2.getRotationMatrix2D((width / 2, height / 2), 45, 1)
    there[:, 2] += (side - width) / 2, (side - height) / 2
    view = cv2.warpAffine(picture, there, (side, side), borderMode=cv2.BORDER_REPLICATE)
    yield View(_grey(view), np.asarray(cv2.invertAffineTransform(there)))


Treatment = Callable[["Grey"], Iterator[View]]


def _doubled(picture: Grey) -> Any:
    import cv2

    return cv2.resize(picture, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)


def _scaled(factor: float) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    return (1 / factor, 0.0, 0.0), (0.0, 1 / factor, 0.0)


def _grey(picture: Any) -> Grey:
    return picture  # type: ignore[no-any-return]  # OpenCV's own types do not say that a byte stays a byte
