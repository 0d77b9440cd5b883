"""Where today's lists lie, CA by CA, and the cycle that takes them in. A CA that fails stops only itself."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from platform_api.jlis.gateway import Gateway
from revocation.authorities import Authorities, Authority, ListScope
from revocation.clock import Clock
from revocation.crl.accept import HighWater
from revocation.crl.archive import ListArchive, StoredList
from revocation.crl.fetch import FetchLimits, FetchResult, HttpSource
from revocation.errors import InputRefused, OutsideFailed
from revocation.ingest import IngestReport, Outcome, Progress, Published, ingest_cycle
from revocation.ingest_report import Refusal
from revocation.rounds import ONE_PASS, MonotonicTimer, Patience, Timer
from revocation.snapshot.store import SnapshotStore


class AskedSource:
    """``ListSource`` of what J-LIS offers of what we expect. A list that nobody expects is not fetched, and
    not believed. A CA whose list of lists is not to be had (J-LIS down, or a refusal) is named; the others go
    on, and it is asked again in the next round.
    """

    def __init__(
        self,
        authorities: Authorities,
        gateway: Gateway,
        base_url: str,
        *,
        patience: Patience = ONE_PASS,
        timer: Timer | None = None,
        limits: FetchLimits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._authorities: Final = authorities
        self._gateway: Final = gateway
        self._base_url: Final = base_url
        self._patience: Final = patience
        self._timer: Final = timer or MonotonicTimer()
        self._limits: Final = limits or FetchLimits()
        self._tls: Final = tls
        self._began: Final = self._timer.now()
        self._addresses: dict[ListScope, str] = {}
        #: The CAs (by ca_id) that could not be asked, and have lists without an address for that.
        self.failures: dict[str, InputRefused | OutsideFailed] = {}

    @property
    def offered(self) -> Collection[ListScope]:
        return self._addresses.keys()

    async def renew(self, missing: Collection[ListScope]) -> None:
        """Ask the CAs of these lists where they lie. An address that was had once is kept until a new one."""
        wanted = {scope.lineage.ca_id for scope in missing}
        asked = [authority for authority in self._authorities if authority.ca_id in wanted]
        answers = await asyncio.gather(*map(self._ask, asked))
        for authority, answer in zip(asked, answers, strict=True):
            if isinstance(answer, dict):
                self._addresses |= answer
                self.failures.pop(authority.ca_id, None)
            elif not any(scope.lineage.ca_id == authority.ca_id for scope in self._addresses):
                self.failures[authority.ca_id] = answer

    async def fetch(
        self,
        wanted: Collection[ListScope],
        folder: Path,
        *,
        stored: Mapping[str, StoredList],
        done: Callable[[], None],
    ) -> dict[ListScope, FetchResult]:
        """A list that only trickles in holds the others up until the deadline, and no longer."""
        limits = replace(self._limits, deadline_s=self.deadline_s)
        source = HttpSource(self._addresses, limits=limits, ssl_context=self._tls)
        return await source.fetch(wanted, folder, stored=stored, done=done)

    @property
    def deadline_s(self) -> float:
        """Seconds that a round of fetching may take from now on."""
        patience = self._patience
        passed = self._timer.now() - self._began
        left = patience.wait_s - passed
        if left <= 0:
            left += patience.late_s
        if patience.wait_s + patience.late_s == 0:
            return self._limits.deadline_s
        return min(self._limits.deadline_s, max(left, patience.poll_s))

    async def _ask(self, authority: Authority) -> dict[ListScope, str] | InputRefused | OutsideFailed:
        try:
            return await _addresses_of(authority, self._gateway, self._base_url)
        except (InputRefused, OutsideFailed) as error:
            return error


async def _addresses_of(authority: Authority, gateway: Gateway, base_url: str) -> dict[ListScope, str]:
    """Partitions are matched by their distribution point, never by position: an approved partition that
    J-LIS does not offer is missing in the result, and the ingest says so.
    """
    expected = {(s.signing_key, s.partition_number): s for s in authority.expected_lists()}
    found: dict[ListScope, str] = {}
    for offer in await gateway.partitions(authority.ca_id):
        partition = authority.partition_for(offer.distribution_point)
        if partition is None:
            continue
        for one in offer.lists:
            scope = expected.get((one.generation, partition.number))
            if scope is not None:
                found[scope] = one.url if "://" in one.url else base_url.rstrip("/") + one.url
    return found


async def take_in(
    authorities: Authorities,
    source: AskedSource,
    store: SnapshotStore,
    clock: Clock,
    *,
    archive: ListArchive,
    progress: Progress,
    high_water: HighWater | None = None,
    patience: Patience = ONE_PASS,
    timer: Timer | None = None,
    published: Published | None = None,
    at_least: int = 0,
) -> IngestReport:
    """One cycle with what can be had. The lists of a CA that could not be asked are carried over; the
    report names that CA once, with the reason, instead of each of its lists.
    """
    await source.renew(authorities.expected_lists())
    report = await ingest_cycle(
        authorities,
        source,
        store,
        clock,
        archive=archive,
        progress=progress,
        high_water=high_water,
        patience=patience,
        timer=timer,
        renew=source.renew,
        published=published,
        at_least=at_least,
    )
    if not source.failures:
        return report
    refused = [
        *(Refusal(ca_id, None, error) for ca_id, error in source.failures.items()),
        *(one for one in report.refused if one.ca_id not in source.failures),
    ]
    outcome = report.outcome
    if outcome is Outcome.UPSTREAM_DOWN and any(
        isinstance(error, InputRefused) for error in source.failures.values()
    ):
        outcome = Outcome.REFUSED  # the ingest saw lists without an address; we know that it was a "no"
    return replace(report, outcome=outcome, refused=tuple(sorted(refused, key=lambda one: one.name)))
