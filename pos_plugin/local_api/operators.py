"""Who is at the till: signing on and off, training, and the operators of a till without a head office.

And for the requests of the other files: whose doing they are.
"""

from __future__ import annotations

import msgspec
from fastapi import FastAPI, Request, Response

from loyalty.roles import leave
from pos_plugin.errors import NotAllowed
from pos_plugin.local_api import requests, shapes
from pos_plugin.local_api.answers import answer
from pos_plugin.local_api.description import OPERATORS, answers
from pos_plugin.local_api.requests import RefInPath
from pos_plugin.sales.authority import By, Override
from pos_plugin.terminal import Terminal


def is_page(request: Request) -> bool:
    """Whether the till's own page asks, and no program with a key."""
    return request.state.key is None


def by(terminal: Terminal, request: Request, action: str, asked: requests.Named) -> By:
    """Whose doing a request is: at the page who is signed on, of a program whom it names. Raises as `Operators.by`."""
    override = _override(asked) if isinstance(asked, requests.Overridable) else None
    who = By()
    if is_page(request):
        who = terminal.operators.by(action, override)
    elif override is not None and override.allowed_by:
        who = By(approved_by=terminal.operators.allowed(action, override, not_by=asked.operator))
    if who.operator:
        return who
    reason = override.reason if override else ""
    return msgspec.structs.replace(who, operator=asked.operator, shift=asked.shift, reason=reason)


def own_figures(terminal: Terminal, request: Request) -> str:
    """Whose figures alone whoever is at the page may see; "" for all. Raises NotAllowed where somebody has to sign on first."""
    if not is_page(request) or not terminal.operators.are_kept:
        return ""
    on = terminal.operators.on()
    if on is None:
        raise NotAllowed("SIGN_ON_FIRST", "Nobody is signed on.", hint="Sign on with your PIN.")
    return "" if leave(on.role, "figures") == "O" else on.operator


def require_program(
    request: Request,
    what: str = "Other tills' sales are told",
    instead: str = "At the page, ring or return the sale itself.",
) -> None:
    """For what programs tell under a key of their own: by the page's cookie a cashier could void any sale so, or give points."""
    if is_page(request):
        raise NotAllowed(
            "NOT_AT_THE_PAGE",
            f"{what} by a program with a key of its own. Nothing was recorded.",
            hint=f"Make one: pos-plugin api-key NAME. {instead}",
        )


def _override(asked: requests.Overridable | requests.TrainingAsked) -> Override:
    return Override(asked.allowed_by, asked.pin.get_secret_value(), asked.reason)


def add_operators(app: FastAPI, terminal: Terminal) -> None:
    operators = terminal.operators

    @app.post(
        "/v1/sign-on",
        tags=[OPERATORS],
        summary="Sign on with a PIN, in place of whoever is on",
        responses=answers(shapes.NowOn, "Who is on, and in which shift."),
    )
    def sign_on(asked: requests.SignOnAsked) -> Response:
        """The first of the day begins a shift, and `new_shift` another one. Open quotes of who was on before end; a commit that
        has begun is done. Five wrong PINs of one operator lock them out for a minute, each further one for twice as long, up
        to a quarter of an hour."""
        on, ended = operators.sign_on(asked.operator, asked.pin.get_secret_value(), new_shift=asked.new_shift)
        terminal.lane.clear()
        return answer(shapes.NowOn(on, ended))

    @app.post(
        "/v1/sign-off",
        tags=[OPERATORS],
        summary="End every open quote of an operator",
        responses=answers(shapes.SignedOff, "How many there were."),
    )
    def sign_off(asked: requests.SignOffAsked, request: Request) -> Response:
        """From the till's page it also signs them off."""
        terminal.lane.clear()
        if is_page(request):  # first: what they ask for from now on is refused, and what they had is ended then
            operators.sign_off(asked.operator)
        ended = terminal.checkout.sign_off(asked.operator)
        return answer(shapes.SignedOff(ended))

    @app.post(
        "/v1/training",
        tags=[OPERATORS],
        summary="Begin or end training at the till's page",
        responses=answers(shapes.TrainingShown, "Whether it is on."),
    )
    def train(asked: requests.TrainingAsked) -> Response:
        """A supervisor or manager may, or allows it. Nothing of the page is recorded until it ends, or the business day does. A
        host's sales are its own: it says of each whether it is for training."""
        operators.train(asked.on, _override(asked))
        return answer(shapes.TrainingShown(operators.is_training))

    @app.post(
        "/v1/operators",
        tags=[OPERATORS],
        summary="Add an operator to a till without a head office, or change one",
        responses=answers(shapes.OperatorShown, "The operator."),
    )
    def put_operator(asked: requests.OperatorAsked, request: Request) -> Response:
        """For `pos-plugin operator`; the page may not."""
        _require_command(request)
        operators.put(asked.operator, asked.name, asked.role, asked.pin.get_secret_value(), asked.member)
        return answer(shapes.OperatorShown(asked.operator, asked.name, asked.role))

    @app.post(
        "/v1/operators/{operator}/close",
        tags=[OPERATORS],
        summary="Let an operator of a till without a head office sign on no more",
        responses=answers(shapes.OperatorClosed, "Whether they could until now."),
    )
    def close_operator(operator: RefInPath, request: Request) -> Response:
        """For `pos-plugin operator`; the page may not."""
        _require_command(request)
        return answer(shapes.OperatorClosed(operator, operators.close(operator)))


def _require_command(request: Request) -> None:
    """Whoever stands at the page could otherwise make themselves a manager."""
    if is_page(request):
        raise NotAllowed(
            "NOT_AT_THE_PAGE", "Operators are kept by a command. Nothing was changed.", hint="pos-plugin operator"
        )
