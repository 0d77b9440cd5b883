"""The world in hand, and the next one when a file has changed: whole, or not at all.

What cannot be taken is said once and leaves everything as it was: old lists go on being answered from, until
their own nextUpdate.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from platform_api.responder.given import Facts, Given
from platform_api.responder.world import World, load
from platform_api.signing.token_keys import AWAY
from revocation.clock import Clock
from revocation.errors import RevocationError, out_of_memory

#: Refused today, and right a minute later: asked again without a change.
_PASSES_WITH_TIME: Final = frozenset(
    {"THIS_UPDATE_IN_FUTURE", "SIGNER_NOT_YET_VALID", "SIGNER_NOT_VALID", "OUT_OF_MEMORY"} | AWAY
)
_AGAIN_S: Final = 30.0

#: Told of the refusal of files, once for each.
Told = Callable[[RevocationError], None]


class Follower:
    """``current`` is what to answer from; ``look`` finds out whether there is something newer.

    One thread looks; any may read ``current``, which is replaced in one step.
    """

    def __init__(
        self,
        given: Given,
        clock: Clock,
        world: World,
        told: Told,
        timer: Callable[[], float] = time.monotonic,
        *,
        take: Callable[[Given], Given] | None = None,
        facts: Facts | None = None,
    ) -> None:
        """``take``: makes copies of the files, to be read in their place; then ``facts`` are those of the
        files that the first world's copies were made of."""
        self.current = world
        #: Why the files are not what is answered from; None when they are.
        self.refusal: RevocationError | None = None
        self.reloads = 0
        self.refusals = 0
        self._given: Final = given
        self._clock: Final = clock
        self._told: Final = told
        self._timer: Final = timer
        #: As the files were at the last look, and when they were last read.
        self._seen = self._tried = facts or world.facts
        self._take: Final = take
        self._tried_at = timer()

    def look(self) -> bool:
        """Blocking. Call it every second or so; True when ``current`` is another.

        A file is read when it looks the same at two looks: whoever writes it in place has then ended, or is
        slow, and what he has half written no signature stands under.
        """
        facts = self._given.facts()
        settled = facts == self._seen
        self._seen = facts
        if not settled or not (facts != self._tried or self._is_due()):
            return False
        self._tried, self._tried_at = facts, self._timer()
        try:
            given = self._given if self._take is None else self._take(self._given)
            world = load(given, self._clock, before=self.current)
        except RevocationError as error:
            self._refuse(error)
            return False
        except MemoryError:
            self._refuse(out_of_memory())
            return False
        self.current = world
        self.refusal = None
        self.reloads += 1
        return True

    def _is_due(self) -> bool:
        """May the same files come to something else by now?"""
        changes_at = self.current.changes_at
        if self.refusal is None and changes_at is not None and self._clock.now() >= changes_at:
            return True
        passes = self.refusal is not None and self.refusal.code in _PASSES_WITH_TIME
        return passes and self._timer() - self._tried_at >= _AGAIN_S

    def _refuse(self, error: RevocationError) -> None:
        known = None if self.refusal is None else str(self.refusal)
        # Without what was being done: that would keep the lists of the attempt in memory.
        found: BaseException | None = error
        while found is not None:
            found.__traceback__ = None
            found = found.__cause__ or found.__context__
        self.refusal = error
        self.refusals += 1
        if known != str(error):
            self._told(error)
