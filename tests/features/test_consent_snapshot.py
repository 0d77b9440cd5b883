"""A consent that ends while it is read: what is shown and signed is of one moment."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from platform_api.keys import POOL
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import consent, onboard, withdraw, withdrawal
from tests.features.gateways import FakeJlis
from tests.features.service import Service, serving
from tests.revocation import sets

pytestmark = pytest.mark.timeout(120)


class InterruptedPool:
    """Contract: hands out real connections; before the nth statement from ``arm`` on something else happens,
    once, whichever connection it is on."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._left = 0
        self._meanwhile: Callable[[], Awaitable[object]] | None = None

    @property
    def armed(self) -> bool:
        return self._meanwhile is not None

    def arm(self, nth: int, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._left, self._meanwhile = nth, meanwhile

    async def acquire(self, *, timeout: float | None = None) -> Any:
        return _Connection(await self._pool.acquire(timeout=timeout), self)

    async def release(self, connection: Any) -> None:
        await self._pool.release(connection.real)

    async def step(self) -> None:
        self._left -= 1
        if self._left == 0 and self._meanwhile is not None:
            meanwhile, self._meanwhile = self._meanwhile, None
            await meanwhile()


class _Connection:
    def __init__(self, connection: Any, pool: InterruptedPool) -> None:
        self.real = connection
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.real, name)
        if name not in {"execute", "executemany", "fetch", "fetchrow", "fetchval"}:
            return found

        async def after_a_step(*arguments: Any, **options: Any) -> Any:
            await self._pool.step()
            return await found(*arguments, **options)

        return after_a_step


def _proof(answer: dict[str, Any]) -> tuple[bool, ...]:
    payload = answer["proof"].split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return (
        claims["state"] == "WITHDRAWN",
        claims["withdrawal"] is not None,
        claims["history"][-1]["state"] == "WITHDRAWN",
    )


def _body(answer: dict[str, Any]) -> tuple[bool, ...]:
    return answer["state"] == "WITHDRAWN", answer["withdrawal"] is not None


@pytest.mark.parametrize(("path", "says_withdrawn"), [("", _body), ("/proof", _proof)])
async def test_a_withdrawal_amid_the_reading(
    service: Service, jlis: FakeJlis, institution: TestInstitution, path: str, says_withdrawn: Any
) -> None:
    """Committed before whichever statement: the answer tells of all of it or of nothing."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    pool = InterruptedPool(service.world.database.app_pool)
    found = set[bool]()
    nth = 0
    async with serving(service.world, jlis, state={POOL: pool}) as reading:
        while not pool.armed:
            nth += 1
            consent_id = (await consent(service, institution, card, registration_id))["consent_id"]
            signed = await withdrawal(service, institution, consent_id, card)
            pool.arm(nth, lambda one=consent_id, form=signed: withdraw(service, institution, one, form))
            answer = await reading.call(institution, "GET", f"/v1/consents/{consent_id}{path}")
            said = set(says_withdrawn(answer))
            assert len(said) == 1, (nth, says_withdrawn(answer))
            found |= said
    assert found == {True, False}
