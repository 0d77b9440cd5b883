"""Idempotency-Key: the second request gives the first answer, or the reason why not; personal data is not
kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.base import sample_operations
from tests.base.application import RunningApp, running, settings_for
from tests.base.eventually import eventually
from tests.base.postgres import TestDatabase, TestInstitution
from tests.base.sample_operations import COUNTER, GATE

CANARY = "山田太郎一郎丸"


@pytest.fixture
async def service(database: TestDatabase, tmp_path: Path) -> AsyncIterator[RunningApp]:
    """The application with the sample writes, which count their runs."""
    settings = await settings_for(database, tmp_path)
    gate = asyncio.Event()
    gate.set()
    async with running(settings, sample_operations, state={COUNTER: [], GATE: gate}) as started:
        yield started


async def _post(
    service: RunningApp,
    who: TestInstitution,
    key: str | None,
    body: dict[str, str],
    path: str = "/test/writes",
) -> tuple[int, dict[str, object], bool]:
    headers = who.headers | ({} if key is None else {"Idempotency-Key": key})
    response = await service.client.post(path, json=body, headers=headers)
    return response.status, await response.json(), "Idempotency-Replayed" in response.headers


async def test_the_same_request_gives_the_same_answer_once_done(
    service: RunningApp, institution: TestInstitution
) -> None:
    """Sent three times with a key: done once, the same octets each time, marked as replayed."""
    answers = [await _post(service, institution, "k1", {"text": "a"}) for _ in range(3)]
    assert [replayed for _, _, replayed in answers] == [False, True, True]
    assert len({str(body) for _, body, _ in answers}) == 1
    assert {status for status, _, _ in answers} == {201}
    assert service.app[COUNTER] == ["a"]


async def test_without_a_key_each_request_is_done(service: RunningApp, institution: TestInstitution) -> None:
    """The header is optional."""
    for _ in range(2):
        assert (await _post(service, institution, None, {"text": "a"}))[0] == 201
    assert service.app[COUNTER] == ["a", "a"]


async def test_another_request_under_the_same_key_is_refused(
    service: RunningApp, institution: TestInstitution
) -> None:
    """Another body, or another address, under a used key: 422, nothing done."""
    await _post(service, institution, "k1", {"text": "a"})
    for body, path in (({"text": "b"}, "/test/writes"), ({"text": "a"}, "/test/transient")):
        status, document, _ = await _post(service, institution, "k1", body, path)
        assert (status, document["code"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert service.app[COUNTER] == ["a"]


async def test_keys_of_two_institutions_are_two_keys(
    service: RunningApp, institution: TestInstitution, other_institution: TestInstitution
) -> None:
    """A key belongs to its institution: another's equal key finds nothing."""
    first = await _post(service, institution, "k1", {"text": "a"})
    second = await _post(service, other_institution, "k1", {"text": "b"})
    assert first[0] == second[0] == 201
    assert first[1] != second[1]


async def test_a_second_request_while_the_first_runs_is_told_so(
    service: RunningApp, institution: TestInstitution
) -> None:
    """In flight: 409 with Retry-After; afterwards the kept answer."""
    service.app[GATE].clear()
    first = asyncio.create_task(_post(service, institution, "k1", {"text": "a"}))
    await eventually(lambda: service.app[COUNTER])
    status, document, _ = await _post(service, institution, "k1", {"text": "a"})
    assert (status, document["code"]) == (409, "IDEMPOTENCY_IN_FLIGHT")
    service.app[GATE].set()
    assert (await first)[0] == 201
    assert (await _post(service, institution, "k1", {"text": "a"}))[2] is True
    assert service.app[COUNTER] == ["a"]


async def test_many_at_once_are_done_once(service: RunningApp, institution: TestInstitution) -> None:
    """A storm of equal requests runs the handler once."""
    answers = await asyncio.gather(*(_post(service, institution, "k1", {"text": "a"}) for _ in range(12)))
    assert service.app[COUNTER] == ["a"]
    assert {status for status, _, _ in answers} <= {201, 409}
    assert sum(1 for status, _, replayed in answers if status == 201 and not replayed) == 1


async def test_a_refusal_is_replayed_in_the_language_asked_for(
    service: RunningApp, institution: TestInstitution
) -> None:
    """A final 4xx is kept like an answer; its request id is the new request's."""
    body = {"text": "a", "fail": "refused"}
    first = await _post(service, institution, "k1", body)
    headers = institution.headers | {"Idempotency-Key": "k1", "Accept-Language": "ja"}
    response = await service.client.post("/test/writes", json=body, headers=headers)
    document = await response.json()
    assert (first[0], response.status, document["code"], document["detail"]) == (
        422,
        422,
        "TEST_REFUSED",
        "不可",
    )
    assert document["request_id"] != first[1]["request_id"]
    assert response.headers["Idempotency-Replayed"] == "true"
    assert service.app[COUNTER] == ["a"]


