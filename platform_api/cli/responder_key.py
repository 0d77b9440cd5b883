"""`jpki responder-key`: the keys that sign OCSP answers, and a new one before the old one ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit, run_async
from revocation.exits import Exit

if TYPE_CHECKING:
    from datetime import datetime

    from platform_api.config import Settings

responder_keys = typer.Typer(
    no_args_is_help=True, help="Keys that sign OCSP answers: each in its time, the newest valid one."
)

#: Institutions pin a certificate before it signs.
_PINNED_BEFORE: Final = timedelta(days=7)


class Kind(StrEnum):
    P256 = "p256"
    P384 = "p384"
    RSA = "rsa"


def register(app: typer.Typer) -> None:
    app.add_typer(responder_keys, name="responder-key")


@responder_keys.command()
def new(
    name: Annotated[str, typer.Option(help="Name of its files: small letters, digits, hyphens.")],
    kind: Annotated[Kind, typer.Option("--key", help="P-256, P-384, or RSA of 3072 bits.")] = Kind.P256,
    starts: Annotated[
        str | None,
        typer.Option(
            "--from", help="When it begins to sign, like 2027-04-01T00:00:00+09:00; not given: in 7 days."
        ),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="For how many days it signs.")] = 1095,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Make a key and its certificate, which institutions pin before it begins, beside the old ones.

    A running service takes it within seconds. It signs from five minutes after its beginning; the old one
    until then. For a key on a token put NAME.crt and NAME.pkcs11 into keys/responders/ yourself: TOML with
    module, token, pin_file (whole paths), and key (its label) or id. Exit code 5: the name is taken.

    Example: jpki responder-key new --name ocsp-2027 --from 2027-04-01T00:00:00+09:00
    """
    from platform_api.config import load_settings
    from platform_api.signing.overview import described
    from revocation.clock import moment_of

    begins = None if starts is None else moment_of(starts)
    settings = load_settings(data_dir=data)
    certificate = run_async(_new(settings, name, kind, begins, timedelta(days=days)), as_json=as_json)
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = certificate.public_bytes(Encoding.PEM).decode("ascii")
    if as_json:
        emit({"name": name, **described(certificate), "certificate": pem})
        return
    out = console(as_json=False)
    out.print(_table(f"made {name}: give the certificate to every institution", described(certificate)))
    typer.echo(pem, nl=False)


async def _new(settings: Settings, name: str, kind: Kind, begins: datetime | None, life: timedelta) -> Any:
    from platform_api.clock import service_clock
    from platform_api.signing.making import make_pair
    from platform_api.signing.pairs import FOLDER

    if begins is None:
        async with service_clock(settings.sandbox_url if settings.mode == "sandbox" else None) as clock:
            begins = clock.now().replace(microsecond=0) + _PINNED_BEFORE
    folder = settings.keys_dir / FOLDER
    return await asyncio.to_thread(
        make_pair, folder, name, kind.value, not_before=begins, not_after=begins + life
    )


@responder_keys.command("list")
def list_keys(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Show every pair, which of them signs now, and what does not fit.

    Exit code 3: none was made yet; 5: one does not fit. Example: jpki responder-key list --json
    """
    from platform_api.config import load_settings
    from platform_api.signing.overview import overview

    settings = load_settings(data_dir=data)
    seen = overview(settings.keys_dir, run_async(_now(settings), as_json=as_json))
    refused = any(one.refusal is not None for one in seen)
    if as_json:
        emit({"keys": [one.as_json() for one in seen]})
    else:
        table = Table()
        for column in ("", "name", "key", "from", "until"):
            table.add_column(column, no_wrap=True)
        table.add_column("SHA-256", overflow="fold")
        for one in seen:
            told = one.as_json()
            word = "[red]!![/red]" if one.refusal else "signs" if one.signs else ""
            days = [told.get(field, "")[:10] for field in ("not_before", "not_after")]
            key, digest = told.get("algorithm", ""), told.get("sha256", "")
            table.add_row(word, escape(one.name), key, *days, digest)
        out = console(as_json=False)
        out.print(table)
        for one in seen:
            if one.refusal is not None:
                out.print(f"{escape(one.name)}: {escape(str(one.refusal))}", soft_wrap=True)
    raise typer.Exit(Exit.REFUSED if refused else Exit.DONE if seen else Exit.NOTHING_NEW)


async def _now(settings: Settings) -> datetime:
    from platform_api.clock import service_clock

    async with service_clock(settings.sandbox_url if settings.mode == "sandbox" else None) as clock:
        return clock.now()


def _table(title: str, fields: dict[str, Any]) -> Table:
    table = Table(title=title, show_header=False)
    table.add_column()
    table.add_column(overflow="fold")
    for field, value in fields.items():
        table.add_row(field, str(value))
    return table
