"""The service that runs the database stops in the middle of a night: the night takes it over and goes on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from platform_api.db.addresses import DATABASE
from platform_api.db.cluster_folder import ClusterFolder
from platform_api.db.programs import SUPERUSER
from revocation.exits import Exit
from tests.night.live import JPKI, Server, World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with World(tmp_path_factory.mktemp("takeover")) as made:
        yield made


@asynccontextmanager
async def detection_held(world: World) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """The cursor's table locked by us: a detection begins and waits there, until our connection is gone."""
    folder = ClusterFolder(world.data)
    address = await asyncio.to_thread(folder.address, SUPERUSER, DATABASE)
    connection = await asyncpg.connect(**address.arguments())
    try:
        async with asyncio.timeout(30):
            await connection.execute("BEGIN; LOCK TABLE detection_cursor IN ACCESS EXCLUSIVE MODE")
            yield connection
    finally:
        connection.terminate()


async def waits(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    """Return when a detection waits for the lock."""
    while not await connection.fetchval(  # noqa: ASYNC110 - a lock's table sets no event of ours
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'detection_cursor'::regclass"
    ):
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_the_night_survives_the_stop_of_the_service_during_detection(world: World, number: int) -> None:
    """``jpki serve``, whose child PostgreSQL is, ends while a night detects: the night runs PostgreSQL on,
    detects again and exits 0; served again, the event is there exactly once.
    """
    resident = await asyncio.to_thread(
        lambda: next(r for r in world.residents() if r["resident_id"] not in _used(world))
    )
    registration = await asyncio.to_thread(world.register, resident, resident["resident_id"])
    await asyncio.to_thread(world.act, resident["resident_id"], "lose")
    await asyncio.to_thread(world.publish)
    async with detection_held(world) as connection:
        night = await asyncio.to_thread(_started_night, world)
        await waits(connection)
        stopped = await asyncio.to_thread(world.service.stop, number)
    assert stopped == (0 if number == signal.SIGTERM else -number)
    out, err = await asyncio.to_thread(night.communicate, timeout=60)
    assert night.returncode == Exit.DONE, (out, err)

    world.service = await asyncio.to_thread(Server, "serve", ["serve", "--data", str(world.data)], world.env)
    deadline = time.monotonic() + 20
    while not (changes := await asyncio.to_thread(world.changes_of, registration)):
        assert time.monotonic() < deadline, "the event was lost"
        await asyncio.sleep(0.1)
    assert len(changes) == 1
    exit_code, again = await asyncio.to_thread(world.night)
    assert (exit_code, again["events"]) == (Exit.NOTHING_NEW, 0)
    assert await asyncio.to_thread(world.changes_of, registration) == changes


def _used(world: World) -> set[str]:
    return {e["registration_ref"] for e in world.events() if e["registration_ref"]}


def _started_night(world: World) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*JPKI, "nightly", "--data", str(world.data), "--json"],
        env=world.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
