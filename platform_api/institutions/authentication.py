"""From an ``Authorization: Bearer jpk_…`` header to a ``Principal``, or a refusal that tells nothing."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from platform_api.db.transactions import tenant
from platform_api.institutions import store
from platform_api.institutions.api_keys import LEAKED_KEY, ApiKey, KeyHasher
from platform_api.institutions.model import Mode, Principal
from platform_api.problems import Problem

if TYPE_CHECKING:
    from platform_api.db.transactions import Pool
    from revocation.clock import Clock


async def authenticate(
    authorization: str | None, *, pool: Pool, hasher: KeyHasher, clock: Clock, server_mode: str
) -> Principal:
    """The principal behind the header; 401 for anything that is not a living key of this kind of server."""
    scheme, _, text = (authorization or "").partition(" ")
    key = ApiKey.parse(text.strip()) if scheme.lower() == "bearer" else None
    if key is None:
        raise _unauthorized()
    server_mode_words = ("live", "本番") if server_mode == "live" else ("test", "テスト")
    if key.mode is not (Mode.LIVE if server_mode == "live" else Mode.TEST):
        raise Problem(
            401,
            "API_KEY_OF_OTHER_MODE",
            en=f"This server takes {server_mode_words[0]} keys only; use the other one.",
            ja=f"このサーバーは{server_mode_words[1]}用のAPIキーだけを受け付けます。",
            headers={"WWW-Authenticate": "Bearer"},
        )
    key_hash = hasher.api_key(key)
    record = await store.find_key(pool, key_hash)
    now = clock.now()
    if (
        record is None
        or not hmac.compare_digest(record.key_hash, key_hash)
        or not record.living(now)
        or record.principal.mode != key.mode.value
    ):
        raise _unauthorized()
    if not record.in_contract(now):
        raise Problem(
            403,
            "CONTRACT_NOT_IN_FORCE",
            en="The institution's contract is not in force today; ask the operator.",
            ja="機関の契約期間外です。運営者に確認してください。",
        )
    return record.principal


async def refuse_key_in_address(address: str, *, pool: Pool | None, hasher: KeyHasher, clock: Clock) -> None:
    """A key in an address is in somebody's log by now: refuse the request and end the key."""
    leaked = LEAKED_KEY.search(address)
    if leaked is None:
        return
    key = ApiKey.parse(leaked[0])
    if key is not None and pool is not None:
        record = await store.find_key(pool, hasher.api_key(key))
        if record is not None:
            async with tenant(pool, record.principal.institution_id) as connection:
                await store.revoke_key(connection, record.principal.key_id, now=clock.now())
    raise Problem(
        400,
        "API_KEY_IN_ADDRESS",
        en="An API key was in the address and is revoked now. Send keys in the Authorization header.",
        ja="アドレス中のAPIキーを失効させました。Authorizationヘッダーで送ってください。",
    )


def _unauthorized() -> Problem:
    return Problem(
        401,
        "API_KEY_REFUSED",
        en="Send a valid API key as Authorization: Bearer jpk_…; it is missing, wrong, expired or revoked.",
        ja="有効なAPIキーを Authorization: Bearer jpk_… で送ってください。",
        headers={"WWW-Authenticate": "Bearer"},
    )
