"""A check that also asks the CA's own OCSP responder: what it said, beside our lists, within a budget."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final, Literal

from aiohttp import web

from platform_api.keys import CLOCK, UPSTREAM
from platform_api.operations import ResponseModel, principal_of
from platform_api.status.checked import CheckedCertificate, status_now
from platform_api.upstream_ocsp.budget import Budget
from platform_api.upstream_ocsp.outcomes import Asked, Outcome
from revocation.newer_evidence import beside_upstream
from revocation.ocsp.upstream_word import CertStatus
from revocation.status import CertificateStatus, Status

#: crl: our lists alone. crl_then_ocsp: the responder too, as far as it answers; else our lists alone.
#: crl_and_ocsp: GOOD only where both say so.
Method = Literal["crl", "crl_then_ocsp", "crl_and_ocsp"]

#: Decided by its own dates: no responder is asked for that.
_BY_DATES: Final = frozenset({Status.EXPIRED, Status.NOT_YET_VALID})


class UpstreamBody(ResponseModel):
    """How asking the responder ended. A failure of it makes no status better, and none worse by itself."""

    outcome: Outcome
    #: What it said, with ``answered`` only.
    cert_status: CertStatus | None
    this_update: datetime | None
    next_update: datetime | None
    produced_at: datetime | None
    #: It contradicts our lists in a way that no time between the two explains; the operator is told.
    incident: bool


async def beside_responder(
    request: web.Request,
    checked: CheckedCertificate | None,
    found: CertificateStatus,
    method: Method,
    max_age_s: int | None,
    *,
    budget: Budget | None = None,
) -> tuple[CertificateStatus, UpstreamBody | None]:
    """The status after the responder was asked as ``method`` wants it; None: it was not wanted.

    ``checked`` is None where no CA of ours issued the certificate. ``budget``: one for all certificates of a
    request that has several; without it this question is the request's only one.
    """
    if method == "crl":
        return found, None
    asked = await _asked(request, checked, found, budget)
    if checked is not None:
        # Asking took its time, and no answer may be older than one that somebody was given meanwhile.
        found = status_now(request, checked, max_age_s)
    beside = beside_upstream(
        found,
        asked.word,
        now=request.config_dict[CLOCK].now(),
        max_age_s=max_age_s,
        both_must_speak=method == "crl_and_ocsp",
    )
    if beside.incident and checked is not None:
        request.config_dict[UPSTREAM].incident(checked.identity.ca_id)
    return beside.found, _body(asked, incident=beside.incident)


async def _asked(
    request: web.Request,
    checked: CheckedCertificate | None,
    found: CertificateStatus,
    budget: Budget | None,
) -> Asked:
    if checked is None or found.status in _BY_DATES:
        return Asked(Outcome.NOT_ASKED)
    app = request.config_dict
    if UPSTREAM not in app:
        return Asked(Outcome.NOT_CONFIGURED)
    upstream = app[UPSTREAM]
    return await upstream.ask(
        checked.identity, budget or upstream.budget_for(principal_of(request).institution_id)
    )


def _body(asked: Asked, *, incident: bool) -> UpstreamBody:
    word = asked.word
    if word is None:
        return UpstreamBody(
            outcome=asked.outcome,
            cert_status=None,
            this_update=None,
            next_update=None,
            produced_at=None,
            incident=incident,
        )
    return UpstreamBody(
        outcome=asked.outcome,
        cert_status=word.status,
        this_update=word.this_update.astimezone(UTC),
        next_update=None if word.next_update is None else word.next_update.astimezone(UTC),
        produced_at=word.produced_at.astimezone(UTC),
        incident=incident,
    )
