"""Generated requests beside two parsers that share nothing with ours: cryptography and asn1crypto."""

from __future__ import annotations

from dataclasses import replace

import pytest
from asn1crypto import parser
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from hypothesis import event, given, settings
from hypothesis import strategies as st

from revocation.ocsp._request import read_request
from revocation.ocsp.cert_id import OcspRequest
from revocation.ocsp.request import MAX_REQUEST_OCTETS, MOST_CERT_IDS, decode_request
from revocation.ocsp.request_faults import RequestFault
from tests.der_writer import der_oid, extension, seq, tlv
from tests.forged_requests import ACCEPTABLE_RESPONSES, nonce, request, requestor, some_cert_id
from tests.revocation.ocsp_decoding import (
    Fields,
    Forged,
    by_asn1crypto,
    by_cryptography,
    fault_of,
    fields_of,
    forged,
    meant,
)


def as_cryptography_shows(fields: Fields) -> Fields:
    return Fields(fields.cert_ids, meant(fields.nonce))


@settings(max_examples=200, deadline=None)
@given(forged())
def test_generated_requests_say_what_they_were_made_to_say(made: Forged) -> None:
    """Field by field: what was written, what asn1crypto reads, and cryptography where it can."""
    decoded = decode_request(made.der)
    assert fields_of(decoded) == made.fields == by_asn1crypto(made.der)
    event(f"cryptography reads it: {made.for_cryptography}")
    if made.for_cryptography:
        assert by_cryptography(made.der) == as_cryptography_shows(made.fields)


@settings(max_examples=100, deadline=None)
@given(forged())
def test_what_is_echoed_and_verified_stands_in_the_request(made: Forged) -> None:
    """A CertID and tbsRequest are elements of the request as they stand; a CertID read again is the same."""
    decoded = decode_request(made.der)
    for one in decoded.cert_ids:
        assert one.der in made.der
        assert decode_request(request(one.der)).cert_ids == (one,)
    if decoded.signature is not None:
        without = decode_request(seq(decoded.signature.tbs_request))
        assert without == replace(decoded, signature=None)
        assert made.der[: signature_at(made.der)].endswith(decoded.signature.tbs_request)


UNKNOWN = extension("1.2.3", b"\x05\x00")

#: Where cryptography takes what we refuse: why we do, and a request of that kind.
STRICTER = {
    RequestFault.HASH_LENGTH: (
        "one algorithm has one length (bad-inputs.md, item 21)",
        request(some_cert_id(name_hash=b"n" * 20, key_hash=b"k" * 20)),
    ),
    RequestFault.NONCE_LENGTH: (
        "RFC 9654 section 2.1",
        request(some_cert_id(), extensions=(nonce(b"n" * 129),)),
    ),
    RequestFault.CRITICAL_UNKNOWN: (
        "RFC 6960 section 4.1.2; left to the caller there",
        request(some_cert_id(), extensions=(extension("1.2.3", b"", critical=True),)),
    ),
    RequestFault.ACCEPTABLE_WITHOUT_BASIC: (
        "RFC 6960 section 4.4.3; left to the caller there",
        request(some_cert_id(), extensions=(extension(ACCEPTABLE_RESPONSES, seq(der_oid("1.2.3"))),)),
    ),
    RequestFault.EXTENSION_TWICE: (
        "RFC 5280 section 4.2; those of a single request are not looked at there",
        request(some_cert_id(), single=(UNKNOWN, UNKNOWN)),
    ),
    RequestFault.EXTENSIONS_NONE: (
        "RFC 5280 section 4.1, SIZE (1..MAX); those of a single request are not looked at there",
        seq(seq(seq(seq(some_cert_id(), tlv(0xA0, seq()))))),
    ),
    RequestFault.EXTENSIONS_MANY: (
        "a bound on what one request makes us do",
        request(some_cert_id(), extensions=tuple(extension(f"1.2.{at}", b"") for at in range(17))),
    ),
    RequestFault.TOO_LARGE: (
        "the same",
        request(some_cert_id(), requestor=requestor(tlv(0x82, b"a" * 16_384))),
    ),
}


@pytest.mark.parametrize("fault", STRICTER)
def test_cryptography_takes_what_we_refuse_for_a_reason(fault: RequestFault) -> None:
    """Each point in which ours is stricter, so that none is listed without need."""
    reason, der = STRICTER[fault]
    assert reason
    assert fault_of(der) is fault
    by_cryptography(der)


def signature_at(der: bytes) -> int:
    """Where optionalSignature begins, or would; cryptography looks at nothing from there on."""
    _, _, _, header, content, _ = parser.parse(der)
    return len(header) + parser.peek(content)


