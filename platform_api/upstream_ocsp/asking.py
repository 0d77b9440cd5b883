"""One certificate, one question at a time to its CA's responder: kept words, breaker, budget, proof.

Whatever goes wrong becomes an outcome: a responder that fails never fails a caller of ours, and never makes a
status better. Only our own faults are raised.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

from platform_api.breaker import Breaker, Passage, State
from platform_api.jlis.gateway import GatewayClosed
from platform_api.logs import failure
from platform_api.upstream_ocsp.budget import Budget, Budgets
from platform_api.upstream_ocsp.kept_words import KeptWords
from platform_api.upstream_ocsp.outcomes import Asked, Outcome
from platform_api.upstream_ocsp.transport import no_answer_in
from revocation.errors import OutsideFailed
from revocation.ocsp.upstream_answer import verified_word
from revocation.ocsp.upstream_question import UpstreamQuestion, can_be_asked, question_about
from revocation.ocsp.upstream_word import UpstreamRefused, UpstreamWord

if TYPE_CHECKING:
    from platform_api.logs import Log
    from platform_api.metrics import Metrics
    from platform_api.upstream_ocsp.settings import UpstreamSettings
    from revocation.authorities import Authorities, Generation
    from revocation.clock import Clock
    from revocation.identity import CertificateIdentity

#: Answers that tell of our question, not of a responder in trouble: it is not left alone for them.
_ITS_RIGHT: Final = frozenset({"UPSTREAM_UNAUTHORIZED"})


class Carrier(Protocol):
    """What carries a request to an address and brings the answer, or ``OutsideFailed``, in bounded time."""

    async def exchange(self, url: str, request_der: bytes) -> bytes: ...


class Upstream:
    """The responders of this process's CAs. ``close`` when done."""

    def __init__(
        self,
        settings: UpstreamSettings,
        transport: Carrier,
        authorities: Authorities,
        clock: Clock,
        *,
        log: Log,
        metrics: Metrics,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings: Final = settings
        self._transport: Final = transport
        self._authorities: Final = authorities
        self._clock: Final = clock
        self._log: Final = log
        self._metrics: Final = metrics
        self._kept: Final = KeptWords(most=settings.most_kept, longest=settings.keep_for)
        self._under_way: Final[dict[bytes, asyncio.Task[Asked]]] = {}
        self._budgets: Final = Budgets(
            per_request=settings.per_request, per_minute=settings.per_minute, monotonic=monotonic
        )
        # By address, of which the settings name a few.
        self._breakers: Final[defaultdict[str, Breaker]] = defaultdict(
            lambda: Breaker(failures=settings.failures, pause_s=settings.pause_s, monotonic=monotonic)
        )

    async def close(self) -> None:
        """Give up what is under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def budget_for(self, institution_id: UUID) -> Budget:
        """For one request of this institution."""
        return self._budgets.for_request(institution_id)

    def state_of(self, ca_id: str) -> State | None:
        """Of the breaker of a CA's responder; None where none is set."""
        url = self._settings.url_of(ca_id)
        return None if url is None else self._breakers[url].state

    def incident(self, ca_id: str) -> None:
        """A word and our lists contradict each other: counted and logged for somebody to look at."""
        self._metrics.upstream_incident(ca_id)
        self._log.error("upstream.incident", ca_id=ca_id)

    async def ask(self, identity: CertificateIdentity, budget: Budget) -> Asked:
        """The responder's word on this certificate, or why there is none. Never longer than the deadline."""
        found = self._authorities.by_issuer_key(identity.issuer_key)
        if found is None or not can_be_asked(identity.serial):
            return Asked(Outcome.NOT_ASKED)
        authority, issuer = found
        url = self._settings.url_of(authority.ca_id)
        if url is None:
            return Asked(Outcome.NOT_CONFIGURED)
        name = self._kept.name_of(identity)
        word = self._kept.find(name, self._clock.now())
        if word is not None:
            self._metrics.upstream_kept(authority.ca_id)
            return Asked(Outcome.ANSWERED, word)
        asked = await self._joined(name, url, authority.ca_id, issuer, identity.serial, budget)
        self._metrics.upstream_asked(authority.ca_id, asked.outcome)
        return asked

    async def _joined(
        self, name: bytes, url: str, ca_id: str, issuer: Generation, serial: bytes, budget: Budget
    ) -> Asked:
        """One question under way for a certificate: who asks meanwhile waits for the same answer."""
        task = self._under_way.get(name)
        if task is None:
            passage = self._breakers[url].enter()
            if passage is None:
                return Asked(Outcome.PAUSED)
            if not budget.take():
                self._breakers[url].left(passage)
                return Asked(Outcome.OVER_BUDGET)
            task = asyncio.create_task(self._question(name, url, ca_id, issuer, serial, passage))
            self._under_way[name] = task
            task.add_done_callback(lambda _: self._under_way.pop(name, None))
        # A caller that goes away must not take the answer from the others.
        return await asyncio.shield(task)

    async def _question(
        self, name: bytes, url: str, ca_id: str, issuer: Generation, serial: bytes, passage: Passage
    ) -> Asked:
        breaker = self._breakers[url]
        try:
            word = await self._word(url, issuer, serial)
        except OutsideFailed as error:
            if error.code in _ITS_RIGHT:
                breaker.succeeded(passage)
            elif isinstance(error, GatewayClosed):  # by its service hours: nothing was sent
                breaker.left(passage)
            else:
                breaker.failed(passage)
            self._log.warning("upstream.failed", ca_id=ca_id, **failure(error))
            refused = isinstance(error, UpstreamRefused)
            return Asked(Outcome.REFUSED if refused else Outcome.FAILED)
        except BaseException:  # cancelled, or a fault of ours: the responder is not to blame
            breaker.left(passage)
            raise
        breaker.succeeded(passage)
        self._kept.keep(name, word, valid_until=self._valid_until(word))
        return Asked(Outcome.ANSWERED, word)

    async def _word(self, url: str, issuer: Generation, serial: bytes) -> UpstreamWord:
        settings = self._settings

        def made() -> UpstreamQuestion:
            return question_about(
                issuer,
                serial,
                hash_name=settings.hash_name,
                with_nonce=settings.with_nonce,
                signer=settings.signer,
            )

        try:
            async with asyncio.timeout(settings.timeout_s):
                # A signature may take a token's time; without one the question is made in microseconds.
                question = made() if settings.signer is None else await asyncio.to_thread(made)
                octets = await self._transport.exchange(url, question.der)
        except TimeoutError:
            raise no_answer_in(settings.timeout_s) from None
        return verified_word(octets, question, settings.rules, self._clock.now())

    def _valid_until(self, word: UpstreamWord) -> datetime:
        return word.next_update or word.this_update + self._settings.rules.max_age
