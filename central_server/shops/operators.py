"""The operators of the shops' tills: who may sign on where, as what. Each shop's tills hear of its own by the feed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from sqlalchemy import Connection, select

from central_server import schema
from central_server.database import put
from central_server.errors import OfficeError
from central_server.membership import members
from central_server.office import Office
from central_server.shops import shop_names
from central_server.tills import channels
from ledger.pins import hashed_pin, problem_with
from ledger.wire import OperatorItem

AT_TILLS = ("cashier", "supervisor", "manager")
"""The roles of `loyalty.roles` that work at tills, each with what those before it may do, and more."""
LONGEST = 64

_operator = schema.shops.operator


class Operator(msgspec.Struct, frozen=True):
    """Somebody who works, or worked, at the tills of a shop. `member` is who they are as a member themselves."""

    shop: str
    operator: str
    name: str
    role: str
    member: str
    is_open: bool
    changed_by: str
    changed_at: str


def of_shop(office: Office, shop: str = "") -> list[Operator]:
    """The operators of a shop, or of all, by shop and name; those who may not sign on any more come last. Raises OfficeError."""
    statement = select(_operator).order_by(_operator.c.shop, _operator.c.name, _operator.c.operator)
    with office.database.reading() as connection:
        if shop:
            shop_names.require(connection, shop)
        rows = connection.execute(statement.where(_operator.c.shop == shop) if shop else statement).all()
    found = [
        Operator(row.shop, row.operator, row.name, row.role, row.member, bool(row.pin), row.changed_by, row.changed_at)
        for row in rows
    ]
    return sorted(found, key=lambda one: (one.shop, not one.is_open))


def add(office: Office, shop: str, operator: str, name: str, role: str, pin: str, *, card: str = "", by: str) -> None:
    """Lets somebody sign on at the tills of a shop; who could not any more can again.

    `card` is a member card of their own. Raises OfficeError where one of these cannot be, or the name is somebody's.
    """
    name = name.strip()
    for text, what in ((operator, "An operator is named by"), (name, "A name has")):
        if not 0 < len(text) <= LONGEST or not text.isprintable() or text != text.strip() or "/" in text:
            raise OfficeError(f'{what} 1 to {LONGEST} printable characters, without "/".', code="OPERATOR_UNFIT")
    if role not in AT_TILLS:
        hint = f"One of: {', '.join(AT_TILLS)}."
        raise OfficeError(f"Nobody works at a till as {role[:LONGEST]}.", hint=hint, code="ROLE_UNKNOWN")
    kept, own = _hashed(office, pin), members.of_card(office, card) if card else ""

    def work(connection: Connection) -> None:
        shop_names.require(connection, shop)
        known = _find(connection, shop, operator)
        if known is not None and known["pin"]:
            raise OfficeError(
                f"There is an operator {operator} in {shop} already: {known['name']}.",
                hint="Choose another name to sign on with; or close that one first.",
                code="OPERATOR_EXISTS",
            )
        about = {"shop": shop, "operator": operator, "name": name, "role": role, "member": own}
        _put(office, connection, about, kept, by)

    office.database.write(work)


def set_pin(office: Office, shop: str, operator: str, pin: str, *, by: str) -> None:
    """Gives an operator another PIN. A till that has heard of it lets them try at once, locked out or not. Raises OfficeError."""
    kept = _hashed(office, pin)

    def work(connection: Connection) -> None:
        known = _known(connection, shop, operator)
        if not known["pin"]:
            said = f"{known['name']} may not sign on any more."
            raise OfficeError(said, hint="Add them again.", code="OPERATOR_UNKNOWN")
        _put(office, connection, known, kept, by)

    office.database.write(work)


def close(office: Office, shop: str, operator: str, *, by: str) -> bool:
    """Lets them sign on no more; answers whether they could. Their name stays, so that what they did can be told.

    Raises OfficeError.
    """

    def work(connection: Connection) -> bool:
        known = _known(connection, shop, operator)
        if known["pin"]:
            _put(office, connection, known, "", by)
        return bool(known["pin"])

    return office.database.write(work)


def role_of(office: Office, shop: str, operator: str) -> str:
    """As what they work there. Raises OfficeError."""
    with office.database.reading() as connection:
        return _known(connection, shop, operator)["role"]


def items(connection: Connection, shop: str, names: Sequence[str]) -> Iterable[OperatorItem]:
    """These operators as the tills of their shop hear of them."""
    wanted = _operator.c.operator.in_(names)
    rows = connection.execute(select(_operator).where(_operator.c.shop == shop, wanted).order_by(_operator.c.operator))
    for row in rows:
        yield OperatorItem(row.operator, row.name, row.role, row.pin, row.member)


def _hashed(office: Office, pin: str) -> str:
    if problem := problem_with(pin):
        raise OfficeError(f"{problem} Nothing was changed.", hint="Choose another one.", code="PIN_UNFIT")
    return hashed_pin(pin, office.random_bytes(16))


def _find(connection: Connection, shop: str, operator: str) -> dict[str, str] | None:
    statement = select(_operator).where(_operator.c.shop == shop, _operator.c.operator == operator)
    row = connection.execute(statement).mappings().one_or_none()
    return dict(row) if row is not None else None


def _known(connection: Connection, shop: str, operator: str) -> dict[str, str]:
    known = _find(connection, shop, operator)
    if known is None:
        raise OfficeError(
            f"There is no operator {operator[:LONGEST]} in {shop[:LONGEST]}.",
            hint="pos-central operator list",
            code="OPERATOR_UNKNOWN",
        )
    return known


def _put(office: Office, connection: Connection, about: dict[str, str], pin: str, by: str) -> None:
    put(connection, _operator, [{**about, "pin": pin, "changed_by": by, "changed_at": office.time()}])
    channels.announce(connection, channels.shop_of(about["shop"]), [channels.OPERATOR + about["operator"]])
