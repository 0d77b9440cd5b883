"""OCSP: a request and a snapshot in, an answer out (RFC 6960; profile RFC 9919; nonce RFC 9654).

What is said of each certificate is decided in ``judging.py``; here it becomes one response, whole or refused
whole: a SingleResponse for each CertID, in the order of the request, under one signature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from revocation.authorities import Authorities
from revocation.clock import Clock
from revocation.errors import InputRefused, OutsideFailed, RevocationError
from revocation.identity import CertificateIdentity
from revocation.ocsp._response import whole_second
from revocation.ocsp.cert_id import CertId, OcspRequest
from revocation.ocsp.judging import (
    INTERNAL_ERROR,
    TRY_LATER,
    UNAUTHORIZED,
    Judged,
    identity_of,
    joined,
    judge,
)
from revocation.ocsp.policy import NoncePolicy, ResponderPolicy, SignedRequests, TrustMode
from revocation.ocsp.request import decode_request
from revocation.ocsp.requestors import is_by_requestor
from revocation.ocsp.signer_expiry import Expiry
from revocation.ocsp.signing import ResponderIdentity, Signer
from revocation.snapshot.current import Snapshot
from revocation.status import Status

__all__ = ["ERRORS", "Judged", "OcspAnswer", "Responder", "ResponderPolicy", "TrustMode", "error_answer"]

SUCCESSFUL: Final = "successful"
MALFORMED_REQUEST: Final = "malformed_request"
SIG_REQUIRED: Final = "sig_required"

#: OCSPResponse { responseStatus } alone, unsigned (RFC 6960 section 4.2.1); 4 is not used.
ERRORS: Final[Mapping[str, bytes]] = {
    name: bytes([0x30, 3, 0x0A, 1, number])
    for name, number in (
        (MALFORMED_REQUEST, 1),
        (INTERNAL_ERROR, 2),
        (TRY_LATER, 3),
        (SIG_REQUIRED, 5),
        (UNAUTHORIZED, 6),
    )
}


class OcspAnswer(NamedTuple):
    """The response's octets, and what an HTTP side needs to know for headers, caches and metering."""

    der: bytes
    #: "successful", or a key of ``ERRORS``.
    response_status: str
    #: Of several certificates the oldest.
    this_update: datetime | None = None
    #: Of several certificates the earliest.
    next_update: datetime | None = None
    produced_at: datetime | None = None
    #: Signed and without a nonce: another client may get the same octets until ``next_update``.
    cacheable: bool = False
    #: What was said of each, for those who count; none in an error.
    statuses: tuple[Status, ...] = ()
    #: Our fault behind an internal_error, or a key's behind a try_later, for the log of whoever serves.
    fault: RevocationError | None = None

    @property
    def status(self) -> Status | None:
        """What was said of the first, mostly the only certificate; None in an error."""
        return self.statuses[0] if self.statuses else None


def error_answer(name: str, fault: RevocationError | None = None) -> OcspAnswer:
    """An unsigned answer: no certificate status, nothing to cache."""
    return _PLAIN[name] if fault is None else OcspAnswer(ERRORS[name], name, fault=fault)


#: Made once: a flood of what we do not answer costs nothing.
_PLAIN: Final = {name: OcspAnswer(der, name) for name, der in ERRORS.items()}


