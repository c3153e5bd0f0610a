"""The secret seed of surprises: made once, its hash published before the first draw, revealed at the end.

The seed is a file of the office's folder, so that neither a backup of the database nor whoever reads the database has it. Each
programme that draws is bound to the hash of the seed that it draws with, beside its text: a programme whose seed has been
revealed draws no more, and the next one gets a new seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection, select

from central_server import schema
from central_server.database import keep
from central_server.errors import OfficeError
from central_server.files import flush_names, write_private
from central_server.office import Office
from central_server.tills import channels
from ledger.audit import Difference, differences, has_drawn
from ledger.entry import Entry, EntryUnreadable, SaleBody, read_entry
from loyalty.program import Program
from loyalty.surprise import Luck, seed_hash, terminal_key

FILE = "surprise.key"
BOUND = "surprise/"
"""How the setting begins that says by the hash of which seed a programme draws; the programme's id follows."""
REVEALED = "surprise-revealed/"
"""How the setting begins that says since when a seed is no secret any more; its hash follows."""


def seed_of(office: Office, connection: Connection, programs: Sequence[Program]) -> bytes:
    """The seed with which any of these programmes draws; b"" where none does, or it has been revealed."""
    names = [f"{BOUND}{program.id}" for program in programs if program.surprise]
    if not names:
        return b""
    seed = _secret(office)
    table = schema.setting.c
    hashes = set(connection.scalars(select(table.value).where(table.name.in_(names))).all())
    return seed if seed and seed_hash(seed) in hashes else b""


def bind(office: Office, connection: Connection, program: Program) -> str:
    """Binds a programme to the seed that it draws with, made now if there is none; answers its hash, '' where nothing is drawn.

    Raises OfficeError where the programme names the hash of another seed, or draws with one that has been revealed.
    """
    if program.surprise is None:
        return ""
    seed = _secret(office)
    hashed = seed_hash(seed) if seed else ""
    bound = connection.scalar(select(schema.setting.c.value).where(schema.setting.c.name == f"{BOUND}{program.id}"))
    if bound and bound != hashed:
        raise OfficeError(
            "The seed of this programme's surprises has been revealed: anyone could tell who wins.",
            hint="Raise its version, so that it draws with a new seed.",
            code="SEED_REVEALED",
        )
    if program.surprise.seed_hash and program.surprise.seed_hash != hashed:
        raise OfficeError(
            "The programme names a seed_hash that is not this head office's.",
            hint=f"Leave it out, or write the one that is: {hashed}"
            if hashed
            else "Leave it out: it is made and shown.",
            code="SEED_DIFFERS",
        )
    if not seed:
        seed = office.random_bytes(32)
        write_private(office.folder / FILE, seed.hex().encode())
        hashed = seed_hash(seed)
    keep(connection, schema.setting, [{"name": f"{BOUND}{program.id}", "value": hashed}])
    return hashed


def bind_in_force(office: Office) -> str:
    """As `bind`, for the programme in force; nothing happens to one whose seed has been revealed."""
    with office.database.writing() as connection:
        program = office.program(connection)
        assert program is not None, "init puts a programme in force"
        try:
            return bind(office, connection, program)
        except OfficeError as error:
            if error.code != "SEED_REVEALED":
                raise
            return ""


def reveal(office: Office) -> str:
    """The seed, in hex; nothing is drawn with it from here on. Raises OfficeError where there is none to reveal."""
    seed = _secret(office)
    if not seed:
        raise OfficeError("There is no seed: no programme with surprises has been published.", code="SEED_ABSENT")
    path = office.folder / FILE
    path.rename(path.with_name(f"surprise-{seed_hash(seed)[:16]}.revealed"))
    flush_names(office.folder)
    with office.database.writing() as connection:
        program = office.program(connection)
        assert program is not None, "init puts a programme in force"
        keep(connection, schema.setting, [{"name": f"{REVEALED}{seed_hash(seed)}", "value": office.time()}])
        channels.announce(connection, channels.PROGRAM, [program.id])  # the tills forget their keys
    return seed.hex()


def checked(office: Office, seed: bytes) -> Iterator[Difference]:
    """Draws every recorded sale of the programmes bound to this seed again, and answers what differs.

    A sale without a draw is believed where its till had never heard from head office and had never drawn: it sold before it was
    enrolled, or before the key had come. So is one that was recorded after the seed had been revealed, when tills forget their
    keys. Raises OfficeError where no programme has drawn with it.
    """
    table, inbox = schema.setting.c, schema.inbox.c
    with office.database.reading() as connection:
        ended = connection.scalar(select(table.value).where(table.name == f"{REVEALED}{seed_hash(seed)}"))

        def luck_of(one: Entry) -> Luck | None:
            is_late = ended is not None and one.envelope.recorded_at >= ended
            if is_late and isinstance(one.body, SaleBody) and not has_drawn(one.body):
                return None
            return Luck(terminal_key(seed, one.envelope.terminal), one.member)

        bound = connection.execute(
            select(table.name).where(table.name.startswith(BOUND), table.value == seed_hash(seed))
        ).scalars()
        programs = {name.removeprefix(BOUND) for name in bound}
        if not programs:
            raise OfficeError(
                "No programme of this head office has drawn with this seed.",
                hint="Compare its SHA-256 with the hash that was published.",
                code="SEED_UNKNOWN",
            )
        rows = connection.execute(
            select(inbox.data).where(inbox.kind == "sale", inbox.member != "").order_by(inbox.terminal, inbox.number)
        )
        yield from differences(
            (
                one
                for one in readable(rows.scalars())
                if isinstance(one.body, SaleBody) and one.body.program in programs
            ),
            lambda name: office.program(connection, name),
            luck_of=luck_of,
        )


def readable(stored: Iterable[bytes]) -> Iterator[Entry]:
    """The entries that this version can read."""
    for data in stored:
        try:
            yield read_entry(data)
        except EntryUnreadable:
            continue


def _secret(office: Office) -> bytes:
    path = office.folder / FILE
    try:
        return bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return b""
    except (OSError, ValueError) as error:
        raise OfficeError(f"The seed {path} cannot be read.", hint="Put back the folder's files.") from error
