"""Who gets into head office's pages, and what needs two people."""

import re

import pytest
from sqlalchemy import func, select

from central_server import kept_settings, schema
from central_server.database import add
from central_server.errors import OfficeError, Refused
from central_server.membership import members
from central_server.pages.frame import Reached
from central_server.pages.sign_in import own_path
from central_server.people import proposals, sessions, signing_in, staff
from central_server.people.proposals import Kind
from central_server.people.signing_in import Typed, good_step, sign_in
from central_server.people.staff import Staff, put_account
from tests.central.office_browser import CHEAP, PASSWORD, Browser, put_cheap

SECRET = "31" * 20


@pytest.fixture
def account(office, monkeypatch):
    monkeypatch.setattr(signing_in, "NOBODYS", CHEAP)

    def make(login="ada", role="finance", shop="", second_factor=""):
        return put_cheap(office, login, role, shop, second_factor)

    return make


def code(clock, steps=0):
    """The code of this moment, computed as RFC 6238 says and not by the code under test."""
    import hashlib
    import hmac

    counter = int(clock().timestamp()) // 30 + steps
    digest = hmac.digest(bytes.fromhex(SECRET), counter.to_bytes(8, "big"), hashlib.sha1)
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"


@pytest.fixture
def browser(office):
    return Browser(office)


def test_a_password_is_kept_as_a_slow_hash_and_two_ways_of_typing_it_are_one(office):
    put_account(office, Staff("ada", "Ada", "finance", ""), "café au lait, warm")
    with office.database.reading() as connection:
        kept = connection.scalar(select(schema.people.staff.c.password))
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert signing_in.NOBODYS.startswith("$argon2id$v=19$m=65536,t=3,p=4$"), "a name that is nobody's takes as long"
    assert staff.is_password("cafe\u0301 au lait, warm", kept)


def test_signing_in_gives_a_new_secret_each_time_and_ends_the_one_before(office, account, browser):
    account()
    done = browser.sign_in()
    assert (done.status_code, done.headers["location"]) == (303, "/office")
    first = browser.cookies["office"]
    assert browser.get("/office").status_code == 200
    browser.sign_in()
    assert browser.cookies["office"] != first
    assert sessions.of(office, first) is None
    assert sessions.of(office, browser.cookies["office"]).staff.login == "ada"


def test_the_cookie_is_for_this_host_and_its_own_pages_alone(office, account):
    account()
    plain = Browser(office).sign_in().headers["set-cookie"]
    assert all(said in plain for said in ("HttpOnly", "SameSite=strict", "Path=/office"))
    for one in (Browser(office, base="https://central"), Browser(office, Reached.BY_PROXY, "http://central")):
        cookie = one.sign_in().headers["set-cookie"]
        assert cookie.startswith("__Host-office=")
        assert all(said in cookie for said in ("HttpOnly", "SameSite=strict", "Path=/;", "Secure"))
        assert "Domain" not in cookie


WRONG = [
    ("nobody", PASSWORD, ""),
    ("ada", "another password", ""),
    ("ada", PASSWORD, ""),  # the code is missing
    ("ada", PASSWORD, "000000"),
    ("closed", PASSWORD, ""),
    ("", "", ""),
    ("ada\0", PASSWORD, "\0"),
]


def test_whatever_is_wrong_is_answered_alike(office, account):
    account("closed", "auditor")
    account(second_factor=SECRET)
    staff.close_account(office, "closed")
    for login, password, typed in WRONG:
        with pytest.raises(Refused, match="do not belong together") as error:
            sign_in(office, Typed(login, password, typed))
        assert error.value.status == 403


def test_five_wrong_ones_lock_a_name_whether_or_not_it_is_an_accounts(office, account, clock):
    account()
    for login in ("ada", "nobody"):
        for _ in range(5):
            with pytest.raises(Refused, match="belong together"):
                sign_in(office, Typed(login, "wrong password"))
        with pytest.raises(Refused, match=r"until 10:01 \(Europe/Berlin\)") as error:
            sign_in(office, Typed(login, PASSWORD))
        assert error.value.status == 429
    clock.pass_by(seconds=61)
    assert sign_in(office, Typed("ada", PASSWORD))


