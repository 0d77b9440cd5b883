"""What changed between two sets: a pure function, read from two comparisons of their files.

A certificate that moves from one partition's list to another's, or whose list only changed its date, did
not change. A certificate that left its list stays revoked: ``gone`` is for the operator, not an event.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from revocation.authorities import Lineage
from revocation.errors import InputRefused
from revocation.index.search import Entry, Index, differing, differing_gone
from revocation.reasons import CRLReason
from revocation.snapshot.current import Snapshot


class ChangeKind(StrEnum):
    """A closed set."""

    #: Listed now, unknown to the older set.
    ADDED = "added"
    #: A hold that ended, at a CA that may end one.
    RELEASED = "released"
    REASON_CHANGED = "reason_changed"
    #: Left its list; the status stays. Of a hold that may not end it is an anomaly (``left_on_hold``).
    #: Without ``reason_after`` the newer set does not know it, though it was no hold: its list called it one
    #: in between and released it, or the newer set was built around a lost one. Nobody is free by that.
    GONE = "gone"


@dataclass(frozen=True, slots=True, repr=False)
class RevocationChange:
    """One certificate's change; the representation hides the serial, because it ends in logs."""

    kind: ChangeKind
    lineage: Lineage
    serial: bytes
    partition_number: int
    #: Raw CRLReason octets, 0xFF for none given; None where the set has no entry.
    reason_before: int | None
    reason_after: int | None
    revocation_date: datetime
    left_on_hold: bool = False

    def __repr__(self) -> str:
        return f"RevocationChange({self.kind}, {self.reason_before} to {self.reason_after}, serial=hidden)"


def changes_between(old: Snapshot | None, new: Snapshot) -> Iterator[RevocationChange]:
    """Every change, by lineage, first what was or is listed, then what was and is gone; in no other order.

    Any two sets will do, the older one first: what was listed and left again between them is ADDED, as its
    status says. A key that is taken out of the configuration changes nothing: its lineage stays in the sets.
    """
    check_order(old, new)
    for lineage in new.lineages():
        after = new.index(lineage)
        assert after is not None  # noqa: S101 - it is one of its own lineages
        before = None if old is None else old.index(lineage)
        yield from _all_of(lineage, after) if before is None else _between(lineage, before, after)


def check_order(old: Snapshot | None, new: Snapshot) -> None:
    """``InputRefused`` unless the older set comes first."""
    if old is not None and old.seq > new.seq:
        # Backwards every revocation would look like a release.
        raise InputRefused(
            "SETS_OUT_OF_ORDER",
            expected="the older set first",
            got=f"set {old.seq} before set {new.seq}",
            remedy="exchange the two",
        )


def _all_of(lineage: Lineage, after: Index) -> Iterator[RevocationChange]:
    for items in (after.items(), after.gone_items()):
        for serial, entry in items:
            yield _change(ChangeKind.ADDED, lineage, serial, None, entry)


def _between(lineage: Lineage, before: Index, after: Index) -> Iterator[RevocationChange]:
    for old_at, new_at in differing(before, after, once=True):
        if new_at < 0:
            yield from _left(lineage, before.serial_at(old_at), before.entry_at(old_at), after)
            continue
        serial = after.serial_at(new_at)
        # Not listed before, but perhaps gone: then it came back, and only a new reason is a change.
        yield from _now_known(lineage, serial, before.lookup(serial), after.entry_at(new_at))
    for old_at, new_at in differing_gone(before, after, once=True):
        if old_at < 0:
            serial = after.gone_serial_at(new_at)
            if before.lookup(serial) is None:  # came and went between the two sets
                yield _change(ChangeKind.ADDED, lineage, serial, None, after.gone_at(new_at))
        elif new_at < 0:
            serial = before.gone_serial_at(old_at)
            if after.lookup(serial) is None:  # a hold whose release is proved only now
                yield _ended(lineage, serial, before.gone_at(old_at))
        else:  # came back with another reason and left again, between the two sets
            serial = after.gone_serial_at(new_at)
            yield from _now_known(lineage, serial, before.gone_at(old_at), after.gone_at(new_at))


def _left(lineage: Lineage, serial: bytes, was: Entry, after: Index) -> Iterator[RevocationChange]:
    now = after.lookup(serial)
    if now is None:
        yield _ended(lineage, serial, was)
        return
    yield _change(ChangeKind.GONE, lineage, serial, was, now)
    yield from _now_known(lineage, serial, was, now)


def _ended(lineage: Lineage, serial: bytes, was: Entry) -> RevocationChange:
    """The builder keeps whatever may not end: only what was a hold last leaves no trace."""
    kind = ChangeKind.RELEASED if was.reason == CRLReason.certificate_hold else ChangeKind.GONE
    return _change(kind, lineage, serial, was, None)


def _now_known(lineage: Lineage, serial: bytes, was: Entry | None, now: Entry) -> Iterator[RevocationChange]:
    if was is None:
        yield _change(ChangeKind.ADDED, lineage, serial, None, now)
    elif was.reason != now.reason:
        yield _change(ChangeKind.REASON_CHANGED, lineage, serial, was, now)


def _change(
    kind: ChangeKind, lineage: Lineage, serial: bytes, was: Entry | None, now: Entry | None
) -> RevocationChange:
    entry = now if now is not None else was
    assert entry is not None  # noqa: S101 - a change has an entry before or after
    return RevocationChange(
        kind=kind,
        lineage=lineage,
        serial=serial,
        partition_number=entry.partition_number,
        reason_before=None if was is None else was.reason,
        reason_after=None if now is None else now.reason,
        revocation_date=entry.revocation_date,
        left_on_hold=kind is ChangeKind.GONE and entry.left_on_hold,
    )
