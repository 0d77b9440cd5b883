"""PUT /v1/delivery-keys/{kid}, GET /v1/delivery-keys, POST /v1/delivery-keys/{kid}:retire."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import Field

from platform_api.bodies import parse_body
from platform_api.certificates.wire import refusals_as_problems
from platform_api.db.transactions import tenant
from platform_api.deliveries import jwk, store
from platform_api.deliveries.jwe import check_usable
from platform_api.deliveries.model import MOST_KEYS, DeliveryKey
from platform_api.keys import CLOCK, POOL
from platform_api.operations import (
    REFERENCE_PATTERN,
    RequestModel,
    ResponseModel,
    operation,
    path_reference,
    principal_of,
)
from platform_api.problems import Problem, not_found

#: As many as are listed: those in use, and the newest of the retired.
_LISTED = 100

#: Base64url without padding (RFC 7515 section 2): coordinates of P-384, or a modulus of 8192 bits.
_Coordinate = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43,64}$")]
_Modulus = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{342,1366}$")]
_Exponent = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{2,16}$")]
_Name = Annotated[str, Field(pattern=REFERENCE_PATTERN)]


class JwkRequest(RequestModel):
    """A public key as a JWK (RFC 7517): EC (P-256, P-384), OKP (X25519) or RSA (2048 bits or more)."""

    kty: Literal["EC", "OKP", "RSA"]
    crv: Literal["P-256", "P-384", "X25519"] | None = None
    x: _Coordinate | None = None
    y: _Coordinate | None = None
    n: _Modulus | None = None
    e: _Exponent | None = None
    #: May be given, and must then say what we do with the key; none of it is kept.
    kid: _Name | None = None
    use: Literal["enc"] | None = None
    alg: Literal["ECDH-ES+A256KW", "RSA-OAEP-256"] | None = None


class PublicJwk(ResponseModel):
    """The members that are kept."""

    kty: str
    crv: str | None = None
    x: str | None = None
    y: str | None = None
    n: str | None = None
    e: str | None = None


class DeliveryKeyBody(ResponseModel):
    """A public key of your institution; deliveries are encrypted to the newest that is not retired."""

    kid: str
    jwk: PublicJwk
    algorithm: str
    created_at: datetime
    retired_at: datetime | None


class DeliveryKeysResponse(ResponseModel):
    """Those in use first, the newest first."""

    keys: list[DeliveryKeyBody]


def _read_jwk(octets: bytes) -> JwkRequest:
    """A secret is refused by its own name: whoever sent one must make a new pair."""
    try:
        members = json.loads(octets)
    except (ValueError, RecursionError):
        members = None  # said better by parse_body
    if isinstance(members, dict) and jwk.PRIVATE_MEMBERS & members.keys():
        raise _private()
    return parse_body(JwkRequest, octets)


@operation(
    "PUT",
    "/v1/delivery-keys/{kid}",
    operation_id="put_delivery_key",
    request=JwkRequest,
    response=DeliveryKeyBody,
    scope="services:write",
    writes=True,
    reads=_read_jwk,
    summary_en="A public key to which queued deliveries are encrypted",
    summary_ja="配信の暗号化に使う公開鍵を登録する",
)
async def put_delivery_key(request: web.Request, body: JwkRequest) -> DeliveryKeyBody:
    """The same key again changes nothing; another key under a name that is taken is refused."""
    kid = path_reference(request, "kid")
    institution_id = principal_of(request).institution_id
    given = body.model_dump(exclude_none=True)
    with refusals_as_problems():
        text, algorithm = jwk.canonical({name: given[name] for name in given if name not in ("use", "alg")})
        key = DeliveryKey(kid, text, algorithm, request.config_dict[CLOCK].now(), None)
        check_usable(key)
    if body.kid not in (None, kid) or body.alg not in (None, algorithm):
        raise _contradicts()
    async with tenant(request.config_dict[POOL], institution_id) as connection:
        known = await store.find_key(connection, kid)
        if known is None and await store.count_keys(connection) >= MOST_KEYS:
            raise _too_many()
        stored = await store.insert_key(connection, institution_id, key)
    if stored.jwk != text:
        raise _another_key()
    return _body(stored)


@operation(
    "GET",
    "/v1/delivery-keys",
    operation_id="list_delivery_keys",
    request=None,
    response=DeliveryKeysResponse,
    scope="services:write",
    summary_en="Your institution's public keys for deliveries",
    summary_ja="配信用の公開鍵を一覧する",
)
async def list_delivery_keys(request: web.Request) -> DeliveryKeysResponse:
    async with tenant(request.config_dict[POOL], principal_of(request).institution_id) as connection:
        keys = await store.list_keys(connection, _LISTED)
    return DeliveryKeysResponse(keys=[_body(key) for key in keys])


@operation(
    "POST",
    "/v1/delivery-keys/{kid}:retire",
    operation_id="retire_delivery_key",
    request=None,
    response=DeliveryKeyBody,
    scope="services:write",
    writes=True,
    summary_en="Encrypt nothing more to this key; what waits already can still be taken",
    summary_ja="この公開鍵での暗号化を終了する(配信待ちのものは引き続き受け取れる)",
)
async def retire_delivery_key(request: web.Request) -> DeliveryKeyBody:
    kid = path_reference(request, "kid")
    now = request.config_dict[CLOCK].now()
    async with tenant(request.config_dict[POOL], principal_of(request).institution_id) as connection:
        retired = await store.retire_key(connection, kid, now)
    if retired is None:
        raise not_found()
    return _body(retired)


def _body(key: DeliveryKey) -> DeliveryKeyBody:
    members: dict[str, Any] = json.loads(key.jwk)
    return DeliveryKeyBody(
        kid=key.kid,
        jwk=PublicJwk(**members),
        algorithm=key.algorithm,
        created_at=key.created_at,
        retired_at=key.retired_at,
    )


def _private() -> Problem:
    return Problem(
        422,
        "DELIVERY_KEY_PRIVATE",
        en="This JWK holds a secret (d, p, q, …, k), which has now left your hands. Nothing was kept; "
        "generate a new pair and send only its public members.",
        ja="このJWKには秘密鍵が含まれています。保存していませんが、鍵の組を作り直し、公開鍵のみを送ってください。",
    )


def _contradicts() -> Problem:
    return Problem(
        422,
        "DELIVERY_KEY_CONTRADICTS",
        en="The JWK's own kid or alg differs from the address or from what is used with such a key; "
        "leave them out or correct them.",
        ja="JWK内のkidまたはalgが、アドレスまたは使用するアルゴリズムと一致しません。",
    )


def _another_key() -> Problem:
    return Problem(
        409,
        "DELIVERY_KEY_DIFFERS",
        en="Another key has this kid; a kid never changes its key. Use a new kid.",
        ja="このkidには別の鍵が登録されています。kidの鍵は変更できません。新しいkidを使ってください。",
    )


def _too_many() -> Problem:
    return Problem(
        409,
        "DELIVERY_KEYS_TOO_MANY",
        en=f"At most {MOST_KEYS} keys can be in use; retire one first.",
        ja=f"使用中の鍵は{MOST_KEYS}個までです。先に不要な鍵を終了してください。",
    )
