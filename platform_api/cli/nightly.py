"""`jpki nightly`: one night, for cron or a systemd timer."""

from __future__ import annotations

import asyncio

import typer
from rich.table import Table

from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit


def register(app: typer.Typer) -> None:
    app.command()(nightly)


def nightly(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Fetch today's lists, publish the set, find the changed customers, announce them.

    Safe to run again at any time: a finished night answers 3 (nothing new), a broken one goes on.
    Example: jpki nightly --data jpki-data --json
    """
    from platform_api.config import load_settings
    from platform_api.nightly import run_night

    out = console(as_json=as_json)
    with out.status("the night begins") as line:
        report = asyncio.run(run_night(load_settings(data_dir=data), progress=line.update))
    if as_json:
        emit(report.as_json())
    else:
        table = Table(title=f"night: {report.outcome}", show_header=False)
        for name, value in report.as_json().items():
            table.add_row(name, str(value))
        out.print(table)
    raise typer.Exit(report.exit_code)
