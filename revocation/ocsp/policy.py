"""What RFC 6960 leaves to a responder's operator, as data; the defaults are the safe and quick choice."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509

from revocation.answers import AfterNextUpdate
from revocation.errors import InputRefused
from revocation.ocsp.request import MOST_CERT_IDS


class TrustMode(StrEnum):
    """How clients come to trust the responder's certificate (RFC 6960 section 4.2.2.2)."""

    LOCAL = "local"
    DELEGATED = "delegated"


class NotIssued(StrEnum):
    """What is signed of a serial that the CA cannot have issued (RFC 6960 section 2.2)."""

    #: ``unknown``: clients go on to ask elsewhere.
    UNKNOWN = "unknown"
    #: ``revoked``, on hold since 1970, with id-pkix-ocsp-extended-revoke (section 4.4.8): clients stop.
    EXTENDED_REVOKE = "extended_revoke"


class NoncePolicy(StrEnum):
    """RFC 9654 section 2.1; of 0 or more than 128 octets the decoder refuses either way."""

    #: Echoed as it stands: a signature for each such request.
    ECHO = "echo"
    #: Answered without: one signed answer serves everybody (RFC 9919 section 4.1 allows it).
    IGNORE = "ignore"


class SignedRequests(StrEnum):
    """What a request's optionalSignature is worth (RFC 6960 section 4.1.2)."""

    #: Not looked at: who may ask is decided by whoever serves (RFC 9919 section 3.1.2).
    IGNORE = "ignore"
    #: One that is there must be by a requestor of ours.
    VERIFY = "verify"
    #: It must be there: else sigRequired (RFC 6960 section 2.3).
    REQUIRE = "require"


@dataclass(frozen=True, slots=True)
class ResponderPolicy:
    """The settings of one responder."""

    #: What is answered where no list is in force (design 5).
    after_next_update: AfterNextUpdate = AfterNextUpdate.TRY_LATER
    not_issued: NotIssued = NotIssued.UNKNOWN
    nonce: NoncePolicy = NoncePolicy.ECHO
    signed_requests: SignedRequests = SignedRequests.IGNORE
    #: Certificates whose keys may sign requests, pinned: no chain is built, and their dates count.
    requestors: tuple[x509.Certificate, ...] = ()
    #: Does the locally trusted certificate go along? Its clients hold it already (OpenSSL by -VAfile, GnuTLS
    #: and Java find the signer without), and it is most of an answer's octets. A delegate's always does, for
    #: nobody else has it (RFC 6960 section 4.2.2.3).
    certificate_in_local: bool = False
    #: A request for more certificates is malformed as a whole: no partial answer. The decoder takes no more
    #: than ``MOST_CERT_IDS``.
    most_cert_ids: int = 16

    def __post_init__(self) -> None:
        if not 1 <= self.most_cert_ids <= MOST_CERT_IDS:
            raise _refused(f"1 to {MOST_CERT_IDS} CertIDs in a request", "another number")
        if (self.signed_requests is SignedRequests.IGNORE) != (not self.requestors):
            raise _refused(
                "requestors' certificates exactly where signed requests are verified or required",
                "one without the other",
            )


def _refused(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "RESPONDER_POLICY_REFUSED", expected=expected, got=got, remedy="correct the responder's settings"
    )