class Responder:
    """Answers for the CAs of ``authorities``, in each of the trust modes that have a signer."""

    def __init__(
        self,
        authorities: Authorities,
        signers: Mapping[TrustMode, Signer],
        clock: Clock,
        *,
        policy: ResponderPolicy = ResponderPolicy(),  # noqa: B008 - frozen
    ) -> None:
        """Raises ``InputRefused`` where a certificate may not sign for its generation, or none is valid now:
        at start, not on the first request. One that ends later makes ``try_later``, and alarms before."""
        self.policy: Final = policy
        self._authorities: Final = authorities
        self._signers: Final = dict(signers)
        self._clock: Final = clock
        now = clock.now()
        for signer in self._signers.values():
            for authority in authorities:
                for generation in authority.generations:
                    signer.check(generation, now)

    def respond(
        self, request_der: bytes, snapshot: Snapshot | None, mode: TrustMode = TrustMode.LOCAL
    ) -> OcspAnswer:
        """Answer any octets; never raises for what a client sent."""
        try:
            request = decode_request(request_der)
        except InputRefused:
            return error_answer(MALFORMED_REQUEST)
        return self.answer(request, snapshot, mode)

    def answer(
        self, request: OcspRequest, snapshot: Snapshot | None, mode: TrustMode = TrustMode.LOCAL
    ) -> OcspAnswer:
        """Answer a decoded request."""
        if (error := self.refused(request)) is not None:
            return error_answer(error)
        return self.sign([self.judge(each, snapshot, mode) for each in request.cert_ids], request.nonce)

    def identity_of(self, cert_id: CertId) -> CertificateIdentity | None:
        """Which certificate is asked about; None if no CA of ours can have issued it."""
        return identity_of(cert_id, self._authorities)

    def judge(
        self,
        cert_id: CertId,
        snapshot: Snapshot | None,
        mode: TrustMode = TrustMode.LOCAL,
        authorities: Authorities | None = None,
    ) -> Judged:
        """What is to be said of one certificate now; makes no signature and never raises for a CertID.

        ``authorities``: those that go with the snapshot, where they are not this responder's yet.
        """
        return judge(
            cert_id,
            snapshot,
            mode,
            authorities=self._authorities if authorities is None else authorities,
            signer=self._signers.get(mode),
            policy=self.policy,
            now=self._clock.now(),
        )

    def sign(self, judged: Sequence[Judged], nonce: bytes | None = None) -> OcspAnswer:
        """One answer for all of them, of one request and one mode; ``nonce`` as in ``OcspRequest``.

        Takes as long as the signer's key does (``judged[0].identity.key.slow``). An error of any of them is
        the answer's.
        """
        whole = judged[0] if len(judged) == 1 else joined(judged)
        if whole.error is not None:
            return error_answer(whole.error, whole.fault)
        identity, next_update, now = whole.identity, whole.next_update, self._clock.now()
        if identity is None or next_update is None or not identity.valid_at(now) or next_update <= now:
            return error_answer(TRY_LATER)  # it waited too long since it was judged
        echoed = nonce if self.policy.nonce is NoncePolicy.ECHO else None
        try:
            der = self.signed_octets(
                whole.single, identity, whole.mode, now, echoed, extended_revoke=whole.extended_revoke
            )
        except OutsideFailed as failure:
            return error_answer(TRY_LATER, failure)
        except RevocationError as fault:
            return error_answer(INTERNAL_ERROR, fault)
        return OcspAnswer(
            der,
            SUCCESSFUL,
            this_update=whole.this_update,
            next_update=next_update,
            produced_at=whole_second(now),
            cacheable=echoed is None,
            statuses=tuple([each.status for each in judged if each.status is not None]),
        )

    def includes_certificate(self, mode: TrustMode) -> bool:
        """Do answers in this mode carry the signer's certificate?

        A delegate's is nowhere else to be found (RFC 6960 section 4.2.2.3).
        """
        return mode is TrustMode.DELEGATED or self.policy.certificate_in_local

    def signed_octets(
        self,
        singles: bytes,
        identity: ResponderIdentity,
        mode: TrustMode,
        now: datetime,
        nonce: bytes | None,
        *,
        extended_revoke: bool = False,
    ) -> bytes:
        """A whole response of SingleResponse elements that were judged before.

        Whoever asks has seen that both they and the signer are in their time. Raises what the key does:
        ``OutsideFailed``, ``OwnFault``.
        """
        template = identity.template(with_certificate=self.includes_certificate(mode))
        data = template.to_be_signed(singles, now, nonce, extended_revoke)
        return template.response(data, identity.key.sign(data))

    def expiries(self) -> list[Expiry]:
        """When each signer's last certificate ends, for metrics and alarms (faults.md, T09)."""
        now = self._clock.now()
        return [expiry for signer in self._signers.values() for expiry in signer.expiries(now)]

    def refused(self, request: OcspRequest) -> str | None:
        """The error for a request that our policy does not take, whatever it asks about; or None."""
        if len(request.cert_ids) > self.policy.most_cert_ids:
            return MALFORMED_REQUEST
        if self.policy.signed_requests is SignedRequests.IGNORE:
            return None
        if request.signature is None:
            return SIG_REQUIRED if self.policy.signed_requests is SignedRequests.REQUIRE else None
        if is_by_requestor(request.signature, self.policy.requestors, self._clock.now()):
            return None
        return UNAUTHORIZED
