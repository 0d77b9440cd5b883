"""/v1/test/…: fictional people over the service's API, before a real sandbox; absent in live mode."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from platform_api.config import Settings
from platform_api.keys import SETTINGS
from platform_api.routes import SANDBOX_ONLY, all_operations
from platform_api.sandbox.app import make_app
from platform_api.sandbox.known import events_by_hand
from platform_api.sandbox.world import World as SandboxWorld
from platform_api.test_people import context
from platform_api.test_people.context import PEOPLE
from platform_api.test_people.sandbox import SandboxPeople
from tests.base.postgres import TestDatabase, TestInstitution, make_institution
from tests.features.gateways import FakeJlis
from tests.features.service import Service, serving
from tests.features.world import World
from tests.sandbox.consenting import application, signed, text
from tests.sandbox.test_consents import holders
from tests.sandbox.worlds import DAY, NOW, OPENED, copied_world

START = NOW - 4 * DAY


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[SandboxWorld]:
    world = await asyncio.to_thread(copied_world, tmp_path / "sandbox", START)
    yield world
    OPENED.remove(world)
    world.close()


@pytest.fixture
async def service(world: World, jlis: FakeJlis, sandbox: SandboxWorld) -> AsyncIterator[Service]:
    """The service with a sandbox that listens."""
    await world.day()
    async with TestServer(make_app(sandbox)) as server, ClientSession() as session:
        people = SandboxPeople(session, str(server.make_url("")))
        async with serving(world, jlis, state={PEOPLE: people}) as running:
            yield running


def somebody(sandbox: SandboxWorld) -> str:
    return f"r-{holders(sandbox)[0]:06d}"


async def test_people_are_found_and_shown(
    service: Service, institution: TestInstitution, sandbox: SandboxWorld
) -> None:
    """By condition in the query, by name in the body only; page by page; all that J-LIS knows of one."""
    page = await service.call(institution, "GET", "/v1/test/people?kind=card-sign&limit=2")
    assert len(page["people"]) == 2
    rest = await service.call(institution, "GET", f"/v1/test/people?kind=card-sign&after={page['next']}")
    assert rest["people"][0]["person_id"] > page["people"][1]["person_id"]
    one = page["people"][1]
    found = await service.call(
        institution, "POST", "/v1/test/people:search", {"name": one["name"], "limit": 100}
    )
    assert one in found["people"]
    assert {row["name"] for row in found["people"]} == {one["name"]}
    shown = await service.call(institution, "GET", f"/v1/test/people/{one['person_id']}")
    assert {name: shown[name] for name in one} == one
    assert shown["items"]["address"] == one["address"]
    assert "card-sign" in {row["kind"] for row in shown["certificates"] if row["status"] == "GOOD"}
    await service.call(institution, "GET", "/v1/test/people?name=x", expect=422)
    await service.call(institution, "GET", "/v1/test/people/r-999999", expect=404)
    await service.call(institution, "GET", "/v1/test/people/nobody", expect=404)
    refused = await service.call(institution, "GET", "/v1/test/people?has=money", expect=422)
    assert refused["code"] == "SANDBOX_REQUEST_MALFORMED"
    assert sandbox.day == 0


async def test_lives_are_driven(
    service: Service, institution: TestInstitution, sandbox: SandboxWorld
) -> None:
    """A move ends and issues a certificate, once per Idempotency-Key; what cannot be is refused."""
    person = somebody(sandbox)
    first = sandbox.resident(person).certificates[-1]
    key = {"Idempotency-Key": "move-1"}
    told = await service.call(institution, "POST", f"/v1/test/people/{person}:move", {}, headers=key)
    assert [row["serial_number"] for row in told["revoked"]][:1] == [f"{first.serial:x}"]
    second = sandbox.resident(person).certificates[-1]
    assert f"{second.serial:x}" in [row["serial_number"] for row in told["issued"]]
    again = await service.call(institution, "POST", f"/v1/test/people/{person}:move", {}, headers=key)
    assert (again, sandbox.resident(person).certificates[-1]) == (told, second)
    # No item of anybody in the answer of an act: it is kept for its replay.
    assert "address" not in str(told)
    body: dict[str, Any] = {"reissue": "never"}
    await service.call(institution, "POST", f"/v1/test/people/{person}:strike", body)
    refused = await service.call(institution, "POST", f"/v1/test/people/{person}:lose", {}, expect=409)
    assert refused["code"] == "SANDBOX_STRUCK"
    for event in ("die", "Move", "consents:withdraw", "x" * 41):
        await service.call(institution, "POST", f"/v1/test/people/{person}:{event}", {}, expect=404)
    for bad in ({"service_code": "s"}, {"reissue": 0}, {"municipality_code": "x"}, {"more": 1}):
        await service.call(institution, "POST", f"/v1/test/people/{person}:move", bad, expect=422)
    assert {"move", "rename", "renew", "lose", "hold", "stop", "strike"} <= set(events_by_hand())


async def test_a_consent_is_withdrawn_by_j_lis_own_way(
    service: Service, institution: TestInstitution, sandbox: SandboxWorld
) -> None:
    """withdraw_consent needs the service's code; J-LIS knows at once."""
    number = holders(sandbox)[0]
    person = somebody(sandbox)
    path = f"/v1/test/people/{person}:withdraw_consent"
    octets = application(created_at="2026-11-18T11:59:00Z")
    people = service.client.app[PEOPLE]  # type: ignore[attr-defined]
    async with people._session.post(
        people._base.replace("/sandbox/v1", "/jlis/v1/consents"), json=signed(sandbox, number, octets)
    ) as answer:
        assert answer.status == 201
    await service.call(institution, "POST", path, {}, expect=422)
    await service.call(institution, "POST", path, {"service_code": "bank-accounts"})
    shown = await service.call(institution, "GET", f"/v1/test/people/{person}")
    assert [one["standing"] for one in shown["consents"]] == ["withdrawn"]
    refused = await service.call(institution, "POST", path, {"service_code": "bank-accounts"}, expect=409)
    assert refused["code"] == "SANDBOX_NO_CONSENT"


