"""Newly listed certificates counted by what changed in the lists: always as the files compared whole say."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation import additions_told
from revocation.additions import additions_between
from revocation.additions_told import ToldAdditions, changes_told
from revocation.authorities import ListScope
from revocation.index._harvest import Harvest
from revocation.index.layout import ListPresence
from revocation.index.list_changes import ListChanges
from revocation.snapshot.current import Snapshot
from revocation.snapshot.plan import AcceptedList
from revocation.snapshot.store import SnapshotStore
from tests.revocation.sets import T0, record, store, world

KEY = bytes(range(40))
REASONS = (0xFF, 0, 1, 3, 4, 5, 6, 99)
#: Serials of one list, each with its reason; a list may repeat one.
Entries = list[tuple[int, int]]


@dataclass(frozen=True)
class Told:
    """What a set needs of a list whose entries are a harvest, or told by changes."""

    this_update: datetime
    next_update: datetime | None
    crl_number: int | None
    entries: Harvest | ListChanges


def harvest(entries: Entries) -> Harvest:
    return Harvest.of_records(KEY, b"".join(record(*one) for one in entries))


@dataclass
class Cycles:
    """Cycles at one folder, each of one set and perhaps late ones, and processes that publish in between."""

    folder: Path
    random: random.Random
    releasable: bool = False
    #: How often the short way was taken, and how often the comparison.
    short: int = 0
    whole: int = 0
    lists: dict[ListScope, Entries] = field(default_factory=dict)
    number: int = 0

    def __post_init__(self) -> None:
        self.authorities, authority = world(hold_releasable=self.releasable)
        self.scopes = authority.expected_lists()
        self.store = store(self.folder)

    def changed(self, before: Entries) -> Entries:
        """Some leave, some say something else, some come: also one of another list, or one that had left."""
        rng = self.random
        found = [one for one in before if rng.random() > 0.15]
        found = [(serial, rng.choice(REASONS)) if rng.random() < 0.1 else (serial, r) for serial, r in found]
        for _ in range(rng.randrange(4)):
            serial = rng.choice([rng.randrange(1, 40), rng.randrange(1, 1 << 31), rng.randrange(1 << 120)])
            if rng.random() < 0.05 or serial not in dict(found):
                found.append((serial, rng.choice(REASONS)))
        return found

    def accepted(self, scope: ListScope, after: Entries, since: Snapshot | None) -> AcceptedList:
        """Told by what changed since the list of that set, if it is one."""
        self.number += 1
        at = T0 + self.number * timedelta(minutes=1)
        state = None if since is None else since.lists.get(scope)
        entries: Harvest | ListChanges = harvest(after)
        if state is not None and state.sha256 is not None:
            new, old = Counter(after), Counter(self.lists[scope])
            entries = ListChanges(
                harvest(list((new - old).elements())),
                harvest(list((old - new).elements())),
                state.sha256,
                len(after),
                lambda _: harvest(after),
            )
        facts = Told(at, at + timedelta(days=2), self.number, entries)
        return AcceptedList(facts, self.random.randbytes(32), at)

    def publish(self, writer: SnapshotStore, lists: Mapping[ListScope, AcceptedList]) -> Snapshot:
        return writer.publish(lists, self.authorities, now=T0 + self.number * timedelta(minutes=1))

    def someone_else(self) -> None:
        """Another process publishes one list, read whole."""
        scope = self.random.choice(self.scopes)
        after = self.changed(self.lists.get(scope, []))
        self.publish(store(self.folder), {scope: self.accepted(scope, after, None)})
        self.lists[scope] = after

    def cycle(self, *, told: float = 0.95, others: float = 0.1) -> None:
        rng = self.random
        first = before = self.store.current()
        counting, left = ToldAdditions(), list(self.scopes)
        rng.shuffle(left)
        while left:
            count = rng.randrange(1, len(left) + 1)
            scopes, left = left[:count], left[count:]
            entries = {scope: self.changed(self.lists.get(scope, [])) for scope in scopes}
            if rng.random() < others:
                self.someone_else()
            new = {
                scope: self.accepted(scope, after, first if rng.random() < told else None)
                for scope, after in entries.items()
            }
            now = self.publish(self.store, new)
            self.check(counting, first, before, now, new)
            self.lists |= entries
            before = now
            if rng.random() < 0.5:
                break  # the other lists are carried over

    def check(
        self,
        counting: ToldAdditions,
        first: Snapshot | None,
        before: Snapshot | None,
        now: Snapshot,
        new: Mapping[ListScope, AcceptedList],
    ) -> Mapping[str, int]:
        """The count, which is that of the comparison."""
        compared: list[bool] = []

        def whole() -> Mapping[str, int]:
            compared.append(True)
            return additions_between(first, now)

        found = counting.by_reason(first, before, now, changes_told(new, now), otherwise=whole)
        assert found == additions_between(first, now)
        self.whole += len(compared)
        self.short += not compared
        return found


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1 << 32), releasable=st.booleans())
def test_the_count_is_that_of_the_whole_comparison(
    tmp_path_factory: pytest.TempPathFactory, seed: int, releasable: bool
) -> None:
    """Additions, returns, other reasons, moves between lists, one in two lists, one twice in a list, late
    sets, lists read whole, other publishers in between, no set before."""
    cycles = Cycles(tmp_path_factory.mktemp("sets"), random.Random(seed), releasable)
    for _ in range(4):
        cycles.cycle()


def test_both_ways_are_taken(tmp_path: Path) -> None:
    """The test above is about something: the sets of usual nights are mostly counted the short way."""
    rng = random.Random(7)
    usual, unusual = Cycles(tmp_path / "a", rng), Cycles(tmp_path / "b", rng)
    for _ in range(12):
        usual.cycle(told=1, others=0)
        unusual.cycle(told=0.5, others=0.5)
    assert usual.short > usual.whole > 0
    assert unusual.whole > unusual.short


def a_night(
    folder: Path, before: list[Entries], after: list[Entries], *, releasable: bool = False
) -> tuple[Cycles, Snapshot, dict[ListScope, AcceptedList]]:
    """The first lists of a CA published, and the next ones told by their changes."""
    cycles = Cycles(folder, random.Random(1), releasable)
    cycles.lists = dict(zip(cycles.scopes, before, strict=False))
    first = cycles.publish(
        cycles.store, {scope: cycles.accepted(scope, one, None) for scope, one in cycles.lists.items()}
    )
    new = dict(zip(cycles.scopes, after, strict=False))
    return cycles, first, {scope: cycles.accepted(scope, one, first) for scope, one in new.items()}


def test_what_is_new_by_one_of_two_lists(tmp_path: Path) -> None:
    """Known in one partition's list, or in both lists' additions: not new, or new once, under the reason
    that the set gives it. One that left and comes back, that moves, or has another reason is not new."""
    cycles, first, new = a_night(
        tmp_path,
        [[(1, 3), (2, 3), (3, 3), (5, 3)], [(10, 3)]],
        [[(1, 1), (3, 3), (7, 3), (7 << 90, 4)], [(10, 3), (2, 3), (7, 1)]],
    )
    now = cycles.publish(cycles.store, new)
    counting = ToldAdditions()
    assert cycles.check(counting, first, first, now, new) == {"keyCompromise": 1, "superseded": 1}
    cycles.lists |= {cycles.scopes[0]: [(1, 1), (3, 3), (7, 3), (7 << 90, 4)]}
    back = {cycles.scopes[0]: cycles.accepted(cycles.scopes[0], [(5, 3), (9, 5), (7, 3), (7 << 90, 4)], now)}
    later = cycles.publish(cycles.store, back)
    # Of a late set the changes count together with those of the one before it.
    expected = {"keyCompromise": 1, "superseded": 1, "cessationOfOperation": 1}
    assert cycles.check(counting, first, now, later, back) == expected
    assert cycles.check(ToldAdditions(), now, now, later, back) == {"cessationOfOperation": 1}
    # Serial 7 is in both lists, and the other one speaks louder: the late list was read whole.
    assert (cycles.short, cycles.whole) == (0, 3)


def test_from_the_set_that_does_not_qualify_on_all_are_compared(tmp_path: Path) -> None:
    """A cycle whose first set has a list read whole: its late set, told by changes, is compared as well."""
    cycles, first, new = a_night(tmp_path, [[(1, 3)], [(2, 3)]], [[(1, 3), (3, 3)], [(2, 3), (4, 4)]])
    one, two = new
    read_whole = {one: cycles.accepted(one, [(1, 3), (3, 3)], None)}
    late = {two: cycles.accepted(two, [(2, 3), (4, 4)], first)}
    counting = ToldAdditions()
    now = cycles.publish(cycles.store, read_whole)
    assert cycles.check(counting, first, first, now, read_whole) == {"affiliationChanged": 1}
    last = cycles.publish(cycles.store, late)
    assert cycles.check(counting, first, now, last, late) == {"affiliationChanged": 1, "superseded": 1}
    assert (cycles.short, cycles.whole) == (0, 2)
    assert cycles.check(ToldAdditions(), now, now, last, late) == {"superseded": 1}
    assert cycles.short == 1


def test_a_set_built_upon_another_than_the_cycle_knew(tmp_path: Path) -> None:
    """Another process published in between, and a list of it that this cycle did not take: what that one
    added is counted too."""
    cycles, first, new = a_night(tmp_path, [[(1, 3)], [(2, 3)], []], [[(1, 3), (3, 3)]])
    other = {cycles.scopes[1]: cycles.accepted(cycles.scopes[1], [(2, 3), (5, 4)], None)}
    cycles.publish(store(tmp_path), other)
    [scope] = new
    new = {scope: cycles.accepted(scope, [(1, 3), (3, 3)], first)}
    now = cycles.publish(cycles.store, new)
    counted = cycles.check(ToldAdditions(), first, first, now, new)
    assert counted == {"affiliationChanged": 1, "superseded": 1}
    assert (cycles.short, cycles.whole) == (0, 1)


def test_changes_that_the_builder_did_not_use(tmp_path: Path) -> None:
    """The file of the list before is not what it seemed: an entry that it had, and the set had not, is new
    though no change says so."""
    cycles, first, new = a_night(tmp_path, [[(1, 3), (2, 3)]], [[(1, 3), (3, 4)]])
    [scope] = new
    # As if 2 had been listed for another reason, and 9 had come: the counts of the sets would bear it out.
    entries = ListChanges(
        harvest([(9, 4)]),
        harvest([(2, 4)]),
        first.lists[scope].sha256 or b"",
        2,
        lambda _: harvest([(8, 5), (1, 3)]),
    )
    new = {scope: replace(new[scope], list=replace(new[scope].list, entries=entries))}
    now = cycles.publish(cycles.store, new)
    assert cycles.check(ToldAdditions(), first, first, now, new) == {"cessationOfOperation": 1}
    assert (cycles.short, cycles.whole) == (0, 1)


def test_a_hold_that_ended(tmp_path: Path) -> None:
    """With its list's entry, beside a new reason and a move: the short way. Of one that had left before
    the set was complete: another certificate's addition must not hide behind it."""
    cycles, first, new = a_night(
        tmp_path,
        [[(1, 6), (2, 6), (3, 3)], [(4, 3)], [], []],
        [[(2, 3), (8, 1)], [(3, 3), (4, 3), (9, 4)], [], []],
        releasable=True,
    )
    now = cycles.publish(cycles.store, new)
    lineage = cycles.scopes[0].lineage
    assert now.lookup(lineage, b"\1") is None
    found = cycles.check(ToldAdditions(), first, first, now, new)
    assert found == {"keyCompromise": 1, "superseded": 1}
    assert (cycles.short, cycles.whole) == (1, 0)

    cycles, first, new = a_night(
        tmp_path / "other", [[(1, 6), (2, 3)], [(4, 3)], [], []], [[(2, 3)]], releasable=True
    )
    held = cycles.publish(cycles.store, new)
    assert held.lookup(lineage, b"\1") is not None
    cycles.lists |= {cycles.scopes[0]: [(2, 3)]}
    after = {scope: [(7, 3)] if scope == cycles.scopes[0] else cycles.lists[scope] for scope in cycles.scopes}
    new = {scope: cycles.accepted(scope, entries, held) for scope, entries in after.items()}
    now = cycles.publish(cycles.store, new)
    assert now.lookup(lineage, b"\1") is None
    assert cycles.check(ToldAdditions(), held, held, now, new) == {"affiliationChanged": 1}
    assert (cycles.short, cycles.whole) == (0, 1)


