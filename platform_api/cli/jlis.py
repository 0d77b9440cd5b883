"""`jpki jlis`: what is assumed of J-LIS, and whether it answers."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import typer
from rich.markup import escape
from rich.table import Table

from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit, run_async
from revocation.errors import RevocationError
from revocation.exits import Exit, exit_code_of

if TYPE_CHECKING:
    from platform_api.config import Settings

jlis = typer.Typer(
    no_args_is_help=True, help="The line to J-LIS: what is assumed of it, and whether it answers."
)


def register(app: typer.Typer) -> None:
    app.add_typer(jlis, name="jlis")


@jlis.command("settings")
def show_settings(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Show every open question about the real J-LIS with the settings that stand for it, EN and JA.

    With --json also what each call does when it is sent twice, and what each error code means.
    Exit code 0: shown; 5: a setting is refused. Example: jpki jlis settings --json
    """
    from platform_api.config import load_settings
    from platform_api.jlis.settings_report import settings_report

    report = settings_report(load_settings(data_dir=data))
    if as_json:
        emit(report)
        return
    table = Table()
    for column in ("question", "setting", "value", "default"):
        table.add_column(column, overflow="fold")
    for one in report["questions"]:
        question = f"{one['en']}\n{one['ja']}"
        if one["number"] is not None:
            question = f"{one['number']}. {question}"
        rows = one["settings"] or [
            {"name": one["settled_in"], "value": "", "default": "", "is_default": True}
        ]
        for at, row in enumerate(rows):
            value = _shown(row["value"])
            table.add_row(
                escape(question) if at == 0 else "",
                escape(row["name"]),
                escape(value) if row["is_default"] else f"[bold]{escape(value)}[/bold]",
                escape(_shown(row["default"])),
            )
        table.add_section()
    console(as_json=False).print(table)


def _shown(value: Any) -> str:
    if value is None or value in ({}, []):
        return "–"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


@jlis.command()
def check(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Ask J-LIS for its CAs, once, and show how long it took, its service hours, the breakers.

    The breakers are this command's own; those of a running service are in its /metrics (jpki_jlis_paused).
    Exit code 0: it answered; 3: it is outside its service hours; 5: no address, a TLS file that cannot be
    used, or a refusal; 6: no answer. Example: jpki jlis check --data jpki-data --json
    """
    from platform_api.config import load_settings

    record = run_async(_check(load_settings(data_dir=data)), as_json=as_json)
    if as_json:
        emit(record)
    else:
        table = Table(show_header=False)
        for name, value in record.items():
            table.add_row(name, escape(_shown(value)))
        console(as_json=False).print(table)
    raise typer.Exit(record["exit_code"])


async def _check(settings: Settings) -> dict[str, Any]:
    from platform_api.clock import service_clock
    from platform_api.jlis.calls import Kind
    from platform_api.jlis.error_codes import MEANINGS
    from platform_api.jlis.opening import open_gateway
    from platform_api.jlis.settings import service_hours

    sandbox = settings.sandbox_url if settings.mode == "sandbox" else None
    async with service_clock(sandbox) as clock, open_gateway(settings, clock) as gateway:
        opens_at = service_hours(settings).opens_at(clock.now())
        began = time.perf_counter()
        failed: RevocationError | None = None
        offers = 0
        try:
            offers = len(await gateway.authorities())
        except RevocationError as error:
            failed = error
        code = "OK" if failed is None else failed.code
        done = Exit.NOTHING_NEW if opens_at is not None else Exit.DONE
        return {
            "answer": code,
            "authorities": offers,
            "ms": round((time.perf_counter() - began) * 1000, 1),
            "open": opens_at is None,
            "opens_at": None if opens_at is None else opens_at.isoformat(timespec="minutes"),
            "open_always": sorted(kind.value for kind in settings.jlis_open_always),
            "breakers": {kind.value: gateway.state_of(kind).value for kind in Kind},
            "tls": (settings.jlis_url or "").startswith("https://"),
            "en": MEANINGS[code].en if code in MEANINGS else "",
            "ja": MEANINGS[code].ja if code in MEANINGS else "",
            "exit_code": int(done if failed is None or code == "JLIS_CLOSED" else exit_code_of(failed)),
        }
