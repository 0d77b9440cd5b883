"""Key rolls and mergers: what the lists, the partitions and the certificates say afterwards; and restarts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from cryptography import x509

from platform_api.sandbox.acts import Options
from platform_api.sandbox.app import make_app
from platform_api.sandbox.keys import Algorithm
from platform_api.sandbox.kinds import ALL
from platform_api.sandbox.municipalities import BY_CODE
from platform_api.sandbox.refusals import FolderDamaged, RequestRefused
from platform_api.sandbox.register import Resident
from platform_api.sandbox.world import World
from platform_api.sandbox.world_acts import merge, roll
from tests.sandbox.worlds import DAY, NOW, all_lists, copied_world, life_of, open_world

Client = TestClient[Any, Any]
LAST = NOW - timedelta(minutes=5)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Played until yesterday."""
    return copied_world(tmp_path, LAST - DAY)


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with TestClient(TestServer(make_app(world))) as opened:
        yield opened


def _serials(world: World, key_id: str, code: str) -> set[int]:
    return {entry.serial_number for entry in x509.load_der_x509_crl(all_lists(world)[key_id, code])}


def _living_in(world: World, code: str) -> Resident:
    register, _ = world.begun()
    return next(
        one
        for one in register.residents.values()
        if one.person.municipality_code == code
        and one.valid("card-sign", NOW + 100 * DAY)
        and one.number not in register.due
    )


def _inhabited(world: World, but: tuple[str, ...] = ()) -> str:
    """A municipality with a valid card and an entry in its newest list of the card's signing CA."""
    register, _ = world.begun()
    key_id = world.authority.newest.key_id
    codes = {
        one.person.municipality_code
        for one in register.residents.values()
        if one.valid("card-sign", NOW + 100 * DAY) and one.number not in register.due
    }
    return next(code for code in sorted(codes - set(but)) if _serials(world, key_id, code))


@pytest.mark.parametrize("algorithm", [None, Algorithm.P384])
def test_after_a_key_roll_both_sign_and_the_new_one_issues(
    world: World, tmp_path: Path, algorithm: Algorithm | None
) -> None:
    """The newest generation issues; the next night has its lists beside those of the older ones."""
    before = [found.key_id for found in world.authority.generations]
    lists = len(all_lists(world))
    resident = _living_in(world, _inhabited(world))
    rolled = roll(world, "card-sign", algorithm)
    assert rolled["generations"][:2] == before
    assert len(rolled["generations"]) == 3
    newest = world.authority.newest
    assert newest.certificate.subject == world.authority.generations[0].certificate.subject
    assert newest.algorithm is (algorithm or Algorithm.RSA)
    old = resident.valid("card-sign", NOW)
    world.act("move", resident.resident_id, Options())
    issued = resident.valid("card-sign", NOW)
    assert old is not None
    assert issued is not None
    assert (old.generation < issued.generation, issued.generation) == (True, 3)
    certificate = x509.load_der_x509_certificate(world.maker.der(issued))
    certificate.verify_directly_issued_by(newest.certificate)
    world.play(LAST)
    assert len(all_lists(world)) == lists + 40
    old_key = world.identity(old)["issuer_key"]
    assert old.serial in _serials(world, old_key, old.municipality_code)
    world.act("stop", resident.resident_id, Options())
    world.play(NOW)
    assert issued.serial in _serials(world, newest.key_id, issued.municipality_code)
    seen = all_lists(world), life_of(world), world.facts()
    world.close()
    again = open_world(tmp_path)
    assert (all_lists(again), life_of(again), again.facts()) == seen


def test_a_rolled_key_that_was_changed_is_refused(world: World, tmp_path: Path) -> None:
    """The journal knows the file of the new key by its hash."""
    roll(world, "mobile-sign", None)
    roll(world, "mobile-auth", None)
    world.close()
    (tmp_path / "mobile-sign-2.pem").write_bytes((tmp_path / "mobile-auth-2.pem").read_bytes())
    with pytest.raises(FolderDamaged, match="mobile-sign-2"):
        open_world(tmp_path)


@pytest.mark.parametrize("entries", ["kept", "moved"])
async def test_a_merger_changes_addresses_and_partitions(
    world: World, client: Client, tmp_path: Path, entries: Any
) -> None:
    """Addresses and new certificates name the successor, live certificates keep their old CRLDP; the old
    list goes on, or ends with all its entries in the successor's."""
    code = _inhabited(world)
    into = _inhabited(world, but=(code,))
    resident = _living_in(world, code)
    held = resident.valid("card-sign", NOW)
    assert held is not None
    before, after = BY_CODE[code], BY_CODE[into]
    key_id = world.authority.newest.key_id
    entries_before = _serials(world, key_id, code)
    body = {"into": into, "entries": entries}
    async with client.post(f"/sandbox/v1/municipalities/{code}:merge", json=body) as answer:
        assert answer.status == 200
        merged = await answer.json()
    assert (merged["partition"], merged["successor"]) == (before.partition, after.partition)
    items = world.items_of(resident)
    assert items.address.startswith(after.prefecture + after.name)
    assert held.valid(NOW), "an ordinance revokes nothing"
    assert held.municipality_code == code
    for key in ((code, into), (into, code), (into, into)):
        with pytest.raises(RequestRefused):
            merge(world, *key, "kept")
    await asyncio.to_thread(world.act, "renew", resident.resident_id, Options())
    renewed = resident.valid("card-sign", NOW)
    assert renewed is not None
    assert renewed.municipality_code == into
    assert renewed.items is not None
    assert renewed.items.address == items.address
    await asyncio.to_thread(world.play, LAST)
    old_list = _serials(world, key_id, code) if entries == "kept" else _serials(world, key_id, into)
    assert entries_before <= old_list
    generation = world.identity(held)["issuer_key"]
    assert held.serial in _serials(world, generation, code if entries == "kept" else into)
    for ca_id in ALL:
        async with client.get(f"/jlis/v1/crls/{ca_id}") as answer:
            listed = {row["municipality_code"] for row in (await answer.json())["partitions"]}
        assert (code in listed) == (entries == "kept")
        assert into in listed
    url = f"/jlis/v1/crls/card-sign/{key_id[:16]}/{code}.crl"
    async with client.get(url) as answer:
        assert answer.status == (200 if entries == "kept" else 404)
    register, _ = world.begun()
    assert code not in {place.code for place in register.places()}
    seen = all_lists(world), life_of(world)
    world.close()
    again = await asyncio.to_thread(open_world, tmp_path)
    assert (all_lists(again), life_of(again)) == seen
    assert again.items_of(again.resident(resident.resident_id)) == world.items_of(resident)


async def test_between_a_roll_and_the_next_night_every_named_list_can_be_had(
    world: World, client: Client
) -> None:
    """The authorities name the new key at once; its lists are named when they exist."""
    async with client.post("/sandbox/v1/authorities/card-auth:roll", json={}) as answer:
        assert answer.status == 200
    async with client.get("/jlis/v1/crls/card-auth") as answer:
        partitions = (await answer.json())["partitions"]
    assert {len(row["lists"]) for row in partitions} == {2}
    async with client.get(partitions[0]["lists"][0]["url"]) as answer:
        assert answer.status == 200
    async with client.get("/jlis/v1/authorities") as answer:
        offers = {row["ca_id"]: row for row in (await answer.json())["authorities"]}
    assert len(offers["card-auth"]["certificates"]) == 3
    async with client.post("/sandbox/v1/authorities/no-such-ca:roll", json={}) as answer:
        assert answer.status == 404
    del world