def test_a_lock_is_twice_as_long_each_time_and_an_hour_at_most(office, account, clock):
    account()
    for _ in range(4):
        with pytest.raises(Refused):
            sign_in(office, Typed("ada", "wrong password"))
    table = schema.people.wrong_sign_in.c
    locks = []
    for _ in range(9):
        with pytest.raises(Refused):
            sign_in(office, Typed("ada", "wrong password"))
        with office.database.reading() as connection:
            until = connection.scalar(select(table.locked_until))
        locks.append((clock().fromisoformat(until) - clock()).total_seconds() / 60)
        clock.pass_by(hours=1, seconds=1)
    assert locks == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_right_password_begins_the_count_anew_and_a_day_forgets_it(office, account, clock):
    account()
    for _ in range(2):
        for _ in range(4):
            with pytest.raises(Refused):
                sign_in(office, Typed("ada", "wrong password"))
        assert sign_in(office, Typed("ada", PASSWORD))
    for _ in range(4):
        with pytest.raises(Refused):
            sign_in(office, Typed("ada", "wrong password"))
    clock.pass_by(days=1, seconds=1)
    with pytest.raises(Refused, match="belong together"):
        sign_in(office, Typed("ada", "wrong password"))
    assert sign_in(office, Typed("ada", PASSWORD))


def test_an_address_that_tries_many_names_is_locked(office, account):
    account()
    for number in range(20):
        with pytest.raises(Refused, match="belong together"):
            sign_in(office, Typed(f"name{number}", "wrong password", address="192.0.2.1"))
    with pytest.raises(Refused, match="Too many wrong"):
        sign_in(office, Typed("ada", PASSWORD, address="192.0.2.1"))
    assert sign_in(office, Typed("ada", PASSWORD, address="192.0.2.2"))


def test_what_is_counted_names_nobody(office):
    with pytest.raises(Refused):
        sign_in(office, Typed("ada", "wrong password", address="192.0.2.1"))
    with office.database.reading() as connection:
        kept = connection.execute(select(schema.people.wrong_sign_in)).all()
    assert len(kept) == 2
    assert "ada" not in str(kept)
    assert "192" not in str(kept)


def test_a_code_is_good_once_and_a_step_early_or_late(office, account, clock):
    account(second_factor=SECRET)
    assert sign_in(office, Typed("ada", PASSWORD, code(clock)))
    with pytest.raises(Refused):
        sign_in(office, Typed("ada", PASSWORD, code(clock)))
    with pytest.raises(Refused):  # nor the one before it
        sign_in(office, Typed("ada", PASSWORD, code(clock, -1)))
    clock.pass_by(seconds=60)
    typed = code(clock, -1)
    assert sign_in(office, Typed("ada", PASSWORD, f"{typed[:3]} {typed[3:]}"))
    now = clock().timestamp()
    assert [bool(good_step(SECRET, code(clock, steps), now)) for steps in (-2, -1, 0, 1, 2)] == [0, 1, 1, 1, 0]


def test_codes_are_those_of_the_standard():
    # RFC 6238, appendix B, SHA1: the last six of the eight digits.
    secret = b"12345678901234567890".hex()
    for at, digits in ((59, "287082"), (1111111109, "081804"), (20000000000, "353130")):
        assert good_step(secret, digits, at)


def test_a_second_factor_is_set_up_by_its_first_code_and_taken_away_by_another(
    office, account, browser, clock, monkeypatch
):
    account()
    browser.sign_in()
    other = Browser(office)
    other.sign_in()
    page = browser.get("/office/account").text
    letters = re.search(r"letters: <code>([A-Z2-7 ]+)</code>", page)[1].replace(" ", "")
    import base64

    monkeypatch.setitem(globals(), "SECRET", base64.b32decode(letters).hex())
    key = browser.key()
    wrong = browser.post("/office/account/second-factor", form_key=key, password=PASSWORD, code="000000")
    assert wrong.status_code == 422
    typed = code(clock)
    without = browser.post("/office/account/second-factor", form_key=key, password="wrong password", code=typed)
    assert without.status_code == 403
    done = browser.post("/office/account/second-factor", form_key=key, password=PASSWORD, code=typed)
    assert done.status_code == 303
    assert other.get("/office").headers["location"].startswith("/office/sign-in")
    assert "Signing in asks for a code" in browser.get("/office/account").text
    with pytest.raises(Refused):  # the code that proved it is used
        sign_in(office, Typed("ada", PASSWORD, typed))
    clock.pass_by(seconds=30)
    key = browser.key()
    assert browser.post("/office/account/second-factor/remove", form_key=key, password=PASSWORD).status_code == 403
    gone = browser.post("/office/account/second-factor/remove", form_key=key, password=PASSWORD, code=code(clock))
    assert gone.status_code == 303
    assert sign_in(office, Typed("ada", PASSWORD))


