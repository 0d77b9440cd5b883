"""Does a key's signature stand under these octets? Every AlgorithmIdentifier, every kind of key."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, mldsa, padding, x25519

from revocation.checker.signatures import Algorithm, read_algorithm, stands_under
from tests.der_writer import der_int, der_oid, seq, tlv
from tests.forged_lists import pss_algorithm
from tests.signing_keys import key

_NULL = b"\x05\x00"
_DATA = b"signed octets"
_MGF1 = der_oid("1.2.840.113549.1.1.8")

#: By hash: its own OID, and with RSA, ECDSA, DSA (RFC 3279, 4055, 5754, 5758; NIST's CSOR for SHA-3).
_OIDS: dict[str, tuple[str, str | None, str | None, str | None]] = {
    "md5": ("1.2.840.113549.2.5", "1.2.840.113549.1.1.4", None, None),
    "sha1": ("1.3.14.3.2.26", "1.2.840.113549.1.1.5", "1.2.840.10045.4.1", "1.2.840.10040.4.3"),
    "sha224": (
        *("2.16.840.1.101.3.4.2.4", "1.2.840.113549.1.1.14"),
        *("1.2.840.10045.4.3.1", "2.16.840.1.101.3.4.3.1"),
    ),
    "sha256": (
        *("2.16.840.1.101.3.4.2.1", "1.2.840.113549.1.1.11"),
        *("1.2.840.10045.4.3.2", "2.16.840.1.101.3.4.3.2"),
    ),
    "sha384": (
        *("2.16.840.1.101.3.4.2.2", "1.2.840.113549.1.1.12"),
        *("1.2.840.10045.4.3.3", "2.16.840.1.101.3.4.3.3"),
    ),
    "sha512": (
        *("2.16.840.1.101.3.4.2.3", "1.2.840.113549.1.1.13"),
        *("1.2.840.10045.4.3.4", "2.16.840.1.101.3.4.3.4"),
    ),
    "sha512-224": ("2.16.840.1.101.3.4.2.5", "1.2.840.113549.1.1.15", None, None),
    "sha512-256": ("2.16.840.1.101.3.4.2.6", "1.2.840.113549.1.1.16", None, None),
    "sha3-224": ("2.16.840.1.101.3.4.2.7", "2.16.840.1.101.3.4.3.13", "2.16.840.1.101.3.4.3.9", None),
    "sha3-256": ("2.16.840.1.101.3.4.2.8", "2.16.840.1.101.3.4.3.14", "2.16.840.1.101.3.4.3.10", None),
    "sha3-384": ("2.16.840.1.101.3.4.2.9", "2.16.840.1.101.3.4.3.15", "2.16.840.1.101.3.4.3.11", None),
    "sha3-512": ("2.16.840.1.101.3.4.2.10", "2.16.840.1.101.3.4.3.16", "2.16.840.1.101.3.4.3.12", None),
}
_WHOLE = {
    "1.3.101.112": "ed25519",
    "1.3.101.113": "ed448",
    "2.16.840.1.101.3.4.3.17": "mldsa44",
    "2.16.840.1.101.3.4.3.18": "mldsa65",
    "2.16.840.1.101.3.4.3.19": "mldsa87",
}


def _of(oid: str, parameters: bytes = b"") -> bytes:
    return seq(der_oid(oid), parameters)


@lru_cache
def _private(kind: str) -> Any:
    made = {
        "dsa": lambda: dsa.generate_private_key(1024),  # noqa: S505
        "ed448": ed448.Ed448PrivateKey.generate,
        "mldsa44": mldsa.MLDSA44PrivateKey.generate,
        "mldsa65": mldsa.MLDSA65PrivateKey.generate,
        "mldsa87": mldsa.MLDSA87PrivateKey.generate,
    }
    return made[kind]() if kind in made else key({"ec": "p256"}.get(kind, kind))


_EVERY_KIND = ("rsa", "ec", "dsa", *_WHOLE.values())


@pytest.mark.parametrize("digest", _OIDS)
def test_every_identifier_means_its_hash(digest: str) -> None:
    """RFC 3279, 4055, 5758: the OID says family and hash; alone or with a NULL."""
    _, of_rsa, of_ecdsa, of_dsa = _OIDS[digest]
    for family, oid in (("rsa", of_rsa), ("ecdsa", of_ecdsa), ("dsa", of_dsa)):
        if oid is None:
            continue
        found = read_algorithm(_of(oid))
        assert found is not None
        assert (found.family, found.kind) == (family, None)
        assert found.digest is not None
        assert found.digest.name == digest
        assert isinstance(found.scheme, padding.PKCS1v15) == (family == "rsa")
        # RFC 4055 section 5, RFC 5758 section 3.2: NULL with RSA, nothing with the others; many write it.
        assert (again := read_algorithm(_of(oid, _NULL))) is not None
        assert again[:2] == found[:2]
        assert read_algorithm(_of(oid, der_int(1))) is None


def test_an_old_name_of_sha1_with_rsa() -> None:
    """OIW's 1.3.14.3.2.29, which old tools wrote: the same algorithm as PKCS #1's."""
    assert read_algorithm(_of("1.3.14.3.2.29")) == read_algorithm(_of("1.2.840.113549.1.1.5"))


@pytest.mark.parametrize(
    "identifier",
    [
        b"",
        b"\x31\x00",
        seq(),
        seq(der_int(1)),
        _of("1.2.3.4"),
        _of("1.2.3.4", _NULL),
        _of("1.2.840.113549.1.1.2", _NULL),  # MD2: nothing here verifies it
        _of("1.3.101.112", _NULL),  # RFC 8410 section 3: no parameters
        _of("1.2.840.113549.1.1.11", _NULL + _NULL),
    ],
)
def test_what_is_not_known_is_none(identifier: bytes) -> None:
    """RFC 5280 section 4.1.1.2: whatever is not an algorithm that we know, parameters included."""
    assert read_algorithm(identifier) is None


@pytest.mark.parametrize(("oid", "kind"), _WHOLE.items())
def test_algorithms_that_sign_whole_octets(oid: str, kind: str) -> None:
    """RFC 8410 section 3, RFC 9881 section 3: one OID for key and signature, which bring their own hash."""
    found = read_algorithm(_of(oid))
    assert found is not None
    assert found[:3] == ("whole", None, None)
    assert not found.is_weak
    signature = _private(kind).sign(_DATA)
    assert [one for one in _EVERY_KIND if stands_under(signature, _DATA, _public(one), found)] == [kind]
    assert not stands_under(signature, b"other octets", _public(kind), found)


def _public(kind: str) -> Any:
    return _private(kind).public_key()


def test_only_md5_and_sha1_are_weak() -> None:
    """RFC 6151, RFC 9155: the two with collisions, whoever signs with them."""
    weak = {
        (digest, at)
        for digest, (_, *oids) in _OIDS.items()
        for at, oid in enumerate(oids)
        if oid is not None and (found := read_algorithm(_of(oid))) is not None and found.is_weak
    }
    assert weak == {("md5", 0), ("sha1", 0), ("sha1", 1), ("sha1", 2)}


_SHA256 = hashes.SHA256()


@pytest.mark.parametrize("signer", ["rsa", "ec", "dsa"])
def test_a_signature_stands_under_its_own_octets_key_and_kind(signer: str) -> None:
    """RFC 5280 section 6.1.3 (a) (1): another key, kind of key, hash, signature or octets does not verify."""
    position = {"rsa": 1, "ec": 2, "dsa": 3}[signer]
    how: tuple[Any, ...] = {
        "rsa": (padding.PKCS1v15(), _SHA256),
        "ec": (ec.ECDSA(_SHA256),),
        "dsa": (_SHA256,),
    }[signer]
    signature = _private(signer).sign(_DATA, *how)
    identifier = _OIDS["sha256"][position]
    assert identifier is not None
    algorithm = read_algorithm(_of(identifier))
    assert [one for one in _EVERY_KIND if stands_under(signature, _DATA, _public(one), algorithm)] == [signer]
    assert not stands_under(signature, b"other octets", _public(signer), algorithm)
    assert not stands_under(signature[:-1], _DATA, _public(signer), algorithm)
    assert not stands_under(b"", _DATA, _public(signer), algorithm)
    assert not stands_under(signature, _DATA, None, algorithm)
    assert not stands_under(signature, _DATA, _public(signer), None)
    for other in ("sha384", "sha3-256"):
        identifier = _OIDS[other][position]
        if identifier is not None:
            assert not stands_under(signature, _DATA, _public(signer), read_algorithm(_of(identifier)))


def test_every_kind_of_key_with_every_other_algorithm() -> None:
    """RFC 5280 section 4.1.1.2: what an algorithm is not for fails to verify, and nothing else happens."""
    identifiers = [oid for _, *oids in _OIDS.values() for oid in oids if oid] + list(_WHOLE)
    for identifier in identifiers:
        algorithm = read_algorithm(_of(identifier))
        for kind in _EVERY_KIND:
            assert not stands_under(b"\x30\x06\x02\x01\x01\x02\x01\x01", _DATA, _public(kind), algorithm)


def test_a_key_that_signs_nothing_verifies_nothing() -> None:
    """RFC 8410: a key for key agreement under a name that would be fine."""
    agreed: Any = x25519.X25519PrivateKey.generate().public_key()
    assert not stands_under(b"", _DATA, agreed, read_algorithm(_of("1.3.101.112")))


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha3-384"])
@pytest.mark.parametrize("salt", [0, 20, 33])
def test_pss_with_these_parameters(digest: str, salt: int) -> None:
    """RFC 4055 section 3.1: hash, MGF1 with its hash, and the salt's length are in the identifier."""
    algorithm = read_algorithm(pss_algorithm(_OIDS[digest][0], salt))
    assert algorithm is not None
    assert algorithm.family == "rsa"
    assert algorithm.is_weak == (digest == "sha1")
    if digest == "sha1":
        return
    hashed = algorithm.digest
    assert hashed is not None
    signature = _private("rsa").sign(_DATA, padding.PSS(padding.MGF1(hashed), salt), hashed)
    assert [one for one in _EVERY_KIND if stands_under(signature, _DATA, _public(one), algorithm)] == ["rsa"]
    other = read_algorithm(pss_algorithm(_OIDS[digest][0], salt + 1))
    assert not stands_under(signature, _DATA, _public("rsa"), other)


