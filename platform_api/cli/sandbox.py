"""`jpki sandbox`: the simulated J-LIS alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from platform_api.cli.output import JsonLines


def register(app: typer.Typer) -> None:
    app.command()(sandbox)


def sandbox(
    folder: Annotated[Path, typer.Option(help="Its own folder: CA keys, settings, journal, lists.")] = Path(
        "sandbox-data"
    ),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8089,
    seed: Annotated[
        int | None, typer.Option(help="The world's seed, fixed when the folder is made (else 1).")
    ] = None,
    residents: Annotated[
        int | None, typer.Option(help="People, fixed when the folder is made (else 2000).")
    ] = None,
    phone_shares_ca: Annotated[
        bool | None,
        typer.Option(help="Phones' certificates below the card's CAs, fixed when the folder is made."),
    ] = None,
    card_algorithm: Annotated[
        str | None, typer.Option(help="rsa or p384: of the card CAs' newest key (else rsa).")
    ] = None,
    kinds: Annotated[
        str | None, typer.Option(help="Kinds of certificates, separated by commas (else all four).")
    ] = None,
    auto: Annotated[
        bool, typer.Option(help="Publish by itself: a list at start, then one every 24 hours.")
    ] = False,
    _json: JsonLines = False,
) -> None:
    """Run the simulated J-LIS: real certificates, daily signed CRLs, consents, four items.

    Example: jpki sandbox --folder sandbox-data --port 8089 --seed 7 --auto
    """
    from platform_api.sandbox.main import run

    raise typer.Exit(
        run(
            folder,
            host=host,
            port=port,
            seed=seed,
            residents=residents,
            phone_shares_ca=phone_shares_ca,
            card_algorithm=card_algorithm,
            kinds=kinds,
            auto=auto,
        )
    )
