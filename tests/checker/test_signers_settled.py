"""Who is a good signer, where signers speak of each other: nobody vouches for what he himself rests on.

Every signer here has the root's name and a key of its own (RFC 5280 section 6.3.3 (f)), and each certificate
names the point at which the lists about it are; so a test says who speaks of whom.
"""

from __future__ import annotations

from itertools import permutations

import pytest

from revocation.checker import paths, signers
from revocation.checker.certificates import Certificate
from revocation.checker.judging import Finding, Judge
from revocation.checker.lists import HeldList
from revocation.checker.paths import Paths
from tests.checker.material import (
    CRL_SIGN,
    KEY_CERT_SIGN,
    NOW,
    Entity,
    ca_certificate,
    certificate,
    full,
    held,
    read,
    uri,
)
from tests.der_writer import seq
from tests.forged_lists import entry

_ROOT = Entity("Root")
_R = read(ca_certificate(_ROOT))


def _about(point: str) -> bytes:
    return seq(seq(full(uri(f"http://crl.example/{point}"))))


def _signer(number: int, issuer: Entity = _ROOT, *, usage: tuple[int, ...] = (CRL_SIGN,)) -> Certificate:
    """A key for lists, with this serial number; the lists about it are at the point s<number>."""
    return read(
        certificate(
            Entity("Root", number), issuer, serial=number, usage=usage, points=_about(f"s{number}"), ca=True
        )
    )


_LEAF = read(certificate(Entity("Leaf", 9), _ROOT, serial=100, points=_about("leaf")))


def _by(number: int, *points: str, revoked: tuple[int, ...] = ()) -> HeldList:
    """The list of this signer (0: the root) for these points."""
    names = [uri(f"http://crl.example/{point}") for point in points]
    return held(Entity("Root", number), *(entry(one, reason=1) for one in revoked), idp=seq(full(*names)))


def _found(lists: list[HeldList], *certificates: Certificate) -> Finding:
    """Of the leaf; in whatever order lists and certificates are given."""
    found = set()
    for order in (lists, lists[::-1]):
        for others in permutations(certificates):
            judge = Judge(order, Paths([_R], [*others, _LEAF], NOW), NOW)
            found.add(judge.finding((_LEAF, _R)))
    (one,) = found
    return one


def _refused(lists: list[HeldList], *certificates: Certificate) -> str:
    found = _found(lists, *certificates)
    assert found.status == "unknown"
    return found.why.partition(" ")[0]


def test_a_signer_is_good_by_somebody_elses_list() -> None:
    """RFC 5280 section 6.3.3 (f): its path is validated with the lists of others."""
    lists = [_by(1, "leaf"), _by(0, "s1")]
    assert _found(lists, _signer(1)).status == "good"
    assert _refused([_by(1, "leaf"), _by(0, "s1", revoked=(1,))], _signer(1)) == "SIGNER_NO_PATH"
    assert _refused([_by(1, "leaf"), _by(0, "s2")], _signer(1)) == "SIGNER_NOT_GOOD"


def test_a_signer_of_which_only_its_own_list_speaks() -> None:
    """PKITS 4.14.30: its CA has arranged it so; what that list says of it is believed, too."""
    assert _found([_by(1, "leaf", "s1")], _signer(1)).status == "good"
    assert _refused([_by(1, "leaf", "s1", revoked=(1,))], _signer(1)) == "SIGNER_NO_PATH"
    both = [_by(1, "leaf", "s1"), _by(0, "s1", revoked=(1,))]
    assert _refused(both, _signer(1)) == "SIGNER_NO_PATH"


def test_signers_that_follow_from_the_root() -> None:
    """RFC 5280 section 6.3.3 (f): each is good by the list of the one before, or none is."""
    three = (_signer(1), _signer(2), _signer(3))
    lists = [_by(0, "s1"), _by(1, "s2"), _by(2, "s3"), _by(3, "leaf")]
    assert _found(lists, *three).status == "good"
    broken = [_by(0, "s1", revoked=(1,)), *lists[1:]]
    assert _refused(broken, *three) == "SIGNER_NOT_GOOD"
    assert _refused(lists[1:], *three) == "SIGNER_NOT_GOOD"


def test_two_that_speak_for_each_other_are_not_good() -> None:
    """RFC 5280 section 6.3.3 (f): a ring of signers rests on nobody; the root's word for one is enough."""
    pair = (_signer(1), _signer(2))
    ring = [_by(1, "s2", "leaf"), _by(2, "s1")]
    assert _refused(ring, *pair) == "SIGNER_NOT_GOOD"
    assert _found([*ring, _by(0, "s2")], *pair).status == "good"
    assert _refused([*ring, _by(0, "s2", revoked=(2,))], *pair) == "SIGNER_NOT_GOOD"


