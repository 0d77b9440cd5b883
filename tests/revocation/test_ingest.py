"""One cycle from fetch to publish, with real lists, a real store, and each list failing in its own way."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revocation.authorities import Authorities, ListScope
from revocation.clock import FixedClock
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import FetchLimits, FolderSource, HttpSource
from revocation.errors import OutsideFailed
from revocation.index.layout import ListPresence
from revocation.ingest import IngestReport, Outcome, ingest_cycle
from revocation.snapshot.store import SnapshotStore
from tests import pki
from tests.pki import T0, entry
from tests.revocation.list_server import list_server

_DAY = timedelta(days=1)
_MINUTE = timedelta(minutes=1)
_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


class Night:
    """A CA of two generations and two partitions, a folder of its lists, and everything a cycle needs."""

    def __init__(self, folder: Path, ca: pki.CA) -> None:
        self.ca = ca
        self.folder = folder
        self.authority = ca.authority()
        self.authorities = Authorities([self.authority])
        self.scopes = self.authority.expected_lists()
        self.store = SnapshotStore(folder / "snapshots", publisher_key=_KEY)
        self.archive = ListArchive(folder / "archive")
        self.clock = FixedClock(T0 + timedelta(hours=1))
        self.inbox = folder / "inbox"
        self.inbox.mkdir(parents=True, exist_ok=True)

    def file(self, scope: ListScope) -> Path:
        return self.inbox / f"{scope.signing_key[:8]}-{scope.partition_number}.crl"

    def der(self, scope: ListScope, day: int, entries: Iterable[bytes] = (), **forged: Any) -> bytes:
        this_update = T0 + day * _DAY
        forged.setdefault("this_update", this_update)
        forged.setdefault("next_update", this_update + 2 * _DAY)
        forged.setdefault("number", day + 1)
        return pki.crl_for(self.ca, scope, entries, **forged)

    def serve(self, day: int, entries: dict[ListScope, list[bytes]] | None = None) -> None:
        """The CA's lists of a day; the clock follows."""
        for scope in self.scopes:
            self.file(scope).write_bytes(self.der(scope, day, (entries or {}).get(scope, [])))
        self.clock.set(T0 + day * _DAY + timedelta(hours=1))

    async def run(self, **settings: Any) -> IngestReport:
        settings.setdefault("archive", self.archive)
        source = settings.pop("source", None) or FolderSource({s: self.file(s) for s in self.scopes})
        return await ingest_cycle(self.authorities, source, self.store, self.clock, **settings)


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    """RSA: the same list signed again has the same bytes."""
    return pki.make_ca()


@pytest.fixture
def night(tmp_path: Path, ca: pki.CA) -> Night:
    return Night(tmp_path, ca)


async def thread(function: Callable[..., Any], *arguments: Any) -> Any:
    """Test code does its own file I/O outside the loop too."""
    return await asyncio.to_thread(function, *arguments)


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
    assert told[-1] == ("publish", 1, 1)
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
    late = night.der(first, 0, [entry(7)], this_update=T0 + _MINUTE, number=2)
    await thread(night.file(first).write_bytes, late)
    assert (await night.run()).set_seq == 2

    def damage() -> None:
        (path,) = [
            p for p in night.store.folder.glob("*.00000002.index") if first.lineage.key_id[:16] in p.name
        ]
        path.unlink()

    await thread(damage)
    night.store = SnapshotStore(night.folder / "snapshots", publisher_key=_KEY)
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


@dataclass(frozen=True)
class Fault:
    """A way for the first list of the second night to be wrong."""

    name: str
    code: str
    forge: Callable[[Night, ListScope], bytes | None]


