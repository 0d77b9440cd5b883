"""A list as the checker holds it: what is malformed, what is understood and unusable, and what it lists."""

from __future__ import annotations

from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from revocation.checker.lists import TOLERANCES, HeldList
from revocation.der import DerReader
from tests.checker.material import (
    HOLD,
    INDIRECT,
    KEY_COMPROMISE,
    NOW,
    REMOVE,
    SECOND,
    SUPERSEDED,
    Entity,
    about,
    crl,
    held,
    named,
    refusal,
)
from tests.der_writer import T0, der_int, der_oid, extension, name, seq, tlv
from tests.forged_lists import ALGORITHMS, entry

_CA, _OTHER = Entity("CA"), Entity("Other", 1)
_ABSENT = 0xFF
_CRITICAL_UNKNOWN = extension("1.2.3.4", b"\x05\x00", critical=True)
_SHA1, _SHA512 = seq(der_oid("1.2.840.10045.4.1")), seq(der_oid("1.2.840.10045.4.3.4"))


def _code(one: HeldList) -> str | None:
    return None if one.refused is None else one.refused.code


def _with_unused_bits(der: bytes) -> bytes:
    fields = DerReader(der).enter(0x30, "CertificateList")
    signed, algorithm = fields.raw(0x30, "tbsCertList"), fields.raw(0x30, "signatureAlgorithm")
    start, end = fields.element(0x03, "signatureValue")
    return seq(signed, algorithm, tlv(0x03, b"\x01" + der[start + 1 : end]))


def _serial(value: int) -> bytes:
    return der_int(value)[2:]


@pytest.mark.parametrize(
    ("der", "code"),
    [
        (b"", "LIST_IS_EMPTY"),
        (b"\x30\x80\x00\x00", "DER_LENGTH"),
        (crl(_CA) + b"\x00", "DER_TRAILING"),
        (crl(_CA, version=2), "DER_VERSION"),
        (crl(_CA, version=None), "DER_VERSION"),  # extensions in a v1 list
        (
            crl(_CA, entry(1, extensions=[about(named("A"))] * 2), idp=seq(INDIRECT)),
            "DER_DUPLICATE_EXTENSION",
        ),
        # Whose entry it is cannot be read.
        (
            crl(_CA, entry(1, extensions=[extension("2.5.29.29", seq(), critical=True)]), idp=seq(INDIRECT)),
            "DER_EXTENSIONS",
        ),
        (crl(_CA, extra_extensions=[extension("2.5.29.20", der_int(2))]), "DER_DUPLICATE_EXTENSION"),
    ],
)
def test_what_cannot_be_parsed_is_malformed(der: bytes, code: str) -> None:
    """RFC 5280 section 5.1, X.690: refused whole and kept as such; nothing of it can be asked."""
    one = HeldList(der)
    assert _code(one) == code
    assert one.is_malformed
    assert not one.is_parsed
    assert refusal(lambda: one.list) is one.refused


@pytest.mark.parametrize(
    ("der", "code"),
    [
        # RFC 5280 section 5.3: an entry that says more than we understand.
        (crl(_CA, entry(1, extensions=[_CRITICAL_UNKNOWN])), "UNKNOWN_CRITICAL_EXTENSION"),
        # Section 5.3.3: whose certificates these are must not be asked without indirectCRL.
        (crl(_CA, entry(1, extensions=[about(named("A"))])), "INDIRECT_NOT_SUPPORTED"),
        # Section 5.1.1.3: unused bits in the signature make it a bad one.
        (_with_unused_bits(crl(_CA)), "DER_SIGNATURE"),
    ],
)
def test_what_the_decoder_understands_and_refuses_is_not_malformed(der: bytes, code: str) -> None:
    """RFC 5280 section 5.3: read strictly to its meaning, and not to be used; `unknown`, not `malformed`."""
    one = HeldList(der)
    assert _code(one) == code
    assert not one.is_malformed
    assert not one.is_parsed
    assert refusal(lambda: one.list) is one.refused


