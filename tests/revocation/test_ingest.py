"""One cycle from fetch to publish, with real lists and a real store."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

import revocation.ingest
from revocation.authorities import Authorities
from revocation.crl.fetch import FetchLimits, FolderSource, HttpSource
from revocation.errors import OutsideFailed, OwnFault
from revocation.index.layout import ListPresence
from revocation.ingest import Outcome
from revocation.snapshot.current import Snapshot
from revocation.snapshot.store import SnapshotStore
from tests.pki import T0, entry
from tests.revocation.list_server import list_server
from tests.revocation.nights import KEY, MINUTE, Night, thread


async def test_a_first_night(night: Night) -> None:
    """Four lists fetched, accepted, published; entries found under their own generation only."""
    first = night.scopes[0]
    await thread(night.serve, 0, {first: [entry(0xBFCD, reason=3), entry(7), entry(8, reason=3)]})
    told: list[tuple[str, int, int]] = []
    report = await night.run(progress=lambda *step: told.append(step))
    assert report.outcome is Outcome.PUBLISHED
    assert report.set_seq == 1
    figures = (report.lists_expected, report.lists_fetched, report.lists_accepted)
    assert figures == (4, 4, 4)
    assert (report.lists_carried, report.lists_absent, report.entries) == (0, 0, 3)
    assert report.new_by_reason == {"affiliationChanged": 2, "unspecified": 1}
    assert report.refusals == ()
    assert told[0] == ("fetch", 0, 4)
    assert ("fetch", 4, 4) in told
    assert ("accept", 4, 4) in told
    # Three entries, a file for each generation, the commit.
    assert told[-1] == ("publish", 6, 6)
    snapshot = await thread(night.store.current)
    assert snapshot.lookup(first.lineage, b"\x00\xbf\xcd").reason == 3
    other = night.scopes[-1].lineage
    assert other != first.lineage
    assert snapshot.lookup(other, b"\x00\xbf\xcd") is None
    assert not snapshot.partial
    kept = await thread(lambda: sorted(p.name for p in night.archive.folder.rglob("*.crl")))
    assert len(kept) == 4


async def test_the_same_night_again(night: Night) -> None:
    """Equal bytes for every list: nothing new, no new set, and no error."""
    await thread(night.serve, 0)
    await night.run()
    report = await night.run()
    assert (report.outcome, report.set_seq, report.lists_accepted) == (Outcome.NOTHING_NEW, None, 4)
    assert (await thread(night.store.current)).seq == 1


async def test_the_same_night_heals_a_damaged_set(night: Night) -> None:
    """The published set rotted: every list of the CA is taken anew, though each is known from the set below,
    and none is left outdated."""
    first = night.scopes[0]
    await thread(night.serve, 0)
    await night.run()
    late = night.der(first, 0, [entry(7)], this_update=T0 + MINUTE, number=2)
    await thread(night.file(first).write_bytes, late)
    assert (await night.run()).set_seq == 2

    def damage() -> None:
        (path,) = [
            p for p in night.store.folder.glob("*.00000002.index") if first.lineage.key_id[:16] in p.name
        ]
        path.unlink()

    await thread(damage)
    night.store = SnapshotStore(night.folder / "snapshots", publisher_key=KEY)
    assert (await thread(night.store.current)).superseded
    report = await night.run()
    assert (report.outcome, report.set_seq, report.lists_carried) == (Outcome.PUBLISHED, 3, 0)
    healed = await thread(night.store.current)
    assert not healed.superseded
    assert {state.state for state in healed.lists.values()} == {ListPresence.ACCEPTED}
    assert healed.lookup(first.lineage, b"\x07") is not None
    assert (await night.run()).outcome is Outcome.NOTHING_NEW


async def test_renumbered_partitions_take_their_lists_anew(night: Night) -> None:
    """The same bytes under a new number are news: each list speaks for its own distribution point again."""
    await thread(night.serve, 0)
    await night.run()
    one, two = night.authority.partitions
    points = one.distribution_point, two.distribution_point
    night.authority = replace(
        night.authority,
        partitions=(replace(one, distribution_point=points[1]), replace(two, distribution_point=points[0])),
    )
    night.authorities = Authorities([night.authority])
    files = {(s.signing_key, s.point_sha256): night.file(s) for s in night.scopes}
    source = FolderSource({s: files[s.signing_key, s.point_sha256] for s in night.authority.expected_lists()})
    report = await night.run(source=source)
    assert (report.outcome, report.set_seq, report.lists_absent) == (Outcome.PUBLISHED, 2, 0)
    assert (await night.run(source=source)).outcome is Outcome.NOTHING_NEW


async def test_the_next_night(night: Night) -> None:
    """New lists, one more certificate: the next set, and only the news counted."""
    first = night.scopes[0]
    await thread(night.serve, 0, {first: [entry(7)]})
    await night.run()
    await thread(night.serve, 1, {first: [entry(7), entry(9, reason=4)]})
    report = await night.run()
    assert (report.outcome, report.set_seq) == (Outcome.PUBLISHED, 2)
    assert report.new_by_reason == {"superseded": 1}


async def test_what_cannot_be_counted_is_told_at_the_end(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted beside what follows the publish, which is done first: the next night has its files."""
    told: list[int] = []

    def damaged(_: Snapshot | None, after: Snapshot | None) -> dict[str, int]:
        raise OwnFault("INDEX_BROKEN", expected="a whole file", got="another", remedy="none")

    async def published(snapshot: Snapshot) -> None:
        told.append(snapshot.seq)

    monkeypatch.setattr(revocation.ingest, "new_by_reason", damaged)
    await thread(night.serve, 0)
    with pytest.raises(OwnFault, match="INDEX_BROKEN"):
        await night.run(published=published)
    assert told == [1]
    assert len(await thread(night.archive.stored)) == 4
    assert not await thread(night.archive.incoming.exists)