_FAULTS = [
    Fault("bad signature", "SIGNATURE_INVALID", lambda n, s: n.der(s, 1, corrupt_signature=True)),
    Fault("foreign key", "SIGNATURE_INVALID", lambda n, s: n.der(s, 1, private=pki.key("rsa", 9))),
    Fault("stale", "NEXT_UPDATE_PASSED", lambda n, s: n.der(s, 1, next_update=T0 + _DAY + _MINUTE)),
    Fault("older", "CRL_NUMBER_ROLLBACK", lambda n, s: n.der(s, -1, next_update=T0 + 9 * _DAY, number=0)),
    Fault("number reused", "CRL_NUMBER_REUSED", lambda n, s: n.der(s, 1, number=1)),
    Fault("going back in time", "THIS_UPDATE_ROLLBACK", lambda n, s: n.der(s, 0, number=5)),
    Fault("from the future", "THIS_UPDATE_IN_FUTURE", lambda n, s: n.der(s, 2, number=5)),
    Fault("exchanged", "SCOPE_MISMATCH", lambda n, s: n.der(s, 1, distribution_point=pki.point(2))),
    Fault("critical", "UNKNOWN_CRITICAL_EXTENSION",
          lambda n, s: n.der(s, 1, extra_extensions=[pki.extension("1.2.3", b"", critical=True)])),
    Fault("truncated", "DER_TRUNCATED", lambda n, s: n.der(s, 1)[:-7]),
    Fault("web page", "LIST_IS_HTML", lambda n, s: b"<html>502 Bad Gateway</html>"),
    Fault("empty", "LIST_IS_EMPTY", lambda n, s: b""),
    Fault("missing", "FETCH_UNREACHABLE", lambda n, s: None),
]  # fmt: skip


@pytest.mark.parametrize("fault", _FAULTS, ids=lambda fault: fault.name)
async def test_one_bad_list_stops_only_itself(night: Night, fault: Fault) -> None:
    """Its partition is carried over with what it listed, the report names it, the others publish."""
    first, second = night.scopes[:2]
    await thread(night.serve, 0, {first: [entry(7, reason=3)]})
    await night.run()
    await thread(night.serve, 1, {first: [entry(7, reason=3), entry(8)], second: [entry(100)]})

    def break_it() -> None:
        forged = fault.forge(night, first)
        if forged is None:
            night.file(first).unlink()
        else:
            night.file(first).write_bytes(forged)

    await thread(break_it)
    report = await night.run()
    assert report.outcome is Outcome.PARTIAL
    assert report.refusals == ((str(first), fault.code),)
    assert (report.set_seq, report.lists_accepted, report.lists_carried) == (2, 3, 1)
    snapshot = await thread(night.store.current)
    assert snapshot.partial
    state = snapshot.lists[first]
    assert (state.state, state.crl_number, state.this_update) == (ListPresence.CARRIED, 1, T0)
    assert snapshot.lookup(first.lineage, b"\x07") is not None
    assert snapshot.lookup(first.lineage, b"\x08") is None
    assert snapshot.lookup(second.lineage, b"\x64") is not None

    # The late list arrives: a complete set, with nothing refused.
    late = night.der(first, 1, [entry(7, reason=3), entry(8)])
    await thread(night.file(first).write_bytes, late)
    report = await night.run()
    assert (report.outcome, report.set_seq, report.refusals) == (Outcome.PUBLISHED, 3, ())
    snapshot = await thread(night.store.current)
    assert not snapshot.partial
    assert snapshot.lookup(first.lineage, b"\x08") is not None


@pytest.mark.parametrize(
    ("content", "outcome"),
    [(b"garbage", Outcome.REFUSED), (None, Outcome.UPSTREAM_DOWN)],
)
async def test_a_night_in_which_everything_fails(
    night: Night, content: bytes | None, outcome: Outcome
) -> None:
    """Nothing is published, yesterday's set stays, the outcome says who failed; on a first night too."""

    def break_all() -> None:
        for scope in night.scopes:
            if content is None:
                night.file(scope).unlink(missing_ok=True)
            else:
                night.file(scope).write_bytes(content)

    await thread(break_all)
    report = await night.run()
    assert (report.outcome, report.set_seq, report.lists_absent, report.entries) == (outcome, None, 4, 0)
    assert await thread(night.store.current) is None

    await thread(night.serve, 0, {night.scopes[0]: [entry(7)]})
    await night.run()
    await thread(break_all)
    report = await night.run()
    assert (report.outcome, report.set_seq, len(report.refusals)) == (outcome, None, 4)
    assert (report.lists_carried, report.entries) == (4, 1)
    assert (await thread(night.store.current)).seq == 1


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


