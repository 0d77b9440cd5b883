"""May one version follow another: identities only grow, numbers mean one point for ever."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.authorities import Authorities, Authority, Partition
from revocation.authority_succession import check_not_older, check_succession
from revocation.errors import InputRefused
from tests import pki
from tests.revocation.acting import TODAY, authority_of, partition, small_ca
from tests.revocation.sets import T0, every_list, store, world
from tests.revocation.test_authorities_versions import ACT

OLD = authority_of(partition(1), partition(3))


def version(number: int, *authorities: Authority) -> Authorities:
    acts = [replace(ACT, version=n) for n in range(1, number + 1)]
    return Authorities(authorities, version=number, acts=acts)


def follows(old: Authority, new: Authority) -> None:
    check_succession(version(0, old), version(1, new))


def _point(number: int, of: int) -> Partition:
    return Partition(number, pki.point(of), "x")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda: replace(OLD, partitions=(_point(1, 3), _point(3, 1))), "PARTITION_RENUMBERED"),
        (lambda: replace(OLD, partitions=(_point(1, 1), _point(4, 3))), "PARTITION_RENUMBERED"),
        (lambda: replace(OLD, partitions=(_point(1, 9), _point(3, 3))), "PARTITION_NUMBER_REUSED"),
        (lambda: replace(OLD, partitions=(_point(1, 1),)), "PARTITION_REMOVED"),
        (lambda: replace(OLD, partitions=(*OLD.partitions, partition(2))), "PARTITION_NUMBER_REUSED"),
        (lambda: replace(OLD, crl_signing="newest_for_all"), "AUTHORITY_SIGNING_CHANGED"),
        (lambda: replace(OLD, kinds={}), "AUTHORITY_KIND_CHANGED"),
        (lambda: replace(OLD, kinds=dict.fromkeys(OLD.kinds, "card-auth")), "AUTHORITY_KIND_CHANGED"),
        (lambda: replace(OLD, generations=OLD.generations[1:]), "GENERATION_REMOVED"),
        (lambda: replace(OLD, ca_id="card-auth"), "AUTHORITY_REMOVED"),
        (lambda: _other_name(), "AUTHORITY_NAME_CHANGED"),
        (lambda: _other_certificate(), "GENERATION_REMOVED"),
    ],
)
def test_an_identity_that_changes_is_refused(change: Callable[[], Authority], code: str) -> None:
    """Each by its own code: what sets and registrations keep would come to mean another thing."""
    with pytest.raises(InputRefused) as refused:
        follows(OLD, change())
    assert refused.value.code == code
    assert refused.value.expected
    assert refused.value.got
    assert refused.value.remedy


def _other_name() -> Authority:
    return pki.make_ca((("C", "JP"), ("O", "Other")), kind="p256").authority(partitions=OLD.partitions)


def _other_certificate() -> Authority:
    """The same keys, the first under another certificate."""
    ca = small_ca()
    first = ca.generations[0]
    start = first.certificate.not_valid_before_utc
    again = replace(first, certificate=pki.ca_certificate(first.private, ca.dn, start, serial=77))
    return replace(ca, generations=(again, *ca.generations[1:])).authority(partitions=OLD.partitions)


def test_a_point_written_in_other_octets_is_another_one() -> None:
    """RFC 5280 section 7.1 calls the names equal; sets know a point by the hash of its octets."""
    octets = OLD.partitions[0].distribution_point.replace(b"City", b"CITY")
    written = replace(OLD.partitions[0], distribution_point=octets)
    assert OLD.partition_for(written.distribution_point) is OLD.partitions[0]
    with pytest.raises(InputRefused) as refused:
        follows(OLD, replace(OLD, partitions=(written, OLD.partitions[1])))
    assert refused.value.code == "PARTITION_NUMBER_REUSED"


@pytest.mark.parametrize(
    "grown",
    [
        OLD,
        replace(OLD, partitions=(*OLD.partitions, partition(4))),
        replace(OLD, partitions=(replace(partition(1), closed=TODAY, successor=3), partition(3))),
        replace(OLD, kinds={**OLD.kinds, "1.2.3": "mobile-sign"}),
        replace(OLD, tolerances=frozenset({"missing_crl_number"}), hold_releasable=True),
        authority_of(*OLD.partitions, ca=small_ca(3)),
    ],
)
def test_growing_is_allowed(grown: Authority) -> None:
    """New keys, new numbers above the highest, closings, policy."""
    follows(OLD, grown)


def test_a_closed_partition_may_open_again() -> None:
    """A closing that was a mistake is undone under the same number."""
    closed = replace(OLD, partitions=(replace(partition(1), closed=TODAY), partition(3)))
    follows(closed, OLD)


@pytest.mark.parametrize("number", [0, 1, 3])
def test_the_version_rises_by_one(number: int) -> None:
    """It neither falls nor stays nor jumps; by one it may."""
    with pytest.raises(InputRefused) as refused:
        check_succession(version(1, OLD), version(number, OLD))
    assert refused.value.code == "AUTHORITIES_VERSION_WRONG"
    check_succession(version(1, OLD), version(2, OLD))


def test_the_record_is_not_rewritten() -> None:
    """The acts before stay as they were recorded."""
    rewritten = [replace(ACT, proposed_by="Mori"), replace(ACT, version=2)]
    with pytest.raises(InputRefused, match="AUTHORITIES_VERSION_WRONG"):
        check_succession(version(1, OLD), Authorities([OLD], version=2, acts=rewritten))


@settings(max_examples=150, deadline=None)
@given(
    before=st.dictionaries(st.integers(1, 6), st.integers(1, 6), min_size=1, max_size=4),
    after=st.dictionaries(st.integers(1, 8), st.integers(1, 8), min_size=1, max_size=5),
    closed=st.sets(st.integers(1, 8)),
)
def test_whatever_follows_keeps_what_every_number_meant(
    before: dict[int, int], after: dict[int, int], closed: set[int]
) -> None:
    """Any two lists of number -> point: the second may follow exactly when the first is part of it and what
    is new lies above. Closing changes nothing of that.
    """

    def made(numbers: dict[int, int], shut: set[int]) -> Authority:
        rows = [_point(number, of) for number, of in numbers.items()]
        shut_rows = [replace(row, closed=TODAY) if row.number in shut else row for row in rows]
        return authority_of(*shut_rows, ca=small_ca(1))

    try:
        old, new = made(before, set()), made(after, closed)
    except InputRefused:
        return  # a point under two numbers
    allowed = before.items() <= after.items() and all(n in before or n > max(before) for n in after)
    if allowed:
        follows(old, new)
    else:
        with pytest.raises(InputRefused, match=r"^PARTITION_"):
            follows(old, new)


def test_no_night_builds_upon_a_set_that_knows_more(tmp_path: Path) -> None:
    """An older file put back, or numbers changed by hand: refused by code, for one CA of two; the same or
    more partitions, other CAs and no set at all: not.
    """
    (authorities, three), (_, two) = world(partitions=3), world(partitions=2)
    snapshot = store(tmp_path).publish(every_list(three), authorities, now=T0)
    other = pki.make_ca((("CN", "other"),), 1, kind="p256", first_key=30).authority("other")
    check_not_older(Authorities([two]), None)
    check_not_older(Authorities([other]), snapshot)
    check_not_older(authorities, snapshot)
    check_not_older(Authorities([world(partitions=4)[1], other]), snapshot)
    swapped = replace(three, partitions=(_point(1, 2), _point(2, 1), _point(3, 3)))
    for older in (two, swapped):
        with pytest.raises(InputRefused, match="restore the newest backup") as refused:
            check_not_older(Authorities([other, older]), snapshot)
        assert refused.value.code == "AUTHORITIES_OLDER"
        assert "set 1" in refused.value.expected
