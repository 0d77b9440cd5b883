"""Cards and phones over HTTP, the settings of the CAs over a restart, and what the service makes of them."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA384

from platform_api.config import Settings
from platform_api.jlis.http import HttpGateway
from platform_api.jlis.settings import GatewaySettings
from platform_api.provisioning import prepare
from platform_api.sandbox.app import make_app
from platform_api.sandbox.keys import Algorithm
from platform_api.sandbox.kinds import ALL, MOBILE
from platform_api.sandbox.refusals import StartRefused
from platform_api.sandbox.settings import Chosen
from platform_api.sandbox.world import World
from revocation.authorities import Authorities
from revocation.clock import FixedClock
from tests.sandbox.worlds import DAY, NOW, all_lists, copied_world, life_of

Client = TestClient[Any, Any]
LAST = NOW - timedelta(minutes=5)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return copied_world(tmp_path, LAST - DAY)


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app(world))) as opened:
        yield opened


async def _post(client: Client, path: str, body: Any) -> tuple[int, Any]:
    async with client.post(f"/sandbox/v1/{path}", json=body) as answer:
        return answer.status, await answer.json()


async def _rows(client: Client) -> list[dict[str, Any]]:
    async with client.get("/sandbox/v1/residents?limit=200") as answer:
        rows: list[dict[str, Any]] = (await answer.json())["residents"]
        return rows


async def test_the_listing_has_all_kinds_and_the_phone_signs(client: Client) -> None:
    """``certificate`` is the card's signing one as before; ``certificates`` has every kind in force."""
    rows = await _rows(client)
    assert {kind for row in rows for kind in row["certificates"]} == set(ALL)
    assert all(row["certificate"] == row["certificates"].get("card-sign") for row in rows)
    children = [row for row in rows if list(row["certificates"]) == ["card-auth"]]
    assert children
    one = next(row for row in rows if set(row["certificates"]) == set(ALL))
    path = f"residents/{one['resident_id']}/card:sign"
    status, signed = await _post(client, path, {"data": "aGVsbG8=", "kind": "mobile-sign"})
    assert (status, signed["signature_algorithm"]) == (200, "ECDSA-SHA384")
    assert signed["certificate"] == one["certificates"]["mobile-sign"]
    key = x509.load_der_x509_certificate(base64.b64decode(signed["certificate"])).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    key.verify(base64.b64decode(signed["signature"]), b"hello", ec.ECDSA(SHA384()))
    status, refused = await _post(client, path, {"data": "aGVsbG8=", "kind": "passport"})
    assert (status, refused["code"]) == (400, "REQUEST_MALFORMED")


async def test_a_phone_is_held_and_released_by_hand(client: Client) -> None:
    """The log names both of the phone's certificates, when they were held and when released."""
    rows = await _rows(client)
    one = next(row for row in rows if set(row["certificates"]) == set(ALL))
    path = f"residents/{one['resident_id']}"
    status, held = await _post(client, f"{path}:hold_phone", {})
    assert status == 200
    assert {(row["kind"], row["ca_id"], row["reason_code"]) for row in held["revoked"]} == {
        (kind, kind, 6) for kind in MOBILE
    }
    assert (held["issued"], held["issued_all"], held["released"]) == (None, [], [])
    status, refused = await _post(client, f"{path}/card:sign", {"data": "aGVsbG8=", "kind": "mobile-sign"})
    assert (status, refused["code"]) == (409, "NO_VALID_CARD")
    status, released = await _post(client, f"{path}:release_phone", {})
    assert status == 200
    assert {row["kind"] for row in released["released"]} == set(MOBILE)
    assert all(row["released_at"] == released["at"] for row in released["released"])
    status, refused = await _post(client, f"{path}:release_phone", {})
    assert (status, refused["code"]) == (409, "NOTHING_TO_RELEASE")
    status, new = await _post(client, f"{path}:new_phone", {})
    assert status == 200
    assert {row["kind"] for row in new["issued_all"]} == set(MOBILE)
    assert new["issued"] is None


