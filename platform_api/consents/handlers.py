"""POST /v1/consent-applications and POST /v1/consents."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from uuid import uuid4

from aiohttp import web

from platform_api.certificates.four_items import ITEMS
from platform_api.consents import store
from platform_api.consents.application import Application, write_application
from platform_api.consents.bodies import ApplicationRequest, ApplicationResponse, ConsentBody, ConsentRequest
from platform_api.consents.context import body_of, receiver_of
from platform_api.consents.receiving import SignedApplication
from platform_api.db.transactions import tenant
from platform_api.invitations import text_store
from platform_api.keys import CLOCK, POOL
from platform_api.operations import operation, principal_of
from platform_api.problems import not_found
from platform_api.registrations import store as registrations
from platform_api.status.permissions import require_purpose


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
            text_version=await text_store.newest_version(connection, body.service_id),
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
    return ApplicationResponse(application=b64encode(octets).decode(), text_version=application.text_version)


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
    consent = await receiver_of(request).take(
        body.registration_id,
        SignedApplication(body.application, body.signature, body.signature_algorithm, body.certificate),
    )
    return await body_of(request, consent.consent_id)
