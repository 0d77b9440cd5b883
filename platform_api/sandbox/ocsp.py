"""J-LIS's own OCSP answers (RFC 6960): from the register as it stood at the last quarter of an hour.

Signed by a delegate of the generation that issued the certificate, with nocheck; SHA-1 and SHA-256 CertIDs, a
nonce comes back. Read by cryptography, not by our own parser: what the service is told and what it says
never come from the same code.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509 import ocsp
from cryptography.x509.ocsp import OCSPResponseStatus

from platform_api.sandbox.durable import write_whole
from platform_api.sandbox.fault_kinds import FaultKind
from platform_api.sandbox.known import certificate_named, generations_of
from platform_api.sandbox.ocsp_response import Times, Word, signed_response
from platform_api.sandbox.refusals import FolderDamaged
from platform_api.sandbox.register import IssuedCertificate
from revocation.identity import subject_public_key_bits

if TYPE_CHECKING:
    from platform_api.sandbox.ca import Generation
    from platform_api.sandbox.world import World

#: How often J-LIS's responder takes over what the register knows (jpki.md section 3).
REFRESH: Final = timedelta(minutes=15)
LARGEST_REQUEST: Final = 16 * 1024
_ACCEPTED: Final = (hashes.SHA1, hashes.SHA256)
_STALE_BY: Final = timedelta(days=2)
KEY_FILE: Final = "jlis-ocsp.pem"


def refreshed_at(now: datetime) -> datetime:
    """The last multiple of fifteen minutes: what happened since is not known to the responder yet."""
    return now.replace(minute=now.minute - now.minute % 15, second=0, microsecond=0)


def word_on(certificate: IssuedCertificate | None, at: datetime) -> Word:
    """Of the register as it stood at that moment; what was not issued by then is unknown."""
    if certificate is None or certificate.not_before > at:
        return Word(known=False)
    step = certificate.step_at(at)
    if step is None:
        return Word(known=True)
    return Word(True, step.at, step.reason)


class OcspResponder:
    """J-LIS's responder: its key lies beside the world's, its certificates are in the journal."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._key: ec.EllipticCurvePrivateKey | None = None

    def answer(self, ca_id: str, request_der: bytes, fault: FaultKind | None = None) -> bytes:
        """Answers any octets, in the world's thread; an unsigned error where there is nothing to say."""
        if self._world.register is None:
            return _error(OCSPResponseStatus.TRY_LATER)
        try:
            if len(request_der) > LARGEST_REQUEST:
                raise ValueError
            request = ocsp.load_der_ocsp_request(request_der)
            issuer = self._issuer(ca_id, request)
            nonce = _nonce(request)
        except UnsupportedAlgorithm:
            return _error(OCSPResponseStatus.UNAUTHORIZED)
        except (ValueError, NotImplementedError, x509.DuplicateExtension):
            # Several CertIDs too: RFC 9919 section 3.1 wants one.
            return _error(OCSPResponseStatus.MALFORMED_REQUEST)
        if issuer is None or request.serial_number < 0:
            return _error(OCSPResponseStatus.UNAUTHORIZED)
        return self._signed(ca_id, request, issuer, nonce, fault)

    def _issuer(self, ca_id: str, request: ocsp.OCSPRequest) -> Generation | None:
        """The generation of that CA whose name and key the CertID names."""
        if not isinstance(request.hash_algorithm, _ACCEPTED):
            raise UnsupportedAlgorithm("expected SHA-1 or SHA-256")
        named = (request.issuer_name_hash, request.issuer_key_hash)
        for generation in generations_of(self._world, ca_id):
            certificate = generation.certificate
            parts = (certificate.subject.public_bytes(), subject_public_key_bits(certificate.public_key()))
            if named == tuple(hashlib.new(request.hash_algorithm.name, part).digest() for part in parts):
                return generation
        return None

    def _signed(
        self,
        ca_id: str,
        request: ocsp.OCSPRequest,
        issuer: Generation,
        nonce: bytes | None,
        fault: FaultKind | None,
    ) -> bytes:
        now = self._world.clock.now()
        refreshed = refreshed_at(now)
        asked = certificate_named(self._world, ca_id, issuer.key_id, f"{request.serial_number:x}")
        this_update = refreshed - _STALE_BY if fault is FaultKind.STALE else refreshed
        return signed_response(
            request,
            word_on(asked, refreshed),
            Times(now, this_update, this_update + REFRESH),
            nonce=nonce,
            delegate=self._delegate(issuer),
            key=self._own_key(),
            spoiled=fault is FaultKind.BAD_SIGNATURE,
        )

    def _own_key(self) -> ec.EllipticCurvePrivateKey:
        if self._key is None:
            path = self._world.folder / KEY_FILE
            if not path.exists():
                pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
                )
                write_whole(path, pem, mode=0o600)
            loaded = load_pem_private_key(path.read_bytes(), None)
            if not isinstance(loaded, ec.EllipticCurvePrivateKey):
                raise FolderDamaged(f"{KEY_FILE}: expected an EC key; delete the file, another one is made")
            self._key = loaded
        return self._key

    def _delegate(self, issuer: Generation) -> x509.Certificate:
        """Our certificate below that generation; a new key, or an old certificate, gets one at once."""
        public_key = self._own_key().public_key()
        pem = public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")
        issued = {row["generation"]: row for row in self._world.responder_certificates(pem)}
        return x509.load_pem_x509_certificate(issued[issuer.key_id]["certificate"].encode())


def _error(status: OCSPResponseStatus) -> bytes:
    return ocsp.OCSPResponseBuilder.build_unsuccessful(status).public_bytes(Encoding.DER)


def _nonce(request: ocsp.OCSPRequest) -> bytes | None:
    try:
        return request.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce
    except x509.ExtensionNotFound:
        return None
