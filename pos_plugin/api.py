"""The till's HTTP interface, for its own page and for tills of other makers. Knows no rule: it asks the terminal.

Endpoints are plain functions, so they run in threads and no write holds up another request. Everything under /v1 answers JSON
(pictures and the event stream apart), and every refusal is `{code, message, hint}`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Annotated

import msgspec
from fastapi import FastAPI, Header, Path, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AfterValidator

from drivers.errors import DeviceError
from drivers.escpos import Profile, profile
from drivers.scanners.scan import scan_from_bytes
from pos_plugin import activities, claims, joining, returns
from pos_plugin.config import printer_profile
from pos_plugin.errors import BadRequest, Conflict
from pos_plugin.local_api import lookups, printed_sales, requests
from pos_plugin.local_api.answers import add_error_answers, answer, refusal
from pos_plugin.local_api.guard import Guard, new_session, session_cookie
from pos_plugin.local_api.stream import MOST_LISTENERS, Listeners
from pos_plugin.renderings import POLICY, as_html, as_pdf, as_png, as_text
from pos_plugin.sample_sheet import in_words
from pos_plugin.terminal import Terminal

PAGE_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
}

RefInPath = Annotated[str, Path(max_length=64), AfterValidator(requests.reference)]


def create_app(terminal: Terminal, *, keys: Callable[[str], str | None]) -> FastAPI:
    """The interface of one terminal. `keys` answers the name of the program whose key it is, or None.

    Whoever serves it sets `app.state.listeners.stopping` to let go of those who listen to /v1/events.
    """
    app = FastAPI(
        title="pos-plugin",
        version=version("pos-plugin"),
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
    )
    app.state.listeners = Listeners()
    session = new_session()
    app.add_middleware(Guard, session=session, keys=keys)
    add_error_answers(app)
    _add_sales(app, terminal)
    _add_members(app, terminal)
    _add_receipts(app, terminal)
    printed_sales.add_to(app, terminal)
    _add_till(app, terminal)
    _add_page(app, session)
    return app


def _add_sales(app: FastAPI, terminal: Terminal) -> None:
    checkout = terminal.checkout

    @app.post("/v1/quotes")
    def quote(asked: requests.QuoteAsked) -> Response:
        sale = asked.sale(*lookups.sale_times(terminal, asked))
        return answer(
            checkout.quote(sale, asked.member, asked.redeem_points, reward=asked.reward, training=asked.training)
        )

    @app.post("/v1/quotes/{quote_id}/commit")
    def commit(quote_id: RefInPath, request: Request) -> Response:
        return answer(checkout.commit(quote_id, _idempotency_key(request)))

    @app.delete("/v1/quotes/{quote_id}")
    def drop(quote_id: RefInPath) -> Response:
        checkout.drop(quote_id)
        return answer({"quote_id": quote_id, "open": False})

    @app.get("/v1/sales/{till}/{sale_ref}")
    def sale(till: RefInPath, sale_ref: RefInPath) -> Response:
        return answer(lookups.sale_answer(terminal, till, sale_ref))

    @app.post("/v1/sales/{till}/{sale_ref}/void")
    def void(till: RefInPath, sale_ref: RefInPath, asked: requests.VoidAsked) -> Response:
        done = returns.void(checkout, till, sale_ref, operator=asked.operator, shift=asked.shift)
        terminal.recorded("sale")
        return answer(done)

    @app.post("/v1/sales/{till}/{sale_ref}/refund")
    def refund(till: RefInPath, sale_ref: RefInPath, asked: requests.RefundAsked) -> Response:
        back = asked.back(till, sale_ref)
        done = returns.take_back(checkout, back, operator=asked.operator, shift=asked.shift)
        terminal.recorded("sale")
        return answer(done)

    @app.post("/v1/claims")
    def claim(asked: requests.ClaimAsked) -> Response:
        done = claims.claim(checkout, asked.reference, asked.member, operator=asked.operator)
        terminal.recorded("sale")
        return answer(done)

    @app.post("/v1/sign-off")
    def sign_off(asked: requests.SignOffAsked) -> Response:
        terminal.lane.clear()
        return answer({"ended": checkout.sign_off(asked.operator)})


def _add_members(app: FastAPI, terminal: Terminal) -> None:
    @app.post("/v1/identify")
    def identify(asked: requests.IdentifyAsked) -> Response:
        if asked.entry_mode != "scanned":
            return answer(terminal.checkout.identify(asked.scan, asked.entry_mode))
        read = scan_from_bytes(asked.scan.encode(), "keyboard", 0.0)  # a scanner that types sends its identifier, too
        return answer(terminal.checkout.identify(read.label, asked.entry_mode, read.symbology))

    @app.post("/v1/members/search")
    def search(asked: requests.SearchAsked) -> Response:
        found = terminal.search_by_name(asked.name)
        return answer({"members": msgspec.to_builtins(found.members), "more": found.more})

    @app.post("/v1/members")
    def join(asked: requests.JoinAsked) -> Response:
        joined = joining.join(
            terminal.checkout,
            asked.card,
            name=asked.name,
            phone=asked.phone,
            birthday=asked.birthday,
            charity=asked.charity,
            referrer=asked.referrer,
            operator=asked.operator,
        )
        terminal.recorded("members")
        return answer(joined)

    @app.post("/v1/activities")
    def activity(asked: requests.ActivityAsked) -> Response:
        done = activities.record(
            terminal.checkout,
            asked.till,
            asked.ref,
            asked.member,
            activity=asked.activity,
            reload_minor=asked.reload_minor or 0,
            operator=asked.operator,
        )
        terminal.recorded("members")
        return answer(done)

    @app.get("/v1/members/{member}")
    def enquiry(member: RefInPath) -> Response:
        return answer(lookups.member_answer(terminal, member))


def _add_receipts(app: FastAPI, terminal: Terminal) -> None:
    @app.get("/v1/receipts/{reference}.png")
    def picture(reference: RefInPath) -> Response:
        one = lookups.receipt(terminal, reference)
        return Response(as_png(one.document, _profile(terminal), pictures=one.pictures), media_type="image/png")

    @app.get("/v1/receipts/{reference}.pdf")
    def page_to_print(reference: RefInPath) -> Response:
        one = lookups.receipt(terminal, reference)
        made = as_pdf(one.document, _profile(terminal), title=one.title, pictures=one.pictures)
        return Response(made, media_type="application/pdf")

    @app.get("/v1/receipts/{reference}.html")
    def digital(reference: RefInPath) -> Response:
        one, language = lookups.receipt(terminal, reference), terminal.checkout.layout.language
        made = as_html(one.document, title=one.title, language=language, pictures=one.pictures)
        return Response(made, media_type=PAGE_TYPES["html"], headers={"Content-Security-Policy": POLICY})

    @app.get("/v1/receipts/{reference}.txt")
    def plain(reference: RefInPath) -> Response:
        return Response(as_text(lookups.receipt(terminal, reference).document), media_type="text/plain; charset=utf-8")

    @app.get("/v1/receipts/{reference}")
    def receipt(reference: RefInPath) -> Response:
        return answer(lookups.receipt_answer(lookups.receipt(terminal, reference)))

    @app.post("/v1/receipts/{reference}/reprint")
    def reprint(reference: RefInPath) -> Response:
        return answer({"job": terminal.reprint(reference), "copy": True})

    @app.post("/v1/print-jobs/{job}")
    def settle(job: Annotated[int, Path(ge=1, le=2**53)], asked: requests.PrintSettled) -> Response:
        terminal.settle_print(job, came_out=asked.came_out)
        return answer({"job": job, "came_out": asked.came_out})

    @app.post("/v1/print-jobs/{job}/go-on")
    def go_on(job: Annotated[int, Path(ge=1, le=2**53)]) -> Response:
        return answer({"job": job, "state": terminal.go_on_printing(job)})


def _add_till(app: FastAPI, terminal: Terminal) -> None:
    @app.post("/v1/drawer")
    def drawer() -> Response:
        done = terminal.open_drawer()
        if done.drawer == "not opened":
            raise Conflict("DRAWER_NOT_OPENED", done.text, hint=done.hint)
        return answer(done)

    @app.post("/v1/test-print")
    def test_print(asked: requests.TestPrintAsked) -> Response:
        done = terminal.print_sample(drawer=asked.drawer, buzzer=asked.buzzer)
        return answer({**msgspec.structs.asdict(done), "text": in_words(done)})

    @app.get("/v1/state")
    def state() -> Response:
        return answer(terminal.state())

    @app.get("/v1/health")
    def health() -> Response:
        with terminal.store.read() as db:
            db.execute("SELECT 1 FROM setting LIMIT 1").fetchone()
        return answer({"status": "ok"})

    @app.post("/v1/sync")
    def sync() -> Response:
        if terminal.sync is None:
            raise Conflict(
                "NOT_ENROLLED",
                "This till is not connected to a head office. Everything is kept here.",
                hint="Connect it: pos-plugin enroll",
            )
        terminal.sync_soon()
        return answer(terminal.state()["network"])

    @app.get("/v1/events")
    async def events(last_event_id: Annotated[str, Header(max_length=20)] = "") -> Response:
        listeners: Listeners = app.state.listeners
        if listeners.count >= MOST_LISTENERS:
            return refusal(503, "TOO_MANY_LISTENERS", f"{MOST_LISTENERS} programs listen already.", "Close one.")
        after = int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() else None
        return StreamingResponse(listeners.stream(terminal.events, after), media_type="text/event-stream")


def _add_page(app: FastAPI, session: str) -> None:
    @app.get("/", include_in_schema=False)
    def page(request: Request) -> Response:
        response = Response(_page_files()["index.html"], media_type=PAGE_TYPES["html"])
        response.set_cookie(session_cookie(request.scope), session, httponly=True, samesite="strict")
        return response

    @app.get("/page/{name}", include_in_schema=False)
    def part(name: str) -> Response:
        content = _page_files().get(name)
        if content is None:
            return refusal(404, "NOT_FOUND", "The page has no such part.", "Reload the page.")
        return Response(content, media_type=PAGE_TYPES[name.rpartition(".")[2]])


@cache
def _page_files() -> dict[str, bytes]:
    folder = files("pos_plugin").joinpath("page")
    return {part.name: part.read_bytes() for part in folder.iterdir() if part.name.rpartition(".")[2] in PAGE_TYPES}


def _idempotency_key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not (0 < len(key) <= requests.LONGEST_KEY and key.isascii() and key.isprintable()):
        raise BadRequest(
            "IDEMPOTENCY_KEY",
            f"The header Idempotency-Key must be 1 to {requests.LONGEST_KEY} printable characters.",
            hint="Make one for each sale before sending it, and send the same again when trying again.",
        )
    return key


def _profile(terminal: Terminal) -> Profile:
    try:
        return printer_profile(terminal.config.printer)
    except DeviceError:
        return profile()