@pytest.mark.parametrize(
    ("der", "code"),
    [
        (crl(_CA, outer_algorithm=ALGORITHMS["ecdsa-with-SHA384"]), "ALGORITHM_MISMATCH"),
        (crl(_CA, inner_algorithm=seq(der_oid("1.2.3.4"))), "ALGORITHM_UNKNOWN"),
        (crl(_CA, inner_algorithm=seq(der_oid("1.2.840.113549.1.1.2"), b"\x05\x00")), "ALGORITHM_UNKNOWN"),
        (crl(_CA, inner_algorithm=seq(der_oid("1.2.840.10045.4.3.2"), der_int(1))), "ALGORITHM_UNKNOWN"),
        (crl(_CA, next_update=T0), "NEXT_UPDATE_BEFORE_THIS_UPDATE"),
        (crl(_CA, next_update=T0 - SECOND), "NEXT_UPDATE_BEFORE_THIS_UPDATE"),
    ],
)
def test_what_is_understood_and_unusable(der: bytes, code: str) -> None:
    """RFC 5280 sections 5.1.1.2, 5.1.2.5, 5.2: its scope can be asked, its entries not."""
    one = HeldList(der)
    assert _code(one) == code
    assert not one.is_malformed
    assert one.is_parsed
    assert one.list.issuer == _CA.subject


@pytest.mark.parametrize("forged", [{}, {"version": None, "extensions": ()}, {"extensions": ()}])
def test_a_list_without_any_extension_owes_no_number(forged: dict[str, object]) -> None:
    """RFC 5280 section 5.1.2.1: version 1, or written like it, can be neither partial nor a delta."""
    one = HeldList(crl(_CA, entry(1), **forged))
    assert one.refused is None
    assert one.doubt is None
    assert not one.is_forbidden
    assert not one.is_malformed
    assert one.is_parsed
    assert not one.is_delta
    assert one.issuing is None


_CRITICAL_NUMBER = [extension("2.5.29.20", der_int(1), critical=True)]


@pytest.mark.parametrize(
    ("der", "code"),
    [
        (crl(_CA, extra_extensions=[_CRITICAL_UNKNOWN]), "UNKNOWN_CRITICAL_EXTENSION"),
        (crl(_CA, inner_algorithm=_SHA1), "ALGORITHM_WEAK"),
        (crl(_CA, inner_algorithm=ALGORITHMS["md5WithRSAEncryption"]), "ALGORITHM_WEAK"),
        (crl(_CA, number=None), "CRL_NUMBER_MISSING"),
        (crl(_CA, extensions=_CRITICAL_NUMBER), "KNOWN_EXTENSION_CRITICAL"),
        (crl(_CA, extensions=[extension("2.5.29.35", seq(), critical=True)]), "KNOWN_EXTENSION_CRITICAL"),
        (crl(_CA, next_update=None), "NEXT_UPDATE_MISSING"),
        (crl(_CA, next_update=None, extensions=()), "NEXT_UPDATE_MISSING"),
        # The first is told.
        (
            crl(_CA, inner_algorithm=_SHA1, next_update=None, extensions=_CRITICAL_NUMBER),
            "KNOWN_EXTENSION_CRITICAL",
        ),
        (crl(_CA, extensions=[*_CRITICAL_NUMBER, _CRITICAL_UNKNOWN]), "UNKNOWN_CRITICAL_EXTENSION"),
    ],
)
def test_what_is_in_doubt(der: bytes, code: str) -> None:
    """RFC 5280 sections 5.1.2.5, 5.2.1, 5.2.3; RFC 6151, 9155: what it leaves out proves nothing."""
    one = HeldList(der)
    assert one.refused is None
    assert one.doubt is not None
    assert one.doubt.code == code
    assert not one.is_malformed
    # RFC 5280 section 5.2: this alone forbids that it decides anything, be it a revocation.
    assert one.is_forbidden == (code == "UNKNOWN_CRITICAL_EXTENSION")


