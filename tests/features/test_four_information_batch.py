"""Many customers in one call: each by itself, a few at a time, within a deadline."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from platform_api.db.failures import DATABASE_AWAY
from platform_api.four_information import batch
from platform_api.four_information.batch import NOT_ASKED, Refused, each
from platform_api.jlis.fields import JlisFields
from platform_api.jlis.opening import open_gateway
from platform_api.keys import LOG
from platform_api.logs import make_log
from platform_api.problems import Problem, not_found
from revocation.clock import SystemClock
from revocation.errors import OutsideFailed, OwnFault
from tests.base.eventually import eventually
from tests.base.postgres import TestInstitution
from tests.base.virtual_time import in_virtual_time
from tests.features.cards import Card, make_card
from tests.features.chaos_jlis import chaos, good
from tests.features.consenting import ALL, acknowledge, consent, fetch, next_day, onboard
from tests.features.gateways import CANARY_NAME, FakeJlis, successor
from tests.features.service import Service, serving
from tests.features.world import World, everything
from tests.revocation import sets

pytestmark = pytest.mark.timeout(60)
FETCH, ACKNOWLEDGE = "/v1/four-information:batchFetch", "/v1/four-information:batchAcknowledge"


class Successors:
    """Each card's own successor; FakeJlis knows one at a time."""

    def __init__(self, jlis: FakeJlis, service: Service, pairs: dict[Card, Card | None]) -> None:
        world = service.world
        self._jlis = jlis
        self._after = {
            world.known(old).identity: None if new is None else successor(world, new)
            for old, new in pairs.items()
        }
        self._plain = jlis.query_four_information
        jlis.query_four_information = self.query  # type: ignore[method-assign]

    async def query(self, query: Any) -> Any:
        self._jlis.successor = self._after.get(query.identity)
        return await self._plain(query)


async def _people(
    service: Service, jlis: FakeJlis, institution: TestInstitution, news: dict[str, bool]
) -> dict[str, str]:
    """Registrations by reference, all moved; True: with a new card."""
    cards = {ref: (make_card(sets.ca()), make_card(sets.ca()) if new else None) for ref, new in news.items()}
    found = {}
    for ref, (old, _) in cards.items():
        found[ref] = await onboard(service, institution, old, ref)
        await consent(service, institution, old, found[ref])
    await next_day(service, {old.serial: 3 for old, _ in cards.values()})
    Successors(jlis, service, dict(cards.values()))
    return found


def _asked(institution: TestInstitution, people: dict[str, str]) -> dict[str, Any]:
    return {
        "service_id": str(institution.service_id),
        "items": ALL,
        "registrations": [{"registration_id": one} for one in people.values()],
    }


