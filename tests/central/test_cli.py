"""pos-central as people type it."""

import json
import random
import shlex
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from central_server.cli import app
from central_server.errors import Refused
from central_server.membership import members
from central_server.office import Office
from ledger.identifiers import receipt_reference
from ledger.keys import new_sealing_key, seal
from ledger.wire import MemberDetails


def pos_central(*arguments):
    """The command as it is typed, without the start of a process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "office"
    done = pos_central("init", "--dir", folder, "--shop", "Harbour", "--shop", "Mill")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "pos-central serve" in done.stdout
    return folder


def test_a_code_for_a_shop_is_told_to_people_and_to_programs(made):
    told = pos_central("enroll-code", "--dir", made, "--shop", "Mill", "--json")
    assert told.exit_code == 0
    assert set(json.loads(told.stdout)) == {"code", "shop", "expires_at"}
    assert "for one till of Mill" in pos_central("enroll-code", "--dir", made, "--shop", "Mill").stdout


def test_status_members_and_verify_answer(made, tell):
    office = Office.open(made, lambda: datetime(2026, 3, 2, 9, tzinfo=UTC), random.Random(5).randbytes)
    one = tell.Till(office, "AAAAAA", "Harbour")
    one.enroll()
    one.sale("1", 10000, "anna")
    one.send()
    members.take_details(office, one.row(), MemberDetails("anna", ["2900000000018"], "2026-03-02"))
    office.close()
    status = json.loads(pos_central("status", "--dir", made, "--json").stdout)
    assert (status["recorded"], status["applied"], status["notes"]) == (2, 2, {})
    assert status["terminals"][0]["terminal"] == "AAAAAA"
    assert "AAAAAA" in pos_central("status", "--dir", made).stdout
    listed = pos_central("members", "--dir", made, "--csv").stdout.splitlines()
    assert listed[0] == "card,balance,aliases"
    assert listed[1].startswith("2900000000018,")
    assert json.loads(pos_central("members", "--dir", made, "--json").stdout)[0]["card"] == "2900000000018"
    sound = pos_central("verify", "--dir", made)
    assert (sound.exit_code, sound.stdout[:6]) == (0, "Sound:")


def test_moments_are_by_the_shops_clocks(tmp_path, tell):
    """Head office stores UTC; whoever reads has a clock in Berlin before them."""
    folder, at = tmp_path / "office", datetime(2026, 7, 1, 22, 30, tzinfo=UTC)
    assert pos_central("init", "--dir", folder, "--shop", "Harbour").exit_code == 0
    office = Office.open(folder, lambda: at, random.Random(5).randbytes)
    one = tell.Till(office, "AAAAAA", "Harbour")
    one.recorded_at = at.isoformat(timespec="milliseconds")
    one.enroll()
    one.sale("1", 10000, "anna")
    one.send()
    office.close()
    reference = receipt_reference("AAAAAA", 2)
    told = pos_central("find", reference, "--dir", folder).stdout
    assert "recorded 2026-07-02 00:30 by the till's clock, arrived 2026-07-02 00:30 (recorded)" in told
    assert "+00:00" not in told


def test_verify_finds_what_was_changed_behind_its_back(made, tmp_path, tell):
    import shutil

    spoilt = shutil.copytree(made, tmp_path / "office")
    office = Office.open(spoilt, lambda: datetime(2026, 3, 2, 9, tzinfo=UTC), random.Random(6).randbytes)
    one = tell.Till(office, "BBBBBB", "Harbour")
    one.enroll()
    one.sale("1", 10000, "bert")
    one.send()
    with office.database.writing() as connection:
        for name in ("inbox_no_update", "posting_no_update"):
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(
            text("UPDATE inbox SET data = CAST(replace(data, '10000', '20000') AS BLOB) WHERE terminal = 'BBBBBB'")
        )
        connection.execute(text("UPDATE holding SET points = 500 WHERE member = 'bert'"))
    office.close()
    found = pos_central("verify", "--dir", spoilt, "--json")
    assert found.exit_code == 1
    problems = json.loads(found.stdout)["problems"]
    assert any("entry 2 is not what was recorded" in one for one in problems)
    assert any("available holds 500, its postings add up to 100" in one for one in problems)


WRONG = {
    "no office in the folder": (["status", "--dir", "EMPTY"], 2, "There is no head office"),
    "a command that is none": (["stauts"], 2, "No such command"),
    "no folder": (["status"], 2, "Missing option '--dir'"),
    "a shop that is none": (["enroll-code", "--dir", "MADE", "--shop", "Mil"], 2, "Shops here: Harbour, Mill"),
    "a shop without a name": (["init", "--dir", "MADE", "--shop", " "], 2, "cannot be called"),
    "a programme that is none": (["init", "--dir", "MADE", "--program", "BAD"], 2, "did you mean points?"),
    "a programme that is not there": (["init", "--dir", "MADE", "--program", "EMPTY/x"], 2, "cannot be read"),
    "another database": (["init", "--dir", "MADE", "--database", "sqlite:///x.db"], 2, "uses another database"),
    "a database that is none": (["init", "--dir", "EMPTY", "--database", "oracle://x"], 2, "cannot be used"),
    "reached from outside without TLS": (["serve", "--dir", "MADE", "--host", "0.0.0.0"], 2, "--behind-proxy NAME"),
    "a certificate without its key": (["serve", "--dir", "MADE", "--tls-cert", "BAD"], 2, "go together"),
    "a till that is not there": (["revoke", "ZZZZZZ", "--dir", "MADE"], 2, "no till ZZZZZZ that could be revoked. pos"),
    "closings of no shop": (["closings", "--shop", "Mil", "--dir", "MADE"], 2, "There is no shop Mil; did you mean Mill?"),
    "operators of no shop": (["operator", "list", "--shop", "Nook", "--dir", "MADE"], 2, "Shops here: Harbour, Mill."),
    "figures of a shop that is none": (["report", "--shop", "Nook", "--dir", "MADE"], 2, "There is no shop Nook."),
    "a lost till of no name": (["forfeit", "ZZZZZZ", "--dir", "MADE"], 2, "no till ZZZZZZ. pos-central status lists them."),
    "a receipt of a till that is none": (["find", "GHOST", "--dir", "MADE"], 2, "There is no till ZZZZZZ."),
    "a till that nobody waits for": (["roll-call", "--without", "ZZZZZZ", "--dir", "MADE"], 2, "pos-central roll-call lists"),
    "more notes than there can be": (["notes", "--last", "99999999999999999999", "--dir", "MADE"], 2, "is too large"),
    "a choice of none": (["report", "--by", "week", "--dir", "MADE"], 2, "'--by': 'week' is not one of 'shop', 'cashier'"),
    "a card that nobody has": (["erase", "2900000047112", "--dir", "MADE"], 2, "Nobody has the card"),
    "a port that is none": (["serve", "--dir", "MADE", "--port", "70000"], 2, "--port"),
    "a database that is away": (
        ["init", "--dir", "EMPTY", "--database", "postgresql://pos@127.0.0.1:1/x"], 1, "the database does not answer"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_typed_wrong_is_answered_in_a_few_words(made, tmp_path, what):
    arguments, status, said = WRONG[what]
    bad = tmp_path / "bad.toml"
    bad.write_text('name = "x"\ncurrency = "EUR"\n[earn]\npiont = 2\n')
    places = {"MADE": made, "EMPTY": tmp_path / "empty", "BAD": bad, "EMPTY/x": tmp_path / "x"}
    places["GHOST"] = receipt_reference("ZZZZZZ", 7)
    answer = pos_central(*[places.get(argument, argument) for argument in arguments])
    assert answer.exit_code == status, answer.stderr
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_backup_is_no_folder(made):
    told = pos_central("backup", made, "--dir", made)
    assert (told.exit_code, "is there already" in told.stderr) == (2, True)
    told = pos_central("backup", ".", "--dir", made)
    assert (told.exit_code, "is there already" in told.stderr) == (2, True)


def test_a_certificate_that_is_none_is_said_before_anything_is_open(made, tmp_path):
    file = tmp_path / "cert.pem"
    file.write_text("")
    told = pos_central("serve", "--dir", made, "--port", "0", "--tls-cert", file, "--tls-key", file)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "are no certificate and its key. Both are PEM files" in told.stderr


def test_an_address_of_another_machine_is_not_taken_for_a_port_in_use(made):
    told = pos_central("serve", "--dir", made, "--port", "0", "--host", "192.0.2.1", "--behind-proxy", "gate")
    assert told.exit_code == 1
    assert "--host" in told.stderr
    assert "--port" not in told.stderr


def test_a_command_that_is_told_can_be_typed_as_it_stands(tmp_path):
    folder = tmp_path / "Büro Mitte"
    absent = pos_central("status", "--dir", folder).stderr.partition("Run: ")[2]
    first = pos_central("init", "--dir", folder, "--shop", "Mill").stdout
    again = pos_central("init", "--dir", folder, "--shop", "Quay").stdout
    told = [
        absent,
        *(line.partition(": ")[2] for line in first.splitlines()[1:]),
        again.splitlines()[0].partition("again: ")[2],
    ]
    assert [shlex.split(line)[:4] for line in told] == [
        ["pos-central", "init", "--dir", str(folder)],
        ["pos-central", "serve", "--dir", str(folder)],
        ["pos-central", "enroll-code", "--dir", str(folder)],
        ["pos-central", "serve", "--dir", str(folder)],
    ]


@pytest.mark.parametrize("words", [["-h"], ["staff", "-h"], ["staff", "add", "-h"]])
def test_the_short_word_for_help_is_that_of_the_tills_command(words):
    assert pos_central(*words).exit_code == 0


def test_help_says_where_to_begin():
    told = pos_central("--help").stdout
    for command in ("init", "serve", "enroll-code", "members", "status", "verify", "revoke", "erase"):
        assert command in told


def test_serve_answers_says_when_its_port_is_taken_and_ends_in_order(made):
    command = [sys.executable, "-m", "central_server", "serve", "--dir", str(made), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            address = server.stdout.readline().split()[5]
            assert httpx.get(f"{address}/v1/health").json()["server_epoch"] == 1
            taken = pos_central("serve", "--dir", made, "--port", address.rpartition(":")[2])
            assert (taken.exit_code, taken.stderr.count("\n")) == (1, 1)
            assert "cannot be listened on" in taken.stderr
            server.send_signal(signal.SIGTERM)
            assert server.wait(20) == 0
            assert server.stderr.read() == ""
        finally:
            server.kill()


def test_a_report_imports_nothing_heavy():
    heavy = "fastapi uvicorn alembic psycopg"
    code = f"import sys, central_server.cli, central_server.reports.report; print(set({heavy!r}.split()) & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "set()"


def test_a_socket_that_is_bound_elsewhere_is_no_surprise(made):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = pos_central("serve", "--dir", made, "--port", taken.getsockname()[1])
    assert answer.exit_code == 1


def test_of_a_revoked_till_nothing_is_taken_any_more(tmp_path, tell):
    folder = tmp_path / "office"
    pos_central("init", "--dir", folder, "--shop", "Mill")
    office = Office.open(folder, lambda: datetime(2026, 3, 2, 9, tzinfo=UTC), random.Random(5).randbytes)
    one = tell.Till(office, "CCCCCC", "Mill")
    one.enroll()
    assert pos_central("revoke", "CCCCCC", "--dir", folder).exit_code == 0
    one.sale("1", 10000)
    with pytest.raises(Refused, match="revoked"):
        one.send()
    office.close()
    assert "revoked" in pos_central("status", "--dir", folder).stdout


def test_an_erased_member_is_no_longer_to_be_found_and_the_books_stay_sound(tmp_path, tell):
    folder = tmp_path / "office"
    pos_central("init", "--dir", folder, "--shop", "Mill")
    office = Office.open(folder, lambda: datetime(2026, 3, 2, 9, tzinfo=UTC), random.Random(5).randbytes)
    one = tell.Till(office, "DDDDDD", "Mill")
    one.enroll()
    one.sale("1", 10000, "anna")
    one.send()
    sealed = seal(new_sealing_key(office.sealing_secret), b'{"name": "Anna Bell", "phone": "+49 170 1234567"}')
    members.take_details(office, one.row(), MemberDetails("anna", ["2900000000018"], "2026-03-02", sealed))
    before = pos_central("members", "--dir", folder, "--csv").stdout
    assert pos_central("erase", "2900000000018", "--dir", folder).exit_code == 0
    with office.database.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM person")).scalar() == 0
        assert connection.execute(text("SELECT count(*) FROM phone")).scalar() == 0
    office.close()
    assert before == "card,balance,aliases\n2900000000018,100,\n"
    assert pos_central("members", "--dir", folder, "--csv").stdout == "card,balance,aliases\n"
    assert pos_central("verify", "--dir", folder).exit_code == 0