def test_another_password_ends_every_session_but_the_one_that_asked(office, account, browser):
    account()
    browser.sign_in()
    stolen = Browser(office)
    stolen.cookies = dict(browser.cookies)
    form = {"password": PASSWORD, "new": "new words and more", "again": "new words and more"}
    key = browser.key()
    for wrong, status in (
        ({"again": "other"}, 422),
        ({"password": "wrong password"}, 403),
        ({"new": "short", "again": "short"}, 422),
    ):
        assert browser.post("/office/account/password", form_key=key, **{**form, **wrong}).status_code == status
    assert browser.post("/office/account/password", form_key=key, **form).status_code == 303
    assert browser.get("/office").status_code == 200
    assert stolen.get("/office").status_code == 303
    with pytest.raises(Refused):
        sign_in(office, Typed("ada", PASSWORD))
    assert sign_in(office, Typed("ada", "new words and more"))


def test_a_session_ends_idle_after_half_an_hour_and_after_twelve_hours_at_most(office, account, clock):
    account()
    secret = sessions.begin(office, "ada")
    for _ in range(24):  # of 29 minutes are less than twelve hours, and 25 are more
        clock.pass_by(minutes=29)
        assert sessions.of(office, secret)
    clock.pass_by(minutes=29)
    assert sessions.of(office, secret) is None
    idle = sessions.begin(office, "ada")
    clock.pass_by(minutes=30)
    assert sessions.of(office, idle) is None
    sessions.begin(office, "ada")
    with office.database.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.people.session)) == 1, (
            "what is over is forgotten"
        )


def test_signing_out_ends_this_session_or_all(office, account, browser):
    account()
    browser.sign_in()
    other = Browser(office)
    other.sign_in()
    assert browser.post("/office/sign-out", form_key=browser.key()).headers["location"] == "/office/sign-in"
    assert browser.get("/office").status_code == 303
    assert other.get("/office").status_code == 200
    browser.sign_in()
    browser.post("/office/sign-out", form_key=browser.key(), everywhere="1")
    assert other.get("/office").status_code == 303


def test_a_closed_account_is_out_at_once_and_its_name_is_nobody_elses(office, account, browser):
    who = account()
    browser.sign_in()
    staff.close_account(office, "ada")
    assert browser.get("/office").status_code == 303
    with pytest.raises(OfficeError, match="already"):
        staff.add_account(office, who, PASSWORD)
    for change in (staff.close_account, lambda office, login: staff.set_password(office, login, PASSWORD)):
        with pytest.raises(OfficeError, match="no open account"):
            change(office, "ada")


UNFIT = [
    (Staff("ada", "Ada", "boss", ""), PASSWORD, "ROLE_UNKNOWN"),
    (Staff("Ada", "Ada", "finance", ""), PASSWORD, "LOGIN_UNFIT"),
    (Staff("a/da", "Ada", "finance", ""), PASSWORD, "LOGIN_UNFIT"),
    (Staff("", "Ada", "finance", ""), PASSWORD, "LOGIN_UNFIT"),
    (Staff("ada", " ", "finance", ""), PASSWORD, "LOGIN_UNFIT"),
    (Staff("ada", "Ada", "manager", ""), PASSWORD, "SHOP_UNFIT"),
    (Staff("ada", "Ada", "manager", "Nowhere"), PASSWORD, "SHOP_UNFIT"),
    (Staff("ada", "Ada", "finance", "Harbour"), PASSWORD, "SHOP_UNFIT"),
    (Staff("ada", "Ada", "finance", ""), "short", "PASSWORD_SHORT"),
    (Staff("ada-lovelace", "Ada", "finance", ""), "Ada-Lovelace", "PASSWORD_SHORT"),
]


