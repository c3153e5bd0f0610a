"""How a request of the local API is worked on: read and checked as FastAPI would, then done by one of the server's threads.

FastAPI knows what each endpoint takes, checks it, and describes it. It also keeps two stacks and an answer ready for
dependencies, of which there are none here, and hands a request to its thread by way of another library: that takes longer than
the rest of it. Endpoints that are coroutines are left to FastAPI.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from functools import partial
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic_core import PydanticUndefined
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send


class Endpoint(APIRoute):
    """A plain function that answers a Response. What it raises is answered by the application's handlers."""

    def __init__(self, path: str, endpoint: Any, **about: Any) -> None:
        super().__init__(path, endpoint, **about)
        if not inspect.iscoroutinefunction(endpoint):
            if self.dependant.dependencies or self.dependant.cookie_params:
                raise ValueError(f"{path} takes what is only filled in by FastAPI itself")
            self.app = self._answer

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        takes = self.dependant
        values, problems = request_params_to_args(takes.path_params, request.path_params)
        for fields, given in ((takes.query_params, request.query_params), (takes.header_params, request.headers)):
            if fields:
                more, wrong = request_params_to_args(fields, given)
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
        # Not by anyio, which wakes a thread of its own choice for every call: threads that are at work take the next one.
        response: Response = await asyncio.get_running_loop().run_in_executor(None, partial(self.endpoint, **values))
        await response(scope, receive, send)


async def _json(request: Request) -> Any:
    """The body, whose type the guard has seen to; what FastAPI takes for nothing where there is none."""
    body = await request.body()
    try:
        return json.loads(body) if body else PydanticUndefined
    except json.JSONDecodeError as error:
        problem = {"type": "json_invalid", "loc": ("body", error.pos), "ctx": {"error": error.msg}, "input": {}}
        raise RequestValidationError([problem]) from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(400) from error
