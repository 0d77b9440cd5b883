"""The locally trusted signer of a running service: the first pair, and those that come and go beside it.

A pair that is dropped into ``keys/responders/`` is taken within seconds, without a restart. One that does not
fit is refused once, by name, and what signed before goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Final

from platform_api.logs import failure
from platform_api.signing.pairs import NAME, PairFolder, Pairs
from revocation.errors import RevocationError
from revocation.ocsp.signer_expiry import Expiry
from revocation.ocsp.signing import LocallyTrustedSigner, Pair, ResponderIdentity

if TYPE_CHECKING:
    from platform_api.logs import Log
    from revocation.authorities import Generation


class FollowedSigner:
    """A ``Signer`` that changes under its holder, in one step; whoever holds it need not know."""

    def __init__(self, signer: LocallyTrustedSigner) -> None:
        self._now = signer

    def adopt(self, signer: LocallyTrustedSigner) -> None:
        self._now = signer

    def identity_for(self, generation: Generation, now: datetime) -> ResponderIdentity | None:
        return self._now.identity_for(generation, now)

    def check(self, generation: Generation, now: datetime) -> None:
        self._now.check(generation, now)

    def expiries(self, now: datetime) -> list[Expiry]:
        return self._now.expiries(now)


class SignerFollower:
    """Looks in a worker thread, adopts in the loop; ``signer`` is what responders hold."""

    def __init__(self, first: Pair, folder: PairFolder, log: Log) -> None:
        """Blocking: one look. A pair that is refused hinders no start; that none is valid does
        (``Responder``)."""
        self._first: Final = first
        self._folder: Final = folder
        self._log: Final = log
        self._told: dict[str, str] = {}
        self.pairs: Pairs = folder.look()
        self.signer: Final = FollowedSigner(self._made())
        #: A pair was taken away: what it signed shall not be handed out any more.
        self.on_removed: Callable[[], None] | None = None
        #: Called after each look.
        self.on_look: Callable[[], None] | None = None
        self._tell_refusals()

    @property
    def refused(self) -> int:
        return len(self.pairs.refused)

    async def look(self) -> None:
        """One look; nothing is done where nothing is another."""
        found = await asyncio.to_thread(self._folder.look)
        before, self.pairs = self.pairs, found
        if found.certificates != before.certificates:
            self.signer.adopt(await asyncio.to_thread(self._made))
            self._log.info("signer.taken", n=1 + len(found.taken))
            if before.certificates - found.certificates and self.on_removed is not None:
                self.on_removed()
        self._tell_refusals()
        if self.on_look is not None:
            self.on_look()

    def _made(self) -> LocallyTrustedSigner:
        return LocallyTrustedSigner(*self._first, *self.pairs.taken.values())

    def _tell_refusals(self) -> None:
        """Each once, and again when it is refused for another reason."""
        for name, error in self.pairs.refused.items():
            if self._told.get(name) != error.code:
                named = {"signer": name} if NAME.fullmatch(name) else {}
                self._log.error("signer.refused", **failure(error), **named)
        self._told = {name: error.code for name, error in self.pairs.refused.items()}

    @asynccontextmanager
    async def following(self, every_s: float) -> AsyncIterator[None]:
        """A look every ``every_s`` seconds."""
        task = asyncio.create_task(self._forever(every_s))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _forever(self, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            try:
                await self.look()
            except (OSError, RevocationError) as error:  # the folder cannot be read: what is held goes on
                self._log.error("component.failed", component="responder_pairs", **failure(error))
