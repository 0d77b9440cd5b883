"""Distribution points of lists (RFC 5280 section 5.2.5) and of certificates (4.2.1.13), read strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revocation.crl.distribution_points import (
    ALL_REASONS,
    DistributionPoint,
    IssuingDistributionPoint,
    full_name,
    read_distribution_points,
    read_issuing_distribution_point,
)
from revocation.der import DerReader
from revocation.errors import InputRefused
from tests.checker.material import (
    ATTRIBUTE,
    CA,
    INDIRECT,
    USER,
    crl_issuer,
    full,
    general,
    issuing,
    named,
    rdn,
    reasons,
    refusal,
    relative,
    some_reasons,
    uri,
)
from tests.der_writer import name, seq, tlv

_URI = uri("http://crl.example/1.crl")


def _issuing(
    der: bytes, *, critical: bool = True, explicit_default: bool = False
) -> IssuingDistributionPoint:
    """Read where it stands in a list: other octets before and after it."""
    value = DerReader(b"\x05\x00" + der + b"\x05\x00", 2, 2 + len(der))
    found = read_issuing_distribution_point(value, critical=critical, explicit_default=explicit_default)
    assert value.at == value.end
    return found


def _points(*points: bytes) -> tuple[DistributionPoint, ...]:
    return read_distribution_points(DerReader(seq(*points)), "cRLDistributionPoints")


@pytest.mark.parametrize(
    ("der", "said"),
    [
        (seq(full(_URI, named("A"))), {"full_names": (_URI, named("A"))}),
        (seq(relative("A")), {"relative_name": rdn("A")}),
        (seq(USER), {"only_contains_user_certs": True}),
        (seq(CA), {"only_contains_ca_certs": True}),
        (seq(some_reasons(1)), {"only_some_reasons": 0b10}),
        (seq(INDIRECT), {"indirect_crl": True}),
        (seq(ATTRIBUTE), {"only_contains_attribute_certs": True}),
        (
            seq(full(_URI), USER, CA, some_reasons(8), INDIRECT, ATTRIBUTE),
            {
                "full_names": (_URI,),
                "only_contains_user_certs": True,
                "only_contains_ca_certs": True,
                "only_some_reasons": 1 << 8,
                "indirect_crl": True,
                "only_contains_attribute_certs": True,
            },
        ),
    ],
)
def test_every_field_is_read(der: bytes, said: dict[str, object]) -> None:
    """RFC 5280 section 5.2.5: six fields, each as its own; what is absent is FALSE or none."""
    assert _issuing(der) == issuing(**said)
    assert _issuing(der, critical=False) == issuing(**said, critical=False)


def test_a_point_is_named_or_limited_by_these_fields() -> None:
    """RFC 5280 section 5.2.5: either form is a name; three kinds and the reasons are limits."""
    named_ones, limited = (seq(full(_URI)), seq(relative("A"))), (USER, CA, some_reasons(1), ATTRIBUTE)
    assert [_issuing(der).is_named for der in (*named_ones, seq(INDIRECT))] == [True, True, False]
    assert [_issuing(seq(field)).is_limited for field in (*limited, INDIRECT)] == [True] * 4 + [False]
    assert not any(_issuing(der).is_limited for der in named_ones)


@pytest.mark.parametrize(
    ("der", "code"),
    [
        (seq(), "DER_EXTENSIONS"),  # section 5.2.5: never an empty SEQUENCE
        (tlv(0x31, USER), "DER_TAG"),
        (seq(CA, USER), "DER_TRAILING"),  # out of order
        (seq(USER, USER), "DER_TRAILING"),
        (seq(USER, tlv(0x86, b"\xff")), "DER_TRAILING"),
        (seq(tlv(0x81, b"\x01")), "DER_BOOLEAN"),
        (seq(tlv(0x81, b"\x00")), "DER_EXPLICIT_DEFAULT"),
        (seq(tlv(0xA0, b"")), "DER_TRUNCATED"),
        (seq(tlv(0xA0, tlv(0xA0, b""))), "DER_EXTENSIONS"),
        (seq(tlv(0xA0, tlv(0xA2, general(named("A"))))), "DER_TAG"),
        (seq(tlv(0xA0, tlv(0xA0, _URI) + tlv(0xA0, _URI))), "DER_TRAILING"),
        (seq(tlv(0xA0, tlv(0xA1, b""))), "DER_NAME"),  # an RDN has an attribute
        (seq(tlv(0xA0, tlv(0xA1, _URI))), "DER_TAG"),
    ],
)
def test_what_is_no_issuing_distribution_point_is_refused(der: bytes, code: str) -> None:
    """RFC 5280 section 5.2.5 in DER (X.690): nothing of it is guessed."""
    assert refusal(_issuing, der).code == code


def test_octets_after_the_point_stay_unread() -> None:
    """RFC 5280 section 4.2: whether the extension ends there is for its reader to see."""
    der = seq(full(uri("http://remembered")))
    value = DerReader(der + b"\x05\x00")
    found = read_issuing_distribution_point(value, critical=True, explicit_default=False)
    assert found.full_names == (uri("http://remembered"),)
    assert value.at == len(der)


def test_an_explicit_false_is_taken_where_it_is_tolerated() -> None:
    """X.690 section 11.5: refused, with the tolerance to switch on; remembered under neither setting."""
    der = seq(full(_URI), tlv(0x84, b"\x00"))
    for _ in range(2):
        assert not _issuing(der, explicit_default=True).indirect_crl
        error = refusal(_issuing, der)
        assert error.code == "DER_EXPLICIT_DEFAULT"
        assert error.expected == "indirectCRL: FALSE left out, as DER wants a DEFAULT"
        assert error.got == f"an explicit FALSE at byte offset {len(der) - 1}"
        assert error.remedy == "fetch it again, or switch on the tolerance explicit_default for this CA"


@pytest.mark.parametrize("names", [1, 40])
def test_a_refusal_tells_the_offset_in_the_list(names: int) -> None:
    """A long point is read in place, a short one from a copy: of both the offset is the list's."""
    der = seq(full(*[uri("http://crl.example/1")] * names), USER, USER)
    error = refusal(_issuing, der)
    assert error.code == "DER_TRAILING"
    assert error.got.endswith(f"at byte offset {2 + len(der) - 3}")


