"""The list of bad inputs, CRL items 49 and 52 to 63, put to the checker: never good, and told by what rule.

The same items are tests of the nightly acceptance in ``tests/revocation``; here a list is one among files.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from revocation.checker import Case, Verdict, check
from tests import pki
from tests.pki import T0, der_int, entry, extension, seq, tlv

DAY = timedelta(days=1)
SERIAL = 0x1234
NOW = T0 + DAY / 2
INDIRECT = b"\x84\x01\xff"


@pytest.fixture(scope="module")
def ca() -> pki.CA:
    """One CA, one key."""
    return pki.make_ca(generations=1, kind="p256", first_key=40)


def a_list(ca: pki.CA, *entries: bytes, **forged: Any) -> bytes:
    """A complete list of this CA without a distribution point, good for two days."""
    return pki.build_crl(ca.generations[0], entries=entries, **{"dn": ca.subject, **forged})


def asked(
    ca: pki.CA, *lists: bytes, at: datetime = NOW, tolerances: Sequence[str] = (), **issued: Any
) -> Verdict:
    """Of the CA's certificate with the serial of this module."""
    return check(
        Case(
            trust=[ca.certificates[0].public_bytes(Encoding.DER)],
            intermediates=[],
            lists=lists,
            certificate=pki.issue(ca, serial=SERIAL, **issued).public_bytes(Encoding.DER),
            at=at,
            tolerances=frozenset(tolerances),
        )
    )


def rule(verdict: Verdict) -> tuple[str, str]:
    """Status, and the code that the reason begins with."""
    return verdict.status, verdict.why.partition(" ")[0]


def test_item_49_an_issuer_in_another_string_type(ca: pki.CA) -> None:
    """RFC 5280 section 7.1: the same name in PrintableString, other case and spacing is the same issuer."""
    attributes = [(kind, f" {text.upper()} ") for kind, text in ca.dn]
    respelled = pki.name(*attributes, string_tag=0x13)
    assert respelled != ca.subject
    assert asked(ca, a_list(ca, dn=respelled)).status == "good"
    listed = a_list(ca, entry(SERIAL, reason=1), dn=respelled)
    assert (asked(ca, listed).status, asked(ca, listed).reason) == ("revoked", "keyCompromise")
    other = pki.name(*ca.dn[:-1], (ca.dn[-1][0], "another"))
    assert rule(asked(ca, a_list(ca, dn=other))) == ("unknown", "ISSUER_UNKNOWN")


def test_item_52_times_of_a_list(ca: pki.CA) -> None:
    """RFC 5280 sections 5.1.2.4, 5.1.2.5: passed, absent, before thisUpdate, from the future: never good."""
    cases = {
        "NEXT_UPDATE_PASSED": a_list(ca, this_update=T0 - 2 * DAY, next_update=NOW),
        "NEXT_UPDATE_MISSING": a_list(ca, next_update=None),
        "NEXT_UPDATE_BEFORE_THIS_UPDATE": a_list(ca, next_update=T0),
        "THIS_UPDATE_IN_FUTURE": a_list(ca, this_update=NOW + DAY, next_update=NOW + 2 * DAY),
    }
    for code, der in cases.items():
        assert rule(asked(ca, der)) == ("unknown", code)
    just = a_list(ca, next_update=NOW + timedelta(seconds=1))
    assert asked(ca, just).status == "good"
    assert asked(ca, just, at=NOW + timedelta(seconds=1)).status == "unknown"


def test_item_53_numbers_of_a_list(ca: pki.CA) -> None:
    """RFC 5280 section 5.2.3: missing or critical is not used unless tolerated; one that is none is
    malformed; 20 octets count exactly.
    """
    missing = a_list(ca, number=None)
    assert rule(asked(ca, missing)) == ("unknown", "CRL_NUMBER_MISSING")
    assert asked(ca, missing, tolerances=["missing_crl_number"]).status == "good"
    number = extension("2.5.29.20", der_int(7), critical=True)
    critical = a_list(ca, number=None, extra_extensions=[number])
    assert rule(asked(ca, critical)) == ("unknown", "KNOWN_EXTENSION_CRITICAL")
    assert asked(ca, critical, tolerances=["critical_known_extension"]).status == "good"
    for value in (der_int(-1), tlv(0x04, b"\x01"), der_int(1 << 160), tlv(0x02, b"\x00\x01")):
        broken = a_list(ca, number=None, extra_extensions=[extension("2.5.29.20", value)])
        assert asked(ca, broken).status == "malformed"
    greatest = (1 << 159) - 1
    held, released = a_list(ca, entry(SERIAL, reason=6), number=greatest - 1), a_list(ca, number=greatest)
    assert asked(ca, held, released).status == "good"


def test_item_53_one_number_for_two_lists(ca: pki.CA) -> None:
    """Two lists under one number: nobody knows which is meant, so the one that revokes counts."""
    empty, listing = a_list(ca, number=7), a_list(ca, entry(SERIAL, reason=4), number=7)
    for lists in ((empty, listing), (listing, empty)):
        assert asked(ca, *lists).status == "revoked"


