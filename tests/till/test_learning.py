"""What papers teach, and what is said where they do not: `pos-plugin learn` and what is behind it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from offline_store.errors import StoreAbsent
from pos_plugin.cli import app
from pos_plugin.intercept.learning import Given, Learned, learn, meanings
from pos_plugin.intercept.papers import Code, Kind, Paper, Row
from pos_plugin.intercept.receipt_words import TITLES, languages
from pos_plugin.intercept.recognition import recognise
from pos_plugin.intercept.till_receipts import FILE, TillReceipts, read_till_receipts, till_receipts


def receipt(number: int, *rows: str, total: str = "3,50", day: str = "22.11.2026", title: str = "") -> Paper:
    return paper("KIOSK", title, *rows, "Kaffee  3,00", "Summe  " + total, f"Bon {number}   {day} 09:00", "Kasse 2")


def paper(*rows: str) -> Paper:
    return Paper(tuple(map(Row, rows)))


def of(*papers: Paper, told: dict[int, Kind] | None = None, **how: str) -> Learned:
    given = [Given(f"paper {number}", one, (told or {}).get(number)) for number, one in enumerate(papers, 1)]
    return learn(given, **how)  # type: ignore[arg-type]


def test_two_sales_are_enough() -> None:
    learned = of(receipt(1), receipt(2, total="4,20"))
    assert (learned.problems, learned.notes) == ([], [])
    assert learned.profile is not None
    assert (learned.profile.total.words, learned.profile.reference.words) == (["Summe"], ["Bon"])
    assert [(found.kind, found.reference) for _, found in learned.seen] == [("sale", "1"), ("sale", "2")]


def test_one_sale_does_not_show_which_number_is_its_own() -> None:
    learned = of(receipt(1), receipt(1))
    assert learned.profile is None
    assert "at least two different sales" in learned.problems[0]
    assert learned.seen[0][1].kind == "sale"  # and what was found so far is shown


def test_a_number_that_is_the_same_on_different_sales_is_not_theirs() -> None:
    learned = of(receipt(7), receipt(7, total="4,20"))
    assert learned.profile is None
    assert "No number was found" in learned.problems[0]


def test_a_number_that_comes_again_on_another_day_begins_anew_each_day() -> None:
    learned = of(receipt(7), receipt(8), receipt(7, total="4,20", day="23.11.2026"))
    assert learned.profile is not None
    assert learned.profile.reference.restarts == "daily"
    assert "begin anew each day" in learned.notes[0]
    assert [found.reference for _, found in learned.seen] == ["2026-11-22-7", "2026-11-22-8", "2026-11-23-7"]
    always = of(receipt(7), receipt(7, total="4,20", day="23.11.2026"))  # it may be that of the till as well
    assert always.profile is None


def test_a_smaller_number_on_a_later_day_shows_it_too_unless_a_person_knows_better() -> None:
    papers = receipt(7), receipt(3, total="4,20", day="23.11.2026")
    learned = of(*papers)
    assert learned.profile is not None
    assert learned.profile.reference.restarts == "daily"
    learned = of(*papers, restarts="never")
    assert learned.profile is not None
    assert learned.profile.reference.restarts == "never"


def test_without_a_row_that_says_it_the_number_is_the_bar_code() -> None:
    def coded(code: str, total: str) -> Paper:
        return Paper((Row("Kaffee  3,00"), Row(f"Summe  {total}")), (Code("code128", code),))

    learned = of(coded("00471", "3,00"), coded("00472", "4,00"))
    assert learned.profile is not None
    assert learned.profile.reference.code == "code128"
    assert [found.reference for _, found in learned.seen] == ["00471", "00472"]


def test_of_several_totals_the_one_to_which_the_goods_come_is_taken() -> None:
    """What is due after a deposit is less than what was sold."""
    papers = [
        paper(
            "Tea  3.00", "Cake  4.00", "TOTAL  7.00", "Deposit paid  5.00", f"TOTAL DUE  {due}", f"Receipt no {number}"
        )
        for number, due in ((1, "2.00"), (2, "1.00"))
    ]
    learned = of(*papers)
    assert learned.profile is not None
    assert learned.profile.total.words == ["TOTAL"]


def test_two_totals_that_contradict_each_other_are_none() -> None:
    papers = [
        paper("Tea  3.00", "TOTAL  7.00", f"TOTAL  {other}", f"Receipt no {n}")
        for n, other in ((1, "6.00"), (2, "5.00"))
    ]
    learned = of(*papers)
    assert learned.profile is None
    assert "No row was found that says the sale's total" in learned.problems[0]


def test_counted_goods_beside_the_total_are_no_matter() -> None:
    papers = [paper("Tea  3.00", f"TOTAL ({n} items)  3.00", "TOTAL items 3", f"Receipt no {n}") for n in (1, 2)]
    learned = of(*papers)
    assert learned.profile is not None
    assert learned.profile.total.words == ["TOTAL (# items)"]


@pytest.mark.parametrize(
    "row", ["Zwischensumme", "Ara toplam", "MwSt", "Total savings", "You saved TOTAL", "TOTAL Yogurt", "Change"]
)
def test_what_is_no_total_is_not_learned(row: str) -> None:
    assert of(paper(f"{row}  3,00", "Bon 1"), paper(f"{row}  4,00", "Bon 2")).so_far is None


def test_what_all_sales_say_is_no_matter_and_what_one_says_is() -> None:
    footer, odd = "Keine Rückgabe ohne Bon", "Dies ist ein Storno der Kasse"
    learned = of(receipt(1, footer), receipt(2, footer, total="4,20"), receipt(3, footer, odd, total="5,20"))
    assert learned.profile is not None
    assert learned.profile.sales.may_say == [footer]
    assert [found.kind for _, found in learned.seen] == ["sale", "sale", "other"]
    assert of(receipt(1, footer), receipt(2, odd, total="4,20"), told={2: "sale"}).so_far.sales.may_say == [odd]  # type: ignore[union-attr]


def test_a_person_can_tell_what_a_paper_is_and_its_own_row_is_learned() -> None:
    learned = of(
        receipt(1),
        receipt(2),
        receipt(3, title="** WARE ZURÜCK 12 **"),
        receipt(4, title="WARE ZURÜCK 13"),
        told={3: "return", 4: "return"},
    )
    assert learned.problems == []
    assert learned.profile is not None
    assert "WARE ZURÜCK #" in learned.profile.kinds.return_
    assert recognise(receipt(9, title="WARE ZURÜCK 99"), learned.profile).kind == "return"


def test_what_tells_a_paper_from_a_sale_must_stand_on_it() -> None:
    learned = of(receipt(1), receipt(2), receipt(3), told={3: "void"})
    assert learned.profile is None
    assert "paper 3: no row on it tells it from a sale." in learned.problems


def test_a_picture_cannot_be_learned_and_what_to_do_is_said() -> None:
    learned = of(Paper((), row_dots=900))
    assert learned.profile is None
    assert "Give the till a printer driver for text" in learned.problems[0]
    learned = of(receipt(1), receipt(2), Paper((), row_dots=900))
    assert learned.problems == []
    assert "Give the till a printer driver for text" in learned.notes[0]


def test_of_many_papers_one_without_a_number_is_no_sale_and_the_others_are_learned() -> None:
    odd = paper("KIOSK", "Kassenbestand", "Summe  90,00")
    learned = of(receipt(1), receipt(2), odd)
    assert learned.problems == []
    assert [found.kind for _, found in learned.seen] == ["sale", "sale", "other"]
    assert learned.notes == ["paper 3 has no number, and is no sale then."]
    assert "No number was found" in of(receipt(1), receipt(2), odd, told={3: "sale"}).problems[0]


@pytest.mark.parametrize(
    "written",
    [
        "TOTAL R$ {}",
        "TOTAL ¥{}",
        "TOTAL Rs. {}",
        "TOTAL ₹{}",
        "TOTAL {} FCFA",
        "TOTAL {} DH",
        "TOTAL {} Kč",
        "SUMA {} zł",
        "TOTAL CA${}",
        "TOTAL R{}",
        "TOTAL {} SAR",
    ],
)
def test_a_total_beside_any_currency_is_one(written: str) -> None:
    learned = of(*(paper("SHOP", f"Receipt No {n}", f"Tea {n}.50", written.format(f"{n}.50")) for n in (17, 18)))
    assert learned.problems == []
    assert [found.total_minor for _, found in learned.seen] == [1750, 1850]


@pytest.mark.parametrize(
    ("decimals", "first", "second", "minor"),
    [
        (0, "1.234", "550", [1234, 550]),  # Chile
        (0, "1,234", "550", [1234, 550]),  # Japan
        (0, "1234", "550", [1234, 550]),
        (3, "1,250", "17,500", [1250, 17500]),  # Tunisia
        (3, "1.250", "17.500", [1250, 17500]),  # Kuwait
    ],
)
def test_the_marks_are_seen_also_where_amounts_have_no_decimals_or_three(
    decimals: int, first: str, second: str, minor: list[int]
) -> None:
    sales = [
        Given(total, paper("SHOP", f"Receipt No {number}", f"Tea {total}", f"TOTAL {total}"))
        for number, total in enumerate((first, second), 17)
    ]
    learned = learn(sales, decimals=decimals)
    assert learned.problems == []
    assert [found.total_minor for _, found in learned.seen] == minor


def test_a_total_of_another_currency_is_not_learned_beside_the_first() -> None:
    papers = [paper("Tea  3.00", f"TOTAL CHF  {n}.00", f"Receipt no {n}") for n in (3, 4)]
    learned = of(*papers, paper("Tea  3.00", "TOTAL EUR  3.00", "Receipt no 5"))
    assert learned.profile is not None
    assert learned.profile.total.words == ["TOTAL CHF"]
    assert learned.seen[2][1].kind == "other"


def test_one_of_many_papers_that_contradicts_itself_spoils_no_lesson() -> None:
    odd = receipt(9, "Summe  1,00")
    learned = of(*(receipt(number) for number in range(1, 7)), odd)
    assert learned.profile is not None
    assert learned.profile.total.words == ["Summe"]
    assert learned.seen[6][1].kind == "other"


def test_nothing_to_learn_from() -> None:
    assert "None of these papers looks like a sale" in of(paper("Hello")).problems[0]
    assert "None of these papers looks like a sale" in of().problems[0]


def test_the_months_place_is_seen_where_a_day_can_be_read_in_one_way_only() -> None:
    learned = of(receipt(1, day="11/22/2026"), receipt(2, day="11/02/2026"))
    assert [found.sold_at for _, found in learned.seen] == ["2026-11-22T09:00:00", "2026-11-02T09:00:00"]
    learned = of(receipt(1, day="01/02/2026"), receipt(2, day="01/02/2026", total="4,20"))
    assert "may have the day or the month first" in learned.notes[0]


def test_meanings_are_told_row_by_row() -> None:
    learned = of(receipt(1, total="3,00"), receipt(2))
    assert learned.so_far is not None
    told = meanings(receipt(1, total="3,00"), learned.so_far, learned.seen[0][1])
    assert [meaning for meaning, _ in told] == ["", "line", "total", "number", ""]


def test_every_language_has_all_its_words() -> None:
    assert set(languages()) == {"en", "de", "tr", "fr", "es", "it", "pt", "nl", "pl"}
    for name, language in languages().items():
        assert all((language.total, language.reference, *(language.kinds[title] for title in TITLES))), name


def test_goods_must_come_to_the_total_where_they_did_on_all_sales() -> None:
    learned = of(receipt(1, total="3,00"), receipt(2, total="3,00", day="23.11.2026"))
    assert learned.profile is not None
    assert learned.profile.sales.goods
    learned = of(receipt(1, total="3,00"), receipt(2, total="3,50"))
    assert learned.profile is not None
    assert not learned.profile.sales.goods


def test_every_key_of_the_profile_is_on_the_page_of_settings() -> None:
    page = (Path(__file__).parents[2] / "docs" / "settings.md").read_text(encoding="utf-8")
    for name, field in TillReceipts.model_fields.items():
        inside = getattr(field.annotation, "model_fields", {})
        keys = [f"{name}.{one.alias or key}" for key, one in inside.items()] or [name]
        for key in keys:
            assert f"`{key.rstrip('_')}`" in page, key


# The command.


def job(*rows: str) -> bytes:
    return b"\x1b@" + "\n".join(rows).encode("ascii") + b"\n\n\n\x1dV\x42\x00"


def sale(number: int, total: str) -> bytes:
    return job(
        "CORNER CAFE", f"Receipt No: {number}", "22/11/2026 09:05", f"Flat white    {total}", f"TOTAL    {total}"
    )


def run(*arguments: object):
    return CliRunner().invoke(app, ["learn", *map(str, arguments)])


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learn") / "till"
    made = CliRunner().invoke(app, ["init", "--store", str(folder)])
    assert made.exit_code == 0, made.output
    return folder


@pytest.fixture
def folder(till: Path, tmp_path: Path) -> Path:
    shutil.copytree(till, tmp_path / "till")
    (tmp_path / "one.bin").write_bytes(sale(1001, "7.80"))
    (tmp_path / "two.bin").write_bytes(sale(1002, "3.50"))
    (tmp_path / "kitchen.bin").write_bytes(job("KITCHEN", "2 Flat white"))
    return tmp_path / "till"


def files(folder: Path) -> list[Path]:
    return sorted(folder.parent.glob("*.bin"))


def test_learn_shows_what_it_found_and_writes_a_profile(folder: Path) -> None:
    done = run("--store", folder, *files(folder))
    assert (done.exit_code, done.stderr) == (0, "")
    assert "one.bin: sale, 7.80, number 1001, 2026-11-22 09:05:00, 1 line" in done.stdout
    assert "kitchen.bin: kitchen" in done.stdout
    assert f"Written: {folder / FILE}." in done.stdout
    written = (folder / FILE).read_text(encoding="utf-8")
    assert 'words = ["TOTAL"]' in written
    assert read_till_receipts(folder) == till_receipts(written)


def test_the_profile_before_is_kept(folder: Path) -> None:
    (folder / FILE).write_text("# of before\n")
    assert run("--store", folder, *files(folder)).exit_code == 0
    assert (folder / "till-receipts.toml.before").read_text() == "# of before\n"


@pytest.mark.parametrize("option", ["--dry-run", "--show"])
def test_nothing_is_written_where_it_is_only_looked_at(folder: Path, option: str) -> None:
    done = run("--store", folder, option, *files(folder))
    assert done.exit_code == 0
    assert not (folder / FILE).exists()
    if option == "--show":
        assert till_receipts(done.stdout).total.words == ["TOTAL"]


def test_what_is_missing_is_told_and_nothing_written(folder: Path) -> None:
    done = run("--store", folder, folder.parent / "one.bin")
    assert done.exit_code == 1
    assert "at least two different sales" in done.stderr
    assert "Nothing was written." in done.stderr
    assert "7.80" in done.stdout
    assert not (folder / FILE).exists()


def test_learn_speaks_json(folder: Path) -> None:
    told = json.loads(run("--store", folder, "--json", *files(folder)).stdout)
    assert told["profile"] == str(folder / FILE)
    assert [(one["kind"], one.get("total_minor")) for one in told["files"]] == [
        ("kitchen", None),
        ("sale", 780),
        ("sale", 350),
    ]
    assert told["problems"] == []


def test_a_profile_is_checked_against_other_papers(folder: Path) -> None:
    run("--store", folder, *files(folder))
    before = (folder / FILE).read_text()
    refund = folder.parent / "refund.bin"
    refund.write_bytes(job("CORNER CAFE", "REFUND", "Receipt No: 1003", "TOTAL    7.80"))
    done = run("--store", folder, "--check", refund, "--json")
    assert (done.exit_code, json.loads(done.stdout)["files"][0]["kind"]) == (0, "return")
    done = run("--store", folder, "--check", "--sale", refund)
    assert done.exit_code == 1
    assert "is a sale, and is taken for a return" in done.stderr
    assert (folder / FILE).read_text() == before


def test_without_files_what_interception_has_kept_is_learned_from(folder: Path) -> None:
    assert run("--store", folder).exit_code == 2
    (folder / "printed").mkdir()
    for number, one in enumerate(files(folder)):
        one.rename(folder / "printed" / f"{number:03}.bin")
    assert run("--store", folder).exit_code == 0
    assert (folder / FILE).exists()


def test_several_papers_of_one_file_are_told_apart(folder: Path) -> None:
    both = folder.parent / "both.bin"
    both.write_bytes(sale(1, "7.80") + sale(2, "3.50"))
    told = json.loads(run("--store", folder, "--json", both).stdout)
    assert [one["file"].rpartition("/")[2] for one in told["files"]] == ["both.bin (1)", "both.bin (2)"]
    assert told["profile"]


def test_a_file_that_prints_nothing_is_told_of(folder: Path) -> None:
    empty = folder.parent / "empty.dat"
    empty.write_bytes(b"\x1b@")
    assert "nothing is printed by it" in run("--store", folder, empty, *files(folder)).stderr


@pytest.mark.parametrize(
    "job",
    [
        b"\x1b@\x1b\x1dt\x20TOTAL 3.50\n\x1bd\x02",  # a code page, and the cut
        b"\x1b@\x1b\x1ea\x00\x1bi\x00\x00TOTAL 3.50\n\x1bi\x00\x00\x1bd\x03",  # ESC i is a size
        b"\x1b*rR\x1b*rA\x1b*rC\x00b\x01\x00\xff\x1b*rB",  # a picture
    ],
)
def test_a_job_in_stars_commands_is_told_of_with_what_to_do(folder: Path, job: bytes) -> None:
    star = folder.parent / "star.bin"
    star.write_bytes(job)
    said = run("--store", folder, star, *files(folder)).stderr
    assert f"{star}: It is written in Star's own commands" in said
    assert "ESC/POS emulation" in said
    assert "nothing is printed" not in said


def test_a_folder_without_a_till_is_not_learned_into(tmp_path: Path) -> None:
    assert isinstance(run("--store", tmp_path / "tilll", tmp_path).exception, StoreAbsent)
