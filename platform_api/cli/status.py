"""`jpki status`: what is published, how old it is, how long it still holds."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import typer
from rich.table import Table

from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit, run_async
from revocation.exits import Exit

if TYPE_CHECKING:
    from platform_api.config import Settings

#: Rows of lists that are not fresh; --json has all of them.
_SHOWN: Final = 10
#: As in revocation/index/FORMAT.md.
_PARTIAL: Final = "partial: lacks a list, or has one older than its newest JST day and not confirmed"


def register(app: typer.Typer) -> None:
    app.command()(status)


def status(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Show the published set, its lists by state, and the freshness of each CA. Needs no database.

    Exit code 0: all fresh; 3: nothing published yet; 4: some lists stale or absent; 5: published sets are
    missing in the folder.
    Example: jpki status --data jpki-data --json
    """
    from platform_api.config import load_settings

    record = run_async(_status(load_settings(data_dir=data)), as_json=as_json)
    if as_json:
        emit(record)
    else:
        _show(record)
    raise typer.Exit(record["exit_code"])


def _show(record: dict[str, Any]) -> None:
    out = console(as_json=False)
    if record["set_seq"] is None:
        out.print("nothing is published yet; run jpki nightly")
        return
    table = Table(title="published set", show_header=False)
    table.add_row("set", f"{record['set_seq']} ({_PARTIAL if record['partial'] else 'complete for its day'})")
    if record["superseded"]:
        table.add_row("[red]superseded[/red]", "a newer set cannot be read: nothing is good till the night")
    table.add_row("published", f"{_span(record['published_age_s'])} ago")
    table.add_row("entries", str(record["entries"]))
    table.add_row("clock", record["clock"])
    out.print(table)
    authorities = Table("CA", "freshness", "lists", "oldest list", "first nextUpdate", "entries")
    for one in record["authorities"]:
        lists = ", ".join(f"{count} {name.lower()}" for name, count in one["lists"].items() if count)
        authorities.add_row(
            one["ca_id"],
            one["freshness"],
            lists,
            f"{_span(one['oldest_age_s'])} old",
            f"in {_span(one['seconds_to_next_update'])}",
            str(one["entries"]),
        )
    out.print(authorities)
    if record["lists"]:
        worst = Table("list", "partition", "freshness", "nextUpdate", title="lists to look at, worst first")
        for row in record["lists"][:_SHOWN]:
            left = row["seconds_to_next_update"]
            worst.add_row(row["list"], row["label"], row["freshness"], f"in {_span(left)}")
        out.print(worst)
        if (more := len(record["lists"]) - _SHOWN) > 0:
            out.print(f"and {more} more: --json, or python -m revocation freshness")


def _span(seconds: float | None) -> str:
    """``47 h 59 min``, for people."""
    if seconds is None:
        return "-"
    minutes = int(abs(seconds) // 60)
    sign = "-" if seconds < 0 else ""
    return f"{sign}{minutes // 60} h {minutes % 60} min"


async def _status(settings: Settings) -> dict[str, Any]:
    from platform_api.faults import SetupRefused
    from platform_api.key_set import publisher_of
    from platform_api.published_sets import sets_gone
    from revocation.authorities import Authorities
    from revocation.clock import jst_day
    from revocation.freshness_report import list_rows
    from revocation.metrics import Freshness, set_freshness, worst_first
    from revocation.snapshot.store import SnapshotStore

    publisher = await asyncio.to_thread(publisher_of, settings.keys_dir)
    if publisher is None:
        raise SetupRefused(
            "DATA_FOLDER_EMPTY",
            expected="the data folder of a service",
            got="a folder without keys",
            remedy="name the right folder with --data, or start with jpki nightly",
        )
    now, clock = await time_of_day(settings.sandbox_url)
    store = SnapshotStore(settings.snapshots_dir, trusted_publishers=(publisher,))
    snapshot = await asyncio.to_thread(store.current)
    if snapshot is None:
        refusal = store.refusal or await asyncio.to_thread(sets_gone, settings)
        if refusal is not None:
            raise refusal
        return {"set_seq": None, "clock": clock, "authorities": [], "exit_code": int(Exit.NOTHING_NEW)}
    loaded = await asyncio.to_thread(Authorities.load, settings.authorities_file)
    authorities = loaded.on(jst_day(now))
    fresh = set_freshness(snapshot, authorities, now)
    return {
        "set_seq": fresh.set_seq,
        "snapshot_id": snapshot.snapshot_id,
        "partial": fresh.partial,
        "superseded": fresh.superseded,
        "ready": fresh.ready,
        "clock": clock,
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
        "lists": list_rows(
            [
                each
                for each in worst_first(authorities, snapshot, now)
                if each.freshness is not Freshness.FRESH
            ],
            authorities,
        ),
        "exit_code": int(Exit.DONE if fresh.ready and not fresh.partial else Exit.PARTIAL),
    }


async def time_of_day(sandbox_url: str | None) -> tuple[datetime, str]:
    """The service's time of day; real time, and said so, when the sandbox does not tell it."""
    from platform_api.clock import service_clock
    from revocation.clock import SystemClock
    from revocation.errors import OutsideFailed

    try:
        async with asyncio.timeout(3), service_clock(sandbox_url) as clock:
            return clock.now(), "the sandbox's" if sandbox_url else "real time"
    except (TimeoutError, OutsideFailed):
        return SystemClock().now(), "real time (the sandbox does not answer)"
