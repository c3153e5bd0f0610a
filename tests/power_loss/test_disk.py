"""The disk that loses its power: what a cut may leave of a few writes, told by hand."""

from __future__ import annotations

import random
import shutil
import sqlite3
from pathlib import Path

import pytest
from disk import EVERYTHING, NOTHING, Disk, Operation, some

from offline_store.store import FILE, Store


def disk(*operations: tuple) -> Disk:
    one = Disk()
    for kind, path, *rest in operations:
        offset, data = rest or (0, b"")
        one.do(Operation(kind, path, offset, data))
    return one


def images(one: Disk, count: int = 400) -> list[dict[str, bytes]]:
    return [one.image(some(random.Random(seed))) for seed in range(count)]


MADE = (("c", "a"), ("w", "a", 0, b"old"), ("s", "a"), ("s", "."))


def test_what_was_flushed_stays_and_what_was_not_may_go() -> None:
    one = disk(*MADE, ("w", "a", 0, b"new"))
    assert one.image(NOTHING) == {"a": b"old"}
    assert one.image(EVERYTHING) == {"a": b"new"}
    assert {image["a"] for image in images(one)} == {b"old", b"new"}


def test_a_name_is_safe_once_its_folder_is_flushed_and_not_with_its_file() -> None:
    one = disk(("c", "a"), ("w", "a", 0, b"x"), ("s", "a"))
    assert one.image(NOTHING) == {}
    one.do(Operation("s", ".", 0, b""))
    assert one.image(NOTHING) == {"a": b"x"}


def test_a_file_in_a_folder_that_went_is_gone_with_it() -> None:
    one = disk(("d", "f"), ("c", "f/a"), ("s", "f/a"), ("s", "f"))
    assert one.image(NOTHING) == {}
    assert one.image(EVERYTHING) == {"f/": b"", "f/a": b""}


def test_a_removed_file_may_come_back_as_it_was_and_is_not_mixed_with_its_successor() -> None:
    one = disk(*MADE, ("u", "a"), ("c", "a"), ("w", "a", 0, b"other"), ("s", "a"))
    assert one.image(NOTHING) == {"a": b"old"}
    assert one.image(EVERYTHING) == {"a": b"other"}
    assert {image.get("a") for image in images(one)} == {b"old", b"other", None}
    one.do(Operation("s", ".", 0, b""))
    assert one.image(NOTHING) == {"a": b"other"}


def test_writes_arrive_in_any_order_and_torn_at_sectors() -> None:
    one = disk(*MADE, ("w", "a", 0, b"1" * 1024), ("w", "a", 512, b"2" * 512))
    seen = {tuple(image["a"][start : start + 512][:1] for start in (0, 512)) for image in images(one)}
    assert {(b"1", b"1"), (b"1", b"2"), (b"o", b""), (b"1", b"")} <= seen
    assert all(len(set(image["a"][512:])) <= 1 for image in images(one))  # no sector is torn within


def test_a_file_may_be_cut_off_or_not() -> None:
    one = disk(*MADE, ("t", "a", 1, b""))
    assert {image["a"] for image in images(one)} == {b"old", b"o"}


@pytest.mark.parametrize("had_tables", [False, True])
def test_a_till_whose_making_was_cut_off_while_its_file_was_begun_is_made(tmp_path: Path, had_tables: bool) -> None:
    """Its first page is half written, and the journal that undoes it lies beside it."""
    begun, cut = tmp_path / "begun", tmp_path / "cut"
    begun.mkdir()
    db = sqlite3.connect(begun / FILE, isolation_level=None)
    if had_tables:  # somebody else's file, which is left as it is
        db.execute("CREATE TABLE theirs (x)")
    db.execute("PRAGMA cache_size = 1")
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE one (x)")
    db.executemany("INSERT INTO one VALUES (zeroblob(4000))", [()] * 50)
    assert (begun / f"{FILE}-journal").stat().st_size
    shutil.copytree(begun, cut)
    db.close()
    if had_tables:
        with pytest.raises(Exception, match="There is a till"):
            Store.create(cut)
    else:
        Store.create(cut).close()
        Store.open(cut).close()
