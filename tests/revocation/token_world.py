"""Responders whose keys are on a token of SoftHSM2."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import ocsp

from revocation.clock import FixedClock
from revocation.ocsp.pkcs11 import Pkcs11Key
from revocation.ocsp.responder import OcspAnswer, Responder, TrustMode
from revocation.ocsp.signing import LocallyTrustedSigner
from tests import pki
from tests.revocation.ocsp_world import NOW, World, cert_id, request, responder_certificate
from tests.revocation.softhsm import SoftHsm

TOKEN = "responder-token"
KEYS = {"p256": ("p256", 60), "p384": ("p384", 61), "rsa": ("rsa", 62)}


class Ticking:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def public(kind: str) -> Any:
    return pki.key(*KEYS[kind]).public_key()


def responder_with(world: World, key: Pkcs11Key, kind: str = "p256") -> Responder:
    certificate = responder_certificate(pki.key(*KEYS[kind]), None)
    signer = LocallyTrustedSigner(certificate, key)
    return Responder(world.authorities, {TrustMode.LOCAL: signer}, FixedClock(NOW))


def ask(world: World, responder: Responder) -> OcspAnswer:
    return responder.respond(request(cert_id()), world.snapshot)


def lose_sessions(hsm: SoftHsm) -> None:
    """What an HSM does that was restarted: every session and login of every client is gone."""
    import pkcs11

    pkcs11.lib(str(hsm.module)).finalize()


def verify(kind: str, response: ocsp.OCSPResponse) -> None:
    key, used = public(kind), response.signature_hash_algorithm
    assert used is not None
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(used))
    else:
        assert isinstance(used, SHA256)
        key.verify(response.signature, response.tbs_response_bytes, PKCS1v15(), used)
