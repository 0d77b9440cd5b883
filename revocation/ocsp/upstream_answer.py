"""Another responder's answer, verified whole or refused whole (RFC 6960 section 3.2).

The parser is cryptography's: strict DER, nothing behind it. Beside it is walked what it does not show as it
stands: here the AlgorithmIdentifier with its parameters, in ``upstream_singles.py`` the single responses.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPCertStatus, OCSPResponseStatus
from cryptography.x509.oid import OCSPExtensionOID

from revocation.coverage import CLOCK_TOLERANCE
from revocation.crl.algorithms import algorithm_name, signature_verifies, signed_hashes, unverifiable
from revocation.der import OCTET_STRING, SEQUENCE, DerReader
from revocation.errors import InputRefused
from revocation.ocsp.upstream_question import UpstreamQuestion
from revocation.ocsp.upstream_signer import signing_keys
from revocation.ocsp.upstream_singles import single_about
from revocation.ocsp.upstream_word import CertStatus, UpstreamRefused, UpstreamWord, upstream_refused

#: An answer with an RSA-4096 signature and its certificates has 4 KiB; a larger one is not parsed.
MAX_RESPONSE_OCTETS: Final = 64 * 1024

_ENUMERATED: Final = 0x0A
_TAGGED_0: Final = 0xA0

_STATUS: Final = {
    OCSPCertStatus.GOOD: CertStatus.good,
    OCSPCertStatus.REVOKED: CertStatus.revoked,
    OCSPCertStatus.UNKNOWN: CertStatus.unknown,
}


@dataclass(frozen=True, slots=True)
class UpstreamRules:
    """What the operator decided about one responder's answers."""

    #: Must our nonce come back? One that came back must be ours in any case.
    require_nonce: bool = False
    #: How old may thisUpdate be where the answer has no nextUpdate?
    max_age: timedelta = timedelta(hours=1)
    #: Locally configured (RFC 6960 section 4.2.2.2, 1.): this certificate signs, and nobody else.
    pinned: x509.Certificate | None = None
    #: May a delegate lack id-pkix-ocsp-nocheck?
    accept_without_nocheck: bool = False


def verified_word(
    octets: bytes, question: UpstreamQuestion, rules: UpstreamRules, now: datetime
) -> UpstreamWord:
    """What the responder said of the certificate in question; ``UpstreamRefused`` if anything is wrong."""
    if not 0 < len(octets) <= MAX_RESPONSE_OCTETS:
        raise upstream_refused("TOO_LARGE", f"1 to {MAX_RESPONSE_OCTETS} octets", f"{len(octets)} octets")
    try:
        response = ocsp.load_der_ocsp_response(octets)
        # RFC 6960 section 4.2.1: without "successful" there is nothing signed in it.
        if response.response_status is not OCSPResponseStatus.SUCCESSFUL:
            raise _error_status(response.response_status)
        return _word(octets, response, question, rules, now)
    except UpstreamRefused:
        raise
    except (ValueError, UnsupportedAlgorithm, NotImplementedError, x509.DuplicateExtension, InputRefused):
        raise upstream_refused(
            "MALFORMED", "a BasicOCSPResponse in DER (RFC 6960 section 4.2.1)", "something else"
        ) from None


def _word(
    octets: bytes,
    response: ocsp.OCSPResponse,
    question: UpstreamQuestion,
    rules: UpstreamRules,
    now: datetime,
) -> UpstreamWord:
    basic = _basic(octets)
    tbs = basic.raw(SEQUENCE, "tbsResponseData")
    _require_signature(basic.raw(SEQUENCE, "signatureAlgorithm"), tbs, response, question, rules, now)
    _require_nonce(response, question, rules)
    single, walked = single_about(question, response, tbs)
    if walked.critical:
        # RFC 6960 section 4.4: none of them is understood here as something that must be obeyed.
        raise upstream_refused("EXTENSION", "no critical extension in the SingleResponse", "one")
    word = UpstreamWord(
        status=_STATUS[single.certificate_status],
        reason=walked.reason if single.certificate_status is OCSPCertStatus.REVOKED else None,
        revoked_at=single.revocation_time_utc,
        this_update=single.this_update_utc,
        next_update=single.next_update_utc,
        produced_at=response.produced_at_utc,
        received_at=now,
    )
    _require_fresh(word, rules, now)
    return word


