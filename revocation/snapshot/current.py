"""A published set, opened: one manifest and its index files, checked whole before the first look-up.

A ``Snapshot`` never reads across two manifests: it maps the files that its own manifest names, and keeps
them mapped for as long as somebody holds it, whatever is published or removed meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from revocation.authorities import Authority, Lineage, ListScope, Partition
from revocation.errors import OwnFault, RevocationError
from revocation.index.layout import ListPresence, ListState
from revocation.index.search import Entry, Index
from revocation.snapshot.index_files import OpenedIndex, open_indexes
from revocation.snapshot.manifest import Manifest, read_manifest
from revocation.snapshot.names import Pointer, manifest_numbers, manifest_path, read_pointer


class Snapshot:
    """One set. Immutable; safe to share between threads."""

    __slots__ = ("_files", "_in_force", "_indexes", "_newest", "coverages", "lists", "manifest", "superseded")

    def __init__(
        self, manifest: Manifest, files: Mapping[Lineage, OpenedIndex], *, superseded: bool = False
    ) -> None:
        self.manifest: Final = manifest
        #: Another set, not below this one, is or may be the published one, and it cannot be used. What
        #: this set lists was listed; of what it does not list nothing can be said (``status.py``).
        self.superseded: Final = superseded
        #: Kept by ``coverage.py`` for as long as this set lives: an authority and what its lists cover.
        self.coverages: Final[dict[Lineage, tuple[Authority, object]]] = {}
        self._files: Final = dict(files)
        self._indexes: Final = {lineage: file.index for lineage, file in files.items()}
        #: Every list that the set declares, accepted, carried over or absent, by the distribution point
        #: that it was accepted for: a scope whose number meant another one then is not found.
        self.lists: Final[Mapping[ListScope, ListState]] = MappingProxyType(
            {
                ListScope(lineage, state.signing_key, number, state.point_sha256): state
                for lineage, index in sorted(self._indexes.items())
                for number, state in index.lists.items()
            }
        )
        self._newest: Final[dict[tuple[Lineage, str, bytes], ListState]] = {}
        for scope, state in self.lists.items():
            held = self._newest.get(_source(scope))
            if state.this_update is not None and (
                held is None or held.this_update is None or held.this_update < state.this_update
            ):
                self._newest[_source(scope)] = state
        self._in_force: Final[dict[tuple[Lineage, bytes], ListState]] = {}
        for (lineage, _, point_sha256), state in self._newest.items():
            held = self._in_force.get((lineage, point_sha256))
            if held is None or _at(held) < _at(state):
                self._in_force[lineage, point_sha256] = state

    @property
    def seq(self) -> int:
        return self.manifest.seq

    @property
    def snapshot_id(self) -> str:
        return self.manifest.snapshot_id

    @property
    def business_date(self) -> date | None:
        return self.manifest.business_date

    @property
    def partial(self) -> bool:
        return self.manifest.partial

    @property
    def entries(self) -> int:
        """Listed entries, without those that are gone."""
        return sum(index.entry_count for index in self._indexes.values())

    @property
    def gone(self) -> int:
        return sum(index.gone_count for index in self._indexes.values())

    def __repr__(self) -> str:
        return f"Snapshot(seq={self.seq}, snapshot_id={self.snapshot_id})"

    def lineages(self) -> tuple[Lineage, ...]:
        return tuple(sorted(self._indexes))

    def index(self, lineage: Lineage) -> Index | None:
        return self._indexes.get(lineage)

    def list_state(self, lineage: Lineage, partition: Partition | None) -> ListState | None:
        """The list of an approved partition, whichever key signed it; None where the set has none.

        A list that was accepted for another distribution point under this number is none.
        """
        index = self._indexes.get(lineage)
        state = None if index is None or partition is None else index.lists.get(partition.number)
        if state is None or partition is None or state.state is ListPresence.ABSENT:
            return None
        return state if state.point_sha256 == partition.point_sha256 else None

    def newest_list(self, scope: ListScope) -> ListState | None:
        """The list of this signer and distribution point, under whatever number it was accepted."""
        return self._newest.get(_source(scope))

    def newest_by_any_key(self, scope: ListScope) -> ListState | None:
        """The list of this lineage and distribution point: another key's, where the CA changed keys."""
        return self._in_force.get((scope.lineage, scope.point_sha256))

    def seen_as(self, *, superseded: bool) -> Snapshot:
        """The same set, as what is published now makes it look."""
        if superseded is self.superseded:
            return self
        return Snapshot(self.manifest, self._files, superseded=superseded)

    def is_untouched(self, folder: Path) -> bool:
        """Does the folder have every file of this set, and did nobody touch one since it was read?"""
        return all(self._files[file.lineage].is_untouched(folder / file.name) for file in self.manifest.files)

    def lookup(self, lineage: Lineage, serial: bytes) -> Entry | None:
        """Listed or gone; None means only that this set has no entry, which is not yet "good"."""
        index = self._indexes.get(lineage)
        return None if index is None else index.lookup(serial)


