"""The drafts of a cycle: begun while their lists are hashed, taken by the publish or dropped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from revocation.authorities import Authorities, Lineage, ListScope
from revocation.errors import RevocationError
from revocation.snapshot.current import Snapshot
from revocation.snapshot.draft import Draft, ListHead
from revocation.snapshot.durable import Disk
from revocation.snapshot.plan import AcceptedList, plan_set
from revocation.snapshot.publish import build_of


class Drafts:
    """At most one for each lineage. Thread-safe."""

    def __init__(
        self,
        disk: Disk,
        folder: Path,
        authorities: Authorities,
        base: Callable[[], Snapshot | None],
        mixing_key: Callable[[Lineage], bytes],
    ) -> None:
        """``base`` is asked for the set to build upon, ``mixing_key`` for lineages that it does not have."""
        self._disk: Final = disk
        self._folder: Final = folder
        self._authorities: Final = authorities
        self._base: Final = base
        self._mixing_key: Final = mixing_key
        self._lock: Final = threading.Lock()
        self._begun: Final[dict[Lineage, Draft]] = {}
        self._over = False
        lists: dict[Lineage, list[ListScope]] = {}
        for scope in authorities.expected_lists():
            lists.setdefault(scope.lineage, []).append(scope)
        #: Lists that are their lineage's only one.
        self._alone: Final = {found[0] for found in lists.values() if len(found) == 1}

    @property
    def begun(self) -> Mapping[Lineage, Draft]:
        return MappingProxyType(self._begun)

    def begin(self, scope: ListScope, head: ListHead, stop: Callable[[], bool]) -> None:
        """Write all of the index file that needs no signature, in this thread, then hash it until ``stop``.

        Only where the list is its lineage's only one: of many lists one is decoded while another is hashed.
        Where anything is against it nothing is left, and nothing lost: the publish will say what it was.
        """
        if scope not in self._alone:
            return
        # What is not known yet stands in the tables, which come last; here anything will do.
        provisional = AcceptedList(head, bytes(32), head.this_update)
        draft: Draft | None = None
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            base = self._base()
            plans = plan_set(1, {scope: provisional}, self._authorities, base).lineages
            plan = next(one for one in plans if one.lineage == scope.lineage)
            previous = None if base is None else base.index(scope.lineage)
            key = self._mixing_key(scope.lineage) if previous is None else previous.mixing_key
            draft = Draft(self._disk, self._folder, plan, previous, build_of(plan, previous, mixing_key=key))
            draft.write(stop)
        except (RevocationError, OSError, MemoryError):
            if draft is not None:
                draft.drop()
            return
        except BaseException:
            if draft is not None:
                draft.drop()
            raise
        with self._lock:
            # The cycle may have ended without waiting for this thread.
            unwanted = draft if self._over else self._begun.get(scope.lineage)
            if not self._over:
                self._begun[scope.lineage] = draft
        if unwanted is not None:
            unwanted.drop()

    def drop(self) -> None:
        """At the end of a cycle, however it ends: what was published has its name by then."""
        with self._lock:
            self._over = True
            begun = list(self._begun.values())
            self._begun.clear()
        for draft in begun:
            draft.drop()
