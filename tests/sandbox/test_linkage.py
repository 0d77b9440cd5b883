"""Linkage over HTTP: agreement first, then which other certificate is in force."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp.test_utils import TestClient, TestServer

from platform_api.sandbox.acts import Options
from platform_api.sandbox.app import make_app
from platform_api.sandbox.linkage import RELATIONS
from platform_api.sandbox.register import IssuedCertificate
from platform_api.sandbox.world import World
from tests.sandbox.test_consents import holders, post


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
