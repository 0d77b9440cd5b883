"""`jpki institution bind-certificate`, `bind-network`, `unbind`: other ways to present an API key to OCSP."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from platform_api.cli.institution_acts import as_owner
from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit, run_async
from revocation.exits import Exit

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection
    from platform_api.institutions.bindings import Binding

KeyId = Annotated[UUID, typer.Argument(help="The key, by its id.", metavar="KEY_ID")]


def register(institutions: typer.Typer) -> None:
    institutions.command("bind-certificate")(bind_certificate)
    institutions.command("bind-network")(bind_network)
    institutions.command()(unbind)


def bind_certificate(
    key_id: KeyId,
    certificate: Annotated[Path, typer.Argument(help="The client's certificate, PEM or DER.")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Let a TLS client with this very certificate ask OCSP as this key.

    The server needs tls_client_ca, and the certificate must chain to it. A renewed certificate is bound anew.
    Exit code 3: it was bound before.
    Example: jpki institution bind-certificate 91aa… client.pem
    """
    from platform_api.config import load_settings
    from platform_api.institutions import bindings
    from revocation.certificate_files import read_certificates
    from revocation.errors import InputRefused

    found = read_certificates([certificate])
    if len(found) != 1:
        raise InputRefused(
            "CERTIFICATE_FILE_UNCLEAR",
            expected=f"one certificate in {certificate.name}",
            got=f"{len(found)}",
            remedy="give the client's own certificate alone, without its CA's",
        )

    async def act(owner: Connection, now: datetime) -> tuple[Binding, bool]:
        return await bindings.bind_certificate(owner, key_id=key_id, certificate=found[0], now=now)

    _tell(run_async(as_owner(load_settings(data_dir=data), act), as_json=as_json), as_json=as_json)


def bind_network(
    key_id: KeyId,
    network: Annotated[str, typer.Argument(help="For example 10.1.0.0/16 or 2001:db8:5::/48.")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Let whoever connects from this network ask OCSP as this key, where the server's ocsp_networks is on.

    The connected address counts, never a header: behind a proxy, all of its clients would be this key.
    Exit code 3: it was bound before.
    Example: jpki institution bind-network 91aa… 10.1.0.0/16
    """
    from platform_api.config import load_settings
    from platform_api.institutions import bindings

    settings = load_settings(data_dir=data)

    async def act(owner: Connection, now: datetime) -> tuple[Binding, bool]:
        return await bindings.bind_network(owner, key_id=key_id, network=network, now=now)

    bound = run_async(as_owner(settings, act), as_json=as_json)
    if not settings.ocsp_networks:
        typer.echo("jpki: ocsp_networks is off here: no network is taken for a key until it is on", err=True)
    _tell(bound, as_json=as_json)


def unbind(
    binding_id: Annotated[UUID, typer.Argument(help="Of jpki institution keys.", metavar="BINDING_ID")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """End a binding; the key itself stays. Exit code 3: there is no such living binding.

    Example: jpki institution unbind 0d3e…
    """
    from platform_api.config import load_settings
    from platform_api.institutions import bindings

    async def act(owner: Connection, now: datetime) -> bool:
        return await bindings.unbind(owner, binding_id=binding_id, now=now)

    ended = run_async(as_owner(load_settings(data_dir=data), act), as_json=as_json)
    if as_json:
        emit({"binding_id": str(binding_id), "ended": ended})
    else:
        console(as_json=False).print("the binding is ended" if ended else "there is no such living binding")
    raise typer.Exit(Exit.DONE if ended else Exit.NOTHING_NEW)


def binding_record(binding: Binding) -> dict[str, Any]:
    """For ``--json`` and the list of keys; ``of`` is the certificate's SHA-256 or the network."""
    of = binding.network if binding.certificate_sha256 is None else binding.certificate_sha256.hex()
    return {
        "binding_id": str(binding.binding_id),
        "key_id": str(binding.key_id),
        "kind": binding.kind,
        "of": str(of),
        "created_at": binding.created_at.isoformat(),
        "revoked_at": None if binding.revoked_at is None else binding.revoked_at.isoformat(),
    }


def _tell(bound: tuple[Binding, bool], *, as_json: bool) -> None:
    binding, is_new = bound
    record = binding_record(binding) | {"already": not is_new}
    if as_json:
        emit(record)
    else:
        what = "bound" if is_new else "was bound before"
        console(as_json=False).print(f"{what} as {record['binding_id']}: {record['kind']} {record['of']}")
    raise typer.Exit(Exit.DONE if is_new else Exit.NOTHING_NEW)
