"""Two CAs as files: an RSA one and a P-256 one, each with a CRL, two responder certificates and leaves.

Every leaf names the responder's address in its AuthorityInformationAccess (RFC 5280 section 4.2.2.1), since
half of the clients take it from there; so there is one for each trust mode and status.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from tests.clients.cases import Kind, Status, Trust
from tests.signing_keys import key, x509_name

#: Clients compare with the machine's clock.
NOW = datetime.now(UTC).replace(microsecond=0)
THIS_UPDATE = NOW - timedelta(hours=1)
NEXT_UPDATE = NOW + timedelta(days=1)
REVOKED_AT = NOW - timedelta(days=2)
#: No serial above it was ever issued.
SERIAL_CEILING = 0xFFFF
_FIRST_SERIAL = {Status.GOOD: 0x8F01, Status.REVOKED: 0x2001, Status.HOLD: 0x3001, Status.UNKNOWN: 0x10001}


def serial_of(status: Status, trust: Trust) -> int:
    """The good one has its highest bit set, so that its INTEGER has a leading zero."""
    return _FIRST_SERIAL[status] + list(Trust).index(trust)


@dataclass(frozen=True)
class Folder:
    """One CA's files, by their names; PEM."""

    kind: Kind
    path: Path

    @property
    def ca(self) -> Path:
        return self.path / "ca.pem"

    @property
    def crl(self) -> Path:
        return self.path / "ca.crl"

    def signer(self, trust: Trust) -> Path:
        """The responder's certificate: self-signed and to be pinned, or issued by the CA."""
        return self.path / f"{trust}-responder.pem"

    def signer_key(self, trust: Trust) -> Path:
        return self.path / f"{trust}-responder.key"

    def leaf(self, status: Status, trust: Trust) -> Path:
        return self.path / f"{status}-{trust}.pem"

    def leaf_key(self, status: Status, trust: Trust) -> Path:
        return self.path / f"{status}-{trust}.key"

    def host(self, status: Status, trust: Trust) -> str:
        """The leaf's dNSName."""
        return f"{status}.{trust}.{self.kind}.test"

    def certificate(self, path: Path) -> x509.Certificate:
        return x509.load_pem_x509_certificate(path.read_bytes())


def write_folder(path: Path, kind: Kind, urls: Mapping[Trust, str]) -> Folder:
    """All of one CA; ``urls`` says where its responder answers in each mode."""
    path.mkdir()
    folder = Folder(kind, path)
    ca_key = key(kind, 80)
    ca_name = x509_name(("C", "JP"), ("O", "JPKI-TEST"), ("CN", f"Client test CA {kind}"))
    ca = _certificate(
        ca_name, ca_name, ca_key, ca_key, 1,
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (_usage(key_cert_sign=True, crl_sign=True), True),
    )  # fmt: skip
    folder.ca.write_bytes(ca.public_bytes(Encoding.PEM))
    for trust in Trust:
        name = x509_name(("C", "JP"), ("O", "JPKI-TEST"), ("CN", f"OCSP responder {trust}"))
        responder_key = key(kind, 81 + list(Trust).index(trust))
        by_ca = trust is Trust.DELEGATED
        responder = _certificate(
            name, ca_name if by_ca else name, responder_key, ca_key if by_ca else responder_key, 77,
            (_usage(digital_signature=True), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.OCSP_SIGNING]), False),
            (x509.OCSPNoCheck(), False),
        )  # fmt: skip
        folder.signer(trust).write_bytes(responder.public_bytes(Encoding.PEM))
        _write_key(folder.signer_key(trust), responder_key)
        for status in Status:
            _write_leaf(folder, ca_name, ca_key, status, trust, urls[trust])
    folder.crl.write_bytes(_crl(ca_name, ca_key).public_bytes(Encoding.PEM))
    return folder


def _write_leaf(
    folder: Folder, ca_name: x509.Name, ca_key: Any, status: Status, trust: Trust, url: str
) -> None:
    leaf_key = key(folder.kind, 83)
    host = folder.host(status, trust)
    leaf = _certificate(
        x509_name(("C", "JP"), ("CN", host)), ca_name, leaf_key, ca_key, serial_of(status, trust),
        (_usage(digital_signature=True), True),
        (x509.SubjectAlternativeName([x509.DNSName(host)]), False),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (_responder_at(url), False),
    )  # fmt: skip
    folder.leaf(status, trust).write_bytes(leaf.public_bytes(Encoding.PEM))
    _write_key(folder.leaf_key(status, trust), leaf_key)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    public: Any,
    private: Any,
    serial: int,
    *extensions: tuple[x509.ExtensionType, bool],
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public.public_key())
        .serial_number(serial)
        .not_valid_before(NOW - timedelta(days=9))
        .not_valid_after(NOW + timedelta(days=90))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(private.public_key()), critical=False
        )
    )
    for value, critical in extensions:
        builder = builder.add_extension(value, critical=critical)
    return builder.sign(private, hashes.SHA256())


def _crl(issuer: x509.Name, private: Any) -> x509.CertificateRevocationList:
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer)
        .last_update(THIS_UPDATE)
        .next_update(NEXT_UPDATE)
        .add_extension(x509.CRLNumber(1), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(private.public_key()), critical=False
        )
    )
    for trust in Trust:
        for status, reason in (
            (Status.REVOKED, x509.ReasonFlags.key_compromise),
            (Status.HOLD, x509.ReasonFlags.certificate_hold),
        ):
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(serial_of(status, trust))
                .revocation_date(REVOKED_AT)
                .add_extension(x509.CRLReason(reason), critical=False)
                .build()
            )
    return builder.sign(private, hashes.SHA256())


def _usage(**asserted: bool) -> x509.KeyUsage:
    fields = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: asserted.get(name, False) for name in fields})


def _responder_at(url: str) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, x509.UniformResourceIdentifier(url))]
    )


def _write_key(path: Path, private: Any) -> None:
    path.touch(mode=0o600)
    path.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
