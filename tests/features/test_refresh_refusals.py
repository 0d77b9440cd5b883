"""Automatic refresh when one question goes wrong: none beside it is lost, and nobody waits for days for what
the operator mends."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from platform_api.config import Settings
from platform_api.consents import store as consents
from platform_api.db.transactions import tenant
from platform_api.four_information.model import permission
from platform_api.four_information.rules import FetchRules
from platform_api.institutions.administration import create_service
from platform_api.jlis.gateway import GatewayRefused
from platform_api.refresh import task_store
from platform_api.refresh.passing import Passing
from platform_api.refresh.published import PublishedSets
from platform_api.refresh.report import PassOutcome
from platform_api.refresh.run import Refreshing
from platform_api.sealing import FileKeyProvider
from tests.base.postgres import TestInstitution
from tests.features.consenting import consent, next_day
from tests.features.gateways import FakeJlis
from tests.features.hooked_pool import HookedPool
from tests.features.refreshing import Customer, Refresher, refresher
from tests.features.test_refresh_consents import agree, renewal

__all__ = ["refresher"]
pytestmark = pytest.mark.timeout(120)
HOUR = timedelta(hours=1)
SETTINGS = Settings(mode="sandbox")


async def moved(refresher: Refresher, count: int, **policy: Any) -> list[Customer]:
    await refresher.begin(**policy)
    customers = await refresher.customers(count)
    await refresher.move(customers)
    refresher.reissue(customers)
    return customers


async def damage(refresher: Refresher, one: Customer) -> None:
    async with refresher.service.world.database.superuser() as connection:
        await connection.execute(
            "UPDATE watched_certificate SET identity = '\\x00' WHERE registration_id = $1",
            UUID(one.registration_id),
        )


@pytest.mark.parametrize("linkage", [False, True])
async def test_one_row_that_cannot_be_opened_costs_no_other_customer(
    refresher: Refresher, linkage: bool
) -> None:
    """Its task waits with the code, the report has it, and everybody else's items come in the same pass."""
    customers = await moved(refresher, 3)
    if linkage:
        await refresher.put_policy(linkage=True, refresh_on=["CONTENT_CHANGED"])
    await damage(refresher, customers[0])
    report = await refresher.run()
    assert (report.delivered, report.problems) == (2, ["SEAL_BROKEN"])
    codes = {str(task["registration_id"]): task["last_code"] for task in await refresher.tasks()}
    assert codes[customers[0].registration_id] == "SEAL_BROKEN"
    assert (await refresher.run()).asked == 0


@pytest.mark.parametrize("failure", [asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError])
async def test_a_linkage_answer_at_a_bad_moment_is_a_code(
    refresher: Refresher, failure: type[Exception]
) -> None:
    """A night holds its locks while the answer would be kept: asked again in minutes; the pass ends well."""
    await refresher.begin(linkage=True)
    (one,) = await refresher.customers(1, consents=False)
    await agree(refresher, one)
    await refresher.move([one], reason=4)
    refresher.jlis.linked = renewal(refresher, one)

    async def held() -> None:
        raise failure("held")

    report = await refresher.run(HookedPool(refresher.pool, "detection_cursor FOR SHARE", held))
    assert (report.linked, report.problems) == (0, ["DATABASE_BUSY"])
    assert (await refresher.task())["last_code"] == "DATABASE_BUSY"
    refresher.clock.advance(HOUR)
    assert (await refresher.run()).linked == 1


async def test_the_server_s_cap_of_one_service_leaves_the_others_alone(refresher: Refresher) -> None:
    """One answer a day for each service: both have theirs, and the report names the cap."""
    await moved(refresher, 2)
    first = refresher.institution
    async with refresher.service.world.database.owner() as owner:
        made = await create_service(
            owner,
            institution_id=first.institution_id,
            service_code="second",
            name="second",
            now=refresher.clock.now(),
        )
    refresher.institution = replace(first, service_id=made.service_id, service_code="second")
    await refresher.put_policy()
    customers = await refresher.customers(2)
    await refresher.move(customers)
    refresher.reissue(customers)
    report = await refresher.run(rules=FetchRules(daily_cap=1))
    assert (report.delivered, report.problems) == (2, ["FOUR_INFORMATION_CAP"])


