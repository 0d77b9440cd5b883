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
        _show(record)
    raise typer.Exit(record["exit_code"])


def _show(record: dict[str, Any]) -> None:
    out = console(as_json=False)
    table = Table(title="published set", show_header=False)
    for name, value in record.items():
        if name != "authorities":
            table.add_row(name, str(value))
    out.print(table)
    if record["authorities"]:
        authorities = Table(*record["authorities"][0])
        for one in record["authorities"]:
            authorities.add_row(*(str(value) for value in one.values()))
        out.print(authorities)


async def _status(settings: Settings) -> dict[str, Any]:
    from platform_api.clock import service_clock
    from platform_api.key_set import open_keys
    from revocation.authorities import Authorities
    from revocation.metrics import set_freshness
    from revocation.snapshot.store import SnapshotStore

    async with service_clock(settings.sandbox_url) as clock:
        now = clock.now()
    keys = await asyncio.to_thread(open_keys, settings.keys_dir, now=now)
    store = SnapshotStore(settings.snapshots_dir, trusted_publishers=(keys.publisher.public_key(),))
    snapshot = await asyncio.to_thread(store.current)
    if snapshot is None:
        return {"set_seq": None, "authorities": [], "exit_code": int(Exit.NOTHING_NEW)}
    authorities = await asyncio.to_thread(Authorities.load, settings.authorities_file)
    fresh = set_freshness(snapshot, authorities, now)
    return {
        "set_seq": fresh.set_seq,
        "snapshot_id": snapshot.snapshot_id,
        "partial": fresh.partial,
        "ready": fresh.ready,
        "published_age_s": fresh.published_age_s,
        "entries": sum(one.entries for one in fresh.authorities),
        "authorities": [
            {
                "ca_id": one.ca_id,
                "freshness": one.freshness.value,
                "lists": {name.value: count for name, count in one.lists.items()},
                "oldest_age_s": one.age_s,
                "seconds_to_next_update": one.seconds_to_next_update,
                "entries": one.entries,
            }
            for one in fresh.authorities
        ],
        "exit_code": int(Exit.DONE if fresh.ready and not fresh.partial else Exit.PARTIAL),
    }
