"""The approved partition list of a CA: numbers that mean one distribution point each, for ever.

In JPKI a partition is a municipality. It may open, close and go into a successor. Sets and registrations
keep the number, so a number is never given twice and a distribution point never changes its number.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Final

from revocation.distinguished_names import CanonicalName, canonical_name
from revocation.errors import InputRefused

#: An index entry has two octets for its partition.
MAX_PARTITION_NUMBER: Final = 0xFFFF
MAX_LABEL: Final = 200


@dataclass(frozen=True, slots=True)
class Partition:
    """One distribution point of a CA. The number is stable and never reused."""

    number: int
    #: DER of the directoryName in CRLDP and IDP; another GeneralName stands whole; empty: the one list
    #: of a CA that does not partition, which carries no issuingDistributionPoint.
    distribution_point: bytes
    label: str
    #: First JST day on which its list is expected; None: it was there before we began.
    opened: date | None = None
    #: First JST day on which its list is expected no more. What it listed stays revoked.
    closed: date | None = None
    #: Whose lists speak for its certificates from that day on (a merged municipality); None: nobody's.
    successor: int | None = None

    @property
    def point_sha256(self) -> bytes:
        """What a set stores beside the number, so that a renumbered partition does not pass for another."""
        return _point_sha256(self.distribution_point)

    def on(self, day: date) -> Partition | None:
        """The partition as it stands on this JST day: None before it opens, open until it closes."""
        if self.opened is not None and self.opened > day:
            return None
        if self.closed is not None and self.closed > day:
            return replace(self, closed=None, successor=None)
        return self


@lru_cache(maxsize=8192)
def _point_sha256(distribution_point: bytes) -> bytes:
    """Asked for several times with each list of a night."""
    return hashlib.sha256(distribution_point).digest()


PointKey = CanonicalName | bytes


def point_key(distribution_point: bytes) -> PointKey:
    """Names (SEQUENCE) compare by RFC 5280 section 7.1; any other GeneralName octet by octet."""
    return canonical_name(distribution_point) if distribution_point[:1] == b"\x30" else distribution_point


def check_partitions(partitions: Iterable[Partition]) -> None:
    """Refuse a list in which a number, a distribution point or a successor says nothing certain."""
    found = tuple(partitions)
    if not found:
        raise _refused("at least one partition (one without distribution point if undivided)", "none")
    by_number = {partition.number: partition for partition in found}
    if len(by_number) != len(found):
        raise _refused("each partition number once", "a number twice")
    if len({point_key(partition.distribution_point) for partition in found}) != len(found):
        raise _refused("each distribution point once (RFC 5280 section 7.1)", "one point under two numbers")
    for partition in found:
        _check_one(partition)
        _check_successor(partition, by_number)


def _check_one(partition: Partition) -> None:
    if not 1 <= partition.number <= MAX_PARTITION_NUMBER:
        raise _refused(f"partition numbers of 1 to {MAX_PARTITION_NUMBER}", "another number")
    if len(partition.label) > MAX_LABEL or not partition.label.isprintable():
        raise _refused(f"labels of at most {MAX_LABEL} printable characters", "another text")
    opened, closed = partition.opened, partition.closed
    if opened is not None and closed is not None and closed < opened:
        raise _refused("a partition that closes after it opens", "one that closes before")


def _check_successor(partition: Partition, by_number: Mapping[int, Partition]) -> None:
    """The successor is open on the day of closing. So along a chain the days rise, and no ring is possible:
    a ring would name nobody, and a chain that ends before it began would cover by a list long dead.
    """
    if partition.successor is None:
        return
    closed = partition.closed
    if closed is None:
        raise _refused("a successor only where a partition closes", "one of an open partition")
    successor = by_number.get(partition.successor)
    if successor is None:
        raise _refused("a successor on the approved list", "a number that is not on it")
    if successor.number == partition.number:
        raise _refused("another partition as successor", "the partition itself")
    if successor.opened is not None and successor.opened > closed:
        raise _refused("a successor that is open on the day of closing", "one that opens later")
    if successor.closed is not None and successor.closed <= closed:
        raise _refused("a successor that is open on the day of closing", "one that is closed by then")


def _refused(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "AUTHORITY_MALFORMED", expected=expected, got=got, remedy="correct the approved partition list"
    )
