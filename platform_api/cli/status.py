"""`jpki status`: what is published, how old it is, how long it still holds."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import typer
from rich.table import Table

from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit
from revocation.exits import Exit

if TYPE_CHECKING:
    from platform_api.config import Settings


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Show the published set, its lists by state, and the freshness of each CA. Needs no database.

    Exit code 0: all fresh; 4: some lists stale or absent; 3: nothing published yet.
    Example: jpki status --data jpki-data --json
    """
    from platform_api.config import load_settings

    record = asyncio.run(_status(load_settings(data_dir=data)))
    if as_json:
        emit(record)
    else:
        out = console(as_json=False)
        table = Table(title="published set", show_header=False)
        for name, value in record.items():
            if name != "authorities":
                table.add_row(name, str(value))
        out.print(table)
        authorities = Table("CA", "state", "lists", "expired", "oldest list, s", "next update in, s")
        for one in record["authorities"]:
            authorities.add_row(*(str(one[k]) for k in one))
        out.print(authorities)
    raise typer.Exit(record["exit_code"])


async def _status(settings: Settings) -> dict[str, Any]:
    from platform_api.clock import service_clock
    from platform_api.key_set import open_keys
    from revocation.authorities import Authorities
    from revocation.metrics import freshness
    from revocation.snapshot.store import SnapshotStore

    async with service_clock(settings.sandbox_url) as clock:
        now = clock.now()
    keys = await asyncio.to_thread(open_keys, settings.keys_dir, now=now)
    store = SnapshotStore(settings.snapshots_dir, trusted_publishers=(keys.publisher.public_key(),))
    snapshot = await asyncio.to_thread(store.current)
    if snapshot is None:
        return {"set_seq": None, "authorities": [], "exit_code": int(Exit.NOTHING_NEW)}
    authorities = await asyncio.to_thread(Authorities.load, settings.authorities_file)
    report = freshness(snapshot, authorities, now)
    return {"set_seq": snapshot.seq, "authorities": report}
