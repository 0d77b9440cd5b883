"""What ``python -m revocation`` tells of a file or a set, as plain objects for text and JSON alike."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from revocation.changes import changes_between
from revocation.crl.decode import CertificateList, decode_certificate_list
from revocation.errors import InputRefused
from revocation.identity import serial_from_hex, serial_to_hex
from revocation.purpose import require_unlimited
from revocation.reasons import REASON_ABSENT, reason_name
from revocation.snapshot.current import Snapshot
from revocation.snapshot.manifest import embedded_publisher
from revocation.snapshot.names import manifest_numbers, manifest_path, read_pointer
from revocation.snapshot.store import SnapshotStore

Report = dict[str, Any]
_NUMBER: Final = re.compile(r"[0-9]{1,8}\Z")


# --- certificate revocation lists ---


def list_report(path: Path, *, serials: bool = False) -> Report:
    """A list's head, and its entries counted by reason. Its signature is not verified: that takes its CA."""
    found = decode_certificate_list(path.read_bytes())
    report: Report = {
        "sha256": found.sha256.hex(),
        "version": found.version,
        "crl_number": None if found.crl_number is None else str(found.crl_number),
        "this_update": time_text(found.this_update),
        "next_update": time_text(found.next_update),
        "authority_key_identifier": _hex(found.authority_key_identifier),
        "delta_base": None if found.delta_base is None else str(found.delta_base),
        "partitioned": found.issuing_distribution_point is not None,
        "signature_verified": False,
        "entries": found.entries.count,
        "by_reason": _by_reason(Counter(entry.reason for entry in found.entries)),
    }
    if serials:
        report["revoked"] = [
            {
                "serial_number": serial_to_hex(entry.serial),
                "revocation_date": time_text(entry.revocation_date),
                "reason": reason_name(entry.reason),
            }
            for entry in found.entries
        ]
    return report


def list_difference(old: Path, new: Path, *, serials: bool = False) -> Report:
    """What one list has and the other has not, or has with another reason or date."""
    before, after = (_entries(decode_certificate_list(path.read_bytes())) for path in (old, new))
    kinds = {
        "added": sorted(set(after) - set(before)),
        "removed": sorted(set(before) - set(after)),
        "changed": sorted(serial for serial in set(before) & set(after) if before[serial] != after[serial]),
    }
    report: Report = {kind: len(found) for kind, found in kinds.items()}
    report["changes"] = sum(report.values())
    if serials:
        report["serials"] = [
            {"kind": kind, "serial_number": serial_to_hex(serial)}
            for kind, found in kinds.items()
            for serial in found
        ]
    return report


def _entries(found: CertificateList) -> dict[bytes, tuple[datetime, int]]:
    return {entry.serial: (entry.revocation_date, entry.reason) for entry in found.entries}


# --- sets ---


def set_report(what: str, publisher: Path | None) -> Report:
    """A set and every list that it declares."""
    snapshot = open_set(what, publisher)
    return set_head(snapshot, publisher) | {
        "lists": [
            {
                "list": str(scope),
                "state": state.state.value,
                "crl_number": None if state.crl_number is None else str(state.crl_number),
                "this_update": time_text(state.this_update),
                "next_update": time_text(state.next_update),
                "ingested_at": time_text(state.ingested_at),
                "carried_from_seq": state.carried_from_seq,
                "outdated": state.outdated,
                "entries": state.entries,
                "sha256": _hex(state.sha256),
            }
            for scope, state in sorted(snapshot.lists.items())
        ]
    }


def stats_report(what: str, publisher: Path | None) -> Report:
    """Entries by lineage and reason. Reads every entry."""
    snapshot = open_set(what, publisher)
    lineages: Report = {}
    for lineage in snapshot.lineages():
        index = snapshot.index(lineage)
        if index is None:
            continue
        lineages[str(lineage)] = {
            "lists": len(index.lists),
            "entries": index.entry_count,
            "gone": index.gone_count,
            "by_reason": _by_reason(Counter(entry.reason for _, entry in index.items())),
            "gone_on_hold": sum(entry.left_on_hold for _, entry in index.gone_items()),
        }
    return set_head(snapshot, publisher) | {"lineages": lineages}


def verification_report(what: str, publisher: Path | None) -> Report:
    """Open every set of the chain whole, or the one named; the first that fails ends it with its code."""
    named = open_set(what, publisher)
    folder, number = _named(what)
    store = _store(folder, publisher)
    chain = [named] if number else map(store.open, store.sequences())
    sets = [{"set": one.seq, "snapshot_id": one.snapshot_id, "entries": one.entries} for one in chain]
    return {"verified": len(sets), "publisher_pinned": publisher is not None, "sets": sets}


def set_difference(old: str, new: str, publisher: Path | None, *, serials: bool = False) -> Report:
    """Changes between two sets, counted by kind."""
    before, after = open_set(old, publisher), open_set(new, publisher)
    if serials:
        for what, snapshot in ((old, before), (new, after)):
            require_unlimited(_named(what)[0], (lineage.ca_id for lineage in snapshot.lineages()))
    changes = list(changes_between(before, after))
    report: Report = {
        "changes": len(changes),
        "by_kind": dict(sorted(Counter(change.kind.value for change in changes).items())),
        "left_on_hold": sum(change.left_on_hold for change in changes),
    }
    if serials:
        report["serials"] = [
            {
                "kind": change.kind.value,
                "lineage": str(change.lineage),
                "serial_number": serial_to_hex(change.serial),
                "reason_before": _reason(change.reason_before),
                "reason_after": _reason(change.reason_after),
            }
            for change in changes
        ]
    return report


