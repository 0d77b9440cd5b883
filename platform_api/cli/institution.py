"""`jpki institution`: who may ask what. The operator's acts, done as the database's owner."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.table import Table

from platform_api.cli import institution_bindings, institution_keys, institution_services
from platform_api.cli.institution_acts import as_owner, open_database_of
from platform_api.cli.institution_keys import Entitled, OcspBurst, OcspRate, OfPurpose
from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit, run_async
from platform_api.institutions.model import Entitlement, OcspPurpose
from revocation.exits import Exit

if TYPE_CHECKING:
    from platform_api.config import Settings
    from platform_api.db.transactions import Connection
    from platform_api.institutions.model import Institution, Service

institutions = typer.Typer(no_args_is_help=True, help="Institutions, their services and API keys.")


def register(app: typer.Typer) -> None:
    institution_keys.register(institutions)
    institution_bindings.register(institutions)
    institution_services.register(institutions)
    app.add_typer(institutions, name="institution")


@institutions.command()
def create(
    name: Annotated[str, typer.Option(help="Name of the institution.")],
    service: Annotated[str, typer.Option(help="Code by which J-LIS knows its first service.")],
    legal_basis: Annotated[
        str, typer.Option(help="On what basis it may ask (contract, article of the law).")
    ] = "sandbox",
    kinds: Annotated[
        list[str] | None, typer.Option("--kind", help="Allowed certificate kinds; may be repeated.")
    ] = None,
    purposes: Annotated[
        list[str] | None, typer.Option("--purpose", help="Allowed purposes; may be repeated.")
    ] = None,
    entitlement: Entitled = Entitlement.REGISTERED,
    ocsp_purpose: OfPurpose = OcspPurpose.CURRENT_STATUS_CHECK,
    ocsp_rate: OcspRate = None,
    ocsp_burst: OcspBurst = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Make an institution with one service and one API key, which is shown once and kept nowhere.

    Example: jpki institution create --name "Aozora Bank" --service aozora-accounts --kind card-sign
    """
    from platform_api.config import load_settings

    limits: dict[str, Any] = {
        "entitlement": entitlement,
        "ocsp_purpose": ocsp_purpose,
        "ocsp_rate_per_s": ocsp_rate,
        "ocsp_burst": ocsp_burst,
    }
    settings = load_settings(data_dir=data)
    record = run_async(
        _create(settings, name, service, legal_basis, kinds or [], purposes or [], limits), as_json=as_json
    )
    if as_json:
        emit(record)
    else:
        table = Table(title="made; the key is shown only now", show_header=False)
        for field, value in record.items():
            table.add_row(field, str(value))
        console(as_json=False).print(table)


@institutions.command("revoke-key")
def revoke_key(
    institution_id: Annotated[UUID, typer.Option(help="Whose key.")],
    key_id: Annotated[UUID, typer.Option(help="Which key.")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """End an API key at once, and everything that is bound to it.

    OCSP, which remembers callers for a moment, stops within the server's caller_ttl_s (5 seconds).
    Example: jpki institution revoke-key --institution-id 5f0c… --key-id 91aa…
    """
    from platform_api.config import load_settings
    from platform_api.institutions import administration

    async def act(owner: Connection, now: datetime) -> bool:
        return await administration.revoke_api_key(
            owner, institution_id=institution_id, key_id=key_id, now=now
        )

    ended = run_async(as_owner(load_settings(data_dir=data), act), as_json=as_json)
    if as_json:
        emit({"key_id": str(key_id), "revoked": ended})
    else:
        console(as_json=False).print("the key is ended" if ended else "there is no such living key")
    raise typer.Exit(Exit.DONE if ended else Exit.NOTHING_NEW)


async def _create(
    settings: Settings,
    name: str,
    service: str,
    legal_basis: str,
    kinds: list[str],
    purposes: list[str],
    limits: dict[str, Any],
) -> dict[str, Any]:
    from platform_api.clock import service_clock
    from platform_api.institutions import administration
    from platform_api.institutions.model import KINDS, Mode
    from platform_api.key_fingerprints import require_known_keys
    from platform_api.key_set import open_keys
    from platform_api.sealing import Sealer

    live = settings.mode == "live"
    async with service_clock(settings.sandbox_url) as clock:
        now: datetime = clock.now()
        keys = await asyncio.to_thread(open_keys, settings.keys_dir, now=now)
        async with open_database_of(settings, clock) as database:
            tried: tuple[Institution, Service, UUID, str] | None = None

            async def once() -> tuple[Institution, Service, UUID, str]:
                """All of it or nothing: another command may have run the private server, and end with it."""
                nonlocal tried
                await require_known_keys(database, settings.keys_dir)
                # The commit may have been done, and only its answer lost: nobody but we has that key.
                if tried is not None and await _is_there(database, tried[0].institution_id):
                    return tried
                async with database.owner() as owner, owner.transaction():
                    institution = await administration.create_institution(
                        owner,
                        Sealer(keys.key_provider),
                        name=name,
                        mode=Mode.LIVE if live else Mode.TEST,
                        legal_basis=legal_basis,
                        # Denied unless named; in the sandbox nobody is hurt: everything is allowed at first.
                        purposes=purposes or ([] if live else administration.ALL_PURPOSES),
                        kinds=kinds or ([] if live else KINDS),
                        now=now,
                    )
                    tenant = institution.institution_id
                    made = await administration.create_service(
                        owner, institution_id=tenant, service_code=service, name=name, now=now
                    )
                    key_id, key = await administration.create_api_key(
                        owner,
                        keys.key_hasher,
                        institution_id=tenant,
                        label="first key",
                        scopes=administration.ALL_SCOPES,
                        now=now,
                        **limits,
                    )
                    tried = institution, made, key_id, key.text
                return tried

            institution, made, key_id, key = await database.while_served(once)
    return {
        "institution_id": str(institution.institution_id),
        "service_id": str(made.service_id),
        "key_id": str(key_id),
        "api_key": key,
    }


async def _is_there(database: Any, institution_id: UUID) -> bool:
    from platform_api.db.transactions import set_tenant
    from platform_api.institutions.store import institution_mode

    async with database.owner() as owner, owner.transaction():
        await set_tenant(owner, institution_id)
        return await institution_mode(owner, institution_id) is not None
