"""What a process answers from only ever becomes newer, and a broken file changes nothing."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson

from platform_api.logs import make_log
from platform_api.snapshots import CurrentSnapshot, FollowedAuthorities, Follower
from revocation.authorities import Authorities
from revocation.errors import OwnFault, RevocationError
from revocation.snapshot.store import SnapshotStore


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
    waiting = [asyncio.create_task(current.wait_newer(2, 10)) for _ in range(3)]
    for seq in (1, 2, 3):
        await asyncio.sleep(0)
        current.adopt(_snapshot(seq))
    async with asyncio.timeout(5):
        found = await asyncio.gather(*waiting)
    assert [snapshot.seq for snapshot in found if snapshot is not None] == [3, 3, 3]


async def test_the_follower_adopts_what_is_new_and_keeps_what_was_good(tmp_path: Path) -> None:
    """New sets and authorities are adopted; a refused set or a broken file leaves the last good state, told
    once.
    """
    store, stream, file = FakeStore(), io.StringIO(), tmp_path / "authorities.json"
    snapshots, authorities = CurrentSnapshot(), FollowedAuthorities()
    follower = Follower(cast(SnapshotStore, store), file, snapshots, authorities, make_log(stream))
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
