"""Who signed an application: a certificate of ours, in force, and a signature that is really its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA384

from platform_api.sandbox.ca import all_generations
from platform_api.sandbox.known import SIGNING, kind_of
from platform_api.sandbox.refusals import RequestRefused
from platform_api.sandbox.register import IssuedCertificate
from platform_api.sandbox.requests import decoded
from platform_api.sandbox.requests_jlis import Signed

if TYPE_CHECKING:
    from platform_api.sandbox.world import World


@dataclass(frozen=True, slots=True, repr=False)
class Signer:
    """The certificate as we issued it, and the octets that it signed."""

    issued: IssuedCertificate
    octets: bytes

    def require_in_force(self, now: datetime) -> None:
        """Asked only for what is new: an application that came before keeps its answer for ever."""
        if self.issued.step_at(now) is not None or self.issued.revoked:
            raise RequestRefused(
                422, "CERTIFICATE_REVOKED", "expected a certificate in force; use the new card"
            )
        if now > self.issued.not_after:
            raise RequestRefused(
                422, "CERTIFICATE_EXPIRED", "expected a certificate in force; use the new card"
            )


def signer_of(world: World, body: Signed) -> Signer:
    """Certificate first, then signature; what was signed is not looked at yet."""
    certificate, issued = _ours(world, decoded("certificate", body.certificate))
    octets = decoded("application", body.application)
    signature = decoded("signature", body.signature)
    key = certificate.public_key()
    if kind_of(issued) not in SIGNING:
        raise _unknown()
    try:
        if isinstance(key, rsa.RSAPublicKey) and body.signature_algorithm == "RSASSA-PKCS1-v1_5-SHA256":
            key.verify(signature, octets, PKCS1v15(), SHA256())
        elif isinstance(key, ec.EllipticCurvePublicKey) and body.signature_algorithm == "ECDSA-SHA384":
            key.verify(signature, octets, ec.ECDSA(SHA384()))
        elif isinstance(key, ec.EllipticCurvePublicKey) and _sha256_fits(key, body.signature_algorithm):
            key.verify(signature, octets, ec.ECDSA(SHA256()))
        else:
            raise InvalidSignature
    except InvalidSignature:
        raise RequestRefused(
            422,
            "SIGNATURE_INVALID",
            "expected the application's signature by this certificate; sign it again",
        ) from None
    return Signer(issued, octets)


def _sha256_fits(key: ec.EllipticCurvePublicKey, algorithm: str) -> bool:
    """A P-384 key signs with SHA-384: a shorter hash would be the weaker half."""
    return algorithm == "ECDSA-SHA256" and key.curve.key_size <= 256


def _ours(world: World, der: bytes) -> tuple[x509.Certificate, IssuedCertificate]:
    """The certificate as we issued it: the octets are compared, so the chain needs no second opinion."""
    register, _ = world.begun()
    try:
        certificate = x509.load_der_x509_certificate(der)
        serial = certificate.serial_number
    except ValueError:
        raise RequestRefused(422, "CERTIFICATE_MALFORMED", "expected one certificate in DER") from None
    for authority, generation in all_generations(world.authorities):
        issued = register.find(authority.ca_id, generation.key_id, serial)
        if issued is not None and world.maker.der(issued) == der:
            return certificate, issued
    raise _unknown()


def _unknown() -> RequestRefused:
    return RequestRefused(422, "CERTIFICATE_UNKNOWN", "expected a signing certificate of this CA")
