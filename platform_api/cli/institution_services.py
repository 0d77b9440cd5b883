"""`jpki institution add-service`: a consent is for one service, so an institution often has several."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from platform_api.cli.institution_acts import as_owner
from platform_api.cli.output import DEFAULT_DATA, AsJson, Data, console, emit, run_async

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection
    from platform_api.institutions.model import Service


def register(institutions: typer.Typer) -> None:
    institutions.command("add-service")(add_service)


def add_service(
    institution_id: Annotated[UUID, typer.Option(help="Whose service.")],
    service: Annotated[str, typer.Option(help="Code by which J-LIS knows it; unique on this platform.")],
    name: Annotated[str, typer.Option(help="What its customers know it as.")],
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
) -> None:
    """Add a service to an institution. Registrations and consents of one service are not another's.

    Example: jpki institution add-service --institution-id 5f0c… --service aozora-loans --name "Aozora Loans"
    """
    from platform_api.config import load_settings
    from platform_api.institutions import administration

    async def act(owner: Connection, now: datetime) -> Service:
        return await administration.create_service(
            owner, institution_id=institution_id, service_code=service, name=name, now=now
        )

    made = run_async(as_owner(load_settings(data_dir=data), act), as_json=as_json)
    record = {"institution_id": str(institution_id), "service_id": str(made.service_id), "service": service}
    if as_json:
        emit(record)
    else:
        console(as_json=False).print(f"service {made.service_id} of {service} is made", markup=False)
