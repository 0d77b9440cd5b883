"""bad-inputs.md, OCSP items that the decoder decides: taken, and what of it is kept, or malformed."""

from __future__ import annotations

import pytest

from revocation.ocsp.cert_id import OcspRequest
from revocation.ocsp.request import MOST_CERT_IDS, decode_request
from revocation.ocsp.request_faults import RequestFault
from tests import pki
from tests.der_writer import der_int, der_oid, extension, seq, tlv
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
from tests.revocation.ocsp_decoding import MD5, fault_of, general_names

ONE = some_cert_id()
WHOLE = request(ONE)
PLAIN = decode_request(WHOLE)
UNKNOWN = extension("1.2.3", NULL)
UNKNOWN_CRITICAL = extension("1.2.3", NULL, critical=True)


def _nonce_of(extension_of_it: bytes) -> bytes | None:
    return decode_request(request(ONE, extensions=(extension_of_it,))).nonce


def test_item_01_no_octets() -> None:
    """bad-inputs.md, item 1: an empty body is malformed."""
    assert fault_of(b"") is RequestFault.EMPTY


def test_item_05_truncated() -> None:
    """bad-inputs.md, item 5: malformed wherever it is cut, with all that a request can have in it."""
    der = request(
        ONE,
        some_cert_id(hash_name="sha1"),
        requestor=requestor(tlv(0x82, b"a.example")),
        extensions=(nonce(b"n" * 16), UNKNOWN),
        signature=signature_of(certificates=(seq(),)),
    )
    decode_request(der)
    assert {fault_of(der[:size]) for size in range(2, len(der))} == {RequestFault.TRUNCATED}


def test_item_06_trailing_octets() -> None:
    """bad-inputs.md, item 6: DER ends where it says."""
    for more in (b"\0", b"\0\0", WHOLE):
        assert fault_of(WHOLE + more) is RequestFault.TRAILING


def test_item_07_indefinite_length() -> None:
    """bad-inputs.md, item 7: BER is malformed, outside and inside."""
    assert fault_of(b"\x30\x80" + WHOLE[2:] + b"\0\0") is RequestFault.LENGTH_INDEFINITE
    inner = seq(b"\x30\x80" + seq(seq(ONE)) + b"\0\0")
    assert fault_of(inner) is RequestFault.LENGTH_INDEFINITE


@pytest.mark.parametrize(
    ("length", "fault"),
    [
        (b"\x81\x5e", RequestFault.LENGTH_FORM),
        (b"\x82\x00\x5e", RequestFault.LENGTH_FORM),
        (b"\x84\x00\x00\x00\x5e", RequestFault.LENGTH_FORM),
        (b"\x84\x7f\xff\xff\xff", RequestFault.TRUNCATED),
        (b"\x84\xff\xff\xff\xff", RequestFault.TRUNCATED),
        (b"\x88\xff\xff\xff\xff\xff\xff\xff\xff", RequestFault.TRUNCATED),
        (b"\xff" * 128, RequestFault.TRUNCATED),
    ],
)
def test_item_08_lengths_in_other_forms(length: bytes, fault: RequestFault) -> None:
    """bad-inputs.md, item 8: not minimal, beyond the request, negative as int32: malformed."""
    assert len(WHOLE) - 2 == 0x5E
    assert fault_of(b"\x30" + length + WHOLE[2:]) is fault


def test_item_09_no_cert_id() -> None:
    """bad-inputs.md, item 9: an empty requestList is malformed."""
    assert fault_of(request()) is RequestFault.CERT_IDS_NONE


@pytest.mark.parametrize("version", [-1, 1, 2, 255, 2**64])
def test_item_10_another_version(version: int) -> None:
    """bad-inputs.md, item 10: only v1 is defined."""
    assert fault_of(request(ONE, version=tlv(0xA0, der_int(version)))) is RequestFault.VERSION


def test_item_11_explicit_version_v1() -> None:
    """bad-inputs.md, item 11: not DER, and taken: it says nothing else, and clients send it."""
    assert decode_request(request(ONE, version=EXPLICIT_V1)) == PLAIN


def test_item_12_more_cert_ids_than_allowed() -> None:
    """bad-inputs.md, item 12: malformed as a whole, at the first that is too many, whatever it is."""
    most = [some_cert_id(number) for number in range(MOST_CERT_IDS)]
    assert len(decode_request(request(*most)).cert_ids) == MOST_CERT_IDS
    assert fault_of(request(*most, ONE)) is RequestFault.CERT_IDS_MANY
    assert fault_of(request(*most, NULL)) is RequestFault.CERT_IDS_MANY