@pytest.mark.parametrize(
    ("tolerance", "der"),
    [
        ("missing_crl_number", crl(_CA, number=None)),
        ("critical_known_extension", crl(_CA, extensions=_CRITICAL_NUMBER)),
        (
            "explicit_default",
            crl(_CA, extra_extensions=[extension("1.2.3", b"\x05\x00", explicit_false=True)]),
        ),
        ("weak_signature", crl(_CA, inner_algorithm=_SHA1)),
    ],
)
def test_each_tolerance_lets_its_own_fault_pass(tolerance: str, der: bytes) -> None:
    """What an issuer does wrong without being misunderstood may be switched on, one by one."""
    for tolerated in ((), TOLERANCES - {tolerance}):
        one = HeldList(der, frozenset(tolerated))
        assert one.refused or one.doubt
    one = HeldList(der, {tolerance})
    assert (one.refused, one.doubt) == (None, None)


def test_there_are_these_tolerances() -> None:
    """The other tolerances are about what JPKI's lists are for, and mean nothing here."""
    assert sorted(TOLERANCES) == [
        *("critical_known_extension", "explicit_default", "missing_crl_number", "weak_signature")
    ]


def test_times_in_either_form_are_taken() -> None:
    """RFC 5280 section 5.1.2.4: whoever reads takes GeneralizedTime before 2050 too, in list and entry."""
    time = tlv(0x18, b"20261130000000Z")
    one = held(_CA, entry(1, time), next_update=time)
    assert one.refused is None
    assert list(one.reasons_of(_CA.subject, b"\x01")) == [_ABSENT]


def test_a_delta_is_told_by_its_indicator() -> None:
    """RFC 5280 section 5.2.4; base 0 is a base too."""
    assert not held(_CA, number=7).is_delta
    assert held(_CA, number=7, delta_base=0).is_delta


def test_the_point_is_the_lists() -> None:
    """RFC 5280 section 5.2.5."""
    found = held(_CA, idp=seq(INDIRECT)).issuing
    assert found is not None
    assert found.indirect_crl
    assert held(_CA).issuing is None


def test_a_list_is_current_until_its_end() -> None:
    """RFC 5280 section 6.3.3 (a): at nextUpdate it has lapsed; without one it never does."""
    one = held(_CA, this_update=T0, next_update=NOW)
    assert one.is_current(T0)
    assert one.is_current(NOW - SECOND)
    assert not one.is_current(NOW)
    assert not one.is_current(NOW + timedelta(days=1000))
    assert held(_CA, next_update=None).is_current(NOW + timedelta(days=1000))


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"inner_algorithm": ALGORITHMS["ecdsa-with-SHA384"], "digest": hashes.SHA384()},
        {"inner_algorithm": _SHA512, "digest": hashes.SHA512()},  # not one of the night's
    ],
)
def test_a_key_signed_it_or_did_not(how: dict[str, object]) -> None:
    """RFC 5280 section 6.3.3 (g): with the algorithms of the night, and with others."""
    one = held(_CA, **how)
    for _ in range(2):
        assert one.verifies(_CA.key_info, _CA.private.public_key())
        assert not one.verifies(_OTHER.key_info, _OTHER.private.public_key())
        assert not one.verifies(b"a key that nobody could read", None)
    forged = held(_CA, **how, corrupt_signature=True)
    assert not forged.verifies(_CA.key_info, _CA.private.public_key())


def test_a_signature_is_verified_once_a_key() -> None:
    """Of many certificates the same key is asked: the answer is remembered by the key's DER."""
    one = held(_CA)
    assert one.verifies(_CA.key_info, _CA.private.public_key())
    assert one.verifies(_CA.key_info, None)