def test_an_account_that_does_not_fit_is_not_made(office):
    for who, password, code in UNFIT:
        with pytest.raises(OfficeError) as error:
            put_account(office, who, password)
        assert error.value.code == code, who
    assert not staff.is_anybody(office)


@pytest.mark.parametrize(
    ("to", "leads"),
    [
        ("/office/members", "/office/members"),
        ("//evil.example", "/office"),
        ("https://evil.example/office/", "/office"),
        ("/office//evil.example", "/office"),
        ("/office/..//evil.example", "/office"),
        ("/office\\evil", "/office"),
        ("/office/a\r\nX: y", "/office"),
        ("/officer", "/office"),
        ("", "/office"),
    ],
)
def test_signing_in_leads_to_our_own_pages_alone(to, leads):
    assert own_path(to) == leads


def test_who_was_going_somewhere_gets_there_after_signing_in(account, browser):
    account()
    sent = browser.get("/office/approvals").headers["location"]
    assert sent == "/office/sign-in?to=%2Foffice%2Fapprovals"
    assert 'name="to" value="/office/approvals"' in browser.get(sent).text
    assert browser.sign_in(to="/office/approvals").headers["location"] == "/office/approvals"


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "http://central:81"},
]


def test_a_form_from_a_foreign_page_changes_nothing(account, browser):
    account()
    for headers in FOREIGN:
        assert browser.sign_in(headers=headers).status_code == 403, headers
        assert browser.cookies == {}
    browser.sign_in()
    key = browser.key()
    for headers in FOREIGN:
        answer = browser.post("/office/sign-out", headers, form_key=key)
        assert (answer.status_code, "foreign page" in answer.text) == (403, True), headers
    assert browser.get("/office").status_code == 200


def test_a_form_from_our_own_page_is_taken(account, browser):
    account()
    for headers in ({"Sec-Fetch-Site": "same-origin", "Origin": "http://central"}, {"Origin": "http://central"}):
        assert browser.sign_in(headers=headers).status_code == 303


def test_a_form_without_the_sessions_key_changes_nothing(account, browser):
    account()
    browser.sign_in()
    for key in ("", "0" * 64, "é"):
        answer = browser.post("/office/sign-out", form_key=key)
        assert (answer.status_code, "not of your session" in answer.text) == (403, True), key
    assert browser.get("/office").status_code == 200


def test_where_browsers_are_on_this_machine_no_other_name_leads_here(office):
    local = Browser(office, Reached.LOCALLY)
    for host in ("evil.example", "evil.example:8360", "127.0.0.1.evil.example", "[", ""):
        for path in ("/office", "/office/sign-in"):
            assert local.get(path, Host=host).status_code == 403, host
        assert local.ask("POST", "/office/sign-in", {"Host": host}).status_code == 403, host
    for host in ("127.0.0.1:8360", "localhost:8360", "[::1]:8360"):
        assert local.get("/office/sign-in", Host=host).status_code == 200, host


def test_no_page_may_be_framed_or_kept(account, browser):
    account()
    browser.sign_in()
    for path in ("/office", "/office/sign-in", "/office/nowhere"):
        headers = browser.get(path).headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"


def test_an_address_that_is_none_is_said_in_a_page(browser):
    answer = browser.get("/office/nowhere")
    assert (answer.status_code, "There is no such page" in answer.text) == (404, True)
    assert '<a href="/office">To the first page</a>' in answer.text  # whoever mistyped an address is led back


# -- what needs two people -----------------------------------------------------------------------------------------------


@pytest.fixture
def kind(monkeypatch):
    """A kind of proposal that adjusts nothing, and remembers what it was asked for."""
    done = []

    def carry_out(office, details, who):
        if details.get("is_gone"):
            raise OfficeError("There is no such member any more.", hint="Nothing was changed.")
        done.append((dict(details), who))
        return "5 points are given."

    def sentence(office, details):
        if details.get("is_gone"):
            raise OfficeError("There is no such member any more.")
        return f"{details['points']} points for ****0018: 100 → 105"

    monkeypatch.setitem(proposals.KINDS, "test", Kind("adjust", sentence, carry_out))
    return done


