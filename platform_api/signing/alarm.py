"""The alarm before a responder's certificate ends: figures, log, readiness (faults.md, T09).

Labels are closed sets: the trust mode, and a delegate's CA and generation as ``authorities.json`` names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from revocation.ocsp.signer_expiry import Expiry, ExpiryLevel

if TYPE_CHECKING:
    from platform_api.logs import Log
    from revocation.authorities import Authorities, Authority, Generation

#: The levels as numbers, for alert rules: 0 is fine, 4 ended.
RANKS: Final = {level: rank for rank, level in enumerate(ExpiryLevel)}
_LABELS: Final = ("mode", "ca", "generation")
_S_PER_DAY: Final = 86_400

#: Who issued a delegate.
Issuer: TypeAlias = "tuple[Authority, Generation]"

#: All signers' ends now.
Expiries = Callable[[], Iterable[Expiry]]


def families(expiries: Iterable[Expiry], authorities: Authorities) -> Iterator[Metric]:
    """Seconds left and level of each signer; of one for a CA that nobody knows here nothing."""
    left = GaugeMetricFamily(
        "jpki_ocsp_signer_seconds_to_expiry",
        "Until the last certificate of this OCSP signer ends; below 0 nobody signs any more.",
        labels=_LABELS,
    )
    level = GaugeMetricFamily(
        "jpki_ocsp_signer_expiry_level",
        "0 fine, 1 from 30 days before the end, 2 from 14, 3 from 3, 4 ended.",
        labels=_LABELS,
    )
    for one, issuer in renewable(expiries, authorities):
        labels = (one.mode, *(("", "") if issuer is None else (issuer[0].ca_id, issuer[1].name)))
        left.add_metric(labels, one.seconds_left)
        level.add_metric(labels, RANKS[one.level])
    yield from (left, level)


def renewable(expiries: Iterable[Expiry], authorities: Authorities) -> Iterator[tuple[Expiry, Issuer | None]]:
    """Those that somebody can do something about, a delegate with who issued it: not one for a key whose own
    certificate is over, which gets no new delegate, nor for a CA that is not configured."""
    for one in expiries:
        if one.key_id is None:
            yield one, None
            continue
        issuer = authorities.by_issuer_key(one.key_id)
        now = one.not_after - timedelta(seconds=one.seconds_left)
        if issuer is not None and now <= issuer[1].certificate.not_valid_after_utc:
            yield one, issuer


class SignersAtScrape(Collector):
    """``refused``: how many pairs of ``keys/responders/`` are not taken as they stand."""

    def __init__(self, expiries: Expiries, authorities: Authorities, refused: Callable[[], int]) -> None:
        self._expiries: Final = expiries
        self._authorities: Final = authorities
        self._refused: Final = refused

    def collect(self) -> Iterator[Metric]:
        yield from families(self._expiries(), self._authorities)
        yield GaugeMetricFamily(
            "jpki_ocsp_signer_pairs_refused",
            "Pairs in keys/responders/ that do not fit; the others go on.",
            value=self._refused(),
        )


class ExpiryAlarm:
    """Says in the log when a signer enters a level, once; not each time somebody looks."""

    def __init__(self, expiries: Expiries, authorities: Authorities, log: Log) -> None:
        self._expiries: Final = expiries
        self._authorities: Final = authorities
        self._log: Final = log
        self._told: dict[tuple[str, bytes | None], ExpiryLevel] = {}

    def look(self) -> None:
        """Call it every few seconds."""
        for one, issuer in renewable(self._expiries(), self._authorities):
            signer = (one.mode, one.key_id)
            before = self._told.get(signer, ExpiryLevel.FINE)
            self._told[signer] = one.level
            if RANKS[one.level] > RANKS[before]:
                self._tell(one, issuer)

    def _tell(self, one: Expiry, issuer: Issuer | None) -> None:
        say = self._log.warning if RANKS[one.level] < RANKS[ExpiryLevel.CRITICAL] else self._log.error
        say(
            "signer.ends",
            component=f"{one.mode}_ocsp",
            code=f"SIGNER_{one.level.value.upper()}",
            n=max(0, int(one.seconds_left // _S_PER_DAY)),
            **({} if issuer is None else {"ca_id": issuer[0].ca_id}),
        )
