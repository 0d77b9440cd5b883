"""What reviews and other people's suites taught: attacks and oddities, each once, from end to end."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from revocation.checker.batch import answer
from revocation.checker.files import Files
from revocation.checker.lists import HeldList
from tests.checker.material import (
    CRL_SIGN,
    DAY,
    HOLD,
    KEY_CERT_SIGN,
    KEY_COMPROMISE,
    NOW,
    USER,
    Entity,
    ca_certificate,
    certificate,
    crl,
    verdict,
)
from tests.der_writer import extension, seq, tlv
from tests.forged_lists import entry, pss_algorithm

_ROOT = Entity("Root", 60)
_SUB = Entity("Sub", 61)
_LEAF = Entity("Leaf", 62)
_APART = Entity("Root", 63)

# Curve P-256 (SEC 2 section 2.4.2).
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_Point = tuple[int, int] | None


def _add(one: _Point, other: _Point) -> _Point:
    if one is None or other is None:
        return one or other
    if one[0] == other[0]:
        if (one[1] + other[1]) % _P == 0:
            return None
        slope = (3 * one[0] ** 2 - 3) * pow(2 * one[1], -1, _P)
    else:
        slope = (other[1] - one[1]) * pow(other[0] - one[0], -1, _P)
    x = (slope**2 - one[0] - other[0]) % _P
    return x, (slope * (one[0] - x) - one[1]) % _P


def _times(factor: int, point: _Point) -> _Point:
    found: _Point = None
    for bit in bin(factor)[2:]:
        found = _add(found, found)
        if bit == "1":
            found = _add(found, point)
    return found


def _second_key(signed: bytes, signature: bytes, first: bytes) -> bytes:
    """SEC 1 section 4.1.6: the other key under which an ECDSA signature holds (subjectPublicKeyInfo)."""
    r, s = decode_dss_signature(signature)
    hashed = int.from_bytes(hashlib.sha256(signed).digest(), "big")
    y = pow((r**3 - 3 * r + _B) % _P, (_P + 1) // 4, _P)
    for root in (y, _P - y):
        point = _times(pow(r, -1, _N), _add(_times(s, (r, root)), _times(-hashed % _N, _G)))
        assert point is not None
        key = ec.EllipticCurvePublicNumbers(*point, ec.SECP256R1()).public_key()
        info = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        if info != first:
            return info
    raise AssertionError("expected two keys")


def test_a_second_key_under_which_a_signature_holds() -> None:
    """Whoever computes one and puts it into a certificate of the signer's name takes no list away."""
    apart = certificate(_APART, _ROOT, serial=7, usage=[CRL_SIGN])
    naming = crl(_APART, entry(5, reason=KEY_COMPROMISE), number=9)
    told = HeldList(naming).list
    second = _second_key(bytes(told.tbs), told.signature, _APART.key_info)
    junk = certificate(_APART, _LEAF, key_info=second, usage=[CRL_SIGN], issuer_name=_ROOT.subject)
    lists = [HeldList(crl(_ROOT)), HeldList(naming)]
    for others in ([junk, apart], [apart, junk], [apart], [junk, apart]):
        found = verdict(
            certificate(_LEAF, _ROOT, serial=5),
            trust=[ca_certificate(_ROOT)],
            intermediates=others,
            lists=lists,
        )
        assert found.status == "revoked"


def test_a_revoked_ca_makes_a_signer_for_its_issuer() -> None:
    """RFC 5280 section 6.3.3 (f) asks for a path to the anchor only; a list by whom the revoked CA certified
    says nothing of that CA, with the anchor's own list or without it.
    """
    sub = ca_certificate(_SUB, _ROOT, serial=7)
    creature = certificate(_APART, _SUB, serial=8, usage=[CRL_SIGN])
    leaf = certificate(_LEAF, _SUB, serial=5)
    forged = [crl(_SUB), crl(_APART)]
    naming = entry(7, reason=2)
    for lists, status in (
        (forged, "unknown"),
        ([*forged, crl(_ROOT, naming, next_update=NOW)], "unknown"),
        ([*forged, crl(_ROOT, naming, number=50)], "issuer-revoked"),
        ([*forged, crl(_ROOT)], "good"),
    ):
        found = verdict(leaf, trust=[ca_certificate(_ROOT)], intermediates=[sub, creature], lists=lists)
        assert found.status == status


def test_other_anchors_hide_no_signer() -> None:
    """However many anchors certify the CA of a signer, its way to the certificate's own is looked for."""
    others = [Entity(f"Other {number}", 64) for number in range(40)]
    apart = certificate(_APART, _SUB, serial=8, usage=[CRL_SIGN])
    subs = [ca_certificate(_SUB, one, serial=number + 20) for number, one in enumerate(others)]
    found = verdict(
        certificate(_LEAF, _ROOT, serial=5),
        trust=[*(ca_certificate(one) for one in others), ca_certificate(_ROOT)],
        intermediates=[*subs, ca_certificate(_SUB, _ROOT, serial=9), apart],
        lists=[crl(_ROOT), crl(_SUB), crl(_APART, entry(5, reason=KEY_COMPROMISE), number=3)],
    )
    assert found.status == "revoked"


@pytest.mark.parametrize("salt", [65_536, 2**31, 2**63, 2**100])
def test_a_salt_that_nobody_can_count(salt: int) -> None:
    """RFC 4055 section 3.1 bounds no saltLength; a list that states such a one is of no use, and no more."""
    odd = crl(_ROOT, inner_algorithm=pss_algorithm(salt=salt))
    leaf, trust = certificate(_LEAF, _ROOT, serial=5), [ca_certificate(_ROOT)]
    assert verdict(leaf, trust=trust, lists=[odd]).status == "unknown"
    assert verdict(leaf, trust=trust, lists=[odd, crl(_ROOT)]).status == "good"


