"""Codes in pictures: right, wrong and not read, beside pyzbar alone, zxing-cpp alone, and zxing-cpp with pyzbar where it misses.

`python -m bench.decode DIR [--json]` scores the pictures of a folder by its manifest; `python -m bench decode` those that it
draws itself. All read the same pictures in one run, on one core. What takes part:

- ours: the way for still pictures, every kind of code;
- a member card before the camera: EAN-13 of the shop's own range, Code 128 and QR, and only what successive frames agree on. Of a
  photograph there is one frame, so it is moved and made noisy a little, from a seed, as a hand and a sensor would;
- the time that one frame of 1280 × 720 takes.

The manifest is `manifest.json`: by file name `symbology` (`none`: any text is wrong), `accept` (every right form of the text) and
`also_ok` (other codes that are really in the picture).
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import zxingcpp

from bench.beside import at_least, at_most
from bench.drawn_codes import FRAME, cards, jittered, nothing
from drivers.scanners.camera.agreement import Agreement
from drivers.scanners.camera.codes import KINDS, Wanted
from drivers.scanners.camera.decoding import Decoder
from drivers.scanners.camera.zbar_child import Zbar

if TYPE_CHECKING:
    from bench.drawn_codes import Grey

IN_STORE = re.compile(r"2\d{12}")
"""EAN-13 numbers that GS1 leaves to each shop. No other one can be a member card."""
CARD = Wanted(("ean13", "code128", "qr"))
CARD_FRAMES, FRAME_S = 8, 1 / 15
MEDIAN_MS, P95_MS = 15.0, 60.0
TIMED_PICTURES, TIMED_FRAMES = 40, 4


@dataclass(frozen=True)
class Picture:
    name: str
    load: Callable[[], Grey | None]
    symbology: str
    accepted: frozenset[str]
    card_text: str = ""
    """What it shows, if that can be a member card."""


@dataclass
class Score:
    correct: int = 0
    misread: int = 0
    """Pictures with a wrong text, also those where the right one was read, too."""
    missed: int = 0
    ms: list[float] = field(default_factory=list)
    kinds: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    wrong: list[str] = field(default_factory=list)

    def judge(self, picture: Picture, texts: Iterable[str], ms: float) -> None:
        read = {normal(text, picture.symbology) for text in texts if text}
        right, wrong = bool(read & picture.accepted), read - picture.accepted
        results = ["correct"] if right or (picture.symbology == "none" and not wrong) else []
        if wrong:
            results.append("misread")
            self.wrong.append(f"{picture.name}: {', '.join(sorted(wrong))}")
        for result in results or ["missed"]:
            setattr(self, result, getattr(self, result) + 1)
            self.kinds[picture.symbology][result] += 1
        self.ms.append(ms)

    def told(self) -> dict[str, Any]:
        times = sorted(self.ms) or [0.0]
        return {
            "correct": self.correct,
            "misread": self.misread,
            "missed": self.missed,
            "ms_median": round(statistics.median(times), 2),
            "ms_p95": round(times[int(len(times) * 0.95)], 2),
        }


_RETAIL = ("ean13", "ean8", "upca", "upce", "ean13ext", "upcaext")
_GS1 = ("databar", "databarltd", "databarexp", "databarexpstk", "code128", "aztec", "datamatrix", "qrcode")


def normal(text: str, symbology: str) -> str:
    """One form for texts that mean the same: GTINs as 13 digits, no brackets, separators, add-ons, or Codabar's start and stop.

    >>> normal("036000291452", "upca"), normal("(01)04012345678901", "databar")
    ('0036000291452', '0104012345678901')
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n \ufeff\x00")
    text = re.sub(r"\x1d|\{GS\}|<GS>", "", text)
    if symbology in _GS1:
        text = re.sub(r"\((\d{2,4})\)", r"\1", text)
    if symbology in _RETAIL:
        text = text.split(" ")[0]
    if symbology == "codabar":
        text = re.sub(r"^[A-Da-d](.*)[A-Da-d]$", r"\1", text)
    if symbology == "upce" and re.fullmatch(r"[01]\d{7}", text):
        text = _expanded(text)
    return "0" + text if symbology in ("upca", "upce") and re.fullmatch(r"\d{12}", text) else text


def _expanded(text: str) -> str:
    from drivers.scanners.camera.codes import retail

    return retail(text, "upce")[0]


# Where pictures come from.