async def test_a_second_memory_of_marks(night: Night) -> None:
    """T03, T30: the snapshot folder was lost, the database still knows; the greater mark wins."""
    await thread(night.serve, 0)

    @dataclass(frozen=True)
    class Known:
        crl_number: int | None
        this_update: datetime
        sha256: bytes

    class Database:
        def mark(self, scope: ListScope) -> Known | None:
            return Known(5, T0 + 5 * _DAY, b"") if scope == night.scopes[0] else None

    report = await night.run(high_water=Database())
    assert report.outcome is Outcome.PARTIAL
    assert report.refusals == ((str(night.scopes[0]), "CRL_NUMBER_ROLLBACK"),)


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


async def test_a_clock_behind_the_lists(night: Night) -> None:
    """T06, T28: all lists lie in the future: refused, nothing published."""
    await thread(night.serve, 0)
    night.clock.set(T0 - timedelta(days=1))
    report = await night.run()
    assert (report.outcome, report.set_seq) == (Outcome.REFUSED, None)
    assert {code for _, code in report.refusals} == {"THIS_UPDATE_IN_FUTURE"}


_KILL_AT = ["fetch 2", "accept 1", "accept 4", "publish 0", "publish 1", "keep 2", "remember"]

_SCRIPT = """
import asyncio, os, signal, sys
from pathlib import Path
from revocation.authorities import Authorities
from revocation.clock import FixedClock
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import FolderSource
from revocation.ingest import ingest_cycle
from revocation.snapshot.store import SnapshotStore
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from datetime import datetime

folder, at, now = Path(sys.argv[1]), sys.argv[2], datetime.fromisoformat(sys.argv[3])

def reached(where):
    if where == at:
        os.kill(os.getpid(), signal.SIGKILL)

class Archive(ListArchive):
    kept = 0
    def keep(self, *arguments, **named):
        self.kept += 1
        reached(f"keep {self.kept}")
        return super().keep(*arguments, **named)
    def remember(self, stored):
        reached("remember")
        super().remember(stored)

authorities = Authorities.load(folder / "authorities.json")
inbox = folder / "inbox"
files = {s: inbox / f"{s.signing_key[:8]}-{s.partition_number}.crl" for s in authorities.expected_lists()}
store = SnapshotStore(
    folder / "snapshots", publisher_key=Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
)
asyncio.run(ingest_cycle(
    authorities, FolderSource(files), store, FixedClock(now), archive=Archive(folder / "archive"),
    progress=lambda stage, done, total: reached(f"{stage} {done}"),
))
"""


@pytest.mark.parametrize("at", _KILL_AT)
def test_killed_anywhere_and_run_again(night: Night, at: str) -> None:
    """SIGKILL at each stage, then the same again: one set, the same lists and entries."""
    night.serve(0, {night.scopes[0]: [entry(7)]})
    asyncio.run(night.run())
    night.serve(1, {night.scopes[0]: [entry(7), entry(8, reason=3)]})
    night.authorities.dump(night.folder / "authorities.json")
    arguments = [sys.executable, "-c", _SCRIPT, str(night.folder), at, night.clock.now().isoformat()]
    killed = subprocess.run(arguments, check=False, timeout=60, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    report = asyncio.run(night.run())
    committed_before = at in {"publish 1", "keep 2", "remember"}
    assert report.outcome is (Outcome.NOTHING_NEW if committed_before else Outcome.PUBLISHED)
    snapshot = SnapshotStore(night.folder / "snapshots", publisher_key=_KEY).current()
    assert snapshot is not None
    assert (snapshot.seq, snapshot.entries, snapshot.partial) == (2, 2, False)
    assert {state.crl_number for state in snapshot.lists.values()} == {2}
    assert not night.archive.incoming.exists()
    assert len(night.archive.stored()) == 4
