"""The command line as a person meets it: what each command says, and what it answers to a slip."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from offline_store.store import Store
from pos_plugin import cli
from pos_plugin.cli import app

COMMANDS = [
    "init",
    "run",
    "demo",
    "doctor",
    "status",
    "sync",
    "enroll",
    "verify",
    "reprint",
    "receipt check",
    "receipt preview",
    "audit",
    "backfill",
    "members",
    "member",
    "test-print",
    "intercept",
    "learn",
    "printer simulate",
    "printer listing",
    "program check",
    "program presets",
    "program simulate",
    "api-key",
    "cards",
    "closing",
    "backup",
    "restore",
    "upgrade",
    "operator add",
    "operator list",
    "operator pin",
    "operator close",
]
REPORTS = ["status", "members", "verify", "doctor", "program presets"]
HEADER = "till,sale_ref,sold_at,member,sku,category,quantity,amount"


class Told:
    """What a command answered."""

    def __init__(self, status: int, out: str, err: str) -> None:
        self.status, self.out, self.err = status, out, err

    @property
    def words(self) -> str:
        """Everything it said, in one line, without the frame around it."""
        return " ".join((self.out + " " + self.err).replace("│", " ").split())


def shell(*arguments: object, **environment: str) -> Told:
    """The command as the shell runs it."""
    done = subprocess.run(
        [sys.executable, "-m", "pos_plugin", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    return Told(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(monkeypatch, capsys)


class Run:
    """The same in this process, through the same `main`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Told:
        self._monkeypatch.setattr(sys, "argv", ["pos-plugin", *map(str, arguments)])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = self._capsys.readouterr()
        status = ended.value.code
        return Told(status if isinstance(status, int) else int(status is not None), said.out, said.err)


@pytest.fixture
def till(tmp_path: Path) -> Path:
    folder = tmp_path / "till"
    made = CliRunner().invoke(app, ["init", "--store", str(folder)])
    assert made.exit_code == 0, made.output
    return folder


def with_sales(till: Path) -> None:
    file = till.parent / "sales.csv"
    row = "t1,{ref},2026-01-31T17:45:00,{card},tea,drinks,1,{amount}"
    rows = [row.format(ref=ref, card=f"C{ref % 2}", amount=ref * 1000) for ref in range(1, 5)]
    file.write_text("\n".join([HEADER, *rows, ""]))
    done = CliRunner().invoke(app, ["backfill", str(file), "--store", str(till)])
    assert done.exit_code == 0, done.output


def is_clear(told: Told) -> bool:
    """One message on stderr and no more: no traceback, nothing of Python's, nothing on stdout."""
    assert told.err.strip()
    assert "Traceback" not in told.words
    assert "Error:" not in told.err.replace("─ Error ─", "")
    assert told.out == ""
    return True


# -- what there is