def test_one_proposes_another_allows_and_both_stand_in_what_is_done(office, account, kind):
    ben, ada = account("ben", "support"), account("ada", "finance")
    name = proposals.propose(office, "test", {"points": "5"}, "  a wrong \n price ", ben)
    assert [one.proposal for one in proposals.waiting(office)] == [name]
    with pytest.raises(OfficeError, match="another person has to allow it, manager or finance"):
        proposals.decide(office, name, ben, is_allowed=True)
    became = proposals.decide(office, name, ada, is_allowed=True)
    assert (became.outcome, became.answer) == ("done", "5 points are given.")
    assert [(who.reason, who.by, who.approved_by) for _, who in kind] == [("a wrong price", "ben", "ada")]
    with pytest.raises(OfficeError, match="decided already"):
        proposals.decide(office, name, ada, is_allowed=True)
    assert len(kind) == 1


def test_a_form_that_was_sent_twice_proposes_once(office, account, kind):
    ben, mia = account("ben", "support"), account("mia", "marketing")
    first = proposals.propose(office, "test", {"points": "5", "case": "one"}, "a wrong price", ben)
    with pytest.raises(OfficeError, match="already, and it waits"):
        proposals.propose(office, "test", {"points": "5", "case": "two"}, " a wrong  price", ben)
    for points, why, who in (("6", "a wrong price", ben), ("5", "on another day", ben), ("5", "a wrong price", mia)):
        proposals.propose(office, "test", {"points": points, "case": "x"}, why, who)
    proposals.decide(office, first, ben, is_allowed=False)
    proposals.propose(office, "test", {"points": "5", "case": "three"}, "a wrong price", ben)
    assert len(proposals.waiting(office)) == 4


def test_nobody_allows_what_they_have_proposed_but_may_withdraw_it(office, account, kind):
    max_ = account("max", "manager", "Harbour")
    name = proposals.propose(office, "test", {"points": "5"}, "why", max_)
    with pytest.raises(OfficeError, match="You have proposed it: another person has to allow it"):
        proposals.decide(office, name, max_, is_allowed=True)
    assert proposals.decide(office, name, max_, is_allowed=False).outcome == "withdrawn"
    assert kind == []


def test_a_refusal_says_why_and_does_nothing(office, account, kind):
    name = proposals.propose(office, "test", {"points": "5"}, "why", account("ben", "support"))
    assert proposals.decide(office, name, account(), is_allowed=False, why="no receipt").answer == "no receipt"
    assert (proposals.waiting(office), kind) == ([], [])
    assert [one.outcome for one in proposals.decided(office)] == ["refused"]


@pytest.mark.parametrize(
    ("points", "by_shop", "may"),
    [
        ("1000", "Harbour", True),
        (" 1,000", "Harbour", True),
        ("-1000", "Harbour", True),
        ("1001", "Harbour", False),
        ("5", "Mill", False),
        ("", "Harbour", False),
        ("٣", "Harbour", False),
    ],
)
def test_a_manager_allows_up_to_the_limit_and_for_their_own_shop(office, account, kind, points, by_shop, may):
    name = proposals.propose(office, "test", {"points": points}, "why", account("ben", "supervisor", by_shop))
    manager = account("max", "manager", "Harbour")
    if may:
        assert proposals.decide(office, name, manager, is_allowed=True).outcome == "done"
    else:
        with pytest.raises(OfficeError, match="up to 1,000 points"):
            proposals.decide(office, name, manager, is_allowed=True)
        assert proposals.decide(office, name, account(), is_allowed=True).outcome == "done"


