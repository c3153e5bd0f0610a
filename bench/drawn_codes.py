"""Pictures of codes as a camera at a till sees them, drawn: a card lying somewhere in a frame, made worse on purpose.

Drawn by zxing-cpp's writer (QR by segno, so that a reader is not only tried on its own hand). Everything comes from a seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]

FRAME = (1280, 720)


@dataclass(frozen=True)
class Damage:
    """What stands between a card and its picture. Lengths are in pixels of the picture, angles in degrees, light in 0 to 255."""

    angle: float = 0.0
    tilt: float = 0.0
    """How much narrower the card's far edge is than its near one, as a share."""
    blur: float = 0.0
    """Sigma of a lens out of focus."""
    shake: int = 0
    """A hand that moved along the bars' width."""
    noise: float = 0.0
    light: float = 1.0
    contrast: float = 1.0
    shadow: float = 0.0
    """How much darker one side is than the other, as a share."""
    glare: float = 0.0
    """Height of a bright band over the code, as a share of the code's height."""
    is_inverted: bool = False
    module: float = 3.0
    """Pixels of the narrowest bar."""


@dataclass(frozen=True)
class Drawn:
    name: str
    kind: str
    text: str
    damage: Damage = field(default_factory=Damage)
    seed: int = 1

    def picture(self, size: tuple[int, int] = FRAME) -> Grey:
        return draw([(self.kind, self.text)], self.damage, self.seed, size)


DAMAGES = {
    "as printed": Damage(),
    "turned a little": Damage(angle=12),
    "turned by 45 degrees": Damage(angle=45),
    "upside down": Damage(angle=180),
    "on its side": Damage(angle=90),
    "out of focus": Damage(blur=1.6),
    "shaken": Damage(shake=4),
    "dim": Damage(light=0.25, noise=3),
    "grey on grey": Damage(contrast=0.3),
    "in shadow": Damage(shadow=0.7),
    "tilted": Damage(tilt=0.35, angle=6),
    "under a lamp": Damage(glare=0.4),
    "noisy": Damage(noise=18),
    "light on dark": Damage(is_inverted=True),
    "small": Damage(module=1.6),
    "small, turned and noisy": Damage(module=2.0, angle=20, noise=8),
    "dim, out of focus and tilted": Damage(light=0.4, blur=1.2, tilt=0.2, noise=4),
}


def cards(seed: int = 1) -> Iterator[Drawn]:
    """Each sort of member code under each damage."""
    draw_from = random.Random(seed)
    for name, damage in DAMAGES.items():
        number = f"29{draw_from.randrange(10**10):010d}"
        yield Drawn(name, "ean13", number + ean_check_digit(number), damage, draw_from.randrange(10**6))
        yield Drawn(name, "code128", f"M{draw_from.randrange(10**9):09d}", damage, draw_from.randrange(10**6))
        yield Drawn(name, "qr", f"Grüße-İ-{draw_from.randrange(10**9):09d}", damage, draw_from.randrange(10**6))


def ean_check_digit(first_twelve: str) -> str:
    digits = [int(digit) for digit in first_twelve]
    return str(-(sum(digits[::2]) + 3 * sum(digits[1::2])) % 10)


def draw(codes: list[tuple[str, str]], damage: Damage, seed: int, size: tuple[int, int] = FRAME) -> Grey:
    """The codes (kind, text), one under the other on one card, on a table that is not quite plain."""
    import cv2
    import numpy as np

    draws = np.random.default_rng(seed)
    card = _card([_symbol(kind, text, damage.module) for kind, text in codes], damage)
    width, height = size
    table = cv2.resize(draws.uniform(60, 120, (9, 16)).astype(np.float32), size, interpolation=cv2.INTER_CUBIC)
    there = _corners(card.shape, damage, (width / 2 + draws.uniform(-20, 20), height / 2 + draws.uniform(-15, 15)))
    here = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32) * (card.shape[1], card.shape[0])
    matrix = cv2.getPerspectiveTransform(here.astype(np.float32), there)
    lying = cv2.warpPerspective(card, matrix, size, flags=cv2.INTER_AREA | cv2.INTER_LINEAR)
    mask = cv2.warpPerspective(np.ones_like(card), matrix, size)
    picture = table * (1 - mask) + lying * mask
    return _seen(picture, damage, draws, there)


