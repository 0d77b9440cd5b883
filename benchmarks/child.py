"""``python -m benchmarks.child``: one ingest in a process of its own, which imports only ``revocation``.

What to ingest comes as JSON on standard input; seconds and peak memory go out as JSON. No numpy, no
generator: what they hold would count as ours.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from revocation.authorities import Authorities, Partition
from revocation.authority_certificates import authority_from_certificates
from revocation.clock import FixedClock
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import FolderSource
from revocation.ingest import ingest_cycle
from revocation.snapshot.store import SnapshotStore


def peak_octets() -> int:
    """The most that was ever resident: mapped files count. Not ru_maxrss, which a child inherits by exec."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("expected VmHWM in /proc/self/status, got none; this figure needs Linux")


def run(night: dict[str, Any]) -> dict[str, Any]:
    """The ingest; its time is that of the call alone, without imports and without making its arguments."""
    certificate = x509.load_pem_x509_certificate(night["ca_certificate"].encode("ascii"))
    points = [base64.b64decode(point) for point in night["points"]]
    partitions = [Partition(number, point, f"list {number}") for number, point in enumerate(points, 1)]
    authorities = Authorities([authority_from_certificates("bench", [certificate], partitions=partitions)])
    scopes = sorted(authorities.expected_lists(), key=lambda one: one.partition_number)
    source = FolderSource(dict(zip(scopes, map(Path, night["files"]), strict=True)))
    publisher = Ed25519PrivateKey.from_private_bytes(base64.b64decode(night["publisher_key"]))
    store = SnapshotStore(Path(night["snapshots"]), publisher_key=publisher)
    archive = ListArchive(Path(night["archive"]))
    clock = FixedClock(datetime.fromisoformat(night["at"]))
    at_start = peak_octets()
    with asyncio.Runner() as runner:
        began = time.perf_counter()
        report = runner.run(ingest_cycle(authorities, source, store, clock, archive=archive))
        seconds = time.perf_counter() - began
    return {
        "outcome": report.outcome.value,
        "entries": report.entries,
        "seconds": seconds,
        "peak_octets": peak_octets(),
        "peak_octets_at_start": at_start,
    }


if __name__ == "__main__":
    print(json.dumps(run(json.load(sys.stdin))))
