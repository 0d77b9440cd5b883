"""What a process answers from only ever becomes newer, and a broken file changes nothing."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import orjson

from platform_api.follower import FollowedAuthorities, Follower
from platform_api.key_set import open_keys
from platform_api.keys import STORE
from platform_api.logs import make_log
from platform_api.snapshots import CurrentSnapshot
from revocation.authorities import Authorities
from revocation.clock import SystemClock
from revocation.errors import OwnFault, RevocationError
from revocation.snapshot.store import SnapshotStore
from tests.base.application import RunningApp, running, settings_for
from tests.base.eventually import HANG_S, eventually
from tests.base.postgres import TestDatabase
from tests.revocation.sets import every_list, world


@dataclass(frozen=True)
class FakeSnapshot:
    """As much of a snapshot as following needs."""

    seq: int
    entries: int = 0
    superseded: bool = False


class FakeStore:
    """Gives what it is told to, like ``SnapshotStore.current``: a set, or the last good one and a refusal."""

    def __init__(self) -> None:
        self.snapshot: FakeSnapshot | None = None
        self.refusal: RevocationError | None = None

    def current(self) -> FakeSnapshot | None:
        return self.snapshot


def _snapshot(seq: int) -> Any:
    return FakeSnapshot(seq)


def test_an_older_set_never_replaces_a_newer_one() -> None:
    """Whatever is offered, in whatever order, the number only grows."""
    current = CurrentSnapshot()
    assert current.current() is None
    for offered, taken in ((3, True), (2, False), (3, False), (4, True), (1, False)):
        assert current.adopt(_snapshot(offered)) is taken
    assert current.adopt(None) is False
    held = current.current()
    assert held is not None
    assert held.seq == 4


def test_the_same_set_is_taken_again_when_it_is_superseded() -> None:
    """A set that may no longer say good replaces itself, and does again when the damage above is repaired."""
    current = CurrentSnapshot()
    for superseded in (False, True, False):
        offered = FakeSnapshot(2, superseded=superseded)
        current.adopt(cast(Any, offered))
        held = current.current()
        assert held is not None
        assert held.superseded is superseded
    assert current.adopt(cast(Any, FakeSnapshot(1, superseded=True))) is False
    held = current.current()
    assert held is not None
    assert (held.seq, held.superseded) == (2, False)


async def test_who_waits_for_a_newer_set_is_woken_by_it() -> None:
    """A waiter returns as soon as its set is there, and with the old one when its time is over."""
    current = CurrentSnapshot()
    assert await current.wait_newer(0, 0.01) is None
    waiting = [asyncio.create_task(current.wait_newer(2, 2 * HANG_S)) for _ in range(3)]
    for seq in (1, 2, 3):
        await asyncio.sleep(0)
        current.adopt(_snapshot(seq))
    async with asyncio.timeout(HANG_S):
        found = await asyncio.gather(*waiting)
    assert [snapshot.seq for snapshot in found if snapshot is not None] == [3, 3, 3]


async def test_the_follower_adopts_what_is_new_and_keeps_what_was_good(tmp_path: Path) -> None:
    """New sets and authorities are adopted; a refused set or a broken file leaves the last good state, told
    once.
    """
    store, stream, file = FakeStore(), io.StringIO(), tmp_path / "authorities.json"
    snapshots, authorities = CurrentSnapshot(), FollowedAuthorities()
    log = make_log(stream)
    follower = Follower(cast(SnapshotStore, store), file, snapshots, authorities, log, SystemClock())
    await follower.look()
    assert snapshots.current() is None
    await asyncio.to_thread(Authorities(()).dump, file)
    store.snapshot = FakeSnapshot(1)
    await follower.look()
    await follower.look()
    store.refusal = OwnFault("MANIFEST_MISMATCH", expected="a", got="b", remedy="c")
    await asyncio.to_thread(file.write_text, "{broken")
    for _ in range(3):
        await follower.look()
    held = snapshots.current()
    assert held is not None
    assert held.seq == 1
    assert snapshots.refusal is store.refusal
    events = [orjson.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert sorted(events) == [
        "authorities.adopted",
        "authorities.refused",
        "snapshot.adopted",
        "snapshot.refused",
    ]


def _healed(snapshots: CurrentSnapshot, seq: int) -> bool:
    snapshot = snapshots.current()
    return snapshot is not None and snapshot.seq == seq and snapshots.refusal is None


async def _readiness(service: RunningApp) -> tuple[int, list[str], list[str], int]:
    response = await service.client.get("/readyz")
    body = await response.json()
    return response.status, body["reasons"], body["warnings"], body["set_seq"]


async def test_below_a_damaged_set_the_service_is_not_ready(database: TestDatabase, tmp_path: Path) -> None:
    """Set 2 rots: a service that starts finds set 1 and answers 503 SNAPSHOT_REFUSED on /readyz, one that
    holds set 2 is ready; the next set heals."""
    settings = await settings_for(database, tmp_path, snapshot_check_s=0.05)
    now = datetime.now(UTC).replace(microsecond=0)
    authorities, authority = await asyncio.to_thread(world)
    await asyncio.to_thread(authorities.dump, settings.authorities_file)
    keys = await asyncio.to_thread(open_keys, settings.keys_dir, now=now)
    writer = SnapshotStore(settings.snapshots_dir, publisher_key=keys.publisher)

    def publish(number: int) -> None:
        lists = every_list(authority, number, this_update=now)
        writer.publish(lists, authorities, now=now)

    def damage() -> None:
        for path in settings.snapshots_dir.glob("*.00000002.index"):
            path.unlink()
        (settings.snapshots_dir / "CURRENT").touch()

    for number in (1, 2):
        await asyncio.to_thread(publish, number)
    async with running(settings) as holding:
        assert await _readiness(holding) == (200, [], [], 2)
        await asyncio.to_thread(damage)
        async with running(settings) as starting:
            assert await _readiness(starting) == (503, ["SNAPSHOT_REFUSED"], [], 1)
            assert await _readiness(holding) == (200, [], [], 2)
            await asyncio.to_thread(publish, 3)
            for service in (starting, holding):
                await eventually(partial(_healed, service.app[STORE], 3))
                assert await _readiness(service) == (200, [], [], 3)