def test_item_54_number_and_time_disagree(ca: pki.CA) -> None:
    """A higher number with an older thisUpdate: neither is the fresher one; what revokes counts."""
    higher = a_list(ca, number=9, this_update=T0 - DAY)
    later = a_list(ca, entry(SERIAL, reason=6), number=8, this_update=T0)
    for lists in ((higher, later), (later, higher)):
        assert (asked(ca, *lists).status, asked(ca, *lists).reason) == ("revoked", "certificateHold")
    in_order = a_list(ca, number=9, this_update=T0 + timedelta(hours=1))
    assert asked(ca, in_order, later).status == "good"


def test_item_55_a_delta_without_its_base(ca: pki.CA) -> None:
    """RFC 5280 section 5.2.4: alone, of another point, key identifier or a later base it changes nothing."""
    base = a_list(ca, entry(SERIAL, reason=6), number=5)
    remove = entry(SERIAL, reason=8)
    assert rule(asked(ca, a_list(ca, number=6, delta_base=5))) == ("unknown", "DELTA_ALONE")
    assert asked(ca, base, a_list(ca, remove, number=7, delta_base=5)).status == "good"
    for other in (
        a_list(ca, remove, number=7, delta_base=6),
        a_list(ca, remove, number=5, delta_base=5),
        a_list(ca, remove, number=7, delta_base=5, aki=b"another"),
        a_list(ca, remove, number=7, delta_base=5, distribution_point=pki.point(1)),
    ):
        assert asked(ca, base, other).status == "revoked"
    # What it revokes is heard all the same, for nobody would say so by mistake.
    fresh = a_list(ca, number=5)
    assert asked(ca, fresh, a_list(ca, entry(SERIAL, reason=1), number=9, delta_base=8)).status == "revoked"


def test_item_56_remove_from_crl(ca: pki.CA) -> None:
    """RFC 5280 section 5.3.1: a delta releases a hold, and no key that was compromised; in a complete list
    the entry stays revoked.
    """
    remove = a_list(ca, entry(SERIAL, reason=8), number=2, delta_base=1)
    assert asked(ca, a_list(ca, entry(SERIAL, reason=6)), remove).status == "good"
    assert asked(ca, a_list(ca), remove).status == "good"
    compromised = asked(ca, a_list(ca, entry(SERIAL, reason=1)), remove)
    assert (compromised.status, compromised.reason) == ("revoked", "keyCompromise")
    assert asked(ca, a_list(ca, entry(SERIAL, reason=8))).status == "revoked"


def test_item_57_a_lapsed_delta(ca: pki.CA) -> None:
    """RFC 5280 section 6.3.3 (a): the base answers by its own window; what the delta added is never good,
    what it released is believed no more.
    """
    lapsed = {"number": 2, "delta_base": 1, "this_update": T0, "next_update": NOW}
    fresh = a_list(ca)
    assert asked(ca, fresh, a_list(ca, **lapsed)).status == "good"
    assert asked(ca, fresh, a_list(ca, entry(SERIAL, reason=1), **lapsed)).status == "revoked"
    assert rule(asked(ca, fresh, a_list(ca, entry(SERIAL, reason=6), **lapsed))) == ("unknown", "HOLD_LAPSED")
    held = a_list(ca, entry(SERIAL, reason=6))
    assert asked(ca, held, a_list(ca, entry(SERIAL, reason=8), **lapsed)).status == "revoked"
    # The other way round: a delta that holds brings an expired base up to date (section 5.2.4).
    old = {"this_update": T0 - DAY, "next_update": T0}
    current = a_list(ca, entry(SERIAL, reason=1), number=2, delta_base=1)
    assert asked(ca, a_list(ca, **old), a_list(ca, number=2, delta_base=1)).status == "good"
    assert asked(ca, a_list(ca, **old), current).status == "revoked"


@pytest.mark.parametrize(
    ("field", "code"),
    [
        (b"\x82\x01\xff", "SCOPE_NO_USER_CERTIFICATES"),
        (b"\x85\x01\xff", "SCOPE_ATTRIBUTE_CERTIFICATES"),
    ],
)
def test_item_58_lists_for_other_kinds(ca: pki.CA, field: bytes, code: str) -> None:
    """RFC 5280 section 5.2.5: a list for CAs or for attribute certificates says nothing of a user's."""
    assert rule(asked(ca, a_list(ca, idp=seq(field)))) == ("unknown", code)
    assert asked(ca, a_list(ca, idp=seq(b"\x81\x01\xff"))).status == "good"


def test_item_59_only_some_reasons(ca: pki.CA) -> None:
    """RFC 5280 section 6.3.3 (d), (e): good only when the lists together are for every reason."""
    # Bits 1 to 4, and 5 to 8.
    one, other = a_list(ca, idp=seq(tlv(0x83, b"\x03\x78"))), a_list(ca, idp=seq(tlv(0x83, b"\x07\x07\x80")))
    assert rule(asked(ca, one)) == ("unknown", "REASONS_NOT_COVERED")
    assert rule(asked(ca, other)) == ("unknown", "REASONS_NOT_COVERED")
    assert asked(ca, one, other).status == "good"
    listing = a_list(ca, entry(SERIAL, reason=1), idp=seq(tlv(0x83, b"\x03\x78")))
    assert asked(ca, listing).status == "revoked"


