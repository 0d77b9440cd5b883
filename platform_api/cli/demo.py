"""`jpki demo`: the whole flow on this machine, told as it happens and measured at the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.panel import Panel
from rich.status import Status
from rich.table import Table

from platform_api.cli.output import AsJson, console, emit, run_async

if TYPE_CHECKING:
    from platform_api.demo.commands import Try


def register(app: typer.Typer) -> None:
    app.command()(demo)


class RichTeller:
    """Progress as one moving line, facts as lasting ones, each night as a row of figures."""

    def __init__(self, out: Console, status: Status) -> None:
        self._out = out
        self._status = status

    def progress(self, text: str) -> None:
        self._status.update(text)

    def said(self, text: str) -> None:
        self._out.print(text)

    def night(self, number: int, figures: dict[str, Any]) -> None:
        reasons = ", ".join(f"{k} {v}" for k, v in figures["new_revocations_by_reason"].items()) or "none"
        changed = ", ".join(f"{k}: {v}" for k, v in figures["changed_by_institution"].items())
        four = ", ".join(f"{k} {v}" for k, v in figures["four_information"].items()) or "none asked"
        self._out.print(
            f"[bold]night {number}[/bold]  {figures['lists']} lists, {figures['entries']} entries, "
            f"{figures['seconds']} s\n"
            f"  new revocations: {figures['new_revocations']} ({reasons})\n"
            f"  changed customers: {changed}\n"
            f"  four items: {four}"
        )


def demo(
    days: Annotated[int, typer.Option(min=1, max=366, help="Simulated days to play.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="The world's seed: the same seed, the same lives.")] = 1,
    residents: Annotated[int, typer.Option(min=50, help="People in the sandbox.")] = 2000,
    customers: Annotated[int, typer.Option(min=20, help="Customers of each institution.")] = 150,
    data: Annotated[
        Path | None, typer.Option(help="Folder of this run (default demo-data/seed-S-days-D).")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the service.")] = 8080,
    sandbox_port: Annotated[int, typer.Option(help="Port of the sandbox J-LIS.")] = 8089,
    once: Annotated[bool, typer.Option("--once", help="End after the report.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start the folder anew.")] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write life log, registrations and everything received here.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Play days of real life against the service and compare what institutions received with the truth.

    Stopped at any moment (Ctrl-C), the next start goes on; an unfinished play that was stopped for most of a
    day or longer starts anew, and says so. Example: jpki demo --days 3 --seed 7 --once --json
    """
    from platform_api.demo.run import Demo, DemoOptions
    from revocation.clock import SystemClock

    out = console(as_json=as_json)
    options = DemoOptions(
        folder=(data or Path("demo-data") / f"seed-{seed}-days-{days}").resolve(),
        days=days,
        seed=seed,
        residents=residents,
        customers=customers,
        port=port,
        sandbox_port=sandbox_port,
        once=once,
        fresh=fresh,
        export=export.resolve() if export else None,
    )
    with out.status("starting") as status:
        teller = RichTeller(out, status)

        def on_report(report: dict[str, Any], tries: list[Try]) -> None:
            show(out, report, tries, serving=not once)
            if as_json:
                emit(report)
            if not once:
                status.update("serving; a list and a night follow every 24 hours; Ctrl-C stops everything")

        code = run_async(Demo(options, SystemClock(), teller).run(on_report))
    raise typer.Exit(code)


def show(out: Console, report: dict[str, Any], tries: list[Try], *, serving: bool) -> None:
    """The report for people, then what they can try themselves."""
    from platform_api.demo.report import missing

    truth, four, openssl = report["truth"], report["four_information"], report["openssl"]
    table = Table(title="What the institutions received, against what really happened")
    table.add_column("measure")
    table.add_column("figure", justify="right")
    for name, value in (
        ("changes that happened to registered certificates", truth["changed"]),
        ("changes that the institutions were told", truth["detected"]),
        ("missed", truth["missed"]),
        ("false alarms", truth["false_alarms"]),
        ("four items due / delivered", f"{four['due']} / {four['delivered']}"),
        ("wrong items", four["wrong_items"]),
        ("delivered without consent", four["without_consent"]),
        ("found in our files after delivery", four["retained_after_delivery"]),
        ("openssl ocsp answers asked / agreed", f"{openssl['asked']} / {openssl['agreed']}"),
    ):
        table.add_row(name, str(value))
    out.print(table)
    if four["due"] == 0:
        out.print("[yellow]no customer was due new items: play more --days or more --customers[/yellow]")
    for name in missing(report):
        out.print(f"[red]did not occur: {name}; play --fresh with more --customers or --days[/red]")
    for name, count in (
        ("numbers missing in a feed, or given twice", truth["gaps"]),
        ("events in another institution's feed", truth["misplaced"]),
    ):
        if count:
            out.print(f"[red]{count} x {name}[/red]")
    for surprise, count in four["surprises"].items():
        out.print(f"[red]{count} x {surprise}[/red]")
    if serving:
        text = "\n\n".join(f"# {t.shows}\n# {t.shows_ja}\n{t.command}" for t in tries)
        out.print(Panel("Try it (in another terminal):", expand=False))
        # Printed plainly, without wrapping: these lines are for pasting.
        out.print(text, markup=False, soft_wrap=True)
