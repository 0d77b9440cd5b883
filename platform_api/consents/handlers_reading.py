"""Consents read over HTTP: one, a list, the history, and the signed proof."""

from __future__ import annotations

import hashlib
from typing import Literal
from uuid import UUID

from aiohttp import web

from platform_api.consents import (
    history_store,
    listing_store,
    poll_store,
    receipt_store,
    store,
    withdrawal_store,
)
from platform_api.consents.bodies import (
    ConsentBody,
    ConsentsResponse,
    HistoryResponse,
    PageSize,
    State,
    consent_body,
    history_entry,
)
from platform_api.consents.context import body_of
from platform_api.consents.receipts import PROOF_TYPE, proof_claims
from platform_api.db.transactions import acquired, one_moment, tenant
from platform_api.keys import CLOCK, POOL, RECEIPTS
from platform_api.operations import (
    RequestModel,
    ResponseModel,
    operation,
    path_uuid,
    principal_of,
    query_of,
)
from platform_api.page_tokens import PageToken, page_of, read_page_token
from platform_api.problems import not_found


class ConsentsQuery(RequestModel):
    """Which consents, and where to read on."""

    registration_id: UUID | None = None
    service_id: UUID | None = None
    state: State | None = None
    #: PENDING and REFUSED: withdrawals that J-LIS does not have.
    forwarding: Literal["PENDING", "FORWARDED", "REFUSED", "NO_REFERENCE", "SEEN"] | None = None
    page_token: PageToken | None = None
    page_size: PageSize = 100


class ProofResponse(ResponseModel):
    """Two JWS (compact, RFC 7515; alg Ed25519): what was verified at receipt, and how the consent stands now.

    Verify them with the keys of ``GET /v1/receipt-keys``; keep both, and the keys, where you keep evidence.
    ``receipt`` is null for a consent that an older release of this service received.
    """

    consent_id: UUID
    receipt: str | None
    proof: str


class JwkBody(ResponseModel):
    """A public key (RFC 7517, RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str
    kid: str
    alg: str
    use: Literal["sig"]


class KeysResponse(ResponseModel):
    """A JWK set."""

    keys: list[JwkBody]


@operation(
    "GET",
    "/v1/consents",
    operation_id="list_consents",
    request=None,
    query=ConsentsQuery,
    response=ConsentsResponse,
    scope="consents:read",
    summary_en="Your consents, by registration, service and state, in pages",
    summary_ja="同意の一覧(登録・サービス・状態で絞り込み、ページ単位)",
)
async def list_consents(request: web.Request) -> ConsentsResponse:
    query = query_of(request, ConsentsQuery)
    now = request.config_dict[CLOCK].now()
    chosen = listing_store.Filter(query.registration_id, query.service_id, query.state, query.forwarding)
    after = read_page_token(query.page_token)
    async with tenant(request.config_dict[POOL], principal_of(request).institution_id) as connection:
        found = await listing_store.page(connection, now, chosen, after, query.page_size + 1)
    shown, token = page_of(found, query.page_size, lambda row: (row[0].received_at, row[0].consent_id))
    bodies = [consent_body(consent, withdrawal, now) for consent, withdrawal in shown]
    return ConsentsResponse(consents=bodies, next_page_token=token)


@operation(
    "GET",
    "/v1/consents/{consent_id}",
    operation_id="get_consent",
    request=None,
    response=ConsentBody,
    scope="consents:read",
    summary_en="One consent, its state as of now and its times",
    summary_ja="同意1件の現在の状態と日時",
)
async def get_consent(request: web.Request) -> ConsentBody:
    return await body_of(request, path_uuid(request, "consent_id"))


@operation(
    "GET",
    "/v1/consents/{consent_id}/history",
    operation_id="get_consent_history",
    request=None,
    response=HistoryResponse,
    scope="consents:read",
    summary_en="Every state that a consent entered: when, by whose act, and why",
    summary_ja="同意の状態の履歴(日時、主体、理由コード)",
)
async def get_consent_history(request: web.Request) -> HistoryResponse:
    consent_id = path_uuid(request, "consent_id")
    async with tenant(request.config_dict[POOL], principal_of(request).institution_id) as connection:
        if await store.find(connection, consent_id) is None:
            raise not_found()
        found = await history_store.history(connection, consent_id)
    return HistoryResponse(consent_id=consent_id, history=[history_entry(row) for row in found])


@operation(
    "GET",
    "/v1/consents/{consent_id}/proof",
    operation_id="get_consent_proof",
    request=None,
    response=ProofResponse,
    scope="consents:read",
    summary_en="The signed receipt of a consent, and its signed history as of now",
    summary_ja="同意の署名付き受領証と、現時点の署名付き履歴",
)
async def get_consent_proof(request: web.Request) -> ProofResponse:
    consent_id = path_uuid(request, "consent_id")
    app, institution_id = request.config_dict, principal_of(request).institution_id
    async with one_moment(app[POOL], institution_id) as connection:
        now = app[CLOCK].now()
        consent = await store.find(connection, consent_id)
        if consent is None:
            raise not_found()
        receipt = await receipt_store.find(connection, consent_id)
        claims = proof_claims(
            consent,
            institution_id=institution_id,
            receipt_sha256=None if receipt is None else hashlib.sha256(receipt.encode()).hexdigest(),
            history=await history_store.history(connection, consent_id),
            withdrawal=await withdrawal_store.find(connection, consent_id),
            polled_at=(await poll_store.read_up_to(connection, institution_id)).polled_at,
            now=now,
        )
    # The key that signs is published before anybody sees what it signed.
    async with tenant(app[POOL], institution_id) as connection:
        await receipt_store.publish(connection, app[RECEIPTS], now)
    return ProofResponse(consent_id=consent_id, receipt=receipt, proof=app[RECEIPTS].sign(PROOF_TYPE, claims))


@operation(
    "GET",
    "/v1/receipt-keys",
    operation_id="list_receipt_keys",
    request=None,
    response=KeysResponse,
    scope=None,
    summary_en="The public keys that sign receipts and proofs, former ones too (JWK set)",
    summary_ja="受領証と証明に署名する公開鍵(過去の鍵を含むJWKセット)",
)
async def list_receipt_keys(request: web.Request) -> KeysResponse:
    app = request.config_dict
    async with acquired(app[POOL]) as connection:
        found = await receipt_store.keys(connection)
    own = app[RECEIPTS].public_jwk
    return KeysResponse(keys=[JwkBody(**key) for key in [*(k for k in found if k != own), own]])
