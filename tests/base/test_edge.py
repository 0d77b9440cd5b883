"""The edge: every refusal is problem+json with a request id, and nothing of the input comes back."""

from __future__ import annotations

import asyncio
import errno
import re
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import pytest

from platform_api.db.failures import CONNECTION_LOST
from platform_api.failures_told import problem_of
from tests.base import sample_operations
from tests.base.application import RunningApp, running, settings_for
from tests.base.eventually import HANG_S
from tests.base.postgres import TestDatabase, TestInstitution, make_institution

CANARY = "山田太郎一郎丸"


@pytest.fixture
async def service(database: TestDatabase, tmp_path: Path) -> AsyncIterator[RunningApp]:
    """The application with the sample operations; a stalled body is given half a second."""
    async with running(
        await settings_for(database, tmp_path, body_timeout_s=0.5), sample_operations
    ) as started:
        yield started


async def _problem(response: aiohttp.ClientResponse, status: int, code: str) -> dict[str, object]:
    assert response.status == status, await response.text()
    assert response.content_type == "application/problem+json"
    document: dict[str, object] = await response.json()
    assert document["code"] == code
    assert document["status"] == status
    assert document["request_id"] == response.headers["X-Request-Id"]
    assert response.headers["Server"] == "jpki-status"  # no versions
    return document


async def test_unknown_address_and_method_are_problems(service: RunningApp) -> None:
    """404 and 405 have the one shape too, and 405 says what is allowed."""
    await _problem(await service.client.get(f"/v1/{CANARY}?q={CANARY}"), 404, "NOT_FOUND")
    response = await service.client.delete("/healthz")
    await _problem(response, 405, "METHOD_NOT_ALLOWED")
    assert "GET" in response.headers["Allow"]
    assert (await service.client.head("/healthz")).status == 200


async def test_detail_follows_accept_language(service: RunningApp) -> None:
    """The same problem reads Japanese or English; a broken header is English."""
    for header, word in (
        ("ja-JP,en;q=0.5", "ありません"),
        ("en", "nothing"),
        (";;q=x,,", "nothing"),
        ("en;q=0.2, ja;q=0.9", "ありません"),
        ("ja;q=0", "nothing"),
    ):
        response = await service.client.get("/nothing", headers={"Accept-Language": header})
        assert word in (await response.json())["detail"]


async def test_validation_names_places_and_never_values(service: RunningApp) -> None:
    """A body that is not as declared gives pointers and codes; neither values nor the caller's own field
    names.
    """
    bodies = [
        {"name": CANARY * 20},
        {"name": CANARY, "purpose": CANARY},
        {"name": CANARY, "number": CANARY},
        {"name": CANARY, "id": CANARY},
        {"name": CANARY, CANARY: 1},
        {"name": CANARY, "inner": {"day": CANARY}},
        {"name": CANARY, "inner": {CANARY: {CANARY: 1}}},
        {"number": "1", "name": CANARY},
        [CANARY],
        CANARY,
    ]
    for body in bodies:
        response = await service.client.post("/test/echo", json=body)
        document = await _problem(response, 422, "VALIDATION_FAILED")
        assert document["errors"]
        assert CANARY not in await response.text()
        assert CANARY.encode().hex() not in await response.text()
        assert re.search(r"\\u[0-9a-f]{4}", await response.text()) is None
    response = await service.client.post("/test/echo", json={"name": "a", "inner": {"day": "x"}})
    assert (await response.json())["errors"][0]["pointer"] == "/inner/day"


async def test_what_is_not_json_is_refused(service: RunningApp) -> None:
    """No JSON, not UTF-8, nothing, another media type, an encoding: each with its own code."""
    headers = {"Content-Type": "application/json"}
    for octets in (b"", b"{", b'{"name": "\xff"}', b"nonsense", b"[" * 900):
        response = await service.client.post("/test/echo", data=octets, headers=headers)
        await _problem(response, 400, "JSON_MALFORMED")
    await _problem(await service.client.post("/test/echo", data=b"name=a"), 415, "MEDIA_TYPE_NOT_JSON")
    headers["Content-Encoding"] = "gzip"
    response = await service.client.post("/test/echo", data=b"x", headers=headers)
    assert response.status in (400, 415)


