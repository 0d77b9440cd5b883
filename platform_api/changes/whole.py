"""Comparing a set with what was told, where the sets in between are lost. Used until one complete set was.

Whoever is listed and was not told gets the event, by the condition of each certificate: nobody twice. Who was
told of a hold that no list names any more was released, where that can be known: his CA releases holds, and
every list of it speaks in this set. Elsewhere the hold stays: safe, and counted. What was told as revoked
stays so, listed or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from platform_api.changes import detect_store as joined
from platform_api.changes.model import Condition
from revocation.index.layout import ListPresence

if TYPE_CHECKING:
    from platform_api.db.transactions import Connection
    from revocation.authorities import Authorities, Authority
    from revocation.snapshot.current import Snapshot


class WholeSet:
    """One set on its way through a whole comparison."""

    def __init__(
        self, new: Snapshot, authorities: Authorities, held: list[joined.Match], revoked: int
    ) -> None:
        self._held = {match.certificate_id: match for match in held}
        self._revoked = revoked
        self._seen: set[UUID] = set()
        speaking = {one.ca_id: _speaks_whole(new, one) for one in authorities}
        #: Every approved list is in this set, none of them from below the lost ones.
        self.complete = all(speaking.values())
        #: Kinds of which no unlisted hold can still be one. Several CAs may issue a kind: then all of them.
        self._releasable = {
            kind
            for authority in authorities
            for kind in authority.kinds.values()
            if all(
                one.hold_releasable and speaking[one.ca_id]
                for one in authorities
                if kind in one.kinds.values()
            )
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


def _speaks_whole(new: Snapshot, authority: Authority) -> bool:
    for scope in authority.expected_lists():
        state = new.lists.get(scope)
        if state is None or state.state is ListPresence.ABSENT or state.outdated:
            return False
    return True
