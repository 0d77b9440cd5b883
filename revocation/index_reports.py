"""Index files by hand: built from lists, verified, asked, compared. For load tests, for evidence, for doubts.

A night does the same with every rule of acceptance and signs the set; a file from here is signed by nobody.
"""

from __future__ import annotations

import mmap
import os
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from revocation.authorities import Authority, Lineage, Partition
from revocation.authority_certificates import authority_from_certificates
from revocation.crl.decode import DecodedList, decode_certificate_list
from revocation.crl.verify import verify_list
from revocation.errors import InputRefused
from revocation.identity import serial_from_hex, serial_to_hex
from revocation.index import layout
from revocation.index._harvest import Harvest
from revocation.index.build import build_index
from revocation.index.layout import ListPresence, ListState
from revocation.index.search import Index, differing
from revocation.reasons import REASON_ABSENT, reason_name
from revocation.snapshot.durable import Disk, disk_errors
from revocation.snapshot.staged import stage_index
from revocation.snapshot.tree_hash import tree_hash

Report = dict[str, Any]
#: (stage, done, total): octets of a list, then entries of the index.
Progress = Callable[[str, int, int], None]

_NO_KEY: Final = "00" * 32


def is_index(path: Path) -> bool:
    """Does the file begin as index files do?"""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(layout.MAGIC)) == layout.MAGIC


def build_report(
    lists: Sequence[Path],
    target: Path,
    *,
    certificates: Sequence[Path],
    now: datetime,
    progress: Progress,
) -> Report:
    """Decode ``lists`` (each a partition, numbered as given) into one index file, written as a night does.

    With the CA's ``certificates`` each list's signature is verified; without, none is.
    """
    if target.exists():
        raise InputRefused(
            "TARGET_EXISTS",
            expected="the name of a new file",
            got="one that exists",
            remedy="choose another name, or remove the file; index files are never overwritten",
        )
    authority = _authority(certificates)
    key = os.urandom(layout.MIXING_KEY_OCTETS)
    states: dict[int, ListState] = {}
    harvests: dict[int, Harvest] = {}
    for number, path in enumerate(lists, 1):
        found = _decoded(path, Harvest(key), progress)
        generation = None if authority is None else verify_list(found, authority)
        harvests[number] = found.entries
        states[number] = ListState(
            number,
            _NO_KEY if generation is None else generation.key_id.hex(),
            ListPresence.ACCEPTED,
            crl_number=found.crl_number,
            this_update=found.this_update,
            next_update=found.next_update,
            ingested_at=now,
            sha256=found.sha256,
            accepted_seq=1,
            entries=found.entries.count,
        )
    building = build_index(
        Lineage("by-hand", "all"),
        states,
        harvests,
        previous=None,
        release_holds=False,
        mixing_key=key,
        progress=lambda done, total: progress("build", done, total),
    )
    disk = Disk()
    with disk_errors("INDEX_UNWRITABLE", "the new index file"):
        temporary, opened = stage_index(disk, target, building.chunks(), set_seq=1)
        disk.rename(temporary, target)
        disk.sync_folder(target.parent)
    return {
        "index": str(target),
        "signatures_verified": authority is not None,
        "lists": len(lists),
        "entries": building.entries,
        "repeated": building.repeated,
        "conflicting": building.conflicting,
        "octets": target.stat().st_size,
        "sha256_tree": opened.sha256_tree,
    }


def verify_index_report(path: Path) -> Report:
    """Read an index file whole: every checksum, and every entry where a look-up finds it."""
    index = _opened(path)
    index.verify()
    with path.open("rb") as file:
        digest = tree_hash(file.fileno())
    return _head(index) | {"verified": True, "sha256_tree": digest.hex()}


def index_stats_report(path: Path) -> Report:
    """Entries by reason. Reads every entry."""
    index = _opened(path)
    reasons = Counter(entry.reason for _, entry in index.items())
    return _head(index) | {
        "by_reason": {_reason(reason): count for reason, count in sorted(reasons.items())},
        "home_lines": index.tail.home_lines,
        "long_entries": len(index.section(b"LONG")) // (layout.LONG_OCTETS + index.tail.code_octets),
        "octets_per_entry": round(len(index.view) / index.entry_count, 2) if index.entry_count else None,
    }


def serial_report(path: Path, serial: str) -> Report:
    """What an index file says of one serial: listed, gone, or nothing; that is not yet a status."""
    entry = _opened(path).lookup(serial_from_hex(serial))
    if entry is None:
        return {"found": False}
    return {
        "found": True,
        "gone": entry.gone,
        "left_on_hold": entry.left_on_hold,
        "reason": _reason(entry.reason),
        "revocation_date": entry.revocation_date.isoformat().replace("+00:00", "Z"),
        "partition": entry.partition_number,
    }


def index_difference(old: Path, new: Path, *, serials: bool) -> Report:
    """What is listed in one and not in the other, or with another reason or date."""
    before, after = _opened(old), _opened(new)
    counts = Counter[str]()
    named: list[Report] = []
    for was, now in differing(before, after):
        kind = "added" if was < 0 else "removed" if now < 0 else "changed"
        counts[kind] += 1
        if serials:
            octets = before.serial_at(was) if now < 0 else after.serial_at(now)
            named.append({"kind": kind, "serial_number": serial_to_hex(octets)})
    report: Report = {kind: counts[kind] for kind in ("added", "removed", "changed")}
    report["changes"] = sum(counts.values())
    return report | ({"serials": named} if serials else {})


def _opened(path: Path) -> Index:
    if not path.is_file():
        raise InputRefused(
            "INDEX_MISSING",
            expected="an index file",
            got="no such file",
            remedy="give the path of a .index file: one of a snapshot folder, or one from build",
        )
    return Index.open(path, set_seq=1)


def _head(index: Index) -> Report:
    return {
        "lineage": str(index.lineage),
        "lists": len(index.lists),
        "entries": index.entry_count,
        "gone": index.gone_count,
        "codes": len(index.codes),
        "octets": len(index.view),
    }


def _authority(certificates: Sequence[Path]) -> Authority | None:
    """For the signature alone: which partition a list is of, and when, is not asked."""
    if not certificates:
        return None
    loaded: list[x509.Certificate] = []
    for path in certificates:
        data = path.read_bytes()
        try:
            loaded += x509.load_pem_x509_certificates(data) if b"-----" in data else [_der(data)]
        except ValueError as error:
            raise InputRefused(
                "CERTIFICATE_MALFORMED",
                expected="certificates of the CA, PEM or DER",
                got="another file",
                remedy="give the certificate of the key that signs the lists",
            ) from error
    return authority_from_certificates("by-hand", loaded, partitions=[Partition(1, b"", "by hand")])


def _der(data: bytes) -> x509.Certificate:
    return x509.load_der_x509_certificate(data)


def _decoded(path: Path, harvest: Harvest, progress: Progress) -> DecodedList[Harvest]:
    def tell(done: int, total: int) -> None:
        progress("decode", done, total)

    if path.stat().st_size == 0:
        return decode_certificate_list(b"", sink=harvest)  # refused there: nothing can be mapped
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return decode_certificate_list(mapped, sink=harvest, progress=tell)


def _reason(raw: int) -> str:
    if raw == REASON_ABSENT:
        return "absent"
    name = reason_name(raw)
    return f"{name} ({raw})" if name == "unspecified" and raw else name
