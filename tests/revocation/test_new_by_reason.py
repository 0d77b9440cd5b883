"""How many certificates are newly listed, by reason: counted in the file or found one by one, the same."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from revocation.changes import changes_between
from revocation.ingest_report import new_by_reason
from revocation.reasons import reason_name
from revocation.snapshot.current import Snapshot
from tests.revocation.sets import DAY, T0, accepted, every_list, scope, store, world

AUTHORITIES, AUTHORITY = world()
LONG = 1 << 80


def one_by_one(before: Snapshot | None, after: Snapshot) -> dict[str, int]:
    """Every change that is an addition, asked for its reason."""
    found = Counter(
        reason_name(0xFF if change.reason_after is None else change.reason_after)
        for change in changes_between(before, after)
        if change.kind == "added"
    )
    return dict(found)


def test_a_first_set_is_counted_where_it_lies(tmp_path: Path) -> None:
    """Short serials and long ones, in two lists and two files, with a reason, with that of none, without."""
    first, other = scope(AUTHORITY, 1), scope(AUTHORITY, 1, 1)
    lists = every_list(AUTHORITY) | {
        first: accepted({1: 3, 2: 3, 3: 0, 4: 0xFF, LONG: 6, LONG + 1: 99}),
        scope(AUTHORITY, 2): accepted({5: 3, 1: 1}),
        other: accepted({1: 4}),
    }
    snapshot = store(tmp_path).publish(lists, AUTHORITIES, now=T0)
    found = new_by_reason(None, snapshot)
    # Serial 1 is in two lists: the more severe reason stands. Code 99 is no reason of RFC 5280.
    assert found == one_by_one(None, snapshot)
    assert sum(found.values()) == snapshot.entries == 8
    assert (found["affiliationChanged"], found["unspecified"], found["keyCompromise"]) == (2, 3, 1)


def test_what_left_within_the_first_cycle_was_new(tmp_path: Path) -> None:
    """Two sets of one cycle, none before: also what the second one has as gone."""
    writer = store(tmp_path)
    lists = every_list(AUTHORITY) | {scope(AUTHORITY, 1): accepted({1: 3, 2: 4})}
    writer.publish(lists, AUTHORITIES, now=T0)
    snapshot = writer.publish(every_list(AUTHORITY, 1), AUTHORITIES, now=T0 + DAY)
    assert (snapshot.entries, snapshot.gone) == (0, 2)
    assert new_by_reason(None, snapshot) == one_by_one(None, snapshot)
    assert new_by_reason(None, snapshot) == {"affiliationChanged": 1, "superseded": 1}


def test_upon_a_set_only_what_it_did_not_know(tmp_path: Path) -> None:
    """And nothing between a set and itself, or where there is none."""
    writer = store(tmp_path)
    one = scope(AUTHORITY, 1)
    before = writer.publish(every_list(AUTHORITY) | {one: accepted({1: 3})}, AUTHORITIES, now=T0)
    lists = every_list(AUTHORITY, 1)
    lists[one] = accepted({1: 3, 2: 5}, number=2, this_update=T0 + DAY)
    after = writer.publish(lists, AUTHORITIES, now=T0 + DAY)
    assert new_by_reason(before, after) == one_by_one(before, after) == {"cessationOfOperation": 1}
    assert new_by_reason(after, after) == {}
    assert new_by_reason(None, None) == {}
