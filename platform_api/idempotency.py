"""``Idempotency-Key``: a write that is sent again gives the first answer and is not done again.

The record is inserted, in a transaction of its own, before the handler runs; its unique key makes a second
request of the same key wait for nothing: it finds the record and is told 409 while the first runs. A record
whose server died is taken over after a lease. Kept for 24 h. 2xx and final 4xx answers are kept, 5xx are not:
a failure that may pass is worth a real second attempt. An answer that the database fails to keep is given all
the same: what was done is done, and may have been paid for; the key is free again after the lease.

A body that must not be kept (four items) is not: only the ids in it, and the replay answers 410 with them.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID, uuid4

import orjson
from pydantic import BaseModel

from platform_api.db.failures import DATABASE_AWAY
from platform_api.db.transactions import tenant
from platform_api.problems import Problem
from revocation.errors import OutsideFailed

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection, Pool
    from platform_api.institutions.api_keys import KeyHasher
    from platform_api.sealing import Sealer
    from revocation.clock import Clock

KEPT: Final = timedelta(hours=24)
#: Longer than any handler runs (a batch begins calls to J-LIS for 20 seconds, the last one takes 60 at most,
#: ``jlis.fields``); after it a record without an answer belonged to a server that died.
LEASE: Final = timedelta(seconds=120)
_SEALED_COLUMN: Final = "idempotency.body"
_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)
#: Refusals that may turn out otherwise a moment later.
_NOT_FINAL: Final = frozenset({401, 403, 408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an operation came to: the octets of its body and the ids named in it."""

    status: int
    body: bytes
    ids: dict[str, Any]
    problem: Problem | None = None
    replayed: bool = False


class _Found(Enum):
    MINE = auto()
    RUNNING = auto()
    ANOTHER_REQUEST = auto()
    DONE = auto()


@dataclass(frozen=True, slots=True)
class IdempotentWrites:
    """What recording needs, taken once from the application."""

    pool: Pool
    sealer: Sealer
    hasher: KeyHasher
    clock: Clock
    #: Told that an answer was given and not kept.
    not_kept: Callable[[Exception], None]

    async def run(
        self,
        institution_id: UUID,
        key: str,
        request: tuple[bytes, ...],
        *,
        keep_body: bool,
        write: Callable[[], Awaitable[Outcome]],
    ) -> Outcome:
        """Run ``write`` once for this key; ``request`` is what must be equal when the key comes again."""
        if _KEY.fullmatch(key) is None:
            raise Problem(
                400,
                "IDEMPOTENCY_KEY_MALFORMED",
                en="Idempotency-Key takes 1 to 255 visible ASCII characters; a UUID is a good one.",
                ja="Idempotency-Keyは1〜255文字の印字可能なASCIIです(UUIDを推奨)。",
            )
        key_hash = self.hasher.digest("idempotency-key", key.encode())
        fingerprint = self.hasher.digest("idempotency-fingerprint", *request)
        record_id = uuid4()
        async with tenant(self.pool, institution_id) as connection:
            found, row = await _claim(
                connection, record_id, institution_id, key_hash, fingerprint, self.clock.now()
            )
            if found is _Found.DONE:
                return await self._replay(connection, institution_id, row)
        if found is _Found.RUNNING:
            raise _running()
        if found is _Found.ANOTHER_REQUEST:
            raise _another_request()
        try:
            outcome = await write()
        except BaseException:
            # The handler's own transaction is rolled back, so the write may be tried again at once.
            await self._release(institution_id, record_id)
            raise
        if outcome.status >= 500 or outcome.status in _NOT_FINAL:
            await self._release(institution_id, record_id)
        else:
            try:
                await self._keep(
                    institution_id, record_id, outcome, keep_body=keep_body or outcome.problem is not None
                )
            except (OutsideFailed, *DATABASE_AWAY) as failure:
                self.not_kept(failure)
        return outcome

    async def _keep(
        self, institution_id: UUID, record_id: UUID, outcome: Outcome, *, keep_body: bool
    ) -> None:
        async with tenant(self.pool, institution_id) as connection:
            body: bytes | None = None
            if keep_body:
                problem = None if outcome.problem is None else outcome.problem.parts()
                content = orjson.dumps({"problem": problem, "body": outcome.body.decode()})
                sealed = await self.sealer.seal(
                    connection, institution_id, _SEALED_COLUMN, record_id, content
                )
                body = sealed.data
            await connection.execute(
                "UPDATE idempotency SET status = $2, body = $3, ids = $4 WHERE idempotency_id = $1",
                record_id,
                outcome.status,
                body,
                orjson.dumps(outcome.ids).decode(),
            )

    async def _release(self, institution_id: UUID, record_id: UUID) -> None:
        async with tenant(self.pool, institution_id) as connection:
            await connection.execute(
                "DELETE FROM idempotency WHERE idempotency_id = $1 AND status IS NULL", record_id
            )

    async def _replay(self, connection: Connection, institution_id: UUID, row: Any) -> Outcome:
        ids = orjson.loads(row["ids"])
        if row["body"] is None:
            raise _not_kept(ids)
        content = await self.sealer.unseal(
            connection, institution_id, _SEALED_COLUMN, row["idempotency_id"], row["body"]
        )
        kept = orjson.loads(content)
        problem = None if kept["problem"] is None else Problem(**kept["problem"])
        return Outcome(row["status"], kept["body"].encode(), ids, problem=problem, replayed=True)


