"""The SingleResponse about one certificate among those of an answer (RFC 6960 section 4.2.1).

Beside cryptography's parser each is walked for what that does not show: critical extensions, and reason codes
that have no name, because an answer "revoked" must not be lost for its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import ocsp

from revocation.der import BOOLEAN, GENERALIZED_TIME, SEQUENCE, DerReader
from revocation.ocsp.upstream_question import UpstreamQuestion
from revocation.ocsp.upstream_word import upstream_refused
from revocation.reasons import REASON_ABSENT

_ENUMERATED: Final = 0x0A
_TAGGED_0: Final = 0xA0
_TAGGED_1: Final = 0xA1


class Walked(NamedTuple):
    """Of one SingleResponse what the parser does not show."""

    #: The octet of revocationReason, 0xFF where there is none.
    reason: int
    #: Has it an extension that must not be ignored?
    critical: bool


def single_about(
    question: UpstreamQuestion, response: ocsp.OCSPResponse, tbs: bytes
) -> tuple[ocsp.OCSPSingleResponse, Walked]:
    """The one SingleResponse about our certificate; others may stand beside it (RFC 9919 section 3.2.1).

    RFC 6960 section 3.2 (1): the certificate identified in the response is the one of the request.
    """
    found = [
        pair for pair in zip(response.responses, _walked(tbs), strict=True) if _is_asked(pair[0], question)
    ]
    if len(found) != 1:
        got = "none" if not found else "several"
        raise upstream_refused("OTHER_CERTIFICATE", "one answer about the certificate in question", got)
    return found[0]


def _is_asked(single: ocsp.OCSPSingleResponse, question: UpstreamQuestion) -> bool:
    try:
        hash_name = single.hash_algorithm.name
    except UnsupportedAlgorithm:
        return False
    return (
        hash_name == question.hash_name
        and single.issuer_name_hash == question.issuer_name_hash
        and single.issuer_key_hash == question.issuer_key_hash
        and single.serial_number == int.from_bytes(question.serial, "big", signed=True)
    )


def _walked(tbs: bytes) -> Iterator[Walked]:
    """Each SingleResponse of the tbsResponseData, in its order.

    An explicit version v1, which DER leaves out, the parser has refused.
    """
    data = DerReader(tbs).enter(SEQUENCE, "tbsResponseData")
    data.header("responderID")
    data.element(GENERALIZED_TIME, "producedAt")
    singles = data.enter(SEQUENCE, "responses")
    while singles.peek() != -1:
        single = singles.enter(SEQUENCE, "SingleResponse")
        single.element(SEQUENCE, "certID")
        reason = _reason(single)
        single.element(GENERALIZED_TIME, "thisUpdate")
        if single.peek() == _TAGGED_0:
            single.header("nextUpdate")
        yield Walked(reason, _any_critical(single))


def _reason(single: DerReader) -> int:
    """CertStatus; the octet of revocationReason as it stands, 0xFF where there is none."""
    if single.peek() != _TAGGED_1:
        single.header("certStatus")
        return REASON_ABSENT
    revoked = single.enter(_TAGGED_1, "RevokedInfo")
    revoked.element(GENERALIZED_TIME, "revocationTime")
    if revoked.peek() != _TAGGED_0:
        return REASON_ABSENT
    start, end = revoked.enter(_TAGGED_0, "revocationReason").element(_ENUMERATED, "CRLReason")
    octets = bytes(revoked.data[start:end])
    # RFC 5280 section 5.3.1 knows 0 to 10; one that has no single octet means no more than none.
    return octets[0] if len(octets) == 1 else REASON_ABSENT


def _any_critical(single: DerReader) -> bool:
    if single.peek() != _TAGGED_1:
        return False
    extensions = single.enter(_TAGGED_1, "singleExtensions").enter(SEQUENCE, "Extensions")
    found = False
    while extensions.peek() != -1:
        extension = extensions.enter(SEQUENCE, "Extension")
        extension.oid("extnID")
        found |= extension.peek() == BOOLEAN and extension.boolean("critical")
    return found