def test_item_13_several_cert_ids() -> None:
    """bad-inputs.md, item 13: each, in the order of the request."""
    serials = [5, 3, 9, 1]
    decoded = decode_request(request(*(some_cert_id(serial) for serial in serials)))
    assert [int.from_bytes(one.serial) for one in decoded.cert_ids] == serials
    assert [one.der for one in decoded.cert_ids] == [some_cert_id(serial) for serial in serials]


def test_item_15_the_same_cert_id_twice() -> None:
    """bad-inputs.md, item 15: kept as often as it stands there, and counted towards the limit."""
    assert decode_request(request(ONE, ONE)).cert_ids == PLAIN.cert_ids * 2
    assert fault_of(request(*[ONE] * (MOST_CERT_IDS + 1))) is RequestFault.CERT_IDS_MANY


@pytest.mark.parametrize("hash_name", HASH_OIDS)
def test_item_16_each_hash_algorithm(hash_name: str) -> None:
    """bad-inputs.md, item 16: known by its name, and its CertID kept as it stands, to be echoed."""
    der = some_cert_id(hash_name=hash_name)
    (one,) = decode_request(request(der)).cert_ids
    assert (one.hash_name, one.der) == (hash_name, der)
    assert (set(one.issuer_name_hash), set(one.issuer_key_hash)) == ({0x11}, {0x22})


@pytest.mark.parametrize("parameters", [b"", NULL])
def test_item_17_parameters_absent_or_null(parameters: bytes) -> None:
    """bad-inputs.md, item 17: both are taken, and echoed as they stand."""
    der = some_cert_id(parameters=parameters)
    assert decode_request(request(der)).cert_ids[0].der == der


@pytest.mark.parametrize("parameters", [der_int(5), seq(), b"\5\1\0", NULL + NULL, b"\5"])
@pytest.mark.parametrize("hash_name", ["sha256", MD5])
def test_item_17_odd_parameters(parameters: bytes, hash_name: str) -> None:
    """bad-inputs.md, item 17: others are malformed, whatever the algorithm."""
    assert (
        fault_of(request(some_cert_id(hash_name=hash_name, parameters=parameters)))
        is RequestFault.HASH_PARAMETERS
    )


@pytest.mark.parametrize(("oid", "size"), [(MD5, 16), ("2.16.840.1.101.3.4.2.4", 28), ("1.2.3", 1)])
def test_item_18_unknown_hash(oid: str, size: int) -> None:
    """bad-inputs.md, item 18: MD5, SHA-224 and others are read and have no name; nobody is found by them."""
    (one,) = decode_request(
        request(some_cert_id(hash_name=oid, name_hash=b"n" * size, key_hash=b"k" * size))
    ).cert_ids
    assert (one.hash_name, len(one.issuer_name_hash)) == (None, size)


def test_item_19_20_hashes_stay_apart() -> None:
    """bad-inputs.md, items 19 and 20: the two hashes are kept as they stand, and never exchanged."""
    (one,) = decode_request(request(some_cert_id(name_hash=b"n" * 32, key_hash=b"k" * 32))).cert_ids
    assert (one.issuer_name_hash, one.issuer_key_hash) == (b"n" * 32, b"k" * 32)


