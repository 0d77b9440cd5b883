"""PUT a registration under the institution's own reference; GET it by its id."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from aiohttp import web
from pydantic import Field

from platform_api.certificates.chain import issued_by
from platform_api.certificates.profile import read_certificate
from platform_api.certificates.wire import Base64, refusals_as_problems
from platform_api.changes.model import Cause, Condition, detects
from platform_api.db.transactions import tenant
from platform_api.keys import AUTHORITIES, POOL
from platform_api.operations import (
    REFERENCE_PATTERN,
    RequestModel,
    ResponseModel,
    operation,
    path_reference,
    path_uuid,
    principal_of,
)
from platform_api.problems import Problem, not_found
from platform_api.registrations import store
from platform_api.registrations.context import watcher_of
from platform_api.registrations.model import CURRENT, PENDING, Registration
from platform_api.registrations.register import register
from platform_api.status.permissions import kind_of, require_purpose


class PutRequest(RequestModel):
    """The certificate that the customer showed; it is checked, its identity sealed, the rest forgotten."""

    certificate: Base64
    customer_ref: Annotated[str, Field(pattern=REFERENCE_PATTERN)]
    #: The customer agreed that J-LIS may be asked which certificate follows this one once it is renewed.
    #: Left out: as it was (a new registration: not agreed).
    linkage_agreed: bool | None = None


class RegistrationBody(ResponseModel):
    """A registration; never the serial number, the dates or the partition of its certificate."""

    registration_id: UUID
    service_id: UUID
    registration_ref: str
    customer_ref: str
    state: str
    kind: str | None
    #: The causes that this registration can report; an authentication certificate never reports a move, and
    #: a revoked one, with no successor watched beside it, nothing more at all.
    detects: list[Cause]
    #: The set that the current certificate was checked on when it began to be watched.
    set_seq: int | None
    pending_successor: bool
    linkage_agreed: bool
    created_at: datetime
    changed_at: datetime


def _body(
    registration: Registration, kind: str | None, set_seq: int | None, *, pending: bool, revoked: bool = False
) -> RegistrationBody:
    return RegistrationBody(
        registration_id=registration.registration_id,
        service_id=registration.service_id,
        registration_ref=registration.registration_ref,
        customer_ref=registration.customer_ref,
        state=registration.state.value,
        kind=kind,
        detects=[] if kind is None or (revoked and not pending) else list(detects(kind)),
        set_seq=set_seq,
        pending_successor=pending,
        linkage_agreed=registration.linkage_agreed,
        created_at=registration.created_at,
        changed_at=registration.changed_at,
    )


@operation(
    "PUT",
    "/v1/services/{service_id}/registrations/{registration_ref}",
    operation_id="put_registration",
    request=PutRequest,
    response=RegistrationBody,
    scope="registrations:write",
    writes=True,
    summary_en="Watch a certificate under your own reference, or move the reference on to a new certificate",
    summary_ja="自社の参照番号で証明書の失効監視を登録する(新しい証明書への切替えを含む)",
)
async def put_registration(request: web.Request, body: PutRequest) -> RegistrationBody:
    principal = principal_of(request)
    require_purpose(principal, "current_status_check")
    with refusals_as_problems():
        known = issued_by(read_certificate(body.certificate), request.config_dict[AUTHORITIES])
    if known is None:
        raise Problem(
            422,
            "ISSUER_UNKNOWN",
            en="No configured CA issued this certificate; send the certificate exactly as the card gave it.",
            ja="登録されたCAの証明書ではありません。カードの証明書をそのまま送ってください。",
        )
    kind = kind_of(known, principal)
    async with watcher_of(request).transaction(request.config_dict[POOL], principal.institution_id) as work:
        made = await register(
            work,
            service_id=path_uuid(request, "service_id"),
            registration_ref=path_reference(request, "registration_ref"),
            customer_ref=body.customer_ref,
            certificate=known,
            kind=kind,
            linkage_agreed=body.linkage_agreed,
        )
        rows = await store.watched_rows(work.connection, made.registration.registration_id)
    revoked = CURRENT in rows and rows[CURRENT]["condition"] == Condition.REVOKED.value
    return _body(made.registration, made.kind, made.set_seq, pending=PENDING in rows, revoked=revoked)


@operation(
    "GET",
    "/v1/registrations/{registration_id}",
    operation_id="get_registration",
    request=None,
    response=RegistrationBody,
    scope="registrations:read",
    summary_en="State of a registration and what it can detect",
    summary_ja="失効監視登録の状態と検知できる内容",
)
async def get_registration(request: web.Request) -> RegistrationBody:
    registration_id = path_uuid(request, "registration_id")
    institution_id = principal_of(request).institution_id
    async with tenant(request.config_dict[POOL], institution_id) as connection:
        registration = await store.find(connection, registration_id)
        if registration is None:
            raise not_found()
        rows = await store.watched_rows(connection, registration_id)
    current = rows.get(CURRENT)
    if current is None:
        return _body(registration, None, None, pending=PENDING in rows)
    return _body(
        registration,
        current["kind"],
        current["checked_set_seq"],
        pending=PENDING in rows,
        revoked=current["condition"] == Condition.REVOKED.value,
    )
