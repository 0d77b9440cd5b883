"""OCSP requests with an optionalSignature (RFC 6960 section 4.1.1), by whatever key signs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.pki import ALGORITHMS, seq, tlv
from tests.revocation.ocsp_world import cert_id, request

#: A tbsRequest, and the AlgorithmIdentifier and signature that go with it.
Sign = Callable[[bytes], tuple[bytes, bytes]]


def by(key: Any, algorithm: str, digest: hashes.HashAlgorithm) -> Sign:
    def sign(tbs: bytes) -> tuple[bytes, bytes]:
        if isinstance(key, rsa.RSAPrivateKey):
            return ALGORITHMS[algorithm], key.sign(tbs, padding.PKCS1v15(), digest)
        return ALGORITHMS[algorithm], key.sign(tbs, ec.ECDSA(digest))

    return sign


def signed(sign: Sign, *, certificates: tuple[bytes, ...] = (), serial: int = 9) -> bytes:
    """The whole request, with its optionalSignature."""
    tbs = request(cert_id(serial))[2:]  # OCSPRequest's own header is two octets here
    assert request(cert_id(serial))[1] == len(tbs) < 0x80
    algorithm, signature = sign(tbs)
    certs = tlv(0xA0, seq(*certificates)) if certificates else b""
    return seq(tbs, tlv(0xA0, seq(algorithm, tlv(3, b"\0" + signature), certs)))
