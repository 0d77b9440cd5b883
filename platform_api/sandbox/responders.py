"""Delegated OCSP responder certificates: one below every live generation for each public key that asks.

A real J-LIS would hardly issue them to an operator; the delegated mode is for tests and for owners of a CA.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from platform_api.sandbox.ca import CertificateAuthority, all_generations
from platform_api.sandbox.certificates import RESPONDER_LIFE, make_responder_certificate
from platform_api.sandbox.dates import parse_instant, wire
from platform_api.sandbox.refusals import RequestRefused

_RENEW_BEFORE: Final = timedelta(days=30)


class Responders:
    """A key that asks again gets the same certificates, until they are about to end."""

    def __init__(self, authorities: Mapping[str, CertificateAuthority]) -> None:
        self._authorities = authorities
        self._issued: dict[str, tuple[datetime, list[dict[str, str]]]] = {}

    def record_of(self, public_key_pem: str, at: datetime) -> dict[str, Any] | None:
        """What the journal keeps of a new request; None where the certificates exist already."""
        public_key = _load(public_key_pem)
        pem = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
        found = self._issued.get(_fingerprint(pem))
        # After a key roll the newest generation's certificate is missing: all are issued anew.
        keys = {generation.key_id for _, generation in all_generations(self._authorities)}
        whole = found is not None and {row["generation"] for row in found[1]} == keys
        if whole and found is not None and at < found[0] + RESPONDER_LIFE - _RENEW_BEFORE:
            return None
        return {"kind": "responder", "public_key": pem, "at": wire(at)}

    def enter(self, record: Mapping[str, Any], serials: Mapping[str, Iterator[int]]) -> None:
        """Issues the certificates of a journalled request; each takes the next number of its CA."""
        public_key = _load(record["public_key"])
        at = parse_instant(record["at"])
        issued = []
        for authority, generation in all_generations(self._authorities):
            serial = next(serials[authority.ca_id])
            der = make_responder_certificate(authority.issuer, generation, public_key, serial=serial, at=at)
            pem = x509.load_der_x509_certificate(der).public_bytes(Encoding.PEM).decode("ascii")
            issued.append({"generation": generation.key_id, "certificate": pem})
        self._issued[_fingerprint(record["public_key"])] = (at, issued)

    def certificates(self, public_key_pem: str) -> list[dict[str, str]]:
        pem = _load(public_key_pem).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return self._issued[_fingerprint(pem.decode("ascii"))][1]


def _fingerprint(pem: str) -> str:
    return hashlib.sha256(pem.encode("ascii")).hexdigest()


def _load(pem: str) -> rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey):
        raise RequestRefused(
            422, "PUBLIC_KEY_INVALID", "expected an RSA, EC or Ed25519 public key as PEM SubjectPublicKeyInfo"
        )
    return key
