"""A till and a real head office: connecting by its page and by its command, and every way in which it does not come about."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from central_server import schema
from central_server.office import Office
from central_server.tills import enrolment
from drivers.simulated.display import SimulatedDisplay
from ledger.pins import hashed_pin
from loyalty.program import preset, read_program
from offline_store import operators, settings
from offline_store.operators import Operator
from offline_store.store import Store
from pos_plugin.cli import app
from pos_plugin.config import TEMPLATE, read_config
from pos_plugin.errors import Conflict
from pos_plugin.head_office import enrolling
from pos_plugin.local_api.server import Server
from pos_plugin.members.joining import join
from pos_plugin.running import announced
from pos_plugin.terminal import Terminal
from tests.central.served import served


class Counter:
    """A running till, and its page."""

    def __init__(self, terminal: Terminal, server: Server) -> None:
        self.terminal = terminal
        self.page = httpx.Client(base_url=server.url, timeout=20, trust_env=False, headers={"Origin": server.url})
        self.page.get("/")

    def connect(self, url: str, code: str, **word: str) -> httpx.Response:
        return self.page.post("/v1/head-office", json={"url": url, "code": code, **word})

    def refused(self, url: str, code: str, **word: str) -> tuple[str, str]:
        """The refusal's code and its words; and nothing has changed: the till sells, and belongs to nobody."""
        file = self.terminal.store.folder / "till.toml"
        before = file.read_bytes()
        said = self.connect(url, code, **word).json()
        assert file.read_bytes() == before
        assert sorted(one.name for one in file.parent.glob("till.toml*")) == ["till.toml"]
        assert self.terminal.head_office.sync is None
        with self.terminal.store.read() as db:
            assert (settings.get(db, "shop"), settings.get(db, "server")) == ("", "")
        return said["code"], f"{said['message']} {said['hint']}"


def made(folder: Path) -> Path:
    with Store.create(folder) as store:
        store.write(lambda db: settings.use_program(db, read_program(preset("points")), "2026-01-01T00:00:00+00:00"))
    (folder / "till.toml").write_text(TEMPLATE, encoding="utf-8")
    return folder


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    with Terminal.open(made(tmp_path / "till")) as terminal, Server(terminal, 0) as server:
        one = Counter(terminal, server)
        yield one
        one.page.close()


def until(is_so: Callable[[], bool]) -> None:
    soon = threading.Event()
    for _ in range(400):
        if is_so():
            return
        soon.wait(0.025)
    raise AssertionError("it has not come about")


def test_a_running_till_is_connected_and_what_it_sold_before_is_sent(office: Office, counter: Counter) -> None:
    join(counter.terminal.checkout, "2900000000018")
    assert counter.page.get("/v1/devices").json()["devices"][-1]["fixes"] == ["connect"]
    with served(office) as url:
        done = counter.connect(f"{url}/office/members", f" {enrolment.new_code(office, 'Mill').lower()} ").json()
        assert (done["shop"], done["url"]) == ("Mill", url)
        until(lambda: counter.page.get("/v1/state").json()["network"]["unsent"] == 0)
        until(lambda: counter.page.get("/v1/state").json()["network"]["online"])
        shown = counter.page.get("/v1/devices").json()
        assert shown["pairing"]["enrolled"]
        assert (shown["devices"][-1]["condition"], shown["devices"][-1]["fixes"]) == ("well", ["sync"])
        with office.database.reading() as connection:
            assert connection.scalar(select(func.count()).select_from(schema.member)) == 1
        assert counter.connect(url, enrolment.new_code(office, "Harbour")).json()["code"] == "ALREADY_ENROLLED"
    kept = read_config(counter.terminal.store.folder)
    assert (kept.server.url, kept.shop.header) == (url, ["Mill"])  # receipts said "Your shop"
    assert counter.terminal.checkout.layout.shop == "Mill"
    assert counter.page.get("/v1/customer").json()["shop"] == ["Mill"]


