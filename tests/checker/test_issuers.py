"""Whose certificate is an entry about? RFC 5280 section 5.3.3: the issuer sticks until another is named."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revocation.crl.decode import decode_certificate_list
from revocation.crl.issuers import Run, runs_by_issuer
from tests.checker.material import INDIRECT, Entity, about, crl, general, named, refusal, uri
from tests.der_writer import der_int, extension, seq, tlv
from tests.forged_lists import entry

_CA = Entity("CA")
_INVALIDITY = extension("2.5.29.24", tlv(0x18, b"20260101000000Z"))
_REASON = extension("2.5.29.21", der_int(1, tag=0x0A))
#: Of an OID that sorts as certificateIssuer does, but for its last octet.
_UNKNOWN = extension("2.5.29.30", b"\x05\x00")


def _runs(entries: Sequence[bytes], *, idp: bytes | None = seq(INDIRECT), slack: int = 0) -> list[Run]:
    der = bytes(slack) + crl(_CA, *entries, idp=idp)
    found = decode_certificate_list(der[slack:], certificate_issuers=True)
    start, end = found.entries_at
    return list(runs_by_issuer(der, (start + slack, end + slack), found.entries, found.issuer))


def test_a_list_without_certificate_issuers_is_about_its_own() -> None:
    """RFC 5280 section 5.3.3: the default is the list's issuer; also of a list that is indirect, or empty."""
    own = (_CA.subject,)
    assert _runs([]) == [Run(own, 0, 0)]
    assert _runs([entry(1), entry(2)]) == [Run(own, 0, 2)]
    assert _runs([entry(1)], idp=None) == [Run(own, 0, 1)]


def test_the_issuer_sticks() -> None:
    """RFC 5280 section 5.3.3: entries without the extension are about the same issuer as those before."""
    a, b = named("A"), named("B")
    entries = [
        entry(1),
        entry(2),
        entry(3, extensions=[about(a)]),
        entry(4, reason=1),
        entry(5, extensions=[about(b)]),
        entry(6, extensions=[about(_CA.subject)]),
        entry(7),
    ]
    assert _runs(entries) == [
        Run((_CA.subject,), 0, 2),
        Run((a,), 2, 4),
        Run((b,), 4, 5),
        Run((_CA.subject,), 5, 7),
    ]
    assert _runs(entries, slack=3) == _runs(entries)


def test_the_first_entry_may_name_another() -> None:
    """RFC 5280 section 5.3.3: then no entry is about the list's own issuer, and no run is empty."""
    assert _runs([entry(1, extensions=[about(named("A"))]), entry(2)]) == [Run((named("A"),), 0, 2)]


@pytest.mark.parametrize(
    "extensions",
    [
        [about(named("A"))],
        [_REASON, about(named("A"))],
        [_REASON, _INVALIDITY, about(named("A")), _UNKNOWN],
        [_UNKNOWN, about(named("A")), _REASON],
        # Not critical, against the section; what it says is no less so.
        [extension("2.5.29.29", seq(general(named("A"))))],
    ],
)
def test_the_extension_is_found_among_others(extensions: list[bytes]) -> None:
    """RFC 5280 section 5.3: entry extensions come in any order; section 5.3.3 makes this one critical."""
    assert _runs([entry(1), entry(2, extensions=extensions)]) == [
        Run((_CA.subject,), 0, 1),
        Run((named("A"),), 1, 2),
    ]


def test_names_of_other_forms_are_left_out() -> None:
    """RFC 5280 section 5.3.3: the issuer is named as in the certificate, by distinguished name."""
    names = (uri("http://a"), named("A"), named("B"))
    assert _runs([entry(1, extensions=[about(*names)])]) == [Run((named("A"), named("B")), 0, 1)]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (seq(uri("http://a")), "DER_NAME"),
        (seq(), "DER_EXTENSIONS"),
        (general(named("A")), "DER_TAG"),
        (seq(general(named("A"))) + b"\x05\x00", "DER_TRAILING"),
        (seq(tlv(0xA4, b"")), "DER_TRUNCATED"),
        (b"", "DER_TRUNCATED"),
    ],
)
def test_what_names_no_issuer_refuses_the_list(value: bytes, code: str) -> None:
    """RFC 5280 section 5.3.3: an entry of nobody knows whom might be anybody's."""
    entries = [entry(1), entry(2, extensions=[extension("2.5.29.29", value, critical=True)])]
    error = refusal(_runs, entries)
    assert error.code == code
    # What could not be read is named, but for what is inside of one name.
    assert error.expected.startswith(("certificateIssuer: ", "directoryName: "))


def test_the_refusal_of_other_forms_tells_where() -> None:
    """The offset in the list, and never the serial number of the entry."""
    named_so = about(uri("http://a"))
    entries = [entry(1), entry(0x7777, extensions=[named_so])]
    der = crl(_CA, *entries, idp=seq(INDIRECT))
    found = decode_certificate_list(der, certificate_issuers=True)
    error = refusal(list, runs_by_issuer(der, found.entries_at, found.entries, found.issuer))
    assert (error.code, error.expected) == ("DER_NAME", "certificateIssuer: a directoryName")
    at = der.index(named_so) + len(named_so) - len(seq(uri("http://a")))
    assert error.got == f"other forms only at byte offset {at}"


def test_a_list_that_is_not_indirect_has_no_foreign_entries() -> None:
    """RFC 5280 sections 5.2.5 and 5.3.3: without indirectCRL the extension is refused, whatever it names."""
    for idp in (None, seq(tlv(0x81, b"\xff"))):
        der = crl(_CA, entry(1, extensions=[about(named("A"))]), idp=idp)
        error = refusal(decode_certificate_list, der, certificate_issuers=True)
        assert error.code == "INDIRECT_NOT_SUPPORTED"


@given(st.lists(st.sampled_from([None, None, "A", "B", "CA"]), max_size=12))
def test_every_entry_is_in_exactly_one_run(issuers: list[str | None]) -> None:
    """RFC 5280 section 5.3.3: told entry by entry, the issuers are the same; none is left out, none twice."""
    entries = [
        entry(number + 1, extensions=[] if issuer is None else [about(named(issuer))])
        for number, issuer in enumerate(issuers)
    ]
    expected, now = [], named("CA")
    for issuer in issuers:
        now = now if issuer is None else named(issuer)
        expected.append((now,))
    runs = _runs(entries)
    assert [run.issuers for run in runs for _ in range(run.first, run.end)] == expected
    assert runs[0].first == 0
    assert runs[-1].end == len(issuers)
    assert all(one.end == other.first for one, other in itertools.pairwise(runs))
