"""A batch takes turns with the rest of the loop, and remembers who asks; neither makes an answer older."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from platform_api.db.transactions import tenant
from platform_api.institutions import store
from platform_api.institutions.caller import CallerRules
from platform_api.institutions.callers import Callers
from platform_api.keys import CALLERS
from platform_api.status import batch
from tests.base.postgres import TestDatabase, TestInstitution
from tests.features.service import Service, serving
from tests.features.test_batch_check import BATCH, one_by_one, question, taken_apart
from tests.features.world import World, make_world
from tests.revocation import sets


async def test_a_set_that_comes_meanwhile_is_the_one_that_answers(
    service: Service, institution: TestInstitution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Published between two turns of one batch: the whole answer is by the new set."""
    world = service.world
    await world.day({7: 3})
    newer = await world.day({7: 3, 8: 3}, adopt=False)
    turns = []

    async def turn(_seconds: float) -> None:
        turns.append(1)
        world.snapshots.adopt(newer)

    monkeypatch.setattr(batch, "_GROUPS_AT_ONCE", 1)
    monkeypatch.setattr(batch, "_turn", turn)
    answer = await service.call(institution, "POST", BATCH, question(["7", "8", "9"]))
    assert answer["statuses"] == ["REVOKED", "REVOKED", "GOOD"]
    assert {said["evidence"]["set_seq"] for said in answer["answers"]} == {newer.seq}
    assert len(turns) > 2


async def test_many_partitions_take_many_turns(
    database: TestDatabase, tmp_path: Path, institution: TestInstitution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Revoked in 60 partitions: an answer with the evidence of each list, and the loop runs in between."""
    world = make_world(database, tmp_path / "many", partitions=60)
    lists = sets.every_list(world.authority, 0)
    for number in range(1, 61):
        lists[sets.scope(world.authority, number, 1)] = sets.accepted(
            {number: 3, 100 + number: 6}, number=number
        )
    world.snapshots.adopt(
        await asyncio.to_thread(world.store.publish, lists, world.authorities, now=world.clock.now())
    )
    turns = []
    passed = batch._turn

    async def turn(seconds: float) -> None:
        turns.append(1)
        await passed(seconds)

    monkeypatch.setattr(batch, "_turn", turn)
    async with serving(world) as service:
        asked = question([f"{number:x}" for number in range(170)])
        answer = await service.call(institution, "POST", BATCH, asked)
        assert taken_apart(answer) == await one_by_one(service, institution, asked)
    assert len(answer["answers"]) == 122
    assert len(turns) == 122 // batch._GROUPS_AT_ONCE


async def test_who_was_known_is_known_for_a_while_and_not_longer(
    world: World, institution: TestInstitution, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within ``caller_ttl_s`` the database is not asked again; a key that was ended is refused after it."""
    await world.day()
    now = [0.0]
    looked_up: list[bytes] = []
    find_key = store.find_key

    async def counted(pool: Any, key_hash: bytes) -> Any:
        looked_up.append(key_hash)
        return await find_key(pool, key_hash)

    monkeypatch.setattr(store, "find_key", counted)
    database = world.database
    callers = Callers(
        database.app_pool,
        database.hasher,
        world.tagger,
        world.clock,
        CallerRules("test", ttl_s=5),
        monotonic=lambda: now[0],
    )
    async with serving(world, state={CALLERS: callers}) as service:
        for _ in range(3):
            await service.call(institution, "POST", BATCH, question(["1"]))
            if len(looked_up) == 2:
                break
        asked = len(looked_up)
        for _ in range(3):
            await service.call(institution, "POST", BATCH, question(["1"]))
        assert len(looked_up) == asked
        async with tenant(database.app_pool, institution.institution_id) as connection:
            keys = await connection.fetch("SELECT key_id FROM api_key")
            for row in keys:
                await store.revoke_key(connection, row["key_id"], now=world.clock.now())
        now[0] = 5.0
        refused = await service.call(institution, "POST", BATCH, question(["1"]), expect=401)
        assert refused["code"] == "API_KEY_REFUSED"