def test_the_customers_display_says_the_shops_name_once_the_till_has_it(office: Office, tmp_path: Path) -> None:
    with SimulatedDisplay() as far, served(office) as url:
        folder = made(tmp_path / "till")
        display = f'[display]\naddress = "tcp://127.0.0.1:{far.serve_tcp()}"'
        (folder / "till.toml").write_text(TEMPLATE.replace("[display]", display), encoding="utf-8")
        with Terminal.open(folder) as terminal:
            assert far.wait_for("Your shop", "Welcome")
            terminal.connect(url, enrolment.new_code(office, "Mill"))
            assert far.wait_for("Mill", "Welcome")


def test_a_shops_own_name_on_its_receipts_stays(office: Office, tmp_path: Path) -> None:
    folder = made(tmp_path / "till")
    (folder / "till.toml").write_text('[shop]\nheader = ["Bread & more"]\n', encoding="utf-8")
    with served(office) as url:
        done = CliRunner().invoke(app, ["enroll", url, enrolment.new_code(office, "Mill"), "--store", str(folder)])
        assert done.exit_code == 0, done.output
    assert read_config(folder).shop.header == ["Bread & more"]


def test_the_command_asks_the_till_that_runs(office: Office, counter: Counter) -> None:
    folder = counter.terminal.store.folder
    with served(office) as url, announced(folder, str(counter.page.base_url).rstrip("/")):
        done = CliRunner().invoke(app, ["enroll", url, enrolment.new_code(office, "Mill"), "--store", str(folder)])
        assert done.exit_code == 0, done.output
        assert "belongs to shop Mill now. It runs, and sends" in done.output
        assert counter.terminal.head_office.sync is not None


def test_codes_that_are_none_are_told_apart_and_the_right_one_works_afterwards(
    office: Office, clock: Any, counter: Counter, tell: Any
) -> None:
    old = enrolment.new_code(office, "Mill")
    clock.pass_by(hours=25)
    used = enrolment.new_code(office, "Mill")
    tell.Till(office, "AAAAAA", "Mill").enroll(used)
    with served(office) as url:
        assert counter.refused(url, "0000-0000") == (
            "CODE_WRONG",
            "This code is not known. Type it again, or get a new one at head office: its page Shops, or pos-central enroll-code.",
        )
        assert counter.refused(url, old)[0] == "CODE_EXPIRED"
        assert counter.refused(url, used)[0] == "CODE_USED"
        assert counter.connect(url, enrolment.new_code(office, "Mill")).json()["shop"] == "Mill"


@pytest.mark.parametrize(
    ("typed", "code", "words"),
    [
        ("http://loyalty.example", "ADDRESS_UNFIT", "is not encrypted"),
        ("ftp://loyalty.example", "ADDRESS_UNFIT", "is no address of a head office"),
        ("https://", "ADDRESS_UNFIT", "is no address of a head office"),
        ("https://who@loyalty.example", "ADDRESS_UNFIT", "is no address of a head office"),
        ("127.0.0.1:1", "UNREACHABLE", "The same code can be typed again"),
    ],
)
def test_an_address_that_is_none_is_said_in_one_sentence_each(
    counter: Counter, typed: str, code: str, words: str
) -> None:
    said = counter.refused(typed, "K7QF-2M9X")
    assert said[0] == code
    assert words in said[1]


class Stranger(BaseHTTPRequestHandler):
    """Something else at that address: `status` and `body` to whatever it is asked."""

    status: ClassVar[int] = 404
    body: ClassVar[bytes] = b"<html>no such page</html>"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def stranger(status: int, body: bytes) -> Iterator[str]:
    handler = type("Handler", (Stranger,), {"status": status, "body": body})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.mark.parametrize(
    ("status", "body", "code", "words"),
    [
        (404, b"<html>no such page</html>", "NONSENSE", "is no head office"),  # another program
        (200, b'{"shop": "Mill", "server": "HHHHHH"}', "NONSENSE", "to the same version"),  # an older head office
        (503, b"", "UNREACHABLE", "in trouble"),
    ],
)
def test_what_is_no_head_office_of_this_version_is_said_and_nothing_is_half_done(
    counter: Counter, status: int, body: bytes, code: str, words: str
) -> None:
    with stranger(status, body) as url:
        said = counter.refused(url, "K7QF-2M9X")
    assert said[0] == code
    assert words in said[1]


