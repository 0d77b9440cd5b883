"""J-LIS forgot how far we had read its withdrawals: they are read from the beginning."""

from __future__ import annotations

from typing import Any

import pytest

from platform_api.consents.polling import PollReport, polled_within
from platform_api.db.transactions import tenant
from platform_api.jlis.gateway import GatewayRefused, WithdrawalPage
from tests.base.postgres import TestInstitution
from tests.features.consenting import consent_events
from tests.features.crashing import until_it_lives
from tests.features.gateways import ONE_DAY, FakeJlis
from tests.features.service import Service
from tests.features.test_consent_polling import read, several

pytestmark = pytest.mark.timeout(60)


async def test_a_place_that_jlis_forgot_is_read_anew(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """J-LIS refuses our cursor: the list is read from its beginning in the same pass. What was known is told
    no second time, what is new ends, and the next pass goes on from the new place."""
    await several(service, institution, 3)
    jlis.withdraw_ref("ref-2")
    await read(service, jlis, institution)
    jlis.withdraw_ref("ref-3")
    jlis.cursors.clear()
    jlis.page = 1
    report = await read(service, jlis, institution)
    assert (report.withdrawals, report.ended, report.complete) == (2, 1, True)
    assert report.polled_at == service.world.clock.now()
    assert (await consent_events(service, institution)).count("consent.withdrawn") == 2
    assert (await read(service, jlis, institution)).withdrawals == 0


async def test_dying_over_a_forgotten_place_is_harmless(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Wherever it dies: in the end the list was read anew, and each withdrawal was told once."""
    await several(service, institution, 2)
    jlis.withdraw_ref("ref-1")
    await read(service, jlis, institution)
    jlis.withdraw_ref("ref-2")

    async def forgotten(pool: Any) -> PollReport:
        jlis.cursors.clear()
        return await read(service, jlis, institution, pool)

    assert await until_it_lives(service.world.database.app_pool, forgotten) > 10
    assert (await consent_events(service, institution)).count("consent.withdrawn") == 2


class Forgetful:
    """The J-LIS of the test. Contract: it knows none of the cursors that it gave."""

    def __init__(self, jlis: FakeJlis) -> None:
        self._jlis = jlis

    async def poll_withdrawals(self, provider_code: str, cursor: str | None) -> WithdrawalPage:
        self._jlis.cursors.clear()
        return await self._jlis.poll_withdrawals(provider_code, cursor)


async def test_a_jlis_that_knows_no_place_at_all(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Read from the beginning once in a pass, and no more; while there are pages after the first, nothing
    counts as read up to the present."""
    await several(service, institution, 2)
    jlis.withdraw_ref("ref-1")
    jlis.withdraw_ref("ref-2")
    jlis.page = 1
    with pytest.raises(GatewayRefused, match="JLIS_CURSOR_REFUSED"):
        await read(service, Forgetful(jlis), institution)
    assert jlis.polls == 4  # the first page, the second one, and both again
    async with tenant(service.world.database.app_pool, institution.institution_id) as connection:
        now = service.world.clock.now()
        assert not await polled_within(connection, institution.institution_id, now, ONE_DAY)
    jlis.page = 1000
    assert (await read(service, Forgetful(jlis), institution)).complete


class Refusing:
    """Contract: no question is taken, whatever it names."""

    def __init__(self) -> None:
        self.polls = 0

    async def poll_withdrawals(self, provider_code: str, cursor: str | None) -> WithdrawalPage:
        self.polls += 1
        raise GatewayRefused("JLIS_CURSOR_REFUSED", expected="a", got="b", remedy="c")


async def test_the_beginning_refused_is_not_asked_for_twice(
    service: Service, institution: TestInstitution
) -> None:
    """Without a cursor there is no place to forget: J-LIS's no is the caller's to know."""
    refusing = Refusing()
    with pytest.raises(GatewayRefused, match="JLIS_CURSOR_REFUSED"):
        await read(service, refusing, institution)
    assert refusing.polls == 1
