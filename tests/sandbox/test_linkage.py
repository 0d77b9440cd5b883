"""Linkage over HTTP: agreement first, then which other certificate is in force."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from platform_api.sandbox.acts import Options
from platform_api.sandbox.app import make_app
from platform_api.sandbox.dates import wire
from platform_api.sandbox.keys import Algorithm
from platform_api.sandbox.kinds import ALL
from platform_api.sandbox.known import items_now, newest_valid
from platform_api.sandbox.linkage import RELATIONS
from platform_api.sandbox.register import IssuedCertificate
from platform_api.sandbox.settings import Chosen
from platform_api.sandbox.world import World
from revocation.clock import FixedClock
from tests.sandbox.consenting import application, signed
from tests.sandbox.test_consents import give, holders, post
from tests.sandbox.test_false_answers import query
from tests.sandbox.worlds import DAY, NOW, OPENED


async def ask(
    client: TestClient[Any, Any],
    world: World,
    asked: IssuedCertificate,
    relation: str = "successor",
    **changes: Any,
) -> dict[str, Any]:
    identity = world.life_log.identity(asked)
    body = {
        **{name: identity[name] for name in ("ca_id", "issuer_key", "serial_number")},
        "service_code": "bank-accounts",
        "relation": relation,
        "customer_agreed": True,
        **changes,
    }
    return (await post(client, "/jlis/v1/linkage:query", body))[1]


async def test_the_successor_is_the_newest_in_force(fresh: World) -> None:
    """None while the certificate is in force; the new one after a move; none when that one is revoked too."""
    resident = fresh.resident(f"r-{holders(fresh)[0]:06d}")
    first = resident.certificates[-1]
    async with TestClient(TestServer(make_app(fresh))) as client:
        assert (await ask(client, fresh, first))["outcome"] == "NONE"
        await asyncio.to_thread(fresh.act, "move", resident.resident_id, Options())
        await asyncio.to_thread(fresh.act, "rename", resident.resident_id, Options())
        newest = resident.certificates[-1]
        found = await ask(client, fresh, first)
        assert found["outcome"] == "LINKED"
        assert found["certificate"]["serial_number"] == f"{newest.serial:x}"
        assert found["certificate"]["kind"] == "card-sign"
        assert (await ask(client, fresh, newest))["outcome"] == "NONE"
        await asyncio.to_thread(fresh.act, "lose", resident.resident_id, Options())
        assert (await ask(client, fresh, first))["outcome"] == "NONE"


async def test_nothing_is_looked_up_without_agreement(fresh: World) -> None:
    """Not agreed comes before unknown: the answer tells nothing about the number."""
    first = fresh.resident(f"r-{holders(fresh)[0]:06d}").certificates[-1]
    async with TestClient(TestServer(make_app(fresh))) as client:
        for relation in RELATIONS:
            for number in (f"{first.serial:x}", "ffffffff"):
                changes = {"customer_agreed": False, "serial_number": number}
                assert await ask(client, fresh, first, relation, **changes) == {"outcome": "NOT_AGREED"}
            unknown = await ask(client, fresh, first, relation, serial_number="ffffffff")
            assert unknown == {"outcome": "CERTIFICATE_UNKNOWN"}


def with_phone(world: World) -> str:
    """Somebody with all four certificates in force, who is in no hurry to get others."""
    register, _ = world.begun()
    now = world.clock.now()
    return next(
        resident.resident_id
        for resident in register.residents.values()
        if resident.number not in register.due and all(newest_valid(resident, kind, now) for kind in ALL)
    )


async def test_each_kind_leads_to_the_others(fresh: World) -> None:
    """Card and phone, signing and authentication: the newest in force of the same person; none of itself."""
    resident = fresh.resident(with_phone(fresh))
    now = fresh.clock.now()
    newest = {kind: newest_valid(resident, kind, now) for kind in ALL}
    async with TestClient(TestServer(make_app(fresh))) as client:
        for own, asked in newest.items():
            assert asked is not None
            device = own.partition("-")[0]
            for relation, kind in (
                ("card", "card-sign"),
                ("mobile", "mobile-sign"),
                ("authentication", f"{device}-auth"),
            ):
                found = await ask(client, fresh, asked, relation)
                expected = newest[kind]
                assert expected is not None
                if expected is asked:
                    assert found["outcome"] == "NONE"
                else:
                    assert found["outcome"] == "LINKED", (own, relation)
                    assert found["certificate"]["serial_number"] == f"{expected.serial:x}"
                    assert (found["certificate"]["ca_id"], found["certificate"]["kind"]) == (
                        expected.ca_id,
                        kind,
                    )


async def test_who_moves_with_a_phone_is_followed_by_the_card(fresh: World) -> None:
    """The phone's signing certificate ended with the card's: its successor is the card's new one, and so the
    items; an authentication certificate opens no items and has no successor while it is in force."""
    resident = fresh.resident(with_phone(fresh))
    now = fresh.clock.now()
    phone = newest_valid(resident, "mobile-sign", now)
    card_auth = newest_valid(resident, "card-auth", now)
    assert phone is not None
    assert card_auth is not None
    async with TestClient(TestServer(make_app(fresh))) as client:
        created_at = wire(now.replace(microsecond=0))
        assert (await give(client, fresh, resident.number, created_at=created_at))[0] == 201
        consent = fresh.consents.of(resident.number)[0]
        consent.valid_from = now
        await asyncio.to_thread(fresh.act, "move", resident.resident_id, Options())
        card = resident.certificates[-1]
        found = await ask(client, fresh, phone)
        assert found["certificate"]["serial_number"] == f"{card.serial:x}"
        assert (await ask(client, fresh, card_auth))["outcome"] == "NONE"
        answer = await query(client, fresh, phone)
        assert (answer["outcome"], answer["certificate"]["kind"]) == ("DATA", "card-sign")
        assert answer["items"]["address"] == items_now(fresh, resident).address
        assert await query(client, fresh, card_auth) == {"outcome": "CERTIFICATE_UNKNOWN"}


async def test_a_p384_card_consents_with_sha_384(tmp_path: Path) -> None:
    """The next card: ECDSA-SHA384 over the application; SHA-256 with this key is no signature of it."""
    world = await asyncio.to_thread(
        World.open, tmp_path, Chosen(residents=40, card_algorithm=Algorithm.P384), base=FixedClock(NOW)
    )
    OPENED.append(world)
    await asyncio.to_thread(world.play, NOW - DAY)
    register, _ = world.begun()
    number = next(
        one.number
        for one in register.residents.values()
        if (found := one.valid_certificate(world.clock.now()))
        and world.authorities["card-sign"].generation(found.generation).algorithm is Algorithm.P384
    )
    octets = application(created_at=wire(world.clock.now()))
    body = signed(world, number, octets)
    assert body["signature_algorithm"] == "ECDSA-SHA384"
    async with TestClient(TestServer(make_app(world))) as client:
        for algorithm in ("ECDSA-SHA256", "RSASSA-PKCS1-v1_5-SHA256"):
            status, refused = await post(
                client, "/jlis/v1/consents", {**body, "signature_algorithm": algorithm}
            )
            assert (status, refused["code"]) == (422, "SIGNATURE_INVALID")
        assert (await post(client, "/jlis/v1/consents", body))[0] == 201
