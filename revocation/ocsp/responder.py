"""OCSP: a request and a snapshot in, an answer out (RFC 6960; profile RFC 9919; nonce RFC 9654).

Signed are only ``good``, ``revoked`` and, for a serial that was never issued, ``unknown``. Where nothing can
be said the answer is an unsigned error. thisUpdate is the list's, never now, and nextUpdate never lies
beyond the list's, so that nobody can keep an answer for longer than the list itself may be believed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus
from cryptography.x509.oid import OCSPExtensionOID

from revocation.answers import AFTER_NEXT_UPDATE, SIGNED, AfterNextUpdate, OcspWord, answer_for
from revocation.authorities import Authorities, Authority, Generation
from revocation.clock import Clock
from revocation.coverage import CLOCK_TOLERANCE
from revocation.errors import InputRefused, OwnFault, RevocationError
from revocation.identity import MAX_SERIAL_OCTETS, CertificateIdentity
from revocation.ocsp.cert_id import CertId, OcspRequest
from revocation.ocsp.request import decode_request
from revocation.ocsp.signing import ResponderIdentity, Signer
from revocation.reasons import CRLReason
from revocation.snapshot.current import Snapshot
from revocation.status import CertificateStatus, Evidence, Status, certificate_status


class TrustMode(StrEnum):
    """How clients come to trust the responder's certificate (RFC 6960 section 4.2.2.2)."""

    LOCAL = "local"
    DELEGATED = "delegated"


#: The unsigned answers of the table.
_ERROR_OF: Final[Mapping[OcspWord, OCSPResponseStatus]] = {
    OcspWord.TRY_LATER: OCSPResponseStatus.TRY_LATER,
    OcspWord.UNAUTHORIZED: OCSPResponseStatus.UNAUTHORIZED,
}
#: The signed ones.
_CERT_STATUS_OF: Final[Mapping[OcspWord, OCSPCertStatus]] = {
    OcspWord.GOOD: OCSPCertStatus.GOOD,
    OcspWord.REVOKED: OCSPCertStatus.REVOKED,
    OcspWord.UNKNOWN: OCSPCertStatus.UNKNOWN,
}

_REASON_FLAGS: Final[Mapping[int, x509.ReasonFlags]] = {
    CRLReason.unspecified: x509.ReasonFlags.unspecified,
    CRLReason.key_compromise: x509.ReasonFlags.key_compromise,
    CRLReason.ca_compromise: x509.ReasonFlags.ca_compromise,
    CRLReason.affiliation_changed: x509.ReasonFlags.affiliation_changed,
    CRLReason.superseded: x509.ReasonFlags.superseded,
    CRLReason.cessation_of_operation: x509.ReasonFlags.cessation_of_operation,
    CRLReason.certificate_hold: x509.ReasonFlags.certificate_hold,
    CRLReason.privilege_withdrawn: x509.ReasonFlags.privilege_withdrawn,
    CRLReason.aa_compromise: x509.ReasonFlags.aa_compromise,
    # removeFromCRL (8) in a complete list is an anomaly, and 7 or above 10 mean nothing: revoked, no reason.
}

_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "sha1": hashes.SHA1(),  # noqa: S303 - RFC 9919 section 3.1.1: old clients ask by it; it protects nothing
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}

#: The earliest time that the builder writes; an older revocationDate is answered as this one.
_EARLIEST: Final = datetime(1950, 1, 1, tzinfo=UTC)

_ERRORS: Final[Mapping[OCSPResponseStatus, bytes]] = {
    status: ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)
    for status in OCSPResponseStatus
    if status is not OCSPResponseStatus.SUCCESSFUL
}


@dataclass(frozen=True, slots=True)
class OcspAnswer:
    """The response's octets, and what an HTTP side needs to know for headers, caches and metering."""

    der: bytes
    #: "successful", "malformed_request", "try_later", "unauthorized", "internal_error".
    response_status: str
    this_update: datetime | None = None
    next_update: datetime | None = None
    produced_at: datetime | None = None
    #: Signed and without a nonce: another client may get the same octets until ``next_update``.
    cacheable: bool = False
    #: What was said, for those who count; None in an error.
    status: Status | None = None
    #: Our fault behind an internal_error, for the log of whoever serves.
    fault: RevocationError | None = None


