"""For operators, on a port of its own: does it live, can it answer well, and the figures.

Labels are CA numbers in the order of ``--ca`` and response statuses; nothing of any certificate.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from platform_api.metrics import CONTENT_TYPE
from platform_api.signing.alarm import families, renewable
from platform_api.workers.collector import SharedCollector
from revocation.metrics import AuthorityFreshness, Freshness, set_freshness
from revocation.ocsp.signer_expiry import ExpiryLevel

if TYPE_CHECKING:
    from platform_api.responder.follow import Follower
    from platform_api.workers.shared import Shared
    from revocation.clock import Clock

_IN_FORCE: Final = frozenset({Freshness.FRESH, Freshness.STALE_SOON})


def registry(worlds: Follower, clock: Clock, shared: Shared) -> CollectorRegistry:
    """What was counted, and the figures that are computed when they are asked for."""
    found = CollectorRegistry()
    found.register(SharedCollector(shared))
    found.register(_Figures(worlds, clock))
    return found


class _Figures(Collector):
    def __init__(self, worlds: Follower, clock: Clock) -> None:
        self._worlds: Final = worlds
        self._clock: Final = clock

    def collect(self) -> Iterator[Metric]:
        world, now = self._worlds.current, self._clock.now()
        yield CounterMetricFamily(
            "jpki_responder_reloads", "Times that changed files were taken.", value=self._worlds.reloads
        )
        yield CounterMetricFamily(
            "jpki_responder_reload_refusals",
            "Times that changed files were refused, and the lists in hand kept.",
            value=self._worlds.refusals,
        )
        left = GaugeMetricFamily(
            "jpki_responder_seconds_to_next_update",
            "Seconds until the first needed list of a CA lapses; negative once it has.",
            labels=("ca",),
        )
        age = GaugeMetricFamily(
            "jpki_responder_age_seconds", "Age of the oldest needed list of a CA.", labels=("ca",)
        )
        entries = GaugeMetricFamily("jpki_responder_entries", "Listed certificates of a CA.", labels=("ca",))
        for one in freshness(self._worlds, self._clock):
            if one.seconds_to_next_update is not None:
                left.add_metric((one.ca_id,), one.seconds_to_next_update)
            if one.age_s is not None:
                age.add_metric((one.ca_id,), one.age_s)
            entries.add_metric((one.ca_id,), one.entries)
        yield left
        yield age
        yield entries
        expiry = GaugeMetricFamily(
            "jpki_responder_signer_seconds_left",
            "Seconds until the certificate that signs for a CA runs out.",
            labels=("ca",),
        )
        for authority in world.authorities:
            identity = world.signers.identity_for(authority.newest, now)
            if identity is not None:
                expiry.add_metric((authority.ca_id,), (identity.not_after - now).total_seconds())
        yield expiry
        yield from families(world.signers.expiries(now), world.authorities)


def freshness(worlds: Follower, clock: Clock) -> tuple[AuthorityFreshness, ...]:
    """Of each CA, by the lists that must be in force before anybody is good."""
    world = worlds.current
    return set_freshness(world.snapshot, world.authorities, clock.now()).authorities


def readiness(worlds: Follower, clock: Clock) -> dict[str, Any]:
    """``ready``: can something be said of some CA's certificates? The rest is for people and alarms."""
    found = freshness(worlds, clock)
    lapsed = [one.ca_id for one in found if one.freshness not in _IN_FORCE]
    world = worlds.current
    ends = renewable(world.signers.expiries(clock.now()), world.authorities)
    return {
        "ready": len(lapsed) < len(found),
        "not_in_force": lapsed,
        # By CA; the levels of ``revocation.ocsp.signer_expiry``, from 30 days before the end.
        "signers_ending": {
            issuer[0].ca_id: one.level.value
            for one, issuer in ends
            if issuer is not None and one.level is not ExpiryLevel.FINE
        },
        "refused": None if worlds.refusal is None else worlds.refusal.code,
    }


def create_admin(worlds: Follower, clock: Clock, shared: Shared) -> web.Application:
    figures = registry(worlds, clock, shared)

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def ready(_: web.Request) -> web.Response:
        said = readiness(worlds, clock)
        return web.json_response(said, status=200 if said["ready"] else 503)

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=generate_latest(figures), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get("/health/live", live)
    app.router.add_get("/health/ready", ready)
    app.router.add_get("/metrics", metrics)
    return app
