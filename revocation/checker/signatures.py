"""Does this key's signature stand under these octets? Every algorithm that the library verifies.

The night has its allow-list (``crl/algorithms.py``); certificates and lists from anywhere come with more.
"""

from __future__ import annotations

from typing import Final, NamedTuple, TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, mldsa, padding, rsa

from revocation.der import INTEGER, SEQUENCE, DerReader
from revocation.errors import InputRefused

_WholeKey: TypeAlias = (
    ed25519.Ed25519PublicKey
    | ed448.Ed448PublicKey
    | mldsa.MLDSA44PublicKey
    | mldsa.MLDSA65PublicKey
    | mldsa.MLDSA87PublicKey
)

#: Every kind of key that signs certificates or lists, as far as the library knows it.
SigningKey: TypeAlias = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | dsa.DSAPublicKey | _WholeKey

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "1.2.840.113549.2.5": hashes.MD5(),  # noqa: S303 - told apart as weak by is_weak
    "1.3.14.3.2.26": hashes.SHA1(),  # noqa: S303
    "2.16.840.1.101.3.4.2.4": hashes.SHA224(),
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
    "2.16.840.1.101.3.4.2.5": hashes.SHA512_224(),
    "2.16.840.1.101.3.4.2.6": hashes.SHA512_256(),
    "2.16.840.1.101.3.4.2.7": hashes.SHA3_224(),
    "2.16.840.1.101.3.4.2.8": hashes.SHA3_256(),
    "2.16.840.1.101.3.4.2.9": hashes.SHA3_384(),
    "2.16.840.1.101.3.4.2.10": hashes.SHA3_512(),
}
_MD5: Final = _HASHES["1.2.840.113549.2.5"]
_SHA1: Final = _HASHES["1.3.14.3.2.26"]
#: No collision resistance: RFC 6151, RFC 9155.
_WEAK: Final = (hashes.MD5, hashes.SHA1)

_RSA: Final = {
    "1.2.840.113549.1.1.4": _MD5,
    "1.2.840.113549.1.1.5": _SHA1,
    "1.3.14.3.2.29": _SHA1,
    "1.2.840.113549.1.1.14": hashes.SHA224(),
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
    "1.2.840.113549.1.1.15": hashes.SHA512_224(),
    "1.2.840.113549.1.1.16": hashes.SHA512_256(),
    "2.16.840.1.101.3.4.3.13": hashes.SHA3_224(),
    "2.16.840.1.101.3.4.3.14": hashes.SHA3_256(),
    "2.16.840.1.101.3.4.3.15": hashes.SHA3_384(),
    "2.16.840.1.101.3.4.3.16": hashes.SHA3_512(),
}
_ECDSA: Final = {
    "1.2.840.10045.4.1": _SHA1,
    "1.2.840.10045.4.3.1": hashes.SHA224(),
    "1.2.840.10045.4.3.2": hashes.SHA256(),
    "1.2.840.10045.4.3.3": hashes.SHA384(),
    "1.2.840.10045.4.3.4": hashes.SHA512(),
    "2.16.840.1.101.3.4.3.9": hashes.SHA3_224(),
    "2.16.840.1.101.3.4.3.10": hashes.SHA3_256(),
    "2.16.840.1.101.3.4.3.11": hashes.SHA3_384(),
    "2.16.840.1.101.3.4.3.12": hashes.SHA3_512(),
}
_DSA: Final = {
    "1.2.840.10040.4.3": _SHA1,
    "2.16.840.1.101.3.4.3.1": hashes.SHA224(),
    "2.16.840.1.101.3.4.3.2": hashes.SHA256(),
    "2.16.840.1.101.3.4.3.3": hashes.SHA384(),
    "2.16.840.1.101.3.4.3.4": hashes.SHA512(),
}
_PSS: Final = "1.2.840.113549.1.1.10"
_MGF1: Final = "1.2.840.113549.1.1.8"
#: Algorithms that are one with their kind of key, and take the octets whole: RFC 8410, RFC 9881.
_WHOLE: Final[dict[str, type[_WholeKey]]] = {
    "1.3.101.112": ed25519.Ed25519PublicKey,
    "1.3.101.113": ed448.Ed448PublicKey,
    "2.16.840.1.101.3.4.3.17": mldsa.MLDSA44PublicKey,
    "2.16.840.1.101.3.4.3.18": mldsa.MLDSA65PublicKey,
    "2.16.840.1.101.3.4.3.19": mldsa.MLDSA87PublicKey,
}
_NULL: Final = b"\x05\x00"
#: Octets; more than any key has room for, and less than the library cannot count.
_MOST_SALT: Final = 65_535


