"""Lists told by what changed in them: the same file, octet for octet, as of lists read whole."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.index import _place
from revocation.index._harvest import Harvest
from revocation.index.build import NewEntries, build_index
from revocation.index.layout import ListPresence, ListState
from revocation.index.list_changes import ListChanges, holds_each_entry, is_based_on
from revocation.index.search import Index
from tests.revocation.sets import DAY, T0
from tests.revocation.test_build_oracle import LINEAGE, Model, Said, record, said_of, serial_of, written

KEY: Final = bytes(range(40))
List = list[tuple[int, Said]]


def harvest(entries: List, key: bytes = KEY) -> Harvest:
    return Harvest.of_records(key, b"".join(record(*entry) for entry in entries))


@dataclass
class Days:
    """Sets of up to three lists, each built of what changed where that will do; checked against the model."""

    random: random.Random
    size: int
    model: Model = field(default_factory=Model)
    previous: Index | None = None
    lists: dict[int, List] = field(default_factory=dict)
    states: dict[int, ListState] = field(default_factory=dict)
    #: Lists that were told by changes, and those that were read whole though changes were offered.
    told: int = 0
    whole: int = 0

    def state(self, number: int, entries: int) -> ListState:
        return ListState(
            number,
            "cd" * 32,
            ListPresence.ACCEPTED,
            this_update=T0 + self.random.randrange(3) * timedelta(hours=1),
            next_update=T0 + DAY,
            ingested_at=T0,
            sha256=self.random.randbytes(32),
            accepted_seq=self.model.seq + 1,
            entries=entries,
            point_sha256=self.random.choice([bytes(32)] * 9 + [b"\1" * 32]),
        )

    def changed(self, number: int, before: List) -> List:
        """Some leave, some say something else, some are new; rarely one twice, or one of another list."""
        rng = self.random
        found = [one for one in before if rng.random() > 0.05]
        found = [
            (serial, said_of(rng, number)) if rng.random() < 0.05 else (serial, said)
            for serial, said in found
        ]
        for _ in range(rng.randrange(self.size // 8 + 2)):
            found.insert(rng.randrange(len(found) + 1), (self.serial(number), said_of(rng, number)))
        if rng.random() < 0.1:
            rng.shuffle(found)
        return found

    def serial(self, number: int) -> int:
        """Mostly one that no other list has."""
        if self.random.random() < 0.1:
            return serial_of(self.random)
        return 3 * self.random.randrange(self.random.choice([200, 1 << 30, 1 << 150])) + number

    def offered(self, number: int, entries: List) -> NewEntries:
        before = self.states.get(number)
        key = KEY if self.random.random() < 0.8 else self.random.randbytes(40)
        if before is None or self.random.random() < 0.2:
            return harvest(entries, key)
        new, old = Counter(entries), Counter(self.lists[number])

        def whole(sha256: bytes) -> Harvest:
            self.whole += 1
            return harvest(entries, key)

        assert before.sha256 is not None
        changes = ListChanges(
            harvest(list((new - old).elements()), key),
            harvest(list((old - new).elements()), key),
            before.sha256,
            len(entries),
            whole,
        )
        self.told += 1
        return changes

    def next(self) -> None:
        rng, seq = self.random, self.model.seq + 1
        numbers = [n for n in (1, 2, 3) if n == seq or rng.random() < 0.8]
        lists = {number: self.changed(number, self.lists.get(number, [])) for number in numbers}
        new = {number: self.offered(number, entries) for number, entries in lists.items()}
        self.states |= {number: self.state(number, len(entries)) for number, entries in lists.items()}
        release, merged = rng.random() < 0.5, {n for n in self.states if rng.random() < 0.1}
        built = build_index(
            LINEAGE,
            self.states,
            new,
            previous=self.previous,
            release_holds=release,
            merged=merged,
            mixing_key=KEY,
        )
        file = b"".join(bytes(chunk) for chunk in built.chunks())
        ranks = {n: int(one.this_update.timestamp()) for n, one in self.states.items() if one.this_update}
        self.model = self.model.after(lists, ranks, release=release, merged=merged)
        assert (built.entries, built.gone) == (len(self.model.listed), len(self.model.gone))
        assert (built.repeated, built.conflicting) == (self.model.repeated, self.model.conflicting)
        assert file == written(self.model, file, self.states, KEY)
        self.lists |= lists
        self.previous = Index(file, set_seq=self.model.seq)
        self.previous.verify()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1 << 32), size=st.sampled_from([3, 60, 400]))
def test_every_set_told_by_changes_is_what_the_format_says(seed: int, size: int) -> None:
    """Additions, departures, other reasons, returns, repetitions, shared serials, holds, carried lists: the
    file is, octet for octet, what FORMAT.md makes of a model that knows nothing of changes."""
    days = Days(random.Random(seed), size)
    for _ in range(5):
        days.next()


def test_changes_do_where_a_list_is_held_entry_for_entry() -> None:
    """The test above is about something: most lists are told by changes, some must be read whole."""
    told = whole = 0
    for seed in range(12):
        days = Days(random.Random(seed), 60)
        for _ in range(5):
            days.next()
        told, whole = told + days.told, whole + days.whole
    assert 0 < whole < told / 2


@dataclass(frozen=True)
class Night:
    """One list before and after."""

    before: List
    after: List

    def built(self, new: NewEntries, *, previous: Index | None) -> bytes:
        state = replace(_state(len(self.after)), sha256=b"\2" * 32)
        made = build_index(
            LINEAGE, {1: state}, {1: new}, previous=previous, release_holds=False, mixing_key=KEY
        )
        return b"".join(bytes(chunk) for chunk in made.chunks())

    def base(self) -> Index:
        made = build_index(
            LINEAGE,
            {1: _state(len(self.before))},
            {1: harvest(self.before)},
            previous=None,
            release_holds=False,
            mixing_key=KEY,
        )
        index = Index(b"".join(bytes(chunk) for chunk in made.chunks()), set_seq=1)
        index.verify()
        return index

    def changes(self, **others: object) -> ListChanges:
        new, old = Counter(self.after), Counter(self.before)
        made = ListChanges(
            harvest(list((new - old).elements())),
            harvest(list((old - new).elements())),
            b"\1" * 32,
            len(self.after),
            _never,
        )
        return replace(made, **others)  # type: ignore[arg-type]


def _state(entries: int) -> ListState:
    return ListState(
        1,
        "cd" * 32,
        ListPresence.ACCEPTED,
        this_update=T0,
        next_update=T0 + DAY,
        ingested_at=T0,
        sha256=b"\1" * 32,
        accepted_seq=1,
        entries=entries,
    )


def _never(sha256: bytes) -> Harvest:
    raise AssertionError("expected that the changes are enough")


def _large(*, long: bool) -> Night:
    """More entries than a harvest takes without buckets, a few of which change."""
    rng = random.Random(7)
    before: List = [
        (rng.randrange(1 << 32) if not long or at % 3 else rng.randrange(1 << 150), said_of(rng, 1))
        for at in range(300_000)
    ]
    before = list(dict(before).items())
    after = [one for at, one in enumerate(before) if at % 1000 != 5]
    after += [(rng.randrange(1 << 32), said_of(rng, 1)) for _ in range(200)]
    return Night(before, list(dict(after).items()))


@pytest.mark.parametrize("long", [False, True])
def test_a_large_list_in_stretches(long: bool) -> None:
    """Whole stretches of lines and records are copied, and a list read whole is compared line by line: three
    ways to one file, and the first night's is the slow writer's."""
    night = _large(long=long)
    base = night.base()
    whole = night.built(harvest(night.after), previous=base)
    assert night.built(night.changes(), previous=base) == whole
    shuffled = list(night.after)
    random.Random(8).shuffle(shuffled)
    assert night.built(harvest(shuffled), previous=base) == whole
    model = Model().after({1: night.before}, {1: 0}, release=False, merged=())
    model = model.after({1: night.after}, {1: 0}, release=False, merged=())
    state = replace(_state(len(night.after)), sha256=b"\2" * 32)
    assert whole == written(model, whole, {1: state}, KEY)


def _small() -> Night:
    before: List = [(serial, Said(1, 3, 0, 1_700_000_000)) for serial in range(1, 40)]
    return Night(before, [*before[4:], (99, Said(1, 4, 0, 1_700_000_001))])


@pytest.mark.parametrize(
    ("what", "spoilt"),
    [
        ("another list before", lambda night: night.changes(since=b"\3" * 32)),
        ("another count", lambda night: night.changes(count=len(night.after) + 1)),
        (
            "one left that was not there",
            lambda night: night.changes(
                removed=harvest([*night.before[:3], (1234, Said(1, 3, 0, 1_700_000_000))])
            ),
        ),
        (
            "one left with another date",
            lambda night: night.changes(
                removed=harvest([*night.before[:3], (4, Said(1, 3, 0, 1_700_000_009))])
            ),
        ),
        (
            "one left with another reason",
            lambda night: night.changes(
                removed=harvest([*night.before[:3], (4, Said(1, 1, 0, 1_700_000_000))])
            ),
        ),
        (
            "one left twice",
            lambda night: night.changes(removed=harvest([*night.before[:3], night.before[0]])),
        ),
    ],
)
def test_changes_that_do_not_fit(what: str, spoilt: Callable[[Night], ListChanges]) -> None:
    """A file that is not what it seemed: the list is read whole, and the set is that of the whole list."""
    night, asked = _small(), []

    def whole(sha256: bytes) -> Harvest:
        asked.append(sha256)
        return harvest(night.after)

    changes = replace(spoilt(night), whole=whole)
    base = night.base()
    assert not is_based_on(changes, 1, replace(_state(len(night.after)), sha256=b"\2" * 32), base)
    assert night.built(changes, previous=base) == night.built(harvest(night.after), previous=base)
    assert asked == [b"\2" * 32]


def test_changes_need_a_set_that_was_verified() -> None:
    """Without a set before, of an unverified one, or under another distribution point: whole."""
    night = _small()
    base, state = night.base(), _state(len(night.after))
    assert is_based_on(night.changes(), 1, state, base)
    assert not is_based_on(night.changes(), 1, state, None)
    assert not is_based_on(night.changes(), 1, replace(state, point_sha256=b"\4" * 32), base)
    assert not is_based_on(night.changes(), 2, replace(state, partition_number=2), base)
    assert not holds_each_entry(Index(bytes(base.view), set_seq=1), 1, b"\1" * 32)


def test_a_list_that_repeats_a_serial_is_not_held_entry_for_entry() -> None:
    """Which of the two is left when one goes, no index tells."""
    said = Said(1, 3, 0, 1_700_000_000)
    base = Night([(7, said), (7, replace(said, reason=1)), (8, said)], []).base()
    assert not holds_each_entry(base, 1, b"\1" * 32)


def test_what_left_must_stand_in_the_set_before() -> None:
    """The merge itself refuses what `is_based_on` would have: an entry that left and never was there."""
    night = _small()
    base = night.base()
    left = harvest([(4, night.before[3][1]), (1 << 20, night.before[0][1])])
    place = _place.Place(
        short_ones=True,
        new=None,
        numbers=(),
        rows=bytes(base.section(b"CODE")),
        ranks={1: 0},
        width=1,
        in_line=7,
        home_lines=base.tail.home_lines,
        directory_bits=0,
        base_listed=base.section(b"SHRT"),
        base_gone=base.section(b"SGON"),
        base_many=base.section(b"SMNY"),
        base_numbers=(0,),
        base_kept=(True,),
        base_home_lines=base.tail.home_lines,
        left=left,
        left_numbers=[0],
    )
    with pytest.raises(Exception, match="INDEX_CORRUPT"):
        for _ in place.listed(lambda which, upto: 1 << 40):
            pass