def test_pss_masks_with_another_hash() -> None:
    """RFC 4055 section 3.1: two hashes; only that of the message decides how strong it is (RFC 8017, 8.1)."""
    mixed = read_algorithm(pss_algorithm(_OIDS["sha256"][0], 32, mgf_hash=_OIDS["sha1"][0]))
    assert mixed is not None
    assert not mixed.is_weak
    scheme = padding.PSS(padding.MGF1(hashes.SHA1()), 32)  # noqa: S303
    signature = _private("rsa").sign(_DATA, scheme, _SHA256)
    assert stands_under(signature, _DATA, _public("rsa"), mixed)
    same = read_algorithm(pss_algorithm(_OIDS["sha256"][0], 32))
    assert not stands_under(signature, _DATA, _public("rsa"), same)


def _pss(*fields: bytes) -> Algorithm | None:
    return read_algorithm(_of("1.2.840.113549.1.1.10", seq(*fields)))


_HASH = tlv(0xA0, _of(_OIDS["sha256"][0], _NULL))
_MASK = tlv(0xA1, seq(_MGF1, _of(_OIDS["sha256"][0], _NULL)))


def test_pss_without_parameters_is_sha1() -> None:
    """RFC 4055 section 3.1: every field has a default: SHA-1, MGF1 with SHA-1, 20 octets of salt."""
    found = _pss()
    assert found is not None
    assert found.is_weak
    assert _pss() == found
    assert isinstance(found.scheme, padding.PSS)
    assert found.scheme._salt_length == 20
    assert isinstance(found.scheme._mgf._algorithm, hashes.SHA1)


