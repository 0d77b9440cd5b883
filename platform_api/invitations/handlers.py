"""POST /v1/consent-invitations and what follows: read, list, cancel, confirm, reject."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING
from uuid import UUID

from aiohttp import web

from platform_api.consents.context import receiver_of
from platform_api.consents.receiving import SignedApplication
from platform_api.db.transactions import tenant
from platform_api.invitations import application_store, store
from platform_api.invitations.api_models import (
    ConfirmedBody,
    ConfirmRequest,
    InvitationBody,
    InvitationCreated,
    InvitationRequest,
    InvitationsQuery,
    InvitationsResponse,
)
from platform_api.invitations.creating import Wish, create
from platform_api.invitations.deciding import Confirmation, end
from platform_api.invitations.expiring import expire_all
from platform_api.invitations.model import Act
from platform_api.invitations.qr import qr_code
from platform_api.invitations.tokens import LetterHashes
from platform_api.keys import CLOCK, HOLDER_APPS, KEY_HASHER, POOL, SETTINGS
from platform_api.operations import operation, path_uuid, principal_of, query_of
from platform_api.page_tokens import page_of, read_page_token
from platform_api.problems import Problem, not_found
from platform_api.status.permissions import require_purpose

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from platform_api.db.transactions import Connection
    from platform_api.invitations.model import Invitation


@operation(
    "POST",
    "/v1/consent-invitations",
    operation_id="create_consent_invitation",
    request=InvitationRequest,
    response=InvitationCreated,
    scope="invitations:write",
    writes=True,
    transient_response=True,
    status=201,
    summary_en="Invite a customer to consent: a link and its QR code for a letter",
    summary_ja="同意のご案内(書面に印刷するリンクとQRコード)を作成する",
)
async def create_invitation(request: web.Request, body: InvitationRequest) -> InvitationCreated:
    principal = principal_of(request)
    require_purpose(principal, "four_information")
    app = request.config_dict
    base = _public_url(request)
    wish = Wish(
        service_id=body.service_id,
        items=body.items,
        registration_id=body.registration_id,
        registration_ref=body.registration_ref,
        customer_ref=body.customer_ref,
        expires_in_days=body.expires_in_days,
        language=body.language,
    )
    async with tenant(app[POOL], principal.institution_id) as connection:
        invitation, token = await create(
            connection, principal, LetterHashes(app[KEY_HASHER]), wish, app[CLOCK].now()
        )
    url = f"{base}/c/{token}"
    svg, png = await asyncio.to_thread(qr_code, url)
    return InvitationCreated(
        invitation_id=invitation.invitation_id,
        url=url,
        qr_svg=svg,
        qr_png=b64encode(png).decode(),
        expires_at=invitation.expires_at,
    )


@operation(
    "GET",
    "/v1/consent-invitations",
    operation_id="list_consent_invitations",
    request=None,
    query=InvitationsQuery,
    response=InvitationsResponse,
    scope="consents:read",
    summary_en="Your invitations, the newest first",
    summary_ja="同意のご案内を新しい順に取得する",
)
async def list_invitations(request: web.Request) -> InvitationsResponse:
    query = query_of(request, InvitationsQuery)
    before = read_page_token(query.page_token)
    institution_id = principal_of(request).institution_id
    now = await _up_to_date(request)
    async with tenant(request.config_dict[POOL], institution_id) as connection:
        found = await store.page(
            connection,
            before=before,
            limit=query.page_size + 1,
            service_id=query.service_id,
            states=None if query.state is None else [query.state],
        )
        shown, token = page_of(found, query.page_size, lambda one: (one.created_at, one.invitation_id))
        bodies = await _bodies(connection, shown, now)
    return InvitationsResponse(invitations=bodies, next_page_token=token)


@operation(
    "GET",
    "/v1/consent-invitations/{invitation_id}",
    operation_id="get_consent_invitation",
    request=None,
    response=InvitationBody,
    scope="consents:read",
    summary_en="State of an invitation",
    summary_ja="同意のご案内の状態を取得する",
)
async def get_invitation(request: web.Request) -> InvitationBody:
    invitation_id = path_uuid(request, "invitation_id")
    now = await _up_to_date(request)
    async with tenant(request.config_dict[POOL], principal_of(request).institution_id) as connection:
        return await _found(connection, invitation_id, now)


@operation(
    "POST",
    "/v1/consent-invitations/{invitation_id}:cancel",
    operation_id="cancel_consent_invitation",
    request=None,
    response=InvitationBody,
    scope="invitations:write",
    writes=True,
    summary_en="Cancel an invitation, unsigned or unanswered by J-LIS: a consent stops with it",
    summary_ja="未署名、またはJ-LISの応答待ちの同意のご案内を取り消す(同意があれば停止する)",
)
async def cancel_invitation(request: web.Request) -> InvitationBody:
    return await _end(request, Act.CANCEL)


@operation(
    "POST",
    "/v1/consent-invitations/{invitation_id}:reject",
    operation_id="reject_consent_invitation",
    request=None,
    response=InvitationBody,
    scope="invitations:write",
    writes=True,
    summary_en="It was not your customer who signed: nothing is registered, what is known of the signer goes",
    summary_ja="署名者がお客さま本人ではない場合に却下する(登録せず、署名者の情報を消去する)",
)
async def reject_invitation(request: web.Request) -> InvitationBody:
    return await _end(request, Act.REJECT)


@operation(
    "POST",
    "/v1/consent-invitations/{invitation_id}:confirm",
    operation_id="confirm_consent_invitation",
    request=ConfirmRequest,
    response=ConfirmedBody,
    scope="invitations:write",
    writes=True,
    summary_en="It was your customer who signed: register the certificate and hand the consent to J-LIS",
    summary_ja="署名者がお客さま本人であることを確認し、証明書を登録して同意をJ-LISへ送る",
)
async def confirm_invitation(request: web.Request, body: ConfirmRequest) -> ConfirmedBody:
    principal = principal_of(request)
    require_purpose(principal, "four_information")
    require_purpose(principal, "current_status_check")
    invitation_id = path_uuid(request, "invitation_id")
    app = request.config_dict
    confirmation = Confirmation(receiver_of(request), LetterHashes(app[KEY_HASHER]))
    now = await _up_to_date(request)
    invitation, consent = await confirmation.confirm(
        invitation_id,
        SignedApplication(body.application, body.signature, body.signature_algorithm, body.certificate),
    )
    return ConfirmedBody(
        invitation_id=invitation.invitation_id,
        registration_id=consent.registration_id,
        consent_id=consent.consent_id,
        state=consent.state_at(now).value,
    )


async def _end(request: web.Request, act: Act) -> InvitationBody:
    invitation_id = path_uuid(request, "invitation_id")
    now = await _up_to_date(request)
    async with tenant(request.config_dict[POOL], principal_of(request).institution_id) as connection:
        await end(connection, invitation_id, act, now)
        return await _found(connection, invitation_id, now)


async def _up_to_date(request: web.Request) -> datetime:
    """What has run out by now is written down and announced before anybody reads of it."""
    now = request.config_dict[CLOCK].now()
    await expire_all(request.config_dict[POOL], principal_of(request).institution_id, now)
    return now


async def _found(connection: Connection, invitation_id: UUID, now: datetime) -> InvitationBody:
    invitation = await store.find(connection, invitation_id)
    if invitation is None:
        raise not_found()
    return (await _bodies(connection, [invitation], now))[0]


async def _bodies(
    connection: Connection, invitations: Sequence[Invitation], now: datetime
) -> list[InvitationBody]:
    """Two questions, however many they are."""
    numbers = [invitation.application_number for invitation in invitations]
    applications = await application_store.of_numbers(connection, numbers)
    others = await store.same_person(connection, [one.invitation_id for one in invitations])
    return [
        _body(one, applications[one.application_number], others.get(one.invitation_id, []), now)
        for one in invitations
    ]


def _body(
    invitation: Invitation, application: tuple[list[str], str], others: list[UUID], now: datetime
) -> InvitationBody:
    return InvitationBody(
        invitation_id=invitation.invitation_id,
        service_id=invitation.service_id,
        registration_id=invitation.registration_id,
        registration_ref=invitation.registration_ref,
        customer_ref=invitation.customer_ref,
        state=invitation.state_at(now),
        items=application[0],
        language=invitation.language,
        text_version=application[1],
        created_at=invitation.created_at,
        expires_at=invitation.expires_at,
        opened_at=invitation.opened_at,
        signed_at=invitation.signed_at,
        confirm_by=invitation.confirm_by,
        ended_at=invitation.ended_at,
        consent_id=invitation.consent_id,
        delivery_id=invitation.delivery_id,
        same_person_as=others,
    )


def _public_url(request: web.Request) -> str:
    """Where customers reach us; and somewhere to sign, or the letter could never be answered."""
    app = request.config_dict
    base: str | None = app[SETTINGS].public_url
    if base is None:
        raise Problem(
            503,
            "PUBLIC_URL_NOT_CONFIGURED",
            en="This server does not know under which address customers reach it; the operator sets"
            " public_url.",
            ja="お客さま向けの公開アドレスが設定されていません。運営者に連絡してください。",
        )
    if not any(holder_app.usable for holder_app in app[HOLDER_APPS].values()):
        raise Problem(
            503,
            "HOLDER_APP_NOT_CONFIGURED",
            en="No app is set up in which customers could sign; see jpki doctor.",
            ja="お客さまが署名するアプリが設定されていません。運営者に連絡してください。",
        )
    return base.rstrip("/")
