"""Many at once against one at a time: item for item the same status, in every kind of set."""

from __future__ import annotations

import tempfile
from array import array
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.identity import CertificateIdentity, serial_from_int
from revocation.snapshot.current import Snapshot
from revocation.status import Status, certificate_status
from revocation.statuses import Statuses, serial_at, serial_count
from tests.revocation.sets import DAY, T0, accepted, every_list, scope, store, world

_LONG = 1 << 130


def column(numbers: list[int], *, wide: bool) -> array[int]:
    """Either form of serials."""
    if not wide:
        return array("Q", numbers)
    return array("B", b"".join(number.to_bytes(20, "big", signed=True) for number in numbers))


def compare(numbers: list[int], wide: bool, ca_id: str, issuer_key: bytes, **by: Any) -> list[Status]:
    """Every item of the batch is what ``certificate_status`` says of it alone."""
    found = Statuses(ca_id, issuer_key, column(numbers, wide=wide), **by)
    assert len(found) == len(numbers) == serial_count(found.serials)
    said = []
    for at, number in enumerate(numbers):
        identity = CertificateIdentity(ca_id, issuer_key, serial_from_int(number))
        assert serial_at(found.serials, at) == identity.serial
        alone = certificate_status(identity, **by)
        assert found[at] == alone, (number, found[at], alone)
        said.append(alone.status)
    return said


entries = st.dictionaries(
    st.sampled_from([1, 2, 3, 4, 5, 200, 70_000, 1 << 33, (1 << 64) - 1, _LONG, _LONG + 1]),
    st.tuples(
        st.sampled_from([0, 1, 3, 4, 5, 6, 6, 9, 0xFF]), st.integers(0, 3).map(lambda n: T0 - n * 400 * DAY)
    ),
    max_size=6,
)
lists = st.fixed_dictionaries(
    {"present": st.booleans(), "start": st.integers(-2, 3), "lives": st.integers(1, 4), "entries": entries}
)


@settings(max_examples=150, deadline=None)
@given(
    nights=st.lists(st.tuples(lists, lists), min_size=0, max_size=3),
    hours=st.integers(-48, 200),
    max_age=st.sampled_from([None, 1, 86_400, 10**7]),
    ceiling=st.sampled_from([None, 0, 4, 70_000, (1 << 64) - 1, 1 << 64, _LONG]),
    releasable=st.booleans(),
    superseded=st.booleans(),
    wide=st.booleans(),
    asked=st.lists(
        st.sampled_from([0, 1, 2, 3, 4, 5, 6, 200, 201, 70_000, 70_001, 1 << 33, (1 << 64) - 1]), min_size=1
    ),
)
def test_item_by_item(
    nights: list[tuple[dict[str, Any], dict[str, Any]]],
    hours: int,
    max_age: int | None,
    ceiling: int | None,
    releasable: bool,
    superseded: bool,
    wide: bool,
    asked: list[int],
) -> None:
    """Lists missing, stale, not begun; listed twice, gone, on hold; ceilings; sets superseded or absent."""
    authorities, authority = world(hold_releasable=releasable, serial_ceiling=ceiling)
    snapshot: Snapshot | None = None
    newest = {1: -10, 2: -10}
    with tempfile.TemporaryDirectory() as folder:
        writer = store(Path(folder))
        for night, pair in enumerate(nights):
            given_lists = {}
            for number, facts in zip((1, 2), pair, strict=True):
                if facts["present"] and facts["start"] >= newest[number]:
                    newest[number] = facts["start"]
                    given_lists[scope(authority, number)] = accepted(
                        facts["entries"],
                        number=night + 1,
                        this_update=T0 + facts["start"] * DAY,
                        lives=facts["lives"] * DAY,
                    )
            if given_lists:
                snapshot = writer.publish(given_lists, authorities, now=T0)
        if snapshot is not None:
            snapshot = snapshot.seen_as(superseded=superseded)
        if wide:
            asked = [*asked, _LONG, -1, _LONG + 1, _LONG + 2, -(1 << 150)]
        compare(
            asked,
            wide,
            authority.ca_id,
            authority.generations[0].key_id,
            authorities=authorities,
            snapshot=snapshot,
            now=T0 + timedelta(hours=hours),
            max_age_s=max_age,
        )


@pytest.mark.parametrize("wide", [False, True])
def test_many_partitions(tmp_path: Path, wide: bool) -> None:
    """Revoked in each of 60 partitions, one of whose lists is over: holds of that one are not known."""
    authorities, authority = world(partitions=60)
    given_lists = every_list(authority, lives=3 * DAY)
    for number in range(1, 61):
        held = 6 if number % 2 else 3
        given_lists[scope(authority, number)] = accepted(
            {number: held, 1000 + number: 1}, lives=DAY if number in (8, 9) else 3 * DAY
        )
    snapshot = store(tmp_path).publish(given_lists, authorities, now=T0)
    said = compare(
        [*range(62), *range(1001, 1062)],
        wide,
        authority.ca_id,
        authority.generations[0].key_id,
        authorities=authorities,
        snapshot=snapshot,
        now=T0 + 2 * DAY,
    )
    assert {Status.REVOKED, Status.ON_HOLD, Status.UNKNOWN} == set(said)
    assert said[9] is Status.UNKNOWN
    assert said[8] is Status.REVOKED


def test_an_issuer_that_is_none_of_ours(tmp_path: Path) -> None:
    """An unknown CA or key: unknown, whatever else there is."""
    authorities, authority = world()
    snapshot = store(tmp_path).publish(every_list(authority), authorities, now=T0)
    for ca_id, key in ((authority.ca_id, bytes(32)), ("another", authority.generations[0].key_id)):
        said = compare([0, 1, 5], False, ca_id, key, authorities=authorities, snapshot=snapshot, now=T0)
        assert set(said) == {Status.UNKNOWN}


def test_what_is_left_out_is_not_looked_at(tmp_path: Path) -> None:
    """An octet of 1 leaves an item out, listed or not, and the others are said as before."""
    authorities, authority = world()
    given_lists = every_list(authority) | {scope(authority, 1): accepted({1: 3, 2: 6})}
    snapshot = store(tmp_path).publish(given_lists, authorities, now=T0)
    by: dict[str, Any] = {"authorities": authorities, "snapshot": snapshot, "now": T0 + DAY / 2}
    whose = authority.ca_id, authority.generations[0].key_id
    numbers = [1, 2, 3, 1, 2, 3]
    every = Statuses(*whose, column(numbers, wide=False), **by)
    some = Statuses(*whose, column(numbers, wide=False), left_out=bytes([0, 1, 1, 1, 0, 0]), **by)
    assert [some[at] for at in range(6)] == [every[0], None, None, None, every[4], every[5]]
    with pytest.raises(ValueError, match="one length"):
        Statuses(*whose, column(numbers, wide=False), left_out=b"\1", **by)