def test_pss_with_each_field_alone() -> None:
    """RFC 4055 section 3.1: what is left out is the default, whatever else is there."""
    only_hash, only_mask, only_salt = _pss(_HASH), _pss(_MASK), _pss(tlv(0xA2, der_int(7)))
    assert only_hash is not None
    assert only_mask is not None
    assert only_salt is not None
    assert isinstance(only_hash.digest, hashes.SHA256)
    assert isinstance(only_mask.digest, hashes.SHA1)
    schemes: list[Any] = [one.scheme for one in (only_hash, only_mask, only_salt)]
    assert [one._salt_length for one in schemes] == [20, 20, 7]
    assert [one._mgf._algorithm.name for one in schemes] == ["sha1", "sha256", "sha1"]
    assert _pss(tlv(0xA3, der_int(1))) is not None


@pytest.mark.parametrize(
    "fields",
    [
        (tlv(0xA0, _of("1.2.3.4")),),  # a hash that we do not know
        (_HASH, tlv(0xA1, seq(_MGF1, _of("1.2.3.4")))),
        (_HASH, tlv(0xA1, seq(der_oid("1.2.3.4"), _of(_OIDS["sha256"][0])))),  # not MGF1
        (_HASH, _MASK, tlv(0xA2, der_int(-1))),
        (_HASH, _MASK, tlv(0xA3, der_int(2))),  # the only trailer is 1
        (_MASK, _HASH),
        (_HASH, _HASH),
        (_HASH, _NULL),
    ],
)
def test_pss_with_odd_parameters_is_unknown(fields: tuple[bytes, ...]) -> None:
    """RFC 4055 section 3.1: what cannot be read as it says is verified in no other way."""
    assert _pss(*fields) is None


@pytest.mark.parametrize("parameters", [b"", _NULL, seq() + _NULL])
def test_pss_parameters_are_one_sequence(parameters: bytes) -> None:
    """RFC 4055 section 3.1: RSASSA-PSS-params, in a signature's identifier always present."""
    assert read_algorithm(_of("1.2.840.113549.1.1.10", parameters)) is None
