"""The verdict on a certificate: of its whole path, by the fixed precedence of issue 06."""

from __future__ import annotations

from datetime import datetime
from itertools import combinations
from typing import Any

import pytest

from revocation.checker import Case, Verdict, check
from revocation.checker.judging import Finding
from revocation.checker.lists import TOLERANCES, HeldList
from revocation.checker.verdict import PRECEDENCE, most_telling
from tests.checker.material import (
    DAY,
    HOLD,
    KEY_CERT_SIGN,
    KEY_COMPROMISE,
    NOW,
    SECOND,
    Entity,
    ca_certificate,
    certificate,
    crl,
    refusal,
    verdict,
)
from tests.der_writer import extension
from tests.forged_lists import entry

_ROOT, _SUB, _LEAF = Entity("Root"), Entity("Sub", 1), Entity("Leaf", 2)
_ROOT_DER, _SUB_DER = ca_certificate(_ROOT), ca_certificate(_SUB, _ROOT, serial=7)
_LEAF_DER = certificate(_LEAF, _SUB, serial=9)
_BROKEN = b"\x30\x03\x02\x01"


def _asked(*lists: bytes, leaf: bytes = _LEAF_DER, **said: Any) -> Verdict:
    said = {"trust": [_ROOT_DER], "intermediates": [_SUB_DER], **said}
    return verdict(leaf, lists=lists, **said)


def _of_root(*entries: bytes, **forged: Any) -> bytes:
    return crl(_ROOT, *entries, **forged)


def _of_sub(*entries: bytes, **forged: Any) -> bytes:
    return crl(_SUB, *entries, **forged)


_REVOKES_SUB, _REVOKES_LEAF = _of_root(entry(7, reason=4)), _of_sub(entry(9, reason=KEY_COMPROMISE))


def _words(found: Verdict) -> tuple[str, str | None]:
    return found.status, found.reason


def test_the_words_and_their_order() -> None:
    """Issue 06: path-invalid > issuer-revoked > revoked > expired-cert > malformed > unknown > good."""
    assert " > ".join(PRECEDENCE) == (
        "path-invalid > issuer-revoked > revoked > expired-cert > malformed > unknown > good"
    )


def test_good_is_a_whole_path_without_anything_else() -> None:
    """RFC 5280 section 6.3: every certificate under the anchor has lists that hold and do not name it."""
    found = _asked(_of_root(), _of_sub())
    assert _words(found) == ("good", None)
    assert found.why == found.findings[0].why
    assert [one.status for one in found.findings] == ["good", "good"]


def test_lists_that_many_cases_share_are_read_once() -> None:
    """A batch gives lists that are held already; they are asked as they are."""
    shared = [HeldList(_of_root()), HeldList(_of_sub())]
    for _ in range(2):
        assert check(Case([_ROOT_DER], [_SUB_DER], shared, _LEAF_DER, NOW)).status == "good"


def test_tolerances_reach_the_lists() -> None:
    """What is tolerated is a setting of the case; all of it, if need be."""
    lists = (_of_root(number=None), _of_sub(number=None))
    assert _asked(*lists).status == "unknown"
    for tolerances in (frozenset(("missing_crl_number",)), TOLERANCES):
        assert _asked(*lists, tolerances=tolerances).status == "good"


def test_a_tolerance_has_a_name() -> None:
    """One that does not exist would let nothing pass, and nobody would know why."""
    error = refusal(_asked, tolerances=frozenset(("missing_crl_number", "everything")))
    assert str(error) == (
        "TOLERANCE_UNKNOWN: expected tolerances among critical_known_extension, explicit_default, "
        "missing_crl_number, weak_signature; got another name; "
        "take the name from the refusal that it shall let pass"
    )


def test_more_paths_than_can_be_judged_leave_it_open() -> None:
    """RFC 5280 section 6.1: the one that was not judged may be the one that counts, so it is `unknown`."""
    many = [ca_certificate(_SUB, _ROOT, serial=number) for number in range(1, 67)]
    found = _asked(_of_root(), _of_sub(), intermediates=many)
    assert _words(found) == ("unknown", None)
    assert found.why.startswith("TOO_COMPLEX (RFC 5280 section 6.1): ")


def test_a_moment_has_a_zone() -> None:
    """Nobody can tell when a time without a zone is: our caller's fault, and no verdict."""
    error = refusal(_asked, at=datetime(2026, 11, 20))  # noqa: DTZ001
    assert str(error) == (
        "TIME_MALFORMED: expected a moment with its zone; got one without; use an aware datetime"
    )


