"""Consents and the latest four items over HTTP: every outcome, every refusal."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from platform_api.sandbox.acts import Options
from platform_api.sandbox.app import make_app
from platform_api.sandbox.register import IssuedCertificate
from platform_api.sandbox.world import World
from revocation.clock import FixedClock
from tests.sandbox.consenting import EVERYTHING, application, signed, text
from tests.sandbox.worlds import DAY, NOW, copied_world, open_world

START = NOW - 4 * DAY
CREATED = "2026-11-18T11:59:00Z"


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """Day 0 was four days before the machine's now, which is as far as the clock can be played."""
    return copied_world(tmp_path_factory.mktemp("world"), START)


@pytest.fixture
async def client(world: World) -> AsyncIterator[TestClient[Any, Any]]:
    async with TestClient(TestServer(make_app(world))) as opened:
        yield opened


def _valid(world: World, which: int = 0) -> int:
    """A resident whose card stays valid and to whom nothing happens by itself in the played days."""
    register, _ = world.begun()
    found = [
        resident.number
        for resident in register.residents.values()
        if resident.number not in register.due
        and (certificate := resident.valid_certificate(NOW)) is not None
        and certificate.not_after > NOW + 200 * DAY
    ]
    return found[which]


async def _consent(
    client: TestClient[Any, Any], world: World, number: int, **fields: Any
) -> tuple[int, dict[str, Any]]:
    octets = application(created_at=CREATED, **fields)
    body = signed(world, number, octets, service_code=fields.get("service_code", "bank-accounts"))
    async with client.post("/jlis/v1/consents", json=body) as answer:
        return answer.status, await answer.json()


async def _ask(
    client: TestClient[Any, Any], world: World, asked: IssuedCertificate, **changes: Any
) -> dict[str, Any]:
    identity = world.life_log.identity(asked)
    identity.pop("partition")
    identity.pop("kind")
    body = {**identity, "service_code": "bank-accounts", "items": list(EVERYTHING), **changes}
    async with client.post("/jlis/v1/four-information:query", json=body) as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def test_a_consent_counts_from_the_next_day(client: TestClient[Any, Any], world: World) -> None:
    """Received and reflected now, valid from 00:00 JST of the next day for ten years, the items as signed."""
    number = _valid(world)
    status, answer = await _consent(client, world, number, items=("gender", "name"))
    assert status == 201
    assert answer == {
        "consent_ref": "c-00000001",
        "received_at": "2026-11-18T12:00:00Z",
        "reflected_at": "2026-11-18T12:00:00Z",
        "valid_from": "2026-11-18T15:00:00Z",
        "valid_until": "2036-11-18T14:59:59Z",
        "items": ["name", "gender"],
        "withdrawn_at": None,
    }
    assert (await _consent(client, world, number, items=("gender", "name"))) == (201, answer)
    status, answer = await _consent(client, world, number, items=("gender",))
    assert (status, answer["code"]) == (409, "APPLICATION_ID_REUSED")


async def test_each_outcome_of_the_query(client: TestClient[Any, Any], world: World) -> None:
    """From no consent over no newer information and no new certificate to data with the new serial."""
    number = _valid(world)
    resident = world.resident(f"r-{number:06d}")
    first = resident.certificates[-1]
    assert await _ask(client, world, first) == {"outcome": "CONSENT_MISSING"}
    await _consent(client, world, number)
    # Reflected today: it counts from tomorrow 00:00 JST.
    assert await _ask(client, world, first) == {"outcome": "CONSENT_NOT_YET_EFFECTIVE"}
    await asyncio.to_thread(world.play, START + DAY)
    register, _ = world.begun()
    register.due.pop(number, None)
    if resident.certificates[-1] is first and not first.revoked:
        assert await _ask(client, world, first) == {"outcome": "NO_NEWER_INFORMATION"}
        await asyncio.to_thread(world.act, "move", resident.resident_id, Options(1))
    assert await _ask(client, world, first) == {"outcome": "NO_NEW_CERTIFICATE"}
    await asyncio.to_thread(world.play, START + 3 * DAY)
    second = resident.certificates[-1]
    assert second is not first
    answer = await _ask(client, world, first)
    assert answer == {
        "outcome": "DATA",
        "items": second.items.as_json(),
        "certificate": {
            **world.life_log.identity(second),
            "not_before": f"{second.not_before:%Y-%m-%dT%H:%M:%SZ}",
            "not_after": f"{second.not_after:%Y-%m-%dT%H:%M:%SZ}",
            "kind": "card-sign",
        },
        "as_of": "2026-11-21T12:00:00Z",
    }
    assert answer["items"]["address"] != first.items.address
    assert await _ask(client, world, second) == {"outcome": "NO_NEWER_INFORMATION"}
    # The new certificate goes as well: nothing is provided until another one exists.
    await asyncio.to_thread(world.act, "strike", resident.resident_id, Options())
    assert await _ask(client, world, first) == {"outcome": "NO_NEW_CERTIFICATE"}


