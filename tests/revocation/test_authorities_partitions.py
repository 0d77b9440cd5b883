"""Partitions that open, close and go into a successor, looked at on a JST day."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from revocation.authorities import Authorities, Authority, Partition
from revocation.clock import jst_day
from revocation.coverage import coverage_of
from revocation.errors import InputRefused
from revocation.mergers import open_partition
from revocation.partitions import MAX_PARTITION_NUMBER, check_partitions
from tests import pki
from tests.revocation.acting import DAY, NOW, TODAY, authority_of, partition, small_ca
from tests.revocation.sets import every_list, store

CLOSES = date(2026, 12, 1)


def _numbers(authority: Authority) -> set[int]:
    return {scope.partition_number for scope in authority.expected_lists()}


def _speaks(authority: Authority, number: int) -> int | None:
    found = open_partition(authority, number)
    return None if found is None else found.number


def test_a_partition_that_opens_later_is_not_expected_yet() -> None:
    """Before its day neither its list nor the partition itself is there; on the day both are."""
    authority = authority_of(partition(1), partition(2, opened=CLOSES))
    before, after = authority.on(CLOSES - DAY), authority.on(CLOSES)
    assert before is not None
    assert after is authority
    assert (_numbers(before), _numbers(after)) == ({1}, {1, 2})
    assert before.partition_for(pki.point(2)) is None
    assert after.partition_for(pki.point(2)) is not None


def test_a_partition_that_closes_later_is_open_until_then() -> None:
    """On the day of closing its list is expected no more and its successor speaks for it; not before."""
    authority = authority_of(partition(1), partition(2, closed=CLOSES, successor=1))
    before, after = authority.on(CLOSES - DAY), authority.on(CLOSES)
    assert before is not None
    assert after is not None
    assert (_numbers(before), _numbers(after)) == ({1, 2}, {1})
    assert (_speaks(before, 2), _speaks(after, 2)) == (2, 1)


def test_the_day_is_a_jst_day() -> None:
    """15:00 UTC is midnight in Japan: a second before it is still the day before."""
    midnight = datetime(2026, 11, 30, 15, tzinfo=UTC)
    assert (jst_day(midnight), jst_day(midnight - timedelta(seconds=1))) == (CLOSES, CLOSES - DAY)


def test_a_ca_none_of_whose_partitions_has_opened_has_not_begun() -> None:
    """It is left out whole: whatever is asked of it, its issuer is unknown."""
    authorities = Authorities([authority_of(partition(1, opened=CLOSES))])
    assert len(authorities.on(TODAY)) == 0
    assert list(authorities.on(CLOSES)) == list(authorities)


def test_version_and_acts_are_those_of_the_file_on_every_day() -> None:
    """A view is no new version; where no date lies ahead it holds the very same authorities."""
    authority = authority_of()
    view = Authorities([authority]).on(TODAY)
    assert next(iter(view)) is authority
    assert (view.version, view.acts) == (0, ())


def test_no_list_is_expected_of_a_key_whose_certificate_is_over() -> None:
    """The end is inclusive (RFC 5280 section 4.1.2.5): the day after, the lineage stays, its lists do not."""
    authority = authority_of()
    last = jst_day(authority.generations[0].certificate.not_valid_after_utc)
    on_last, after = authority.on(last), authority.on(last + DAY)
    assert on_last is authority
    assert after is not None
    assert {scope.signing_key for scope in after.expected_lists()} == {authority.newest.key_id.hex()}
    assert after.lineages() == authority.lineages()
    newest = replace(authority, crl_signing="newest_for_all").on(last + DAY)  # type: ignore[arg-type]
    assert newest is not None
    assert _numbers(newest) == {1, 2}


def test_a_chain_of_mergers_ends_at_the_open_one(tmp_path: Path) -> None:
    """1 went into 2, 2 into 3: list 3 speaks for a certificate that names 1; without list 3 nobody does."""
    chain = authority_of(
        partition(1, closed=date(2026, 4, 1), successor=2),
        partition(2, closed=date(2026, 10, 1), successor=3),
        partition(3),
        ca=small_ca(1),
    )
    assert [_speaks(chain, number) for number in (1, 2, 3, 4)] == [3, 3, 3, None]
    snapshot = store(tmp_path).publish(every_list(chain), Authorities([chain]), now=NOW)
    (lineage,) = chain.lineages()
    covered = coverage_of(chain, lineage, snapshot, 1)
    assert [state.partition_number for state in covered.states] == [3]
    assert covered.in_force(NOW)
    ended = replace(chain, partitions=(*chain.partitions[:2], replace(chain.partitions[2], closed=TODAY)))
    assert open_partition(ended, 1) is None


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ((), "at least one partition"),
        ((partition(1), partition(1)), "number once"),
        ((partition(1), replace(partition(1), number=2)), "distribution point once"),
        ((partition(0),), "1 to 65535"),
        ((replace(partition(1), number=MAX_PARTITION_NUMBER + 1),), "1 to 65535"),
        ((replace(partition(1), label="x" * 201),), "labels"),
        ((replace(partition(1), label="a\x1bb"),), "labels"),
        ((partition(1, opened=CLOSES, closed=TODAY),), "closes after it opens"),
        ((partition(1, successor=2), partition(2)), "only where a partition closes"),
        ((partition(1, closed=TODAY, successor=9),), "on the approved list"),
        ((partition(1, closed=TODAY, successor=1),), "another partition as successor"),
        (
            (partition(1, closed=TODAY, successor=2), partition(2, opened=CLOSES)),
            "open on the day of closing",
        ),
        ((partition(1, closed=TODAY, successor=2), partition(2, closed=TODAY)), "open on the day"),
    ],
)
def test_a_list_that_says_nothing_certain_is_refused(wrong: tuple[Partition, ...], expected: str) -> None:
    """Each rule alone, with what was expected; the same through the authority."""
    with pytest.raises(InputRefused, match=expected) as refused:
        check_partitions(wrong)
    assert refused.value.code == "AUTHORITY_MALFORMED"
    assert refused.value.got
    with pytest.raises(InputRefused, match=expected):
        replace(authority_of(), partitions=wrong)


def test_the_bounds_themselves_are_good() -> None:
    """Number 65535, a label of 200, closing on the day of opening, a successor that opens that very day or
    closes one day later.
    """
    check_partitions(
        [
            replace(partition(1), number=MAX_PARTITION_NUMBER, label="x" * 200),
            partition(2, opened=TODAY, closed=TODAY, successor=3),
            partition(3, opened=TODAY, closed=TODAY + DAY),
        ]
    )


days = st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 9))
lists = st.lists(st.tuples(days, days, st.none() | st.integers(0, 6)), min_size=1, max_size=5)


@given(rows=lists, day=st.dates(date(2025, 12, 31), date(2026, 1, 10)))
def test_whatever_is_accepted_leads_somewhere_or_nowhere_but_ends(
    rows: list[tuple[date | None, date | None, int | None]], day: date
) -> None:
    """Any list that is not refused: on every day the view is a list again, each chain ends, at an open
    partition or at one closed without a successor.
    """
    partitions = tuple(
        partition(number, opened=opened, closed=closed, successor=successor)
        for number, (opened, closed, successor) in enumerate(rows, 1)
    )
    try:
        authority = authority_of(*partitions, ca=small_ca(1))
    except InputRefused:
        return
    view = authority.on(day)
    shown = () if view is None else view.partitions
    assert [p.number for p in shown] == [p.number for p in partitions if p.opened is None or p.opened <= day]
    for found in shown:
        assert (found.closed is not None) == (
            (real := authority.partition(found.number)) is not None
            and real.closed is not None
            and real.closed <= day
        )
        assert view is not None
        end = open_partition(view, found.number)
        assert end is None or (end in view.partitions and end.closed is None)
