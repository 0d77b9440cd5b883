"""An index file begun before its list may be believed: while one core hashes the list, another would be idle.

Nothing is decided here. A draft holds entries in their places and has no name that a reader knows; the
publish takes it only if it was made of exactly what the set is planned of, and else builds anew. Where the
list is refused in the end the draft is thrown away, and nobody has seen it.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from revocation.index.build import IndexBuild
from revocation.index.layout import ListState
from revocation.index.search import Index
from revocation.snapshot.durable import Disk
from revocation.snapshot.index_files import OpenedIndex
from revocation.snapshot.plan import LineagePlan, PackedEntries
from revocation.snapshot.staged import StagedIndex

#: Of a process that was killed; the next publish collects those that nobody holds.
DRAFT_SUFFIX: Final = ".draft"


@dataclass(frozen=True, slots=True)
class ListHead:
    """What is known of a list before its signature is."""

    this_update: datetime
    next_update: datetime | None
    crl_number: int | None
    entries: PackedEntries


class Draft:
    """One lineage's index file, all but its tables."""

    def __init__(
        self, disk: Disk, folder: Path, plan: LineagePlan, previous: Index | None, build: IndexBuild
    ) -> None:
        self._plan: Final = plan
        self._previous: Final = previous
        self.build: Final = build
        name = f".{plan.lineage}.{secrets.token_hex(8)}{DRAFT_SUFFIX}"
        self._staged: Final = StagedIndex(disk, folder / name)
        self._finished = False
        try:
            # While this is held the file is nobody's leftover (``is_leftover``); it ends with the process.
            self._staged.hold(lambda descriptor: fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BaseException:
            self._staged.drop()
            raise

    @property
    def path(self) -> Path:
        return self._staged.path

    def write(self, stop: Callable[[], bool]) -> None:
        """Everything that needs no signature; then hash it, as far as it gets before ``stop``."""
        # The other core hashes the list.
        self._staged.write(self.build.entries_first(), follow=False)
        self._staged.hash_ahead(stop)

    def fits(self, plan: LineagePlan, previous: Index | None) -> bool:
        """Would the file of this plan begin with the very same octets?"""
        mine = self._plan
        return (
            not self._finished
            and previous is self._previous
            and plan.lineage == mine.lineage
            and plan.release_holds == mine.release_holds
            and plan.merged == mine.merged
            and plan.records.keys() == mine.records.keys()
            and all(plan.records[number] is entries for number, entries in mine.records.items())
            and _ranks(plan.states) == _ranks(mine.states)
        )

    def finish(self, states: Mapping[int, ListState], *, set_seq: int) -> OpenedIndex:
        """Write the tables, sync, read back. Once: whatever goes wrong, the next try builds anew."""
        self._finished = True
        return self._staged.finish(self.build.tables(states), set_seq=set_seq)

    def drop(self) -> None:
        self._staged.drop()


def _ranks(states: Mapping[int, ListState]) -> dict[int, tuple[datetime | None, bytes]]:
    """What of the states decides between entries, and whose entries go on."""
    return {number: (state.this_update, state.point_sha256) for number, state in states.items()}


def is_leftover(path: Path) -> bool:
    """Is this draft of no living process?"""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
