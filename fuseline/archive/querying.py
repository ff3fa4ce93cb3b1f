"""SQL over an archive, by DuckDB: the tables `events` and `history` of a namespace."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread
from msgspec import Struct

from fuseline.archive.chain import KINDS, archived_agents, load_chain
from fuseline.archive.store import EXTRA, ArchiveError, Store
from fuseline.archive.tables import schema

if TYPE_CHECKING:
    import duckdb

MAX_ROWS = 10_000


class Answer(Struct, frozen=True):
    """Rows that a query gave.

    Attributes:
        columns: their names.
        rows: values in the order of the columns.
        truncated: there were more than `MAX_ROWS`.
    """

    columns: list[str]
    rows: list[list[Any]]
    truncated: bool


async def query(store: Store, namespace: str, sql: str) -> Answer:
    """Runs a statement over what the manifests name, with `agent` and `date` as columns.

    Files of a store that is no folder are fetched first. The statement can reach nothing else: no
    other file, no network, no extension.

    Raises:
        ArchiveError: the archive cannot be read, or DuckDB refuses the statement.
    """
    try:
        import duckdb  # noqa: F401
    except ImportError as error:
        raise ArchiveError(f"queries need the extra: pip install '{EXTRA}'") from error
    files: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for agent in await archived_agents(store, namespace):
        for manifest, _ in await load_chain(store, namespace, agent):
            files[manifest.kind].append(manifest.file)
    if store.folder is not None:
        return await anyio.to_thread.run_sync(_run, store.folder, files, sql)
    with tempfile.TemporaryDirectory() as folder:
        for path in (path for paths in files.values() for path in paths):
            await anyio.to_thread.run_sync(_keep, Path(folder) / path, await store.get(path))
        return await anyio.to_thread.run_sync(_run, Path(folder), files, sql)


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _run(folder: Path, files: dict[str, list[str]], sql: str) -> Answer:
    import duckdb

    with duckdb.connect(":memory:") as connection:
        try:
            connection.execute("SET TimeZone = 'UTC'")
            # What a statement may open from here on.
            connection.execute(f"SET allowed_directories = ['{_literal(str(folder))}/']")
            connection.execute("SET enable_external_access = false")
            for kind in KINDS:
                _view(connection, kind, [str(folder / path) for path in files[kind]])
            connection.execute("SET lock_configuration = true")
            found = connection.execute(sql)
            columns = [column[0] for column in found.description or ()]
            rows = found.fetchmany(MAX_ROWS + 1) if columns else []
        except duckdb.Error as error:
            raise ArchiveError(f"the query failed: {str(error).strip()}") from error
    return Answer(columns, [list(row) for row in rows[:MAX_ROWS]], len(rows) > MAX_ROWS)


def _view(connection: duckdb.DuckDBPyConnection, kind: str, paths: Sequence[str]) -> None:
    if paths:
        listed = ", ".join(f"'{_literal(path)}'" for path in paths)
        source = f"read_parquet([{listed}], hive_partitioning = true, union_by_name = true)"
        # A view takes no parameters; paths are ours, and quoted.
        connection.execute(f"CREATE VIEW {kind} AS SELECT * EXCLUDE (namespace) FROM {source}")  # noqa: S608
        return
    connection.register(f"no_{kind}", schema(kind).empty_table())
    connection.execute(
        f"CREATE VIEW {kind} AS SELECT *, '' AS agent, DATE '1970-01-01' AS date FROM no_{kind}"  # noqa: S608
    )


def _literal(text: str) -> str:
    return text.replace("'", "''")
