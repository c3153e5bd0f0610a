"""A receipt of 40 lines with a logo and a QR code as printer's bytes: how long it takes and how many they are, beside peers.

python-escpos (a `Dummy` printer) in this process; receiptline and receipt-printer-encoder in one of node's, from the public npm
registry into a folder that stays. All write the same lines, the same logo and the same code, in turns. A logo that the printer
keeps is named by its key, as the till does from the second receipt on.
"""

from __future__ import annotations

import base64
import io
import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import warnings
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from bench.beside import at_most, timed
from drivers.document import Cut, Document, Picture, Qr, Text
from drivers.escpos import encode, picture_key, profile
from drivers.escpos.parser import Parser
from drivers.escpos.raster import raster
from drivers.simulated.drawing import MARGIN_DOTS, draw
from drivers.simulated.paper import Paper

MODEL = "TM-T20II"  # 48 columns, keeps pictures, in the databases of all
PEERS_MODEL = "epson-tm-t20ii"
COLUMNS = 48
ROUNDS, TURN = 40, 20
LINK = "https://receipts.example/v1/17-3-004711?m=8f3a2c9d4e5b6a70&t=1795000000&s=MEUCIQDx"
PACKAGES = {"@point-of-sale/receipt-printer-encoder": "4.0.1", "receiptline": "4.0.4"}
LATIN = (
    "Café Crème 250g",
    "Müsli Früchte 750g",
    "Jamón Ibérico 100g",
    "Bière blonde 6x33cl",
    "Pâtes 500g",
    "Käse Gouda",
)
MIXED = (
    "Кофе сливки",
    "Μούσλι φρούτα",
    "שוקולד מריר",
    "حليب طازج",
    "กาแฟเย็น",
    "绿茶",
    "コーヒー",
    "김치",
    "🎁 Geschenk",
    *LATIN,
)


def lines(goods: tuple[str, ...], thanks: str) -> list[str]:
    chance = random.Random(4)
    items = []
    for at in range(22):
        name = f"{chance.randrange(1, 4)} x {goods[at % len(goods)]}"
        items.append(_two_sided(name, f"{chance.randrange(100, 3000) / 100:6.2f} B"))
    head = ["SuperMarkt Nord", "12 Rue de l'Église, 67000 Strasbourg", "VAT FR12345678901"]
    head = [*(_centered(line) for line in head), "-" * COLUMNS]
    head += [_two_sided("Till 3  Cashier 42", "21/11/2026 20:48"), "Receipt 17-3-004711"]
    tail = ["-" * COLUMNS, _two_sided("TOTAL EUR", "312.40"), _two_sided("Card **** 4242", "312.40")]
    tail += [_two_sided("VAT 5.5%", "11.20"), _two_sided("VAT 20%", "18.40"), "-" * COLUMNS]
    tail += [_two_sided("Member 29*******4711", "Gold"), _two_sided("Points earned", "312")]
    tail += [_two_sided("Points balance", "4 711"), _two_sided("Reward at 5 000", "289 to go")]
    return [*head, *items, *tail, _centered(thanks), _centered("www.receipts.example")]


def _two_sided(left: str, right: str) -> str:
    from drivers.document import display_columns

    return left + " " * (COLUMNS - display_columns(left) - len(right)) + right