def test_every_entry_of_a_certificate_counts() -> None:
    """RFC 5280 section 6.3.3 (i), (j): by issuer and serial number; twice listed is told twice."""
    one = held(
        _CA,
        entry(1, reason=KEY_COMPROMISE),
        entry(2),
        entry(1, reason=HOLD),
        entry(-1, reason=REMOVE),
        entry(255, reason=SUPERSEDED),
    )

    def codes(serial: int, issuer: bytes = _CA.subject) -> list[int]:
        return list(one.reasons_of(issuer, _serial(serial)))

    assert codes(1) == [KEY_COMPROMISE, HOLD]
    assert codes(2) == [_ABSENT]
    assert codes(-1) == [REMOVE]
    assert codes(255) == [SUPERSEDED]
    assert codes(0) == codes(256) == []
    assert codes(1, _OTHER.subject) == []
    assert codes(2, name(("C", "jp"), ("CN", " ca "))) == [_ABSENT]  # section 7.1


def test_entries_of_an_indirect_list_are_their_issuers() -> None:
    """RFC 5280 section 5.3.3: the same serial number under two issuers is two certificates."""
    one = held(
        _CA,
        entry(1, reason=KEY_COMPROMISE),
        entry(1, reason=SUPERSEDED, extensions=[about(named("A"), named("B"))]),
        entry(2, reason=HOLD),
        entry(1, reason=HOLD, extensions=[about(_CA.subject)]),
        idp=seq(INDIRECT),
    )
    assert list(one.reasons_of(_CA.subject, _serial(1))) == [KEY_COMPROMISE, HOLD]
    assert list(one.reasons_of(_CA.subject, _serial(2))) == []
    for issuer in (named("A"), named("b")):
        assert list(one.reasons_of(issuer, _serial(1))) == [SUPERSEDED]
        assert list(one.reasons_of(issuer, _serial(2))) == [HOLD]


def test_octets_within_another_serial_are_no_entry() -> None:
    """RFC 5280 section 5.1.2.6: a number that stands inside a longer one is no match."""
    inside = bytes([0x55, 1, 1, *[0] * 17])
    one = held(_CA, entry(inside, reason=0), entry(1, reason=HOLD))
    assert list(one.reasons_of(_CA.subject, inside)) == [0]
    assert list(one.reasons_of(_CA.subject, b"\x01")) == [HOLD]
    assert list(held(_CA, entry(inside, reason=0)).reasons_of(_CA.subject, b"\x01")) == []


def test_a_serial_that_no_list_can_hold_is_in_none() -> None:
    """RFC 5280 section 4.1.2.2: at most 20 octets in a list; a certificate's longer one is not cut."""
    one = held(_CA, entry(b"\x11" * 20), entry(b"\x11" * 19))
    assert list(one.reasons_of(_CA.subject, b"\x11" * 21)) == []
    assert list(one.reasons_of(_CA.subject, b"\x11" * 20)) == [_ABSENT]


@given(
    st.lists(st.tuples(st.integers(-3, 3), st.sampled_from([None, "A", "B", "CA"])), max_size=8),
    st.integers(-3, 3),
    st.sampled_from(["A", "B", "CA"]),
)
def test_a_list_is_a_dictionary(entries: list[tuple[int, str | None]], serial: int, issuer: str) -> None:
    """RFC 5280 sections 5.3.3 and 6.3.3 (i): what a list says is what is written in it, entry by entry."""
    written, expected, now = [], [], "CA"
    for number, (listed, named_so) in enumerate(entries):
        now = named_so or now
        extensions = [] if named_so is None else [about(named(named_so))]
        written.append(entry(listed, reason=number % 7, extensions=extensions))
        if (listed, now) == (serial, issuer):
            expected.append(number % 7)
    one = held(_CA, *written, idp=seq(INDIRECT))
    assert list(one.reasons_of(named(issuer), _serial(serial))) == expected
