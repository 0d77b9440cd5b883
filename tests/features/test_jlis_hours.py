"""J-LIS's service hours: a model by the minute, edges, and that nothing is sent outside."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_api.config import load_settings
from platform_api.faults import SetupRefused
from platform_api.jlis.calls import Kind
from platform_api.jlis.failures import closed_until, no_turn, retry_after
from platform_api.jlis.gateway import ConsentReflection, ConsentSubmission, GatewayClosed
from platform_api.jlis.http import HttpGateway
from platform_api.jlis.service_hours import DailyClosure, Maintenance, ServiceHours
from platform_api.jlis.settings import GatewaySettings, service_hours
from revocation.clock import JST, FixedClock
from revocation.errors import OutsideFailed
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.chaos_jlis import chaos
from tests.features.consenting import consent, onboard
from tests.features.gateways import FakeJlis
from tests.features.service import serving
from tests.features.test_jlis_http import DATA, QUERY
from tests.features.world import World, everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)

NIGHT = ServiceHours(daily=DailyClosure.of("23:00-06:00"))
MINUTE = timedelta(minutes=1)
#: A Friday.
BEGIN = datetime(2026, 12, 4, tzinfo=JST)


def jst(*parts: int) -> datetime:
    return datetime(2026, 12, *parts, tzinfo=JST)


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        (jst(4, 22, 59, 59), None),
        (jst(4, 23, 0, 0), jst(5, 6)),
        (jst(5, 0, 0, 0), jst(5, 6)),
        (jst(5, 5, 59, 59, 999_999), jst(5, 6)),
        (jst(5, 6, 0, 0), None),
        (jst(5, 12), None),
    ],
)
def test_a_closure_over_midnight(at: datetime, opens: datetime | None) -> None:
    """Closed from its first moment on and open at its last, whatever zone the clock's moment is in."""
    assert NIGHT.opens_at(at.astimezone(UTC)) == opens


def test_closures_that_follow_each_other_are_one() -> None:
    """Friday night, a closed Saturday and Sunday, a maintenance on Monday morning: open on Monday at 9."""
    hours = ServiceHours(
        daily=DailyClosure.of("23:00-06:00"),
        weekdays=frozenset({6}),
        days=frozenset({date(2026, 12, 5)}),
        maintenance=(Maintenance.of("2026-12-07T05:30+09:00/2026-12-07T00:00Z"),),
    )
    assert hours.opens_at(jst(4, 23, 30)) == jst(7, 9)
    assert hours.opens_at(jst(4, 22, 30)) is None
    assert hours.opens_at(jst(7, 8, 59)) == jst(7, 9)


CLOCKS = st.times().map(lambda at: at.replace(second=0, microsecond=0, tzinfo=None))
CLOSURES = (
    st.tuples(CLOCKS, CLOCKS).filter(lambda pair: pair[0] != pair[1]).map(lambda pair: DailyClosure(*pair))
)
MOMENTS = st.integers(0, 9 * 24 * 60).map(lambda minutes: BEGIN + minutes * MINUTE)
MAINTENANCES = st.tuples(MOMENTS, st.integers(1, 3000)).map(
    lambda pair: Maintenance(pair[0], pair[0] + pair[1] * MINUTE)
)
HOURS = st.builds(
    ServiceHours,
    daily=st.none() | CLOSURES,
    weekdays=st.frozensets(st.integers(0, 6), max_size=4),
    days=st.frozensets(st.integers(0, 9).map(lambda day: (BEGIN + timedelta(days=day)).date()), max_size=4),
    maintenance=st.lists(MAINTENANCES, max_size=3).map(tuple),
)


def is_closed(hours: ServiceHours, at: datetime) -> bool:
    """The model: each rule by itself."""
    if at.date() in hours.days or at.weekday() in hours.weekdays:
        return True
    if any(one.begins <= at < one.ends for one in hours.maintenance):
        return True
    if hours.daily is None:
        return False
    begins, ends, clock = hours.daily.begins, hours.daily.ends, at.time()
    return begins <= clock < ends if begins < ends else clock >= begins or clock < ends


@given(HOURS, MOMENTS)
def test_it_is_closed_until_then_and_open_then(hours: ServiceHours, at: datetime) -> None:
    """Minute by minute: closed in each until ``opens_at``, and open at it; None is open now."""
    opens = hours.opens_at(at)
    assert (opens is not None) == is_closed(hours, at)
    if opens is not None:
        assert not is_closed(hours, opens)
        assert opens > at
        # Every closure ends on a whole minute here, so that looking at each minute looks at all.
        minutes = int((opens - at) / MINUTE)
        assert all(is_closed(hours, at + step * MINUTE) for step in range(0, minutes, 7))
        assert is_closed(hours, opens - MINUTE)


