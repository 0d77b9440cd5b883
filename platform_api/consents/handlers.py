"""POST /v1/consent-applications and POST /v1/consents."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID, uuid4

from aiohttp import web

from platform_api.certificates.chain import issued_by
from platform_api.certificates.four_items import ITEMS
from platform_api.certificates.profile import read_certificate
from platform_api.certificates.wire import Base64, Items, refusals_as_problems
from platform_api.consents import accept, store
from platform_api.consents.application import (
    TEXT_VERSION,
    Application,
    parse_application,
    write_application,
)
from platform_api.consents.model import Consent, ConsentState, Validity, narrowed, validity
from platform_api.db.transactions import tenant
from platform_api.jlis.gateway import ConsentReflection, ConsentSubmission, GatewayRefused
from platform_api.jlis.presence import gateway_of
from platform_api.keys import AUTHORITIES, CLOCK, POOL, STORE
from platform_api.operations import RequestModel, ResponseModel, operation, principal_of
from platform_api.problems import Problem, not_found
from platform_api.registrations import store as registrations
from platform_api.registrations.context import watcher_of
from platform_api.status.permissions import kind_of, require_purpose
from revocation.errors import OutsideFailed
from revocation.status import certificate_status


class ApplicationRequest(RequestModel):
    """For which registration of which service, and which items."""

    service_id: UUID
    registration_id: UUID
    items: Items


class ApplicationResponse(ResponseModel):
    """The very octets that the holder signs, in base64."""

    application: str
    text_version: str


class ConsentRequest(RequestModel):
    """The application as signed. The certificate is used in memory and passed to J-LIS, not kept."""

    registration_id: UUID
    application: Base64
    signature: Base64
    signature_algorithm: Literal["RSASSA-PKCS1-v1_5-SHA256", "ECDSA-SHA256"]
    certificate: Base64


class ConsentBody(ResponseModel):
    """A consent with its times; ``state`` is as of the answer."""

    consent_id: UUID
    registration_id: UUID
    state: str
    items: list[str]
    received_at: datetime
    reflected_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None


@operation(
    "POST",
    "/v1/consent-applications",
    operation_id="create_consent_application",
    request=ApplicationRequest,
    response=ApplicationResponse,
    scope="consents:write",
    writes=True,
    status=201,
    summary_en="The XML application that a customer signs to consent",
    summary_ja="お客さまが署名する利用者同意申請情報(XML)を作成する",
)
async def create_application(request: web.Request, body: ApplicationRequest) -> ApplicationResponse:
    principal = principal_of(request)
    require_purpose(principal, "four_information")
    now = request.config_dict[CLOCK].now().replace(microsecond=0)
    async with tenant(request.config_dict[POOL], principal.institution_id) as connection:
        registration = await registrations.find(connection, body.registration_id)
        service_code = await registrations.service_code(connection, body.service_id)
        if registration is None or registration.service_id != body.service_id or service_code is None:
            raise not_found()
        application = Application(
            institution_code=str(principal.institution_id),
            service_code=service_code,
            # In our fixed order: the same wish always reads alike to the holder.
            items=tuple(item for item in ITEMS if item in body.items),
            text_version=TEXT_VERSION,
            application_number=uuid4(),
            created_at=now,
        )
        octets = write_application(application)
        await store.insert_application(
            connection,
            principal.institution_id,
            store.IssuedApplication(
                application_number=application.application_number,
                registration_id=registration.registration_id,
                service_id=registration.service_id,
                items=application.items,
                text_version=application.text_version,
                sha256=hashlib.sha256(octets).digest(),
                created_at=now,
            ),
        )
    return ApplicationResponse(application=b64encode(octets).decode(), text_version=TEXT_VERSION)


@operation(
    "POST",
    "/v1/consents",
    operation_id="create_consent",
    request=ConsentRequest,
    response=ConsentBody,
    scope="consents:write",
    writes=True,
    status=201,
    summary_en="Hand in a signed consent; it is verified and passed to J-LIS",
    summary_ja="署名済みの同意を受け付け、検証してJ-LISへ送る",
)
async def create_consent(request: web.Request, body: ConsentRequest) -> ConsentBody:
    principal = principal_of(request)
    require_purpose(principal, "four_information")
    clock = request.config_dict[CLOCK]
    consent, service_code = await _receive(request, body)
    if consent.state in (ConsentState.RECEIVED, ConsentState.SENT):
        # Not inside a transaction: J-LIS may take seconds. A crash here leaves SENT, and handing in the
        # same application again goes on from there.
        reflection = await _send(request, body, consent, service_code)
        consent = await _reflected(request, consent, reflection)
    return _body(consent, clock.now())


async def _receive(request: web.Request, body: ConsentRequest) -> tuple[Consent, str]:
    """Verify everything and keep the consent as RECEIVED; the same application again finds the same one."""
    app = request.config_dict
    principal = principal_of(request)
    now = app[CLOCK].now()
    with refusals_as_problems():
        application = parse_application(body.application)
        known = issued_by(read_certificate(body.certificate), app[AUTHORITIES])
        if known is None:
            raise Problem(
                422,
                "ISSUER_UNKNOWN",
                en="No configured CA issued this certificate; sign with a My Number card.",
                ja="登録されたCAの証明書ではありません。マイナンバーカードで署名してください。",
            )
        kind_of(known, principal)
        accept.check_signature(known, body.application, body.signature, body.signature_algorithm)
        async with tenant(app[POOL], principal.institution_id) as connection:
            registration = await registrations.find(connection, body.registration_id)
            if registration is None:
                raise not_found()
            service_code = await registrations.service_code(connection, registration.service_id)
            if service_code is None:
                raise not_found()
            slots = await watcher_of(request).open_slots(
                connection, principal.institution_id, registration.registration_id
            )
            signed_by = accept.check_holder(known, slots)
            issued = accept.check_content(
                application,
                body.application,
                await store.find_application(connection, application.application_number),
                registration_id=registration.registration_id,
                institution_code=str(principal.institution_id),
                service_code=service_code,
            )
            accept.check_status(
                certificate_status(
                    known.identity,
                    authorities=app[AUTHORITIES],
                    snapshot=app[STORE].current(),
                    now=now,
                    partition=known.partition,
                    validity=known.validity,
                )
            )
            consent = await store.receive(
                connection,
                principal.institution_id,
                consent_id=uuid4(),
                issued=issued,
                signed_by=signed_by,
                received_at=now,
            )
            accept.check_own(consent, signed_by)
            await store.mark_sent(connection, consent.consent_id, now)
    return consent, service_code


async def _send(
    request: web.Request, body: ConsentRequest, consent: Consent, service_code: str
) -> ConsentReflection:
    gateway = gateway_of(request)
    submission = ConsentSubmission(
        service_code=service_code,
        application=body.application,
        signature=body.signature,
        signature_algorithm=body.signature_algorithm,
        certificate=body.certificate,
    )
    try:
        return await gateway.submit_consent(submission)
    except GatewayRefused as refused:
        institution_id = principal_of(request).institution_id
        async with tenant(request.config_dict[POOL], institution_id) as connection:
            await store.mark_refused(connection, consent.consent_id, refused.code)
        raise Problem(
            422,
            refused.code,
            en="J-LIS refused the consent; ask for a new application and have it signed again.",
            ja="J-LISが同意を受け付けませんでした。新しい申請を作成し、署名し直してください。",
        ) from None
    except OutsideFailed as failed:
        raise Problem(
            503,
            failed.code,
            en="J-LIS cannot be reached; the consent is kept, send the same request again later.",
            ja="J-LISに接続できません。同意は受付済みです。後で同じリクエストを送ってください。",
            headers={"Retry-After": "60"},
        ) from None


async def _reflected(request: web.Request, consent: Consent, reflection: ConsentReflection) -> Consent:
    """Both official rules, J-LIS's own period, and J-LIS's items: the narrowest of all."""
    ours = validity(consent.received_at, reflection.reflected_at)
    bounds = narrowed(ours, Validity(reflection.valid_from, reflection.valid_until))
    items = consent.items & reflection.items
    if not items or bounds.first >= bounds.last:
        raise Problem(
            502,
            "JLIS_ANSWER_IMPLAUSIBLE",
            en="J-LIS answered with a consent that covers nothing; nothing can be fetched with it.",
            ja="J-LISの応答では同意の対象がありません。この同意では取得できません。",
        )
    async with tenant(request.config_dict[POOL], principal_of(request).institution_id) as connection:
        stored = await store.mark_reflected(
            connection,
            consent.consent_id,
            consent_ref=reflection.consent_ref,
            reflected_at=reflection.reflected_at,
            validity=bounds,
            items=items,
        ) or await store.find(connection, consent.consent_id)
    if stored is None:
        raise not_found()
    return stored


def _body(consent: Consent, now: datetime) -> ConsentBody:
    bounds = consent.validity
    return ConsentBody(
        consent_id=consent.consent_id,
        registration_id=consent.registration_id,
        state=consent.state_at(now).value,
        items=[item for item in ITEMS if item in consent.items],
        received_at=consent.received_at,
        reflected_at=consent.reflected_at,
        valid_from=None if bounds is None else bounds.first.astimezone(UTC),
        valid_until=None if bounds is None else bounds.last.astimezone(UTC),
    )
