"""`receipt check`, `receipt preview`, and receipts as the local API hands them out."""

from __future__ import annotations

import json
from pathlib import Path

import pypdfium2
import pytest
from typer.testing import CliRunner

from loyalty.program import preset_names
from loyalty.words import LANGUAGES
from offline_store.errors import StoreAbsent
from pos_plugin.cli import app
from pos_plugin.doctor import examine
from pos_plugin.papers.renderings import POLICY
from pos_plugin.sales.receipt_sample import SLIPS
from pos_plugin.terminal import Terminal


def run(*arguments: object):
    return CliRunner().invoke(app, [*map(str, arguments)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = run("init", "--store", tmp_path / "till")
    assert made.exit_code == 0, made.output
    return tmp_path / "till"


def test_a_new_till_has_a_layout_to_edit_and_it_is_valid(folder: Path) -> None:
    assert (folder / "receipt.toml").exists()
    done = run("receipt", "check", "--store", folder)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "is valid, for paper of 42 columns." in done.stdout
    (folder / "receipt.toml").unlink()
    assert "receipts are as they come" in run("receipt", "check", "--store", folder).stdout


def test_a_folder_without_a_till_is_not_said_to_be_well(tmp_path: Path) -> None:
    done = run("receipt", "check", "--store", tmp_path / "tilll")
    assert isinstance(done.exception, StoreAbsent)


def test_check_tells_every_problem_and_ends_with_1(folder: Path) -> None:
    (folder / "receipt.toml").write_text('points = "slips"\nlogo = "sign.png"\n')
    done = run("receipt", "check", "--store", folder)
    assert done.exit_code == 1
    assert "line 1: points must be one of" in done.stderr
    assert "line 2: logo: sign.png cannot be read: No such file or directory" in done.stderr
    assert done.stdout == ""
    told = json.loads(run("receipt", "check", "--store", folder, "--json").stdout)
    assert len(told["problems"]) == 2
    assert told["file"] == str(folder / "receipt.toml")


def test_a_layout_that_is_wrong_keeps_the_till_from_starting_and_doctor_says_so(folder: Path) -> None:
    (folder / "receipt.toml").write_text('points = "slips"\n')
    with pytest.raises(Exception, match="points must be one of") as refused:
        Terminal.open(folder)
    assert refused.value.code == "RECEIPT_INVALID"
    [found] = [one for one in examine(folder) if one.what == "Receipts" and "points must be" in one.found]
    assert not found.ok
    (folder / "receipt.toml").write_text('points = "slip"\n')
    Terminal.open(folder).close()
    assert any(one.ok and one.found == "receipt.toml is valid" for one in examine(folder))


def test_a_preview_is_a_sale_under_the_tills_own_programme_and_records_nothing(folder: Path) -> None:
    before = (folder / "till.db").read_bytes()
    online = run("receipt", "preview", "--store", folder)
    assert online.exit_code == 0
    assert "New balance 340" in online.stdout
    offline = run("receipt", "preview", "--store", folder, "--offline", "--copy").stdout
    assert "Can use here today" in offline
    assert "New balance" not in offline
    assert offline.splitlines()[0].strip() == "COPY"
    nobody = run("receipt", "preview", "--store", folder, "--no-member", "--language", "de").stdout
    assert "Sie hätten 28 Punkte gesammelt" in nobody
    assert (folder / "till.db").read_bytes() == before


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_has_a_preview_with_and_without_a_member(name: str, tmp_path: Path) -> None:
    assert run("init", "--store", tmp_path / "till", "--program", name).exit_code == 0
    for language in LANGUAGES:
        for more in ([], ["--offline"], ["--no-member"]):
            done = run("receipt", "preview", "--store", tmp_path / "till", "--language", language, *more)
            assert done.exit_code == 0, done.output
            assert "7K3M2P-17-6" in done.stdout
            assert all(len(line) <= 42 for line in done.stdout.splitlines())


def test_a_preview_is_written_in_every_form(folder: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"receipt.{form}" for form in ("png", "pdf", "html")]
    options = [part for file in files for part in (f"--{file.suffix[1:]}", file)]
    done = run("receipt", "preview", "--store", folder, *options)
    assert done.stdout.split() == [str(file) for file in files], "the files, and no text beside them"
    assert files[0].read_bytes().startswith(b"\x89PNG")
    assert len(pypdfium2.PdfDocument(files[1])) == 1
    assert "New balance 340" in files[2].read_text(encoding="utf-8")
    assert "New balance 340" in run("receipt", "preview", "--store", folder, *options, "--text").stdout


@pytest.mark.parametrize("name", SLIPS)
def test_every_slip_has_a_preview(name: str, folder: Path) -> None:
    done = run("receipt", "preview", "--store", folder, "--slip", name)
    assert done.exit_code == 0
    assert "Your shop" in done.stdout


def test_wrong_use_is_told_with_what_there_is(folder: Path) -> None:
    done = run("receipt", "preview", "--store", folder, "--slip", "gift")
    assert done.exit_code == 2
    assert "gift-card" in done.stderr
    assert run("receipt", "preview", "--store", folder, "--language", "it").exit_code == 2


# The local API.


def test_the_api_hands_a_receipt_out_in_every_form(served) -> None:
    reference = served.sell("1")["reference"]
    got = {form: served.client.get(f"/v1/receipts/{reference}{form}") for form in (".txt", ".html", ".pdf", ".png", "")}
    assert {form: (one.status_code, one.headers["content-type"]) for form, one in got.items()} == {
        ".txt": (200, "text/plain; charset=utf-8"),
        ".html": (200, "text/html; charset=utf-8"),
        ".pdf": (200, "application/pdf"),
        ".png": (200, "image/png"),
        "": (200, "application/json"),
    }
    for form in (".txt", ".html"):
        assert reference in got[form].text
        assert "12.50" in got[form].text
    assert reference in pypdfium2.PdfDocument(got[".pdf"].content).get_metadata_value("Title")
    for form in (".txt", ".html", ".pdf"):
        served.refused(served.client.get(f"/v1/receipts/NOPE-1-X{form}"), 404, "RECEIPT_UNKNOWN")
        served.refused(served.stranger.get(f"/v1/receipts/{reference}{form}"), 401, "NOT_SIGNED_IN")


def test_the_digital_receipt_may_load_less_than_the_page_and_stands_in_no_frame(served) -> None:
    reference = served.sell("1")["reference"]
    headers = served.client.get(f"/v1/receipts/{reference}.html").headers
    assert headers["content-security-policy"] == f"{POLICY}; frame-ancestors 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    plain = served.client.get(f"/v1/receipts/{reference}.txt").headers
    assert plain["content-security-policy"].startswith("default-src 'self'")