def test_who_could_do_it_alone_may_allow_it_in_their_own_shop(office, account, monkeypatch):
    """A cashier proposes to replace a card; a supervisor of the shop, or support, would not have had to ask."""
    monkeypatch.setitem(proposals.KINDS, "test", Kind("block", lambda office, details: "A card.", lambda *_: "Done."))
    cashier = account("cy", "cashier", "Mill")
    names = [proposals.propose(office, "test", {}, why, cashier) for why in ("lost", "lost again")]
    for login, role, shop in (("ada", "finance", ""), ("max", "manager", "Harbour"), ("cz", "cashier", "Mill")):
        with pytest.raises(OfficeError):
            proposals.decide(office, names[0], account(login, role, shop), is_allowed=True)
    for name, who in zip(names, (account("sid", "supervisor", "Mill"), account("sue", "support")), strict=True):
        assert proposals.decide(office, name, who, is_allowed=True).outcome == "done"
    one = Browser(office)  # nor does that take a second factor
    one.sign_in("sid")
    name = proposals.propose(office, "test", {}, "lost", cashier)
    assert one.post(f"/office/approvals/{name}/allow", form_key=one.key()).status_code == 303


def test_what_is_decided_keeps_the_sentence_that_was_decided(office, account, monkeypatch):
    said = ["100 → 105"]
    monkeypatch.setitem(proposals.KINDS, "test", Kind("adjust", lambda office, details: said[0], lambda *_: "Done."))
    name = proposals.propose(office, "test", {"points": "5"}, "why", account("ben", "support"))
    proposals.decide(office, name, account(), is_allowed=True)
    said[0] = "105 → 110"
    assert proposals.sentence(office, proposals.decided(office)[0]) == "100 → 105"


def test_a_proposal_that_became_impossible_says_so_and_changes_nothing(office, account, kind):
    name = proposals.propose(office, "test", {"points": "5", "is_gone": "1"}, "why", account("ben", "support"))
    waiting = proposals.waiting(office)[0]
    assert proposals.sentence(office, waiting) == "This cannot be done any more. There is no such member any more."
    became = proposals.decide(office, name, account(), is_allowed=True)
    assert (became.outcome, became.answer) == ("failed", "There is no such member any more. Nothing was changed.")


def test_a_server_that_dies_while_it_does_what_was_allowed_does_not_say_done(office, account, kind, monkeypatch):
    def dies(office, details, who):
        raise KeyboardInterrupt

    monkeypatch.setitem(proposals.KINDS, "test", Kind("adjust", lambda office, details: "", dies))
    name = proposals.propose(office, "test", {"points": "5"}, "why", account("ben", "support"))
    with pytest.raises(KeyboardInterrupt):
        proposals.decide(office, name, account(), is_allowed=True)
    assert [one.outcome for one in proposals.decided(office)] == ["allowed"]
    assert proposals.waiting(office) == [], "and it is not done twice"


def test_proposals_are_bounded(office, account, kind, monkeypatch):
    ben, mia = account("ben", "support"), account("mia", "marketing")
    for reason, match in (("", "needs a reason"), ("x" * 201, "at most 200")):
        with pytest.raises(OfficeError, match=match):
            proposals.propose(office, "test", {"points": "5"}, reason, ben)
    for login, role in (("eve", "auditor"), ("ada", "finance")):  # finance allows what others propose
        with pytest.raises(OfficeError, match="does not propose"):
            proposals.propose(office, "test", {"points": "5"}, "why", account(login, role))
    with pytest.raises(OfficeError, match="too large"):
        proposals.propose(office, "test", {"points": "5" * 300_000}, "why", ben)
    monkeypatch.setattr(proposals, "MOST_OF_ONE", 2)
    monkeypatch.setattr(proposals, "MOST_WAITING", 3)
    for points in ("5", "6"):
        proposals.propose(office, "test", {"points": points}, "why", ben)
    with pytest.raises(OfficeError, match="Too much waits"):
        proposals.propose(office, "test", {"points": "7"}, "why", ben)
    proposals.propose(office, "test", {"points": "5"}, "why", mia)
    with pytest.raises(OfficeError, match="Too much waits"):
        proposals.propose(office, "test", {"points": "6"}, "why", mia)


