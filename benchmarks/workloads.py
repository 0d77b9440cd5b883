"""The data that is measured: a CA, its list of each day, and a store to publish into. All from one seed.

4-octet serials in no order (lists are chronological), nine entries in ten with a reasonCode, no
invalidityDate. Each day the oldest entries leave the list and as many new ones join it.
"""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from revocation.authorities import Authorities, Authority, Partition
from revocation.authority_file import authority_from_certificates
from revocation.clock import FixedClock
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import FolderSource
from revocation.ingest import IngestReport, Outcome, ingest_cycle
from revocation.snapshot.current import Snapshot
from revocation.snapshot.store import SnapshotStore

SEED: Final = 20_260_101
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
#: Positive INTEGERs of exactly 4 octets (X.690 section 8.3.2).
SERIALS: Final = range(0x0080_0000, 0x8000_0000)
_REASONS: Final = (1, 3, 4, 5, 6)
_ECDSA_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")
_NAME: Final = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "JPKI benchmark")])


def _tlv(tag: int, *parts: bytes) -> bytes:
    """One value with the shortest definite length (X.690 section 10.1)."""
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _time(moment: datetime) -> bytes:
    return _tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode("ascii"))


def _extension(oid: str, value: bytes) -> bytes:
    return _tlv(0x30, _tlv(0x06, bytes.fromhex(oid)), _tlv(0x04, value))


class Workload:
    """``entries`` listed on each of ``days`` days, counted from 1; the same seed gives the same octets."""

    def __init__(self, entries: int, days: int, *, seed: int = SEED) -> None:
        rng = random.Random(seed)
        self.entries: Final = entries
        self.days: Final = days
        self._joining: Final = max(1, entries // 1000)
        #: 4 octets each, in the order in which they were revoked.
        self.serials: Final = [
            serial.to_bytes(4, "big") for serial in rng.sample(SERIALS, entries + days * self._joining)
        ]
        dates = [_time(_START - timedelta(seconds=rng.randrange(1, 150_000_000))) for _ in range(4096)]
        reasons = [_tlv(0x30, _extension("551d15", bytes((0x0A, 1, reason)))) for reason in _REASONS]
        # One entry in ten says no reason.
        tails = [date + (b"" if rng.random() < 0.1 else rng.choice(reasons)) for date in dates]
        heads = {len(tail): bytes((0x30, len(tail) + 6, 0x02, 4)) for tail in tails}
        chosen = rng.choices(tails, k=len(self.serials))
        self._entries = [heads[len(t)] + s + t for s, t in zip(self.serials, chosen, strict=True)]
        self._key = ec.derive_private_key(rng.getrandbits(128) + 1, ec.SECP256R1())
        self._identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())

    def listed(self, day: int) -> list[bytes]:
        """The serials on the list of that day."""
        return self.serials[day * self._joining :][: self.entries]

    def authority(self) -> Authority:
        """The CA, undivided, with its one key."""
        certificate = (
            x509.CertificateBuilder()
            .subject_name(_NAME)
            .issuer_name(_NAME)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(_START - 1000 * _DAY)
            .not_valid_after(_START + 3000 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(self._identifier, critical=False)
            .sign(self._key, SHA256())
        )
        return authority_from_certificates("bench", [certificate], partitions=[Partition(1, b"", "whole")])

    def instant(self, day: int) -> datetime:
        """thisUpdate of that day's list."""
        return _START + day * _DAY

    def certificate_list(self, day: int) -> bytes:
        """The signed list of a day (RFC 5280 section 5.1)."""
        if not 0 <= day <= self.days:
            raise ValueError(f"expected a day of 0 to {self.days}, got {day}; make the workload longer")
        number = (day + 1).to_bytes((day + 1).bit_length() // 8 + 1, "big")
        start = day * self._joining
        signed = _tlv(
            0x30,
            b"\x02\x01\x01",
            _ECDSA_SHA256,
            _NAME.public_bytes(),
            _time(self.instant(day)),
            _time(self.instant(day + 2)),
            _tlv(0x30, *self._entries[start : start + self.entries]),
            _tlv(
                0xA0,
                _tlv(
                    0x30,
                    _extension("551d23", _tlv(0x30, _tlv(0x80, self._identifier.digest))),
                    _extension("551d14", _tlv(0x02, number)),
                ),
            ),
        )
        signature = self._key.sign(signed, ec.ECDSA(SHA256(), deterministic_signing=True))
        return _tlv(0x30, signed, _ECDSA_SHA256, _tlv(0x03, b"\0", signature))


class Nights:
    """One publisher that lives through the workload's days: an inbox, an archive, a store."""

    def __init__(self, folder: Path, workload: Workload, runner: asyncio.Runner) -> None:
        self.workload: Final = workload
        self.day = -1
        self.file: Final = folder / "list.crl"
        self.authorities: Final = Authorities([workload.authority()])
        (self.scope,) = self.authorities.expected_lists()
        self._store = SnapshotStore(folder / "snapshots", publisher_key=Ed25519PrivateKey.generate())
        self._archive = ListArchive(folder / "archive")
        self._clock = FixedClock(_START)
        self._runner = runner

    def dawn(self) -> Path:
        """The next day's list lies in the inbox."""
        self.day += 1
        self.file.write_bytes(self.workload.certificate_list(self.day))
        self._clock.set(self.workload.instant(self.day) + timedelta(hours=1))
        return self.file

    def ingest(self) -> IngestReport:
        """What the night calls, every check on; refuses to be a figure if it published something else."""
        source = FolderSource({self.scope: self.file})
        report = self._runner.run(
            ingest_cycle(self.authorities, source, self._store, self._clock, archive=self._archive)
        )
        if report.outcome is not Outcome.PUBLISHED or report.entries != self.workload.entries:
            raise RuntimeError(f"expected a whole new set, got {report.outcome}, {report.entries} entries")
        return report

    def snapshot(self) -> Snapshot:
        """The set in force; the first one is published for it."""
        if self.day < 0:
            self.dawn()
            self.ingest()
        current = self._store.current()
        if current is None:
            raise RuntimeError("expected a published set, got none")
        return current