async def test_a_first_night_with_a_list_missing(night: Night) -> None:
    """Nothing to carry over: the list is absent, the set partial."""
    await thread(night.serve, 0)
    await thread(night.file(night.scopes[0]).unlink)
    report = await night.run()
    assert (report.outcome, report.lists_absent, report.lists_carried) == (Outcome.PARTIAL, 1, 0)
    snapshot = await thread(night.store.current)
    assert snapshot.lists[night.scopes[0]].state is ListPresence.ABSENT


async def test_a_list_that_is_not_offered_any_more(night: Night) -> None:
    """An approved partition without an address is an alarm, not a smaller set."""
    await thread(night.serve, 0)
    source = FolderSource({scope: night.file(scope) for scope in night.scopes[1:]})
    report = await night.run(source=source)
    assert report.outcome is Outcome.PARTIAL
    assert report.refusals == ((str(night.scopes[0]), "LIST_NOT_OFFERED"),)


async def test_two_cycles_at_once(night: Night) -> None:
    """T27: the second is refused whole; the first is not disturbed."""
    await thread(night.serve, 0)
    results = await asyncio.gather(night.run(), night.run(), return_exceptions=True)
    errors = [result for result in results if isinstance(result, OutsideFailed)]
    assert [error.code for error in errors] == ["PUBLISH_LOCKED"]
    assert (await thread(night.store.current)).seq == 1


async def test_over_http_with_etags(night: Night) -> None:
    """The second fetch is answered 304 for each list, from the archive, checked again, and nothing is new."""
    await thread(night.serve, 0)
    limits = FetchLimits(attempts=1, idle_s=2)
    async with list_server() as server:
        addresses = {}
        for number, scope in enumerate(night.scopes):
            server.lists[f"/{number}"] = await thread(night.file(scope).read_bytes)
            addresses[scope] = server.url(f"/{number}")
        assert (await night.run(source=HttpSource(addresses, limits=limits))).outcome is Outcome.PUBLISHED
        assert (await night.run(source=HttpSource(addresses, limits=limits))).outcome is Outcome.NOTHING_NEW
        assert [status for _, status in server.requests] == [200] * 4 + [304] * 4

        # A stored copy that rots is noticed; it is never believed because a server said 304.
        stored = (await thread(night.archive.stored))[str(night.scopes[0])]
        await thread(stored.path.write_bytes, night.der(night.scopes[0], 0, [entry(66)]))
        report = await night.run(source=HttpSource(addresses, limits=limits))
        assert report.refusals == ((str(night.scopes[0]), "ARCHIVE_CORRUPT"),)
        assert report.outcome is Outcome.REFUSED
        report = await night.run(source=HttpSource(addresses, limits=limits))
        assert (report.outcome, report.refusals) == (Outcome.NOTHING_NEW, ())

        # A refused list's ETag is not remembered: the good one that follows is fetched whole.
        server.lists["/1"] = b"garbage"
        report = await night.run(source=HttpSource(addresses, limits=limits))
        assert report.refusals == ((str(night.scopes[1]), "LIST_IS_TEXT"),)
        server.lists["/1"] = await thread(night.file(night.scopes[1]).read_bytes)
        report = await night.run(source=HttpSource(addresses, limits=limits))
        assert (report.outcome, report.refusals) == (Outcome.NOTHING_NEW, ())
