"""Which lists must speak before an unlisted certificate may be said not to be listed (design 5, Coverage).

A known partition needs its own list; a bare serial needs the list of every open partition of its CA. This
module knows which and whether they are in force; what is then said of a certificate is for ``status.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Final, Literal

from revocation.authorities import Authority, Lineage, Partition
from revocation.index.layout import ListState
from revocation.index.search import Entry
from revocation.mergers import open_partition, speaking
from revocation.snapshot.current import Snapshot

#: Clocks differ: acceptance lets a thisUpdate lie this far ahead, so coverage must too (design 5).
CLOCK_TOLERANCE: Final = timedelta(minutes=5)

#: For ``partition``: the certificate was presented, and its distribution point is none that we approved.
PARTITION_NOT_APPROVED: Final = 0

_NEVER: Final = datetime.min.replace(tzinfo=UTC)

CoverageKind = Literal["list", "partition", "ca"]


class Gap(StrEnum):
    """Why no list can speak, fresh or not."""

    NO_CRL = "NO_CRL"
    PARTITION_UNDETERMINED = "PARTITION_UNDETERMINED"


@dataclass(frozen=True, slots=True)
class Coverage:
    """The lists that must all be in force, and the ends of what they say together."""

    #: The latest nextUpdate first.
    states: tuple[ListState, ...]
    kind: CoverageKind
    gap: Gap | None
    #: Of several lists the oldest word, the newest, the earliest end; None: not every list has one.
    oldest_this_update: datetime | None
    newest_this_update: datetime | None
    earliest_next_update: datetime | None
    oldest_ingested_at: datetime | None
    #: To one of them a newer list may have been accepted in a set that was lost.
    outdated: bool

    @property
    def crl_number(self) -> int | None:
        """Where one list spoke."""
        return self.states[0].crl_number if self.kind != "ca" and len(self.states) == 1 else None

    def in_force(self, now: datetime) -> bool:
        """Is every list between thisUpdate and nextUpdate (RFC 5280 sections 5.1.2.4, 5.1.2.5)?

        A list without nextUpdate says not how long it may be believed; so it is not. Nor is one to which
        a newer list may have been accepted in a set that was lost.
        """
        return (
            self.gap is None
            and not self.outdated
            and self.newest_this_update is not None
            and self.earliest_next_update is not None
            and self.newest_this_update <= now + CLOCK_TOLERANCE
            and now < self.earliest_next_update
        )

    def partly_in_force(self, now: datetime) -> bool:
        """Is at least one of the lists? Found at once: the one with the latest end is the first."""
        unended = takewhile(lambda state: now < _end(state), self.states)
        return any(list_in_force(state, now) for state in unended)


def _end(state: ListState) -> datetime:
    return _NEVER if state.next_update is None else state.next_update


def list_in_force(state: ListState, now: datetime) -> bool:
    """The same of one list."""
    return (
        state.this_update is not None
        and state.next_update is not None
        and state.this_update <= now + CLOCK_TOLERANCE
        and now < state.next_update
        and not state.outdated
    )


def cover_by(states: Iterable[ListState], kind: CoverageKind, gap: Gap | None = None) -> Coverage:
    """Coverage by these lists, all of which were accepted once."""
    found = tuple(sorted(states, key=_end, reverse=True))
    updates = [state.this_update for state in found if state.this_update is not None]
    ends = [state.next_update for state in found if state.next_update is not None]
    ingested = [state.ingested_at for state in found if state.ingested_at is not None]
    whole = bool(found) and len(updates) == len(found)
    return Coverage(
        found,
        kind,
        gap,
        oldest_this_update=min(updates) if whole else None,
        newest_this_update=max(updates) if whole else None,
        earliest_next_update=min(ends) if found and len(ends) == len(found) else None,
        oldest_ingested_at=min(ingested) if found and len(ingested) == len(found) else None,
        outdated=any(state.outdated for state in found),
    )


def coverage_of(
    authority: Authority, lineage: Lineage, snapshot: Snapshot | None, partition: int | None
) -> Coverage:
    """Coverage of one certificate of this lineage."""
    if partition is not None:
        return _of_partition(authority, lineage, snapshot, partition)
    if snapshot is None:
        return cover_by((), "ca", Gap.NO_CRL)
    # One answer for every bare serial of the lineage: with 1,900 partitions too dear to find each time.
    kept = snapshot.coverages.get(lineage)
    if kept is None or kept[0] is not authority:
        found = _of_partitions(lineage, snapshot, _of_whole_ca(authority, lineage, snapshot), "ca")
        if found.gap is None and partitions_unknown(authority, lineage, snapshot):
            found = replace(found, gap=Gap.PARTITION_UNDETERMINED)
        kept = (authority, found)
        snapshot.coverages[lineage] = kept
    coverage = kept[1]
    assert isinstance(coverage, Coverage)  # noqa: S101 - the snapshot keeps it for us, untyped
    return coverage


def partitions_unknown(authority: Authority, lineage: Lineage, snapshot: Snapshot) -> int:
    """How many lists the set declares, present or absent, whose number or point the authority does not know.

    Partitions are never removed, so these authorities are older than the set (a backup put back): which
    other partitions there are they do not know either, and no bare serial may be said not to be listed.
    """
    index = snapshot.index(lineage)
    rows = () if index is None else index.lists.items()
    held = ((authority.partition(number), state.point_sha256) for number, state in rows)
    return sum(partition is None or partition.point_sha256 != point for partition, point in held)


def _of_partition(
    authority: Authority, lineage: Lineage, snapshot: Snapshot | None, partition: int
) -> Coverage:
    if open_partition(authority, partition) is None:
        return cover_by((), "partition", Gap.PARTITION_UNDETERMINED)
    if snapshot is None:
        return cover_by((), "partition", Gap.NO_CRL)
    return _of_partitions(lineage, snapshot, _speaking(authority, lineage, snapshot, partition), "partition")


def _speaking(authority: Authority, lineage: Lineage, snapshot: Snapshot, number: int) -> list[Partition]:
    return speaking(authority, number, lambda partition: snapshot.list_state(lineage, partition))


def _of_whole_ca(authority: Authority, lineage: Lineage, snapshot: Snapshot) -> list[Partition]:
    """For a bare serial: every open partition, and those merged into one that has not spoken since.

    A partition that closed without a successor has, so its operators said, no certificates left.
    """
    found = {each.number: each for each in authority.partitions if each.closed is None}
    for each in authority.partitions:
        if each.closed is not None and open_partition(authority, each.number) is not None:
            for speaking in _speaking(authority, lineage, snapshot, each.number):
                found[speaking.number] = speaking
    return list(found.values())


def _of_partitions(
    lineage: Lineage, snapshot: Snapshot, partitions: list[Partition], kind: CoverageKind
) -> Coverage:
    found = [snapshot.list_state(lineage, partition) for partition in partitions]
    states = [state for state in found if state is not None]
    return cover_by(states, kind, None if partitions and len(states) == len(partitions) else Gap.NO_CRL)


def coverage_of_entry(authority: Authority, lineage: Lineage, snapshot: Snapshot, entry: Entry) -> Coverage:
    """Coverage of what is listed: by the list of its partition, if its number still means that one.

    What is gone is spoken for by today's list of its partition, also where that was merged into another.
    """
    number = entry.partition_number
    partition = open_partition(authority, number) if entry.gone else authority.partition(number)
    speaks = snapshot.list_state(lineage, partition)
    if speaks is None:
        return cover_by([entry.list], "list", Gap.NO_CRL)
    return cover_by([speaks], "list")
