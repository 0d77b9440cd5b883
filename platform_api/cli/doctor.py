"""`jpki doctor`: what is wrong on this machine, and the remedy."""

from __future__ import annotations

import typer
from rich.table import Table

from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit
from revocation.exits import Exit


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Look at Python, compiled core, programs, database, J-LIS, folder, keys, port, authorities.

    Exit code 0: all right; 5: something needs the remedy shown. Example: jpki doctor --data jpki-data
    """
    from platform_api.config import load_settings
    from platform_api.doctor import examine

    findings = examine(load_settings(data_dir=data))
    bad = [one for one in findings if not one.ok]
    if as_json:
        emit(
            {
                "ok": not bad,
                "findings": [{"what": f.what, "found": f.found, "remedy": f.remedy} for f in findings],
            }
        )
    else:
        table = Table("", "what", "found", "remedy")
        for one in findings:
            table.add_row("ok" if one.ok else "[red]!![/red]", one.what, one.found, one.remedy)
        console(as_json=False).print(table)
    raise typer.Exit(Exit.REFUSED if bad else Exit.DONE)
