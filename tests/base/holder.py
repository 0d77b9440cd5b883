"""A process that runs (or joins) an embedded cluster until it is told to stop; for tests that kill it.

Usage: ``python -m tests.base.holder FOLDER``. Prints one JSON line when ready; standard input's end stops it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import asyncpg

from platform_api.db.embedded import EmbeddedPostgres
from platform_api.db.programs import SUPERUSER


async def main(folder: Path) -> None:
    server = EmbeddedPostgres(folder, extra_settings=("fsync=off",))
    await server.ensure()
    address = await server.address(SUPERUSER, "postgres")
    connection = await asyncpg.connect(**address.arguments())
    await connection.execute("CREATE TABLE IF NOT EXISTS kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (1)")
    rows = await connection.fetchval("SELECT count(*) FROM kept")
    pid = int((folder / "postgres" / "postmaster.pid").read_text().split()[0])
    await connection.close()
    print(json.dumps({"runs_here": server.runs_here, "rows": rows, "pid": pid}), flush=True)  # noqa: T201
    await asyncio.to_thread(sys.stdin.read)
    await server.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
