"""Ends of a consent over HTTP: the holder's signed withdrawal, the institution's own stop."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from uuid import uuid4

from aiohttp import web

from platform_api.consents import store, withdrawal_store
from platform_api.consents.bodies import (
    ConsentBody,
    StopRequest,
    WithdrawalApplicationResponse,
    WithdrawRequest,
)
from platform_api.consents.context import body_of, withdrawer_of
from platform_api.consents.receiving import SignedApplication
from platform_api.consents.states import ConsentState, may_follow
from platform_api.consents.stopping import stop
from platform_api.consents.withdrawal_application import WithdrawalApplication, write_withdrawal
from platform_api.consents.withdrawal_store import IssuedWithdrawal
from platform_api.consents.withdrawing import consent_ended
from platform_api.db.transactions import tenant
from platform_api.keys import CLOCK, POOL
from platform_api.operations import operation, path_uuid, principal_of
from platform_api.problems import not_found
from platform_api.registrations import store as registrations


@operation(
    "POST",
    "/v1/consents/{consent_id}/withdrawal-applications",
    operation_id="create_withdrawal_application",
    request=None,
    response=WithdrawalApplicationResponse,
    scope="consents:write",
    writes=True,
    status=201,
    summary_en="The XML application that a customer signs to withdraw a consent",
    summary_ja="お客さまが署名する利用者同意取消申請情報(XML)を作成する",
)
async def create_withdrawal_application(
    request: web.Request,
) -> WithdrawalApplicationResponse:
    consent_id = path_uuid(request, "consent_id")
    institution_id = principal_of(request).institution_id
    now = request.config_dict[CLOCK].now().replace(microsecond=0)
    async with tenant(request.config_dict[POOL], institution_id) as connection:
        consent = await store.find(connection, consent_id)
        number = await withdrawal_store.consent_application_number(connection, consent_id)
        if consent is None or number is None:
            raise not_found()
        service_code = await registrations.service_code(connection, consent.service_id)
        if service_code is None:
            raise not_found()
        state = consent.state_at(now)
        # Of a withdrawn one too: the signed application that J-LIS never got may be lost.
        if state is not ConsentState.WITHDRAWN and not may_follow(state, ConsentState.WITHDRAWN):
            raise consent_ended()
        application = WithdrawalApplication(
            institution_code=str(institution_id),
            service_code=service_code,
            consent_application_number=number,
            application_number=uuid4(),
            created_at=now,
        )
        octets = write_withdrawal(application)
        await withdrawal_store.insert_application(
            connection,
            institution_id,
            IssuedWithdrawal(
                application_number=application.application_number,
                consent_id=consent_id,
                sha256=hashlib.sha256(octets).digest(),
                created_at=now,
            ),
        )
    return WithdrawalApplicationResponse(application=b64encode(octets).decode())


@operation(
    "POST",
    "/v1/consents/{consent_id}:withdraw",
    operation_id="withdraw_consent",
    request=WithdrawRequest,
    response=ConsentBody,
    scope="consents:write",
    writes=True,
    summary_en="Hand in a signed withdrawal: fetching ends at once, then J-LIS is told",
    summary_ja="署名済みの同意取消しを受け付け、ただちに取得を止めてJ-LISへ送る",
)
async def withdraw_consent(request: web.Request, body: WithdrawRequest) -> ConsentBody:
    # No purpose is asked for: whatever an institution may still do, a holder's withdrawal is taken.
    consent_id = path_uuid(request, "consent_id")
    signed = SignedApplication(body.application, body.signature, body.signature_algorithm, body.certificate)
    await withdrawer_of(request).withdraw(consent_id, signed)
    return await body_of(request, consent_id)


@operation(
    "POST",
    "/v1/consents/{consent_id}:stop",
    operation_id="stop_consent",
    request=StopRequest,
    response=ConsentBody,
    scope="consents:write",
    writes=True,
    summary_en="Stop using a consent, at once or from a day in Japan on",
    summary_ja="同意の利用を停止する(即時、または日本時間の指定日から)",
)
async def stop_consent(request: web.Request, body: StopRequest) -> ConsentBody:
    consent_id = path_uuid(request, "consent_id")
    app = request.config_dict
    institution_id = principal_of(request).institution_id
    await stop(app[POOL], institution_id, consent_id, body.stop_on, app[CLOCK])
    return await body_of(request, consent_id)
