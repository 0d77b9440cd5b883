"""The published set is damaged: the set below does not know whom it revoked, so nobody is good by that."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from revocation.answers import OcspWord, answer_for
from revocation.clock import FixedClock
from revocation.index.layout import ListPresence
from revocation.metrics import Freshness, lists_of, set_freshness
from revocation.snapshot.current import Snapshot
from revocation.snapshot.store import SnapshotStore
from revocation.status import CertificateStatus, Status, UnknownReason, Validity, certificate_status
from tests.revocation.sets import (
    DAY,
    T0,
    accepted,
    every_list,
    identity,
    reader,
    scope,
    store,
    world,
)

NOW = T0 + timedelta(hours=30)
#: Listed in both sets; revoked by the second only; on hold in both; never listed.
BOTH, SECOND_ONLY, HELD, UNLISTED = 1, 2, 3, 9


class World:
    """Two sets; partition 1's list of the second one revokes one more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FixedClock(NOW)
        self.authorities, self.authority = world()
        self.one, self.two = scope(self.authority, 1), scope(self.authority, 2)
        self.publish(0, {BOTH: 3, HELD: 6})

    def publish(self, day: int, listing: dict[int, int]) -> None:
        lists = every_list(self.authority, day, lives=4 * DAY) | {
            self.one: accepted(listing, number=day + 1, this_update=T0 + day * DAY, lives=4 * DAY)
        }
        store(self.folder).publish(lists, self.authorities, now=T0 + day * DAY)

    def second(self) -> None:
        self.publish(1, {BOTH: 3, SECOND_ONLY: 1, HELD: 6})

    def damage(self, what: str = "*.00000002.index") -> None:
        for path in self.folder.glob(what):
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.unlink()
            path.write_bytes(data)

    def ask(
        self, serial: int, snapshot: Snapshot | None, partition: int | None = None, at: timedelta = NOW - T0
    ) -> CertificateStatus:
        return certificate_status(
            identity(self.authority, serial),
            authorities=self.authorities,
            snapshot=snapshot,
            now=T0 + at,
            partition=partition,
        )

    def check_fallback(self, store: SnapshotStore) -> None:
        """Set 1 answers, and only for whom it lists."""
        snapshot = store.current()
        assert snapshot is not None
        assert (snapshot.seq, snapshot.superseded) == (1, True)
        assert store.refusal is not None
        assert self.ask(BOTH, snapshot).status is Status.REVOKED
        for partition in (None, 1, 2):
            for serial in (SECOND_ONLY, UNLISTED):
                status = self.ask(serial, snapshot, partition)
                assert (status.status, status.unknown_reason) == (Status.UNKNOWN, UnknownReason.STALE)
                assert status.last_known is Status.GOOD
        held = self.ask(HELD, snapshot)
        assert (held.status, held.last_known) == (Status.UNKNOWN, Status.ON_HOLD)
        assert not set_freshness(snapshot, self.authorities, NOW).ready