@pytest.mark.parametrize(
    ("leaf", "said", "code"),
    [
        (_BROKEN, {}, "CERTIFICATE_MALFORMED"),
        (_LEAF_DER, {"trust": []}, "PATH_NO_ANCHOR"),
        (_LEAF_DER, {"trust": [_BROKEN]}, "PATH_NO_ANCHOR"),
        (_LEAF_DER, {"intermediates": []}, "PATH_NO_ISSUER"),
        (_LEAF_DER, {"intermediates": [_BROKEN]}, "PATH_NO_ISSUER"),
        (certificate(_LEAF, _SUB, corrupt_signature=True), {}, "PATH_SIGNATURE"),
        (
            certificate(_LEAF, _SUB, extra=[extension("1.2.3", b"", critical=True)]),
            {},
            "PATH_CRITICAL_EXTENSION",
        ),
    ],
)
def test_without_a_path_nothing_else_counts(leaf: bytes, said: dict[str, Any], code: str) -> None:
    """RFC 5280 section 6.1 before 6.3: whatever lists there are, and whatever they say."""
    for lists in ((), (_REVOKES_SUB, _REVOKES_LEAF), (_BROKEN,)):
        found = _asked(*lists, leaf=leaf, **said)
        assert _words(found) == ("path-invalid", None)
        assert found.why.startswith(f"{code} (RFC 5280 section ")
        assert found.findings == ()


def test_what_cannot_be_read_beside_what_can_is_left_aside() -> None:
    """A broken certificate among the others is on no path, and breaks none."""
    said = {"trust": [_BROKEN, _ROOT_DER], "intermediates": [_BROKEN, _SUB_DER]}
    assert _asked(_of_root(), _of_sub(), **said).status == "good"


def test_the_asked_certificate_may_be_of_its_own_signers() -> None:
    """RFC 5280 section 6.3.3 (f): after a change of keys, the new CA's list is about the new CA too."""
    new = Entity("Root", 5)
    renewed = ca_certificate(new, _ROOT, serial=3)
    assert verdict(renewed, trust=[_ROOT_DER], lists=[crl(new, entry(4))]).status == "good"


def test_a_revoked_issuer() -> None:
    """RFC 5280 section 6.1.3 (a) (3): of every certificate of the path; the issuer's reason is told."""
    found = _asked(_REVOKES_SUB, _of_sub())
    assert _words(found) == ("issuer-revoked", "superseded")
    assert found.why == f"of issuer 1: {found.findings[1].why}"
    assert _asked(_of_root(entry(7, reason=HOLD)), _REVOKES_LEAF).status == "issuer-revoked"


def test_the_revoked_issuer_that_is_told_is_the_nearest() -> None:
    """Of a longer path; the number counts from the certificate upwards."""
    low = Entity("Low", 3)
    leaf, low_der = certificate(_LEAF, low), ca_certificate(low, _SUB, serial=8)
    lists = (_REVOKES_SUB, _of_sub(), crl(low))
    found = _asked(*lists, leaf=leaf, intermediates=[_SUB_DER, low_der])
    assert found.why.startswith("of issuer 2: LISTED")
    lists = (_REVOKES_SUB, _of_sub(entry(8, reason=HOLD)), crl(low))
    found = _asked(*lists, leaf=leaf, intermediates=[_SUB_DER, low_der])
    assert found.why.startswith("of issuer 1: ON_HOLD")
    assert found.reason == "certificateHold"


@pytest.mark.parametrize(("code", "reason"), [(KEY_COMPROMISE, "keyCompromise"), (HOLD, "certificateHold")])
def test_a_revoked_certificate(code: int, reason: str) -> None:
    """RFC 5280 section 6.3.3 (j): also when nothing is known of its issuer."""
    revoking = _of_sub(entry(9, reason=code))
    for lists in ((_of_root(), revoking), (revoking,), (_BROKEN, revoking)):
        found = _asked(*lists)
        assert _words(found) == ("revoked", reason)
        assert found.why == found.findings[0].why