def in_folder(folder: Path) -> Iterator[Picture]:
    """Those of the manifest, by name; a file that is missing or no picture loads as None. Raises ValueError, with a sentence."""
    try:
        manifest: dict[str, dict[str, Any]] = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        for name, told in sorted(manifest.items()):
            symbology = told["symbology"]
            texts = [*(told.get("accept") or [told.get("expected")]), *(told.get("also_ok") or [])]
            accepted = frozenset(normal(text, symbology) for text in texts if text)
            card_text = str(told.get("expected") or "") if symbology in ("ean13", "code128", "qrcode") else ""
            if symbology == "ean13" and not IN_STORE.fullmatch(card_text):
                card_text = ""
            yield Picture(name, lambda path=folder / name: _loaded(path), symbology, accepted, card_text)  # type: ignore[misc]
    except OSError as error:
        raise ValueError(f"{folder} has no manifest.json that can be read: {error.strerror}.") from error
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"{folder / 'manifest.json'} is not as bench/decode.py describes it: {error!r}.") from error


def _loaded(path: Path) -> Grey | None:
    try:
        data = np.frombuffer(path.read_bytes(), np.uint8)
        return cv2.imdecode(data, cv2.IMREAD_GRAYSCALE) if len(data) else None  # type: ignore[return-value]
    except (OSError, cv2.error):
        return None


def drawn(seed: int = 1) -> Iterator[Picture]:
    """Member cards of each sort under each damage, and tables without a card."""
    for card in cards(seed):
        symbology = "qrcode" if card.kind == "qr" else card.kind
        yield Picture(f"{card.name}, {card.kind}", card.picture, symbology, frozenset([card.text]), card.text)
    for number in range(10):
        yield Picture(f"nothing {number}", lambda number=number: nothing(number), "none", frozenset())  # type: ignore[misc]


# Who reads them.


class ZbarAlone:
    """pyzbar as everybody calls it, but in a process of its own: an assertion of zbar must not end the measurement."""

    _SYMBOLS = tuple(sorted({kind.zbar for kind in KINDS.values() if kind.zbar} | {"UPCA", "DATABAR_EXP", "ISBN13"}))

    def __init__(self) -> None:
        self._zbar = Zbar()

    def __call__(self, picture: Grey) -> list[str]:
        if not self._zbar.is_available:
            self._zbar.close()
        return [one.data.decode("utf-8", "replace") for one in self._zbar.read(picture, self._SYMBOLS, 10.0)]

    @property
    def is_installed(self) -> bool:
        self(np.zeros((8, 8), np.uint8))
        return self._zbar.is_available

    def close(self) -> None:
        self._zbar.close()


def zxing_alone(picture: Grey) -> list[str]:
    return [one.text for one in zxingcpp.read_barcodes(picture, text_mode=zxingcpp.TextMode.Plain)]


def scores(pictures: Iterable[Picture], peer: ZbarAlone) -> dict[str, Score]:
    """By reader, and `card`: what would have been awarded to whom. Times are without loading: a frame comes unpacked."""
    zbar = Zbar()
    ours = Decoder(Wanted(tuple(KINDS)), zbar=zbar)
    readers: dict[str, Callable[[Grey], list[str]]] = {
        "ours": lambda picture: [code.text for code in ours.still(picture)],
        "pyzbar": peer,
        "zxing": zxing_alone,
        "zxing_then_pyzbar": lambda picture: zxing_alone(picture) or peer(picture),
    }
    result = {name: Score() for name in (*readers, "card")}
    blank = np.full((64, 64), 255, np.uint8)
    for read in readers.values():  # libraries load at their first picture
        read(blank)
    for number, picture in enumerate(pictures):
        loaded = picture.load()
        if loaded is None:
            print(f"{picture.name} cannot be read as a picture and is left out.", file=sys.stderr)
            continue
        for name, read in readers.items():
            again = loaded.copy()
            start = time.perf_counter()
            texts = read(again)
            result[name].judge(picture, texts, (time.perf_counter() - start) * 1000)
        _judge_card(result["card"], picture, loaded, number, zbar)
    ours.close()
    return result


def _judge_card(score: Score, picture: Picture, loaded: Grey, seed: int, zbar: Zbar) -> None:
    """A picture that shows no possible card counts only if a card is read in it that is not there."""
    decoder, agreement = Decoder(CARD, zbar=zbar), Agreement()
    scans: set[str] = set()
    start = time.perf_counter()
    for number, frame in enumerate(jittered(_fitted(loaded), CARD_FRAMES, seed)):
        for code in agreement.take(decoder.look(frame), number * FRAME_S):
            if code.kind != "ean13" or IN_STORE.fullmatch(code.text):
                scans.add(code.text)
    ms = (time.perf_counter() - start) * 1000 / CARD_FRAMES
    if picture.card_text or not {normal(text, picture.symbology) for text in scans} <= picture.accepted:
        score.judge(picture, scans, ms)


def _fitted(picture: Grey) -> Grey:
    """No larger than a camera's frame."""
    factor = min(FRAME[0] / picture.shape[1], FRAME[1] / picture.shape[0])
    if factor >= 1:
        return picture
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def frame_times(pictures: Iterable[Picture]) -> list[float]:
    """Milliseconds that frames of 1280 × 720 took, a few of each of some pictures, as they follow one another in a shop.

    Of three times the shortest: the others say what else this machine was doing.
    """
    chosen = random.Random(1).sample(listed := list(pictures), min(TIMED_PICTURES, len(listed)))
    loaded = [picture for one in chosen if (picture := one.load()) is not None]
    return [min(times) for times in zip(*(_timed_frames(loaded) for _ in range(3)), strict=True)]


