"""Withdrawals read at J-LIS: pages, crashes, consents not known yet, and answers that come too late."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from platform_api.consents.maintenance import maintain
from platform_api.consents.polling import PollReport, poll, polled_within
from platform_api.db.transactions import tenant
from platform_api.jlis.gateway import Withdrawal, WithdrawalPage
from revocation.errors import OutsideFailed
from tests.base.postgres import TestInstitution
from tests.features.cards import Card, make_card
from tests.features.consenting import (
    consent,
    consent_events,
    fetch,
    next_day,
    onboard,
    seen,
    withdraw,
    withdrawal,
)
from tests.features.crashing import until_it_lives
from tests.features.gateways import ONE_DAY, FakeJlis, successor
from tests.features.service import Service
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


async def read(
    service: Service, jlis: Any, institution: TestInstitution, pool: Any = None, **more: Any
) -> PollReport:
    world = service.world
    return await poll(
        pool or world.database.app_pool,
        jlis,
        institution.institution_id,
        str(institution.institution_id),
        world.clock,
        **more,
    )


async def several(service: Service, institution: TestInstitution, count: int) -> list[str]:
    """Effective consents of as many customers."""
    found = []
    for number in range(count):
        card = make_card(sets.ca())
        registration_id = await onboard(service, institution, card, f"r-{number}")
        found.append((await consent(service, institution, card, registration_id))["consent_id"])
    await next_day(service)
    return found


async def test_withdrawn_at_jlis(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """By J-LIS's own application: it ends with us at the next poll, at the time J-LIS says."""
    (consent_id,) = await several(service, institution, 1)
    jlis.withdraw_ref("ref-1")
    withdrawn_at = service.world.clock.now()
    service.world.clock.set(withdrawn_at + timedelta(hours=5))
    report = await read(service, jlis, institution)
    assert report == PollReport(1, 1, 1, 0, complete=True, polled_at=service.world.clock.now())
    state, history = await seen(service, institution, consent_id)
    assert (state, history[-1]) == ("WITHDRAWN", ("WITHDRAWN", "jlis"))
    body = await service.call(institution, "GET", f"/v1/consents/{consent_id}")
    assert body["withdrawal"]["forwarding"] == "SEEN"
    assert body["withdrawal"]["jlis_reflected_at"] == withdrawn_at.isoformat().replace("+00:00", "Z")
    assert (await read(service, jlis, institution)).withdrawals == 0
    assert await consent_events(service, institution) == ["consent.effective", "consent.withdrawn"]


