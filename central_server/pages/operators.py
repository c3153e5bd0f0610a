"""The operators of a shop's tills: who may sign on there, and new PINs.

Who closes the day says who works it, so the action is `close_day`: a manager keeps all operators of their shop, a supervisor
those cashiers whom they look after. Neither makes or changes anybody of their own rank, but a manager another manager.
"""

from __future__ import annotations

from fastapi import Response
from sqlalchemy import select

from central_server import schema
from central_server.errors import Refused
from central_server.pages.frame import Visit, page
from central_server.shops import operators
from central_server.shops.operators import AT_TILLS


def _shop(visit: Visit, asked: str) -> str:
    """Whose operators: of the own shop, or for somebody who works for all shops, of the one that is asked for."""
    own = visit.staff.shop
    if own and asked not in ("", own):
        raise Refused("NOT_ALLOWED", "This is not of your shop.", hint="Head office sees all shops.", status=403)
    return own or asked


def _roles(visit: Visit) -> tuple[str, ...]:
    """Whom this person may add and change."""
    if "Y" not in visit.leave("close_day"):
        return ()
    return AT_TILLS if visit.staff.role == "manager" else AT_TILLS[: AT_TILLS.index(visit.staff.role)]


def _require(visit: Visit, role: str) -> None:
    if role not in _roles(visit):
        raise Refused(
            "NOT_ALLOWED", f"You do not keep a {role or 'role like this'}.", hint="A manager does.", status=403
        )


@page("GET", "/operators", "close_day", menu="Operators", place=34)
def list_operators(visit: Visit) -> Response:
    shop = _shop(visit, visit.query.get("shop", ""))
    with visit.office.database.reading() as connection:
        shops = connection.execute(select(schema.shop.c.shop).order_by(schema.shop.c.shop)).scalars().all()
    return visit.show(
        "operators.html",
        shop=shop,
        shops=[] if visit.staff.shop else shops,
        operators=operators.of_shop(visit.office, shop) if shop else [],
        roles=_roles(visit),
    )


@page("POST", "/operators/add", "close_day")
def add(visit: Visit) -> Response:
    form = visit.form
    shop, operator, role = _shop(visit, form.get("shop", "")), form.get("operator", "").strip(), form.get("role", "")
    _require(visit, role)
    pin = _pin(visit)
    card = form.get("card", "").strip()
    operators.add(visit.office, shop, operator, form.get("name", ""), role, pin, card=card, by=visit.staff.login)
    return visit.go(
        "/operators", said=f"{form['name']} can sign on as {operator}, once the tills have heard.", shop=shop
    )


@page("POST", "/operators/pin", "close_day")
def set_pin(visit: Visit) -> Response:
    shop, operator = _known(visit)
    operators.set_pin(visit.office, shop, operator, _pin(visit), by=visit.staff.login)
    return visit.go("/operators", said=f"{operator} has another PIN, once the tills have heard.", shop=shop)


@page("POST", "/operators/close", "close_day")
def close(visit: Visit) -> Response:
    shop, operator = _known(visit)
    operators.close(visit.office, shop, operator, by=visit.staff.login)
    return visit.go("/operators", said=f"{operator} may not sign on any more, once the tills have heard.", shop=shop)


def _known(visit: Visit) -> tuple[str, str]:
    shop, operator = _shop(visit, visit.form.get("shop", "")), visit.form.get("operator", "")
    if not _roles(visit):
        _require(visit, "")
    _require(visit, operators.role_of(visit.office, shop, operator))
    return shop, operator


def _pin(visit: Visit) -> str:
    """Typed twice by the operator themselves: a PIN that is shown to somebody else is not theirs alone."""
    if visit.form.get("pin", "") != visit.form.get("again", ""):
        raise Refused(
            "PIN_UNFIT", "The two PINs differ. Nothing was changed.", hint="Type the same one twice.", status=422
        )
    return visit.form.get("pin", "")
