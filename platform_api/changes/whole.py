"""Comparing a set with what was told, where it cannot be compared with the set before it (``next_set``).

Whoever is listed and was not told gets the event, by the condition of each certificate: nobody twice. Who was
told of a hold that no list names any more was released, where that can be known: his CA releases holds, and
for every key and partition of it a list speaks in this set. Elsewhere the hold stays: safe, and counted.
What was told as revoked stays so, listed or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.changes import detect_store as joined
from platform_api.changes.model import Condition
from revocation.coverage import Gap, coverage_of
from revocation.index.layout import ListPresence
from revocation.mergers import open_partition

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection
    from revocation.authorities import Authorities, Authority, Lineage, Partition
    from revocation.snapshot.current import Snapshot


class WholeSet:
    """One set on its way through a whole comparison."""

    def __init__(
        self, new: Snapshot, authorities: Authorities, held: list[joined.Match], revoked: int
    ) -> None:
        self._held = {match.certificate_id: match for match in held}
        self._revoked = revoked
        self._seen: set[UUID] = set()
        #: Everything that can still come is in this set, none of it from below lost ones.
        self.complete = all(every_list_speaks(new, one) for one in authorities)
        # Neither key nor partition of a held certificate is known here (they are sealed), only its kind:
        # so for all that it may be. Several CAs may issue a kind: then all of them.
        speaking = {one.ca_id: one.hold_releasable and _everything_speaks(new, one) for one in authorities}
        self._releasable = {
            kind
            for authority in authorities
            for kind in authority.kinds.values()
            if all(speaking[one.ca_id] for one in authorities if kind in one.kinds.values())
        }

    @classmethod
    async def begin(cls, connection: Connection, new: Snapshot, authorities: Authorities) -> WholeSet:
        held = await joined.held(connection, new.seq)
        return cls(new, authorities, held, await joined.count_revoked(connection, new.seq))

    def found(self, match: joined.Match) -> None:
        """This certificate is listed, or gone, in the set."""
        self._held.pop(match.certificate_id, None)
        if match.condition is Condition.REVOKED:
            self._seen.add(match.certificate_id)

    def released(self) -> list[joined.Match]:
        """Told of a hold that ended. To be asked when everything of the set was found."""
        return [match for match in self._held.values() if match.kind in self._releasable]

    @property
    def unexplained(self) -> int:
        """Certificates told as revoked or on hold that the set does not know."""
        return len(self._held) - len(self.released()) + self._revoked - len(self._seen)


def every_list_speaks(new: Snapshot, authority: Authority) -> bool:
    """Is every list that can come there? Of an expired key and of a closed partition none can; but the
    successor of a merged one has to speak once since the merger."""
    for scope in authority.expected_lists():
        state = new.lists.get(scope)
        if state is None or state.state is ListPresence.ABSENT or state.outdated:
            return False
    live = {scope.lineage for scope in authority.expected_lists()}
    merged = [each for each in authority.partitions if open_partition(authority, each.number) is not each]
    return all(
        _speaks(new, authority, lineage, each)
        for lineage in live
        for each in merged
        if open_partition(authority, each.number) is not None
    )


def _everything_speaks(new: Snapshot, authority: Authority) -> bool:
    """Does a list speak for each certificate that the CA ever issued, also under an expired key or in a
    closed partition? Only then does being unlisted say that a hold ended."""
    return all(
        _speaks(new, authority, lineage, each)
        for lineage in authority.lineages()
        for each in authority.partitions
    )


def _speaks(new: Snapshot, authority: Authority, lineage: Lineage, partition: Partition) -> bool:
    """In force or not: detection asks what the newest lists said, not for how long they may be believed."""
    coverage = coverage_of(authority, lineage, new, partition.number)
    if coverage.gap is not Gap.PARTITION_UNDETERMINED:
        return coverage.gap is None and not coverage.outdated
    # Closed, and nobody speaks for it any more: its own last word, where this set has kept it.
    own = new.list_state(lineage, partition)
    return own is not None and not own.outdated
