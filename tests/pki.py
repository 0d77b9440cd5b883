"""A test CA for everybody's tests, and a hand-written DER list builder in which every field can be forged.

Nothing here is shared with the product: a fault in its DER code cannot hide in its own tests.
Keys come from a process-wide pool, because making RSA keys is what makes such suites slow.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from revocation.authorities import Authority, CrlSigning, ListScope, Partition
from revocation.authority_file import authority_from_certificates

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

#: The moment around which test data is made.
T0 = datetime(2026, 11, 20, 0, 0, tzinfo=UTC)

# --- DER, written by hand -------------------------------------------------------------------------------


def tlv(tag: int, content: bytes) -> bytes:
    """One element with the shortest definite length."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def seq(*parts: bytes) -> bytes:
    return tlv(0x30, b"".join(parts))


def der_int(value: int | bytes, tag: int = 0x02) -> bytes:
    """An INTEGER; bytes stand as they are, which is how wrong ones are made."""
    if isinstance(value, bytes):
        return tlv(tag, value)
    magnitude = value if value >= 0 else ~value
    return tlv(tag, value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def der_oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    content = b""
    for arc in (first * 40 + second, *rest):
        octets = [arc & 0x7F]
        while arc := arc >> 7:
            octets.append(0x80 | arc & 0x7F)
        content += bytes(reversed(octets))
    return tlv(0x06, content)


def der_time(at: datetime | bytes) -> bytes:
    """RFC 5280 section 4.1.2.5: UTCTime through 2049; bytes are a whole element, as they stand."""
    if isinstance(at, bytes):
        return at
    at = at.astimezone(UTC)
    if 1950 <= at.year < 2050:
        return tlv(0x17, f"{at:%y%m%d%H%M%S}Z".encode())
    return tlv(0x18, f"{at.year:04}{at:%m%d%H%M%S}Z".encode())


def extension(oid: str, value: bytes, *, critical: bool = False, explicit_false: bool = False) -> bytes:
    flag = b"\x01\x01\xff" if critical else (b"\x01\x01\x00" if explicit_false else b"")
    return seq(der_oid(oid), flag, tlv(0x04, value))


_ATTRIBUTES = {"C": "2.5.4.6", "O": "2.5.4.10", "OU": "2.5.4.11", "L": "2.5.4.7", "CN": "2.5.4.3"}


def name(*attributes: tuple[str, str], string_tag: int = 0x0C) -> bytes:
    """DER Name, one attribute per RDN; country as PrintableString like J-LIS does, the rest UTF8String."""
    return seq(
        *(
            tlv(
                0x31, seq(der_oid(_ATTRIBUTES[kind]), tlv(0x13 if kind == "C" else string_tag, text.encode()))
            )
            for kind, text in attributes
        )
    )


SIGN_DN = (
    ("C", "JP"),
    ("O", "JPKI-TEST"),
    ("OU", "JPKI for digital signature"),
    ("OU", "Japan Agency for Local Authority Information Systems"),
)


def point(number: int) -> bytes:
    """Distribution point of the nth test municipality, in J-LIS's form."""
    return name(
        *SIGN_DN[:3], ("OU", "CRL Distribution Points"), ("OU", "Tokyo-to"), ("CN", f"City-{number} CRLDP")
    )


# --- keys and CAs ---------------------------------------------------------------------------------------


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
    return x509.Name([x509.NameAttribute(x509.ObjectIdentifier(_ATTRIBUTES[k]), v) for k, v in attributes])


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
    ca: bool = True,
    crl_sign: bool = True,
    ski: bool = True,
) -> x509.Certificate:
    """Self-signed, as J-LIS's: keyCertSign and cRLSign, no AKI; each property can be taken away."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509_name(*dn))
        .issuer_name(x509_name(*dn))
        .public_key(private.public_key())
        .serial_number(serial)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=3653))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not crl_sign,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=crl_sign,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
    )
    if ski:
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(private.public_key()), critical=False
        )
    return builder.sign(private, _hash_for(private))


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
    return builder.sign(signer.private, _hash_for(signer.private))


# --- signatures and lists -------------------------------------------------------------------------------

ALGORITHMS = {
    "sha1WithRSAEncryption": seq(der_oid("1.2.840.113549.1.1.5"), b"\x05\x00"),
    "md5WithRSAEncryption": seq(der_oid("1.2.840.113549.1.1.4"), b"\x05\x00"),
    "sha256WithRSAEncryption": seq(der_oid("1.2.840.113549.1.1.11"), b"\x05\x00"),
    "sha256WithRSAEncryption-no-null": seq(der_oid("1.2.840.113549.1.1.11")),
    "sha384WithRSAEncryption": seq(der_oid("1.2.840.113549.1.1.12"), b"\x05\x00"),
    "sha512WithRSAEncryption": seq(der_oid("1.2.840.113549.1.1.13"), b"\x05\x00"),
    "ecdsa-with-SHA256": seq(der_oid("1.2.840.10045.4.3.2")),
    "ecdsa-with-SHA384": seq(der_oid("1.2.840.10045.4.3.3")),
    "Ed25519": seq(der_oid("1.3.101.112")),
}


def pss_algorithm(hash_oid: str = "2.16.840.1.101.3.4.2.1", salt: int = 32, *, mgf_hash: str = "") -> bytes:
    """RSASSA-PSS AlgorithmIdentifier (RFC 4055 section 3.1); every parameter can be made odd."""
    digest = seq(der_oid(hash_oid), b"\x05\x00")
    mgf_digest = seq(der_oid(mgf_hash or hash_oid), b"\x05\x00")
    mgf = seq(der_oid("1.2.840.113549.1.1.8"), mgf_digest)
    parameters = seq(tlv(0xA0, digest), tlv(0xA1, mgf), tlv(0xA2, der_int(salt)))
    return seq(der_oid("1.2.840.113549.1.1.10"), parameters)


def _hash_for(private: PrivateKey) -> Any:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return None
    if isinstance(private, ec.EllipticCurvePrivateKey) and private.curve.key_size == 384:
        return hashes.SHA384()
    return hashes.SHA256()


def default_algorithm(private: PrivateKey) -> bytes:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return ALGORITHMS["Ed25519"]
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return ALGORITHMS["ecdsa-with-SHA384" if private.curve.key_size == 384 else "ecdsa-with-SHA256"]
    return ALGORITHMS["sha256WithRSAEncryption"]


def sign(private: PrivateKey, data: bytes, *, pss_salt: int | None = None, digest: Any = None) -> bytes:
    digest = digest or _hash_for(private)
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(data)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.sign(data, ec.ECDSA(digest))
    if pss_salt is not None:
        return private.sign(data, padding.PSS(padding.MGF1(digest), pss_salt), digest)
    return private.sign(data, padding.PKCS1v15(), digest)


def entry(
    serial: int | bytes,
    revoked_at: datetime | bytes = T0 - timedelta(days=1),
    reason: int | None = None,
    *,
    invalidity_date: datetime | None = None,
    extensions: Sequence[bytes] = (),
) -> bytes:
    """One element of revokedCertificates; bytes for serial or date stand as they are."""
    parts = list(extensions)
    if reason is not None:
        parts.insert(0, extension("2.5.29.21", der_int(reason, tag=0x0A)))
    if invalidity_date is not None:
        parts.append(
            extension(
                "2.5.29.24", tlv(0x18, f"{invalidity_date.year:04}{invalidity_date:%m%d%H%M%S}Z".encode())
            )
        )
    return seq(der_int(serial), der_time(revoked_at), seq(*parts) if parts else b"")


_UNSET = b"\x00unset"


def issuing_distribution_point(distribution_point: bytes | None, *fields: bytes) -> bytes:
    """IDP value; ``fields`` are raw elements after the point, e.g. ``b"\\x84\\x01\\xff"`` for indirectCRL."""
    first = b"" if distribution_point is None else tlv(0xA0, tlv(0xA0, tlv(0xA4, distribution_point)))
    return seq(first, *fields)


def build_crl(
    signer: SigningGeneration,
    *,
    dn: bytes | None = None,
    distribution_point: bytes | None = None,
    number: int | None = 1,
    this_update: datetime | bytes = T0,
    next_update: datetime | bytes | None = T0 + timedelta(days=2),
    entries: Iterable[bytes] | None = (),
    version: int | None = 1,
    inner_algorithm: bytes | None = None,
    outer_algorithm: bytes | None = None,
    aki: bytes | None = _UNSET,
    idp: bytes | None = _UNSET,
    idp_critical: bool = True,
    delta_base: int | None = None,
    extra_extensions: Sequence[bytes] = (),
    extensions: Sequence[bytes] | None = None,
    private: PrivateKey | None = None,
    corrupt_signature: bool = False,
    pss_salt: int | None = None,
    digest: Any = None,
    trailing: bytes = b"",
) -> bytes:
    """A signed CertificateList. By default what J-LIS would publish; each keyword forges one field.

    ``entries=None`` leaves revokedCertificates out, ``()`` does too (RFC 5280 section 5.1.2.6);
    ``[b""]`` writes an empty one. ``private`` signs with a key other than the signer's own.
    """
    algorithm = inner_algorithm or default_algorithm(signer.private)
    entry_bytes = None if entries is None else list(entries)
    revoked = seq(b"".join(entry_bytes)) if entry_bytes else b""
    if extensions is None:
        found = []
        if aki is not None:
            found.append(extension("2.5.29.35", seq(tlv(0x80, signer.ski if aki == _UNSET else aki))))
        if number is not None:
            found.append(extension("2.5.29.20", der_int(number)))
        if idp == _UNSET:
            idp = None if distribution_point is None else issuing_distribution_point(distribution_point)
        if idp is not None:
            found.append(extension("2.5.29.28", idp, critical=idp_critical))
        if delta_base is not None:
            found.append(extension("2.5.29.27", der_int(delta_base), critical=True))
        extensions = [*found, *extra_extensions]
    tbs = seq(
        b"" if version is None else der_int(version),
        algorithm,
        name(*SIGN_DN) if dn is None else dn,
        der_time(this_update),
        b"" if next_update is None else der_time(next_update),
        revoked,
        tlv(0xA0, seq(*extensions)) if extensions else b"",
    )
    signature = sign(private or signer.private, tbs, pss_salt=pss_salt, digest=digest)
    if corrupt_signature:
        signature = signature[:-1] + bytes([signature[-1] ^ 1])
    return seq(tbs, outer_algorithm or algorithm, tlv(0x03, b"\x00" + signature)) + trailing


def crl_for(
    ca: CA, scope: ListScope, entries: Iterable[bytes] = (), *, number: int = 1, **forged: Any
) -> bytes:
    """The list of one expected scope of ``ca.authority()``."""
    forged.setdefault("distribution_point", point(scope.partition_number))
    return build_crl(ca.signer_of(scope), dn=ca.subject, entries=entries, number=number, **forged)


__all__ = [
    "ALGORITHMS",
    "CA",
    "SIGN_DN",
    "T0",
    "CrlSigning",
    "SigningGeneration",
    "build_crl",
    "ca_certificate",
    "crl_for",
    "der_int",
    "der_oid",
    "der_time",
    "entry",
    "extension",
    "issue",
    "issuing_distribution_point",
    "key",
    "key_hash",
    "make_ca",
    "name",
    "point",
    "pss_algorithm",
    "seq",
    "sign",
    "tlv",
]
