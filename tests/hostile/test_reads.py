"""Signed requests that are stale, borrowed or forged, and messages in the wrong shape: refused in words, nothing stored."""

import msgspec
import pytest

from ledger.keys import request_message
from ledger.wire import FeedRequest, GrantRequest, MemberDetails, MemberLookup, MemberSearch

PATHS = {
    "/v1/feed": FeedRequest({"program": 0}),
    "/v1/grants": GrantRequest("wish", "HHHHHHe1", "anna", 5),
    "/v1/members": MemberDetails("mallory", ["666"], "2026-03-02"),
    "/v1/members/lookup": MemberLookup(card="1"),
    "/v1/members/search": MemberSearch("anna"),
}


@pytest.fixture(scope="module")
def one(central):
    return central.till("READER")


@pytest.mark.parametrize("path", PATHS)
def test_a_nonce_is_good_for_one_address_one_body_one_terminal_and_five_minutes(central, tell, one, path):
    body, nonce, other = msgspec.json.encode(PATHS[path]), central.nonce(), central.till(f"N{len(path)}")
    good = central.headers(one, path, body, nonce)
    with central.unmoved():
        wrong = (401, "SIGNATURE_WRONG")
        for elsewhere in PATHS.keys() - {path}:
            assert tell.refusal(central.post(elsewhere, body, good)) == wrong
        for changed in (body + b" ", body[:-1], b"", b"{}", body.replace(b"5", b"6") + b"\n"):
            assert tell.refusal(central.post(path, changed, good)) == wrong
        for header, value in (
            ("X-Terminal", other.name),
            ("X-Nonce", central.nonce()),
            ("X-Signature", "00" * 64),
            ("X-Signature", "xyz"),
            ("X-Signature", good["X-Signature"] + "00"),
            ("X-Signature", other.key.sign(request_message(path, one.name, nonce, body))),
        ):
            if value != good[header]:
                assert tell.refusal(central.post(path, body, {**good, header: value}))[0] == 401
        for header in ("X-Terminal", "X-Nonce", "X-Signature"):
            missing = {name: value for name, value in good.items() if name != header}
            assert tell.refusal(central.post(path, body, missing)) == (401, "UNSIGNED")
        central.clock.pass_by(seconds=301)
        assert tell.refusal(central.post(path, body, good)) == (401, "NONCE")