def test_a_certificate_outside_its_dates() -> None:
    """RFC 5280 section 6.1.3 (a) (2): both ends inclusive; only revocations outweigh it."""
    ends = certificate(_LEAF, _SUB, serial=9, start=NOW, end=NOW + DAY)
    lists = (_of_root(), _of_sub())
    for at, code in (
        (NOW - SECOND, "CERTIFICATE_NOT_YET_VALID"),
        (NOW, None),
        (NOW + DAY, None),
        (NOW + DAY + SECOND, "CERTIFICATE_EXPIRED"),
    ):
        found = _asked(*lists, leaf=ends, at=at)
        assert _words(found) == ("good" if code is None else "expired-cert", None)
        assert code is None or found.why.startswith(f"{code} (RFC 5280 section 6.1.3 (a) (2)): ")
    late = NOW + DAY + SECOND
    assert _asked(leaf=ends, at=late).status == "expired-cert"
    assert _asked(_BROKEN, leaf=ends, at=late).status == "expired-cert"
    assert _asked(_REVOKES_LEAF, leaf=ends, at=late).status == "revoked"
    assert _asked(_REVOKES_SUB, leaf=ends, at=late).status == "issuer-revoked"


def test_malformed_only_when_no_other_list_decides() -> None:
    """Issue 06: a list that cannot be parsed might have been the one that was missing."""
    assert _asked(_BROKEN, _of_root(), _of_sub()).status == "good"
    for lists in ((_BROKEN,), (_of_root(), _BROKEN), (_of_sub(), _BROKEN)):
        found = _asked(*lists)
        assert _words(found) == ("malformed", None)
        assert found.why.startswith("of a list: DER_TRUNCATED (RFC 5280 section 5.1): ")
    # What is understood and unusable is not malformed.
    unusable = _of_sub(extra_extensions=[extension("1.2.3", b"", critical=True)])
    assert _asked(_of_root(), unusable).status == "unknown"


def test_the_first_malformed_list_is_told() -> None:
    """Of several the one that was given first."""
    assert "LIST_IS_EMPTY" in _asked(b"", _BROKEN).why
    assert "DER_TRUNCATED" in _asked(_BROKEN, b"").why


def test_unknown_is_of_the_certificate_or_of_an_issuer() -> None:
    """RFC 5280 section 6.1.3 (a) (3): both need a list; of which it is missing is told."""
    found = _asked(_of_root())
    assert _words(found) == ("unknown", None)
    assert found.why == found.findings[0].why
    assert [one.status for one in found.findings] == ["unknown", "good"]
    found = _asked(_of_sub())
    assert found.why == f"of issuer 1: {found.findings[1].why}"
    assert _asked().why.startswith("NO_LIST ")


def test_one_valid_path_of_several_is_enough() -> None:
    """RFC 5280 section 6.1: a revoked way to the anchor is none where another way is good."""
    second = ca_certificate(_SUB, _ROOT, serial=8)
    for order in ([_SUB_DER, second], [second, _SUB_DER]):
        found = _asked(_REVOKES_SUB, _of_sub(), intermediates=order)
        assert _words(found) == ("good", None)
    both = _of_root(entry(7, reason=4), entry(8, reason=HOLD))
    assert _asked(both, _of_sub(), intermediates=[_SUB_DER, second]).status == "issuer-revoked"
    bad = ca_certificate(_SUB, _ROOT, serial=8, usage=(KEY_CERT_SIGN,), end=NOW - SECOND)
    assert _asked(_of_root(), _of_sub(), intermediates=[bad, _SUB_DER]).status == "good"


def _verdict(status: str, *, determined: bool | None = None) -> Verdict:
    """Of a path of which all is determined, or not; by default as it is for this word."""
    known = status in {"expired-cert", "good"} if determined is None else determined
    return Verdict(status, None, status, (Finding("good" if known else "unknown", None, ""),))


def test_most_telling_of_two_paths() -> None:
    """RFC 5280 section 6.1: what decides on one path decides; revoked is the same fact on every path."""
    decided = ("revoked", "expired-cert", "good")
    for one, other in combinations(PRECEDENCE[1:], 2):
        by_precedence = min((one, other), key=PRECEDENCE.index)
        deciding = [status for status in (one, other) if status in decided]
        expected = deciding[0] if len(deciding) == 1 else by_precedence
        for order in ((one, other), (other, one)):
            assert most_telling([_verdict(status) for status in order]).status == expected
        assert most_telling([_verdict(one)]).status == one
    first, second = _verdict("unknown"), _verdict("unknown")
    assert most_telling([first, second]) is first


def test_an_expired_certificate_of_an_undetermined_path_decides_nothing() -> None:
    """RFC 5280 section 6.1: that it is expired is known anyway; whether an issuer is revoked is not."""
    expired = _verdict("expired-cert", determined=False)
    for other in ("issuer-revoked", "good", "revoked"):
        for order in ((expired, _verdict(other)), (_verdict(other), expired)):
            assert most_telling(order).status == other
    for other in ("malformed", "unknown"):
        assert most_telling([_verdict(other), expired]) is expired
