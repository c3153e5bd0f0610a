"""The steps by which the tables came to be. Run by `pos-central init`, in one transaction, without an alembic.ini."""

from __future__ import annotations

from sqlalchemy import Connection


def migrate(connection: Connection, to: str = "head") -> None:
    """Brings the tables up to this version's, or only to `to`, inside the caller's transaction.

    Raises OfficeError where they are newer.
    """
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    from central_server.errors import OfficeError

    config = Config()
    config.set_main_option("script_location", "central_server:migrations")
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise OfficeError(
            "The database was written by a newer version of this program.",
            hint="Install the version of pos-plugin that wrote it.",
            code="SCHEMA_NEWER",
        ) from error