def test_a_nonce_that_head_office_did_not_make_is_refused(central, tell, one):
    real = central.nonce()
    made, _, seal = real.rpartition(".")
    at, noise = made.split(".")
    later = str(int(at) + 200)
    with central.unmoved():
        for forged in (
            f"{later}.{noise}.{seal}",
            f"{at}.{noise[:-1]}0.{seal}" if noise[-1] != "0" else f"{at}.{noise[:-1]}1.{seal}",
            f"{made}.{seal[:-1]}",
            f"{made}.",
            made,
            ".",
            "..",
            f"-{at}.{noise}.{seal}",
            "9" * 400 + f".{noise}.{seal}",
            "x" * 8000,
            "\xe9.\xe9.\xe9",
        ):
            headers = central.headers(one, "/v1/feed", b"{}", forged)
            headers["X-Nonce"] = forged.encode("latin-1")
            assert tell.refusal(central.post("/v1/feed", b"{}", headers)) == (401, "NONCE")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        b'{"positions":',
        b"[" * 200_000,
        b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"positions":{"program":"0"}}',
        b'{"positions":{"program":1e400}}',
        b'{"positions":{"\\ud800":0}}',
        b'{"request":5,"epoch":[],"member":{},"points":"5"}',
        b'{"member":"m","cards":"111","joined_at":""}',
        b'{"code":1}',
    ],
    ids=lambda body: repr(body[:24]),
)
@pytest.mark.parametrize("path", [*PATHS, "/v1/enroll"])
def test_a_message_in_another_shape_is_refused(central, tell, one, path, body):
    with central.unmoved():
        answer = central.ask(one, path, body)
        if path == "/v1/members/lookup" and answer.status_code == 200:
            # Every field of this message may be left out, and unknown ones are ignored: nobody was asked for.
            assert answer.json()["member"] == ""
        else:
            assert tell.refusal(answer) == (400, "MESSAGE_UNREADABLE")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/v1/feed", {"positions": {"program": 2**63}}),
        ("/v1/feed", {"positions": {"program": 10**40}}),
        ("/v1/grants", {"request": "w", "epoch": "READERe1", "member": "anna", "points": 10**30}),
        ("/v1/grants", {"request": "w", "epoch": "READERe1", "member": "anna", "points": 0}),
        ("/v1/grants", {"request": "w", "epoch": "READERe1", "member": "anna", "points": -5}),
        ("/v1/grants", {"request": "w" * 65, "epoch": "READERe1", "member": "anna", "points": 5}),
        ("/v1/grants", {"request": "w\x00", "epoch": "READERe1", "member": "anna", "points": 5}),
        ("/v1/grants", {"request": "w", "epoch": "HHHHHHe1", "member": "anna", "points": 5}),
        ("/v1/grants", {"request": "w", "epoch": "e" * 10**6, "member": "anna", "points": 5}),
        ("/v1/members", {"member": "m" * 65, "cards": [], "joined_at": ""}),
        ("/v1/members", {"member": "", "cards": [], "joined_at": ""}),
        ("/v1/members", {"member": "m\x00", "cards": [], "joined_at": ""}),
        ("/v1/members", {"member": "m", "cards": ["\x00"], "joined_at": ""}),
        ("/v1/members", {"member": "m", "cards": ["1"] * 21, "joined_at": ""}),
        ("/v1/members", {"member": "m", "cards": ["1" * 65], "joined_at": ""}),
        ("/v1/members", {"member": "m", "cards": [], "joined_at": "", "sealed": "zz"}),
        ("/v1/members", {"member": "m", "cards": [], "joined_at": "", "sealed": "00"}),
        ("/v1/members", {"member": "m", "cards": [], "joined_at": "", "sealed": "00" * 100}),
        ("/v1/members", {"member": "m", "cards": [], "joined_at": "", "sealed": "ff" * 10**6}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_message_that_asks_for_what_cannot_be_is_refused(central, tell, one, path, message):
    with central.unmoved():
        status, code = tell.refusal(central.ask(one, path, message))
        assert status in (409, 422), code


def test_an_enrolment_that_is_made_up_is_refused(central, tell, one):
    from ledger.wire import enrolment_message

    def sent(code="AAAA-AAAA", terminal="WISHED", epoch="e", public="", proof=""):
        public = public or one.key.public
        proof = proof or one.key.sign(enrolment_message(code, terminal, public))
        return msgspec.json.encode(
            {"code": code, "terminal": terminal, "epoch": epoch, "public_key": public, "proof": proof}
        )

    with central.unmoved():
        for body, status in (
            (sent(), 403),
            (sent(code="é" * 1000), 403),
            (sent(code=""), 403),
            (sent(proof="00" * 64), 403),
            (sent(public="zz"), 403),
            (sent(public="00" * 10**6), 403),
            (sent(terminal="../x"), 422),
            (sent(terminal="x" * 65), 422),
            (sent(terminal=""), 422),
            (sent(epoch="\x00"), 422),
            (sent(terminal=central.office.server), 422),
        ):
            assert tell.refusal(central.post("/v1/enroll", body))[0] == status


@pytest.mark.parametrize(
    "content_type", ["text/html", "multipart/form-data; boundary=x", "application/xml", "x" * 5000]
)
def test_a_body_that_says_it_is_something_else_is_not_read(central, tell, content_type):
    with central.unmoved():
        for path in ("/v1/entries", "/v1/enroll"):
            answer = central.post(path, b"--x\r\n", {"Content-Type": content_type})
            assert tell.refusal(answer) == (415, "CONTENT_TYPE")


def test_of_a_body_that_says_nothing_of_itself_the_bytes_are_looked_at(central, tell):
    with central.unmoved():
        for path in ("/v1/entries", "/v1/enroll"):
            answer = central.post(path, b"--x\r\n", {"Content-Type": ""})
            assert tell.refusal(answer) == (400, "MESSAGE_UNREADABLE")


@pytest.mark.parametrize("path", ["/v1/entries", "/v1/feed", "/nothing", "/", "//v1/entries", "/v1/entries/"])
def test_another_method_or_address_is_refused(central, tell, path):
    with central.unmoved():
        for method in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW"):
            answer = central.client.request(method, central.url + path)
            assert tell.refusal(answer) in [(404, "NO_SUCH_ADDRESS"), (405, "NO_SUCH_ADDRESS")]
        assert central.client.head(central.url + path).status_code in (404, 405)
