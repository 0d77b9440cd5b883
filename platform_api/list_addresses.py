"""Where today's lists lie, CA by CA, and the cycle that takes them in. A CA that fails stops only itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from platform_api.jlis.gateway import Gateway
from revocation.authorities import Authorities, Authority, ListScope
from revocation.clock import Clock
from revocation.crl.archive import ListArchive
from revocation.crl.fetch import HttpSource
from revocation.errors import InputRefused, OutsideFailed
from revocation.ingest import IngestReport, Outcome, Progress, ingest_cycle
from revocation.snapshot.store import SnapshotStore


@dataclass(frozen=True, slots=True)
class ListAddresses:
    """What J-LIS offers of what we expect, and the CAs (by ca_id) that could not be asked."""

    found: Mapping[ListScope, str]
    failures: Mapping[str, InputRefused | OutsideFailed]


async def list_addresses(authorities: Authorities, gateway: Gateway, base_url: str) -> ListAddresses:
    """Where each expected list lies today. A list that nobody expects is not fetched, and not believed.

    A CA whose list of lists is not to be had (J-LIS down, or a refusal) is named; the others go on.
    """

    async def ask(authority: Authority) -> dict[ListScope, str] | InputRefused | OutsideFailed:
        try:
            return await _addresses_of(authority, gateway, base_url)
        except (InputRefused, OutsideFailed) as error:
            return error

    found: dict[ListScope, str] = {}
    failures: dict[str, InputRefused | OutsideFailed] = {}
    asked = tuple(authorities)
    for authority, answer in zip(asked, await asyncio.gather(*map(ask, asked)), strict=True):
        if isinstance(answer, dict):
            found |= answer
        else:
            failures[authority.ca_id] = answer
    return ListAddresses(found, failures)


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
    addresses: ListAddresses,
    store: SnapshotStore,
    clock: Clock,
    *,
    archive: ListArchive,
    progress: Progress,
) -> IngestReport:
    """One cycle with what can be had. The lists of a CA that could not be asked are carried over; the
    report names that CA once, with the reason, instead of each of its lists.
    """
    report = await ingest_cycle(
        authorities, HttpSource(addresses.found), store, clock, archive=archive, progress=progress
    )
    if not addresses.failures:
        return report
    unasked = {
        str(scope) for scope in authorities.expected_lists() if scope.lineage.ca_id in addresses.failures
    }
    refusals = [
        *((ca_id, error.code) for ca_id, error in addresses.failures.items()),
        *(refusal for refusal in report.refusals if refusal[0] not in unasked),
    ]
    outcome = report.outcome
    if outcome is Outcome.UPSTREAM_DOWN and any(
        isinstance(error, InputRefused) for error in addresses.failures.values()
    ):
        outcome = Outcome.REFUSED  # the ingest saw lists without an address; we know that it was a "no"
    return replace(report, outcome=outcome, refusals=tuple(sorted(refusals)))