def test_every_documented_command_exists_and_no_other() -> None:
    root = typer.main.get_command(app)
    names = []
    for name, command in root.commands.items():  # type: ignore[attr-defined]
        names += [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]
    assert sorted(names) == sorted(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    told = run(*command.split(), "--help")
    assert told.status == 0
    assert f"Usage: pos-plugin {command}" in told.words
    root = typer.main.get_command(app)
    for name in command.split():
        root = root.commands[name]  # type: ignore[attr-defined]
    assert (root.help or "").split("\n")[0].endswith(".")
    undocumented = [param.name for param in root.params if param.name != "help" and not getattr(param, "help", None)]
    assert undocumented == []


@pytest.mark.parametrize(
    "command",
    [
        c
        for c in COMMANDS
        if c not in ("demo", "printer simulate", "printer listing", "program check", "program simulate")
    ],
)
def test_a_command_about_a_till_takes_its_folder(run: Run, command: str) -> None:
    if command != "program presets":
        assert "--store" in run(*command.split(), "--help").words


def test_no_command_at_all_shows_what_there_is(run: Run) -> None:
    told = run()
    assert told.status == 2
    assert all(command.split()[0] in told.words for command in COMMANDS)


# -- what the shell sees


def test_the_statuses_are_0_done_1_problem_2_wrong_use(tmp_path: Path) -> None:
    made = shell("init", "--store", tmp_path / "till")
    assert (made.status, made.err) == (0, "")
    assert f"Start it: pos-plugin run --store {tmp_path / 'till'}" in made.out
    again = shell("init", "--store", tmp_path / "till")
    assert again.status == 1
    assert is_clear(again)
    wrong = shell("initt")
    assert wrong.status == 2
    assert is_clear(wrong)
    assert "No such command 'initt'" in wrong.words


def test_the_folder_can_come_from_the_environment(till: Path) -> None:
    told = shell("status", "--json", POS_PLUGIN_STORE=str(till))
    assert told.status == 0
    assert json.loads(told.out)["entries"] == 0


def test_a_reader_that_stops_early_sees_no_error(till: Path) -> None:
    with_sales(till)
    command = [sys.executable, "-m", "pos_plugin", "members", "--csv", "--store", str(till)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def test_a_report_imports_nothing_heavy(till: Path) -> None:
    code = (
        "import sys; from pos_plugin.cli import main\n"
        f"sys.argv = ['pos-plugin', 'status', '--json', '--store', {str(till)!r}]\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'fastapi', 'uvicorn', 'httpx', 'cv2', 'escpos', 'PIL', 'sqlalchemy', 'alembic', 'cryptography', 'serial'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


# -- init


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--currency", "XXY"], "there is no currency XXY (ISO 4217); write for example EUR."),
        (["--currency", "JPY"], "JPY has no hundredths, and receipts of this version print amounts with two decimals."),
        (["--time-zone", "Mars/Olympus"], "'Mars/Olympus' is no IANA time zone"),
        (["--time-zone", "../etc"], "is no IANA time zone"),
    ],
)
def test_init_refuses_a_wrong_currency_or_time_zone_before_it_makes_anything(
    run: Run, tmp_path: Path, options: list[str], told: str
) -> None:
    answer = run("init", "--store", tmp_path / "till", *options)
    assert answer.status == 2
    assert is_clear(answer)
    assert told in answer.words
    assert not (tmp_path / "till").exists()


def test_a_till_whose_settings_could_not_be_written_is_none_and_is_made_again(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "till"
    folder.mkdir()
    (folder / "receipt.toml").symlink_to(tmp_path / "missing" / "receipt.toml")
    told = run("init", "--store", folder, "--shop", "Mill")
    assert told.status == 1
    assert is_clear(told)
    assert f"{folder} cannot be written" in told.words
    assert "No till was made." in told.words
    (folder / "receipt.toml").unlink()
    assert run("init", "--store", folder, "--shop", "Mill").status == 0
    assert (folder / "receipt.toml").exists()
    assert json.loads(run("status", "--store", folder, "--json").out)["entries"] == 0


def test_a_command_that_is_told_can_be_typed_as_it_stands(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "Käse Laden"
    told = run("status", "--store", folder)
    assert shlex.split(told.err.splitlines()[-1].removeprefix("Make one: "))[-1] == str(folder)
    told = run("init", "--store", folder)
    assert shlex.split(told.out.splitlines()[-1].removeprefix("Start it: ").partition(". ")[0])[-1] == str(folder)


def test_init_says_whose_days_the_till_counts(run: Run, tmp_path: Path) -> None:
    assert (
        "days of Europe/Istanbul" in run("init", "--store", tmp_path / "till", "--time-zone", "Europe/Istanbul").words
    )


def test_nothing_stands_before_what_is_said_where_nobody_watches(run: Run, till: Path) -> None:
    assert run("verify", "--store", till).err == ""


def test_init_says_all_that_it_made_as_json(run: Run, tmp_path: Path) -> None:
    told = run("init", "--store", tmp_path / "till", "--currency", "USD", "--time-zone", "America/New_York", "--json")
    made = json.loads(told.out)
    assert set(made) == {"terminal", "store", "program", "settings"}
    assert Path(made["settings"]).exists()
    assert json.loads(run("status", "--store", tmp_path / "till", "--json").out)["currency"] == "USD"


def test_a_preset_of_another_country_takes_the_shops_currency_and_time_zone(run: Run, tmp_path: Path) -> None:
    asked = ("--program", "coffee-stars", "--currency", "chf", "--time-zone", "Europe/Zurich")
    run("init", "--store", tmp_path / "till", *asked, "--json")
    assert json.loads(run("status", "--store", tmp_path / "till", "--json").out)["currency"] == "CHF"


def test_a_currency_for_a_programme_in_a_file_is_no_option(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('name = "own"\ncurrency = "SEK"\n')
    answer = run("init", "--store", tmp_path / "till", "--program", file, "--currency", "USD")
    assert answer.status == 2
    assert is_clear(answer)
    assert run("init", "--store", tmp_path / "till", "--program", file).status == 0


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("gold", "There is no preset gold."),
        ("none.toml", "There is no file"),
        (".", "cannot be read"),
        ("x" * 300, ""),
    ],
)
def test_a_programme_that_is_not_there_is_said(run: Run, tmp_path: Path, program: str, told: str) -> None:
    answer = run("init", "--store", tmp_path / "till", "--program", program)
    assert answer.status == 1
    assert is_clear(answer)
    assert told in answer.words


# -- reports


@pytest.mark.parametrize("command", REPORTS)
def test_reports_can_be_read_by_programs(run: Run, till: Path, command: str) -> None:
    with_sales(till)
    store = [] if command.startswith("program") else ["--store", till]
    told = run(*command.split(), *store, "--json")
    assert told.status == 0
    assert told.err == ""
    json.loads(told.out)


def test_status_says_how_the_till_stands(run: Run, till: Path) -> None:
    with_sales(till)
    told = run("status", "--store", till)
    assert "6, of which 6 are not at head office yet" in told.words  # four sales, two who joined
    found = json.loads(run("status", "--store", till, "--json").out)
    assert (found["entries"], found["unsent"], found["members"], found["shop"]) == (6, 6, 2, None)


def test_reports_work_beside_a_running_till(run: Run, till: Path) -> None:
    with Store.open(till):
        for command in REPORTS[:-1]:
            assert run(command, "--store", till).status == 0
        told = run("sync", "--store", till)
        assert told.status == 1
        assert is_clear(told)
        assert "is open in another program already" in told.words


def test_a_members_balance_says_when_it_was_known_by_the_shops_clock(run: Run, till: Path) -> None:
    with_sales(till)
    with Store.open(till) as store:
        store.write(lambda db: db.execute("UPDATE member SET as_of = '2026-07-01T22:30:00.000+00:00'"))
        with store.read() as db:
            (card,) = db.execute("SELECT card FROM card ORDER BY card LIMIT 1").fetchone()
    told = run("member", card, "--store", till)
    assert "(head office's figure of 2 Jul 2026 at 00:30, and what happened here since)" in told.words


def test_members_are_listed_for_people_and_for_spreadsheets(run: Run, till: Path) -> None:
    with_sales(till)
    assert run("members", "--store", till, "--csv").out == "card,balance\nC0,60\nC1,40\n"
    assert run("members", "--store", till, "--csv", "--as-of", "2026-01-30").out == "card,balance\nC0,0\nC1,0\n"
    assert "2 cards, 100 points" in run("members", "--store", till).out
    assert json.loads(run("members", "--store", till, "--json").out) == [
        {"card": "C0", "balance": 60},
        {"card": "C1", "balance": 40},
    ]


def test_two_cards_of_one_member_are_one_balance_in_the_total(run: Run, till: Path) -> None:
    with_sales(till)
    with Store.open(till) as store:
        store.write(lambda db: db.execute("INSERT INTO card SELECT 'C9', member FROM card WHERE card = 'C0'") and None)
    assert run("members", "--store", till, "--csv").out == "card,balance\nC0,60\nC1,40\nC9,60\n"
    assert "3 cards, 100 points" in run("members", "--store", till).out
    assert "3 cards, 100 points" in run("members", "--store", till, "--as-of", "2026-02-01").out


def test_points_of_members_who_became_one_stand_under_both_cards(run: Run, till: Path) -> None:
    with_sales(till)
    with Store.open(till) as store:
        store.write(
            lambda db: (
                db.execute(
                    "UPDATE member SET merged_into = (SELECT member FROM card WHERE card = 'C1') "
                    "WHERE member = (SELECT member FROM card WHERE card = 'C0')"
                )
                and None
            )
        )
    told = run("members", "--store", till, "--csv", "--as-of", "2026-02-01")
    assert told.out == "card,balance\nC0,100\nC1,100\n"


def test_one_member_is_shown_with_the_last_movements(run: Run, till: Path) -> None:
    with_sales(till)
    told = run("member", "C1", "--store", till)
    assert told.out.startswith("Balance 40; 0 can be used at this till today.")
    assert "2026-01-31  sale     +30" in told.out
    stranger = run("member", "C7", "--store", till)
    assert stranger.status == 1
    assert is_clear(stranger)


def test_verify_ends_with_status_1_where_the_journal_was_changed(run: Run, till: Path) -> None:
    import sqlite3

    with_sales(till)
    with sqlite3.connect(till / "till.db") as db:
        db.execute("DROP TRIGGER posting_is_never_changed")
        db.execute("UPDATE posting SET amount = amount + 1 WHERE number = 2")
    db.close()
    told = run("verify", "--store", till)
    assert told.status == 1
    assert "entry 2" in told.err
    assert json.loads(run("verify", "--store", till, "--json").out)["problems"]


def test_a_programme_is_checked_whole(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text('name = "own"\ncurency = "SEK"\n[earn]\npoints = -1\n')
    told = run("program", "check", file)
    assert told.status == 1
    assert is_clear(told)
    assert "did you mean currency?" in told.words
    assert "line 4" in told.words
    assert len(json.loads(run("program", "check", file, "--json").out)["problems"]) == 3
    file.write_text('name = "own"\ncurrency = "SEK"\n')
    assert run("program", "check", file).status == 0


# -- slips


NEEDS_A_TILL = {
    "run": [],
    "doctor": [],
    "status": [],
    "sync": [],
    "enroll": ["http://127.0.0.1:1", "CODE"],
    "verify": [],
    "reprint": ["7K3M2P-17-C"],
    "backfill": ["sales.csv"],
    "members": [],
    "member": ["C1"],
    "test-print": [],
}


@pytest.mark.parametrize("command", NEEDS_A_TILL)
def test_a_missing_folder_is_answered_with_the_command_that_makes_it(run: Run, tmp_path: Path, command: str) -> None:
    told = run(command, *NEEDS_A_TILL[command], "--store", tmp_path / "none")
    assert told.status == 1
    assert command == "doctor" or is_clear(told)
    assert f"pos-plugin init --store {tmp_path / 'none'}" in told.words
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("command", [*NEEDS_A_TILL, "init"])
def test_a_folder_that_is_a_file_is_wrong_use(run: Run, tmp_path: Path, command: str) -> None:
    file = tmp_path / "till"
    file.write_text("")
    told = run(command, *NEEDS_A_TILL.get(command, []), "--store", file)
    assert told.status == 2
    assert is_clear(told)
    assert "is a file" in told.words
    assert file.read_text() == ""


@pytest.mark.parametrize("command", ["run", "sync", "enroll", "reprint", "test-print"])
def test_a_slip_in_the_settings_is_named_with_its_line(run: Run, till: Path, command: str) -> None:
    (till / "till.toml").write_text('[printer]\nadress = "tcp://127.0.0.1:1"\n')
    told = run(command, *NEEDS_A_TILL[command], "--store", till)
    assert told.status == 1
    assert is_clear(told)
    assert "line 2: there is no key printer.adress; did you mean address?" in told.words
    assert "Correct till.toml" in told.words


@pytest.mark.parametrize("command", ["run", "sync", "test-print"])
def test_settings_that_are_no_toml_are_said(run: Run, till: Path, command: str) -> None:
    (till / "till.toml").write_text("[printer\n")
    told = run(command, "--store", till)
    assert told.status == 1
    assert is_clear(told)
    assert "this is not TOML" in told.words


@pytest.mark.parametrize("day", ["2017-13-01", "yesterday", "31.12.2017", "2017-02-29", ""])
def test_a_day_that_is_none_is_wrong_use(run: Run, till: Path, day: str) -> None:
    told = run("members", "--store", till, "--as-of", day)
    if not day:
        assert told.status == 0  # an empty one is none at all
        return
    assert told.status == 2
    assert is_clear(told)
    assert "write it like 2017-12-31" in told.words


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ftp://loyalty.example", "is no address of a head office"),
        ("https://", "is no address of a head office"),
        ("http://[::1", "is no address of a head office"),
        ("http://127.0.0.1:port", "is no address of a head office"),
        ('https://loyalty.example/"', "is no address of a head office"),
        ("https://loyalty example", "is no address of a head office"),
        ("http://loyalty.example", "is not encrypted"),
        ("http://192.168.1.5:8360", "is not encrypted"),
    ],
)
def test_a_wrong_address_of_a_head_office_is_wrong_use(run: Run, till: Path, url: str, told: str) -> None:
    settings = (till / "till.toml").read_text()
    answer = run("enroll", url, "CODE", "--store", till)
    assert answer.status == 2
    assert is_clear(answer)
    assert told in answer.words
    assert (till / "till.toml").read_text() == settings


def test_a_code_typed_before_the_address_is_wrong_use(run: Run, till: Path) -> None:
    told = run("enroll", "CODE", "http://127.0.0.1:1", "--store", till)
    assert told.status == 2
    assert is_clear(told)
    assert "http://127.0.0.1:1 is an address. It comes first, and the code after it." in told.words


def test_a_head_office_that_does_not_answer_is_said_and_nothing_changes(run: Run, till: Path) -> None:
    settings = (till / "till.toml").read_text()
    told = run("enroll", "http://127.0.0.1:1", "CODE", "--store", till)
    assert told.status == 1
    assert is_clear(told)
    assert "Nothing answers at http://127.0.0.1:1." in told.words
    assert (till / "till.toml").read_text() == settings
    alone = run("sync", "--store", till)
    assert alone.status == 1
    assert "pos-plugin enroll URL CODE" in alone.words


@pytest.mark.parametrize("url", ["http://[::1", "http://127.0.0.1:port"])
def test_a_wrong_address_in_the_settings_is_said(run: Run, till: Path, url: str) -> None:
    (till / "till.toml").write_text(f'[server]\nurl = "{url}"\n')
    told = run("sync", "--store", till)
    assert told.status == 1
    assert is_clear(told)
    assert "is no address of a head office" in told.words


@pytest.mark.parametrize("reference", ["7K3M2P-17-C", "nonsense", ""])
def test_a_receipt_that_is_not_there_is_said(run: Run, till: Path, reference: str) -> None:
    told = run("reprint", reference, "--store", till)
    assert told.status == 1
    assert is_clear(told)
    assert "There is no such receipt at this till. Check the reference." in told.words


def test_a_copy_at_a_running_till_without_a_printer_is_not_promised(run: Run, till: Path) -> None:
    with Store.open(till):
        told = run("reprint", "7K3M2P-17-C", "--store", till)
    assert told.status == 1
    assert is_clear(told)
    assert "This till has no printer. Write its address under [printer]" in told.words


def test_a_test_page_without_a_printer_says_where_to_write_it(run: Run, till: Path) -> None:
    told = run("test-print", "--store", till)
    assert told.status == 1
    assert is_clear(told)
    assert "[printer] in till.toml" in told.words


def test_a_file_of_sales_that_is_not_there_is_said(run: Run, till: Path) -> None:
    told = run("backfill", "none.csv", "--store", till)
    assert told.status == 1
    assert is_clear(told)
    assert "none.csv cannot be read" in told.words


def test_a_till_that_is_damaged_is_said(run: Run, till: Path) -> None:
    (till / "till.db").write_bytes(b"not a database at all" * 400)
    told = run("status", "--store", till)
    assert told.status == 1
    assert is_clear(told)
    assert "is damaged or no till's file" in told.words


@pytest.mark.parametrize("options", [["--port", "99999"], ["--width", "0"], ["--pictures", __file__]])
def test_a_simulated_printer_that_cannot_be_is_wrong_use(run: Run, options: list[str]) -> None:
    told = run("printer", "simulate", *options)
    assert told.status == 2
    assert is_clear(told)


def test_a_port_that_is_taken_is_said(run: Run, tmp_path: Path) -> None:
    from drivers.simulated.printer import SimulatedPrinter

    with SimulatedPrinter() as other:
        told = run("printer", "simulate", "--port", other.serve_tcp(), "--pictures", tmp_path)
    assert told.status == 1
    assert is_clear(told)
    assert "Close that program, or choose another port." in told.words


def test_a_fault_of_the_program_is_told_without_a_traceback(
    run: Run, till: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("offline_store.receipts.counts", broken)
    told = run("status", "--store", till)
    assert told.status == 1
    assert "planted" in told.words
    assert "pos-plugin doctor" in told.words
    assert "Traceback" not in told.words
    monkeypatch.setenv("POS_PLUGIN_TRACEBACK", "1")
    monkeypatch.setattr(sys, "argv", ["pos-plugin", "status", "--store", str(till)])
    with pytest.raises(ZeroDivisionError):
        cli.main()


def test_an_api_key_is_shown_once(run: Run, till: Path) -> None:
    told = run("api-key", "front-till", "--store", till)
    assert told.status == 0
    key = json.loads(run("api-key", "other", "--store", till, "--json").out)["key"]
    assert all(key not in file.read_text(errors="replace") for file in till.iterdir() if file.is_file())
    again = run("api-key", "other", "--store", till)
    assert again.status == 1
    assert is_clear(again)
