"""What is answered, and how every refusal reads: `{code, message, hint}`, in sentences, never a stack trace."""

from __future__ import annotations

import difflib
import json
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from offline_store.errors import StoreError
from pos_plugin.errors import TillError
from pos_plugin.local_api import requests, toast_status
from pos_plugin.serving.bugs import log_bug

MOST_PROBLEMS = 20
LONGEST_NAME = 100
"""Of a field's name, as a client sent it, that much is said back."""

log = logging.getLogger("pos_plugin")

_FIELDS = sorted(
    {
        field
        for model in vars(requests).values()
        if isinstance(model, type) and issubclass(model, requests.Asked)
        for field in model.model_fields
    }
)


def answer(content: Any, status: int = 200) -> Response:
    """JSON of plain data or of this project's structs."""
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def refusal(status: int, code: str, message: str, hint: str = "") -> Response:
    said = {"code": code, "message": message, "hint": hint}
    # What a client sent may stand in a message, a lone surrogate among it.
    return answer({key: text.encode("utf-8", "replace").decode() for key, text in said.items()}, status)


def refusal_at(path: str, status: int, code: str, message: str, hint: str = "") -> Response:
    """A refusal in the words of whoever asks at this path."""
    response = refusal(status, code, message, hint)
    if path != toast_status.PATH:
        return response
    status, said = toast_status.in_toasts_words(status, code)
    text = (
        f"{message if message.endswith(('.', '!', '?')) else message + '.'} {hint}".strip()
        .encode("utf-8", "replace")
        .decode()
    )
    return answer({"transactionStatus": said, "message": text}, status)


def internal(error: Exception, path: str = "") -> Response:
    """A bug, in words."""
    log_bug(error)
    return refusal_at(
        path,
        500,
        "INTERNAL",
        "The till could not do this because of an error in itself. The sale goes on without points.",
        "Look up whether the sale was recorded before trying again; if it happens again, send the log to support.",
    )


def add_error_answers(app: FastAPI) -> None:
    """Every exception the till's rooms raise becomes an answer that says what happened and what to do."""

    @app.exception_handler(TillError)
    def _till(request: Request, error: TillError) -> Response:
        return refusal_at(request.url.path, error.status, error.code, str(error), error.hint)

    @app.exception_handler(StoreError)
    def _store(request: Request, error: StoreError) -> Response:
        log.error("the till's file: %s", error.code)
        return refusal_at(request.url.path, 503, error.code, f"{error} The sale goes on without points.", error.hint)

    @app.exception_handler(sqlite3.Error)
    def _sqlite(request: Request, error: sqlite3.Error) -> Response:
        log.error("the till's file: %s", type(error).__name__)
        return refusal_at(
            request.url.path, 503, "STORE_ERROR", "The till's file did not answer. The sale goes on without points."
        )

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        found = error.errors()
        # Words are found for those alone that are told: a body can have tens of thousands.
        problems = list(dict.fromkeys(sentences(found[:MOST_PROBLEMS])))
        more = [f"and {len(found) - MOST_PROBLEMS} more problems"] if len(found) > MOST_PROBLEMS else []
        return refusal_at(
            request.url.path, 422, "INVALID", "; ".join(problems + more), "Nothing was recorded. Correct the request."
        )

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        path, allowed = request.url.path[:200], (error.headers or {}).get("Allow", "")
        refused = (422, "INVALID", "the body is no JSON that this till can read", "Nothing was recorded. Correct it.")
        if error.status_code == 404:
            refused = (404, "NOT_FOUND", f"There is nothing at {path}.", "Check the address.")
        if error.status_code == 405:
            refused = (405, "METHOD", f"{path} does not take {request.method}.", f"Use {allowed}.")
        return refusal_at(request.url.path, *refused)


def sentences(problems: Sequence[Any]) -> Iterator[str]:
    """Each of pydantic's problems as a sentence that begins with the field's name."""
    for problem in problems:
        name = _path(problem["loc"])
        context = problem.get("ctx", {})
        match problem["type"]:
            case "json_invalid":
                yield f"the body is no JSON: {context.get('error', '')} at character {problem['loc'][-1]}"
            case "field_twice":
                yield f"{name} stands there twice"
            case "missing":
                yield f"{name} is missing"
            case "extra_forbidden":
                near = difflib.get_close_matches(str(problem["loc"][-1])[:LONGEST_NAME], _FIELDS, n=1, cutoff=0.6)
                yield f"there is no field {name}" + (f"; did you mean {near[0]}?" if near else "")
            case "int_type" | "int_from_float" | "int_parsing" | "int_parsing_size":
                yield f"{name} must be a whole number{_unit(name)}, not {_shown(problem['input'])}"
            case "string_type" | "string_unicode":
                yield f"{name} must be text, not {_shown(problem['input'])}"
            case "bool_type":
                yield f"{name} must be true or false, not {_shown(problem['input'])}"
            case "list_type":
                yield f"{name} must be a list, not {_shown(problem['input'])}"
            case "model_type" | "model_attributes_type" | "dict_type":
                yield f"{name} must be a JSON object, not {_shown(problem['input'])}"
            case "literal_error":
                yield f"{name} must be {context['expected']}, not {_shown(problem['input'])}"
            case "union_tag_not_found":
                tag = str(context["discriminator"]).strip("'")
                yield f"{name}.{tag} is missing"
            case "union_tag_invalid":
                tag = str(context["discriminator"]).strip("'")
                yield f"{name}.{tag} must be {context['expected_tags']}, not {_shown(context['tag'])}"
            case "greater_than_equal":
                yield f"{name} must be {context['ge']} or more, not {_shown(problem['input'])}"
            case "less_than_equal":
                yield f"{name} must be {context['le']} or less, not {_shown(problem['input'])}"
            case "string_too_long":
                yield f"{name} must have at most {context['max_length']} characters"
            case "too_long":
                yield f"{name} must have at most {context['max_length']} entries"
            case "string_too_short" | "too_short":
                yield f"{name} must not be empty"
            case "value_error":
                sentence = str(context.get("error", problem["msg"]))
                yield f"{name} {sentence}, not {_shown(problem['input'])}" if sentence.startswith("must") else sentence
            case _:
                yield f"{name} cannot be {_shown(problem['input'])}"


def _path(loc: Sequence[str | int]) -> str:
    """`lines[2].amount_minor` of ("body", "lines", 2, "amount_minor")."""
    path = ""
    for part in loc[1:]:
        part = part[:LONGEST_NAME] if isinstance(part, str) else part
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path or "the body"


def _unit(name: str) -> str:
    if name.endswith("_minor"):
        return " of minor units"
    return " of points" if name.endswith("points") else ""


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."
