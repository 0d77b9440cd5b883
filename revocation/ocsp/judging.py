"""CertID x snapshot x clock -> what is to be said of one certificate; nothing is signed here.

The word comes from ``status.py`` through the table of ``answers.py``. Signed are only ``good``, ``revoked``
and, for a serial that was never issued, ``unknown``; where nothing can be said the answer is an unsigned
error. thisUpdate is the list's, never now, and nextUpdate never lies beyond the list's, nor beyond the
signer's own certificate, so that nobody can keep an answer for longer than it may be believed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from revocation.answers import AFTER_NEXT_UPDATE, OcspWord, answer_for
from revocation.authorities import Authorities, Authority, Generation
from revocation.coverage import CLOCK_TOLERANCE
from revocation.errors import OwnFault, RevocationError
from revocation.identity import MAX_SERIAL_OCTETS, CertificateIdentity
from revocation.ocsp import _response as written
from revocation.ocsp.cert_id import CertId
from revocation.ocsp.policy import NotIssued, ResponderPolicy, TrustMode
from revocation.ocsp.signing import ResponderIdentity, Signer
from revocation.reasons import CRLReason
from revocation.snapshot.current import Snapshot
from revocation.status import CertificateStatus, Status, certificate_status

#: Errors of a whole request (RFC 6960 section 2.3), by the name that ``OcspAnswer`` uses; the gravest first.
#: Ours outweighs theirs, and what will never be answered outweighs what may be later.
INTERNAL_ERROR: Final = "internal_error"
UNAUTHORIZED: Final = "unauthorized"
TRY_LATER: Final = "try_later"
GRAVEST_FIRST: Final = (INTERNAL_ERROR, UNAUTHORIZED, TRY_LATER)

#: RFC 6960 section 2.2: what a certificate that was never issued is "revoked" with.
_NEVER_ISSUED_SINCE: Final = datetime(1970, 1, 1, tzinfo=UTC)

#: As the list gives them, unspecified too: RFC 5280 section 5.3.1 asks a CA to leave it out of its list, and
#: J-LIS, which writes it, means something by it (CPS 4.9.9). removeFromCRL (8) in a complete list is an
#: anomaly, and 7 or above 10 mean nothing: revoked, without a reason.
_REASONS: Final = frozenset(CRLReason) - {CRLReason.remove_from_crl}

_WORDS: Final[Mapping[OcspWord, int]] = {
    OcspWord.GOOD: written.GOOD,
    OcspWord.REVOKED: written.REVOKED,
    OcspWord.UNKNOWN: written.UNKNOWN,
}
_ERRORS: Final[Mapping[OcspWord, str]] = {
    OcspWord.TRY_LATER: TRY_LATER,
    OcspWord.UNAUTHORIZED: UNAUTHORIZED,
}


class Judged(NamedTuple):
    """What is to be said of one CertID: an error, or a SingleResponse and who signs it.

    A tuple, and so is ``OcspAnswer``, because one is made for each request that is not answered from memory.
    """

    #: "unauthorized", "try_later" or "internal_error"; None: there is something to sign.
    error: str | None
    #: The SingleResponse element; it holds a serial.
    single: bytes = b""
    this_update: datetime | None = None
    #: The list's, or the end of the signer's certificate where that comes first.
    next_update: datetime | None = None
    identity: ResponderIdentity | None = None
    mode: TrustMode = TrustMode.LOCAL
    #: What was said, for those who count; None in an error.
    status: Status | None = None
    #: Does it need the response extension of RFC 6960 section 4.4.8?
    extended_revoke: bool = False
    #: Why an internal_error is ours, for the log of whoever serves.
    fault: RevocationError | None = None

    def __repr__(self) -> str:
        return f"Judged(error={self.error!r}, single=hidden)"


_UNAUTHORIZED: Final = Judged(UNAUTHORIZED)
_TRY_LATER: Final = Judged(TRY_LATER)
_SIMPLE: Final[Mapping[str, Judged]] = {UNAUTHORIZED: _UNAUTHORIZED, TRY_LATER: _TRY_LATER}


def issuer_of(cert_id: CertId, authorities: Authorities) -> tuple[Authority, Generation] | None:
    """Both hashes must belong to one key of ours: after a key rollover the DN, and so the name hash, is the
    same for both keys (RFC 6960 section 4.1.1)."""
    if cert_id.hash_name is None:
        return None
    return authorities.by_ocsp_issuer(cert_id.hash_name, cert_id.issuer_name_hash, cert_id.issuer_key_hash)


def identity_of(cert_id: CertId, authorities: Authorities) -> CertificateIdentity | None:
    """Which certificate is asked about; None if no CA of ours can have issued it."""
    found = issuer_of(cert_id, authorities)
    if found is None or not 1 <= len(cert_id.serial) <= MAX_SERIAL_OCTETS:
        return None  # RFC 5280 section 4.1.2.2: more than 20 octets
    return CertificateIdentity(found[0].ca_id, found[1].key_id, cert_id.serial)


def judge(
    cert_id: CertId,
    snapshot: Snapshot | None,
    mode: TrustMode,
    *,
    authorities: Authorities,
    signer: Signer | None,
    policy: ResponderPolicy,
    now: datetime,
) -> Judged:
    """What is to be said of this certificate now, and by whom."""
    found = issuer_of(cert_id, authorities)
    if found is None or signer is None or not 1 <= len(cert_id.serial) <= MAX_SERIAL_OCTETS:
        # RFC 6960 section 2.3: not authoritative, or nobody may sign for this issuer.
        return _UNAUTHORIZED
    responder = signer.identity_for(found[1], now)
    if responder is None:
        return _UNAUTHORIZED
    identity = CertificateIdentity(found[0].ca_id, found[1].key_id, cert_id.serial)
    try:
        status = certificate_status(identity, authorities=authorities, snapshot=snapshot, now=now)
    except OwnFault as fault:
        return Judged(INTERNAL_ERROR, fault=fault)
    word = answer_for(status).ocsp
    not_in_force = AFTER_NEXT_UPDATE[policy.after_next_update]
    if word is OcspWord.NOT_IN_FORCE:
        word = not_in_force
    if word not in _WORDS:
        return _SIMPLE[_ERRORS[word]]
    evidence = status.evidence
    # After nextUpdate not even "revoked" may be signed: its nextUpdate would lie in the past. Nor does a list
    # of tomorrow speak today, on a clock that stepped back.
    if (
        evidence is None
        or evidence.next_update is None
        or evidence.next_update <= now
        or evidence.this_update > now + CLOCK_TOLERANCE
    ):
        return _SIMPLE[_ERRORS[not_in_force]]
    if not responder.valid_at(now):
        return _TRY_LATER
    return _said(cert_id, status, word, evidence.this_update, evidence.next_update, responder, mode, policy)


def joined(judged: Sequence[Judged]) -> Judged:
    """Those of one request as one: its SingleResponses in order, or the gravest error.

    thisUpdate is the oldest and nextUpdate the earliest of them. RFC 6960 section 4.2.2.2: never signed by
    somebody who is not authorised for each issuer.
    """
    for error in GRAVEST_FIRST:
        for each in judged:
            if each.error == error:
                return each
    first = judged[0]
    if any(each.identity is not first.identity for each in judged):
        return _UNAUTHORIZED
    return Judged(
        None,
        b"".join([each.single for each in judged]),
        min(each.this_update for each in judged if each.this_update is not None),
        min(each.next_update for each in judged if each.next_update is not None),
        first.identity,
        first.mode,
        first.status,
        any(each.extended_revoke for each in judged),
    )


def _said(
    cert_id: CertId,
    status: CertificateStatus,
    word: OcspWord,
    this_update: datetime,
    next_update: datetime,
    responder: ResponderIdentity,
    mode: TrustMode,
    policy: ResponderPolicy,
) -> Judged:
    revoked_at, reason = None, -1
    extended = word is OcspWord.UNKNOWN and policy.not_issued is NotIssued.EXTENDED_REVOKE
    if extended:
        word, revoked_at, reason = OcspWord.REVOKED, _NEVER_ISSUED_SINCE, int(CRLReason.certificate_hold)
    elif word is OcspWord.REVOKED:
        revoked_at = status.revoked_at
        if status.reason in _REASONS:
            reason = int(status.reason)
    ends = min(next_update, responder.not_after)
    return Judged(
        None,
        written.single_response(cert_id.der, _WORDS[word], this_update, ends, revoked_at, reason),
        this_update,
        ends,
        responder,
        mode,
        status.status,
        extended,
    )