async def test_one_failing_stops_no_other(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Data, none yet, no such registration, no consent, another person: each its own result, in order; then
    acknowledged together, where one that is none of theirs is refused alone."""
    people = await _people(service, jlis, institution, {"a": True, "b": False, "c": True})
    without = await onboard(service, institution, make_card(sets.ca()), "d")
    nobody = str(uuid4())
    mismatch = {"date_of_birth": "1980-02-17", "gender": "male"}
    body = {
        "service_id": str(institution.service_id),
        "items": ALL,
        "registrations": [
            {"registration_id": people["a"], "compare_with": {"name": CANARY_NAME}},
            {"registration_id": people["b"]},
            {"registration_id": nobody},
            {"registration_id": without},
            {"registration_id": people["c"], "compare_with": mismatch},
        ],
    }
    got = (await service.call(institution, "POST", FETCH, body))["results"]
    assert [(one["outcome"], one["detail_code"]) for one in got] == [
        ("DATA", None),
        ("NO_NEW_CERTIFICATE", None),
        ("REFUSED", "NOT_FOUND"),
        ("CONSENT_MISSING", "REFUSED_BY_US"),
        ("TEMPORARY", "PERSON_MISMATCH"),
    ]
    assert [one["registration_id"] for one in got] == [
        one["registration_id"]
        for one in body["registrations"]  # type: ignore[index, union-attr]
    ]
    assert got[0]["differences"]["name"] == "UNCHANGED"
    assert [one["four_information"] is not None for one in got] == [True, False, False, False, False]
    body = {
        "acknowledgements": [
            {"registration_id": people["a"], "query_id": got[0]["query_id"]},
            {"registration_id": nobody, "query_id": str(uuid4())},
        ]
    }
    done = (await service.call(institution, "POST", ACKNOWLEDGE, body))["results"]
    assert [(one["acknowledged"], one["code"]) for one in done] == [(True, None), (False, "NOT_FOUND")]
    assert done[0]["registration"]["state"] == "WATCHED"


@pytest.mark.parametrize("sqlstate", ["55P03", "40P01", "57014", "57P01", "XX000"])
async def test_a_database_that_fails_for_one_loses_no_other(
    world: World, jlis: FakeJlis, institution: TestInstitution, sqlstate: str
) -> None:
    """A lock that is not had, a deadlock, a limit, a server that ends under one of them, or a fault: the
    items of the others, asked and paid for, are given, and one line of the log says what happened."""
    await world.day()
    async with serving(world, jlis, state={LOG: make_log(written := io.StringIO())}) as service:
        people = await _people(service, jlis, institution, {"a": True, "b": True, "c": True})
        await _fails_for(world, people["b"], sqlstate)
        got = (await service.call(institution, "POST", FETCH, _asked(institution, people)))["results"]
    foreseen = sqlstate != "XX000"
    assert [(one["outcome"], one["detail_code"]) for one in got] == [
        ("DATA", None),
        ("TEMPORARY", "DATABASE_UNAVAILABLE") if foreseen else ("REFUSED", "INTERNAL"),
        ("DATA", None),
    ]
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    failed = [line for line in lines if line["event"] == "request.failed"]
    assert [(line["code"], line["sqlstate"]) for line in failed] == [(got[1]["detail_code"], sqlstate)]


async def _fails_for(world: World, registration_id: str, sqlstate: str) -> None:
    """PostgreSQL itself raises this when the answer about this registration is written down."""
    async with world.database.superuser() as superuser:
        await superuser.execute(
            f"""
            CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'as injected' USING ERRCODE = '{sqlstate}'; END $$;
            CREATE TRIGGER fails BEFORE INSERT ON four_information_query FOR EACH ROW
            WHEN (NEW.registration_id = '{registration_id}') EXECUTE FUNCTION fails();
            """
        )


async def test_the_answer_of_a_batch_is_not_kept(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """Replayed under its Idempotency-Key it is 410 with the ids of each one; no table holds an item."""
    people = await _people(service, jlis, institution, {"a": True, "b": True})
    body = _asked(institution, people)
    headers = {"Idempotency-Key": "batch"}
    got = await service.call(institution, "POST", FETCH, body, headers=headers)
    assert [one["four_information"]["name"]["value"] for one in got["results"]] == [CANARY_NAME] * 2
    asked = len(jlis.queries)
    gone = await service.call(institution, "POST", FETCH, body, headers=headers, expect=410)
    assert gone["code"] == "RESPONSE_NOT_KEPT"
    assert gone["ids"] == {
        "results": [{name: one[name] for name in ("registration_id", "query_id")} for one in got["results"]]
    }
    assert len(jlis.queries) == asked
    kept = str(await everything(service.world.database))
    assert CANARY_NAME not in kept
    assert CANARY_NAME.encode().hex() not in kept


async def test_a_batch_leaves_lines_to_others(
    service: Service, jlis: FakeJlis, institution: TestInstitution
) -> None:
    """While one of a batch hangs on the only line that batches may have, its others wait, and a single fetch
    is answered."""
    people = await _people(service, jlis, institution, {"a": False, "b": False, "c": False, "d": False})
    single = people.pop("d")
    go = asyncio.Event()

    async def hang(writer: asyncio.StreamWriter, body: bytes) -> None:
        await go.wait()
        await good(writer, body)

    async with (
        chaos({"outcome": "NO_NEW_CERTIFICATE"}, hang) as here,
        open_gateway(JlisFields(jlis_url=here.url, jlis_batch_concurrency=1), SystemClock()) as gateway,
        serving(service.world, gateway) as other,
    ):
        batch = asyncio.create_task(other.call(institution, "POST", FETCH, _asked(institution, people)))
        await eventually(lambda: here.requests)
        assert (await fetch(other, institution, single))["outcome"] == "NO_NEW_CERTIFICATE"
        assert len(here.requests) == 2
        go.set()
        got = (await batch)["results"]
    assert [one["outcome"] for one in got] == ["NO_NEW_CERTIFICATE"] * 3


async def test_a_batch_is_of_one_service_and_of_its_own_institution(
    service: Service, jlis: FakeJlis, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """Another service's id, or another institution's registration: as if it were not there, unasked."""
    people = await _people(service, jlis, institution, {"a": True})
    for who, service_id in (
        (institution, str(uuid4())),
        (other_institution, str(other_institution.service_id)),
    ):
        body = {
            "service_id": service_id,
            "items": ALL,
            "registrations": [{"registration_id": people["a"]}],
        }
        got = (await service.call(who, "POST", FETCH, body))["results"]
        assert [(one["outcome"], one["detail_code"]) for one in got] == [("REFUSED", "NOT_FOUND")]
    assert jlis.queries == []


@pytest.mark.parametrize("count", [0, 101, 2])
async def test_too_many_none_or_twice_is_refused(
    service: Service, institution: TestInstitution, count: int
) -> None:
    """1 to 100 registrations, each once."""
    ids = [str(uuid4()) for _ in range(count)] if count != 2 else [str(uuid4())] * 2
    body: dict[str, Any] = {
        "service_id": str(institution.service_id),
        "items": ALL,
        "registrations": [{"registration_id": one} for one in ids],
    }
    await service.call(institution, "POST", FETCH, body, expect=422)
    body = {"acknowledgements": [{"registration_id": one, "query_id": one} for one in ids]}
    await service.call(institution, "POST", ACKNOWLEDGE, body, expect=422)


async def test_history_says_what_was_asked(
    service: Service,
    jlis: FakeJlis,
    institution: TestInstitution,
    other_institution: TestInstitution,
) -> None:
    """Each query and refusal, the newest first, page by page: ids, items asked, outcome, code, times; never
    an item; and nothing for another institution."""
    registration_id = (await _people(service, jlis, institution, {"a": True}))["a"]
    first = await fetch(service, institution, registration_id)
    await acknowledge(service, institution, registration_id)
    service.world.clock.advance(timedelta(seconds=1))
    await fetch(service, institution, registration_id)
    path = f"/v1/registrations/{registration_id}/four-information-queries"
    whole = (await service.call(institution, "GET", path))["queries"]
    assert [one["outcome"] for one in whole] == ["NO_NEW_CERTIFICATE", "DATA"]
    assert whole[-1]["query_id"] == first["query_id"]
    assert whole[-1]["acknowledged_at"] is not None
    assert whole[-1]["items"] == ALL
    assert CANARY_NAME not in str(whole)
    pages = []
    token = None
    for _ in range(2):
        more = "" if token is None else f"&page_token={token}"
        page = await service.call(institution, "GET", f"{path}?page_size=1{more}")
        pages += page["queries"]
        token = page["next_page_token"]
    assert (pages, token) == (whole, None)
    await service.call(other_institution, "GET", path, expect=404)


def _never(error: Exception, problem: Problem) -> None:
    raise AssertionError(f"expected no failure, got {problem.code}")


@in_virtual_time
async def test_a_few_at_a_time_and_no_more_after_the_deadline() -> None:
    """Never more than allowed at once; what was begun ends, what was not is NOT_ASKED; results in order."""
    running, most = 0, 0

    async def do(item: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(1.0)
        running -= 1
        return item

    found = await each(list(range(10)), do, failed=_never, at_a_time=3, deadline_s=2.5)
    done = [one for one in found if isinstance(one, int)]
    assert most == 3
    assert done == list(range(len(done)))
    assert len(done) == 9  # three each when 0, 1 and 2 seconds have passed
    assert found[len(done) :] == [Refused(NOT_ASKED, passing=True)] * (10 - len(done))


async def test_refusals_by_kind() -> None:
    """What may pass is told apart from what stays so; what is the service's failure is told to the log, a
    mistake of ours too, and stops nobody."""
    told: list[tuple[Exception, str]] = []

    async def do(failure: Exception) -> int:
        raise failure

    failures = [
        not_found(),
        Problem(429, "CAP", en="", ja=""),
        Problem(503, "BEHIND", en="", ja=""),
        OutsideFailed("AWAY", expected="a", got="b", remedy="c"),
        *(kind("gone") for kind in DATABASE_AWAY),
        OwnFault("BROKEN", expected="a", got="b", remedy="c"),
        ZeroDivisionError(),
    ]
    found = await each(failures, do, failed=lambda error, problem: told.append((error, problem.code)))
    assert found == [
        Refused("NOT_FOUND", passing=False),
        Refused("CAP", passing=True),
        Refused("BEHIND", passing=True),
        Refused("AWAY", passing=True),
        *(Refused("DATABASE_UNAVAILABLE", passing=True) for _ in DATABASE_AWAY),
        Refused("BROKEN", passing=False),
        Refused("INTERNAL", passing=False),
    ]
    codes = [one.code for one in found if isinstance(one, Refused)]
    assert told == list(zip(failures, codes, strict=True))[2:]
    assert batch.AT_A_TIME < 10
