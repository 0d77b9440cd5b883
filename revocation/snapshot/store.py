"""The snapshot folder as one object: publish into it, read the current set from it, open earlier ones."""

from __future__ import annotations

import errno
import os
import secrets
import threading
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from revocation.authorities import Authorities, Lineage, ListScope
from revocation.errors import OutsideFailed, OwnFault, RevocationError
from revocation.snapshot.current import Snapshot, load_manifest, newest_good, open_snapshot
from revocation.snapshot.drafts import Drafts
from revocation.snapshot.durable import Disk, disk_errors, folder_lock
from revocation.snapshot.marks import Mark, Reached, mark_beside, mark_of
from revocation.snapshot.names import CURRENT, LOCK, Pointer, manifest_numbers, newest_number, read_pointer
from revocation.snapshot.plan import AcceptedList, plan_set
from revocation.snapshot.publish import Told, publish_set, settle
from revocation.snapshot.retention import remove_before
from revocation.snapshot.vouched import sign_line, signed_line

__all__ = ["Mark", "Reached", "SnapshotStore", "before_lost", "mark_beside"]

#: Further looks at a folder that is published into meanwhile; the next call of ``current`` would go on.
_LOOKS: Final = 3
#: Nobody outside knows it, so nobody can choose serials that crowd one place of the file.
_new_mixing_key: Final = partial(secrets.token_bytes, 40)
#: What a builder, or whoever reads a file that is only carried over, says of a base that rotted.
_BASE_ROTTED: Final = frozenset({"INDEX_CORRUPT", "INDEX_MISMATCH", "INDEX_MISSING"})


def before_lost(snapshot: Snapshot, at_least: int) -> Snapshot:
    """A set as it looks when sets up to number ``at_least`` - 1 were published above it and are lost."""
    return snapshot.seen_as(superseded=True) if snapshot.seq < at_least else snapshot


