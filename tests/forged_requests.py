"""OCSP requests written octet by octet (RFC 6960 section 4.1.1), in which every part can be forged."""

from __future__ import annotations

from typing import Final

from tests.der_writer import der_int, der_oid, extension, seq, tlv

NONCE: Final = "1.3.6.1.5.5.7.48.1.2"
ACCEPTABLE_RESPONSES: Final = "1.3.6.1.5.5.7.48.1.4"
SERVICE_LOCATOR: Final = "1.3.6.1.5.5.7.48.1.7"
PREFERRED_ALGORITHMS: Final = "1.3.6.1.5.5.7.48.1.8"
BASIC: Final = "1.3.6.1.5.5.7.48.1.1"
EXPLICIT_V1: Final = b"\xa0\x03\x02\x01\x00"
NULL: Final = b"\x05\x00"

HASH_OIDS: Final = {
    "sha1": "1.3.14.3.2.26",
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
HASH_OCTETS: Final = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}


def algorithm(name: str = "sha256", parameters: bytes = NULL) -> bytes:
    """AlgorithmIdentifier of a hash, by its name or its OBJECT IDENTIFIER."""
    return seq(der_oid(HASH_OIDS.get(name, name)), parameters)


def some_cert_id(
    serial: int | bytes = 9,
    *,
    hash_name: str = "sha256",
    parameters: bytes = NULL,
    name_hash: bytes | None = None,
    key_hash: bytes | None = None,
) -> bytes:
    """A CertID of an issuer that does not exist."""
    size = HASH_OCTETS.get(hash_name, 16)
    name_hash = b"\x11" * size if name_hash is None else name_hash
    key_hash = b"\x22" * size if key_hash is None else key_hash
    return seq(algorithm(hash_name, parameters), tlv(4, name_hash), tlv(4, key_hash), der_int(serial))


def request(
    *cert_ids: bytes,
    version: bytes = b"",
    requestor: bytes = b"",
    extensions: tuple[bytes, ...] = (),
    single: tuple[bytes, ...] = (),
    signature: bytes = b"",
) -> bytes:
    """``single`` are the extensions of each Request; ``signature`` is the whole [0] element."""
    singles = tlv(0xA0, seq(*single)) if single else b""
    outer = tlv(0xA2, seq(*extensions)) if extensions else b""
    return seq(seq(version, requestor, seq(*(seq(each, singles) for each in cert_ids)), outer), signature)


def nonce(value: bytes, **options: bool) -> bytes:
    return extension(NONCE, tlv(4, value), **options)


def bare_nonce(value: bytes, **options: bool) -> bytes:
    """As RFC 2560's clients wrote it: no OCTET STRING inside of extnValue."""
    return extension(NONCE, value, **options)


def requestor(general_name: bytes) -> bytes:
    return tlv(0xA1, general_name)


def signature_of(
    bits: bytes = b"\0" + b"s" * 64,
    *,
    signed_with: bytes | None = None,
    certificates: tuple[bytes, ...] | None = None,
) -> bytes:
    """optionalSignature; ``certificates`` None leaves the certs field out."""
    signed_with = seq(der_oid("1.2.840.10045.4.3.2")) if signed_with is None else signed_with
    certs = b"" if certificates is None else tlv(0xA0, seq(*certificates))
    return tlv(0xA0, seq(signed_with, tlv(3, bits), certs))
