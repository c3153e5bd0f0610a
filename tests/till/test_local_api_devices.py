"""Papers of a host's own, each printed once with a verdict; two lines on the customer's display; the description for programs."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import jsonschema_rs
import pytest
import schemathesis

from drivers.simulated.display import SimulatedDisplay
from drivers.simulated.printer import SimulatedPrinter
from drivers.verdict import Outcome, Verdict
from pos_plugin.local_api import examples
from tests.waiting import until

CARD = "2900000000018"


def text(words: str, **style: Any) -> dict[str, Any]:
    return {"kind": "text", "text": words, **style}


PAPER = [
    text("KITCHEN", align="center", double=True),
    text("2 x Soup of the day, with bread and without the cream that stands on the menu", right="Table 7"),
    {"kind": "rule"},
    {"kind": "barcode", "data": "TABLE-7"},
    {"kind": "qr", "data": "https://shop.example/7"},
    {"kind": "feed", "lines": 2},
    text("Ağır ağır, ne acele"),
    {"kind": "cut"},
]


def ask(served, lines: Any, key: str = "k") -> Any:
    return served.client.post("/v1/print", json={"lines": lines}, headers={"Idempotency-Key": key})


@pytest.fixture
def at_printer(serve):
    """A till whose printer is the far end of a wire."""
    with (
        SimulatedPrinter() as printer,
        serve(printer={"address": f"tcp://127.0.0.1:{printer.serve_tcp()}", "width_columns": 32}) as served,
    ):
        served.terminal.start()
        yield served, printer


def test_a_paper_is_laid_out_and_printed(at_printer) -> None:
    served, printer = at_printer
    said = ask(served, PAPER)
    assert said.json() == {"outcome": "printed", "code": "", "reason": "", "hint": ""}
    lines = printer.receipts[0].lines
    at = next(place for place, line in enumerate(lines) if line.startswith("2 x"))
    assert lines[at : at + 5] == [
        "2 x Soup of the day,",
        "with bread and without",
        "the cream that stands on",
        "the menu                 Table 7",
        "-" * 32,
    ]


def test_the_same_key_prints_nothing_more(at_printer) -> None:
    served, printer = at_printer
    first = ask(served, PAPER)
    assert [ask(served, PAPER).json() for _ in range(3)] == [first.json()] * 3
    assert printer.printed_total == 1
    served.refused(ask(served, [text("another")]), 409, "IDEMPOTENCY_KEY_REUSED")
    assert ask(served, PAPER, "another").json()["outcome"] == "printed"
    assert printer.printed_total == 2


def test_what_was_not_printed_can_be_sent_again_under_its_key(at_printer) -> None:
    served, printer = at_printer
    printer.open_cover()
    said = ask(served, [text("Table 7"), {"kind": "cut"}]).json()
    assert (said["outcome"], said["code"]) == ("not printed", "cover_open")
    assert "send the same again" in said["hint"]
    printer.close_cover()
    assert ask(served, [text("Table 7"), {"kind": "cut"}]).json()["outcome"] == "printed"
    assert printer.printed_total == 1


def test_what_is_unknown_stays_so_and_is_never_printed_again_by_itself(serve, tmp_path) -> None:
    paper = tmp_path / "paper.bin"
    with serve(printer={"address": f"file://{paper}"}) as served:  # a printer that says nothing
        served.terminal.start()
        said = ask(served, [text("Table 7")]).json()
        assert said["outcome"] == "unknown"
        assert "under a new key" in said["hint"]
        before = paper.read_bytes()
        assert ask(served, [text("Table 7")]).json() == said
        assert paper.read_bytes() == before


def test_a_till_that_stopped_while_it_printed_says_unknown(at_printer, monkeypatch) -> None:
    """As after a power cut: the key was taken, and nobody knows how far the printer came."""
    served, printer = at_printer

    def ended(data: bytes) -> Verdict:
        raise RuntimeError

    monkeypatch.setattr(served.terminal.printer, "print_for_host", ended)
    assert ask(served, [text("Table 7")]).status_code == 500
    monkeypatch.undo()
    for _ in range(2):
        said = ask(served, [text("Table 7")]).json()
        assert (said["outcome"], said["code"]) == ("unknown", "restarted")
    assert printer.printed_total == 0


def test_the_same_paper_twice_at_once_is_printed_once(served, monkeypatch) -> None:
    printing, go_on, papers = threading.Event(), threading.Event(), list[bytes]()

    def slowly(data: bytes) -> Verdict:
        papers.append(data)
        printing.set()
        assert go_on.wait(10)
        return Verdict(Outcome.PRINTED)

    monkeypatch.setattr(served.terminal.printer, "print_for_host", slowly)
    said = list[Any]()
    first = threading.Thread(target=lambda: said.append(ask(served, [text("Table 7")]).json()))
    first.start()
    assert printing.wait(10)
    served.refused(ask(served, [text("Table 7")]), 409, "PRINT_UNDER_WAY", "just now")
    others = [threading.Thread(target=ask, args=(served, [text("x")], f"o{n}")) for n in range(3)]
    for one in others:
        one.start()
    until(lambda: len(papers) == 4)
    served.refused(ask(served, [text("one more")], "fifth"), 409, "PRINTER_BUSY", "Too many papers wait")
    go_on.set()
    for one in (first, *others):
        one.join()
    assert said[0]["outcome"] == "printed"
    assert len(papers) == 4


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "lines must not be empty"),
        ([{"kind": "picture"}], "kind"),
        ([{"text": "no kind"}], "kind"),
        ([text("a\x1b@b")], "must not contain control characters"),
        ([text("x" * 1001)], "must have at most 1000 characters"),
        ([{"kind": "feed", "lines": 1000}], "must be 20 or less"),
        ([{"kind": "feed"}] * 501, "must have at most 500"),
        ([{"kind": "barcode", "data": "4006381333930", "symbology": "ean13"}], "check digit"),
        ([{"kind": "barcode", "data": "äöü"}], "ode 128"),
    ],
)
def test_a_paper_that_makes_no_sense_is_refused_and_nothing_is_printed(refusing, lines: Any, words: str) -> None:
    said = refusing.refused(ask(refusing, lines, "wrong"), 422, "INVALID", words)
    assert said["hint"]


def test_a_print_needs_its_key(refusing) -> None:
    answer = refusing.client.post("/v1/print", json={"lines": [text("Table 7")]})
    refusing.refused(answer, 422, "IDEMPOTENCY_KEY", "1 to 128 printable characters")


# -- the customer's display


def test_two_lines_stand_on_the_display_until_a_sale_has_something_to_say(serve) -> None:
    with SimulatedDisplay() as display, serve(display={"address": f"tcp://127.0.0.1:{display.serve_tcp()}"}) as served:
        served.terminal.start()
        answer = served.client.post("/v1/display", json={"upper": "Table 7 is ready, please", "lower": "Guten Appetit"})
        assert answer.json() == {"upper": "Table 7 is ready, please", "lower": "Guten Appetit", "seconds": 10}
        assert display.wait_for("Table 7 is ready, pl", "Guten Appetit")
        served.quote("1", 1250)
        assert display.wait_until(lambda: display.lines[0].startswith("To pay"))


def test_a_till_without_a_display_says_so(refusing) -> None:
    refusing.refused(
        refusing.client.post("/v1/display", json={"upper": "x"}), 409, "NO_DISPLAY", "no customer's display"
    )


# -- the description


def test_the_description_is_valid_openapi_and_says_everything(refusing) -> None:
    described = refusing.client.get("/v1/openapi.json").json()
    schemathesis.openapi.from_dict(json.loads(json.dumps(described))).validate()
    tags = {tag["name"] for tag in described["tags"]}
    names = []
    for path, methods in described["paths"].items():
        for method, about in methods.items():
            where = f"{method} {path}"
            assert set(about["tags"]) <= tags, where
            assert about["summary"], where
            assert about["responses"]["200"]["description"], where
            assert about["responses"]["200"]["content"], where
            if path != "/v1/toast":
                assert {"401", "403", "422", "429", "500", "503"} <= set(about["responses"]), where
            names.append(about["operationId"])
    assert len(names) == len(set(names))
    assert set(described["components"]["securitySchemes"]) == {"key", "page"}


def test_every_reference_in_the_description_leads_somewhere(refusing) -> None:
    described = refusing.client.get("/v1/openapi.json").json()
    for reference in set(re.findall(r'"#/(components/[^"]+)"', json.dumps(described))):
        found: Any = described
        for part in reference.split("/"):
            found = found[part]
        assert found


def test_the_examples_are_understood_and_answers_fit_their_schemas(served) -> None:
    """Each request of the description is sent to a till, and what comes back is held against what it says comes back."""
    described = served.client.get("/v1/openapi.json").json()
    member, receipt = served.member(), served.sell("1017")["reference"]
    answered = set()

    def fits(method: str, path: str, answer: Any) -> None:
        said = described["paths"][path][method]["responses"][str(answer.status_code)]
        if "$ref" in said:
            said = described["components"]["responses"][said["$ref"].rpartition("/")[2]]
        schema = {**said["content"]["application/json"]["schema"], "components": described["components"]}
        assert list(jsonschema_rs.validator_for(schema).iter_errors(answer.json())) == [], (method, path, answer.text)
        answered.add((method, path, answer.status_code))

    quote_id = "none"
    for endpoint, body in examples.ASKED.items():
        method, path = endpoint.split(" ")
        sent = json.loads(json.dumps(body).replace(examples.MEMBER, member).replace("26GHGT-2-4", receipt))
        where = path.replace("{till}", "front").replace("{sale_ref}", "1017").replace("{job}", "1")
        answer = served.client.request(method, where, json=sent, headers={"Idempotency-Key": endpoint})
        assert answer.status_code != 422, (endpoint, answer.text)
        fits(method.lower(), path, answer)
        if path == "/v1/quotes":
            quote_id = answer.json()["quote_id"]
    # The sale of the example was quoted under another till's name, and is committed now.
    commit = "/v1/quotes/{quote_id}/commit"
    again = served.client.post("/v1/quotes", json=served.sale("2", member=member)).json()
    assert again["quote_id"] != quote_id
    fits(
        "post", commit, served.client.post(commit.format(quote_id=again["quote_id"]), headers={"Idempotency-Key": "c"})
    )
    for path, where in (
        ("/v1/sales/{till}/{sale_ref}", "/v1/sales/front/1017"),
        ("/v1/members/{member}", f"/v1/members/{member}"),
        ("/v1/receipts/{reference}", f"/v1/receipts/{receipt}"),
        ("/v1/state", "/v1/state"),
        ("/v1/health", "/v1/health"),
    ):
        served.terminal.scanned(CARD)
        answer = served.client.get(where)
        assert answer.status_code == 200
        fits("get", path, answer)
    fits("post", "/v1/sync", served.client.post("/v1/sync"))
    fits("delete", "/v1/quotes/{quote_id}", served.client.delete(f"/v1/quotes/{quote_id}"))
    assert len({(method, path) for method, path, _ in answered}) >= 20


def test_examples_of_answers_are_of_the_shape_that_they_stand_beside(refusing) -> None:
    described = refusing.client.get("/v1/openapi.json").json()
    seen = 0
    for methods in described["paths"].values():
        for about in methods.values():
            content = about["responses"]["200"]["content"].get("application/json", {})
            if "example" in content:
                schema = {**content["schema"], "components": described["components"]}
                assert list(jsonschema_rs.validator_for(schema).iter_errors(content["example"])) == []
                seen += 1
    assert seen == len(examples.ANSWERED)