@pytest.fixture
def made(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.mark.parametrize("what", ["*.00000002.index", "00000002.manifest"])
def test_what_a_damaged_set_revoked_is_not_good_after_a_restart(made: World, what: str) -> None:
    """A fresh reader falls back to set 1: its listed are REVOKED, nobody is GOOD, a hold may have ended."""
    made.second()
    made.damage(what)
    made.check_fallback(reader(made.folder))


def test_a_running_reader_stops_saying_good_below_a_damaged_set(made: World) -> None:
    """It holds set 1, CURRENT says 2, 2 is damaged: as after a restart; and set 1 itself is as it was."""
    running = reader(made.folder)
    before = running.current()
    assert made.ask(UNLISTED, before).status is Status.GOOD
    made.second()
    made.damage()
    made.check_fallback(running)
    assert before is not None
    assert not before.superseded


def test_ocsp_signs_nothing_where_the_set_is_superseded(made: World) -> None:
    """The reason that a superseded set gives is one of those that OCSP answers unsigned."""
    made.second()
    made.damage()
    found = made.ask(UNLISTED, reader(made.folder).current())
    assert found.unknown_reason is UnknownReason.STALE
    assert answer_for(found).ocsp is OcspWord.NOT_IN_FORCE


def test_whoever_holds_the_published_set_goes_on(made: World) -> None:
    """The files of set 2 rot, or CURRENT does, under a reader that has set 2 open: it answers as before."""
    made.second()
    running = reader(made.folder)
    held = running.current()
    made.damage()
    pointer = (made.folder / "CURRENT").read_bytes()
    for content in (pointer, b"2 zz\n", None, pointer):
        (made.folder / "CURRENT").unlink(missing_ok=True)
        if content is not None:
            (made.folder / "CURRENT").write_bytes(content)
        assert running.current() is held
    assert made.ask(UNLISTED, held).status is Status.GOOD
    assert made.ask(SECOND_ONLY, held).status is Status.REVOKED


@pytest.mark.parametrize("content", [None, b"", b"2 zz\n"])
def test_without_current_nobody_knows_what_was_published(made: World, content: bytes | None) -> None:
    """A fresh reader takes the newest whole set, and nobody is good by it; a running one that holds an
    older set than the folder has neither."""
    running = reader(made.folder)
    running.current()
    made.second()
    (made.folder / "CURRENT").unlink()
    if content is not None:
        (made.folder / "CURRENT").write_bytes(content)
    for each in (running, reader(made.folder)):
        snapshot = each.current()
        assert snapshot is not None
        assert snapshot.superseded
        assert made.ask(UNLISTED, snapshot).status is Status.UNKNOWN


def test_a_current_that_goes_back_below_a_damaged_set_makes_nobody_good(made: World) -> None:
    """The store remembers that set 2 was published, though it could never open it."""
    first = (made.folder / "CURRENT").read_bytes()
    made.second()
    made.damage()
    starting = reader(made.folder)
    starting.current()
    (made.folder / "CURRENT").unlink()
    (made.folder / "CURRENT").write_bytes(first)
    made.check_fallback(starting)


@pytest.fixture
def restored(made: World) -> tuple[World, SnapshotStore, SnapshotStore]:
    """Sets 1 to 3, a reader and a publisher that hold the last; then a folder of set 1 is put back."""
    backup = {path.name: path.read_bytes() for path in made.folder.iterdir()}
    made.second()
    made.publish(2, {BOTH: 3})
    running, writing = reader(made.folder), store(made.folder)
    for each in (running, writing):
        assert made.ask(UNLISTED, each.current(), at=2 * DAY).status is Status.GOOD
    for path in made.folder.iterdir():
        path.unlink()
    for name, content in backup.items():
        (made.folder / name).write_bytes(content)
    return made, running, writing


def test_an_older_folder_put_back_supersedes_nothing(
    restored: tuple[World, SnapshotStore, SnapshotStore],
) -> None:
    """Set 3 was built upon set 1: who holds it knows all that set 1 knew, and goes on, with the alarm."""
    made, running, writing = restored
    for each in (running, writing):
        found = each.current()
        assert found is not None
        assert (found.seq, found.superseded) == (3, False)
        assert each.refusal is not None
        assert each.refusal.code == "SEQUENCE_ROLLBACK"
        assert made.ask(UNLISTED, found, at=2 * DAY).status is Status.GOOD


@pytest.mark.parametrize("damaged", [False, True])
def test_a_set_published_upon_an_older_folder_supersedes_the_one_above_it(
    restored: tuple[World, SnapshotStore, SnapshotStore], damaged: bool
) -> None:
    """It is number 2, and revokes one more: by set 3 nobody is good, whether 2 can be read or not."""
    made, running, writing = restored
    made.publish(3, {BOTH: 3, UNLISTED: 1})
    if damaged:
        made.damage("00000002.manifest")
    for each in (running, writing):
        found = each.current()
        assert found is not None
        assert (found.seq, found.superseded) == (3, True)
        assert made.ask(UNLISTED, found, at=3 * DAY).status is Status.UNKNOWN
        assert made.ask(BOTH, found, at=3 * DAY).status is Status.REVOKED


def test_a_reader_that_opened_only_the_last_set_knows_those_before_it(made: World) -> None:
    """Three sets, and CURRENT goes back to each: the chain was read while it was there."""
    pointers = [(made.folder / "CURRENT").read_bytes()]
    made.second()
    pointers.append((made.folder / "CURRENT").read_bytes())
    made.publish(2, {BOTH: 3})
    running = reader(made.folder)
    running.current()
    for path in made.folder.glob("0000000[12].manifest"):
        path.unlink()
    for pointer in pointers:
        (made.folder / "CURRENT").unlink()
        (made.folder / "CURRENT").write_bytes(pointer)
        found = running.current()
        assert found is not None
        assert (found.seq, found.superseded) == (3, False)
        assert running.refusal is not None


def test_a_repaired_set_is_taken(made: World) -> None:
    """The damage was undone: set 2 answers, and good is said again."""
    made.second()
    file = next(made.folder.glob("*.00000002.index"))
    whole = file.read_bytes()
    made.damage(file.name)
    starting = reader(made.folder)
    starting.current()
    file.unlink()
    file.write_bytes(whole)
    (made.folder / "CURRENT").touch()
    snapshot = starting.current()
    assert snapshot is not None
    assert (snapshot.seq, snapshot.superseded, starting.refusal) == (2, False, None)
    assert made.ask(UNLISTED, snapshot).status is Status.GOOD


def test_a_list_carried_around_a_lost_set_makes_nobody_good(made: World) -> None:
    """Set 3 is built upon set 1 without partition 1's list, of which set 2 had a newer one: outdated, as if
    past its nextUpdate, also in the sets after; its listed stay REVOKED, other partitions are GOOD."""
    made.second()
    made.damage()
    lists = every_list(made.authority, 2, lives=4 * DAY)
    del lists[made.one]
    snapshot = store(made.folder).publish(lists, made.authorities, now=NOW)
    for _ in range(2):
        assert not snapshot.superseded
        assert snapshot.partial
        assert snapshot.lists[made.one].outdated
        at = timedelta(hours=50)
        assert made.ask(BOTH, snapshot, at=at).status is Status.REVOKED
        found = made.ask(SECOND_ONLY, snapshot, 1, at=at)
        assert (found.status, found.unknown_reason) == (Status.UNKNOWN, UnknownReason.STALE)
        found = made.ask(SECOND_ONLY, snapshot, at=at)
        assert (found.status, found.unknown_reason) == (Status.UNKNOWN, UnknownReason.PARTITION_STALE)
        assert made.ask(HELD, snapshot, at=at).status is Status.UNKNOWN
        assert made.ask(UNLISTED, snapshot, 2, at=at).status is Status.GOOD
        freshness = {each.scope: each.freshness for each in lists_of(made.authority, snapshot, T0 + at)}
        assert freshness.pop(made.one) is Freshness.EXPIRED
        assert set(freshness.values()) <= {Freshness.FRESH, Freshness.STALE_SOON}
        lists = {made.two: accepted({}, number=9, this_update=T0 + 2 * DAY + timedelta(hours=1))}
        snapshot = store(made.folder).publish(lists, made.authorities, now=NOW)
        lists = {made.two: accepted({}, number=10, this_update=T0 + 2 * DAY + timedelta(hours=2))}
    # Its next list, or the CA's word that this one is the newest, ends that.
    confirmed = store(made.folder).publish(lists, made.authorities, now=NOW, confirmed=[made.one])
    assert not confirmed.lists[made.one].outdated
    lists = {made.one: accepted({BOTH: 3}, number=4, this_update=T0 + 3 * DAY)}
    current = store(made.folder).publish(lists, made.authorities, now=NOW)
    assert current.lists[made.one].state is ListPresence.ACCEPTED
    assert made.ask(UNLISTED, current, at=timedelta(hours=75)).status is Status.GOOD


def test_dates_hold_without_any_list(made: World) -> None:
    """EXPIRED by its own dates, superseded or not: that needs no list."""
    made.second()
    made.damage()
    snapshot = reader(made.folder).current()
    status = certificate_status(
        identity(made.authority, UNLISTED),
        authorities=made.authorities,
        snapshot=snapshot,
        now=NOW,
        validity=Validity(T0 - 9 * DAY, T0),
    )
    assert status.status is Status.EXPIRED
