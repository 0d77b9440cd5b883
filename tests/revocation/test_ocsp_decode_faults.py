"""Every fault has its name, its sentence, and a request that has it and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from revocation.errors import InputRefused
from revocation.ocsp import _request
from revocation.ocsp.request import MAX_NONCE_OCTETS, MAX_REQUEST_OCTETS, MOST_CERT_IDS, decode_request
from revocation.ocsp.request_faults import RequestFault, malformed
from tests.der_writer import der_int, der_oid, extension, seq, tlv
from tests.forged_requests import (
    ACCEPTABLE_RESPONSES,
    NULL,
    algorithm,
    bare_nonce,
    nonce,
    request,
    requestor,
    signature_of,
    some_cert_id,
)
from tests.revocation.ocsp_decoding import fault_of

_DECLARED = Path(_request.__file__).with_name("_request_at.pxd")
ONE = some_cert_id()
WHOLE = request(ONE)
LONGEST_SHORT = request(some_cert_id(b"\1" * 34))
HASHES = (tlv(4, b"n" * 32), tlv(4, b"k" * 32))


def _with(*extensions: bytes) -> bytes:
    return request(ONE, extensions=extensions)


def _cert_id(*fields: bytes) -> bytes:
    return request(seq(*fields))


def _signed(signature: bytes) -> bytes:
    return request(ONE, signature=tlv(0xA0, signature))


F = RequestFault
PROVOKED: dict[str, tuple[RequestFault, bytes]] = {
    "no octets": (F.EMPTY, b""),
    "one octet too many": (F.TOO_LARGE, bytes(MAX_REQUEST_OCTETS + 1)),
    "cut": (F.TRUNCATED, WHOLE[:-1]),
    "a tag alone": (F.TRUNCATED, b"\x30"),
    "length octets cut": (F.TRUNCATED, b"\x30\x82\x01"),
    "a length of three octets": (F.TRUNCATED, b"\x30\x83\x01\0\0" + WHOLE),
    "an inner length beyond the outer": (F.TRUNCATED, seq(b"\x30\x05\x30\x00")),
    "indefinite": (F.LENGTH_INDEFINITE, b"\x30\x80" + WHOLE[2:] + b"\0\0"),
    "a length in one octet too many": (F.LENGTH_FORM, b"\x30\x81" + WHOLE[1:]),
    "a length of 127 octets in two": (F.LENGTH_FORM, b"\x30\x81" + LONGEST_SHORT[1:]),
    "a length that begins with 00": (F.LENGTH_FORM, b"\x30\x82\0" + WHOLE[1:]),
    "octets behind it": (F.TRAILING, WHOLE + b"\0"),
    "something else behind tbsRequest": (F.TRAILING, seq(WHOLE[2:], NULL)),
    "something else behind requestList": (F.TRAILING, seq(seq(seq(seq(ONE)), NULL))),
    "something else behind reqCert": (F.TRAILING, seq(seq(seq(seq(ONE, NULL))))),
    "something behind serialNumber": (F.TRAILING, _cert_id(algorithm(), *HASHES, der_int(5), NULL)),
    "something behind extnValue": (F.TRAILING, _with(seq(der_oid("1.2.3"), tlv(4, b""), NULL))),
    "something behind Extensions": (F.TRAILING, seq(seq(seq(seq(ONE)), tlv(0xA2, seq(nonce(b"n")) + NULL)))),
    "something behind requestExtensions": (
        F.TRAILING,
        seq(seq(seq(seq(ONE)), tlv(0xA2, seq(nonce(b"n"))), NULL)),
    ),
    "something behind the signature": (F.TRAILING, seq(WHOLE[2:], signature_of(), NULL)),
    "something behind certs": (
        F.TRAILING,
        _signed(seq(seq(der_oid("1.2.3")), tlv(3, b"\0"), tlv(0xA0, seq()), NULL)),
    ),
    "a SET": (F.OCSP_REQUEST, b"\x31" + WHOLE[1:]),
    "nothing inside": (F.TBS_REQUEST, seq()),
    "no tbsRequest": (F.TBS_REQUEST, seq(NULL)),
    "version v2": (F.VERSION, request(ONE, version=tlv(0xA0, der_int(1)))),
    "version in two octets": (F.VERSION, request(ONE, version=tlv(0xA0, der_int(b"\0\0")))),
    "a version and no more": (F.VERSION, seq(seq(tlv(0xA0, b"\2")))),
    "an empty requestorName": (F.REQUESTOR_NAME, request(ONE, requestor=requestor(b""))),
    "a requestorName with tag 9": (F.REQUESTOR_NAME, request(ONE, requestor=requestor(tlv(0x89, b"")))),
    "a primitive directoryName": (F.REQUESTOR_NAME, request(ONE, requestor=requestor(tlv(0x84, b"")))),
    "a constructed dNSName": (F.REQUESTOR_NAME, request(ONE, requestor=requestor(tlv(0xA2, b"")))),
    "a universal tag as name": (F.REQUESTOR_NAME, request(ONE, requestor=requestor(tlv(0x02, b"a")))),
    "two names": (F.TRAILING, request(ONE, requestor=requestor(tlv(0x82, b"a") * 2))),
    "no requestList": (F.REQUEST_LIST, seq(seq())),
    "another requestList": (F.REQUEST_LIST, seq(seq(NULL))),
    "a version behind the requestorName": (
        F.REQUEST_LIST,
        request(ONE, version=requestor(tlv(0x82, b"a")), requestor=b"\xa0\3\2\1\0"),
    ),
    "an empty requestList": (F.CERT_IDS_NONE, request()),
    "33 CertIDs": (F.CERT_IDS_MANY, request(*[some_cert_id(number) for number in range(33)])),
    "no SEQUENCE as Request": (F.REQUEST, seq(seq(seq(NULL)))),
    "an empty Request": (F.CERT_ID, seq(seq(seq(seq())))),
    "no SEQUENCE as reqCert": (F.CERT_ID, seq(seq(seq(seq(NULL))))),
    "an empty CertID": (F.HASH_ALGORITHM, _cert_id()),
    "an empty hashAlgorithm": (F.HASH_ALGORITHM, _cert_id(seq(), *HASHES, der_int(5))),
    "an OID that ends early": (F.HASH_ALGORITHM, _cert_id(seq(tlv(6, b"\x2a\x83")), *HASHES, der_int(5))),
    "parameters of another kind": (F.HASH_PARAMETERS, request(some_cert_id(parameters=der_int(5)))),
    "a NULL with content": (F.HASH_PARAMETERS, request(some_cert_id(parameters=b"\5\1\0"))),
    "two NULLs": (F.HASH_PARAMETERS, request(some_cert_id(parameters=NULL * 2))),
    "no issuerNameHash": (F.NAME_HASH, _cert_id(algorithm())),
    "an issuerNameHash of another kind": (F.NAME_HASH, _cert_id(algorithm(), tlv(3, b"n" * 32))),
    "no issuerKeyHash": (F.KEY_HASH, _cert_id(algorithm(), HASHES[0])),
    "SHA-1's length for SHA-256": (
        F.HASH_LENGTH,
        request(some_cert_id(name_hash=b"n" * 20, key_hash=b"k" * 20)),
    ),
    "two lengths": (F.HASH_LENGTH, request(some_cert_id(key_hash=b"k" * 20))),
    "two lengths of an unknown hash": (
        F.HASH_LENGTH,
        request(some_cert_id(hash_name="1.2.3", name_hash=b"n" * 9)),
    ),
    "empty hashes of an unknown algorithm": (
        F.HASH_LENGTH,
        request(some_cert_id(hash_name="1.2.3", name_hash=b"", key_hash=b"")),
    ),
    "no serialNumber": (F.SERIAL, _cert_id(algorithm(), *HASHES)),
    "a serialNumber of another kind": (F.SERIAL, _cert_id(algorithm(), *HASHES, tlv(0x0A, b"\5"))),
    "a serialNumber without octets": (F.SERIAL_EMPTY, request(some_cert_id(b""))),
    "a leading 00": (F.SERIAL_FORM, request(some_cert_id(b"\0\x7f"))),
    "a leading FF": (F.SERIAL_FORM, request(some_cert_id(b"\xff\x80"))),
    "extensions of another kind": (F.EXTENSIONS, seq(seq(seq(seq(ONE)), tlv(0xA2, NULL)))),
    "nothing in requestExtensions": (F.EXTENSIONS, seq(seq(seq(seq(ONE)), tlv(0xA2, b"")))),
    "no extensions": (F.EXTENSIONS_NONE, seq(seq(seq(seq(ONE)), tlv(0xA2, seq())))),
    "no extensions of one": (F.EXTENSIONS_NONE, seq(seq(seq(seq(ONE, tlv(0xA0, seq())))))),
    "17 extensions": (F.EXTENSIONS_MANY, _with(*(extension(f"1.2.{number}", b"") for number in range(17)))),
    "an extension of another kind": (F.EXTENSION, _with(NULL)),
    "an empty extension": (F.EXTENSION_OID, _with(seq())),
    "an OID with a leading 80": (F.EXTENSION_OID, _with(seq(tlv(6, b"\x80\1"), tlv(4, b"")))),
    "an OID of 65 octets": (F.EXTENSION_OID, _with(seq(tlv(6, b"\1" * 65), tlv(4, b"")))),
    "no extnValue": (F.EXTENSION_VALUE, _with(seq(der_oid("1.2.3")))),
    "an extnValue of another kind": (F.EXTENSION_VALUE, _with(seq(der_oid("1.2.3"), NULL))),
    "no extnValue behind critical": (F.EXTENSION_VALUE, _with(seq(der_oid("1.2.3"), b"\1\1\xff"))),
    "one extension twice": (F.EXTENSION_TWICE, _with(*[extension("1.2.3", b"")] * 2)),
    "TRUE as 01": (F.CRITICAL_FORM, _with(seq(der_oid("1.2.3"), b"\1\1\1", tlv(4, b"")))),
    "a BOOLEAN of two octets": (F.CRITICAL_FORM, _with(seq(der_oid("1.2.3"), b"\1\2\xff\xff", tlv(4, b"")))),
    "an explicit FALSE": (F.CRITICAL_DEFAULT, _with(extension("1.2.3", b"", explicit_false=True))),
    "unknown and critical": (F.CRITICAL_UNKNOWN, _with(extension("1.2.3", b"", critical=True))),
    "a nonce of one, critical": (F.CRITICAL_UNKNOWN, request(ONE, single=(nonce(b"n", critical=True),))),
    "a nonce of no octets": (F.NONCE_LENGTH, _with(nonce(b""))),
    "a bare nonce of no octets": (F.NONCE_LENGTH, _with(bare_nonce(b""))),
    "a bare nonce of 129 octets": (F.NONCE_LENGTH, _with(bare_nonce(b"n" * 129))),
    "AcceptableResponses of another kind": (
        F.ACCEPTABLE_RESPONSES,
        _with(extension(ACCEPTABLE_RESPONSES, NULL)),
    ),
    "no OID among them": (F.ACCEPTABLE_RESPONSES, _with(extension(ACCEPTABLE_RESPONSES, seq(NULL)))),
    "a broken OID among them": (
        F.ACCEPTABLE_RESPONSES,
        _with(extension(ACCEPTABLE_RESPONSES, seq(tlv(6, b"\x80")))),
    ),
    "no response type at all": (F.ACCEPTABLE_WITHOUT_BASIC, _with(extension(ACCEPTABLE_RESPONSES, seq()))),
    "a signature of another kind": (F.SIGNATURE, _signed(NULL)),
    "an empty signature": (F.SIGNATURE_ALGORITHM, _signed(seq())),
    "no OID in the signature": (F.SIGNATURE_ALGORITHM, _signed(seq(seq(NULL)))),
    "a broken OID in the signature": (F.SIGNATURE_ALGORITHM, _signed(seq(seq(tlv(6, b""))))),
    "parameters with a tag of two octets": (
        F.SIGNATURE_ALGORITHM,
        _signed(seq(seq(der_oid("1.2.3"), b"\x1f\x81\0"), tlv(3, b"\0"))),
    ),
    "two parameters": (F.TRAILING, _signed(seq(seq(der_oid("1.2.3"), NULL, NULL), tlv(3, b"\0")))),
    "no BIT STRING": (F.SIGNATURE_BITS, _signed(seq(seq(der_oid("1.2.3"))))),
    "a BIT STRING without octets": (F.SIGNATURE_BITS, request(ONE, signature=signature_of(b""))),
    "unused bits": (F.SIGNATURE_BITS, request(ONE, signature=signature_of(b"\1\xfe"))),
    "certs of another kind": (
        F.CERTIFICATES,
        _signed(seq(seq(der_oid("1.2.3")), tlv(3, b"\0"), tlv(0xA0, NULL))),
    ),
    "no SEQUENCE as certificate": (
        F.CERTIFICATES,
        request(ONE, signature=signature_of(certificates=(NULL,))),
    ),
    "17 certificates": (
        F.CERTIFICATES_MANY,
        request(ONE, signature=signature_of(certificates=(seq(),) * 17)),
    ),
}


@pytest.mark.parametrize("name", PROVOKED)
def test_each_wrong_part_is_told_by_its_name(name: str) -> None:
    """The request is whole but for this."""
    fault, der = PROVOKED[name]
    assert fault_of(der) is fault


def test_every_fault_is_provoked() -> None:
    """None is named for nothing."""
    assert {fault for fault, _ in PROVOKED.values()} == set(RequestFault)


def test_names_and_numbers_are_those_of_the_walk() -> None:
    """request_faults.py and the declarations of the compiled walk say the same; so do the limits."""
    text = _DECLARED.read_text(encoding="utf-8")
    declared = {name: int(number) for name, number in re.findall(r"    FAULT_(\w+) = (\d+)\n", text)}
    assert declared.pop("NONE") == 0
    assert declared == {fault.name: fault.value for fault in RequestFault}
    limits = {name: int(number) for name, number in re.findall(r"    (MAX_\w+|MOST_\w+) = (\d+)", text)}
    assert limits["MAX_REQUEST_OCTETS"] == MAX_REQUEST_OCTETS
    assert limits["MOST_CERT_IDS"] == MOST_CERT_IDS
    assert limits["MAX_NONCE_OCTETS"] == MAX_NONCE_OCTETS


@pytest.mark.parametrize("fault", RequestFault)
def test_each_fault_has_a_sentence(fault: RequestFault) -> None:
    """Expected, got and remedy, with the offset."""
    error = malformed(fault, 17)
    assert error.code == "MALFORMED_REQUEST"
    assert error.expected
    assert error.got.endswith(", at byte offset 17")
    assert error.remedy


def test_a_refusal_says_nothing_of_what_was_sent() -> None:
    """Neither hash, serial nor nonce, in no usual spelling: refusals end in logs."""
    serial, value = b"\x5b\xad\xca\xfe\x01\x02\x03\x04", b"\xde\xad\xbe\xef" * 33
    der = request(some_cert_id(serial, name_hash=b"\xab" * 32), extensions=(nonce(value),))
    with pytest.raises(InputRefused) as refused:
        decode_request(der)
    text = str(refused.value).lower()
    for octets in (serial, value[:4], b"\xab\xab\xab"):
        assert octets.hex() not in text
        assert repr(octets)[2:-1].lower() not in text
        assert str(int.from_bytes(octets, "big")) not in text
