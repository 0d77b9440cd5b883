"""What answers OCSP here, put together once; a new world takes the place of the one before in one step."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from platform_api.follower import FollowedAuthorities
from platform_api.ocsp.answers import Answers
from platform_api.ocsp.epochs import Epochs
from platform_api.ocsp.ordinary import Ordinary
from platform_api.ocsp.server import Face, Limits
from platform_api.ocsp.signing_threads import SigningThreads, usual_threads
from platform_api.ocsp.warming import Warming
from platform_api.snapshots import Answering, CurrentSnapshot
from platform_api.workers.place import Place
from revocation.ocsp.cache import AnswerCache  # the service's own memory, as ocsp/context.py takes it
from revocation.ocsp.policy import ResponderPolicy, TrustMode
from revocation.ocsp.responder import Responder

if TYPE_CHECKING:
    from platform_api.logs import Log
    from platform_api.responder.handed import Answerable
    from platform_api.responder.signers import FileSigners
    from revocation.authorities import Generation
    from revocation.clock import Clock
    from revocation.ocsp.signer_expiry import Expiry
    from revocation.ocsp.signing import ResponderIdentity

#: One mode for every kind of trust: which certificate signs for a CA is for ``FileSigners``, and it always
#: goes along, because OpenSSL looks for the signer there also when it then trusts it by -VAfile.
MODE: Final = TrustMode.LOCAL
_POLICY: Final = ResponderPolicy(certificate_in_local=True)
#: Clients POST to whatever the certificates say; the longer one first for what stands behind it.
_PATHS: Final = {"/ocsp": MODE, "": MODE}
_CACHE_OCTETS: Final = 64 * 1024 * 1024
_SIGNING_QUEUE: Final = 256


class FollowedSigners:
    """The signers of the world that is answered from (``revocation.ocsp.signing.Signer``)."""

    def __init__(self, held: FileSigners) -> None:
        self.held = held
        self._coming: dict[int, FileSigners] = {}

    def expect(self, number: int, signers: FileSigners) -> None:
        """These sign as soon as set ``number`` is answered from."""
        self._coming[number] = signers

    def flip(self, number: int) -> None:
        """Set ``number`` is answered from; what was expected before it never comes."""
        self.held = self._coming.get(number, self.held)
        self._coming = {each: found for each, found in self._coming.items() if each > number}

    def identity_for(self, generation: Generation, now: datetime) -> ResponderIdentity | None:
        return self.held.identity_for(generation, now)

    def check(self, generation: Generation, now: datetime) -> None:
        self.held.check(generation, now)

    def expiries(self, now: datetime) -> list[Expiry]:
        return self.held.expiries(now)


@dataclass(frozen=True, slots=True)
class Live:
    """Of one process and one event loop."""

    face: Face
    ordinary: Ordinary
    place: Place
    snapshots: CurrentSnapshot
    signers: FollowedSigners

    async def adopt(self, world: Answerable) -> None:
        """Answer from this one: its authorities, set and signers together, from one request to the next;
        of several workers as soon as all can.

        What was asked for often is signed for it beforehand; not where the signers are others, whose
        signatures the one before would otherwise still make.
        """
        self.signers.expect(world.snapshot.seq, world.signers)
        try:
            if world.signers.same_as(self.signers.held):
                await self.snapshots.prepare(world.snapshot, world.authorities)
        finally:
            # Nothing is done here where it was prepared.
            self.snapshots.adopt(world.snapshot, world.authorities)


@asynccontextmanager
async def living(
    world: Answerable, clock: Clock, log: Log, *, anonymous: bool, place: Place | None = None
) -> AsyncIterator[Live]:
    """The responder is made here, and nowhere else in this command. ``place``: of one of several workers."""
    place = place or Place.alone()
    authorities = FollowedAuthorities()
    authorities.adopt(world.authorities)
    signers = FollowedSigners(world.signers)
    snapshots = CurrentSnapshot(place.serving)

    def flipped(_: Answering | None, now: Answering) -> None:
        signers.flip(now.seq)
        if now.authorities is not None:
            authorities.adopt(now.authorities)

    snapshots.flipped = flipped
    snapshots.adopt(world.snapshot, world.authorities)
    responders = {MODE: Responder(authorities, {MODE: signers}, clock, policy=_POLICY)}
    cache = AnswerCache(_CACHE_OCTETS)
    threads = SigningThreads(asyncio.get_running_loop(), threads=usual_threads(), most_waiting=_SIGNING_QUEUE)
    epochs = Epochs(snapshots, authorities)
    answers = Answers(responders, epochs, clock, cache, place.part, threads, log)
    snapshots.on_prepare = Warming(answers, epochs, cache, responders).prepare
    snapshots.on_flip = answers.refresh
    word = place.shared.serving_word
    face = Face(answers, cache, place.part, word, _PATHS, shared_caches=anonymous, limits=Limits())
    ordinary = Ordinary(answers, cache, place.part, word, shared_caches=anonymous)
    try:
        yield Live(face, ordinary, place, snapshots, signers)
    finally:
        await asyncio.to_thread(threads.close)
