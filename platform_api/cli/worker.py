"""`jpki worker`: the refresh again and again, until told to stop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit, run_async
from platform_api.cli.refresh import Institution, show
from revocation.errors import RevocationError
from revocation.exits import Exit, error_record, exit_code_of

if TYPE_CHECKING:
    from platform_api.refresh.report import RefreshReport


def register(app: typer.Typer) -> None:
    app.command()(worker)


Every = Annotated[float | None, typer.Option(help="Seconds between the beginnings of two passes (900).")]


def worker(
    data: Data = DEFAULT_DATA,
    institution: Institution = None,
    refresh_every_s: Every = None,
    as_json: AsJson = False,
) -> None:
    """Run jpki refresh every refresh_every_s seconds; SIGTERM ends it between two customers, exit code 0.

    Each pass is told of as it ends, with --json as one line on standard output. J-LIS or the database away:
    said, and tried again with the next pass.
    Example: jpki worker --data jpki-data --refresh-every-s 900 --json
    """
    from platform_api.config import load_settings
    from platform_api.refresh.worker import run_worker

    settings = load_settings(data_dir=data, refresh_every_s=refresh_every_s)
    out = console(as_json=as_json)

    def told(ended: RefreshReport | RevocationError) -> None:
        if isinstance(ended, RevocationError):
            if as_json:
                emit(error_record(ended, exit_code_of(ended)))
            else:
                out.print(f"[red]{ended.code}[/red]: {ended.remedy}", soft_wrap=True)
        elif as_json:
            emit(ended.as_json())
        elif ended.exit_code != Exit.NOTHING_NEW:
            show(out, ended.as_json())

    run_async(run_worker(settings, told=told, progress=lambda _: None, only=institution), as_json=as_json)