@pytest.mark.parametrize("hash_name", HASH_OIDS)
@pytest.mark.parametrize("size", [0, 1, 16, 20, 28, 31, 32, 33, 48, 64, 200])
def test_item_21_hash_of_another_length(hash_name: str, size: int) -> None:
    """bad-inputs.md, item 21: a hash that its algorithm cannot have is malformed, each of the two."""
    right = {"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64}[hash_name]
    if size == right:
        decode_request(request(some_cert_id(hash_name=hash_name)))
        return
    for wrong in ({"name_hash": b"n" * size}, {"key_hash": b"k" * size}):
        assert fault_of(request(some_cert_id(hash_name=hash_name, **wrong))) is RequestFault.HASH_LENGTH
    both = some_cert_id(hash_name=hash_name, name_hash=b"n" * size, key_hash=b"k" * size)
    assert fault_of(request(both)) is RequestFault.HASH_LENGTH


def test_item_22_serial_with_its_sign_octet() -> None:
    """bad-inputs.md, item 22: 00 8F 01 is a number of its own, octet for octet."""
    assert decode_request(request(some_cert_id(0x8F01))).cert_ids[0].serial == b"\0\x8f\1"


@pytest.mark.parametrize("serial", [b"\0\0\x0a", b"\0\x0a", b"\0\0\x8f", b"\xff\xff", b"\xff\x80", b"\0\0"])
def test_item_23_serial_not_minimal(serial: bytes) -> None:
    """bad-inputs.md, item 23: malformed, so that no number has two spellings."""
    assert fault_of(request(some_cert_id(serial))) is RequestFault.SERIAL_FORM


@pytest.mark.parametrize("serial", [b"\xff", b"\x80", b"\xfe", b"\xff\x7f", b"\x80\0"])
def test_item_24_negative_serial(serial: bytes) -> None:
    """bad-inputs.md, item 24: kept as its octets, and different from the positive number of these octets."""
    (one,) = decode_request(request(some_cert_id(serial))).cert_ids
    assert one.serial == serial
    assert one.serial != decode_request(request(some_cert_id(int.from_bytes(serial)))).cert_ids[0].serial


@pytest.mark.parametrize("serial", [b"\0", b"\1" * 20, b"\1" * 21, b"\1" * 10_000])
def test_item_25_serials_of_any_length(serial: bytes) -> None:
    """bad-inputs.md, item 25: 0 and 10 kB are read; whether any certificate has it is not asked here."""
    assert decode_request(request(some_cert_id(serial))).cert_ids[0].serial == serial


def test_item_25_a_serial_without_octets() -> None:
    """bad-inputs.md, item 25: no number at all is malformed."""
    assert fault_of(request(some_cert_id(b""))) is RequestFault.SERIAL_EMPTY


@pytest.mark.parametrize("length", [16, 24, 32])
def test_item_26_usual_nonce(length: int) -> None:
    """bad-inputs.md, item 26: kept with its OCTET STRING, as a response brings it back."""
    assert _nonce_of(nonce(b"n" * length)) == tlv(4, b"n" * length)


@pytest.mark.parametrize("value", [b"", b"n" * 129, b"n" * 1000])
def test_item_27_nonce_of_no_or_too_many_octets(value: bytes) -> None:
    """bad-inputs.md, item 27: malformed (RFC 9654), in an OCTET STRING and bare."""
    for one in (nonce(value), bare_nonce(value), nonce(value, critical=True)):
        assert fault_of(request(ONE, extensions=(one,))) is RequestFault.NONCE_LENGTH


@pytest.mark.parametrize("length", [1, 15, 33, 127, 128])
def test_item_28_unusual_nonce(length: int) -> None:
    """bad-inputs.md, item 28: read; whether it is answered with a nonce is the responder's policy."""
    assert _nonce_of(nonce(b"n" * length)) == tlv(4, b"n" * length)


@pytest.mark.parametrize(
    "value",
    [
        b"n",
        b"n" * 20,
        b"n" * 128,
        b"\4",
        b"\4\5nnnn",
        b"\4\3nnnn",
        b"\4\x81\4nnnn",
        b"\4\x80",
        der_int(77),
        seq(),
    ],
)
def test_item_29_bare_nonce(value: bytes) -> None:
    """bad-inputs.md, item 29: RFC 2560's form; what is not exactly one OCTET STRING is kept as it stands."""
    assert _nonce_of(bare_nonce(value)) == value


def test_item_30_critical_nonce() -> None:
    """bad-inputs.md, item 30: the same as one that is not critical."""
    assert _nonce_of(nonce(b"n" * 16, critical=True)) == _nonce_of(nonce(b"n" * 16))


def test_item_31_two_nonces() -> None:
    """bad-inputs.md, item 31: malformed, also where both are the same, and others stand between them."""
    for second in (nonce(b"n" * 16), nonce(b"m" * 16), bare_nonce(b"m"), nonce(b"m" * 16, critical=True)):
        der = request(ONE, extensions=(nonce(b"n" * 16), UNKNOWN, second))
        assert fault_of(der) is RequestFault.EXTENSION_TWICE


def test_item_32_unknown_extension() -> None:
    """bad-inputs.md, item 32: ignored, in the request and in a single one, whatever its value."""
    for value in (b"", NULL, b"\x30\x80", b"v" * 300):
        one = extension("1.2.3", value)
        assert decode_request(request(ONE, extensions=(one,), single=(one,))) == PLAIN


def test_item_33_unknown_critical_extension() -> None:
    """bad-inputs.md, item 33: malformed, in the request and in a single one, among others too."""
    for der in (
        request(ONE, extensions=(UNKNOWN_CRITICAL,)),
        request(ONE, extensions=(nonce(b"n"), extension("1.2.4", b""), UNKNOWN_CRITICAL)),
        request(ONE, single=(UNKNOWN_CRITICAL,)),
        request(
            ONE, requestor=requestor(tlv(0x82, b"a")), single=(extension("1.2.4", b""), UNKNOWN_CRITICAL)
        ),
        # Known in requestExtensions, and there alone (RFC 6960 section 4.4).
        request(ONE, single=(extension(PREFERRED_ALGORITHMS, seq(), critical=True),)),
    ):
        assert fault_of(der) is RequestFault.CRITICAL_UNKNOWN


def test_item_34_service_locator() -> None:
    """bad-inputs.md, item 34: ignored; where it is critical we may not ignore it, and cannot forward."""
    locator = seq(pki.name(*pki.SIGN_DN))
    assert decode_request(request(ONE, single=(extension(SERVICE_LOCATOR, locator),))) == PLAIN
    critical = extension(SERVICE_LOCATOR, locator, critical=True)
    assert fault_of(request(ONE, single=(critical,))) is RequestFault.CRITICAL_UNKNOWN


@pytest.mark.parametrize("critical", [False, True])
def test_item_35_acceptable_responses(critical: bool) -> None:
    """bad-inputs.md, item 35: with id-pkix-ocsp-basic among them all is well, without it is malformed."""

    def asked(*types: str) -> bytes:
        value = seq(*(der_oid(one) for one in types))
        return request(ONE, extensions=(extension(ACCEPTABLE_RESPONSES, value, critical=critical),))

    assert decode_request(asked(BASIC)) == decode_request(asked("1.2.3", BASIC)) == PLAIN
    for types in ((), ("1.2.3",), ("1.3.6.1.5.5.7.48.1.2", "1.3.6.1.5.5.7.48.1")):
        assert fault_of(asked(*types)) is RequestFault.ACCEPTABLE_WITHOUT_BASIC


@pytest.mark.parametrize("critical", [False, True])
def test_item_36_preferred_signature_algorithms(critical: bool) -> None:
    """bad-inputs.md, item 36: known, and without any effect: we sign as we sign."""
    weak = seq(seq(pki.ALGORITHMS["sha1WithRSAEncryption"]))
    one = extension(PREFERRED_ALGORITHMS, weak, critical=critical)
    assert decode_request(request(ONE, extensions=(one,))) == PLAIN


@pytest.mark.parametrize("name", [*general_names()])
def test_item_37_requestor_name(name: bytes) -> None:
    """bad-inputs.md, item 37: any kind of name is as if it were absent (RFC 9919 section 3.1.2)."""
    assert decode_request(request(ONE, requestor=requestor(name))) == PLAIN


def test_signatures_are_kept_as_they_stand() -> None:
    """bad-inputs.md, item 38, as far as the decoder goes: read, not judged; garbage is read as well."""
    certificates = (seq(der_int(1)), seq(der_int(2)))
    der = request(ONE, signature=signature_of(b"\0garbage", certificates=certificates))
    signature = decode_request(der).signature
    assert signature is not None
    assert (signature.signature, signature.certificates) == (b"garbage", certificates)
    assert signature.tbs_request == seq(seq(seq(ONE)))
    assert signature.algorithm == seq(der_oid("1.2.840.10045.4.3.2"))
    assert decode_request(request(ONE, signature=signature_of(b"\0"))).signature is not None


def test_what_a_request_shows_of_itself_hides_whom_it_asks_about() -> None:
    """Neither serial nor nonce nor hashes in a representation; it would end in a log."""
    decoded = decode_request(request(some_cert_id(b"\x5b\xad\xca\xfe"), extensions=(nonce(b"secret" * 4),)))
    assert isinstance(decoded, OcspRequest)
    for text in (repr(decoded), repr(decoded.cert_ids[0])):
        assert not any(word in text for word in ("secret", "\\x5b", "5bad", "\\x11", str(0x5BADCAFE)))
