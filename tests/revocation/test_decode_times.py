"""Times by rule: RFC 5280 section 4.1.2.5 in both readers, that of the head and that of the entries."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from revocation.crl.decode import decode_certificate_list
from tests import pki
from tests.pki import T0, der_int, entry
from tests.revocation.decoding import decode, quick_signer, refusal


@pytest.fixture(scope="module")
def signer() -> pki.SigningGeneration:
    """Quick: nothing here depends on the signature."""
    return quick_signer()


_UTC = b"\x17\x0d"
_GENERAL = b"\x18\x0f"


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (_UTC + b"491231235959Z", datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (_UTC + b"500101000000Z", datetime(1950, 1, 1, tzinfo=UTC)),
        (_UTC + b"700101000000Z", datetime(1970, 1, 1, tzinfo=UTC)),
        (_UTC + b"000229120000Z", datetime(2000, 2, 29, 12, tzinfo=UTC)),
        (_GENERAL + b"20500101000000Z", datetime(2050, 1, 1, tzinfo=UTC)),
        (_GENERAL + b"99991231235959Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_times_of_entries_and_of_the_list(
    signer: pki.SigningGeneration, element: bytes, expected: datetime
) -> None:
    """Bad input 68, T08: the boundaries of RFC 5280 section 4.1.2.5 in both readers, under any TZ."""
    found = decode(signer, entry(1, element), this_update=element, next_update=element)
    assert [e.revocation_date for e in found.entries] == [expected]
    assert (found.this_update, found.next_update) == (expected, expected)


@pytest.mark.parametrize(
    "element",
    [
        _UTC + b"261301000000Z",
        _UTC + b"260001000000Z",
        _UTC + b"260100000000Z",
        _UTC + b"260132000000Z",
        _UTC + b"260229000000Z",
        _UTC + b"260431000000Z",
        _UTC + b"260101240000Z",
        _UTC + b"260101006000Z",
        _UTC + b"260101000060Z",
        _UTC + b"26010100000 Z",
        _UTC + b"2601010000000",
        b"\x17\x0b2601010000Z",
        b"\x17\x11260101000000+0900",
        _GENERAL + b"20491231235959Z",
        _GENERAL + b"21000229000000Z",
        b"\x18\x1120500101000000.5Z",
        b"\x18\x0d205001010000Z",
        b"\x18\x1320500101000000+0000",
        b"\x17\x00",
        b"\x18\x00",
        der_int(1),
    ],
)
def test_times_that_are_none(signer: pki.SigningGeneration, element: bytes) -> None:
    """No such date, no seconds, a fraction, an offset, GeneralizedTime before 2050: refused everywhere."""
    for der in (
        pki.build_crl(signer, entries=[entry(1, element)]),
        pki.build_crl(signer, this_update=element),
    ):
        assert refusal(der).code in {"DER_TIME", "DER_TAG"}
    if element[0] != 0x02:
        assert refusal(pki.build_crl(signer, next_update=element)).code == "DER_TIME"


def test_the_tolerance_for_generalized_time(signer: pki.SigningGeneration) -> None:
    """The refusal names the tolerance that would pass; with it, entry and list read the same date."""
    element = _GENERAL + b"20261120000000Z"
    for der in (
        pki.build_crl(signer, entries=[entry(1, element)]),
        pki.build_crl(signer, this_update=element),
    ):
        assert "generalized_time_before_2050" in refusal(der).remedy
        found = decode_certificate_list(der, tolerances={"generalized_time_before_2050"})
        assert found.this_update == T0
        assert refusal(
            pki.build_crl(signer, entries=[entry(1, _GENERAL + b"00000101000000Z")]),
            frozenset({"generalized_time_before_2050"}),
        )
