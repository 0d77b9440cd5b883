"""`jpki institution create-key` and `keys`: one purpose of OCSP, one key; an institution may need several."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from platform_api.cli.institution_acts import as_owner, open_database_of
from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit, run_async
from platform_api.institutions.model import Entitlement, OcspPurpose
from revocation.exits import Exit

if TYPE_CHECKING:
    from platform_api.config import Settings
    from platform_api.db.transactions import Connection

Entitled = Annotated[
    Entitlement, typer.Option("--entitlement", help="For which certificates it may ask by number alone.")
]
OfPurpose = Annotated[
    OcspPurpose,
    typer.Option("--ocsp-purpose", help="The one purpose of its OCSP questions, which name none."),
]
OcspRate = Annotated[
    int | None,
    typer.Option("--ocsp-rate", help="OCSP requests a second; not given: the server's.", metavar="N"),
]
OcspBurst = Annotated[
    int | None,
    typer.Option("--ocsp-burst", help="OCSP requests at once; not given: one second's.", metavar="N"),
]


def register(institutions: typer.Typer) -> None:
    institutions.command("create-key")(create_key)
    institutions.command()(keys)


def create_key(
    institution_id: Annotated[UUID, typer.Option(help="Whose key.")],
    label: Annotated[str, typer.Option(help="What it is for, for the list of keys.")],
    scopes: Annotated[
        list[str] | None, typer.Option("--scope", help="What it may do; may be repeated; not given: all.")
    ] = None,
    entitlement: Entitled = Entitlement.REGISTERED,
    ocsp_purpose: OfPurpose = OcspPurpose.CURRENT_STATUS_CHECK,
    ocsp_rate: OcspRate = None,
    ocsp_burst: OcspBurst = None,
    expires: Annotated[
        str | None, typer.Option(help="When it ends by itself, like 2027-04-01T00:00:00+09:00.")
    ] = None,
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Make one more API key, which is shown once and kept nowhere.

    Example: jpki institution create-key --institution-id 5f0c… --label "signing gateway"
    --scope signatures:verify --ocsp-purpose signature_verification --ocsp-rate 500
    """
    from platform_api.config import load_settings
    from revocation.clock import moment_of

    wanted: dict[str, Any] = {
        "institution_id": institution_id,
        "label": label,
        "entitlement": entitlement,
        "ocsp_purpose": ocsp_purpose,
        "ocsp_rate_per_s": ocsp_rate,
        "ocsp_burst": ocsp_burst,
        "expires_at": None if expires is None else moment_of(expires),
    }
    if scopes is not None:
        wanted["scopes"] = scopes
    record = run_async(_create_key(load_settings(data_dir=data), wanted), as_json=as_json)
    if as_json:
        emit(record)
    else:
        table = Table(title="made; the key is shown only now", show_header=False)
        for field, value in record.items():
            table.add_row(field, escape(value))
        console(as_json=False).print(table)


def keys(
    institution_id: Annotated[UUID, typer.Option(help="Whose keys.")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """List an institution's API keys, ended ones too, and what else presents them. Exit code 3: none.

    Example: jpki institution keys --institution-id 5f0c…
    """
    from platform_api.config import load_settings

    async def act(owner: Connection, now: datetime) -> list[dict[str, Any]]:
        return await _listed(owner, institution_id, now)

    records = run_async(as_owner(load_settings(data_dir=data), act), as_json=as_json)
    if as_json:
        emit({"keys": records})
    else:
        _show(records)
    raise typer.Exit(Exit.DONE if records else Exit.NOTHING_NEW)


async def _create_key(settings: Settings, wanted: dict[str, Any]) -> dict[str, str]:
    from platform_api.clock import service_clock
    from platform_api.institutions import administration
    from platform_api.key_fingerprints import require_known_keys
    from platform_api.key_set import open_keys

    async with service_clock(settings.sandbox_url) as clock:
        hasher = (await asyncio.to_thread(open_keys, settings.keys_dir, now=clock.now())).key_hasher
        async with open_database_of(settings, clock) as database:

            async def once() -> dict[str, str]:
                """A key whose commit was lost is nobody's: it is listed, and no one has seen it."""
                await require_known_keys(database, settings.keys_dir)
                async with database.owner() as owner:
                    key_id, key = await administration.create_api_key(
                        owner, hasher, now=clock.now(), **{"scopes": administration.ALL_SCOPES} | wanted
                    )
                return {"key_id": str(key_id), "api_key": key.text}

            made: dict[str, str] = await database.while_served(once)
            return made


async def _listed(owner: Connection, institution_id: UUID, now: datetime) -> list[dict[str, Any]]:
    from platform_api.cli.institution_bindings import binding_record
    from platform_api.institutions import binding_store
    from platform_api.institutions.bindings import bindings_of

    bound = await bindings_of(owner, institution_id)
    return [
        {name: _plain(value) for name, value in row.items()}
        | {
            "living": row["revoked_at"] is None and (row["expires_at"] is None or now < row["expires_at"]),
            "bindings": [binding_record(one) for one in bound if one.key_id == row["key_id"]],
        }
        for row in await binding_store.keys(owner, institution_id)
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, UUID) else value


def _show(records: list[dict[str, Any]]) -> None:
    """Lines, not a table: an id that is cut short cannot be used in a command."""
    out = console(as_json=False)
    if not records:
        out.print("there is no key of this institution")
    for one in records:
        limits = f"{one['ocsp_rate_per_s'] or 'server'} / {one['ocsp_burst'] or 'server'}"
        lines = [
            f"{one['key_id']} {'living' if one['living'] else 'ended'}: {escape(one['label'])}",
            f"  {one['entitlement']}; {', '.join(one['scopes'])}",
            f"  OCSP for {one['ocsp_purpose']}, rate / burst {limits}",
        ]
        lines += [
            f"  {bound['kind']} {bound['of']} as {bound['binding_id']}"
            for bound in one["bindings"]
            if bound["revoked_at"] is None
        ]
        out.print("\n".join(lines), soft_wrap=True)