def refusing(jlis: FakeJlis, code: str, only: Any = None) -> Any:
    """J-LIS says no, to everybody or to those of ``only``; what is given back takes that back."""
    plain = jlis.query_four_information

    async def answer(query: Any) -> Any:
        if only is None or query.identity in only:
            jlis.queries.append(query)
            raise GatewayRefused(code, expected="a", got="b", remedy="c")
        return await plain(query)

    jlis.query_four_information = answer  # type: ignore[method-assign]
    return plain


@pytest.mark.parametrize("code", ["JLIS_SERVICE_UNKNOWN", "JLIS_NOT_PERMITTED", "JLIS_REFUSED"])
async def test_what_the_operator_must_mend_costs_no_customer_a_day(refresher: Refresher, code: str) -> None:
    """A morning of refusals: a pass asks three times and says so, no back-off grows, and once it is mended
    everybody's items are there within hours."""
    await moved(refresher, 12)
    plain = refusing(refresher.jlis, code)
    for _ in range(4):
        report = await refresher.run()
        assert (report.problems, report.by_outcome) == ([code], {"TEMPORARY": 3})
        refresher.clock.advance(HOUR)
    assert {task["step"] for task in await refresher.tasks()} == {0}
    refresher.jlis.query_four_information = plain  # type: ignore[method-assign]
    refresher.clock.advance(4 * HOUR)
    assert (await refresher.run()).delivered == 12


async def test_a_refusal_of_one_customer_stops_nobody_else(refresher: Refresher) -> None:
    """J-LIS refuses one and answers the others: the pass goes on, and the refused one is asked about once a
    day in the end."""
    customers = await moved(refresher, 6, keep_hours=72)
    refused = refresher.service.world.known(customers[0].card).identity
    refusing(refresher.jlis, "JLIS_REFUSED", {refused})
    report = await refresher.run()
    assert (report.delivered, report.problems) == (5, ["JLIS_REFUSED"])
    asked = []
    for hour in range(60):
        refresher.clock.advance(HOUR)
        if (await refresher.run()).asked:
            asked.append(hour)
    assert 5 <= len(asked) <= 9
    assert asked[-1] - asked[-2] >= 21


async def test_customers_who_are_always_refused_come_last(refresher: Refresher) -> None:
    """Three whom J-LIS never answers end a pass, but only after everybody else; day after day."""
    await refresher.begin(keep_hours=72)
    everybody = await refresher.customers(9)
    refused = {refresher.service.world.known(one.card).identity for one in everybody[:3]}
    refusing(refresher.jlis, "JLIS_REFUSED", refused)
    refresher.reissue(everybody)
    await refresher.move(everybody[:3])
    assert (await refresher.run()).by_outcome == {"TEMPORARY": 3}
    for count in (5, 7, 9):
        await refresher.move(everybody[:count])
        report = await refresher.run()
        assert (report.delivered, report.problems) == (2, ["JLIS_REFUSED"])


class Disturbed(Refreshing):
    """A night holds its locks at the first look at tasks, once."""

    def _passing(self, pool: Any, watcher: Any, stopped: Any) -> Passing:
        async def held() -> None:
            hooked.words = "none any more"
            raise asyncpg.LockNotAvailableError("held")

        hooked = HookedPool(pool, "FROM refresh_task", held)
        return super()._passing(hooked, watcher, stopped)  # type: ignore[arg-type]


async def test_a_lock_held_costs_one_institution_its_turn(
    refresher: Refresher, other_institution: TestInstitution, tmp_path: Path
) -> None:
    """The one is told to wait, the other has its items in the same pass."""
    first = refresher.institution
    for one in (first, other_institution):
        refresher.institution = one
        await moved(refresher, 1)
    world = refresher.service.world
    await asyncio.to_thread(world.authorities.dump, tmp_path / "authorities.json")
    published = PublishedSets(world.store, tmp_path / "authorities.json", world.clock)
    keys: Any = SimpleNamespace(
        key_provider=FileKeyProvider({"kek-1": bytes(range(32))}, "kek-1"), tagger=world.tagger
    )
    opened = Disturbed(SETTINGS, keys, world.database.database, refresher.jlis, world.clock, published)
    report = await opened.run(progress=lambda _: None)
    assert sorted(one.delivered for one in report.institutions) == [0, 1]
    assert sorted(one.problems for one in report.institutions) == [[], ["DATABASE_BUSY"]]
    assert report.outcome is PassOutcome.PARTIAL