def is_beyond_cryptography(der: bytes, found: OcspRequest) -> bool:
    """What we take and it does not: several CertIDs, unknown hashes, an explicit version v1, and names in
    requestorName, into which we do not look (RFC 9919 section 3.1.2).
    """
    content = parser.parse(der)[4]
    first = parser.parse(content[: parser.peek(content)])[4][0]
    return len(found.cert_ids) > 1 or found.cert_ids[0].hash_name is None or first in (0xA0, 0xA1)


def mutated(draw: st.DrawFn, der: bytes) -> bytes:
    """A few octets changed, put in or taken away."""
    octets = bytearray(der)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(octets) - 1))
        kind = draw(st.sampled_from(["bit", "octet", "octet", "put", "take"]))
        if kind == "bit":
            octets[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "octet":
            octets[at] = draw(
                st.sampled_from([0, 1, 2, 3, 4, 5, 6, 0x30, 0x7F, 0x80, 0x81, 0xA0, 0xA1, 0xA2, 0xFF])
            )
        elif kind == "put":
            octets.insert(at, draw(st.integers(0, 255)))
        elif len(octets) > 1:
            del octets[at]
    return bytes(octets)


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_mutated_requests_say_the_same_to_every_parser(data: st.DataObject) -> None:
    """What we take asn1crypto reads as we do, and cryptography but for four kinds of requests; what
    cryptography alone takes is refused for a reason in the list, or in a signature that it does not look at.
    """
    der = mutated(data.draw, data.draw(forged(most=2)).der)
    found = read_request(der)
    if isinstance(found, OcspRequest):
        assert by_asn1crypto(der) == fields_of(found)
    try:
        theirs = by_cryptography(der)
    except (ValueError, NotImplementedError, UnsupportedAlgorithm, x509.DuplicateExtension) as error:
        event(f"cryptography: {type(error).__name__}")
        assert not isinstance(found, OcspRequest) or is_beyond_cryptography(der, found)
        return
    if isinstance(found, OcspRequest):
        assert theirs == as_cryptography_shows(fields_of(found))
    else:
        event(f"we alone refuse: {RequestFault(found[0]).name}")
        assert RequestFault(found[0]) in STRICTER or found[1] >= signature_at(der)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_every_truncation_is_refused(data: st.DataObject) -> None:
    """bad-inputs.md, item 5: whatever it is cut to, the whole says how long it is."""
    der = data.draw(forged(most=2)).der
    for size in range(len(der)):
        assert isinstance(read_request(der[:size]), tuple)


@settings(max_examples=4, deadline=None)
@given(st.data())
def test_every_flipped_bit_changes_only_what_it_says_or_is_refused(data: st.DataObject) -> None:
    """All of them, one at a time: the same number of CertIDs as asn1crypto reads, field by field."""
    der = data.draw(forged(most=2)).der
    for bit in range(8 * len(der)):
        changed = bytearray(der)
        changed[bit // 8] ^= 1 << bit % 8
        found = read_request(bytes(changed))
        if isinstance(found, OcspRequest):
            assert fields_of(found) == by_asn1crypto(bytes(changed))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300) | st.binary(max_size=40).map(lambda one: tlv(0x30, tlv(0x30, one))))
def test_any_octets_are_a_request_or_refused(der: bytes) -> None:
    """Never another exception; what is taken is never nothing."""
    found = read_request(der)
    assert found.cert_ids if isinstance(found, OcspRequest) else RequestFault(found[0])


def test_the_largest_request_is_read_and_one_octet_more_is_not() -> None:
    """The limit counts the whole of the request's octets."""
    base = len(request(some_cert_id(b"\1" * 16_000))) - 16_000
    whole = request(some_cert_id(b"\1" * (MAX_REQUEST_OCTETS - base)))
    assert len(whole) == MAX_REQUEST_OCTETS
    assert len(decode_request(whole).cert_ids[0].serial) == MAX_REQUEST_OCTETS - base
    assert fault_of(request(some_cert_id(b"\1" * (MAX_REQUEST_OCTETS - base + 1)))) is RequestFault.TOO_LARGE


def test_length_forms_of_every_size_may_stand_in_one_request() -> None:
    """Short, of one octet and of two octets, each at its boundary: 127, 128, 255, 256 octets of content."""
    sizes = [1, 126, 127, 128, 129, 254, 255, 256, 257, 1000]
    der = request(*(some_cert_id(b"\1" * size) for size in sizes))
    assert [len(one.serial) for one in decode_request(der).cert_ids] == sizes
    assert fields_of(decode_request(der)) == by_asn1crypto(der)


def test_as_many_cert_ids_as_allowed_keep_their_order() -> None:
    """The most, in the order of the request."""
    decoded = decode_request(request(*(some_cert_id(number) for number in range(MOST_CERT_IDS))))
    assert [one.serial for one in decoded.cert_ids] == [bytes([number]) for number in range(MOST_CERT_IDS)]