async def test_a_large_body_is_refused_with_and_without_a_length(service: RunningApp) -> None:
    """Above the operation's limit: 413 and the connection closes, whether the length was announced or not."""
    headers = {"Content-Type": "application/json"}

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"a" * 100

    for data in (b"a" * 2000, chunks()):
        response = await service.client.post("/test/echo", data=data, headers=headers)
        await _problem(response, 413, "BODY_TOO_LARGE")
        assert response.headers["Connection"] == "close"


async def test_a_stalled_body_ends_in_408(service: RunningApp) -> None:
    """A body that does not arrive is given up; the connection is not held for ever."""
    port = service.client.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST /test/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 50\r\n\r\n{"
    )
    async with asyncio.timeout(HANG_S):
        answer = await reader.readuntil(b"\r\n\r\n")
        answer += await reader.read(1000)
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"BODY_TOO_SLOW" in answer


async def test_query_is_strict(service: RunningApp, institution: TestInstitution) -> None:
    """Parameters are converted, bounded, and refused when twice, unknown or not expected."""
    headers = institution.headers
    response = await service.client.get("/test/pages?after=7&wait=1", headers=headers)
    assert await response.json() == {"after": 7, "wait": 1}
    for query in ("after=-1", f"after={CANARY}", "wait=61", f"{CANARY}=1"):
        response = await service.client.get(f"/test/pages?{query}", headers=headers)
        await _problem(response, 422, "VALIDATION_FAILED")
        assert CANARY not in await response.text()
    response = await service.client.get("/test/pages?after=1&after=2", headers=headers)
    await _problem(response, 400, "QUERY_REFUSED")
    await _problem(await service.client.get("/healthz?a=1"), 400, "QUERY_REFUSED")


async def test_ids_in_paths_that_name_nothing_are_404(service: RunningApp) -> None:
    """A malformed id or reference is not found, like one of somebody else."""
    good = uuid4()
    assert (await service.client.get(f"/test/things/{good}/a-b_1")).status == 200
    for path in (f"x/{good}", f"{good}/{'a' * 65}", f"{good}/ä", f"{str(good).upper()}/a", f"{good}0/a"):
        await _problem(await service.client.get(f"/test/things/{path}"), 404, "NOT_FOUND")


async def test_api_keys_are_asked_for_and_judged(
    service: RunningApp, database: TestDatabase, institution: TestInstitution
) -> None:
    """Missing, mistyped, cut, unknown, of another scheme: 401 with one code; without the scope: 403."""
    key = institution.api_key
    unknown = (await make_institution(database)).api_key
    async with database.superuser() as superuser:
        await superuser.execute("DELETE FROM api_key WHERE institution_id <> $1", institution.institution_id)
    for header in (
        None,
        "",
        "Bearer",
        f"Bearer {key[:-1]}",
        f"Bearer {key}x",
        f"Basic {key}",
        f"Bearer {unknown}",
        f"Bearer {key.swapcase()}",
        f"Bearer {CANARY}",
    ):
        headers = {} if header is None else {"Authorization": header.encode().decode("latin-1")}
        response = await service.client.get("/test/pages", headers=headers)
        await _problem(response, 401, "API_KEY_REFUSED")
        assert response.headers["WWW-Authenticate"] == "Bearer"
    assert (await service.client.get("/test/pages", headers=institution.headers)).status == 200
    narrow = await make_institution(database, scopes=frozenset({"status:check"}))
    await _problem(await service.client.get("/test/pages", headers=narrow.headers), 403, "NOT_PERMITTED")


async def test_a_key_ends_when_revoked_or_expired_or_out_of_contract(
    service: RunningApp, database: TestDatabase, institution: TestInstitution
) -> None:
    """The next request after the end of a key or of a contract is refused."""
    changes = (
        ("UPDATE api_key SET expires_at = '2026-01-02Z'", "UPDATE api_key SET expires_at = NULL", 401),
        (
            "UPDATE institution SET contract_from = '2999-01-01Z'",
            "UPDATE institution SET contract_from = '2026-01-01Z'",
            403,
        ),
        ("UPDATE api_key SET revoked_at = '2026-01-02Z'", "SELECT 1", 401),
    )
    async with database.superuser() as superuser:
        for before, after, status in changes:
            assert (await service.client.get("/test/pages", headers=institution.headers)).status == 200
            await superuser.execute(before)
            assert (await service.client.get("/test/pages", headers=institution.headers)).status == status
            await superuser.execute(after)