async def test_only_asked_and_consented_items_come(client: TestClient[Any, Any], world: World) -> None:
    """Asked ∩ consented, per service and person; a consent to one service opens no other."""
    number, other = _valid(world), _valid(world, 1)
    first = world.resident(f"r-{number:06d}").certificates[-1]
    await _consent(client, world, number, items=("name", "gender"))
    await asyncio.to_thread(world.act, "rename", f"r-{number:06d}", Options())
    await asyncio.to_thread(world.act, "rename", f"r-{other:06d}", Options())
    await asyncio.to_thread(world.play, START + DAY)
    answer = await _ask(client, world, first)
    assert sorted({*answer["items"], "name_furigana"}) == [
        "gender",
        "name",
        "name_furigana",
        "name_substitute_characters",
    ]
    answer = await _ask(client, world, first, items=["gender", "address"])
    assert sorted(answer["items"]) == ["gender"]
    missing = {"outcome": "CONSENT_MISSING"}
    assert await _ask(client, world, first, items=["address"]) == {"outcome": "ITEM_NOT_CONSENTED"}
    assert await _ask(client, world, first, service_code="insurance") == missing
    theirs = world.resident(f"r-{other:06d}").certificates[-2]
    assert await _ask(client, world, theirs) == missing


async def test_an_unknown_certificate_is_unknown(client: TestClient[Any, Any], world: World) -> None:
    """A number never issued, another CA, the other generation's key: unknown, in either case of hex."""
    first = world.resident(f"r-{_valid(world):06d}").certificates[-1]
    other = world.authority.generation(3 - first.generation).key_id
    unknown = {"outcome": "CERTIFICATE_UNKNOWN"}
    for changes in ({"serial_number": "ffffffff"}, {"ca_id": "card-auth"}, {"issuer_key": other}):
        assert await _ask(client, world, first, **changes) == unknown
    spelled = {"serial_number": f"00{first.serial:X}"}
    assert (await _ask(client, world, first, **spelled))["outcome"] == "CONSENT_MISSING"


async def test_a_consent_survives_a_restart(client: TestClient[Any, Any], world: World) -> None:
    """The journal keeps it: after a restart the same consent counts, and its application is known."""
    number = _valid(world)
    first = world.resident(f"r-{number:06d}").certificates[-1]
    _, given = await _consent(client, world, number)
    await asyncio.to_thread(world.act, "move", f"r-{number:06d}", Options())
    await asyncio.to_thread(world.play, START + DAY)
    before = await _ask(client, world, first)
    assert before["outcome"] == "DATA"
    folder = world.publications._folder.parent
    world.close()
    again = await asyncio.to_thread(open_world, folder, clock=FixedClock(NOW))
    async with TestClient(TestServer(make_app(again))) as reopened:
        assert await _ask(reopened, again, first) == before
    known = again.consents.deciding(number, "bank-accounts", again.clock.now())
    assert known is not None
    assert known.answer(again.clock.now()) == given


