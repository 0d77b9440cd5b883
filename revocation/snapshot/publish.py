"""Publish a set. The commit is one rename of ``CURRENT``; everything before it can be done again from the
start, everything after it is found done.

What a crash costs: before the commit, files that no reader knows and that the next publish collects;
after it, nothing. There is no recovery code: the next publish starts with the same ``settle`` as every other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from revocation.authorities import Lineage
from revocation.errors import OwnFault, RevocationError
from revocation.index.build import IndexBuild, build_index
from revocation.index.search import Index
from revocation.snapshot.current import Snapshot
from revocation.snapshot.draft import DRAFT_SUFFIX, Draft, is_leftover
from revocation.snapshot.durable import (
    TEMPORARY_SUFFIX,
    Disk,
    discard,
    disk_errors,
    stage,
)
from revocation.snapshot.index_files import OpenedIndex, open_indexes
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
from revocation.snapshot.staged import stage_index

#: Told of entries that are done, of how many in all.
Told = Callable[[int, int], None]


class Entries:
    """How far a publish is, in listed entries over all its files; whole with the commit and not before."""

    def __init__(self, plan: SetPlan, told: Told | None) -> None:
        # One more for each file, so that one without entries counts as well, and one for the commit.
        self._weights: Final = {one.lineage: 1 + _entries_of(one) for one in plan.lineages}
        self._total: Final = sum(self._weights.values()) + 1
        self._told: Final[Told] = told or _silent
        self._before = 0
        self._told(0, self._total)

    def of(self, plan: LineagePlan) -> Told:
        """For the builder of one file; that it was read back is for ``finished`` to say."""
        entries = _entries_of(plan)

        def tell(done: int, total: int) -> None:
            if total > 0:
                self._told(self._before + entries * min(done, total) // total, self._total)

        return tell

    def finished(self, plan: LineagePlan) -> None:
        self._before += self._weights[plan.lineage]
        self._told(self._before, self._total)

    def committed(self) -> None:
        self._told(self._total, self._total)


def _silent(done: int, total: int) -> None:
    """Progress for nobody."""


def _entries_of(plan: LineagePlan) -> int:
    return sum(state.entries for state in plan.states.values())


def settle(disk: Disk, folder: Path) -> int:
    """Collect what a killed publish left behind; the number that the next set takes. Needs the lock.

    Files above ``CURRENT`` were never committed. With ``CURRENT`` lost or unreadable nobody can say what
    was, so nothing but temporary files is removed and the next number lies above every manifest.
    """
    with disk_errors("PUBLISH_FAILED", "the snapshot folder"):
        for path in leftovers(folder, TEMPORARY_SUFFIX):
            disk.remove(path)
        for path in leftovers(folder, DRAFT_SUFFIX):
            if is_leftover(path):
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
    mixing_key: Callable[[Lineage], bytes],
    progress: Told | None = None,
    drafts: Mapping[Lineage, Draft] | None = None,
) -> Snapshot:
    """Write, check and commit ``plan``, built upon ``base``; the caller holds the folder's lock.

    ``mixing_key`` is asked for a lineage that the base does not have. Returns the new set as its readers see
    it: each file was read back whole through the mapping that answers, and is what the manifest names.
    ``drafts``: files begun beforehand; one that fits is finished, the others are the caller's to drop.
    """
    entries = Entries(plan, progress)

    def one_index(one: LineagePlan) -> tuple[IndexFile, OpenedIndex]:
        previous = None if base is None else base.index(one.lineage)
        draft = (drafts or {}).get(one.lineage)
        if draft is not None and draft.fits(one, previous):
            opened = draft.finish(one.states, set_seq=plan.seq)
            written = _name_index(disk, folder, plan.seq, one.lineage, draft.build, draft.path, opened)
        else:
            key = mixing_key(one.lineage) if previous is None else previous.mixing_key
            built = build_of(one, previous, mixing_key=key, progress=entries.of(one))
            target = folder / index_name(one.lineage, plan.seq)
            temporary, opened = stage_index(disk, target, built.chunks(), set_seq=plan.seq)
            written = _name_index(disk, folder, plan.seq, one.lineage, built, temporary, opened)
        entries.finished(one)
        return written

    with disk_errors("PUBLISH_FAILED", "the new set"):
        files = [one_index(one) for one in plan.lineages]
        files += _files_of_other_lineages(folder, plan, base)
        files.sort(key=lambda file: file[0].lineage)
        manifest = Manifest(
            seq=plan.seq,
            previous=None if base is None else (base.seq, base.manifest.sha256),
            created_at=now,
            business_date=plan.business_date,
            partial=plan.partial,
            accepted=plan.accepted,
            carried=plan.carried,
            absent=plan.absent,
            files=tuple(file for file, _ in files),
            publisher=public_hex(key.public_key()),
        )
        manifest = _publish_manifest(disk, folder, manifest, key)
        # The names of index files and manifest must be durable before CURRENT may point at them.
        disk.sync_folder(folder)
    pointer = Pointer(plan.seq, manifest.sha256)
    with disk_errors("PUBLISH_FAILED", "CURRENT"):
        _commit(disk, folder, pointer)
        if read_pointer(folder) != pointer:
            raise OwnFault(
                "MANIFEST_MISMATCH",
                expected="CURRENT to name the set that was just published",
                got="another one",
                remedy="find out who else writes into the snapshot folder; publish again",
            )
    entries.committed()
    return Snapshot(manifest, {file.lineage: opened for file, opened in files})


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


def build_of(
    plan: LineagePlan, previous: Index | None, *, mixing_key: bytes, progress: Told | None = None
) -> IndexBuild:
    """The builder of a planned lineage."""
    return build_index(
        plan.lineage,
        plan.states,
        plan.records,
        previous=previous,
        release_holds=plan.release_holds,
        merged=plan.merged,
        mixing_key=mixing_key,
        progress=progress,
    )


def _name_index(
    disk: Disk,
    folder: Path,
    seq: int,
    lineage: Lineage,
    built: IndexBuild,
    temporary: Path,
    opened: OpenedIndex,
) -> tuple[IndexFile, OpenedIndex]:
    """Name one lineage's file, which was written, synced and read back."""
    name = index_name(lineage, seq)
    target = folder / name
    try:
        index = opened.index
        if (index.lineage, index.entry_count, index.gone_count) != (lineage, built.entries, built.gone):
            raise OwnFault(
                "INDEX_MISMATCH",
                expected="the index file as it was built",
                got="another",
                remedy="look at the disk, then run again; the last good set keeps serving",
            )
        disk.rename(temporary, target)
        opened = opened.named(target)
    except (OSError, RevocationError):
        discard(disk, temporary)
        raise
    file = IndexFile(
        lineage=lineage,
        name=name,
        size=opened.state.octets,
        sha256_tree=opened.sha256_tree,
        entries=built.entries,
        gone=built.gone,
    )
    return file, opened


def _files_of_other_lineages(
    folder: Path, plan: SetPlan, base: Snapshot | None
) -> list[tuple[IndexFile, OpenedIndex]]:
    """A lineage that is not configured now (a retired key) keeps its file: what it listed is not lost.

    No builder reads these, so they are read whole here: a new set must not name a file that rotted.
    """
    if base is None:
        return []
    built = {one.lineage for one in plan.lineages}
    kept = [file for file in base.manifest.files if file.lineage not in built]
    opened = open_indexes(folder, kept, set_seq=plan.seq)
    return [(file, opened[file.lineage]) for file in kept]


def _publish_manifest(disk: Disk, folder: Path, manifest: Manifest, key: Ed25519PrivateKey) -> Manifest:
    """Sign, write, read back and name the manifest, as it was read back."""
    trusted: tuple[Ed25519PublicKey, ...] = (key.public_key(),)
    target = manifest_path(folder, manifest.seq)
    temporary = stage(disk, target, [sign_manifest(manifest, key)])
    try:
        found = read_manifest(temporary.read_bytes(), trusted)
        disk.rename(temporary, target)
    except (OSError, RevocationError):
        discard(disk, temporary)
        raise
    return found