async def test_the_day_of_moving_abroad_can_be_said(client: Client) -> None:
    """``day`` is the planned day; a day that is none is refused."""
    one = next(row for row in await _rows(client) if row["certificate"])
    path = f"residents/{one['resident_id']}:moved_abroad"
    status, refused = await _post(client, path, {"day": "2026-13-01"})
    assert (status, refused["code"]) == (400, "REQUEST_MALFORMED")
    status, entry = await _post(client, path, {"day": "2026-12-24"})
    assert (status, entry["items"]["moved_abroad_on"]) == (200, "2026-12-24")


SETTINGS = (
    Chosen(residents=60, phone_shares_ca=True),
    Chosen(residents=60, card_algorithm=Algorithm.P384),
    Chosen(residents=60, kinds=("card-sign", "mobile-sign")),
)


@pytest.mark.parametrize("chosen", SETTINGS, ids=["shared", "p384", "signing only"])
def test_a_restart_keeps_the_settings_and_every_octet(tmp_path: Path, chosen: Chosen) -> None:
    """Lists, life and CAs are the same after a replay; other settings on the folder are refused."""
    world = World.open(tmp_path, chosen, base=FixedClock(NOW))
    for back in (2, 1, 0):
        world.play(LAST - back * DAY)
    seen = all_lists(world), life_of(world), world.facts()
    kinds = {kind for one in world.authorities.values() for kind in one.profile.kinds}
    assert kinds == set(chosen.kinds or ALL)
    assert {row["kind"] for entry in life_of(world) for row in entry["revoked"]} == kinds  # type: ignore[attr-defined]
    world.close()
    for other in (
        Chosen(phone_shares_ca=not chosen.phone_shares_ca),
        Chosen(card_algorithm=Algorithm.RSA if chosen.card_algorithm else Algorithm.P384),
        Chosen(kinds=("card-sign",)),
    ):
        with pytest.raises(StartRefused, match="leave the option out"):
            World.open(tmp_path, other, base=FixedClock(NOW))
    again = World.open(tmp_path, Chosen(), base=FixedClock(NOW))
    assert (all_lists(again), life_of(again), again.facts()) == seen
    again.close()


@pytest.mark.parametrize("kinds", [(), ("card-auth",), ("card-sign", "passport")])
def test_kinds_that_make_no_sandbox_are_refused(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    """The card's signing kind has to be there, and nothing unknown; nothing is written."""
    with pytest.raises(StartRefused, match="expected kinds among"):
        World.open(tmp_path, Chosen(kinds=kinds), base=FixedClock(NOW))
    assert not (tmp_path / "keys.pem").exists()


async def test_the_service_accepts_all_cas_of_the_sandbox(world: World, tmp_path: Path) -> None:
    """Four authorities, their kinds and algorithms; only a phone's hold may end; 240 lists are expected."""

    def made() -> Settings:
        (tmp_path / "service").mkdir()
        return Settings(mode="sandbox", data_dir=tmp_path / "service")

    settings = await asyncio.to_thread(made)
    async with TestServer(make_app(world)) as server:
        url = str(server.make_url("/"))
        async with HttpGateway(GatewaySettings(base_url=url)) as gateway:
            await prepare(settings, gateway)
    loaded = await asyncio.to_thread(Authorities.load, settings.authorities_file)
    found = {one.ca_id: one for one in loaded}
    assert list(found) == list(ALL)
    assert {ca_id: one.hold_releasable for ca_id, one in found.items()} == {
        ca_id: ca_id in MOBILE for ca_id in ALL
    }
    assert {ca_id: set(one.kinds.values()) for ca_id, one in found.items()} == {kind: {kind} for kind in ALL}
    assert "ecdsa-with-SHA384" in found["mobile-sign"].signature_algorithms
    assert "sha256WithRSAEncryption" in found["card-auth"].signature_algorithms
    _, publication = world.begun()
    assert sum(len(one.expected_lists()) for one in found.values()) == len(publication.lists) == 240
