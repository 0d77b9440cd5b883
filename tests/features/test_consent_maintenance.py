"""The consents' daily work: every event once whenever it runs, J-LIS asked until it has reflected, alarms."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta
from typing import Any

import pytest

from platform_api.consents.model import JST
from platform_api.consents.polling import poll
from tests import pki
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consent_passes import at, given, passes
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
from tests.features.gateways import ONE_DAY, FakeJlis
from tests.features.service import Service
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)

#: What a service is told of a consent that nobody ends, reminders aside.
WHOLE_LIFE = ["consent.effective", "consent.expiring", "consent.expired"]


async def test_ten_years_day_by_day(service: Service, institution: TestInstitution) -> None:
    """A pass on each day on which something happens, and on the days around: each thing once, on its day."""
    (consent_id,) = await given(service, institution)
    told: dict[str, list[str]] = {}
    moments = [at("2026-11-20T23:59:59"), at("2026-11-21T00:00:00"), at("2026-11-21T00:00:01")]
    for year in range(2027, 2036):
        moments += [at(f"{year}-11-20T23:59:59"), at(f"{year}-11-21T00:00:00"), at(f"{year}-11-22T09:00:00")]
    moments += [at("2036-08-22T23:59:58"), at("2036-08-22T23:59:59")]
    moments += [at("2036-11-20T23:59:59"), at("2036-11-21T00:00:00"), at("2040-01-01T00:00:00")]
    for moment in moments:
        service.world.clock.set(moment.astimezone(UTC))
        before = await consent_events(service, institution)
        await passes(service, institution)
        new = (await consent_events(service, institution))[len(before) :]
        if new:
            told[moment.isoformat()] = new
    assert told == {
        "2026-11-21T00:00:00+09:00": ["consent.effective"],
        **{f"{year}-11-21T00:00:00+09:00": ["consent.reminder_due"] for year in range(2027, 2036)},
        "2036-08-22T23:59:59+09:00": ["consent.expiring"],
        "2036-11-21T00:00:00+09:00": ["consent.expired"],
    }
    history = (await service.call(institution, "GET", f"/v1/consents/{consent_id}/history"))["history"]
    assert [(row["state"], row["at"]) for row in history[3:]] == [
        ("EFFECTIVE", "2026-11-20T15:00:00Z"),
        ("EXPIRING", "2036-08-22T14:59:59Z"),
        ("EXPIRED", "2036-11-20T15:00:00Z"),
    ]


async def test_nobody_looked_for_eleven_years(service: Service, institution: TestInstitution) -> None:
    """Every state in its order and at its own instant, told at once; no reminder of what is over."""
    (consent_id,) = await given(service, institution)
    service.world.clock.set(at("2038-01-01T00:00:00").astimezone(UTC))
    report = await passes(service, institution)
    assert (report.turned, report.told, report.complete) == (1, 3, True)
    assert await consent_events(service, institution) == WHOLE_LIFE
    assert (await seen(service, institution, consent_id))[0] == "EXPIRED"
    assert (await passes(service, institution)).turned == 0


async def test_missed_years_make_one_reminder(service: Service, institution: TestInstitution) -> None:
    """After three years without a pass: the customer gets one letter, not three."""
    await given(service, institution)
    service.world.clock.set(at("2029-12-24T00:00:00").astimezone(UTC))
    await passes(service, institution)
    assert await consent_events(service, institution) == ["consent.effective", "consent.reminder_due"]
    due = await service.call(institution, "GET", f"/v1/services/{institution.service_id}/consent-reminders")
    assert [one["due_on"] for one in due["reminders"]] == ["2029-11-21"]


@pytest.mark.parametrize("where", ["here", "at J-LIS"])
async def test_nobody_is_reminded_of_what_he_withdraws(
    service: Service, jlis: FakeJlis, institution: TestInstitution, where: str
) -> None:
    """A reminder came due and no pass had told of it when the holder withdrew: only the end is told."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    consent_id = (await consent(service, institution, card, registration_id))["consent_id"]
    service.world.clock.set(at("2027-11-21T09:00:00").astimezone(UTC))
    if where == "here":
        signed = await withdrawal(service, institution, consent_id, card)
        await withdraw(service, institution, consent_id, signed)
    else:
        jlis.withdraw_ref("ref-1")
        institution_id = institution.institution_id
        pool, clock = service.world.database.app_pool, service.world.clock
        await poll(pool, jlis, institution_id, str(institution_id), clock)
    assert await consent_events(service, institution) == ["consent.effective", "consent.withdrawn"]


async def test_dying_anywhere_tells_everything_once(service: Service, institution: TestInstitution) -> None:
    """Before each statement, before and after each commit."""
    await given(service, institution, 3)
    service.world.clock.set(at("2038-01-01T00:00:00").astimezone(UTC))
    deaths = await until_it_lives(
        service.world.database.app_pool,
        lambda pool: passes(service, institution, pool=pool, batch=2),
    )
    # What a batch did stays done, so the later deaths find less to die at.
    assert deaths > 12
    assert sorted(await consent_events(service, institution)) == sorted(WHOLE_LIFE * 3)


async def test_bounded_and_resumable(service: Service, institution: TestInstitution) -> None:
    """A pass stops at its bound and says so; the next one goes on; two at once share the work."""
    await given(service, institution, 5)
    service.world.clock.set(at("2026-11-22T00:00:00").astimezone(UTC))
    first = await passes(service, institution, batch=2, most=3)
    assert (first.turned, first.complete) == (3, False)
    two = await asyncio.gather(*(passes(service, institution, batch=1) for _ in range(2)))
    assert sum(report.turned for report in two) == 2
    assert await consent_events(service, institution) == ["consent.effective"] * 5


