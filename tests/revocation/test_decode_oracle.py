"""Decoding against two independent readers: entry for entry equal, and never more lenient than they.

The oracles are asn1crypto (reads more, slowly) and cryptography (strict DER, in Rust). Where a mutated
list is refused by ours it does not matter what they say; where ours accepts it, all must agree.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asn1crypto import crl as asn1_crl
from asn1crypto import parser
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revocation.crl.decode import DecodedList, Entries, decode_certificate_list
from revocation.errors import InputRefused
from revocation.reasons import REASON_ABSENT, CRLReason
from tests import pki

Row = tuple[int, datetime, int, bool]

_QUICK = settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow])

_FLAGS_OF_CRYPTOGRAPHY = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "removeFromCRL": 8,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}


def _signer() -> pki.SigningGeneration:
    return pki.make_ca(generations=1, kind="p256").generations[0]


def ours(der: bytes) -> list[Row]:
    return rows_of(decode_certificate_list(der))


def rows_of(found: DecodedList[Entries]) -> list[Row]:
    return [
        (int.from_bytes(e.serial, "big", signed=True), e.revocation_date, e.reason, e.has_invalidity_date)
        for e in found.entries
    ]


def by_asn1crypto(der: bytes) -> list[Row]:
    found = asn1_crl.CertificateList.load(der, strict=True)
    rows = []
    listed = found["tbs_cert_list"]["revoked_certificates"]
    for revoked in listed if isinstance(listed, asn1_crl.RevokedCertificates) else ():
        reason, invalidity = REASON_ABSENT, False
        for extension in revoked["crl_entry_extensions"]:
            dotted = extension["extn_id"].dotted
            if dotted == "2.5.29.21":
                # Only the octets: asn1crypto knows no unknown reason codes.
                reason = int.from_bytes(parser.parse(extension["extn_value"].contents)[4], "big")
            invalidity |= dotted == "2.5.29.24"
        at = revoked["revocation_date"].native
        rows.append((revoked["user_certificate"].native, at.astimezone(UTC), reason, invalidity))
    return rows


def by_cryptography(der: bytes) -> list[Row]:
    rows = []
    for revoked in x509.load_der_x509_crl(der):
        reason, invalidity = REASON_ABSENT, False
        for extension in revoked.extensions:
            if isinstance(extension.value, x509.CRLReason):
                reason = _FLAGS_OF_CRYPTOGRAPHY[extension.value.reason.value]
            invalidity |= isinstance(extension.value, x509.InvalidityDate)
        rows.append((revoked.serial_number, revoked.revocation_date_utc, reason, invalidity))
    return rows


_SERIALS = st.one_of(
    st.integers(min_value=0, max_value=1 << 28),
    st.integers(min_value=1 << 120, max_value=(1 << 159) - 1),
    st.sampled_from([0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000]),
)
_MOMENTS = st.datetimes(
    min_value=datetime(1950, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9999, 12, 31, 23, 59, 59),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda at: at.replace(microsecond=0))
_ENTRIES = st.lists(
    st.tuples(
        _SERIALS,
        _MOMENTS,
        st.none() | st.sampled_from([int(code) for code in CRLReason]),
        st.none() | _MOMENTS,
    ),
    max_size=12,
)


@_QUICK
@given(_ENTRIES)
def test_generated_lists_agree_with_both_oracles(entries: list[Any]) -> None:
    """Entry for entry: serial, date, reason, invalidityDate; any serial size, any year, any order."""
    der = pki.build_crl(
        _signer(), entries=[pki.entry(s, at, reason, invalidity_date=inv) for s, at, reason, inv in entries]
    )
    expected: list[Row] = [
        (s, at, REASON_ABSENT if reason is None else reason, inv is not None)
        for s, at, reason, inv in entries
    ]
    assert ours(der) == expected
    assert by_asn1crypto(der) == expected
    assert by_cryptography(der) == expected


@_QUICK
@given(
    number=st.integers(min_value=0, max_value=(1 << 159) - 1),
    this_update=_MOMENTS,
    next_update=_MOMENTS,
)
def test_head_fields_agree_with_cryptography(
    number: int, this_update: datetime, next_update: datetime
) -> None:
    """thisUpdate, nextUpdate, cRLNumber, AKI, issuer, algorithm and signature, on any values."""
    der = pki.build_crl(
        _signer(),
        number=number,
        this_update=this_update,
        next_update=next_update,
        distribution_point=pki.point(3),
    )
    found, oracle = decode_certificate_list(der), x509.load_der_x509_crl(der)
    extensions = oracle.extensions
    assert found.crl_number == extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    assert (found.this_update, found.next_update) == (oracle.last_update_utc, oracle.next_update_utc)
    aki = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert found.authority_key_identifier == aki.key_identifier
    assert bytes(found.tbs) == oracle.tbs_certlist_bytes
    assert found.signature == oracle.signature
    assert found.issuer == oracle.issuer.public_bytes()
    idp = extensions.get_extension_for_class(x509.IssuingDistributionPoint).value
    assert idp.full_name is not None
    assert found.issuing_distribution_point is not None
    assert found.issuing_distribution_point.full_names == (idp.full_name[0].value.public_bytes(),)


_ODD_ENTRIES = [
    pki.entry(0xBFCD, reason=3),
    pki.entry(b"\xff"),
    pki.entry(b"\x00"),
    pki.entry(b"\x7f" * 20, reason=6, invalidity_date=datetime(2001, 2, 3, tzinfo=UTC)),
    pki.entry(5, datetime(2050, 1, 1, tzinfo=UTC), 0),
    pki.entry(6, extensions=[pki.extension("2.5.29.23", pki.der_oid("1.2.840.10040.2.1"))]),
    pki.entry(7, extensions=[pki.extension("1.2.392.200149.1", b"\x05\x00")]),
]


@pytest.fixture(scope="module")
def vector() -> bytes:
    """One list with every shape of entry in it."""
    return pki.build_crl(_signer(), entries=_ODD_ENTRIES, distribution_point=pki.point(1), number=300)


def agree_or_refused(der: bytes) -> bool:
    """Ours refuses, or the oracles read the very same entries. True when ours read it."""
    refusal: InputRefused | None = None
    try:
        found = decode_certificate_list(der)
    except InputRefused as error:
        refusal = error
    if refusal is not None:
        assert "byte offset" in refusal.got or refusal.code.startswith("LIST_IS_")
        return False
    # asn1crypto does not check DER, so what ours believes to be DER it must read, and equally.
    rows = rows_of(found)
    assert rows == by_asn1crypto(der)
    # cryptography knows fewer reason codes and forms of extensions; what it reads it reads equally.
    try:
        strict = by_cryptography(der)
    except ValueError:
        return True
    assert rows == strict
    return True


@settings(deadline=None, max_examples=600, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_t01_one_wrong_octet(vector: bytes, data: st.DataObject) -> None:
    """Any octet replaced anywhere: refused, or the same meaning for the oracle; never a crash."""
    at = data.draw(st.integers(min_value=0, max_value=len(vector) - 1))
    octet = data.draw(st.integers(min_value=0, max_value=255))
    agree_or_refused(vector[:at] + bytes([octet]) + vector[at + 1 :])


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(
        st.tuples(st.integers(0, 2000), st.integers(0, 12), st.binary(max_size=12)), min_size=1, max_size=4
    )
)
def test_cut_and_pasted_octets(vector: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    """Pieces removed and inserted: lengths no longer fit, and everything is still bounded."""
    der = vector
    for at, removed, inserted in cuts:
        at %= len(der) + 1
        der = der[:at] + inserted + der[at + removed :]
    agree_or_refused(der)


_ELEMENTS = st.recursive(
    st.builds(
        pki.tlv,
        st.sampled_from([0x01, 0x02, 0x04, 0x06, 0x0A, 0x17, 0x18, 0x30, 0x31, 0x80]),
        st.one_of(
            st.sampled_from([b"\xff", b"\x03", b"\x55\x1d\x15", b"\x55\x1d\x18", b"261120000000Z"]),
            st.binary(max_size=21),
        ),
    ),
    lambda inner: st.lists(inner, max_size=3).map(lambda parts: pki.seq(*parts)),
    max_leaves=6,
)
_FORGED = st.builds(
    lambda serial, at, extensions: pki.seq(serial, at, extensions),
    st.one_of(_SERIALS.map(pki.der_int), _ELEMENTS),
    st.one_of(_MOMENTS.map(pki.der_time), _ELEMENTS),
    st.one_of(
        st.just(b""),
        st.lists(
            st.builds(
                lambda oid, critical, value: pki.extension(oid, value, critical=critical),
                st.sampled_from(["2.5.29.21", "2.5.29.24", "2.5.29.23", "1.2.3"]),
                st.booleans(),
                st.one_of(
                    _ELEMENTS, st.sampled_from(list(range(11))).map(lambda raw: pki.der_int(raw, tag=0x0A))
                ),
            ),
            max_size=2,
        ).map(lambda parts: pki.seq(*parts)),
        _ELEMENTS,
    ),
)


@settings(deadline=None, max_examples=400)
@given(entries=st.lists(st.one_of(_FORGED, st.sampled_from(_ODD_ENTRIES)), min_size=1, max_size=5))
def test_t16_entries_put_together_from_any_elements(entries: list[bytes]) -> None:
    """Well-formed elements where others belong, in any order: all agree, or ours refuses."""
    agree_or_refused(pki.build_crl(_signer(), entries=entries))


def test_t01_every_bit_of_the_entries_flipped(vector: bytes) -> None:
    """Exhaustively where entries stand: refused or equal; and both happen."""
    start = vector.index(_ODD_ENTRIES[0])
    end = start + sum(map(len, _ODD_ENTRIES))
    read = 0
    for at in range(start, end):
        for bit in range(8):
            read += agree_or_refused(vector[:at] + bytes([vector[at] ^ 1 << bit]) + vector[at + 1 :])
    assert 0 < read < (end - start) * 8


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=400))
def test_random_octets_are_refused(content: bytes) -> None:
    """Nothing random is a list."""
    with pytest.raises(InputRefused):
        decode_certificate_list(content)


def test_time_zone_of_the_machine_changes_nothing(vector: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """T08: the same entries under any TZ."""
    expected = ours(vector)
    for zone in ("Asia/Tokyo", "America/New_York", "UTC"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert ours(vector) == expected
    monkeypatch.undo()
    time.tzset()


def test_a_list_of_many_entries_agrees_with_cryptography() -> None:
    """20,000 entries in J-LIS's shape, the form of real nights."""
    start = pki.T0 - timedelta(days=900)
    entries = [
        pki.entry(0x67C6A21 + 3 * n, start + timedelta(seconds=3301 * n), (0, 1, 3, 4, 5, 6)[n % 6])
        for n in range(20_000)
    ]
    der = pki.build_crl(_signer(), entries=entries)
    assert ours(der) == by_cryptography(der)