async def test_a_live_server_refuses_test_keys(
    database: TestDatabase, tmp_path: Path, institution: TestInstitution
) -> None:
    """Live and sandbox are separate deployments, in both directions."""
    from platform_api.institutions.model import Mode

    live = await make_institution(database, mode=Mode.LIVE)
    async with running(await settings_for(database, tmp_path, mode="live"), sample_operations) as service:
        response = await service.client.get("/test/pages", headers=institution.headers)
        await _problem(response, 401, "API_KEY_OF_OTHER_MODE")
        assert (await service.client.get("/test/pages", headers=live.headers)).status == 200
    async with running(await settings_for(database, tmp_path), sample_operations) as service:
        response = await service.client.get("/test/pages", headers=live.headers)
        await _problem(response, 401, "API_KEY_OF_OTHER_MODE")


async def test_a_key_in_an_address_is_burnt(service: RunningApp, institution: TestInstitution) -> None:
    """An API key in a URL is refused and revoked: it stands in somebody's access log by now."""
    assert (await service.client.get("/test/pages", headers=institution.headers)).status == 200
    response = await service.client.get(f"/test/pages?key={institution.api_key}")
    await _problem(response, 400, "API_KEY_IN_ADDRESS")
    await _problem(
        await service.client.get("/test/pages", headers=institution.headers), 401, "API_KEY_REFUSED"
    )


async def test_one_log_line_and_one_count_per_request_by_route_template(service: RunningApp) -> None:
    """Logs and metrics name the route, never the path."""
    await service.client.get(f"/test/things/{uuid4()}/secret-ref")
    await service.client.get("/secret-path")
    done = [event for event in service.events() if event["event"] == "request.done"]
    assert [event["route"] for event in done] == ["/test/things/{thing_id}/{thing_ref}", "/{unknown}"]
    metrics = await (await service.client.get("/metrics")).text()
    assert 'route="/test/things/{thing_id}/{thing_ref}",status="200"} 1.0' in metrics
    assert "secret" not in metrics + service.log.getvalue()
    assert service.dropped.count == 0


async def test_health_is_alive_and_readiness_says_why_not(service: RunningApp) -> None:
    """Without a set the service lives but is not ready."""
    assert (await (await service.client.get("/healthz")).json())["status"] == "alive"
    response = await service.client.get("/readyz")
    assert response.status == 503
    assert (await response.json())["reasons"] == ["NO_SNAPSHOT"]


async def test_a_database_that_is_away_is_503(
    service: RunningApp, database: TestDatabase, institution: TestInstitution
) -> None:
    """With the database refusing connections: 503 with Retry-After, and readiness says so; then it
    recovers.
    """
    async with database.superuser("postgres") as superuser:
        await superuser.execute(f'ALTER DATABASE "{database.name}" WITH ALLOW_CONNECTIONS false')
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'jpki_app'"
            " AND datname = $1",
            database.name,
        )
        response = await service.client.get("/test/pages", headers=institution.headers)
        await _problem(response, 503, "DATABASE_UNAVAILABLE")
        assert response.headers["Retry-After"]
        assert "DATABASE_UNREACHABLE" in (await (await service.client.get("/readyz")).json())["reasons"]
        await superuser.execute(f'ALTER DATABASE "{database.name}" WITH ALLOW_CONNECTIONS true')
    assert (await service.client.get("/test/pages", headers=institution.headers)).status == 200


@pytest.mark.parametrize("lost", CONNECTION_LOST, ids=lambda kind: str(kind.__name__))
def test_however_asyncpg_calls_a_lost_server(lost: type[Exception]) -> None:
    """Each class asyncpg has for a server that goes away is the same 503; a full disk of ours is not."""
    assert (problem_of(lost("gone")).status, problem_of(lost("gone")).code) == (503, "DATABASE_UNAVAILABLE")
    assert problem_of(OSError(errno.ENOSPC, "full")).status == 500