@pytest.mark.parametrize(("how", "status"), [("down", 503), ("broken", 500)])
async def test_a_failure_that_may_pass_is_tried_again(
    service: RunningApp, institution: TestInstitution, how: str, status: int
) -> None:
    """5xx keeps nothing: the same key runs the handler again."""
    for _ in range(2):
        assert (await _post(service, institution, "k1", {"text": "a", "fail": how}))[0] == status
    assert service.app[COUNTER] == ["a", "a"]


@pytest.mark.parametrize("path", ["/test/writes", "/test/transient"])
async def test_an_answer_that_cannot_be_kept_is_given(
    service: RunningApp, database: TestDatabase, institution: TestInstitution, path: str
) -> None:
    """The database fails after the write: the answer, which may have been paid for, is not lost with its
    record; the same key is told that the first runs, until the lease ends."""
    async with database.superuser() as superuser:
        await superuser.execute(
            """
            CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'as injected' USING ERRCODE = '40P01'; END $$;
            CREATE TRIGGER fails BEFORE UPDATE ON idempotency FOR EACH ROW EXECUTE FUNCTION fails();
            """
        )
    first = await _post(service, institution, "k1", {"text": "a"}, path)
    assert (first[0], first[1]["text"]) == (201, "a")
    failed = [line for line in service.events() if line["event"] == "request.failed"]
    assert [(line["code"], line["sqlstate"]) for line in failed] == [("DATABASE_UNAVAILABLE", "40P01")]
    status, document, _ = await _post(service, institution, "k1", {"text": "a"}, path)
    assert (status, document["code"]) == (409, "IDEMPOTENCY_IN_FLIGHT")
    assert service.app[COUNTER] == ["a"]


async def test_a_transient_answer_is_not_kept_but_its_ids_are(
    service: RunningApp, database: TestDatabase, institution: TestInstitution
) -> None:
    """The replay of an answer with personal data is 410 with the ids; the database never held the body."""
    first = await _post(service, institution, "k1", {"text": CANARY}, "/test/transient")
    status, document, _ = await _post(service, institution, "k1", {"text": CANARY}, "/test/transient")
    assert first[0] == 201
    assert (status, document["code"]) == (410, "RESPONSE_NOT_KEPT")
    assert document["ids"] == {"registration_id": first[1]["registration_id"]}
    async with database.superuser() as superuser:
        row = await superuser.fetchrow("SELECT * FROM idempotency")
    assert row is not None
    assert row["body"] is None
    assert CANARY not in str(row)


async def test_a_kept_answer_is_sealed(
    service: RunningApp, database: TestDatabase, institution: TestInstitution
) -> None:
    """Even the superuser reads only ciphertext of a kept answer, and no key or fingerprint in the clear."""
    await _post(service, institution, "my-key", {"text": CANARY})
    async with database.superuser() as superuser:
        row = await superuser.fetchrow("SELECT * FROM idempotency")
    assert row is not None
    stored = b"".join(value for value in row.values() if isinstance(value, bytes))
    assert CANARY.encode() not in stored
    assert b"my-key" not in stored
    assert b"registration_id" not in stored


async def test_keys_are_bounded(service: RunningApp, institution: TestInstitution) -> None:
    """Empty, too long or not visible ASCII: 400."""
    for key in ("", "a" * 256, "a b", "ä"):
        status, document, _ = await _post(service, institution, key, {"text": "a"})
        assert (status, document["code"]) == (400, "IDEMPOTENCY_KEY_MALFORMED")
    assert service.app[COUNTER] == []


async def test_a_record_of_a_dead_server_is_taken_over_after_its_lease(
    service: RunningApp, database: TestDatabase, institution: TestInstitution
) -> None:
    """A record without an answer blocks its key for the lease, no longer; an answer ends after 24 h."""
    await _post(service, institution, "k1", {"text": "a"})
    async with database.superuser() as superuser:
        await superuser.execute("UPDATE idempotency SET status = NULL, body = NULL")
        assert (await _post(service, institution, "k1", {"text": "a"}))[0] == 409
        await superuser.execute(
            "UPDATE idempotency SET started_at = started_at - $1::interval", timedelta(hours=1)
        )
        assert (await _post(service, institution, "k1", {"text": "a"}))[0] == 201
        await superuser.execute(
            "UPDATE idempotency SET expires_at = expires_at - $1::interval", timedelta(hours=24)
        )
        assert (await _post(service, institution, "k1", {"text": "a"}))[2] is False
    assert service.app[COUNTER] == ["a", "a", "a"]
