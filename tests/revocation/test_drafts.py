"""Index files begun while their list is still hashed: taken only if they fit, and never seen otherwise."""

from __future__ import annotations

import errno
import multiprocessing
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from revocation.authorities import Authorities
from revocation.crl import beside
from revocation.errors import OutsideFailed, OwnFault
from revocation.ingest import Outcome
from revocation.snapshot import drafts as drafts_module
from revocation.snapshot.draft import DRAFT_SUFFIX, Draft, ListHead, is_leftover
from revocation.snapshot.drafts import Drafts
from revocation.snapshot.durable import Disk, disk_errors
from revocation.snapshot.store import SnapshotStore
from revocation.snapshot.tree_hash import PIECE_OCTETS, TreeHash, tree_hash_of
from tests import pki
from tests.pki import T0, entry
from tests.revocation.nights import DAY, KEY, Night, thread
from tests.revocation.sets import accepted, every_list, world

MIXING_KEY = bytes(range(40))


@pytest.fixture
def drafting(monkeypatch: pytest.MonkeyPatch) -> list[Draft]:
    """Each list's hash takes until its draft is written, however small it is; the drafts that were begun."""
    begun: list[Draft] = []
    monkeypatch.setattr(beside, "_LARGE_OCTETS", -1)
    monkeypatch.setattr(beside.SignedPartHashes, "is_done", lambda _: False)

    class Noted(Draft):
        def write(self, stop: object) -> None:
            begun.append(self)
            super().write(lambda: False)

    monkeypatch.setattr(drafts_module, "Draft", Noted)
    return begun


class OneList(Night):
    """A CA that does not divide its lists: each key has one, and there alone drafts are made."""

    def __init__(self, folder: Path, ca: pki.CA, disk: Disk | None = None) -> None:
        super().__init__(folder, ca)
        self.authority = ca.authority(partitions=1)
        self.authorities = Authorities([self.authority])
        self.scopes = self.authority.expected_lists()
        self.store = SnapshotStore(
            folder / "snapshots", publisher_key=KEY, disk=disk, new_mixing_key=lambda: MIXING_KEY
        )

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in (self.folder / "snapshots").iterdir()}

    def indexes(self) -> dict[str, bytes]:
        return {name: octets for name, octets in self.files().items() if name.endswith(".index")}

    def left(self) -> list[str]:
        """Names that no reader knows."""
        return [name for name in self.files() if name.startswith(".")]


def entries(*serials: int) -> list[bytes]:
    return [entry(serial, reason=serial % 7) for serial in serials]


async def three_nights(night: OneList) -> None:
    """Entries that stay, come, go and return, short and long ones."""
    first, second = night.scopes
    for day, (one, other) in enumerate(
        [((1, 2, 3, 1 << 90), (5,)), ((1, 3, 4, 1 << 90), (5, 6)), ((2, 3, 1 << 91), ())]
    ):
        await thread(night.serve, day, {first: entries(*one), second: entries(*other)})
        report = await night.run()
        assert report.outcome is Outcome.PUBLISHED


