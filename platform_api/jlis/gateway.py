"""The port to J-LIS: what we ask and what it may answer, whatever its wire format (under NDA) will be.

An adapter raises ``OutsideFailed`` when J-LIS could not be asked (nothing is known, ask again) and
``GatewayRefused`` when J-LIS said no. It never gives a half-read answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from platform_api.certificates.four_items import FourInformation
from revocation.errors import InputRefused
from revocation.identity import CertificateIdentity
from revocation.status import Validity


class GatewayRefused(InputRefused):
    """J-LIS refused what we sent; ``code`` is ours, by the table of the adapter."""


class QueryOutcome(StrEnum):
    """What J-LIS may answer to a four-information query."""

    DATA = "DATA"
    NO_NEWER_INFORMATION = "NO_NEWER_INFORMATION"
    NO_NEW_CERTIFICATE = "NO_NEW_CERTIFICATE"
    CONSENT_MISSING = "CONSENT_MISSING"
    CERTIFICATE_UNKNOWN = "CERTIFICATE_UNKNOWN"


@dataclass(frozen=True, slots=True, repr=False)
class ConsentSubmission:
    """The signed application as the holder signed it. Passed through, not kept."""

    service_code: str
    application: bytes
    signature: bytes
    signature_algorithm: str
    certificate: bytes

    def __repr__(self) -> str:
        return f"ConsentSubmission(service_code={self.service_code!r}, hidden)"


@dataclass(frozen=True, slots=True)
class ConsentReflection:
    """J-LIS took the consent in: its reference, when, and the time it will honour it."""

    consent_ref: str
    received_at: datetime
    reflected_at: datetime
    valid_from: datetime
    valid_until: datetime
    items: frozenset[str]


@dataclass(frozen=True, slots=True)
class FourInformationQuery:
    """Asked with the certificate that the institution knows; J-LIS finds the newer one."""

    identity: CertificateIdentity
    service_code: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SuccessorCertificate:
    """The certificate that the items of a DATA answer come from."""

    identity: CertificateIdentity
    validity: Validity
    partition: int | None

    def __repr__(self) -> str:
        return "SuccessorCertificate(hidden)"


@dataclass(frozen=True, slots=True)
class FourInformationAnswer:
    """An outcome; items and certificate with DATA only."""

    outcome: QueryOutcome
    items: FourInformation | None = None
    certificate: SuccessorCertificate | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class AuthorityOffer:
    """A CA as J-LIS publishes it; an operator still decides to accept it."""

    ca_id: str
    crl_signing: str
    kinds: dict[str, str]
    certificates: tuple[str, ...]
    serial_ceiling: int | None


@dataclass(frozen=True, slots=True)
class ListOffer:
    """Where one generation's list of one partition lies."""

    generation: str
    url: str


@dataclass(frozen=True, slots=True)
class PartitionOffer:
    """One partition of a CA and its lists."""

    partition: int
    municipality_code: str
    distribution_point: bytes
    label: str
    lists: tuple[ListOffer, ...]


class Gateway(Protocol):
    """Everything we ask of J-LIS; the lists' bytes themselves are fetched by ``revocation.crl.fetch``."""

    async def authorities(self) -> Sequence[AuthorityOffer]:
        """The CAs with the certificates of all their generations."""
        ...

    async def partitions(self, ca_id: str) -> Sequence[PartitionOffer]:
        """Today's partitions of a CA."""
        ...

    async def submit_consent(self, submission: ConsentSubmission) -> ConsentReflection:
        """Hand over a signed consent. Sending the same application again is harmless."""
        ...

    async def query_four_information(self, query: FourInformationQuery) -> FourInformationAnswer:
        """Ask for the latest items of the person behind this certificate."""
        ...
