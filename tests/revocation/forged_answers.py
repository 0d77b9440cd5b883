"""Another responder's answers, octet by octet: each property can be bent; nothing is shared with the product.

What a request asks is read by asn1crypto.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import ocsp as asn1
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from revocation.authorities import Generation
from revocation.ocsp.upstream_question import UpstreamQuestion, question_about
from tests import pki
from tests.pki import Encoding, SigningGeneration, der_int, der_oid, extension, seq, tlv
from tests.revocation.sets import T0, ca, world

NOW = T0 + timedelta(hours=6)
HOUR = timedelta(hours=1)
NONCE = "1.3.6.1.5.5.7.48.1.2"
SERIAL = bytes.fromhex("00bfcd")
_, AUTHORITY = world()


def issuer(generation: int = -1) -> SigningGeneration:
    return ca().generations[generation]


def known_issuer(generation: int = -1) -> Generation:
    """The same key as the product knows it."""
    return AUTHORITY.generations[generation]


def asked(serial: bytes = SERIAL, **options: Any) -> UpstreamQuestion:
    return question_about(known_issuer(), serial, **options)


def cert_id_of(request: bytes) -> bytes:
    """reqCert of the only Request, as it stands."""
    (one,) = asn1.OCSPRequest.load(request, strict=True)["tbs_request"]["request_list"]
    return bytes(one["req_cert"].dump())


def nonce_of(request: bytes) -> bytes | None:
    value = asn1.OCSPRequest.load(request, strict=True).nonce_value
    return None if value is None else bytes(value.native)


def generalized(at: datetime | bytes) -> bytes:
    return at if isinstance(at, bytes) else tlv(0x18, f"{at:%Y%m%d%H%M%S}Z".encode())


GOOD = tlv(0x80, b"")
UNKNOWN = tlv(0x82, b"")


def revoked(reason: int | bytes | None = 1, at: datetime = T0 - HOUR) -> bytes:
    code = b"" if reason is None else tlv(0xA0, der_int(reason, tag=0x0A))
    return tlv(0xA1, generalized(at) + code)


def single(
    cert_id: bytes,
    status: bytes = GOOD,
    *,
    this_update: datetime | bytes = NOW - HOUR,
    next_update: datetime | None = NOW + HOUR,
    extensions: Sequence[bytes] = (),
) -> bytes:
    following = b"" if next_update is None else tlv(0xA0, generalized(next_update))
    more = tlv(0xA1, seq(*extensions)) if extensions else b""
    return seq(cert_id, status, generalized(this_update), following, more)


def by_key(private: Any) -> bytes:
    """responderID by the SHA-1 of the key: the same as subjectKeyIdentifier by RFC 5280's method (1)."""
    digest = x509.SubjectKeyIdentifier.from_public_key(private.public_key()).digest
    return tlv(0xA2, tlv(0x04, digest))


def by_name(certificate: x509.Certificate) -> bytes:
    return tlv(0xA1, certificate.subject.public_bytes())


def response(
    *singles: bytes,
    private: Any = None,
    responder_id: bytes | None = None,
    produced_at: datetime = NOW - HOUR,
    nonce: bytes | None = None,
    extensions: Sequence[bytes] = (),
    certificates: Sequence[x509.Certificate] = (),
    algorithm: bytes | None = None,
    digest: Any = None,
    broken: bool = False,
    response_type: str = "1.3.6.1.5.5.7.48.1.1",
    version: bytes = b"",
    behind: bytes = b"",
) -> bytes:
    """A whole OCSPResponse; by default the newest CA key itself signs it."""
    private = private or issuer().private
    more = list(extensions)
    if nonce is not None:
        more.append(extension(NONCE, tlv(0x04, nonce)))
    tbs = seq(
        version,
        responder_id or by_key(private),
        generalized(produced_at),
        seq(*singles),
        tlv(0xA1, seq(*more)) if more else b"",
    )
    signature = pki.sign(private, tbs, digest=digest)
    if broken:
        signature = pki.sign(private, tbs + b"\x00", digest=digest)
    chain = [each.public_bytes(Encoding.DER) for each in certificates]
    basic = seq(
        tbs,
        algorithm or pki.default_algorithm(private),
        tlv(0x03, b"\x00" + signature),
        tlv(0xA0, seq(*chain)) if chain else b"",
    )
    return seq(der_int(0, tag=0x0A), tlv(0xA0, seq(der_oid(response_type), tlv(0x04, basic)))) + behind


def error_response(status: int) -> bytes:
    return seq(der_int(status, tag=0x0A))


def delegate(
    private: Any,
    signer: SigningGeneration | None = None,
    *,
    usage: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.OCSP_SIGNING,
    nocheck: bool = True,
    start: datetime = T0 - 10 * HOUR,
    lives: timedelta = 100 * HOUR,
    common_name: str = "OCSP responder",
    key_usage: x509.KeyUsage | None = None,
    strange: x509.UnrecognizedExtension | None = None,
    issuer_dn: x509.Name | None = None,
) -> x509.Certificate:
    """A responder certificate of a CA key; self-signed with ``signer`` None and ``issuer_dn`` None unbent."""
    signer = signer or issuer()
    builder = (
        x509.CertificateBuilder()
        .subject_name(pki.x509_name(("C", "JP"), ("O", "JPKI-TEST"), ("CN", common_name)))
        .issuer_name(issuer_dn or signer.certificate.subject)
        .public_key(private.public_key())
        .serial_number(77)
        .not_valid_before(start)
        .not_valid_after(start + lives)
    )
    if usage is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=True)
    if nocheck:
        builder = builder.add_extension(x509.OCSPNoCheck(), critical=False)
    if key_usage is not None:
        builder = builder.add_extension(key_usage, critical=True)
    if strange is not None:
        builder = builder.add_extension(strange, critical=True)
    return builder.sign(signer.private, hashes.SHA256())


def signed_with_sha1(certificate: x509.Certificate) -> x509.Certificate:
    """The same certificate with ecdsa-with-SHA1, which no library signs any more, by the newest CA key."""
    weak = seq(der_oid("1.2.840.10045.4.1"))
    tbs = certificate.tbs_certificate_bytes
    content = tbs[4 if tbs[1] == 0x82 else 3 :].replace(pki.ALGORITHMS["ecdsa-with-SHA256"], weak, 1)
    signature = pki.sign(issuer().private, seq(content), digest=hashes.SHA1())  # noqa: S303
    return x509.load_der_x509_certificate(seq(seq(content), weak, tlv(0x03, b"\x00" + signature)))


def cert_id(
    serial: bytes = SERIAL, *, hash_name: str = "sha1", generation: int = -1, null: bytes = b"\x05\x00"
) -> bytes:
    """A CertID made from the issuer's certificate by hand."""
    oids = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1"}
    certificate = issuer(generation).certificate
    key = x509.SubjectKeyIdentifier.from_public_key(issuer(generation).private.public_key()).digest
    if hash_name == "sha256":
        key = issuer(generation).key_id
    name = hashlib.new(hash_name, certificate.subject.public_bytes()).digest()
    return seq(seq(der_oid(oids[hash_name]), null), tlv(4, name), tlv(4, key), der_int(serial))
