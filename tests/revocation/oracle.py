"""What a folder of sets must say, kept a second time in dictionaries: written from design and FORMAT.md.

Nothing is packed, sorted or merged here; each question is answered by looking through everything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

HOLD = 6
#: FORMAT.md, "One entry for each serial": groups of reasons, the most severe first.
SEVERITY = ((2,), (10,), (1,), (9,), (5,), (3, 4), (), (8,), (6,))
OTHERS = 6

#: (reason, revocation date)
Word = tuple[int, datetime]


def severity(reason: int) -> int:
    """Low is severe."""
    return next((place for place, group in enumerate(SEVERITY) if reason in group), OTHERS)


@dataclass(frozen=True)
class ModelList:
    """One list of a set; without a thisUpdate it is absent."""

    this_update: datetime | None = None
    next_update: datetime | None = None
    number: int = 0
    words: Mapping[int, Word] = field(default_factory=dict)
    accepted_in: int = 0
    outdated: bool = False

    def in_force(self, now: datetime) -> bool:
        if self.this_update is None or self.next_update is None or self.outdated:
            return False
        return self.this_update - timedelta(minutes=5) <= now < self.next_update


def united(said: Iterable[tuple[int, Word]]) -> Word:
    """Of what one list says of a serial, perhaps twice: the most severe reason, the earliest date."""
    words = [word for _, word in said]
    return min((severity(reason), reason) for reason, _ in words)[1], min(date for _, date in words)


@dataclass(frozen=True)
class Listed:
    reason: int
    date: datetime
    partition: int
    gone: bool = False


@dataclass(frozen=True)
class ModelSet:
    """One published set."""

    seq: int
    lists: Mapping[int, ModelList]
    known: Mapping[int, Listed]

    def status(
        self, serial: int, oracle: Oracle, partition: int | None, now: datetime, *, superseded: bool
    ) -> tuple[str, int | None]:
        """Status and reason. Of one that is listed its own list speaks; of one that is gone, or unlisted,
        the list of whatever its partition went into; of one without partition every open list."""
        one = self.known.get(serial)
        if one is not None and one.reason != HOLD:
            return "REVOKED", one.reason
        if one is not None:
            speaking = {oracle.end(one.partition)} if one.gone else {one.partition}
            return ("ON_HOLD" if self.speak(speaking, now, superseded) else "UNKNOWN"), one.reason
        needed = oracle.needed(partition, self.lists)
        return ("GOOD" if self.speak(needed, now, superseded) else "UNKNOWN"), None

    def speak(self, numbers: Collection[int | None], now: datetime, superseded: bool) -> bool:
        """Is there a list to speak, and is each of them in force?"""
        known = [self.lists.get(number or 0, ModelList()) for number in numbers]
        return bool(known) and not superseded and all(one.in_force(now) for one in known)


class Oracle:
    """A folder of sets of one lineage."""

    def __init__(self, *, holds_end: bool, partitions: Collection[int]) -> None:
        self.holds_end = holds_end
        self.open = set(partitions)
        #: Of each merged partition: into which one, and from which JST day on.
        self.successor: dict[int, tuple[int, date]] = {}
        #: Every set that a restart could open; ``damaged`` ones it cannot.
        self.sets: dict[int, ModelSet] = {}
        self.damaged: set[int] = set()
        self.current = 0
        self.chain: dict[int, int] = {}

    def end(self, partition: int) -> int | None:
        """The open partition that a partition went into in the end; nobody, where one just closed."""
        while partition not in self.open and partition in self.successor:
            partition, _ = self.successor[partition]
        return partition if partition in self.open else None

    def needed(self, partition: int | None, lists: Mapping[int, ModelList]) -> set[int]:
        """The lists that must speak; nobody's, where a closed partition has no successor.

        A list from before a merger knows nothing of those merged into it: until it speaks again, the last
        list of the merged one is needed too, and so on back.
        """
        if partition is None:
            return set(self.open).union(*(self.needed(merged, lists) for merged in self.successor))
        if self.end(partition) is None:
            return set()
        if partition in self.open:
            return {partition}
        into, day = self.successor[partition]
        beyond = self.needed(into, lists)
        # The rest of the way needs more than its end: then its own merger is not yet spoken of either.
        spoken = lists.get(into, ModelList()).this_update
        told = into in beyond and (spoken is None or (spoken + timedelta(hours=9)).date() < day)
        return beyond | {partition} if told else beyond

    def close(self, partition: int, successor: int | None, day: date) -> None:
        self.open.discard(partition)
        if successor is not None:
            self.successor[partition] = (successor, day)

    def base(self) -> tuple[ModelSet | None, bool]:
        """What is built upon, and what a starting reader takes; is it superseded?"""
        whole = [seq for seq in self.sets if seq <= self.current and seq not in self.damaged]
        if not whole:
            return None, False
        return self.sets[max(whole)], max(whole) < self.current

    def next_set(self, given: Mapping[int, ModelList], confirmed: Collection[int]) -> ModelSet:
        """The set that a publish of these lists makes."""
        seq = self.current + 1
        base, superseded = self.base()
        before = {} if base is None else base.lists
        spoken = {*given, *(number for number in confirmed if before.get(number, ModelList()).this_update)}
        lists = {
            number: replace(old, outdated=(old.outdated or superseded) and number not in spoken)
            if old.this_update
            else old
            for number, old in before.items()
        }
        lists |= {number: ModelList() for number in self.open if number not in lists}
        lists |= {number: replace(one, accepted_in=seq) for number, one in given.items()}
        # Whose successor spoke since the merger keeps of its own last list what is final.
        waiting = False
        for merged in self.successor:
            needed = self.needed(merged, lists)
            waiting = waiting or merged in needed
            if needed and merged not in needed and merged in lists:
                words = lists[merged].words
                final = {serial: word for serial, word in words.items() if word[0] != HOLD}
                lists[merged] = replace(lists[merged], words=final)
        known: dict[int, Listed] = {}
        for serial in {serial for one in lists.values() for serial in one.words}:
            named = {number: one for number, one in lists.items() if serial in one.words}
            winner = min(
                named,
                key=lambda number: (severity(named[number].words[serial][0]), -_age(named[number]), number),
            )
            date = min(one.words[serial][1] for one in named.values())
            known[serial] = Listed(named[winner].words[serial][0], date, winner)
        releases = self.holds_end and bool(self.open) and self.open <= spoken and not waiting
        for serial, one in ({} if base is None else base.known).items():
            if serial not in known and not (releases and one.reason == HOLD):
                known[serial] = replace(one, gone=True)
        return ModelSet(seq, lists, known)

    def commit(self, made: ModelSet) -> None:
        base, _ = self.base()
        self.chain[made.seq] = 0 if base is None else base.seq
        self.sets[made.seq] = made
        self.current = made.seq

    def sequences(self) -> list[int]:
        """The current set and those it was built upon, as far as they are still there."""
        found: list[int] = []
        seq = self.current
        while seq in self.sets:
            found.insert(0, seq)
            seq = self.chain[seq]
        return found

    def retention(self, keep_from: int) -> tuple[int, ...]:
        doomed = tuple(sorted(seq for seq in self.sets if seq < min(keep_from, self.current)))
        for seq in doomed:
            del self.sets[seq]
        return doomed


def _age(one: ModelList) -> float:
    assert one.this_update is not None
    return one.this_update.timestamp()


def difference(old: ModelSet | None, new: ModelSet) -> set[tuple[int, str, int | None, int | None]]:
    """(serial, kind, reason before, reason after) of every certificate that changed."""
    before = {} if old is None else old.known
    found: set[tuple[int, str, int | None, int | None]] = set()
    for serial in {*before, *new.known}:
        was, now = before.get(serial), new.known.get(serial)
        if was is None and now is not None:
            found.add((serial, "added", None, now.reason))
        elif was is not None and now is None:
            # No hold when the older set saw it: called one in between, and released. That frees nobody.
            found.add((serial, "released" if was.reason == HOLD else "gone", was.reason, None))
        elif was is not None and now is not None:
            if not was.gone and now.gone:
                found.add((serial, "gone", was.reason, now.reason))
            if was.reason != now.reason:
                found.add((serial, "reason_changed", was.reason, now.reason))
    return found