async def _claim(
    connection: Connection,
    record_id: UUID,
    institution_id: UUID,
    key_hash: bytes,
    fingerprint: bytes,
    now: datetime,
) -> tuple[_Found, Any]:
    """Make the record ours, or find whose it is."""
    await connection.execute("DELETE FROM idempotency WHERE expires_at <= $1", now)
    inserted = await connection.fetchval(
        """
        INSERT INTO idempotency
            (idempotency_id, institution_id, key_hash, fingerprint, started_at, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (institution_id, key_hash) DO NOTHING RETURNING 1
        """,
        record_id,
        institution_id,
        key_hash,
        fingerprint,
        now,
        now + KEPT,
    )
    if inserted:
        return _Found.MINE, None
    row = await connection.fetchrow("SELECT * FROM idempotency WHERE key_hash = $1 FOR UPDATE", key_hash)
    if row is None:  # the first one failed and gave the key free at this very moment
        return _Found.RUNNING, None
    if bytes(row["fingerprint"]) != fingerprint:
        return _Found.ANOTHER_REQUEST, None
    if row["status"] is not None:
        return _Found.DONE, row
    if row["started_at"] + LEASE > now:
        return _Found.RUNNING, None
    await connection.execute(
        "UPDATE idempotency SET idempotency_id = $2, started_at = $3, expires_at = $4 WHERE key_hash = $1",
        key_hash,
        record_id,
        now,
        now + KEPT,
    )
    return _Found.MINE, None


def ids_in(model: BaseModel) -> dict[str, Any]:
    """The ids that an answer names (fields ``*_id`` that hold a UUID), of a list those of each in its order;
    kept where the body may not be."""
    found: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            found |= ids_in(value)
        elif isinstance(value, list) and value and all(isinstance(one, BaseModel) for one in value):
            found[name] = [ids_in(one) for one in value]
        elif isinstance(value, UUID) and name.endswith("_id"):
            found[name] = str(value)
    return found


def _running() -> Problem:
    return Problem(
        409,
        "IDEMPOTENCY_IN_FLIGHT",
        en="The first request with this Idempotency-Key is still running; ask again in a moment.",
        ja="同じIdempotency-Keyの最初のリクエストを処理中です。少し待って再送してください。",
        headers={"Retry-After": "1"},
    )


def _another_request() -> Problem:
    return Problem(
        422,
        "IDEMPOTENCY_KEY_REUSED",
        en="This Idempotency-Key came with another request before; use a new key for a new request.",
        ja="このIdempotency-Keyは別のリクエストで使用済みです。新しいキーを使ってください。",
    )


def _not_kept(ids: dict[str, str]) -> Problem:
    return Problem(
        410,
        "RESPONSE_NOT_KEPT",
        en="This request was done; its answer held personal data and was not kept. Use the ids given here.",
        ja="このリクエストは処理済みです。応答は個人情報を含むため保存していません。idsに示すIDを使ってください。",
        extra={"ids": ids},
    )