def _timed_frames(pictures: list[Grey]) -> list[float]:
    decoder, times = Decoder(zbar=Zbar()), list[float]()
    decoder.still(np.full((64, 64), 255, np.uint8))  # libraries load at their first picture
    for number, picture in enumerate(pictures):
        for frame in jittered(_framed(_fitted(picture)), TIMED_FRAMES, number):
            start = time.perf_counter()
            decoder.look(frame)
            times.append((time.perf_counter() - start) * 1000)
    decoder.close()
    return times


def _framed(picture: Grey) -> Grey:
    """In the middle of a frame, its own edge going on as far as the frame does."""
    down, across = FRAME[1] - picture.shape[0], FRAME[0] - picture.shape[1]
    edges = (down // 2, down - down // 2, across // 2, across - across // 2)
    return cv2.copyMakeBorder(picture, *edges, cv2.BORDER_REPLICATE)  # type: ignore[return-value]


# What is told.


def measure() -> list[dict[str, Any]]:
    """Over drawn pictures, for `python -m bench decode`."""
    return _compared(*_measured(list(drawn())))


def _measured(pictures: list[Picture]) -> tuple[dict[str, Score], list[float]]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    peer = ZbarAlone()
    try:
        if not peer.is_installed:
            print("pyzbar finds no libzbar (Debian: apt install libzbar0): its column reads nothing.", file=sys.stderr)
        return scores(pictures, peer), frame_times(pictures)
    finally:
        peer.close()
        cv2.setNumThreads(threads)


def _compared(score: dict[str, Score], times: list[float]) -> list[dict[str, Any]]:
    ours = score["ours"]
    frame = Score(ms=times).told()
    peers = {"pyzbar": "pyzbar", "zxing": "zxing-cpp", "zxing_then_pyzbar": "zxing-cpp, then pyzbar"}
    return [
        *(
            # More, not as many.
            at_least(f"pictures read right / {name}, and one", ours.correct, score[key].correct + 1, 1.0, "pictures")
            for key, name in peers.items()
        ),
        at_most("members read wrong by agreement of frames / none", score["card"].misread, 1, 0.0, "members"),
        at_most("a frame of 1280 × 720, median / its share", frame["ms_median"], MEDIAN_MS, 1.0, "ms"),
        at_most("a frame of 1280 × 720, one in twenty / its share", frame["ms_p95"], P95_MS, 1.0, "ms"),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.decode", description="Codes in the pictures of a folder.")
    parser.add_argument("folder", type=Path, help="Holds pictures and manifest.json.")
    parser.add_argument("--json", action="store_true", help="End with one line of JSON.")
    asked = parser.parse_args()
    try:
        pictures = list(in_folder(asked.folder))
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    score, times = _measured(pictures)
    if not times:
        print(f"None of the {len(pictures)} pictures in the manifest can be read.", file=sys.stderr)
        return 2
    ratios = _compared(score, times)
    _print_table(score)
    for one in ratios:
        sign = "≥" if one.get("at_least") else "≤"
        bound = f"{one['target'] * one['peer']:,.1f}"
        print(
            f"{one['what']}: {one['ours']:,.1f} {one['unit']}, target {sign} {bound}: {'met' if one['met'] else 'MISSED'}"
        )
    if asked.json:
        frame = Score(ms=times).told()
        told: dict[str, Any] = {name: one.told() for name, one in score.items()}
        told["frame"] = {"ms_median": frame["ms_median"], "ms_p95": frame["ms_p95"]}
        told["targets"] = [{key: one[key] for key in ("what", "ours", "peer", "target", "met")} for one in ratios]
        print(json.dumps(told))
    return 0


def _print_table(score: dict[str, Score]) -> None:
    print(f"{'right / wrong / not read':<26}" + "".join(f"{name:>20}" for name in score))
    for kind in sorted({kind for one in score.values() for kind in one.kinds}):
        cells = (one.kinds[kind] for one in score.values())
        print(f"{kind:<26}" + "".join(f"{c['correct']:>10} /{c['misread']:>3} /{c['missed']:>3}" for c in cells))
    told = [one.told() for one in score.values()]
    print(f"{'all':<26}" + "".join(f"{t['correct']:>10} /{t['misread']:>3} /{t['missed']:>3}" for t in told))
    print(f"{'ms, median and p95':<26}" + "".join(f"{t['ms_median']:>12.1f} {t['ms_p95']:>7.1f}" for t in told))
    for name, one in score.items():
        for wrong in one.wrong:
            print(f"{name} read wrong: {wrong}")


if __name__ == "__main__":
    sys.exit(main())
