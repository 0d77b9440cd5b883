"""Signature algorithms of lists: which AlgorithmIdentifier is which name, and how each is verified.

An identifier is recognised by its whole DER, parameters included: nothing that is not in this table can
pass an allow-list. What is not recognised is refused by kind: broken by now (SHA-1, MD5), known but with
parameters that it must not have (odd RSASSA-PSS, a NULL where none belongs), or simply unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from revocation.authorities import SignatureAlgorithm
from revocation.der import SEQUENCE, DerReader

_NULL: Final = "0500"
_SHA: Final[dict[str, tuple[str, hashes.HashAlgorithm]]] = {
    # RFC 5754 section 2: the OID's DER.
    "sha256": ("0609608648016503040201", hashes.SHA256()),
    "sha384": ("0609608648016503040202", hashes.SHA384()),
    "sha512": ("0609608648016503040203", hashes.SHA512()),
}

_PKCS1_ARC: Final = "06092a864886f70d0101"
_PSS_OID: Final = _PKCS1_ARC + "0a"
_MGF1_OID: Final = _PKCS1_ARC + "08"

#: OIDs that are refused whatever their parameters: no collision resistance (RFC 6151, RFC 9155).
_WEAK: Final = {
    bytes.fromhex(oid): name
    for oid, name in {
        _PKCS1_ARC + "02": "md2WithRSAEncryption",
        _PKCS1_ARC + "04": "md5WithRSAEncryption",
        _PKCS1_ARC + "05": "sha1WithRSAEncryption",
        "06052b0e03021d": "sha1WithRSA",
        "06072a8648ce3d0401": "ecdsa-with-SHA1",
        "06072a8648ce380403": "dsa-with-sha1",
    }.items()
}


class _Kind(NamedTuple):
    name: SignatureAlgorithm
    family: str
    digest: str


def _sequence(content: str) -> str:
    """Hex of a SEQUENCE shorter than 128 octets around hex content."""
    return f"30{len(content) // 2:02x}{content}"


def _pss(digest: str) -> list[str]:
    """RFC 4055 section 3.1: hash and MGF1 with one hash, salt as long as it.

    Section 2.1: the hash's NULL present or absent, both legal. Section 3.1: a trailerField of 1 must be
    recognised when it is written out, though DER would omit it.
    """
    found = []
    for hash_null, mgf_null, trailer in product((_NULL, ""), (_NULL, ""), ("", "020101")):
        hash_identifier = _sequence(_SHA[digest][0] + hash_null)
        mgf = _sequence(_MGF1_OID + _sequence(_SHA[digest][0] + mgf_null))
        salt = f"0201{_SHA[digest][1].digest_size:02x}"
        parameters = "".join(
            f"{tag}{len(field) // 2:02x}{field}"
            for tag, field in (("a0", hash_identifier), ("a1", mgf), ("a2", salt), ("a3", trailer))
            if field
        )
        found.append(_sequence(_PSS_OID + _sequence(parameters)))
    return found


def _table() -> dict[bytes, _Kind]:
    table: dict[str, _Kind] = {}
    for digest, arc, rsa_name in (
        ("sha256", "0b", SignatureAlgorithm.RSA_SHA256),
        ("sha384", "0c", SignatureAlgorithm.RSA_SHA384),
        ("sha512", "0d", SignatureAlgorithm.RSA_SHA512),
    ):
        # RFC 4055 section 5: parameters are NULL; an absent one must be accepted too.
        for null in (_NULL, ""):
            table[_sequence(_PKCS1_ARC + arc + null)] = _Kind(rsa_name, "rsa", digest)
    for digest, pss_name in (
        ("sha256", SignatureAlgorithm.RSA_PSS_SHA256),
        ("sha384", SignatureAlgorithm.RSA_PSS_SHA384),
        ("sha512", SignatureAlgorithm.RSA_PSS_SHA512),
    ):
        for identifier in _pss(digest):
            table[identifier] = _Kind(pss_name, "pss", digest)
    # RFC 5758 section 3.2: parameters absent.
    table[_sequence("06082a8648ce3d040302")] = _Kind(SignatureAlgorithm.ECDSA_SHA256, "ec", "sha256")
    table[_sequence("06082a8648ce3d040303")] = _Kind(SignatureAlgorithm.ECDSA_SHA384, "ec", "sha384")
    # RFC 8410 section 3: parameters absent.
    table[_sequence("06032b6570")] = _Kind(SignatureAlgorithm.ED25519, "ed25519", "")
    return {bytes.fromhex(identifier): kind for identifier, kind in table.items()}


_KINDS: Final = _table()

#: The OIDs of the table, to tell "wrong parameters" from "unknown".
_KNOWN_OIDS: Final = {identifier[2 : 4 + identifier[3]] for identifier in _KINDS}

#: What hands a hash that is computed already to the verification, made once for 1,900 lists; it has no state.
_HASHED: Final = {name: Prehashed(algorithm) for name, (_, algorithm) in _SHA.items()}
_PKCS1: Final = padding.PKCS1v15()

#: What names a list, and for each identifier that together with what signs it.
_NAMING: Final = frozenset({"sha256"})
_HASHES: Final = {identifier: _NAMING | ({kind.digest} - {""}) for identifier, kind in _KINDS.items()}


def algorithm_name(identifier: bytes) -> SignatureAlgorithm | None:
    """The name of an AlgorithmIdentifier (DER), or None for one that nothing here verifies."""
    kind = _KINDS.get(identifier)
    return None if kind is None else kind.name


def unverifiable(identifier: bytes) -> tuple[str, str]:
    """(code, what was got) for an AlgorithmIdentifier (a whole DER SEQUENCE) that has no name here."""
    start, end = DerReader(identifier).element(SEQUENCE, "AlgorithmIdentifier")
    content = identifier[start:end]
    # An OID's DER says its own length, so a prefix of the content is the whole OID or another one.
    for oid, name in _WEAK.items():
        if content.startswith(oid):
            return "ALGORITHM_WEAK", name
    if any(content.startswith(oid) for oid in _KNOWN_OIDS):
        return "ALGORITHM_PARAMETERS", "a known algorithm with parameters that it must not have"
    return "ALGORITHM_UNKNOWN", "an algorithm that we do not verify"


def digest_size(name: SignatureAlgorithm) -> int:
    """Octets of the hash that is signed; 0 for Ed25519, which brings its own."""
    kind = next(kind for kind in _KINDS.values() if kind.name is name)
    return _SHA[kind.digest][1].digest_size if kind.digest else 0


def signed_hashes(identifier: bytes) -> frozenset[str]:
    """The hashes that a list with this AlgorithmIdentifier needs: SHA-256 names it, another may sign it."""
    return _HASHES.get(identifier, _NAMING)


def signature_verifies(
    key: CertificatePublicKeyTypes,
    identifier: bytes,
    signature: bytes,
    signed: memoryview,
    digests: Mapping[str, bytes],
) -> bool:
    """Does this key's signature with this (known) algorithm stand under these octets, hashed already?

    A key of another kind than the algorithm's answers False. ``digests``: those of ``signed_hashes``. Only
    Ed25519 reads the octets again, for it hashes them its own way.
    """
    kind = _KINDS[identifier]
    try:
        if kind.family == "ed25519":
            if not isinstance(key, ed25519.Ed25519PublicKey):
                return False
            key.verify(signature, signed)
            return True
        digest, hashed = digests[kind.digest], _HASHED[kind.digest]
        if kind.family == "ec":
            if not isinstance(key, ec.EllipticCurvePublicKey):
                return False
            key.verify(signature, digest, ec.ECDSA(hashed))
            return True
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        algorithm = _SHA[kind.digest][1]
        scheme: padding.AsymmetricPadding = (
            padding.PSS(padding.MGF1(algorithm), algorithm.digest_size) if kind.family == "pss" else _PKCS1
        )
        key.verify(signature, digest, scheme, hashed)
    except InvalidSignature:
        return False
    return True
