"""Build an index file from accepted lists and from the index of the set before, front to back.

Deterministic: the same lists, states, mixing key and predecessor give the same bytes. Nothing is written
here; the bytes go out in chunks through ``snapshot.durable``.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final, Protocol, TypeAlias

from revocation.authorities import Lineage
from revocation.errors import InputRefused
from revocation.index import layout
from revocation.index._harvest import Harvest
from revocation.index._place import Place
from revocation.index.base import Base
from revocation.index.codes import CodeTable, code_table
from revocation.index.geometry import choose_home_lines
from revocation.index.layout import ListState
from revocation.index.list_changes import ListChanges, is_based_on
from revocation.index.output import Output
from revocation.index.search import Index
from revocation.index.tail import directory_bits
from revocation.reasons import CRLReason

#: (entries placed, entries expected).
Progress = Callable[[int, int], None]
#: How often it is told of a file's entries, at most; and once more for each class of serials.
_TOLD_TIMES: Final = 100


class PackedEntries(Protocol):
    """Entries of a list as records of 32 octets, for callers that have few."""

    @property
    def records(self) -> bytes | memoryview: ...


#: What a new list has: all of it, or what changed in it since the set before.
NewEntries: TypeAlias = Harvest | ListChanges | PackedEntries | bytes | memoryview


class IndexBuild:
    """One index file in the making: take ``chunks`` to their end, then read the counts."""

    def __init__(
        self,
        lineage: Lineage,
        states: Mapping[int, ListState],
        lists: Mapping[int, NewEntries],
        *,
        previous: Index | None,
        release_holds: bool,
        merged: Collection[int],
        mixing_key: bytes | None,
        progress: Progress | None,
    ) -> None:
        if unknown := [number for number in lists if number not in states]:
            raise InputRefused(
                "PARTITION_NOT_DECLARED",
                expected="a state for every partition with entries",
                got=f"{len(unknown)} without",
                remedy="declare each list of the set",
            )
        self._lineage: Final = lineage
        self._states: Final = states
        self._previous: Final = previous
        self._release_holds: Final = release_holds
        self._key: Final = _mixing_key(lists, previous, mixing_key)
        self._new: Final[dict[int, Harvest]] = {}
        #: Of lists of which only the changes are new: the entries that left.
        self._left: Final[dict[int, Harvest]] = {}
        for number, found in sorted(lists.items()):
            self._take(number, found)
        self._carried: Final = _carried(states, self._new, previous)
        self._merged: Final = frozenset(merged)
        self._tell: Final[Progress] = progress or _silent
        self._out: Output | None = None
        self.entries = self.gone = self.repeated = self.conflicting = 0

    def _take(self, number: int, found: NewEntries) -> None:
        if isinstance(found, ListChanges):
            state = self._states[number]
            if is_based_on(found, number, state, self._previous):
                self._new[number] = self._under_key(found.added)
                self._left[number] = self._under_key(found.removed)
                return
            # The digest is that of the list which the set has.
            found = found.whole(state.sha256 or b"")
        if not isinstance(found, Harvest):
            records = found if isinstance(found, bytes | memoryview) else found.records
            found = Harvest.of_records(self._key, records)
        self._new[number] = self._under_key(found)

    def _under_key(self, found: Harvest) -> Harvest:
        # Taken under another key: the set before was another one when this list was decoded.
        return found if found.key == self._key else found.rekeyed(self._key)

    def chunks(self) -> Iterator[memoryview | bytes]:
        """The file's octets in order; each view holds until the next one is taken. Once."""
        yield from self.entries_first()
        yield from self.tables(self._states)

    def entries_first(self) -> Iterator[memoryview | bytes]:
        """All but the tables at the end: of what the lists' states say only thisUpdate counts here."""
        table = code_table(
            {number: harvest.codes for number, harvest in self._new.items()},
            () if self._previous is None else self._previous.codes,
        )
        base = Base(self._previous)
        kept = [
            code.partition in self._left
            or (
                code.partition in self._carried
                and not (code.partition in self._merged and code.reason == CRLReason.certificate_hold)
            )
            for code in base.codes
        ]
        harvest, numbers = self._together(self._new, table)
        left = self._together(self._left, table)
        self._out = out = Output(self._lineage, self._key, table)
        yield from out.header()
        # One class of serials after the other; of the first the gone ones wait for their place in the file.
        short = self._place(True, harvest, numbers, left, table, base, kept, out)
        expected = base.entry_count + sum(one.count for one in self._new.values())
        yield from out.section(b"SHRT", self._told(short.listed(base.check(short=True)), short, 0, expected))
        long = self._place(False, harvest, numbers, left, table, base, kept, out)
        yield from out.section(
            b"LONG", self._told(long.listed(base.check(short=False)), long, short.entries, expected)
        )
        out.long_bits = directory_bits(long.entries)
        yield from out.section(b"LDIR", [long.directory(out.long_bits)])
        out.short_gone_bits = directory_bits(short.gone_count)
        yield from out.section(b"SGON", short.gone(out.short_gone_bits))
        yield from out.section(b"SGDR", [short.directory(out.short_gone_bits)])
        out.long_gone_bits = directory_bits(long.gone_count)
        yield from out.section(b"LGON", long.gone(out.long_gone_bits))
        yield from out.section(b"LGDR", [long.directory(out.long_gone_bits)])
        yield from out.section(b"SMNY", [short.many_section])
        yield from out.section(b"LMNY", [long.many_section])
        self.entries = out.entries = short.entries + long.entries
        self.gone = out.gone = short.gone_count + long.gone_count
        self.repeated = short.repeated + long.repeated
        self.conflicting = short.conflicting + long.conflicting
        base.release()

    def tables(self, states: Mapping[int, ListState]) -> Iterator[memoryview | bytes]:
        """After ``entries_first``: the rest, with the lists' states as they are by then."""
        if self._out is None or states.keys() != self._states.keys():
            raise ValueError("expected the entries first, and the same partitions")
        yield from self._out.end(states)

    def _together(self, lists: Mapping[int, Harvest], table: CodeTable) -> tuple[Harvest | None, list[int]]:
        """One harvest of all lists, and the set's code for each of its own."""
        full = {number: harvest for number, harvest in lists.items() if harvest.count}
        numbers = {number: table.numbers(number, harvest.codes) for number, harvest in full.items()}
        if not full:
            return None, []
        if len(full) == 1:
            [(number, only)] = full.items()
            return only, numbers[number]
        united = Harvest.together(self._key, list(full.values()), [numbers[number] for number in full])
        return united, list(range(len(table.rows)))

    def _place(
        self,
        short: bool,
        harvest: Harvest | None,
        numbers: list[int],
        left: tuple[Harvest | None, list[int]],
        table: CodeTable,
        base: Base,
        kept: list[bool],
        out: Output,
    ) -> Place:
        new = 0 if harvest is None else harvest.short_count if short else harvest.count - harvest.short_count
        sections = base.sections(short=short)
        home_lines = 0
        if short:
            going_on = base.count_kept(kept) - (0 if left[0] is None else left[0].short_count)
            home_lines = choose_home_lines(new + going_on, table.width, base.geometry)
            out.home_lines = home_lines
        return Place(
            short_ones=short,
            new=harvest,
            numbers=numbers,
            rows=table.packed,
            ranks={number: layout.seconds_of(state.this_update) for number, state in self._states.items()},
            width=table.width,
            in_line=layout.ENTRIES_IN_LINE[table.width],
            home_lines=home_lines,
            directory_bits=0 if short else directory_bits(new + base.long_count),
            base_listed=sections.listed,
            base_gone=sections.gone,
            base_many=sections.many,
            base_numbers=table.of_before,
            base_kept=kept,
            base_width=base.width,
            base_in_line=layout.ENTRIES_IN_LINE[base.width],
            base_home_lines=base.geometry.home_lines if short and base.geometry is not None else 0,
            left=left[0],
            left_numbers=left[1],
            last_seq=base.set_seq,
            release_holds=self._release_holds,
        )

    def _told(
        self, chunks: Iterator[memoryview], place: Place, before: int, expected: int
    ) -> Iterator[memoryview]:
        """Not of each chunk: whoever is told may be another thread, which takes longer than a chunk does."""
        told = 0
        for chunk in chunks:
            yield chunk
            if place.entries - told >= expected // _TOLD_TIMES:
                told = place.entries
                self._tell(min(before + told, expected), expected)
        if place.entries != told:
            self._tell(min(before + place.entries, expected), expected)


