"""The database as a second memory of marks: loaded before a cycle, caught up after each publish.

The first memory is the manifest chain. Neither is trusted to be the newer one: a restored database is
caught up from the folder, and a restored folder is noticed by the database (``lost_sets``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from platform_api import high_water_store as rows
from platform_api.db.transactions import detector
from platform_api.high_water_store import LostSets, MarkRow, PublishedRow
from revocation.authorities import ALL_GENERATIONS
from revocation.snapshot.store import Mark, mark_beside

if TYPE_CHECKING:
    from platform_api.db.transactions import Pool
    from revocation.authorities import ListScope
    from revocation.snapshot.current import Snapshot
    from revocation.snapshot.store import Reached


class Marks:
    """``HighWater`` in memory, as the database had it when the night began."""

    def __init__(self, found: Iterable[MarkRow] = ()) -> None:
        self._marks: Final = {
            (row.ca_id, row.signing_key, row.point_sha256): Mark(row.crl_number, row.this_update, row.sha256)
            for row in found
        }
        self._newest: Final[dict[tuple[str, bytes], Mark]] = {}
        for (ca_id, _, point_sha256), mark in self._marks.items():
            held = self._newest.get((ca_id, point_sha256))
            if held is None or held.this_update < mark.this_update:
                self._newest[ca_id, point_sha256] = mark

    def __len__(self) -> int:
        return len(self._marks)

    def mark(self, scope: ListScope) -> Mark | None:
        """By signer and distribution point: neither partition number nor lineage says whose list it is.

        Where one key signs for all, the newest list of any key for this point counts too.
        """
        ca_id = scope.lineage.ca_id
        own = self._marks.get((ca_id, scope.signing_key, scope.point_sha256))
        if scope.lineage.key_id != ALL_GENERATIONS:
            return own
        return mark_beside(own, self._newest.get((ca_id, scope.point_sha256)))


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the database knows before a cycle."""

    marks: Marks
    published: PublishedRow | None
    #: An act about lost sets that is not yet worked off.
    act: LostSets | None
    #: The greatest set that somebody was registered upon or told of, whether or not it was learnt.
    used: int = 0


class Folder(Protocol):
    """What catching up needs of the snapshot store."""

    def current(self) -> Snapshot | None: ...

    def reached(self) -> Reached: ...


async def recall(pool: Pool) -> Remembered:
    """``pool`` belongs to the role detector, here and below."""
    async with detector(pool) as connection:
        return Remembered(
            Marks(await rows.marks(connection)),
            await rows.published(connection),
            await rows.open_act(connection),
            await rows.greatest_used(connection),
        )


async def catch_up(pool: Pool, folder: Folder) -> None:
    """Raise the database's memory to the folder's; what is already greater stays.

    The set was committed long ago: a crash before this, or a database that was away, costs nothing, since
    the next night begins with the same.
    """
    found, published = await asyncio.to_thread(_learnt, folder)
    async with detector(pool) as connection:
        await rows.raise_marks(connection, found)
        if published is not None:
            await rows.raise_published(connection, published)


def _learnt(folder: Folder) -> tuple[list[MarkRow], PublishedRow | None]:
    """The marks of a set that may also be superseded: what it took was taken."""
    reached = folder.reached()
    snapshot = folder.current()
    published = None
    if reached.manifest_sha256 is not None:
        published = PublishedRow(reached.seq, reached.manifest_sha256)
    return ([] if snapshot is None else marks_of(snapshot)), published


def marks_of(snapshot: Snapshot) -> list[MarkRow]:
    """One row for each signer and distribution point: the newest, where a renumbered partition or another
    lineage holds an older list of the same ones.
    """
    newest: dict[tuple[str, str, bytes], MarkRow] = {}
    for scope, state in snapshot.lists.items():
        if state.this_update is None or state.sha256 is None or state.accepted_seq is None:
            continue  # absent: nothing was ever accepted
        key = (scope.lineage.ca_id, scope.signing_key, scope.point_sha256)
        held = newest.get(key)
        if held is None or held.this_update < state.this_update:
            newest[key] = MarkRow(*key, state.crl_number, state.this_update, state.sha256, state.accepted_seq)
    return list(newest.values())