def test_item_60_a_list_of_another_partition(ca: pki.CA) -> None:
    """RFC 5280 section 6.3.3 (b) (2) (i): another municipality's list says nothing, even if it lists it."""
    swapped = a_list(ca, entry(SERIAL, reason=1), distribution_point=pki.point(2))
    assert rule(asked(ca, swapped)) == ("unknown", "SCOPE_MISMATCH")
    assert asked(ca, swapped, a_list(ca, distribution_point=pki.point(1))).status == "good"


def test_item_61_indirect_lists(ca: pki.CA) -> None:
    """RFC 5280 section 5.3.3: the issuer of an entry holds for those after it; before the first it is the
    list's own; without indirectCRL the extension may not be there.
    """
    other = pki.name(("C", "JP"), ("O", "another issuer"))

    def issued_by(issuer: bytes) -> bytes:
        return extension("2.5.29.29", seq(tlv(0xA4, issuer)), critical=True)

    theirs = entry(1, reason=1, extensions=[issued_by(other)])
    ours = entry(2, reason=1, extensions=[issued_by(ca.subject)])
    mine = entry(SERIAL, reason=1)
    idp = seq(INDIRECT)
    assert asked(ca, a_list(ca, mine, theirs, idp=idp)).status == "revoked"
    assert asked(ca, a_list(ca, theirs, mine, idp=idp)).status == "good"
    assert asked(ca, a_list(ca, theirs, mine, ours, entry(SERIAL, reason=4), idp=idp)).reason == "superseded"
    assert asked(ca, a_list(ca, theirs, ours, mine, idp=idp)).status == "revoked"
    assert rule(asked(ca, a_list(ca, theirs, mine))) == ("unknown", "INDIRECT_NOT_SUPPORTED")
    nobody = entry(1, reason=1, extensions=[extension("2.5.29.29", seq(tlv(0x82, b"example.test")))])
    assert asked(ca, a_list(ca, nobody, mine, idp=idp)).status == "malformed"


def test_item_62_unknown_critical_extensions(ca: pki.CA) -> None:
    """RFC 5280 sections 5.2, 5.3: of the list or of any entry, it decides no status; not critical, it may."""
    unknown = extension("1.2.3.4", b"\x05\x00", critical=True)
    harmless = extension("1.2.3.4", b"\x05\x00")
    for der in (a_list(ca, extra_extensions=[unknown]), a_list(ca, entry(1, extensions=[unknown]))):
        assert rule(asked(ca, der)) == ("unknown", "UNKNOWN_CRITICAL_EXTENSION")
    for der in (a_list(ca, extra_extensions=[harmless]), a_list(ca, entry(1, extensions=[harmless]))):
        assert asked(ca, der).status == "good"


def test_item_63_an_extension_twice(ca: pki.CA) -> None:
    """RFC 5280 section 4.2: in the list or in an entry, it is no list; unless another list decides."""
    reason = extension("2.5.29.21", der_int(1, tag=0x0A))
    number = extension("2.5.29.20", der_int(1))
    for der in (a_list(ca, extra_extensions=[number]), a_list(ca, entry(1, extensions=[reason, reason]))):
        found = asked(ca, der)
        assert found.status == "malformed"
        assert "DER_DUPLICATE_EXTENSION" in found.why
        assert asked(ca, der, a_list(ca)).status == "good"
        assert asked(ca, der, a_list(ca, entry(SERIAL))).status == "revoked"


def test_lists_of_the_first_version(ca: pki.CA) -> None:
    """RFC 5280 section 5.1.2.1: without extensions a list is complete; one of v1 with them is none."""
    for version in (None, 1):
        assert asked(ca, a_list(ca, version=version, extensions=[])).status == "good"
        assert asked(ca, a_list(ca, entry(SERIAL), version=version, extensions=[])).status == "revoked"
    assert asked(ca, a_list(ca, version=None)).status == "malformed"
    assert asked(ca, a_list(ca, entry(1, reason=1), version=None, extensions=[])).status == "malformed"


def test_no_text_of_the_checker_holds_a_serial_or_a_name(ca: pki.CA) -> None:
    """Whatever the verdict: neither the serial in any base, nor the subject, nor the dates of a person."""
    lists = [
        a_list(ca),
        a_list(ca, entry(SERIAL, reason=1)),
        a_list(ca, entry(SERIAL, reason=6), next_update=NOW),
        a_list(ca, distribution_point=pki.point(2)),
        a_list(ca, number=None),
        b"\x30\x03abc",
    ]
    verdicts = [asked(ca, one) for one in lists]
    verdicts.append(asked(ca, lists[0], not_after=NOW - DAY))
    for verdict in verdicts:
        for hidden in (f"{SERIAL:x}", str(SERIAL), "TESTCARD", "Tokyo", "City-1"):
            assert hidden not in verdict.why
