"""Which set is detected next, and what it is compared with: the one before it, or what was told.

In pairs a change is seen only where both sets are those that it lies between. Where a set was lost, rotted
or was built around, the next one is compared whole (``changes.whole``) instead: nothing is missed, and by
each certificate's condition nobody is told twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from platform_api.changes.whole import every_list_speaks
from revocation.errors import OwnFault
from revocation.snapshot.durable import disk_errors

if TYPE_CHECKING:
    from revocation.authorities import Authorities
    from revocation.snapshot.current import Snapshot


class Sets(Protocol):
    """What detection needs of the snapshot store."""

    def sequences(self) -> list[int]:
        """Every set of the chain, whether or not its files are still whole."""
        ...

    def open(self, seq: int) -> Snapshot:
        """One of them, checked."""
        ...


@dataclass(frozen=True, slots=True)
class SetFault:
    """A set that could not be opened, and why."""

    set_seq: int
    code: str


@dataclass(frozen=True, slots=True)
class NextSet:
    """A set to detect."""

    new: Snapshot
    #: The set of the cursor; None where there was none yet, and where the new one is compared whole.
    old: Snapshot | None
    whole: bool
    #: Sets that were passed over, or could not be compared with.
    faults: tuple[SetFault, ...]


def next_set(store: Sets, at: int, authorities: Authorities, *, lost: bool) -> NextSet | None:
    """The first set above the cursor that can be opened; None when there is none above it. Blocking.

    ``lost``: an act says that sets are lost, and no complete set was compared whole since.
    """
    # A disk that fails is not the database: the night must not take it for one that is away.
    with disk_errors("SNAPSHOTS_UNREADABLE", "the snapshot folder"):
        return _chosen(store, at, authorities, lost=lost)


def _chosen(store: Sets, at: int, authorities: Authorities, *, lost: bool) -> NextSet | None:
    sequences = sorted(store.sequences())
    waiting = [seq for seq in sequences if seq > at]
    if not waiting:
        return None
    base = max((seq for seq in sequences if seq <= at), default=None)
    if at and base is None and not lost:
        raise _gap()
    new, faults = _first_good(store, waiting)
    # In pairs only where the two follow each other and the older one was told. A number in between is of a
    # set that rotted or was built around: what it alone had (a hold that came, or ended) was told by it, or
    # with a registration that was checked on it, and stands in no two sets that could be compared.
    whole = lost or not (base or 0) == at == new.seq - 1
    old = None
    if base is not None and not whole:
        try:
            old = store.open(base)
        except OwnFault as fault:
            faults.append(SetFault(base, fault.code))
            whole = True
    if old is not None and _around_lost_sets(old, authorities):
        old, whole = None, True
    return NextSet(new, old, whole, tuple(faults))


def _first_good(store: Sets, waiting: list[int]) -> tuple[Snapshot, list[SetFault]]:
    """One that rotted before it was told is passed over: whatever it said, the next one says too, except
    what came and ended between two sets that can be opened. The newest one is not passed over."""
    faults: list[SetFault] = []
    for seq in waiting[:-1]:
        try:
            return store.open(seq), faults
        except OwnFault as fault:
            faults.append(SetFault(seq, fault.code))
    return store.open(waiting[-1]), faults


def _around_lost_sets(old: Snapshot, authorities: Authorities) -> bool:
    """Was this set built around lost ones, and did it still wait for lists? Then the holds that ended
    meanwhile were not told with it, and no pair would show them."""
    return any(state.outdated for state in old.lists.values()) and not all(
        every_list_speaks(old, authority) for authority in authorities
    )


def _gap() -> OwnFault:
    return OwnFault(
        "DETECTION_GAP",
        expected="the set that detection last finished, or an older one, to compare with",
        got="a snapshot folder with newer ones only",
        remedy="restore the folder snapshots/ with that set in it, which retention pins; if it is lost, "
        "jpki nightly --rebuild-lost-sets --by NAME compares the newest sets with what was told",
    )