async def test_a_draft_becomes_the_file_that_would_have_been_built(
    tmp_path: Path, ca: pki.CA, drafting: list[Draft], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Octet for octet, over several sets; every file of every set was a draft before, and none is left."""
    drafted = OneList(tmp_path / "drafted", ca)
    await three_nights(drafted)
    assert len(drafting) == 2 * 3
    assert all(draft._finished for draft in drafting)
    monkeypatch.setattr(Drafts, "begin", lambda *_: None)
    built = OneList(tmp_path / "built", ca)
    await three_nights(built)
    assert len(drafting) == 2 * 3
    assert await thread(drafted.indexes) == await thread(built.indexes)
    assert await thread(drafted.left) == []
    fresh = SnapshotStore(tmp_path / "drafted" / "snapshots", trusted_publishers=(KEY.public_key(),))
    assert (await thread(fresh.current)).seq == 3


async def test_of_a_list_that_is_refused_nobody_sees_the_draft(
    tmp_path: Path, ca: pki.CA, drafting: list[Draft]
) -> None:
    """The signature does not hold, though all was written: the set of before stays, no file is left."""
    night = OneList(tmp_path, ca)
    first, _ = night.scopes
    await thread(night.serve, 0, {first: entries(1)})
    await night.run()
    await thread(night.serve, 1, {first: entries(1, 2)})
    der = bytearray(await thread(night.file(first).read_bytes))
    der[-1] ^= 1
    await thread(night.file(first).write_bytes, bytes(der))
    report = await night.run()
    assert [refusal.error.code for refusal in report.refused] == ["SIGNATURE_INVALID"]
    assert len(drafting) == 4
    snapshot = await thread(night.store.current)
    assert snapshot.lookup(first.lineage, b"\x02") is None
    assert snapshot.lookup(first.lineage, b"\x01") is not None
    assert await thread(night.left) == []


async def test_a_draft_upon_another_set_is_not_taken(
    tmp_path: Path, ca: pki.CA, drafting: list[Draft], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody published meanwhile: the file is built anew upon that set, and what only it knew is gone, not
    lost."""
    night = OneList(tmp_path, ca)
    first, _ = night.scopes
    await thread(night.serve, 0, {first: entries(1)})
    await night.run()
    await thread(night.serve, 2, {first: entries(1, 2)})
    drafting.clear()
    real = Draft.write
    other = OneList(tmp_path / "other", ca)
    other.store = SnapshotStore(tmp_path / "snapshots", publisher_key=KEY)
    lists = {first: accepted({1: 1, 9: 3}, number=2, this_update=T0 + DAY)}

    one_by_one = threading.Lock()

    def write(draft: Draft, stop: object) -> None:
        # The other key's list is drafted by another thread: only one of the two publishes.
        with one_by_one:
            if not drafting:
                other.store.publish(lists, other.authorities, now=T0 + DAY)
            drafting.append(draft)
        real(draft, lambda: False)

    monkeypatch.setattr(drafts_module, "Draft", Draft)
    monkeypatch.setattr(Draft, "write", write)
    report = await night.run()
    assert (report.outcome, report.set_seq) == (Outcome.PUBLISHED, 3)
    # The other key's draft may have begun after that publish, and then it fits.
    assert not drafting[0]._finished
    found = (await thread(night.store.current)).lookup(first.lineage, b"\x09")
    assert found is not None
    assert found.gone
    assert await thread(night.left) == []


class FullDisk(Disk):
    """Has no room for drafts; for everything else it has."""

    def create(self, path: Path) -> int:
        if path.name.endswith(DRAFT_SUFFIX):
            raise OSError(errno.ENOSPC, "no room")
        return super().create(path)


class FailingDisk(Disk):
    """Takes a draft's beginning and no more."""

    def __init__(self) -> None:
        self.drafts: set[int] = set()

    def create(self, path: Path) -> int:
        descriptor = super().create(path)
        if path.name.endswith(DRAFT_SUFFIX):
            self.drafts.add(descriptor)
        else:
            self.drafts.discard(descriptor)
        return descriptor

    def write(self, descriptor: int, data: bytes | memoryview) -> None:
        if descriptor in self.drafts:
            raise OSError(errno.EIO, "broken")
        super().write(descriptor, data)


@pytest.mark.parametrize("disk", [FullDisk, FailingDisk])
async def test_where_no_draft_can_be_written_the_publish_builds(
    tmp_path: Path, ca: pki.CA, drafting: list[Draft], disk: type[Disk]
) -> None:
    """A disk that fails while a draft is begun costs the draft; what the publish meets is its own to say."""
    night = OneList(tmp_path, ca, disk())
    first, _ = night.scopes
    await thread(night.serve, 0, {first: entries(1)})
    report = await night.run()
    assert report.outcome is Outcome.PUBLISHED
    assert not any(draft._finished for draft in drafting)
    assert await thread(night.left) == []


async def test_a_fault_beneath_a_draft_is_not_hidden(
    tmp_path: Path, ca: pki.CA, drafting: list[Draft], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The finished draft reads back as damaged: no set is published from it, and nothing is left of it."""
    night = OneList(tmp_path, ca)
    await thread(night.serve, 0)

    def broken(*_: object, **__: object) -> None:
        raise OwnFault("INDEX_CORRUPT", expected="what was written", got="another", remedy="look at the disk")

    monkeypatch.setattr("revocation.snapshot.staged._checked", broken)
    with pytest.raises(OwnFault, match="INDEX_CORRUPT"):
        await night.run()
    assert await thread(night.store.current) is None
    assert len(drafting) == 2
    assert await thread(night.left) == []


def begin_and_hang(folder: Path, ready: object) -> None:
    """In a process of its own: a draft as a cycle begins it, until the process is killed."""
    night = OneList(folder, pki.make_ca())
    cycle = night.store.drafts(night.authorities)
    facts = accepted({1: 1}).list
    scope = night.scopes[0]
    head = ListHead(facts.this_update, facts.next_update, facts.crl_number, facts.entries)
    cycle.begin(scope, head, lambda: True)
    ready.set()  # type: ignore[attr-defined]
    signal.pause()


@pytest.fixture
def living(tmp_path: Path) -> Iterator[multiprocessing.Process]:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=begin_and_hang, args=(tmp_path, ready))
    process.start()
    try:
        assert ready.wait(60)
        yield process  # type: ignore[misc]
    finally:
        process.kill()
        process.join(30)


def test_a_living_process_keeps_its_draft_and_a_killed_one_leaves_none(
    tmp_path: Path, living: multiprocessing.Process
) -> None:
    """The next publish collects the draft of a process that was killed, and no other."""
    authorities, authority = world()
    folder = tmp_path / "snapshots"
    writer = SnapshotStore(folder, publisher_key=KEY)
    found = list(folder.glob(f".*{DRAFT_SUFFIX}"))
    assert len(found) == 1
    writer.publish(every_list(authority), authorities, now=T0)
    assert found[0].exists()
    living.kill()
    living.join(30)
    writer.publish(every_list(authority, 1), authorities, now=T0 + DAY)
    assert not found[0].exists()


async def test_a_cycle_that_ends_first_leaves_no_draft(tmp_path: Path, ca: pki.CA) -> None:
    """Its thread is still at work when the cycle is over: the draft goes as soon as it is written."""
    night = OneList(tmp_path, ca)
    cycle = night.store.drafts(night.authorities)
    facts = accepted({1: 1}).list
    head = ListHead(facts.this_update, facts.next_update, facts.crl_number, facts.entries)

    def meanwhile() -> bool:
        cycle.drop()
        return False

    await thread(cycle.begin, night.scopes[0], head, meanwhile)
    assert not cycle.begun
    assert await thread(night.left) == []


async def test_of_many_lists_no_draft_is_made(night: Night, drafting: list[Draft]) -> None:
    """One of them is decoded while another is hashed: no core is idle."""
    await thread(night.serve, 0)
    report = await night.run()
    assert report.outcome is Outcome.PUBLISHED
    assert drafting == []


def test_a_draft_that_cannot_be_held_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its lock anybody's next publish would take it for a leftover: so it goes at once."""

    def refused(*_: object) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    night = OneList(tmp_path, pki.make_ca())
    cycle = night.store.drafts(night.authorities)
    facts = accepted({1: 1}).list
    head = ListHead(facts.this_update, facts.next_update, facts.crl_number, facts.entries)
    monkeypatch.setattr("revocation.snapshot.draft.fcntl.flock", refused)
    cycle.begin(night.scopes[0], head, lambda: True)
    assert not cycle.begun
    assert night.left() == []


def test_a_draft_whose_thread_is_interrupted_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C where a draft is written, or before there is one, is Ctrl-C; nothing is left of it."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    night = OneList(tmp_path, pki.make_ca())
    cycle = night.store.drafts(night.authorities)
    facts = accepted({1: 1}).list
    head = ListHead(facts.this_update, facts.next_update, facts.crl_number, facts.entries)
    with monkeypatch.context() as patch:
        patch.setattr(Draft, "write", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cycle.begin(night.scopes[0], head, lambda: True)
    with monkeypatch.context() as patch:
        patch.setattr(drafts_module, "plan_set", interrupted)
        with pytest.raises(KeyboardInterrupt):
            cycle.begin(night.scopes[0], head, lambda: True)
    assert not cycle.begun
    assert night.left() == []


def test_a_second_draft_of_a_list_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """In a later round the CA serves another list: the draft of the one before goes."""
    night = OneList(tmp_path, pki.make_ca())
    cycle = night.store.drafts(night.authorities)
    facts = accepted({1: 1}).list
    head = ListHead(facts.this_update, facts.next_update, facts.crl_number, facts.entries)
    for _ in range(2):
        cycle.begin(night.scopes[0], head, lambda: True)
        assert len(night.left()) == 1
    cycle.drop()
    assert night.left() == []


def test_a_draft_that_is_gone_is_no_leftover(tmp_path: Path) -> None:
    """Somebody collected it between the look into the folder and this one."""
    assert not is_leftover(tmp_path / f".x{DRAFT_SUFFIX}")


def test_a_draft_is_hashed_ahead_only_while_there_is_time(tmp_path: Path) -> None:
    """Whole pieces until told to stop, none once nobody wants the hash; the rest comes later, and the hash is
    the same."""
    path = tmp_path / "file"
    octets = bytes(range(256)) * (5 * PIECE_OCTETS // 256) + b"rest"
    path.write_bytes(octets)
    with path.open("rb") as file:
        for looks in range(8):
            tree = TreeHash(file.fileno())
            tree.grow(len(octets))
            answers = iter([False] * looks + [True] * 9)
            tree.work_ahead(lambda answers=answers: next(answers))
            tree.end(len(octets))
            tree.work()
            assert tree.digest() == tree_hash_of(octets)
        stopped = TreeHash(file.fileno())
        stopped.grow(len(octets))
        stopped.stop()
        stopped.work_ahead(lambda: False)
        stopped.end(len(octets))
        with pytest.raises(KeyError):
            stopped.digest()


def test_want_of_memory_is_told_as_such(tmp_path: Path) -> None:
    """Wherever a set is written: a code of its own, and the remedy."""
    with pytest.raises(OutsideFailed, match="OUT_OF_MEMORY"), disk_errors("PUBLISH_FAILED", "the new set"):
        raise MemoryError