async def test_outside_its_hours_nothing_is_sent() -> None:
    """At once, with the time from which to ask; at that time the same question is answered. Lists go on."""
    clock = FixedClock(jst(5, 3))
    async with chaos(DATA) as here:
        settings = GatewaySettings(base_url=here.url, hours=NIGHT)
        async with HttpGateway(settings, clock) as gateway:
            with pytest.raises(GatewayClosed, match="JLIS_CLOSED") as closed:
                await gateway.query_four_information(QUERY)
            assert (here.connections, closed.value.opens_at) == (0, jst(5, 6))
            here.say({"authorities": []})
            assert await gateway.authorities() == ()
            here.say(DATA)
            clock.set(closed.value.opens_at)
            assert (await gateway.query_four_information(QUERY)).items is not None


async def test_it_closes_between_two_attempts() -> None:
    """The second attempt is not sent any more."""
    clock = FixedClock(jst(4, 22, 59))

    async def busy_and_late(writer: Any, _: bytes) -> None:
        clock.set(jst(4, 23))
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")

    async with chaos(DATA, busy_and_late) as here:
        settings = GatewaySettings(base_url=here.url, hours=NIGHT, retry_wait_s=0.01)
        async with HttpGateway(settings, clock) as gateway:
            with pytest.raises(OutsideFailed, match="JLIS_CLOSED"):
                await gateway.query_four_information(QUERY)
        assert len(here.requests) == 1


def test_when_asking_again_is_worth_it() -> None:
    """A closed J-LIS says when it opens; of any other failure a minute is a guess."""
    closed = closed_until(jst(5, 6))
    assert retry_after(closed, jst(5, 3)) == {"Retry-After": "10800"}
    assert retry_after(closed, jst(5, 5, 59, 59, 1)) == {"Retry-After": "60"}
    assert retry_after(closed, jst(5, 7)) == {"Retry-After": "60"}
    assert retry_after(no_turn(), jst(5, 3)) == {"Retry-After": "60"}


async def test_a_consent_at_night_is_kept_and_its_caller_told_when(
    world: World, institution: TestInstitution
) -> None:
    """503 with the seconds until J-LIS opens; the consent is SENT, so that the same request goes on."""

    class Closed(FakeJlis):
        async def submit_consent(self, submission: ConsentSubmission) -> ConsentReflection:
            raise closed_until(self.clock.now() + timedelta(hours=2))

    await world.day()
    async with serving(world, Closed(world.clock)) as service:
        card = make_card(sets.ca())
        registration_id = await onboard(service, institution, card)
        refused = await consent(service, institution, card, registration_id, expect=503)
        assert (refused["code"], service.headers["Retry-After"]) == ("JLIS_CLOSED", "7200")
        path = f"/v1/consents/{(await everything(world.database))['consent'][0]['consent_id']}"
        assert (await service.call(institution, "GET", path))["state"] == "SENT"


def test_hours_from_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """As they stand in the environment."""
    given = {
        "JLIS_DAILY_CLOSURE": "23:00-06:00",
        "JLIS_CLOSED_WEEKDAYS": '["sun"]',
        "JLIS_CLOSED_DAYS": '["2027-01-01"]',
        "JLIS_MAINTENANCE": '["2026-12-07T05:30+09:00/2026-12-07T09:00+09:00"]',
        "JLIS_OPEN_ALWAYS": '["lists","ocsp"]',
    }
    for name, value in given.items():
        monkeypatch.setenv(f"JPKI_{name}", value)
    settings = load_settings()
    hours = service_hours(settings)
    assert hours.daily == DailyClosure(time(23), time(6))
    assert (hours.weekdays, hours.days) == (frozenset({6}), frozenset({date(2027, 1, 1)}))
    assert hours.maintenance[0].ends == jst(7, 9)
    assert settings.jlis_open_always == {Kind.LISTS, Kind.OCSP}


@pytest.mark.parametrize(
    "given",
    [
        {"jlis_daily_closure": "23:00"},
        {"jlis_daily_closure": "24:00-06:00"},
        {"jlis_daily_closure": "06:00-06:00"},
        {"jlis_closed_weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]},
        {"jlis_closed_days": ["tomorrow"]},
        {"jlis_maintenance": ["2026-12-07T05:30/2026-12-07T09:00+09:00"]},
        {"jlis_maintenance": ["2026-12-07T09:00+09:00/2026-12-07T05:30+09:00"]},
        {"jlis_maintenance": ["2026-12-07T09:00+09:00"]},
        {"jlis_open_always": ["everything"]},
        {"jlis_batch_concurrency": 16},
        {"jlis_attempt_timeout_s": 20},
        {"jlis_error_codes": {"X9": "JLIS_INVENTED"}},
        {"jlis_client_certificate": "c.pem"},
        {"upstream_ocsp_url": "jlis"},
    ],
)
def test_settings_that_make_no_sense(given: dict[str, Any]) -> None:
    """Refused at the start, by name."""
    with pytest.raises(SetupRefused, match="SETTING_REFUSED"):
        load_settings(**given)
