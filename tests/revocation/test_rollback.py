"""T03: an older, well-signed list served again is refused, whatever was restored in between."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import pytest

from revocation.authorities import ListScope
from revocation.crl.archive import ListArchive
from revocation.crl.digest import list_digest
from revocation.ingest import Outcome
from revocation.snapshot.store import Mark, Reached, SnapshotStore
from tests.pki import T0, entry
from tests.revocation.nights import DAY, KEY, MINUTE, Night, thread


async def after_a_day(night: Night) -> bytes:
    """Sets 1 and 2 published, the second with an entry; the first list of day 0, to be served again."""
    first = night.scopes[0]
    await thread(night.serve, 0)
    old = await thread(night.file(first).read_bytes)
    await night.run()
    await thread(night.serve, 1, {first: [entry(8, reason=3)]})
    await night.run()
    return bytes(old)


async def serves_on(night: Night, code: str = "CRL_NUMBER_ROLLBACK", **settings: Any) -> None:
    """The night names the list with the alarm's code, publishes nothing, and serves on what it had."""
    first = night.scopes[0]
    before = await thread(night.store.current)
    report = await night.run(**settings)
    assert report.refusals == ((str(first), code),)
    assert (report.outcome, report.set_seq, report.lists_accepted) == (Outcome.REFUSED, None, 3)
    current = await thread(night.store.current)
    assert current.seq == before.seq
    assert current.lists[first].crl_number == 2
    assert current.lookup(first.lineage, b"\x08") is not None


async def test_t03_replay_of_an_older_list(night: Night) -> None:
    """Number n-1, well signed and not stale: refused, service continues on n; the same after a restart."""
    first = night.scopes[0]
    old = await after_a_day(night)
    await thread(night.file(first).write_bytes, old)
    await serves_on(night)
    night.store = SnapshotStore(night.folder / "snapshots", publisher_key=KEY)
    night.archive = ListArchive(night.folder / "archive")
    await serves_on(night)
    newer = night.der(first, 1, number=3, this_update=T0 + DAY + MINUTE)
    await thread(night.file(first).write_bytes, newer)
    report = await night.run()
    assert (report.outcome, report.set_seq) == (Outcome.PUBLISHED, 3)


async def test_t03_other_bytes_under_the_same_number(night: Night) -> None:
    """Number n with another content: CRL_NUMBER_REUSED, service continues on n."""
    await after_a_day(night)
    other = night.der(night.scopes[0], 1, [entry(9)], number=2)
    await thread(night.file(night.scopes[0]).write_bytes, other)
    await serves_on(night, "CRL_NUMBER_REUSED")


@dataclass(frozen=True)
class Remembers:
    """A second memory of marks that knows one list."""

    scope: ListScope
    known: Mark | None

    def mark(self, scope: ListScope) -> Mark | None:
        return self.known if scope == self.scope else None


async def test_t03_an_older_second_memory_lowers_no_mark(night: Night) -> None:
    """The database was restored from the day before: the manifest's mark wins, and no list of then passes."""
    first = night.scopes[0]
    old = await after_a_day(night)
    await thread(night.file(first).write_bytes, old)
    await serves_on(night, high_water=Remembers(first, Mark(1, T0, list_digest(old))))
    await serves_on(night, high_water=Remembers(first, None))


@pytest.mark.parametrize("number", [pytest.param(1, marks=pytest.mark.slow), 2**159 - 1])
async def test_t03_the_snapshot_folder_is_lost_and_the_second_memory_is_not(
    night: Night, number: int
) -> None:
    """No manifest knows any mark: the database's refuses what lies below it or shares its number, and takes
    its very list, also where the number fills 20 octets."""
    await thread(night.serve, 0)
    first = night.scopes[0]
    same = night.der(first, 0, number=number, this_update=T0 + MINUTE)
    memory = Remembers(first, Mark(number, T0 + MINUTE, list_digest(same)))
    for der, codes in (
        (night.der(first, 0, number=number - 1), ["CRL_NUMBER_ROLLBACK"]),
        (night.der(first, 0, [entry(9)], number=number), ["CRL_NUMBER_REUSED"]),
        (same, []),
    ):
        await thread(night.file(first).write_bytes, der)
        report = await night.run(high_water=memory)
        assert [found for _, found in report.refusals] == codes
    assert (report.outcome, report.set_seq) == (Outcome.PUBLISHED, 2)
    assert (await thread(night.store.current)).lists[first].crl_number == number


@pytest.mark.parametrize("floor", [pytest.param(3, marks=pytest.mark.slow), 9])
async def test_sets_lost_above_the_folder(night: Night, floor: int) -> None:
    """Told that sets below a number are lost: the next one has it, every list is taken anew though its bytes
    are known, and a list that does not come is outdated until it does."""
    await after_a_day(night)
    late = night.scopes[-1]
    der = await thread(night.file(late).read_bytes)
    await thread(night.file(late).unlink)
    report = await night.run(at_least=floor)
    assert (report.outcome, report.set_seq, report.sets[0].new_lists) == (Outcome.PARTIAL, floor, 3)
    current = await thread(night.store.current)
    outdated = {scope: state.outdated for scope, state in current.lists.items()}
    assert outdated == {scope: scope == late for scope in night.scopes}
    reached = await thread(night.store.reached)
    assert (await thread(night.store.chain))[-1] == (floor, reached.manifest_sha256)
    await thread(night.file(late).write_bytes, der)
    report = await night.run(at_least=floor)
    assert (report.outcome, report.set_seq, report.sets[0].new_lists) == (Outcome.PUBLISHED, floor + 1, 1)
    assert not any(state.outdated for state in (await thread(night.store.current)).lists.values())
    assert (await night.run(at_least=floor)).outcome is Outcome.NOTHING_NEW


async def test_a_floor_that_is_reached_changes_nothing(night: Night) -> None:
    """Set 2 is there and 2 was asked for: what is known stays known."""
    await after_a_day(night)
    assert (await night.run(at_least=2)).outcome is Outcome.NOTHING_NEW


def test_how_far_a_folder_got(night: Night) -> None:
    """Nothing, a first set before its commit, a committed one, one whose CURRENT is lost or damaged."""
    current = night.folder / "snapshots" / "CURRENT"
    assert night.store.reached() == Reached(0, None)
    night.serve(0)
    asyncio.run(night.run())
    pointer = current.read_bytes()
    assert night.store.reached() == Reached(1, pointer.split()[1].decode())
    current.unlink()
    assert night.store.reached() == Reached(0, None)
    current.write_bytes(pointer)
    night.serve(1)
    asyncio.run(night.run())
    current.unlink()
    assert night.store.reached() == Reached(2, None)
    current.write_bytes(b"damaged")
    assert night.store.reached() == Reached(2, None)