async def test_a_newer_narrower_consent_decides_alone(refresher: Refresher) -> None:
    """It covers nothing of the policy: blocked before any question, and passes use no question up."""
    await refresher.begin(items=["name", "address"])
    (one,) = await refresher.customers(1, consents=False)
    for items in (["name", "address"], ["date_of_birth"]):
        await consent(refresher.service, refresher.institution, one.card, one.registration_id, items)
        refresher.clock.advance(timedelta(seconds=1))
    await refresher.move([one])
    refresher.reissue([one])
    for _ in range(6):
        assert (await refresher.run()).asked == 0
        refresher.clock.advance(HOUR)
    assert (await refresher.task())["state"] == "BLOCKED_BY_CONSENT"
    assert (await refresher.policy())["today"]["questions"] == 0
    assert refresher.jlis.queries == []


async def test_a_question_that_we_refuse_ourselves_is_given_back(refresher: Refresher) -> None:
    """The consent ends between the look and the question: nothing was sent, and none of the day's questions
    is used up."""
    await moved(refresher, 1)

    async def stopped() -> None:
        async with refresher.service.world.database.superuser() as connection:
            await connection.execute("UPDATE consent SET state = 'STOPPED'")

    report = await refresher.run(HookedPool(refresher.pool, "INTO refresh_day", stopped))
    assert (report.by_outcome, refresher.jlis.queries) == ({"CONSENT_WITHDRAWN": 1}, [])
    assert (await refresher.policy())["today"]["questions"] == 0


async def test_the_look_and_the_question_agree_which_consent_counts(refresher: Refresher) -> None:
    """Two consents of one holder, each of every kind, in both orders: what ``open_tasks`` calls consented is
    what ``permission`` lets be asked."""
    await refresher.begin(enabled=False, items=["name", "address"])
    (one,) = await refresher.customers(1, consents=False)
    for _ in range(2):
        await consent(refresher.service, refresher.institution, one.card, one.registration_id)
        refresher.clock.advance(timedelta(seconds=1))
    await refresher.move([one])
    await refresher.put_policy(items=["name", "address"])
    await refresher.run()
    world, now = refresher.service.world, refresher.clock.now()
    kinds = (
        "state = 'REFLECTED', stops_at = NULL, items = '{name}'",
        "state = 'REFLECTED', stops_at = NULL, items = '{gender}'",
        "state = 'REFLECTED', stops_at = received_at, items = '{name}'",
        "state = 'WITHDRAWN', stops_at = NULL, items = '{name}'",
    )
    asked, seen = ["name", "address"], set()
    for older in kinds:
        for newer in kinds:
            async with world.database.superuser() as connection:
                for order, kind in (("ASC", older), ("DESC", newer)):
                    await connection.execute(
                        f"UPDATE consent SET {kind} WHERE consent_id = (SELECT consent_id FROM consent"
                        f" ORDER BY received_at {order} LIMIT 1)"
                    )
            async with tenant(refresher.pool, refresher.institution.institution_id) as connection:
                ((_, facts),) = await task_store.open_tasks(
                    connection, refresher.institution.service_id, asked, UUID(int=0), 10, now
                )
                known = await consents.of_registration(connection, UUID(one.registration_id))
            may = permission(known, asked, now, known[0].holder_id)
            assert facts.consented is (may.refusal is None), (older, newer)
            seen.add(facts.consented)
    assert seen == {True, False}


async def test_who_waits_for_a_turn_is_asked_within_a_lease_of_its_own(refresher: Refresher) -> None:
    """Slow answers, a minute apart: those claimed and not begun in time are given back and claimed anew, so
    that no answer is thrown away and nobody is asked about twice."""
    await moved(refresher, 14)
    refresher.jlis.meanwhile = lambda: refresher.clock.advance(timedelta(seconds=61))
    report = await refresher.run()
    assert (report.delivered, len(refresher.jlis.queries)) == (14, 14)
    assert report.by_outcome == {"DATA": 14}
    await next_day(refresher.service)
