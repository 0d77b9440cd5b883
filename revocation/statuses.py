"""The status of many certificates of one issuer, known by their serial numbers alone, at once.

Nothing is decided here: serials that ``status.py`` cannot tell apart form a group, and ``certificate_status``
says of the first of each what holds for all. Only reason and date are each entry's own.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from revocation._alike import grouped
from revocation.authorities import Authorities
from revocation.identity import CertificateIdentity, serial_from_int
from revocation.index import layout
from revocation.snapshot.current import Snapshot
from revocation.status import CertificateStatus, certificate_status

_WIDE_OCTETS: Final = 20
_LEFT_OUT: Final = 0
_CAN_BE_ISSUED: Final = 1
_FIRST_LISTED: Final = 8


class Statuses:
    """``serials``: an ``array`` of unsigned 64-bit numbers (Q), or of octets (B), big-endian, 20 for each.

    ``left_out``: empty, or an octet for each serial: of those with a 1 nothing is said. Everything is by one
    set and one moment.
    """

    __slots__ = ("_authorities", "_firsts", "_max_age_s", "_now", "_snapshot", "_whose",
                 "dates", "groups", "kinds", "reasons", "serials")  # fmt: skip

    def __init__(
        self,
        ca_id: str,
        issuer_key: bytes,
        serials: array[int],
        *,
        authorities: Authorities,
        snapshot: Snapshot | None,
        now: datetime,
        max_age_s: int | None = None,
        left_out: bytes = b"",
    ) -> None:
        self._whose: Final = (ca_id, issuer_key)
        self._authorities: Final = authorities
        self._snapshot: Final = snapshot
        self._now: Final = now
        self._max_age_s: Final = max_age_s
        self.serials: Final = serials
        authority = authorities.by_id(ca_id)
        lineage = None if authority is None else authority.lineage_of(issuer_key)
        index = None if snapshot is None or lineage is None else snapshot.index(lineage)
        found = None if index is None else index.get_many(serials)
        #: Raw reason octets and dates (seconds since 1970) of what is listed; empty where nothing can be.
        self.reasons: Final = array("B") if found is None else found.reasons
        self.dates: Final = array("q") if found is None else found.dates
        groups, kinds, firsts = grouped(
            serials,
            b"" if found is None else found.states,
            self.reasons,
            array("H") if found is None else found.partitions,
            self.dates,
            None if authority is None else authority.serial_ceiling,
            left_out,
        )
        #: The group of each serial, numbered as they first come.
        self.groups: Final = groups
        self.kinds: Final[Sequence[int]] = kinds
        self._firsts: Final[Sequence[int]] = firsts

    def __len__(self) -> int:
        return len(self.groups)

    def __repr__(self) -> str:
        return f"Statuses({len(self)})"

    def left_out(self, group: int) -> bool:
        return self.kinds[group] == _LEFT_OUT

    def listed(self, group: int) -> bool:
        """Has each of this group a reason and a date?"""
        return self.kinds[group] >= _FIRST_LISTED

    def usual(self, group: int) -> bool:
        """Are these the serials that no list names and that the CA can have issued?"""
        return self.kinds[group] == _CAN_BE_ISSUED

    def of_group(self, group: int) -> CertificateStatus:
        """What is said of its first serial: but for reason and date of what is listed, of each."""
        return certificate_status(
            CertificateIdentity(*self._whose, serial_at(self.serials, self._firsts[group])),
            authorities=self._authorities,
            snapshot=self._snapshot,
            now=self._now,
            max_age_s=self._max_age_s,
        )

    def __getitem__(self, at: int) -> CertificateStatus | None:
        """What is said of one of them; None where it was left out."""
        group = self.groups[at]
        if self.left_out(group):
            return None
        found = self.of_group(group)
        if not self.listed(group):
            return found
        return replace(found, reason=self.reasons[at], revoked_at=layout.moment(self.dates[at]))


def serial_count(serials: array[int]) -> int:
    """How many serials a column of either form holds."""
    return len(serials) if serials.typecode == "Q" else len(serials) // _WIDE_OCTETS


def serial_at(serials: array[int], at: int) -> bytes:
    """One of them as the octets of a DER INTEGER."""
    if serials.typecode == "Q":
        return serial_from_int(serials[at])
    octets = serials[at * _WIDE_OCTETS : (at + 1) * _WIDE_OCTETS].tobytes()
    return serial_from_int(int.from_bytes(octets, "big", signed=True))
