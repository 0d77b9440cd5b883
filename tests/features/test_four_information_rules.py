"""What J-LIS refuses, and how much a service may have in a day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from platform_api.config import Settings
from platform_api.four_information.cap import cap_reached
from platform_api.four_information.model import Outcome
from platform_api.jlis.gateway import FourInformationAnswer, FourInformationQuery, QueryOutcome
from platform_api.keys import SETTINGS
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import ALL, consent, fetch, next_day, onboard
from tests.features.gateways import FakeJlis, successor
from tests.features.service import Service, serving
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)
CAPPED: dict[Any, Any] = {SETTINGS: Settings(mode="sandbox", four_information_daily_cap=2)}


async def _moved(service: Service, jlis: FakeJlis, institution: TestInstitution, ref: str = "a") -> str:
    """Somebody with a consent who has moved and has a new card."""
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old, ref)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(service.world, new)
    return registration_id


async def test_withdrawal_that_jlis_knows_of_ends_our_consent(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """J-LIS says CONSENT_WITHDRAWN while ours is effective: its outcome is passed on, ours is withdrawn and
    announced at once, and J-LIS is not asked again."""
    registration_id = await _moved(service, jlis, institution)
    jlis.withdraw(institution.service_code)
    got = await fetch(service, institution, registration_id)
    assert (got["outcome"], got["four_information"]) == ("CONSENT_WITHDRAWN", None)
    rows = await everything(service.world.database)
    assert [row["state"] for row in rows["consent"]] == ["WITHDRAWN"]
    assert [event.type for event in await service.world.events(institution)][-1] == "consent.withdrawn"
    asked = len(jlis.queries)
    assert (await fetch(service, institution, registration_id))["outcome"] == "CONSENT_WITHDRAWN"
    assert len(jlis.queries) == asked
    assert [event.type for event in await service.world.events(institution)].count("consent.withdrawn") == 1


async def test_more_than_the_daily_cap_is_refused(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Two answers with items a day: the third is 429 until midnight in Japan, unasked; the other outcomes do
    not count, and another day begins anew."""
    registration_id = await _moved(service, jlis, institution)
    async with serving(service.world, jlis, state=CAPPED) as capped:
        found, jlis.successor = jlis.successor, None
        assert (await fetch(capped, institution, registration_id))["outcome"] == "NO_NEW_CERTIFICATE"
        jlis.successor = found
        for _ in range(2):
            assert (await fetch(capped, institution, registration_id))["outcome"] == "DATA"
        asked = len(jlis.queries)
        path = f"/v1/registrations/{registration_id}/four-information:fetch"
        async with capped.client.post(path, json={"items": ALL}, headers=institution.headers) as response:
            assert response.status == 429
            assert (await response.json())["code"] == "FOUR_INFORMATION_CAP"
            wait = timedelta(seconds=int(response.headers["Retry-After"]))
        assert len(jlis.queries) == asked
        midnight = service.world.clock.now() + wait
        assert (midnight + timedelta(hours=9)).strftime("%H:%M:%S") == "00:00:00"
        service.world.clock.set(midnight)
        assert (await fetch(capped, institution, registration_id))["outcome"] == "DATA"


async def test_answers_that_are_thrown_away_count_for_the_cap(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """J-LIS gave another person's items, twice: the third time it is not asked."""
    registration_id = await _moved(service, jlis, institution)
    async with serving(service.world, jlis, state=CAPPED) as capped:
        other = {"date_of_birth": "1970-01-01", "gender": "1"}
        for _ in range(2):
            got = await fetch(capped, institution, registration_id, compare_with=other)
            assert (got["outcome"], got["detail_code"]) == ("TEMPORARY", "PERSON_MISMATCH")
        path = f"/v1/registrations/{registration_id}/four-information:fetch"
        refused = await capped.call(institution, "POST", path, {"items": ALL}, expect=429)
        assert (refused["code"], len(jlis.queries)) == ("FOUR_INFORMATION_CAP", 2)


async def test_an_answer_that_could_not_be_kept_is_in_the_log(
    service: Service, jlis: FakeJlis, institution: TestInstitution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night detects a set that this process has not opened: 503, and one row says that J-LIS was asked and
    gave items."""
    registration_id = await _moved(service, jlis, institution)

    async def night() -> None:
        await service.world.day(adopt=False)
        await service.world.night()

    async def in_vain(*_: Any) -> bool:
        return False

    jlis.meanwhile = night
    monkeypatch.setattr("platform_api.registrations.watching.caught_up", in_vain)
    path = f"/v1/registrations/{registration_id}/four-information:fetch"
    refused = await service.call(institution, "POST", path, {"items": ALL}, expect=503)
    assert refused["code"] == "SNAPSHOT_BEHIND"
    (row,) = (await everything(service.world.database))["four_information_query"]
    assert (row["outcome"], row["detail_code"], row["with_items"]) == ("TEMPORARY", "ANSWER_NOT_KEPT", True)


def test_the_wait_is_never_nothing() -> None:
    """A moment before midnight one waits a second, at midnight a whole day."""
    midnight = sets.T0.replace(hour=15, minute=0, second=0, microsecond=0)
    assert cap_reached(midnight).headers["Retry-After"] == "86400"
    assert cap_reached(midnight - timedelta(microseconds=1)).headers["Retry-After"] == "1"
    assert cap_reached(midnight - timedelta(seconds=90)).headers["Retry-After"] == "90"


@pytest.mark.parametrize("said", [outcome for outcome in QueryOutcome if outcome is not QueryOutcome.DATA])
async def test_each_outcome_of_jlis_is_passed_on(
    service: Service, jlis: FakeJlis, institution: TestInstitution, said: QueryOutcome
) -> None:
    """By its own name, without items; only J-LIS's withdrawal ends a consent of ours; no state changes."""
    registration_id = await _moved(service, jlis, institution)

    async def answer(_query: FourInformationQuery) -> FourInformationAnswer:
        return FourInformationAnswer(said)

    jlis.query_four_information = answer  # type: ignore[method-assign]
    got = await fetch(service, institution, registration_id)
    assert (got["outcome"], got["detail_code"], got["four_information"]) == (said.value, None, None)
    assert got["registration"]["state"] == "CHANGED_AWAITING_REISSUE"
    rows = await everything(service.world.database)
    ended = said is QueryOutcome.CONSENT_WITHDRAWN
    assert [row["state"] for row in rows["consent"]] == ["WITHDRAWN" if ended else "REFLECTED"]
    assert [row["outcome"] for row in rows["four_information_query"]] == [said.value]


def test_every_outcome_of_jlis_is_one_of_ours() -> None:
    """And one more, for what is no answer."""
    assert {outcome.value for outcome in Outcome} - {outcome.value for outcome in QueryOutcome} == {
        "TEMPORARY"
    }
    assert {outcome.value for outcome in QueryOutcome} <= {outcome.value for outcome in Outcome}