def _centered(line: str) -> str:
    from drivers.document import display_columns

    return " " * ((COLUMNS - display_columns(line)) // 2) + line


def _logo() -> bytes:
    logo = Image.new("1", (384, 120), 1)
    pen = ImageDraw.Draw(logo)
    pen.rounded_rectangle((2, 2, 381, 117), 20, outline=0, width=4)
    for left in range(40, 220, 45):
        pen.polygon(
            [(left, 95), (left, 30), (left + 30, 95), (left + 30, 30), (left + 22, 30), (left + 22, 75)], fill=0
        )
    pen.ellipse((260, 20, 350, 100), fill=0)
    file = io.BytesIO()
    logo.save(file, "PNG")
    return file.getvalue()


class Node:
    """The npm peers in a process of node that answers a line for a line."""

    def __init__(self, receipt: dict[str, Any]) -> None:
        folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "pos-plugin-bench"
        missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
        if missing:
            raise SystemExit(
                f"bench receipt: {' and '.join(missing)} is not installed. It measures npm packages beside the till's encoder: "
                "install Node.js (on Debian and Ubuntu: apt install nodejs npm), then run it again."
            )
        folder.mkdir(parents=True, exist_ok=True)
        wanted = json.dumps({"private": True, "dependencies": PACKAGES})
        manifest = folder / "package.json"
        if not (folder / ".installed").exists() or manifest.read_text() != wanted:
            manifest.write_text(wanted)
            subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund"], cwd=folder, check=True)
            (folder / ".installed").touch()
        script = Path(__file__).with_name("receipt_peers.cjs")
        environment = {**os.environ, "NODE_PATH": str(folder / "node_modules")}
        self._process = subprocess.Popen(
            ["node", str(script)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._ask(receipt)

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise SystemExit(f"bench receipt: {answer['error']}")
        return answer

    def measure(self, name: str) -> tuple[float, int]:
        """Microseconds, the median of one turn, and bytes."""
        answer = self._ask({"name": name, "times": TURN})
        return answer["us"], answer["bytes"]

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)


def _python_escpos(text: list[str], logo: Image.Image) -> bytes:
    from escpos.printer import Dummy

    printer = Dummy(profile=MODEL)
    printer.image(logo, impl="bitImageRaster")
    for line in text:
        printer.text(line + "\n")
    printer.qr(LINK, size=6, native=True)
    printer.cut()
    output: bytes = printer.output
    return output


def _all_drawn(document: Document, pictures: dict[str, bytes]) -> bytes:
    """The same receipt as one picture: what is left to a program that knows no code pages."""
    paper, parser = Paper(COLUMNS * 12), Parser()
    parser.feed(encode(document, profile(MODEL), pictures=pictures))
    for item in parser:
        paper.execute(item)
    sheet = draw(paper.printed, paper.width_dots, was_cut=False)
    sheet = sheet.crop((MARGIN_DOTS, MARGIN_DOTS, MARGIN_DOTS + paper.width_dots, sheet.height - MARGIN_DOTS))
    return raster(sheet.point(lambda shade: 0 if shade > 127 else 255).convert("1"))


def measure() -> list[dict[str, Any]]:
    png = _logo()
    digest = sha256(png).hexdigest()[:16]
    logo, pictures, stored = Image.open(io.BytesIO(png)), {digest: png}, {digest: picture_key(digest)}
    latin, mixed = lines(LATIN, "Merci de votre visite"), lines(MIXED, "Спасибо · Ευχαριστώ · 谢谢")
    assert len(latin) == len(mixed) == 40
    ours, in_scripts = (
        Document(COLUMNS, (Picture(digest), *map(Text, text), Qr(LINK, module_dots=6), Cut()))
        for text in (latin, mixed)
    )
    printer = profile(MODEL)
    rgba = base64.b64encode(logo.convert("RGBA").tobytes()).decode()
    image = {"width": logo.width, "height": logo.height, "rgba": rgba, "png": base64.b64encode(png).decode()}
    node = Node({"lines": latin, "qr": LINK, "columns": COLUMNS, "model": PEERS_MODEL, "image": image})
    here: dict[str, Callable[[], bytes]] = {
        "ours": lambda: encode(ours, printer, pictures=pictures),
        "ours, logo in the printer": lambda: encode(ours, printer, stored=stored),
        "ours, mixed scripts": lambda: encode(in_scripts, printer, pictures=pictures),
        "python-escpos": lambda: _python_escpos(latin, logo),
    }
    there = ("receipt-printer-encoder", "receiptline")
    times: dict[str, list[float]] = {name: [] for name in (*here, *there)}
    sizes: dict[str, int] = {}
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as place:
        warnings.simplefilter("ignore")  # python-escpos warns on import, and leaves a folder where temporary files go
        tempfile.tempdir, before = place, tempfile.tempdir
        for name, act in here.items():
            sizes[name] = len(act())
        tempfile.tempdir = before
        for turn in range(ROUNDS):
            for name, act in here.items():
                spent = statistics.median(timed(act) for _ in range(TURN))
                if turn:
                    times[name].append(spent)
            for name in there:
                spent, sizes[name] = node.measure(name)
                if turn:
                    times[name].append(spent)
    node.close()
    us = {name: statistics.median(spent) for name, spent in times.items()}
    drawn = len(_all_drawn(in_scripts, pictures))
    return [
        at_most(
            "a receipt of 40 lines, logo and QR code encoded / python-escpos",
            us["ours"],
            us["python-escpos"],
            0.1,
            "µs",
            receipt_printer_encoder_us=us["receipt-printer-encoder"],
            receiptline_us=us["receiptline"],
            mixed_scripts_us=us["ours, mixed scripts"],
        ),
        at_most(
            "its bytes, the logo in the printer / receipt-printer-encoder",
            sizes["ours, logo in the printer"],
            sizes["receipt-printer-encoder"],
            0.3,
            "bytes",
            with_the_logo=sizes["ours"],
            receiptline=sizes["receiptline"],
            python_escpos=sizes["python-escpos"],
        ),
        at_most(
            "bytes of a receipt in mixed scripts / all of it as one picture",
            sizes["ours, mixed scripts"],
            drawn,
            0.2,
            "bytes",
        ),
    ]
