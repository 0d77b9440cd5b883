"""Requests of every shape that is allowed, with what they say; and what other parsers read in any request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from asn1crypto import core
from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.x509 import ocsp
from hypothesis import strategies as st

from revocation.errors import InputRefused
from revocation.ocsp._request import read_request
from revocation.ocsp.cert_id import OcspRequest
from revocation.ocsp.request import decode_request
from revocation.ocsp.request_faults import RequestFault
from tests import pki
from tests.der_writer import der_oid, extension, seq, tlv
from tests.forged_requests import (
    ACCEPTABLE_RESPONSES,
    BASIC,
    EXPLICIT_V1,
    HASH_OIDS,
    NULL,
    PREFERRED_ALGORITHMS,
    SERVICE_LOCATOR,
    bare_nonce,
    nonce,
    request,
    requestor,
    signature_of,
    some_cert_id,
)
from tests.revocation.sets import ca

MD5 = "1.2.840.113549.2.5"

#: hash_name, issuerNameHash, issuerKeyHash, the serial's octets.
CertIdFields = tuple[str | None, bytes, bytes, bytes]


@dataclass(frozen=True)
class Fields:
    """What a request says, without what nobody reads."""

    cert_ids: tuple[CertIdFields, ...]
    nonce: bytes | None
    #: Signature bits and certificates.
    signature: tuple[bytes, tuple[bytes, ...]] | None = None


@dataclass(frozen=True)
class Forged:
    der: bytes
    fields: Fields
    #: cryptography reads one CertID, no explicit version, hashes that it knows.
    for_cryptography: bool


def fault_of(der: bytes) -> RequestFault:
    """Why it is refused; it must be."""
    found = read_request(der)
    assert isinstance(found, tuple), "expected a refusal"
    assert 0 <= found[1] <= len(der)
    with pytest.raises(InputRefused) as refused:
        decode_request(der)
    assert refused.value.code == "MALFORMED_REQUEST"
    return RequestFault(found[0])


def fields_of(decoded: OcspRequest) -> Fields:
    signature = decoded.signature
    return Fields(
        tuple(
            (one.hash_name, one.issuer_name_hash, one.issuer_key_hash, one.serial) for one in decoded.cert_ids
        ),
        decoded.nonce,
        None if signature is None else (signature.signature, signature.certificates),
    )


def meant(held: bytes | None) -> bytes | None:
    """The nonce without the OCTET STRING that it may stand in; cryptography shows no more of it."""
    if held is None:
        return None
    wrapped = held[:1] == b"\4" and len(held) > 1 and held == tlv(4, held[2 + (held[1] == 0x81) :])
    return held[2 + (held[1] == 0x81) :] if wrapped else held


def by_cryptography(der: bytes) -> Fields:
    """One CertID, the nonce as ``meant``, signatures unseen. Raises what cryptography raises."""
    read = ocsp.load_der_ocsp_request(der)
    found = [one.value.nonce for one in read.extensions if isinstance(one.value, x509.OCSPNonce)]
    serial = read.serial_number
    octets = serial.to_bytes(max(serial, ~serial).bit_length() // 8 + 1, "big", signed=True)
    name = read.hash_algorithm.name
    known = name if name in HASH_OIDS else None
    hashes = (read.issuer_name_hash, read.issuer_key_hash)
    return Fields(((known, *hashes, octets),), found[0] if found else None)


class _Extension(core.Sequence):  # type: ignore[misc]
    """asn1crypto's own reads the value too, and RFC 2560 left a nonce's open."""

    _fields: ClassVar = [
        ("extn_id", core.ObjectIdentifier),
        ("critical", core.Boolean, {"default": False}),
        ("extn_value", core.OctetString),
    ]


class _Extensions(core.SequenceOf):  # type: ignore[misc]
    _child_spec = _Extension


class _TbsRequest(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("version", core.Integer, {"explicit": 0, "default": 0}),
        ("requestor_name", asn1_x509.GeneralName, {"explicit": 1, "optional": True}),
        ("request_list", asn1_ocsp.Requests),
        ("request_extensions", _Extensions, {"explicit": 2, "optional": True}),
    ]


class _Certificates(core.SequenceOf):  # type: ignore[misc]
    _child_spec = core.Any


class _Signature(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("signature_algorithm", core.Any),
        ("signature", core.OctetBitString),
        ("certs", _Certificates, {"explicit": 0, "optional": True}),
    ]


class _OcspRequest(core.Sequence):  # type: ignore[misc]
    _fields: ClassVar = [
        ("tbs_request", _TbsRequest),
        ("optional_signature", _Signature, {"explicit": 0, "optional": True}),
    ]


def by_asn1crypto(der: bytes) -> Fields:
    """Any request: CertIDs, nonce as it stands and signature; ``ValueError`` where it cannot be read."""
    read = _OcspRequest.load(der, strict=True)
    tbs = read["tbs_request"]
    names = {oid: name for name, oid in HASH_OIDS.items()}
    cert_ids = []
    for one in tbs["request_list"]:
        cert_id = one["req_cert"]
        cert_ids.append(
            (
                names.get(core.Sequence.load(cert_id["hash_algorithm"].dump())[0].dotted),
                cert_id["issuer_name_hash"].contents,
                cert_id["issuer_key_hash"].contents,
                cert_id["serial_number"].contents,
            )
        )
    found = None
    extensions = tbs["request_extensions"]
    for one in () if isinstance(extensions, core.Void) else extensions:
        if one["extn_id"].dotted == "1.3.6.1.5.5.7.48.1.2":
            found = one["extn_value"].contents
    return Fields(tuple(cert_ids), found, _signature(read["optional_signature"]))


def _signature(read: Any) -> tuple[bytes, tuple[bytes, ...]] | None:
    if isinstance(read, core.Void):
        return None
    certs = read["certs"]
    held = () if isinstance(certs, core.Void) else tuple(one.dump() for one in certs)
    return read["signature"].native, held


def general_names() -> Iterator[bytes]:
    """One of each kind that RFC 5280 section 4.2.1.6 has and clients may name themselves by."""
    yield tlv(0xA0, der_oid("1.2.3") + tlv(0xA0, NULL))
    yield tlv(0x81, b"a@b.example")
    yield tlv(0x82, b"a.example")
    yield tlv(0xA4, pki.name(*pki.SIGN_DN))
    yield tlv(0x86, b"http://a.example/")
    yield tlv(0x87, b"\x7f\0\0\1")
    yield tlv(0x88, b"\x2a\x03")


_SERIALS = st.integers(-(2**80), 2**170) | st.integers(-300, 300)


@st.composite
def cert_ids(draw: st.DrawFn) -> tuple[bytes, CertIdFields]:
    hash_name = draw(st.sampled_from([*HASH_OIDS, MD5]))
    size = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64, MD5: 16}[hash_name]
    name_hash, key_hash = draw(st.binary(min_size=size, max_size=size)), bytes(range(size))
    serial = draw(_SERIALS)
    octets = serial.to_bytes((max(serial, ~serial)).bit_length() // 8 + 1, "big", signed=True)
    der = some_cert_id(
        octets,
        hash_name=hash_name,
        parameters=draw(st.sampled_from([NULL, b""])),
        name_hash=name_hash,
        key_hash=key_hash,
    )
    return der, (hash_name if hash_name in HASH_OIDS else None, name_hash, key_hash, octets)


_OTHERS = st.lists(
    st.sampled_from(
        [
            extension("1.2.3.4", NULL),
            extension("2.999.1", b""),
            extension(ACCEPTABLE_RESPONSES, seq(der_oid(BASIC))),
            extension(PREFERRED_ALGORITHMS, seq(seq(seq(der_oid("1.2.840.113549.1.1.5"))))),
        ]
    ),
    max_size=4,
    unique=True,
)
_SINGLES = st.sampled_from([(), (extension(SERVICE_LOCATOR, seq(pki.name(*pki.SIGN_DN))),)])


@st.composite
def forged(draw: st.DrawFn, *, most: int = 4) -> Forged:
    """A request of any allowed shape, and what it says."""
    asked = draw(st.lists(cert_ids(), min_size=1, max_size=most))
    version = draw(st.sampled_from([b"", b"", EXPLICIT_V1]))
    named = draw(st.sampled_from([b"", *map(requestor, general_names())]))
    form = draw(st.sampled_from(["none", "wrapped", "bare"]))
    value = draw(st.binary(min_size=1, max_size=128))
    others = draw(_OTHERS)
    held = None
    if form == "wrapped":
        others.append(nonce(value, critical=draw(st.booleans())))
        held = tlv(4, value)
    elif form == "bare":
        others.append(bare_nonce(b"\0" + value[1:]))
        held = b"\0" + value[1:]
    certificates = draw(
        st.sampled_from([None, (), (ca().generations[0].certificate.public_bytes(pki.Encoding.DER),) * 2])
    )
    bits = draw(st.binary(max_size=80))
    signed = draw(st.booleans())
    der = request(
        *(each for each, _ in asked),
        version=version,
        requestor=named,
        extensions=tuple(draw(st.permutations(others))),
        single=draw(_SINGLES),
        signature=signature_of(b"\0" + bits, certificates=certificates) if signed else b"",
    )
    fields = Fields(tuple(said for _, said in asked), held, (bits, certificates or ()) if signed else None)
    plain = len(asked) == 1 and not version and asked[0][1][0] is not None
    return Forged(der, fields, plain)