class SnapshotStore:
    """One folder of sets. Readers need only the trusted keys; a publisher also the private one.

    Thread-safe. Opening, publishing and retention block on the disk: call them outside an event loop.
    ``current()`` on an unchanged folder is one stat(2).
    """

    def __init__(
        self,
        folder: Path,
        *,
        publisher_key: Ed25519PrivateKey | None = None,
        trusted_publishers: tuple[Ed25519PublicKey, ...] = (),
        disk: Disk | None = None,
        new_mixing_key: Callable[[], bytes] = _new_mixing_key,
    ) -> None:
        self.folder: Final = folder
        self._current: Final = str(folder / CURRENT)
        self._key = publisher_key
        own = () if publisher_key is None else (publisher_key.public_key(),)
        self._trusted: Final = (*trusted_publishers, *own)
        self._disk: Final = disk or Disk()
        self._new_mixing_key: Final = new_mixing_key
        #: Of lineages that have no set yet.
        self._mixing_keys: Final[dict[Lineage, bytes]] = {}
        self._opening: Final = threading.Lock()
        self._held: Snapshot | None = None
        #: Every set that this store held, and those they were built upon: number and hash of the manifest.
        self._held_or_before: Final[set[tuple[int, str]]] = set()
        #: The greatest number that CURRENT was seen to name, readable set or not.
        self._published = 0
        self._seen: tuple[int, int, int] | None = None
        self._refusal: RevocationError | None = None

    @property
    def refusal(self) -> RevocationError | None:
        """Why what the folder says is not what ``current()`` gives; None when all is well."""
        return self._refusal

    def current(self) -> Snapshot | None:
        """The published set. One that cannot be trusted is refused; the last good one goes on, and is then
        ``superseded``: it still says what it lists, and nothing is good by it.

        Within one store the sequence never goes back. A store that starts on a broken set takes the newest
        good one below it; ``refusal`` says so.
        """
        token = self._token()
        if token is not None and token == self._seen:
            return self._held
        # One thread opens; the others answer from the set they have, if they have one.
        if not self._opening.acquire(blocking=self._held is None):
            return self._held
        try:
            if self._token() != self._seen or token is None:
                self._reopen()
            return self._held
        finally:
            self._opening.release()

    def _token(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._current)  # noqa: PTH116 - asked with each list of a night
        except OSError:
            return None  # not there, or not to be read: ``_look`` finds out which
        return status.st_ino, status.st_mtime_ns, status.st_size

    def _reopen(self) -> None:
        token = self._token()
        held, refusal = self._look()
        for _ in range(_LOOKS):
            if refusal is None or token == self._token():
                break
            # Published again meanwhile; what was missing may be what retention removed. Look again.
            token = self._token()
            held, refusal = self._look()
        self._held, self._refusal = held, refusal
        self._note_ancestors()
        # After a passing fault CURRENT may look as it did before it: the next call must look all the same.
        self._seen = None if isinstance(refusal, OutsideFailed) else token

    def _look(self) -> tuple[Snapshot | None, RevocationError | None]:
        """What to answer from, and why it is not what the folder says."""
        held = self._held
        refusal: RevocationError
        try:
            if held is not None:
                return self._newer(held), None
            found = newest_good(self.folder, self._trusted)
            self._note_published()
            return found
        except OwnFault as error:
            refusal = error
        except OSError as error:
            # Out of descriptors, a mount that hangs: not the set's fault, so the next call tries again.
            refusal = OutsideFailed(
                "SNAPSHOT_UNREADABLE",
                expected="a snapshot folder that can be read",
                got=errno.errorcode.get(error.errno or 0, "unknown error"),
                remedy="look at the disk and at the limits of this process",
            )
        return None if held is None else held.seen_as(superseded=self._may_be_superseded(held)), refusal

    def _note_published(self) -> None:
        with suppress(OwnFault, OSError):
            pointer = read_pointer(self.folder)
            self._published = max(self._published, 0 if pointer is None else pointer.seq)

    def _note_ancestors(self) -> None:
        """Needed once they are gone: where somebody put another folder in the place of this one."""
        held = self._held
        link = None if held is None else (held.seq, held.manifest.sha256)
        while link is not None and link not in self._held_or_before:
            self._held_or_before.add(link)
            try:
                manifest = load_manifest(self.folder, link[0], self._trusted)
            except (OwnFault, OSError):
                break  # retention ended the chain here, or the rest of it cannot be read
            link = manifest.previous if manifest.sha256 == link[1] else None

    def _may_be_superseded(self, held: Snapshot) -> bool:
        """May another set than ``held`` and those before it be the published one? In doubt it may.

        An older set that somebody restored supersedes nothing. One that was published upon a restored folder
        does, though its number is lower.
        """
        self._note_published()
        if self._published > held.seq:
            return True
        try:
            pointer = read_pointer(self.folder)
            if pointer is not None and (pointer.seq, pointer.sha256) in self._held_or_before:
                return False
            if pointer is not None and not self._is_garbled(pointer):
                return True
        except OSError:
            return True
        except OwnFault:
            pass  # CURRENT is damaged: whatever lies above may have been published
        try:
            return newest_number(self.folder) > held.seq
        except OSError:
            return True

    def _is_garbled(self, pointer: Pointer) -> bool:
        """Has CURRENT another hash for a set that we know, whose manifest lies there as ever?"""
        try:
            manifest = load_manifest(self.folder, pointer.seq, self._trusted)
        except OwnFault:
            return False
        return (manifest.seq, manifest.sha256) in self._held_or_before

    def _newer(self, held: Snapshot) -> Snapshot:
        pointer = read_pointer(self.folder)
        newest = max(held.seq, self._published)
        if pointer is None or pointer.seq < newest:
            raise OwnFault(
                "SEQUENCE_ROLLBACK",
                expected=f"set {newest} or a later one",
                got="none" if pointer is None else f"set {pointer.seq}",
                remedy="find out who restored an older folder; publish again",
            )
        if pointer.seq > held.seq:
            return open_snapshot(self.folder, pointer.seq, self._trusted, pointer=pointer)
        if pointer.sha256 != held.manifest.sha256:
            raise OwnFault(
                "SEQUENCE_REUSED",
                expected=f"one set under number {held.seq}",
                got="another",
                remedy="find out who restored an older folder; publish again",
            )
        return held.seen_as(superseded=False)

    def open(self, seq: int) -> Snapshot:
        """An earlier set, or the current one, by number; refused above what is committed."""
        pointer = read_pointer(self.folder)
        if pointer is None or seq > pointer.seq:
            raise OwnFault(
                "SET_NOT_PUBLISHED",
                expected="the number of a published set",
                got=f"{seq}",
                remedy="choose one of the sequences",
            )
        return open_snapshot(self.folder, seq, self._trusted, pointer=pointer if seq == pointer.seq else None)

    def sequences(self) -> list[int]:
        """Numbers of the sets that the published one was built upon, and its own, ascending.

        Follows the chain of hashes, so a set that was found broken and built around is not among them.
        """
        return [seq for seq, _ in self.chain()]

    def chain(self) -> list[tuple[int, str]]:
        """The same sets with the SHA-256 of their manifests, ascending."""
        pointer = read_pointer(self.folder)
        found: list[tuple[int, str]] = []
        link: tuple[int, str] | None = None if pointer is None else (pointer.seq, pointer.sha256)
        while link is not None:
            try:
                manifest = load_manifest(self.folder, link[0], self._trusted)
            except OwnFault:
                break  # retention ended the chain here, or the rest of it cannot be trusted
            if manifest.sha256 != link[1]:
                break
            found.append(link)
            link = manifest.previous
        return found[::-1]

    def reached(self) -> Reached:
        """How far this folder got, readable set or not; another memory of it (the database's) compares."""
        try:
            pointer = read_pointer(self.folder)
        except OwnFault:
            pointer = None
        if pointer is not None:
            return Reached(pointer.seq, pointer.sha256)
        numbers = manifest_numbers(self.folder)
        # As in ``newest_good``: a first manifest without CURRENT was never committed.
        return Reached(0 if numbers in ([], [1]) else numbers[-1], None)

    def mark(self, scope: ListScope) -> Mark | None:
        """High-water mark from the manifest chain: each set keeps every list of the one before or a newer.

        Of the distribution point, also where its partition had another number then.
        """
        snapshot = self.current()
        if snapshot is None:
            return None
        own, in_force = snapshot.newest_list(scope), snapshot.newest_by_any_key(scope)
        if own is in_force:
            return mark_of(own)
        return mark_beside(mark_of(own), mark_of(in_force))

    # --- writing ---

    def publish(
        self,
        lists: Mapping[ListScope, AcceptedList],
        authorities: Authorities,
        *,
        now: datetime,
        confirmed: Collection[ListScope] = (),
        at_least: int = 0,
        progress: Told | None = None,
        drafts: Drafts | None = None,
    ) -> Snapshot:
        """Publish the next set: ``lists`` replace theirs, every other list is carried over or absent.

        ``confirmed`` names lists that were not given because the CA still serves the published bytes.
        ``at_least``: sets up to the one below this number were published and are lost. The new one is
        numbered from here on, and what it takes from an older set is outdated until its list comes anew.
        ``progress`` is told, in the caller's thread, of listed entries that are done, of how many.
        ``drafts``: index files begun beforehand; those that fit save building them.
        Raises with the old set in place; ``OutsideFailed`` after the commit is told apart by ``current()``.
        """
        key = self._key
        if key is None:
            raise OwnFault(
                "PUBLISHER_KEY_MISSING",
                expected="a store with the publisher's private key",
                got="a reader's store",
                remedy="open the store with the publisher's key",
            )
        # A disk that fails to read ends the publish as one that fails to write: nothing is built upon a
        # guess of what the last set was.
        with disk_errors("PUBLISH_FAILED", "the snapshot folder"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with folder_lock(self.folder / LOCK):
                seq = max(settle(self._disk, self.folder), at_least)

                def upon(base: Snapshot | None) -> Snapshot:
                    base = None if base is None else before_lost(base, at_least)
                    plan = plan_set(seq, lists, authorities, base, confirmed=confirmed)
                    return publish_set(
                        self._disk,
                        self.folder,
                        plan,
                        base,
                        key=key,
                        now=now,
                        mixing_key=self._mixing_key,
                        progress=progress,
                        drafts=None if drafts is None else drafts.begun,
                    )

                published = self._publish_upon_held(upon) or upon(newest_good(self.folder, self._trusted)[0])
        with self._opening:
            if self._held is None or self._held.seq < published.seq:
                self._held, self._refusal, self._seen = published, None, None
                self._note_ancestors()
        return published

    def drafts(self, authorities: Authorities, *, at_least: int = 0) -> Drafts:
        """For one cycle: begins index files of lists that are not accepted yet. Drop them at its end."""

        def base() -> Snapshot | None:
            current = self.current()
            return None if current is None else before_lost(current, at_least)

        return Drafts(self._disk, self.folder, authorities, base, self._mixing_key)

    def mixing_key(self, lineage: Lineage) -> bytes:
        """Under which the entries of new lists are best gathered (FORMAT.md, "Index file"): that of the set
        they will be published upon. Any other key costs the builder time, nothing else.
        """
        snapshot = self.current()
        index = None if snapshot is None else snapshot.index(lineage)
        return self._mixing_key(lineage) if index is None else index.mixing_key

    def _mixing_key(self, lineage: Lineage) -> bytes:
        """For a lineage without a set. From the first set on its files keep the key."""
        return self._mixing_keys.setdefault(lineage, self._new_mixing_key())

    def _publish_upon_held(self, upon: Callable[[Snapshot | None], Snapshot]) -> Snapshot | None:
        """Build upon the set in hand, without another pass over it; None where that is not to be trusted.

        It was read whole when it was opened or published, nobody touched a file of it since, and the builder
        checks each piece of the base that it reads by its checksum: what rotted meanwhile it refuses. Then,
        as where anything else is not as it was, the caller reads the folder whole and decides by that.
        """
        held = self._held
        if held is None or not self._is_published_and_untouched(held):
            return None
        try:
            return upon(held.seen_as(superseded=False))
        except OwnFault as error:
            if error.code not in _BASE_ROTTED:
                raise
            # Whose fault was it, the base's or what was written now? Where the base is good: the latter's.
            found, _ = newest_good(self.folder, self._trusted)
            if found is not None and found.seq == held.seq and not found.superseded:
                raise
            return upon(found)

    def _is_published_and_untouched(self, held: Snapshot) -> bool:
        try:
            pointer = read_pointer(self.folder)
            if pointer != Pointer(held.seq, held.manifest.sha256):
                return False
            manifest = load_manifest(self.folder, held.seq, self._trusted)
        except OwnFault:
            return False
        return manifest == held.manifest and held.is_untouched(self.folder)

    def vouch(self, line: bytes) -> bytes:
        """A file that tells this line to whoever trusts the publisher (``snapshot/vouched.py``)."""
        return b"" if self._key is None else sign_line(line, self._key)

    def vouched(self, data: bytes) -> bytes | None:
        """Its line, if a trusted publisher signed it."""
        return signed_line(data, self._trusted)

    def retention(self, *, keep_from_seq: int) -> tuple[int, ...]:
        """Remove the sets below a number; those that detection has not processed are pinned by it."""
        with folder_lock(self.folder / LOCK):
            return remove_before(self._disk, self.folder, keep_from_seq, self._trusted)