def test_what_somebody_proposed_lapses_when_their_account_is_closed(office, account, kind):
    """Whoever has left is asked nothing any more, and cannot say why they wanted it."""
    ben, ada = account("ben", "support"), account("ada", "finance")
    account("mia", "marketing")
    name = proposals.propose(office, "test", {"points": "5"}, "why", ben)
    other = proposals.propose(office, "test", {"points": "6"}, "why", Staff("mia", "Mia", "marketing", ""))
    staff.close_account(office, "ben")
    lapsed = proposals.find(office, name)
    assert (lapsed.outcome, lapsed.answer) == ("withdrawn", staff.LAPSED)
    assert [one.proposal for one in proposals.waiting(office)] == [other]
    with pytest.raises(OfficeError, match="decided already"):
        proposals.decide(office, name, ada, is_allowed=True)
    assert kind == []


def test_a_page_allows_only_with_a_second_factor_and_refuses_only_with_a_reason(office, account, kind, clock):
    ben, _ = account("ben", "support"), account(second_factor=SECRET)
    name = proposals.propose(office, "test", {"points": "5"}, "a wrong price", ben)
    again = proposals.propose(office, "test", {"points": "5"}, "another", ben)
    account("cy", "finance")
    one, other = Browser(office), Browser(office)
    one.sign_in("cy")
    other.sign_in("ada", code=code(clock))
    assert "100 → 105" in one.get("/office/approvals").text
    refused = one.post(f"/office/approvals/{name}/allow", form_key=one.key())
    assert (refused.status_code, "needs a second factor" in refused.text, kind) == (422, True, [])
    done = other.post(f"/office/approvals/{name}/allow", form_key=other.key())
    assert (done.status_code, len(kind)) == (303, 1)
    assert "5 points are given." in other.get(done.headers["location"]).text
    key = other.key()
    assert other.post(f"/office/approvals/{again}/refuse", form_key=key).status_code == 422
    assert other.post(f"/office/approvals/{again}/refuse", form_key=key, why="no receipt").status_code == 303
    page = one.get("/office/approvals").text
    assert all(said in page for said in ("no receipt", "allowed and done", "refused", "Nothing waits"))


def test_a_person_who_is_forgotten_is_forgotten_by_proposals_too(office, account, kind, till):
    one = till()
    one.join("anna")
    one.send()
    row = {"card": "2900000000018", "member": "anna"}
    office.database.write(lambda connection: add(connection, schema.card, [row]))
    ben = account("ben", "support")
    name = proposals.propose(
        office, "test", {"points": "5", "old": "2900000000018", "new": "2900000000025"}, "why", ben
    )
    members.erase(office, "anna")
    assert proposals.find(office, name).details == {"points": "5", "old": "****0018", "new": "2900000000025"}


def test_a_shop_sees_its_own_proposals_and_an_auditor_sees_all(office, account, kind):
    proposals.propose(office, "test", {"points": "5"}, "of the mill", account("ben", "supervisor", "Mill"))
    seen = {}
    for login, role, shop in (("max", "manager", "Harbour"), ("mia", "manager", "Mill"), ("eve", "auditor", "")):
        account(login, role, shop)
        one = Browser(office)
        one.sign_in(login)
        seen[login] = "of the mill" in one.get("/office/approvals").text
    assert seen == {"max": False, "mia": True, "eve": True}


def test_a_setting_is_proposed_by_one_and_allowed_by_another(office, account, clock):
    account("mia", "marketing"), account(second_factor=SECRET)
    one, other = Browser(office), Browser(office)
    one.sign_in("mia")
    other.sign_in(code=code(clock))
    for value in ("-1", "1000", "1000001", "x", "٣"):
        answer = one.post("/office/settings/allow_points", form_key=one.key(), value=value, reason="why")
        assert answer.status_code == 422, value
    assert one.post("/office/settings/other", form_key=one.key(), value="5", reason="why").status_code == 422
    assert one.post("/office/settings/allow_points", form_key=one.key(), value="2,000", reason="why").status_code == 303
    name = proposals.waiting(office)[0].proposal
    assert other.post(f"/office/approvals/{name}/allow", form_key=other.key()).status_code == 303
    with office.database.reading() as connection:
        assert kept_settings.value(connection, "allow_points") == 2000
    assert "was 1,000 points and is 2,000" in other.get("/office/approvals").text
