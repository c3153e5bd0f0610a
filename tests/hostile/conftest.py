"""A served head office and a served till, senders that mean ill, and what must be true after each of them.

`central` is met over a loopback port as `pos-central serve` configures it, on a database whose every row is counted. Whatever
is sent, the answer is one refusal in JSON, no row appears, and an honest till is served right afterwards.
"""

from __future__ import annotations

import importlib.util
import random
import shutil
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import uvicorn
from sqlalchemy import func, select

from central_server import schema
from central_server.app import create_app
from central_server.connections import Connection
from central_server.founding import init_office
from central_server.office import Office
from central_server.reports import report
from central_server.serving import configured
from ledger.keys import SigningKey, batch_message, request_message
from ledger.wire import Batch, BatchReply, Nonce, Refusal, pack

ROOT = Path(__file__).parents[1]
REQUEST_WITHIN_S = 1.0
BODY_WITHIN_S = 1.0
ANSWER_WITHIN_S = 1.0
KEEP_ALIVE_S = 1
MOST_CONNECTIONS = 40


def _shared(room: str) -> object:
    """The tills and offices of another folder's tests; pytest shares a conftest with folders below it only."""
    spec = importlib.util.spec_from_file_location(f"{room}_conftest", ROOT / room / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


offices, tills = _shared("central"), _shared("till")


class Impatient(Connection):
    """Head office's connection, its bounds short enough to wait for."""

    request_within_s = REQUEST_WITHIN_S
    answer_within_s = ANSWER_WITHIN_S
    most_connections = MOST_CONNECTIONS


class Central:
    """Head office on a port, with a client that sends whatever a test likes."""

    def __init__(self, office: Office, clock: object, port: int) -> None:
        self.office, self.clock, self.port = office, clock, port
        self.url = f"http://127.0.0.1:{port}"
        # Longer unused than this the server may hang up on it, just as the next request begins.
        limits = httpx.Limits(keepalive_expiry=KEEP_ALIVE_S / 4)
        self.client = httpx.Client(base_url=self.url, timeout=20, trust_env=False, verify=False, limits=limits)
        self._honest = self.till("HHHHHH")
        self._honest.send()
        self._sales = 0

    def till(self, name: str, shop: str = "Harbour") -> object:
        new = offices.Till(self.office, name, shop)
        new.enroll()
        return new

    def rows(self) -> dict[str, int]:
        with self.office.database.reading() as connection:
            return {
                table.name: connection.scalar(select(func.count()).select_from(table)) or 0
                for table in schema.metadata.sorted_tables
            }

    def post(self, path: str, body: object = b"", headers: dict[str, str] | None = None) -> httpx.Response:
        return self.client.post(path, content=body, headers=headers)

    def upload(self, body: object) -> httpx.Response:
        return self.post("/v1/entries", body, {"Content-Type": "application/octet-stream"})

    def nonce(self) -> str:
        return msgspec.json.decode(self.post("/v1/nonce").content, type=Nonce).nonce

    def headers(self, till: object, path: str, body: bytes, nonce: str = "") -> dict[str, str]:
        nonce = nonce or self.nonce()
        signature = till.key.sign(request_message(path, till.name, nonce, body))
        return {
            "X-Terminal": till.name,
            "X-Nonce": nonce,
            "X-Signature": signature,
            "Content-Type": "application/json",
        }

    def ask(self, till: object, path: str, message: object, nonce: str = "") -> httpx.Response:
        body = message if isinstance(message, bytes) else msgspec.json.encode(message)
        return self.post(path, body, self.headers(till, path, body, nonce))

    def connect(self, sent: bytes = b"") -> socket.socket:
        peer = socket.create_connection(("127.0.0.1", self.port), timeout=15)
        peer.sendall(sent)
        return peer

    def an_honest_till_is_served(self) -> None:
        """A sale is uploaded and recorded."""
        self._sales += 1
        one = self._honest
        one.sale(str(self._sales), 1000, "anna")
        reply = msgspec.json.decode(self.upload(pack(one.batch(one.sent))).content, type=BatchReply)
        assert [result.outcome for result in reply.results] == ["recorded"]
        one.sent = reply.head_number

    @contextmanager
    def unmoved(self) -> Iterator[None]:
        """Nothing is stored meanwhile, and afterwards head office works."""
        before = self.rows()
        yield
        assert self.rows() == before
        self.an_honest_till_is_served()


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an answer that must be one clear refusal."""
    assert response.status_code >= 400, response.text
    assert response.headers["content-type"] == "application/json"
    said = msgspec.json.decode(response.content, type=Refusal)
    assert set(msgspec.json.decode(response.content)) == {"code", "message", "hint"}
    assert said.message.endswith(".")
    assert "Traceback" not in response.text
    assert ".py" not in response.text
    return response.status_code, said.code


def heard(peer: socket.socket) -> bytes:
    """All that a peer is told until it is hung up on."""
    data = bytearray()
    with peer, suppress(ConnectionError):
        while part := peer.recv(65536):
            data += part
    return bytes(data)


def raw_refusal(data: bytes) -> tuple[int, str]:
    """As `refusal`, of bytes from a socket: the head, and a body that is one refusal."""
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower(), data[:300]
    return int(head.split()[1]), msgspec.json.decode(body, type=Refusal).code


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.is_up.set()


@contextmanager
def served(folder: Path) -> Iterator[Central]:
    clock = offices.Clock()
    office = Office.open(folder, clock, random.Random(2).randbytes)
    listening = socket.create_server(("127.0.0.1", 0), backlog=256)
    # Small buffers, which every connection inherits: who does not read is noticed after kilobytes, not megabytes.
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    config = configured(create_app(office, body_within_s=BODY_WITHIN_S), http=Impatient)
    config.timeout_keep_alive = KEEP_ALIVE_S
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    assert server.is_up.wait(10)
    central = Central(office, clock, listening.getsockname()[1])
    try:
        yield central
        assert list(report.problems(office)) == []
    finally:
        central.client.close()
        server.should_exit = True
        thread.join(15)
        listening.close()
        office.close()
        assert not thread.is_alive()


@pytest.fixture(scope="session")
def initialised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile") / "office"
    init_office(folder, offices.Clock(), random.Random(1).randbytes, shops=offices.SHOPS).close()
    return folder


@pytest.fixture
def office(initialised: Path, tmp_path: Path) -> Iterator[Office]:
    opened = Office.open(shutil.copytree(initialised, tmp_path / "office"), offices.Clock(), random.Random(2).randbytes)
    yield opened
    assert list(report.problems(opened)) == []
    opened.close()


@pytest.fixture(scope="module")
def central(initialised: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Central]:
    """One for a whole module, because nothing that is sent to it leaves a trace."""
    with served(shutil.copytree(initialised, tmp_path_factory.mktemp("central") / "office")) as one:
        yield one


postgres = offices.postgres


@pytest.fixture(scope="module")
def central_on_postgres(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Central]:
    folder = tmp_path_factory.mktemp("central") / "office"
    url = offices.new_database(postgres, "hostile")
    init_office(folder, offices.Clock(), random.Random(1).randbytes, url=url, shops=offices.SHOPS).close()
    with served(folder) as one:
        yield one


@pytest.fixture(scope="module")
def served_till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    with tills.served_till(tmp_path_factory.mktemp("till") / "till") as one:
        one.sell("1")
        yield one


def bounded(count: int) -> object:
    from hypothesis import HealthCheck, Phase, settings

    return settings(
        max_examples=count,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )


def fuzz(
    schema: Any, path: str, method: str, count: int, ask: Callable[[Any], None], *, says_something: bool = True
) -> None:
    """`count` requests that fit the description, and as many that do not, where there is anything to get wrong."""
    import schemathesis
    from hypothesis import given

    operation = schema[path][method]
    modes = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)
    for mode in modes[: 1 + says_something]:
        strategy = operation.as_strategy(generation_mode=mode)

        @bounded(count)
        @given(case=strategy)
        def asked(case: Any) -> None:
            ask(case)

        asked()


class Told:
    """What tests need of this file; a fixture, because a conftest cannot be imported."""

    refusal = staticmethod(refusal)
    raw_refusal = staticmethod(raw_refusal)
    heard = staticmethod(heard)
    served = staticmethod(served)
    fuzz = staticmethod(fuzz)
    Clock = offices.Clock
    Till = offices.Till
    PROGRAM = offices.PROGRAM
    DAY = offices.DAY
    figures = staticmethod(offices.figures)
    notes = staticmethod(offices.notes)
    Impatient = Impatient
    BODY_WITHIN_S = BODY_WITHIN_S
    REQUEST_WITHIN_S = REQUEST_WITHIN_S
    ANSWER_WITHIN_S = ANSWER_WITHIN_S
    MOST_CONNECTIONS = MOST_CONNECTIONS


@pytest.fixture(scope="session")
def tell() -> type[Told]:
    return Told


@pytest.fixture(scope="session")
def signed_batch() -> Callable[..., bytes]:
    """A packed batch of any entries' bytes, rightly signed: by whom, over which head, the test says."""

    def make(
        till: object,
        entries: list[bytes],
        *,
        number: int = 0,
        head: str = "",
        key: SigningKey | None = None,
        name: str | None = None,
        epoch: str | None = None,
    ) -> bytes:
        from ledger.entry import EntryUnreadable, entry_hash, read_envelope

        if entries and not number:
            try:
                number = read_envelope(entries[-1]).number
            except EntryUnreadable:
                number = till.sent + len(entries)
        head = head or (entry_hash(entries[-1]) if entries else "")
        name = till.name if name is None else name
        epoch = till.epoch if epoch is None else epoch
        signature = (key or till.key).sign(batch_message(name, epoch, number, head))
        # Not `pack`, which a hostile sender does not have to use.
        return zlib.compress(msgspec.msgpack.encode(Batch(name, epoch, entries, signature)), 1)

    return make