def test_what_is_said_against_a_signer_counts_from_the_beginning() -> None:
    """RFC 5280 section 6.3.3 (j): also by one who is not good yet, or rests on him; then neither is good."""
    pair = (_signer(1), _signer(2))
    lists = [_by(0, "s1"), _by(1, "s2"), _by(2, "s1", revoked=(1,)), _by(1, "leaf")]
    assert _refused(lists, *pair) == "SIGNER_NOT_GOOD"
    # What rests on somebody else stays.
    assert _found([*lists[:3], _by(0, "s2"), _by(2, "leaf")], *pair).status == "good"
    three = (*pair, _signer(3))
    others = [_by(0, "s1", "s3"), *lists[1:3], _by(3, "leaf")]
    assert _found(others, *three).status == "good"
    # One whom the root has revoked says nothing any more.
    assert _found([_by(0, "s2", revoked=(2,)), *lists], *pair).status == "good"


def test_who_is_not_good_revokes_all_the_same() -> None:
    """RFC 5280 section 6.3.3 (j): that nobody says anything of a signer makes what it revokes no less so."""
    lists = [_by(1, "leaf", revoked=(100,)), _by(0, "leaf")]
    found = _found(lists, _signer(1))
    assert (found.status, found.reason) == ("revoked", "keyCompromise")
    assert _found([*lists, _by(0, "s1", revoked=(1,))], _signer(1)).status == "good"


def test_a_stolen_key_cannot_vouch_for_the_ca_that_certified_it() -> None:
    """RFC 5280 section 6.3.3 (f): every certificate of the signer's path is good without its list."""
    between = read(ca_certificate(Entity("Sub", 8), _ROOT, serial=50, points=_about("sub")))
    below = _signer(1, Entity("Sub", 8))
    lists = [_by(1, "leaf", "sub"), held(Entity("Sub", 8), idp=None)]
    assert _refused(lists, between, below) == "SIGNER_NOT_GOOD"
    assert _found([*lists, _by(0, "sub")], between, below).status == "good"


@pytest.mark.parametrize(
    "other",
    [
        _signer(2, usage=(KEY_CERT_SIGN,)),  # may not sign lists
        _signer(2, Entity("Root", 7)),  # has no path
    ],
)
def test_who_may_not_speak_is_not_asked(other: Certificate) -> None:
    """RFC 5280 section 6.3.3 (f): his list about a signer counts for nothing, for or against him."""
    against = _by(2, "s1", revoked=(1,))
    assert _found([_by(1, "leaf"), _by(0, "s1"), against], _signer(1), other).status == "good"
    assert _refused([_by(1, "leaf"), against], _signer(1), other) == "SIGNER_NOT_GOOD"


def test_lists_of_no_use_are_passed_over() -> None:
    """RFC 5280 section 6.3.3 (b): a malformed list, or one about others, leads to no more signers."""
    lists = [HeldList(b""), _by(2, "elsewhere"), _by(1, "leaf"), _by(0, "s1")]
    assert _found(lists, _signer(1), _signer(2)).status == "good"


def test_who_may_speak_is_undecided_where_his_path_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound of our own: a signer whose path nobody found in time may be the one who revokes another."""
    between = read(ca_certificate(Entity("Sub", 8), _ROOT))
    lists = [_by(1, "leaf"), _by(0, "s1"), _by(2, "s1", revoked=(1,))]
    certificates = (_signer(1), _signer(2, Entity("Sub", 8)), between)
    monkeypatch.setattr(paths, "_MOST_STEPS", 3)
    assert _refused(lists, *certificates) == "TOO_COMPLEX"


def test_who_is_asked_about_is_counted_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bound of our own: all signers that one hangs on, and only those who have signed about one of them."""
    three = (_signer(1), _signer(2), _signer(3))
    lists = [_by(0, "s3"), _by(3, "s2"), _by(2, "s1"), _by(1, "leaf")]
    monkeypatch.setattr(signers, "_MOST_SIGNERS", 3)
    assert _found(lists, *three, _signer(4), _signer(5)).status == "good"
    monkeypatch.setattr(signers, "_MOST_SIGNERS", 2)
    assert _refused(lists, *three) == "TOO_COMPLEX"


def test_a_twin_without_a_path_hides_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5280 section 6.3.3 (f): of two certificates of one key each is looked at, in any order."""
    pathless = read(certificate(Entity("Root", 2), Entity("Root", 7), serial=2, usage=(CRL_SIGN,)))
    lists = [_by(0, "s2"), _by(2, "s1"), _by(1, "leaf")]
    assert _found(lists, _signer(1), pathless, _signer(2)).status == "good"
    monkeypatch.setattr(signers, "_MOST_SIGNERS", 1)
    assert _refused(lists, _signer(1), pathless, _signer(2)) == "TOO_COMPLEX"
