"""The steps by which the tables came to be. Run in one transaction, without an alembic.ini."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection

if TYPE_CHECKING:
    from alembic.config import Config


def migrate(connection: Connection, to: str = "head") -> None:
    """Brings the tables up to this version's, or only to `to`, inside the caller's transaction.

    Raises OfficeError where they are newer.
    """
    from alembic import command
    from alembic.util.exc import CommandError

    from central_server.errors import OfficeError

    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise OfficeError(
            "The database was written by a newer version of this program.",
            hint="Install the version of pos-plugin that wrote it.",
            code="SCHEMA_NEWER",
        ) from error


def steps() -> list[tuple[str, str]]:
    """Every version of the tables and what came with it, the first one first."""
    from alembic.script import ScriptDirectory

    found = ScriptDirectory.from_config(_config()).walk_revisions()
    return [(one.revision, (one.doc or "").strip()) for one in reversed(list(found))]


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "central_server:migrations")
    return config
