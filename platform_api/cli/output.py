"""How commands speak: rich text for people on standard error or output, one JSON object for programs."""

from __future__ import annotations

import asyncio
import json
import traceback
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console

from revocation.errors import OwnFault, RevocationError
from revocation.exits import Exit, error_record, exit_code_of, interrupted

AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object as the last line of standard output.")
]
#: For servers, whose standard output is for programs anyway.
JsonLines = Annotated[
    bool,
    typer.Option(
        "--json", help="Accepted by every command; a server's standard output is JSON lines anyway."
    ),
]
Data = Annotated[
    Path,
    typer.Option("--data", help="Data folder of the service.", show_default=True),
]
DEFAULT_DATA = Path("jpki-data")
Result = TypeVar("Result")


def console(*, as_json: bool) -> Console:
    """Where people read: standard output, or standard error when standard output belongs to a program."""
    return Console(stderr=as_json, highlight=False)


def emit(record: dict[str, Any]) -> None:
    """The machine's line. One line, so that ``tail -1`` finds it."""
    typer.echo(json.dumps(record, ensure_ascii=False, separators=(",", ":")))


def foreseen(error: BaseException) -> RevocationError:
    """The error of ours in it, also inside a group of tasks; else a fault of ours by type and place."""
    if isinstance(error, RevocationError):
        return error
    if isinstance(error, BaseExceptionGroup):
        found = [foreseen(one) for one in error.exceptions]
        return next((one for one in found if not isinstance(one, OwnFault)), found[0])
    place = traceback.extract_tb(error.__traceback__)[-1]
    return OwnFault(
        "UNFORESEEN",
        expected="an error that somebody foresaw",
        got=f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}",
        remedy="run it again with JPKI_TRACEBACK=1 and report what it shows (it may hold personal data)",
    )


def counted(number: int, thing: str) -> str:
    """``1 list``, ``2 lists``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def run_async(work: Coroutine[Any, Any, Result], *, as_json: bool = False) -> Result:
    """``asyncio.run``; Ctrl-C and SIGTERM end in one sentence and the fixed exit code."""
    try:
        return asyncio.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        typer.echo("jpki: interrupted; nothing is half-made, start it again to go on", err=True)
        if as_json:
            emit(error_record(interrupted(), Exit.INTERRUPTED))
        raise typer.Exit(Exit.INTERRUPTED) from None


def fail(error: RevocationError, *, as_json: bool) -> Exit:
    """Say the one sentence and return the exit code."""
    code = exit_code_of(error)
    typer.echo(f"jpki: {error}", err=True)
    if as_json:
        emit(error_record(error, code))
    return code
