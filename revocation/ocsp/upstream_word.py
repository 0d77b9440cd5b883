"""What another OCSP responder said of one certificate, once everything about its answer was verified."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from revocation.errors import OutsideFailed
from revocation.reasons import CRLReason


class CertStatus(StrEnum):
    """RFC 6960 section 4.2.1, by its ASN.1 names. ``good`` says no more than "not revoked"."""

    good = "good"
    revoked = "revoked"
    unknown = "unknown"


@dataclass(frozen=True, slots=True, repr=False)
class UpstreamWord:
    """A verified answer. It is evidence beside our lists, never instead of them (``newer_evidence.py``)."""

    status: CertStatus
    #: Raw CRLReason octet, 0xFF where the responder gave none; None where it did not say revoked.
    reason: int | None
    revoked_at: datetime | None
    #: When this was known to be so.
    this_update: datetime
    #: None: the responder has newer information at any time (RFC 6960 section 4.2.2.1).
    next_update: datetime | None
    #: When it was signed.
    produced_at: datetime
    #: When we verified it.
    received_at: datetime

    @property
    def held(self) -> bool:
        """Revoked for the time being only; every other reason, also one that we do not know, is final."""
        return self.status is CertStatus.revoked and self.reason == CRLReason.certificate_hold

    def __repr__(self) -> str:
        return f"UpstreamWord({self.status.value}, certificate=hidden)"


class UpstreamRefused(OutsideFailed):
    """The other responder's answer cannot be used: nothing of it was."""


def upstream_refused(code: str, expected: str, got: str, remedy: str = "") -> UpstreamRefused:
    """``code`` without its prefix. Texts hold nothing of the certificate, nor of the answer's octets."""
    return UpstreamRefused(
        f"UPSTREAM_{code}",
        expected=expected,
        got=got,
        remedy=remedy or "nothing of it was used; compare the settings with what the responder offers",
    )