class Algorithm(NamedTuple):
    """An AlgorithmIdentifier, understood."""

    #: "rsa", "ecdsa", "dsa" or "whole".
    family: str
    #: None where the octets are signed whole.
    digest: hashes.HashAlgorithm | None
    #: Of RSA.
    scheme: padding.AsymmetricPadding | None = None
    #: The only kind of key that this algorithm is for, where there is one.
    kind: type[_WholeKey] | None = None

    @property
    def is_weak(self) -> bool:
        """Whoever can make two documents of one hash can have one signed and show the other.

        Of RSASSA-PSS the mask's hash does not matter for that (RFC 8017 section 8.1).
        """
        return isinstance(self.digest, _WEAK)


def read_algorithm(identifier: bytes) -> Algorithm | None:
    """What this AlgorithmIdentifier (DER) means; None where we do not know it, or its parameters are odd."""
    try:
        fields = DerReader(identifier).enter(SEQUENCE, "AlgorithmIdentifier")
        oid = fields.oid("algorithm")
        parameters = bytes(fields.data[fields.at : fields.end])
        if oid == _PSS:
            return _pss(parameters)
    except InputRefused:
        return None
    # RFC 3279 section 2.2, RFC 5758 section 3.2: NULL with RSA, nothing with the others. Many write NULL
    # everywhere; it changes nothing, for the signed part has to say the same.
    if parameters not in {b"", _NULL}:
        return None
    if oid in _RSA:
        return Algorithm("rsa", _RSA[oid], padding.PKCS1v15())
    if oid in _ECDSA:
        return Algorithm("ecdsa", _ECDSA[oid])
    if oid in _DSA:
        return Algorithm("dsa", _DSA[oid])
    if oid in _WHOLE and not parameters:
        return Algorithm("whole", None, kind=_WHOLE[oid])
    return None


def _pss(parameters: bytes) -> Algorithm | None:
    """RFC 4055 section 3.1: every field has a default, SHA-1 among them."""
    reader = DerReader(parameters)
    fields = reader.enter(SEQUENCE, "RSASSA-PSS-params")
    reader.finish("RSASSA-PSS-params")
    digest: hashes.HashAlgorithm | None = _SHA1
    masking: hashes.HashAlgorithm | None = _SHA1
    salt, trailer = 20, 1
    if fields.peek() == 0xA0:
        digest = _hash(fields.enter(0xA0, "hashAlgorithm"))
    if fields.peek() == 0xA1:
        mask = fields.enter(0xA1, "maskGenAlgorithm").enter(SEQUENCE, "maskGenAlgorithm")
        masking = _hash(mask) if mask.oid("mgf") == _MGF1 else None
    if fields.peek() == 0xA2:
        salt = fields.enter(0xA2, "saltLength").integer("saltLength", INTEGER)
    if fields.peek() == 0xA3:
        trailer = fields.enter(0xA3, "trailerField").integer("trailerField", INTEGER)
    fields.finish("RSASSA-PSS-params")
    if digest is None or masking is None or not 0 <= salt <= _MOST_SALT or trailer != 1:
        return None
    return Algorithm("rsa", digest, padding.PSS(padding.MGF1(masking), salt))


def _hash(fields: DerReader) -> hashes.HashAlgorithm | None:
    return _HASHES.get(fields.enter(SEQUENCE, "AlgorithmIdentifier").oid("algorithm"))


def stands_under(
    signature: bytes, signed: bytes, key: SigningKey | None, algorithm: Algorithm | None
) -> bool:
    """Whether it does; False also where the key is of another kind, or one that nobody could read."""
    if algorithm is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if algorithm.scheme is None or algorithm.digest is None:
                return False
            key.verify(signature, signed, algorithm.scheme, algorithm.digest)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            if algorithm.family != "ecdsa" or algorithm.digest is None:
                return False
            key.verify(signature, signed, ec.ECDSA(algorithm.digest))
        elif isinstance(key, dsa.DSAPublicKey):
            if algorithm.family != "dsa" or algorithm.digest is None:
                return False
            key.verify(signature, signed, algorithm.digest)
        elif isinstance(key, _WholeKey):
            if algorithm.kind is None or not isinstance(key, algorithm.kind):
                return False
            key.verify(signature, signed)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True
