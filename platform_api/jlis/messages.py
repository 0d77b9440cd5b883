"""What is asked of J-LIS and what it may answer, whatever its wire format (under NDA) will be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from platform_api.certificates.four_items import FourInformation
from revocation.identity import CertificateIdentity
from revocation.status import Validity


class QueryOutcome(StrEnum):
    """What J-LIS may answer to a four-information query."""

    DATA = "DATA"
    NO_NEWER_INFORMATION = "NO_NEWER_INFORMATION"
    NO_NEW_CERTIFICATE = "NO_NEW_CERTIFICATE"
    CONSENT_MISSING = "CONSENT_MISSING"
    CONSENT_NOT_YET_EFFECTIVE = "CONSENT_NOT_YET_EFFECTIVE"
    CONSENT_EXPIRED = "CONSENT_EXPIRED"
    CONSENT_WITHDRAWN = "CONSENT_WITHDRAWN"
    ITEM_NOT_CONSENTED = "ITEM_NOT_CONSENTED"
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
    """J-LIS took the consent in: its reference, when, and the time it will honour it.

    ``reflected_at``, ``valid_from`` and ``valid_until`` are None together, while J-LIS has received it but
    not yet reflected it: ask again with ``consent_state``. ``withdrawn_at`` once it is withdrawn.
    """

    consent_ref: str
    received_at: datetime
    reflected_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None
    items: frozenset[str]
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True, repr=False)
class WithdrawalSubmission:
    """The signed withdrawal application (利用者同意取消申請情報). Passed through, not kept."""

    consent_ref: str
    service_code: str
    application: bytes
    signature: bytes
    signature_algorithm: str
    certificate: bytes

    def __repr__(self) -> str:
        return f"WithdrawalSubmission(service_code={self.service_code!r}, hidden)"


@dataclass(frozen=True, slots=True)
class WithdrawalReceipt:
    """J-LIS took the withdrawal in; from ``reflected_at`` on it gives nothing more by this consent."""

    consent_ref: str
    received_at: datetime
    reflected_at: datetime


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """One consent that ended at J-LIS, by whichever way the holder took."""

    consent_ref: str
    service_code: str
    reflected_at: datetime


@dataclass(frozen=True, slots=True)
class WithdrawalPage:
    """Withdrawals after a cursor, in J-LIS's order; ``cursor`` is where to read on, also of an empty page.

    What was reflected up to ``as_of`` is in this page or an earlier one, unless ``more``.
    """

    withdrawals: tuple[Withdrawal, ...]
    cursor: str
    as_of: datetime
    more: bool


class LinkRelation(StrEnum):
    """Which other certificate of the same person is asked for (law art. 18(4), 18(5); old to new)."""

    #: The newest signing certificate of the same kind that followed this one.
    SUCCESSOR = "successor"
    #: The card's signing certificate that a phone's belongs to, and the other way round.
    CARD = "card"
    MOBILE = "mobile"
    #: The authentication certificate of the same card or phone.
    AUTHENTICATION = "authentication"


class LinkageOutcome(StrEnum):
    """What J-LIS may answer to a linkage query."""

    LINKED = "LINKED"
    #: There is no such certificate in force.
    NONE = "NONE"
    #: The customer's agreement is missing, or J-LIS does not accept it.
    NOT_AGREED = "NOT_AGREED"
    CERTIFICATE_UNKNOWN = "CERTIFICATE_UNKNOWN"


@dataclass(frozen=True, slots=True)
class LinkageQuery:
    """Asked only with the customer's agreement (``customer_agreed``); without it no adapter sends it."""

    identity: CertificateIdentity
    service_code: str
    relation: LinkRelation
    customer_agreed: bool


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
    #: ``card-sign`` …; None where J-LIS does not say it and the CA tells (one kind only).
    kind: str | None = None

    def __repr__(self) -> str:
        return "SuccessorCertificate(hidden)"


@dataclass(frozen=True, slots=True)
class LinkageAnswer:
    """An outcome; the certificate with LINKED only."""

    outcome: LinkageOutcome
    certificate: SuccessorCertificate | None = None


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
    #: May a hold end (phones)? False where J-LIS says nothing of it: then leaving a list is an anomaly.
    hold_releasable: bool = False


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