async def test_what_is_wrong_with_a_consent_is_said(client: TestClient[Any, Any], world: World) -> None:
    """Foreign certificate, wrong signature, revoked card, wrong service, bad XML or items: each its code."""
    number = _valid(world)
    mine = world.maker.key_of(world.resident(f"r-{number:06d}").certificates[-1])
    # Cards share a pool of keys: the other one has to hold another key.
    other = next(
        found
        for found in (_valid(world, which) for which in range(1, 20))
        if world.maker.key_of(world.resident(f"r-{found:06d}").certificates[-1]) is not mine
    )
    good = application(created_at=CREATED)
    body = signed(world, number, good)
    cases: list[tuple[dict[str, Any], str]] = [
        ({"signature": text(b"x" * 256)}, "SIGNATURE_INVALID"),
        ({"application": text(good + b" ")}, "SIGNATURE_INVALID"),
        ({"certificate": signed(world, other, good)["certificate"]}, "SIGNATURE_INVALID"),
        ({"certificate": text(b"no certificate")}, "CERTIFICATE_MALFORMED"),
        ({"certificate": _altered(body["certificate"])}, "CERTIFICATE_UNKNOWN"),
        ({"service_code": "another"}, "SERVICE_CODE_MISMATCH"),
        ({"signature": "???"}, "REQUEST_MALFORMED"),
        ({"signature_algorithm": "none"}, "REQUEST_MALFORMED"),
        ({"surplus": 1}, "REQUEST_MALFORMED"),
    ]
    malformed = {
        application(created_at=CREATED, items=()): "ITEMS_INVALID",
        application(created_at=CREATED, items=("name", "name")): "ITEMS_INVALID",
        application(created_at=CREATED, items=("income",)): "ITEMS_INVALID",
        application(created_at=CREATED, version="2"): "APPLICATION_MALFORMED",
        application(created_at="yesterday"): "APPLICATION_MALFORMED",
        application(created_at="2026-11-18T12:05:01Z"): "CREATED_AT_IN_FUTURE",
        application(created_at=CREATED, application_id=""): "APPLICATION_MALFORMED",
        b"<a/>": "APPLICATION_MALFORMED",
        b"no xml": "APPLICATION_MALFORMED",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>': "APPLICATION_MALFORMED",
        good.replace("</文面版>".encode(), "</文面版><x/>".encode()): "APPLICATION_MALFORMED",
        good.replace("<版>1.0</版>".encode(), "<版>1.0</版><版>1.0</版>".encode()): "APPLICATION_MALFORMED",
    }
    for octets, code in malformed.items():
        cases.append((signed(world, number, octets), code))
    for changes, code in cases:
        async with client.post("/jlis/v1/consents", json={**body, **changes}) as answer:
            found = await answer.json()
            assert 400 <= answer.status < 500
            assert found["code"] == code, (code, found)
    await asyncio.to_thread(world.act, "lose", f"r-{number:06d}", Options())
    async with client.post("/jlis/v1/consents", json=body) as answer:
        assert (answer.status, (await answer.json())["code"]) == (422, "CERTIFICATE_REVOKED")


def _altered(encoded: str) -> str:
    """The same certificate with its last signature octet changed."""
    der = base64.b64decode(encoded)
    return text(der[:-1] + bytes((der[-1] ^ 1,)))


async def test_an_expired_certificate_signs_no_consent(tmp_path_factory: pytest.TempPathFactory) -> None:
    """After its last day a card signs nothing that J-LIS accepts."""
    base = FixedClock(NOW)
    world = await asyncio.to_thread(open_world, tmp_path_factory.mktemp("expired"), clock=base)
    await asyncio.to_thread(world.play, NOW)
    number = _valid(world)
    body = signed(world, number, application())
    base.set(world.resident(f"r-{number:06d}").certificates[-1].not_after + timedelta(seconds=1))
    async with (
        TestClient(TestServer(make_app(world))) as client,
        client.post("/jlis/v1/consents", json=body) as answer,
    ):
        assert (answer.status, (await answer.json())["code"]) == (422, "CERTIFICATE_EXPIRED")
