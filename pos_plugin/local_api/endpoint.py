"""How a request of the local API is worked on: read and checked as FastAPI would, then done by one of the server's threads.

FastAPI knows what each endpoint takes, has it checked, and describes it. What else it does for every request (telemetry, stacks
for dependencies, an answer in advance) nobody needs here, and it takes longer than the rest: two layers stand between the guard
and the router, none between the router and the endpoint.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

T = TypeVar("T")


class Application(FastAPI):
    """Declared as any of FastAPI's; served without its own middleware. Whatever an endpoint raises, the guard answers."""

    def __init__(self, **about: Any) -> None:
        super().__init__(**about)
        self.router.route_class = Endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await Starlette.__call__(self, scope, receive, send)

    def build_middleware_stack(self) -> ASGIApp:
        app: ASGIApp = ExceptionMiddleware(self.router, handlers=self.exception_handlers)
        for layer, given, named in reversed(self.user_middleware):
            app = layer(app, *given, **named)
        return app


class Endpoint(APIRoute):
    """A function that answers a Response: a plain one runs in a thread of the server, a coroutine in its loop."""

    def __init__(self, path: str, endpoint: Any, **about: Any) -> None:
        super().__init__(path, endpoint, **about)
        if self.dependant.dependencies or self.dependant.cookie_params:
            raise ValueError(f"{path} takes what FastAPI alone fills in")
        self._waits = inspect.iscoroutinefunction(endpoint)
        self.app = self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        takes = self.dependant
        values, problems = request_params_to_args(takes.path_params, request.path_params)
        for fields, given in ((takes.query_params, "query_params"), (takes.header_params, "headers")):
            if fields:
                more, wrong = request_params_to_args(fields, getattr(request, given))
                values |= more
                problems += wrong
        if takes.body_params:
            body, wrong = await request_body_to_args(takes.body_params, await _json(request), self._embed_body_fields)
            values |= body
            problems += wrong
        if problems:
            raise RequestValidationError(problems)
        if takes.request_param_name:
            values[takes.request_param_name] = request
        response: Response
        if self._waits:
            response = await self.endpoint(**values)
        else:
            response = await in_thread(partial(self.endpoint, **values))
        await response(scope, receive, send)


async def in_thread(work: Callable[[], T]) -> T:
    """Not by anyio, which wakes a thread for every call: those that are at work take the next one by themselves."""
    return await asyncio.get_running_loop().run_in_executor(None, work)


async def _json(request: Request) -> Any:
    """The body, whose type the guard has seen to; what FastAPI takes for nothing where there is none."""
    body = await request.body()
    try:
        return json.loads(body, object_pairs_hook=_each_once) if body else PydanticUndefined
    except _Twice as error:
        raise RequestValidationError([{"type": "field_twice", "loc": ("body", str(error))}]) from None
    except json.JSONDecodeError as error:
        problem = {"type": "json_invalid", "loc": ("body", error.pos), "ctx": {"error": error.msg}, "input": {}}
        raise RequestValidationError([problem]) from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(400) from error


class _Twice(Exception):
    """The name of a field that stands twice in one object."""


def _each_once(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two totals one is wrong, and nobody can tell which: others take the first, or the last."""
    read = dict(fields)
    if len(read) != len(fields):
        raise _Twice(Counter(name for name, _ in fields).most_common(1)[0][0])
    return read
