"""Changes between two sets: added, released, changed reason, gone; and what is no change."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.authorities import Authorities, Authority
from revocation.changes import ChangeKind, RevocationChange, changes_between
from revocation.errors import InputRefused
from revocation.snapshot.current import Snapshot
from tests.revocation.sets import DAY, T0, Listing, accepted, every_list, scope, store, world

Nights = list[dict[int, Listing]]


def play(folder: Path, nights: Nights, *, releasable: bool = False) -> list[Snapshot]:
    """Publish nights of {partition: listing} of the first generation; a missing partition is carried over."""
    authorities, authority = world(hold_releasable=releasable)
    writer = store(folder)
    snapshots = []
    for night, listings in enumerate(nights):
        lists = {
            found: given_list
            for found, given_list in every_list(authority, night).items()
            if found.lineage != authority.lineages()[0]
        }
        for number, listing in listings.items():
            lists[scope(authority, number)] = accepted(
                listing, number=night + 1, this_update=T0 + night * DAY
            )
        snapshots.append(writer.publish(lists, authorities, now=T0 + night * DAY))
    return snapshots


def short(change: RevocationChange) -> tuple[str, int, int | None, int | None]:
    _, authority = world()
    assert change.lineage in authority.lineages()
    return (
        change.kind.value,
        int.from_bytes(change.serial, "big"),
        change.reason_before,
        change.reason_after,
    )


def between(
    folder: Path, nights: Nights, *, releasable: bool = False
) -> list[tuple[str, int, int | None, int | None]]:
    """From the first night to the last, sorted: the order within a lineage is that of the files."""
    snapshots = play(folder, nights, releasable=releasable)
    return shorts(snapshots[0], snapshots[-1])


def shorts(old: Snapshot | None, new: Snapshot) -> list[tuple[str, int, int | None, int | None]]:
    return sorted((short(change) for change in changes_between(old, new)), key=repr)


def test_newly_listed_is_added_with_all_that_detection_needs(tmp_path: Path) -> None:
    """Lineage, serial octets, partition, reason, date."""
    when = T0 - timedelta(hours=5)
    old, new = play(tmp_path, [{1: {}, 2: {}}, {1: {}, 2: {0x8F01: (3, when)}}])
    (change,) = changes_between(old, new)
    _, authority = world()
    assert change == RevocationChange(
        ChangeKind.ADDED, authority.lineages()[0], b"\x00\x8f\x01", 2, None, 3, when
    )
    assert "8f01" not in repr(change)


def test_the_first_set_adds_everything(tmp_path: Path) -> None:
    """No older set: every listed certificate, and of later sets the gone ones too."""
    first, second = play(tmp_path, [{1: {1: 3, 2: 6}, 2: {3: 4}}, {1: {2: 6}, 2: {3: 4}}])
    assert shorts(None, first) == [
        ("added", 1, None, 3),
        ("added", 2, None, 6),
        ("added", 3, None, 4),
    ]
    assert {short(change)[:2] for change in changes_between(None, second)} == {
        ("added", 1),
        ("added", 2),
        ("added", 3),
    }


def test_the_same_lists_again_change_nothing(tmp_path: Path) -> None:
    """Signed anew, same entries: no change."""
    night: dict[int, Listing] = {1: {1: 3, 2: 6}, 2: {}}
    assert between(tmp_path, [night, night]) == []


def test_a_carried_list_changes_nothing(tmp_path: Path) -> None:
    """Partition 1 was not accepted: nothing leaves."""
    assert between(tmp_path, [{1: {1: 3}, 2: {}}, {2: {}}]) == []


def test_moving_to_another_partition_is_no_change(tmp_path: Path) -> None:
    """Same certificate, another municipality's list."""
    assert between(tmp_path, [{1: {1: 3, 2: 6}, 2: {}}, {1: {}, 2: {1: 3, 2: 6}}]) == []


def test_another_date_alone_is_no_change(tmp_path: Path) -> None:
    """The status and its reason are what they were."""
    assert between(tmp_path, [{1: {1: (3, T0 - DAY)}, 2: {}}, {1: {1: (3, T0)}, 2: {}}]) == []


def test_a_hold_that_becomes_final_changed_its_reason(tmp_path: Path) -> None:
    """6 to 1."""
    assert between(tmp_path, [{1: {1: 6}, 2: {}}, {1: {1: 1}, 2: {}}]) == [("reason_changed", 1, 6, 1)]


def test_leaving_a_list_is_gone(tmp_path: Path) -> None:
    """Told to the operator; the reason stays, since the status does."""
    assert between(tmp_path, [{1: {1: 3, 2: 4}, 2: {}}, {1: {2: 4}, 2: {}}]) == [("gone", 1, 3, 3)]


