"""Signed receipts: what was verified of a consent when it came, and how it stands, for others to check.

JWS compact (RFC 7515), alg Ed25519 (RFC 9864), kid the key's thumbprint (RFC 7638). The public keys are at
``GET /v1/receipt-keys``; whoever kept them needs nothing of ours to verify. No serial number, no date of a
certificate and nothing of its holder is in either.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import orjson
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import OKPKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from platform_api.certificates.chain import KnownCertificate
    from platform_api.consents.history_store import HistoryRow
    from platform_api.consents.model import Consent
    from platform_api.consents.store import IssuedApplication
    from platform_api.consents.withdrawal_store import WithdrawalRecord
    from revocation.status import CertificateStatus

ALGORITHM: Final = "Ed25519"
#: ``typ`` of the two (RFC 7515 section 4.1.9): neither can be taken for the other.
RECEIPT_TYPE: Final = "jpki-consent-receipt"
PROOF_TYPE: Final = "jpki-consent-proof"


class ReceiptSigner:
    """``keys/receipt.pem``, ready to sign."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._key = OKPKey.import_key(pem)
        self.kid: Final = self._key.thumbprint()

    @property
    def public_jwk(self) -> dict[str, str]:
        """RFC 7517, RFC 8037; exactly these members."""
        members = self._key.as_dict(private=False)
        return {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": str(members["x"]),
            "kid": self.kid,
            "alg": ALGORITHM,
            "use": "sig",
        }

    def sign(self, kind: str, claims: dict[str, Any]) -> str:
        header = {"alg": ALGORITHM, "kid": self.kid, "typ": kind}
        return jws.serialize_compact(header, orjson.dumps(claims), self._key, algorithms=[ALGORITHM])

    def __repr__(self) -> str:
        return f"ReceiptSigner({self.kid!r})"


def receipt_claims(
    consent: Consent,
    issued: IssuedApplication,
    *,
    institution_id: UUID,
    service_code: str,
    certificate: KnownCertificate,
    signature_algorithm: str,
    status: CertificateStatus,
    set_seq: int,
    verified_at: datetime,
) -> dict[str, Any]:
    """What was verified at receipt. Only made where every check passed: each names its result."""
    return {
        "consent_id": str(consent.consent_id),
        "institution_id": str(institution_id),
        "service_id": str(consent.service_id),
        "service_code": service_code,
        "items": list(issued.items),
        "text_version": issued.text_version,
        "application_number": str(issued.application_number),
        "application_sha256": issued.sha256.hex(),
        "received_at": moment(consent.received_at),
        "verified_at": moment(verified_at),
        "certificate": {
            "ca_id": certificate.identity.ca_id,
            "issuer_key": certificate.identity.issuer_key.hex(),
            "kind": certificate.kind,
        },
        "checks": {
            "application": "OCTETS_AS_ISSUED",
            "signature": "VALID",
            "signature_algorithm": signature_algorithm,
            "issuer": "CONFIGURED_CA",
            "holder": "REGISTERED_CERTIFICATE",
            "validity": "WITHIN_DATES",
            "status": status.status.value,
            "set_seq": set_seq,
        },
    }


def proof_claims(
    consent: Consent,
    *,
    institution_id: UUID,
    receipt_sha256: str | None,
    history: Sequence[HistoryRow],
    withdrawal: WithdrawalRecord | None,
    polled_at: datetime | None,
    now: datetime,
) -> dict[str, Any]:
    """How the consent stands now, and by which steps it came there."""
    bounds = consent.validity
    return {
        "as_of": moment(now),
        "consent_id": str(consent.consent_id),
        "institution_id": str(institution_id),
        "service_id": str(consent.service_id),
        "state": consent.state_at(now).value,
        "items": sorted(consent.items),
        "receipt_sha256": receipt_sha256,
        "received_at": moment(consent.received_at),
        "reflected_at": moment(consent.reflected_at),
        "valid_from": moment(bounds.first if bounds else None),
        "valid_until": moment(bounds.last if bounds else None),
        "stops_at": moment(consent.stops_at),
        "withdrawals_read_up_to": moment(polled_at),
        "withdrawal": None
        if withdrawal is None
        else {
            "application_number": None
            if withdrawal.application_number is None
            else str(withdrawal.application_number),
            "received_at": moment(withdrawal.received_at),
            "forwarding": withdrawal.forwarding.value,
            "jlis_reflected_at": moment(withdrawal.jlis_reflected_at),
        },
        "history": [
            {
                "state": row.step.state.value,
                "at": moment(row.step.at),
                "recorded_at": moment(row.recorded_at),
                "who": row.step.who.value,
                "code": row.step.code,
            }
            for row in history
        ],
    }


def moment(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, as everywhere in the API."""
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