async def test_cards_sign(service: Service, institution: TestInstitution, sandbox: SandboxWorld) -> None:
    """The card signs what it is given; a card that is lost does not."""
    person = somebody(sandbox)
    path = f"/v1/test/people/{person}/card:sign"
    told = await service.call(institution, "POST", path, {"data": "aGVsbG8="})
    key = x509.load_der_x509_certificate(base64.b64decode(told["certificate"])).public_key()
    assert isinstance(key, RSAPublicKey)
    key.verify(base64.b64decode(told["signature"]), b"hello", PKCS1v15(), SHA256())
    told = await service.call(institution, "POST", path, {"data": "aGVsbG8=", "kind": "card-auth"})
    assert told["certificate"] == text(sandbox.maker.der(sandbox.resident(person).of_kind("card-auth")[-1]))
    await service.call(institution, "POST", f"/v1/test/people/{person}:lose", {})
    refused = await service.call(institution, "POST", path, {"data": "aGVsbG8="}, expect=409)
    assert refused["code"] == "SANDBOX_NO_VALID_CARD"
    await service.call(institution, "POST", path, {"data": "%"}, expect=422)


async def test_the_clock_is_played(
    service: Service, institution: TestInstitution, sandbox: SandboxWorld
) -> None:
    """Day by day until a moment, or so many days; never ahead of real time, never back, 31 days at most."""
    told = await service.call(institution, "GET", "/v1/test/clock")
    assert (told["now"], told["day"]) == ("2026-11-18T12:00:00Z", 0)
    told = await service.call(institution, "POST", "/v1/test/days:play", {"days": 2})
    assert (told["published_at"], told["day"]) == ("2026-11-20T12:00:00Z", 2)
    told = await service.call(institution, "POST", "/v1/test/clock", {"to": "2026-11-22T03:00:00+09:00"})
    assert (told["now"], told["day"]) == ("2026-11-21T18:00:00Z", 4)
    for to, status in (
        ("2026-11-20T00:00:00Z", 409),
        ("2026-11-23T00:00:00Z", 409),
        ("2027-01-01T00:00:00Z", 422),
        ("2026-11-22T00:00:00", 422),
    ):
        await service.call(institution, "POST", "/v1/test/clock", {"to": to}, expect=status)
    assert sandbox.clock.now() >= NOW - timedelta(hours=18)


async def test_without_permission_nobody_plays(
    service: Service, database: TestDatabase, world: World, jlis: FakeJlis
) -> None:
    """A key without the scope is refused; without a sandbox, or with one that is away, 503 says so."""
    poor = await make_institution(database, name="Poor Bank", scopes=frozenset({"status:check"}))
    await service.call(poor, "GET", "/v1/test/clock", expect=403)
    await service.call(None, "GET", "/v1/test/clock", expect=401)
    rich = await make_institution(database, name="Rich Bank")
    async with serving(world, jlis) as alone:
        refused = await alone.call(rich, "GET", "/v1/test/clock", expect=503)
        assert refused["code"] == "SANDBOX_NOT_SET"
    async with ClientSession() as session:
        away = SandboxPeople(session, "http://127.0.0.1:9")
        async with serving(world, jlis, state={PEOPLE: away}) as lost:
            refused = await lost.call(rich, "GET", "/v1/test/clock", expect=503)
            assert refused["code"] == "SANDBOX_UNREACHABLE"


async def test_in_live_mode_there_are_no_such_routes(world: World) -> None:
    """Not mounted: the router of a live server knows none of them, whatever the key."""
    await world.day()
    operations = [op for op in all_operations() if op.path.startswith(SANDBOX_ONLY)]
    assert len(operations) >= 8
    async with serving(world, mode="live") as live:
        app = live.client.app
        assert app is not None
        mounted = {resource.canonical for resource in app.router.resources()}
        assert not any(path.startswith(SANDBOX_ONLY) for path in mounted)
        await live.call(None, "GET", "/v1/test/clock", expect=404)


@pytest.mark.parametrize(
    ("mode", "url", "there"),
    [("sandbox", "http://127.0.0.1:9", True), ("sandbox", None, False), ("live", None, False)],
)
async def test_the_way_to_the_sandbox_is_opened_in_sandbox_mode_only(
    mode: Literal["sandbox", "live"], url: str | None, there: bool
) -> None:
    """With an address of one; a live server never has it, and what was opened is closed."""
    app = web.Application()
    app[SETTINGS] = await asyncio.to_thread(lambda: Settings(mode=mode, sandbox_url=url))
    app.cleanup_ctx.append(context.test_people)
    runner = web.AppRunner(app)
    await runner.setup()
    assert (PEOPLE in app) is there
    await runner.cleanup()
    if there:
        assert app[PEOPLE]._session.closed