def nothing(seed: int, size: tuple[int, int] = FRAME) -> Grey:
    """A table with things on it and stripes that are no code: shelves, text, a grille."""
    import cv2
    import numpy as np

    draws = np.random.default_rng(seed)
    width, height = size
    picture = cv2.resize(draws.integers(40, 200, (9, 16), np.uint8), size, interpolation=cv2.INTER_CUBIC)
    for _ in range(12):
        x, y = int(draws.integers(0, width - 200)), int(draws.integers(0, height - 120))
        if draws.random() < 0.5:
            left = x
            while left < x + 180:
                bar = int(draws.integers(2, 12))
                cv2.rectangle(picture, (left, y), (left + bar, y + 90), float(draws.uniform(0, 90)), -1)
                left += bar + int(draws.integers(2, 12))
        else:
            words = "".join(chr(int(draws.integers(65, 91))) for _ in range(10))
            cv2.putText(picture, words, (x, y + 40), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 20.0, 2)
    return _grey(picture + draws.normal(0, 4, picture.shape))


def jittered(picture: Grey, count: int, seed: int) -> Iterator[Grey]:
    """The same thing in `count` successive frames of a camera: the hand moves, the light flickers, the sensor is noisy."""
    import cv2
    import numpy as np

    draws = np.random.default_rng(seed)
    height, width = picture.shape
    for _ in range(count):
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), draws.uniform(-1.5, 1.5), draws.uniform(0.97, 1.03))
        matrix[:, 2] = matrix[:, 2] + draws.uniform(-2, 2, 2)
        frame = cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
        frame = frame * draws.uniform(0.95, 1.05) + draws.normal(0, 2.5, frame.shape)
        yield _grey(frame)


def _symbol(kind: str, text: str, module: float) -> Any:
    """As printed, four times as large as it will be seen; black 0 and white 255."""
    import cv2
    import numpy as np

    if kind == "qr":
        import segno

        rows = np.array(
            [list(row) for row in segno.make(text, micro=False, encoding="utf-8", eci=False).matrix], np.uint8
        )
        plain = np.pad((1 - rows) * 255, 4, constant_values=255).astype(np.uint8)
    else:
        import zxingcpp

        from drivers.scanners.camera.codes import KINDS

        made = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, KINDS[kind].zxing))
        bars = np.asarray(made.to_image(scale=1))
        plain = (
            bars
            if not KINDS[kind].is_linear
            else np.repeat(np.pad(bars[:1], ((0, 0), (10, 10)), constant_values=255), 40, 0)
        )
    factor = round(4 * module)
    return cv2.resize(plain, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)


def _card(symbols: list[Any], damage: Damage) -> Any:
    import cv2
    import numpy as np

    margin = 60
    width = max(symbol.shape[1] for symbol in symbols) + 2 * margin
    rows = []
    for symbol in symbols:
        side = width - symbol.shape[1]
        rows.append(np.pad(symbol, ((margin, margin), (side // 2, side - side // 2)), constant_values=255))
    card = np.vstack(rows).astype(np.float32)
    if damage.is_inverted:
        card = 255 - card
    small = cv2.resize(card, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return 128 + (small - 128) * 0.85 * damage.contrast  # ink is not black, and paper not white


def _corners(shape: tuple[int, ...], damage: Damage, centre: tuple[float, float]) -> Any:
    import numpy as np

    height, width = shape[:2]
    far = 1 - damage.tilt
    corners = np.array(
        [
            [-width / 2 * far, -height / 2],
            [width / 2 * far, -height / 2],
            [width / 2, height / 2],
            [-width / 2, height / 2],
        ]
    )
    turn = math.radians(damage.angle)
    turned = corners @ np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    return (turned + centre).astype(np.float32)


def _seen(picture: Any, damage: Damage, draws: Any, there: Any) -> Grey:
    import cv2
    import numpy as np

    height, width = picture.shape
    if damage.glare:
        (left, top), (right, bottom) = there.min(0), there.max(0)
        middle, reach = (top + bottom) / 2, (bottom - top) * damage.glare / 2
        rows = np.abs(np.arange(height) - middle)[:, None] / max(reach, 1)
        columns = np.abs(np.arange(width) - (left + right) / 2)[None] / max((right - left) / 2, 1)
        picture = picture + 400 * np.clip(1 - rows, 0, 1) * np.clip(1.2 - columns, 0, 1)
    if damage.shadow:
        picture = picture * (1 - damage.shadow * np.linspace(0, 1, width)[None])
    if damage.blur:
        picture = cv2.GaussianBlur(picture, (0, 0), damage.blur)
    if damage.shake:
        picture = cv2.blur(picture, (damage.shake, 1))
    picture = picture * damage.light + draws.normal(0, 1 + damage.noise, picture.shape)
    return _grey(picture)


def _grey(picture: Any) -> Grey:
    import numpy as np

    seen: Grey = np.clip(picture, 0, 255).astype(np.uint8)
    return seen