def test_a_copy_of_a_till_that_belongs_to_another_shop_is_told_to_begin_in_a_new_folder(
    office: Office, counter: Counter
) -> None:
    from ledger.keys import SigningKey
    from offline_store import journal

    with counter.terminal.store.read() as db:
        who = journal.identity(db)
    secret = SigningKey(counter.terminal.store.secret_key())
    code = enrolment.new_code(office, "Harbour")
    proof = secret.sign(enrolment.enrolment_message(code, who.terminal, secret.public))
    enrolment.enroll(
        office,
        enrolment.WrongCodes(),
        enrolment.Enrolment(code, who.terminal, who.epoch, secret.public, proof),
    )
    with served(office) as url:
        said = counter.refused(url, enrolment.new_code(office, "Mill"))
    assert said[0] == "TERMINAL_TAKEN"
    assert "new folder" in said[1]


def test_an_answer_that_was_lost_is_had_again_with_the_same_code(
    office: Office, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from offline_store.sync import Unreachable
    from pos_plugin.head_office.server_link import HttpLink

    code, asked = enrolment.new_code(office, "Mill"), HttpLink.enroll

    def lost(link: HttpLink, request: Any) -> Any:
        asked(link, request)
        raise Unreachable("Nothing came back.")

    with served(office) as url:
        with monkeypatch.context() as fault:
            fault.setattr(HttpLink, "enroll", lost)
            assert counter.refused(url, code)[0] == "UNREACHABLE"
        assert counter.connect(url, code).json()["shop"] == "Mill"


def test_a_disk_that_takes_no_settings_uses_no_code(
    office: Office, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    code = enrolment.new_code(office, "Mill")
    with served(office) as url:
        with monkeypatch.context() as fault:
            fault.setattr("pos_plugin.config.put_in_place", full)
            assert counter.refused(url, code)[0] == "SETTINGS_NOT_WRITTEN"
        assert counter.connect(url, code).json()["shop"] == "Mill"


def test_where_operators_are_kept_a_cashier_needs_a_supervisors_word(office: Office, counter: Counter) -> None:
    def people(db: Any) -> None:
        for name, role in (("kim", "cashier"), ("sam", "supervisor")):
            pin = hashed_pin("2580" if name == "kim" else "3690", bytes(16))
            operators.put(db, Operator(name, name.title(), role, pin, is_of_here=True))

    counter.terminal.store.write(people)
    with served(office) as url:
        code = enrolment.new_code(office, "Mill")
        assert counter.refused(url, code)[0] == "SIGN_ON_FIRST"
        counter.terminal.operators.sign_on("kim", "2580")
        assert counter.refused(url, code)[0] == "SUPERVISOR_NEEDED"
        assert counter.refused(url, code, allowed_by="sam", pin="1111", reason="first day")[0] == "PIN_WRONG"
        done = counter.connect(url, code, allowed_by="sam", pin="3690", reason="first day").json()
        assert done["shop"] == "Mill"


def test_settings_that_a_person_has_broken_meanwhile_are_said_before_the_code_is_used(
    office: Office, tmp_path: Path
) -> None:
    folder = made(tmp_path / "till")
    with Store.open(folder) as store:
        (folder / "till.toml").write_text("[shop\n", encoding="utf-8")
        with pytest.raises(Exception, match=r"till\.toml"):
            enrolling.connect(store, "127.0.0.1:1", "K7QF-2M9X", clock=office.now, random_bytes=bytes)
        assert (folder / "till.toml").read_text(encoding="utf-8") == "[shop\n"
        store.write(lambda db: settings.put(db, "shop", "Mill"))
        with pytest.raises(Conflict, match="belongs to shop Mill already"):
            enrolling.connect(store, "127.0.0.1:1", "K7QF-2M9X", clock=office.now, random_bytes=bytes)
