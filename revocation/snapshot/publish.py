"""Publish a set. The commit is one rename of ``CURRENT``; everything before it can be done again from the
start, everything after it is found done.

What a crash costs: before the commit, files that no reader knows and that the next publish collects;
after it, nothing. There is no recovery code: the next publish starts with the same ``settle`` as every other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from revocation.errors import OwnFault, RevocationError
from revocation.index.build import build_index
from revocation.index.search import Index
from revocation.snapshot.current import Snapshot, check_index
from revocation.snapshot.durable import (
    TEMPORARY_SUFFIX,
    Disk,
    discard,
    disk_errors,
    stage,
)
from revocation.snapshot.manifest import IndexFile, Manifest, public_hex, read_manifest, sign_manifest
from revocation.snapshot.names import (
    CURRENT,
    Pointer,
    index_files,
    index_name,
    leftovers,
    manifest_numbers,
    manifest_path,
    read_pointer,
)
from revocation.snapshot.plan import LineagePlan, SetPlan


def settle(disk: Disk, folder: Path) -> int:
    """Collect what a killed publish left behind; the number that the next set takes. Needs the lock.

    Files above ``CURRENT`` were never committed. With ``CURRENT`` lost or unreadable nobody can say what
    was, so nothing but temporary files is removed and the next number lies above every manifest.
    """
    with disk_errors("PUBLISH_FAILED", "the snapshot folder"):
        for path in leftovers(folder, TEMPORARY_SUFFIX):
            disk.remove(path)
        numbers = manifest_numbers(folder)
        try:
            pointer = read_pointer(folder)
        except OwnFault:
            return numbers[-1] + 1 if numbers else 1
        if pointer is None and numbers not in ([], [1]):
            return numbers[-1] + 1
        committed = 0 if pointer is None else pointer.seq
        for seq in numbers:
            if seq > committed:
                disk.remove(manifest_path(folder, seq))
        for seq, path in index_files(folder):
            if seq > committed:
                disk.remove(path)
        return committed + 1


def publish_set(
    disk: Disk,
    folder: Path,
    plan: SetPlan,
    base: Snapshot | None,
    *,
    key: Ed25519PrivateKey,
    now: datetime,
) -> Pointer:
    """Write, check and commit ``plan``, built upon ``base``; the caller holds the folder's lock."""
    with disk_errors("PUBLISH_FAILED", "the new set"):
        files = [_publish_index(disk, folder, plan.seq, lineage, base) for lineage in plan.lineages]
        files += _files_of_other_lineages(files, base)
        manifest = Manifest(
            seq=plan.seq,
            previous=None if base is None else (base.seq, base.manifest.sha256),
            created_at=now,
            business_date=plan.business_date,
            partial=plan.partial,
            accepted=plan.accepted,
            carried=plan.carried,
            absent=plan.absent,
            files=tuple(sorted(files, key=lambda file: file.lineage)),
            publisher=public_hex(key.public_key()),
        )
        digest = _publish_manifest(disk, folder, manifest, key)
        # The names of index files and manifest must be durable before CURRENT may point at them.
        disk.sync_folder(folder)
    pointer = Pointer(plan.seq, digest)
    with disk_errors("PUBLISH_FAILED", "CURRENT"):
        _commit(disk, folder, pointer)
    return pointer


def _commit(disk: Disk, folder: Path, pointer: Pointer) -> None:
    temporary = stage(disk, folder / CURRENT, [bytes(pointer)])
    try:
        # THE COMMIT. Before this line every reader, and every restart, finds the old set, whole. After it,
        # the new one, whole: its files and its manifest are complete, checked, and durable by name.
        disk.rename(temporary, folder / CURRENT)
    except OSError:
        # A rename may report an error and have happened. CURRENT itself says which, so ask it; what it may
        # point at is never removed here, only by the next settle, which asks it again.
        discard(disk, temporary)
        if read_pointer(folder) != pointer:
            raise
    try:
        disk.sync_folder(folder)
    except OSError:
        # Readers see the new set already. Whether a power cut would keep it is unknown, and a second fsync
        # of the same rename would prove nothing: write CURRENT anew, rename it again, sync that.
        disk.rename(stage(disk, folder / CURRENT, [bytes(pointer)]), folder / CURRENT)
        disk.sync_folder(folder)


def _publish_index(disk: Disk, folder: Path, seq: int, plan: LineagePlan, base: Snapshot | None) -> IndexFile:
    """Build, write, read back and name one lineage's file."""
    built = build_index(
        plan.lineage,
        plan.states,
        plan.records,
        previous=None if base is None else base.index(plan.lineage),
        release_holds=plan.release_holds,
        merged=plan.merged,
    )
    digest = hashlib.sha256()
    for chunk in built.chunks:
        digest.update(chunk)
    file = IndexFile(
        lineage=plan.lineage,
        name=index_name(plan.lineage, seq),
        size=sum(map(len, built.chunks)),
        sha256=digest.hexdigest(),
        entries=built.entries,
        gone=built.gone,
    )
    target = folder / file.name
    temporary = stage(disk, target, built.chunks)
    try:
        # Read back through the readers' own code, checksums and the manifest's hash in one pass.
        check_index(Index.open(temporary, set_seq=seq), file)
        disk.rename(temporary, target)
    except (OSError, RevocationError):
        discard(disk, temporary)
        raise
    return file


def _files_of_other_lineages(built: Sequence[IndexFile], base: Snapshot | None) -> list[IndexFile]:
    """A lineage that is not configured now (a retired key) keeps its file: what it listed is not lost."""
    if base is None:
        return []
    known = {file.lineage for file in built}
    return [file for file in base.manifest.files if file.lineage not in known]


def _publish_manifest(disk: Disk, folder: Path, manifest: Manifest, key: Ed25519PrivateKey) -> str:
    """Sign, write, read back and name the manifest; the SHA-256 of its JSON line."""
    trusted: tuple[Ed25519PublicKey, ...] = (key.public_key(),)
    target = manifest_path(folder, manifest.seq)
    temporary = stage(disk, target, [sign_manifest(manifest, key)])
    try:
        digest = read_manifest(temporary.read_bytes(), trusted).sha256
        disk.rename(temporary, target)
    except (OSError, RevocationError):
        discard(disk, temporary)
        raise
    return digest