def test_names_of_an_old_version_make_no_ca() -> None:
    """RFC 5280 section 4.1.2.9: extensions of a version 1 certificate are none that one may go by."""
    for version in (None, 1, 4):
        sub = ca_certificate(_SUB, _ROOT, serial=7, version=version)
        found = verdict(
            certificate(_LEAF, _SUB, serial=5),
            trust=[ca_certificate(_ROOT)],
            intermediates=[sub],
            lists=[crl(_ROOT), crl(_SUB)],
        )
        assert found.status == "path-invalid"


def test_more_certificates_than_anybody_needs_decide_nothing() -> None:
    """A flood of certificates of the signer's name: undecided, for the list not tried may be what revokes."""
    flood = [certificate(_APART, _LEAF, serial=number + 1, usage=[KEY_CERT_SIGN]) for number in range(150)]
    leaf, trust = certificate(_LEAF, _ROOT, serial=5), [ca_certificate(_ROOT)]
    lists = [crl(_ROOT), crl(_APART, entry(5, reason=KEY_COMPROMISE), number=3)]
    few = verdict(leaf, trust=trust, intermediates=flood[:20], lists=lists)
    many = verdict(leaf, trust=trust, intermediates=flood, lists=lists)
    assert few.status == "good"
    assert (many.status, many.why.split()[0]) == ("unknown", "TOO_COMPLEX")


def test_a_list_of_another_form_is_heard_where_it_revokes() -> None:
    """SHA-1, no number, no nextUpdate: whom such a list names is revoked, whom it leaves out is not good."""
    trust = [ca_certificate(_ROOT)]
    for forged in ({"number": None}, {"next_update": None}):
        doubtful = crl(_ROOT, entry(5, reason=KEY_COMPROMISE), **forged)
        for serial, status in ((5, "revoked"), (6, "unknown")):
            found = verdict(certificate(_LEAF, _ROOT, serial=serial), trust=trust, lists=[doubtful])
            assert found.status == status


def test_an_id_that_is_no_text(tmp_path: Path) -> None:
    """A lone surrogate comes out as the escape that it came in as; NaN is no JSON."""
    (tmp_path / "a").write_bytes(b"")
    line = b'{"id":"\\ud800","trust":[],"crls":["a"],"cert":"a","at":"2026-11-20T00:00:00Z"}'
    found = answer(line, Files(tmp_path), NOW + DAY)
    written = json.dumps(found, ensure_ascii=False).encode(errors="backslashreplace")
    assert json.loads(written)["id"] == "\ud800"
    assert answer(b'{"id":NaN}', Files(), NOW)["error"]["error"] == "CASE_MALFORMED"


def test_an_unknown_critical_list_extension_and_the_entry_in_it() -> None:
    """RFC 5280 section 5.2: it decides nothing, and nobody whom it names is good by another list."""
    odd = extension("1.2.3.4", b"\x05\x00", critical=True)
    forbidden = crl(_ROOT, entry(5, reason=KEY_COMPROMISE), number=9, extra_extensions=[odd])
    for serial, status in ((5, "unknown"), (6, "good")):
        leaf = certificate(_LEAF, _ROOT, serial=serial)
        found = verdict(leaf, trust=[ca_certificate(_ROOT)], lists=[crl(_ROOT), forbidden])
        assert found.status == status


def test_a_silent_delta_without_its_base_answers_no_hold() -> None:
    """RFC 5280 section 5.2.4: "not listed" is known up to what could be combined, and no further."""
    leaf, trust = certificate(_LEAF, _ROOT, serial=5), [ca_certificate(_ROOT)]
    lists = [
        crl(_ROOT, entry(5, reason=HOLD), idp=seq(USER), this_update=NOW - 2 * DAY, next_update=NOW - DAY),
        crl(_ROOT, number=1, this_update=NOW - 3 * DAY),
    ]
    silent = crl(_ROOT, number=5, delta_base=4)
    assert verdict(leaf, trust=trust, lists=lists).status == "unknown"
    assert verdict(leaf, trust=trust, lists=[*lists, silent]).status == "unknown"


@pytest.mark.parametrize(
    ("oid", "value"),
    [
        ("2.5.29.19", seq(b"\x01\x01\xff")),
        ("2.5.29.15", tlv(0x03, b"\x02\x04")),
        ("2.5.29.14", tlv(0x04, b"a")),
        ("2.5.29.35", seq(tlv(0x80, b"id"))),
    ],
)
def test_nothing_stands_behind_the_value_of_an_extension(oid: str, value: bytes) -> None:
    """RFC 5280 section 4.2: an extnValue holds one DER value; a certificate with more has no path."""
    leaf = certificate(_LEAF, _ROOT, extensions=[extension(oid, value + b"\x05\x00")])
    found = verdict(leaf, trust=[ca_certificate(_ROOT)], lists=[crl(_ROOT)])
    assert (found.status, found.why.split()[0]) == ("path-invalid", "CERTIFICATE_MALFORMED")
    whole = certificate(_LEAF, _ROOT, extensions=[extension(oid, value)])
    assert verdict(whole, trust=[ca_certificate(_ROOT)], lists=[crl(_ROOT)]).status != "path-invalid"