def set_serial_report(what: str, publisher: Path | None, serial: str) -> Report:
    """What the indexes of a set say of one serial, by CA key; that is not yet a status."""
    snapshot = open_set(what, publisher)
    require_unlimited(_named(what)[0], (lineage.ca_id for lineage in snapshot.lineages()))
    octets = serial_from_hex(serial)
    entries = [(lineage, snapshot.lookup(lineage, octets)) for lineage in snapshot.lineages()]
    found = [
        {
            "lineage": str(lineage),
            "gone": entry.gone,
            "left_on_hold": entry.left_on_hold,
            "reason": _reason(entry.reason),
            "revocation_date": time_text(entry.revocation_date),
            "partition": entry.partition_number,
        }
        for lineage, entry in entries
        if entry is not None
    ]
    return {"found": bool(found), "set": snapshot.seq, "entries": found}


def set_head(snapshot: Snapshot, publisher: Path | None) -> Report:
    manifest = snapshot.manifest
    return {
        "set": snapshot.seq,
        "snapshot_id": snapshot.snapshot_id,
        "business_date": None if manifest.business_date is None else manifest.business_date.isoformat(),
        "created_at": time_text(manifest.created_at),
        "partial": manifest.partial,
        "accepted": manifest.accepted,
        "carried": manifest.carried,
        "absent": manifest.absent,
        "entries": snapshot.entries,
        "gone": snapshot.gone,
        "publisher": manifest.publisher,
        "publisher_pinned": publisher is not None,
    }


def open_set(what: str, publisher: Path | None) -> Snapshot:
    """``DIR`` (its current set) or ``DIR@SEQ``."""
    folder, number = _named(what)
    if not folder.is_dir():
        raise InputRefused(
            "SET_FOLDER_MISSING",
            expected="a folder with published sets",
            got="no such folder",
            remedy="give the folder that contains CURRENT, as DIR or DIR@SEQ",
        )
    store = _store(folder, publisher)
    if number:
        return store.open(_number(number, folder))
    snapshot = store.current()
    if store.refusal is not None:
        raise store.refusal  # a tool for looking must not show an older set in silence
    if snapshot is None:
        raise _no_set()
    return snapshot


def _named(what: str) -> tuple[Path, str]:
    """The folder, and the number after ``@`` or nothing."""
    folder, _, number = what.rpartition("@")
    return (Path(what), "") if Path(what).is_dir() or "@" not in what else (Path(folder), number)


def _number(text: str, folder: Path) -> int:
    """Of a set that was published and not removed since. One between those that is missing is damage."""
    if not _NUMBER.match(text):
        raise InputRefused(
            "SET_NUMBER_MALFORMED",
            expected="DIR@SEQ with a number of 1 to 8 digits",
            got="another text after @",
            remedy="verify-snapshot prints the numbers",
        )
    pointer = read_pointer(folder)
    newest = 0 if pointer is None else pointer.seq
    oldest = min(manifest_numbers(folder), default=1)
    if not oldest <= int(text) <= newest:
        raise InputRefused(
            "SET_NOT_PUBLISHED",
            expected=f"a set from {oldest} to {newest}" if newest else "the number of a published set",
            got=str(int(text)),
            remedy="verify-snapshot prints the numbers",
        )
    return int(text)


def _store(folder: Path, publisher: Path | None) -> SnapshotStore:
    keys = (_publisher_key(publisher),) if publisher is not None else tuple(_named_publishers(folder))
    return SnapshotStore(folder, trusted_publishers=keys)


def _named_publishers(folder: Path) -> Iterator[Ed25519PublicKey]:
    """The key that the current manifest names; proves that the set is whole, not whose it is."""
    pointer = read_pointer(folder)
    if pointer is not None:
        path = manifest_path(folder, pointer.seq)
        if path.exists():
            yield embedded_publisher(path.read_bytes())


def _publisher_key(path: Path) -> Ed25519PublicKey:
    data = path.read_bytes()
    try:
        key = load_pem_private_key(data, None) if b"PRIVATE KEY" in data else load_pem_public_key(data)
    except (ValueError, TypeError) as error:
        raise _not_a_key() from error
    if isinstance(key, Ed25519PrivateKey):
        key = key.public_key()
    if not isinstance(key, Ed25519PublicKey):
        raise _not_a_key()
    return key


def _not_a_key() -> InputRefused:
    return InputRefused(
        "PUBLISHER_KEY_MALFORMED",
        expected="an Ed25519 key in PEM, public or private",
        got="another file",
        remedy="give the publisher's key",
    )


def _no_set() -> InputRefused:
    return InputRefused(
        "NO_SET",
        expected="a folder with a published set",
        got="none",
        remedy="give the folder that contains CURRENT",
    )


def _by_reason(counts: Counter[int]) -> Report:
    return {_reason(reason) or "": count for reason, count in sorted(counts.items())}


def _reason(raw: int | None) -> str | None:
    if raw is None or raw == REASON_ABSENT:
        return None if raw is None else "absent"
    name = reason_name(raw)
    return f"{name} ({raw})" if name == "unspecified" and raw else name


def time_text(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()
