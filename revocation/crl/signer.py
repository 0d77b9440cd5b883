"""May this CA certificate's key sign lists, with this algorithm, at this moment? (RFC 5280 section 6.3.3 (f))

The certificates were looked at when the authority was configured. They are looked at again by every process
that verifies lists, and their dates with every list: a certificate runs out, a rule gets stricter, and a data
file is edited by hand.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from revocation.authorities import Generation
from revocation.crl.algorithms import algorithm_name, digest_size
from revocation.der import SEQUENCE, DerReader
from revocation.errors import InputRefused

_MIN_RSA_BITS: Final = 2048
_RSASSA_PSS: Final = "1.2.840.113549.1.1.10"
#: DER of the AlgorithmIdentifier of such a key without parameters.
_BARE_PSS: Final = bytes.fromhex("300b06092a864886f70d01010a")
#: Named where it cannot be read; a certificate that was loaded can.
_TBS: Final = "TBSCertificate"
_CORRECT: Final = "correct the CA certificate of this authority"


# One certificate signs 1,900 lists. What is said of it here can never change, so it is found out once; a
# refusal is found out anew each time. A certificate of other octets is another one.


@lru_cache(maxsize=256)
def signer_key(generation: Generation) -> CertificatePublicKeyTypes:
    """The key of this generation, if its certificate lets it sign lists at all."""
    check_signer(generation)
    return generation.certificate.public_key()


def check_signer(generation: Generation) -> None:
    """What is wrong with the certificate itself, whatever the list says."""
    check_ca(generation)
    check_crl_sign(generation)
    check_key_strength(generation)


def check_ca(generation: Generation) -> None:
    """RFC 5280 section 4.2.1.9: every signer of ours is the CA itself, and says so; a leaf signs nothing."""
    try:
        constraints = generation.certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        constraints = None
    if constraints is None or not constraints.ca:
        raise InputRefused(
            "SIGNER_NOT_ALLOWED",
            expected="a signer whose basicConstraints say CA:TRUE",
            got=f"generation {generation.name} without it",
            remedy=_CORRECT,
        )


def check_crl_sign(generation: Generation) -> None:
    """RFC 5280 section 6.3.3 (f): if the signer's certificate has keyUsage, cRLSign is set in it."""
    try:
        usage = generation.certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return
    require_crl_sign(may_sign=usage.crl_sign, who=f"generation {generation.name}", remedy=_CORRECT)


def require_crl_sign(*, may_sign: bool | None, who: str, remedy: str) -> None:
    """RFC 5280 section 6.3.3 (f), for whoever knows the bit; None: the certificate has no keyUsage."""
    if may_sign is False:
        raise InputRefused(
            "SIGNER_NOT_ALLOWED",
            expected="a signer whose keyUsage has cRLSign",
            got=f"{who} without it",
            remedy=remedy,
        )


def check_key_strength(generation: Generation) -> None:
    """Design section 4: RSA from 2048 bits, P-256, P-384, Ed25519; a weaker key proves nothing."""
    key = generation.certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if key.key_size >= _MIN_RSA_BITS:
            return
        got = f"generation {generation.name} with {key.key_size} bits"
    elif isinstance(key, ec.EllipticCurvePublicKey):
        if isinstance(key.curve, ec.SECP256R1 | ec.SECP384R1):
            return
        got = f"generation {generation.name} on {key.curve.name}"
    elif isinstance(key, ed25519.Ed25519PublicKey):
        return
    else:
        got = f"generation {generation.name} with another kind of key"
    raise InputRefused(
        "SIGNER_KEY_WEAK",
        expected=f"RSA of at least {_MIN_RSA_BITS} bits, P-256, P-384 or Ed25519",
        got=got,
        remedy="ask the CA for its stronger key; there is no tolerance for this one",
    )


@lru_cache(maxsize=256)
def check_algorithm_fits_key(generation: Generation, identifier: bytes) -> None:
    """What the key's own kind demands of the algorithm, though the signature holds."""
    name = algorithm_name(identifier)
    assert name is not None  # noqa: S101 - the allow-list came first
    key = generation.certificate.public_key()
    if isinstance(key, ec.EllipticCurvePublicKey) and digest_size(name) * 8 < key.curve.key_size:
        # RFC 5480 section 4: the hash is at least as strong as the curve.
        raise _unfit(f"a hash of at least {key.curve.key_size} bits with this curve", str(name))
    if generation.certificate.public_key_algorithm_oid.dotted_string == _RSASSA_PSS:
        # RFC 4055 section 1.2: such a key is for RSASSA-PSS alone; section 3.3: with its own parameters.
        stated = _key_algorithm(generation.certificate)
        states_nothing = stated == _BARE_PSS
        if not name.startswith("rsassaPss") or not (states_nothing or algorithm_name(stated) is name):
            raise _unfit("RSASSA-PSS with the parameters that the key's certificate states", str(name))


def _key_algorithm(certificate: x509.Certificate) -> bytes:
    """DER of the AlgorithmIdentifier in subjectPublicKeyInfo (RFC 5280 section 4.1.2.7)."""
    tbs = DerReader(certificate.tbs_certificate_bytes).enter(SEQUENCE, _TBS)
    # version [0] (there are extensions, so it is v3), serialNumber, signature, issuer, validity, subject.
    for _ in range(6):
        tbs.header(_TBS)
    return tbs.enter(SEQUENCE, _TBS).raw(SEQUENCE, _TBS)


def _unfit(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "ALGORITHM_KEY_MISMATCH",
        expected=expected,
        got=got,
        remedy="tell the CA; until it signs otherwise, the list of before serves on",
    )


def check_signer_validity(generation: Generation, now: datetime) -> None:
    """RFC 5280 sections 6.3.3 (f) and 6.1.3 (a) (2): ``now`` is in the signer's own dates, both inclusive."""
    first, last = _validity(generation)
    if now < first:
        raise InputRefused(
            "SIGNER_NOT_YET_VALID",
            expected=f"a signer that is valid from {first:%Y-%m-%dT%H:%M:%SZ} on",
            got=f"generation {generation.name} before that",
            remedy="check this host's clock; if it is right, the CA has used its new key too early",
        )
    if now > last:
        raise InputRefused(
            "SIGNER_EXPIRED",
            expected=f"a signer that is valid until {last:%Y-%m-%dT%H:%M:%SZ}",
            got=f"generation {generation.name} after that",
            remedy="check this host's clock; if it is right, add the newer key of the CA",
        )


@lru_cache(maxsize=256)
def _validity(generation: Generation) -> tuple[datetime, datetime]:
    """The dates that its certificate states; each reading of them makes them anew."""
    return generation.certificate.not_valid_before_utc, generation.certificate.not_valid_after_utc
