"""The tables: how they are keyed, and how they come to be."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from central_server import schema
from central_server.errors import OfficeError
from central_server.founding import init_office
from central_server.office import Office

LEADS_WITH = {
    "member": {
        *("member", "person", "profile", "member_shop", "member_history"),
        *("posting", "lot", "vesting", "holding", "forfeited", "floor_owed", "member_day"),
        *("consent", "disclosure"),
    },
    "shop": {
        *("shop", "document", "sale", "follow_up", "undone", "operator"),
        *("sale_fact", "return_fact", "shop_day", "lot_use", "points_day", "issued_month", "closing"),
    },
    "terminal": {
        "terminal",
        "inbox",
        "branch",
        "granted",
        "note",
        "forfeit",
        "feedback",
        "counted",
        "period_cut",
        "open_day",
    },
    "lot": {"lot_fact"},
    "day": {"sold_everywhere", "basket_band", "points_everywhere"},
    "period": {"period"},
    "figure": {"target"},
    "server": {"chain", "journal"},
    "channel": {"feed_channel", "feed_item"},
    "batch": {"card_batch"},
    "version": {"consent_text"},
    "card": {"card", "pass_key", "stock_card"},  # directories: they lead with what is looked up, and name the member
    "card_hash": {"blocked_card"},
    "serial": {"token"},
    "phone_hash": {"phone"},
    "begins": {"name_word"},
    "code_hash": {"enroll_code"},
    "name": {"setting", "rule_count", "saved_segment", "segment_nightly"},
    "webhook": {"webhook", "webhook_secret", "webhook_switch"},
    "delivery": {"delivery"},
    "program": {"program"},
    "ticket": {"ticket", "ticket_word"},
    "login": {"staff"},
    "who": {"wrong_sign_in"},
    "session_hash": {"session"},
    "proposal": {"proposal"},
}


def test_every_tables_keys_lead_with_what_it_is_distributed_by():
    led = {table: leader for leader, tables in LEADS_WITH.items() for table in tables}
    assert led.keys() == schema.metadata.tables.keys()
    for table in schema.metadata.tables.values():
        unique = [index for index in table.indexes if index.unique]
        constraints = [
            kept for kept in table.constraints if type(kept).__name__ in ("PrimaryKeyConstraint", "UniqueConstraint")
        ]
        for key in [*constraints, *unique]:
            assert next(iter(key.columns)).name == led[table.name], (table.name, key.name)


def test_nothing_takes_a_number_from_a_sequence():
    for table in schema.metadata.tables.values():
        assert table.autoincrement_column is None, table.name
        assert all(column.default is None and column.identity is None for column in table.columns)


def test_the_migrations_make_the_tables_that_the_code_names(office):
    with office.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, schema.metadata) == []
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == schema.VERSION


def test_init_again_changes_nothing_and_adds_shops(folder, clock, office):
    again = init_office(folder, clock, lambda size: bytes(size), shops=["Station"])
    with again.database.reading() as connection:
        found = connection.execute(text("SELECT shop FROM shop ORDER BY shop")).scalars().all()
    assert found == ["Harbour", "Mill", "Station"]
    assert (again.server, again.signing.public) == (office.server, office.signing.public)
    again.close()


@pytest.mark.parametrize(("version", "code"), [("0000", "SCHEMA_OLDER"), ("9999", "SCHEMA_NEWER")])
def test_tables_of_another_version_are_not_served(folder, clock, office, version, code):
    with office.database.writing() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})
    with pytest.raises(OfficeError, match=f"at schema {version}") as error:
        Office.open(folder, clock, bytes)
    assert error.value.code == code
    with pytest.raises(OfficeError, match=f"at schema {version}"):
        init_office(folder, clock, bytes)  # which adds shops, and never changes tables that are there


def test_a_database_of_another_head_office_is_not_taken_over(office, clock, tmp_path):
    url = office.database._engine.url.render_as_string(hide_password=False)
    with pytest.raises(OfficeError, match="another head office"):
        init_office(tmp_path / "other", clock, lambda size: bytes(range(size)), url=url)


@pytest.mark.parametrize("url", ["nonsense", "mysql://x/y", "://"])
def test_a_database_that_cannot_be_used_is_said_before_a_folder_is_made(clock, tmp_path, url):
    with pytest.raises(OfficeError, match="database"):
        init_office(tmp_path / "new", clock, bytes, url=url)
    assert not (tmp_path / "new").exists()


def test_secrets_are_for_their_owner_alone(office):
    for name in ("signing.key", "sealing.key", "nonce.key", "phone.key", "office.json"):
        assert (office.folder / name).stat().st_mode & 0o077 == 0, name


def test_the_database_is_asked_for_what_a_power_cut_needs(office):
    with office.database.writing() as connection:
        if office.database.dialect == "sqlite":
            names = ("journal_mode", "synchronous", "foreign_keys")
            asked = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in names]
            assert asked == ["wal", 2, 1]
        else:
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