def test_a_long_point_is_read_like_a_short_one() -> None:
    """RFC 5280 section 5.2.5 sets no length; what is not remembered is read all the same."""
    many = tuple(uri(f"http://crl.example/{number}") for number in range(40))
    der = seq(full(*many), USER)
    assert _issuing(der) == issuing(full_names=many, only_contains_user_certs=True)
    assert _issuing(der) == _issuing(der)


def test_a_certificates_points_are_read_in_order() -> None:
    """RFC 5280 section 4.2.1.13: name, reasons, cRLIssuer, each alone or together."""
    assert _points(
        seq(full(_URI)),
        seq(relative("A"), reasons(1, 2), crl_issuer(named("I"))),
        seq(crl_issuer(named("I"), named("J"))),
    ) == (
        DistributionPoint(full_names=(_URI,)),
        DistributionPoint(relative_name=rdn("A"), reasons=0b110, crl_issuers=(named("I"),)),
        DistributionPoint(crl_issuers=(named("I"), named("J"))),
    )
    assert [one.is_named for one in _points(seq(full(_URI)), seq(relative("A")))] == [True, True]
    assert not _points(seq(crl_issuer(named("I"))))[0].is_named


def test_a_crl_issuer_is_kept_in_every_form() -> None:
    """RFC 5280 section 4.2.1.13: a point that is left to somebody else is not read as the issuer's own."""
    (point,) = _points(seq(full(_URI), crl_issuer(_URI, named("I"))))
    assert point.crl_issuers == (_URI, named("I"))
    assert _points(seq(crl_issuer(_URI))) == (DistributionPoint(crl_issuers=(_URI,)),)


@pytest.mark.parametrize(
    ("points", "code", "expected"),
    [
        ((), "DER_EXTENSIONS", "cRLDistributionPoints: at least one DistributionPoint"),
        ((seq(),), "DER_EXTENSIONS", "DistributionPoint: a name or a cRLIssuer"),
        ((seq(reasons(1)),), "DER_EXTENSIONS", "DistributionPoint: a name or a cRLIssuer"),
        ((seq(full(_URI)),) * 65, "DER_EXTENSIONS", "cRLDistributionPoints: at most 64 points"),
        ((seq(tlv(0xA2, b"")),), "DER_EXTENSIONS", "cRLIssuer: at least one GeneralName"),
        ((seq(reasons(1), full(_URI)),), "DER_TRAILING", None),
        ((tlv(0x31, full(_URI)),), "DER_TAG", None),
    ],
)
def test_what_is_no_list_of_points_is_refused(
    points: tuple[bytes, ...], code: str, expected: str | None
) -> None:
    """RFC 5280 section 4.2.1.13: SIZE (1..MAX), never reasons alone; and a bound of our own."""
    error = refusal(_points, *points)
    assert error.code == code
    assert expected is None or error.expected == expected