def test_one_that_a_late_set_takes_back(tmp_path: Path) -> None:
    """New by the first set of a cycle, gone or of another reason by the next: what the last one says."""
    cycles, first, new = a_night(tmp_path, [[(1, 3)]], [[(1, 3), (2, 6), (3, 3)]])
    [scope] = new
    counting = ToldAdditions()
    now = cycles.publish(cycles.store, new)
    assert cycles.check(counting, first, first, now, new) == {"certificateHold": 1, "affiliationChanged": 1}
    cycles.lists[scope] = [(1, 3), (2, 6), (3, 3)]
    late = {scope: cycles.accepted(scope, [(1, 3), (3, 1), (5, 4)], now)}
    last = cycles.publish(cycles.store, late)
    found = cycles.check(counting, first, now, last, late)
    assert found == {"certificateHold": 1, "keyCompromise": 1, "superseded": 1}
    assert (cycles.short, cycles.whole) == (1, 1)


def test_no_set_before(tmp_path: Path) -> None:
    """A first night, and its late set: everything in them is new."""
    cycles = Cycles(tmp_path, random.Random(1))
    one, two = cycles.scopes[:2]
    counting, lists = ToldAdditions(), {one: cycles.accepted(one, [(1, 3)], None)}
    first = cycles.publish(cycles.store, lists)
    assert cycles.check(counting, None, None, first, lists) == {"affiliationChanged": 1}
    lists = {two: cycles.accepted(two, [(1, 3), (2, 3)], None)}
    now = cycles.publish(cycles.store, lists)
    assert cycles.check(counting, None, first, now, lists) == {"affiliationChanged": 2}
    assert now.lists[one].state is ListPresence.CARRIED