def build_index(
    lineage: Lineage,
    states: Mapping[int, ListState],
    lists: Mapping[int, NewEntries],
    *,
    previous: Index | None,
    release_holds: bool,
    merged: Collection[int] = (),
    mixing_key: bytes | None = None,
    progress: Progress | None = None,
) -> IndexBuild:
    """One lineage of the new set.

    ``states`` declares every partition; ``lists`` has the entries of those accepted today, or what changed
    in them since ``previous`` where that is enough. A partition that ``states`` carries over takes its
    entries from ``previous``. What ``previous`` listed or had as gone, and nobody lists now, is gone.
    ``release_holds``: the CA may end a hold and every open list of the lineage speaks in this set, so that a
    hold which nobody names was released. For ``merged`` partitions a successor's list speaks: of their own
    last one no hold stays. ``mixing_key``: that of the set before, if there is one; else 40 octets, by
    default those that the lists were taken under, or new ones that nobody can foresee.
    """
    return IndexBuild(
        lineage,
        states,
        lists,
        previous=previous,
        release_holds=release_holds,
        merged=merged,
        mixing_key=mixing_key,
        progress=progress,
    )


def _mixing_key(
    lists: Mapping[int, NewEntries],
    previous: Index | None,
    wanted: bytes | None,
) -> bytes:
    """Under another key than that of the set before nothing of it would stand in its place."""
    if previous is not None:
        return previous.mixing_key
    if wanted is not None:
        return wanted
    taken = [found.key for _, found in sorted(lists.items(), key=_number) if isinstance(found, Harvest)]
    return taken[0] if taken else secrets.token_bytes(layout.MIXING_KEY_OCTETS)


def _number(item: tuple[int, object]) -> int:
    return item[0]


def _carried(states: Mapping[int, ListState], new: Collection[int], previous: Index | None) -> frozenset[int]:
    """The partitions without a new list whose own entries go on."""
    if previous is None:
        return frozenset()
    return frozenset(
        number
        for number, state in states.items()
        if number not in new
        and number in previous.lists
        # Under one number another distribution point: not this partition's list. Its entries are gone.
        and previous.lists[number].point_sha256 == state.point_sha256
    )


def _silent(done: int, total: int) -> None:
    """Progress for nobody."""