async def test_page_by_page(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """The cursor goes on; a pass that stops early says so, and the next one reads on."""
    await several(service, institution, 3)
    jlis.page = 1
    for ref in ("ref-3", "ref-1", "ref-2"):
        jlis.withdraw_ref(ref)
    first = await read(service, jlis, institution, most_pages=2)
    assert (first.pages, first.ended, first.complete, first.polled_at) == (2, 2, False, None)
    rest = await read(service, jlis, institution)
    assert (rest.pages, rest.ended, rest.complete) == (1, 1, True)
    assert (await consent_events(service, institution)).count("consent.withdrawn") == 3


async def test_dying_anywhere_is_harmless(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Before each statement, before and after each commit: in the end each withdrawal was told once."""
    await several(service, institution, 2)
    jlis.page = 1
    jlis.withdraw_ref("ref-1")
    jlis.withdraw_ref("ref-2")
    deaths = await until_it_lives(
        service.world.database.app_pool, lambda pool: read(service, jlis, institution, pool)
    )
    assert deaths > 20
    told = await consent_events(service, institution)
    assert told.count("consent.withdrawn") == 2
    assert (await read(service, jlis, institution)).withdrawals == 0
    listed = await service.call(institution, "GET", "/v1/consents?state=WITHDRAWN")
    assert len(listed["consents"]) == 2


async def test_two_readers_at_once(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """A page that another reader took is dropped: no event twice, and the cursor never goes back."""
    await several(service, institution, 3)
    jlis.page = 1
    for ref in ("ref-1", "ref-2", "ref-3"):
        jlis.withdraw_ref(ref)
    reports = await asyncio.gather(*(read(service, jlis, institution) for _ in range(3)))
    assert sum(report.ended for report in reports) == 3
    assert (await consent_events(service, institution)).count("consent.withdrawn") == 3


async def test_our_own_withdrawal_is_seen_in_the_list(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Sent, its answer lost: J-LIS's list shows that it has it, and nothing has to be handed in again."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    consent_id = (await consent(service, institution, card, registration_id))["consent_id"]
    await next_day(service)
    jlis.answer_lost = True
    signed = await withdrawal(service, institution, consent_id, card)
    await withdraw(service, institution, consent_id, signed, expect=503)
    jlis.answer_lost = False
    report = await read(service, jlis, institution)
    assert (report.withdrawals, report.ended) == (1, 0)
    body = await service.call(institution, "GET", f"/v1/consents/{consent_id}")
    assert body["withdrawal"]["forwarding"] == "SEEN"
    assert (await consent_events(service, institution)).count("consent.withdrawn") == 1


async def test_withdrawn_before_it_became_effective(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Learnt of the day after: it was never effective, and nobody is told that it was."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    consent_id = (await consent(service, institution, card, registration_id))["consent_id"]
    jlis.withdraw_ref("ref-1")
    await next_day(service)
    await read(service, jlis, institution)
    state, history = await seen(service, institution, consent_id)
    assert state == "WITHDRAWN"
    assert [row[0] for row in history] == ["RECEIVED", "SENT", "REFLECTED", "WITHDRAWN"]
    assert await consent_events(service, institution) == ["consent.withdrawn"]


@pytest.mark.parametrize("jlis_says_it_again", [True, False])
async def test_withdrawn_before_we_knew_its_name(
    service: Service, jlis: FakeJlis, institution: TestInstitution, jlis_says_it_again: bool
) -> None:
    """J-LIS's answer to the consent was lost, the holder withdrew there, the poll passed by: when the answer
    comes after all, the consent is withdrawn, whether J-LIS repeats it or not."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    jlis.answer_lost = True
    signed: dict[str, Any] = {}
    await consent(service, institution, card, registration_id, expect=503, keep=signed)
    jlis.answer_lost = False
    jlis.withdraw_ref("ref-1")
    assert (await read(service, jlis, institution)).unknown == 1
    if not jlis_says_it_again:
        jlis.reflect("ref-1")
        service_code, reflection = jlis.taken["ref-1"]
        jlis.taken["ref-1"] = (service_code, jlis.without_withdrawal(reflection))
    await next_day(service)
    again = await service.call(institution, "POST", "/v1/consents", signed, expect=201)
    assert again["state"] == "WITHDRAWN"
    assert await consent_events(service, institution) == ["consent.withdrawn"]


async def test_nobody_elses_consent_ends(
    service: Service, jlis: FakeJlis, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """A reference counts in its own institution only; elsewhere it is unknown."""
    (consent_id,) = await several(service, institution, 1)
    jlis.withdraw_ref("ref-1")
    report = await read(service, jlis, other_institution)
    assert (report.ended, report.unknown) == (0, 1)
    assert (await seen(service, institution, consent_id))[0] == "EFFECTIVE"


async def test_an_expired_consent_is_not_withdrawn(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """J-LIS names one that had ended: it has expired and stays so."""
    (consent_id,) = await several(service, institution, 1)
    service.world.clock.set(service.world.clock.now() + 3700 * ONE_DAY)
    jlis.withdraw_ref("ref-1")
    await read(service, jlis, institution)
    assert (await seen(service, institution, consent_id))[0] == "EXPIRED"
    assert (await consent_events(service, institution))[-1] == "consent.expired"


async def test_told_that_it_expired_before_it_was_known_to_be_withdrawn(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """J-LIS could not be read for days, and in them the end came: over is over, nothing is told twice."""
    jlis.until = service.world.clock.now() + 10 * ONE_DAY
    (consent_id,) = await several(service, institution, 1)
    jlis.withdraw_ref("ref-1")
    service.world.clock.set(service.world.clock.now() + 12 * ONE_DAY)
    await maintain(service.world.database.app_pool, institution.institution_id, service.world.clock)
    told = ["consent.effective", "consent.expiring", "consent.expired"]
    assert await consent_events(service, institution) == told
    assert (await read(service, jlis, institution)).ended == 0
    assert (await seen(service, institution, consent_id))[0] == "EXPIRED"
    assert await consent_events(service, institution) == told


async def test_at_most_a_day_old(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """Never read, read, read yesterday; and J-LIS down changes nothing but raises."""
    world = service.world

    async def fresh() -> bool:
        async with tenant(world.database.app_pool, institution.institution_id) as connection:
            return await polled_within(connection, institution.institution_id, world.clock.now(), ONE_DAY)

    assert not await fresh()
    await read(service, jlis, institution)
    assert await fresh()
    world.clock.set(world.clock.now() + ONE_DAY)
    assert await fresh()
    world.clock.set(world.clock.now() + timedelta(microseconds=1))
    assert not await fresh()
    jlis.down = True
    with pytest.raises(OutsideFailed):
        await read(service, jlis, institution)
    assert not await fresh()


class Saying:
    """A J-LIS that gives these pages. Contract: one page for each question, the last one for ever."""

    def __init__(self, *pages: WithdrawalPage) -> None:
        self._pages = list(pages)

    async def poll_withdrawals(self, provider_code: str, cursor: str | None) -> WithdrawalPage:
        return self._pages.pop(0) if len(self._pages) > 1 else self._pages[0]


async def test_only_what_jlis_has_itself_is_fresh(service: Service, institution: TestInstitution) -> None:
    """J-LIS's own data may be older than the question."""
    as_of = service.world.clock.now() - timedelta(hours=7)
    report = await read(service, Saying(WithdrawalPage((), "c", as_of, more=False)), institution)
    assert report.polled_at == as_of


@pytest.mark.parametrize(
    ("cursor", "more"), [("same", True), ("x" * 1025, False), ("nul\x00", False), ("日", False)]
)
async def test_a_cursor_that_cannot_be_is_refused(
    service: Service, institution: TestInstitution, cursor: str, more: bool
) -> None:
    """One that stands still for ever, one that is too long, one that no column takes: nothing is used."""
    now = service.world.clock.now()
    before = WithdrawalPage((), "same", now, more=True)
    with pytest.raises(OutsideFailed, match="JLIS_ANSWER_MALFORMED"):
        await read(service, Saying(before, WithdrawalPage((), cursor, now, more=more)), institution)


async def test_odd_references_are_counted(service: Service, institution: TestInstitution) -> None:
    """Names that no consent of ours can have are unknown, and not kept."""
    now = service.world.clock.now()
    odd = tuple(Withdrawal(ref, "s", now) for ref in ("", "x" * 257, "\x00", "名", "ref-1", "ref-1"))
    report = await read(service, Saying(WithdrawalPage(odd, "c", now, more=False)), institution)
    assert (report.withdrawals, report.unknown) == (6, 5)
    async with service.world.database.superuser() as connection:
        kept = await connection.fetch("SELECT consent_ref FROM unknown_withdrawal")
    assert [row["consent_ref"] for row in kept] == ["ref-1"]


async def _by_the_holder(
    service: Service, jlis: FakeJlis, institution: TestInstitution, consent_id: str, card: Card
) -> None:
    signed = await withdrawal(service, institution, consent_id, card)
    await withdraw(service, institution, consent_id, signed)


async def _by_the_institution(
    service: Service, jlis: FakeJlis, institution: TestInstitution, consent_id: str, card: Card
) -> None:
    await service.call(institution, "POST", f"/v1/consents/{consent_id}:stop", {})


async def _at_jlis(
    service: Service, jlis: FakeJlis, institution: TestInstitution, consent_id: str, card: Card
) -> None:
    jlis.withdraw_ref("ref-1")
    await read(service, jlis, institution)


async def _by_the_clock(
    service: Service, jlis: FakeJlis, institution: TestInstitution, consent_id: str, card: Card
) -> None:
    service.world.clock.set(service.world.clock.now() + 11 * ONE_DAY)


Ends = Callable[[Service, FakeJlis, TestInstitution, str, Card], Awaitable[None]]


@pytest.mark.parametrize(
    ("ends", "outcome"),
    [
        (_by_the_holder, "CONSENT_WITHDRAWN"),
        (_by_the_institution, "CONSENT_WITHDRAWN"),
        (_at_jlis, "CONSENT_WITHDRAWN"),
        (_by_the_clock, "CONSENT_EXPIRED"),
    ],
)
async def test_answer_after_withdrawal(
    service: Service, jlis: FakeJlis, institution: TestInstitution, ends: Ends, outcome: str
) -> None:
    """The consent ends while J-LIS is being asked: its DATA answer is thrown away, no successor is kept."""
    world = service.world
    old, new = make_card(sets.ca()), make_card(sets.ca())
    jlis.until = world.clock.now() + 10 * ONE_DAY
    registration_id = await onboard(service, institution, old)
    consent_id = (await consent(service, institution, old, registration_id))["consent_id"]
    await next_day(service)
    jlis.successor = successor(world, new)
    jlis.meanwhile = lambda: ends(service, jlis, institution, consent_id, old)
    jlis.answers_regardless = True
    got = await fetch(service, institution, registration_id)
    assert (got["outcome"], got["four_information"]) == (outcome, None)
    assert len(jlis.queries) == 1
    assert got["registration"]["pending_successor"] is False
    async with world.database.superuser() as connection:
        logged = await connection.fetchrow("SELECT outcome, detail_code FROM four_information_query")
    assert tuple(logged) == (outcome, "ANSWER_AFTER_CONSENT_ENDED")
