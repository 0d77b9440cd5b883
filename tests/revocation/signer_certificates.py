"""Responder certificates of every kind for the tests of signers: right ones, and each way to be wrong."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from tests import pki
from tests.revocation.ocsp_world import NOW
from tests.revocation.sets import DAY

OCSP_SIGNING = ExtendedKeyUsageOID.OCSP_SIGNING


def usage(*, digital_signature: bool) -> x509.KeyUsage:
    """With cRLSign, so that it is never empty."""
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )


def of_an_unknown_curve(key: Any) -> x509.Certificate:
    """A certificate whose key no library reads: its curve's OID is nobody's."""
    der = certificate(key).public_bytes(Encoding.DER)
    p256 = bytes.fromhex("06082a8648ce3d030107")
    assert der.count(p256) == 1
    return x509.load_der_x509_certificate(der.replace(p256, p256[:-1] + b"\x70"))


def certificate(
    key: Any,
    issuer: pki.SigningGeneration | None = None,
    *,
    start: datetime = NOW - DAY,
    life: timedelta = 30 * DAY,
    purposes: tuple[ObjectIdentifier, ...] = (OCSP_SIGNING,),
    nocheck: bool = True,
    ca: bool | None = False,
    key_usage: x509.KeyUsage | None = None,
    subject: str = "responder",
) -> x509.Certificate:
    """Self-signed, or by a CA's generation; whatever is asked for, sensible or not."""
    name = pki.x509_name(("CN", subject))
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(99)
        .not_valid_before(start)
        .not_valid_after(start + life)
    )
    if purposes:
        builder = builder.add_extension(x509.ExtendedKeyUsage(list(purposes)), critical=False)
    if nocheck:
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if key_usage is not None:
        builder = builder.add_extension(key_usage, critical=True)
    signer = key if issuer is None else issuer.private
    return builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256())
