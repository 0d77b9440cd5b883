"""A list's entries, told by what changed since the list that the published set has: mostly nearly nothing.

Compared is with the archive's file of that list, where nobody has touched it since it was published.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from revocation.authorities import Authority, Lineage, ListScope
from revocation.crl.archive import ListArchive, StoredList
from revocation.crl.changes import changes_since
from revocation.crl.decode import decode_certificate_list
from revocation.crl.entry_region import EntryRegion
from revocation.crl.familiar import FamiliarList, FamiliarLists, FileFacts
from revocation.crl.list_file import ListFile
from revocation.errors import OutsideFailed
from revocation.index._harvest import Harvest
from revocation.index.list_changes import ListChanges, holds_each_entry
from revocation.index.search import Index
from revocation.snapshot.store import SnapshotStore
from revocation.take import Taken


class SinceBefore:
    """For one cycle. ``sink_for`` makes the harvest of a list, under the mixing key of its set."""

    def __init__(
        self, store: SnapshotStore, archive: ListArchive, sink_for: Callable[[ListScope], Harvest]
    ) -> None:
        self._store: Final = store
        self._archive: Final = archive
        #: As text: asked for with each list of a night.
        self._archive_folder: Final = str(archive.folder)
        self._sink_for: Final = sink_for
        self._familiar: Final = FamiliarLists(archive.folder, sign=store.vouch, signed=store.vouched)
        #: Of the set at the beginning: whether it is still the right one is asked once more when it is used.
        self._indexes: Final[dict[Lineage, Index | None]] = {}

    def entries(
        self,
        scope: ListScope,
        authority: Authority,
        file: ListFile,
        today: EntryRegion,
        between: Callable[[int], None],
    ) -> ListChanges | None:
        """In a worker thread, while the list is hashed beside. None: it must be read whole."""
        before = self._familiar.get(str(scope))
        index = self._index(scope.lineage)
        if before is None or index is None:
            return None
        since = bytes.fromhex(before.sha256)
        if not holds_each_entry(index, scope.partition_number, since):
            return None
        # Both names may be of one file: then comparing it with itself would prove nothing.
        if file.facts.is_same_file(before.file):
            return None
        found = changes_since(before, self._archive_folder, today, lambda: self._sink_for(scope), between)
        if found is None:
            return None
        added, removed = found
        # Not the file itself, which would stay open and mapped until the publish.
        path = file.path

        def whole(sha256: bytes) -> Harvest:
            return _read_whole(path, authority, self._sink_for(scope), sha256)

        count = index.lists[scope.partition_number].entries + added.count - removed.count
        return ListChanges(added, removed, since, count, whole)

    def _index(self, lineage: Lineage) -> Index | None:
        if lineage not in self._indexes:
            snapshot = self._store.current()
            self._indexes[lineage] = None if snapshot is None else snapshot.index(lineage)
        return self._indexes[lineage]

    def remember(self, taken: Iterable[Taken], stored: dict[str, StoredList]) -> None:
        """After a publish: these lists' files, as the archive has them now, are what the set was made of."""
        inside = f"{self._archive.folder}/"
        lists: dict[str, FamiliarList] = {}
        for item in taken:
            scope = str(item.scope)
            kept = stored[scope]
            try:
                facts = FileFacts.of(kept.name)
            except OSError:
                continue
            if kept.sha256 == item.accepted.source_sha256 and facts.is_as_before(item.file):
                lists[scope] = FamiliarList(
                    kept.name.removeprefix(inside),
                    kept.sha256.hex(),
                    facts,
                    *item.entries_at,
                    item.rules,
                )
        self._familiar.keep(lists, known=stored.keys())


def _read_whole(path: Path | str, authority: Authority, sink: Harvest, sha256: bytes) -> Harvest:
    """The list once more, from its file: the set that it would be published upon is another by now."""
    with ListFile(path) as again:
        found = decode_certificate_list(again.octets, tolerances=authority.tolerances, sink=sink)
        again.check_rested()
    if found.sha256 != sha256:
        raise OutsideFailed(
            "ARCHIVE_UNREADABLE",
            expected="the list that was accepted",
            got="another file under its name",
            remedy="run the night again; it fetches the list anew",
        )
    return found.entries