def test_the_first_set_is_missing(tmp_path: Path) -> None:
    """Lost between the cycle's beginning and its lists, say: changes alone do not tell what was known."""
    cycles, first, new = a_night(tmp_path, [[(1, 3)]], [[(1, 3), (2, 4)]])
    now = cycles.publish(cycles.store, new)
    assert changes_told(new, now) is not None
    for before in (None, first):
        found = cycles.check(ToldAdditions(), None, before, now, new)
        assert found == {"affiliationChanged": 1, "superseded": 1}
    assert (cycles.short, cycles.whole) == (0, 2)


def test_too_many_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the files are compared, and no list's changes are kept."""
    monkeypatch.setattr(additions_told, "_FEW_CHANGES", 3)
    cycles, first, new = a_night(
        tmp_path, [[(1, 3)], [(2, 3)]], [[(n, 3) for n in (1, 4, 5)], [(n, 3) for n in (2, 6, 7)]]
    )
    now = cycles.publish(cycles.store, new)
    assert changes_told(new, now) is None
    assert cycles.check(ToldAdditions(), first, first, now, new) == {"affiliationChanged": 4}
    assert (cycles.short, cycles.whole) == (0, 1)


def test_a_failure_is_no_knowledge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a set that could not be counted the next one of the cycle is compared whole."""
    cycles, first, new = a_night(tmp_path, [[(1, 3)], [(2, 3)]], [[(1, 3), (3, 3)], [(2, 3), (4, 4)]])
    (one, its), (two, others) = new.items()
    now = cycles.publish(cycles.store, {one: its})
    counting = ToldAdditions()
    with monkeypatch.context() as patched:
        patched.delattr(additions_told, "_new_in")
        with pytest.raises(NameError):
            cycles.check(counting, first, first, now, {one: its})
    last = cycles.publish(cycles.store, {two: others})
    counted = cycles.check(counting, first, now, last, {two: others})
    assert counted == {"affiliationChanged": 1, "superseded": 1}
    assert (cycles.short, cycles.whole) == (0, 1)
