"""`jpki serve`: the HTTP service."""

from __future__ import annotations

from typing import Annotated

import typer

from platform_api.cli.output import DEFAULT_DATA, Data, JsonLines


def register(app: typer.Typer) -> None:
    app.command()(serve)


def serve(
    data: Data = DEFAULT_DATA,
    host: Annotated[str | None, typer.Option(help="Address to listen on (else the setting).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on (else the setting).")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that answer as one (else the setting).")
    ] = None,
    admin_port: Annotated[
        int | None, typer.Option(help="Port for metrics and health of all workers (else the setting).")
    ] = None,
    _json: JsonLines = False,
) -> None:
    """Serve the JSON API, OCSP, health and metrics until it is told to stop.

    Settings come from JPKI_* variables and DATA/jpki.toml. Example: jpki serve --data jpki-data --port 8080
    """
    from platform_api.config import load_settings
    from platform_api.serve import run

    raise typer.Exit(
        run(load_settings(data_dir=data, host=host, port=port, workers=workers, admin_port=admin_port))
    )
