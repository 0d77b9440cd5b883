"""Public keys of institutions: which are taken, and the one form in which each is kept.

EC P-256 and P-384 (RFC 7518 section 6.2), X25519 (RFC 8037) and RSA of 2048 bits or more (RFC 7518
section 6.3). The canonical form is the input of a thumbprint (RFC 7638): the required members alone, sorted,
without spaces, the numbers at their fixed lengths; so one key has one text.
"""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from revocation.errors import InputRefused

#: RFC 7518 sections 6.2.2, 6.3.2, 6.4.1: whoever sends one of these has given his secret away.
PRIVATE_MEMBERS: Final = frozenset(("d", "p", "q", "dp", "dq", "qi", "oth", "k"))

_MEMBERS: Final = {"EC": ("crv", "x", "y"), "OKP": ("crv", "x"), "RSA": ("e", "n")}
_CURVES: Final = {"EC": ("P-256", "P-384"), "OKP": ("X25519",)}
#: NIST SP 800-56B wants at least 2048 bits and an exponent above 2^16; larger keys than this only cost time.
_RSA_BITS: Final = (2048, 8192)
_RSA_EXPONENT: Final = 65537

PublicKey = ECKey | OKPKey | RSAKey


def canonical(members: Mapping[str, str]) -> tuple[str, str]:
    """The canonical text of this public JWK, and the algorithm to be used with it."""
    kty = members.get("kty", "")
    if kty not in _MEMBERS:
        raise _refused("kty EC, OKP or RSA", "another")
    if kty in _CURVES and members.get("crv") not in _CURVES[kty]:
        raise _refused("P-256, P-384 or X25519", "another curve")
    wanted = {name: members.get(name) for name in _MEMBERS[kty]}
    if None in wanted.values():
        raise _refused(f"the members {', '.join(wanted)} of a {kty} key", "fewer")
    numbers = {name: str(value) for name, value in wanted.items()}
    if kty == "RSA":
        if not _RSA_BITS[0] <= _number(numbers["n"]).bit_length() <= _RSA_BITS[1]:
            raise _refused(f"an RSA key of {_RSA_BITS[0]} to {_RSA_BITS[1]} bits", "another size")
        if _number(numbers["e"]) < _RSA_EXPONENT:
            raise _refused(f"a public exponent of at least {_RSA_EXPONENT}", "a smaller one")
    public = _imported({"kty": kty} | numbers).public_key
    exported = _exported(public)
    kept = {name: exported[name] for name in ("kty", *_MEMBERS[kty])}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"))
    return text, "RSA-OAEP-256" if kty == "RSA" else "ECDH-ES+A256KW"


def _exported(public: Any) -> dict[str, Any]:
    """Written anew from the numbers: what was sent might have written them at other lengths."""
    if isinstance(public, EllipticCurvePublicKey):
        return dict(ECKey.import_key(public).as_dict(private=False))
    if isinstance(public, RSAPublicKey):
        return dict(RSAKey.import_key(public).as_dict(private=False))
    return dict(OKPKey.import_key(public).as_dict(private=False))


def read(jwk: str) -> PublicKey:
    """The key behind a canonical text of ours."""
    return _imported(json.loads(jwk))


def _imported(members: Mapping[str, str]) -> PublicKey:
    """A point that is not on its curve, a number that is no number: refused by the library underneath."""
    kinds: dict[str, type[PublicKey]] = {"EC": ECKey, "OKP": OKPKey, "RSA": RSAKey}
    try:
        key = kinds[members["kty"]].import_key(dict(members))
        if isinstance(key.public_key, EllipticCurvePublicKey | RSAPublicKey):
            key.public_key.public_numbers()
    except (JoseError, ValueError, TypeError, UnsupportedAlgorithm):
        raise _refused("a public key", "numbers that are none") from None
    return key


def _number(text: str) -> int:
    """Base64urlUInt (RFC 7518 section 2)."""
    try:
        return int.from_bytes(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)), "big")
    except (binascii.Error, UnicodeEncodeError):
        raise _refused("a number in base64url", "another text") from None


def _refused(expected: str, got: str) -> InputRefused:
    return InputRefused(
        "DELIVERY_KEY_REFUSED",
        expected=expected,
        got=got,
        remedy="send the public members of an EC (P-256, P-384), X25519 or RSA key as a JWK (RFC 7517)",
    )
