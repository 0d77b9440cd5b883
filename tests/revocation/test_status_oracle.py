"""Status against a dictionary that knows better in every small world."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from revocation.authorities import Authority
from revocation.snapshot.current import Snapshot
from revocation.status import Status, Validity, certificate_status
from tests.revocation.sets import (
    DAY,
    T0,
    accepted,
    identity,
    scope,
    store,
    world,
)
from tests.revocation.status_world import (
    LATER,
    OVER,
    WITHIN,
    World,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("sets"), serial_ceiling=1000)


# --- the oracle ---

days = st.integers(-2, 4)
lists = st.fixed_dictionaries(
    {
        "present": st.booleans(),
        "this_update": days,
        "lives": st.integers(1, 4),
        "entries": st.dictionaries(st.integers(1, 6), st.sampled_from([0, 3, 4, 6, 0xFF]), max_size=4),
    }
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    nights=st.lists(st.tuples(lists, lists), min_size=1, max_size=3),
    now=st.integers(-2 * 24, 9 * 24),
    partition=st.sampled_from([None, 1, 2, 0]),
    validity=st.sampled_from([None, WITHIN, OVER, LATER]),
    max_age=st.sampled_from([None, 0, 86_400, 10**7]),
    releasable=st.booleans(),
)
def test_against_a_dictionary(
    nights: list[tuple[dict[str, Any], dict[str, Any]]],
    now: int,
    partition: int | None,
    validity: Validity | None,
    max_age: int | None,
    releasable: bool,
) -> None:
    """Nights of two lists, some missing, some stale: the status of every serial is the dictionary's.

    The dictionary keeps for each serial whether it is listed, where, and what it was last; it shares no
    code with the product.
    """
    at = T0 + timedelta(hours=now)
    authorities, authority = world(hold_releasable=releasable)
    model: dict[int, dict[str, Any]] = {}  # partition -> its list in force
    gone: dict[int, tuple[int, int]] = {}  # serial -> (reason, partition)
    snapshot: Snapshot | None = None
    with tempfile.TemporaryDirectory() as folder:
        writer = store(Path(folder))
        for night, pair in enumerate(nights):
            given_lists = {}
            for number, facts in zip((1, 2), pair, strict=True):
                start = T0 + facts["this_update"] * DAY
                older = number in model and start < model[number]["start"]
                if facts["present"] and not older:
                    given_lists[number] = facts | {"start": start, "end": start + facts["lives"] * DAY}
            if not given_lists:
                continue
            snapshot = writer.publish(
                {
                    scope(authority, number): accepted(
                        facts["entries"],
                        number=night + 1,
                        this_update=facts["start"],
                        lives=facts["lives"] * DAY,
                    )
                    for number, facts in given_lists.items()
                },
                authorities,
                now=T0,
            )
            before = _winners(model)
            model |= given_lists
            after = _winners(model)
            # A hold ended only if no list can have taken it over: both spoke this night.
            proved = releasable and len(given_lists) == 2
            gone |= {serial: last for serial, last in before.items() if serial not in after}
            gone = {serial: last for serial, last in gone.items() if not (proved and last[0] == 6)}
            for serial in after:
                gone.pop(serial, None)
        for serial in range(1, 8):
            status = certificate_status(
                identity(authority, serial),
                authorities=authorities,
                snapshot=snapshot,
                now=at,
                partition=partition,
                validity=validity,
                max_age_s=max_age,
            )
            expected = _expected(serial, model, gone, at, partition, validity, max_age)
            assert status.status.value == expected, (serial, model, gone, at)
            assert (status.unknown_reason is None) == (status.status is not Status.UNKNOWN)


def _winners(model: dict[int, dict[str, Any]]) -> dict[int, tuple[int, int]]:
    """serial -> (reason, partition) over both lists: most severe, then newest list, then lower number."""
    severity = {6: 0, 0: 1, 0xFF: 1, 4: 2, 3: 2}
    found: dict[int, tuple[int, int]] = {}
    for number in sorted(model):
        for serial, reason in model[number]["entries"].items():
            if serial in found:
                held_reason, held_number = found[serial]
                challenger = (severity[reason], model[number]["start"])
                holder = (severity[held_reason], model[held_number]["start"])
                if challenger <= holder:
                    continue
            found[serial] = (reason, number)
    return found


def _expected(
    serial: int,
    model: dict[int, dict[str, Any]],
    gone: dict[int, tuple[int, int]],
    at: datetime,
    partition: int | None,
    validity: Validity | None,
    max_age: int | None,
) -> str:
    def usable(number: int) -> bool:
        if number not in model:
            return False
        start, end = model[number]["start"], model[number]["end"]
        young = max_age is None or at - start < timedelta(seconds=max_age + 1)
        return bool(start <= at + timedelta(minutes=5) and at < end and young)

    listed = _winners(model).get(serial) or gone.get(serial)
    if listed:
        if validity and at > validity.not_after:
            return "EXPIRED"
        if listed[0] != 6:
            return "REVOKED"
        return "ON_HOLD" if usable(listed[1]) else "UNKNOWN"
    if validity and at > validity.not_after:
        return "EXPIRED"
    if validity and at < validity.not_before:
        return "NOT_YET_VALID"
    needed = (1, 2) if partition is None else (partition,)
    return "GOOD" if all(map(usable, needed)) else "UNKNOWN"


def test_the_oracles_world_is_the_products(made: World) -> None:
    """Two partitions, two generations, as the dictionary assumes."""
    authority: Authority = made.authority
    assert [partition.number for partition in authority.partitions] == [1, 2]
    assert len(made.snapshot.lists) == 4
