"""Small worlds for the tests of index, snapshot, status, changes and ocsp: lists without DER around them."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revocation.authorities import Authorities, Authority, ListScope
from revocation.identity import CertificateIdentity, serial_from_int
from revocation.snapshot.plan import AcceptedList
from revocation.snapshot.store import SnapshotStore
from tests import pki

T0 = pki.T0
DAY = timedelta(days=1)
PUBLISHER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

#: serial -> reason, or (reason, date)
Listing = Mapping[int, int | tuple[int, datetime]]


def record(serial: int | bytes, reason: int = 0xFF, date: datetime = T0 - DAY, flags: int = 0) -> bytes:
    """One record as the decoder gives it, packed here a second time and independently."""
    octets = serial if isinstance(serial, bytes) else serial_from_int(serial)
    seconds = int((date - _EPOCH).total_seconds())
    return struct.pack("<B20sBBBq", len(octets), octets, reason, flags, 0, seconds)


@dataclass(frozen=True)
class Packed:
    """The decoder's entries."""

    records: bytes

    @property
    def count(self) -> int:
        return len(self.records) // 32


@dataclass(frozen=True)
class FakeList:
    """What a set needs of a decoded list; enforces that times are aware, as the decoder's are."""

    this_update: datetime
    next_update: datetime | None
    crl_number: int | None
    entries: Packed

    def __post_init__(self) -> None:
        assert self.this_update.tzinfo is not None


def accepted(
    listing: Listing | bytes = b"",
    *,
    number: int | None = 1,
    this_update: datetime = T0,
    lives: timedelta | None = 2 * DAY,
) -> AcceptedList:
    """A list as acceptance hands it over; its hash is that of what it says."""
    if not isinstance(listing, bytes):
        listing = b"".join(
            record(serial, value) if isinstance(value, int) else record(serial, *value)
            for serial, value in listing.items()
        )
    next_update = None if lives is None else this_update + lives
    facts = FakeList(this_update, next_update, number, Packed(listing))
    digest = hashlib.sha256(repr((facts, listing)).encode()).digest()
    return AcceptedList(facts, digest, this_update + timedelta(minutes=3))


@lru_cache(maxsize=1)
def ca() -> pki.CA:
    return pki.make_ca(kind="p256")


def world(*, partitions: int = 2, **settings: Any) -> tuple[Authorities, Authority]:
    """One CA with two generations (four lists by default)."""
    authority = ca().authority(partitions=partitions, **settings)
    return Authorities([authority]), authority


def scope(authority: Authority, partition: int, generation: int = 0) -> ListScope:
    lineage = authority.lineages()[min(generation, len(authority.lineages()) - 1)]
    return next(
        found
        for found in authority.expected_lists()
        if found.lineage == lineage and found.partition_number == partition
    )


def every_list(authority: Authority, day: int = 0, **options: Any) -> dict[ListScope, AcceptedList]:
    """All expected lists of a day, empty, to be overwritten where a test has something to say."""
    options.setdefault("this_update", T0 + day * DAY)
    return {found: accepted({}, number=day + 1, **options) for found in authority.expected_lists()}


def identity(authority: Authority, serial: int, generation: int = 0) -> CertificateIdentity:
    return CertificateIdentity(
        authority.ca_id, authority.generations[generation].key_id, serial_from_int(serial)
    )


def store(folder: Path, **options: Any) -> SnapshotStore:
    """The same lists give the same octets in every folder: the mixing key is no secret here."""
    options.setdefault("new_mixing_key", lambda: bytes(range(40)))
    return SnapshotStore(folder, publisher_key=PUBLISHER, **options)


def reader(folder: Path) -> SnapshotStore:
    return SnapshotStore(folder, trusted_publishers=(PUBLISHER.public_key(),))


def check_folder(folder: Path, seqs: Iterable[int]) -> None:
    """The invariant of every folder: each set of the chain opens whole and verifies."""
    fresh = reader(folder)
    assert fresh.sequences() == list(seqs)
    current = fresh.current()
    assert (None if current is None else current.seq) == (max(seqs, default=None))
    assert fresh.refusal is None
    for seq in seqs:
        opened = fresh.open(seq)
        for lineage in opened.lineages():
            index = opened.index(lineage)
            assert index is not None
            serials = [serial for serial, _ in index.items()]
            assert len(set(serials)) == len(serials) == index.entry_count
            assert not set(serials) & {serial for serial, _ in index.gone_items()}