class Responder:
    """Answers for the CAs of ``authorities``, in each of the trust modes that have a signer."""

    def __init__(
        self,
        authorities: Authorities,
        signers: Mapping[TrustMode, Signer],
        clock: Clock,
        *,
        after_next_update: AfterNextUpdate = AfterNextUpdate.TRY_LATER,
    ) -> None:
        self._not_in_force: Final = AFTER_NEXT_UPDATE[after_next_update]
        self._authorities: Final = authorities
        self._signers: Final = dict(signers)
        self._clock: Final = clock
        # A certificate that may not sign for its generation is refused now, not on the first request.
        for signer in self._signers.values():
            for authority in authorities:
                for generation in authority.generations:
                    signer.identity_for(generation)

    def respond(
        self, request_der: bytes, snapshot: Snapshot | None, mode: TrustMode = TrustMode.LOCAL
    ) -> OcspAnswer:
        """Answer any octets; never raises for what a client sent."""
        try:
            request = decode_request(request_der)
        except InputRefused:
            return error_answer(OCSPResponseStatus.MALFORMED_REQUEST)
        return self.answer(request, snapshot, mode)

    def identity_of(self, request: OcspRequest) -> CertificateIdentity | None:
        """Which certificate is asked about; None if no CA of ours can have issued it.

        Both hashes must belong to one key of ours: after a key rollover the DN, and so the name hash,
        is the same for both keys (RFC 6960 section 4.1.1).
        """
        found = self._issuer(request)
        serial = request.cert_ids[0].serial
        if found is None or len(serial) > MAX_SERIAL_OCTETS:  # RFC 5280 section 4.1.2.2
            return None
        return CertificateIdentity(found[0].ca_id, found[1].key_id, serial)

    def answer(
        self, request: OcspRequest, snapshot: Snapshot | None, mode: TrustMode = TrustMode.LOCAL
    ) -> OcspAnswer:
        """Answer a decoded request with one CertID (RFC 9919 section 3.1.1)."""
        if len(request.cert_ids) != 1:
            return error_answer(OCSPResponseStatus.MALFORMED_REQUEST)
        found = self._issuer(request)
        identity = self.identity_of(request)
        signer = self._signers.get(mode)
        responder = None if found is None or signer is None else signer.identity_for(found[1])
        if identity is None or responder is None:
            # RFC 6960 section 2.3: not authoritative, or nobody may sign for this issuer.
            return error_answer(OCSPResponseStatus.UNAUTHORIZED)
        now = self._clock.now()
        try:
            status = certificate_status(identity, authorities=self._authorities, snapshot=snapshot, now=now)
        except OwnFault as fault:
            return error_answer(OCSPResponseStatus.INTERNAL_ERROR, fault)
        word = answer_for(status).ocsp
        evidence = status.evidence
        if word is OcspWord.NOT_IN_FORCE or (
            # After nextUpdate not even "revoked" may be signed: its nextUpdate would lie in the past.
            word in SIGNED and (evidence is None or not _may_be_said(evidence, now))
        ):
            word = self._not_in_force
        if word not in SIGNED or evidence is None:
            return error_answer(_ERROR_OF[word])
        if not responder.valid_at(now):
            return error_answer(OCSPResponseStatus.TRY_LATER)
        if request.cert_ids[0].serial[0] & 0x80:
            return error_answer(OCSPResponseStatus.UNAUTHORIZED)  # the builder has no negative serials
        return _signed(request, status, word, evidence, responder)

    def _issuer(self, request: OcspRequest) -> tuple[Authority, Generation] | None:
        cert_id = request.cert_ids[0]
        if cert_id.hash_name is None:
            return None
        return self._authorities.by_ocsp_issuer(
            cert_id.hash_name, cert_id.issuer_name_hash, cert_id.issuer_key_hash
        )


def error_answer(status: OCSPResponseStatus, fault: RevocationError | None = None) -> OcspAnswer:
    """An unsigned answer (RFC 6960 section 4.2.1): no certificate status, nothing to cache."""
    return OcspAnswer(_ERRORS[status], status.name.lower(), fault=fault)


def _may_be_said(evidence: Evidence, now: datetime) -> bool:
    return (
        evidence.next_update is not None
        and now < evidence.next_update
        and evidence.this_update <= now + CLOCK_TOLERANCE
    )


def _signed(
    request: OcspRequest,
    status: CertificateStatus,
    word: OcspWord,
    evidence: Evidence,
    responder: ResponderIdentity,
) -> OcspAnswer:
    cert_id: CertId = request.cert_ids[0]
    revoked_at = None if status.revoked_at is None else max(status.revoked_at, _EARLIEST)
    builder = (
        ocsp.OCSPResponseBuilder()
        .add_response_by_hash(
            issuer_name_hash=cert_id.issuer_name_hash,
            issuer_key_hash=cert_id.issuer_key_hash,
            serial_number=int.from_bytes(cert_id.serial),
            algorithm=_HASHES[cert_id.hash_name or "sha256"],
            cert_status=_CERT_STATUS_OF[word],
            this_update=evidence.this_update,
            next_update=evidence.next_update,
            revocation_time=revoked_at,
            revocation_reason=None if status.reason is None else _REASON_FLAGS.get(status.reason),
        )
        # RFC 9919 section 3.2.1: byKey. The certificate goes along in both modes: OpenSSL finds the
        # signer there, also when it then trusts it by -VAfile.
        .responder_id(ocsp.OCSPResponderEncoding.HASH, responder.certificate)
        .certificates([responder.certificate])
    )
    if request.nonce is not None:
        builder = builder.add_extension(
            x509.UnrecognizedExtension(OCSPExtensionOID.NONCE, request.nonce), critical=False
        )
    response = builder.sign(responder.key, responder.hash_algorithm)
    return OcspAnswer(
        response.public_bytes(Encoding.DER),
        "successful",
        this_update=evidence.this_update,
        next_update=evidence.next_update,
        produced_at=response.produced_at_utc,
        cacheable=request.nonce is None,
        status=status.status,
    )
