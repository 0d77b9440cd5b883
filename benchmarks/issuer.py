"""The CA that signs the lists. Its key is always the same, and made anew in each process: none is kept."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from benchmarks.encoding import head, integer, tlv, utc_time
from revocation.authorities import Authority, Partition
from revocation.authority_certificates import authority_from_certificates

#: thisUpdate of the lists of day 0.
START: Final = datetime(2026, 1, 1, tzinfo=UTC)
DAY: Final = timedelta(days=1)
CA_ID: Final = "bench"
_RSA_SHA256: Final = bytes.fromhex("300d06092a864886f70d01010b0500")
_ECDSA_SHA256: Final = bytes.fromhex("300a06082a8648ce3d040302")
_AUTHORITY_KEY_IDENTIFIER: Final = "551d23"
_CRL_NUMBER: Final = "551d14"
_ISSUING_DISTRIBUTION_POINT: Final = "551d1c"
_CRITICAL: Final = b"\x01\x01\xff"
_SMALL_PRIMES: Final = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@lru_cache(maxsize=2)
def key_of(kind: str) -> Key:
    """The CA's key; worth nothing, since everybody can make it."""
    # The number is one whose sequence begins with two primes, so that no time is spent on looking for them.
    rng = random.Random(f"{kind} 404")
    if kind == "p-256":
        return ec.derive_private_key(rng.getrandbits(255) + 1, ec.SECP256R1())
    p, q = _prime(rng), _prime(rng)
    public = rsa.RSAPublicNumbers(65537, p * q)
    private = pow(65537, -1, (p - 1) * (q - 1))
    return rsa.RSAPrivateNumbers(
        p,
        q,
        private,
        rsa.rsa_crt_dmp1(private, p),
        rsa.rsa_crt_dmq1(private, q),
        rsa.rsa_crt_iqmp(p, q),
        public,
    ).private_key(unsafe_skip_rsa_key_validation=True)


def _prime(rng: random.Random) -> int:
    """1,024 bits, the two highest set; loading the key checks it once more."""
    while True:
        found = rng.getrandbits(1024) | 3 << 1022 | 1
        sieved = found % 65537 != 1 and all(found % small for small in _SMALL_PRIMES)
        if sieved and all(pow(base, found - 1, found) == 1 for base in (2, 3, 5, 7)):
            return found


def point_of(number: int) -> bytes:
    """DER of the directoryName of a partition's distribution point."""
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "JPKI benchmark"),
            x509.NameAttribute(NameOID.COMMON_NAME, f"CRL {number:05}"),
        ]
    ).public_bytes()


class Issuer:
    """One CA with one key; undivided, or with a list for each of ``lists`` partitions."""

    def __init__(self, kind: str, lists: int) -> None:
        self.key: Final = key_of(kind)
        self.lists: Final = lists
        self._identifier: Final = x509.SubjectKeyIdentifier.from_public_key(self.key.public_key())
        self._name: Final = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "JPKI benchmark")])
        self._algorithm: Final = _RSA_SHA256 if isinstance(self.key, rsa.RSAPrivateKey) else _ECDSA_SHA256
        #: As an issuer with one list has it; several have one name each.
        self.points: Final = (b"",) if lists == 1 else tuple(point_of(n) for n in range(1, lists + 1))

    def certificate(self) -> x509.Certificate:
        """Self-issued, and the same octets each time."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(START - 1000 * DAY)
            .not_valid_after(START + 3000 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(self._identifier, critical=False)
        )
        if isinstance(self.key, rsa.RSAPrivateKey):
            return builder.sign(self.key, SHA256())
        return builder.sign(self.key, SHA256(), ecdsa_deterministic=True)

    def partitions(self) -> tuple[Partition, ...]:
        return tuple(Partition(n, point, f"list {n}") for n, point in enumerate(self.points, 1))

    def authority(self) -> Authority:
        return authority_from_certificates(CA_ID, [self.certificate()], partitions=self.partitions())

    def this_update(self, day: int) -> datetime:
        """Of the lists of a day."""
        return START + day * DAY

    def crl_number(self, day: int) -> int:
        """As well."""
        return day + 1

    def before_entries(self, day: int, entries_size: int, after_size: int) -> bytes:
        """tbsCertList (RFC 5280 section 5.1.2) up to the first entry; without entries, to their place."""
        this_update = self.this_update(day)
        fields = (
            integer(1)
            + self._algorithm
            + self._name.public_bytes()
            + utc_time(this_update)
            + utc_time(this_update + 2 * DAY)
        )
        entries = head(0x30, entries_size) if entries_size else b""
        size = len(fields) + len(entries) + entries_size + after_size
        return head(0x30, size) + fields + entries

    def after_entries(self, day: int, number: int) -> bytes:
        """crlExtensions of partition ``number``: key identifier, CRL number, distribution point."""
        extensions = [
            _extension(_AUTHORITY_KEY_IDENTIFIER, tlv(0x30, tlv(0x80, self._identifier.digest))),
            _extension(_CRL_NUMBER, integer(self.crl_number(day))),
        ]
        if point := self.points[number - 1]:
            # fullName [0] in distributionPoint [0]; directoryName [4] (RFC 5280 section 5.2.5).
            value = tlv(0x30, tlv(0xA0, tlv(0xA0, tlv(0xA4, point))))
            extensions.append(_extension(_ISSUING_DISTRIBUTION_POINT, value, _CRITICAL))
        return tlv(0xA0, tlv(0x30, *extensions))

    @property
    def most_signature_octets(self) -> int:
        """Octets of the longest result of ``signature``."""
        value = self.key.key_size // 8 if isinstance(self.key, rsa.RSAPrivateKey) else 72
        return len(self._algorithm) + len(head(0x03, value + 1)) + value + 1

    def signature(self, digest: bytes) -> bytes:
        """signatureAlgorithm and signatureValue for a signed part with this SHA-256."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            value = self.key.sign(digest, padding.PKCS1v15(), Prehashed(SHA256()))
        else:
            value = self.key.sign(digest, ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True))
        return self._algorithm + tlv(0x03, b"\0", value)


def _extension(oid: str, value: bytes, critical: bytes = b"") -> bytes:
    return tlv(0x30, tlv(0x06, bytes.fromhex(oid)), critical, tlv(0x04, value))
