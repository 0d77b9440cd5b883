"""One fetch sent many times is one question to J-LIS (T42), and its refusals give nothing (T39, T43)."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest

from platform_api.jlis.gateway import FourInformationAnswer, FourInformationQuery, QueryOutcome
from tests.base.postgres import TestInstitution
from tests.features.cards import make_card
from tests.features.consenting import ALL, consent, next_day, onboard
from tests.features.gateways import CANARY_NAME, FakeJlis, successor
from tests.features.service import Service, serving
from tests.features.world import everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)

ONCE = {"Idempotency-Key": "fetch-1"}


async def moved(service: Service, jlis: FakeJlis, institution: TestInstitution) -> str:
    """The path of a fetch that J-LIS answers with DATA."""
    old, new = make_card(sets.ca()), make_card(sets.ca())
    registration_id = await onboard(service, institution, old)
    await consent(service, institution, old, registration_id)
    await next_day(service, {old.serial: 3})
    jlis.successor = successor(service.world, new)
    return f"/v1/registrations/{registration_id}/four-information:fetch"


async def asked(
    service: Service, institution: TestInstitution, path: str, items: list[str] | None = None
) -> tuple[int, dict[str, Any]]:
    headers = institution.headers | ONCE
    async with service.client.post(path, json={"items": items or ALL}, headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def test_t42_the_same_request_twice_is_one_question(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """The second finds the first done: its answer had personal data and was not kept, so it gets 410 and the
    same query_id, by which the institution acknowledges or asks anew. J-LIS is asked once."""
    path = await moved(service, jlis, institution)
    status, first = await asked(service, institution, path)
    assert (status, first["outcome"], len(jlis.queries)) == (200, "DATA", 1)
    status, again = await asked(service, institution, path)
    assert (status, again["code"], len(jlis.queries)) == (410, "RESPONSE_NOT_KEPT", 1)
    assert again["ids"]["query_id"] == first["query_id"]
    assert CANARY_NAME not in repr(again)


async def test_t42_fifty_at_once_are_one_question(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """While the first waits for J-LIS, forty-nine are told that it is in flight (409); one gets the items."""
    path = await moved(service, jlis, institution)
    arrived, go = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        arrived.set()
        await go.wait()

    jlis.meanwhile = slow
    first = asyncio.create_task(asked(service, institution, path))
    await arrived.wait()
    others = await asyncio.gather(*(asked(service, institution, path) for _ in range(49)))
    assert Counter((status, body["code"]) for status, body in others) == {(409, "IDEMPOTENCY_IN_FLIGHT"): 49}
    go.set()
    status, body = await first
    assert (status, body["outcome"], len(jlis.queries)) == (200, "DATA", 1)
    after = await asyncio.gather(*(asked(service, institution, path) for _ in range(50)))
    assert {(status, one["ids"]["query_id"]) for status, one in after} == {(410, body["query_id"])}
    assert len(jlis.queries) == 1


async def test_t42_fifty_without_a_first_one_are_one_question(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """All at the same moment: whichever comes first asks; no other does, and no two get items."""
    path = await moved(service, jlis, institution)
    found = await asyncio.gather(*(asked(service, institution, path) for _ in range(50)))
    statuses = Counter(status for status, _ in found)
    assert statuses[200] == 1
    assert set(statuses) <= {200, 409, 410}
    assert len(jlis.queries) == 1
    assert sum("four_information" in body and body["four_information"] is not None for _, body in found) == 1


async def test_t42_another_body_under_the_same_key(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """422, whether the first is done or in flight, and J-LIS is not asked for it."""
    path = await moved(service, jlis, institution)
    arrived, go = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        arrived.set()
        await go.wait()

    jlis.meanwhile = slow
    first = asyncio.create_task(asked(service, institution, path))
    await arrived.wait()
    status, body = await asked(service, institution, path, ["name"])
    assert (status, body["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    go.set()
    assert (await first)[0] == 200
    status, body = await asked(service, institution, path, ["name"])
    assert (status, body["code"], len(jlis.queries)) == (422, "IDEMPOTENCY_KEY_REUSED", 1)


async def test_t42_a_key_is_of_one_institution(
    service: Service, jlis: FakeJlis, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Another institution's request with the same key is another request: 404 for what is not its own."""
    path = await moved(service, jlis, institution)
    assert (await asked(service, institution, path))[0] == 200
    assert (await asked(service, other_institution, path))[0] == 404
    assert len(jlis.queries) == 1


async def test_t43_no_new_certificate_is_an_answer(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """It is no error: each fetch is one question, the state stays, and nothing asks by itself."""
    path = await moved(service, jlis, institution)
    jlis.successor = None
    for count in (1, 2):
        found = await service.call(institution, "POST", path, {"items": ALL})
        assert (found["outcome"], len(jlis.queries)) == ("NO_NEW_CERTIFICATE", count)
        assert found["registration"]["state"] == "CHANGED_AWAITING_REISSUE"
    assert found["four_information"] is None


OF_THE_CONSENT = [one for one in QueryOutcome if one.value.startswith(("CONSENT", "ITEM"))]


@pytest.mark.parametrize("outcome", OF_THE_CONSENT)
async def test_t39_what_j_lis_says_of_the_consent_wins(
    service: Service, jlis: FakeJlis, institution: TestInstitution, outcome: QueryOutcome
) -> None:
    """We know an effective consent and J-LIS another state of it: nothing is given, though items came."""
    path = await moved(service, jlis, institution)
    successor_then = jlis.successor

    class Refusing(FakeJlis):
        async def query_four_information(self, query: FourInformationQuery) -> FourInformationAnswer:
            return FourInformationAnswer(outcome, jlis.items, successor_then, self.clock.now())

    async with serving(service.world, Refusing(jlis.clock)) as other:
        found = await other.call(institution, "POST", path, {"items": ALL})
    assert (found["outcome"], found["four_information"]) == (outcome.value, None)
    assert found["registration"]["pending_successor"] is False
    assert CANARY_NAME not in repr(await everything(service.world.database))
