"""A builder of signed lists: by default what J-LIS would publish, and each keyword forges one field."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

from revocation.authorities import ListScope
from tests.der_writer import SIGN_DN, T0, der_int, der_oid, der_time, extension, name, point, seq, tlv
from tests.signing_keys import CA, PrivateKey, SigningGeneration, hash_for

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


def default_algorithm(private: PrivateKey) -> bytes:
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return ALGORITHMS["Ed25519"]
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return ALGORITHMS["ecdsa-with-SHA384" if private.curve.key_size == 384 else "ecdsa-with-SHA256"]
    return ALGORITHMS["sha256WithRSAEncryption"]


def sign(private: PrivateKey, data: bytes, *, pss_salt: int | None = None, digest: Any = None) -> bytes:
    digest = digest or hash_for(private)
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
    forged.setdefault("dn", ca.subject)
    return build_crl(ca.signer_of(scope), entries=entries, number=number, **forged)
