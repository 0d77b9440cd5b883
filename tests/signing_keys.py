"""Test CAs and the certificates they issue; each property can be taken away.

Keys come from a process-wide pool, because making RSA keys is what makes such suites slow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from revocation.authorities import Authority, ListScope, Partition
from revocation.authority_file import authority_from_certificates
from tests.der_writer import ATTRIBUTES, SIGN_DN, T0, name, point, seq, tlv

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@lru_cache(maxsize=64)
def key(kind: str = "rsa", number: int = 0) -> Any:
    """The nth key of a kind ("rsa", "rsa1024", "p256", "p384", "ed25519"), made once per process."""
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if kind == "rsa1024":
        return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    if kind == "p256":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "p384":
        return ec.generate_private_key(ec.SECP384R1())
    return ed25519.Ed25519PrivateKey.generate()


def key_hash(private: PrivateKey) -> bytes:
    """SHA-256 of the subjectPublicKey content, by cryptography's own OCSP-less way: from the two formats."""
    public = private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        bits = public.public_bytes(Encoding.DER, PublicFormat.PKCS1)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        bits = public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    else:
        bits = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(bits).digest()


def x509_name(*attributes: tuple[str, str]) -> x509.Name:
    """The same name for cryptography's builders."""
    return x509.Name([x509.NameAttribute(x509.ObjectIdentifier(ATTRIBUTES[k]), v) for k, v in attributes])


@dataclass(frozen=True)
class SigningGeneration:
    """One key of a test CA."""

    private: PrivateKey
    certificate: x509.Certificate

    @property
    def key_id(self) -> bytes:
        return key_hash(self.private)

    @property
    def ski(self) -> bytes:
        return x509.SubjectKeyIdentifier.from_public_key(self.private.public_key()).digest


@dataclass(frozen=True)
class CA:
    """A test CA: one DN, generations oldest first."""

    dn: tuple[tuple[str, str], ...]
    generations: tuple[SigningGeneration, ...]
    kind: str = "rsa"
    _counter: list[int] = field(default_factory=lambda: [1000])

    @property
    def certificates(self) -> list[x509.Certificate]:
        return [generation.certificate for generation in self.generations]

    @property
    def subject(self) -> bytes:
        return name(*self.dn)

    def authority(
        self, ca_id: str = "card-sign", *, partitions: int | Sequence[Partition] = 2, **settings: Any
    ) -> Authority:
        """The Authority of this CA; a number means the first n test municipalities as partitions."""
        if isinstance(partitions, int):
            partitions = [Partition(n, point(n), f"City-{n}") for n in range(1, partitions + 1)]
        settings["partitions"] = partitions
        settings.setdefault("kinds", {"1.2.392.200149.8.5.1.0.20": ca_id})
        return authority_from_certificates(ca_id, self.certificates, **settings)

    def signer_of(self, scope: ListScope) -> SigningGeneration:
        return next(g for g in self.generations if g.key_id.hex() == scope.signing_key)

    def next_serial(self) -> int:
        self._counter[0] += 1
        return self._counter[0]


def make_ca(
    dn: tuple[tuple[str, str], ...] = SIGN_DN, generations: int = 2, *, kind: str = "rsa", first_key: int = 0
) -> CA:
    """A CA with live generations four years apart, each self-signed under one DN."""
    made = []
    for n in range(generations):
        private = key(kind, first_key + n)
        start = datetime(2019 + 4 * n, 9, 14, tzinfo=UTC)
        made.append(SigningGeneration(private, ca_certificate(private, dn, start, serial=n + 1)))
    return CA(dn, tuple(made), kind)


def ca_certificate(
    private: PrivateKey,
    dn: tuple[tuple[str, str], ...],
    start: datetime,
    *,
    serial: int = 1,
    ca: bool | None = True,
    crl_sign: bool | None = True,
    ski: bool = True,
) -> x509.Certificate:
    """Self-signed, as J-LIS's: keyCertSign and cRLSign, no AKI; each property can be taken away.

    ``None`` leaves basicConstraints or keyUsage out.
    """
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509_name(*dn))
        .issuer_name(x509_name(*dn))
        .public_key(private.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3653))
    )
    if ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    if crl_sign is not None:
        usage = x509.KeyUsage(
            digital_signature=not crl_sign,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=crl_sign,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
    if ski:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False
        )
    return builder.sign(private, hash_for(private))


def issue(
    ca: CA,
    *,
    generation: int = -1,
    serial: int | None = None,
    common_name: str = "TESTCARD20261120131016001A",
    distribution_point: bytes | None = None,
    not_before: datetime = T0 - timedelta(days=30),
    not_after: datetime = T0 + timedelta(days=1500),
    public_key: Any = None,
    policy: str = "1.2.392.200149.8.5.1.0.20",
    other_names: Sequence[tuple[str, str]] = (),
) -> x509.Certificate:
    """An end-entity certificate; ``other_names`` are (OID, text) of the subjectAltName, in this order."""
    signer = ca.generations[generation]
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509_name(("C", "JP"), ("L", "Tokyo-to"), ("L", "City-1"), ("CN", common_name)))
        .issuer_name(x509_name(*ca.dn))
        .public_key(public_key or key("p256", 99).public_key())
        .serial_number(ca.next_serial() if serial is None else serial)
        .not_valid_before(not_before)
        .not_valid_after(not_after)
        .add_extension(
            x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(policy), None)]),
            critical=True,
        )
        .add_extension(x509.AuthorityKeyIdentifier(signer.ski, None, None), critical=False)
    )
    value = point(1) if distribution_point is None else distribution_point
    crldp = seq(seq(tlv(0xA0, tlv(0xA0, tlv(0xA4, value)))))
    builder = builder.add_extension(
        x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.31"), crldp), critical=False
    )
    if other_names:
        names = [x509.OtherName(x509.ObjectIdentifier(o), tlv(0x0C, t.encode())) for o, t in other_names]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signer.private, hash_for(signer.private))


def hash_for(private: PrivateKey) -> Any:
    """What this kind of key signs with by default."""
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.key_size == 384:
        return hashes.SHA384()
    return hashes.SHA256()