def test_a_released_hold(tmp_path: Path) -> None:
    """At a CA that may release: nothing is left of it."""
    nights: Nights = [{1: {1: 6}, 2: {}}, {1: {}, 2: {}}]
    assert between(tmp_path, nights, releasable=True) == [("released", 1, 6, None)]


def test_a_hold_that_left_a_ca_which_never_releases_is_an_anomaly(tmp_path: Path) -> None:
    """Gone, marked left_on_hold; not released, whatever the list seems to say."""
    old, new = play(tmp_path, [{1: {1: 6}, 2: {}}, {1: {}, 2: {}}])
    (change,) = changes_between(old, new)
    assert (short(change), change.left_on_hold) == (("gone", 1, 6, 6), True)


def test_what_comes_back_with_the_same_reason_did_not_change(tmp_path: Path) -> None:
    """It was revoked all the time."""
    snapshots = play(tmp_path, [{1: {1: 3}, 2: {}}, {1: {}, 2: {}}, {1: {1: 3}, 2: {}}])
    assert list(changes_between(snapshots[1], snapshots[2])) == []
    assert list(changes_between(snapshots[0], snapshots[2])) == []


def test_what_comes_back_with_another_reason_changed_it(tmp_path: Path) -> None:
    """Gone on hold, back as compromised."""
    snapshots = play(tmp_path, [{1: {1: 6}, 2: {}}, {1: {}, 2: {}}, {1: {1: 1}, 2: {}}])
    assert [short(c) for c in changes_between(snapshots[1], snapshots[2])] == [("reason_changed", 1, 6, 1)]


def test_what_came_and_went_between_two_sets_is_added(tmp_path: Path) -> None:
    """Any two sets will do: it is revoked now and was not then."""
    assert between(tmp_path, [{1: {}, 2: {}}, {1: {1: 3}, 2: {}}, {1: {}, 2: {}}]) == [("added", 1, None, 3)]


def test_a_changed_reason_that_then_left_is_both(tmp_path: Path) -> None:
    """From hold to final to gone, seen from the first set: the reason changed, and it left."""
    nights: Nights = [{1: {1: 6}, 2: {}}, {1: {1: 3}, 2: {}}, {1: {}, 2: {}}]
    assert between(tmp_path, nights) == [("gone", 1, 6, 3), ("reason_changed", 1, 6, 3)]


def test_a_new_lineage_is_added_whole(tmp_path: Path) -> None:
    """A generation that the older set did not have."""
    _, authority = world()
    only_first = authority_of(authority, 0)
    writer = store(tmp_path)
    old = writer.publish(every_list(only_first), Authorities([only_first]), now=T0)
    lists = every_list(authority, 1) | {scope(authority, 1, 1): accepted({7: 1}, this_update=T0 + DAY)}
    new = writer.publish(lists, Authorities([authority]), now=T0 + DAY)
    assert [(c.lineage, short(c)[:2]) for c in changes_between(old, new)] == [
        (authority.lineages()[1], ("added", 7))
    ]


def authority_of(authority: Authority, generation: int) -> Authority:
    return replace(authority, generations=(authority.generations[generation],))


listing = st.dictionaries(st.integers(1, 8), st.sampled_from([1, 3, 6, 0xFF]), max_size=6)


@settings(max_examples=60, deadline=None)
@given(nights=st.lists(st.tuples(listing, listing), min_size=2, max_size=4), releasable=st.booleans())
def test_applying_the_changes_gives_the_newer_set(
    tmp_path_factory: pytest.TempPathFactory,
    nights: list[tuple[dict[int, int], dict[int, int]]],
    releasable: bool,
) -> None:
    """A dictionary of the old set's reasons, changed by every change, is the new set's; night by night and
    from the first to the last."""
    folder = tmp_path_factory.mktemp("play")
    snapshots = play(folder, [{1: one, 2: two} for one, two in nights], releasable=releasable)
    _, authority = world()
    pairs = [*zip([None, *snapshots], snapshots, strict=False), (snapshots[0], snapshots[-1])]
    for old, new in pairs:
        reasons = {} if old is None else known(old, authority)
        for change in changes_between(old, new):
            if change.kind is ChangeKind.ADDED:
                assert change.serial not in reasons
            else:
                assert reasons[change.serial] == change.reason_before
            if change.reason_after is None:
                del reasons[change.serial]
            elif change.kind is not ChangeKind.GONE:
                reasons[change.serial] = change.reason_after
        assert reasons == known(new, authority)


def known(snapshot: Snapshot, authority: Authority) -> dict[bytes, int]:
    """serial -> reason of everything that the set says is or was listed."""
    index = snapshot.index(authority.lineages()[0])
    assert index is not None
    return {serial: entry.reason for serial, entry in [*index.items(), *index.gone_items()]}