def _source(scope: ListScope) -> tuple[Lineage, str, bytes]:
    return scope.lineage, scope.signing_key, scope.point_sha256


def _at(state: ListState) -> datetime:
    assert state.this_update is not None  # noqa: S101 - none but accepted lists are asked
    return state.this_update


def open_snapshot(
    folder: Path, seq: int, trusted: Sequence[Ed25519PublicKey], *, pointer: Pointer | None = None
) -> Snapshot:
    """Open and verify a set whole: signature, hash of every file, every record. Costs a pass over it."""
    manifest = load_manifest(folder, seq, trusted)
    if pointer is not None and manifest.sha256 != pointer.sha256:
        raise OwnFault(
            "MANIFEST_MISMATCH",
            expected="the manifest that CURRENT names",
            got="another one under its number",
            remedy="publish again; the last good set keeps serving",
        )
    return Snapshot(manifest, open_indexes(folder, manifest.files, set_seq=seq))


def load_manifest(folder: Path, seq: int, trusted: Sequence[Ed25519PublicKey]) -> Manifest:
    try:
        data = manifest_path(folder, seq).read_bytes()
    except FileNotFoundError as error:
        raise OwnFault(
            "MANIFEST_MISSING",
            expected=f"the manifest of set {seq}",
            got="none in the folder",
            remedy="restore the folder, or publish again",
        ) from error
    manifest = read_manifest(data, trusted)
    if manifest.seq != seq:
        raise OwnFault(
            "MANIFEST_MISMATCH",
            expected=f"the manifest of set {seq}",
            got=f"that of set {manifest.seq}",
            remedy="restore the folder, or publish again",
        )
    return manifest


def newest_good(
    folder: Path, trusted: Sequence[Ed25519PublicKey]
) -> tuple[Snapshot | None, RevocationError | None]:
    """The published set; where it cannot be used, the newest one below it that can, and why.

    Readers that start and the publisher that builds upon a set use the same answer. A set from below is
    ``superseded``: whom the published one revoked it does not know.
    """
    refusal: RevocationError | None = None
    numbers = manifest_numbers(folder)
    try:
        pointer = read_pointer(folder)
        if pointer is not None:
            return open_snapshot(folder, pointer.seq, trusted, pointer=pointer), None
        if not numbers or numbers == [1]:
            return None, None  # nothing published yet, or killed before the first commit
        refusal = OwnFault(
            "CURRENT_MISSING",
            expected="CURRENT beside the manifests",
            got="none",
            remedy="publish again: the next set is numbered above every manifest in the folder",
        )
        below = numbers[-1] + 1
    except OwnFault as error:
        refusal = error
        below = pointer.seq if (pointer := _readable_pointer(folder)) else numbers[-1] + 1 if numbers else 0
    for seq in reversed([number for number in numbers if number < below]):
        try:
            return open_snapshot(folder, seq, trusted).seen_as(superseded=True), refusal
        except OwnFault:
            continue  # the first refusal is the one to report; this one is older and as unusable
    return None, refusal


def _readable_pointer(folder: Path) -> Pointer | None:
    try:
        return read_pointer(folder)
    except OwnFault:
        return None
