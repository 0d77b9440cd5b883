"""A running server follows the file and the JST day: what two people approved takes force on its day."""

from __future__ import annotations

import asyncio
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

from platform_api.follower import FollowedAuthorities, Follower
from platform_api.logs import make_log
from platform_api.snapshots import CurrentSnapshot
from revocation.authorities import Authorities
from revocation.authority_acts import ClosePartitions
from revocation.authority_proposals import AuthorityActs
from revocation.clock import FixedClock, jst_day
from revocation.snapshot.store import SnapshotStore
from tests.base.test_snapshots import FakeStore
from tests.revocation.acting import NOW, authority_of, file_in, founded, partition, two_people

MIDNIGHT = datetime(2026, 12, 31, 15, tzinfo=UTC)  # 2027-01-01 in Japan
SECOND = timedelta(seconds=1)


def _followed(folder: Path, clock: FixedClock) -> tuple[Follower, FollowedAuthorities]:
    authorities = FollowedAuthorities()
    store = cast(SnapshotStore, FakeStore())
    follower = Follower(
        store, file_in(folder), CurrentSnapshot(), authorities, make_log(io.StringIO()), clock
    )
    return follower, authorities


def _expected(authorities: Authorities) -> set[int]:
    return {scope.partition_number for scope in authorities.expected_lists()}


def _write(folder: Path) -> None:
    """Partition 2 goes into 3 at midnight, when 3 opens."""
    day = jst_day(MIDNIGHT)
    rows = (partition(1), partition(2, closed=day, successor=3), partition(3, opened=day))
    Authorities([authority_of(*rows)]).dump(file_in(folder))


def _found(folder: Path) -> None:
    founded(folder)


def _close(folder: Path) -> None:
    act = ClosePartitions(ca_id="card-sign", numbers=[2], successor=1, closed=jst_day(NOW))
    two_people(AuthorityActs(file_in(folder)), act)


async def test_at_midnight_a_merger_takes_force_without_a_new_file(tmp_path: Path) -> None:
    """A second before midnight in Japan 1 and 2 are expected, then 1 and 3; nobody touched the file."""
    await asyncio.to_thread(_write, tmp_path)
    clock = FixedClock(MIDNIGHT - SECOND)
    follower, authorities = _followed(tmp_path, clock)
    await follower.look()
    assert _expected(authorities) == {1, 2}
    before = next(iter(authorities))
    await follower.look()
    assert next(iter(authorities)) is before
    clock.advance(SECOND)
    await follower.look()
    assert _expected(authorities) == {1, 3}


async def test_an_approved_act_reaches_the_server(tmp_path: Path) -> None:
    """At its next look, with its version and its record; a broken file afterwards changes nothing, also not
    at midnight.
    """
    await asyncio.to_thread(_found, tmp_path)
    clock = FixedClock(NOW)
    follower, authorities = _followed(tmp_path, clock)
    await follower.look()
    assert (authorities.version, _expected(authorities)) == (1, {1, 2})
    await asyncio.to_thread(_close, tmp_path)
    await follower.look()
    assert (authorities.version, _expected(authorities)) == (2, {1})
    assert [act.version for act in authorities.acts] == [1, 2]
    await asyncio.to_thread(file_in(tmp_path).write_text, "{broken")
    for _ in range(2):
        clock.advance(timedelta(days=1))
        await follower.look()
    assert (authorities.version, _expected(authorities)) == (2, {1})