def test_a_hold_that_became_final_while_gone_is_told_between_any_two_sets(tmp_path: Path) -> None:
    """Off the list on hold, back as compromised, off again: from the first of these sets to the last its
    reason changed, though neither lists it."""
    nights: Nights = [{1: {1: 6}, 2: {}}, {1: {}, 2: {}}, {1: {1: 1}, 2: {}}, {1: {}, 2: {}}]
    snapshots = play(tmp_path, nights)
    (change,) = changes_between(snapshots[1], snapshots[3])
    assert short(change) == ("reason_changed", 1, 6, 1)


def test_re_revocation_after_a_release(tmp_path: Path) -> None:
    """Held, released, revoked: seen from the hold its reason changed, seen from the release it is added."""
    nights: Nights = [{1: {1: 6}, 2: {}}, {1: {}, 2: {}}, {1: {1: 1}, 2: {}}]
    held, released, revoked = play(tmp_path, nights, releasable=True)
    assert [short(c) for c in changes_between(held, revoked)] == [("reason_changed", 1, 6, 1)]
    assert [short(c) for c in changes_between(released, revoked)] == [("added", 1, None, 1)]


def test_a_revocation_that_was_called_a_hold_and_released_frees_nobody(tmp_path: Path) -> None:
    """An anomaly of the list: between the ends it is gone without a reason, never released."""
    nights: Nights = [{1: {1: 3}, 2: {}}, {1: {1: 6}, 2: {}}, {1: {}, 2: {}}]
    first, _, last = play(tmp_path, nights, releasable=True)
    (change,) = changes_between(first, last)
    assert (short(change), change.left_on_hold) == (("gone", 1, 3, None), False)
    assert (change.partition_number, change.revocation_date) == (1, T0 - DAY)


def test_a_certificate_in_two_lists_changes_with_the_stronger_one(tmp_path: Path) -> None:
    """Listed by both partitions: leaving one changes only what the other says otherwise."""
    both: dict[int, Listing] = {1: {1: 6, 2: 3}, 2: {1: 1, 2: 3}}
    assert between(tmp_path / "a", [both, {1: {1: 6, 2: 3}, 2: {}}]) == [("reason_changed", 1, 1, 6)]
    assert between(tmp_path / "b", [both, {1: {}, 2: {1: 1, 2: 3}}]) == []
    assert between(tmp_path / "c", [both, {1: {}, 2: {}}]) == [("gone", 1, 1, 1), ("gone", 2, 3, 3)]


def test_a_key_that_is_taken_out_and_comes_back_changes_nothing(tmp_path: Path) -> None:
    """Its entries stay in the sets meanwhile: nothing left, and nothing is added again."""
    authorities, authority = world()
    only_second = authority_of(authority, 1)
    writer = store(tmp_path)
    lists = every_list(authority) | {scope(authority, 1): accepted({7: 1})}
    first = writer.publish(lists, authorities, now=T0)
    without = writer.publish(every_list(only_second, 1), Authorities([only_second]), now=T0 + DAY)
    again = writer.publish(every_list(only_second, 2), authorities, now=T0 + 2 * DAY)
    for pair in ((first, without), (without, again), (first, again)):
        assert list(changes_between(*pair)) == []
    assert len(list(changes_between(None, without))) == 1


def test_sets_the_wrong_way_round_are_refused(tmp_path: Path) -> None:
    """Backwards each revocation would read as a release: refused by its code, with the remedy."""
    old, new = play(tmp_path, [{1: {}, 2: {}}, {1: {1: 3}, 2: {}}])
    with pytest.raises(InputRefused) as refused:
        list(changes_between(new, old))
    error = refused.value
    assert (error.code, error.expected, error.got, error.remedy) == (
        "SETS_OUT_OF_ORDER",
        "the older set first",
        "set 2 before set 1",
        "exchange the two",
    )
    assert list(changes_between(new, new)) == []


def test_a_hold_whose_release_is_proved_later_is_released_then(tmp_path: Path) -> None:
    """It left list 1 while list 2 did not speak: gone, on hold. Both speak, neither names it: released."""
    held, left, proved = play(tmp_path, [{1: {1: 6}, 2: {}}, {1: {}}, {1: {}, 2: {}}], releasable=True)
    (change,) = changes_between(held, left)
    assert (short(change), change.left_on_hold) == (("gone", 1, 6, 6), True)
    (change,) = changes_between(left, proved)
    assert (short(change), change.partition_number) == (("released", 1, 6, None), 1)
    assert [short(each) for each in changes_between(held, proved)] == [("released", 1, 6, None)]
