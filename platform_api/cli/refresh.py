"""`jpki refresh`: one pass of the automatic refresh, for cron or a systemd timer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.console import Console
from rich.table import Table

from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit, run_async

if TYPE_CHECKING:
    from platform_api.config import Settings
    from platform_api.refresh.report import RefreshReport


def register(app: typer.Typer) -> None:
    app.command()(refresh)


Institution = Annotated[UUID | None, typer.Option(help="Only this institution, by its id.")]


def refresh(data: Data = DEFAULT_DATA, institution: Institution = None, as_json: AsJson = False) -> None:
    """Ask J-LIS for the latest items of customers who changed, as each service's refresh policy says.

    Purges deliveries past their time, reads withdrawals, turns consents, makes and looks at tasks, asks for
    those that are due, hands over those whose time is over. Safe to run again at any time; what cannot be
    done now waits. For running it again and again see jpki worker. Exit code 0: done; 3: nothing to do;
    4: some must wait (a cap, a missing key, withdrawals not read for a day, a withdrawal or a consent that
    J-LIS has not got, a night that holds its locks, a refusal of J-LIS's or a row of ours for you to mend);
    6: J-LIS could not be asked, or the database; 130: told to stop, and stopped between two customers.
    Example: jpki refresh --data jpki-data --json
    """
    from platform_api.config import load_settings

    settings = load_settings(data_dir=data)
    out = console(as_json=as_json)
    with out.status("the refresh begins") as line:
        report = run_async(_refresh(settings, line.update, institution), as_json=as_json)
    if as_json:
        emit(report.as_json())
    else:
        show(out, report.as_json())
    raise typer.Exit(report.exit_code)


async def _refresh(settings: Settings, progress: Any, only: UUID | None) -> RefreshReport:
    from platform_api.refresh.guard import one_refresh
    from platform_api.refresh.run import run_refresh

    async with one_refresh(settings.run_dir) as stop:
        return await run_refresh(settings, progress=progress, only=only, stopped=stop.is_set)


def show(out: Console, found: dict[str, Any]) -> None:
    """What a person wants to know of a pass."""
    table = Table(title=f"refresh: {found['outcome']}", show_header=False)
    outcomes = ", ".join(f"{name} {count}" for name, count in found["by_outcome"].items())
    for name, value in (
        ("asked", f"{found['asked']} ({outcomes})" if outcomes else found["asked"]),
        ("delivered", found["delivered"]),
        ("linked", found["linked"]),
        ("handed over", found["handed_over"]),
        ("new tasks", found["created"]),
        ("waiting for later", found["postponed"]),
        ("deliveries past their time", found["purged"]),
        ("withdrawals", found["withdrawals"]),
        ("withdrawals that J-LIS has not got", found["unforwarded_withdrawals"]),
        ("consents that J-LIS has not got", found["unsent_consents"]),
        ("J-LIS's answers on consents that cannot be used", found["unusable_answers"]),
        ("seconds", found["seconds"]),
    ):
        table.add_row(name, str(value))
    out.print(table)
    if found["jlis_away"]:
        out.print(f"[red]J-LIS could not be asked: {found['jlis_away']}[/red]; what is due waits")
    for one in found["institutions"]:
        for code in one["problems"]:
            out.print(f"[red]{code}[/red]: institution {one['institution_id']}", soft_wrap=True)