def _error_status(status: OCSPResponseStatus) -> UpstreamRefused:
    """RFC 6960 section 4.2.1: unsigned, so it proves nothing; ``unauthorized`` is about the certificate."""
    return upstream_refused(
        status.name,
        "the response status successful",
        status.name.lower(),
        "ask again later if it is try_later; else compare hash, signature and nonce with what it wants",
    )


def _basic(octets: bytes) -> DerReader:
    """The BasicOCSPResponse; the parser has let it through already."""
    outer = DerReader(octets).enter(SEQUENCE, "OCSPResponse")
    outer.element(_ENUMERATED, "responseStatus")
    holder = outer.enter(_TAGGED_0, "responseBytes").enter(SEQUENCE, "ResponseBytes")
    holder.oid("responseType")
    return holder.enter(OCTET_STRING, "response").enter(SEQUENCE, "BasicOCSPResponse")


def _require_signature(
    identifier: bytes,
    tbs: bytes,
    response: ocsp.OCSPResponse,
    question: UpstreamQuestion,
    rules: UpstreamRules,
    now: datetime,
) -> None:
    """RFC 6960 section 3.2 (2), (4): a valid signature of somebody who may give it."""
    if algorithm_name(identifier) is None:
        code, got = unverifiable(identifier)
        raise upstream_refused(code, "a signature algorithm of the allow-list", got)
    keys = signing_keys(
        response,
        question.issuer,
        pinned=rules.pinned,
        accept_without_nocheck=rules.accept_without_nocheck,
        now=now,
    )
    digests = {name: hashlib.new(name, tbs).digest() for name in signed_hashes(identifier)}
    signature = response.signature
    if not any(signature_verifies(key, identifier, signature, memoryview(tbs), digests) for key in keys):
        raise upstream_refused("SIGNATURE", "a signature of the responder that is named", "another")


def _require_nonce(response: ocsp.OCSPResponse, question: UpstreamQuestion, rules: UpstreamRules) -> None:
    """RFC 9654 section 2.1 and RFC 6960 section 4.4.1: one that comes back must be the one that was sent."""
    answered: bytes | None = None
    for extension in response.extensions:
        if extension.oid == OCSPExtensionOID.NONCE:
            answered = extension.value.nonce if isinstance(extension.value, x509.OCSPNonce) else b""
        elif extension.critical:
            raise upstream_refused("EXTENSION", "no unknown critical extension in the response", "one")
    if question.nonce is None:
        return  # an answer made beforehand for somebody else; its dates bound it
    if answered is None:
        if rules.require_nonce:
            raise upstream_refused("NONCE", "the nonce that was sent", "none")
        return
    if not hmac.compare_digest(answered, question.nonce):
        raise upstream_refused("NONCE", "the nonce that was sent", "another")


def _require_fresh(word: UpstreamWord, rules: UpstreamRules, now: datetime) -> None:
    """RFC 6960 section 3.2 (5), (6): known recently, and newer information is not out yet.

    Clocks may differ by five minutes towards the future; beyond nextUpdate nothing is believed.
    """
    latest = now + CLOCK_TOLERANCE
    if word.this_update > latest or word.produced_at > latest:
        raise upstream_refused("NOT_YET", "thisUpdate and producedAt not in the future", "a later time")
    if word.next_update is None:
        if now - word.this_update > rules.max_age:
            raise upstream_refused(
                "STALE", f"a thisUpdate of the last {rules.max_age.total_seconds():.0f} s", "an older one"
            )
    elif not word.this_update < word.next_update or now >= word.next_update:
        raise upstream_refused("STALE", "a nextUpdate that lies ahead", "one that is over")
