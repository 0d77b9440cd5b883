"""What an institution reads of many consents: reminders, the forecast, pages; SQL says the same states."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from platform_api.consents import listing_store, store
from platform_api.consents.model import ConsentState, jst_midnight
from platform_api.db.transactions import tenant
from platform_api.page_tokens import page_token
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consent_passes import at, given, passes
from tests.features.consenting import (
    next_day,
    onboard,
    put,
)
from tests.features.service import Service
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)


async def test_reminders_are_listed_until_acknowledged(
    service: Service, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """By the institution's own references, in pages; gone after :reminded, back in a year."""
    consent_ids = await given(service, institution, 3)
    path = f"/v1/services/{institution.service_id}/consent-reminders"
    service.world.clock.set(at("2027-11-21T00:00:00").astimezone(UTC))
    await passes(service, institution)
    first = await service.call(institution, "GET", f"{path}?page_size=2")
    rest = await service.call(institution, "GET", f"{path}?page_size=2&page_token={first['next_page_token']}")
    found = first["reminders"] + rest["reminders"]
    assert rest["next_page_token"] is None
    assert sorted(one["consent_id"] for one in found) == sorted(consent_ids)
    assert {one["registration_ref"] for one in found} == {"r-0", "r-1", "r-2"}
    assert {one["due_on"] for one in found} == {"2027-11-21"}
    done = await service.call(institution, "POST", f"/v1/consents/{consent_ids[0]}:reminded")
    assert done == {"consent_id": consent_ids[0], "acknowledged": 1}
    again = await service.call(institution, "POST", f"/v1/consents/{consent_ids[0]}:reminded")
    assert again["acknowledged"] == 0
    await service.call(institution, "POST", f"/v1/consents/{consent_ids[1]}:stop", {})
    left = await service.call(institution, "GET", path)
    assert [one["consent_id"] for one in left["reminders"]] == [consent_ids[2]]
    service.world.clock.set(at("2028-11-21T00:00:00").astimezone(UTC))
    await passes(service, institution)
    due = (await service.call(institution, "GET", path))["reminders"]
    assert sorted((one["consent_id"], one["due_on"]) for one in due) == sorted(
        [
            (consent_ids[0], "2028-11-21"),
            (consent_ids[2], "2027-11-21"),
            (consent_ids[2], "2028-11-21"),
        ]
    )
    await service.call(other_institution, "GET", path, expect=404)


async def test_forecast(service: Service, institution: TestInstitution) -> None:
    """Ends by the month in Japan, also of planned stops; only the present holder's consents count."""
    consent_ids = await given(service, institution, 3)
    await onboard(service, institution, make_card(sets.ca()), "without")
    await next_day(service)
    path = f"/v1/services/{institution.service_id}/consent-forecast"
    # Ends on 31 December 2026 at midnight in Japan, which is still December in UTC.
    await service.call(institution, "POST", f"/v1/consents/{consent_ids[0]}:stop", {"stop_on": "2027-01-01"})
    found = await service.call(institution, "GET", f"{path}?months=121")
    assert (found["registrations"], found["with_effective_consent"], found["without_effective_consent"]) == (
        4,
        3,
        1,
    )
    months = {one["month"]: one for one in found["months"]}
    assert len(months) == 121
    assert (found["months"][0]["month"], found["months"][-1]["month"]) == ("2026-11", "2036-11")
    assert {month: one["consents"] for month, one in months.items() if one["consents"]} == {
        "2027-01": 1,
        "2036-11": 2,
    }
    ends = make_card(sets.ca()).certificate.not_valid_after_utc
    assert months[f"{ends:%Y-%m}"]["certificates"] == 1
    await put(service, institution, make_card(sets.ca()), "r-1")  # another holder: the consent is not his
    found = await service.call(institution, "GET", path)
    assert (found["with_effective_consent"], len(found["months"])) == (2, 24)
    assert found["certificates_ended"] == 0


@pytest.mark.parametrize("stop_on", [None, date(2026, 11, 20), date(2026, 11, 25), date(2036, 9, 1)])
async def test_the_database_says_the_same_state(
    service: Service, institution: TestInstitution, stop_on: date | None
) -> None:
    """At each turn of the clock, a microsecond before and after: the list's SQL and ``state_at`` agree."""
    (consent_id,) = await given(service, institution)
    world, found_states = service.world, set()
    moment = timedelta(microseconds=1)
    async with tenant(world.database.app_pool, institution.institution_id) as connection:
        one = await store.find(connection, UUID(consent_id))
        assert one is not None
        assert one.validity is not None
        if stop_on is not None:
            one = await store.set_stop(connection, one.consent_id, jst_midnight(stop_on))
            assert one.validity is not None
        turns = [
            one.validity.first,
            one.validity.expiring,
            one.validity.over,
            jst_midnight(date(2026, 11, 25)),
        ]
        for now in [turn + shift for turn in turns for shift in (-moment, 0 * moment, moment)]:
            state = one.state_at(now)
            found_states.add(state)
            for asked in ConsentState:
                page = await listing_store.page(
                    connection, now, listing_store.Filter(state=asked.value), None, 10
                )
                assert [found.consent_id for found, _ in page] == [one.consent_id] * (asked is state)
    assert len(found_states) >= (1 if stop_on == date(2026, 11, 20) else 2)


async def test_lists_in_pages(service: Service, institution: TestInstitution) -> None:
    """Every consent once, in the order of receipt; filters combine; a token is not guessed at."""
    consent_ids = await given(service, institution, 5)
    found: list[str] = []
    token = ""
    while True:
        page = await service.call(institution, "GET", f"/v1/consents?page_size=2{token}")
        found += [one["consent_id"] for one in page["consents"]]
        if page["next_page_token"] is None:
            break
        token = f"&page_token={page['next_page_token']}"
    assert sorted(found) == sorted(consent_ids)
    one = await service.call(institution, "GET", f"/v1/consents/{consent_ids[2]}")
    path = f"/v1/consents?registration_id={one['registration_id']}&service_id={institution.service_id}"
    assert (await service.call(institution, "GET", f"{path}&state=REFLECTED"))["consents"] == [one]
    assert (await service.call(institution, "GET", f"{path}&state=EXPIRED"))["consents"] == []
    for bad in ("state=DEAD", "page_size=0", f"page_token={'A' * 65}"):
        await service.call(institution, "GET", f"/v1/consents?{bad}", expect=422)
    reminders = f"/v1/services/{institution.service_id}/consent-reminders"
    for bad in ("x", "é", "A" * 31 + "%3D", "_" * 32):
        for path in ("/v1/consents", reminders):
            refused = await service.call(institution, "GET", f"{path}?page_token={bad}", expect=400)
            assert refused["code"] == "PAGE_TOKEN_REFUSED"
    far = page_token(datetime.max.replace(tzinfo=UTC), UUID(int=(1 << 128) - 1))
    assert (await service.call(institution, "GET", f"/v1/consents?page_token={far}"))["consents"] == []
    assert (await service.call(institution, "GET", f"{reminders}?page_token={far}"))["reminders"] == []