def test_64_points_are_read_and_nothing_may_follow_them() -> None:
    """RFC 5280 section 4.2: extnValue holds one value."""
    assert len(_points(*[seq(full(_URI))] * 64)) == 64
    der = seq(seq(full(_URI))) + b"\x05\x00"
    assert refusal(read_distribution_points, DerReader(der), "x").code == "DER_TRAILING"


@given(st.sets(st.integers(0, 8)))
def test_reasons_are_the_bits_that_are_set(positions: set[int]) -> None:
    """RFC 5280 section 4.2.1.13, ReasonFlags: bit n counted from the left; none at all is no reason."""
    expected = sum(1 << position for position in positions)
    assert _points(seq(full(_URI), reasons(*positions)))[0].reasons == expected
    assert _issuing(seq(some_reasons(*positions))).only_some_reasons == expected


@pytest.mark.parametrize("beyond", [9, 15, 16, 40])
def test_bits_beyond_the_last_reason_mean_nothing(beyond: int) -> None:
    """RFC 5280 section 4.2.1.13 names nine bits; one that a later standard adds covers no reason of ours."""
    assert _issuing(seq(some_reasons(1, beyond))).only_some_reasons == 0b10
    assert _issuing(seq(some_reasons(beyond))).only_some_reasons == 0


@pytest.mark.parametrize(
    "content",
    [
        b"",  # no octet of unused bits
        b"\x08\x80",  # eight unused bits
        b"\xff\x80",
        b"\x01",  # unused bits of nothing
        b"\x07",
        b"\x00\x00",  # an octet without a bit
        b"\x07\x00",
        b"\x00\x40",  # trailing zero bits
        b"\x05\x40",
        b"\x07\x40",  # an unused bit that is set
        b"\x00\x80\x00",
    ],
)
def test_reasons_in_another_form_are_refused(content: bytes) -> None:
    """X.690 sections 8.6, 11.2.1 and 11.2.2: unused bits are zero and few, trailing zeros left out."""
    error = refusal(_issuing, seq(tlv(0x83, content)))
    assert (error.code, error.expected) == (
        "DER_REASONS",
        "onlySomeReasons: a BIT STRING without trailing zero bits",
    )
    error = refusal(_points, seq(full(_URI), tlv(0x81, content)))
    assert (error.code, error.expected) == ("DER_REASONS", "reasons: a BIT STRING without trailing zero bits")
    assert error.got.startswith("another one at byte offset ")


@given(st.binary(max_size=3).filter(lambda content: content != bytes(3)))
def test_reasons_are_der_or_refused(content: bytes) -> None:
    """X.690 section 11.2: of all contents exactly those are taken that a strict writer would write."""
    bits = [octet >> (7 - bit) & 1 for octet in content[1:] for bit in range(8)]
    while bits and not bits[-1]:
        bits.pop()
    octets = (len(bits) + 7) // 8
    padded = bits + [0] * (8 * octets - len(bits))
    value = int("".join(map(str, padded)) or "0", 2).to_bytes(octets, "big")
    canonical = bytes([8 * octets - len(bits)]) + value
    try:
        found = _issuing(seq(tlv(0x83, content))).only_some_reasons
    except InputRefused:
        assert content != canonical
    else:
        assert content == canonical
        assert found == sum(1 << number for number, bit in enumerate(bits[:9]) if bit)


def test_all_reasons_are_the_eight_that_mean_something() -> None:
    """RFC 5280 section 6.3.3: every bit of ReasonFlags but unused (0), up to aACompromise (8)."""
    assert [bit for bit in range(16) if ALL_REASONS >> bit & 1] == list(range(1, 9))


def test_a_relative_name_stands_after_the_others() -> None:
    """RFC 5280 section 4.2.1.13: the RDN is appended to the issuer's; one of several attributes too."""
    assert full_name(named("A"), rdn("B")) == name(("C", "JP"), ("CN", "A"), ("CN", "B"))
    assert full_name(seq(), rdn("B")) == name(("CN", "B"))
