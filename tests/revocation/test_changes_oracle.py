"""Changes between any two sets against a dictionary: every pair, keys that come and go, holds, releases."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revocation.additions import additions_between
from revocation.authorities import Authorities
from revocation.changes import RevocationChange, changes_between
from revocation.errors import InputRefused
from revocation.reasons import reason_name
from revocation.snapshot.current import Snapshot
from tests.revocation.sets import DAY, T0, accepted, scope, store, world

#: (generation, serial) -> (reason, listed)
Known = dict[tuple[int, int], tuple[int, bool]]
HOLD = 6
SEVERITY = {HOLD: 0, 0: 1, 0xFF: 1, 4: 2, 3: 2}

serials = st.dictionaries(st.integers(1, 5), st.sampled_from(sorted(SEVERITY)), max_size=4)
#: A night: which generations are configured, and of each list (generation, partition) what came, if it did.
nights = st.lists(
    st.fixed_dictionaries(
        {
            "generations": st.sampled_from([(0, 1), (0, 1), (0, 1), (0,), (1,)]),
            "lists": st.dictionaries(
                st.tuples(st.integers(0, 1), st.integers(1, 2)), serials, min_size=1, max_size=4
            ),
        }
    ),
    min_size=2,
    max_size=5,
)


@dataclass
class Model:
    """One generation: what each list says, which night it is of, and who left."""

    lists: dict[int, tuple[int, dict[int, int]]] = field(default_factory=dict)
    gone: dict[int, int] = field(default_factory=dict)

    def listed(self) -> dict[int, int]:
        """The most severe reason, then the newest list, then the lower number."""
        found: dict[int, tuple[int, int, int]] = {}
        for number in sorted(self.lists):
            night, entries = self.lists[number]
            for serial, reason in entries.items():
                held = found.get(serial)
                if held is None or (SEVERITY[reason], night) > held[:2]:
                    found[serial] = (SEVERITY[reason], night, reason)
        return {serial: last[2] for serial, last in found.items()}

    def after(self, night: int, came: dict[int, dict[int, int]], *, releasable: bool) -> Model:
        lists = self.lists | {number: (night, entries) for number, entries in came.items()}
        following = Model(lists)
        listed = following.listed()
        left = self.gone | self.listed()
        # A hold ended where it may, and where both lists spoke: else the other may have taken it over.
        ended = releasable and set(came) == {1, 2}
        following.gone = {
            serial: reason
            for serial, reason in left.items()
            if serial not in listed and not (ended and reason == HOLD)
        }
        return following


def known(models: dict[int, Model]) -> Known:
    found: Known = {}
    for generation, model in models.items():
        found |= {(generation, serial): (reason, False) for serial, reason in model.gone.items()}
        found |= {(generation, serial): (reason, True) for serial, reason in model.listed().items()}
    return found


Told = tuple[str, int, int, int | None, int | None, bool]


def expected(old: dict[int, Model] | None, new: dict[int, Model], generations_before: set[int]) -> list[Told]:
    before = {} if old is None else known(old)
    after = known(new)
    told: list[Told] = []
    for generation, serial in sorted({*before, *after}):
        was = before.get((generation, serial)) if generation in generations_before else None
        now = after.get((generation, serial))
        if was is None and now is not None:
            told.append(("added", generation, serial, None, now[0], False))
        elif was is not None and now is None:
            # No hold when the older set saw it: called one in between and released. That frees nobody.
            told.append(("released" if was[0] == HOLD else "gone", generation, serial, was[0], None, False))
        elif was is not None and now is not None:
            if was[1] and not now[1]:
                told.append(("gone", generation, serial, was[0], now[0], now[0] == HOLD))
            if was[0] != now[0]:
                told.append(("reason_changed", generation, serial, was[0], now[0], False))
    return sorted(told, key=repr)


def play(
    folder: Path, plan: list[dict[str, Any]], *, releasable: bool
) -> list[tuple[Snapshot, dict[int, Model]]]:
    _, whole = world(hold_releasable=releasable)
    writer = store(folder)
    played: list[tuple[Snapshot, dict[int, Model]]] = []
    models: dict[int, Model] = {}
    for night, facts in enumerate(plan):
        came = {key: listing for key, listing in facts["lists"].items() if key[0] in facts["generations"]}
        if not came:
            continue
        authority = replace(whole, generations=tuple(whole.generations[g] for g in facts["generations"]))
        snapshot = writer.publish(
            {
                scope(authority, number, facts["generations"].index(generation)): accepted(
                    listing, number=night + 1, this_update=T0 + night * DAY
                )
                for (generation, number), listing in came.items()
            },
            Authorities([authority]),
            now=T0 + night * DAY,
        )
        # A key that is not configured keeps its entries as they are: what it listed is not lost.
        models = dict(models)
        for generation in facts["generations"]:
            own = {number: listing for (g, number), listing in came.items() if g == generation}
            models[generation] = models.get(generation, Model()).after(night, own, releasable=releasable)
        played.append((snapshot, models))
    return played


def told(change: RevocationChange) -> Told:
    _, authority = world()
    keys = [generation.key_id.hex() for generation in authority.generations]
    return (
        change.kind.value,
        keys.index(change.lineage.key_id),
        int.from_bytes(change.serial, "big"),
        change.reason_before,
        change.reason_after,
        change.left_on_hold,
    )


def added(found: list[Told]) -> dict[str, int]:
    """By reason name: what is counted without looking at each one must be these."""
    return dict(
        Counter(
            reason_name(reason) for kind, *_, reason, _ in found if kind == "added" and reason is not None
        )
    )


def check(folder: Path, plan: list[dict[str, Any]], *, releasable: bool) -> None:
    played = play(folder, plan, releasable=releasable)
    for at, (new, models) in enumerate(played):
        found = sorted((told(change) for change in changes_between(None, new)), key=repr)
        assert found == expected(None, models, set())
        assert additions_between(None, new) == added(found)
        assert list(changes_between(new, new)) == []
        for old, older_models in played[:at]:
            found = sorted((told(change) for change in changes_between(old, new)), key=repr)
            assert found == expected(older_models, models, set(older_models)), (old, new)
            assert additions_between(old, new) == added(found)
            with pytest.raises(InputRefused, match="SETS_OUT_OF_ORDER"):
                additions_between(new, old)
            with pytest.raises(InputRefused, match="SETS_OUT_OF_ORDER"):
                list(changes_between(new, old))


@settings(max_examples=25, deadline=None)
@given(plan=nights, releasable=st.booleans())
def test_every_pair_against_a_dictionary(
    tmp_path_factory: pytest.TempPathFactory, plan: list[dict[str, Any]], releasable: bool
) -> None:
    """None and each set before each later one: exactly the dictionary's changes, each once. Backwards it is
    refused, with itself there is nothing."""
    check(tmp_path_factory.mktemp("play"), plan, releasable=releasable)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(plan=nights, releasable=st.booleans())
def test_every_pair_against_a_dictionary_at_length(
    tmp_path_factory: pytest.TempPathFactory, plan: list[dict[str, Any]], releasable: bool
) -> None:
    """The same, twelve times as often."""
    check(tmp_path_factory.mktemp("play"), plan, releasable=releasable)