async def test_until_jlis_has_reflected(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Received by J-LIS, not reflected: asked at each pass, and in force from the day after it is."""
    jlis.reflects = False
    (consent_id,) = await given(service, institution)
    assert (await seen(service, institution, consent_id))[0] == "SENT"
    report = await passes(service, institution, jlis)
    assert (report.asked, report.reflected, report.jlis_failure) == (1, 0, None)
    await next_day(service)
    jlis.down = True
    report = await passes(service, institution, jlis)
    assert (report.asked, report.jlis_failure, report.complete) == (0, "JLIS_TIMEOUT", False)
    jlis.down = False
    jlis.reflect("ref-1")
    assert (await passes(service, institution, jlis)).reflected == 1
    assert (await seen(service, institution, consent_id))[0] == "REFLECTED"
    await next_day(service)
    report = await passes(service, institution, jlis)
    assert (report.asked, report.told) == (0, 1)
    body = await service.call(institution, "GET", f"/v1/consents/{consent_id}")
    # Received on the 20th and reflected on the 21st: both rules say yes from the 22nd to the former's end.
    assert (body["valid_from"], body["valid_until"]) == ("2026-11-21T15:00:00Z", "2036-11-20T14:59:59Z")


async def test_withdrawn_before_it_was_reflected(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """J-LIS says so when it is asked: withdrawn, without having been anything else."""
    jlis.reflects = False
    (consent_id,) = await given(service, institution)
    jlis.withdraw_ref("ref-1")
    await passes(service, institution, jlis)
    state, history = await seen(service, institution, consent_id)
    assert (state, history[-1]) == ("WITHDRAWN", ("WITHDRAWN", "jlis"))
    assert await consent_events(service, institution) == ["consent.withdrawn"]


async def test_nothing_that_can_be_used(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """J-LIS reflects a period of which nothing is left: counted, never effective."""
    jlis.reflects = False
    (consent_id,) = await given(service, institution)
    jlis.until = service.world.clock.now()
    jlis.reflect("ref-1")
    report = await passes(service, institution, jlis)
    assert (report.implausible, report.reflected) == (1, 0)
    assert (await seen(service, institution, consent_id))[0] == "SENT"


async def test_alarms(service: Service, jlis: FakeJlis, institution: TestInstitution) -> None:
    """What only the institution can put right is counted until it does: a withdrawal that J-LIS has not got,
    and a consent that never reached it."""
    card = make_card(sets.ca())
    registration_id = await onboard(service, institution, card)
    consent_id = (await consent(service, institution, card, registration_id))["consent_id"]
    jlis.down = True
    signed = await withdrawal(service, institution, consent_id, card)
    await withdraw(service, institution, consent_id, signed, expect=503)
    again: dict[str, Any] = {}
    await consent(service, institution, card, registration_id, expect=503, keep=again)
    await next_day(service)
    report = await passes(service, institution)
    assert (report.unforwarded_withdrawals, report.unsent_consents) == (1, 1)
    jlis.down = False
    await withdraw(service, institution, consent_id, signed)
    await service.call(institution, "POST", "/v1/consents", again, expect=201)
    report = await passes(service, institution)
    assert (report.unforwarded_withdrawals, report.unsent_consents) == (0, 0)


async def test_a_stop_comes_without_anybodys_act(service: Service, institution: TestInstitution) -> None:
    """Planned before J-LIS reflected, and planned on an effective one: one event each, at the day."""
    (consent_id,) = await given(service, institution)
    await service.call(institution, "POST", f"/v1/consents/{consent_id}:stop", {"stop_on": "2026-11-25"})
    service.world.clock.set(at("2026-11-24T23:59:59").astimezone(UTC))
    await passes(service, institution)
    assert await consent_events(service, institution) == ["consent.effective"]
    service.world.clock.set(at("2026-11-25T00:00:00").astimezone(UTC))
    await passes(service, institution)
    assert await consent_events(service, institution) == ["consent.effective", "consent.stopped"]
    async with service.world.database.superuser() as connection:
        assert await connection.fetchval("SELECT state FROM consent") == "STOPPED"


async def test_a_stop_of_a_consent_that_jlis_never_reflected(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """It stops all the same, and what J-LIS says later changes nothing."""
    jlis.reflects = False
    (consent_id,) = await given(service, institution)
    await service.call(institution, "POST", f"/v1/consents/{consent_id}:stop", {"stop_on": "2026-11-22"})
    service.world.clock.set(at("2026-11-22T00:00:00").astimezone(UTC))
    jlis.reflect("ref-1")
    await passes(service, institution, jlis)
    assert (await seen(service, institution, consent_id))[0] == "STOPPED"
    assert await consent_events(service, institution) == ["consent.stopped"]


async def test_what_is_allowed_never_waits_for_a_pass(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """No pass has run: the fetch looks at the clock itself, on the first day and after the last."""
    card = make_card(sets.ca(), not_after=pki.T0 + timedelta(days=5000))
    registration_id = await onboard(service, institution, card)
    await consent(service, institution, card, registration_id)
    outcomes = []
    for moment in (
        "2026-11-20T23:59:59",
        "2026-11-21T00:00:00",
        "2036-11-20T23:59:59",
        "2036-11-21T00:00:00",
    ):
        service.world.clock.set(at(moment).astimezone(UTC))
        outcomes.append((await fetch(service, institution, registration_id))["outcome"])
    assert outcomes == [
        "CONSENT_NOT_YET_EFFECTIVE",
        "NO_NEW_CERTIFICATE",
        "NO_NEW_CERTIFICATE",
        "CONSENT_EXPIRED",
    ]
    assert JST.utcoffset(None) == 9 * ONE_DAY / 24
